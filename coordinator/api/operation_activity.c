/* SPDX-License-Identifier: Apache-2.0 */
/* Activities: create, describe, list, delete, and the long poll for their tasks.
 *
 *   asked ---a task waits---> answered with it
 *     '-----> PARKED in the activity's queue ---a task comes: the one that waits longest gets it
 *               '---its time is over: an empty answer; the activity goes; its client goes: nothing
 *                   was taken
 *
 * Idempotent by name. Source: AWS Step Functions API Reference. */
#include <string.h>

#include "coordinator/api/reading.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

/* Calls that wait for tasks of one activity (ledger_activity.user); gone with its last call. */
struct poll_queue {
    struct list calls;
    size_t count;
};

/* What a parked call asked for. */
struct activity_poll {
    struct ledger_activity *activity;
    char *worker;
};

static Stepfleet__Activity *activity_message(struct api *api, const struct ledger_activity *a)
{
    struct arena *arena = ledger_turn_arena(api->ledger);
    Stepfleet__Activity *m = arena_alloc(arena, sizeof(*m));

    stepfleet__activity__init(m);
    m->arn = arena_str(arena, a->arn);
    m->name = arena_str(arena, a->name);
    m->created_ms = a->created_ms;
    m->waiting = a->waiting;
    return m;
}

static void
create_activity(struct call *c, struct slice name, const Stepfleet__ActivityCreateRequest *q)
{
    struct err err;
    enum err_code rc = OK;

    if (ledger_activity_find(c->api->ledger, name) == NULL) {
        rc = tags_put(c->api, TAGS_ACTIVITY, name, q->tags, q->n_tags, &err);
    }
    if (rc == OK) {
        c->reply(c, &activity_message(c->api, ledger_activity_put(c->api->ledger, name))->base);
    } else {
        c->fail(c, rc, &err);
    }
}

void operation_ACTIVITY_CREATE(struct call *c)
{
    const Stepfleet__ActivityCreateRequest *q = (const void *)c->request;
    struct ledger *l = c->api->ledger;
    struct slice name = slice_str(q->name);

    if (!text_is_name(name)) {
        call_fail(c, ERR_INVALID_NAME, "Invalid Name: '%.*s'", SLICE_FMT(slice_head(name, 300)));
    } else if (ledger_activity_find(l, name) == NULL &&
               ledger_activity_count(l) >= LIMIT_ACTIVITIES) {
        call_fail(c, ERR_ACTIVITY_LIMIT, "Activity Max Limit Exceeded");
    } else {
        create_activity(c, name, q);
    }
}

void operation_ACTIVITY_DESCRIBE(struct call *c)
{
    const Stepfleet__ActivityRequest *q = (const void *)c->request;
    struct ledger_activity *a;
    struct err err;
    enum err_code rc = find_activity(c->api, q->activity, &a, &err);

    if (rc == OK) {
        c->reply(c, &activity_message(c->api, a)->base);
    } else {
        c->fail(c, rc, &err);
    }
}

void operation_ACTIVITY_LIST(struct call *c)
{
    const Stepfleet__PageRequest *q = (const void *)c->request;
    Stepfleet__ActivityListReply r = STEPFLEET__ACTIVITY_LIST_REPLY__INIT;
    struct slice after = slice_str(q->next_token);
    struct ledger_activity **all;
    size_t count;
    uint32_t max;

    if (!page_size(c, q->max_results, &max)) {
        return;
    }
    all = ledger_activities(c->api->ledger, &count);
    r.activities = ARENA_ARRAY(ledger_turn_arena(c->api->ledger), max, Stepfleet__Activity *);
    for (size_t i = 0; i < count; i++) {
        if (after.len != 0 && slice_cmp(all[i]->name, after) <= 0) {
            continue;
        }
        if (r.n_activities == max) {
            r.next_token = r.activities[max - 1]->name; /* the list goes on after it */
            break;
        }
        r.activities[r.n_activities++] = activity_message(c->api, all[i]);
    }
    c->reply(c, &r.base);
}

/* ---- the long poll ---- */

static void poll_leave(struct call *c)
{
    struct ledger_activity *a = c->poll->activity;
    struct poll_queue *queue = a->user;

    call_unpark(c);
    list_remove(&c->link);
    c->api->polling -= call_holds_context(c);
    if (--queue->count == 0) {
        a->user = NULL;
        mem_free(queue);
    }
    mem_free(c->poll->worker);
    mem_free(c->poll);
    c->poll = NULL;
}

static void poll_expired(struct call *c)
{
    Stepfleet__ActivityTaskReply r = STEPFLEET__ACTIVITY_TASK_REPLY__INIT;

    poll_leave(c);
    c->reply(c, &r.base);
}

static void poll_gone(struct call *c)
{
    poll_leave(c);
    call_fail(c, ERR_UNAVAILABLE, "the coordinator is stopping");
}

/* Take a task that waits; false: there is none. */
static bool take(struct api *api,
                 struct ledger_activity *a,
                 const char *worker,
                 Stepfleet__ActivityTaskReply *out)
{
    struct slice token;
    struct slice input;

    stepfleet__activity_task_reply__init(out);
    if (!ledger_activity_take(api->ledger, a, slice_str(worker), &token, &input)) {
        return false;
    }
    out->token = message_bytes(token);
    out->input = message_bytes(input);
    return true;
}

void api_activity_ready(struct api *api, struct ledger_activity *a)
{
    Stepfleet__ActivityTaskReply r;

    while (a->user != NULL) {
        struct poll_queue *queue = a->user;
        struct call *c = container_of(queue->calls.next, struct call, link);

        if (!take(api, a, c->poll->worker, &r)) {
            return;
        }
        poll_leave(c);
        c->reply(c, &r.base);
    }
}

static void poll_park(struct call *c, struct ledger_activity *a, const char *worker, int64_t for_ms)
{
    struct poll_queue *queue = a->user;

    if (queue == NULL) {
        queue = a->user = mem_zalloc(1, sizeof(*queue));
        list_init(&queue->calls);
    }
    c->poll = mem_zalloc(1, sizeof(*c->poll));
    c->poll->activity = a;
    c->poll->worker = mem_strdup(slice_str(worker));
    list_push_back(&queue->calls, &c->link);
    queue->count++;
    c->api->polling += call_holds_context(c);
    call_park(c, for_ms, poll_expired, poll_gone);
}

/* May one more call be parked? False: it has failed. */
static bool poll_has_room(struct call *c, const struct ledger_activity *a)
{
    const struct poll_queue *queue = a->user;

    if (queue != NULL && queue->count >= LIMIT_ACTIVITY_POLLS) {
        call_fail(c, ERR_ACTIVITY_WORKERS,
                  "Activity Worker Limit Exceeded: %d calls wait for tasks of '%.*s'",
                  LIMIT_ACTIVITY_POLLS, SLICE_FMT(a->arn));
        return false;
    }
    if (call_holds_context(c) && c->api->polling >= LIMIT_POLLS) {
        call_fail(c, ERR_BUSY, "too many calls wait for tasks of activities");
        return false;
    }
    return true;
}

void operation_ACTIVITY_TASK(struct call *c)
{
    const Stepfleet__ActivityTaskRequest *q = (const void *)c->request;
    int64_t for_ms = q->timeout_ms != 0 && q->timeout_ms < LIMIT_ACTIVITY_POLL_MS
                         ? q->timeout_ms
                         : LIMIT_ACTIVITY_POLL_MS;
    Stepfleet__ActivityTaskReply r;
    struct ledger_activity *a;
    struct err err;
    enum err_code rc = find_activity(c->api, q->activity, &a, &err);

    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    if (strlen(q->worker) > LIMIT_NAME_CHARS) {
        call_fail(c, ERR_VALIDATION,
                  "1 validation error detected: Value '%.300s' at 'workerName' failed to satisfy "
                  "constraint: Member must have length less than or equal to %d",
                  q->worker, LIMIT_NAME_CHARS);
    } else if (a->user == NULL && take(c->api, a, q->worker, &r)) {
        c->reply(c, &r.base);
    } else if (c->api->stopping) {
        call_fail(c, ERR_UNAVAILABLE, "the coordinator is stopping");
    } else if (poll_has_room(c, a)) {
        poll_park(c, a, q->worker, for_ms);
    }
}

/* ---- delete ---- */

void operation_ACTIVITY_DELETE(struct call *c)
{
    const Stepfleet__ActivityRequest *q = (const void *)c->request;
    Stepfleet__Empty r = STEPFLEET__EMPTY__INIT;
    struct ledger_activity *a;
    struct err err;
    enum err_code rc = find_activity(c->api, q->activity, &a, &err);

    if (rc != OK && rc != ERR_ACTIVITY_DOES_NOT_EXIST) {
        c->fail(c, rc, &err);
        return;
    }
    while (rc == OK && a->user != NULL) {
        struct poll_queue *queue = a->user;
        struct call *waiting = container_of(queue->calls.next, struct call, link);

        poll_leave(waiting);
        call_fail(waiting, ERR_ACTIVITY_DOES_NOT_EXIST, "Activity Does Not Exist: '%.*s'",
                  SLICE_FMT(a->arn));
    }
    if (rc == OK) {
        ledger_activity_delete(c->api->ledger, a);
    }
    c->reply(c, &r.base);
}
