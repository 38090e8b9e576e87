/* SPDX-License-Identifier: Apache-2.0 */
/* SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat: a task that ends by whoever has its token.
 * Idempotent by the token: the first end counts. Source: AWS Step Functions API Reference. */
#include <string.h>

#include "coordinator/api/api.h"
#include "proto/base/limits.h"

/* False: the call has failed. */
static bool read_token(struct call *c, ProtobufCBinaryData text, struct task_token *out)
{
    if (engine_task_token_parse(message_slice(text), out)) {
        return true;
    }
    call_fail(c, ERR_INVALID_TOKEN, "Invalid Token: 'Invalid token'");
    return false;
}

static bool fits(struct call *c, const char *member, size_t len, size_t most)
{
    if (len <= most) {
        return true;
    }
    call_fail(c, ERR_VALIDATION,
              "1 validation error detected: Value at '%s' failed to satisfy constraint: Member "
              "must have length less than or equal to %zu",
              member, most);
    return false;
}

static void answer(struct call *c, enum err_code rc, const struct err *err)
{
    Stepfleet__Empty r = STEPFLEET__EMPTY__INIT;

    if (rc == OK) {
        c->reply(c, &r.base);
    } else {
        c->fail(c, rc, err);
    }
}

/* An output is JSON, and no longer than any payload. */
static enum err_code check_output(struct call *c, struct slice output, struct err *err)
{
    const struct json_node *ignored;
    enum err_code rc = OK;

    if (output.len > payload_bytes(c->api)) {
        return err_set(err, ERR_INVALID_OUTPUT, "Invalid Output: 'It has over %zu bytes'",
                       payload_bytes(c->api));
    }
    rc = json_parse(output, ledger_turn_arena(c->api->ledger), &ignored, err);
    if (rc != OK) {
        err_wrap(err, "Invalid Output");
        err->code = rc = ERR_INVALID_OUTPUT;
    }
    return rc;
}

void operation_TASK_SUCCESS(struct call *c)
{
    const Stepfleet__TaskSuccessRequest *q = (const void *)c->request;
    struct slice output = message_slice(q->output);
    struct task_token token;
    struct err err;
    enum err_code rc;

    if (!read_token(c, q->token, &token)) {
        return;
    }
    rc = check_output(c, output, &err);
    if (rc == OK) {
        rc = ledger_token_succeed(c->api->ledger, &token, output, &err);
    }
    answer(c, rc, &err);
}

void operation_TASK_FAILURE(struct call *c)
{
    const Stepfleet__TaskFailureRequest *q = (const void *)c->request;
    struct failure failure = {{NULL, 0}, {NULL, 0}};
    struct task_token token;
    struct err err;
    enum err_code rc;

    if (!read_token(c, q->token, &token) ||
        !fits(c, "error", strlen(q->error), LIMIT_ERROR_BYTES) ||
        !fits(c, "cause", q->cause.len, LIMIT_CAUSE_BYTES)) {
        return;
    }
    if (q->has_error) {
        failure.error = slice_str(q->error);
    }
    if (q->has_cause) {
        failure.cause =
            slice_make(q->cause.len != 0 ? (const char *)q->cause.data : "", q->cause.len);
    }
    rc = ledger_token_fail(c->api->ledger, &token, &failure, &err);
    answer(c, rc, &err);
}

void operation_TASK_HEARTBEAT(struct call *c)
{
    const Stepfleet__TaskHeartbeatRequest *q = (const void *)c->request;
    struct task_token token;
    struct err err;

    if (read_token(c, q->token, &token)) {
        answer(c, ledger_token_heartbeat(c->api->ledger, &token, &err), &err);
    }
}
