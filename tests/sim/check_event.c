/* SPDX-License-Identifier: Apache-2.0 */
/* When all is over: the events that came to each place, a queue or executions of "noted", and what
 * should have come there. */
#include <stdio.h>

#include "tests/sim/client.h"
#include "tests/sim/trigger.h"

/* An event where it came to. */
struct heard {
    char id[TEXT_UUID_BYTES + 1];
    struct slice execution; /* of a change; empty: it was put */
    struct slice status;
    uint64_t redrives;
    uint64_t post;
    int64_t happened_ms;
    int64_t sent_ms; /* here */
    bool expected;
};

/* In the order they were received in. */
struct place {
    const char *name;
    bool used;
    struct heard *all;
    size_t count;
    size_t cap;
};

enum { PLACE_NOTED = SIM_EVENT_QUEUES, PLACES };

struct places {
    struct arena arena;
    struct place all[PLACES];
};

/* ---- what came ---- */

static int64_t number_of(const struct json_node *object, const char *name)
{
    int64_t n = 0;

    (void)json_i64(json_member(object, slice_str(name)), &n);
    return n;
}

static int64_t happened_ms(const struct heard *h, const struct json_node *detail)
{
    if (!slice_eq_str(h->status, "RUNNING")) {
        return number_of(detail, "stopDate");
    }
    return number_of(detail, h->redrives != 0 ? "redriveDate" : "startDate");
}

static void read_detail(struct heard *h, const struct json_node *detail, struct arena *a)
{
    h->execution = arena_copy(a, json_text(json_member(detail, SLICE("executionArn"))));
    h->status = arena_copy(a, json_text(json_member(detail, SLICE("status"))));
    h->redrives = (uint64_t)number_of(detail, "redriveCount");
    h->happened_ms = happened_ms(h, detail);
    h->post = UINT64_MAX;
    (void)text_parse_u64(json_text(json_member(detail, SLICE("n"))), &h->post);
}

static void
take(struct sim *s, struct places *w, struct place *p, const struct json_node *event, int64_t ms)
{
    struct slice id = json_text(json_member(event, SLICE("id")));
    struct heard *h;

    for (size_t i = 0; i < p->count; i++) {
        if (slice_eq_str(id, p->all[i].id)) {
            sim_violation(s, "event %s comes to %s twice", p->all[i].id, p->name);
        }
    }
    if (p->count == p->cap) {
        p->cap = p->cap != 0 ? 2 * p->cap : 64;
        p->all = mem_realloc(p->all, p->cap * sizeof(*p->all));
    }
    h = &p->all[p->count++];
    *h = (struct heard){.sent_ms = ms};
    (void)snprintf(h->id, sizeof(h->id), "%.*s", SLICE_FMT(id));
    read_detail(h, json_member(event, SLICE("detail")), &w->arena);
    s->triggers->heard++;
}

static void take_message(struct sim *s,
                         struct places *w,
                         enum sim_event_queue of,
                         const Stepfleet__Message *got,
                         struct arena *a)
{
    Stepfleet__MessageRequest m = STEPFLEET__MESSAGE_REQUEST__INIT;
    const struct json_node *event;
    struct err err;

    if (json_parse(message_slice(got->body), a, &event, &err) != OK) {
        sim_violation(s, "%.*s is no event", SLICE_FMT(message_slice(got->body)));
    }
    take(s, w, &w->all[of], event, triggers_told_number(got, "SentTimestamp"));
    m.queue = message_string(a, slice_str(s->triggers->event_queues[of].name));
    m.receipt = got->receipt;
    (void)check_ask(s, RPC_MESSAGE_DELETE, &m.base, a);
}

static void drain(struct sim *s, struct places *w, enum sim_event_queue of)
{
    Stepfleet__MessageReceiveRequest m = STEPFLEET__MESSAGE_RECEIVE_REQUEST__INIT;
    const Stepfleet__MessageReceiveReply *got;
    struct arena a = {0};
    char *all[] = {message_string(&a, SLICE("All"))};

    m.queue = message_string(&a, slice_str(s->triggers->event_queues[of].name));
    m.has_max = true;
    m.max = 10;
    m.n_names = 1;
    m.names = all;
    do {
        got = check_ask(s, RPC_MESSAGE_RECEIVE, &m.base, &a);
        for (size_t i = 0; i < got->n_messages; i++) {
            take_message(s, w, of, got->messages[i], &a);
        }
    } while (got->n_messages != 0);
    arena_fini(&a);
}

static void see_noted(struct sim *s,
                      void *arg,
                      const Stepfleet__ExecutionDetail *d,
                      const struct json_node *input)
{
    struct places *w = arg;

    take(s, w, &w->all[PLACE_NOTED], input, d->start_ms);
}

/* ---- changes of status ---- */

static struct heard *expect(struct sim *s,
                            struct place *p,
                            const Stepfleet__ExecutionDetail *d,
                            const char *status,
                            unsigned redrives)
{
    struct heard *found = NULL;

    for (size_t i = 0; i < p->count; i++) {
        struct heard *h = &p->all[i];

        if (!slice_eq_str(h->execution, d->execution_arn) || !slice_eq_str(h->status, status) ||
            h->redrives != redrives) {
            continue;
        }
        if (found != NULL) {
            sim_violation(s, "that %s was %s after %u redrives comes to %s as %s and %s",
                          d->execution_arn, status, redrives, p->name, found->id, h->id);
        }
        found = h;
    }
    if (found == NULL) {
        sim_violation(s, "that %s was %s after %u redrives never comes to %s", d->execution_arn,
                      status, redrives, p->name);
    }
    found->expected = true;
    return found;
}

/* In each place, as the same event.
 *
 * @param[out] out  by place */
static void expect_change(struct sim *s,
                          struct places *w,
                          const Stepfleet__ExecutionDetail *d,
                          const char *status,
                          unsigned redrives,
                          const struct heard *out[PLACES])
{
    for (unsigned i = 0; i < PLACES; i++) {
        out[i] = w->all[i].used ? expect(s, &w->all[i], d, status, redrives) : NULL;
        if (out[i] != NULL && strcmp(out[i]->id, out[0]->id) != 0) {
            sim_violation(s, "that %s was %s is event %s in %s, and %s in %s", d->execution_arn,
                          status, out[0]->id, w->all[0].name, out[i]->id, w->all[i].name);
        }
    }
}

static bool was_sent_at_once(const struct heard *h)
{
    return h->sent_ms == h->happened_ms;
}

static void check_order(struct sim *s,
                        const struct place *p,
                        const struct heard *running,
                        const struct heard *end)
{
    if (was_sent_at_once(running) && was_sent_at_once(end) && running > end) {
        sim_violation(s, "%.*s was %.*s before it ran, as %s has it", SLICE_FMT(end->execution),
                      SLICE_FMT(end->status), p->name);
    }
}

/* Who is redriven has failed before. */
static void see_changed(struct sim *s,
                        void *arg,
                        const Stepfleet__ExecutionDetail *d,
                        const struct json_node *input)
{
    struct places *w = arg;

    (void)input;
    for (unsigned i = 0; i <= d->redrive_count; i++) {
        const struct heard *end[PLACES];
        const struct heard *running[PLACES];

        expect_change(s, w, d, i == d->redrive_count ? d->status : "FAILED", i, end);
        if (s->triggers->ends_only) {
            continue;
        }
        expect_change(s, w, d, "RUNNING", i, running);
        for (unsigned k = 0; k < SIM_EVENT_QUEUES; k++) {
            if (w->all[k].used) {
                check_order(s, &w->all[k], running[k], end[k]);
            }
        }
    }
}

/* ---- what clients put ---- */

static void check_post(struct sim *s, struct place *p, const struct sim_post *post)
{
    unsigned number = (unsigned)(post - s->triggers->posts);
    unsigned count = 0;
    bool told = false;

    for (size_t i = 0; i < p->count; i++) {
        struct heard *h = &p->all[i];

        if (h->execution.len == 0 && h->post == number && post->wanted) {
            h->expected = true;
            told = told || strcmp(h->id, post->id) == 0;
            count++;
        }
    }
    if (post->wanted && (!told || count > post->tries)) {
        sim_violation(s, "event %u was asked for %u times and is %s; it came %u times%s", number,
                      post->tries, post->id, count, told ? "" : ", and not as that");
    }
}

/* ---- all of it ---- */

static void check_expected(struct sim *s, const struct place *p)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct heard *h = &p->all[i];

        if (!h->expected) {
            sim_violation(s, "event %s in %s, of %.*s %.*s after %llu redrives, never happened",
                          h->id, p->name, SLICE_FMT(h->execution), SLICE_FMT(h->status),
                          (unsigned long long)h->redrives);
        }
    }
}

static void take_all(struct sim *s, struct places *w)
{
    const struct sim_listener *r = &s->triggers->listeners[LISTENER_CHANGES];

    w->all[EVENT_QUEUE].used = true;
    w->all[EVENT_LINE].used = r->lines;
    w->all[PLACE_NOTED].used = r->starts;
    w->all[PLACE_NOTED].name = "noted";
    for (unsigned i = 0; i < SIM_EVENT_QUEUES; i++) {
        w->all[i].name = s->triggers->event_queues[i].name;
        drain(s, w, i);
    }
    triggers_each_execution(s, "noted", see_noted, w);
}

void events_check_world(struct sim *s)
{
    struct places w = {0};

    take_all(s, &w);
    triggers_each_execution(s, "ps", see_changed, &w);
    for (unsigned i = 0; i < s->triggers->posted; i++) {
        check_post(s, &w.all[EVENT_QUEUE], &s->triggers->posts[i]);
    }
    for (unsigned i = 0; i < PLACES; i++) {
        check_expected(s, &w.all[i]);
        mem_free(w.all[i].all);
    }
    arena_fini(&w.arena);
}
