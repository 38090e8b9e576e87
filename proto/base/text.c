/* SPDX-License-Identifier: Apache-2.0 */
/* Integers with and without units, times, ids, and checks of text; doubles are in text_double.c.
 * Everything is strict: what is not wholly understood is refused. Sources: RFC 3339 (times; no leap
 * seconds, years 0001 to 9999), RFC 9562 (UUID), AWS Step Functions' quotas (names). */
#include "proto/base/text.h"

#include <assert.h>

#include "proto/base/date.h"
#include "proto/base/limits.h"
#include "proto/base/utf8.h"

enum {
    MS_PER_SECOND = 1000,
    MS_PER_DAY = 24 * 60 * 60 * MS_PER_SECOND,
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool text_parse_u64(struct slice s, uint64_t *out)
{
    uint64_t v = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (!is_digit(s.ptr[i]) || __builtin_mul_overflow(v, UINT64_C(10), &v) ||
            __builtin_add_overflow(v, (uint64_t)(s.ptr[i] - '0'), &v)) {
            return false;
        }
    }
    if (s.len != 0) {
        *out = v;
    }
    return s.len != 0;
}

bool text_parse_i64(struct slice s, int64_t *out)
{
    bool negative = s.len != 0 && s.ptr[0] == '-';
    uint64_t v;

    if (!text_parse_u64(slice_from(s, negative), &v) || v > (uint64_t)INT64_MAX + negative) {
        return false;
    }
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

/* Split "64KiB" into the number and its unit. */
static bool text_split_unit(struct slice s, uint64_t *number, struct slice *unit)
{
    size_t digits = 0;

    while (digits < s.len && is_digit(s.ptr[digits])) {
        digits++;
    }
    *unit = slice_from(s, digits);
    return text_parse_u64(slice_head(s, digits), number);
}

bool text_parse_bytes(struct slice s, uint64_t *out)
{
    static const char letters[] = "kmgt";
    uint64_t v;
    struct slice unit;
    unsigned power = 0;

    if (!text_split_unit(s, &v, &unit)) {
        return false;
    }
    if (unit.len != 0) {
        const char *letter = memchr(letters, unit.ptr[0] | 0x20, sizeof(letters) - 1);

        if (letter == NULL || (unit.len != 1 && !slice_eq(slice_from(unit, 1), SLICE("iB")))) {
            return false;
        }
        power = (unsigned)(letter - letters) + 1;
    }
    if (v > UINT64_MAX >> (10 * power)) {
        return false;
    }
    *out = v << (10 * power);
    return true;
}

bool text_parse_duration_ms(struct slice s, int64_t *out)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = {
        {"", MS_PER_SECOND},         {"ms", 1},
        {"s", MS_PER_SECOND},        {"m", 60 * MS_PER_SECOND},
        {"h", 3600 * MS_PER_SECOND}, {"d", MS_PER_DAY},
    };
    uint64_t v;
    struct slice unit;

    if (!text_split_unit(s, &v, &unit)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (slice_eq_str(unit, units[i].name)) {
            if (v > (uint64_t)INT64_MAX / units[i].ms) {
                return false;
            }
            *out = (int64_t)(v * units[i].ms);
            return true;
        }
    }
    return false;
}

/* `v` in at least `width` digits. */
static char *put_number(char *p, uint64_t v, unsigned width)
{
    char digits[20];
    unsigned n = 0;

    while (v != 0 || n < width) {
        digits[n++] = (char)('0' + v % 10);
        v /= 10;
    }
    while (n != 0) {
        *p++ = digits[--n];
    }
    return p;
}

size_t text_format_time(int64_t ms, char out[TEXT_TIME_BYTES])
{
    int64_t day = ms / MS_PER_DAY - (ms % MS_PER_DAY < 0);
    uint64_t in_day = (uint64_t)(ms % MS_PER_DAY + (ms % MS_PER_DAY < 0 ? MS_PER_DAY : 0));
    struct date c = date_from_days(day);
    char *p = out;

    if (c.year < 0) {
        *p++ = '-';
    }
    p = put_number(p, (uint64_t)(c.year < 0 ? -c.year : c.year), 4);
    *p++ = '-';
    p = put_number(p, (uint64_t)c.month, 2);
    *p++ = '-';
    p = put_number(p, (uint64_t)c.day, 2);
    *p++ = 'T';
    p = put_number(p, in_day / 3600000, 2);
    *p++ = ':';
    p = put_number(p, in_day / 60000 % 60, 2);
    *p++ = ':';
    p = put_number(p, in_day / 1000 % 60, 2);
    *p++ = '.';
    p = put_number(p, in_day % 1000, 3);
    *p++ = 'Z';
    *p = '\0';
    return (size_t)(p - out);
}

struct slice text_time(int64_t ms, struct arena *a)
{
    char text[TEXT_TIME_BYTES];

    return arena_copy(a, slice_make(text, text_format_time(ms, text)));
}

struct slice text_http_date(int64_t ms, struct arena *a)
{
    static const char days[] = "ThuFriSatSunMonTueWed"; /* 1970 began on a Thursday */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const char *t = text_time(ms, a).ptr;
    int month = (t[5] - '0') * 10 + (t[6] - '0');

    return arena_printf(a, "%.3s, %.2s %.3s %.4s %.8s GMT", &days[ms / 86400000 % 7 * 3], t + 8,
                        &months[(month - 1) * 3], t, t + 11);
}

/* Take exactly `digits` digits, 0..max, off the front. */
static bool take_number(struct slice *s, size_t digits, int64_t max, int64_t *out)
{
    uint64_t v;

    if (s->len < digits || !text_parse_u64(slice_head(*s, digits), &v) || v > (uint64_t)max) {
        return false;
    }
    *out = (int64_t)v;
    *s = slice_from(*s, digits);
    return true;
}

static bool take_char(struct slice *s, char c)
{
    if (s->len == 0 || s->ptr[0] != c) {
        return false;
    }
    *s = slice_from(*s, 1);
    return true;
}

static bool take_date(struct slice *s, struct date *c)
{
    return take_number(s, 4, 9999, &c->year) && c->year != 0 && take_char(s, '-') &&
           take_number(s, 2, 12, &c->month) && c->month != 0 && take_char(s, '-') &&
           take_number(s, 2, date_days_in_month(c->year, c->month), &c->day) && c->day != 0;
}

/* The fraction's first three digits as milliseconds; one to nine digits may stand there. */
static bool take_fraction(struct slice *s, int64_t *ms)
{
    int64_t unit = 100;
    size_t digits = 0;

    *ms = 0;
    if (!take_char(s, '.')) {
        return true;
    }
    for (; digits < s->len && is_digit(s->ptr[digits]); digits++) {
        *ms += (s->ptr[digits] - '0') * unit;
        unit /= 10;
    }
    *s = slice_from(*s, digits);
    return digits >= 1 && digits <= 9;
}

/* "Z" or "+hh:mm": minutes to take off for UTC. */
static bool take_offset(struct slice *s, int64_t *minutes)
{
    int64_t hour;
    int64_t minute;
    bool west;

    *minutes = 0;
    if (take_char(s, 'Z')) {
        return true;
    }
    west = take_char(s, '-');
    if ((!west && !take_char(s, '+')) || !take_number(s, 2, 23, &hour) || !take_char(s, ':') ||
        !take_number(s, 2, 59, &minute)) {
        return false;
    }
    *minutes = (west ? -1 : 1) * (hour * 60 + minute);
    return true;
}

bool text_parse_time(struct slice s, int64_t *ms)
{
    struct date c;
    int64_t hour;
    int64_t minute;
    int64_t second;
    int64_t fraction;
    int64_t offset;

    if (!take_date(&s, &c) || !take_char(&s, 'T') || !take_number(&s, 2, 23, &hour) ||
        !take_char(&s, ':') || !take_number(&s, 2, 59, &minute) || !take_char(&s, ':') ||
        !take_number(&s, 2, 59, &second) || !take_fraction(&s, &fraction) ||
        !take_offset(&s, &offset) || s.len != 0) {
        return false;
    }
    *ms = date_to_days(c) * MS_PER_DAY +
          ((hour * 60 + minute - offset) * 60 + second) * MS_PER_SECOND + fraction;
    return true;
}

void text_format_hex(const void *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = bytes;

    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
}

static int hex_value(char c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool text_parse_hex(struct slice s, void *out)
{
    uint8_t *p = out;

    if (s.len % 2 != 0) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (hex_value(s.ptr[i]) < 0) {
            return false;
        }
    }
    for (size_t i = 0; i < s.len; i += 2) {
        p[i / 2] = (uint8_t)(hex_value(s.ptr[i]) << 4 | hex_value(s.ptr[i + 1]));
    }
    return true;
}

void text_format_uuid(const uint8_t bytes[16], char out[TEXT_UUID_BYTES])
{
    static const uint8_t group_bytes[] = {4, 2, 2, 2, 6};
    uint8_t id[16];
    const uint8_t *from = id;

    memcpy(id, bytes, sizeof(id));
    id[6] = (uint8_t)((id[6] & 0x0f) | 0x40); /* version 4 */
    id[8] = (uint8_t)((id[8] & 0x3f) | 0x80); /* variant of RFC 9562 */
    for (size_t i = 0; i < sizeof(group_bytes); i++) {
        if (i != 0) {
            *out++ = '-';
        }
        text_format_hex(from, group_bytes[i], out);
        from += group_bytes[i];
        out += 2 * (size_t)group_bytes[i];
    }
}

bool text_is_utf8(struct slice s)
{
    const char *p = s.len != 0 ? s.ptr : "";
    const char *end = p + s.len;

    while (p != end) {
        if (end - p >= 8 && (utf8_load8(p) & UTF8_HIGHS) == 0) {
            p += 8;
        } else {
            size_t n = utf8_sequence(p, end);

            if (n == 0) {
                return false;
            }
            p += n;
        }
    }
    return true;
}

size_t text_code_points(struct slice s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++) {
        n += !utf8_is_tail(s.ptr[i]);
    }
    return n;
}

/* White space as Unicode has it, past ASCII. */
static bool is_wide_space(uint32_t c)
{
    return c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
           c == 0x202f || c == 0x205f || c == 0x3000;
}

static bool is_name_char(uint32_t c)
{
    static const char refused[] = " ?*<>{}[]\"#%\\^|~`$&,;:/";

    if (c < 0x80) {
        return c >= 0x20 && c != 0x7f && memchr(refused, (int)c, sizeof(refused) - 1) == NULL;
    }
    return c >= 0xa0 && c != 0xfffe && c != 0xffff && c != 0x10ffff && !is_wide_space(c);
}

bool text_is_name(struct slice s)
{
    const char *p = s.len != 0 ? s.ptr : "";
    const char *end = p + s.len;
    size_t chars = 0;

    while (p != end) {
        size_t n = utf8_sequence(p, end);

        if (n == 0 || !is_name_char(utf8_decode(p, n))) {
            return false;
        }
        p += n;
        chars++;
    }
    return chars >= 1 && chars <= LIMIT_NAME_CHARS;
}

bool text_is_function_name(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] <= ' ' || s.ptr[i] > '~') {
            return false;
        }
    }
    return s.len != 0 && s.len <= LIMIT_NAME_CHARS;
}

bool text_is_key_part(struct slice s)
{
    if (s.len == 0 || slice_eq_str(s, ".") || slice_eq_str(s, "..")) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if (c < 0x20 || c == 0x7f || c == '/' || c == '\\') {
            return false;
        }
    }
    return text_is_utf8(s);
}

bool text_is_key(struct slice key)
{
    if (key.len == 0 || key.len > LIMIT_KEY_BYTES) {
        return false;
    }
    for (;;) {
        size_t slash = slice_find(key, '/');

        if (!text_is_key_part(slice_head(key, slash))) {
            return false;
        }
        if (slash == key.len) {
            return true;
        }
        key = slice_from(key, slash + 1);
    }
}

bool text_glob(struct slice pattern, struct slice s)
{
    size_t at = 0;
    size_t i = 0;
    size_t star = SIZE_MAX; /* the last '*' seen, and where what it stands for ends so far */
    size_t star_end = 0;

    while (i < s.len) {
        if (at < pattern.len && pattern.ptr[at] == '*') {
            star = at++;
            star_end = i;
        } else if (at < pattern.len && (pattern.ptr[at] == '?' || pattern.ptr[at] == s.ptr[i])) {
            at++;
            i++;
        } else if (star != SIZE_MAX) {
            at = star + 1;
            i = ++star_end;
        } else {
            return false;
        }
    }
    while (at < pattern.len && pattern.ptr[at] == '*') {
        at++;
    }
    return at == pattern.len;
}
