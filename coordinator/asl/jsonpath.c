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

static const struct json_node *length_of(const struct json_node *v, struct arena *a)
{
    return json_is(v, JSON_ARRAY) || json_is(v, JSON_OBJECT)
               ? json_integer(a, (int64_t)json_count(v))
               : json_null();
}

/* A step that yields one node at most; NULL with *is. `last`: it is the path's last. */
static const struct json_node *step_one(const struct path_step *step,
                                        bool last,
                                        const struct json_node *v,
                                        struct arena *a,
                                        enum path_missing *is)
{
    bool member = step->kind == PATH_NAME || step->kind == PATH_NAMES;

    *is = PATH_NO_RESULT;
    if (member && json_type(v) != JSON_OBJECT) {
        *is = PATH_NOT_OBJECT;
    } else if (step->kind == PATH_INDEX && json_type(v) != JSON_ARRAY) {
        *is = PATH_NOT_ARRAY;
    } else if (step->kind == PATH_NAME) {
        *is = last ? PATH_NO_RESULT : PATH_NO_PROPERTY;
        return json_member(v, step->name);
    } else if (step->kind == PATH_INDEX) {
        *is = last ? PATH_NO_ELEMENT : PATH_NO_RESULT;
        return element_at(v, step->index);
    } else if (step->kind == PATH_LENGTH) {
        return length_of(v, a);
    } else if (step->kind == PATH_NAMES && last) {
        return merge_members(step, v, a);
    } else if (step->kind == PATH_NAMES) {
        *is = PATH_NOT_LAST;
    }
    return NULL;
}

static const struct json_node *walk_definite(const struct asl_path *p,
                                             const struct json_node *v,
                                             struct arena *a,
                                             struct path_miss *miss)
{
    for (size_t i = 0; i < p->step_count; i++) {
        enum path_missing is;
        const struct json_node *next = step_one(&p->steps[i], i + 1 == p->step_count, v, a, &is);

        if (next == NULL) {
            *miss = (struct path_miss){is, p, i, v};
            return NULL;
        }
        v = next;
    }
    return v;
}

/* An indefinite path being gathered. */
struct gather {
    struct path_run *run;
    const struct asl_path *path;
    const struct path_step *end;
    struct json_builder out;
};

static void visit(struct gather *g, const struct path_step *step, const struct json_node *v);

/* False, with the reason, where no more may be looked at. */
static bool run_goes_on(struct path_run *r, const struct asl_path *p)
{
    if (!r->ended &&
        (r->visits > LIMIT_PATH_VISITS || r->depth >= LIMIT_JSON_DEPTH + LIMIT_PATH_STEPS)) {
        r->ended = true;
        r->why = (struct path_miss){PATH_TOO_MUCH, p, 0, NULL};
    }
    return !r->ended;
}

static bool run_enter(struct path_run *r, const struct asl_path *p)
{
    r->visits++;
    return run_goes_on(r, p);
}

static void
visit_children(struct gather *g, const struct path_step *next, const struct json_node *v)
{
    for (const struct json_node *e = json_first(v); e != NULL && !g->run->ended;
         e = json_next(v, e)) {
        visit(g, next, e);
    }
}

/* One step to one node. As with AWS an element past the end is null where the path ends there, and
 * several names before the end are a failure. */
static void visit_one(struct gather *g, const struct path_step *step, const struct json_node *v)
{
    enum path_missing is;
    const struct json_node *next = step_one(step, step + 1 == g->end, v, g->run->a, &is);

    if (next == NULL && is == PATH_NOT_LAST) {
        g->run->ended = true;
        g->run->why = (struct path_miss){is, g->path, (size_t)(step - g->path->steps), v};
    } else if (next != NULL || is == PATH_NO_ELEMENT) {
        visit(g, step + 1, next != NULL ? next : json_null());
    }
}

static void visit_indices(struct gather *g, const struct path_step *step, const struct json_node *v)
{
    for (size_t i = 0; json_is(v, JSON_ARRAY) && i < step->indices.count; i++) {
        const struct json_node *element = element_at(v, step->indices.items[i]);

        if (element != NULL || step + 1 == g->end) {
            visit(g, step + 1, element != NULL ? element : json_null());
        }
    }
}

static void visit_range(struct gather *g,
                        const struct path_step *next,
                        const struct json_node *v,
                        int64_t from,
                        int64_t to)
{
    int64_t i = 0;

    for (const struct json_node *e = json_first(v); e != NULL && i < to && !g->run->ended;
         e = json_next(v, e), i++) {
        if (i >= from) {
            visit(g, next, e);
        }
    }
}

/* Bounds count from the end where negative. Where both are given Jayway takes the indices from one
 * to the other as they are written: [1:-1] has none, [-1:1] is the last and the first element. */
static void visit_slice(struct gather *g, const struct path_step *step, const struct json_node *v)
{
    int64_t count = (int64_t)json_count(v);
    int64_t from = step->slice.has_from ? step->slice.from : 0;
    int64_t to = step->slice.has_to && step->slice.to < count ? step->slice.to : count;
    int64_t last = !step->slice.has_from && to < 0 ? to + count : to;

    if (!json_is(v, JSON_ARRAY)) {
        return;
    }
    if (from < 0) {
        visit_range(g, step + 1, v, from + count, last < 0 ? last + count : count);
    }
    if (from >= 0 || step->slice.has_to) {
        visit_range(g, step + 1, v, from, last);
    }
}

/* An array's elements are tried one by one, an object as itself. */
static void visit_filter(struct gather *g, const struct path_step *step, const struct json_node *v)
{
    if (json_is(v, JSON_OBJECT) && path_filter_accepts(step->filter, g->run, v)) {
        visit(g, step + 1, v);
    }
    for (const struct json_node *e = json_is(v, JSON_ARRAY) ? json_first(v) : NULL;
         e != NULL && !g->run->ended; e = json_next(v, e)) {
        if (run_enter(g->run, g->path) && path_filter_accepts(step->filter, g->run, e)) {
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

    if ((!array && !json_is(v, JSON_OBJECT)) || !run_enter(g->run, g->path)) {
        return;
    }
    if (next->kind != PATH_FILTER || array || !asked) {
        visit(g, next, v);
    }
    g->run->depth++;
    for (const struct json_node *e = json_first(v); e != NULL && !g->run->ended;
         e = json_next(v, e)) {
        visit_descend(g, next, e, array);
    }
    g->run->depth--;
}

static void visit(struct gather *g, const struct path_step *step, const struct json_node *v)
{
    if (!run_enter(g->run, g->path)) {
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
    case PATH_NAMES:
    case PATH_LENGTH:
    case PATH_NOTHING: visit_one(g, step, v); break;
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
    struct gather g = {.run = r, .path = p, .end = p->steps + p->step_count};

    if (p->definite) {
        return walk_definite(p, from, r->a, miss);
    }
    g.out = json_build_array(r->a);
    visit(&g, p->steps, from);
    if (!run_goes_on(r, p)) { /* filters count what they look at */
        *miss = r->why;
        return NULL;
    }
    return json_built(&g.out);
}

/* The document that is the path's root; NULL: there is none. */
static const struct json_node *root_document(const struct asl_path *p,
                                             const struct asl_scope_data *s)
{
    switch (p->root) {
    case PATH_CONTEXT: return s->context;
    case PATH_VARIABLE:
        return s->variables == NULL ? NULL : s->variables->get(s->variables->arg, p->variable);
    case PATH_INPUT:
    case PATH_CURRENT: break;
    }
    return s->input;
}

const struct json_node *asl_path_document(const struct asl_path *p, const struct asl_scope_data *s)
{
    const struct json_node *doc = root_document(p, s);

    return doc == NULL ? s->input : doc;
}

bool asl_path_lacks_input(const struct asl_path *p, const struct asl_scope_data *s)
{
    return p->root == PATH_INPUT && json_is(s->input, JSON_NULL);
}

unsigned asl_path_uses(const struct asl_path *p)
{
    static const unsigned uses[] = {[PATH_INPUT] = ASL_USES_INPUT,
                                    [PATH_CURRENT] = 0,
                                    [PATH_CONTEXT] = ASL_USES_CONTEXT,
                                    [PATH_VARIABLE] = ASL_USES_VARIABLES | ASL_USES_INPUT};

    /* "$" in a filter is the same root. Of a variable that is not there the failure names the
     * input. */
    return p == NULL ? 0 : uses[p->root];
}

const struct json_node *
asl_path_value(const struct asl_path *p, const struct asl_scope_data *s, struct path_miss *miss)
{
    const struct json_node *doc = root_document(p, s);
    struct path_run run = {.root = doc, .a = s->a};
    const struct json_node *found;

    if (doc == NULL) {
        *miss = (struct path_miss){PATH_NO_ROOT, p, 0, NULL};
        return NULL;
    }
    if (s->visits != NULL && *s->visits > LIMIT_SHARED_VISITS) {
        *miss = (struct path_miss){PATH_TOO_MUCH, p, 0, NULL};
        return NULL;
    }
    found = path_run_from(&run, p, doc, miss);
    if (s->visits != NULL) {
        *s->visits += run.visits;
    }
    return found;
}

/* Jayway's way to write a step: ['a'], ['a', 'b'], [0], [*]. */
static struct slice step_text(const struct path_step *step, struct arena *a)
{
    struct slice text = SLICE("[");

    switch (step->kind) {
    case PATH_NAME: return arena_printf(a, "['%.*s']", SLICE_FMT(step->name));
    case PATH_INDEX: return arena_printf(a, "[%lld]", (long long)step->index);
    case PATH_NAMES:
        for (size_t i = 0; i < step->names.count; i++) {
            text = arena_printf(a, "%.*s%s'%.*s'", SLICE_FMT(text), i == 0 ? "" : ", ",
                                SLICE_FMT(step->names.items[i]));
        }
        return arena_printf(a, "%.*s]", SLICE_FMT(text));
    case PATH_LENGTH: return SLICE(".length()");
    case PATH_NOTHING: return SLICE(".function()");
    case PATH_DESCEND: return SLICE("..");
    case PATH_FILTER: return SLICE("[?]");
    case PATH_INDICES:
    case PATH_SLICE:
    case PATH_WILDCARD: break;
    }
    return SLICE("[*]");
}

static struct slice steps_text(const struct asl_path *p, size_t count, struct arena *a)
{
    struct slice text = p->root == PATH_VARIABLE
                            ? arena_printf(a, "$['%.*s']", SLICE_FMT(p->variable))
                            : SLICE("$");

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

struct slice asl_path_miss_text(const struct path_miss *miss, struct arena *a)
{
    const struct asl_path *p = miss->path;

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
    case PATH_NOT_LAST:
        return arena_printf(a, "Multi properties can only be used as path leafs: %.*s",
                            SLICE_FMT(steps_text(p, miss->step + 1, a)));
    case PATH_TOO_MUCH: return SLICE("The path visits too many nodes");
    case PATH_NO_RESULT:
    case PATH_NO_ELEMENT:
    case PATH_NO_ROOT: break;
    }
    return arena_printf(a, "No results for path: %.*s", SLICE_FMT(steps_text(p, p->step_count, a)));
}

struct slice asl_path_step_name(const struct asl_path *p, size_t step, struct arena *a)
{
    const struct path_step *at = &p->steps[step];

    return at->kind == PATH_NAME ? at->name : step_text(at, a);
}

/* A value being put. */
struct put {
    const struct path_step *end;
    const struct json_node *value;
    struct arena *a;
    const struct path_step *failed;
};

static const struct json_node *
put_steps(struct put *p, const struct path_step *step, const struct json_node *doc);

static const struct json_node *
put_member(struct put *p, const struct path_step *step, const struct json_node *object)
{
    struct json_builder b = json_build_object(p->a);
    const struct json_node *inner =
        put_steps(p, step + 1, object == NULL ? NULL : json_member(object, step->name));

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

static const struct json_node *put_element(struct put *p,
                                           const struct path_step *step,
                                           const struct json_node *array,
                                           const struct json_node *old)
{
    struct json_builder b = json_build_array(p->a);
    const struct json_node *inner = put_steps(p, step + 1, old);
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
static const struct json_node *
put_steps(struct put *p, const struct path_step *step, const struct json_node *doc)
{
    const struct json_node *old;

    if (step == p->end) {
        return p->value;
    }
    if (step->kind == PATH_NAME && (doc == NULL || json_type(doc) == JSON_OBJECT)) {
        return put_member(p, step, doc);
    }
    old =
        step->kind == PATH_INDEX && json_is(doc, JSON_ARRAY) ? element_at(doc, step->index) : NULL;
    if (old == NULL) {
        p->failed = step;
        return NULL;
    }
    return put_element(p, step, doc, old);
}

const struct json_node *asl_path_put(const struct asl_path *p,
                                     const struct json_node *doc,
                                     const struct json_node *value,
                                     struct arena *a,
                                     size_t *step)
{
    struct put put = {.end = p->steps + p->step_count, .value = value, .a = a};
    const struct json_node *out = put_steps(&put, p->steps, doc);

    if (out == NULL) {
        *step = (size_t)(put.failed - p->steps);
    }
    return out;
}
