/* SPDX-License-Identifier: Apache-2.0 */
/* Parallel and Map: branches and items one after the other, each through all that it may come to.
 * All go well together, or any failure is the first. Source: Amazon States Language, states. */
#include "tests/sim/interpret.h"

#include <assert.h>

enum { WAYS = 200, ENDS = 8, JOIN_BYTES = 40000 };

/* All that one branch or item may come to. */
struct ends {
    struct verdict all[ENDS];
    unsigned count;
};

static bool same_failure(const struct verdict *x, const struct verdict *y)
{
    return model_same_text(x->error, y->error) && model_same_text(x->cause, y->cause) &&
           x->any_cause == y->any_cause && x->kinds == y->kinds;
}

static bool same_verdict(const struct verdict *x, const struct verdict *y)
{
    return x->failed == y->failed &&
           (x->failed ? same_failure(x, y) : json_equal(x->output, y->output));
}

/* False: there is no room. */
static bool ends_add(struct ends *e, const struct verdict *x)
{
    for (unsigned i = 0; i < e->count; i++) {
        if (same_verdict(&e->all[i], x)) {
            return true;
        }
    }
    if (e->count == ENDS) {
        return false;
    }
    e->all[e->count++] = *x;
    return true;
}

/* Every way through a scope, its choices apart from those around it. */
static void all_ends(const struct scope_run *scope,
                     const struct json_node *definition,
                     const struct json_node *input,
                     struct ends *out)
{
    struct interpreter *in = scope->x->in;
    struct interpreter around = *in;
    unsigned ways = 0;

    in->at = in->made = 0;
    do {
        struct scope_run s = *scope;
        struct verdict x = model_scope(&s, definition, input);

        in->lost = in->lost || ++ways == WAYS || !ends_add(out, &x);
    } while (!in->lost && model_next_way(in));
    around.lost = in->lost;
    around.work = in->work;
    *in = around;
}

/* What branches or items come to, one after the other. */
struct join {
    struct ends failures;
    struct ends *good; /* of each child */
    size_t count;
    bool lost;
    bool stuck; /* one cannot but fail */
};

static struct join join_begin(size_t most, struct arena *a)
{
    return (struct join){.good = ARENA_ARRAY(a, most + 1, struct ends)};
}

static void join_add(struct join *j, const struct ends *e)
{
    struct ends *good = &j->good[j->count++];

    for (unsigned i = 0; i < e->count; i++) {
        bool room = ends_add(e->all[i].failed ? &j->failures : good, &e->all[i]);

        j->lost = j->lost || !room;
    }
    j->stuck = j->stuck || good->count == 0;
}

/* Any failure may be the first; or all goes well. */
static struct verdict join_end(const struct view *v, struct join *j)
{
    struct interpreter *in = v->scope->x->in;
    struct json_builder b = json_build_array(v->a);
    struct verdict x;
    unsigned which;

    in->lost = in->lost || j->lost;
    if (in->lost) {
        return model_runtime(); /* nobody asks any more what it comes to */
    }
    assert(j->failures.count > 0 || !j->stuck);
    which = model_choose(in, j->failures.count + (j->stuck ? 0 : 1));
    if (which < j->failures.count) {
        return j->failures.all[which];
    }
    for (size_t i = 0; i < j->count; i++) {
        json_push(&b, j->good[i].all[model_choose(in, j->good[i].count)].output);
    }
    x = model_gives(json_built(&b));
    in->lost = in->lost || json_written_bytes(x.output) > JOIN_BYTES;
    return x;
}

struct verdict model_parallel(const struct view *v, const struct json_node *state)
{
    const struct json_node *branches = model_member(state, "Branches");
    const struct json_node *template = model_member(state, "Parameters");
    struct scope_run s = {v->scope->x, v->scope, NULL, v->scope->item, v->scope->index};
    struct join j = join_begin(json_count(branches), v->a);
    const struct json_node *input = v->input;

    if (template != NULL && !model_template(v, template, &input)) {
        return model_runtime();
    }
    for (const struct json_node *b = json_first(branches); b != NULL; b = json_next(branches, b)) {
        struct ends e = {.count = 0};

        all_ends(&s, b, input, &e);
        for (unsigned i = 0; i < e.count; i++) {
            e.all[i].kinds |= e.all[i].failed ? (unsigned)OF_BRANCH : 0;
        }
        join_add(&j, &e);
    }
    return join_end(v, &j);
}

static void iteration(const struct view *v,
                      const struct json_node *state,
                      const struct json_node *item,
                      int64_t index,
                      struct ends *out)
{
    const struct json_node *processor = model_member(state, "ItemProcessor");
    const struct json_node *selector = model_member(state, "ItemSelector");
    struct scope_run s = {v->scope->x, v->scope, NULL, item, index};
    const struct json_node *input = item;
    struct view selects = *v;
    struct verdict runtime = model_runtime();

    if (processor == NULL) {
        processor = model_member(state, "Iterator");
        selector = model_member(state, "Parameters");
    }
    selects.scope = &s;
    if (selector != NULL && !model_template(&selects, selector, &input)) {
        (void)ends_add(out, &runtime);
        return;
    }
    all_ends(&s, processor, input, out);
    for (unsigned i = 0; i < out->count; i++) {
        out->all[i].kinds &= ~(unsigned)OF_BRANCH;
    }
}

struct verdict model_map(const struct view *v, const struct json_node *state)
{
    const struct json_node *path = model_member(state, "ItemsPath");
    const struct json_node *items = v->input;
    struct join j;
    int64_t index = 0;
    int64_t most = 0;

    if (path != NULL && !model_path(v, json_text(path), &items)) {
        model_die("a Map without items", json_text(path));
    }
    if (!json_is(items, JSON_ARRAY)) {
        return model_runtime();
    }
    (void)json_i64(model_member(state, "MaxConcurrency"), &most);
    j = join_begin(json_count(items), v->a);
    for (const struct json_node *e = json_first(items); e != NULL; e = json_next(items, e)) {
        struct ends ends = {.count = 0};

        iteration(v, state, e, index++, &ends);
        join_add(&j, &ends);
        if (j.stuck && most == 1) {
            break; /* those after it never begin */
        }
    }
    return join_end(v, &j);
}
