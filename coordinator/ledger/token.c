/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks that end by their token, whoever has it. A token names a task of an execution and proves by
 * a code under the coordinator's key that it was handed out; the execution is brought into memory
 * for it where it only waits. */
#include "coordinator/ledger/internal.h"
#include "coordinator/store/keys.h"

/* Made once, by the first open: tokens are good for as long as their tasks wait. */
static enum err_code token_key_make(struct ledger *l, const struct key *row, struct err *err)
{
    struct slice secret = l->config.secret;

    if (secret.len != sizeof(l->token_key)) {
        return err_set(err, ERR_CONFIG, "the first open needs a secret of %d bytes",
                       TOKEN_KEY_BYTES);
    }
    memcpy(l->token_key, secret.ptr, sizeof(l->token_key));
    store_put(l->filling, CF_META, key_slice(row), secret);
    return OK;
}

enum err_code token_key_load(struct ledger *l, struct err *err)
{
    struct key key = key_meta("token_key");
    struct buf b = {0};
    enum err_code rc = store_get(l->store, CF_META, key_slice(&key), &b, err);

    if (rc == ERR_NOT_FOUND) {
        rc = token_key_make(l, &key, err);
    } else if (rc == OK && b.len != sizeof(l->token_key)) {
        rc = err_set(err, ERR_CORRUPT, "the key of task tokens cannot be read");
    } else if (rc == OK) {
        memcpy(l->token_key, b.ptr, sizeof(l->token_key));
    }
    buf_fini(&b);
    return rc;
}

static enum err_code no_task(struct err *err)
{
    return err_set(err, ERR_TASK_DOES_NOT_EXIST,
                   "Task Does Not Exist: 'Provided task does not exist'");
}

static enum err_code task_over(struct err *err)
{
    return err_set(err, ERR_TASK_TIMED_OUT,
                   "Task Timed Out: 'Provided task does not exist anymore'");
}

static enum err_code token_event(struct ledger *l,
                                 const struct task_token *token,
                                 struct engine_event *ev,
                                 struct err *err)
{
    const struct execution_header named = {.rules = &l->rules, .id = token->execution};
    enum err_code rc;
    struct hot *h;

    if (!engine_task_token_is(&named, token)) {
        return no_task(err); /* before anything is read for it */
    }
    rc = ledger_execution_load(l, token->execution, err);
    if (rc == ERR_EXECUTION_DOES_NOT_EXIST) {
        return no_task(err);
    }
    if (rc == ERR_MACHINE_DOES_NOT_EXIST) {
        return task_over(err); /* it was stopped when its machine was deleted */
    }
    if (rc != OK) {
        return rc;
    }
    h = hot_find(l, token->execution);
    ev->frame = token->frame;
    ev->entered_event = token->entered_event;
    ev->entered_ms = token->entered_ms;
    ev->attempt = token->attempt;
    if (hot_frame_find(l, h, token->frame) == NULL) {
        return task_over(err); /* the state it was a child of has ended */
    }
    switch (ledger_step(l, h, ev, NULL, err)) {
    case STEP_DONE:
    case STEP_CONTINUE: return OK;
    case STEP_STALE: return task_over(err);
    case STEP_NEED_FRAME:
    case STEP_FAILED: break;
    }
    return err->code;
}

enum err_code ledger_token_succeed(struct ledger *l,
                                   const struct task_token *token,
                                   struct slice output,
                                   struct err *err)
{
    struct engine_event ev = {.kind = ENGINE_TOKEN_SUCCEEDED, .result = output};

    return token_event(l, token, &ev, err);
}

enum err_code ledger_token_fail(struct ledger *l,
                                const struct task_token *token,
                                const struct failure *failure,
                                struct err *err)
{
    struct engine_event ev = {.kind = ENGINE_TOKEN_FAILED, .failure = *failure};

    return token_event(l, token, &ev, err);
}

enum err_code
ledger_token_heartbeat(struct ledger *l, const struct task_token *token, struct err *err)
{
    struct engine_event ev = {.kind = ENGINE_TOKEN_HEARTBEAT};

    return token_event(l, token, &ev, err);
}
