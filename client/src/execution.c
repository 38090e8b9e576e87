/* SPDX-License-Identifier: Apache-2.0 */
/* Executions: plain structs to messages and back. A start without a name gets a UUID here and a
 * redrive without a token gets one, so that sending either again does nothing twice. */
#include "client/src/client.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "proto/host/clock.h"

static char *fresh_uuid(char out[TEXT_UUID_BYTES + 1])
{
    uint8_t bytes[16];

    clock_random(bytes, sizeof(bytes));
    text_format_uuid(bytes, out);
    out[TEXT_UUID_BYTES] = '\0';
    return out;
}

static void start_request(Stepfleet__StartRequest *q,
                          const struct stepfleet_start *start,
                          char uuid[TEXT_UUID_BYTES + 1])
{
    bool named = start->name != NULL && start->name[0] != '\0';

    stepfleet__start_request__init(q);
    q->machine = text_to(start->machine);
    q->name = named ? text_to(start->name) : fresh_uuid(uuid);
    q->input = bytes_to(start->input);
    q->has_input = start->input.ptr != NULL;
}

/* The ARN an execution of that name has: its machine's name in the coordinator's region and
 * account. */
static enum err_code execution_arn(struct stepfleet *c,
                                   const Stepfleet__StartRequest *q,
                                   struct arena *a,
                                   char **out,
                                   struct err *err)
{
    Stepfleet__Empty empty = STEPFLEET__EMPTY__INIT;
    struct call call = {.method = RPC_HEALTH, .request = &empty.base, .repeat = REPEAT_SAFE};
    const char *colon = strrchr(q->machine, ':');
    const Stepfleet__HealthReply *health;
    void *m;
    enum err_code rc = client_call(c, &call, a, &m, err);

    if (rc == OK) {
        health = m;
        *out = arena_str(a, arena_printf(a, "arn:aws:states:%s:%s:execution:%s:%s", health->region,
                                         health->account, colon != NULL ? colon + 1 : q->machine,
                                         q->name));
    }
    return rc;
}

/* A fresh UUID exists already: the answer to an earlier sending of ours was lost, and the execution
 * has ended meanwhile (while it runs, a repeat is answered like the first). Ask when it started. */
static enum err_code start_adopt(struct stepfleet *c,
                                 const Stepfleet__StartRequest *q,
                                 struct stepfleet_started *reply,
                                 struct err *err)
{
    struct arena *a = reply_arena(reply);
    Stepfleet__ExecutionRequest describe = STEPFLEET__EXECUTION_REQUEST__INIT;
    struct call call = {
        .method = RPC_EXECUTION_DESCRIBE, .request = &describe.base, .repeat = REPEAT_SAFE};
    const Stepfleet__ExecutionDetail *d;
    void *m;
    enum err_code rc = execution_arn(c, q, a, &describe.execution, err);

    if (rc == OK) {
        rc = client_call(c, &call, a, &m, err);
    }
    if (rc == OK) {
        d = m;
        reply->execution_arn = d->execution_arn;
        reply->start_ms = d->start_ms;
    }
    return rc;
}

static enum err_code start_send(struct stepfleet *c,
                                const Stepfleet__StartRequest *q,
                                struct stepfleet_started *reply,
                                struct err *err)
{
    struct call call = {.method = RPC_EXECUTION_START, .request = &q->base, .repeat = REPEAT_SAFE};
    const Stepfleet__StartReply *r;
    void *m;
    enum err_code rc = client_call(c, &call, reply_arena(reply), &m, err);

    if (rc == OK) {
        r = m;
        reply->execution_arn = r->execution_arn;
        reply->start_ms = r->start_ms;
    }
    return rc;
}

enum stepfleet_code stepfleet_execution_start(struct stepfleet *c,
                                              const struct stepfleet_start *start,
                                              struct stepfleet_started **out,
                                              struct stepfleet_error *error)
{
    char uuid[TEXT_UUID_BYTES + 1];
    Stepfleet__StartRequest q;
    struct stepfleet_started *reply = reply_new(sizeof(*reply));
    struct err err;
    enum err_code rc;

    start_request(&q, start, uuid);
    rc = start_send(c, &q, reply, &err);
    if (rc == ERR_EXECUTION_EXISTS && q.name == uuid) {
        rc = start_adopt(c, &q, reply, &err);
    }
    if (rc != OK) {
        stepfleet_release(reply);
        return error_give(error, rc, &err);
    }
    reply->name = arena_str(reply_arena(reply), slice_str(q.name));
    *out = reply;
    return STEPFLEET_OK;
}

static void
frames_fill(struct stepfleet_execution *out, const Stepfleet__ExecutionDetail *m, struct arena *a)
{
    struct stepfleet_frame *frames = ARENA_ARRAY(a, m->n_frames, struct stepfleet_frame);

    for (size_t i = 0; i < m->n_frames; i++) {
        const Stepfleet__Frame *f = m->frames[i];

        frames[i] = (struct stepfleet_frame){
            .state = f->state,
            .status = f->status,
            .waits_for = f->waits_for,
            .attempt = f->attempt,
            .retry_count = f->retry_count,
            .entered_ms = f->entered_ms,
            .due_ms = f->due_ms,
            .worker = f->worker,
            .function = f->function,
            .workers_offering = f->workers_offering,
            .bytes_in = f->bytes_in,
            .bytes_out = f->bytes_out,
            .note = f->note,
            .id = f->id,
            .parent = f->parent,
            .index = f->index,
        };
    }
    out->frames = frames;
    out->frame_count = m->n_frames;
    out->frames_in_all = m->frame_count;
}

static void execution_fill(struct stepfleet_execution *out,
                           const Stepfleet__ExecutionDetail *m,
                           struct arena *a)
{
    *out = (struct stepfleet_execution){
        .execution_arn = m->execution_arn,
        .machine_arn = m->machine_arn,
        .name = m->name,
        .type = m->type,
        .status = m->status,
        .start_ms = m->start_ms,
        .stop_ms = m->stop_ms,
        .input = bytes_of(m->input),
        .output = optional_bytes(m->has_output, m->output),
        .error = m->error,
        .has_error = m->has_error,
        .cause = optional_bytes(m->has_cause, m->cause),
        .redrive_count = m->redrive_count,
        .redrive_ms = m->redrive_ms,
        .redrive_status = m->redrive_status,
        .redrive_reason = m->redrive_reason,
        .events = m->events,
        .revision = m->revision,
    };
    frames_fill(out, m, a);
}

/* The calls that answer with one execution. */
static enum stepfleet_code execution_call(struct stepfleet *c,
                                          const struct call *call,
                                          struct stepfleet_execution **out,
                                          struct stepfleet_error *error)
{
    void *reply;
    void *m;
    enum stepfleet_code rc = client_fetch_call(c, call, sizeof(**out), &reply, &m, error);

    if (rc != STEPFLEET_OK) {
        return rc;
    }
    execution_fill(reply, m, reply_arena(reply));
    *out = reply;
    return STEPFLEET_OK;
}

enum stepfleet_code stepfleet_execution_start_sync(struct stepfleet *c,
                                                   const struct stepfleet_start *start,
                                                   struct stepfleet_execution **out,
                                                   struct stepfleet_error *error)
{
    char uuid[TEXT_UUID_BYTES + 1];
    Stepfleet__StartRequest q;
    struct call call = {
        .method = RPC_EXECUTION_START_SYNC,
        .request = &q.base,
        .repeat = REPEAT_NEVER,
        .wait_ms = LIMIT_EXPRESS_MS,
    };

    start_request(&q, start, uuid);
    return execution_call(c, &call, out, error);
}

enum stepfleet_code stepfleet_execution_run(struct stepfleet *c,
                                            const struct stepfleet_start *start,
                                            uint32_t wait_ms,
                                            struct stepfleet_execution **out,
                                            struct stepfleet_error *error)
{
    char uuid[TEXT_UUID_BYTES + 1];
    Stepfleet__StartRequest q;
    struct call call = {
        .method = RPC_EXECUTION_RUN,
        .request = &q.base,
        .repeat = REPEAT_SAFE,
        .wait_ms = wait_ms < LIMIT_POLL_MS ? wait_ms : LIMIT_POLL_MS,
    };

    start_request(&q, start, uuid);
    q.wait_ms = call.wait_ms;
    return execution_call(c, &call, out, error);
}

enum stepfleet_code stepfleet_execution_describe(struct stepfleet *c,
                                                 const char *execution,
                                                 struct stepfleet_execution **out,
                                                 struct stepfleet_error *error)
{
    Stepfleet__ExecutionRequest q = STEPFLEET__EXECUTION_REQUEST__INIT;
    struct call call = {
        .method = RPC_EXECUTION_DESCRIBE, .request = &q.base, .repeat = REPEAT_SAFE};

    q.execution = text_to(execution);
    return execution_call(c, &call, out, error);
}

enum stepfleet_code stepfleet_execution_wait(struct stepfleet *c,
                                             const char *execution,
                                             uint64_t seen,
                                             uint32_t wait_ms,
                                             struct stepfleet_execution **out,
                                             struct stepfleet_error *error)
{
    Stepfleet__WaitRequest q = STEPFLEET__WAIT_REQUEST__INIT;
    struct call call = {
        .method = RPC_EXECUTION_WAIT,
        .request = &q.base,
        .repeat = REPEAT_SAFE,
        .wait_ms = wait_ms < LIMIT_POLL_MS ? wait_ms : LIMIT_POLL_MS,
    };

    q.execution = text_to(execution);
    q.seen = seen;
    q.timeout_ms = call.wait_ms;
    return execution_call(c, &call, out, error);
}

static void page_fill(struct stepfleet_execution_page *out, const Stepfleet__ListReply *m)
{
    struct arena *a = reply_arena(out);
    struct stepfleet_execution *executions =
        ARENA_ARRAY(a, m->n_executions, struct stepfleet_execution);

    for (size_t i = 0; i < m->n_executions; i++) {
        execution_fill(&executions[i], m->executions[i], a);
    }
    out->executions = executions;
    out->count = m->n_executions;
    out->next_token = m->next_token;
}

enum stepfleet_code stepfleet_execution_list(struct stepfleet *c,
                                             const struct stepfleet_execution_query *query,
                                             struct stepfleet_execution_page **out,
                                             struct stepfleet_error *error)
{
    Stepfleet__ListRequest q = STEPFLEET__LIST_REQUEST__INIT;
    struct call call = {.method = RPC_EXECUTION_LIST, .request = &q.base, .repeat = REPEAT_SAFE};
    void *reply;
    enum stepfleet_code rc;
    void *m;

    q.machine = text_to(query->machine);
    q.status = text_to(query->status);
    q.name_prefix = text_to(query->name_prefix);
    q.since_ms = query->since_ms;
    q.until_ms = query->until_ms;
    q.max_results = query->max_results;
    q.next_token = text_to(query->next_token);
    rc = client_fetch_call(c, &call, sizeof(**out), &reply, &m, error);
    if (rc != STEPFLEET_OK) {
        return rc;
    }
    page_fill(reply, m);
    *out = reply;
    return STEPFLEET_OK;
}

static void history_fill(struct stepfleet_history_page *out, const Stepfleet__HistoryReply *m)
{
    struct stepfleet_bytes *events =
        ARENA_ARRAY(reply_arena(out), m->n_events, struct stepfleet_bytes);

    for (size_t i = 0; i < m->n_events; i++) {
        events[i] = bytes_of(m->events[i]);
    }
    out->events = events;
    out->count = m->n_events;
    out->next_token = m->next_token;
}

enum stepfleet_code stepfleet_execution_history(struct stepfleet *c,
                                                const struct stepfleet_history_query *query,
                                                struct stepfleet_history_page **out,
                                                struct stepfleet_error *error)
{
    Stepfleet__HistoryRequest q = STEPFLEET__HISTORY_REQUEST__INIT;
    struct call call = {.method = RPC_EXECUTION_HISTORY, .request = &q.base, .repeat = REPEAT_SAFE};
    void *reply;
    enum stepfleet_code rc;
    void *m;

    q.execution = text_to(query->execution);
    q.max_results = query->max_results;
    q.reverse = query->reverse;
    q.without_data = query->without_data;
    q.next_token = text_to(query->next_token);
    rc = client_fetch_call(c, &call, sizeof(**out), &reply, &m, error);
    if (rc != STEPFLEET_OK) {
        return rc;
    }
    history_fill(reply, m);
    *out = reply;
    return STEPFLEET_OK;
}

/* Stop and redrive answer with a time alone. */
static enum stepfleet_code time_call(struct stepfleet *c,
                                     enum rpc method,
                                     const ProtobufCMessage *request,
                                     int64_t *time_ms,
                                     struct stepfleet_error *error)
{
    struct call call = {.method = method, .request = request, .repeat = REPEAT_SAFE};
    struct arena a = {0};
    struct err err;
    void *m;
    enum err_code rc = client_call(c, &call, &a, &m, &err);

    if (rc == OK && time_ms != NULL) {
        *time_ms = ((const Stepfleet__TimeReply *)m)->time_ms;
    }
    arena_fini(&a);
    return error_give(error, rc, &err);
}

enum stepfleet_code stepfleet_execution_stop(struct stepfleet *c,
                                             const char *execution,
                                             const char *failure,
                                             struct stepfleet_bytes cause,
                                             int64_t *stop_ms,
                                             struct stepfleet_error *error)
{
    Stepfleet__StopRequest q = STEPFLEET__STOP_REQUEST__INIT;

    q.execution = text_to(execution);
    q.error = text_to(failure);
    q.has_error = failure != NULL;
    q.cause = bytes_to(cause);
    q.has_cause = cause.ptr != NULL;
    return time_call(c, RPC_EXECUTION_STOP, &q.base, stop_ms, error);
}

enum stepfleet_code stepfleet_execution_redrive(struct stepfleet *c,
                                                const char *execution,
                                                const char *client_token,
                                                int64_t *redrive_ms,
                                                struct stepfleet_error *error)
{
    Stepfleet__RedriveRequest q = STEPFLEET__REDRIVE_REQUEST__INIT;
    char uuid[TEXT_UUID_BYTES + 1];
    bool given = client_token != NULL && client_token[0] != '\0';

    q.execution = text_to(execution);
    q.client_token = given ? text_to(client_token) : fresh_uuid(uuid);
    return time_call(c, RPC_EXECUTION_REDRIVE, &q.base, redrive_ms, error);
}
