/* SPDX-License-Identifier: Apache-2.0 */
/* Variables: a scope sees its own and those of the scopes around it, and sets its own. What one
 * Assign sets is one document, which its variables share; setting some of them again leaves the
 * others with the older document.
 * Source: Amazon States Language, variables. */
#include "coordinator/engine/step.h"

struct lookup {
    struct turn *t;
    const struct frame *f;
};

/* Where `name` stands among the sorted, or would. */
static size_t position(const struct variable *items, size_t count, struct slice name)
{
    size_t low = 0;

    while (low < count) {
        size_t middle = low + (count - low) / 2;

        if (slice_cmp(items[middle].name, name) < 0) {
            low = middle + 1;
        } else {
            count = middle;
        }
    }
    return low;
}

static bool holds_at(const struct variable *items, size_t count, size_t at, struct slice name)
{
    return at < count && slice_eq(items[at].name, name);
}

static void note_read(struct turn *t, const struct variable *v)
{
    struct reads *r = t->reads;
    size_t at;

    if (r == NULL) {
        return;
    }
    at = position(r->items, r->count, v->name);
    if (holds_at(r->items, r->count, at, v->name)) {
        return;
    }
    if (r->count == r->cap) {
        size_t want = r->cap == 0 ? 4 : r->cap * 2;

        r->items = arena_grow(t->a, r->items, r->cap * sizeof(*r->items), want * sizeof(*r->items));
        r->cap = want;
    }
    memmove(&r->items[at + 1], &r->items[at], (r->count - at) * sizeof(*r->items));
    r->items[at] = *v;
    r->count++;
}

static const struct json_node *get(void *arg, struct slice name)
{
    const struct lookup *l = arg;
    const struct frame *f = l->f;

    while (f != NULL) {
        size_t at = position(f->variables, f->variable_count, name);

        if (holds_at(f->variables, f->variable_count, at, name)) {
            struct value v = value_of_doc(f->variables[at].value);

            note_read(l->t, &f->variables[at]);
            return json_member(value_node(l->t, &v), name);
        }
        f = f->parent != ASL_NONE ? turn_peek(l->t, f->parent) : NULL;
    }
    return NULL;
}

const struct asl_variables *variables_of(struct turn *t, const struct frame *f)
{
    struct lookup *l = ARENA_NEW(t->a, struct lookup);
    struct asl_variables *v = ARENA_NEW(t->a, struct asl_variables);

    *l = (struct lookup){t, f};
    *v = (struct asl_variables){get, l};
    return v;
}

/* ---- setting ---- */

/* Bytes that the frame's own variables of these names have now. */
static uint64_t bytes_of(struct turn *t, const struct frame *f, const struct json_node *names)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < f->variable_count; i++) {
        const struct variable *v = &f->variables[i];
        struct value set = value_of_doc(v->value);

        if (names == NULL || json_member(names, v->name) != NULL) {
            bytes += json_written_bytes(json_member(value_node(t, &set), v->name));
        }
    }
    return bytes;
}

static uint64_t set_bytes(const struct json_node *set)
{
    uint64_t bytes = 0;

    for (const struct json_node *e = json_first(set); e != NULL; e = json_next(set, e)) {
        bytes += json_written_bytes(e);
    }
    return bytes;
}

/* Each variable and one Assign have the payload's limit, all together LIMIT_VARIABLES_BYTES. */
static bool
fits(struct turn *t, const struct frame *f, const struct json_node *set, struct failure *why)
{
    uint64_t bytes = set_bytes(set);

    if (bytes <= rules_payload_bytes(t->h) && json_depth(set) <= LIMIT_JSON_DEPTH &&
        t->h->variable_bytes - bytes_of(t, f, set) + bytes <= LIMIT_VARIABLES_BYTES) {
        return true;
    }
    why->error = SLICE("States.DataLimitExceeded");
    why->cause = arena_printf(t->a,
                              "The variables assigned in the state '%.*s' exceed the maximum "
                              "number of bytes service limit.",
                              SLICE_FMT(frame_state(t, f)->name));
    return false;
}

bool variables_evaluate(struct turn *t,
                        const struct frame *f,
                        const struct asl_template *assign,
                        struct value *seen,
                        struct value *out,
                        struct failure *why)
{
    uint64_t seed = chance_seed(t->h, CHANCE_ASSIGN, f->entered_event, f->attempt);

    *out = (struct value){0};
    if (assign == NULL) {
        return true;
    }
    return flow_template(t, f, assign, seed, seen, out, why) && fits(t, f, out->node, why);
}

/* The frame's variables with those of `set` put in: a new array, for the old one belongs to the
 * frame's older version. */
static void merge(struct turn *t, struct frame *f, struct value *set)
{
    size_t most = f->variable_count + json_count(set->node);
    struct variable *items = ARENA_ARRAY(t->a, most, struct variable);
    size_t count = f->variable_count;

    if (count > 0) {
        memcpy(items, f->variables, count * sizeof(*items));
    }
    for (const struct json_node *e = json_first(set->node); e != NULL;
         e = json_next(set->node, e)) {
        struct slice name = json_key(set->node, e);
        size_t at = position(items, count, name);

        if (!holds_at(items, count, at, name)) {
            memmove(&items[at + 1], &items[at], (count - at) * sizeof(*items));
            count++;
        }
        items[at] = (struct variable){name, set->doc};
    }
    f->variables = items;
    f->variable_count = (uint32_t)count;
}

void variables_assign(struct turn *t, struct frame *f, struct value *set, struct history_event *e)
{
    struct variable *shown;

    if (set->node == NULL || json_count(set->node) == 0) {
        return;
    }
    t->h->variable_bytes += set_bytes(set->node) - bytes_of(t, f, set->node);
    (void)value_keep(t, set, NULL);
    merge(t, f, set);
    shown = ARENA_NEW(t->a, struct variable);
    shown->value = set->doc;
    e->variables = shown;
    e->variable_count = 1;
}

void variables_suspend(struct turn *t, const struct frame *f)
{
    t->h->variable_bytes -= bytes_of(t, f, NULL);
}

void variables_resume(struct turn *t, const struct frame *f)
{
    t->h->variable_bytes += bytes_of(t, f, NULL);
}

void variables_drop(struct turn *t, struct frame *f)
{
    variables_suspend(t, f);
    f->variables = NULL;
    f->variable_count = 0;
}
