/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold when all is over: see sim.h. The coordinator is asked as clients ask it. */
#include <stdio.h>

#include "coordinator/ledger/ledger.h"
#include "proto/base/limits.h"
#include "tests/sim/client.h"
#include "tests/sim/history.h"
#include "tests/sim/job.h"
#include "tests/sim/trigger.h"

enum {
    CHECK_WAIT_SECONDS = 2 * 3600, /* runs of jobs are cleaned up once more after an hour */
    CHECK_LATE_MS = 30000,         /* a deadline may be kept so late, where faults have stopped */
    CHECK_TIMEOUT_US = 30 * SIM_SECOND,
    CHECK_TRIES = 100000, /* a coordinator that starts again within seconds */
    CHECK_LINGER_US = 60 * SIM_SECOND,
};

/* ---- asking ---- */

struct answer {
    bool came;
    unsigned tries;
    const ProtobufCMessageDescriptor *descriptor;
    struct arena *arena;
    enum err_code rc;
    struct err err;
    const void *reply;
};

/* The reply is gone after the call: kept as the bytes it came from. */
static void
answer_came(struct sim *s, void *arg, enum err_code rc, const struct err *err, const void *reply)
{
    struct answer *a = arg;
    const ProtobufCMessage *m = reply;

    (void)s;
    a->came = true;
    a->rc = rc;
    if (rc != OK) {
        a->err = *err;
        return;
    }
    a->reply = NULL;
    {
        size_t n = protobuf_c_message_get_packed_size(m);
        uint8_t *bytes = arena_alloc(a->arena, n + 1);

        (void)protobuf_c_message_pack(m, bytes);
        a->reply = message_unpack(a->descriptor, slice_make(bytes, n), a->arena, &a->err);
    }
}

/* Again where it may be: the last fault may still show. */
const void *
check_ask(struct sim *s, enum rpc method, const ProtobufCMessage *m, struct arena *arena)
{
    struct answer a = {.descriptor = rpc_reply(method), .arena = arena};

    do {
        a.came = false;
        (void)sim_ask(s, &s->client_nodes[0], method, m, CHECK_TIMEOUT_US, answer_came, &a);
        while (!a.came && sim_step(s)) {
        }
    } while (a.rc != OK && err_retryable(a.rc) && ++a.tries < CHECK_TRIES);
    if (a.rc != OK) {
        sim_violation(s, "%s at the end: %s (%s)", rpc_name(method), a.err.msg, err_name(a.rc));
    }
    return a.reply;
}

/* ---- histories ---- */

static const struct {
    const char *type;
    bool line;
    const char *after;
} grammar[] = {
#define EVENT(type, line, after) {type, line, after},
#include "tests/sim/grammar.def"
#undef EVENT
};

/* "*x", "x*" or "x". */
static bool is_like(struct slice type, struct slice pattern)
{
    if (pattern.len != 0 && pattern.ptr[0] == '*') {
        pattern = slice_from(pattern, 1);
        return type.len >= pattern.len && type.len != 0 &&
               slice_eq(slice_from(type, type.len - pattern.len), pattern);
    }
    return slice_eq(type, pattern) || (type.len == 0 && slice_eq_str(pattern, "-"));
}

static bool may_follow(struct slice type, const char *list)
{
    for (struct slice rest = slice_str(list); rest.len != 0;) {
        size_t space = slice_find(rest, ' ');
        struct slice word = slice_head(rest, space);

        if (is_like(type, word)) {
            return true;
        }
        rest = slice_from(rest, space + 1);
    }
    return false;
}

/* The row of a type: the first that fits, exact ones or not. */
static unsigned row_of(struct slice type)
{
    unsigned i = 0;

    while (i < sizeof(grammar) / sizeof(grammar[0]) && !is_like(type, slice_str(grammar[i].type))) {
        i++;
    }
    return i;
}

static bool closes(struct slice type)
{
    return slice_eq_str(type, "ExecutionSucceeded") || slice_eq_str(type, "ExecutionFailed") ||
           slice_eq_str(type, "ExecutionAborted") || slice_eq_str(type, "ExecutionTimedOut");
}

/* Seconds with a fraction. */
static int64_t event_ms(const struct json_node *e)
{
    double s = 0;

    (void)json_double(json_member(e, SLICE("timestamp")), &s);
    return (int64_t)(s * 1000 + 0.5);
}

/* The stage that a task's parameters name; len 0: none, or one whose token is enough. */
static struct slice read_stage(const struct json_node *details, struct arena *a)
{
    const struct json_node *parameters = json_member(details, SLICE("parameters"));
    const struct json_node *v;

    if (!slice_eq_str(json_text(json_member(details, SLICE("resource"))), "invoke") ||
        parameters == NULL || json_parse(json_text(parameters), a, &v, NULL) != OK) {
        return SLICE("");
    }
    return json_text(json_member(json_member(v, SLICE("Payload")), SLICE("currentStage")));
}

/* The state's name is in the details of its Entered and Exited events, an error in a failure's. */
static void read_details(const struct json_node *e, struct sim_event *out, struct arena *a)
{
    out->time_ms = event_ms(e);
    for (const struct json_node *d = json_first(e); d != NULL; d = json_next(e, d)) {
        const struct json_node *name =
            json_is(d, JSON_OBJECT) ? json_member(d, SLICE("name")) : NULL;
        const struct json_node *error =
            json_is(d, JSON_OBJECT) ? json_member(d, SLICE("error")) : NULL;

        if (name != NULL) {
            out->name = json_text(name);
        }
        if (error != NULL) {
            out->error = json_text(error);
        }
        if (json_is(d, JSON_OBJECT)) {
            out->stage = read_stage(d, a);
        }
    }
}

static void event_read(struct sim *s, struct sim_history *h, struct slice text, struct arena *a)
{
    const struct json_node *e;
    struct sim_event *out;
    struct err err;
    int64_t id;
    int64_t previous;

    if (json_parse(text, a, &e, &err) != OK) {
        sim_violation(s, "an event is no JSON: %s", err.msg);
    }
    if (h->count == h->cap) {
        size_t more = h->cap != 0 ? h->cap * 2 : 64;

        h->events = arena_grow(a, h->events, h->cap * sizeof(*out), more * sizeof(*out));
        h->cap = more;
        if (h->count == 0) {
            h->events[h->count++] = (struct sim_event){.type = SLICE("")};
        }
    }
    if (!json_i64(json_member(e, SLICE("id")), &id) ||
        !json_i64(json_member(e, SLICE("previousEventId")), &previous) ||
        (uint64_t)id != h->count || previous >= id) {
        sim_violation(s, "event %zu of a history is %.*s", h->count, SLICE_FMT(text));
    }
    out = &h->events[h->count++];
    *out = (struct sim_event){.type = json_text(json_member(e, SLICE("type"))),
                              .previous = (uint64_t)previous};
    read_details(e, out, a);
}

static void
history_read(struct sim *s, const struct sim_execution *e, struct arena *a, struct sim_history *h)
{
    Stepfleet__HistoryRequest q = STEPFLEET__HISTORY_REQUEST__INIT;
    char empty[] = "";

    q.execution = message_string(a, e->arn);
    q.max_results = LIMIT_PAGE_MAX;
    q.next_token = empty;
    do {
        const Stepfleet__HistoryReply *r = check_ask(s, RPC_EXECUTION_HISTORY, &q.base, a);

        for (size_t i = 0; i < r->n_events; i++) {
            event_read(s, h, message_slice(r->events[i]), a);
        }
        q.next_token = r->next_token;
    } while (q.next_token[0] != '\0');
}

static void
check_event(struct sim *s, const struct sim_execution *e, struct sim_history *h, size_t i)
{
    struct sim_event *ev = &h->events[i];
    struct sim_event *before = &h->events[ev->previous];
    unsigned row = row_of(ev->type);
    bool full = i == s->history_events && slice_eq_str(ev->type, "ExecutionFailed");

    if (full) {
        return; /* it ends whatever goes on */
    }
    if (row == sizeof(grammar) / sizeof(grammar[0]) ||
        !may_follow(before->type, grammar[row].after)) {
        sim_violation(s, "history of %s: event %zu, %.*s, follows %llu, %.*s", e->name, i,
                      SLICE_FMT(ev->type), (unsigned long long)ev->previous,
                      SLICE_FMT(before->type));
    }
    if (closes(ev->type) && i + 1 < h->count &&
        !slice_eq_str(h->events[i + 1].type, "ExecutionRedriven")) {
        sim_violation(s, "history of %s goes on after event %zu, %.*s", e->name, i,
                      SLICE_FMT(ev->type));
    }
    before->after++;
    row = row_of(before->type);
    if (before->after > 1 && before->type.len != 0 && grammar[row].line &&
        grammar[row_of(ev->type)].line) {
        sim_violation(s, "history of %s: two events follow %llu, %.*s", e->name,
                      (unsigned long long)ev->previous, SLICE_FMT(before->type));
    }
}

static const char *status_of_end(struct slice type)
{
    return slice_eq_str(type, "ExecutionSucceeded")  ? "SUCCEEDED"
           : slice_eq_str(type, "ExecutionFailed")   ? "FAILED"
           : slice_eq_str(type, "ExecutionAborted")  ? "ABORTED"
           : slice_eq_str(type, "ExecutionTimedOut") ? "TIMED_OUT"
                                                     : "RUNNING";
}

static void check_history(struct sim *s,
                          const struct sim_execution *e,
                          const Stepfleet__ExecutionDetail *d,
                          struct arena *a)
{
    struct sim_history h = {0};

    history_read(s, e, a, &h);
    if (h.count < 2 || !slice_eq_str(h.events[1].type, "ExecutionStarted")) {
        sim_violation(s, "history of %s does not begin", e->name);
    }
    for (size_t i = 1; i < h.count; i++) {
        check_event(s, e, &h, i);
    }
    if (strcmp(status_of_end(h.events[h.count - 1].type), d->status) != 0) {
        sim_violation(s, "%s is %s, and its history ends with %.*s", e->name, d->status,
                      SLICE_FMT(h.events[h.count - 1].type));
    }
    check_maps(s, e, client_definition(s, e->machine, d->revision), &h, a);
    check_retries(s, e, client_definition(s, e->machine, d->revision), &h, a);
    check_stages(s, e, &h, a);
}

/* ---- the model ---- */

static struct slice child_definition(void *arg, struct slice machine)
{
    for (unsigned i = 0; i < CLIENT_FIXED; i++) {
        if (slice_eq_str(machine, ((struct sim *)arg)->clients->fixed[i].name)) {
            return client_definition(arg, i, 1);
        }
    }
    return (struct slice){NULL, 0};
}

static bool is_same_json(struct slice x, struct slice y, struct arena *a)
{
    const struct json_node *left;
    const struct json_node *right;

    return slice_eq(x, y) || (json_parse(x, a, &left, NULL) == OK &&
                              json_parse(y, a, &right, NULL) == OK && json_equal(left, right));
}

static bool
is_outcome(const struct model_outcome *o, const Stepfleet__ExecutionDetail *d, struct arena *a)
{
    if (o->failed) {
        return strcmp(d->status, "FAILED") == 0 && slice_eq_str(o->error, d->error) &&
               (o->any_cause || slice_eq(o->cause, message_slice(d->cause)) ||
                slice_eq_str(o->error, "States.Timeout"));
    }
    return strcmp(d->status, "SUCCEEDED") == 0 &&
           is_same_json(o->output, message_slice(d->output), a);
}

static void check_outcome(struct sim *s,
                          const struct sim_execution *e,
                          const Stepfleet__ExecutionDetail *d,
                          struct arena *a)
{
    struct model_outcome outcomes[MODEL_OUTCOMES];
    struct model_run run = {.definition = client_definition(s, e->machine, d->revision),
                            .input = e->input,
                            .redrives = d->redrive_count,
                            .older = s->rarity[FAULT_UPGRADE] != 0,
                            .child = child_definition,
                            .arg = s};
    size_t count = model_run(&run, a, outcomes);

    s->modelled++;
    s->untold += count == 0;
    for (size_t i = 0; i < count; i++) {
        if (is_outcome(&outcomes[i], d, a)) {
            return;
        }
    }
    if (count != 0) {
        sim_violation(
            s,
            "%s of m%u revision %u is %s %s %.*s %.*s after %u redrives; the model says (1 "
            "of %zu) %s %.*s %.*s\ninput %.*s\n%.*s",
            e->name, e->machine, d->revision, d->status, d->error,
            SLICE_FMT(message_slice(d->cause)), SLICE_FMT(message_slice(d->output)),
            d->redrive_count, count, outcomes[0].failed ? "FAILED" : "SUCCEEDED",
            SLICE_FMT(outcomes[0].failed ? outcomes[0].error : outcomes[0].output),
            SLICE_FMT(outcomes[0].cause), SLICE_FMT(e->input), SLICE_FMT(run.definition));
    }
}

void check_synchronous(struct sim *s,
                       const struct sim_execution *e,
                       const Stepfleet__ExecutionDetail *d)
{
    struct arena a = {0};

    if (strcmp(d->status, "ABORTED") == 0 && s->clients->machines[e->machine].delete_asked) {
        return;
    }
    if (strcmp(d->status, "TIMED_OUT") != 0) { /* five minutes, by a clock that may jump */
        check_outcome(s, e, d, &a);
    }
    arena_fini(&a);
}

/* ---- executions ---- */

static void check_told(struct sim *s,
                       const struct sim_execution *e,
                       const Stepfleet__ExecutionDetail *d,
                       struct arena *a)
{
    bool later = s->clients->machines[e->machine].revisions[0].express; /* after a crash */

    if (strcmp(d->status, "RUNNING") == 0) {
        sim_violation(s, "%s runs for ever", e->name);
    }
    if (e->start_ms != 0 && e->start_ms != d->start_ms && !(later && e->start_ms < d->start_ms)) {
        sim_violation(s, "%s was acknowledged with another start", e->name);
    }
    if (d->revision < e->least_revision || d->revision > s->clients->machines[e->machine].asked) {
        sim_violation(s, "%s ran revision %u, and %u was acknowledged before", e->name, d->revision,
                      e->least_revision);
    }
    if (d->redrive_count < e->redrives_told || d->redrive_count > e->redrives_asked) {
        sim_violation(s, "%s was redriven %u times; %u were acknowledged, %u asked for", e->name,
                      d->redrive_count, e->redrives_told, e->redrives_asked);
    }
    if (strcmp(d->status, "ABORTED") == 0 && !e->stop_asked) {
        sim_violation(s, "%s was stopped, and nobody asked for it", e->name);
    }
    if (!is_same_json(message_slice(d->input), e->input, a)) {
        sim_violation(s, "%s has another input", e->name);
    }
}

/* The machine's time, which a redrive gives anew: nothing is timed out before, or goes on after. */
static void
check_time(struct sim *s, const struct sim_execution *e, const Stepfleet__ExecutionDetail *d)
{
    const struct model_machine *m = &s->clients->machines[e->machine].revisions[d->revision - 1];
    bool late = strcmp(d->status, "TIMED_OUT") == 0;
    int64_t limit_ms = m->deadline_s != 0 ? 1000 * (int64_t)m->deadline_s
                       : m->express       ? LIMIT_EXPRESS_MS
                                          : INT64_MAX / 2;
    int64_t from_ms = d->redrive_count != 0 ? d->redrive_ms : d->start_ms;
    int64_t due_ms = from_ms + limit_ms;

    if (late && d->stop_ms < due_ms) {
        sim_violation(s, "%s timed out after %lld ms", e->name, (long long)(d->stop_ms - from_ms));
    }
    if (!late && d->stop_ms > due_ms + CHECK_LATE_MS && d->stop_ms > s->calm_ms + CHECK_LATE_MS) {
        sim_violation(s, "%s ended after %lld ms, and had %lld", e->name,
                      (long long)(d->stop_ms - from_ms), (long long)limit_ms);
    }
}

/* Its history, or that of a child, may have ended it. */
static bool
is_full(const struct sim *s, const struct sim_execution *e, const Stepfleet__ExecutionDetail *d)
{
    const struct model_machine *m = &s->clients->machines[e->machine].revisions[d->revision - 1];
    static const char words[] = "The execution reached the maximum number of history events";

    return s->history_events != 0 && !m->express &&
           (m->children || slice_starts_with(message_slice(d->cause), slice_str(words)));
}

/* The quota is kept to the event. */
static void
check_full(struct sim *s, const struct sim_execution *e, const Stepfleet__ExecutionDetail *d)
{
    const struct model_machine *m = &s->clients->machines[e->machine].revisions[d->revision - 1];

    if (d->events > s->history_events || (d->events != s->history_events && !m->children)) {
        sim_violation(s, "%s is %s of %s, %.*s, with %llu events; it may have %llu", e->name,
                      d->status, d->error, SLICE_FMT(message_slice(d->cause)),
                      (unsigned long long)d->events, (unsigned long long)s->history_events);
    }
}

static void check_execution(struct sim *s, const struct sim_execution *e)
{
    Stepfleet__ExecutionRequest q = STEPFLEET__EXECUTION_REQUEST__INIT;
    const Stepfleet__ExecutionDetail *d;
    struct arena a = {0};

    q.execution = message_string(&a, e->arn);
    d = check_ask(s, RPC_EXECUTION_DESCRIBE, &q.base, &a);
    check_told(s, e, d, &a);
    check_history(s, e, d, &a);
    check_time(s, e, d);
    if (is_full(s, e, d)) {
        check_full(s, e, d);
    } else if (strcmp(d->status, "ABORTED") != 0 && strcmp(d->status, "TIMED_OUT") != 0) {
        check_outcome(s, e, d, &a);
    }
    arena_fini(&a);
}

/* The last synchronous runs stay in memory. */
static size_t kept(const struct sim *s)
{
    size_t n = s->triggers != NULL ? s->triggers->runs : 0;

    for (unsigned i = 0; i < s->options.executions; i++) {
        n += s->clients->executions[i].synchronous;
    }
    return n;
}

void check_pass(struct sim *s, int64_t us)
{
    int64_t end_us = s->now_us + us;

    while (s->now_us < end_us && sim_step(s)) {
    }
}

/* What nobody watches ends too: children, asynchronous runs. */
static void wait_until_rest(struct sim *s)
{
    Stepfleet__ListRequest q = STEPFLEET__LIST_REQUEST__INIT;
    char running[] = "RUNNING";
    int64_t end_us = s->now_us + (int64_t)CHECK_WAIT_SECONDS * SIM_SECOND;
    struct arena a = {0};
    const char *what;
    size_t left = 0;

    q.status = running;
    for (;;) {
        const Stepfleet__ListReply *r = check_ask(s, RPC_EXECUTION_LIST, &q.base, &a);

        if (coordinator_ledger(s) != NULL && r->n_executions == 0 &&
            ledger_hot_count(coordinator_ledger(s)) <= kept(s) && objects_open_uploads(s) == 0 &&
            rest_left(s, &left) == NULL) {
            break;
        }
        if (s->now_us > end_us) {
            what = rest_left(s, &left);
            sim_violation(
                s,
                "%zu executions run for ever, %zu are in memory, %zu uploads are open, %zu "
                "%s are left",
                r->n_executions, ledger_hot_count(coordinator_ledger(s)), objects_open_uploads(s),
                left, what != NULL ? what : "things");
        }
        check_pass(s, SIM_SECOND);
        arena_reset(&a);
    }
    arena_fini(&a);
}

/* What was to be deleted is, once nothing of it runs; and nothing else is. */
static void check_deleted(struct sim *s)
{
    struct ledger *l = coordinator_ledger(s);

    for (unsigned i = 0; i < s->clients->machine_count; i++) {
        const struct sim_machine *m = &s->clients->machines[i];
        bool there = ledger_machine_find(l, slice_str(m->revisions[0].name)) != NULL;

        if (there == m->delete_told) {
            sim_violation(s, "m%u is %s, and its deletion %s", i, there ? "there" : "gone",
                          m->delete_told ? "was acknowledged" : "nobody asked for");
        }
    }
}

void check_world(struct sim *s)
{
    const struct sim_clients *c = s->clients;

    triggers_end(s);
    wait_until_rest(s);
    check_pass(s, CHECK_LINGER_US); /* handlers that were dropped end */
    for (unsigned i = 0; i < s->options.executions; i++) {
        const struct sim_execution *e = &c->executions[i];

        if (e->started && !e->synchronous && !c->machines[e->machine].delete_asked) {
            check_execution(s, e);
        }
    }
    check_deleted(s);
    objects_check(s);
    jobs_check_world(s);
    triggers_check_world(s);
    workers_check(s);
    rest_check(s);
    check_database(s);
}
