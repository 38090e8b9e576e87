/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/trigger/address.h"

#include "proto/base/text.h"

enum { GROUPS = 8, V4_BYTES = 4, V6_BYTES = 16 };

/* ---- addresses ---- */

static bool parse_v4(struct slice s, struct address *out)
{
    for (size_t i = 0; i < V4_BYTES; i++) {
        size_t dot = slice_find(s, '.');
        uint64_t part;

        if (dot > 3 || !text_parse_u64(slice_head(s, dot), &part) || part > 255 ||
            (dot == s.len) != (i == V4_BYTES - 1)) {
            return false;
        }
        out->bytes[i] = (uint8_t)part;
        s = slice_from(s, dot + 1);
    }
    out->len = V4_BYTES;
    return true;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool parse_group(struct slice s, uint8_t out[2])
{
    unsigned group = 0;

    for (size_t i = 0; i < s.len; i++) {
        int digit = hex_digit(s.ptr[i]);

        if (digit < 0 || s.len > 4) {
            return false;
        }
        group = group << 4 | (unsigned)digit;
    }
    out[0] = (uint8_t)(group >> 8);
    out[1] = (uint8_t)group;
    return s.len != 0;
}

/* Groups with ':' between them, up to `most`; *count of them. An empty text has none. */
static bool parse_groups(struct slice s, size_t most, uint8_t *out, size_t *count)
{
    *count = 0;
    while (s.ptr != NULL && s.len != 0) {
        size_t colon = slice_find(s, ':');

        if (*count == most || !parse_group(slice_head(s, colon), out + 2 * *count)) {
            return false;
        }
        ++*count;
        if (colon == s.len) {
            return true;
        }
        s = slice_from(s, colon + 1);
        if (s.len == 0) {
            return false; /* a colon at the end */
        }
    }
    return true;
}

/* Where "::" stands, or s.len. */
static size_t find_gap(struct slice s)
{
    for (size_t i = 0; i + 1 < s.len; i++) {
        if (s.ptr[i] == ':' && s.ptr[i + 1] == ':') {
            return i;
        }
    }
    return s.len;
}

static bool parse_v6(struct slice s, struct address *out)
{
    size_t gap = find_gap(s);
    uint8_t after[V6_BYTES];
    size_t before_count;
    size_t after_count = 0;

    memset(out->bytes, 0, sizeof(out->bytes));
    if (!parse_groups(slice_head(s, gap), GROUPS, out->bytes, &before_count)) {
        return false;
    }
    if (gap == s.len) {
        out->len = V6_BYTES;
        return before_count == GROUPS;
    }
    if (!parse_groups(slice_from(s, gap + 2), GROUPS, after, &after_count) ||
        before_count + after_count >= GROUPS) {
        return false;
    }
    memcpy(out->bytes + V6_BYTES - 2 * after_count, after, 2 * after_count);
    out->len = V6_BYTES;
    return true;
}

bool address_parse(struct slice s, struct address *out)
{
    return slice_find(s, ':') != s.len ? parse_v6(s, out) : parse_v4(s, out);
}

/* ---- ranges ---- */

bool address_in(const struct address *a, const struct address_range *r)
{
    return a->len == r->low.len && memcmp(a->bytes, r->low.bytes, a->len) >= 0 &&
           memcmp(a->bytes, r->high.bytes, a->len) <= 0;
}

/* The last address whose first `bits` bits are those of `a`. */
static struct address last_of(struct address a, size_t bits)
{
    for (size_t i = 0; i < a.len; i++) {
        size_t kept = bits <= 8 * i ? 0 : bits - 8 * i;

        if (kept < 8) {
            a.bytes[i] = (uint8_t)(a.bytes[i] | 0xffu >> kept);
        }
    }
    return a;
}

enum err_code address_range_parse(struct slice cidr, struct address_range *out, struct err *err)
{
    size_t slash = slice_find(cidr, '/');
    struct slice ip = slice_head(cidr, slash);
    struct slice mask = slice_from(cidr, slash + 1);
    struct address_range r;
    int64_t bits;

    if (mask.len == 0 || slice_find(mask, '/') != mask.len) {
        return err_set(err, ERR_VALIDATION, "Malformed CIDR, one '/' required");
    }
    if (!text_parse_i64(mask, &bits)) {
        return err_set(err, ERR_VALIDATION, "Malformed CIDR, mask bits must be an integer");
    }
    if (bits < 0) {
        return err_set(err, ERR_VALIDATION, "Malformed CIDR, mask bits must not be negative");
    }
    if (!address_parse(ip, &r.low)) {
        return err_set(err, ERR_VALIDATION, "Nonstandard IP address: %.*s", SLICE_FMT(ip));
    }
    if ((uint64_t)bits > 8 * r.low.len) {
        return err_set(err, ERR_VALIDATION, "IPv%d mask bits must be < %zu",
                       r.low.len == V4_BYTES ? 4 : 6, 8 * r.low.len + 1);
    }
    r.high = last_of(r.low, (size_t)bits);
    *out = r;
    return OK;
}
