/* SPDX-License-Identifier: Apache-2.0 */
#include "client/s3/request.h"

#include <assert.h>

#include "client/s3/s3.h"

/* Printable and without what would end a host name or begin a user's part. */
static bool request_is_host(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if (c <= ' ' || c >= 0x7f || c == '@' || c == '?' || c == '#' || c == '\\' || c == '"') {
            return false;
        }
    }
    return s.len > 0;
}

/* The Host header leaves out the scheme's own port, as HTTP clients do. */
static struct slice request_host(struct slice host, bool tls)
{
    struct slice port = tls ? SLICE(":443") : SLICE(":80");

    return slice_ends_with(host, port) ? slice_head(host, host.len - port.len) : host;
}

/* A name may begin with 127, too. */
static bool request_is_loopback(struct slice host)
{
    struct slice rest = slice_from(host, 4);

    if (slice_eq(host, SLICE("localhost")) || slice_starts_with(host, SLICE("localhost:"))) {
        return true;
    }
    if (slice_starts_with(host, SLICE("[::1]"))) {
        return host.len == 5 || host.ptr[5] == ':';
    }
    if (!slice_starts_with(host, SLICE("127."))) {
        return false;
    }
    rest = slice_head(rest, slice_find(rest, ':'));
    for (size_t i = 0; i < rest.len; i++) {
        if (rest.ptr[i] != '.' && (rest.ptr[i] < '0' || rest.ptr[i] > '9')) {
            return false;
        }
    }
    return true;
}

enum err_code request_site_parse(struct slice endpoint, struct request_site *out, struct err *err)
{
    bool tls = slice_starts_with(endpoint, SLICE("https://"));
    size_t scheme = tls ? 8 : 7;
    struct slice rest;
    size_t host;

    if (!tls && !slice_starts_with(endpoint, SLICE("http://"))) {
        return err_set(err, ERR_CONFIG, "the S3 endpoint must begin with http:// or https://");
    }
    while (slice_ends_with(endpoint, SLICE("/")) && endpoint.len > scheme) {
        endpoint.len--;
    }
    rest = slice_from(endpoint, scheme);
    host = slice_find(rest, '/');
    if (host == 0 || rest.ptr[0] == ':' || !request_is_host(rest)) {
        return err_set(err, ERR_CONFIG,
                       "the S3 endpoint must be http[s]://host[:port][/path], without credentials");
    }
    out->origin = slice_head(endpoint, scheme + host);
    out->host = request_host(slice_head(rest, host), tls);
    out->base = slice_from(rest, host);
    out->tls = tls;
    out->loopback = request_is_loopback(out->host);
    return OK;
}

void request_add_query(struct request *r, struct slice name, struct slice value)
{
    assert(r->query_count < REQUEST_QUERY_MAX);
    r->query[r->query_count++] = (struct sign_pair){name, value};
}

void request_add_header(struct request *r, struct slice name, struct slice value)
{
    assert(r->header_count < REQUEST_HEADERS_MAX);
    assert(request_is_header_value(value));
    r->headers[r->header_count++] = (struct sign_pair){name, value};
}

bool request_is_header_value(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if (c < ' ' || c >= 0x7f) {
            return false;
        }
    }
    return s.len == 0 || (s.ptr[0] != ' ' && s.ptr[s.len - 1] != ' ');
}

struct slice request_path(const struct request_site *site, const struct request *r, struct arena *a)
{
    struct slice bucket = sign_encode(r->bucket, false, a);
    struct slice key = sign_encode(r->key, true, a);

    return arena_printf(a, "%.*s/%.*s%s%.*s", SLICE_FMT(site->base), SLICE_FMT(bucket),
                        key.len != 0 ? "/" : "", SLICE_FMT(key));
}

enum { REQUEST_SIGNED_MAX = REQUEST_HEADERS_MAX + 4 };

/* All headers that are signed: ours and the caller's. */
static size_t request_headers(const struct request_site *site,
                              const struct request *r,
                              struct slice hash,
                              struct slice time,
                              struct sign_pair out[REQUEST_SIGNED_MAX])
{
    size_t n = 0;

    out[n++] = (struct sign_pair){SLICE("host"), site->host};
    out[n++] = (struct sign_pair){SLICE("x-amz-content-sha256"), hash};
    out[n++] = (struct sign_pair){SLICE("x-amz-date"), time};
    if (site->session_token.len != 0) {
        out[n++] = (struct sign_pair){SLICE("x-amz-security-token"), site->session_token};
    }
    for (size_t i = 0; i < r->header_count; i++) {
        out[n++] = r->headers[i];
    }
    return n;
}

static char *request_line(struct slice name, struct slice value, struct arena *a)
{
    struct slice line = arena_printf(a, "%.*s: %.*s", SLICE_FMT(name), SLICE_FMT(value));

    return arena_str(a, line);
}

static struct slice
request_url(const struct request_site *site, const struct sign_request *s, struct arena *a)
{
    return arena_printf(a, "%.*s%.*s%s%.*s", SLICE_FMT(site->origin), SLICE_FMT(s->path),
                        s->query.len != 0 ? "?" : "", SLICE_FMT(s->query));
}

/* With our own keys: the Authorization header vouches for all the others. */
static void request_authorize(const struct request_site *site,
                              const struct request *r,
                              int64_t now_ms,
                              struct arena *a,
                              struct request_wire *out)
{
    struct sign_pair headers[REQUEST_SIGNED_MAX];
    struct sign_request s = {.method = slice_str(r->method)};

    s.path = request_path(site, r, a);
    s.query = sign_query(r->query, r->query_count, a);
    s.payload_hash = r->payload_hash.len != 0 ? r->payload_hash : sign_empty_hash;
    sign_time(now_ms, s.time);
    s.headers = headers;
    s.header_count =
        request_headers(site, r, s.payload_hash, slice_make(s.time, sizeof(s.time)), headers);
    out->url = arena_str(a, request_url(site, &s, a));
    out->lines = ARENA_ARRAY(a, s.header_count + 1, char *);
    for (size_t i = 0; i < s.header_count; i++) {
        out->lines[i] = request_line(headers[i].name, headers[i].value, a);
    }
    out->lines[s.header_count] =
        request_line(SLICE("authorization"), sign_authorization(&site->keys, &s, a), a);
    out->line_count = s.header_count + 1;
}

/* What a presigned URL is to cover: of the headers only x-amz-*, so that a URL is good for every
 * range of its object; of the body its hash, where nothing else protects it. */
static struct request request_covered(const struct request_site *site, const struct request *r)
{
    struct request q = *r;

    q.header_count = 0;
    for (size_t i = 0; i < r->header_count; i++) {
        if (slice_starts_with(r->headers[i].name, SLICE("x-amz-"))) {
            q.headers[q.header_count++] = r->headers[i];
        }
    }
    if (!site->sign_payload || slice_eq(q.payload_hash, sign_unsigned_payload)) {
        q.payload_hash = SLICE("");
    }
    return q;
}

/* A URL of another place would take our data there. */
static enum err_code request_check_url(const struct request_site *site,
                                       const struct request *r,
                                       struct slice url,
                                       struct arena *a,
                                       struct err *err)
{
    struct slice wanted =
        arena_printf(a, "%.*s%.*s?", SLICE_FMT(site->origin), SLICE_FMT(request_path(site, r, a)));

    return slice_starts_with(url, wanted)
               ? OK
               : err_set(err, ERR_CONFIG,
                         "it was signed for another server than %.*s: the endpoint must be the "
                         "same wherever it is configured",
                         SLICE_FMT(site->origin));
}

static enum err_code request_presigned(const struct request_site *site,
                                       const struct request *r,
                                       struct arena *a,
                                       struct request_wire *out,
                                       struct err *err)
{
    struct request q = request_covered(site, r);
    struct slice url;
    size_t n = 0;
    enum err_code rc = site->signer->sign(site->signer, &q, a, &url, err);

    rc = rc != OK ? rc : request_check_url(site, r, url, a, err);
    if (rc != OK) {
        return rc;
    }
    out->url = arena_str(a, url);
    out->lines = ARENA_ARRAY(a, r->header_count + 1, char *);
    for (size_t i = 0; i < r->header_count; i++) {
        out->lines[n++] = request_line(r->headers[i].name, r->headers[i].value, a);
    }
    if (q.payload_hash.len != 0) {
        out->lines[n++] = request_line(SLICE("x-amz-content-sha256"), q.payload_hash, a);
    }
    out->line_count = n;
    return OK;
}

enum err_code request_build(const struct request_site *site,
                            const struct request *r,
                            int64_t now_ms,
                            struct arena *a,
                            struct request_wire *out,
                            struct err *err)
{
    if (site->signer != NULL) {
        return request_presigned(site, r, a, out, err);
    }
    request_authorize(site, r, now_ms, a, out);
    return OK;
}
