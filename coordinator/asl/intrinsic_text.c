/* SPDX-License-Identifier: Apache-2.0 */
/* The intrinsic functions over text and documents. */
#include "coordinator/asl/digest.h"
#include "coordinator/asl/intrinsic.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

static bool is_string(const struct intrinsic_call *c, size_t i, struct slice *wrong)
{
    if (json_is(c->arguments[i], JSON_STRING)) {
        return true;
    }
    *wrong = arena_printf(c->a, "Argument %zu must be a string", i + 1);
    return false;
}

/* What Base64 and Hash take: a string of bounded length. */
static bool is_short_string(const struct intrinsic_call *c, size_t i, struct slice *wrong)
{
    if (!is_string(c, i, wrong)) {
        return false;
    }
    if (text_code_points(json_text(c->arguments[i])) > LIMIT_INTRINSIC_TEXT_BYTES) {
        *wrong = arena_printf(c->a, "Argument %zu must not be longer than %d characters", i + 1,
                              LIMIT_INTRINSIC_TEXT_BYTES);
        return false;
    }
    return true;
}

static struct slice buf_keep(struct buf *b, struct arena *a)
{
    struct slice kept = arena_copy(a, buf_slice(b));

    buf_fini(b);
    return kept;
}

/* As Java prints maps and lists: {a=1, b=[x, null]}; strings without quotes. */
static void put_java(const struct json_node *v, struct buf *out)
{
    bool object = json_is(v, JSON_OBJECT);
    bool first = true;

    if (json_is(v, JSON_STRING)) {
        buf_put_slice(out, json_text(v));
        return;
    }
    if (!object && !json_is(v, JSON_ARRAY)) {
        json_write(v, out);
        return;
    }
    buf_put_str(out, object ? "{" : "[");
    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        buf_put_str(out, first ? "" : ", ");
        first = false;
        if (object) {
            buf_put_slice(out, json_key(v, e));
            buf_put_str(out, "=");
        }
        put_java(e, out);
    }
    buf_put_str(out, object ? "}" : "]");
}

/* Each {} takes the next argument; \{ \} \\ \' stand for themselves. Counts the places. */
static size_t put_format(const struct intrinsic_call *c, struct slice template, struct buf *out)
{
    size_t places = 0;

    for (size_t i = 0; i < template.len; i++) {
        char ch = template.ptr[i];
        bool two = i + 1 < template.len;

        if (ch == '\\' && two && strchr("'{}\\", template.ptr[i + 1]) != NULL) {
            buf_put_u8(out, (uint8_t) template.ptr[++i]);
        } else if (ch == '{' && two && template.ptr[i + 1] == '}') {
            places++;
            i++;
            if (places < c->count) {
                put_java(c->arguments[places], out);
            }
        } else {
            buf_put_u8(out, (uint8_t)ch);
        }
    }
    return places;
}

bool intrinsic_format(const struct intrinsic_call *c,
                      const struct json_node **out,
                      struct slice *wrong)
{
    struct buf text = {0};
    size_t places;

    if (!is_string(c, 0, wrong)) {
        return false;
    }
    (void)buf_reserve(&text, json_text(c->arguments[0]).len + 1); /* mostly all that is needed */
    places = put_format(c, json_text(c->arguments[0]), &text);
    *out = json_string(c->a, buf_keep(&text, c->a));
    if (places != c->count - 1) {
        *wrong = arena_printf(c->a, "The template has %zu {} but there are %zu arguments for it",
                              places, c->count - 1);
    }
    return places == c->count - 1;
}

/* White space alone is null, and -0 is 0: AWS's ways. */
bool intrinsic_string_to_json(const struct intrinsic_call *c,
                              const struct json_node **out,
                              struct slice *wrong)
{
    struct slice text = json_text(c->arguments[0]);
    struct err err;
    size_t i = 0;

    if (!is_string(c, 0, wrong)) {
        return false;
    }
    while (i < text.len && strchr(" \t\r\n", text.ptr[i]) != NULL && text.ptr[i] != '\0') {
        i++;
    }
    if (i == text.len) {
        *out = json_null();
        return true;
    }
    if (json_parse(text, c->a, out, &err) != OK) {
        *wrong = arena_printf(c->a, "The string is not valid JSON: %s", err.msg);
        return false;
    }
    if (json_is(*out, JSON_NUMBER) && slice_eq_str(json_text(*out), "-0")) {
        *out = json_integer(c->a, 0);
    }
    return true;
}

bool intrinsic_json_to_string(const struct intrinsic_call *c,
                              const struct json_node **out,
                              struct slice *wrong)
{
    (void)wrong;
    *out = json_string(c->a, json_print(c->arguments[0], c->a));
    return true;
}

bool intrinsic_json_merge(const struct intrinsic_call *c,
                          const struct json_node **out,
                          struct slice *wrong)
{
    struct json_builder b = json_build_object(c->a);

    if (!json_is(c->arguments[0], JSON_OBJECT) || !json_is(c->arguments[1], JSON_OBJECT)) {
        *wrong = SLICE("The first two arguments must be objects");
        return false;
    }
    if (!json_is(c->arguments[2], JSON_FALSE)) {
        *wrong = SLICE("The third argument must be false: only shallow merging is available");
        return false;
    }
    for (size_t i = 0; i < 2; i++) {
        const struct json_node *object = c->arguments[i];

        for (const struct json_node *e = json_first(object); e != NULL; e = json_next(object, e)) {
            json_put(&b, json_key(object, e), e);
        }
    }
    *out = json_built(&b);
    return true;
}

/* Bytes of the UTF-8 character at the front. */
static size_t character_bytes(struct slice s)
{
    size_t n = 1;

    while (n < s.len && ((unsigned char)s.ptr[n] & 0xC0) == 0x80) {
        n++;
    }
    return n;
}

static bool is_one_of(struct slice character, struct slice set)
{
    while (set.len > 0) {
        size_t n = character_bytes(set);

        if (slice_eq(character, slice_head(set, n))) {
            return true;
        }
        set = slice_from(set, n);
    }
    return false;
}

/* Every character of the second argument separates; empty pieces are dropped. */
bool intrinsic_string_split(const struct intrinsic_call *c,
                            const struct json_node **out,
                            struct slice *wrong)
{
    struct json_builder b = json_build_array(c->a);
    struct slice text;
    size_t from = 0;

    if (!is_string(c, 0, wrong) || !is_string(c, 1, wrong)) {
        return false;
    }
    text = json_text(c->arguments[0]);
    for (size_t i = 0, n; i <= text.len; i += n) {
        n = i == text.len ? 1 : character_bytes(slice_from(text, i));
        if (i == text.len || is_one_of(slice_make(text.ptr + i, n), json_text(c->arguments[1]))) {
            if (i > from) {
                json_push(&b, json_string(c->a, slice_make(text.ptr + from, i - from)));
            }
            from = i + n;
        }
    }
    *out = json_built(&b);
    return true;
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool intrinsic_base64_encode(const struct intrinsic_call *c,
                             const struct json_node **out,
                             struct slice *wrong)
{
    struct slice s;
    char *text;
    size_t len = 0;

    if (!is_short_string(c, 0, wrong)) {
        return false;
    }
    s = json_text(c->arguments[0]);
    text = arena_alloc(c->a, (s.len + 2) / 3 * 4);
    for (size_t i = 0; i < s.len; i += 3) {
        size_t have = s.len - i < 3 ? s.len - i : 3;
        uint32_t bits = 0;

        for (size_t k = 0; k < 3; k++) {
            bits = bits << 8 | (k < have ? (unsigned char)s.ptr[i + k] : 0);
        }
        for (size_t k = 0; k < 4; k++) {
            text[len++] = k <= have ? base64_digits[bits >> (18 - 6 * k) & 63] : '=';
        }
    }
    *out = json_string(c->a, slice_make(text, len));
    return true;
}

/* Standard alphabet; padding may be left out. False where `s` is not Base64. */
static bool base64_decode(struct slice s, char *out, size_t *len)
{
    uint32_t bits = 0;
    unsigned have = 0;

    while (s.len > 0 && s.ptr[s.len - 1] == '=') {
        s.len--;
    }
    *len = 0;
    for (size_t i = 0; i < s.len; i++) {
        const char *digit = s.ptr[i] == '\0' ? NULL : strchr(base64_digits, s.ptr[i]);

        if (digit == NULL) {
            return false;
        }
        bits = bits << 6 | (uint32_t)(digit - base64_digits);
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[(*len)++] = (char)(bits >> have & 0xFF);
        }
    }
    return have < 6;
}

bool intrinsic_base64_decode(const struct intrinsic_call *c,
                             const struct json_node **out,
                             struct slice *wrong)
{
    char *bytes;
    size_t len;
    struct slice s;

    if (!is_short_string(c, 0, wrong)) {
        return false;
    }
    s = json_text(c->arguments[0]);
    bytes = arena_alloc(c->a, s.len);
    if (!base64_decode(s, bytes, &len) || !text_is_utf8(slice_make(bytes, len))) {
        *wrong = SLICE("The string is not the Base64 encoding of text");
        return false;
    }
    *out = json_string(c->a, slice_make(bytes, len));
    return true;
}

bool intrinsic_hash(const struct intrinsic_call *c,
                    const struct json_node **out,
                    struct slice *wrong)
{
    uint8_t digest[DIGEST_BYTES_MAX];
    size_t len;
    char *hex;

    if (!is_short_string(c, 0, wrong) || !is_string(c, 1, wrong)) {
        return false;
    }
    len = digest_compute(json_text(c->arguments[1]), json_text(c->arguments[0]), digest);
    if (len == 0) {
        *wrong = SLICE("The algorithm must be MD5, SHA-1, SHA-256, SHA-384 or SHA-512");
        return false;
    }
    hex = arena_alloc(c->a, 2 * len);
    text_format_hex(digest, len, hex);
    *out = json_string(c->a, slice_make(hex, 2 * len));
    return true;
}
