/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/trace.h"

#include <inttypes.h>
#include <stdio.h>

static bool parse_hex(struct slice s, size_t digits, uint64_t *out)
{
    uint64_t v = 0;

    if (s.len != digits) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                : 16;

        if (digit == 16) {
            return false;
        }
        v = v << 4 | digit;
    }
    *out = v;
    return true;
}

/* "1-8HEX-24HEX" */
static bool parse_root(struct slice v, struct trace *t)
{
    uint64_t seconds;
    uint64_t middle;

    if (v.len != 35 || !slice_starts_with(v, SLICE("1-")) || v.ptr[10] != '-' ||
        !parse_hex(slice_make(v.ptr + 2, 8), 8, &seconds) ||
        !parse_hex(slice_make(v.ptr + 11, 8), 8, &middle) ||
        !parse_hex(slice_from(v, 19), 16, &t->low)) {
        return false;
    }
    t->high = seconds << 32 | middle;
    return (t->high | t->low) != 0;
}

static void take_member(struct slice name, struct slice value, struct trace *t, bool *rooted)
{
    uint64_t v;

    if (slice_eq_str(name, "Root")) {
        *rooted = parse_root(value, t);
    } else if (slice_eq_str(name, "Parent") && parse_hex(value, TRACE_SPAN_BYTES, &v)) {
        t->span = v;
    } else if (slice_eq_str(name, "Sampled") && parse_hex(value, 1, &v) && v <= 1) {
        t->sampled = v == 1 ? TRACE_SAMPLED : TRACE_NOT_SAMPLED;
    }
}

bool trace_parse_xray(struct slice header, struct trace *out)
{
    bool rooted = false;

    *out = (struct trace){0};
    while (header.len != 0) {
        size_t end = slice_find(header, ';');
        struct slice member = slice_head(header, end);
        size_t equals = slice_find(member, '=');

        header = end < header.len ? slice_from(header, end + 1) : SLICE("");
        while (member.len != 0 && member.ptr[0] == ' ') {
            member = slice_from(member, 1);
            equals = equals != 0 ? equals - 1 : 0;
        }
        if (equals < member.len) {
            take_member(slice_head(member, equals), slice_from(member, equals + 1), out, &rooted);
        }
    }
    return rooted;
}

void trace_write_xray(const struct trace *t, char out[TRACE_XRAY_BYTES])
{
    int n = snprintf(out, TRACE_XRAY_BYTES, "Root=1-%08" PRIx64 "-%08" PRIx64 "%016" PRIx64,
                     t->high >> 32, t->high & UINT32_MAX, t->low);

    if (t->span != 0) {
        n += snprintf(out + n, (size_t)(TRACE_XRAY_BYTES - n), ";Parent=%016" PRIx64, t->span);
    }
    if (t->sampled != TRACE_UNSAID) {
        (void)snprintf(out + n, (size_t)(TRACE_XRAY_BYTES - n), ";Sampled=%d",
                       t->sampled == TRACE_SAMPLED);
    }
}

void trace_write_w3c(const struct trace *t, char out[TRACE_W3C_BYTES])
{
    (void)snprintf(out, TRACE_W3C_BYTES, "00-%016" PRIx64 "%016" PRIx64 "-%016" PRIx64 "-%02x",
                   t->high, t->low, t->span, t->sampled == TRACE_SAMPLED ? 1U : 0U);
}
