/* SPDX-License-Identifier: Apache-2.0 */
/* Task: its Resource, its deadlines, whose credentials it runs under.
 * Source: Amazon States Language, states; recorded refusals of CreateStateMachine. */
#include "coordinator/asl/parse.h"
#include "proto/base/limits.h"

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
    static const char *const names[] = {"RoleArn", NULL};
    struct asl_place place;
    struct parse_at inner;
    struct slice role;

    if (!parse_part(at, "Credentials", &place, &inner)) {
        return;
    }
    if (t->carrier == ASL_BY_ACTIVITY && !at->p->options->stored) {
        parse_error(at, "Credentials", "The field 'Credentials' is not supported for activities");
    }
    parse_members(at, "Credentials", names, names);
    parse_string(&inner, "RoleArn", &role);
    parse_template(at, "Credentials", &t->credentials);
}

void state_task_parse(const struct parse_at *at, struct asl_state *st)
{
    static const char *const required[] = {"Resource", NULL};
    struct asl_task *t = &st->task;

    parse_required(at, required);
    parse_resource(at, st, t);
    parse_deadlines(at, t);
    parse_credentials(at, t);
    parse_retry(at, st);
    parse_catch(at, st);
}
