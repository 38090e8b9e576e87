/* SPDX-License-Identifier: Apache-2.0 */
/* What takes its time. Handlers as targets: a worker that offers the function runs it, as AWS
 * Lambda does for an asynchronous invocation. Each try is a synchronous Express execution of a
 * machine that nobody finds, with one Task: leases, fencing, timeouts and lost workers are the
 * engine's and the fleet's. It lives in memory alone; the delivery's row outlives it, so that after
 * a crash the function runs again: at least once, for at most the five minutes of an Express
 * execution.
 *
 *   due ---flight_begin---> in flight ---its run ends---> over ---flight_end---> done | failed */
#include <assert.h>

#include "coordinator/ledger/delivery.h"
#include "proto/base/text.h"
#include "proto/base/utf8.h"

#define DEFINITION                                                                                 \
    "{\"StartAt\":\"Invoke\",\"States\":{\"Invoke\":{\"Type\":\"Task\",\"End\":true,"              \
    "\"Resource\":\"arn:aws:states:::lambda:invoke\",\"Parameters\":{"                             \
    "\"FunctionName.$\":\"$.function\",\"Payload.$\":\"$.payload\"},\"ResultPath\":null}}}"

enum { REASON_BYTES = 1024 };

bool delivery_is_flight(const struct ledger *l, const struct delivery_row *row)
{
    const struct target_place place = ledger_target_place(l);
    enum target_kind kind;
    struct slice name;

    return target_of_arn(row->target_arn, &place, &kind, &name) &&
           (kind == TARGET_HANDLER || kind == TARGET_WEBHOOK);
}

static enum err_code start(struct ledger *l, struct slice input, uint64_t *id, struct err *err)
{
    struct ledger_start s = {.input = input, .synchronous = true};

    if (l->invoker == NULL) {
        l->invoker = machine_own(l, SLICE("$events"), SLICE(DEFINITION));
    }
    s.machine = l->invoker;
    s.name = ledger_uuid(l);
    s.arn = ledger_start_arn(l, &s);
    return ledger_start(l, &s, id, err);
}

/* A worker's or the fleet's affair, not the function's: "Lambda.ServiceException" and the like. */
static bool is_own(const struct execution_header *h)
{
    return h->status == EXECUTION_FAILED && (!slice_starts_with(h->error, SLICE("Lambda.")) ||
                                             slice_eq_str(h->error, "Lambda.Unknown"));
}

/* What a server or a function said, as text that every reader of a queue or a log can take: spaces
 * for controls, question marks for what is no UTF-8. Owned by the caller. */
static char *readable(struct slice said)
{
    char *text = mem_alloc(REASON_BYTES + 1);
    const char *p = said.ptr;
    const char *end = p + said.len;
    size_t len = 0;

    while (p != end) {
        size_t n = utf8_sequence(p, end);
        bool control = (uint8_t)*p < 0x20 || *p == 0x7f;

        if (len + (n != 0 ? n : 1) > REASON_BYTES) {
            break;
        }
        if (n == 0 || control) {
            text[len] = control ? ' ' : '?';
            n = 1;
        } else {
            memcpy(text + len, p, n);
        }
        len += n;
        p += n;
    }
    text[len] = '\0';
    return text;
}

void flight_over(struct ledger *l,
                 struct delivery *d,
                 enum delivery_end end,
                 const char *code,
                 struct slice reason)
{
    flight_land(l, d);
    d->end = end;
    d->code = code;
    d->reason = readable(reason);
    list_push_back(&l->deliveries_over, &d->over);
}

static void run_over(struct ledger *l, struct delivery *d, const struct execution_header *h)
{
    d->own = is_own(h);
    if (h->status == EXECUTION_TIMED_OUT) {
        flight_over(l, d, DELIVERY_FAILED, "TIMEOUT",
                    SLICE("The function did not end in the time that it has."));
    } else {
        flight_over(l, d, h->status == EXECUTION_SUCCEEDED ? DELIVERY_DONE : DELIVERY_FAILED,
                    "ERROR_FROM_TARGET",
                    arena_printf(&l->arena, "%.*s%s%.*s", SLICE_FMT(h->error),
                                 h->error.len != 0 ? ": " : "", SLICE_FMT(h->cause)));
    }
}

/* What the machine gets. A payload that is a string is read as JSON once more: as AWS has it. */
static struct slice
run_input(struct ledger *l, struct slice function, const struct json_node *payload)
{
    struct json_builder b = json_build_object(&l->arena);

    if (json_is(payload, JSON_STRING)) {
        payload = json_string(&l->arena, json_print(payload, &l->arena));
    }
    json_put(&b, SLICE("function"), json_string(&l->arena, function));
    json_put(&b, SLICE("payload"), payload);
    return json_print(json_built(&b), &l->arena);
}

static void run_begun(struct ledger *l, struct delivery *d, uint64_t run)
{
    const struct execution_header *h = ledger_execution_header(l, run);

    flight_take_off(l, d);
    if (h != NULL && h->status != EXECUTION_RUNNING) {
        run_over(l, d, h); /* within its first step */
        return;
    }
    d->run = run;
    hash_insert(&l->delivery_flights, &d->by_run, hash_u64(run));
}

static enum delivery_end handler_begin(struct ledger *l,
                                       struct delivery *d,
                                       const struct delivery_row *row,
                                       struct slice function,
                                       struct delivery_fault *fault)
{
    const struct json_node *payload;
    struct slice input;
    uint64_t run;
    struct err err;

    if (json_parse(delivery_input(row), &l->arena, &payload, NULL) != OK) {
        return delivery_refuse(fault, "INVALID_JSON", SLICE("The input is not JSON."));
    }
    input = run_input(l, function, payload);
    if (input.len > l->rules.payload_bytes) {
        return delivery_refuse(fault, "INVALID_PARAMETER", SLICE("The input is too large."));
    }
    if (start(l, input, &run, &err) != OK) {
        return delivery_fail(fault, "THROTTLING", arena_copy(&l->arena, slice_str(err.msg)));
    }
    run_begun(l, d, run);
    return DELIVERY_AWAY;
}

enum delivery_end flight_begin(struct ledger *l,
                               struct delivery *d,
                               const struct delivery_row *row,
                               struct delivery_fault *fault)
{
    const struct target_place place = ledger_target_place(l);
    enum target_kind kind;
    struct slice name;

    if (!target_of_arn(row->target_arn, &place, &kind, &name)) {
        return delivery_refuse(fault, "NO_RESOURCE", SLICE("There is no such target."));
    }
    return kind == TARGET_WEBHOOK ? webhook_begin(l, d, row, name, fault)
                                  : handler_begin(l, d, row, name, fault);
}

void delivery_run_ended(struct ledger *l, const struct execution_header *h)
{
    HASH_EACH_MATCH(n, &l->delivery_flights, hash_u64(h->id))
    {
        struct delivery *d = container_of(n, struct delivery, by_run);

        if (d->run == h->id) {
            run_over(l, d, h);
            return;
        }
    }
}

enum delivery_end flight_end(struct ledger *l, struct delivery *d, struct delivery_fault *fault)
{
    assert(d->reason != NULL);
    *fault = (struct delivery_fault){
        .code = d->code,
        .message = arena_copy(&l->arena, slice_str(d->reason)),
        .own = d->own,
    };
    flight_forget(l, d);
    return d->end;
}

void flight_forget(struct ledger *l, struct delivery *d)
{
    flight_land(l, d);
    list_remove(&d->over);
    mem_free(d->reason);
    d->reason = NULL;
}
