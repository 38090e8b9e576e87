/* SPDX-License-Identifier: Apache-2.0 */
/* A coordinator that only does what it is told, to see what a worker does: commands on stdin, one a
 * line, what the worker says on stdout.
 *
 *   lease N FUNCTION TIMEOUT_MS HEARTBEAT_MS PAYLOAD   grant token (7, N)
 *   job N FUNCTION RUN PHASE PIECE SHARDS PARTITIONS SLOTS PLAN WINNERS DEFINITION<tab>ARGUMENTS
 *               grant a piece of a job run; PLAN and WINNERS ("-", or by piece with commas,
 *               0: not named) are token counters. Its success is "done N in= out= read= wrote=
 *               rejected= partitions= sizes= counters=", its upload "record N ID MARK", its parts
 *               "part N NUMBER BYTES ETAG"
 *   extra QUALIFIER LOG SUBMITS CREDENTIALS   what the grants from now on carry; - for none, 0 or 1
 *   busy N      the next submission of it is answered ThrottlingException
 *   drop N      the next reply tells the worker to drop it
 *   lost N      every report of it is answered LeaseLost
 *   forget      the worker is unknown until it says hello again
 *   bench FUNCTION LEASES COUNT   keep LEASES echoes going until COUNT results; prints the rate
 *   quit
 *
 * Threads with an nng context each answer; a poll waits until there is something for it. */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/base/limits.h"
#include "proto/base/list.h"
#include "proto/host/clock.h"
#include "proto/job/piece.h"
#include "proto/wire.h"

enum { THREADS = 10, EPOCH = 7, KEEP_ALIVE_MS = 500, POLL_MS = 2000, TOKENS_MAX = 1024 };

struct grant {
    struct list link;
    struct arena a;
    Stepfleet__Lease lease;
    Stepfleet__Token token;
    struct slice piece; /* of a job run, packed; empty: none */
};

static nng_socket service;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct list grants; /* not handed out yet */
static uint64_t drops[TOKENS_MAX];
static size_t drop_count;
static uint64_t lost[TOKENS_MAX];
static size_t lost_count;
static uint64_t busy[TOKENS_MAX];
static size_t busy_count;
static char extra_qualifier[128];
static char *extra_credentials;
static unsigned extra_log;
static unsigned extra_submits;
static uint64_t workers;               /* the last number given */
static bool forgotten = true;          /* as after a restart */
static bool quiet;                     /* bench: results are counted, not printed */
static uint64_t bench_token = 1000000; /* the last one granted */
static uint64_t bench_next;
static uint64_t bench_left;
static uint64_t bench_begun_us;
static uint64_t bench_count;
static char bench_function[128];

static struct grant *add_grant(uint64_t n,
                               const char *function,
                               uint64_t timeout,
                               uint64_t heartbeat,
                               const char *payload)
{
    struct grant *g = mem_zalloc(1, sizeof(*g));
    Stepfleet__Lease *l = &g->lease;

    stepfleet__lease__init(l);
    stepfleet__token__init(&g->token);
    g->token.epoch = EPOCH;
    g->token.counter = n;
    l->token = &g->token;
    l->function = message_bytes(arena_copy(&g->a, slice_str(function)));
    l->payload = message_bytes(arena_copy(&g->a, slice_str(payload)));
    l->execution_arn = message_bytes(SLICE("arn:aws:states:us-east-1:000000000000:execution:m:x"));
    l->execution_name = message_bytes(SLICE("x"));
    l->state = message_bytes(SLICE("S"));
    l->state_entry = 2;
    l->attempt = 1;
    l->timeout_ms = timeout;
    l->heartbeat_ms = heartbeat;
    l->qualifier = message_bytes(arena_copy(&g->a, slice_str(extra_qualifier)));
    l->credentials = message_bytes(
        arena_copy(&g->a, slice_str(extra_credentials != NULL ? extra_credentials : "")));
    l->log_tail = extra_log != 0;
    l->submits = extra_submits != 0;
    list_push_back(&grants, &g->link);
    (void)pthread_cond_broadcast(&changed);
    return g;
}

/* "1,0,3", all of one epoch, by piece, as JobPiece has winners: one that is 0 is not named. */
static struct slice winners_of(const char *text, struct arena *a)
{
    struct job_winner *winners = ARENA_ARRAY(a, strlen(text), struct job_winner);
    struct buf out = {0};
    struct slice packed;
    char *at = (char *)(uintptr_t)text;
    size_t count = 0;

    for (uint32_t piece = 0; *at != '\0' && *at != '-'; piece++) {
        uint64_t counter = strtoull(at, &at, 10);

        if (counter != 0) {
            winners[count++] = (struct job_winner){piece, {EPOCH, counter}};
        }
        at += *at == ',';
    }
    job_winners_encode(winners, count, &out);
    packed = arena_copy(a, buf_slice(&out));
    buf_fini(&out);
    return packed;
}

static void pack_piece(struct grant *g, const Stepfleet__JobPiece *m)
{
    size_t bytes = stepfleet__job_piece__get_packed_size(m);
    uint8_t *packed = arena_alloc(&g->a, bytes);

    g->piece = slice_make(packed, stepfleet__job_piece__pack(m, packed));
}

/* What is behind "job ". */
static void add_job(char *line)
{
    Stepfleet__JobPiece m = STEPFLEET__JOB_PIECE__INIT;
    Stepfleet__Token plan = STEPFLEET__TOKEN__INIT;
    char *fields[11];
    struct grant *g;

    for (int i = 0; i < 11; i++) {
        fields[i] = line;
        line = i < 10 ? strchr(line, ' ') : strchr(line, '\t');
        if (line == NULL) {
            (void)fprintf(stderr, "not a job\n");
            return;
        }
        *line++ = '\0';
    }
    g = add_grant(strtoull(fields[0], NULL, 10), fields[1], 0, 0, "{\"phase\":\"a test's\"}");
    m.run = message_bytes(slice_str(fields[2]));
    m.phase = (uint32_t)strtoul(fields[3], NULL, 10);
    m.piece = (uint32_t)strtoul(fields[4], NULL, 10);
    m.shards = (uint32_t)strtoul(fields[5], NULL, 10);
    m.partitions = (uint32_t)strtoul(fields[6], NULL, 10);
    m.slots = (uint32_t)strtoul(fields[7], NULL, 10);
    plan.epoch = EPOCH;
    plan.counter = strtoull(fields[8], NULL, 10);
    m.plan = &plan;
    m.winners = message_bytes(winners_of(fields[9], &g->a));
    m.definition = message_bytes(slice_str(fields[10]));
    m.arguments = message_bytes(slice_str(line));
    pack_piece(g, &m);
}

/* What a reply brings, in its arena. */
static size_t take_grants(struct arena *a, Stepfleet__Lease ***out)
{
    size_t n = 0;

    *out = ARENA_ARRAY(a, LIMIT_REPORTS, Stepfleet__Lease *);
    while (n < LIMIT_REPORTS && !list_empty(&grants)) {
        struct grant *g = container_of(list_pop_front(&grants), struct grant, link);
        Stepfleet__Lease *l = ARENA_NEW(a, Stepfleet__Lease);
        Stepfleet__Token *t = ARENA_NEW(a, Stepfleet__Token);

        *l = g->lease;
        *t = g->token;
        l->token = t;
        l->function = message_bytes(arena_copy(a, message_slice(l->function)));
        l->payload = message_bytes(arena_copy(a, message_slice(l->payload)));
        l->qualifier = message_bytes(arena_copy(a, message_slice(l->qualifier)));
        l->credentials = message_bytes(arena_copy(a, message_slice(l->credentials)));
        if (g->piece.len != 0) {
            l->job =
                message_unpack(&stepfleet__job_piece__descriptor, arena_copy(a, g->piece), a, NULL);
        }
        arena_fini(&g->a);
        mem_free(g);
        (*out)[n++] = l;
    }
    return n;
}

static size_t take_drops(struct arena *a, Stepfleet__Token ***out)
{
    size_t n = 0;

    *out = ARENA_ARRAY(a, drop_count, Stepfleet__Token *);
    while (drop_count > 0) {
        Stepfleet__Token *t = ARENA_NEW(a, Stepfleet__Token);

        stepfleet__token__init(t);
        t->epoch = EPOCH;
        t->counter = drops[--drop_count];
        (*out)[n++] = t;
    }
    return n;
}

static enum err_code outcome_of(uint64_t n)
{
    for (size_t i = 0; i < lost_count; i++) {
        if (lost[i] == n) {
            return ERR_LEASE_LOST;
        }
    }
    return OK;
}

static Stepfleet__Outcome *outcome(struct arena *a, Stepfleet__Token *token)
{
    Stepfleet__Outcome *o = ARENA_NEW(a, Stepfleet__Outcome);

    stepfleet__outcome__init(o);
    o->token = token;
    o->status = outcome_of(token->counter);
    return o;
}

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
    va_list ap;

    if (quiet) {
        return;
    }
    va_start(ap, fmt);
    (void)vprintf(fmt, ap);
    va_end(ap);
    (void)putchar('\n');
    (void)fflush(stdout);
}

static void bench_result(void)
{
    if (bench_left > 0 && --bench_left == 0) {
        uint64_t us = (uint64_t)clock_mono_us() - bench_begun_us;

        quiet = false;
        say("bench %llu results in %llu us: %llu a second", (unsigned long long)bench_count,
            (unsigned long long)us, (unsigned long long)(bench_count * 1000000 / (us + 1)));
    } else if (bench_left > 0 && bench_next <= bench_count) {
        bench_next++;
        (void)add_grant(++bench_token, bench_function, 0, 0, "{\"benchmark\":\"a small event\"}");
    }
}

static const ProtobufCMessage *on_hello(const Stepfleet__WorkerHelloRequest *m, struct arena *a)
{
    Stepfleet__WorkerHelloReply *r = ARENA_NEW(a, Stepfleet__WorkerHelloReply);

    stepfleet__worker_hello_reply__init(r);
    r->worker = ++workers;
    r->version = WIRE_VERSION_MAX;
    r->lease_ms = 3 * KEEP_ALIVE_MS;
    r->keep_alive_ms = KEEP_ALIVE_MS;
    r->epoch = EPOCH;
    r->software = message_string(a, SLICE("fake"));
    forgotten = false;
    (void)pthread_cond_broadcast(&changed); /* a poll parked before is answered, to nobody */
    say("hello %s slots=%u offers=%zu labels=%s", m->name, m->slots, m->n_offers, m->labels);
    return &r->base;
}

static const ProtobufCMessage *on_poll(const Stepfleet__PollRequest *m, struct arena *a)
{
    Stepfleet__PollReply *r = ARENA_NEW(a, Stepfleet__PollReply);
    struct timespec until;

    say("poll holds=%zu", m->n_holds);
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += POLL_MS / 1000;
    while (list_empty(&grants) && drop_count == 0 && !forgotten && m->worker == workers &&
           pthread_cond_timedwait(&changed, &lock, &until) == 0) {
    }
    stepfleet__poll_reply__init(r);
    if (m->worker == workers) {
        r->n_leases = take_grants(a, &r->leases);
        r->n_drop = take_drops(a, &r->drop);
    }
    return &r->base;
}

/* One line, its newlines as '|'. */
static void say_log(const Stepfleet__Result *m, struct arena *a)
{
    struct slice text = arena_copy(a, message_slice(m->log));
    char *bytes = (char *)(uintptr_t)text.ptr;

    for (size_t i = 0; i < text.len; i++) {
        bytes[i] = bytes[i] == '\n' ? '|' : bytes[i];
    }
    if (text.len != 0) {
        say("log %llu bytes=%zu %.*s", (unsigned long long)m->token->counter, text.len,
            SLICE_FMT(text));
    }
}

static Stepfleet__Outcome *on_submitted(const Stepfleet__Submitted *m, struct arena *a)
{
    Stepfleet__Outcome *o = outcome(a, m->token);

    say("submitted %llu %.*s", (unsigned long long)m->token->counter,
        m->output.len < 2000 ? (int)m->output.len : 2000, (const char *)m->output.data);
    for (size_t i = 0; i < busy_count; i++) {
        if (busy[i] == m->token->counter) {
            busy[i] = 0;
            o->status = ERR_BUSY;
        }
    }
    return o;
}

static void say_job(const Stepfleet__Result *m)
{
    const Stepfleet__JobResult *j = m->job;
    struct cursor c = cursor_make(message_slice(j->sizes));
    struct buf more = {0};

    buf_put_str(&more, " sizes=");
    while (!cursor_done(&c) && !c.bad) {
        buf_printf(&more, "%llu,", (unsigned long long)cursor_varint(&c));
    }
    buf_put_str(&more, " counters=");
    for (size_t i = 0; i < j->n_counters; i++) {
        buf_printf(&more, "%s:%llu,", j->counters[i]->name,
                   (unsigned long long)j->counters[i]->value);
    }
    for (size_t i = 0; i < m->n_parts; i++) {
        say("part %llu %u %llu %.*s", (unsigned long long)m->token->counter, m->parts[i]->number,
            (unsigned long long)m->parts[i]->bytes, (int)m->parts[i]->etag.len,
            (const char *)m->parts[i]->etag.data);
    }
    say("done %llu in=%llu out=%llu read=%llu wrote=%llu rejected=%llu partitions=%u%.*s",
        (unsigned long long)m->token->counter, (unsigned long long)j->bytes_in,
        (unsigned long long)j->bytes_out, (unsigned long long)j->records_in,
        (unsigned long long)j->records_out, (unsigned long long)j->rejected, j->partitions,
        SLICE_FMT(buf_slice(&more)));
    buf_fini(&more);
}

static void say_result(const Stepfleet__Result *m)
{
    if (m->job != NULL) {
        say_job(m);
        return;
    }
    if (m->failed) {
        say("failed %llu %.*s %.*s", (unsigned long long)m->token->counter, (int)m->error.len,
            (const char *)m->error.data, (int)m->cause.len, (const char *)m->cause.data);
    } else {
        say("result %llu parts=%zu in=%llu out=%llu %.*s", (unsigned long long)m->token->counter,
            m->n_parts, (unsigned long long)m->bytes_in, (unsigned long long)m->bytes_out,
            m->result.len < 2000 ? (int)m->result.len : 2000, (const char *)m->result.data);
    }
}

static const ProtobufCMessage *on_report(const Stepfleet__ReportRequest *m, struct arena *a)
{
    Stepfleet__ReportReply *r = ARENA_NEW(a, Stepfleet__ReportReply);

    stepfleet__report_reply__init(r);
    r->outcomes =
        ARENA_ARRAY(a, m->n_uploads + m->n_submitted + m->n_results, Stepfleet__Outcome *);
    for (size_t i = 0; i < m->n_uploads; i++) {
        say("upload %llu %.*s", (unsigned long long)m->uploads[i]->token->counter,
            (int)m->uploads[i]->key.len, (const char *)m->uploads[i]->key.data);
        say("record %llu %.*s %.*s", (unsigned long long)m->uploads[i]->token->counter,
            (int)m->uploads[i]->upload_id.len, (const char *)m->uploads[i]->upload_id.data,
            (int)m->uploads[i]->mark.len, (const char *)m->uploads[i]->mark.data);
        r->outcomes[r->n_outcomes++] = outcome(a, m->uploads[i]->token);
    }
    for (size_t i = 0; i < m->n_submitted; i++) {
        r->outcomes[r->n_outcomes++] = on_submitted(m->submitted[i], a);
    }
    for (size_t i = 0; i < m->n_results; i++) {
        say_log(m->results[i], a);
        say_result(m->results[i]);
        bench_result();
        r->outcomes[r->n_outcomes++] = outcome(a, m->results[i]->token);
    }
    for (size_t i = 0; i < m->n_progress; i++) {
        say("progress %llu in=%llu out=%llu note=%s",
            (unsigned long long)m->progress[i]->token->counter,
            (unsigned long long)m->progress[i]->bytes_in,
            (unsigned long long)m->progress[i]->bytes_out, m->progress[i]->note);
    }
    for (size_t i = 0; i < m->n_returned; i++) {
        say("returned %llu", (unsigned long long)m->returned[i]->counter);
    }
    if (m->draining) {
        say("draining");
    }
    if (m->with_holds) {
        say("alive holds=%zu", m->n_holds);
    }
    r->n_leases = take_grants(a, &r->leases);
    r->n_drop = take_drops(a, &r->drop);
    return &r->base;
}

/* NULL: the worker is unknown. */
static const ProtobufCMessage *answer(unsigned method, const void *m, struct arena *a)
{
    Stepfleet__Empty *empty = ARENA_NEW(a, Stepfleet__Empty);

    if (method == RPC_WORKER_HELLO) {
        return on_hello(m, a);
    }
    if (forgotten) {
        return NULL;
    }
    switch (method) {
    case RPC_WORKER_POLL: {
        const ProtobufCMessage *r = on_poll(m, a);

        return forgotten ? NULL : r;
    }
    case RPC_WORKER_REPORT: return on_report(m, a);
    default:
        say("bye");
        stepfleet__empty__init(empty);
        return &empty->base;
    }
}

static void serve_one(nng_ctx ctx, nng_aio *aio, struct arena *a)
{
    Stepfleet__ErrorBody unknown = STEPFLEET__ERROR_BODY__INIT;
    const ProtobufCMessage *r;
    struct envelope e;
    nng_msg *m = nng_aio_get_msg(aio);
    struct slice frame = slice_make(nng_msg_body(m), nng_msg_len(m));
    const void *request;

    if (envelope_decode(frame, &e, NULL) != OK ||
        (request = message_unpack(rpc_request(e.method), e.body, a, NULL)) == NULL) {
        say("not understood");
        exit(EXIT_FAILURE);
    }
    (void)pthread_mutex_lock(&lock);
    r = answer(e.method, request, a);
    (void)pthread_mutex_unlock(&lock);
    e.status = r != NULL ? OK : ERR_WORKER_UNKNOWN;
    r = r != NULL ? r : &unknown.base;
    nng_msg_clear(m);
    (void)nng_msg_realloc(m, WIRE_HEADER_BYTES + protobuf_c_message_get_packed_size(r));
    e.auth = slice_make(NULL, 0);
    envelope_encode(&e, nng_msg_body(m));
    (void)protobuf_c_message_pack(r, (uint8_t *)nng_msg_body(m) + WIRE_HEADER_BYTES);
    nng_aio_set_msg(aio, m);
    nng_ctx_send(ctx, aio);
    nng_aio_wait(aio);
}

static void *serve(void *arg)
{
    struct arena a = {0};
    nng_aio *aio;
    nng_ctx ctx;

    (void)nng_ctx_open(&ctx, service);
    (void)nng_aio_alloc(&aio, NULL, NULL);
    for (;;) {
        nng_ctx_recv(ctx, aio);
        nng_aio_wait(aio);
        if (nng_aio_result(aio) != 0) {
            return arg;
        }
        serve_one(ctx, aio, &a);
        arena_reset(&a);
    }
}

static void bench(unsigned long long leases, unsigned long long count)
{
    quiet = true;
    bench_left = bench_count = count;
    bench_begun_us = (uint64_t)clock_mono_us();
    for (bench_next = 1; bench_next <= leases; bench_next++) {
        (void)add_grant(++bench_token, bench_function, 0, 0, "{\"benchmark\":\"a small event\"}");
    }
}

/* "QUALIFIER LOG SUBMITS CREDENTIALS" */
static void extra(const char *line)
{
    int at = 0;

    if (sscanf(line, "%127s %u %u %n", extra_qualifier, &extra_log, &extra_submits, &at) == 3) {
        mem_free(extra_credentials);
        extra_credentials = strcmp(line + at, "-") == 0 ? NULL : mem_strdup(slice_str(line + at));
    }
    if (strcmp(extra_qualifier, "-") == 0) {
        extra_qualifier[0] = '\0';
    }
}

static void command(char *line)
{
    unsigned long long n;
    unsigned long long timeout;
    unsigned long long heartbeat;
    char function[128];
    int at = 0;

    (void)pthread_mutex_lock(&lock);
    if (sscanf(line, "lease %llu %127s %llu %llu %n", &n, function, &timeout, &heartbeat, &at) ==
        4) {
        (void)add_grant(n, function, timeout, heartbeat, line + at);
    } else if (strncmp(line, "job ", 4) == 0) {
        add_job(line + 4);
    } else if (strncmp(line, "extra ", 6) == 0) {
        extra(line + 6);
    } else if (sscanf(line, "busy %llu", &n) == 1) {
        busy[busy_count++ % TOKENS_MAX] = n;
    } else if (sscanf(line, "drop %llu", &n) == 1) {
        drops[drop_count++ % TOKENS_MAX] = n;
    } else if (sscanf(line, "lost %llu", &n) == 1) {
        lost[lost_count++ % TOKENS_MAX] = n;
    } else if (strcmp(line, "forget") == 0) {
        forgotten = true;
    } else if (sscanf(line, "bench %127s %llu %llu", bench_function, &timeout, &n) == 3) {
        bench(timeout, n);
    }
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&lock);
}

int main(int argc, char **argv)
{
    static char line[LIMIT_PAYLOAD_BYTES + 1024];
    pthread_t threads[THREADS];

    list_init(&grants);
    if (argc != 2 || nng_rep0_open(&service) != 0 || nng_listen(service, argv[1], NULL, 0) != 0) {
        (void)fprintf(stderr, "usage: fake_coordinator URL\n");
        return 2;
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_create(&threads[i], NULL, serve, NULL);
    }
    while (fgets(line, sizeof(line), stdin) != NULL && strcmp(line, "quit\n") != 0) {
        line[strcspn(line, "\n")] = '\0';
        command(line);
    }
    (void)nng_close(service);
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    return 0;
}
