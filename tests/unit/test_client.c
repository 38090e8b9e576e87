/* SPDX-License-Identifier: Apache-2.0 */
/* libstepfleet against a coordinator of straw: one that answers, refuses, hangs up or talks
 * nonsense, as each test's script says, request by request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <unistd.h>

#include "client/src/client.h"
#include "proto/base/limits.h"

/* nng 1.5.2 loses a pipe, now and then, whose other end hangs up while it is being set up. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libnng.so";
}

enum mock_act { MOCK_ANSWER, MOCK_REFUSE, MOCK_HANG_UP, MOCK_NONSENSE, MOCK_OTHER_REQUEST };

struct mock_step {
    enum mock_act act;
    uint16_t status; /* MOCK_REFUSE */
};

enum { MOCK_STEPS = 16, MOCK_NAME = 64, MOCK_THREADS = 8, MOCK_CALLS = 100 };

struct mock {
    nng_socket socket;
    pthread_t thread;
    char url[96];
    struct mock_step steps[MOCK_STEPS]; /* past them: answer */
    unsigned requests;
    uint16_t methods[MOCK_STEPS];
    char names[MOCK_STEPS][MOCK_NAME]; /* of starts */
    bool has_input;
    uint32_t wait_ms;
    uint64_t seen;
};

/* ---- The coordinator of straw ---- */

static size_t answer_start(struct mock *m, struct slice body, unsigned i, char *out)
{
    struct arena a = {0};
    struct err err;
    Stepfleet__StartRequest *q = message_unpack(rpc_request(RPC_EXECUTION_START), body, &a, &err);
    Stepfleet__StartReply r = STEPFLEET__START_REPLY__INIT;
    char arn[] = "arn:x";

    if (q != NULL && i < MOCK_STEPS) {
        (void)snprintf(m->names[i], MOCK_NAME, "%s", q->name);
        m->has_input = q->has_input;
        m->wait_ms = q->wait_ms;
    }
    arena_fini(&a);
    r.execution_arn = arn;
    r.start_ms = 7;
    return protobuf_c_message_pack(&r.base, (uint8_t *)(void *)out);
}

static size_t answer_execution(char *out)
{
    Stepfleet__ExecutionDetail r = STEPFLEET__EXECUTION_DETAIL__INIT;
    Stepfleet__Frame f = STEPFLEET__FRAME__INIT;
    Stepfleet__Frame *frames[] = {&f};
    char status[] = "FAILED";
    char state[] = "Stage3";

    r.status = status;
    r.has_output = true; /* present and empty */
    r.has_error = true;
    r.events = UINT64_MAX;
    r.start_ms = 1234;
    f.state = state;
    f.bytes_in = UINT64_C(1) << 40;
    r.frames = frames;
    r.n_frames = 1;
    return protobuf_c_message_pack(&r.base, (uint8_t *)(void *)out);
}

static size_t answer_body(struct mock *m, const struct envelope *e, unsigned i, char *out)
{
    switch (e->method) {
    case RPC_EXECUTION_START: return answer_start(m, e->body, i, out);
    case RPC_EXECUTION_RUN: (void)answer_start(m, e->body, i, out); return answer_execution(out);
    case RPC_EXECUTION_START_SYNC:
    case RPC_EXECUTION_DESCRIBE:
    case RPC_EXECUTION_WAIT: return answer_execution(out);
    default: return 0; /* every other reply may be empty */
    }
}

static size_t refuse_body(uint16_t status, char *out)
{
    Stepfleet__ErrorBody b = STEPFLEET__ERROR_BODY__INIT;
    char code[] = "SomeError";
    char message[] = "it is so";

    b.code = code;
    b.message = message;
    b.version_min = status == ERR_VERSION ? 5 : 0;
    b.version_max = status == ERR_VERSION ? 9 : 0;
    return protobuf_c_message_pack(&b.base, (uint8_t *)(void *)out);
}

static void mock_send(struct mock *m, const struct envelope *e, const char *body, size_t len)
{
    char head[WIRE_HEADER_BYTES];
    nng_msg *reply;

    envelope_encode(e, head);
    assert_int_equal(nng_msg_alloc(&reply, 0), 0);
    assert_int_equal(nng_msg_append(reply, head, sizeof(head)), 0);
    assert_int_equal(nng_msg_append(reply, body, len), 0);
    if (nng_sendmsg(m->socket, reply, 0) != 0) {
        nng_msg_free(reply);
    }
}

static void mock_turn(struct mock *m, nng_msg *msg)
{
    unsigned i = m->requests++;
    struct mock_step step = i < MOCK_STEPS ? m->steps[i] : (struct mock_step){MOCK_ANSWER, 0};
    char body[1024];
    size_t len;
    struct envelope e;
    struct err err;

    assert_int_equal(envelope_decode(slice_make(nng_msg_body(msg), nng_msg_len(msg)), &e, &err),
                     OK);
    if (i < MOCK_STEPS) {
        m->methods[i] = e.method;
    }
    len = answer_body(m, &e, i, body);
    if (step.act == MOCK_HANG_UP) {
        (void)nng_pipe_close(nng_msg_get_pipe(msg));
        return;
    }
    if (step.act == MOCK_REFUSE) {
        e.status = step.status;
        len = refuse_body(step.status, body);
    }
    e.request_id += step.act == MOCK_OTHER_REQUEST;
    e.method = step.act == MOCK_NONSENSE ? 0 : e.method;
    mock_send(m, &e, body, len);
}

static void *mock_run(void *arg)
{
    struct mock *m = arg;
    nng_msg *msg;

    while (nng_recvmsg(m->socket, &msg, 0) == 0) {
        mock_turn(m, msg);
        nng_msg_free(msg);
    }
    return NULL;
}

static void mock_open(struct mock *m)
{
    (void)snprintf(m->url, sizeof(m->url), "ipc:///tmp/stepfleet-test-client-%d", (int)getpid());
    assert_int_equal(nng_rep0_open(&m->socket), 0);
    assert_int_equal(nng_socket_set_size(m->socket, NNG_OPT_RECVMAXSZ, LIMIT_FRAME_BYTES), 0);
    assert_int_equal(nng_listen(m->socket, m->url, NULL, 0), 0);
    assert_int_equal(pthread_create(&m->thread, NULL, mock_run, m), 0);
}

static void mock_close(struct mock *m)
{
    (void)nng_close(m->socket);
    (void)pthread_join(m->thread, NULL);
}

static struct stepfleet *client_open(const struct mock *m)
{
    struct stepfleet_options options = {.coordinator = m->url, .timeout_ms = 20000};
    struct stepfleet *c = NULL;

    assert_int_equal(stepfleet_open(&options, &c, NULL), STEPFLEET_OK);
    return c;
}

/* ---- Replies ---- */

static void test_client__a_reply_is_plain_structs(void **state)
{
    struct mock m = {.steps = {{MOCK_ANSWER, 0}}};
    struct stepfleet_execution *e = NULL;
    struct stepfleet *c;

    (void)state;
    mock_open(&m);
    c = client_open(&m);
    assert_int_equal(stepfleet_execution_describe(c, "arn:x", &e, NULL), STEPFLEET_OK);
    stepfleet_close(c); /* a reply outlives the connection */
    assert_string_equal(e->status, "FAILED");
    assert_true(e->events == UINT64_MAX);
    assert_non_null(e->output.ptr);
    assert_int_equal(e->output.len, 0);
    assert_null(e->cause.ptr);
    assert_true(e->has_error);
    assert_string_equal(e->error, "");
    assert_int_equal(e->frame_count, 1);
    assert_string_equal(e->frames[0].state, "Stage3");
    assert_true(e->frames[0].bytes_in == UINT64_C(1) << 40);
    assert_string_equal(e->frames[0].worker, "");
    stepfleet_release(e);
    stepfleet_release(NULL);
    stepfleet_close(NULL);
    mock_close(&m);
}

/* Every call reaches the operation of its name, and an empty reply of each can be read. */
static void test_client__each_call_is_its_operation(void **state)
{
    struct mock m = {0};
    struct stepfleet_machine_spec spec = {.name = "m", .definition = {"{}", 2}};
    struct stepfleet_execution_query list = {0};
    struct stepfleet_history_query history = {.execution = "x"};
    struct stepfleet_machine_change *change;
    struct stepfleet_machine *machine;
    struct stepfleet_machine_page *page;
    struct stepfleet_execution_page *executions;
    struct stepfleet_history_page *events;
    struct stepfleet *c;
    static const uint16_t want[] = {RPC_MACHINE_CREATE,    RPC_MACHINE_UPDATE, RPC_MACHINE_DESCRIBE,
                                    RPC_MACHINE_LIST,      RPC_MACHINE_DELETE, RPC_EXECUTION_LIST,
                                    RPC_EXECUTION_HISTORY, RPC_EXECUTION_STOP};

    (void)state;
    mock_open(&m);
    c = client_open(&m);
    assert_int_equal(stepfleet_machine_create(c, &spec, &change, NULL), STEPFLEET_OK);
    stepfleet_release(change);
    assert_int_equal(stepfleet_machine_update(c, &spec, &change, NULL), STEPFLEET_OK);
    stepfleet_release(change);
    assert_int_equal(stepfleet_machine_describe(c, "m", 0, &machine, NULL), STEPFLEET_OK);
    stepfleet_release(machine);
    assert_int_equal(stepfleet_machine_list(c, 0, NULL, &page, NULL), STEPFLEET_OK);
    stepfleet_release(page);
    assert_int_equal(stepfleet_machine_delete(c, "m", NULL), STEPFLEET_OK);
    assert_int_equal(stepfleet_execution_list(c, &list, &executions, NULL), STEPFLEET_OK);
    stepfleet_release(executions);
    assert_int_equal(stepfleet_execution_history(c, &history, &events, NULL), STEPFLEET_OK);
    stepfleet_release(events);
    assert_int_equal(
        stepfleet_execution_stop(c, "x", NULL, (struct stepfleet_bytes){0}, NULL, NULL),
        STEPFLEET_OK);
    stepfleet_close(c);
    mock_close(&m);
    assert_memory_equal(m.methods, want, sizeof(want));
}

/* The same for activities, tasks and definitions that are only checked. */
static void test_client__each_call_of_tags_is_its_operation(void **state)
{
    struct mock m = {0};
    const struct stepfleet_tag tag = {"key", "value"};
    const char *key = "key";
    struct stepfleet_tags *tags;
    struct stepfleet *c;
    static const uint16_t want[] = {RPC_TAG_LIST, RPC_TAG, RPC_UNTAG};

    (void)state;
    mock_open(&m);
    c = client_open(&m);
    assert_int_equal(stepfleet_tag_list(c, "arn", &tags, NULL), STEPFLEET_OK);
    assert_int_equal(tags->count, 0);
    stepfleet_release(tags);
    assert_int_equal(stepfleet_tag_put(c, "arn", &tag, 1, NULL), STEPFLEET_OK);
    assert_int_equal(stepfleet_tag_remove(c, "arn", &key, 1, NULL), STEPFLEET_OK);
    stepfleet_close(c);
    mock_close(&m);
    assert_memory_equal(m.methods, want, sizeof(want));
}

static void test_client__each_call_of_triggers_is_its_operation(void **state)
{
    struct mock m = {0};
    const struct stepfleet_tag attribute = {"key", "value"};
    const struct stepfleet_rule rule = {.name = "r"};
    const struct stepfleet_rule_target target = {.id = "t"};
    const char *id = "t";
    struct stepfleet_queue *queue;
    struct stepfleet_subscription_page *page;
    struct stepfleet_rule_targets *targets;
    struct stepfleet_rule *found;
    struct stepfleet_tags *tags;
    struct stepfleet *c;
    static const uint16_t want[] = {
        RPC_QUEUE_CREATE,     RPC_QUEUE_ATTRIBUTES,   RPC_QUEUE_SET,     RPC_TOPIC_CREATE,
        RPC_TOPIC_SET,        RPC_TOPIC_ATTRIBUTES,   RPC_SUBSCRIBE,     RPC_SUBSCRIPTION_LIST,
        RPC_RULE_PUT,         RPC_SUBSCRIPTION_SET,   RPC_RULE_DESCRIBE, RPC_RULE_TARGETS_LIST,
        RPC_RULE_TARGETS_PUT, RPC_RULE_TARGETS_REMOVE};

    (void)state;
    mock_open(&m);
    c = client_open(&m);
    assert_int_equal(stepfleet_queue_create(c, "q", &attribute, 1, &queue, NULL), STEPFLEET_OK);
    stepfleet_release(queue);
    assert_int_equal(stepfleet_queue_attributes(c, "q", &tags, NULL), STEPFLEET_OK);
    stepfleet_release(tags);
    assert_int_equal(stepfleet_queue_set(c, "q", &attribute, 1, NULL), STEPFLEET_OK);
    assert_int_equal(stepfleet_topic_create(c, "t", NULL, 0, NULL), STEPFLEET_OK);
    assert_int_equal(stepfleet_topic_set(c, "t", &attribute, NULL), STEPFLEET_OK);
    assert_int_equal(stepfleet_topic_attributes(c, "t", &tags, NULL), STEPFLEET_OK);
    stepfleet_release(tags);
    assert_int_equal(stepfleet_subscribe(c, "t", "sqs", "q", NULL, 0, NULL), STEPFLEET_OK);
    assert_int_equal(stepfleet_subscription_list(c, "t", NULL, &page, NULL), STEPFLEET_OK);
    stepfleet_release(page);
    assert_int_equal(stepfleet_rule_put(c, &rule, NULL), STEPFLEET_OK);
    assert_int_equal(stepfleet_subscription_set(c, "s", &attribute, NULL), STEPFLEET_OK);
    assert_int_equal(stepfleet_rule_describe(c, "r", &found, NULL), STEPFLEET_OK);
    stepfleet_release(found);
    assert_int_equal(stepfleet_rule_targets(c, "r", &targets, NULL), STEPFLEET_OK);
    stepfleet_release(targets);
    assert_int_equal(stepfleet_rule_targets_put(c, "r", &target, 1, NULL), STEPFLEET_OK);
    assert_int_equal(stepfleet_rule_targets_remove(c, "r", &id, 1, NULL), STEPFLEET_OK);
    stepfleet_close(c);
    mock_close(&m);
    assert_memory_equal(m.methods, want, sizeof(want));
}

static void test_client__each_call_of_a_task_is_its_operation(void **state)
{
    struct mock m = {0};
    struct stepfleet_bytes text = {"{}", 2};
    struct stepfleet_validation_query query = {.definition = text};
    struct stepfleet_validation *validation;
    struct stepfleet_activity *activity;
    struct stepfleet_activity_page *page;
    struct stepfleet *c;
    static const uint16_t want[] = {
        RPC_MACHINE_VALIDATE, RPC_ACTIVITY_CREATE, RPC_ACTIVITY_DESCRIBE, RPC_ACTIVITY_LIST,
        RPC_ACTIVITY_DELETE,  RPC_TASK_SUCCESS,    RPC_TASK_FAILURE,      RPC_TASK_HEARTBEAT};

    (void)state;
    mock_open(&m);
    c = client_open(&m);
    assert_int_equal(stepfleet_machine_validate(c, &query, &validation, NULL), STEPFLEET_OK);
    assert_false(validation->ok);
    stepfleet_release(validation);
    assert_int_equal(stepfleet_activity_create(c, "a", &activity, NULL), STEPFLEET_OK);
    stepfleet_release(activity);
    assert_int_equal(stepfleet_activity_describe(c, "a", &activity, NULL), STEPFLEET_OK);
    assert_string_equal(activity->name, "");
    stepfleet_release(activity);
    assert_int_equal(stepfleet_activity_list(c, 0, NULL, &page, NULL), STEPFLEET_OK);
    stepfleet_release(page);
    assert_int_equal(stepfleet_activity_delete(c, "a", NULL), STEPFLEET_OK);
    assert_int_equal(stepfleet_task_success(c, text, text, NULL), STEPFLEET_OK);
    assert_int_equal(stepfleet_task_failure(c, text, NULL, (struct stepfleet_bytes){0}, NULL),
                     STEPFLEET_OK);
    assert_int_equal(stepfleet_task_heartbeat(c, text, NULL), STEPFLEET_OK);
    stepfleet_close(c);
    mock_close(&m);
    assert_memory_equal(m.methods, want, sizeof(want));
}

static void test_client__each_call_of_a_job_is_its_operation(void **state)
{
    struct mock m = {0};
    struct stepfleet_job_start start = {.job = "j"};
    struct stepfleet_job_run_query query = {.run = "jr_"};
    struct stepfleet_job *job;
    struct stepfleet_job_page *page;
    struct stepfleet_job_started *started;
    struct stepfleet_job_run *run;
    struct stepfleet_job_run_page *runs;
    struct stepfleet *c;
    static const uint16_t want[] = {RPC_JOB_PUT,          RPC_JOB_DESCRIBE,  RPC_JOB_LIST,
                                    RPC_JOB_DELETE,       RPC_JOB_RUN_START, RPC_JOB_RUN_STOP,
                                    RPC_JOB_RUN_DESCRIBE, RPC_JOB_RUN_WAIT};

    (void)state;
    mock_open(&m);
    c = client_open(&m);
    assert_int_equal(stepfleet_job_put(c, "j", (struct stepfleet_bytes){"{}", 2}, true, &job, NULL),
                     STEPFLEET_OK);
    stepfleet_release(job);
    assert_int_equal(stepfleet_job_describe(c, "j", &job, NULL), STEPFLEET_OK);
    assert_string_equal(job->name, "");
    stepfleet_release(job);
    assert_int_equal(stepfleet_job_list(c, 0, NULL, &page, NULL), STEPFLEET_OK);
    assert_int_equal(page->count, 0);
    stepfleet_release(page);
    assert_int_equal(stepfleet_job_delete(c, "j", NULL), STEPFLEET_OK);
    assert_int_equal(stepfleet_job_run_start(c, &start, &started, NULL), STEPFLEET_OK);
    stepfleet_release(started);
    assert_int_equal(stepfleet_job_run_stop(c, "jr_", &started, NULL), STEPFLEET_OK);
    stepfleet_release(started);
    assert_int_equal(stepfleet_job_run_describe(c, &query, &run, NULL), STEPFLEET_OK);
    assert_string_equal(run->missing, "");
    stepfleet_release(run);
    assert_int_equal(stepfleet_job_run_wait(c, "jr_", 1, &run, NULL), STEPFLEET_OK);
    stepfleet_release(run);
    stepfleet_close(c);
    mock_close(&m);
    assert_memory_equal(m.methods, want, sizeof(want));
    m = (struct mock){0};
    mock_open(&m);
    c = client_open(&m);
    assert_int_equal(stepfleet_job_run_list(c, "j", 0, NULL, &runs, NULL), STEPFLEET_OK);
    stepfleet_release(runs);
    stepfleet_close(c);
    mock_close(&m);
    assert_int_equal(m.methods[0], RPC_JOB_RUN_LIST);
}

/* ---- Repeats ---- */

static void test_client__a_lost_start_is_sent_again_under_its_name(void **state)
{
    struct mock m = {.steps = {{MOCK_HANG_UP, 0}, {MOCK_REFUSE, ERR_BUSY}, {MOCK_ANSWER, 0}}};
    struct stepfleet_start start = {.machine = "m"};
    struct stepfleet_started *s = NULL;
    struct stepfleet *c;

    (void)state;
    mock_open(&m);
    c = client_open(&m);
    assert_int_equal(stepfleet_execution_start(c, &start, &s, NULL), STEPFLEET_OK);
    stepfleet_close(c);
    mock_close(&m);
    assert_int_equal(m.requests, 3);
    assert_int_equal(strlen(m.names[0]), 36);
    assert_string_equal(m.names[0], m.names[1]);
    assert_string_equal(m.names[0], m.names[2]);
    assert_string_equal(m.names[0], s->name);
    assert_false(m.has_input);
    assert_int_equal(s->start_ms, 7);
    stepfleet_release(s);
}

/* Lost, and ended before it was sent again: the name is ours, so it is no other execution. */
static void test_client__a_lost_start_that_has_ended_is_found(void **state)
{
    struct mock m = {.steps = {{MOCK_HANG_UP, 0}, {MOCK_REFUSE, ERR_EXECUTION_EXISTS}}};
    struct mock named = m;
    struct stepfleet_start start = {.machine = "arn:aws:states:r:a:stateMachine:m"};
    struct stepfleet_started *s = NULL;
    struct stepfleet *c;

    (void)state;
    mock_open(&m);
    c = client_open(&m);
    assert_int_equal(stepfleet_execution_start(c, &start, &s, NULL), STEPFLEET_OK);
    assert_int_equal(s->start_ms, 1234);
    stepfleet_release(s);
    stepfleet_close(c);
    mock_close(&m);
    assert_int_equal(m.requests, 4);
    assert_int_equal(m.methods[2], RPC_HEALTH);
    assert_int_equal(m.methods[3], RPC_EXECUTION_DESCRIBE);

    mock_open(&named);
    c = client_open(&named);
    start.name = "given";
    assert_int_equal(stepfleet_execution_start(c, &start, &s, NULL), STEPFLEET_EXECUTION_EXISTS);
    stepfleet_close(c);
    mock_close(&named);
    assert_int_equal(named.requests, 2);
}

static void test_client__a_lost_sync_start_is_not_sent_again(void **state)
{
    struct mock m = {.steps = {{MOCK_HANG_UP, 0}}};
    struct stepfleet_start start = {.machine = "m"};
    struct stepfleet_execution *e = NULL;
    struct stepfleet_error error;
    struct stepfleet *c;

    (void)state;
    mock_open(&m);
    c = client_open(&m);
    assert_int_equal(stepfleet_execution_start_sync(c, &start, &e, &error), STEPFLEET_UNAVAILABLE);
    assert_null(e);
    assert_int_equal(error.code, STEPFLEET_UNAVAILABLE);
    stepfleet_close(c);
    mock_close(&m);
    assert_int_equal(m.requests, 1);
}

/* Under the name of the first time, though its caller gave none: it is the same run. */
static void test_client__a_lost_run_is_asked_for_again(void **state)
{
    struct mock m = {.steps = {{MOCK_HANG_UP, 0}}};
    struct stepfleet_start start = {.machine = "m", .input = {"{}", 2}};
    struct stepfleet_execution *e = NULL;
    struct stepfleet *c;

    (void)state;
    mock_open(&m);
    c = client_open(&m);
    assert_int_equal(stepfleet_execution_run(c, &start, 60000, &e, NULL), STEPFLEET_OK);
    assert_string_equal(e->status, "FAILED");
    stepfleet_release(e);
    stepfleet_close(c);
    mock_close(&m);
    assert_int_equal(m.requests, 2);
    assert_int_equal(m.methods[1], RPC_EXECUTION_RUN);
    assert_true(m.names[0][0] != '\0');
    assert_string_equal(m.names[0], m.names[1]);
    assert_true(m.has_input);
    assert_int_equal(m.wait_ms, LIMIT_POLL_MS);
}

/* A task whose answer was lost is out: asking again would take another. */
static void test_client__a_lost_activity_task_is_not_asked_for_again(void **state)
{
    struct mock m = {.steps = {{MOCK_ANSWER, 0}, {MOCK_HANG_UP, 0}}};
    struct stepfleet_activity_task *task = NULL;
    struct stepfleet *c;

    (void)state;
    mock_open(&m);
    c = client_open(&m);
    assert_int_equal(stepfleet_activity_task(c, "a", NULL, 1, &task, NULL), STEPFLEET_OK);
    assert_int_equal(task->token.len, 0);
    stepfleet_release(task);
    task = NULL;
    assert_int_equal(stepfleet_activity_task(c, "a", "w", 1, &task, NULL), STEPFLEET_UNAVAILABLE);
    assert_null(task);
    stepfleet_close(c);
    mock_close(&m);
    assert_int_equal(m.requests, 2);
    assert_int_equal(m.methods[1], RPC_ACTIVITY_TASK);
}

static void test_client__a_sync_start_turned_away_is_sent_again(void **state)
{
    struct mock m = {.steps = {{MOCK_REFUSE, ERR_BUSY}, {MOCK_REFUSE, ERR_IO}}};
    struct stepfleet_start start = {.machine = "m"};
    struct stepfleet_execution *e = NULL;
    struct stepfleet *c;

    (void)state;
    mock_open(&m);
    c = client_open(&m);
    assert_int_equal(stepfleet_execution_start_sync(c, &start, &e, NULL), STEPFLEET_IO);
    stepfleet_close(c);
    mock_close(&m);
    assert_int_equal(m.requests, 2);
}

/* ---- Refusals and nonsense ---- */

static void check_refused(struct mock_step step, enum stepfleet_code want, const char *words)
{
    struct mock m = {.steps = {step}};
    struct stepfleet_execution *e = NULL;
    struct stepfleet_error error;
    struct stepfleet *c;

    mock_open(&m);
    c = client_open(&m);
    assert_int_equal(stepfleet_execution_describe(c, "arn:x", &e, &error), want);
    stepfleet_close(c);
    mock_close(&m);
    assert_null(e);
    assert_int_equal(m.requests, 1);
    if (strstr(error.message, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.message, words);
    }
}

static void test_client__refusals_are_said_as_they_came(void **state)
{
    (void)state;
    check_refused((struct mock_step){MOCK_REFUSE, ERR_EXECUTION_DOES_NOT_EXIST},
                  STEPFLEET_EXECUTION_DOES_NOT_EXIST, "it is so");
    check_refused((struct mock_step){MOCK_REFUSE, 999}, STEPFLEET_INTERNAL, "SomeError: it is so");
    check_refused((struct mock_step){MOCK_REFUSE, ERR_VERSION}, STEPFLEET_VERSION_MISMATCH,
                  "versions 5 to 9");
}

static void test_client__nonsense_is_an_error(void **state)
{
    (void)state;
    check_refused((struct mock_step){MOCK_NONSENSE, 0}, STEPFLEET_MESSAGE, "another request");
    check_refused((struct mock_step){MOCK_OTHER_REQUEST, 0}, STEPFLEET_MESSAGE, "another request");
}

static void test_client__a_request_larger_than_a_frame_never_leaves(void **state)
{
    struct mock m = {0};
    struct stepfleet_started *s = NULL;
    char *text = mem_zalloc(1, LIMIT_FRAME_BYTES);
    struct stepfleet_start start = {.machine = "m", .name = "n"};
    struct stepfleet *c;

    (void)state;
    memset(text, ' ', LIMIT_FRAME_BYTES);
    mock_open(&m);
    c = client_open(&m);
    start.input = (struct stepfleet_bytes){text, LIMIT_FRAME_BYTES};
    assert_int_equal(stepfleet_execution_start(c, &start, &s, NULL), STEPFLEET_TOO_LARGE);
    /* The largest: nng's id, header, two short strings, the input's tag and length, has_input. */
    start.input.len = LIMIT_FRAME_BYTES - CLIENT_NNG_BYTES - WIRE_HEADER_BYTES - 3 - 3 - 5 - 2;
    assert_int_equal(stepfleet_execution_start(c, &start, &s, NULL), STEPFLEET_OK);
    assert_true(m.has_input);
    stepfleet_release(s);
    start.input.len++;
    assert_int_equal(stepfleet_execution_start(c, &start, &s, NULL), STEPFLEET_TOO_LARGE);
    stepfleet_close(c);
    mock_close(&m);
    assert_int_equal(m.requests, 1);
    mem_free(text);
}

/* ---- Connections ---- */

static void test_client__nobody_there_is_said_soon(void **state)
{
    struct stepfleet_options options = {.coordinator = "ipc:///tmp/stepfleet-test-nobody-is-here",
                                        .connect_ms = 100};
    struct stepfleet_health *h = NULL;
    struct stepfleet_error error;
    struct stepfleet *c;

    (void)state;
    assert_int_equal(stepfleet_open(&options, &c, NULL), STEPFLEET_OK);
    assert_int_equal(stepfleet_health(c, &h, &error), STEPFLEET_UNAVAILABLE);
    assert_string_equal(error.name, "ServiceUnavailable");
    assert_non_null(strstr(error.message, "ipc:///tmp/stepfleet-test-nobody-is-here"));
    stepfleet_close(c);
}

static void test_client__a_new_coordinator_is_found_again(void **state)
{
    struct mock m = {0};
    struct stepfleet_workers *w = NULL;
    struct stepfleet *c;

    (void)state;
    mock_open(&m);
    c = client_open(&m);
    assert_int_equal(stepfleet_workers(c, &w, NULL), STEPFLEET_OK);
    stepfleet_release(w);
    mock_close(&m);
    mock_open(&m);
    assert_int_equal(stepfleet_workers(c, &w, NULL), STEPFLEET_OK);
    stepfleet_release(w);
    stepfleet_close(c);
    mock_close(&m);
    assert_int_equal(m.requests, 2);
}

static void test_client__only_this_machine_is_spoken_to(void **state)
{
    static const char *const good[] = {"tcp://127.0.0.1:7233", "tcp://127.255.3.4:1",
                                       "tcp://[::1]:65535", "ipc:///run/x"};
    static const char *const bad[] = {"tcp://10.0.0.1:7233",
                                      "tcp://0.0.0.0:7233",
                                      "tcp://127.0.0.1",
                                      "tcp://127.0.0.1:0",
                                      "tcp://127.0.0.1:65536",
                                      "tcp://127.0.0.1:x",
                                      "tcp://*:7233",
                                      "tcp://[::]:7233",
                                      "tcp://example.com:1",
                                      "ipc://x",
                                      "ipc:///",
                                      "http://127.0.0.1:1",
                                      "127.0.0.1:7233",
                                      "tcp://:7233",
                                      "tcp://127.1:7233",
                                      "inproc://x"};
    char out[CLIENT_URL_BYTES];
    struct err err;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(connection_check_url(good[i], NULL, out, &err), OK);
        assert_string_equal(out, good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (connection_check_url(bad[i], NULL, out, &err) != ERR_CONFIG) {
            fail_msg("%s is accepted", bad[i]);
        }
    }
    assert_int_equal(connection_check_url("tcp://localhost:9", NULL, out, &err), OK);
    assert_string_equal(out, "tcp://127.0.0.1:9");
}

static void test_client__urls_have_a_longest(void **state)
{
    char url[CLIENT_URL_BYTES + 1] = "ipc:///";
    char out[CLIENT_URL_BYTES];
    struct err err;

    (void)state;
    memset(url + 7, 'x', CLIENT_URL_BYTES - 7);
    url[CLIENT_URL_BYTES - 1] = '\0';
    assert_int_equal(connection_check_url(url, NULL, out, &err), OK);
    url[CLIENT_URL_BYTES - 1] = 'x';
    url[CLIENT_URL_BYTES] = '\0';
    assert_int_equal(connection_check_url(url, NULL, out, &err), ERR_CONFIG);
}

static void *many_calls(void *arg)
{
    struct stepfleet *c = arg;
    uintptr_t good = 0;

    for (unsigned i = 0; i < MOCK_CALLS; i++) {
        struct stepfleet_execution *e = NULL;

        if (stepfleet_execution_wait(c, "arn:x", 0, 0, &e, NULL) == STEPFLEET_OK) {
            good++;
            stepfleet_release(e);
        }
    }
    return (void *)good;
}

static void test_client__threads_share_a_connection(void **state)
{
    struct mock m = {0};
    pthread_t threads[MOCK_THREADS];
    struct stepfleet *c;

    (void)state;
    mock_open(&m);
    c = client_open(&m);
    for (unsigned i = 0; i < MOCK_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, many_calls, c), 0);
    }
    for (unsigned i = 0; i < MOCK_THREADS; i++) {
        void *good;

        assert_int_equal(pthread_join(threads[i], &good), 0);
        assert_int_equal((uintptr_t)good, MOCK_CALLS);
    }
    stepfleet_close(c);
    mock_close(&m);
    assert_int_equal(m.requests, MOCK_THREADS * MOCK_CALLS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client__a_reply_is_plain_structs),
        cmocka_unit_test(test_client__each_call_is_its_operation),
        cmocka_unit_test(test_client__each_call_of_tags_is_its_operation),
        cmocka_unit_test(test_client__each_call_of_triggers_is_its_operation),
        cmocka_unit_test(test_client__each_call_of_a_task_is_its_operation),
        cmocka_unit_test(test_client__each_call_of_a_job_is_its_operation),
        cmocka_unit_test(test_client__a_lost_run_is_asked_for_again),
        cmocka_unit_test(test_client__a_lost_activity_task_is_not_asked_for_again),
        cmocka_unit_test(test_client__a_lost_start_is_sent_again_under_its_name),
        cmocka_unit_test(test_client__a_lost_start_that_has_ended_is_found),
        cmocka_unit_test(test_client__a_lost_sync_start_is_not_sent_again),
        cmocka_unit_test(test_client__a_sync_start_turned_away_is_sent_again),
        cmocka_unit_test(test_client__refusals_are_said_as_they_came),
        cmocka_unit_test(test_client__nonsense_is_an_error),
        cmocka_unit_test(test_client__a_request_larger_than_a_frame_never_leaves),
        cmocka_unit_test(test_client__nobody_there_is_said_soon),
        cmocka_unit_test(test_client__a_new_coordinator_is_found_again),
        cmocka_unit_test(test_client__only_this_machine_is_spoken_to),
        cmocka_unit_test(test_client__urls_have_a_longest),
        cmocka_unit_test(test_client__threads_share_a_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
