/* SPDX-License-Identifier: Apache-2.0 */
/* Workers and what they are told: leases that were granted, tokens to be dropped, grants again
 * whose reply was lost. A mail leaves when the batch that holds its grants is durable. */
#include "coordinator/engine/trace.h"
#include "coordinator/ledger/run.h"
#include "proto/host/log.h"

enum {
    MAIL_BYTES_MAX = 4 * 1024 * 1024, /* of one reply: half a frame, above any one lease */
    LEASE_BYTES = 2048,               /* a lease beside its payload: names, ARN, numbers */
};

static struct hot_frame *frame_of(struct fleet_task *t)
{
    return container_of(t, struct hot_frame, task);
}

/* ---- mail ---- */

void mail_due(struct ledger *l, struct fleet_worker *w)
{
    struct ledger_mail *m = ledger_mail(w);

    if (list_empty(&m->link)) {
        list_push_back(&l->mail, &m->link);
    }
}

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

static size_t list_length(const struct list *list)
{
    size_t count = 0;

    LIST_EACH(at, list)
    {
        count++;
    }
    return count;
}

static struct slice lease_trace(struct ledger *l, const struct hot_frame *hf)
{
    const struct execution_header *h = &hf->hot->h;
    struct trace t;
    char *text;

    if (!logged_is_traced(l, hf->hot)) {
        return SLICE("");
    }
    t = execution_trace(h);
    t.span = attempt_span(h, hf->f.entered_event, hf->f.attempt);
    t.sampled = TRACE_SAMPLED;
    text = arena_alloc(&l->arena, TRACE_XRAY_BYTES);
    trace_write_xray(&t, text);
    return slice_str(text);
}

static bool lease_fill(struct ledger *l, struct hot_frame *hf, struct ledger_lease *out)
{
    const struct execution_header *h = &hf->hot->h;
    struct err err;

    if (task_order(l, hf, &err) != OK) {
        log_error("a task's payload cannot be made again: execution=%.*s: %s", SLICE_FMT(h->arn),
                  err.msg);
        return false;
    }
    *out = (struct ledger_lease){
        .token = hf->task.token,
        .function = hf->order->function,
        .qualifier = hf->order->qualifier,
        .credentials = hf->order->credentials,
        .log_tail = hf->order->log_tail,
        .submits = hf->order->submits,
        .payload = hf->order->payload,
        .trace = lease_trace(l, hf),
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
    size_t count = list_length(&m->outbox) + list_length(&m->pieces);
    size_t bytes = 0;

    *leases = arena_alloc(&l->arena, count * sizeof(**leases));
    *lease_count = 0;
    while (bytes < MAIL_BYTES_MAX && (n = list_pop_front(&m->outbox)) != NULL) {
        struct ledger_lease *lease = &(*leases)[*lease_count];

        if (lease_fill(l, container_of(n, struct hot_frame, mail), lease)) {
            bytes += lease->payload.len + lease->credentials.len + LEASE_BYTES;
            (*lease_count)++;
        }
    }
    while (bytes < MAIL_BYTES_MAX && (n = list_pop_front(&m->pieces)) != NULL) {
        struct ledger_lease *lease = &(*leases)[(*lease_count)++];

        run_lease_fill(l, container_of(n, struct run_piece, mail), lease);
        bytes += lease->payload.len + lease->piece->definition.len + lease->piece->arguments.len +
                 lease->piece->winners.len + LEASE_BYTES;
    }
    *drops = arena_alloc(&l->arena, m->drop_count * sizeof(**drops));
    if (m->drop_count != 0) {
        memcpy(*drops, m->drops, m->drop_count * sizeof(**drops));
    }
    *drop_count = m->drop_count;
    m->drop_count = 0;
    m->hand_back = false;
    list_remove(&m->link);
}

bool ledger_has_mail(const struct fleet_worker *w)
{
    const struct ledger_mail *m = ledger_mail(w);

    return !list_empty(&m->outbox) || !list_empty(&m->pieces) || m->drop_count != 0 || m->hand_back;
}

struct holds {
    struct ledger *l;
    struct fleet_worker *w;
};

static void holds_resend(void *arg, struct fleet_task *t)
{
    struct holds *s = arg;

    if (t->job) {
        run_resend(s->l, t, s->w);
    } else if (list_empty(&frame_of(t)->mail)) {
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

static void fail_one(struct ledger *l, struct fleet_task *task, const char *why)
{
    struct hot_frame *hf = frame_of(task);
    struct hot *h = hf->hot; /* the frame may go with the step */
    struct engine_event ev = {
        .kind = ENGINE_TASK_FAILED,
        .frame = hf->f.id,
        .token = task->token,
        .failure = {SLICE("Lambda.ServiceException"),
                    arena_printf(&l->arena, "The worker %.*s %s.", SLICE_FMT(hf->f.worker), why)},
    };
    struct err err;

    log_warn("lease lost: worker=%.*s execution=%.*s attempt=%u", SLICE_FMT(hf->f.worker),
             SLICE_FMT(h->h.arn), hf->f.attempt);
    list_remove(&hf->mail);
    task_ended(l, hf, STAGE_LOST);
    fleet_task_end(l->fleet, task);
    if (ledger_step(l, h, &ev, NULL, &err) == STEP_FAILED) {
        log_error("a lost lease's step failed: execution=%.*s: %s", SLICE_FMT(h->h.arn), err.msg);
    }
}

static void fail_lost(struct ledger *l, struct list *lost, const char *why)
{
    struct list *n;

    while ((n = list_pop_front(lost)) != NULL) {
        struct fleet_task *task = container_of(n, struct fleet_task, link);

        if (task->job) {
            run_lost(l, task);
        } else {
            fail_one(l, task, why);
        }
    }
}

static void mail_free(struct ledger_mail *m)
{
    while (list_pop_front(&m->outbox) != NULL) {
    }
    while (list_pop_front(&m->pieces) != NULL) {
    }
    list_remove(&m->link);
    mem_free(m->drops);
    mem_free(m);
}

static struct ledger_mail *mail_new(struct fleet_worker *w)
{
    struct ledger_mail *m = mem_zalloc(1, sizeof(*m));

    list_init(&m->outbox);
    list_init(&m->pieces);
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
    for (size_t i = 0; i < hello->offer_count; i++) {
        figures_stage_offered(&l->figures, hello->offers[i].function);
    }
    if ((*out)->user == NULL) {
        (*out)->user = mail_new(*out);
    }
    return OK;
}
