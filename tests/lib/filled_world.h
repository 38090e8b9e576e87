/* SPDX-License-Identifier: Apache-2.0 */
/* A ledger's database with rows of most kinds: executions that run, are parked, have ended; queues
 * with messages that were received, and others; a topic, tags, a job run. */
#ifndef STEPFLEET_TESTS_LIB_FILLED_WORLD_H
#define STEPFLEET_TESTS_LIB_FILLED_WORLD_H

#include "coordinator/ledger/topic.h"
#include "coordinator/store/row_version.h"
#include "tests/lib/queue_case.h"

static const char *const filled_task =
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\",\"Resource\":\"arn:aws:lambda:eu-x-1:"
    "000000000042:function:f\",\"End\":true}}}";
static const char *const filled_waits =
    "{\"StartAt\":\"W\",\"States\":{\"W\":{\"Type\":\"Wait\",\"Seconds\":3600,\"End\":true}}}";
static const char *const filled_passes =
    "{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Pass\",\"End\":true}}}";
static const char *const filled_job = "{\"Handler\":\"h\"}";

static inline void filled_queues(struct ledger_world *w)
{
    const struct queue_attributes standard = plain(false);
    const struct queue_attributes fifo = plain(true);
    const struct subscription_settings settings = {0};
    const struct topic_row topic = {0};
    struct got got[MOST];

    make(w, "q", &standard);
    make(w, "q.fifo", &fifo);
    send_many(w, "q", 20);
    world_begin(w);
    assert_int_equal(receive(w, "q", 1, HOUR_MS, got), 1);
    (void)ledger_subscribe(w->l, ledger_topic_put(w->l, SLICE("t"), &topic), SLICE("q"), &settings);
    world_end(w);
    world_settle(w);
}

static inline void filled_world(struct ledger_world *w)
{
    const struct tag tag = {SLICE("k"), SLICE("v")};

    (void)world_machine(w, "m", false, filled_task);
    (void)world_machine(w, "waits", false, filled_waits);
    (void)world_machine(w, "passes", false, filled_passes);
    (void)world_started(w, "m", "runs");
    (void)world_started(w, "passes", "ended");
    (void)world_started(w, "waits", "parked");
    world_begin(w);
    ledger_tags_set(w->l, TAGS_MACHINE, SLICE("m"), &(struct tags_row){&tag, 1});
    world_end(w);
    world_settle(w);
    filled_queues(w);
    world_job(w, "j", filled_job);
    (void)world_run(w, "j");
    world_settle(w);
    world_advance(w, 3000); /* one is parked */
    assert_int_equal(world_rows(w, CF_TIMER), 1);
}

#endif
