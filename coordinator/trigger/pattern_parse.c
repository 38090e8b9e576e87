/* SPDX-License-Identifier: Apache-2.0 */
/* Reading patterns; see pattern.h. */
#include "coordinator/trigger/pattern_tree.h"
#include "proto/base/limits.h"

/* What a dialect takes, and how it says no. */
struct dialect {
    const char *before; /* a reason */
    struct matcher_rules rules;
    size_t bytes_max;
    bool sns; /* counts keys and combinations */
    bool flat;
};

static const struct dialect dialects[] = {
    [PATTERN_EVENTS] = {"Event pattern is not valid. Reason",
                        {.wildcard = true, .nested_ignore_case = true, .anything_but_other = true},
                        LIMIT_PATTERN_BYTES,
                        false,
                        false},
    [PATTERN_PIPES] = {"Event pattern is not valid. Reason",
                       {.nested_ignore_case = true},
                       LIMIT_PATTERN_BYTES,
                       false,
                       false},
    [PATTERN_SNS_ATTRIBUTES] =
        {"FilterPolicy", {.anything_but_prefix = true}, LIMIT_FILTER_POLICY_BYTES, true, true},
    [PATTERN_SNS_BODY] =
        {"FilterPolicy", {.anything_but_prefix = true}, LIMIT_FILTER_POLICY_BYTES, true, false},
};

struct parser {
    const struct dialect *dialect;
    struct arena *a;
    struct err *err;
    size_t absences;
    bool nested; /* an object stands in it, below a name */
};

/* Where an object's members go. */
struct target {
    struct pattern_group *group;
    struct pattern_node *up; /* the name before; NULL: none */
    bool in_or;
};

static enum err_code refuse(const struct parser *ps, const char *why)
{
    return err_set(ps->err, ERR_VALIDATION, "%s", why);
}

/* ---- names ---- */

static struct pattern_node *find_name(const struct pattern_group *g, struct slice name)
{
    for (struct pattern_node *n = g->first; n != NULL; n = n->next) {
        if (slice_eq(n->name, name)) {
            return n;
        }
    }
    return NULL;
}

static struct pattern_node *add_name(struct parser *ps, const struct target *t, struct slice name)
{
    struct pattern_node *n = ARENA_NEW(ps->a, struct pattern_node);

    *n = (struct pattern_node){
        .parent = t->up,
        .name = name,
        .depth = t->up != NULL ? t->up->depth + 1 : 1,
        .absence = PATTERN_NO_ABSENCE,
    };
    if (t->group->last != NULL) {
        t->group->last->next = n;
    } else {
        t->group->first = n;
    }
    t->group->last = n;
    return n;
}

/* The group below a name, made where there is none. */
static struct target below(struct parser *ps, const struct target *t, struct pattern_node *n)
{
    if (n->below == NULL) {
        n->below = ARENA_NEW(ps->a, struct pattern_group);
    }
    return (struct target){n->below, n, t->in_or};
}

/* The node of a key, name by name. */
static enum err_code
node_of(struct parser *ps, struct target t, struct slice key, struct pattern_node **out)
{
    for (;;) {
        size_t dot = slice_find(key, '.');
        struct slice name = slice_head(key, dot);
        struct pattern_node *n = find_name(t.group, name);

        n = n != NULL ? n : add_name(ps, &t, name);
        if (n->depth > LIMIT_PATTERN_DEPTH) {
            return refuse(ps, "It is nested too deeply");
        }
        if (dot == key.len) {
            *out = n;
            return OK;
        }
        t = below(ps, &t, n);
        key = slice_from(key, dot + 1);
    }
}

/* ---- conditions ---- */

static enum err_code note_absence(struct parser *ps, struct pattern_node *n)
{
    if (n->absence == PATTERN_NO_ABSENCE && ps->absences == LIMIT_PATTERN_ABSENCES) {
        return refuse(ps, "Too many fields may be absent");
    }
    if (n->absence == PATTERN_NO_ABSENCE) {
        n->absence = ps->absences++;
    }
    return OK;
}

static enum err_code
parse_list(struct parser *ps, struct pattern_node *n, const struct json_node *list)
{
    struct matcher *matchers = ARENA_ARRAY(ps->a, json_count(list), struct matcher);
    bool absent = false;
    size_t count = 0;

    for (const struct json_node *e = json_first(list); e != NULL; e = json_next(list, e)) {
        struct matcher *m = &matchers[count++];
        enum err_code rc = matcher_parse(e, &ps->dialect->rules, ps->a, m, ps->err);

        if (rc != OK) {
            return rc;
        }
        absent = absent || m->is == MATCH_ABSENT;
    }
    if (count == 0) {
        return refuse(ps, "Empty arrays are not allowed");
    }
    n->matchers = matchers;
    n->matcher_count = count;
    if (absent) {
        return note_absence(ps, n);
    }
    n->absence = PATTERN_NO_ABSENCE;
    return OK;
}

/* ---- objects ---- */

static enum err_code
parse_object(struct parser *ps, const struct target *t, const struct json_node *v);

static enum err_code parse_or(struct parser *ps, const struct target *t, const struct json_node *v)
{
    struct pattern_or *o = ARENA_NEW(ps->a, struct pattern_or);

    if (!json_is(v, JSON_ARRAY)) {
        return refuse(ps, "It must be an Array followed with $or.");
    }
    o->groups = ARENA_ARRAY(ps->a, json_count(v), struct pattern_group);
    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        struct target inner = {&o->groups[o->count++], t->up, true};
        enum err_code rc =
            json_is(e, JSON_OBJECT)
                ? parse_object(ps, &inner, e)
                : refuse(ps, "Only JSON object is allowed in array of $or relationship.");

        if (rc != OK) {
            return rc;
        }
    }
    if (o->count < 2) {
        return refuse(ps, "There must have at least 2 Objects in $or relationship.");
    }
    o->next = t->group->ors;
    t->group->ors = o;
    return OK;
}

static enum err_code
parse_member(struct parser *ps, const struct target *t, struct slice key, const struct json_node *v)
{
    bool object = json_is(v, JSON_OBJECT);
    struct pattern_node *n = NULL;
    struct target inner;
    enum err_code rc;

    if (slice_eq_str(key, "$or")) {
        return parse_or(ps, t, v);
    }
    if (t->in_or && matcher_is_operation(key)) {
        return err_set(ps->err, ERR_VALIDATION,
                       "%.*s is Ruler reserved fieldName which cannot be used inside $or.",
                       SLICE_FMT(key));
    }
    if (!object && !json_is(v, JSON_ARRAY)) {
        return err_set(ps->err, ERR_VALIDATION, "\"%.*s\" must be an object or an array",
                       SLICE_FMT(slice_head(key, 200)));
    }
    rc = node_of(ps, *t, key, &n);
    if (rc != OK || !object) {
        return rc == OK ? parse_list(ps, n, v) : rc;
    }
    ps->nested = true;
    inner = below(ps, t, n);
    return parse_object(ps, &inner, v);
}

static enum err_code
parse_object(struct parser *ps, const struct target *t, const struct json_node *v)
{
    enum err_code rc = OK;

    if (json_count(v) == 0) {
        return refuse(ps, "Empty objects are not allowed");
    }
    for (const struct json_node *e = json_first(v); e != NULL && rc == OK; e = json_next(v, e)) {
        rc = parse_member(ps, t, json_key(v, e), e);
    }
    return rc;
}

/* ---- SNS's limits ---- */

static uint64_t combined(uint64_t x, uint64_t y)
{
    /* Past the limit the number no longer matters. */
    return x * y <= LIMIT_FILTER_COMBINATIONS ? x * y : LIMIT_FILTER_COMBINATIONS + 1;
}

/* The values of all lists multiplied, each as often as it lies deep; groups of "$or" add up. */
static uint64_t combinations(const struct json_node *object, uint64_t level)
{
    uint64_t all = 1;

    for (const struct json_node *e = json_first(object); e != NULL; e = json_next(object, e)) {
        uint64_t one = 0;

        if (json_is(e, JSON_OBJECT)) {
            one = combinations(e, level + 1);
        } else if (!slice_eq_str(json_key(object, e), "$or")) {
            one = json_count(e) * level;
        } else {
            for (const struct json_node *g = json_first(e); g != NULL; g = json_next(e, g)) {
                one += combinations(g, level);
            }
        }
        all = combined(all, one);
    }
    return all;
}

static enum err_code check_limits(const struct parser *ps, const struct json_node *v)
{
    if (json_count(v) > LIMIT_FILTER_KEYS) {
        return refuse(ps, "Filter policy can not have more than 5 keys");
    }
    if (combinations(v, 1) > LIMIT_FILTER_COMBINATIONS) {
        return refuse(ps, "Filter policy is too complex");
    }
    return OK;
}

/* ---- all of it ---- */

static enum err_code parse_text(struct parser *ps, struct slice text, const struct json_node **out)
{
    enum err_code rc;

    if (text.len > ps->dialect->bytes_max) {
        return err_set(ps->err, ERR_VALIDATION, "It is longer than %zu bytes",
                       ps->dialect->bytes_max);
    }
    rc = json_parse(arena_copy(ps->a, text), ps->a, out, ps->err);
    if (rc != OK && ps->dialect->sns) {
        return refuse(ps, "failed to parse JSON.");
    }
    return rc == OK ? OK : (ps->err->code = ERR_VALIDATION);
}

static enum err_code parse_pattern(struct parser *ps, struct slice text, struct pattern *p)
{
    const struct target root = {&p->root, NULL, false};
    const struct json_node *v;
    enum err_code rc = parse_text(ps, text, &v);

    if (rc == OK && !json_is(v, JSON_OBJECT)) {
        rc = refuse(ps, "Filter is not an object");
    }
    if (rc == OK) {
        rc = parse_object(ps, &root, v);
    }
    return rc == OK && ps->dialect->sns ? check_limits(ps, v) : rc;
}

enum err_code pattern_compile(struct slice text,
                              enum pattern_dialect dialect,
                              struct arena *a,
                              const struct pattern **out,
                              struct err *err)
{
    struct err why;
    struct parser ps = {.dialect = &dialects[dialect], .a = a, .err = &why};
    struct pattern *p = ARENA_NEW(a, struct pattern);
    enum err_code rc = parse_pattern(&ps, text, p);

    if (rc != OK) {
        return err_set(err, rc, "%s: %.900s", ps.dialect->before, why.msg);
    }
    if (ps.nested && ps.dialect->flat) {
        return err_set(err, ERR_VALIDATION,
                       "Filter policy scope MessageAttributes does not support nested filter "
                       "policy");
    }
    *out = p;
    return OK;
}

static bool looks_into(const struct pattern_group *g, struct slice name)
{
    const struct pattern_node *n = find_name(g, name);
    bool found = n != NULL && n->below != NULL;

    for (const struct pattern_or *o = g->ors; o != NULL && !found; o = o->next) {
        for (size_t i = 0; i < o->count && !found; i++) {
            found = looks_into(&o->groups[i], name);
        }
    }
    return found;
}

bool pattern_looks_into(const struct pattern *p, struct slice name)
{
    return looks_into(&p->root, name);
}
