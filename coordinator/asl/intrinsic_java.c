/* SPDX-License-Identifier: Apache-2.0 */
/* See intrinsic_java.h. All recurse into values, which are as deep as documents may be. */
#include "coordinator/asl/intrinsic_java.h"
#include "proto/base/text.h"
#include "proto/base/utf8.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* An integer as it stands, but for -0; a fraction as the double it is, or as `infinity` where it is
 * too large for one. */
static void write_number(struct slice number, bool integer, struct slice infinity, struct buf *out)
{
    char text[TEXT_DOUBLE_BYTES];
    double d = 0;

    (void)text_parse_double(number, &d);
    if (integer) {
        buf_put_slice(out, slice_eq_str(number, "-0") ? SLICE("0") : number);
    } else if (d - d < 0 || d - d > 0 || d - d != d - d) {
        buf_put_slice(out, infinity);
    } else {
        buf_put(out, text, text_format_double(d, text));
    }
}

static void write_value_number(const struct json_node *v, struct buf *out)
{
    struct slice text = json_text(v);

    write_number(text, json_is_integer_text(v),
                 text.ptr[0] == '-' ? SLICE("-Infinity") : SLICE("Infinity"), out);
}

static void write_container(const struct json_node *v, struct buf *out)
{
    bool object = json_type(v) == JSON_OBJECT;
    const char *between = "";

    buf_put_str(out, object ? "{" : "[");
    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        buf_put_str(out, between);
        between = ", ";
        if (object) {
            buf_put_slice(out, json_key(v, e));
            buf_put_str(out, "=");
        }
        java_write(e, out);
    }
    buf_put_str(out, object ? "}" : "]");
}

void java_write(const struct json_node *v, struct buf *out)
{
    switch (json_type(v)) {
    case JSON_NULL: buf_put_str(out, "null"); break;
    case JSON_FALSE: buf_put_str(out, "false"); break;
    case JSON_TRUE: buf_put_str(out, "true"); break;
    case JSON_NUMBER: write_value_number(v, out); break;
    case JSON_STRING: buf_put_slice(out, json_text(v)); break;
    case JSON_ARRAY:
    case JSON_OBJECT: write_container(v, out); break;
    }
}

/* Bytes of the string that begins the text, quotes included. */
static size_t string_bytes(struct slice json)
{
    size_t n = 1;

    while (json.ptr[n] != '"') {
        n += json.ptr[n] == '\\' ? 2 : 1;
    }
    return n + 1;
}

static size_t number_bytes(struct slice json, bool *integer)
{
    size_t n = 0;

    *integer = true;
    while (n < json.len && (json.ptr[n] == '-' || json.ptr[n] == '+' || json.ptr[n] == '.' ||
                            (json.ptr[n] | 0x20) == 'e' || is_digit(json.ptr[n]))) {
        *integer = *integer && (json.ptr[n] == '-' || is_digit(json.ptr[n]));
        n++;
    }
    return n;
}

/* The text there is, but for its numbers: what is neither string nor number has no digits. */
void java_write_json(const struct json_node *v, struct buf *out)
{
    struct buf text = {0};
    size_t n;

    json_write(v, &text);
    for (struct slice left = buf_slice(&text); left.len > 0; left = slice_from(left, n)) {
        bool integer;

        if (left.ptr[0] == '-' || is_digit(left.ptr[0])) {
            n = number_bytes(left, &integer);
            write_number(slice_head(left, n), integer, slice_head(left, n), out);
        } else {
            n = left.ptr[0] == '"' ? string_bytes(left) : 1;
            buf_put_slice(out, slice_head(left, n));
        }
    }
    buf_fini(&text);
}

/* Over UTF-16 code units. */
static uint32_t hash_string(struct slice s)
{
    uint32_t hash = 0;

    for (size_t i = 0, n; i < s.len; i += n) {
        uint32_t c;

        n = utf8_sequence(s.ptr + i, s.ptr + s.len);
        n = n == 0 ? 3 : n; /* a lone surrogate */
        c = utf8_decode(s.ptr + i, n);
        if (c >= 0x10000) {
            hash = 31 * hash + (0xD7C0 + (c >> 10));
            c = 0xDC00 | (c & 0x3FF);
        }
        hash = 31 * hash + c;
    }
    return hash;
}

/* Integer's and Long's; Double's. Integers past 64 bits hash like fractions. */
static uint32_t hash_number(const struct json_node *v)
{
    double d = 0;
    int64_t i;
    uint64_t bits;

    if (json_is_integer_text(v) && json_i64(v, &i)) {
        bits = (uint64_t)i;
        return i == (int32_t)i ? (uint32_t)bits : (uint32_t)(bits ^ bits >> 32);
    }
    json_double(v, &d);
    memcpy(&bits, &d, sizeof(bits));
    return (uint32_t)(bits ^ bits >> 32);
}

static uint32_t hash_container(const struct json_node *v)
{
    bool object = json_type(v) == JSON_OBJECT;
    uint32_t hash = object ? 0 : 1;

    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        hash =
            object ? hash + (hash_string(json_key(v, e)) ^ java_hash(e)) : 31 * hash + java_hash(e);
    }
    return hash;
}

uint32_t java_hash(const struct json_node *v)
{
    switch (json_type(v)) {
    case JSON_FALSE: return 1237;
    case JSON_TRUE: return 1231;
    case JSON_NUMBER: return hash_number(v);
    case JSON_STRING: return hash_string(json_text(v));
    case JSON_ARRAY:
    case JSON_OBJECT: return hash_container(v);
    case JSON_NULL: break;
    }
    return 0;
}

/* Of the same number of elements or members. */
static bool containers_equal(const struct json_node *x, const struct json_node *y)
{
    bool object = json_type(x) == JSON_OBJECT;
    const struct json_node *other = json_first(y);

    for (const struct json_node *e = json_first(x); e != NULL; e = json_next(x, e)) {
        const struct json_node *twin = other;

        if (object && !slice_eq(json_key(x, e), json_key(y, other))) {
            twin = json_member(y, json_key(x, e));
        }
        if (twin == NULL || !java_equal(e, twin)) {
            return false;
        }
        other = json_next(y, other);
    }
    return true;
}

bool java_equal(const struct json_node *x, const struct json_node *y)
{
    enum json_type type = json_type(x);

    if (type != json_type(y) || json_count(x) != json_count(y)) {
        return false;
    }
    if (type == JSON_ARRAY || type == JSON_OBJECT) {
        return containers_equal(x, y);
    }
    return (type != JSON_NUMBER || json_is_integer_text(x) == json_is_integer_text(y)) &&
           json_equal(x, y);
}

/* A linear congruence in 48 bits, of which the upper 31 count. What would make the lowest values
 * likelier is thrown away; a power of two takes the upper bits instead, which are the better. */
int32_t java_random(int64_t seed, int32_t bound)
{
    const uint64_t factor = UINT64_C(0x5DEECE66D);
    const uint64_t mask = (UINT64_C(1) << 48) - 1;
    uint64_t state = ((uint64_t)seed ^ factor) & mask;

    for (;;) {
        int64_t bits;

        state = (state * factor + 0xB) & mask;
        bits = (int64_t)(state >> 17);
        if ((bound & (bound - 1)) == 0) {
            return (int32_t)(bound * bits >> 31);
        }
        if (bits - bits % bound + bound - 1 <= INT32_MAX) {
            return (int32_t)(bits % bound);
        }
    }
}
