/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks between executions and workers: ready, granted, reported, due.
 *
 * A grant is in a record before its lease is in a mail, and a mail leaves when the batch is
 * durable. */
#include <assert.h>

#include "coordinator/ledger/run.h"
#include "proto/base/text.h"
#include "proto/host/log.h"

enum {
    DUES_A_TURN = 4096, /* Express executions fill no batch: a turn must end */
};

static struct hot_frame *frame_of(struct fleet_task *t)
{
    return container_of(t, struct hot_frame, task);
}

/* ---- scheduling and granting ---- */

void task_set_order(struct ledger *l, struct hot_frame *hf, const struct command *c)
{
    struct command *order = ARENA_NEW(&l->arena, struct command);

    *order = *c;
    hf->order = order;
    hf->order_turn = l->turn;
}

enum err_code task_order(struct ledger *l, struct hot_frame *hf, struct err *err)
{
    const struct hot *h = hf->hot;
    struct frame_set frames = hot_frames(h);
    struct command c;
    enum err_code rc;

    if (hf->order_turn == l->turn) {
        return OK;
    }
    rc = engine_task(h->revision->parsed, &h->h, &frames, &hf->f, &l->arena, &c, err);
    if (rc == OK) {
        task_set_order(l, hf, &c);
    }
    return rc;
}

void task_granted(struct ledger *l, struct hot_frame *hf, struct fleet_worker *w)
{
    list_remove(&hf->mail);
    list_push_back(&ledger_mail(w)->outbox, &hf->mail);
    mail_due(l, w);
}

void task_ended(struct ledger *l, struct hot_frame *hf, enum stage_outcome outcome)
{
    struct stage_figures *s =
        hf->stage != NULL ? hf->stage : figures_stage(&l->figures, fleet_task_function(&hf->task));

    hf->stage = NULL;
    s->bytes_in += hf->bytes_in;
    s->bytes_out += hf->bytes_out;
    figures_stage_end(s, outcome,
                      outcome != STAGE_UNOFFERED ? l->now.wall_ms - hf->f.granted_ms : 0);
}

static struct engine_event granted_event(const struct hot_frame *hf, const struct fleet_worker *w)
{
    return (struct engine_event){
        .kind = ENGINE_TASK_GRANTED,
        .frame = hf->f.id,
        .token = hf->task.token,
        .worker = w->name,
        .holder = fleet_holder(w->instance),
    };
}

void task_schedule(struct txn *t, struct hot_frame *hf, const struct command *c)
{
    struct ledger *l = t->l;
    struct engine_event ev;
    struct fleet_worker *w;
    const struct frame *f = txn_frame(t, c->frame);
    struct err err;

    task_set_order(l, hf, c);
    hf->bytes_in = hf->bytes_out = 0;
    hf->note_len = 0;
    if (c->activity.len != 0) {
        activity_enqueue(l, hf, c->activity);
        return;
    }
    hf->task.attempt = f->attempt;
    hf->task.timeout_ms = f->timeout_ms;
    hf->task.heartbeat_ms = f->heartbeat_ms;
    hf->held = f->output.bucket.ptr != NULL;
    if (hf->held) {
        object_abort(l, hf, &f->output); /* goes on with ENGINE_UPLOAD_GONE */
        return;
    }
    w = fleet_task_ready(l->fleet, &hf->task, c->function, t->prefer, l->now);
    if (w == NULL) {
        return;
    }
    ev = granted_event(hf, w);
    if (txn_step(t, &ev, &err) != STEP_DONE) {
        /* The record is full of documents: it is granted in one of its own. */
        fleet_task_return(l->fleet, &hf->task, l->now);
        l->feed = true;
        return;
    }
    l->figures.grants++;
    task_granted(l, hf, w);
}

/* A queued task was granted: a record of its own. */
static void grant_queued(struct ledger *l, struct fleet_task *task, struct fleet_worker *w)
{
    struct hot_frame *hf = frame_of(task);
    struct engine_event ev = granted_event(hf, w);
    struct hot *h = hf->hot;
    struct err err;
    enum step_status status = ledger_step(l, h, &ev, w, &err);

    if (status != STEP_DONE) {
        log_error("a queued grant was refused by the engine: number=%llu",
                  (unsigned long long)h->h.id);
        fleet_task_end(l->fleet, task);
        return;
    }
    l->figures.grants++;
    hf = hot_frame_find(l, h, ev.frame);
    if (hf != NULL && hf->task.status == FLEET_TASK_LEASED) {
        task_granted(l, hf, w); /* else the grant's event was the history's last */
    }
}

static void take_queued(struct ledger *l, struct fleet_task *task, struct fleet_worker *w)
{
    if (task->job) {
        run_taken(l, task, w);
    } else {
        grant_queued(l, task, w);
    }
}

void ledger_worker_feed(struct ledger *l, struct fleet_worker *w)
{
    struct fleet_task *task;

    while (ledger_accepts(l) && (task = fleet_task_next(l->fleet, w, l->now)) != NULL) {
        take_queued(l, task, w);
    }
}

void feed_opened(struct ledger *l)
{
    struct fleet_worker *w;
    struct fleet_task *task;

    while (ledger_accepts(l) && (task = fleet_task_opened(l->fleet, l->now, &w)) != NULL) {
        take_queued(l, task, w);
    }
}

/* ---- reports ---- */

static struct hot_frame *
held_frame(struct ledger *l, const struct fleet_worker *w, struct token token)
{
    struct fleet_task *task = fleet_task_find(l->fleet, token);

    return task != NULL && task->worker == w && !task->job ? frame_of(task) : NULL;
}

/* Likewise, of a job run. */
static struct fleet_task *
held_piece(struct ledger *l, const struct fleet_worker *w, struct token token)
{
    struct fleet_task *task = fleet_task_find(l->fleet, token);

    return task != NULL && task->worker == w && task->job ? task : NULL;
}

enum err_code ledger_task_progress(struct ledger *l,
                                   struct fleet_worker *w,
                                   struct token token,
                                   bool heartbeat,
                                   uint64_t bytes_in,
                                   uint64_t bytes_out,
                                   struct slice note)
{
    struct hot_frame *hf = held_frame(l, w, token);
    struct fleet_task *piece = held_piece(l, w, token);

    if (piece != NULL) {
        return run_task_progress(l, piece, bytes_in, bytes_out, note);
    }
    if (hf == NULL) {
        return ERR_LEASE_LOST;
    }
    if (heartbeat) {
        fleet_task_heartbeat(l->fleet, &hf->task, l->now);
    }
    hf->bytes_in = bytes_in;
    hf->bytes_out = bytes_out;
    hf->note_len = note.len < sizeof(hf->note) ? note.len : sizeof(hf->note);
    if (hf->note_len != 0) {
        memcpy(hf->note, note.ptr, hf->note_len);
    }
    hot_moved(l, hf->hot);
    return OK;
}

enum err_code
task_places(struct ledger *l, struct hot_frame *hf, struct stage_places *out, struct err *err)
{
    const struct json_node *event;
    enum err_code rc = task_order(l, hf, err);

    if (rc == OK) {
        rc = json_parse(hf->order->payload, &l->arena, &event, err);
    }
    return rc == OK ? stage_find_places(event, &l->arena, out, err) : rc;
}

/* An upload goes where the stage's own event says, and nowhere else. */
static enum err_code check_place(struct ledger *l,
                                 struct hot_frame *hf,
                                 const struct task_output *output,
                                 struct err *err)
{
    struct stage_places places;
    enum err_code rc = task_places(l, hf, &places, err);

    if (rc == OK &&
        (!slice_eq(places.bucket, output->bucket) || !slice_eq(places.output_key, output->key))) {
        rc = err_set(err, ERR_VALIDATION, "the stage's output is %.*s/%.*s, not %.*s/%.*s",
                     SLICE_FMT(places.bucket), SLICE_FMT(places.output_key),
                     SLICE_FMT(output->bucket), SLICE_FMT(output->key));
    }
    return rc;
}

enum err_code ledger_task_upload(struct ledger *l,
                                 struct fleet_worker *w,
                                 struct token token,
                                 const struct task_output *output,
                                 struct err *err)
{
    struct hot_frame *hf = held_frame(l, w, token);
    struct fleet_task *piece = held_piece(l, w, token);
    struct engine_event ev = {.kind = ENGINE_TASK_UPLOAD, .token = token, .output = *output};
    enum err_code rc;

    if (hf == NULL && piece == NULL) {
        return ERR_LEASE_LOST;
    }
    if (!l->config.objects) {
        return err_set(err, ERR_VALIDATION, "the coordinator has no object store configured");
    }
    if (piece != NULL) {
        return run_task_upload(l, piece, output, err);
    }
    rc = check_place(l, hf, output, err);
    if (rc != OK) {
        return rc;
    }
    if (hf->f.output.bucket.ptr != NULL) {
        return slice_eq(hf->f.output.upload_id, output->upload_id)
                   ? OK /* said before */
                   : err_set(err, ERR_VALIDATION, "the attempt has another upload already");
    }
    ev.frame = hf->f.id;
    bucket_note(l, output->bucket);
    return ledger_step(l, hf->hot, &ev, w, err) == STEP_DONE ? OK : ERR_LEASE_LOST;
}

enum err_code ledger_task_submit(struct ledger *l,
                                 struct fleet_worker *w,
                                 struct token token,
                                 struct slice output,
                                 struct err *err)
{
    struct hot_frame *hf = held_frame(l, w, token);
    struct engine_event ev = {.kind = ENGINE_TASK_SUBMITTED, .token = token, .result = output};

    if (hf == NULL) {
        return ERR_LEASE_LOST;
    }
    if (hf->f.submitted) {
        return OK; /* said before */
    }
    ev.frame = hf->f.id;
    switch (ledger_step(l, hf->hot, &ev, w, err)) {
    case STEP_DONE:
    case STEP_CONTINUE: return OK;
    case STEP_STALE:
    case STEP_NEED_FRAME: return ERR_LEASE_LOST;
    case STEP_FAILED: break;
    }
    return err->code;
}

enum err_code task_return(struct ledger *l, struct fleet_task *task)
{
    struct token token = task->token;
    struct engine_event ev = {.kind = ENGINE_TASK_RETURNED, .token = token};
    struct hot_frame *hf;
    struct hot *h;
    struct err err;

    if (task->job) {
        l->feed = true;
        return run_task_return(l, task);
    }
    hf = frame_of(task);
    h = hf->hot;
    ev.frame = hf->f.id;
    if (ledger_step(l, h, &ev, NULL, &err) != STEP_DONE) {
        return ERR_LEASE_LOST;
    }
    l->feed = true;
    hf = hot_frame_find(l, h, ev.frame);
    if (hf == NULL || hf->task.status != FLEET_TASK_LEASED || !token_eq(hf->task.token, token)) {
        return OK; /* its state has been left, as its task token was used */
    }
    list_remove(&hf->mail);
    if (hf->f.output.bucket.ptr != NULL) {
        hf->held = true; /* ready again when the upload it began is aborted */
        fleet_task_end(l->fleet, &hf->task);
    } else {
        fleet_task_return(l->fleet, &hf->task, l->now);
    }
    return OK;
}

enum err_code ledger_task_return(struct ledger *l, struct fleet_worker *w, struct token token)
{
    struct fleet_task *task = fleet_task_find(l->fleet, token);

    return task != NULL && task->worker == w ? task_return(l, task) : ERR_LEASE_LOST;
}

/* Of an attempt whose output is yet to be completed the end is known then. */
static void
count_end(struct ledger *l, struct hot_frame *hf, const struct engine_event *ev, bool refused)
{
    if (ev->kind == ENGINE_TASK_INTENT) {
        hf->stage = figures_stage(&l->figures, fleet_task_function(&hf->task));
    } else if (ev->kind == ENGINE_TASK_TIMED_OUT) {
        task_ended(l, hf, STAGE_TIMED_OUT);
    } else if (ev->kind == ENGINE_TASK_SUCCEEDED && !refused) {
        task_ended(l, hf, STAGE_SUCCEEDED);
    } else if (hf->task.status == FLEET_TASK_READY) {
        task_ended(l, hf, STAGE_UNOFFERED);
    } else if (hf->task.worker == NULL) {
        task_ended(l, hf, STAGE_LOST);
    } else {
        task_ended(l, hf, STAGE_FAILED);
    }
}

/* The end of an attempt: step first, then the lease is free, so that what follows can have its
 * slot. */
static enum err_code end_task(struct ledger *l,
                              struct hot_frame *hf,
                              struct engine_event *ev,
                              struct fleet_worker *w,
                              struct err *err)
{
    struct txn t;
    enum step_status status;

    ev->frame = hf->f.id;
    txn_begin(&t, l, hf->hot, w);
    status = txn_step(&t, ev, err);
    if (status == STEP_STALE) {
        return ERR_LEASE_LOST;
    }
    if (status != STEP_DONE && status != STEP_CONTINUE) {
        return err->code;
    }
    list_remove(&hf->mail);
    count_end(l, hf, ev, t.s.task_refused);
    fleet_task_end(l->fleet, &hf->task);
    txn_commit(&t);
    return OK;
}

enum err_code ledger_task_fail(struct ledger *l,
                               struct fleet_worker *w,
                               struct token token,
                               const struct failure *failure,
                               struct err *err)
{
    struct hot_frame *hf = held_frame(l, w, token);
    struct fleet_task *piece = held_piece(l, w, token);
    struct engine_event ev = {.kind = ENGINE_TASK_FAILED, .token = token, .failure = *failure};

    if (piece != NULL) {
        return run_task_fail(l, piece, failure);
    }
    return hf != NULL ? end_task(l, hf, &ev, w, err) : ERR_LEASE_LOST;
}

enum err_code
ledger_task_time_out(struct ledger *l, struct fleet_worker *w, struct token token, struct err *err)
{
    struct hot_frame *hf = held_frame(l, w, token);
    struct fleet_task *piece = held_piece(l, w, token);
    const struct failure failure = {SLICE("States.Timeout"), SLICE("The handler took too long.")};
    struct engine_event ev = {.kind = ENGINE_TASK_TIMED_OUT, .token = token};

    if (piece != NULL) {
        return run_task_fail(l, piece, &failure);
    }
    return hf != NULL ? end_task(l, hf, &ev, w, err) : ERR_LEASE_LOST;
}

enum err_code ledger_task_succeed(struct ledger *l,
                                  struct fleet_worker *w,
                                  struct token token,
                                  struct slice result,
                                  struct slice log,
                                  struct err *err)
{
    struct hot_frame *hf = held_frame(l, w, token);
    struct engine_event ev = {
        .kind = ENGINE_TASK_SUCCEEDED,
        .token = token,
        .result = result,
        .log = log,
    };

    return hf != NULL ? end_task(l, hf, &ev, w, err) : ERR_LEASE_LOST;
}

/* Would this result be taken? Stepped and thrown away. */
static enum err_code try_result(struct ledger *l,
                                struct hot_frame *hf,
                                struct token token,
                                struct slice result,
                                bool *taken,
                                struct err *err)
{
    struct engine_event ev = {
        .kind = ENGINE_TASK_SUCCEEDED,
        .frame = hf->f.id,
        .token = token,
        .result = result,
    };
    struct txn t;
    enum step_status status;

    txn_begin(&t, l, hf->hot, NULL);
    status = txn_step(&t, &ev, err);
    if (status == STEP_STALE || status == STEP_FAILED) {
        return status == STEP_STALE ? ERR_LEASE_LOST : err->code;
    }
    *taken = !t.s.task_refused;
    return OK;
}

enum err_code ledger_task_commit(struct ledger *l,
                                 struct fleet_worker *w,
                                 struct token token,
                                 struct slice result,
                                 const struct job_result *piece,
                                 struct slice parts,
                                 struct ledger_commit *c,
                                 struct err *err)
{
    struct hot_frame *hf = held_frame(l, w, token);
    struct fleet_task *join = held_piece(l, w, token);
    struct engine_event ev = {
        .kind = ENGINE_TASK_INTENT,
        .token = token,
        .output = {.parts = parts, .result = result},
    };
    bool taken = false;
    enum err_code rc;

    if (join != NULL && piece != NULL) {
        return run_task_commit(l, join, piece, parts, c);
    }
    if (hf == NULL || hf->f.output.bucket.ptr == NULL) {
        return ERR_LEASE_LOST;
    }
    rc = try_result(l, hf, token, result, &taken, err);
    if (rc != OK) {
        return rc;
    }
    if (!taken) {
        /* It fails as a workflow's failure, and the upload is aborted with it. */
        rc = ledger_task_succeed(l, w, token, result, (struct slice){NULL, 0}, err);
        return rc == OK ? ERR_LEASE_LOST : rc;
    }
    rc = end_task(l, hf, &ev, w, err);
    if (rc == OK) {
        c->token = token;
        list_push_back(&hf->commits, &c->link);
        object_complete(l, hf);
    }
    return rc;
}

void ledger_commit_forget(struct ledger_commit *c)
{
    list_remove(&c->link);
}

/* ---- what is due ---- */

static void due_timer(struct ledger *l, struct fleet_timer *timer)
{
    struct hot *h = hot_find(l, timer->execution);
    struct engine_event ev = {
        .kind = timer->frame == ASL_NONE ? ENGINE_DEADLINE : ENGINE_TIMER,
        .frame = timer->frame,
    };
    struct err err;

    if (h != NULL && ledger_step(l, h, &ev, NULL, &err) == STEP_FAILED) {
        log_error("a timer's step failed: execution=%.*s: %s", SLICE_FMT(h->h.arn), err.msg);
    }
}

static void due_task(struct ledger *l, struct fleet_task *task, struct engine_event ev)
{
    struct hot_frame *hf = frame_of(task);
    const struct hot *h = hf->hot;
    struct fleet_worker *w = task->worker;
    struct token token = task->token;
    struct err err;

    ev.frame = hf->f.id;
    ev.token = hf->f.token;
    if (w != NULL) {
        ledger_worker_drop(l, w, token);
    }
    log_info("task ended by its deadline: execution=%.*s attempt=%u", SLICE_FMT(hf->hot->h.arn),
             hf->f.attempt);
    l->feed = true;
    if (end_task(l, hf, &ev, NULL, &err) != OK) {
        log_error("the step of a due task failed: execution=%.*s", SLICE_FMT(h->h.arn));
        fleet_task_end(l->fleet, task);
    }
}

/* In AWS's words: histories and catchers see what they would there. The log says what to do. */
static struct failure
function_not_found(struct ledger *l, struct slice name, struct slice qualifier)
{
    uint64_t words[2] = {ledger_random(l), ledger_random(l)};
    char request[TEXT_UUID_BYTES];
    uint8_t bytes[16];

    memcpy(bytes, words, sizeof(bytes));
    text_format_uuid(bytes, request);
    return (struct failure){
        SLICE("Lambda.ResourceNotFoundException"),
        arena_printf(
            &l->arena,
            "Function not found: arn:aws:lambda:%s:%012llu:function:%.*s:%.*s (Service: AWSLambda; "
            "Status Code: 404; Error Code: ResourceNotFoundException; Request ID: %.*s; Proxy: "
            "null)",
            l->config.region, (unsigned long long)l->config.account, SLICE_FMT(name),
            SLICE_FMT(qualifier.len != 0 ? qualifier : SLICE("$LATEST")), TEXT_UUID_BYTES, request),
    };
}

static struct failure no_function(struct ledger *l, struct hot_frame *hf)
{
    const struct asl_state *state = &hf->hot->revision->parsed->states[hf->f.state];
    struct err err;
    struct slice name = SLICE("?");
    struct slice qualifier = SLICE("");

    if (task_order(l, hf, &err) == OK) {
        name = hf->order->function;
        qualifier = hf->order->qualifier;
    }
    log_warn("no worker offers the function %.*s: execution=%.*s", SLICE_FMT(name),
             SLICE_FMT(hf->hot->h.arn));
    if (state->task.carrier == ASL_BY_HANDLER) {
        return (struct failure){
            SLICE("States.TaskFailed"),
            arena_printf(&l->arena, "No worker offers the handler %.*s.", SLICE_FMT(name)),
        };
    }
    return function_not_found(l, name, qualifier);
}

static void due_of_task(struct ledger *l, const struct fleet_due *due)
{
    struct engine_event ev = {.kind = ENGINE_TASK_FAILED};

    if (due->task->job) {
        run_lost(l, due->task);
        return;
    }
    if (due->kind == FLEET_DUE_NO_FUNCTION) {
        ev.failure = no_function(l, frame_of(due->task));
    } else if (due->kind == FLEET_DUE_ORPHAN) {
        ev.failure = (struct failure){
            SLICE("Lambda.ServiceException"),
            SLICE("The worker did not come back after the coordinator's restart."),
        };
    } else {
        ev = (struct engine_event){.kind = ENGINE_TASK_TIMED_OUT,
                                   .heartbeat = due->kind == FLEET_DUE_HEARTBEAT};
    }
    due_task(l, due->task, ev);
}

/* What is due makes executions end, and each may have that to tell another: what there is to tell
 * must not grow without end. */
static bool may_be_due(const struct ledger *l)
{
    return ledger_accepts(l) && l->notice_count < LIMIT_NOTICES_A_TURN;
}

void ledger_due(struct ledger *l)
{
    for (unsigned n = 0; n < DUES_A_TURN && may_be_due(l); n++) {
        struct fleet_due due = fleet_next_due(l->fleet, l->now);

        switch (due.kind) {
        case FLEET_DUE_NONE:
        case FLEET_DUE_RATE: return;
        case FLEET_DUE_TIMER: due_timer(l, due.timer); break;
        case FLEET_DUE_NO_FUNCTION:
        case FLEET_DUE_ORPHAN:
        case FLEET_DUE_TIMEOUT:
        case FLEET_DUE_HEARTBEAT: due_of_task(l, &due); break;
        case FLEET_DUE_WORKER:
            l->figures.workers_lost++;
            log_warn("worker not heard of: worker=%.*s", SLICE_FMT(due.worker->name));
            ledger_worker_remove(l, due.worker, "was not heard of and counts as lost");
            break;
        }
    }
}
