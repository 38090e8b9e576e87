/* SPDX-License-Identifier: Apache-2.0 */
/* Task: its Resource, its deadlines, whose credentials it runs under, and what the coordinator's
 * own integrations take as Parameters.
 * Source: Amazon States Language, states; recorded refusals of CreateStateMachine. */
#include "coordinator/asl/eval.h"
#include "coordinator/asl/parse.h"
#include "proto/base/limits.h"

/* lambda:invoke and states:startExecution: a name there is to be called, and no others but known
 * ones. */
static void check_arguments(const struct parse_at *at, struct asl_task *t)
{
    static const char *const function[] = {"FunctionName", NULL};
    static const char *const invoke[] = {
        "FunctionName", "Payload", "Qualifier", "InvocationType", "LogType", "ClientContext", NULL};
    static const char *const machine[] = {"StateMachineArn", NULL};
    static const char *const start[] = {"StateMachineArn", "Input", "Name", "TraceHeader", NULL};

    if (slice_eq_str(t->service, "states")) {
        parse_arguments(at, machine, start);
    } else if (slice_eq_str(t->service, "lambda")) {
        const struct json_node *given = json_member(
            at->doc, at->language == ASL_JSONATA ? SLICE("Arguments") : SLICE("Parameters"));

        parse_arguments(at, function, invoke);
        if (t->carrier == ASL_BY_FUNCTION) {
            t->function = asl_function_name(json_text(json_member(given, SLICE("FunctionName"))));
        }
    }
}

static void parse_deadlines(const struct parse_at *at, struct asl_task *t)
{
    parse_number(at, "TimeoutSeconds", 1, LIMIT_TIMEOUT_SECONDS, &t->timeout);
    parse_number(at, "HeartbeatSeconds", 1, LIMIT_TIMEOUT_SECONDS, &t->heartbeat);
    if (t->timeout.is == ASL_SECONDS_LITERAL && t->heartbeat.is == ASL_SECONDS_LITERAL &&
        t->heartbeat.seconds >= t->timeout.seconds) {
        parse_error(at, NULL, "'HeartbeatSeconds' must be smaller than 'TimeoutSeconds'");
    }
}

/* {"RoleArn": ..} or {"RoleArn.$": ..} */
static void parse_credentials(const struct parse_at *at, struct asl_task *t)
{
    static const char *const names[] = {"RoleArn", "RoleArn.$", NULL};
    struct asl_place place;
    struct parse_at inner;
    struct slice role;

    if (!parse_part(at, "Credentials", &place, &inner)) {
        return;
    }
    parse_fields(&inner, OWNER_CREDENTIALS);
    if (!parse_has(&inner, names[0]) && !parse_has(&inner, names[1])) {
        parse_error(&inner, NULL, "The field 'RoleArn' is required but was missing");
    } else if (parse_one_of(&inner, names, false) == 0) {
        parse_string(&inner, "RoleArn", &role);
    }
    parse_template(at, "Credentials", &t->credentials);
}

void state_task_parse(const struct parse_at *at, struct asl_state *st)
{
    static const char *const required[] = {"Resource", NULL};
    struct asl_task *t = &st->task;

    parse_required(at, required);
    parse_resource(at, st, t);
    check_arguments(at, t);
    parse_deadlines(at, t);
    parse_credentials(at, t);
    parse_retry(at, st);
    parse_catch(at, st);
}
