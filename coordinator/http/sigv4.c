/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/http/sigv4.h"

#include <openssl/crypto.h>

#include "client/s3/sign.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

enum { DATE_BYTES = 8, PARAMETERS_MAX = 64 };

static const struct slice algorithm = SLICE_INIT("AWS4-HMAC-SHA256");

/* ---- the target ---- */

/* "http://host/path?query" -> "/path?query" */
static struct slice target_path(struct slice target)
{
    size_t at = slice_find(target, ':');

    if (target.len != 0 && target.ptr[0] != '/' && at + 3 <= target.len) {
        struct slice rest = slice_from(target, at + 3);

        target = slice_from(rest, slice_find(rest, '/'));
    }
    return target.len != 0 ? target : SLICE("/");
}

struct parameters {
    struct sign_pair pairs[PARAMETERS_MAX];
    size_t count;
};

/* False: it cannot be read. */
static bool query_parse(struct slice query, struct arena *a, struct parameters *out)
{
    out->count = 0;
    while (query.len != 0) {
        size_t end = slice_find(query, '&');
        struct slice one = slice_head(query, end);
        size_t equals = slice_find(one, '=');
        struct sign_pair *p = &out->pairs[out->count];

        query = slice_from(query, end + 1);
        if (one.len == 0) {
            continue;
        }
        if (out->count == PARAMETERS_MAX || !sign_decode(slice_head(one, equals), a, &p->name) ||
            !sign_decode(slice_from(one, equals + 1), a, &p->value)) {
            return false;
        }
        out->count++;
    }
    return true;
}

static struct slice parameter(const struct parameters *q, const char *name)
{
    for (size_t i = 0; i < q->count; i++) {
        if (slice_eq_str(q->pairs[i].name, name)) {
            return q->pairs[i].value;
        }
    }
    return (struct slice){NULL, 0};
}

/* ---- what is claimed ---- */

static enum err_code incomplete(struct err *err, const char *what)
{
    return err_set(err, ERR_SIGNATURE_INCOMPLETE, "%s", what);
}

static bool digits(struct slice s, size_t from, size_t count)
{
    uint64_t ignored;

    return s.len >= from + count && text_parse_u64(slice_make(s.ptr + from, count), &ignored);
}

/* "20150830T123600Z" */
static bool time_parse(struct slice s, int64_t *ms)
{
    char full[21]; /* 2015-08-30T12:36:00Z */

    if (s.len != SIGN_TIME_BYTES || !digits(s, 0, 8) || s.ptr[8] != 'T' || !digits(s, 9, 6) ||
        s.ptr[15] != 'Z') {
        return false;
    }
    (void)snprintf(full, sizeof(full), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", s.ptr, s.ptr + 4,
                   s.ptr + 6, s.ptr + 9, s.ptr + 11, s.ptr + 13);
    return text_parse_time(slice_str(full), ms);
}

/* "AKID/20150830/us-east-1/states/aws4_request" */
static bool credential_parse(struct slice s, struct sigv4_claim *out)
{
    struct slice *const parts[] = {&out->access_key, &out->date, &out->region, &out->service};

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        size_t slash = slice_find(s, '/');

        if (slash == 0 || slash == s.len) {
            return false;
        }
        *parts[i] = slice_head(s, slash);
        s = slice_from(s, slash + 1);
    }
    return slice_eq_str(s, "aws4_request") && out->date.len == DATE_BYTES;
}

static enum err_code
claim_finish(struct sigv4_claim *out, struct slice credential, struct slice time, struct err *err)
{
    if (!credential_parse(credential, out)) {
        return incomplete(err, "Credential must have at least 5 slash-delimited elements: "
                               "access key, date, region, service and aws4_request");
    }
    if (out->signed_headers.len == 0) {
        return incomplete(err, "Authorization requires the 'SignedHeaders' parameter");
    }
    if (out->signature.len != SIGN_HEX_BYTES) {
        return incomplete(err, "Authorization requires the 'Signature' parameter");
    }
    if (!time_parse(time, &out->time_ms)) {
        return incomplete(err, "Authorization requires a date: X-Amz-Date as YYYYMMDDTHHMMSSZ");
    }
    if (!slice_eq(slice_head(time, DATE_BYTES), out->date)) {
        return incomplete(err, "Date in Credential scope does not match the date of the request");
    }
    out->time = time;
    return OK;
}

/* "AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=..." */
static enum err_code header_read(const struct http_request *r,
                                 struct slice authorization,
                                 struct sigv4_claim *out,
                                 struct err *err)
{
    struct slice rest = slice_from(authorization, algorithm.len);
    struct slice credential = {NULL, 0};

    if (!slice_starts_with(authorization, algorithm) || rest.len == 0 || rest.ptr[0] != ' ') {
        return incomplete(err, "Unsupported AWS 'algorithm': only AWS4-HMAC-SHA256 is known");
    }
    while (rest.len != 0) {
        size_t comma = slice_find(rest, ',');
        struct slice one = slice_head(rest, comma);
        size_t equals;
        struct slice name;
        struct slice value;

        while (one.len != 0 && one.ptr[0] == ' ') {
            one = slice_from(one, 1);
        }
        equals = slice_find(one, '=');
        name = slice_head(one, equals);
        value = slice_from(one, equals + 1);
        if (slice_eq_str(name, "Credential")) {
            credential = value;
        } else if (slice_eq_str(name, "SignedHeaders")) {
            out->signed_headers = value;
        } else if (slice_eq_str(name, "Signature")) {
            out->signature = value;
        }
        rest = slice_from(rest, comma + 1);
    }
    return claim_finish(out, credential, http_header(r, "x-amz-date"), err);
}

static enum err_code
query_read(const struct parameters *q, struct sigv4_claim *out, struct err *err)
{
    uint64_t seconds;

    if (!slice_eq(parameter(q, "X-Amz-Algorithm"), algorithm)) {
        return incomplete(err, "Unsupported AWS 'algorithm': only AWS4-HMAC-SHA256 is known");
    }
    if (!text_parse_u64(parameter(q, "X-Amz-Expires"), &seconds) || seconds == 0 ||
        seconds > LIMIT_HTTP_PRESIGNED_SECONDS) {
        return incomplete(err, "X-Amz-Expires must be a number of seconds from 1 to 604800");
    }
    out->presigned = true;
    out->expires_ms = (int64_t)seconds * 1000;
    out->signed_headers = parameter(q, "X-Amz-SignedHeaders");
    out->signature = parameter(q, "X-Amz-Signature");
    return claim_finish(out, parameter(q, "X-Amz-Credential"), parameter(q, "X-Amz-Date"), err);
}

static struct slice target_query(const struct http_request *r)
{
    struct slice path = target_path(r->target);

    return slice_from(path, slice_find(path, '?') + 1);
}

enum err_code
sigv4_read(const struct http_request *r, struct arena *a, struct sigv4_claim *out, struct err *err)
{
    struct slice authorization = http_header(r, "authorization");
    struct parameters q;

    *out = (struct sigv4_claim){0};
    if (authorization.ptr != NULL) {
        return header_read(r, authorization, out, err);
    }
    if (!query_parse(target_query(r), a, &q)) {
        return incomplete(err, "the query of the request cannot be read");
    }
    if (parameter(&q, "X-Amz-Signature").ptr != NULL) {
        return query_read(&q, out, err);
    }
    return err_set(err, ERR_SIGNATURE_MISSING, "Missing Authentication Token");
}

/* ---- the canonical request ---- */

/* Without ".", ".." and empty segments; what is between slashes is encoded once more, as every
 * service but S3 wants it. */
static struct slice canonical_path(struct slice path, struct arena *a)
{
    char *out = arena_alloc(a, path.len + 1);
    size_t n = 0;
    bool slash = false; /* what was read last */

    while (path.len != 0) {
        size_t end = slice_find(path, '/');
        struct slice one = slice_head(path, end);

        slash = end < path.len;
        path = slice_from(path, end + 1);
        if (slice_eq_str(one, "..")) {
            while (n > 0 && out[--n] != '/') {
            }
        } else if (one.len != 0 && !slice_eq_str(one, ".")) {
            out[n++] = '/';
            memcpy(out + n, one.ptr, one.len);
            n += one.len;
            continue;
        }
    }
    if (n == 0 || slash) {
        out[n++] = '/';
    }
    return sign_encode(slice_make(out, n), true, a);
}

static struct slice canonical_query(struct parameters *q, struct arena *a)
{
    size_t kept = 0;

    for (size_t i = 0; i < q->count; i++) {
        if (!slice_eq_str(q->pairs[i].name, "X-Amz-Signature")) {
            q->pairs[kept++] = q->pairs[i];
        }
    }
    return sign_query(q->pairs, kept, a);
}

static bool is_signed(struct slice names, struct slice name)
{
    while (names.len != 0) {
        size_t end = slice_find(names, ';');

        if (slice_eq(slice_head(names, end), name)) {
            return true;
        }
        names = slice_from(names, end + 1);
    }
    return false;
}

/* All values of one name, in their order, as one; ptr NULL: there is none. */
static struct slice joined_values(const struct http_request *r, struct slice name, struct arena *a)
{
    size_t bytes = 0;
    char *out = NULL;
    char *at;

    for (size_t i = 0; i < r->header_count; i++) {
        bytes += slice_eq(r->headers[i].name, name) ? r->headers[i].value.len + 1 : 0;
    }
    if (bytes == 0) {
        return (struct slice){NULL, 0};
    }
    out = at = arena_alloc(a, bytes);
    for (size_t i = 0; i < r->header_count; i++) {
        struct slice value = r->headers[i].value;

        if (slice_eq(r->headers[i].name, name)) {
            memcpy(at, value.ptr, value.len);
            at += value.len;
            *at++ = ',';
        }
    }
    return slice_make(out, bytes - 1);
}

/* The headers that are signed: each must be there, once, and in order. */
static enum err_code signed_pairs(const struct http_request *r,
                                  struct slice names,
                                  struct arena *a,
                                  struct sign_request *out,
                                  struct err *err)
{
    struct sign_pair *pairs = ARENA_ARRAY(a, LIMIT_HTTP_HEADERS, struct sign_pair);
    struct slice before = {NULL, 0};

    out->headers = pairs;
    while (names.len != 0) {
        size_t end = slice_find(names, ';');
        struct slice name = slice_head(names, end);
        struct slice value;

        if (slice_cmp(name, before) <= 0) {
            return incomplete(err, "SignedHeaders must be sorted, each of them once");
        }
        before = name;
        value = joined_values(r, name, a);
        if (value.ptr == NULL) {
            return err_set(err, ERR_SIGNATURE_INVALID, "The signed header '%.*s' is missing",
                           SLICE_FMT(slice_head(name, 100)));
        }
        pairs[out->header_count++] = (struct sign_pair){name, value};
        names = slice_from(names, end + 1);
    }
    return OK;
}

static enum err_code check_signed(const struct http_request *r, struct slice names, struct err *err)
{
    if (!is_signed(names, SLICE("host"))) {
        return err_set(err, ERR_SIGNATURE_INVALID, "'Host' must be a 'SignedHeader'");
    }
    for (size_t i = 0; i < r->header_count; i++) {
        struct slice name = r->headers[i].name;

        if (slice_starts_with(name, SLICE("x-amz-")) && !is_signed(names, name)) {
            return err_set(err, ERR_SIGNATURE_INVALID, "'%.*s' must be a 'SignedHeader'",
                           SLICE_FMT(slice_head(name, 100)));
        }
    }
    return OK;
}

/* The hash that was signed; it must be the body's. */
static enum err_code
payload_hash(const struct http_request *r, struct arena *a, struct slice *out, struct err *err)
{
    struct slice said = http_header(r, "x-amz-content-sha256");
    char *hash;

    if (slice_eq_str(said, "UNSIGNED-PAYLOAD")) {
        *out = said;
        return OK;
    }
    hash = arena_alloc(a, SIGN_HEX_BYTES);
    sign_hash(r->body, hash);
    *out = slice_make(hash, SIGN_HEX_BYTES);
    if (said.ptr != NULL && !slice_eq(said, *out)) {
        return err_set(err, ERR_SIGNATURE_INVALID,
                       "The provided 'x-amz-content-sha256' header does not match what was "
                       "computed");
    }
    return OK;
}

/* ---- the check ---- */

static enum err_code check_time(const struct sigv4_claim *c, int64_t now_ms, struct err *err)
{
    char now[SIGN_TIME_BYTES];
    int64_t until_ms = c->time_ms + (c->presigned ? c->expires_ms : LIMIT_HTTP_SKEW_MS);

    if (now_ms <= until_ms && c->time_ms - now_ms <= LIMIT_HTTP_SKEW_MS) {
        return OK;
    }
    sign_time(now_ms, now);
    if (now_ms > until_ms) {
        return err_set(err, ERR_SIGNATURE_INVALID,
                       "Signature expired: %.*s is now earlier than what %.*s allows (%s)",
                       SLICE_FMT(c->time), SIGN_TIME_BYTES, now,
                       c->presigned ? "X-Amz-Expires" : "5 min.");
    }
    return err_set(err, ERR_SIGNATURE_INVALID,
                   "Signature not yet current: %.*s is still later than %.*s + 5 min.",
                   SLICE_FMT(c->time), SIGN_TIME_BYTES, now);
}

static enum err_code canonical_request(const struct http_request *r,
                                       const struct sigv4_claim *c,
                                       struct arena *a,
                                       struct slice *out,
                                       struct err *err)
{
    struct slice path = target_path(r->target);
    size_t mark = slice_find(path, '?');
    struct sign_request s = {.method = r->method};
    struct parameters q;
    enum err_code rc = check_signed(r, c->signed_headers, err);

    if (rc == OK && !query_parse(slice_from(path, mark + 1), a, &q)) {
        rc = incomplete(err, "the query of the request cannot be read");
    }
    if (rc == OK) {
        rc = signed_pairs(r, c->signed_headers, a, &s, err);
    }
    if (rc == OK) {
        rc = payload_hash(r, a, &s.payload_hash, err);
    }
    if (rc == OK) {
        s.path = canonical_path(slice_head(path, mark), a);
        s.query = canonical_query(&q, a);
        *out = sign_canonical(&s, a);
    }
    return rc;
}

enum err_code sigv4_check(const struct http_request *r,
                          const struct sigv4_claim *claim,
                          const struct sign_mac *key,
                          struct slice service,
                          int64_t now_ms,
                          struct arena *a,
                          struct err *err)
{
    const struct sign_scope scope = sigv4_scope(claim);
    char expected[SIGN_HEX_BYTES];
    struct slice canonical;
    enum err_code rc = OK;

    if (!slice_eq(claim->service, service)) {
        rc = err_set(err, ERR_SIGNATURE_INVALID,
                     "Credential should be scoped to correct service: '%.*s'.", SLICE_FMT(service));
    }
    if (rc == OK) {
        rc = check_time(claim, now_ms, err);
    }
    if (rc == OK) {
        rc = canonical_request(r, claim, a, &canonical, err);
    }
    if (rc != OK) {
        return rc;
    }
    sign_signature(key, &scope, claim->time, canonical, a, expected);
    if (CRYPTO_memcmp(expected, claim->signature.ptr, SIGN_HEX_BYTES) != 0) {
        return err_set(err, ERR_SIGNATURE_INVALID,
                       "The request signature we calculated does not match the signature you "
                       "provided. Check your AWS Secret Access Key and signing method. Consult "
                       "the service documentation for details.");
    }
    return OK;
}
