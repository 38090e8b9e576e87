/* SPDX-License-Identifier: Apache-2.0 */
/* What a Task's Resource names, and who carries it out: a function, an activity, the coordinator
 * itself, or the handler that the configuration binds to an integration. A name nobody carries out
 * does not exist, as with AWS.
 * Source: Amazon States Language, states; recorded refusals of CreateStateMachine. */
#include "coordinator/asl/eval.h"
#include "coordinator/asl/parse.h"
#include "proto/base/text.h"

struct integration {
    struct slice service;
    struct slice action;
    unsigned patterns; /* beside request-response: bits of enum asl_pattern */
};

static const struct integration integrations[] = {
#define INTEGRATION(service, action, patterns) {SLICE_INIT(service), SLICE_INIT(action), patterns},
#include "coordinator/asl/integration.def"
#undef INTEGRATION
};

static const struct integration calls[] = {
#define CALL(service, action) {SLICE_INIT(service), SLICE_INIT(action), 0},
#include "coordinator/asl/call.def"
#undef CALL
};

/* What integrations are called with, as far as AWS's refusals are known. */
static const struct parameters {
    struct slice service;
    struct slice action;
    const char *required[3];
    const char *allowed[7]; /* none: any */
} parameters[] = {
    {SLICE_INIT("lambda"),
     SLICE_INIT("invoke"),
     {"FunctionName", NULL},
     {"FunctionName", "Payload", "Qualifier", "InvocationType", "LogType", "ClientContext", NULL}},
    {SLICE_INIT("states"),
     SLICE_INIT("startExecution"),
     {"StateMachineArn", NULL},
     {"StateMachineArn", "Input", "Name", "TraceHeader", NULL}},
    {SLICE_INIT("sqs"), SLICE_INIT("sendMessage"), {"QueueUrl", "MessageBody", NULL}, {NULL}},
    {SLICE_INIT("sns"), SLICE_INIT("publish"), {"Message", NULL}, {NULL}},
    {SLICE_INIT("events"), SLICE_INIT("putEvents"), {"Entries", NULL}, {NULL}},
    {SLICE_INIT("dynamodb"), SLICE_INIT("getItem"), {"TableName", "Key", NULL}, {NULL}},
    {SLICE_INIT("dynamodb"), SLICE_INIT("putItem"), {"TableName", "Item", NULL}, {NULL}},
    {SLICE_INIT("ecs"), SLICE_INIT("runTask"), {"TaskDefinition", NULL}, {NULL}},
    {SLICE_INIT("glue"), SLICE_INIT("startJobRun"), {"JobName", NULL}, {NULL}},
};

enum {
    ARN_PARTS = 6, /* arn:partition:service:region:account:rest */
    ANY_PATTERN = 1u << ASL_SYNC | 1u << ASL_SYNC2 | 1u << ASL_WAIT_FOR_TASK_TOKEN,
    SDK_PATTERN = 1u << ASL_WAIT_FOR_TASK_TOKEN,
};

#define SDK_PREFIX SLICE("aws-sdk:")

/* Cut at the first five colons; false where there are fewer or it does not begin with "arn". */
static bool arn_split(struct slice arn, struct slice parts[ARN_PARTS])
{
    for (size_t i = 0; i + 1 < ARN_PARTS; i++) {
        size_t colon = slice_find(arn, ':');

        if (colon == arn.len) {
            return false;
        }
        parts[i] = slice_head(arn, colon);
        arn = slice_from(arn, colon + 1);
    }
    parts[ARN_PARTS - 1] = arn;
    return slice_eq_str(parts[0], "arn") && parts[1].len > 0;
}

static void not_recognized(const struct parse_at *at, const struct asl_task *t)
{
    parse_error(
        at, "Resource",
        "The resource provided %.*s is not recognized. The value is not a valid resource ARN, "
        "or the resource is not available in this region.",
        SLICE_FMT(t->resource));
}

static const struct integration *find_integration(const struct integration *in,
                                                  size_t count,
                                                  struct slice service,
                                                  struct slice action)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_eq(in[i].service, service) && slice_eq(in[i].action, action)) {
            return &in[i];
        }
    }
    return NULL;
}

/* ".sync" and the like after the action; false where it is none AWS has. */
static bool parse_pattern(struct slice suffix, enum asl_pattern *out)
{
    static const struct {
        const char *text;
        enum asl_pattern pattern;
    } patterns[] = {{"", ASL_REQUEST_RESPONSE},
                    {".sync", ASL_SYNC},
                    {".sync:2", ASL_SYNC2},
                    {".waitForTaskToken", ASL_WAIT_FOR_TASK_TOKEN}};

    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        if (slice_eq_str(suffix, patterns[i].text)) {
            *out = patterns[i].pattern;
            return true;
        }
    }
    return false;
}

/* What an Express machine cannot have, in AWS's words. */
static bool check_express(const struct parse_at *at, const struct asl_task *t)
{
    switch (t->pattern) {
    case ASL_REQUEST_RESPONSE: return true;
    case ASL_SYNC:
    case ASL_SYNC2:
        parse_error(at, "Resource",
                    "Express state machine does not support '.sync' service integration");
        return false;
    case ASL_WAIT_FOR_TASK_TOKEN: break;
    }
    parse_error(at, "Resource",
                "Express state machine does not support '.waitForTaskToken' service integration ");
    return false;
}

/* Who does it: the handler bound to it, or what is our own; false where nobody does. */
static bool find_carrier(const struct parse_at *at, struct slice action, struct asl_task *t)
{
    const struct asl_options *options = at->p->options;
    struct slice handler;

    t->carrier = ASL_BY_HANDLER;
    if (options->bound != NULL && options->bound(options->arg, t->service, action, &handler)) {
        t->function = arena_copy(&at->p->m->arena, handler);
        return true;
    }
    if (slice_eq_str(t->service, "lambda") && slice_eq_str(action, "invoke")) {
        t->carrier = ASL_BY_FUNCTION;
        return true;
    }
    if (find_integration(calls, sizeof(calls) / sizeof(calls[0]), t->service, action) != NULL) {
        t->carrier = ASL_BY_CALL;
        return true;
    }
    return false;
}

/* "service:action[.pattern]", of which an SDK integration's service is "aws-sdk:service"; *action
 * without the pattern. False where it is nothing of the kind. */
static bool split_integration(struct slice rest, bool sdk, struct slice *action, struct asl_task *t)
{
    size_t from = sdk ? SDK_PREFIX.len : 0;
    size_t colon = from + slice_find(slice_from(rest, from), ':');

    t->service = slice_head(rest, colon);
    t->action = slice_from(rest, colon + 1);
    *action = slice_head(t->action, slice_find(t->action, '.'));
    return t->service.len > from && action->len > 0 &&
           parse_pattern(slice_from(t->action, action->len), &t->pattern);
}

static const struct parameters *find_parameters(struct slice service, struct slice action)
{
    for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
        if (slice_eq(parameters[i].service, service) && slice_eq(parameters[i].action, action)) {
            return &parameters[i];
        }
    }
    return NULL;
}

/* What an integration of AWS's is called with. What was accepted before stays so. */
static void check_parameters(const struct parse_at *at, struct slice action, struct asl_task *t)
{
    const struct parameters *known = find_parameters(t->service, action);
    const char *field = parse_arguments_name(at);

    if (known != NULL && known->allowed[0] != NULL) {
        t->allowed = known->allowed;
    }
    if (at->p->options->stored) {
        return;
    }
    if (!parse_has(at, field)) {
        parse_error(at, "Resource", "%s field is required for resource ARN: %.*s", field,
                    SLICE_FMT(t->resource));
    } else if (known != NULL) {
        parse_members(at, field, known->required, t->allowed);
    }
}

/* lambda:invoke names its function in its parameters, as far as the definition says it. */
static void find_function(const struct parse_at *at, struct asl_task *t)
{
    const struct json_node *given = json_member(at->doc, slice_str(parse_arguments_name(at)));

    t->function = asl_function_name(json_text(json_member(given, SLICE("FunctionName"))));
}

/* What comes after arn:aws:states::: */
static void
parse_integration(const struct parse_at *at, struct slice rest, bool express, struct asl_task *t)
{
    const struct asl_options *options = at->p->options;
    bool sdk = slice_starts_with(rest, SDK_PREFIX);
    const struct integration *known;
    struct slice action;
    unsigned patterns;
    bool carried;

    t->resource_kind = ASL_RESOURCE_INTEGRATION;
    if (!split_integration(rest, sdk, &action, t)) {
        not_recognized(at, t);
        return;
    }
    known = find_integration(integrations, sizeof(integrations) / sizeof(integrations[0]),
                             t->service, action);
    patterns = 1u << ASL_REQUEST_RESPONSE;
    patterns |= known != NULL ? known->patterns : sdk ? SDK_PATTERN : ANY_PATTERN;
    carried = find_carrier(at, action, t);
    if ((patterns & 1u << t->pattern) == 0 ||
        (known == NULL && !sdk && !carried && !options->stored)) {
        not_recognized(at, t);
        return;
    }
    if (express && !check_express(at, t)) {
        return;
    }
    if (!carried && !options->stored && !options->lint) {
        not_recognized(at, t);
        return;
    }
    if (known != NULL || sdk) {
        check_parameters(at, action, t);
    }
    if (carried && t->carrier == ASL_BY_FUNCTION) {
        find_function(at, t);
    } else if (!carried) {
        t->function =
            arena_printf(&at->p->m->arena, "%.*s:%.*s", SLICE_FMT(t->service), SLICE_FMT(action));
    }
}

/* "function:NAME[:QUALIFIER]" */
static void parse_lambda(const struct parse_at *at, struct slice rest, struct asl_task *t)
{
    struct slice function = slice_from(rest, sizeof("function:") - 1);
    size_t colon = slice_find(function, ':');

    t->resource_kind = ASL_RESOURCE_LAMBDA;
    t->carrier = ASL_BY_FUNCTION;
    t->function = slice_head(function, colon);
    t->qualifier = slice_from(function, colon + 1);
    if (!slice_starts_with(rest, SLICE("function:")) || t->function.len == 0 ||
        colon + 1 == function.len || slice_find(t->qualifier, ':') < t->qualifier.len) {
        not_recognized(at, t);
    }
}

/* "activity:NAME" */
static void
parse_activity(const struct parse_at *at, struct slice rest, bool express, struct asl_task *t)
{
    t->resource_kind = ASL_RESOURCE_ACTIVITY;
    t->carrier = ASL_BY_ACTIVITY;
    t->activity = slice_from(rest, sizeof("activity:") - 1);
    if (!text_is_name(t->activity)) {
        not_recognized(at, t);
    } else if (express) {
        parse_error(at, "Resource", "Express state machine does not support Activity ARN");
    }
}

void parse_resource(const struct parse_at *at, const struct asl_state *st, struct asl_task *t)
{
    bool express = at->p->scopes[st->scope].express;
    struct slice arn[ARN_PARTS];

    if (!parse_string(at, "Resource", &t->resource)) {
        return;
    }
    if (!arn_split(t->resource, arn)) {
        parse_error(at, "Resource", "Value is not a valid resource ARN");
        return;
    }
    t->region = arn[3];
    if (slice_eq_str(arn[2], "lambda")) {
        parse_lambda(at, arn[5], t);
    } else if (!slice_eq_str(arn[2], "states")) {
        not_recognized(at, t);
    } else if (arn[3].len == 0 && arn[4].len == 0) {
        parse_integration(at, arn[5], express, t);
    } else if (slice_starts_with(arn[5], SLICE("activity:"))) {
        parse_activity(at, arn[5], express, t);
    } else {
        not_recognized(at, t);
    }
}
