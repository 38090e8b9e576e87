/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/trigger/matcher.h"

#include "proto/base/utf8.h"

/* ---- case ---- */

/* Upper and lower case stand side by side, the upper one even. */
static bool is_even_pair(uint32_t c)
{
    return (c >= 0x100 && c <= 0x137 && c != 0x130 && c != 0x131) || (c >= 0x14a && c <= 0x177) ||
           (c >= 0x460 && c <= 0x481) || (c >= 0x48a && c <= 0x4bf) || (c >= 0x4d0 && c <= 0x52f);
}

/* The same, the upper one odd. */
static bool is_odd_pair(uint32_t c)
{
    return (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e) || (c >= 0x4c1 && c <= 0x4ce);
}

/* The letter's lower case, as many bytes long; else the character itself. */
static uint32_t fold_character(uint32_t c)
{
    if (c < 0x80) {
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    }
    if ((c >= 0xc0 && c <= 0xde && c != 0xd7) || (c >= 0x391 && c <= 0x3a9 && c != 0x3a2) ||
        (c >= 0x410 && c <= 0x42f)) {
        return c + 32;
    }
    if (c >= 0x400 && c <= 0x40f) {
        return c + 80;
    }
    if (is_even_pair(c)) {
        return c | 1;
    }
    return is_odd_pair(c) ? (c + 1) & ~UINT32_C(1) : c;
}

/* One character's bytes folded; what is no character stays. */
static size_t fold_sequence(const char *p, const char *end, char out[4])
{
    size_t len = utf8_sequence(p, end);

    if (len == 0 || len > 2) { /* nothing longer has another case here */
        len = len == 0 ? 1 : len;
        memcpy(out, p, len);
        return len;
    }
    return utf8_encode(fold_character(utf8_decode(p, len)), out);
}

struct slice matcher_fold(struct slice s, struct arena *a)
{
    char *copy = arena_alloc(a, s.len + 4);
    size_t n = 0;

    while (n < s.len) {
        n += fold_sequence(s.ptr + n, slice_end(s), copy + n);
    }
    return slice_make(copy, n);
}

/* Is `s` the folded text? Both are as long. */
static bool equals_folded(struct slice s, struct slice folded)
{
    char one[4];

    for (size_t n = 0; n < s.len;) {
        size_t len = fold_sequence(s.ptr + n, slice_end(s), one);

        if (memcmp(one, folded.ptr + n, len) != 0) {
            return false;
        }
        n += len;
    }
    return true;
}

/* ---- values ---- */

static bool in_range(const struct matcher *m, const struct json_node *v)
{
    double value;

    return json_double(v, &value) && value >= -MATCHER_NUMBER_MOST &&
           value <= MATCHER_NUMBER_MOST &&
           (m->range.low_open ? value > m->range.low : value >= m->range.low) &&
           (m->range.high_open ? value < m->range.high : value <= m->range.high);
}

static bool text_meets(const struct matcher *m, struct slice s)
{
    struct address address;

    switch (m->is) {
    case MATCH_TEXT: return slice_eq(s, m->text);
    case MATCH_PREFIX: return slice_starts_with(s, m->text);
    case MATCH_SUFFIX: return slice_ends_with(s, m->text);
    case MATCH_TEXT_FOLDED: return s.len == m->text.len && equals_folded(s, m->text);
    case MATCH_PREFIX_FOLDED:
        return s.len >= m->text.len && equals_folded(slice_head(s, m->text.len), m->text);
    case MATCH_SUFFIX_FOLDED:
        return s.len >= m->text.len && equals_folded(slice_from(s, s.len - m->text.len), m->text);
    case MATCH_WILDCARD: return wildcard_matches(m->wildcard, s);
    case MATCH_ADDRESS: return address_parse(s, &address) && address_in(&address, &m->addresses);
    case MATCH_WORD:
    case MATCH_NUMBER:
    case MATCH_RANGE:
    case MATCH_NONE_OF:
    case MATCH_EXISTS:
    case MATCH_ABSENT: break;
    }
    return false;
}

static bool is_none_of(const struct matcher *m, const struct json_node *v)
{
    for (size_t i = 0; i < m->none_of.count; i++) {
        if (matcher_accepts(&m->none_of.items[i], v)) {
            return false;
        }
    }
    return true;
}

bool matcher_accepts(const struct matcher *m, const struct json_node *v)
{
    switch (m->is) {
    case MATCH_EXISTS: return true;
    case MATCH_NONE_OF: return is_none_of(m, v);
    case MATCH_WORD: return json_type(v) == m->word;
    case MATCH_NUMBER: return json_equal(v, m->number);
    case MATCH_RANGE: return json_is(v, JSON_NUMBER) && in_range(m, v);
    case MATCH_ABSENT: return false;
    case MATCH_TEXT:
    case MATCH_PREFIX:
    case MATCH_SUFFIX:
    case MATCH_TEXT_FOLDED:
    case MATCH_PREFIX_FOLDED:
    case MATCH_SUFFIX_FOLDED:
    case MATCH_WILDCARD:
    case MATCH_ADDRESS: break;
    }
    return json_is(v, JSON_STRING) && text_meets(m, json_text(v));
}
