/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/engine/inspect.h"

#include "coordinator/engine/step.h"
#include "proto/base/limits.h"

struct inspection {
    const struct inspect_request *q;
    const struct asl_state *st;
    struct arena *a;
    struct inspect_result *out;
    struct json_builder data;
    struct asl_variables variables;
    uint64_t seed;
    unsigned kinds; /* of a failure: enum asl_failure_kind */
    bool final;     /* nothing handles it */
};

/* ---- what is shown ---- */

/* Documents are shown as their text. */
static void show(struct inspection *i, const char *name, const struct json_node *v)
{
    json_put(&i->data, slice_str(name), json_string(i->a, json_print(v, i->a)));
}

static void show_number(struct inspection *i, const char *name, int64_t n)
{
    json_put(&i->data, slice_str(name), json_integer(i->a, n));
}

static void show_details(struct inspection *i, struct json_builder *details)
{
    json_put(&i->data, SLICE("errorDetails"), json_built(details));
}

/* ---- the fields ---- */

static const struct json_node *variable(void *arg, struct slice name)
{
    const struct inspection *i = arg;

    return i->q->variables != NULL ? json_member(i->q->variables, name) : NULL;
}

static struct asl_scope_data scope(struct inspection *i, const struct json_node *input)
{
    return (struct asl_scope_data){
        .input = input,
        .context = i->q->context,
        .variables = &i->variables,
        .seed = &i->seed,
        .a = i->a,
    };
}

static bool path(struct inspection *i,
                 const struct asl_path_field *p,
                 const char *field,
                 const struct json_node *in,
                 const struct json_node **out,
                 struct failure *why)
{
    struct asl_scope_data s = scope(i, in);

    return asl_apply_path(p, field, &s, out, why);
}

/* Without a template, what is there. */
static bool template(struct inspection *i,
                     const struct asl_template *t,
                     const struct json_node *in,
                     const struct json_node **out,
                     struct failure *why)
{
    struct asl_scope_data s = scope(i, in);

    *out = in;
    return t == NULL || asl_apply_template(t, &s, out, why);
}

static bool assign(struct inspection *i,
                   const struct asl_template *t,
                   const struct json_node *seen,
                   struct failure *why)
{
    const struct json_node *assigned;
    struct json_builder b = json_build_object(i->a);

    if (t == NULL) {
        if (i->q->variables != NULL) {
            show(i, "variables", i->q->variables);
        }
        return true;
    }
    if (!template(i, t, seen, &assigned, why)) {
        return false;
    }
    for (const struct json_node *e = json_first(i->q->variables); e != NULL;
         e = json_next(i->q->variables, e)) {
        json_put(&b, json_key(i->q->variables, e), e);
    }
    for (const struct json_node *e = json_first(assigned); e != NULL; e = json_next(assigned, e)) {
        json_put(&b, json_key(assigned, e), e);
    }
    show(i, "variables", json_built(&b));
    return true;
}

/* ---- ends ---- */

static struct slice next_name(const struct inspection *i, uint32_t next)
{
    return next != ASL_NONE ? i->q->machine->states[next].name : (struct slice){NULL, 0};
}

static bool retried(struct inspection *i, const struct failure *why)
{
    struct json_builder details = json_build_object(i->a);

    for (size_t n = 0; n < i->st->retrier_count; n++) {
        const struct asl_retrier *r = &i->st->retriers[n];

        if (!asl_error_matches(r->errors, r->error_count, why->error, i->kinds)) {
            continue;
        }
        if ((int64_t)i->q->retries >= r->max_attempts) {
            return false;
        }
        json_put(&details, SLICE("retryIndex"), json_integer(i->a, (int64_t)n));
        json_put(&details, SLICE("retryBackoffIntervalSeconds"),
                 json_integer(i->a, retry_delay_ms(r, i->q->retries + 1) / 1000));
        show_details(i, &details);
        i->out->status = INSPECT_RETRIABLE;
        return true;
    }
    return false;
}

static const struct json_node *error_output(struct inspection *i, const struct failure *why)
{
    struct json_builder b = json_build_object(i->a);

    json_put(&b, SLICE("Error"), json_string(i->a, why->error));
    json_put(&b, SLICE("Cause"), json_string(i->a, why->cause));
    return json_built(&b);
}

static bool catch_by(struct inspection *i, size_t n, struct failure *why)
{
    const struct asl_catcher *c = &i->st->catchers[n];
    const struct json_node *error = error_output(i, why);
    struct json_builder details = json_build_object(i->a);

    if (!asl_apply_result_path(&c->result_path, i->q->input, error, i->a, &i->out->output, why) ||
        !assign(i, c->assign, error, why)) {
        i->out->output = NULL;
        return false;
    }
    json_put(&details, SLICE("catchIndex"), json_integer(i->a, (int64_t)n));
    show_details(i, &details);
    i->out->status = INSPECT_CAUGHT;
    i->out->next = next_name(i, c->next);
    return true;
}

/* By a retrier, by a catcher, or for good. */
static void failed(struct inspection *i, struct failure why)
{
    i->out->status = INSPECT_FAILED;
    i->out->failure = why;
    if (i->final || retried(i, &why)) {
        return;
    }
    for (size_t n = 0; n < i->st->catcher_count; n++) {
        const struct asl_catcher *c = &i->st->catchers[n];

        if (asl_error_matches(c->errors, c->error_count, why.error, i->kinds)) {
            if (!catch_by(i, n, &why)) {
                i->out->failure = why;
            }
            return;
        }
    }
}

static bool succeed(struct inspection *i,
                    const struct json_node *placed,
                    const struct asl_template *assigns,
                    const struct json_node *seen,
                    uint32_t next,
                    struct failure *why)
{
    if (!path(i, &i->st->output_path, "OutputPath", placed, &i->out->output, why) ||
        !assign(i, assigns, seen, why)) {
        i->out->output = NULL;
        return false;
    }
    i->out->status = INSPECT_SUCCEEDED;
    i->out->next = next_name(i, next);
    return true;
}

/* ---- the kinds ---- */

static bool effective(struct inspection *i, const struct json_node **out, struct failure *why)
{
    if (!path(i, &i->st->input_path, "InputPath", i->q->input, out, why)) {
        return false;
    }
    show(i, "afterInputPath", *out);
    return true;
}

/* From a result to the output. */
static bool finish(struct inspection *i, const struct json_node *result, struct failure *why)
{
    const struct json_node *selected;
    const struct json_node *placed;

    if (!template(i, i->st->result_selector, result, &selected, why)) {
        return false;
    }
    show(i, "afterResultSelector", selected);
    if (!asl_apply_result_path(&i->st->result_path, i->q->input, selected, i->a, &placed, why)) {
        return false;
    }
    show(i, "afterResultPath", placed);
    return succeed(i, placed, i->st->assign, result, i->st->next, why);
}

static bool inspect_pass(struct inspection *i, struct failure *why)
{
    const struct json_node *in;
    const struct json_node *made;

    if (i->st->result != NULL) {
        show(i, "result", i->st->result);
        return finish(i, i->st->result, why);
    }
    if (!effective(i, &in, why) || !template(i, i->st->parameters, in, &made, why)) {
        return false;
    }
    show(i, "afterParameters", made);
    return finish(i, made, why);
}

static bool inspect_succeed(struct inspection *i, struct failure *why)
{
    const struct json_node *in;

    return effective(i, &in, why) && succeed(i, in, i->st->assign, in, ASL_NONE, why);
}

static bool inspect_wait(struct inspection *i, struct failure *why)
{
    const struct json_node *in;
    struct asl_scope_data s;
    int64_t until_ms;

    if (!effective(i, &in, why)) {
        return false;
    }
    s = scope(i, in);
    return asl_wait_until(&i->st->wait, &s, i->q->now_ms, &until_ms, why) &&
           succeed(i, in, i->st->assign, in, i->st->next, why);
}

static bool inspect_choice(struct inspection *i, struct failure *why)
{
    const struct asl_choice *c = &i->st->choice;
    const struct json_node *in;
    struct asl_scope_data s;
    uint32_t next;
    size_t rule;

    if (!effective(i, &in, why)) {
        return false;
    }
    s = scope(i, in);
    return asl_choose(c, &s, &next, &rule, why) &&
           succeed(i, in, rule < c->rule_count ? c->rule_assign[rule] : i->st->assign, in, next,
                   why);
}

static bool inspect_fail(struct inspection *i, struct failure *why)
{
    struct asl_scope_data s = scope(i, i->q->input);
    struct failure own = {0};

    show(i, "afterInputPath", i->q->input);
    if (asl_string_value(&i->st->fail.error, "ErrorPath", &s, &own.error, why) &&
        asl_string_value(&i->st->fail.cause, "CausePath", &s, &own.cause, why)) {
        *why = own;
    }
    return false;
}

/* What a Task, a Parallel or a Map came to. */
static bool worked(struct inspection *i, unsigned kinds, struct failure *why)
{
    const struct inspect_work *work = i->q->work;

    if (work->result == NULL) {
        i->kinds = kinds | work->kinds;
        i->final = work->final;
        *why = work->failure;
        return false;
    }
    if (i->st->kind == ASL_TASK) {
        show(i, "result", work->result);
    }
    return finish(i, work->result, why);
}

/* What is to be done: `made` of the effective input `in`. */
static bool order(struct inspection *i,
                  const struct json_node *in,
                  const struct json_node *made,
                  struct failure *why)
{
    const struct asl_task *task = &i->st->task;
    struct inspect_order *o = &i->out->order;
    struct asl_scope_data s = scope(i, in);

    if ((task->credentials != NULL && !template(i, task->credentials, in, &o->credentials, why)) ||
        !asl_seconds_value(&task->timeout, "TimeoutSeconds", &s, &o->timeout_s, why) ||
        !asl_seconds_value(&task->heartbeat, "HeartbeatSeconds", &s, &o->heartbeat_s, why)) {
        return false;
    }
    o->arguments = made;
    i->out->status = INSPECT_ORDERED;
    return true;
}

static bool inspect_work(struct inspection *i, unsigned kinds, struct failure *why)
{
    const struct json_node *in;
    const struct json_node *made;

    if (!effective(i, &in, why) || !template(i, i->st->parameters, in, &made, why)) {
        return false;
    }
    show(i, "afterParameters", made);
    return i->q->work != NULL ? worked(i, kinds, why) : order(i, in, made, why);
}

/* Its iterations' inputs; false: an ItemSelector failed. */
static bool select_items(struct inspection *i,
                         const struct json_node *in,
                         const struct json_node *items,
                         struct failure *why)
{
    struct json_builder list = json_build_array(i->a);

    if (i->st->map.item_selector == NULL) {
        return true;
    }
    for (const struct json_node *e = json_first(items); e != NULL; e = json_next(items, e)) {
        struct json_builder item = json_build_object(i->a);
        struct json_builder map = json_build_object(i->a);
        struct json_builder context = json_build_object(i->a);
        struct asl_scope_data s = scope(i, in);
        const struct json_node *made;

        json_put(&item, SLICE("Index"), json_integer(i->a, (int64_t)list.count));
        json_put(&item, SLICE("Value"), e);
        json_put(&map, SLICE("Item"), json_built(&item));
        for (const struct json_node *m = json_first(i->q->context); m != NULL;
             m = json_next(i->q->context, m)) {
            json_put(&context, json_key(i->q->context, m), m);
        }
        json_put(&context, SLICE("Map"), json_built(&map));
        s.context = json_built(&context);
        if (!asl_apply_template(i->st->map.item_selector, &s, &made, why)) {
            return false;
        }
        json_push(&list, made);
    }
    show(i, "afterItemSelector", json_built(&list));
    return true;
}

/* More iterations have failed than may, of a Distributed Map. */
static bool too_many_failed(struct inspection *i, struct failure *why)
{
    const struct json_node *count = json_member(i->q->source, SLICE("ToleratedFailureCount"));
    int64_t tolerated = 0;

    if (!i->st->map.distributed) {
        return false;
    }
    if (json_i64(count, &tolerated)) {
        show_number(i, "toleratedFailureCount", tolerated);
    }
    if (!i->q->has_failures || i->q->failures <= tolerated || i->q->work->result == NULL) {
        return false;
    }
    why->error = SLICE("States.ExceedToleratedFailureThreshold");
    why->cause = SLICE("The specified tolerated failure threshold was exceeded");
    return true;
}

static bool inspect_map(struct inspection *i, struct failure *why)
{
    const struct asl_map *m = &i->st->map;
    const struct json_node *in;
    const struct json_node *items;
    struct asl_scope_data s;
    int64_t concurrency;

    if (!effective(i, &in, why)) {
        return false;
    }
    s = scope(i, in);
    if (!asl_map_items(m, &s, &items, why)) {
        return false;
    }
    show(i, "afterItemsPath", items);
    if (!asl_map_concurrency(m, &s, &concurrency, why)) {
        return false;
    }
    show_number(i, "maxConcurrency", concurrency);
    return select_items(i, in, items, why) && !too_many_failed(i, why) && worked(i, 0, why);
}

/* ---- */

static bool inspect_state(struct inspection *i, struct failure *why)
{
    switch (i->st->kind) {
    case ASL_PASS: return inspect_pass(i, why);
    case ASL_SUCCEED: return inspect_succeed(i, why);
    case ASL_WAIT: return inspect_wait(i, why);
    case ASL_CHOICE: return inspect_choice(i, why);
    case ASL_FAIL: return inspect_fail(i, why);
    case ASL_TASK: return inspect_work(i, ASL_FAILED_TASK, why);
    case ASL_PARALLEL: return inspect_work(i, ASL_FAILED_BRANCH, why);
    case ASL_MAP: return inspect_map(i, why);
    }
    return false;
}

void engine_inspect(const struct inspect_request *q, struct arena *a, struct inspect_result *out)
{
    struct inspection i = {
        .q = q,
        .st = q->state,
        .a = a,
        .out = out,
        .data = json_build_object(a),
        .seed = q->seed,
    };
    struct failure why = {0};

    *out = (struct inspect_result){0};
    i.variables = (struct asl_variables){variable, &i};
    show(&i, "input", q->input);
    if (!inspect_state(&i, &why)) {
        failed(&i, why);
    }
    out->data = json_built(&i.data);
}
