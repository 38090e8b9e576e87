/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/difference.h"

enum { SIDE_BYTES = 60 };

struct finding {
    struct arena *a;
    struct differences *out;
};

static void compare(const struct finding *f,
                    struct slice path,
                    const struct json_node *from,
                    const struct json_node *to);

static void found(const struct finding *f, const struct difference *d)
{
    if (f->out->count < DIFFERENCES_SHOWN) {
        f->out->items[f->out->count] = *d;
    }
    f->out->count++;
}

static struct slice below(const struct finding *f, struct slice path, struct slice name)
{
    return path.len == 0 ? name : arena_printf(f->a, "%.*s/%.*s", SLICE_FMT(path), SLICE_FMT(name));
}

static void compare_objects(const struct finding *f,
                            struct slice path,
                            const struct json_node *from,
                            const struct json_node *to)
{
    for (const struct json_node *e = json_first(from); e != NULL; e = json_next(from, e)) {
        struct slice name = json_key(from, e);

        compare(f, below(f, path, name), e, json_member(to, name));
    }
    for (const struct json_node *e = json_first(to); e != NULL; e = json_next(to, e)) {
        struct slice name = json_key(to, e);

        if (json_member(from, name) == NULL) {
            compare(f, below(f, path, name), NULL, e);
        }
    }
}

static void compare_arrays(const struct finding *f,
                           struct slice path,
                           const struct json_node *from,
                           const struct json_node *to)
{
    const struct json_node *x = json_first(from);
    const struct json_node *y = json_first(to);

    for (size_t i = 0; x != NULL || y != NULL; i++) {
        compare(f, below(f, path, arena_printf(f->a, "%zu", i)), x, y);
        x = x != NULL ? json_next(from, x) : NULL;
        y = y != NULL ? json_next(to, y) : NULL;
    }
}

/* A text that is an object or an array; NULL: it is another. */
static const struct json_node *document_in(const struct finding *f, const struct json_node *v)
{
    const struct json_node *document;

    if (!json_is(v, JSON_STRING) || json_parse(json_text(v), f->a, &document, NULL) != OK ||
        json_depth(document) == 0) {
        return NULL;
    }
    return document;
}

static void compare_texts(const struct finding *f,
                          struct slice path,
                          const struct json_node *from,
                          const struct json_node *to)
{
    struct difference d = {path, from, to, false};
    const struct json_node *x = document_in(f, from);
    const struct json_node *y = x != NULL ? document_in(f, to) : NULL;

    if (y == NULL) {
        found(f, &d);
    } else if (json_equal(x, y)) {
        d.layout = true;
        found(f, &d);
    } else {
        compare(f, path, x, y);
    }
}

static void compare(const struct finding *f,
                    struct slice path,
                    const struct json_node *from,
                    const struct json_node *to)
{
    struct difference d = {path, from, to, false};

    if (from == NULL || to == NULL) {
        found(f, &d);
    } else if (json_is(from, JSON_STRING) && json_is(to, JSON_STRING)) {
        if (!slice_eq(json_text(from), json_text(to))) {
            compare_texts(f, path, from, to);
        }
    } else if (json_equal(from, to)) {
        return;
    } else if (json_is(from, JSON_OBJECT) && json_is(to, JSON_OBJECT)) {
        compare_objects(f, path, from, to);
    } else if (json_is(from, JSON_ARRAY) && json_is(to, JSON_ARRAY)) {
        compare_arrays(f, path, from, to);
    } else {
        found(f, &d);
    }
}

void difference_find(const struct json_node *from,
                     const struct json_node *to,
                     struct arena *a,
                     struct differences *out)
{
    struct finding f = {a, out};

    out->count = 0;
    compare(&f, (struct slice){0}, from, to);
}

/* A side, cut where a character ends. */
static struct slice side(const struct json_node *v, struct arena *a)
{
    struct slice text = v != NULL ? json_print(v, a) : SLICE("nothing");
    size_t end = SIDE_BYTES;

    if (text.len <= SIDE_BYTES) {
        return text;
    }
    while (end > 0 && ((uint8_t)text.ptr[end] & 0xc0) == 0x80) {
        end--;
    }
    return arena_printf(a, "%.*s...", SLICE_FMT(slice_head(text, end)));
}

struct slice difference_text(const struct difference *d, struct arena *a)
{
    if (d->layout) {
        return SLICE("the same, written in another way");
    }
    return arena_printf(a, "%.*s -> %.*s", SLICE_FMT(side(d->from, a)), SLICE_FMT(side(d->to, a)));
}
