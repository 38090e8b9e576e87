/* SPDX-License-Identifier: Apache-2.0 */
/* Asking patterns. On the way down each object that was entered is kept as a frame, since a name
 * with dots in an outer object ("a.b") may be the field that the pattern has below ("a": {"b"});
 * frames without such names are looked at for their own members alone. Absence is of the whole
 * event, wherever the others hold; it is found out once a field. */
#include "coordinator/trigger/pattern_tree.h"
#include "proto/base/limits.h"

enum absence { ABSENCE_UNKNOWN, ABSENCE_NO, ABSENCE_YES };

struct match {
    const struct json_node *event;
    size_t visits;
    uint8_t absent[LIMIT_PATTERN_ABSENCES]; /* enum absence */
};

/* An object that was entered, at a name of that depth. */
struct frame {
    const struct json_node *object;
    size_t depth;
    bool dotted; /* a name in it has a dot */
    const struct frame *up;
};

/* False past the limit: nothing matches any more. */
static bool visit(struct match *m)
{
    return ++m->visits <= LIMIT_PATTERN_VISITS;
}

/* Is `key` the names from below `depth` down to `n`, with dots between them? */
static bool key_leads_to(struct slice key, const struct pattern_node *n, size_t depth)
{
    while (slice_ends_with(key, n->name)) {
        key.len -= n->name.len;
        if (n->depth == depth + 1) {
            return key.len == 0;
        }
        if (key.len == 0 || key.ptr[key.len - 1] != '.') {
            return false;
        }
        key.len--;
        n = n->parent;
    }
    return false;
}

static struct frame
frame_of(struct match *m, const struct json_node *object, size_t depth, const struct frame *up)
{
    struct frame f = {object, depth, false, up};

    for (const struct json_node *e = json_first(object); e != NULL && !f.dotted && visit(m);
         e = json_next(object, e)) {
        struct slice key = json_key(object, e);

        f.dotted = slice_find(key, '.') != key.len;
    }
    return f;
}

/* The next value in the event that stands where `n` is, from those the frames show. */
struct places {
    const struct pattern_node *n;
    const struct frame *frame;
    const struct json_node *at;
};

static const struct json_node *next_place(struct match *m, struct places *p)
{
    while (p->frame != NULL) {
        const struct frame *f = p->frame;

        if (f->dotted || f->depth + 1 == p->n->depth) {
            p->at = p->at == NULL ? json_first(f->object) : json_next(f->object, p->at);
            while (p->at != NULL && visit(m)) {
                if (key_leads_to(json_key(f->object, p->at), p->n, f->depth)) {
                    return p->at;
                }
                p->at = json_next(f->object, p->at);
            }
        }
        p->frame = f->up;
        p->at = NULL;
    }
    return NULL;
}

/* ---- absence ---- */

/* Does a value stand at `n` within `v`, which is at that depth? */
static bool
occurs(struct match *m, const struct pattern_node *n, const struct json_node *v, size_t depth)
{
    bool array = json_is(v, JSON_ARRAY);

    if (!array && !json_is(v, JSON_OBJECT)) {
        return depth == n->depth;
    }
    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        const struct pattern_node *to = n;

        if (!visit(m)) {
            return true;
        }
        if (array && occurs(m, n, e, depth)) {
            return true;
        }
        for (; !array && to != NULL && to->depth > depth; to = to->parent) {
            if (key_leads_to(json_key(v, e), to, depth) && occurs(m, n, e, to->depth)) {
                return true;
            }
        }
    }
    return false;
}

static bool is_absent(struct match *m, const struct pattern_node *n)
{
    if (n->absence == PATTERN_NO_ABSENCE) {
        return false;
    }
    if (m->absent[n->absence] == ABSENCE_UNKNOWN) {
        m->absent[n->absence] = occurs(m, n, m->event, 0) ? ABSENCE_NO : ABSENCE_YES;
    }
    return m->absent[n->absence] == ABSENCE_YES;
}

/* ---- conditions ---- */

static bool accepts(struct match *m, const struct pattern_node *n, const struct json_node *v)
{
    if (json_is(v, JSON_OBJECT)) {
        return false;
    }
    if (json_is(v, JSON_ARRAY)) {
        for (const struct json_node *e = json_first(v); e != NULL && visit(m);
             e = json_next(v, e)) {
            if (accepts(m, n, e)) {
                return true;
            }
        }
        return false;
    }
    for (size_t i = 0; i < n->matcher_count && visit(m); i++) {
        if (matcher_accepts(&n->matchers[i], v)) {
            return true;
        }
    }
    return false;
}

static bool value_holds(struct match *m, const struct pattern_node *n, const struct frame *f)
{
    struct places places = {n, f, NULL};
    const struct json_node *v;

    while ((v = next_place(m, &places)) != NULL) {
        if (accepts(m, n, v)) {
            return true;
        }
    }
    return is_absent(m, n);
}

static bool group_holds(struct match *m, const struct pattern_group *g, const struct frame *f);

/* Does what is below `n` hold of this value, or of one of its elements? */
static bool enter(struct match *m,
                  const struct pattern_node *n,
                  const struct json_node *v,
                  const struct frame *f)
{
    if (json_is(v, JSON_OBJECT)) {
        struct frame inner = frame_of(m, v, n->depth, f);

        return group_holds(m, n->below, &inner);
    }
    for (const struct json_node *e = json_is(v, JSON_ARRAY) ? json_first(v) : NULL;
         e != NULL && visit(m); e = json_next(v, e)) {
        if (enter(m, n, e, f)) {
            return true;
        }
    }
    return false;
}

/* Where no object is here, outer ones may still have all that is asked, or it may be absent. */
static bool below_holds(struct match *m, const struct pattern_node *n, const struct frame *f)
{
    struct places places = {n, f, NULL};
    const struct json_node *v;

    while ((v = next_place(m, &places)) != NULL) {
        if (enter(m, n, v, f)) {
            return true;
        }
    }
    return group_holds(m, n->below, f);
}

static bool or_holds(struct match *m, const struct pattern_or *o, const struct frame *f)
{
    for (size_t i = 0; i < o->count; i++) {
        if (group_holds(m, &o->groups[i], f)) {
            return true;
        }
    }
    return false;
}

static bool group_holds(struct match *m, const struct pattern_group *g, const struct frame *f)
{
    for (const struct pattern_node *n = g->first; n != NULL; n = n->next) {
        if ((n->matchers != NULL && !value_holds(m, n, f)) ||
            (n->below != NULL && !below_holds(m, n, f))) {
            return false;
        }
    }
    for (const struct pattern_or *o = g->ors; o != NULL; o = o->next) {
        if (!or_holds(m, o, f)) {
            return false;
        }
    }
    return visit(m);
}

bool pattern_matches(const struct pattern *p, const struct json_node *event)
{
    struct match m = {.event = event};
    struct frame root;

    if (!json_is(event, JSON_OBJECT)) {
        return false;
    }
    root = frame_of(&m, event, 0, NULL);
    return group_holds(&m, &p->root, &root);
}
