/* SPDX-License-Identifier: Apache-2.0 */
/* Activities and the tasks that end by their token. */
#include "client/src/client.h"
#include "proto/base/limits.h"

/* ---- activities ---- */

static void activity_fill(struct stepfleet_activity *out, const Stepfleet__Activity *m)
{
    *out = (struct stepfleet_activity){
        .arn = m->arn,
        .name = m->name,
        .created_ms = m->created_ms,
        .waiting = m->waiting,
    };
}

/* Create and describe answer alike. */
static enum stepfleet_code activity_call(struct stepfleet *c,
                                         enum rpc method,
                                         const ProtobufCMessage *request,
                                         struct stepfleet_activity **out,
                                         struct stepfleet_error *error)
{
    void *reply;
    void *m;
    enum stepfleet_code rc = client_fetch(c, method, request, sizeof(**out), &reply, &m, error);

    if (rc != STEPFLEET_OK) {
        return rc;
    }
    activity_fill(reply, m);
    *out = reply;
    return STEPFLEET_OK;
}

enum stepfleet_code stepfleet_activity_create(struct stepfleet *c,
                                              const char *name,
                                              struct stepfleet_activity **out,
                                              struct stepfleet_error *error)
{
    Stepfleet__ActivityCreateRequest q = STEPFLEET__ACTIVITY_CREATE_REQUEST__INIT;

    q.name = text_to(name);
    return activity_call(c, RPC_ACTIVITY_CREATE, &q.base, out, error);
}

enum stepfleet_code stepfleet_activity_describe(struct stepfleet *c,
                                                const char *activity,
                                                struct stepfleet_activity **out,
                                                struct stepfleet_error *error)
{
    Stepfleet__ActivityRequest q = STEPFLEET__ACTIVITY_REQUEST__INIT;

    q.activity = text_to(activity);
    return activity_call(c, RPC_ACTIVITY_DESCRIBE, &q.base, out, error);
}

static void page_fill(struct stepfleet_activity_page *out, const Stepfleet__ActivityListReply *m)
{
    struct stepfleet_activity *activities =
        ARENA_ARRAY(reply_arena(out), m->n_activities, struct stepfleet_activity);

    for (size_t i = 0; i < m->n_activities; i++) {
        activity_fill(&activities[i], m->activities[i]);
    }
    out->activities = activities;
    out->count = m->n_activities;
    out->next_token = m->next_token;
}

enum stepfleet_code stepfleet_activity_list(struct stepfleet *c,
                                            uint32_t max_results,
                                            const char *next_token,
                                            struct stepfleet_activity_page **out,
                                            struct stepfleet_error *error)
{
    Stepfleet__PageRequest q = STEPFLEET__PAGE_REQUEST__INIT;
    void *reply;
    enum stepfleet_code rc;
    void *m;

    q.max_results = max_results;
    q.next_token = text_to(next_token);
    rc = client_fetch(c, RPC_ACTIVITY_LIST, &q.base, sizeof(**out), &reply, &m, error);
    if (rc != STEPFLEET_OK) {
        return rc;
    }
    page_fill(reply, m);
    *out = reply;
    return STEPFLEET_OK;
}

enum stepfleet_code
stepfleet_activity_delete(struct stepfleet *c, const char *activity, struct stepfleet_error *error)
{
    Stepfleet__ActivityRequest q = STEPFLEET__ACTIVITY_REQUEST__INIT;

    q.activity = text_to(activity);
    return client_tell(c, RPC_ACTIVITY_DELETE, &q.base, error);
}

enum stepfleet_code stepfleet_activity_task(struct stepfleet *c,
                                            const char *activity,
                                            const char *worker,
                                            uint32_t wait_ms,
                                            struct stepfleet_activity_task **out,
                                            struct stepfleet_error *error)
{
    Stepfleet__ActivityTaskRequest q = STEPFLEET__ACTIVITY_TASK_REQUEST__INIT;
    void *reply;
    struct call call = {
        .method = RPC_ACTIVITY_TASK,
        .request = &q.base,
        .repeat = REPEAT_NEVER,
        .wait_ms =
            wait_ms != 0 && wait_ms < LIMIT_ACTIVITY_POLL_MS ? wait_ms : LIMIT_ACTIVITY_POLL_MS,
    };
    const Stepfleet__ActivityTaskReply *r;
    enum stepfleet_code rc;
    void *m;

    q.activity = text_to(activity);
    q.worker = text_to(worker);
    q.timeout_ms = call.wait_ms;
    rc = client_fetch_call(c, &call, sizeof(**out), &reply, &m, error);
    if (rc != STEPFLEET_OK) {
        return rc;
    }
    r = m;
    *out = reply;
    (*out)->token = bytes_of(r->token);
    (*out)->input = bytes_of(r->input);
    return STEPFLEET_OK;
}

/* ---- task tokens ---- */

enum stepfleet_code stepfleet_task_success(struct stepfleet *c,
                                           struct stepfleet_bytes token,
                                           struct stepfleet_bytes output,
                                           struct stepfleet_error *error)
{
    Stepfleet__TaskSuccessRequest q = STEPFLEET__TASK_SUCCESS_REQUEST__INIT;

    q.token = bytes_to(token);
    q.output = bytes_to(output);
    return client_tell(c, RPC_TASK_SUCCESS, &q.base, error);
}

enum stepfleet_code stepfleet_task_failure(struct stepfleet *c,
                                           struct stepfleet_bytes token,
                                           const char *failure,
                                           struct stepfleet_bytes cause,
                                           struct stepfleet_error *error)
{
    Stepfleet__TaskFailureRequest q = STEPFLEET__TASK_FAILURE_REQUEST__INIT;

    q.token = bytes_to(token);
    q.error = text_to(failure);
    q.has_error = failure != NULL;
    q.cause = bytes_to(cause);
    q.has_cause = cause.ptr != NULL;
    return client_tell(c, RPC_TASK_FAILURE, &q.base, error);
}

enum stepfleet_code stepfleet_task_heartbeat(struct stepfleet *c,
                                             struct stepfleet_bytes token,
                                             struct stepfleet_error *error)
{
    Stepfleet__TaskHeartbeatRequest q = STEPFLEET__TASK_HEARTBEAT_REQUEST__INIT;

    q.token = bytes_to(token);
    return client_tell(c, RPC_TASK_HEARTBEAT, &q.base, error);
}
