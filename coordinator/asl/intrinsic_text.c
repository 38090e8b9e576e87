/* SPDX-License-Identifier: Apache-2.0 */
/* The intrinsic functions over text and documents. */
#include "coordinator/asl/digest.h"
#include "coordinator/asl/intrinsic.h"
#include "coordinator/asl/intrinsic_jackson.h"
#include "coordinator/asl/intrinsic_java.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "proto/base/utf8.h"

/* Base64 and Hash take only so many characters. */
static bool is_short(struct slice s)
{
    return text_code_points(s) <= LIMIT_INTRINSIC_TEXT_BYTES;
}

static struct slice buf_keep(struct buf *b, struct arena *a)
{
    struct slice kept = arena_copy(a, buf_slice(b));

    buf_fini(b);
    return kept;
}

static bool refuse(const struct intrinsic_call *c, struct slice refusal)
{
    *c->refusal = refusal;
    return false;
}

/* Each {} takes the next argument; \{ \} \\ \' stand for themselves, and no other brace may
 * stand. False where it does, or where there are not as many arguments as places. */
static bool put_format(const struct intrinsic_call *c, struct slice template, struct buf *out)
{
    size_t places = 0;

    for (size_t i = 0; i < template.len; i++) {
        char ch = template.ptr[i];
        char next = i + 1 < template.len ? template.ptr[i + 1] : '\0';

        if (ch == '\\' && next != '\0' && strchr("'{}\\", next) != NULL) {
            buf_put_u8(out, (uint8_t) template.ptr[++i]);
        } else if (ch == '{' && next == '}') {
            i++;
            if (++places < c->count) {
                java_write(c->arguments[places], out);
            }
        } else if (ch == '{') {
            return refuse(
                c, SLICE("Invalid template in States.Format: matching '}' not found for '{'."));
        } else if (ch == '}') {
            return refuse(
                c, SLICE("Invalid template in States.Format: matching '{' not found for '}'."));
        } else {
            buf_put_u8(out, (uint8_t)ch);
        }
    }
    return places == c->count - 1 ||
           refuse(c, SLICE("Invalid arguments in States.Format: number of arguments do not match "
                           "the occurrences of {}."));
}

/* A template that is no string is the text of it: AWS counts the places in that. */
bool intrinsic_format(const struct intrinsic_call *c, const struct json_node **out)
{
    struct slice template = json_text(c->arguments[0]);
    struct buf text = {0};
    bool good;

    if (!json_is(c->arguments[0], JSON_STRING)) {
        java_write(c->arguments[0], &text);
        template = buf_keep(&text, c->a);
    }
    (void)buf_reserve(&text, template.len + 1); /* mostly all that is needed */
    good = put_format(c, template, &text);
    *out = json_string(c->a, buf_keep(&text, c->a));
    return good;
}

/* White space alone is null, and -0 is 0: AWS's ways. */
bool intrinsic_string_to_json(const struct intrinsic_call *c, const struct json_node **out)
{
    struct slice text = json_text(c->arguments[0]);
    size_t i = 0;

    if (!json_is(c->arguments[0], JSON_STRING)) {
        return false;
    }
    while (i < text.len && strchr(" \t\r\n", text.ptr[i]) != NULL && text.ptr[i] != '\0') {
        i++;
    }
    if (i == text.len) {
        *out = json_null();
        return true;
    }
    if (json_parse(text, c->a, out, NULL) != OK) {
        return refuse(c, jackson_refusal(text, c->a));
    }
    if (json_is(*out, JSON_NUMBER) && slice_eq_str(json_text(*out), "-0")) {
        *out = json_integer(c->a, 0);
    }
    return true;
}

bool intrinsic_json_to_string(const struct intrinsic_call *c, const struct json_node **out)
{
    *out = json_string(c->a, json_print(c->arguments[0], c->a));
    return true;
}

/* A deep merge (true) is refused; AWS takes anything else for false. */
bool intrinsic_json_merge(const struct intrinsic_call *c, const struct json_node **out)
{
    struct json_builder b = json_build_object(c->a);

    if (!json_is(c->arguments[0], JSON_OBJECT) || !json_is(c->arguments[1], JSON_OBJECT) ||
        json_is(c->arguments[2], JSON_TRUE)) {
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
bool intrinsic_string_split(const struct intrinsic_call *c, const struct json_node **out)
{
    struct json_builder b = json_build_array(c->a);
    struct slice text;
    size_t from = 0;

    if (!json_is(c->arguments[0], JSON_STRING) || !json_is(c->arguments[1], JSON_STRING)) {
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

bool intrinsic_base64_encode(const struct intrinsic_call *c, const struct json_node **out)
{
    struct slice s = json_text(c->arguments[0]);

    if (!json_is(c->arguments[0], JSON_STRING) || !is_short(s)) {
        return false;
    }
    *out = json_string(c->a, text_base64(s, c->a));
    return true;
}

/* The value of a digit of either alphabet, or -1. */
static int digit_value(char ch)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *digit = ch == '\0' ? NULL : strchr(digits, ch);

    return digit != NULL ? (int)(digit - digits) : ch == '-' ? 62 : ch == '_' ? 63 : -1;
}

/* As AWS does: what is no digit is skipped, '=' ends the text, bits that make no byte are dropped.
 */
static size_t base64_decode(struct slice s, char *out)
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t len = 0;

    for (size_t i = 0; i < s.len && s.ptr[i] != '='; i++) {
        int value = digit_value(s.ptr[i]);

        if (value < 0) {
            continue;
        }
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[len++] = (char)(bits >> have & 0xFF);
        }
    }
    return len;
}

/* Bytes that are not UTF-8 become U+FFFD each. */
static struct slice replace_bad(struct slice s, struct arena *a)
{
    char *text;
    size_t len = 0;

    if (text_is_utf8(s)) {
        return s;
    }
    text = arena_alloc(a, 3 * s.len);
    for (size_t i = 0, n; i < s.len; i += n == 0 ? 1 : n) {
        n = utf8_sequence(s.ptr + i, s.ptr + s.len);
        memcpy(text + len, n == 0 ? "\xEF\xBF\xBD" : s.ptr + i, n == 0 ? 3 : n);
        len += n == 0 ? 3 : n;
    }
    return slice_make(text, len);
}

bool intrinsic_base64_decode(const struct intrinsic_call *c, const struct json_node **out)
{
    char *bytes;
    struct slice s = json_text(c->arguments[0]);

    if (!json_is(c->arguments[0], JSON_STRING) || !is_short(s)) {
        return false;
    }
    bytes = arena_alloc(c->a, s.len);
    *out = json_string(c->a, replace_bad(slice_make(bytes, base64_decode(s, bytes)), c->a));
    return true;
}

/* AWS digests the text of any value. */
bool intrinsic_hash(const struct intrinsic_call *c, const struct json_node **out)
{
    uint8_t digest[DIGEST_BYTES_MAX];
    struct buf text = {0};
    struct slice data;
    size_t len = 0;
    char *hex;

    java_write(c->arguments[0], &text);
    data = buf_keep(&text, c->a);
    if (json_is(c->arguments[1], JSON_STRING) && is_short(data)) {
        len = digest_compute(json_text(c->arguments[1]), data, digest);
    }
    if (len == 0) {
        return false;
    }
    hex = arena_alloc(c->a, 2 * len);
    text_format_hex(digest, len, hex);
    *out = json_string(c->a, slice_make(hex, 2 * len));
    return true;
}
