/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks between executions and workers: ready, granted, mailed, reported, due.
 *
 * A grant is in a record before its lease is in a mail, and a mail leaves when the batch is
 * durable. */
#include <assert.h>

#include "coordinator/ledger/internal.h"
#include "proto/host/log.h"
#include "proto/stage.h"

enum {
    DUES_A_TURN = 4096,               /* Express executions fill no batch: a turn must end */
    MAIL_BYTES_MAX = 4 * 1024 * 1024, /* of one reply: half a frame, above any one lease */
    LEASE_BYTES = 2048,               /* a lease beside its payload: names, ARN, numbers */
};

static struct hot_frame *frame_of(struct fleet_task *t)
{
    return container_of(t, struct hot_frame, task);
}

/* ---- scheduling and granting ---- */

static void mail_due(struct ledger *l, struct fleet_worker *w)
{
    struct ledger_mail *m = ledger_mail(w);

    if (list_empty(&m->link)) {
        list_push_back(&l->mail, &m->link);
    }
}

void task_granted(struct ledger *l, struct hot_frame *hf, struct fleet_worker *w)
{
    list_remove(&hf->mail);
    list_push_back(&ledger_mail(w)->outbox, &hf->mail);
    mail_due(l, w);
}

static struct engine_event granted_event(const struct hot_frame *hf, const struct fleet_worker *w)
{
    return (struct engine_event){
        .kind = ENGINE_TASK_GRANTED,
        .frame = hf->f.id,
        .token = hf->task.token,
        .worker = w->name,
    };
}

void task_schedule(struct txn *t, struct hot_frame *hf, const struct command *c)
{
    struct ledger *l = t->l;
    struct engine_event ev;
    struct fleet_worker *w;
    const struct frame *f =
        frame_set_find(&(struct frame_set){t->s.frames, t->s.frame_count}, c->frame);
    struct err err;

    if (f == NULL) {
        f = &hf->f;
    }
    hf->payload = c->payload;
    hf->function = c->function;
    hf->payload_turn = l->turn;
    hf->bytes_in = hf->bytes_out = 0;
    hf->note_len = 0;
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
    task_granted(l, hf, w);
}

/* A queued task was granted: a record of its own. */
static void grant_queued(struct ledger *l, struct fleet_task *task, struct fleet_worker *w)
{
    struct hot_frame *hf = frame_of(task);
    struct engine_event ev = granted_event(hf, w);
    struct err err;
    enum step_status status = ledger_step(l, hf->hot, &ev, w, &err);

    if (status != STEP_DONE) {
        log_error("a queued grant was refused by the engine: execution=%llu",
                  (unsigned long long)hf->hot->h.id);
        fleet_task_end(l->fleet, task);
        return;
    }
    if (task->status == FLEET_TASK_LEASED) { /* else the grant's event was the history's last */
        task_granted(l, hf, w);
    }
}

void ledger_worker_feed(struct ledger *l, struct fleet_worker *w)
{
    struct fleet_task *task;

    while (ledger_accepts(l) && (task = fleet_task_next(l->fleet, w, l->now)) != NULL) {
        grant_queued(l, task, w);
    }
}

/* ---- mail ---- */

void ledger_worker_drop(struct ledger *l, struct fleet_worker *w, struct token token)
{
    struct ledger_mail *m = ledger_mail(w);

    if (m->drop_count == m->drop_cap) {
        m->drop_cap = m->drop_cap != 0 ? m->drop_cap * 2 : 8;
        m->drops = mem_realloc(m->drops, m->drop_cap * sizeof(struct token));
    }
    m->drops[m->drop_count++] = token;
    mail_due(l, w);
}

/* Function and payload of a granted task: those of this turn's step, or made again. */
static enum err_code lease_payload(struct ledger *l, struct hot_frame *hf, struct err *err)
{
    struct command c;
    enum err_code rc;

    if (hf->payload_turn == l->turn) {
        return OK;
    }
    rc = engine_task(hf->hot->revision->parsed, &hf->hot->h, &hf->f, &l->arena, &c, err);
    if (rc == OK) {
        hf->function = c.function;
        hf->payload = c.payload;
        hf->payload_turn = l->turn;
    }
    return rc;
}

static bool lease_fill(struct ledger *l, struct hot_frame *hf, struct ledger_lease *out)
{
    const struct execution_header *h = &hf->hot->h;
    struct err err;

    if (lease_payload(l, hf, &err) != OK) {
        log_error("a task's payload cannot be made again: execution=%.*s: %s", SLICE_FMT(h->arn),
                  err.msg);
        return false;
    }
    *out = (struct ledger_lease){
        .token = hf->task.token,
        .function = hf->function,
        .payload = hf->payload,
        .execution_arn = h->arn,
        .execution_name = h->name,
        .state = hf->hot->revision->parsed->states[hf->f.state].name,
        .state_entry = hf->f.entered_event,
        .attempt = hf->f.attempt,
        .retry_count = hf->f.retry_count,
        .timeout_ms = hf->f.timeout_ms,
        .heartbeat_ms = hf->f.heartbeat_ms,
    };
    hf->task.sent_mono_ms = l->now.mono_ms;
    return true;
}

void ledger_take_mail(struct ledger *l,
                      struct fleet_worker *w,
                      struct ledger_lease **leases,
                      size_t *lease_count,
                      struct token **drops,
                      size_t *drop_count)
{
    struct ledger_mail *m = ledger_mail(w);
    struct list *n;
    size_t count = 0;
    size_t bytes = 0;

    LIST_EACH(at, &m->outbox)
    {
        count++;
    }
    *leases = arena_alloc(&l->arena, count * sizeof(**leases));
    *lease_count = 0;
    while (bytes < MAIL_BYTES_MAX && (n = list_pop_front(&m->outbox)) != NULL) {
        struct ledger_lease *lease = &(*leases)[*lease_count];

        if (lease_fill(l, container_of(n, struct hot_frame, mail), lease)) {
            bytes += lease->payload.len + LEASE_BYTES;
            (*lease_count)++;
        }
    }
    *drops = arena_alloc(&l->arena, m->drop_count * sizeof(**drops));
    if (m->drop_count != 0) {
        memcpy(*drops, m->drops, m->drop_count * sizeof(**drops));
    }
    *drop_count = m->drop_count;
    m->drop_count = 0;
    list_remove(&m->link);
}

bool ledger_has_mail(const struct fleet_worker *w)
{
    const struct ledger_mail *m = ledger_mail(w);

    return !list_empty(&m->outbox) || m->drop_count != 0;
}

struct holds {
    struct ledger *l;
    struct fleet_worker *w;
};

static void holds_resend(void *arg, struct fleet_task *t)
{
    struct holds *s = arg;

    if (list_empty(&frame_of(t)->mail)) {
        log_info("a grant's reply was lost: sent again: worker=%.*s execution=%.*s",
                 SLICE_FMT(s->w->name), SLICE_FMT(frame_of(t)->hot->h.arn));
        task_granted(s->l, frame_of(t), s->w);
    }
}

static void holds_unknown(void *arg, struct token token)
{
    struct holds *s = arg;

    ledger_worker_drop(s->l, s->w, token);
}

void ledger_worker_holds(struct ledger *l,
                         struct fleet_worker *w,
                         const struct token *tokens,
                         size_t count)
{
    struct holds s = {l, w};

    fleet_worker_holds(l->fleet, w, tokens, count, LIMIT_RESEND_MS, l->now, holds_resend,
                       holds_unknown, &s);
}

/* ---- workers ---- */

static void fail_lost(struct ledger *l, struct list *lost, const char *why)
{
    struct list *n;

    while ((n = list_pop_front(lost)) != NULL) {
        struct fleet_task *task = container_of(n, struct fleet_task, link);
        struct hot_frame *hf = frame_of(task);
        struct engine_event ev = {
            .kind = ENGINE_TASK_FAILED,
            .frame = hf->f.id,
            .token = task->token,
            .failure = {SLICE("Lambda.ServiceException"),
                        arena_printf(&l->arena, "The worker %.*s %s.", SLICE_FMT(hf->f.worker),
                                     why)},
        };
        struct err err;

        log_warn("lease lost: worker=%.*s execution=%.*s attempt=%u", SLICE_FMT(hf->f.worker),
                 SLICE_FMT(hf->hot->h.arn), hf->f.attempt);
        list_remove(&hf->mail);
        fleet_task_end(l->fleet, task);
        if (ledger_step(l, hf->hot, &ev, NULL, &err) == STEP_FAILED) {
            log_error("a lost lease's step failed: execution=%.*s: %s", SLICE_FMT(hf->hot->h.arn),
                      err.msg);
        }
    }
}

static void mail_free(struct ledger_mail *m)
{
    while (list_pop_front(&m->outbox) != NULL) {
    }
    list_remove(&m->link);
    mem_free(m->drops);
    mem_free(m);
}

static struct ledger_mail *mail_new(struct fleet_worker *w)
{
    struct ledger_mail *m = mem_zalloc(1, sizeof(*m));

    list_init(&m->outbox);
    list_init(&m->link);
    m->worker = w;
    return m;
}

void ledger_worker_remove(struct ledger *l, struct fleet_worker *w, const char *why)
{
    struct list lost;

    list_init(&lost);
    l->hooks.worker_gone(l->hooks.arg, w);
    mail_free(ledger_mail(w));
    fleet_worker_remove(l->fleet, w, &lost);
    fail_lost(l, &lost, why);
}

enum err_code ledger_worker_hello(struct ledger *l,
                                  const struct fleet_hello *hello,
                                  struct fleet_worker **out,
                                  struct err *err)
{
    struct fleet_worker *old = fleet_worker_find_name(l->fleet, hello->name);
    struct ledger_mail *old_mail = NULL;
    struct list lost;
    enum err_code rc;

    if (old != NULL && old->instance != hello->instance) {
        /* If the hello is refused it is no more than a poll given up: it asks again. */
        l->hooks.worker_gone(l->hooks.arg, old);
        old_mail = ledger_mail(old);
    }
    list_init(&lost);
    rc = fleet_worker_hello(l->fleet, hello, l->now, out, &lost, err);
    if (rc != OK) {
        return rc;
    }
    if (old_mail != NULL) {
        mail_free(old_mail);
    }
    fail_lost(l, &lost, "was started anew");
    if ((*out)->user == NULL) {
        (*out)->user = mail_new(*out);
    }
    return OK;
}

/* ---- reports ---- */

static struct hot_frame *
held_frame(struct ledger *l, const struct fleet_worker *w, struct token token)
{
    struct fleet_task *task = fleet_task_find(l->fleet, token);

    return task != NULL && task->worker == w ? frame_of(task) : NULL;
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

/* An upload goes where the stage's own event says, and nowhere else. */
static enum err_code check_place(struct ledger *l,
                                 struct hot_frame *hf,
                                 const struct task_output *output,
                                 struct err *err)
{
    const struct json_node *event;
    struct stage_places places;
    enum err_code rc = lease_payload(l, hf, err);

    if (rc == OK) {
        rc = json_parse(hf->payload, &l->arena, &event, err);
    }
    if (rc == OK) {
        rc = stage_find_places(event, &l->arena, &places, err);
    }
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
    struct engine_event ev = {.kind = ENGINE_TASK_UPLOAD, .token = token, .output = *output};
    enum err_code rc;

    if (hf == NULL) {
        return ERR_LEASE_LOST;
    }
    if (!l->config.objects) {
        return err_set(err, ERR_VALIDATION, "the coordinator has no object store configured");
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

enum err_code ledger_task_return(struct ledger *l, struct fleet_worker *w, struct token token)
{
    struct hot_frame *hf = held_frame(l, w, token);
    struct engine_event ev = {.kind = ENGINE_TASK_RETURNED, .token = token};
    struct err err;

    if (hf == NULL) {
        return ERR_LEASE_LOST;
    }
    ev.frame = hf->f.id;
    if (ledger_step(l, hf->hot, &ev, NULL, &err) != STEP_DONE) {
        return ERR_LEASE_LOST;
    }
    list_remove(&hf->mail);
    if (hf->f.output.bucket.ptr != NULL) {
        hf->held = true; /* ready again when the upload it began is aborted */
        fleet_task_end(l->fleet, &hf->task);
    } else {
        fleet_task_return(l->fleet, &hf->task, l->now);
    }
    l->feed = true;
    return OK;
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
    struct engine_event ev = {.kind = ENGINE_TASK_FAILED, .token = token, .failure = *failure};

    return hf != NULL ? end_task(l, hf, &ev, w, err) : ERR_LEASE_LOST;
}

enum err_code ledger_task_succeed(struct ledger *l,
                                  struct fleet_worker *w,
                                  struct token token,
                                  struct slice result,
                                  struct err *err)
{
    struct hot_frame *hf = held_frame(l, w, token);
    struct engine_event ev = {.kind = ENGINE_TASK_SUCCEEDED, .token = token, .result = result};

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
                                 struct slice parts,
                                 struct ledger_commit *c,
                                 struct err *err)
{
    struct hot_frame *hf = held_frame(l, w, token);
    struct engine_event ev = {
        .kind = ENGINE_TASK_INTENT,
        .token = token,
        .output = {.parts = parts, .result = result},
    };
    bool taken = false;
    enum err_code rc;

    if (hf == NULL || hf->f.output.bucket.ptr == NULL) {
        return ERR_LEASE_LOST;
    }
    rc = try_result(l, hf, token, result, &taken, err);
    if (rc != OK) {
        return rc;
    }
    if (!taken) {
        /* It fails as a workflow's failure, and the upload is aborted with it. */
        rc = ledger_task_succeed(l, w, token, result, err);
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
        log_error("the step of a due task failed: execution=%.*s", SLICE_FMT(hf->hot->h.arn));
        fleet_task_end(l->fleet, task);
    }
}

static struct failure no_function(struct ledger *l, const struct hot_frame *hf)
{
    struct command c;
    struct err err;
    struct slice name = SLICE("?");

    if (engine_task(hf->hot->revision->parsed, &hf->hot->h, &hf->f, &l->arena, &c, &err) == OK) {
        name = c.function;
    }
    return (struct failure){
        SLICE("Lambda.ResourceNotFoundException"),
        arena_printf(
            &l->arena,
            "Function not found: arn:aws:lambda:%s:%012llu:function:%.*s (Service: Lambda, "
            "Status Code: 404): no worker offers it.",
            l->config.region, (unsigned long long)l->config.account, SLICE_FMT(name)),
    };
}

void ledger_due(struct ledger *l)
{
    for (unsigned n = 0; n < DUES_A_TURN && ledger_accepts(l); n++) {
        struct fleet_due due = fleet_next_due(l->fleet, l->now);

        switch (due.kind) {
        case FLEET_DUE_NONE: return;
        case FLEET_DUE_TIMER: due_timer(l, due.timer); break;
        case FLEET_DUE_TIMEOUT:
        case FLEET_DUE_HEARTBEAT:
            due_task(l, due.task,
                     (struct engine_event){.kind = ENGINE_TASK_TIMED_OUT,
                                           .heartbeat = due.kind == FLEET_DUE_HEARTBEAT});
            break;
        case FLEET_DUE_NO_FUNCTION:
            due_task(l, due.task,
                     (struct engine_event){.kind = ENGINE_TASK_FAILED,
                                           .failure = no_function(l, frame_of(due.task))});
            break;
        case FLEET_DUE_ORPHAN:
            due_task(l, due.task,
                     (struct engine_event){
                         .kind = ENGINE_TASK_FAILED,
                         .failure = {SLICE("Lambda.ServiceException"),
                                     SLICE("The worker did not come back after the coordinator's "
                                           "restart.")},
                     });
            break;
        case FLEET_DUE_WORKER:
            log_warn("worker not heard of: worker=%.*s", SLICE_FMT(due.worker->name));
            ledger_worker_remove(l, due.worker, "was not heard of and counts as lost");
            break;
        }
    }
}
