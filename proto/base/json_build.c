/* SPDX-License-Identifier: Apache-2.0 */
/* Making values. A builder's slots are the tape it makes: slot 0 is the container, then what was
 * put in, scalars copied and containers referred to. Keys that came twice are settled at the end,
 * as in parsed objects (json_dedupe). */
#include "proto/base/json.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "proto/base/json_tape.h"
#include "proto/base/text.h"

enum { BUILDER_SLOTS_FIRST = 16 };

struct json_slot {
    struct json_node node;
};

static const struct json_node node_false = {.type = JSON_FALSE};
static const struct json_node node_true = {.type = JSON_TRUE};

const struct json_node *json_null(void)
{
    return &json_node_null;
}

const struct json_node *json_bool(bool b)
{
    return b ? &node_true : &node_false;
}

static struct json_node text_node(enum json_type type, struct slice text)
{
    assert(text.len <= UINT32_MAX);
    return (struct json_node){
        .type = (uint8_t)type,
        .len = (uint32_t)text.len,
        .u.text = text.len != 0 ? text.ptr : "",
    };
}

const struct json_node *json_string(struct arena *a, struct slice text)
{
    struct json_node *v = arena_alloc(a, sizeof(*v));

    *v = text_node(JSON_STRING, text);
    return v;
}

const struct json_node *json_number_text(struct arena *a, struct slice text)
{
    struct json_node *v = arena_alloc(a, sizeof(*v));

    assert(text.len != 0);
    *v = text_node(JSON_NUMBER, text);
    if (slice_find(text, '.') == text.len && slice_find(text, 'e') == text.len &&
        slice_find(text, 'E') == text.len) {
        v->flags = JSON_INTEGER;
    }
    return v;
}

const struct json_node *json_integer(struct arena *a, int64_t v)
{
    return json_number_text(a, arena_printf(a, "%lld", (long long)v));
}

const struct json_node *json_real(struct arena *a, double v)
{
    char text[TEXT_DOUBLE_BYTES];

    if (!isfinite(v)) {
        return json_null(); /* JSON has no word for it */
    }
    return json_number_text(a, arena_copy(a, slice_make(text, text_format_double(v, text))));
}

static struct json_builder json_build(struct arena *a, bool object)
{
    return (struct json_builder){.a = a, .object = object};
}

struct json_builder json_build_object(struct arena *a)
{
    return json_build(a, true);
}

struct json_builder json_build_array(struct arena *a)
{
    return json_build(a, false);
}

/* Slots in use, the container's own included. */
static size_t builder_used(const struct json_builder *b)
{
    return 1 + b->count * (b->object ? 2 : 1);
}

/* Room for two more nodes; returns the first. */
static struct json_node *builder_next(struct json_builder *b)
{
    size_t used = builder_used(b);

    assert(used + 2 <= UINT32_MAX);
    if (used + 2 > b->cap) {
        size_t cap = b->cap != 0 ? 2 * b->cap : BUILDER_SLOTS_FIRST;

        b->slots = arena_grow(b->a, b->slots, b->cap * sizeof(*b->slots), cap * sizeof(*b->slots));
        if (b->cap == 0) {
            b->slots->node = (struct json_node){
                .type = b->object ? JSON_OBJECT : JSON_ARRAY,
                .depth = 1,
            };
        }
        b->cap = cap;
    }
    return &b->slots[used].node;
}

static void builder_store(struct json_builder *b, struct json_node *at, const struct json_node *v)
{
    struct json_node *container = &b->slots->node;

    v = json_resolve(v);
    if (json_run(v) == 1) {
        *at = *v;
    } else {
        *at = (struct json_node){.type = JSON_REFERENCE, .len = 1, .u.target = v};
    }
    if (json_is_container(v) && v->depth >= container->depth) {
        container->depth = v->depth < UINT16_MAX ? (uint16_t)(v->depth + 1) : UINT16_MAX;
    }
    b->count++;
}

void json_put(struct json_builder *b, struct slice key, const struct json_node *v)
{
    struct json_node *at = builder_next(b);

    assert(b->object);
    *at = text_node(JSON_STRING, key);
    builder_store(b, at + 1, v);
}

void json_push(struct json_builder *b, const struct json_node *v)
{
    assert(!b->object);
    builder_store(b, builder_next(b), v);
}

const struct json_node *json_built(struct json_builder *b)
{
    struct json_node *container;

    (void)builder_next(b); /* an empty one has no slots yet */
    container = &b->slots->node;
    container->len = (uint32_t)b->count;
    container->u.span = builder_used(b);
    if (b->object) {
        struct json_keys keys = {.a = b->a};

        json_dedupe(&keys, container);
    }
    *b = json_build(b->a, b->object);
    return container;
}
