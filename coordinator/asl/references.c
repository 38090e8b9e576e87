/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/asl/references.h"

#include "coordinator/asl/jsonpath.h"

/* The names found so far, in order. */
struct names {
    struct slice *items;
    size_t count;
    size_t cap;
    struct arena *a;
};

static void add_name(struct names *n, struct slice name)
{
    size_t at = 0;

    while (at < n->count && slice_cmp(n->items[at], name) < 0) {
        at++;
    }
    if (at < n->count && slice_eq(n->items[at], name)) {
        return;
    }
    if (n->count == n->cap) {
        size_t more = n->cap != 0 ? n->cap * 2 : 8;

        n->items = arena_grow(n->a, n->items, n->cap * sizeof(name), more * sizeof(name));
        n->cap = more;
    }
    memmove(n->items + at + 1, n->items + at, (n->count - at) * sizeof(name));
    n->items[at] = name;
    n->count++;
}

/* Where a name that begins at `from` ends. */
static size_t name_end(struct slice s, size_t from)
{
    size_t end = from;

    while (end < s.len) {
        size_t next = end + 1;

        while (next < s.len && ((unsigned char)s.ptr[next] & 0xC0) == 0x80) {
            next++; /* a character whole */
        }
        if (!asl_is_identifier(slice_make(s.ptr + from, next - from))) {
            break;
        }
        end = next;
    }
    return end;
}

/* "$name" anywhere in a path or an intrinsic call, but in its quoted texts; "$" and "$$" are none.
 */
static void scan(struct names *n, struct slice s)
{
    bool quoted = false;

    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];

        if (c == '\\') {
            i++;
        } else if (c == '\'') {
            quoted = !quoted;
        } else if (c == '$' && !quoted && (i == 0 || s.ptr[i - 1] != '$')) {
            size_t end = name_end(s, i + 1);

            if (end > i + 1) {
                add_name(n, slice_make(s.ptr + i + 1, end - i - 1));
                i = end - 1;
            }
        }
    }
}

static bool is_path_field(struct slice key)
{
    return slice_ends_with(key, SLICE(".$")) || slice_ends_with(key, SLICE("Path")) ||
           slice_eq_str(key, "Variable");
}

static bool is_scope(struct slice key)
{
    return slice_eq_str(key, "ItemProcessor") || slice_eq_str(key, "Iterator") ||
           slice_eq_str(key, "Branches");
}

/* What a state says itself: the scopes inside it have states of their own. */
static void scan_value(struct names *n, const struct json_node *v)
{
    bool object = json_is(v, JSON_OBJECT);

    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        if (object && is_scope(json_key(v, e))) {
            continue;
        }
        if (object && json_is(e, JSON_STRING) && is_path_field(json_key(v, e))) {
            scan(n, json_text(e));
        } else if (json_is(e, JSON_OBJECT) || json_is(e, JSON_ARRAY)) {
            scan_value(n, e);
        }
    }
}

static void tell_scope(struct json_builder *out, const struct json_node *scope, struct arena *a);

static void tell_state(struct json_builder *out,
                       struct slice name,
                       const struct json_node *state,
                       struct arena *a)
{
    struct names n = {.a = a};
    struct json_builder list = json_build_array(a);
    const struct json_node *branches = json_member(state, SLICE("Branches"));

    scan_value(&n, state);
    for (size_t i = 0; i < n.count; i++) {
        json_push(&list, json_string(a, n.items[i]));
    }
    if (n.count != 0) {
        json_put(out, name, json_built(&list));
    }
    tell_scope(out, json_member(state, SLICE("ItemProcessor")), a);
    tell_scope(out, json_member(state, SLICE("Iterator")), a);
    for (const struct json_node *e = json_first(branches); e != NULL; e = json_next(branches, e)) {
        tell_scope(out, e, a);
    }
}

static void tell_scope(struct json_builder *out, const struct json_node *scope, struct arena *a)
{
    const struct json_node *states =
        json_is(scope, JSON_OBJECT) ? json_member(scope, SLICE("States")) : NULL;

    for (const struct json_node *e = json_first(states); e != NULL; e = json_next(states, e)) {
        if (json_is(e, JSON_OBJECT)) {
            tell_state(out, json_key(states, e), e, a);
        }
    }
}

const struct json_node *asl_variable_references(const struct json_node *definition, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    tell_scope(&b, definition, a);
    return b.count != 0 ? json_built(&b) : NULL;
}
