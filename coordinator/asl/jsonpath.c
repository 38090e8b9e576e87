/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluating a path; see jsonpath.h. */
#include "coordinator/asl/jsonpath.h"
#include "coordinator/asl/filter.h"
#include "proto/base/limits.h"

static const struct json_node *element_at(const struct json_node *array, int64_t index)
{
    int64_t count = (int64_t)json_count(array);

    if (index < 0) {
        index += count;
    }
    return index >= 0 && index < count ? json_element(array, (size_t)index) : NULL;
}

/* The members there are, as one object. */
static const struct json_node *
merge_members(const struct path_step *step, const struct json_node *v, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    for (size_t i = 0; i < step->names.count; i++) {
        const struct json_node *member = json_member(v, step->names.items[i]);

        if (member != NULL) {
            json_put(&b, step->names.items[i], member);
        }
    }
    return json_built(&b);
}

/* A step that yields one node at most; NULL with *is. */
static const struct json_node *step_one(const struct path_step *step,
                                        const struct json_node *v,
                                        struct arena *a,
                                        enum path_missing *is)
{
    enum json_type type = json_type(v);

    *is = PATH_NO_RESULT;
    if (step->kind == PATH_LENGTH) {
        return type == JSON_ARRAY || type == JSON_OBJECT ? json_integer(a, (int64_t)json_count(v))
                                                         : json_null();
    }
    if (step->kind == PATH_INDEX) {
        if (type != JSON_ARRAY) {
            *is = PATH_NOT_ARRAY;
            return NULL;
        }
        return element_at(v, step->index);
    }
    if (type != JSON_OBJECT) {
        *is = PATH_NOT_OBJECT;
        return NULL;
    }
    return step->kind == PATH_NAME ? json_member(v, step->name) : merge_members(step, v, a);
}

static const struct json_node *walk_definite(const struct asl_path *p,
                                             const struct json_node *v,
                                             struct arena *a,
                                             struct path_miss *miss)
{
    for (size_t i = 0; i < p->step_count; i++) {
        enum path_missing is;
        const struct json_node *next = step_one(&p->steps[i], v, a, &is);

        if (next == NULL) {
            if (is == PATH_NO_RESULT && i + 1 < p->step_count && p->steps[i].kind == PATH_NAME) {
                is = PATH_NO_PROPERTY;
            }
            *miss = (struct path_miss){is, i, v};
            return NULL;
        }
        v = next;
    }
    return v;
}

/* An indefinite path being gathered. */
struct gather {
    struct path_run *run;
    const struct path_step *end;
    struct json_builder out;
};

static void visit(struct gather *g, const struct path_step *step, const struct json_node *v);

static bool run_enter(struct path_run *r)
{
    if (++r->visits > LIMIT_PATH_VISITS || r->depth >= LIMIT_JSON_DEPTH + LIMIT_PATH_STEPS) {
        r->too_much = true;
    }
    return !r->too_much;
}

static void
visit_children(struct gather *g, const struct path_step *next, const struct json_node *v)
{
    for (const struct json_node *e = json_first(v); e != NULL && !g->run->too_much;
         e = json_next(v, e)) {
        visit(g, next, e);
    }
}

static void visit_names(struct gather *g, const struct path_step *step, const struct json_node *v)
{
    for (size_t i = 0; json_is(v, JSON_OBJECT) && i < step->names.count; i++) {
        const struct json_node *member = json_member(v, step->names.items[i]);

        if (member != NULL) {
            visit(g, step + 1, member);
        }
    }
}

static void visit_indices(struct gather *g, const struct path_step *step, const struct json_node *v)
{
    for (size_t i = 0; json_is(v, JSON_ARRAY) && i < step->indices.count; i++) {
        const struct json_node *element = element_at(v, step->indices.items[i]);

        if (element != NULL) {
            visit(g, step + 1, element);
        }
    }
}

/* Bounds count from the end where negative, and are cut to the array. */
static void visit_slice(struct gather *g, const struct path_step *step, const struct json_node *v)
{
    int64_t count = (int64_t)json_count(v);
    int64_t from = step->slice.from < 0 ? step->slice.from + count : step->slice.from;
    int64_t to = !step->slice.has_to      ? count
                 : step->slice.to < 0     ? step->slice.to + count
                 : step->slice.to > count ? count
                                          : step->slice.to;
    int64_t i = 0;

    if (!json_is(v, JSON_ARRAY)) {
        return;
    }
    for (const struct json_node *e = json_first(v); e != NULL && i < to && !g->run->too_much;
         e = json_next(v, e), i++) {
        if (i >= from) {
            visit(g, step + 1, e);
        }
    }
}

/* An array's elements are tried one by one, an object as itself. */
static void visit_filter(struct gather *g, const struct path_step *step, const struct json_node *v)
{
    if (json_is(v, JSON_OBJECT) && path_filter_accepts(step->filter, g->run, v)) {
        visit(g, step + 1, v);
    }
    for (const struct json_node *e = json_is(v, JSON_ARRAY) ? json_first(v) : NULL;
         e != NULL && !g->run->too_much; e = json_next(v, e)) {
        if (run_enter(g->run) && path_filter_accepts(step->filter, g->run, e)) {
            visit(g, step + 1, e);
        }
    }
}

/* The next step at this node, then at each below it. Within arrays a filter has already been put to
 * each element, so objects there are not asked a second time as themselves. */
static void
visit_descend(struct gather *g, const struct path_step *next, const struct json_node *v, bool asked)
{
    bool array = json_is(v, JSON_ARRAY);

    if ((!array && !json_is(v, JSON_OBJECT)) || !run_enter(g->run)) {
        return;
    }
    if (next->kind != PATH_FILTER || array || !asked) {
        visit(g, next, v);
    }
    g->run->depth++;
    for (const struct json_node *e = json_first(v); e != NULL && !g->run->too_much;
         e = json_next(v, e)) {
        visit_descend(g, next, e, array);
    }
    g->run->depth--;
}

static void visit(struct gather *g, const struct path_step *step, const struct json_node *v)
{
    enum path_missing is;
    const struct json_node *next;

    if (!run_enter(g->run)) {
        return;
    }
    if (step == g->end) {
        json_push(&g->out, v);
        return;
    }
    g->run->depth++;
    switch (step->kind) {
    case PATH_NAME:
    case PATH_INDEX:
    case PATH_MERGE:
    case PATH_LENGTH:
        next = step_one(step, v, g->run->a, &is);
        if (next != NULL) {
            visit(g, step + 1, next);
        }
        break;
    case PATH_NAMES: visit_names(g, step, v); break;
    case PATH_INDICES: visit_indices(g, step, v); break;
    case PATH_SLICE: visit_slice(g, step, v); break;
    case PATH_WILDCARD: visit_children(g, step + 1, v); break;
    case PATH_DESCEND: visit_descend(g, step + 1, v, false); break;
    case PATH_FILTER: visit_filter(g, step, v); break;
    }
    g->run->depth--;
}

const struct json_node *path_run_from(struct path_run *r,
                                      const struct asl_path *p,
                                      const struct json_node *from,
                                      struct path_miss *miss)
{
    struct gather g = {.run = r, .end = p->steps + p->step_count};

    if (p->definite) {
        return walk_definite(p, from, r->a, miss);
    }
    g.out = json_build_array(r->a);
    visit(&g, p->steps, from);
    if (r->too_much) {
        *miss = (struct path_miss){PATH_TOO_MUCH, 0, NULL};
        return NULL;
    }
    return json_built(&g.out);
}

const struct json_node *asl_path_document(const struct asl_path *p, const struct asl_scope_data *s)
{
    switch (p->root) {
    case PATH_CONTEXT: return s->context;
    case PATH_VARIABLE: return s->variables;
    case PATH_INPUT:
    case PATH_CURRENT: break;
    }
    return s->input;
}

const struct json_node *
asl_path_value(const struct asl_path *p, const struct asl_scope_data *s, struct path_miss *miss)
{
    const struct json_node *doc = asl_path_document(p, s);
    struct path_run run = {.a = s->a};

    if (p->root == PATH_VARIABLE && doc != NULL) {
        doc = json_member(doc, p->variable);
    }
    if (doc == NULL) {
        *miss = (struct path_miss){PATH_NO_ROOT, 0, NULL};
        return NULL;
    }
    run.root = doc;
    return path_run_from(&run, p, doc, miss);
}

/* Jayway's way to write a step: ['a'], [0]. */
static struct slice step_text(const struct path_step *step, struct arena *a)
{
    struct slice text = SLICE("");

    if (step->kind == PATH_INDEX) {
        return arena_printf(a, "[%lld]", (long long)step->index);
    }
    if (step->kind == PATH_NAME) {
        return arena_printf(a, "['%.*s']", SLICE_FMT(step->name));
    }
    for (size_t i = 0; step->kind == PATH_MERGE && i < step->names.count; i++) {
        text = arena_printf(a, "%.*s%s'%.*s'", SLICE_FMT(text), i == 0 ? "[" : ",",
                            SLICE_FMT(step->names.items[i]));
    }
    return step->kind == PATH_MERGE ? arena_printf(a, "%.*s]", SLICE_FMT(text))
                                    : SLICE(".length()");
}

static struct slice steps_text(const struct asl_path *p, size_t count, struct arena *a)
{
    struct slice text = SLICE("$");

    for (size_t i = 0; i < count; i++) {
        text = arena_printf(a, "%.*s%.*s", SLICE_FMT(text), SLICE_FMT(step_text(&p->steps[i], a)));
    }
    return text;
}

static const char *type_name(const struct json_node *v)
{
    switch (json_type(v)) {
    case JSON_NULL: return "null";
    case JSON_FALSE:
    case JSON_TRUE: return "boolean";
    case JSON_NUMBER: return "number";
    case JSON_STRING: return "string";
    case JSON_ARRAY: return "array";
    case JSON_OBJECT: break;
    }
    return "object";
}

struct slice
asl_path_miss_text(const struct asl_path *p, const struct path_miss *miss, struct arena *a)
{
    switch (miss->is) {
    case PATH_NO_PROPERTY:
        return arena_printf(a, "Missing property in path %.*s",
                            SLICE_FMT(steps_text(p, miss->step + 1, a)));
    case PATH_NOT_OBJECT:
        return arena_printf(
            a, "Expected to find an object with property %.*s in path %.*s but found '%s'.",
            SLICE_FMT(step_text(&p->steps[miss->step], a)), SLICE_FMT(steps_text(p, miss->step, a)),
            type_name(miss->found));
    case PATH_NOT_ARRAY:
        return arena_printf(
            a, "Filter: %.*s can only be applied to arrays. Current context is: %.*s",
            SLICE_FMT(step_text(&p->steps[miss->step], a)), SLICE_FMT(json_print(miss->found, a)));
    case PATH_TOO_MUCH:
        return arena_printf(a, "The path visits more than %d nodes", LIMIT_PATH_VISITS);
    case PATH_NO_RESULT:
    case PATH_NO_ROOT: break;
    }
    return arena_printf(a, "No results for path: %.*s", SLICE_FMT(steps_text(p, p->step_count, a)));
}

static const struct json_node *put_steps(const struct path_step *step,
                                         const struct path_step *end,
                                         const struct json_node *doc,
                                         const struct json_node *value,
                                         struct arena *a);

/* A copy of the object's list of members; the members themselves are shared. */
static const struct json_node *put_member(const struct path_step *step,
                                          const struct path_step *end,
                                          const struct json_node *object,
                                          const struct json_node *value,
                                          struct arena *a)
{
    struct json_builder b = json_build_object(a);
    const struct json_node *inner =
        put_steps(step + 1, end, object == NULL ? NULL : json_member(object, step->name), value, a);

    if (inner == NULL) {
        return NULL;
    }
    for (const struct json_node *e = object == NULL ? NULL : json_first(object); e != NULL;
         e = json_next(object, e)) {
        json_put(&b, json_key(object, e), e);
    }
    json_put(&b, step->name, inner);
    return json_built(&b);
}

static const struct json_node *put_element(const struct path_step *step,
                                           const struct path_step *end,
                                           const struct json_node *array,
                                           const struct json_node *value,
                                           struct arena *a)
{
    struct json_builder b = json_build_array(a);
    const struct json_node *old = element_at(array, step->index);
    const struct json_node *inner = old == NULL ? NULL : put_steps(step + 1, end, old, value, a);
    size_t at = step->index < 0 ? json_count(array) - (size_t)-step->index : (size_t)step->index;
    size_t i = 0;

    if (inner == NULL) {
        return NULL;
    }
    for (const struct json_node *e = json_first(array); e != NULL; e = json_next(array, e), i++) {
        json_push(&b, i == at ? inner : e);
    }
    return json_built(&b);
}

/* `doc` is NULL where the path leads past what there is: objects are made there. */
static const struct json_node *put_steps(const struct path_step *step,
                                         const struct path_step *end,
                                         const struct json_node *doc,
                                         const struct json_node *value,
                                         struct arena *a)
{
    if (step == end) {
        return value;
    }
    if (step->kind == PATH_NAME && (doc == NULL || json_type(doc) == JSON_OBJECT)) {
        return put_member(step, end, doc, value, a);
    }
    if (step->kind == PATH_INDEX && doc != NULL && json_type(doc) == JSON_ARRAY) {
        return put_element(step, end, doc, value, a);
    }
    return NULL;
}

const struct json_node *asl_path_put(const struct asl_path *p,
                                     const struct json_node *doc,
                                     const struct json_node *value,
                                     struct arena *a)
{
    return put_steps(p->steps, p->steps + p->step_count, doc, value, a);
}
