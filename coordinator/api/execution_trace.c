/* SPDX-License-Identifier: Apache-2.0 */
/* What an event belongs to is found by the event before it: a state entered after another is below
 * what that one was below, what a Parallel or Map started is below it, an attempt is below its
 * state.
 *
 *   execution -- state -- attempt
 *                  '----- iteration -- state -- attempt */
#include "coordinator/api/execution_trace.h"

#include <string.h>

#include "coordinator/api/logged_thread.h"
#include "coordinator/api/reading.h"
#include "coordinator/engine/trace.h"
#include "proto/base/limits.h"
#include "proto/host/log.h"

struct execution_trace {
    struct api *api;
    struct otlp *otlp;
    struct logged_thread *thread;
};

enum scope_kind { SCOPE_EXECUTION, SCOPE_STATE, SCOPE_ITERATION, SCOPE_ATTEMPT };

struct scope {
    enum scope_kind kind;
    struct scope *up;
    uint64_t span;
    uint64_t entered; /* the event that began it */
    int64_t start_ms;
    struct slice name;
    struct slice type; /* STATE: "Task" */
    uint32_t attempts; /* STATE: so far; ATTEMPT: which */
    uint64_t index;    /* ITERATION */
    int64_t begun_ms;  /* ATTEMPT: a worker has it; 0: none */
    struct slice worker;
    struct scope *next; /* made before this one */
    bool ended;
};

struct tracing {
    struct execution_trace *x;
    const struct execution_header *h;
    const struct asl_machine *machine;
    struct arena *arena; /* to the end of the execution */
    struct trace trace;
    struct scope *last;    /* of all, the one made last */
    struct scope **scopes; /* by an event's id, below `event_end`; 0: the execution's */
    uint64_t event_end;
};

/* ---- spans ---- */

static struct scope *open_scope(struct tracing *t,
                                enum scope_kind kind,
                                struct scope *up,
                                const struct history_event *ev)
{
    struct scope *s = ARENA_NEW(t->arena, struct scope);

    s->kind = kind;
    s->up = up;
    s->entered = ev->id;
    s->start_ms = ev->time_ms;
    s->next = t->last;
    t->last = s;
    return s;
}

static void put_attempt(const struct scope *s, struct otlp_span *span)
{
    span->kind = OTLP_CLIENT;
    otlp_span_number(span, "stepfleet.attempt", s->attempts);
    otlp_span_text(span, "stepfleet.worker", s->worker);
    if (s->begun_ms != 0) {
        otlp_span_number(span, "stepfleet.waited_ms", s->begun_ms - s->start_ms);
    }
}

static void put_execution(const struct execution_header *h, struct otlp_span *span)
{
    span->kind = OTLP_SERVER;
    otlp_span_text(span, "stepfleet.execution", h->arn);
    otlp_span_text(span, "stepfleet.state_machine", h->machine_arn);
    otlp_span_text(span, "stepfleet.status", slice_str(execution_status_name(h->status)));
    otlp_span_number(span, "stepfleet.redrive_count", h->redrive_count);
}

static void
close_scope(struct tracing *t, struct scope *s, const struct history_event *ev, bool failed)
{
    struct otlp_span span = {
        .trace = t->trace,
        .id = s->span,
        .kind = OTLP_INTERNAL,
        .name = s->name,
        .start_us = s->start_ms * 1000,
        .end_us = ev->time_ms * 1000,
        .failed = failed,
        .message = ev->cause,
    };

    if (s->ended) {
        return;
    }
    s->ended = true;
    if (s->up != NULL) {
        span.trace.span = s->up->span;
    }
    switch (s->kind) {
    case SCOPE_EXECUTION: put_execution(t->h, &span); break;
    case SCOPE_STATE: otlp_span_text(&span, "stepfleet.state.type", s->type); break;
    case SCOPE_ITERATION: otlp_span_number(&span, "stepfleet.iteration", (int64_t)s->index); break;
    case SCOPE_ATTEMPT: put_attempt(s, &span); break;
    }
    if (failed) {
        otlp_span_text(&span, "error.type", ev->error);
    }
    otlp_put(t->x->otlp, &span);
}

/* ---- events ---- */

static bool ends_with(const char *name, const char *end)
{
    return slice_ends_with(slice_str(name), slice_str(end));
}

/* Those of a thing's end that are none of a good one. */
static bool is_failure(const char *name)
{
    return !ends_with(name, "Succeeded") && !ends_with(name, "Exited");
}

static struct scope *below(struct scope *s, enum scope_kind kind)
{
    while (s->kind != kind && s->up != NULL) {
        s = s->up;
    }
    return s;
}

static struct scope *
enter_state(struct tracing *t, struct scope *at, const struct history_event *ev)
{
    struct scope *s = open_scope(t, SCOPE_STATE, at, ev);

    s->span = state_span(t->h, ev->id);
    if (ev->state < t->machine->state_count) {
        s->name = t->machine->states[ev->state].name;
        s->type = slice_str(asl_kind_name(t->machine->states[ev->state].kind));
    }
    return s;
}

static struct scope *
enter_iteration(struct tracing *t, struct scope *at, const struct history_event *ev)
{
    struct scope *map = below(at, SCOPE_STATE);
    struct scope *s = open_scope(t, SCOPE_ITERATION, map, ev);

    s->span = state_span(t->h, ev->id);
    s->index = ev->index;
    s->name =
        arena_printf(t->arena, "%.*s[%llu]", SLICE_FMT(map->name), (unsigned long long)ev->index);
    return s;
}

static struct scope *
enter_attempt(struct tracing *t, struct scope *at, const struct history_event *ev)
{
    struct scope *state = below(at, SCOPE_STATE);
    struct scope *s = open_scope(t, SCOPE_ATTEMPT, state, ev);

    s->attempts = ++state->attempts;
    s->span = attempt_span(t->h, state->entered, s->attempts);
    s->name = arena_printf(t->arena, "%.*s #%u", SLICE_FMT(state->name), (unsigned)s->attempts);
    return s;
}

/* It is over, and what comes next is below what it was below. */
static struct scope *leave(struct tracing *t, struct scope *s, const struct history_event *ev)
{
    close_scope(t, s, ev, is_failure(history_type_name(ev->type)));
    return s->up != NULL ? s->up : s;
}

/* What is behind an event of an attempt, a state or an iteration. */
static struct scope *follow(struct tracing *t, struct scope *at, const struct history_event *ev)
{
    const char *name = history_type_name(ev->type);

    if (ends_with(name, "StateEntered")) {
        return enter_state(t, at, ev);
    }
    if (ends_with(name, "StateExited")) {
        return leave(t, below(at, SCOPE_STATE), ev);
    }
    if (ev->type == HISTORY_MAP_ITERATION_STARTED) {
        return enter_iteration(t, at, ev);
    }
    if (strncmp(name, "MapIteration", strlen("MapIteration")) == 0) {
        return leave(t, below(at, SCOPE_ITERATION), ev);
    }
    if (ends_with(name, "Scheduled")) {
        return enter_attempt(t, at, ev);
    }
    if (at->kind != SCOPE_ATTEMPT) {
        return ends_with(name, "StateAborted") ? leave(t, below(at, SCOPE_STATE), ev) : at;
    }
    if (ends_with(name, "Started")) {
        at->begun_ms = ev->time_ms;
        at->worker = arena_copy(t->arena, ev->worker);
    }
    return ends_with(name, "Succeeded") || ends_with(name, "Failed") || ends_with(name, "TimedOut")
               ? leave(t, at, ev)
               : at;
}

/* Whatever is open ends with the execution. */
static void end_all(struct tracing *t, const struct history_event *ev)
{
    bool failed = ev->type != HISTORY_EXECUTION_SUCCEEDED;

    for (struct scope *s = t->last; s != NULL; s = s->next) {
        close_scope(t, s, ev, failed);
    }
}

static void take_event(struct tracing *t, const struct history_event *ev)
{
    struct scope *at;

    if (ev->id >= t->event_end) {
        return;
    }
    if (ev->type == HISTORY_EXECUTION_STARTED) {
        at = open_scope(t, SCOPE_EXECUTION, NULL, ev);
        at->span = execution_span(t->h);
        at->name = t->h->machine_name;
        t->scopes[0] = at;
    }
    at = ev->previous < ev->id ? t->scopes[ev->previous] : NULL;
    at = at != NULL ? at : t->scopes[0];
    if (at != NULL) {
        t->scopes[ev->id] = follow(t, at, ev);
    }
}

static bool is_end(enum history_type type)
{
    return type == HISTORY_EXECUTION_SUCCEEDED || type == HISTORY_EXECUTION_FAILED ||
           type == HISTORY_EXECUTION_TIMED_OUT || type == HISTORY_EXECUTION_ABORTED;
}

/* ---- an execution ---- */

/* @param[out] end  the last event that ended it */
static enum err_code take_records(struct tracing *t,
                                  const struct record_source *source,
                                  struct history_event *end,
                                  struct err *err)
{
    struct arena a = {0};
    enum err_code rc = OK;

    for (uint64_t at = 0; rc == OK && at <= t->h->sequence; at++) {
        struct record record;
        struct slice bytes;

        rc = record_read(source, at, &a, &bytes, err);
        if (rc == OK) {
            rc = record_decode(bytes, &a, &record, err);
        }
        for (size_t i = 0; rc == OK && i < record.event_count; i++) {
            const struct history_event *ev = &record.events[i];

            take_event(t, ev);
            if (is_end(ev->type)) {
                *end = *ev;
                end->error = arena_copy(t->arena, ev->error);
                end->cause = arena_copy(t->arena, ev->cause);
            }
        }
        arena_reset(&a);
    }
    arena_fini(&a);
    return rc;
}

static enum err_code trace_one(struct execution_trace *x,
                               const struct record_source *source,
                               const struct execution_header *h,
                               struct arena *a,
                               struct err *err)
{
    struct tracing t = {.x = x, .h = h, .arena = a, .trace = execution_trace(h)};
    struct history_event end = {0};
    struct asl_machine *machine = NULL;
    struct arena parsed = {0};
    enum err_code rc = reading_machine(x->api, h, &parsed, &machine, err);

    t.machine = machine;
    t.event_end = h->next_event < LIMIT_TRACE_EVENTS ? h->next_event : LIMIT_TRACE_EVENTS;
    t.scopes = ARENA_ARRAY(a, t.event_end + 1, struct scope *);
    if (rc == OK) {
        rc = take_records(&t, source, &end, err);
    }
    if (rc == OK) {
        end_all(&t, &end);
    }
    if (machine != NULL) {
        asl_machine_free(machine);
    }
    arena_fini(&parsed);
    return rc;
}

static void take(void *arg, const struct ledger_logged *ended)
{
    struct execution_trace *x = arg;
    struct ledger *l = x->api->ledger;
    struct record_source source = {
        .rules = ledger_rules(l),
        .store = ended->record_count == 0 ? ledger_store(l) : NULL,
        .account = ledger_configuration(l)->account,
        .execution = ended->execution,
        .records = ended->records,
        .record_count = ended->record_count,
    };
    struct arena a = {0};
    struct image im;
    struct err err = {0};
    enum err_code rc = image_read(&source, &a, &im, &err);

    if (rc == OK) {
        rc = trace_one(x, &source, &im.header, &a, &err);
    }
    if (rc != OK && rc != ERR_NOT_FOUND && rc != ERR_EXECUTION_DOES_NOT_EXIST) {
        log_warn("traces: an execution is left out: %s", err.msg);
    }
    arena_fini(&a);
}

enum err_code execution_trace_open(struct api *api,
                                   struct otlp *otlp,
                                   struct execution_trace **out,
                                   struct err *err)
{
    struct execution_trace *x = mem_zalloc(1, sizeof(*x));

    x->api = api;
    x->otlp = otlp;
    x->thread = logged_thread_open(&(struct logged_thread_work){"traces", x, take, NULL});
    if (x->thread == NULL) {
        mem_free(x);
        return err_set(err, ERR_NO_MEMORY, "no memory for a thread, or there are too many");
    }
    *out = x;
    return OK;
}

void execution_trace_put(struct execution_trace *x, struct ledger_logged *ended)
{
    logged_thread_put(x->thread, ended);
}

void execution_trace_close(struct execution_trace *x)
{
    logged_thread_close(x->thread);
    mem_free(x);
}
