/* SPDX-License-Identifier: Apache-2.0 */
/* Task: what its Resource names, its deadlines, and what lambda:invoke takes as Parameters.
 * Source: Amazon States Language, states; recorded refusals of CreateStateMachine. */
#include "coordinator/asl/eval.h"
#include "coordinator/asl/parse.h"

struct integration {
    struct slice service;
    struct slice action;
    bool here;
};

static const struct integration integrations[] = {
#define INTEGRATION(service, action, here) {SLICE_INIT(service), SLICE_INIT(action), here},
#include "coordinator/asl/integration.def"
#undef INTEGRATION
};

enum { ARN_PARTS = 6 }; /* arn:partition:service:region:account:rest */

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

static const struct integration *find_integration(struct slice service, struct slice action)
{
    for (size_t i = 0; i < sizeof(integrations) / sizeof(integrations[0]); i++) {
        if (slice_eq(integrations[i].service, service) &&
            slice_eq(integrations[i].action, action)) {
            return &integrations[i];
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

/* "service:action[.pattern]" of arn:aws:states:::service:action */
static void parse_integration(const struct parse_at *at, struct slice rest, struct asl_task *t)
{
    size_t colon = slice_find(rest, ':');
    struct slice name;
    const struct integration *known;
    bool sdk = slice_starts_with(rest, SLICE("aws-sdk:"));

    if (sdk) {
        colon += 1 + slice_find(slice_from(rest, colon + 1), ':');
    }
    t->resource_kind = ASL_RESOURCE_INTEGRATION;
    t->service = slice_head(rest, colon);
    t->action = slice_from(rest, colon + 1);
    name = slice_head(t->action, slice_find(t->action, '.'));
    known = find_integration(t->service, name);
    if ((known == NULL && !sdk) || name.len == 0 ||
        !parse_pattern(slice_from(t->action, name.len), &t->pattern)) {
        not_recognized(at, t);
        return;
    }
    if (at->p->express && !check_express(at, t)) {
        return;
    }
    if (known == NULL || !known->here || t->pattern != ASL_REQUEST_RESPONSE) {
        parse_not_supported(at, "Resource", "Service integration '%.*s:%.*s' is not supported yet",
                            SLICE_FMT(t->service), SLICE_FMT(t->action));
    }
}

/* "function:NAME[:QUALIFIER]" */
static void parse_lambda(const struct parse_at *at, struct slice rest, struct asl_task *t)
{
    struct slice function = slice_from(rest, sizeof("function:") - 1);
    size_t colon = slice_find(function, ':');

    t->resource_kind = ASL_RESOURCE_LAMBDA;
    t->function = slice_head(function, colon);
    if (!slice_starts_with(rest, SLICE("function:")) || t->function.len == 0 ||
        colon + 1 == function.len) {
        not_recognized(at, t);
    }
}

static void parse_activity(const struct parse_at *at, struct asl_task *t)
{
    t->resource_kind = ASL_RESOURCE_ACTIVITY;
    if (at->p->express) {
        parse_error(at, "Resource", "Express state machine does not support Activity ARN");
    } else {
        parse_not_supported(at, "Resource", "Activity resources are not supported yet");
    }
}

static void parse_resource(const struct parse_at *at, struct asl_task *t)
{
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
    } else if (slice_eq_str(arn[2], "states") && slice_starts_with(arn[5], SLICE("activity:"))) {
        parse_activity(at, t);
    } else if (slice_eq_str(arn[2], "states") && arn[3].len == 0 && arn[4].len == 0) {
        parse_integration(at, arn[5], t);
    } else {
        not_recognized(at, t);
    }
}

/* lambda:invoke's Parameters: known names, and a function to call. */
static void check_invoke(const struct parse_at *at, struct asl_task *t)
{
    static const char *const names[] = {
        "FunctionName", "Payload", "Qualifier", "InvocationType", "LogType", "ClientContext", NULL};
    struct asl_place place = asl_place_member(at->place, SLICE("Parameters"));
    struct parse_at inner = {at->p, json_member(at->doc, SLICE("Parameters")), &place};
    bool function = false;

    for (const struct json_node *e = json_first(inner.doc); e != NULL;
         e = json_next(inner.doc, e)) {
        struct slice key = json_key(inner.doc, e);
        struct slice plain = slice_ends_with(key, SLICE(".$")) ? slice_head(key, key.len - 2) : key;
        const char *const *name = names;

        while (*name != NULL && !slice_eq_str(plain, *name)) {
            name++;
        }
        function = function || *name == names[0];
        if (*name == NULL) {
            parse_error(&inner, NULL, "The field '%.*s' is not supported by Step Functions",
                        SLICE_FMT(plain));
        }
    }
    if (!function) {
        parse_error(&inner, NULL, "The field 'FunctionName' is required but was missing");
    }
    t->function = asl_function_name(json_text(json_member(inner.doc, SLICE("FunctionName"))));
}

void state_task_parse(const struct parse_at *at, struct asl_state *st)
{
    static const char *const required[] = {"Resource", NULL};
    struct asl_task *t = &st->task;

    parse_required(at, required);
    parse_resource(at, t);
    if (slice_eq_str(t->service, "lambda") && t->resource_kind == ASL_RESOURCE_INTEGRATION) {
        check_invoke(at, t);
    }
    parse_seconds(at, "TimeoutSeconds", &t->timeout);
    parse_seconds(at, "HeartbeatSeconds", &t->heartbeat);
    if (t->timeout.is == ASL_SECONDS_LITERAL && t->heartbeat.is == ASL_SECONDS_LITERAL &&
        t->heartbeat.seconds >= t->timeout.seconds) {
        parse_error(at, NULL, "'HeartbeatSeconds' must be smaller than 'TimeoutSeconds'");
    }
    if (json_member(at->doc, SLICE("Credentials")) != NULL) {
        parse_not_supported(at, "Credentials", "Field 'Credentials' is not supported yet");
    }
    parse_retry(at, st);
    parse_catch(at, st);
}
