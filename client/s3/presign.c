/* SPDX-License-Identifier: Apache-2.0 */
#include "client/s3/presign.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <string.h>

#include "client/s3/site.h"
#include "proto/base/limits.h"

enum {
    PRESIGN_QUERY_MAX = REQUEST_QUERY_MAX + 6,
    PRESIGN_HEADERS_MAX = REQUEST_HEADERS_MAX + 2,
};

enum err_code presigner_init(struct presigner *p, const struct s3_config *config, struct err *err)
{
    *p = (struct presigner){.text = NULL};
    assert(!config->keyless);
    return site_open(config, &p->site, &p->text, err);
}

void presigner_fini(struct presigner *p)
{
    mem_free(p->text);
    OPENSSL_cleanse(p, sizeof(*p));
}

/* The day's key is made once a day. */
static const struct sign_mac *
presign_key(struct presigner *p, const struct sign_scope *scope, struct arena *a)
{
    if (memcmp(p->date, scope->date.ptr, sizeof(p->date)) != 0) {
        p->key = sign_key(p->site.keys.secret_key, scope, a);
        memcpy(p->date, scope->date.ptr, sizeof(p->date));
    }
    return &p->key;
}

static size_t presign_headers(const struct presigner *p,
                              const struct request *r,
                              struct sign_pair out[PRESIGN_HEADERS_MAX])
{
    size_t n = 0;

    out[n++] = (struct sign_pair){SLICE("host"), p->site.host};
    for (size_t i = 0; i < r->header_count; i++) {
        out[n++] = r->headers[i];
    }
    if (r->payload_hash.len != 0) {
        out[n++] = (struct sign_pair){SLICE("x-amz-content-sha256"), r->payload_hash};
    }
    return n;
}

/* The request's own query and what says who signed it, and until when. */
static struct slice presign_query(const struct presigner *p,
                                  const struct request *r,
                                  const struct sign_request *s,
                                  const struct sign_scope *scope,
                                  unsigned seconds,
                                  struct arena *a)
{
    struct sign_pair pairs[PRESIGN_QUERY_MAX];
    struct slice credential = arena_printf(a, "%.*s/%.*s", SLICE_FMT(p->site.keys.access_key),
                                           SLICE_FMT(sign_scope_text(scope, a)));
    size_t n = 0;

    for (size_t i = 0; i < r->query_count; i++) {
        pairs[n++] = r->query[i];
    }
    pairs[n++] = (struct sign_pair){SLICE("X-Amz-Algorithm"), SLICE("AWS4-HMAC-SHA256")};
    pairs[n++] = (struct sign_pair){SLICE("X-Amz-Credential"), credential};
    pairs[n++] = (struct sign_pair){SLICE("X-Amz-Date"), slice_make(s->time, sizeof(s->time))};
    pairs[n++] = (struct sign_pair){SLICE("X-Amz-Expires"), arena_printf(a, "%u", seconds)};
    pairs[n++] = (struct sign_pair){SLICE("X-Amz-SignedHeaders"), sign_names(s, a)};
    if (p->site.session_token.len != 0) {
        pairs[n++] = (struct sign_pair){SLICE("X-Amz-Security-Token"), p->site.session_token};
    }
    return sign_query(pairs, n, a);
}

struct slice presign(struct presigner *p,
                     const struct request *r,
                     int64_t now_ms,
                     unsigned seconds,
                     struct arena *a)
{
    struct sign_pair headers[PRESIGN_HEADERS_MAX];
    struct sign_request s = {.method = slice_str(r->method), .headers = headers};
    const struct sign_scope scope = {
        .date = slice_make(s.time, SIGN_DATE_BYTES),
        .region = p->site.keys.region,
        .service = SLICE("s3"),
    };
    char signature[SIGN_HEX_BYTES];

    assert(seconds >= 1 && seconds <= LIMIT_HTTP_PRESIGNED_SECONDS);
    sign_time(now_ms, s.time);
    s.header_count = presign_headers(p, r, headers);
    s.payload_hash = r->payload_hash.len != 0 ? r->payload_hash : sign_unsigned_payload;
    s.path = request_path(&p->site, r, a);
    s.query = presign_query(p, r, &s, &scope, seconds, a);
    sign_signature(presign_key(p, &scope, a), &scope, slice_make(s.time, sizeof(s.time)),
                   sign_canonical(&s, a), a, signature);
    return arena_printf(a, "%.*s%.*s?%.*s&X-Amz-Signature=%.*s", SLICE_FMT(p->site.origin),
                        SLICE_FMT(s.path), SLICE_FMT(s.query), SIGN_HEX_BYTES, signature);
}
