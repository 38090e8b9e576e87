/* SPDX-License-Identifier: Apache-2.0 */
/* The face of tasks: a Task state whose resource is one of the coordinator's own operations
 * (states:startExecution, glue:startJobRun, aws-sdk:sfn:*) is a call like any client's, with
 * parameters and result in AWS's JSON for integrations.
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
#include <string.h>

#include "coordinator/api/api.h"
#include "coordinator/api/aws_json.h"
#include "proto/base/text.h"

/* An AWS service as its integration speaks of it. */
struct service {
    const char *name;   /* of the resource */
    const char *errors; /* before the name of a failure */
    const char *said;   /* in its cause */
    const char *content_type;
    enum aws_style style;
};

static const struct service services[] = {
    {"states", "StepFunctions", "AWSStepFunctions", "application/x-amz-json-1.0", AWS_OPTIMIZED},
    {"glue", "Glue", "AWSGlue", "application/x-amz-json-1.1", AWS_OPTIMIZED},
    {"aws-sdk:sfn", "Sfn", "Sfn", "application/x-amz-json-1.0", AWS_SDK},
};

static const struct service *service_of(struct slice name)
{
    enum { LAST = sizeof(services) / sizeof(services[0]) - 1 };
    size_t i = 0;

    while (i < LAST && !slice_eq_str(name, services[i].name)) {
        i++;
    }
    return &services[i];
}

struct task_call {
    struct call call;
    struct list link; /* api.called, api.answered */
    struct ledger_call *asked;
    bool begun; /* an operation has it */
    const struct aws_row *operation;
    const struct service *service;
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
        {"Content-Type", slice_str(t->service->content_type)},
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
    const struct json_node *v = t->service->style == AWS_OPTIMIZED
                                    ? optimized_result(t, message, a)
                                    : aws_reply(t->operation, t->service->style, message, a);

    t->result = json_print(v, &t->arena);
    task_call_answered(t);
}

/* ---- failures ---- */

/* What the service itself calls the error. */
static const char *error_name(const struct service *service, enum err_code code)
{
    return strcmp(service->name, "glue") == 0 ? glue_error_name(code) : err_name(code);
}

/* "Sfn.InvalidTokenException" */
static struct slice failure_name(const struct service *service, enum err_code code, struct arena *a)
{
    struct slice name = slice_str(error_name(service, code));

    return arena_printf(a, "%s.%.*s%s", service->errors, SLICE_FMT(name),
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
    } else if (t->service->style == AWS_OPTIMIZED) {
        t->failure.cause =
            arena_printf(a,
                         "%s (Service: %s; Status Code: 400; Error Code: %s; Request ID: %.*s; "
                         "Proxy: null)",
                         err->msg, t->service->said, error_name(t->service, code), SLICE_FMT(id));
        t->failure.error = failure_name(t->service, code, a);
    } else {
        t->failure.error = failure_name(t->service, code, a);
        t->failure.cause = arena_printf(a,
                                        "%s (Service: %s, Status Code: 400, Request ID: %.*s) "
                                        "(SDK Attempt Count: 1)",
                                        err->msg, t->service->said, SLICE_FMT(id));
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
    t->service = service_of(asked->service);
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
        rc = aws_request(t->operation, t->service->style, parameters, a, &request, &err);
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
