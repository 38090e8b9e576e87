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
    struct buf text = {0};

    java_write_json(c->arguments[0], &text);
    *out = json_string(c->a, buf_keep(&text, c->a));
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

/* Bytes of the UTF-8 character at the front: no more than one has, whatever follows. */
static size_t character_bytes(struct slice s)
{
    size_t most = s.len < 4 ? s.len : 4;
    size_t n = 1;

    while (n < most && ((unsigned char)s.ptr[n] & 0xC0) == 0x80) {
        n++;
    }
    return n;
}

/* A bit for each code point up to the highest in the set: a set may be as long as the text. */
static struct buf bits_of(struct slice set)
{
    struct buf bits = {0};

    for (size_t i = 0, n; i < set.len; i += n) {
        uint32_t c;

        n = character_bytes(slice_from(set, i));
        c = utf8_decode(set.ptr + i, n);
        if (bits.len <= c / 8) {
            memset(buf_reserve(&bits, c / 8 + 1 - bits.len), 0, c / 8 + 1 - bits.len);
            bits.len = c / 8 + 1;
        }
        bits.ptr[c / 8] = (char)(bits.ptr[c / 8] | 1 << c % 8);
    }
    return bits;
}

static bool has_bit(const struct buf *bits, uint32_t c)
{
    return c / 8 < bits->len && ((unsigned char)bits->ptr[c / 8] >> c % 8 & 1) != 0;
}

/* Every character of the second argument separates; empty pieces are dropped. */
bool intrinsic_string_split(const struct intrinsic_call *c, const struct json_node **out)
{
    struct json_builder b = json_build_array(c->a);
    struct slice text = json_text(c->arguments[0]);
    struct buf bits;
    size_t from = 0;

    if (!json_is(c->arguments[0], JSON_STRING) || !json_is(c->arguments[1], JSON_STRING)) {
        return false;
    }
    bits = bits_of(json_text(c->arguments[1]));
    for (size_t i = 0, n; i <= text.len; i += n) {
        n = i == text.len ? 1 : character_bytes(slice_from(text, i));
        if (i == text.len || has_bit(&bits, utf8_decode(text.ptr + i, n))) {
            if (i > from) {
                json_push(&b, json_string(c->a, slice_make(text.ptr + from, i - from)));
            }
            from = i + n;
        }
    }
    buf_fini(&bits);
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

/* Bytes at the front that are not UTF-8 and that Java's decoder takes as one: a lead with all that
 * may follow it, whole where it would be a surrogate. */
static size_t bad_bytes(struct slice s)
{
    unsigned char lead = (unsigned char)s.ptr[0];
    size_t most = lead >= 0xE0 && lead <= 0xF4 ? 3 : 1;
    unsigned char second = s.len > 1 ? (unsigned char)s.ptr[1] : 0;
    size_t n = 1;

    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90) ||
        (lead == 0xF4 && second > 0x8F)) {
        return 1;
    }
    while (n < most && n < s.len && utf8_is_tail(s.ptr[n])) {
        n++;
    }
    return n;
}

/* Each run of bytes that is not UTF-8 becomes U+FFFD. */
static struct slice replace_bad(struct slice s, struct arena *a)
{
    char *text;
    size_t len = 0;

    if (text_is_utf8(s)) {
        return s;
    }
    text = arena_alloc(a, 3 * s.len);
    for (size_t i = 0; i < s.len;) {
        size_t n = utf8_sequence(s.ptr + i, s.ptr + s.len);

        memcpy(text + len, n == 0 ? "\xEF\xBF\xBD" : s.ptr + i, n == 0 ? 3 : n);
        len += n == 0 ? 3 : n;
        i += n == 0 ? bad_bytes(slice_from(s, i)) : n;
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
