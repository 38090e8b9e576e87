/* SPDX-License-Identifier: Apache-2.0 */
/* What numbers are worth, and equality. A number's text is brought to one decimal form, so that
 * integers of any size and fractions compare exactly. No recursion: pairs still to be compared wait
 * in a buffer, so that depth costs no stack. */
#include "proto/base/json.h"

#include <assert.h>

#include "proto/base/json_tape.h"
#include "proto/base/text.h"

enum { MANY_MEMBERS = 32 }; /* from so many on, members that are out of order are found by table */

/* The value is +-0.dddd * 10^point, where `text` holds the digits, the first and the last of them
 * not 0, and perhaps the point among them. No digits: the value is 0. */
struct decimal {
    struct slice text;
    bool negative;
    int64_t point;
};

/* The exponent's value; beyond 10^18 it only stays beyond. */
static int64_t exponent_value(struct slice s)
{
    bool negative = s.len != 0 && s.ptr[0] == '-';
    int64_t v = 0;

    for (size_t i = negative || (s.len != 0 && s.ptr[0] == '+'); i < s.len; i++) {
        v = v < INT64_MAX / 20 ? v * 10 + (s.ptr[i] - '0') : v;
    }
    return negative ? -v : v;
}

static bool is_nonzero_digit(char c)
{
    return c >= '1' && c <= '9';
}

static struct decimal decimal_of(struct slice number)
{
    struct decimal d = {.negative = number.len != 0 && number.ptr[0] == '-'};
    struct slice s = slice_from(number, d.negative);
    size_t mantissa = 0;
    size_t whole;
    size_t first = 0;

    while (mantissa < s.len && (s.ptr[mantissa] | 0x20) != 'e') {
        mantissa++;
    }
    d.point = exponent_value(slice_from(s, mantissa + 1));
    s = slice_head(s, mantissa);
    whole = slice_find(s, '.');
    while (first < s.len && !is_nonzero_digit(s.ptr[first])) {
        first++;
    }
    while (s.len > first && !is_nonzero_digit(s.ptr[s.len - 1])) {
        s.len--;
    }
    d.text = slice_from(s, first);
    /* Digits from the first to the point, or less the zeros from the point to the first. */
    d.point += whole > first ? (int64_t)(whole - first) : -(int64_t)(first - whole - 1);
    return d;
}

/* The digit at *i, past the point where that stands there; '\0' at the end. */
static char decimal_next(const struct decimal *d, size_t *i)
{
    if (*i < d->text.len && d->text.ptr[*i] == '.') {
        ++*i;
    }
    return *i < d->text.len ? d->text.ptr[(*i)++] : '\0';
}

static bool number_equal(struct slice x, struct slice y)
{
    struct decimal dx = decimal_of(x);
    struct decimal dy = decimal_of(y);
    size_t i = 0;
    size_t j = 0;
    char c;

    if (dx.text.len == 0 || dy.text.len == 0) {
        return dx.text.len == dy.text.len; /* 0 and -0 are one */
    }
    if (dx.negative != dy.negative || dx.point != dy.point) {
        return false;
    }
    do {
        c = decimal_next(&dx, &i);
        if (c != decimal_next(&dy, &j)) {
            return false;
        }
    } while (c != '\0');
    return true;
}

/* All digits before the point: is it integral, and does it fit? */
static bool decimal_i64(const struct decimal *d, int64_t *out)
{
    uint64_t v = 0;
    size_t i = 0;
    int64_t digits = 0;

    if (d->point > 19) {
        return false;
    }
    for (char c = decimal_next(d, &i); c != '\0' || digits < d->point; c = decimal_next(d, &i)) {
        if (digits++ == d->point || __builtin_mul_overflow(v, UINT64_C(10), &v) ||
            __builtin_add_overflow(v, (uint64_t)(c == '\0' ? 0 : c - '0'), &v)) {
            return false;
        }
    }
    if (v > (uint64_t)INT64_MAX + d->negative) {
        return false;
    }
    *out = d->negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

bool json_i64(const struct json_node *v, int64_t *out)
{
    struct decimal d;

    if (!json_is(v, JSON_NUMBER)) {
        return false;
    }
    if (json_is_integer_text(v)) {
        return text_parse_i64(json_text(v), out);
    }
    d = decimal_of(json_text(v));
    if (d.text.len == 0) {
        *out = 0;
        return true;
    }
    return d.point > 0 && decimal_i64(&d, out);
}

bool json_double(const struct json_node *v, double *out)
{
    return json_is(v, JSON_NUMBER) && text_parse_double(json_text(v), out);
}

bool json_is_integer_text(const struct json_node *v)
{
    return json_is(v, JSON_NUMBER) && (json_resolve(v)->flags & JSON_INTEGER) != 0;
}

struct pair {
    const struct json_node *x;
    const struct json_node *y;
};

/* Are these two unequal already by what they are themselves? Containers that may be equal wait. */
static bool pair_differs(struct buf *waiting, const struct json_node *x, const struct json_node *y)
{
    struct pair p = {json_resolve(x), json_resolve(y)};

    if (p.x == p.y) {
        return false;
    }
    if (p.x->type != p.y->type) {
        return true;
    }
    switch ((enum json_type)p.x->type) {
    case JSON_STRING: return !slice_eq(json_node_text(p.x), json_node_text(p.y));
    case JSON_NUMBER: return !number_equal(json_node_text(p.x), json_node_text(p.y));
    case JSON_ARRAY:
    case JSON_OBJECT: break;
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE: return false;
    }
    if (p.x->len != 0 && p.x->len == p.y->len) {
        buf_put(waiting, &p, sizeof(p));
    }
    return p.x->len != p.y->len;
}

static bool arrays_differ(struct buf *waiting, struct pair p)
{
    const struct json_node *y = json_first(p.y);

    for (const struct json_node *x = json_first(p.x); x != NULL; x = json_next(p.x, x)) {
        if (pair_differs(waiting, x, y)) {
            return true;
        }
        y = json_next(p.y, y);
    }
    return false;
}

/* Members of an object by name, whatever the order; `slots` is filled when first needed. */
static const struct json_node *
find_member(const struct json_node *object, struct slice key, struct buf *slots)
{
    size_t cap = 2 * MANY_MEMBERS;
    uint32_t *slot;

    if (object->len < MANY_MEMBERS) {
        return json_member(object, key);
    }
    while (cap < 2 * (size_t)object->len) {
        cap *= 2;
    }
    if (slots->len == 0) {
        memset(buf_reserve(slots, cap * sizeof(*slot)), 0, cap * sizeof(*slot));
        slots->len = cap * sizeof(*slot);
        for (const struct json_node *e = json_first(object); e != NULL; e = json_next(object, e)) {
            slot =
                json_key_slot((uint32_t *)(void *)slots->ptr, cap - 1, object, json_key(object, e));
            *slot = (uint32_t)(e - 1 - object);
        }
    }
    slot = json_key_slot((uint32_t *)(void *)slots->ptr, cap - 1, object, key);
    return *slot == 0 ? NULL : object + *slot + 1;
}

static bool objects_differ(struct buf *waiting, struct pair p)
{
    const struct json_node *same = json_first(p.y); /* the member at the same place */
    struct buf slots = {0};
    bool differ = false;

    for (const struct json_node *x = json_first(p.x); x != NULL && !differ; x = json_next(p.x, x)) {
        struct slice key = json_key(p.x, x);
        const struct json_node *y = same;

        if (!slice_eq(json_key(p.y, y), key)) {
            y = find_member(p.y, key, &slots);
        }
        differ = y == NULL || pair_differs(waiting, x, y);
        same = json_next(p.y, same);
    }
    buf_fini(&slots);
    return differ;
}

bool json_equal(const struct json_node *x, const struct json_node *y)
{
    struct buf waiting = {0};
    bool differ = pair_differs(&waiting, x, y);

    while (!differ && waiting.len != 0) {
        struct pair p;

        waiting.len -= sizeof(p);
        memcpy(&p, waiting.ptr + waiting.len, sizeof(p));
        differ = p.x->type == JSON_ARRAY ? arrays_differ(&waiting, p) : objects_differ(&waiting, p);
    }
    buf_fini(&waiting);
    return !differ;
}
