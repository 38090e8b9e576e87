/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/sweeper.h"

#include "proto/host/clock.h"
#include "proto/host/log.h"

enum {
    OUTPUTS_LOOKS = 64, /* at old outputs, in the time that they are kept */
    OUTPUTS_LOOK_MS_MIN = 1000,
    OUTPUTS_LOOK_MS_MAX = 60 * 60 * 1000,
};

static void sweep_uploads(uv_timer_t *timer)
{
    struct sweeper *w = timer->data;
    struct ledger_sweep *sweeps;
    size_t count;

    if (w->sweeping != 0) {
        return; /* the last one has not ended: the store is slow, or away */
    }
    w->turn_begin(w->arg);
    sweeps = ledger_sweeps(w->ledger, &count);
    w->sweeping = count;
    for (size_t i = 0; i < count; i++) {
        struct object_task *t = mem_zalloc(1, sizeof(*t));

        t->bucket = arena_copy(&t->arena, sweeps[i].bucket);
        t->prefix = arena_copy(&t->arena, sweeps[i].prefix);
        t->exact = sweeps[i].exact;
        t->older_than_ms =
            sweeps[i].ended_ms != 0 ? sweeps[i].ended_ms : clock_wall_ms() - w->config.sweep_age_ms;
        object_threads_put(w->objects, t);
    }
    w->turn_end(w->arg);
}

static void sweep_outputs(uv_timer_t *timer)
{
    struct sweeper *w = timer->data;
    struct ledger_sweep *sweeps;
    size_t count;

    if (w->removing != 0) {
        return; /* the last time has not ended */
    }
    w->turn_begin(w->arg);
    sweeps = ledger_stage_buckets(w->ledger, &count);
    w->removing = count;
    for (size_t i = 0; i < count; i++) {
        struct object_task *t = mem_zalloc(1, sizeof(*t));

        t->outputs = ARENA_NEW(&t->arena, struct outputs);
        *t->outputs = (struct outputs){
            .store = w->store,
            .account = w->config.account,
            .root = w->config.root,
            .bucket = arena_copy(&t->arena, sweeps[i].bucket),
            .before_ms = clock_wall_ms() - w->config.outputs_ms,
        };
        object_threads_put(w->objects, t);
    }
    w->turn_end(w->arg);
}

/* Abort what a sweep found and nobody owns. */
static void swept(struct sweeper *w, const struct object_task *t)
{
    for (size_t i = 0; i < t->found_count; i++) {
        if (ledger_upload_is_stray(w->ledger, t->found[i].key, t->found[i].upload_id)) {
            log_info("sweep: aborting an upload nobody owns: %.*s/%.*s", SLICE_FMT(t->bucket),
                     SLICE_FMT(t->found[i].key));
            ledger_sweep_upload(w->ledger, t->bucket, t->found[i].key, t->found[i].upload_id);
        }
    }
}

void sweeper_done(struct sweeper *w, const struct object_task *t)
{
    if (t->outputs != NULL) {
        w->removing--;
    } else {
        swept(w, t);
        w->sweeping--;
    }
}

void sweeper_init(struct sweeper *w, uv_loop_t *loop)
{
    (void)uv_timer_init(loop, &w->sweep);
    (void)uv_timer_init(loop, &w->outputs);
    w->sweep.data = w->outputs.data = w;
}

void sweeper_start(struct sweeper *w)
{
    const struct sweeper_config *c = &w->config;
    int64_t pace = c->outputs_ms / OUTPUTS_LOOKS;

    if (object_threads_have_store(w->objects) && c->sweep_interval_ms > 0) {
        (void)uv_timer_start(&w->sweep, sweep_uploads, (uint64_t)c->sweep_interval_ms,
                             (uint64_t)c->sweep_interval_ms);
    }
    /* A bucket of a server has a lifecycle of its own. */
    if (c->root != NULL && c->outputs_ms > 0) {
        pace = pace < OUTPUTS_LOOK_MS_MAX ? pace : OUTPUTS_LOOK_MS_MAX;
        pace = pace > OUTPUTS_LOOK_MS_MIN ? pace : OUTPUTS_LOOK_MS_MIN;
        (void)uv_timer_start(&w->outputs, sweep_outputs, (uint64_t)pace, (uint64_t)pace);
    }
}

void sweeper_close(struct sweeper *w)
{
    uv_close((uv_handle_t *)&w->sweep, NULL);
    uv_close((uv_handle_t *)&w->outputs, NULL);
}
