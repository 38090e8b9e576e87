/* SPDX-License-Identifier: Apache-2.0 */
/* A request taken apart: method, path, query and headers together must be one that the S3 client
 * (client/s3) sends. Sources: server.c, reader.c and writer.c there. */
#include "coordinator/permit/permit.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

/* Names of a query, as bits. */
enum query_bit {
    QUERY_UPLOADS = 1 << 0,
    QUERY_UPLOAD_ID = 1 << 1,
    QUERY_PART_NUMBER = 1 << 2,
    QUERY_MAX_PARTS = 1 << 3,
    QUERY_LIST_TYPE = 1 << 4,
    QUERY_ENCODING = 1 << 5,
    QUERY_PREFIX = 1 << 6,
    QUERY_CONTINUATION = 1 << 7,
    QUERY_KEY_MARKER = 1 << 8,
    QUERY_UPLOAD_MARKER = 1 << 9,
};

/* Headers, likewise. */
enum header_bit {
    HEADER_MARK = 1 << 0,
    HEADER_COPY = 1 << 1,
    HEADER_COPY_RANGE = 1 << 2,
    HEADER_COPY_MATCH = 1 << 3,
};

struct known {
    const char *name;
    unsigned bit;
};

static const struct known known_queries[] = {
    {"uploads", QUERY_UPLOADS},        {"uploadId", QUERY_UPLOAD_ID},
    {"partNumber", QUERY_PART_NUMBER}, {"max-parts", QUERY_MAX_PARTS},
    {"list-type", QUERY_LIST_TYPE},    {"encoding-type", QUERY_ENCODING},
    {"prefix", QUERY_PREFIX},          {"continuation-token", QUERY_CONTINUATION},
    {"key-marker", QUERY_KEY_MARKER},  {"upload-id-marker", QUERY_UPLOAD_MARKER},
};
enum { KNOWN_QUERIES = sizeof(known_queries) / sizeof(known_queries[0]) };

static const struct known known_headers[] = {
    {"x-amz-meta-stepfleet-mark", HEADER_MARK},
    {"x-amz-copy-source", HEADER_COPY},
    {"x-amz-copy-source-range", HEADER_COPY_RANGE},
    {"x-amz-copy-source-if-match", HEADER_COPY_MATCH},
};
enum { KNOWN_HEADERS = sizeof(known_headers) / sizeof(known_headers[0]) };

/* What a request is: exactly these names are there, but for those that may be absent. */
struct form {
    const char *method;
    bool object; /* a key is named; else the bucket */
    unsigned query;
    unsigned query_may;
    unsigned headers_may;
    enum permit_action action;
};

static const struct form forms[] = {
    {"GET", true, 0, 0, 0, PERMIT_READ},
    {"HEAD", true, 0, 0, 0, PERMIT_READ},
    {"PUT", true, 0, 0, 0, PERMIT_PUT},
    {"DELETE", true, 0, 0, 0, PERMIT_DELETE},
    {"GET", false, QUERY_LIST_TYPE | QUERY_ENCODING, QUERY_PREFIX | QUERY_CONTINUATION, 0,
     PERMIT_LIST},
    {"GET", false, QUERY_UPLOADS, QUERY_PREFIX | QUERY_KEY_MARKER | QUERY_UPLOAD_MARKER, 0,
     PERMIT_LIST_UPLOADS},
    {"POST", true, QUERY_UPLOADS, 0, HEADER_MARK, PERMIT_UPLOAD_BEGIN},
    {"PUT", true, QUERY_PART_NUMBER | QUERY_UPLOAD_ID, 0,
     HEADER_COPY | HEADER_COPY_RANGE | HEADER_COPY_MATCH, PERMIT_UPLOAD_PART},
    {"GET", true, QUERY_UPLOAD_ID | QUERY_MAX_PARTS, 0, 0, PERMIT_UPLOAD_LOOK},
    {"POST", true, QUERY_UPLOAD_ID, 0, 0, PERMIT_UPLOAD_COMPLETE},
    {"DELETE", true, QUERY_UPLOAD_ID, 0, 0, PERMIT_UPLOAD_ABORT},
};

/* Which of them are there; false: another, or one twice. A value may not break out of its line of
 * the canonical request. */
static bool names_of(const struct sign_pair *pairs,
                     size_t count,
                     const struct known *known,
                     size_t known_count,
                     unsigned *out)
{
    *out = 0;
    for (size_t i = 0; i < count; i++) {
        size_t k = 0;

        while (k < known_count && !slice_eq_str(pairs[i].name, known[k].name)) {
            k++;
        }
        if (k == known_count || (*out & known[k].bit) != 0) {
            return false;
        }
        *out |= known[k].bit;
    }
    return true;
}

static struct slice value_of(const struct sign_pair *pairs, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_eq_str(pairs[i].name, name)) {
            return pairs[i].value;
        }
    }
    return SLICE("");
}

/* Of a header line; the canonical request has one of each, and nothing may break out of it. */
static bool is_line(struct slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < ' ' || value.ptr[i] > '~') {
            return false;
        }
    }
    return true;
}

static bool are_lines(const struct request *r)
{
    for (size_t i = 0; i < r->header_count; i++) {
        if (!is_line(r->headers[i].value)) {
            return false;
        }
    }
    return true;
}

static bool is_hash(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!((s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] >= 'a' && s.ptr[i] <= 'f'))) {
            return false;
        }
    }
    return s.len == 0 || s.len == SIGN_HEX_BYTES;
}

/* No store, nor what stands before it, makes another key of it. Without `whole`: how one begins. */
static bool is_key(struct slice key, bool whole)
{
    if (key.len > LIMIT_KEY_BYTES || (whole && key.len == 0)) {
        return false;
    }
    for (size_t i = 0; i < key.len; i++) {
        if ((unsigned char)key.ptr[i] < ' ' || key.ptr[i] == 0x7f) {
            return false;
        }
    }
    for (;;) {
        size_t slash = slice_find(key, '/');
        struct slice part = slice_head(key, slash);

        if (slice_eq_str(part, "..") || (slice_eq_str(part, ".") && (whole || slash < key.len))) {
            return false;
        }
        if (slash == key.len) {
            return true;
        }
        key = slice_from(key, slash + 1);
    }
}

static bool is_part_number(struct slice s)
{
    uint64_t n;

    return text_parse_u64(s, &n) && n >= 1 && n <= LIMIT_PARTS;
}

/* Of x-amz-copy-source, as the client writes it: an encoded slash, or what need not be encoded, is
 * none. */
static bool copy_decode(struct slice s, struct arena *a, struct slice *out)
{
    char *p = arena_alloc(a, s.len);
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++, n++) {
        if (s.ptr[i] != '%') {
            p[n] = s.ptr[i];
            continue;
        }
        if (s.len - i < 3 || !text_parse_hex(slice_make(s.ptr + i + 1, 2), p + n) || p[n] == '/') {
            return false;
        }
        i += 2;
    }
    *out = slice_make(p, n);
    return slice_find(s, '+') == s.len && slice_find(s, '?') == s.len;
}

/* "/bucket/key" */
static bool read_copy(const struct request *r, struct arena *a, struct permit_ask *out)
{
    struct slice source = value_of(r->headers, r->header_count, "x-amz-copy-source");
    size_t slash;

    if (!slice_starts_with(source, SLICE("/")) || !copy_decode(slice_from(source, 1), a, &source)) {
        return false;
    }
    slash = slice_find(source, '/');
    out->copies = true;
    out->from_bucket = slice_head(source, slash);
    out->from_key = slice_from(source, slash < source.len ? slash + 1 : slash);
    return out->from_bucket.len != 0 && is_key(out->from_key, true);
}

static const struct form *form_of(const struct request *r, unsigned query, unsigned headers)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        const struct form *f = &forms[i];

        if (slice_eq_str(slice_str(r->method), f->method) && f->object == (r->key.len != 0) &&
            (query & f->query) == f->query && (query & ~(f->query | f->query_may)) == 0 &&
            (headers & ~f->headers_may) == 0) {
            return f;
        }
    }
    return NULL;
}

static bool are_values(const struct request *r, unsigned query, const struct permit_ask *ask)
{
    return ((query & QUERY_UPLOADS) == 0 ||
            value_of(r->query, r->query_count, "uploads").len == 0) &&
           ((query & QUERY_LIST_TYPE) == 0 ||
            slice_eq_str(value_of(r->query, r->query_count, "list-type"), "2")) &&
           ((query & QUERY_PART_NUMBER) == 0 ||
            is_part_number(value_of(r->query, r->query_count, "partNumber"))) &&
           ((query & QUERY_UPLOAD_ID) == 0 ||
            (ask->upload_id.len != 0 && ask->upload_id.len <= LIMIT_UPLOAD_ID_BYTES));
}

static bool ask_read(const struct request *r, struct arena *a, struct permit_ask *out)
{
    struct permit_ask ask = {.bucket = r->bucket, .key = r->key};
    const struct form *f;
    unsigned query;
    unsigned headers;

    if (!names_of(r->query, r->query_count, known_queries, KNOWN_QUERIES, &query) ||
        !names_of(r->headers, r->header_count, known_headers, KNOWN_HEADERS, &headers) ||
        !are_lines(r) || !is_hash(r->payload_hash)) {
        return false;
    }
    f = form_of(r, query, headers);
    if (f == NULL) {
        return false;
    }
    ask.action = f->action;
    ask.upload_id = value_of(r->query, r->query_count, "uploadId");
    if (!f->object) {
        ask.key = value_of(r->query, r->query_count, "prefix");
    }
    if (headers != 0 && f->action == PERMIT_UPLOAD_PART && !read_copy(r, a, &ask)) {
        return false;
    }
    *out = ask;
    return is_key(ask.key, f->object) && are_values(r, query, &ask);
}

enum err_code
permit_ask_read(const struct request *r, struct arena *a, struct permit_ask *out, struct err *err)
{
    return ask_read(r, a, out)
               ? OK
               : err_set(err, ERR_DENIED, "it is no request that a worker makes of a store");
}
