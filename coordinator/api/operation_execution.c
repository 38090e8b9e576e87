/* SPDX-License-Identifier: Apache-2.0 */
/* Executions: start, synchronous start, run, stop, redrive, wait. Idempotent by name, by state and
 * by token, as AWS's are. Source: AWS Step Functions API Reference. */
#include <string.h>

#include "coordinator/api/api.h"
#include "coordinator/asl/intrinsic_jackson.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

/* ---- start ---- */

static enum err_code input_invalid(struct slice why, struct err *err)
{
    return err_set(err, ERR_INVALID_EXECUTION_INPUT,
                   "Invalid State Machine Execution Input: '%.*s'", SLICE_FMT(why));
}

/* The input as compact JSON. */
static enum err_code
start_input(struct call *c, const Stepfleet__StartRequest *q, struct slice *out, struct err *err)
{
    struct arena *a = ledger_turn_arena(c->api->ledger);
    struct slice text = q->has_input ? message_slice(q->input) : SLICE("{}");
    const struct json_node *v;

    if (text.len > payload_bytes(c->api)) {
        return err_set(
            err, ERR_VALIDATION,
            "1 validation error detected: Value at 'input' failed to satisfy constraint: "
            "Member must have length less than or equal to %zu",
            payload_bytes(c->api));
    }
    if (text.len == 0) {
        return input_invalid(SLICE("Invalid execution input."), err);
    }
    if (json_parse(text, a, &v, err) != OK) {
        /* AWS's own words do not say where it is. */
        struct slice said = c->aws ? jackson_reason(text, a) : (struct slice){NULL, 0};

        return input_invalid(said.len != 0 ? said : arena_copy(a, slice_str(err->msg)), err);
    }
    *out = json_is_compact(text) ? text : json_print(v, a);
    return OK;
}

/* A client's start that names nothing gets a name that nothing else has. */
static bool is_named_here(const struct call *c, const Stepfleet__StartRequest *q)
{
    return q->name[0] == '\0' && c->task == NULL;
}

/* A task's start that names nothing has one name in every repeat. */
static struct slice start_name(const struct call *c, const Stepfleet__StartRequest *q)
{
    if (is_named_here(c, q)) {
        return ledger_uuid(c->api->ledger);
    }
    return q->name[0] != '\0' ? slice_str(q->name) : c->task->default_name;
}

static enum err_code check_trace(struct slice header, struct err *err)
{
    bool ascii = true;

    for (size_t i = 0; i < header.len; i++) {
        ascii = ascii && (unsigned char)header.ptr[i] < 0x80;
    }
    if (header.len <= LIMIT_TRACE_BYTES && ascii) {
        return OK;
    }
    return err_set(err, ERR_VALIDATION,
                   "1 validation error detected: Value '%.*s' at 'traceHeader' failed to satisfy "
                   "constraint: Member must %s",
                   SLICE_FMT(slice_head(header, 100)),
                   ascii ? "have length less than or equal to 256"
                         : "satisfy regular expression pattern: \\p{ASCII}*");
}

static enum err_code start_prepare(struct call *c,
                                   const Stepfleet__StartRequest *q,
                                   struct ledger_start *s,
                                   struct err *err)
{
    struct qualified at;
    enum err_code rc = find_qualified(c->api, q->machine, &at, err);

    if (rc != OK) {
        return rc;
    }
    s->machine = at.machine;
    ledger_start_route(c->api->ledger, at.version, at.alias, s);
    if (s->machine->deleting) {
        return machine_deleting(s->machine, err);
    }
    if (c->task != NULL && c->task->waits) {
        s->parent = c->task->task;
    }
    s->name = start_name(c, q);
    if (!text_is_name(s->name)) {
        return err_set(err, ERR_INVALID_NAME, "Invalid Name: '%.*s'",
                       SLICE_FMT(slice_head(s->name, 300)));
    }
    s->trace = slice_str(q->trace_header);
    rc = check_trace(s->trace, err);
    return rc == OK ? start_input(c, q, &s->input, err) : rc;
}

static void reply_start(struct call *c, struct slice arn, int64_t start_ms)
{
    Stepfleet__StartReply r = STEPFLEET__START_REPLY__INIT;

    r.execution_arn = arena_str(ledger_turn_arena(c->api->ledger), arn);
    r.start_ms = start_ms;
    c->reply(c, &r.base);
}

/* A task that would wait for it may, as others do. */
static bool
is_same_start(const struct call *c, const struct ledger_start *s, const struct execution_header *h)
{
    return h->status == EXECUTION_RUNNING && slice_eq(h->input.text, s->input) &&
           (s->parent.execution == 0 || ledger_can_wait(c->api->ledger));
}

/* Did this very attempt of a task start it, before a crash took the answer? */
static bool
is_own_start(const struct call *c, const struct ledger_start *s, const struct execution_header *h)
{
    return c->task != NULL &&
           (slice_eq(s->name, c->task->default_name) ||
            (s->parent.execution != 0 && h->parent.execution == s->parent.execution &&
             h->parent.frame == s->parent.frame && h->parent.attempt == s->parent.attempt &&
             h->parent.entered_event == s->parent.entered_event));
}

static void fail_exists(struct call *c, const struct ledger_start *s)
{
    call_fail(c, ERR_EXECUTION_EXISTS, "Execution Already Exists: '%.*s'", SLICE_FMT(s->arn));
}

static enum err_code wrong_type(struct err *err)
{
    return err_set(err, ERR_MACHINE_TYPE,
                   "This operation is not supported by this type of state machine");
}

/* The execution of that name, brought into memory; *out NULL: there is none. A name that was just
 * made is not looked for: that would be a fourth of the writer's time of a start. */
static enum err_code find_named(struct call *c,
                                const Stepfleet__StartRequest *q,
                                const struct ledger_start *s,
                                const struct execution_header **out,
                                struct err *err)
{
    struct ledger *l = c->api->ledger;
    uint64_t id;
    enum err_code rc;

    *out = NULL;
    if (is_named_here(c, q)) {
        return OK;
    }
    rc = ledger_execution_find(l, s->machine, s->name, &id, err);
    if (rc != OK) {
        return rc == ERR_NOT_FOUND ? OK : rc;
    }
    rc = ledger_execution_load(l, id, err);
    if (rc == OK) {
        *out = ledger_execution_header(l, id);
        rc = *out != NULL ? OK : err_set(err, ERR_INTERNAL, "a loaded execution is not there");
    }
    return rc;
}

/* A name that was used: the same start while it runs is the same execution, anything else is
 * refused. */
static void
start_again(struct call *c, const struct ledger_start *s, const struct execution_header *h)
{
    if (is_same_start(c, s, h) || is_own_start(c, s, h)) {
        c->started = h->id;
        reply_start(c, h->arn, h->start_ms);
    } else {
        fail_exists(c, s);
    }
}

void operation_EXECUTION_START(struct call *c)
{
    const Stepfleet__StartRequest *q = (const void *)c->request;
    struct ledger *l = c->api->ledger;
    struct ledger_start s = {0};
    const struct execution_header *h = NULL;
    struct err err;
    uint64_t id;
    enum err_code rc = start_prepare(c, q, &s, &err);

    if (rc == OK) {
        s.arn = ledger_start_arn(l, &s);
    }
    if (rc == OK && s.machine->express && s.parent.execution != 0) {
        rc = wrong_type(&err);
    }
    if (rc == OK && !s.machine->express) {
        rc = find_named(c, q, &s, &h, &err);
    }
    if (rc == OK && h != NULL) {
        start_again(c, &s, h);
        return;
    }
    if (rc == OK) {
        rc = ledger_start(l, &s, &id, &err);
    }
    if (rc == OK) {
        c->started = id;
        reply_start(c, s.arn, ledger_now(l).wall_ms);
    } else {
        c->fail(c, rc, &err);
    }
}

/* ---- run, wait ---- */

static const char too_many_waits[] = "too many synchronous runs and waits at once";

static int64_t wait_at_most(uint32_t wait_ms)
{
    return wait_ms < LIMIT_POLL_MS ? wait_ms : LIMIT_POLL_MS;
}

/* Answer with what there is, or when there is more than `seen`. */
static void describe_or_wait(struct call *c, uint64_t id, uint64_t seen, uint32_t wait_ms)
{
    Stepfleet__ExecutionDetail d = STEPFLEET__EXECUTION_DETAIL__INIT;
    struct ledger_view v;

    if (!ledger_execution_view(c->api->ledger, id, &v)) {
        describe_stored_or_wait(c, id, seen, wait_at_most(wait_ms));
    } else if (v.header->status != EXECUTION_RUNNING || v.header->next_event - 1 > seen) {
        describe_view(c->api, &v, &d);
        reply_execution(c, &d);
    } else if (!call_can_wait(c)) {
        call_fail(c, ERR_BUSY, "%s", too_many_waits);
    } else {
        wait_for(c, id, seen, wait_at_most(wait_ms));
    }
}

/* One of that name and input is this run, ended or not. */
static void run_again(struct call *c,
                      const struct ledger_start *s,
                      const struct execution_header *h,
                      uint32_t wait_ms)
{
    if (slice_eq(h->input.text, s->input)) {
        describe_or_wait(c, h->id, UINT64_MAX, wait_ms);
    } else {
        fail_exists(c, s);
    }
}

void operation_EXECUTION_RUN(struct call *c)
{
    const Stepfleet__StartRequest *q = (const void *)c->request;
    struct ledger *l = c->api->ledger;
    struct ledger_start s = {0};
    const struct execution_header *h = NULL;
    struct err err;
    uint64_t id;
    enum err_code rc = start_prepare(c, q, &s, &err);

    if (rc == OK && s.machine->express) {
        rc = wrong_type(&err);
    }
    if (rc == OK) {
        s.arn = ledger_start_arn(l, &s);
        rc = find_named(c, q, &s, &h, &err);
    }
    if (rc == OK && h != NULL) {
        run_again(c, &s, h, q->wait_ms);
        return;
    }
    if (rc == OK && !call_can_wait(c)) {
        rc = err_set(&err, ERR_BUSY, "%s", too_many_waits);
    }
    if (rc == OK) {
        rc = ledger_start(l, &s, &id, &err);
    }
    if (rc == OK) {
        wait_for(c, id, UINT64_MAX, wait_at_most(q->wait_ms));
    } else {
        c->fail(c, rc, &err);
    }
}

void operation_EXECUTION_START_SYNC(struct call *c)
{
    const Stepfleet__StartRequest *q = (const void *)c->request;
    struct ledger *l = c->api->ledger;
    struct ledger_start s = {.synchronous = true};
    struct err err;
    uint64_t id;
    enum err_code rc = data_asked(c, q->included_data, &err);

    if (rc == OK) {
        rc = start_prepare(c, q, &s, &err);
    }
    if (rc == OK && !s.machine->express) {
        rc = wrong_type(&err);
    }
    if (rc == OK && !call_can_wait(c)) {
        rc = err_set(&err, ERR_BUSY, "%s", too_many_waits);
    }
    if (rc == OK) {
        s.arn = ledger_start_arn(l, &s);
        rc = ledger_start(l, &s, &id, &err);
    }
    if (rc == OK) {
        wait_for_end(c, id);
    } else {
        c->fail(c, rc, &err);
    }
}

void operation_EXECUTION_WAIT(struct call *c)
{
    const Stepfleet__WaitRequest *q = (const void *)c->request;
    struct err err;
    uint64_t id;
    enum err_code rc = find_execution(c->api, q->execution, &id, NULL, &err);

    if (rc == OK) {
        describe_or_wait(c, id, q->seen, q->timeout_ms);
    } else {
        c->fail(c, rc, &err);
    }
}

/* ---- stop, redrive ---- */

static void reply_time(struct call *c, int64_t time_ms)
{
    Stepfleet__TimeReply r = STEPFLEET__TIME_REPLY__INIT;

    r.time_ms = time_ms;
    c->reply(c, &r.base);
}

/* Found and in memory. */
static enum err_code open_execution(struct call *c,
                                    const char *arn,
                                    uint64_t *id,
                                    const struct execution_header **out,
                                    struct err *err)
{
    enum err_code rc = find_execution(c->api, arn, id, NULL, err);

    if (rc == OK) {
        rc = ledger_execution_load(c->api->ledger, *id, err);
    }
    if (rc == OK) {
        *out = ledger_execution_header(c->api->ledger, *id);
        rc = *out != NULL ? OK : err_set(err, ERR_INTERNAL, "a loaded execution is not there");
    }
    return rc;
}

void operation_EXECUTION_STOP(struct call *c)
{
    const Stepfleet__StopRequest *q = (const void *)c->request;
    struct engine_event ev = {.kind = ENGINE_STOP};
    const struct execution_header *h;
    struct err err;
    uint64_t id;
    enum err_code rc = open_execution(c, q->execution, &id, &h, &err);

    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    if (h->status != EXECUTION_RUNNING) {
        reply_time(c, h->stop_ms); /* an ended execution stays as it ended */
        return;
    }
    if (q->has_error) {
        ev.failure.error = slice_head(slice_str(q->error), LIMIT_ERROR_BYTES);
    }
    if (q->has_cause) {
        ev.failure.cause = slice_head(message_slice(q->cause), LIMIT_CAUSE_BYTES);
    }
    rc = ledger_execution_event(c->api->ledger, id, &ev, &err);
    if (rc == OK) {
        reply_time(c, ledger_now(c->api->ledger).wall_ms);
    } else {
        c->fail(c, rc, &err);
    }
}

/* Under this token, lately: a repeat may come after the next redrive. */
static bool was_redriven(const struct execution_header *h, uint64_t token)
{
    for (size_t i = 0; token != 0 && i < REDRIVE_TOKENS; i++) {
        if (h->redrive_tokens[i] == token) {
            return true;
        }
    }
    return false;
}

/* What a client token is remembered by, beside the redrive it made. */
static uint64_t token_hash(const char *client_token)
{
    uint64_t h = hash_bytes(slice_str(client_token), 0);

    return client_token[0] == '\0' ? 0 : h | 1;
}

void operation_EXECUTION_REDRIVE(struct call *c)
{
    const Stepfleet__RedriveRequest *q = (const void *)c->request;
    struct ledger *l = c->api->ledger;
    struct engine_event ev = {
        .kind = ENGINE_REDRIVE,
        .redrive_token = token_hash(q->client_token),
    };
    const struct execution_header *h;
    const char *refusal;
    struct err err;
    uint64_t id;
    enum err_code rc = open_execution(c, q->execution, &id, &h, &err);

    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    if (h->redrive_count > 0 && was_redriven(h, ev.redrive_token)) {
        reply_time(c, h->redrive_ms);
        return;
    }
    refusal = ledger_redrive_refusal(h, ledger_now(l).wall_ms);
    if (refusal != NULL) {
        call_fail(c, ERR_NOT_REDRIVABLE, "Execution is not redrivable: %s. Execution Arn: '%s'",
                  refusal, q->execution);
        return;
    }
    rc = ledger_execution_event(l, id, &ev, &err);
    if (rc == OK) {
        reply_time(c, ledger_now(l).wall_ms);
    } else {
        c->fail(c, rc, &err);
    }
}
