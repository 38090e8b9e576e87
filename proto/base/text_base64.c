/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 with padding, the standard alphabet. Source: RFC 4648, section 4. */
#include "proto/base/text.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct slice text_base64(struct slice bytes, struct arena *a)
{
    char *out = arena_alloc(a, (bytes.len + 2) / 3 * 4);
    size_t n = 0;

    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t group = (uint32_t)(unsigned char)bytes.ptr[i] << 16;

        group |= left > 1 ? (uint32_t)(unsigned char)bytes.ptr[i + 1] << 8 : 0;
        group |= left > 2 ? (uint32_t)(unsigned char)bytes.ptr[i + 2] : 0;
        out[n++] = alphabet[group >> 18];
        out[n++] = alphabet[group >> 12 & 63];
        out[n++] = left > 1 ? alphabet[group >> 6 & 63] : '=';
        out[n++] = left > 2 ? alphabet[group & 63] : '=';
    }
    return slice_make(out, n);
}

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters to at most three bytes; 0: they are none. `last` allows padding. */
static unsigned parse_group(const char *s, bool last, uint8_t out[3])
{
    unsigned pad = last && s[3] == '=' ? (s[2] == '=' ? 2 : 1) : 0;
    uint32_t group = 0;

    for (unsigned i = 0; i < 4; i++) {
        int d = i < 4 - pad ? digit(s[i]) : 0;

        if (d < 0) {
            return 0;
        }
        group = group << 6 | (uint32_t)d;
    }
    out[0] = (uint8_t)(group >> 16);
    out[1] = (uint8_t)(group >> 8);
    out[2] = (uint8_t)group;
    /* Bits beyond the last byte are zero: a text has one form. */
    if ((pad == 2 && out[1] != 0) || (pad != 0 && out[2] != 0)) {
        return 0;
    }
    return 3 - pad;
}

bool text_parse_base64(struct slice s, uint8_t *out, size_t size, size_t *len)
{
    size_t n = 0;

    if (s.len % 4 != 0) {
        return false;
    }
    for (size_t i = 0; i < s.len; i += 4) {
        uint8_t group[3];
        unsigned bytes = parse_group(s.ptr + i, i + 4 == s.len, group);

        if (bytes == 0 || bytes > size - n) {
            return false;
        }
        memcpy(out + n, group, bytes);
        n += bytes;
    }
    *len = n;
    return true;
}
