/* SPDX-License-Identifier: Apache-2.0 */
/* Describing an execution: from memory at once, else from its records. */
#include <string.h>

#include "coordinator/api/reading.h"
#include "proto/base/limits.h"

/* ---- describing ---- */

void describe_version_arns(struct slice machine_arn,
                           uint32_t version,
                           struct slice alias,
                           struct arena *a,
                           Stepfleet__ExecutionDetail *d)
{
    if (version != 0) {
        d->version_arn = arena_str(a, arena_printf(a, "%.*s:%u", SLICE_FMT(machine_arn), version));
    }
    if (alias.len != 0) {
        d->alias_arn =
            arena_str(a, arena_printf(a, "%.*s:%.*s", SLICE_FMT(machine_arn), SLICE_FMT(alias)));
    }
}

void describe_header(const struct execution_header *h,
                     struct arena *a,
                     Stepfleet__ExecutionDetail *d)
{
    const char *refusal = ledger_redrive_refusal(h, h->stop_ms);

    stepfleet__execution_detail__init(d);
    d->execution_arn = arena_str(a, h->arn);
    d->machine_arn = arena_str(a, h->machine_arn);
    d->name = arena_str(a, h->name);
    d->status = (char *)(uintptr_t)execution_status_name(h->status);
    d->start_ms = h->start_ms;
    d->stop_ms = h->stop_ms;
    d->input = message_bytes(h->input.text);
    d->has_output = h->status == EXECUTION_SUCCEEDED;
    d->output = message_bytes(h->output.text);
    d->has_error = h->error.ptr != NULL;
    d->error = arena_str(a, h->error);
    d->has_cause = h->cause.ptr != NULL;
    d->cause = message_bytes(h->cause);
    d->redrive_count = h->redrive_count;
    d->redrive_ms = h->redrive_ms;
    d->redrive_status = refusal == NULL ? "REDRIVABLE" : "NOT_REDRIVABLE";
    d->redrive_reason = refusal == NULL ? "" : (char *)(uintptr_t)refusal;
    d->events = h->next_event - 1;
    d->revision = h->revision;
    d->type = h->express ? "EXPRESS" : "STANDARD";
    d->trace_header = arena_str(a, h->trace);
    describe_version_arns(h->machine_arn, h->version, h->alias, a, d);
}

enum err_code data_asked(struct call *c, const char *included, struct err *err)
{
    c->bare = strcmp(included, "METADATA_ONLY") == 0;
    if (c->bare || included[0] == '\0' || strcmp(included, "ALL_DATA") == 0) {
        return OK;
    }
    return err_set(err, ERR_VALIDATION,
                   "1 validation error detected: Value '%.100s' at 'includedData' failed to "
                   "satisfy constraint: Member must satisfy enum value set: [ALL_DATA, "
                   "METADATA_ONLY]",
                   included);
}

static void leave_data_out(Stepfleet__ExecutionDetail *d)
{
    d->without_data = 1;
    d->input = d->output = message_bytes(SLICE(""));
    d->has_output = 0;
}

void reply_execution(struct call *c, Stepfleet__ExecutionDetail *d)
{
    if (c->bare) {
        leave_data_out(d);
    }
    c->reply(c, &d->base);
}

static const char *frame_status_name(enum frame_status s)
{
    static const char *const names[] = {[FRAME_RUN] = "RUNNING",
                                        [FRAME_TIMER] = "TIMER",
                                        [FRAME_READY] = "READY",
                                        [FRAME_LEASED] = "LEASED",
                                        [FRAME_COMMITTING] = "COMMITTING",
                                        [FRAME_JOIN] = "JOIN",
                                        [FRAME_DONE] = "DONE",
                                        [FRAME_FAILED] = "FAILED",
                                        [FRAME_CALL] = "CALL",
                                        [FRAME_TOKEN] = "TOKEN",
                                        [FRAME_CHILD] = "CHILD"};

    return names[s];
}

void describe_frame(const struct asl_machine *m,
                    const struct frame *f,
                    struct arena *a,
                    Stepfleet__Frame *out)
{
    stepfleet__frame__init(out);
    out->state = arena_str(a, m->states[f->state].name);
    out->status = (char *)(uintptr_t)frame_status_name(f->status);
    out->waits_for = arena_str(a, engine_waits_for(m, f, a));
    out->attempt = f->attempt;
    out->retry_count = f->retry_count;
    out->entered_ms = f->entered_ms;
    out->due_ms = f->due_ms;
    out->worker = arena_str(a, f->worker);
    out->id = f->id;
    out->parent = f->parent == ASL_NONE ? 0 : f->parent + 1;
    out->index = f->index;
}

static const struct frame *view_frame(const void *arg, uint32_t id)
{
    const struct ledger_view *v = arg;

    for (size_t i = 0; i < v->frame_count; i++) {
        if (v->frames[i].frame->id == id) {
            return v->frames[i].frame;
        }
    }
    return NULL;
}

/* What only the fleet knows: progress, and who could do it. */
static void describe_live(struct api *api,
                          const struct ledger_view *v,
                          const struct ledger_frame *lf,
                          Stepfleet__Frame *out)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    struct frame_set frames = {.find = view_frame, .arg = v};
    struct command c;
    struct err err;
    size_t ready;
    size_t workers;

    out->bytes_in = lf->bytes_in;
    out->bytes_out = lf->bytes_out;
    out->note = arena_str(a, lf->note);
    if (lf->frame->status != FRAME_READY && lf->frame->status != FRAME_LEASED) {
        return;
    }
    if (engine_task(v->machine, v->header, &frames, lf->frame, a, &c, &err) != OK ||
        c.function.len == 0) {
        return; /* an activity's task: nobody says beforehand who asks for it */
    }
    out->function = arena_str(a, c.function);
    fleet_function_counts(ledger_fleet(api->ledger), c.function, &ready, &workers);
    out->workers_offering = (uint32_t)workers;
    if (lf->frame->status == FRAME_READY) {
        const char *why = lf->held ? "the last attempt's upload to be cleared from the object store"
                          : workers == 0 ? "a worker that offers the function: none does now"
                                         : "a free slot: all workers that offer it are busy";

        out->waits_for =
            arena_str(a, arena_printf(a, "%s (function %.*s)", why, SLICE_FMT(c.function)));
    }
}

/* Which frames are shown: a Map may have thousands. */
struct frame_pick {
    size_t at[LIMIT_SHOWN_FRAMES];
    size_t count;
};

/* The frame at `at`, where its turn is now: those that are open first, then those that failed. */
static void pick_frame(struct frame_pick *p, const struct frame *f, size_t at, bool open)
{
    if (f->status != FRAME_DONE && frame_is_open(f) == open && p->count < LIMIT_SHOWN_FRAMES) {
        p->at[p->count++] = at;
    }
}

static Stepfleet__Frame *add_frame(Stepfleet__ExecutionDetail *d, struct arena *a)
{
    d->frames[d->n_frames] = arena_alloc(a, sizeof(Stepfleet__Frame));
    return d->frames[d->n_frames++];
}

void describe_view(struct api *api, const struct ledger_view *v, Stepfleet__ExecutionDetail *d)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    struct frame_pick shown = {.count = 0};

    describe_header(v->header, a, d);
    d->frames = ARENA_ARRAY(a, LIMIT_SHOWN_FRAMES, Stepfleet__Frame *);
    for (size_t i = 0; i < v->frame_count; i++) {
        pick_frame(&shown, v->frames[i].frame, i, true);
        d->frame_count += v->frames[i].frame->status != FRAME_DONE;
    }
    for (size_t i = 0; i < v->frame_count; i++) {
        pick_frame(&shown, v->frames[i].frame, i, false);
    }
    for (size_t i = 0; i < shown.count; i++) {
        const struct ledger_frame *lf = &v->frames[shown.at[i]];
        Stepfleet__Frame *f = add_frame(d, a);

        describe_frame(v->machine, lf->frame, a, f);
        describe_live(api, v, lf, f);
    }
}

/* ---- from disk ---- */

static void work_describe(struct reading *r)
{
    Stepfleet__ExecutionDetail *d = arena_alloc(&r->arena, sizeof(*d));
    struct frame_pick shown = {.count = 0};
    struct asl_machine *m = NULL;
    struct image im;

    r->rc = image_read(&r->source, &r->arena, &im, &r->err);
    if (r->rc == OK) {
        r->rc = reading_machine(r->api, &im.header, &r->arena, &m, &r->err);
    }
    if (r->rc != OK) {
        return;
    }
    describe_header(&im.header, &r->arena, d);
    d->frames = ARENA_ARRAY(&r->arena, LIMIT_SHOWN_FRAMES, Stepfleet__Frame *);
    for (size_t i = 0; i < im.frame_count; i++) {
        pick_frame(&shown, &im.frames[i], i, true);
        d->frame_count += im.frames[i].status != FRAME_DONE;
    }
    for (size_t i = 0; i < im.frame_count; i++) {
        pick_frame(&shown, &im.frames[i], i, false);
    }
    for (size_t i = 0; i < shown.count; i++) {
        describe_frame(m, &im.frames[shown.at[i]], &r->arena, add_frame(d, &r->arena));
    }
    asl_machine_free(m);
    if (r->call->bare) {
        leave_data_out(d);
    }
    r->reply = &d->base;
}

void describe_stored(struct call *c, uint64_t execution)
{
    struct reading *r = reading_new(c, work_describe);

    r->source.execution = execution;
    reading_begin(r);
}

/* What a wait that begins with a read has asked for. */
struct waited {
    uint64_t seen;
    int64_t timeout_ms;
};

/* On disk: closed, and answered; or parked, and nothing moves it before it is in memory again. */
static void waited_done(void *task)
{
    struct reading *r = task;
    const struct waited *asked = r->asked;
    const Stepfleet__ExecutionDetail *d = (const void *)r->reply;
    Stepfleet__ExecutionDetail now;
    struct ledger_view v;

    if (r->rc == OK && ledger_execution_view(r->api->ledger, r->source.execution, &v)) {
        describe_view(r->api, &v, &now); /* it came to memory meanwhile, and may have moved */
        r->reply = &now.base;
        d = &now;
    }
    if (r->rc != OK || strcmp(d->status, "RUNNING") != 0 || d->events > asked->seen) {
        reading_done(task);
        return;
    }
    r->api->reading--;
    wait_for(r->call, r->source.execution, asked->seen, asked->timeout_ms);
    reading_free(r);
}

void describe_stored_or_wait(struct call *c, uint64_t execution, uint64_t seen, int64_t timeout_ms)
{
    struct reading *r = reading_new(c, work_describe);
    struct waited *asked = ARENA_NEW(&r->arena, struct waited);

    *asked = (struct waited){seen, timeout_ms};
    r->asked = asked;
    r->source.execution = execution;
    r->done = waited_done;
    reading_begin(r);
}

void operation_EXECUTION_DESCRIBE(struct call *c)
{
    const Stepfleet__ExecutionRequest *q = (const void *)c->request;
    Stepfleet__ExecutionDetail d;
    struct ledger_view v;
    struct err err;
    uint64_t id;
    enum err_code rc = data_asked(c, q->included_data, &err);

    if (rc == OK) {
        rc = find_execution(c->api, q->execution, &id, NULL, &err);
    }
    if (rc != OK) {
        c->fail(c, rc, &err);
    } else if (ledger_execution_view(c->api->ledger, id, &v)) {
        describe_view(c->api, &v, &d);
        reply_execution(c, &d);
    } else {
        describe_stored(c, id);
    }
}
