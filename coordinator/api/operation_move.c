/* SPDX-License-Identifier: Apache-2.0 */
/* Message move tasks: dead letters back to where they came from. A task's handle is Base64 of
 * {"taskId", "sourceArn"}, as AWS's is. Source: Amazon SQS API Reference, StartMessageMoveTask; the
 * wording of errors: recorded answers of AWS. */
#include "coordinator/api/operation_queue.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

enum { HANDLE_BYTES_MAX = 1024 };

static char *handle_of(struct api *api, const struct ledger_queue *q, const struct move_task *t)
{
    struct arena *a = ledger_turn_arena(api->ledger);

    return arena_str(a, text_base64(arena_printf(a, "{\"taskId\":\"%llu\",\"sourceArn\":\"%.*s\"}",
                                                 (unsigned long long)t->id, SLICE_FMT(q->arn)),
                                    a));
}

static enum err_code not_there(struct err *err, const char *parameter)
{
    return err_set(err, ERR_QUEUE_RESOURCE,
                   "The resource that you specified for the %s parameter doesn't exist.",
                   parameter);
}

static enum err_code find_by_arn(struct api *api,
                                 struct slice arn,
                                 const char *parameter,
                                 struct ledger_queue **out,
                                 struct err *err)
{
    struct slice name = queue_arn_name(api, arn);

    *out = name.len != 0 ? ledger_queue_find(api->ledger, name) : NULL;
    return *out != NULL ? OK : not_there(err, parameter);
}

/* ---- start ---- */

static enum err_code check_start(struct api *api,
                                 const Stepfleet__MoveStartRequest *m,
                                 struct ledger_queue **q,
                                 struct slice *to,
                                 struct err *err)
{
    struct ledger_queue *destination;
    enum err_code rc = find_by_arn(api, slice_str(m->source), "SourceArn", q, err);

    *to = slice_make(NULL, 0);
    if (rc == OK && !ledger_queue_has_sources(api->ledger, *q)) {
        rc = err_set(err, ERR_QUEUE_PARAMETER,
                     "Source queue must be configured as a Dead Letter Queue.");
    }
    if (rc == OK && m->destination[0] != '\0') {
        rc = find_by_arn(api, slice_str(m->destination), "DestinationArn", &destination, err);
        *to = rc == OK ? destination->name : *to;
        if (rc == OK && destination->row.attributes.fifo != (*q)->row.attributes.fifo) {
            rc = err_set(err, ERR_QUEUE_PARAMETER,
                         "Source and destination queues must be of the same type.");
        }
    }
    if (rc == OK && m->has_per_second &&
        (m->per_second < 1 || m->per_second > LIMIT_QUEUE_MOVES_PER_S)) {
        rc =
            err_set(err, ERR_QUEUE_PARAMETER,
                    "Value for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: You must "
                    "enter a value that's between 1 and %d.",
                    LIMIT_QUEUE_MOVES_PER_S);
    }
    if (rc == OK && ledger_move_running(*q) != NULL) {
        rc =
            err_set(err, ERR_QUEUE_PARAMETER,
                    "There is already a task running. Only one active task is allowed for a source "
                    "queue arn at a given time.");
    }
    return rc;
}

void operation_MOVE_START(struct call *c)
{
    const Stepfleet__MoveStartRequest *m = (const void *)c->request;
    Stepfleet__MoveHandle r = STEPFLEET__MOVE_HANDLE__INIT;
    struct ledger_queue *q;
    struct slice to;
    struct err err;
    enum err_code rc = check_start(c->api, m, &q, &to, &err);

    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    (void)ledger_move_start(c->api->ledger, q, to, m->has_per_second ? (uint32_t)m->per_second : 0);
    r.handle = handle_of(c->api, q, ledger_move_running(q));
    c->reply(c, &r.base);
}

/* ---- cancel ---- */

static enum err_code read_handle(struct api *api,
                                 const char *handle,
                                 struct ledger_queue **q,
                                 const struct move_task **task,
                                 struct err *err)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    uint8_t bytes[HANDLE_BYTES_MAX];
    const struct json_node *v = NULL;
    struct slice id;
    struct slice arn;
    uint64_t number;
    size_t len;
    enum err_code rc;

    if (!text_parse_base64(slice_str(handle), bytes, sizeof(bytes), &len) ||
        json_parse(arena_copy(a, slice_make(bytes, len)), a, &v, NULL) != OK ||
        json_member(v, SLICE("taskId")) == NULL) {
        return err_set(err, ERR_QUEUE_PARAMETER, "Value for parameter TaskHandle is invalid.");
    }
    id = json_text(json_member(v, SLICE("taskId")));
    arn = json_text(json_member(v, SLICE("sourceArn")));
    rc = find_by_arn(api, arn, "SourceArn", q, err);
    if (rc != OK) {
        return rc;
    }
    *task = text_parse_u64(id, &number) ? ledger_move_find(*q, number) : NULL;
    return *task != NULL ? OK : err_set(err, ERR_QUEUE_RESOURCE, "Task does not exist.");
}

void operation_MOVE_CANCEL(struct call *c)
{
    const Stepfleet__MoveHandle *m = (const void *)c->request;
    Stepfleet__MoveCancelReply r = STEPFLEET__MOVE_CANCEL_REPLY__INIT;
    const struct move_task *task;
    struct ledger_queue *q;
    struct err err;
    enum err_code rc = read_handle(c->api, m->handle, &q, &task, &err);

    if (rc == OK && task->status != MOVE_RUNNING) {
        rc = err_set(&err, ERR_QUEUE_OPERATION, "Only active tasks can be cancelled.");
    }
    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    r.moved = task->moved;
    ledger_move_cancel(c->api->ledger, q);
    c->reply(c, &r.base);
}

/* ---- list ---- */

static const char *status_name(enum move_status status)
{
    switch (status) {
    case MOVE_RUNNING: return "RUNNING";
    case MOVE_COMPLETED: return "COMPLETED";
    case MOVE_CANCELLED: return "CANCELLED";
    case MOVE_FAILED: return "FAILED";
    }
    return "";
}

static char *arn_beside(struct api *api, const struct ledger_queue *q, struct slice name)
{
    struct arena *a = ledger_turn_arena(api->ledger);

    return arena_str(a, arena_printf(a, "%.*s%.*s",
                                     SLICE_FMT(slice_head(q->arn, q->arn.len - q->name.len)),
                                     SLICE_FMT(name)));
}

static Stepfleet__Move *
move_message(struct api *api, const struct ledger_queue *q, const struct move_task *t)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    Stepfleet__Move *m = arena_alloc(a, sizeof(*m));

    stepfleet__move__init(m);
    m->status = arena_str(a, slice_str(status_name(t->status)));
    m->source = arena_str(a, q->arn);
    m->reason = arena_str(a, t->reason);
    m->per_second = t->per_second;
    m->moved = t->moved;
    m->to_move = t->to_move;
    m->started_ms = t->started_ms;
    if (t->status == MOVE_RUNNING) {
        m->handle = handle_of(api, q, t);
    }
    if (t->destination.len != 0) {
        m->destination = arn_beside(api, q, t->destination);
    }
    return m;
}

void operation_MOVE_LIST(struct call *c)
{
    const Stepfleet__MoveListRequest *m = (const void *)c->request;
    Stepfleet__MoveListReply r = STEPFLEET__MOVE_LIST_REPLY__INIT;
    int32_t most = m->has_max_results ? m->max_results : 1;
    struct ledger_queue *q;
    struct err err;
    enum err_code rc = find_by_arn(c->api, slice_str(m->source), "SourceArn", &q, &err);

    if (rc == OK && (most < 1 || most > LIMIT_QUEUE_MOVE_TASKS)) {
        rc = err_set(&err, ERR_QUEUE_PARAMETER,
                     "Value for parameter MaxResults is invalid. Reason: MaxResults must be an "
                     "integer between 1 and 10.");
    }
    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    r.moves =
        ARENA_ARRAY(ledger_turn_arena(c->api->ledger), LIMIT_QUEUE_MOVE_TASKS, Stepfleet__Move *);
    for (size_t i = 0; i < q->move_count && i < (size_t)most; i++) {
        r.moves[r.n_moves++] = move_message(c->api, q, &q->moves[i]);
    }
    c->reply(c, &r.base);
}
