/* SPDX-License-Identifier: Apache-2.0 */
/* The face of tasks: a Task state whose resource is one of the coordinator's own operations
 * (states:startExecution, aws-sdk:sfn:*) is a call like any client's, with parameters and result in
 * AWS's JSON for integrations.
 *
 *   api_call() -> CALLED --a later turn--> an operation has it ----> ANSWERED --the turn's end-->
 *                    |                                 |                 ^      the ledger's again
 *                    '------ nobody waits for it any more: given up -----'
 *
 * An operation that answers at once is told to the ledger in the turn that did it: what it did and
 * that it is done are in one batch, so a crash repeats either all of it or nothing. A call that is
 * given up because the coordinator stops is not told at all: the ledger asks again at the next
 * start. Source: Step Functions developer guide, AWS SDK and optimized integrations; recorded
 * results. */
#include "coordinator/api/api.h"
#include "coordinator/api/aws_json.h"
#include "proto/base/text.h"

struct task_call {
    struct call call;
    struct list link; /* api.called, api.answered */
    struct ledger_call *asked;
    bool begun; /* an operation has it */
    const struct aws_row *operation;
    enum aws_style style;
    struct arena arena; /* the answer's */
    struct slice parameters;
    struct slice result;
    struct failure failure; /* error set: it failed */
};

static void task_call_free(struct task_call *t)
{
    arena_fini(&t->arena);
    mem_free(t);
}

static void task_call_answered(struct task_call *t)
{
    list_push_back(&t->call.api->answered, &t->link);
}

/* ---- results ---- */

struct header {
    const char *name;
    struct slice value;
};

/* What an optimized integration shows of the HTTP answer that AWS's SDK had. */
static const struct json_node *
http_metadata(const struct header *headers, size_t count, struct arena *a)
{
    struct json_builder all = json_build_object(a);
    struct json_builder single = json_build_object(a);
    struct json_builder b = json_build_object(a);

    for (size_t i = 0; i < count; i++) {
        const struct json_node *value = json_string(a, headers[i].value);
        struct json_builder list = json_build_array(a);

        json_push(&list, value);
        json_put(&all, slice_str(headers[i].name), json_built(&list));
        json_put(&single, slice_str(headers[i].name), value);
    }
    json_put(&b, SLICE("AllHttpHeaders"), json_built(&all));
    json_put(&b, SLICE("HttpHeaders"), json_built(&single));
    json_put(&b, SLICE("HttpStatusCode"), json_integer(a, 200));
    return json_built(&b);
}

static const struct json_node *
optimized_result(const struct task_call *t, const ProtobufCMessage *message, struct arena *a)
{
    const struct json_node *body = aws_reply(t->operation, AWS_OPTIMIZED, message, a);
    size_t bytes = json_written_bytes(aws_reply(t->operation, AWS_HTTP, message, a));
    struct slice id = t->asked->default_name;
    const struct header headers[] = {
        {"x-amzn-RequestId", id},
        {"connection", SLICE("keep-alive")},
        {"Content-Length", arena_printf(a, "%zu", bytes)},
        {"Date", text_http_date(ledger_now(t->call.api->ledger).wall_ms, a)},
        {"Content-Type", SLICE("application/x-amz-json-1.0")},
    };
    struct json_builder response = json_build_object(a);
    struct json_builder b = json_build_object(a);

    for (const struct json_node *e = json_first(body); e != NULL; e = json_next(body, e)) {
        json_put(&b, json_key(body, e), e);
    }
    json_put(&response, SLICE("RequestId"), json_string(a, id));
    json_put(&b, SLICE("SdkHttpMetadata"),
             http_metadata(headers, sizeof(headers) / sizeof(headers[0]), a));
    json_put(&b, SLICE("SdkResponseMetadata"), json_built(&response));
    return json_built(&b);
}

static void task_call_reply(struct call *c, const ProtobufCMessage *message)
{
    struct task_call *t = container_of(c, struct task_call, call);
    struct arena *a = ledger_turn_arena(c->api->ledger);
    const struct json_node *v = t->style == AWS_OPTIMIZED
                                    ? optimized_result(t, message, a)
                                    : aws_reply(t->operation, t->style, message, a);

    t->result = json_print(v, &t->arena);
    task_call_answered(t);
}

/* ---- failures ---- */

/* "Sfn.InvalidTokenException" */
static struct slice failure_name(const char *service, enum err_code code, struct arena *a)
{
    struct slice name = slice_str(err_name(code));

    return arena_printf(a, "%s.%.*s%s", service, SLICE_FMT(name),
                        slice_ends_with(name, SLICE("Exception")) ? "" : "Exception");
}

static void task_call_fail(struct call *c, enum err_code code, const struct err *err)
{
    struct task_call *t = container_of(c, struct task_call, call);
    struct arena *a = &t->arena;
    struct slice id = t->asked->default_name;

    if (c->api->stopping && code == ERR_UNAVAILABLE) {
        t->asked->work = NULL;
        task_call_free(t);
        return;
    }
    if (code == ERR_MESSAGE) {
        t->failure.error = SLICE("States.Runtime");
        t->failure.cause =
            arena_printf(a, "The Parameters '%.*s' could not be used to start the Task: [%s]",
                         SLICE_FMT(t->parameters), err->msg);
    } else if (t->style == AWS_OPTIMIZED) {
        t->failure.error = failure_name("StepFunctions", code, a);
        t->failure.cause = arena_printf(a,
                                        "%s (Service: AWSStepFunctions; Status Code: 400; Error "
                                        "Code: %s; Request ID: %.*s; Proxy: null)",
                                        err->msg, err_name(code), SLICE_FMT(id));
    } else {
        t->failure.error = failure_name("Sfn", code, a);
        t->failure.cause = arena_printf(a,
                                        "%s (Service: Sfn, Status Code: 400, Request ID: %.*s) "
                                        "(SDK Attempt Count: 1)",
                                        err->msg, SLICE_FMT(id));
    }
    task_call_answered(t);
}

/* ---- carrying out ---- */

void api_call(struct api *a, struct ledger_call *asked)
{
    struct task_call *t = mem_zalloc(1, sizeof(*t));

    t->asked = asked;
    asked->work = t;
    t->parameters = asked->parameters;
    t->style = slice_eq_str(asked->service, "states") ? AWS_OPTIMIZED : AWS_SDK;
    t->call = (struct call){
        .api = a,
        .reply = task_call_reply,
        .fail = task_call_fail,
        .task = asked,
    };
    list_push_back(&a->called, &t->link);
}

void api_call_gone(struct api *a, struct ledger_call *asked)
{
    struct task_call *t = asked->work;

    (void)a;
    if (t == NULL) {
        return; /* given up as the coordinator stops */
    }
    if (!t->begun) {
        list_remove(&t->link);
        task_call_answered(t);
    } else if (t->call.gone != NULL) {
        t->call.gone(&t->call);
    }
}

static void task_call_run(struct task_call *t)
{
    struct arena *a = ledger_turn_arena(t->call.api->ledger);
    struct slice action = t->asked->action;
    const struct json_node *parameters;
    ProtobufCMessage *request;
    struct err err;
    enum err_code rc;

    t->begun = true;
    action = slice_head(action, slice_find(action, '.')); /* .sync, .waitForTaskToken */
    t->operation = aws_operation(action);
    if (t->operation == NULL) {
        call_fail(&t->call, ERR_UNKNOWN_METHOD, "There is no operation %.*s", SLICE_FMT(action));
        return;
    }
    rc = json_parse(t->parameters, a, &parameters, &err);
    if (rc == OK) {
        rc = aws_request(t->operation, t->style, parameters, a, &request, &err);
    }
    if (rc != OK) {
        task_call_fail(&t->call, rc, &err);
        return;
    }
    t->call.method = t->operation->method;
    t->call.request = request;
    api_dispatch(t->call.api, &t->call);
}

static void task_call_done(struct task_call *t)
{
    bool failed = t->failure.error.ptr != NULL;

    ledger_call_done(t->call.api->ledger, t->asked, t->result, failed ? &t->failure : NULL,
                     t->asked->waits ? t->call.started : 0);
    task_call_free(t);
}

void task_calls_turn(struct api *a)
{
    struct list *n;

    while (ledger_accepts(a->ledger) && (n = list_pop_front(&a->called)) != NULL) {
        task_call_run(container_of(n, struct task_call, link));
    }
    while ((n = list_pop_front(&a->answered)) != NULL) {
        task_call_done(container_of(n, struct task_call, link));
    }
}

bool task_calls_wait(const struct api *a)
{
    return !list_empty(&a->answered) || (!list_empty(&a->called) && ledger_accepts(a->ledger));
}

static void forget(struct list *calls)
{
    struct list *n;

    while ((n = list_pop_front(calls)) != NULL) {
        task_call_free(container_of(n, struct task_call, link));
    }
}

void task_calls_forget(struct api *a)
{
    forget(&a->called);
    forget(&a->answered);
}
