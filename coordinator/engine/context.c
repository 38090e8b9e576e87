/* SPDX-License-Identifier: Apache-2.0 */
/* The context object ($$), and where an execution's chance comes from.
 * Source: Amazon States Language, the context object: Execution, StateMachine, State; RedriveCount
 * only where the workflow is Standard, RetryCount only where the state can retry, Task.Token only
 * where someone is to have it, Map.Item only in iterations. */
#include "coordinator/engine/inspect.h"
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

bool engine_can_retry(enum asl_kind kind)
{
    return kind == ASL_TASK || kind == ASL_PARALLEL || kind == ASL_MAP;
}

/* An iteration's item. */
static const struct json_node *
map_node(const struct frame *f, const struct json_node *item, struct arena *a)
{
    struct json_builder map = json_build_object(a);
    struct json_builder b = json_build_object(a);

    json_put(&b, SLICE("Index"), json_integer(a, f->item_index));
    json_put(&b, SLICE("Value"), item);
    json_put(&map, SLICE("Item"), json_built(&b));
    return json_built(&map);
}

static const struct json_node *
task_node(const struct execution_header *h, const struct frame *f, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    json_put(&b, SLICE("Token"), json_string(a, engine_task_token(h, f, a)));
    return json_built(&b);
}

const struct json_node *context_build(const struct execution_header *h,
                                      const struct asl_state *state,
                                      const struct frame *f,
                                      const struct json_node *execution_input,
                                      const struct json_node *item,
                                      struct arena *a)
{
    struct json_builder b = json_build_object(a);
    struct json_builder machine = json_build_object(a);
    struct json_builder s = json_build_object(a);

    json_put(&machine, SLICE("Id"), json_string(a, h->machine_arn));
    json_put(&machine, SLICE("Name"), json_string(a, h->machine_name));
    json_put(&s, SLICE("Name"), json_string(a, state->name));
    json_put(&s, SLICE("EnteredTime"), time_node(f->entered_ms, a));
    if (engine_can_retry(state->kind)) {
        json_put(&s, SLICE("RetryCount"), json_integer(a, f->retry_count));
    }
    json_put(&b, SLICE("Execution"), execution_node(h, execution_input, a));
    json_put(&b, SLICE("StateMachine"), json_built(&machine));
    json_put(&b, SLICE("State"), json_built(&s));
    if (item != NULL) {
        json_put(&b, SLICE("Map"), map_node(f, item, a));
    }
    if (state->kind == ASL_TASK && task_hands_out_token(&state->task)) {
        json_put(&b, SLICE("Task"), task_node(h, f, a));
    }
    return json_built(&b);
}

static const struct json_node *parsed(const struct doc *d, struct arena *a)
{
    const struct json_node *node = d->node;

    if (node == NULL && d->text.ptr != NULL && json_parse(d->text, a, &node, NULL) != OK) {
        node = NULL;
    }
    return node;
}

const struct json_node *engine_context(const struct asl_machine *m,
                                       const struct execution_header *h,
                                       const struct frame *f,
                                       struct arena *a)
{
    const struct json_node *input = parsed(&h->input, a);

    return context_build(h, &m->states[f->state], f, input != NULL ? input : json_null(),
                         parsed(&f->item, a), a);
}

static const struct json_node *context_of(struct turn *t, const struct frame *f)
{
    struct value input = value_of_doc(t->h->input);
    struct value item = value_of_doc(f->item);

    return context_build(t->h, frame_state(t, f), f, value_node(t, &input),
                         f->item.ref != 0 ? value_node(t, &item) : NULL, t->a);
}

struct asl_scope_data turn_scope(struct turn *t,
                                 const struct frame *f,
                                 unsigned uses,
                                 struct value *input,
                                 uint64_t *seed)
{
    return (struct asl_scope_data){
        .input = (uses & ASL_USES_INPUT) != 0 ? value_node(t, input) : NULL,
        .context = (uses & ASL_USES_CONTEXT) != 0 ? context_of(t, f) : NULL,
        .variables = (uses & ASL_USES_VARIABLES) != 0 ? variables_of(t, f) : NULL,
        .seed = seed,
        .a = t->a,
    };
}
