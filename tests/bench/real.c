/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/real.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/bench/process.h"

enum { READY_MS = 30000, WAIT_MS = 60000, ANSWER_MS = 1000 };

/* ---- messages ---- */

nng_msg *real_request(enum rpc method, const ProtobufCMessage *m)
{
    size_t bytes = protobuf_c_message_get_packed_size(m);
    struct envelope e = {.version = WIRE_VERSION_MAX, .method = (uint16_t)method};
    nng_msg *out;

    if (nng_msg_alloc(&out, WIRE_HEADER_BYTES + bytes) != 0) {
        die_no_memory(bytes);
    }
    envelope_encode(&e, nng_msg_body(out));
    (void)protobuf_c_message_pack(m, (uint8_t *)nng_msg_body(out) + WIRE_HEADER_BYTES);
    return out;
}

void *real_reply(enum rpc method, nng_msg *reply, struct arena *a)
{
    struct slice frame = slice_make(nng_msg_body(reply), nng_msg_len(reply));
    struct envelope e;
    struct err err;
    void *m = NULL;

    if (envelope_decode(frame, &e, &err) != OK) {
        bench_die("%s: %s", rpc_name(method), err.msg);
    }
    if (e.status != 0) {
        const Stepfleet__ErrorBody *b =
            message_unpack(&stepfleet__error_body__descriptor, e.body, a, &err);

        bench_die("%s: %s: %s", rpc_name(method), b != NULL ? b->code : "?",
                  b != NULL ? b->message : "?");
    }
    m = message_unpack(rpc_reply(method), e.body, a, &err);
    if (m == NULL) {
        bench_die("%s: %s", rpc_name(method), err.msg);
    }
    return m;
}

static void *ask(const struct real *r, enum rpc method, const ProtobufCMessage *m, struct arena *a)
{
    nng_msg *reply = load_ask(r->url, real_request(method, m));
    void *out = real_reply(method, reply, a);

    nng_msg_free(reply);
    return out;
}

Stepfleet__HealthReply *real_health(const struct real *r, struct arena *a)
{
    const Stepfleet__Empty m = STEPFLEET__EMPTY__INIT;

    return ask(r, RPC_HEALTH, &m.base, a);
}

/* ---- what is started ---- */

bool real_answers(const struct real *r, int timeout_ms)
{
    const Stepfleet__Empty m = STEPFLEET__EMPTY__INIT;
    nng_msg *reply = load_try(r->url, real_request(RPC_HEALTH, &m.base), timeout_ms);

    if (reply != NULL) {
        nng_msg_free(reply);
    }
    return reply != NULL;
}

void real_coordinator(struct real *r)
{
    char program[512];
    const char *const argv[] = {program, "--data", r->data, "--listen", r->url, NULL};
    int64_t by = bench_now_ns() + (int64_t)READY_MS * 1000000;

    (void)snprintf(program, sizeof(program), "%s/stepfleet-coordinator", r->bin);
    r->coordinator = process_start(argv, r->log);
    while (!real_answers(r, ANSWER_MS)) {
        process_check(r->coordinator, r->log);
        if (bench_now_ns() > by) {
            bench_die("the coordinator does not answer, see %s", r->log);
        }
        bench_sleep_ms(1);
    }
    process_check(r->coordinator, r->log); /* it was it that answered */
}

static void wait_workers(const struct real *r, struct arena *a)
{
    const Stepfleet__Empty m = STEPFLEET__EMPTY__INIT;
    int64_t by = bench_now_ns() + (int64_t)READY_MS * 1000000;

    for (;;) {
        const Stepfleet__WorkersReply *w = ask(r, RPC_WORKERS, &m.base, a);

        if (w->n_workers == r->worker_count) {
            return;
        }
        if (bench_now_ns() > by) {
            bench_die("the workers do not come, see %s", r->log);
        }
        for (unsigned i = 0; i < r->worker_count; i++) {
            process_check(r->workers[i], r->log);
        }
        bench_sleep_ms(20);
    }
}

void real_workers(struct real *r)
{
    char program[512];
    char name[16];
    char slots[16];
    struct arena a = {0};
    const char *const argv[] = {program,   "--coordinator", r->url,       "--name",    name,
                                "--slots", slots,           "--function", "echo=echo", NULL};

    (void)snprintf(program, sizeof(program), "%s/stepfleet-worker", r->bin);
    (void)snprintf(slots, sizeof(slots), "%d", REAL_SLOTS);
    while (r->worker_count < REAL_WORKERS) {
        (void)snprintf(name, sizeof(name), "w%u", r->worker_count);
        r->workers[r->worker_count++] = process_start(argv, r->log);
    }
    wait_workers(r, &a);
    arena_fini(&a);
}

void real_end(struct real *r, bool gently)
{
    while (r->worker_count > 0) {
        process_end(r->workers[--r->worker_count], false);
    }
    if (r->coordinator != 0) {
        process_end(r->coordinator, gently);
        r->coordinator = 0;
    }
}

/* ---- machines and documents ---- */

void real_machine(struct real *r, struct slice definition)
{
    Stepfleet__MachineCreateRequest m = STEPFLEET__MACHINE_CREATE_REQUEST__INIT;
    const Stepfleet__MachineReply *reply;
    struct arena a = {0};

    m.name = "bench";
    m.definition = message_bytes(definition);
    reply = ask(r, RPC_MACHINE_CREATE, &m.base, &a);
    (void)snprintf(r->machine, sizeof(r->machine), "%s", reply->arn);
    arena_fini(&a);
}

struct slice real_chain(struct arena *a, unsigned stages)
{
    struct buf b = {0};
    struct slice out;

    buf_put_str(&b, "{\"StartAt\":\"S1\",\"States\":{");
    for (unsigned i = 1; i <= stages; i++) {
        struct slice next =
            i == stages ? SLICE("\"End\":true") : arena_printf(a, "\"Next\":\"S%u\"", i + 1);

        buf_put_slice(&b,
                      arena_printf(a,
                                   "%s\"S%u\":{\"Type\":\"Task\",\"Resource\":"
                                   "\"arn:aws:lambda:us-east-1:123456789012:function:echo\",%.*s}",
                                   i == 1 ? "" : ",", i, SLICE_FMT(next)));
    }
    buf_put_str(&b, "}}");
    out = arena_copy(a, buf_slice(&b));
    buf_fini(&b);
    return out;
}

void real_document(uint64_t number, char out[REAL_DOCUMENT_BYTES])
{
    size_t len = 0;
    char member[80];

    for (unsigned i = 0;; i++) {
        int n = snprintf(member, sizeof(member),
                         "%s\"member%02u\":{\"id\":%" PRIu64 ",\"text\":\"something\"}",
                         i == 0 ? "{" : ",", i, number * 100 + i);

        if (len + (size_t)n + sizeof(",\"fill\":\"\"}") > REAL_DOCUMENT_BYTES) {
            break;
        }
        memcpy(out + len, member, (size_t)n);
        len += (size_t)n;
    }
    memcpy(out + len, ",\"fill\":\"", 9);
    memset(out + len + 9, 'x', REAL_DOCUMENT_BYTES - len - 9);
    memcpy(out + REAL_DOCUMENT_BYTES - 2, "\"}", 2);
}

/* ---- a client ---- */

static nng_msg *start_request(const struct real *r, enum rpc method, uint64_t number)
{
    Stepfleet__StartRequest m = STEPFLEET__START_REQUEST__INIT;
    char document[REAL_DOCUMENT_BYTES];
    char name[32];

    real_document(number, document);
    (void)snprintf(name, sizeof(name), "run-%012" PRIu64, number);
    m.machine = (char *)(uintptr_t)r->machine;
    m.name = name;
    m.has_input = true;
    m.input = message_bytes(slice_make(document, sizeof(document)));
    m.wait_ms = WAIT_MS;
    return real_request(method, &m.base);
}

nng_msg *real_next(void *arg, struct load_run *run, nng_msg *reply)
{
    const struct real *r = arg;
    enum rpc method = r->wait ? RPC_EXECUTION_RUN : RPC_EXECUTION_START;
    const Stepfleet__ExecutionDetail *d;

    if (run->step == 0) {
        return start_request(r, method, run->number);
    }
    d = real_reply(method, reply, &run->a);
    if (r->wait && (strcmp(d->status, "SUCCEEDED") != 0 || d->output.len != REAL_DOCUMENT_BYTES)) {
        bench_die("%s: %s", d->execution_arn, d->status);
    }
    return NULL;
}
