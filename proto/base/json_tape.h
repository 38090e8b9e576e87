/* SPDX-License-Identifier: Apache-2.0 */
/* The tape's inside, for json*.c alone. A container is followed by what it holds, in order: an
 * array's elements, an object's members as key node and value node. `run` nodes further on stands
 * the next sibling. Three things make a tape more than its text:
 *
 *  - A reference stands for a value elsewhere (a built document's parts; the last value of a key
 *    that came twice). It points at a value, never at another reference: one hop.
 *  - A dead member (a key that came again later on) is stepped over by every walk.
 *  - What a reference replaced may lie behind it, unreachable: its `len` counts those nodes. */
#ifndef STEPFLEET_BASE_JSON_TAPE_H
#define STEPFLEET_BASE_JSON_TAPE_H

#include "proto/base/json.h"

enum { JSON_REFERENCE = JSON_OBJECT + 1 };

enum json_flag {
    JSON_PLAIN = 1,   /* string: UTF-8 that needs no escape when written */
    JSON_INTEGER = 2, /* number: neither fraction nor exponent */
    JSON_DEAD = 4,    /* key: superseded */
};

struct json_node {
    uint8_t type;   /* enum json_type or JSON_REFERENCE */
    uint8_t flags;  /* enum json_flag */
    uint16_t depth; /* container: containers in containers, itself included; saturates */
    uint32_t len;   /* string, number: bytes; container: elements; reference: nodes it covers */
    union {
        const char *text;               /* string, number */
        const struct json_node *target; /* reference */
        ptrdiff_t shift;                /* reference while its tape may still move: in nodes */
        size_t span;                    /* container: nodes, itself included; while open: parent */
    } u;
};

_Static_assert(sizeof(struct json_node) <= 16, "four nodes a cache line");

extern const struct json_node json_node_null;

/* The value itself: NULL is null, a reference is followed. */
static inline const struct json_node *json_resolve(const struct json_node *v)
{
    if (v == NULL) {
        return &json_node_null;
    }
    return v->type == JSON_REFERENCE ? v->u.target : v;
}

static inline bool json_is_container(const struct json_node *v)
{
    return v->type == JSON_ARRAY || v->type == JSON_OBJECT;
}

/* Nodes from `v` to its next sibling. */
static inline size_t json_run(const struct json_node *v)
{
    return v->type < JSON_ARRAY ? 1 : v->type == JSON_REFERENCE ? v->len : v->u.span;
}

/* `at` where it is the end, an element or a member's key; over dead members. */
static inline const struct json_node *
json_alive(const struct json_node *at, const struct json_node *end, bool object)
{
    while (object && at != end && (at->flags & JSON_DEAD) != 0) {
        at += 1 + json_run(at + 1);
    }
    return at;
}

static inline struct slice json_node_text(const struct json_node *v)
{
    return slice_make(v->u.text, v->len);
}

/* Keys of one object in an open-addressed table of mask + 1 zeroed slots, more than it has keys:
 * the slot of `key`, which holds the key node's distance from `object`, or 0. */
uint32_t *
json_key_slot(uint32_t *slots, size_t mask, const struct json_node *object, struct slice key);

/* What json_dedupe keeps from one object to the next. */
struct json_keys {
    struct arena *a;
    uint32_t *slots; /* the table, used again */
    size_t slot_cap;
    bool shifts; /* some references are still relative */
};

/* Settle the keys of a closed object whose members are all alive: the first of those alike takes
 * the last one's value, the others are dead. */
void json_dedupe(struct json_keys *keys, struct json_node *object);

/* First byte at or after `p` that is a quote, a backslash, a control or not ASCII; else `end`. */
const char *json_plain_end(const char *p, const char *end);

#endif
