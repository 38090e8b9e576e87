/* SPDX-License-Identifier: Apache-2.0 */
/* The operations about jobs, and their face for tasks: glue:startJobRun, asked for by a state whose
 * execution waits for the run or does not. A worker that does every piece it is given is played by
 * its requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "proto/base/json.h"
#include "proto/base/limits.h"
#include "tests/lib/api_world.h"

#define RUN_A "jr_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define RUN_B "jr_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static char arguments[] =
    "{\"--input-bucket\":\"b\",\"--input-key\":\"in.jsonl\",\"--output-key\":\"o/out.jsonl\"}";
static char definition[] = "{\"Handler\":\"h\",\"MaxConcurrentRuns\":2}";

enum { MOST = 16 };

struct lease {
    enum job_phase phase;
    struct token token;
};

struct world {
    struct api_world api;
    struct api_ask last;
    struct api_ask poll;
    bool polling;
    uint64_t worker;
    struct lease leases[MOST]; /* its own */
    size_t count;
};

static enum err_code ask(struct world *w, enum rpc method, const ProtobufCMessage *m)
{
    api_ask_fini(&w->last);
    memset(&w->last, 0, sizeof(w->last));
    return api_world_call(&w->api, &w->last, method, m);
}

static const void *call(struct world *w, enum rpc method, const ProtobufCMessage *m)
{
    if (ask(w, method, m) != OK) {
        fail_msg("%s", w->last.err.msg);
    }
    return w->last.reply;
}

static int setup(void **state)
{
    struct world *w = mem_zalloc(1, sizeof(*w));
    struct err err;

    api_world_open(&w->api, 1700000000000, NULL, NULL);
    w->api.config.objects = true;
    *state = w;
    return api_world_restart(&w->api, &err) == OK ? 0 : -1;
}

static int teardown(void **state)
{
    struct world *w = *state;

    api_ask_fini(&w->last);
    api_world_close(&w->api);
    api_ask_fini(&w->poll);
    mem_free(w);
    return 0;
}

/* ---- what is asked ---- */

static enum err_code put(struct world *w, const char *name, const char *text, bool update)
{
    Stepfleet__JobPutRequest q = STEPFLEET__JOB_PUT_REQUEST__INIT;

    q.name = (char *)(uintptr_t)name;
    q.definition = message_bytes(slice_str(text));
    q.update = update;
    return ask(w, RPC_JOB_PUT, &q.base);
}

static enum err_code start(struct world *w, const char *job, const char *run, const char *given)
{
    Stepfleet__JobRunStartRequest q = STEPFLEET__JOB_RUN_START_REQUEST__INIT;

    q.job = (char *)(uintptr_t)job;
    q.run = (char *)(uintptr_t)run;
    q.arguments = message_bytes(slice_str(given));
    return ask(w, RPC_JOB_RUN_START, &q.base);
}

static const Stepfleet__JobRun *describe(struct world *w, const char *run)
{
    Stepfleet__JobRunRequest q = STEPFLEET__JOB_RUN_REQUEST__INIT;

    q.run = (char *)(uintptr_t)run;
    q.phase = JOB_MAP;
    q.max_pieces = 10;
    return call(w, RPC_JOB_RUN_DESCRIBE, &q.base);
}

static enum err_code stop(struct world *w, const char *run)
{
    Stepfleet__JobRunRequest q = STEPFLEET__JOB_RUN_REQUEST__INIT;

    q.run = (char *)(uintptr_t)run;
    return ask(w, RPC_JOB_RUN_STOP, &q.base);
}

static void hello(struct world *w)
{
    Stepfleet__WorkerHelloRequest m = STEPFLEET__WORKER_HELLO_REQUEST__INIT;
    Stepfleet__Offer a = STEPFLEET__OFFER__INIT;
    Stepfleet__Offer b = STEPFLEET__OFFER__INIT;
    Stepfleet__Offer *offers[] = {&a, &b};

    a.function = (char *)(uintptr_t) "h";
    b.function = (char *)(uintptr_t) "stepfleet:job";
    a.slots = b.slots = 4;
    m.name = (char *)(uintptr_t) "w";
    m.version_min = WIRE_VERSION_MIN;
    m.version_max = WIRE_VERSION_MAX;
    m.slots = 4;
    m.offers = offers;
    m.n_offers = 2;
    w->worker = ((const Stepfleet__WorkerHelloReply *)call(w, RPC_WORKER_HELLO, &m.base))->worker;
}

static void take(struct world *w, Stepfleet__Lease *const *leases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_true(w->count < MOST);
        w->leases[w->count++] = (struct lease){
            (enum job_phase)leases[i]->job->phase,
            {leases[i]->token->epoch, leases[i]->token->counter},
        };
    }
}

/* A poll is always out; what came with the one before is taken. */
static void poll(struct world *w)
{
    Stepfleet__PollRequest q = STEPFLEET__POLL_REQUEST__INIT;

    while (!w->polling || w->poll.done) {
        const Stepfleet__PollReply *r = w->poll.reply;

        if (w->polling) {
            assert_int_equal(w->poll.rc, OK);
            take(w, r->leases, r->n_leases);
            api_ask_fini(&w->poll);
        }
        memset(&w->poll, 0, sizeof(w->poll));
        q.worker = w->worker;
        w->polling = true;
        api_world_ask(&w->api, &w->poll, RPC_WORKER_POLL, &q.base);
        api_world_settle(&w->api);
    }
}

/* A result for the lease: of PLAN with two shards, of JOIN with its upload. */
static void report(struct world *w, struct lease lease, bool fails)
{
    static uint8_t sizes[] = {100, 100};
    Stepfleet__ReportRequest q = STEPFLEET__REPORT_REQUEST__INIT;
    Stepfleet__Result result = STEPFLEET__RESULT__INIT;
    Stepfleet__JobResult job = STEPFLEET__JOB_RESULT__INIT;
    Stepfleet__JobCounter counter = STEPFLEET__JOB_COUNTER__INIT;
    Stepfleet__JobCounter *counters[] = {&counter};
    Stepfleet__Upload upload = STEPFLEET__UPLOAD__INIT;
    Stepfleet__Upload *uploads[] = {&upload};
    Stepfleet__Result *results[] = {&result};
    Stepfleet__Part part = STEPFLEET__PART__INIT;
    Stepfleet__Part *parts[] = {&part};
    Stepfleet__Token token = STEPFLEET__TOKEN__INIT;
    const Stepfleet__ReportReply *r;

    counter.name = (char *)(uintptr_t) "seen";
    counter.value = 2;
    job.records_in = 3;
    job.bytes_in = 100;
    job.counters = counters;
    job.n_counters = lease.phase == JOB_MAP;
    if (lease.phase == JOB_PLAN) {
        job.sizes = (ProtobufCBinaryData){sizeof(sizes), sizes};
    }
    token.epoch = lease.token.epoch;
    token.counter = lease.token.counter;
    result.token = upload.token = &token;
    result.failed = fails;
    result.error = message_bytes(SLICE("Job.InputMissing"));
    result.cause = message_bytes(SLICE("gone"));
    result.job = &job;
    if (lease.phase == JOB_JOIN && !fails) {
        upload.bucket = message_bytes(SLICE("b"));
        upload.key = message_bytes(SLICE("o/out.jsonl"));
        upload.upload_id = message_bytes(SLICE("u"));
        upload.mark = message_bytes(SLICE("m"));
        part.number = 1;
        part.etag = message_bytes(SLICE("e"));
        q.uploads = uploads;
        q.n_uploads = 1;
        result.has_output = true;
        result.parts = parts;
        result.n_parts = 1;
    }
    q.worker = w->worker;
    q.results = results;
    q.n_results = 1;
    r = call(w, RPC_WORKER_REPORT, &q.base);
    for (size_t i = 0; i < r->n_outcomes; i++) {
        assert_int_equal(r->outcomes[i]->status, OK);
    }
    take(w, r->leases, r->n_leases);
}

/* The worker does what it is given, until there is a lease of that phase: that one is taken. */
static struct lease work_to(struct world *w, enum job_phase phase)
{
    for (unsigned i = 0; i < 20; i++) {
        struct lease lease;

        poll(w);
        assert_true(w->count > 0);
        lease = w->leases[--w->count];
        if (lease.phase == phase) {
            return lease;
        }
        report(w, lease, false);
    }
    fail_msg("there is no such lease");
    return w->leases[0];
}

/* ---- definitions ---- */

static void test_job_api__put_is_idempotent(void **state)
{
    struct world *w = *state;
    Stepfleet__JobRequest q = STEPFLEET__JOB_REQUEST__INIT;
    Stepfleet__PageRequest page = STEPFLEET__PAGE_REQUEST__INIT;
    const Stepfleet__JobListReply *list;

    assert_int_equal(put(w, "j", definition, false), OK);
    assert_int_equal(put(w, "j", "{\"MaxConcurrentRuns\":2, \"Handler\":\"h\"}", false), OK);
    assert_int_equal(put(w, "j", "{\"Handler\":\"other\"}", false), ERR_CONFLICT);
    assert_int_equal(put(w, "k", "{\"Handler\":\"other\"}", true), ERR_JOB_NOT_FOUND);
    assert_int_equal(put(w, "k", "{\"Handler\":5}", false), ERR_INVALID_DEFINITION);
    assert_int_equal(put(w, "a b", definition, false), ERR_INVALID_NAME);
    assert_int_equal(put(w, "j", "{\"Handler\":\"other\"}", true), OK);
    assert_int_equal(put(w, "k", definition, false), OK);
    assert_int_equal(put(w, "l", definition, false), OK);
    page.max_results = 2;
    list = call(w, RPC_JOB_LIST, &page.base);
    assert_int_equal(list->n_jobs, 2);
    assert_string_equal(list->jobs[1]->name, "k");
    assert_string_equal(list->next_token, "k");
    page.next_token = (char *)(uintptr_t) "k";
    list = call(w, RPC_JOB_LIST, &page.base);
    assert_int_equal(list->n_jobs, 1);
    assert_string_equal(list->next_token, "");
    q.job = (char *)(uintptr_t) "j";
    assert_true(slice_starts_with(
        message_slice(((const Stepfleet__Job *)call(w, RPC_JOB_DESCRIBE, &q.base))->definition),
        SLICE("{\"Handler\":\"other\"")));
    (void)call(w, RPC_JOB_DELETE, &q.base);
    (void)call(w, RPC_JOB_DELETE, &q.base);
    assert_int_equal(ask(w, RPC_JOB_DESCRIBE, &q.base), ERR_JOB_NOT_FOUND);
}

/* ---- runs ---- */

static void test_job_api__a_start_is_idempotent_by_its_id(void **state)
{
    struct world *w = *state;

    assert_int_equal(put(w, "j", definition, false), OK);
    assert_int_equal(start(w, "x", RUN_A, arguments), ERR_JOB_NOT_FOUND);
    assert_int_equal(start(w, "j", "mine", arguments), ERR_VALIDATION);
    assert_int_equal(start(w, "j", RUN_A, "{\"--input-bucket\":5}"), ERR_VALIDATION);
    assert_int_equal(start(w, "j", RUN_A, "{"), ERR_VALIDATION);
    assert_int_equal(start(w, "j", RUN_A, arguments), OK);
    assert_string_equal(((const Stepfleet__JobRunReply *)w->last.reply)->run, RUN_A);
    assert_int_equal(start(w, "j", RUN_A, arguments), OK);
    assert_int_equal(put(w, "j", "{\"Handler\":\"h\",\"MaxConcurrentRuns\":2,\"Timeout\":9}", true),
                     OK);
    assert_int_equal(start(w, "j", RUN_A, arguments), OK); /* as it was then */
    assert_int_equal(start(w, "j", RUN_A, "{}"), ERR_CONFLICT);
    assert_int_equal(start(w, "j", RUN_B, arguments), OK);
    assert_int_equal(start(w, "j", "", arguments), ERR_JOB_RUNS);
    assert_int_equal(stop(w, RUN_A), OK);
    assert_string_equal(((const Stepfleet__JobRunReply *)w->last.reply)->state, "STOPPED");
    assert_int_equal(start(w, "j", RUN_A, arguments), OK); /* it stays as it ended */
    assert_string_equal(((const Stepfleet__JobRunReply *)w->last.reply)->state, "STOPPED");
    assert_int_equal(start(w, "j", "", arguments), OK);
    assert_int_equal(stop(w, "jr_"), ERR_JOB_NOT_FOUND);
}

static void test_job_api__runs_are_listed_newest_first(void **state)
{
    struct world *w = *state;
    Stepfleet__JobRunListRequest q = STEPFLEET__JOB_RUN_LIST_REQUEST__INIT;
    const Stepfleet__JobRunListReply *r;
    char token[32];

    assert_int_equal(put(w, "j", definition, false), OK);
    assert_int_equal(put(w, "jj", definition, false), OK);
    assert_int_equal(start(w, "j", RUN_A, arguments), OK);
    assert_int_equal(start(w, "jj", "", arguments), OK);
    assert_int_equal(start(w, "j", RUN_B, arguments), OK);
    q.job = (char *)(uintptr_t) "j";
    q.max_results = 1;
    r = call(w, RPC_JOB_RUN_LIST, &q.base);
    assert_int_equal(r->n_runs, 1);
    assert_string_equal(r->runs[0]->run, RUN_B);
    assert_string_equal(r->runs[0]->state, "STARTING");
    assert_int_equal(strlen(r->next_token) < sizeof(token), 1);
    strcpy(token, r->next_token);
    q.next_token = token;
    r = call(w, RPC_JOB_RUN_LIST, &q.base);
    assert_int_equal(r->n_runs, 1);
    assert_string_equal(r->runs[0]->run, RUN_A);
    assert_string_equal(r->next_token, "");
    q.next_token = (char *)(uintptr_t) "7";
    assert_int_equal(ask(w, RPC_JOB_RUN_LIST, &q.base), ERR_INVALID_TOKEN);
    q.job = (char *)(uintptr_t) "x";
    assert_int_equal(ask(w, RPC_JOB_RUN_LIST, &q.base), ERR_JOB_NOT_FOUND);
}

static void test_job_api__a_run_is_described_as_it_goes(void **state)
{
    struct world *w = *state;
    Stepfleet__JobRunRequest q = STEPFLEET__JOB_RUN_REQUEST__INIT;
    struct api_ask wait = {0};
    const Stepfleet__JobRun *r;
    struct lease lease;

    assert_int_equal(put(w, "j", definition, false), OK);
    assert_int_equal(start(w, "j", RUN_A, arguments), OK);
    assert_string_equal(describe(w, RUN_A)->missing, "stepfleet:job");
    hello(w);
    lease = work_to(w, JOB_MAP);
    r = describe(w, RUN_A);
    assert_string_equal(r->state, "RUNNING");
    assert_string_equal(r->phase, "MAP");
    assert_string_equal(r->missing, "");
    assert_int_equal(r->pieces, 2);
    assert_int_equal(r->live, 2);
    assert_int_equal(r->bytes_all, 200);
    assert_int_equal(r->n_attempts, 2);
    assert_string_equal(r->attempts[0]->worker, "w");
    assert_int_equal(r->n_piece_states, 2);
    assert_string_equal(r->piece_states[1]->status, "live");
    q.run = (char *)(uintptr_t)RUN_A;
    api_world_ask(&w->api, &wait, RPC_JOB_RUN_WAIT, &q.base);
    api_world_settle(&w->api);
    assert_false(wait.done);
    report(w, lease, false);
    r = describe(w, RUN_A);
    assert_int_equal(r->done, 1);
    assert_int_equal(r->bytes_done, 100);
    assert_int_equal(r->n_counters, 1);
    assert_int_equal(r->counters[0]->value, 2);
    lease = work_to(w, JOB_JOIN);
    assert_int_equal(describe(w, RUN_A)->counters[0]->value, 4);
    report(w, lease, false);
    assert_true(wait.done);
    assert_int_equal(wait.rc, OK);
    assert_string_equal(((const Stepfleet__JobRun *)wait.reply)->state, "SUCCEEDED");
    api_ask_fini(&wait);
    r = describe(w, RUN_A);
    assert_int_equal(r->phases[0]->records_in, 6);
    assert_string_equal(r->piece_states[0]->status, "done");
    assert_string_equal(r->piece_states[0]->worker, "w");
    assert_int_equal(r->piece_states[0]->result->records_in, 3);
    assert_int_equal(ask(w, RPC_JOB_RUN_WAIT, &q.base), OK);
}

static void test_job_api__a_wait_is_answered_in_time(void **state)
{
    struct world *w = *state;
    Stepfleet__JobRunRequest q = STEPFLEET__JOB_RUN_REQUEST__INIT;
    struct api_ask wait = {0};

    assert_int_equal(put(w, "j", definition, false), OK);
    assert_int_equal(start(w, "j", RUN_A, arguments), OK);
    q.run = (char *)(uintptr_t)RUN_A;
    q.timeout_ms = 1000;
    api_world_ask(&w->api, &wait, RPC_JOB_RUN_WAIT, &q.base);
    api_world_advance(&w->api, 999);
    assert_false(wait.done);
    api_world_advance(&w->api, 1);
    assert_true(wait.done);
    assert_string_equal(((const Stepfleet__JobRun *)wait.reply)->state, "STARTING");
    api_ask_fini(&wait);
}

/* ---- tasks ---- */

#define TASK(resource)                                                                             \
    "{\"StartAt\":\"S\",\"States\":{\"S\":{\"Type\":\"Task\",\"Resource\":\"arn:aws:states:::"     \
    "glue:startJobRun" resource "\",\"Parameters\":{\"JobName.$\":\"$.job\",\"Arguments.$\":"      \
    "\"$.arguments\",\"Timeout\":7,\"NumberOfWorkers\":2,\"WorkerType\":\"G.1X\","                 \
    "\"ExecutionClass\":\"FLEX\"},\"End\":true}}}"

static char *execute(struct world *w, const char *text, const char *job, struct arena *a)
{
    Stepfleet__MachineCreateRequest create = STEPFLEET__MACHINE_CREATE_REQUEST__INIT;
    Stepfleet__StartRequest q = STEPFLEET__START_REQUEST__INIT;
    const Stepfleet__StartReply *r;

    create.name = q.machine = (char *)(uintptr_t) "m";
    create.definition = message_bytes(slice_str(text));
    (void)call(w, RPC_MACHINE_CREATE, &create.base);
    q.input = message_bytes(arena_printf(a, "{\"job\":\"%s\",\"arguments\":%s}", job, arguments));
    q.has_input = true;
    r = call(w, RPC_EXECUTION_START, &q.base);
    return arena_str(a, slice_str(r->execution_arn));
}

static const Stepfleet__ExecutionDetail *execution(struct world *w, char *arn)
{
    Stepfleet__ExecutionRequest q = STEPFLEET__EXECUTION_REQUEST__INIT;

    q.execution = arn;
    return call(w, RPC_EXECUTION_DESCRIBE, &q.base);
}

static const struct json_node *member(struct arena *a, ProtobufCBinaryData text, const char *name)
{
    const struct json_node *v = NULL;
    struct err err;

    assert_int_equal(json_parse(arena_copy(a, message_slice(text)), a, &v, &err), OK);
    v = json_member(v, slice_str(name));
    assert_non_null(v);
    return v;
}

/* The runs there are of the job; the id of the newest. */
static size_t runs(struct world *w, char *id)
{
    Stepfleet__JobRunListRequest q = STEPFLEET__JOB_RUN_LIST_REQUEST__INIT;
    const Stepfleet__JobRunListReply *r;

    q.job = (char *)(uintptr_t) "j";
    r = call(w, RPC_JOB_RUN_LIST, &q.base);
    if (r->n_runs != 0) {
        strcpy(id, r->runs[0]->run);
    }
    return r->n_runs;
}

static void test_job_api__a_task_starts_a_run_and_goes_on(void **state)
{
    struct world *w = *state;
    struct arena a = {0};
    const Stepfleet__ExecutionDetail *d;
    char id[80];
    char *arn;

    assert_int_equal(put(w, "j", definition, false), OK);
    arn = execute(w, TASK(""), "j", &a);
    assert_int_equal(runs(w, id), 1);
    d = execution(w, arn);
    assert_string_equal(d->status, "SUCCEEDED");
    assert_true(slice_eq_str(json_text(member(&a, d->output, "JobName")), "j"));
    assert_true(slice_eq_str(json_text(member(&a, d->output, "JobRunId")), id));
    assert_non_null(member(&a, d->output, "SdkHttpMetadata"));
    assert_int_equal(describe(w, id)->timeout_minutes, 7);
    assert_int_equal(describe(w, id)->workers, 2);
    assert_string_equal(describe(w, id)->worker_type, "G.1X");
    arena_fini(&a);
}

/* The nth event of the execution, from 0, and that there are so many. */
static const struct json_node *
event(struct world *w, char *arn, size_t n, size_t of, struct arena *a)
{
    Stepfleet__HistoryRequest q = STEPFLEET__HISTORY_REQUEST__INIT;
    const Stepfleet__HistoryReply *r;
    const struct json_node *v = NULL;
    struct err err;

    q.execution = arn;
    r = call(w, RPC_EXECUTION_HISTORY, &q.base);
    assert_int_equal(r->n_events, of);
    assert_int_equal(json_parse(arena_copy(a, message_slice(r->events[n])), a, &v, &err), OK);
    return v;
}

/* What an event's details say; a text that is JSON is parsed. */
static const struct json_node *
detail(const struct json_node *e, const char *details, const char *name, struct arena *a)
{
    const struct json_node *v = json_member(json_member(e, slice_str(details)), slice_str(name));
    const struct json_node *parsed = NULL;
    struct err err;

    assert_non_null(v);
    return slice_starts_with(json_text(v), SLICE("{")) &&
                   json_parse(json_text(v), a, &parsed, &err) == OK
               ? parsed
               : v;
}

static bool says(const struct json_node *object, const char *name, const char *text)
{
    return slice_eq_str(json_text(json_member(object, slice_str(name))), text);
}

/* Scheduled, started, submitted with the run's id, succeeded with what GetJobRun would say. */
static void test_job_api__history_has_the_run(void **state)
{
    struct world *w = *state;
    struct arena a = {0};
    const struct json_node *v;
    const struct json_node *e;
    char id[80];
    char *arn;

    assert_int_equal(put(w, "j", definition, false), OK);
    arn = execute(w, TASK(".sync"), "j", &a);
    assert_int_equal(runs(w, id), 1);
    hello(w);
    report(w, work_to(w, JOB_JOIN), false);
    e = event(w, arn, 2, 8, &a);
    assert_true(says(e, "type", "TaskScheduled"));
    assert_true(says(json_member(e, SLICE("taskScheduledEventDetails")), "resourceType", "glue"));
    assert_true(
        says(json_member(e, SLICE("taskScheduledEventDetails")), "resource", "startJobRun.sync"));
    v = detail(e, "taskScheduledEventDetails", "parameters", &a);
    assert_true(says(v, "JobName", "j"));
    assert_true(says(event(w, arn, 3, 8, &a), "type", "TaskStarted"));
    e = event(w, arn, 4, 8, &a);
    assert_true(says(e, "type", "TaskSubmitted"));
    v = detail(e, "taskSubmittedEventDetails", "output", &a);
    assert_true(says(v, "JobName", "j") && says(v, "JobRunId", id));
    assert_non_null(json_member(v, SLICE("SdkHttpMetadata")));
    e = event(w, arn, 5, 8, &a);
    assert_true(says(e, "type", "TaskSucceeded"));
    v = detail(e, "taskSucceededEventDetails", "output", &a);
    assert_true(says(v, "Id", id) && says(v, "JobName", "j"));
    assert_true(says(v, "JobRunState", "SUCCEEDED") && says(v, "WorkerType", "G.1X"));
    assert_true(json_is(json_member(v, SLICE("Arguments")), JSON_OBJECT));
    assert_int_equal(json_count(json_member(v, SLICE("PredecessorRuns"))), 0);
    assert_true(json_is(json_member(v, SLICE("PredecessorRuns")), JSON_ARRAY));
    assert_null(json_member(v, SLICE("ErrorMessage")));
    for (size_t i = 0; i < 6; i++) {
        static const char *const numbers[] = {"Attempt",   "CompletedOn",     "ExecutionTime",
                                              "StartedOn", "NumberOfWorkers", "Timeout"};

        assert_true(json_is(json_member(v, slice_str(numbers[i])), JSON_NUMBER));
    }
    arena_fini(&a);
}

/* A restart in its midst leaves it waiting, and it is told once. */
static void test_job_api__a_task_waits_for_its_run(void **state)
{
    struct world *w = *state;
    struct arena a = {0};
    const Stepfleet__ExecutionDetail *d;
    struct err err;
    char id[80];
    char *arn;

    assert_int_equal(put(w, "j", definition, false), OK);
    arn = execute(w, TASK(".sync"), "j", &a);
    assert_string_equal(execution(w, arn)->status, "RUNNING");
    assert_int_equal(api_world_restart(&w->api, &err), OK);
    assert_int_equal(runs(w, id), 1);
    hello(w);
    report(w, work_to(w, JOB_JOIN), false);
    d = execution(w, arn);
    assert_string_equal(d->status, "SUCCEEDED");
    assert_int_equal(d->events, 8);
    assert_true(slice_eq_str(json_text(member(&a, d->output, "JobRunState")), "SUCCEEDED"));
    assert_true(slice_eq_str(json_text(member(&a, d->output, "Id")), id));
    arena_fini(&a);
}

static void test_job_api__a_run_that_fails_fails_its_task(void **state)
{
    struct world *w = *state;
    struct arena a = {0};
    const Stepfleet__ExecutionDetail *d;
    char *arn;

    assert_int_equal(put(w, "j", definition, false), OK);
    arn = execute(w, TASK(".sync"), "j", &a);
    hello(w);
    report(w, work_to(w, JOB_PLAN), true);
    d = execution(w, arn);
    assert_string_equal(d->status, "FAILED");
    assert_string_equal(d->error, "States.TaskFailed");
    assert_true(slice_eq_str(json_text(member(&a, d->cause, "JobRunState")), "FAILED"));
    assert_true(slice_starts_with(json_text(member(&a, d->cause, "ErrorMessage")),
                                  SLICE("Job.InputMissing: ")));
    arena_fini(&a);
}

static void test_job_api__a_stopped_execution_stops_its_run(void **state)
{
    struct world *w = *state;
    struct arena a = {0};
    Stepfleet__StopRequest q = STEPFLEET__STOP_REQUEST__INIT;
    char id[80];

    assert_int_equal(put(w, "j", definition, false), OK);
    q.execution = execute(w, TASK(".sync"), "j", &a);
    hello(w);
    (void)work_to(w, JOB_MAP);
    (void)call(w, RPC_EXECUTION_STOP, &q.base);
    assert_int_equal(runs(w, id), 1);
    assert_string_equal(describe(w, id)->state, "STOPPED");
    assert_string_equal(describe(w, id)->piece_states[0]->status, "ended");
    arena_fini(&a);
}

static void fails_as(struct world *w, const char *job, const char *error, const char *cause)
{
    struct arena a = {0};
    const Stepfleet__ExecutionDetail *d = execution(w, execute(w, TASK(".sync"), job, &a));

    assert_string_equal(d->status, "FAILED");
    assert_string_equal(d->error, error);
    if (!slice_starts_with(message_slice(d->cause), slice_str(cause))) {
        fail_msg("%.*s", SLICE_FMT(message_slice(d->cause)));
    }
    arena_fini(&a);
}

static void test_job_api__a_start_that_is_refused_fails_as_glues(void **state)
{
    struct world *w = *state;

    assert_int_equal(put(w, "j", "{\"Handler\":\"h\"}", false), OK);
    fails_as(w, "x", "Glue.EntityNotFoundException",
             "Job with name: x not found (Service: AWSGlue; Status Code: 400; Error Code: "
             "EntityNotFoundException; Request ID: ");
    assert_int_equal(start(w, "j", RUN_A, arguments), OK);
    fails_as(w, "j", "Glue.ConcurrentRunsExceededException",
             "Concurrent runs exceeded for j (Service: AWSGlue; Status Code: 400; Error Code: "
             "ConcurrentRunsExceededException; Request ID: ");
    assert_int_equal(stop(w, RUN_A), OK);
    arguments[2] = 'x'; /* "x-input-bucket" */
    fails_as(w, "j", "Glue.InvalidInputException", "");
    arguments[2] = '-';
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_job_api__##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(put_is_idempotent),
        TEST(a_start_is_idempotent_by_its_id),
        TEST(runs_are_listed_newest_first),
        TEST(a_run_is_described_as_it_goes),
        TEST(a_wait_is_answered_in_time),
        TEST(a_task_starts_a_run_and_goes_on),
        TEST(history_has_the_run),
        TEST(a_task_waits_for_its_run),
        TEST(a_run_that_fails_fails_its_task),
        TEST(a_stopped_execution_stops_its_run),
        TEST(a_start_that_is_refused_fails_as_glues),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
