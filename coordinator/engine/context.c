/* SPDX-License-Identifier: Apache-2.0 */
/* The context object ($$), and where an execution's chance comes from.
 * Source: Amazon States Language, the context object: Execution, StateMachine, State; RedriveCount
 * only where the workflow is Standard, RetryCount only where the state can retry. */
#include "coordinator/asl/jsonpath.h"
#include "coordinator/engine/step.h"
#include "proto/base/hash.h"
#include "proto/base/text.h"

uint64_t chance_seed(const struct execution_header *h, enum chance use, uint64_t event, uint32_t n)
{
    uint64_t x = hash_u64(h->seed + 0x9e3779b97f4a7c15u * (uint64_t)use);

    x = hash_u64(x ^ event);
    return hash_u64(x + n + 1);
}

static const struct json_node *time_node(int64_t ms, struct arena *a)
{
    return json_string(a, text_time(ms, a));
}

static const struct json_node *
execution_node(const struct execution_header *h, const struct json_node *input, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    json_put(&b, SLICE("Id"), json_string(a, h->arn));
    json_put(&b, SLICE("Input"), input);
    json_put(&b, SLICE("StartTime"), time_node(h->start_ms, a));
    json_put(&b, SLICE("Name"), json_string(a, h->name));
    json_put(&b, SLICE("RoleArn"), json_string(a, h->role_arn));
    if (!h->express) {
        json_put(&b, SLICE("RedriveCount"), json_integer(a, h->redrive_count));
        if (h->redrive_count > 0) {
            json_put(&b, SLICE("RedriveTime"), time_node(h->redrive_ms, a));
        }
    }
    return json_built(&b);
}

static bool can_retry(enum asl_kind kind)
{
    return kind == ASL_TASK || kind == ASL_PARALLEL || kind == ASL_MAP;
}

const struct json_node *context_build(const struct execution_header *h,
                                      const struct asl_state *state,
                                      const struct frame *f,
                                      const struct json_node *execution_input,
                                      struct arena *a)
{
    struct json_builder b = json_build_object(a);
    struct json_builder machine = json_build_object(a);
    struct json_builder s = json_build_object(a);

    json_put(&machine, SLICE("Id"), json_string(a, h->machine_arn));
    json_put(&machine, SLICE("Name"), json_string(a, h->machine_name));
    json_put(&s, SLICE("Name"), json_string(a, state->name));
    json_put(&s, SLICE("EnteredTime"), time_node(f->entered_ms, a));
    if (can_retry(state->kind)) {
        json_put(&s, SLICE("RetryCount"), json_integer(a, f->retry_count));
    }
    json_put(&b, SLICE("Execution"), execution_node(h, execution_input, a));
    json_put(&b, SLICE("StateMachine"), json_built(&machine));
    json_put(&b, SLICE("State"), json_built(&s));
    return json_built(&b);
}

const struct json_node *engine_context(const struct asl_machine *m,
                                       const struct execution_header *h,
                                       const struct frame *f,
                                       struct arena *a)
{
    const struct json_node *input = NULL;

    if (h->input.text.ptr == NULL || json_parse(h->input.text, a, &input, NULL) != OK) {
        input = json_null();
    }
    return context_build(h, &m->states[f->state], f, input, a);
}

/* Often the state's input is the execution's: then it is parsed already, or will be. */
static const struct json_node *execution_input(struct turn *t, const struct frame *f)
{
    struct slice text = t->parsed_text;
    const struct json_node *node = t->parsed;
    struct value v = value_of_doc(t->h->input);

    if (t->context_input == NULL) {
        if (f->input.ref == t->h->input.ref && f->input.text.ptr != NULL) {
            v = value_of_doc(f->input);
        }
        t->context_input = value_node(t, &v);
        if (text.ptr != NULL) {
            t->parsed_text = text;
            t->parsed = node;
        }
    }
    return t->context_input;
}

struct asl_scope_data
turn_scope(struct turn *t, const struct frame *f, const struct json_node *input, uint64_t *seed)
{
    return (struct asl_scope_data){
        .input = input,
        .context = context_build(t->h, frame_state(t, f), f, execution_input(t, f), t->a),
        .seed = seed,
        .a = t->a,
    };
}

struct asl_scope_data turn_path_scope(struct turn *t,
                                      const struct frame *f,
                                      const struct asl_path *path,
                                      const struct json_node *input,
                                      uint64_t *seed)
{
    /* Filters of a path that is not definite may look into the context as well. */
    if (path->root == PATH_CONTEXT || !path->definite) {
        return turn_scope(t, f, input, seed);
    }
    return (struct asl_scope_data){.input = input, .seed = seed, .a = t->a};
}
