/* SPDX-License-Identifier: Apache-2.0 */
/* How a task's attempt ends: its events, its result put into the state's data, its failure.
 * Source: Amazon States Language, input and output processing; histories as AWS recorded them. */
#include "coordinator/asl/jsonpath.h"
#include "coordinator/engine/step.h"
#include "proto/base/text.h"

static const struct task_history *history_of(const struct turn *t, const struct frame *f)
{
    return &task_histories[frame_state(t, f)->task.resource_kind];
}

void task_record_started(struct turn *t, struct frame *f)
{
    struct history_event *e;

    if (!f->started) {
        e = turn_record(t, f, history_of(t, f)->started);
        e->worker = f->worker;
        f->started = true;
    }
}

/* ---- failure ---- */

/* An integration gives a function's error payload as it reads it: compact. A bare Lambda resource
 * gives the text as the function wrote it. Both as AWS recorded them. */
static struct failure as_shown(struct turn *t, const struct frame *f, struct failure why)
{
    const struct json_node *node;

    if (task_is_invoke(&frame_state(t, f)->task) && why.cause.len > 0 && why.cause.ptr[0] == '{' &&
        json_parse(why.cause, t->a, &node, NULL) == OK) {
        why.cause = json_print(node, t->a);
    }
    return failure_cut(t, why);
}

/* The attempt is over: nobody holds it, nothing is due. */
static void end_attempt(struct turn *t, struct frame *f)
{
    frame_drop_timer(t, f);
    frame_drop_lease(f);
    frame_move(f, FRAME_RUN);
}

void task_record_timeout(struct turn *t, struct frame *f)
{
    turn_record(t, f, history_of(t, f)->timed_out)->error = SLICE("States.Timeout");
}

static void end_failed(struct turn *t,
                       struct frame *f,
                       enum history_type type,
                       struct failure why,
                       unsigned kinds)
{
    struct history_event *e;

    task_record_started(t, f);
    e = turn_record(t, f, type);
    e->error = why.error;
    e->cause = why.cause;
    turn_abort_upload(t, f);
    end_attempt(t, f);
    flow_failed(t, f, why, kinds);
}

void task_fail(struct turn *t, struct frame *f, struct failure why, unsigned kinds)
{
    end_failed(t, f, history_of(t, f)->failed, as_shown(t, f, why), kinds);
}

void task_time_out(struct turn *t, struct frame *f, bool heartbeat)
{
    struct failure why = {.error = SLICE("States.Timeout")};
    unsigned kinds = ASL_FAILED_TASK | (heartbeat ? (unsigned)ASL_FAILED_HEARTBEAT : 0);

    if (f->status == FRAME_CHILD) {
        turn_command(t, COMMAND_STOP_CHILD, f)->child = f->child;
    }
    end_failed(t, f, history_of(t, f)->timed_out, why, kinds);
}

/* ---- results ---- */

static bool is_wrapped(const struct asl_task *task)
{
    return task_is_invoke(task) && task->pattern == ASL_REQUEST_RESPONSE;
}

/* Does anything look at the result, so that lambda:invoke's wrapping is needed? */
static bool result_is_used(const struct asl_state *st)
{
    return st->result_selector != NULL || st->assign != NULL || st->result_path.is != ASL_PATH_NULL;
}

/* "OutputPath": "$.Payload", as is common: the other members of the wrapping are never seen. */
static bool payload_alone(const struct asl_state *st)
{
    const struct asl_path *p = st->output_path.path;

    return st->result_selector == NULL && st->assign == NULL &&
           st->result_path.is == ASL_PATH_DEFAULT && st->output_path.is == ASL_PATH_SET &&
           p->root == PATH_INPUT && p->step_count > 0 && p->steps[0].kind == PATH_NAME &&
           slice_eq(p->steps[0].name, SLICE("Payload"));
}

static const struct json_node *
wrap(struct turn *t, const struct asl_state *st, struct value *payload)
{
    struct json_builder b;

    if (payload_alone(st)) {
        b = json_build_object(t->a);
        json_put(&b, SLICE("Payload"), value_node(t, payload));
        return json_built(&b);
    }
    return task_wrap(t->h, t->h->next_event, t->ev->now_ms, value_node(t, payload),
                     value_text(t, payload).len, t->a);
}

/* With the end of the function's log, as LogType Tail asks for. */
static const struct json_node *wrap_with_log(struct turn *t, struct value *payload)
{
    const struct json_node *whole =
        task_wrap(t->h, t->h->next_event, t->ev->now_ms, value_node(t, payload),
                  value_text(t, payload).len, t->a);
    struct json_builder b = json_build_object(t->a);

    for (const struct json_node *e = json_first(whole); e != NULL; e = json_next(whole, e)) {
        json_put(&b, json_key(whole, e), e);
        if (slice_eq_str(json_key(whole, e), "ExecutedVersion")) {
            json_put(&b, SLICE("LogResult"), json_string(t->a, text_base64(t->ev->log, t->a)));
        }
    }
    return json_built(&b);
}

/* The Succeeded event. A wrapping that can be made again is not kept, unless the whole of it is the
 * state's output as well. */
static void record_succeeded(struct turn *t,
                             struct frame *f,
                             struct value *payload,
                             struct value *result,
                             struct value *output)
{
    struct history_event *e = turn_record(t, f, history_of(t, f)->succeeded);
    bool wrapped = result->node != payload->node;
    bool kept = wrapped && (t->ev->log.len > 0 || (output != NULL && output->node == result->node));

    e->wrapped = !kept && is_wrapped(&frame_state(t, f)->task) && !f->submitted;
    e->doc = value_keep(t, kept ? result : payload, &f->input);
    if (kept && output != NULL && output->node == result->node) {
        *output = *result;
    }
}

static void succeed(struct turn *t, struct frame *f, struct value *payload, struct value *result)
{
    const struct asl_state *st = frame_state(t, f);
    struct value placed;
    struct outcome out;
    struct failure why = {0};

    if (!flow_result(t, f, result, &placed, &why) ||
        !flow_outcome(t, f, &placed, st->assign, result, &out, &why)) {
        record_succeeded(t, f, payload, result, NULL);
        t->out->task_refused = true;
        turn_abort_upload(t, f);
        end_attempt(t, f);
        flow_evaluation_failed(t, f, why);
        return;
    }
    record_succeeded(t, f, payload, result, &out.output);
    if (out.output.node != NULL && out.output.node == payload->node) {
        out.output = *payload;
    }
    flow_exit(t, f, &out, st->next);
}

/* Both below the limit, the wrapping measured only where it matters. */
static bool fits(struct turn *t, struct value *payload, struct value *result)
{
    enum { WRAPPING_BYTES_MAX = 2048 };
    size_t len = value_text(t, payload).len;
    size_t most = rules_payload_bytes(t->h);

    return len <= most && (result->node == payload->node || len + WRAPPING_BYTES_MAX <= most ||
                           !value_too_large(t, result));
}

/* The result as the state sees it. */
static bool
make_result(struct turn *t, struct frame *f, struct value *payload, struct value *result)
{
    const struct asl_state *st = frame_state(t, f);

    *result = *payload;
    if (value_text(t, payload).len <= rules_payload_bytes(t->h) && is_wrapped(&st->task)) {
        if (t->ev->log.len > 0) {
            *result = value_of_node(wrap_with_log(t, payload));
        } else if (result_is_used(st)) {
            *result = value_of_node(wrap(t, st, payload));
        }
    }
    return fits(t, payload, result);
}

/* The reported text as a value. False: it is not JSON. */
static bool read_result(struct turn *t, const struct frame *f, struct slice text, struct value *out)
{
    /* An echo of the input is known to be in order. */
    if (f->input.text.ptr != NULL && slice_eq(text, f->input.text)) {
        *out = value_of_doc(f->input);
        return true;
    }
    return value_read(t, text, out);
}

static void refuse(struct turn *t, struct frame *f, struct failure why)
{
    t->out->task_refused = true;
    task_fail(t, f, why, ASL_FAILED_TASK);
}

static void refuse_text(struct turn *t, struct frame *f)
{
    refuse(t, f,
           (struct failure){
               SLICE("Runtime.MarshalError"),
               SLICE("{\"errorMessage\":\"The result of the function is not JSON\",\"errorType\":"
                     "\"Runtime.MarshalError\"}"),
           });
}

void task_take_result(struct turn *t, struct frame *f, struct slice text)
{
    struct value payload;
    struct value result;

    if (!read_result(t, f, text, &payload)) {
        refuse_text(t, f);
    } else if (!make_result(t, f, &payload, &result)) {
        refuse(t, f, flow_too_large(t, task_resource_name(&frame_state(t, f)->task)));
    } else {
        succeed(t, f, &payload, &result);
    }
}

void task_take_empty(struct turn *t, struct frame *f, int status)
{
    struct value result =
        value_of_node(task_wrap_empty(t->h, t->h->next_event, t->ev->now_ms, status, t->a));

    f->submitted = true;
    succeed(t, f, &result, &result);
}

bool task_record_submitted(struct turn *t, struct frame *f, struct slice text)
{
    const struct asl_task *task = &frame_state(t, f)->task;
    struct history_event *e;
    struct value answer;

    if (!value_read(t, text, &answer)) {
        refuse_text(t, f);
        return false;
    }
    if (value_too_large(t, &answer)) {
        refuse(t, f, flow_too_large(t, task_resource_name(task)));
        return false;
    }
    e = turn_record(t, f, HISTORY_TASK_SUBMITTED);
    e->doc = value_keep(t, &answer, &f->input);
    e->wrapped = task_is_invoke(task);
    f->submitted = true;
    return true;
}
