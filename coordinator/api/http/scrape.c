/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api/http/scrape.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/limits.h"
#include "proto/host/log.h"

enum { TOKEN_CHARS_MIN = 16 }; /* what is shorter can be tried out */

struct tokens {
    char text[LIMIT_METRICS_TOKENS_BYTES];
    size_t len;
};

static enum err_code tokens_read(const char *path, struct tokens *out, struct err *err)
{
    FILE *f = fopen(path, "re");
    bool bad;

    if (f == NULL) {
        return err_set(err, ERR_CONFIG, "metrics_tokens = %s: %s", path, strerror(errno));
    }
    out->len = fread(out->text, 1, sizeof(out->text), f);
    bad = ferror(f) != 0;
    (void)fclose(f);
    if (bad) {
        return err_set(err, ERR_CONFIG, "metrics_tokens = %s: it cannot be read", path);
    }
    if (out->len == sizeof(out->text)) {
        return err_set(err, ERR_CONFIG, "metrics_tokens = %s: more than %d bytes", path,
                       LIMIT_METRICS_TOKENS_BYTES - 1);
    }
    return OK;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct slice trim(struct slice s)
{
    while (s.len != 0 && is_space(s.ptr[0])) {
        s = slice_from(s, 1);
    }
    while (s.len != 0 && is_space(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

/* The next line that is neither empty nor a comment; false: there is none. */
static bool next_token(struct slice *rest, struct slice *out)
{
    while (rest->len != 0) {
        const char *end = memchr(rest->ptr, '\n', rest->len);
        size_t len = end != NULL ? (size_t)(end - rest->ptr) : rest->len;

        *out = trim(slice_make(rest->ptr, len));
        *rest = slice_from(*rest, end != NULL ? len + 1 : len);
        if (out->len != 0 && out->ptr[0] != '#') {
            return true;
        }
    }
    return false;
}

static enum err_code tokens_check(const char *path, struct err *err)
{
    struct tokens t;
    struct slice token;
    struct slice rest;
    size_t count = 0;
    enum err_code rc = tokens_read(path, &t, err);

    if (rc != OK) {
        return rc;
    }
    rest = slice_make(t.text, t.len);
    while (next_token(&rest, &token)) {
        if (token.len < TOKEN_CHARS_MIN) {
            return err_set(err, ERR_CONFIG,
                           "metrics_tokens = %s: a token has fewer than %d characters", path,
                           TOKEN_CHARS_MIN);
        }
        count++;
    }
    return count != 0 ? OK : err_set(err, ERR_CONFIG, "metrics_tokens = %s: no token", path);
}

enum err_code scrape_check(const struct scrape_access *access, bool local, struct err *err)
{
    if (access->mode == SCRAPE_OPEN && !local) {
        return err_set(err, ERR_CONFIG,
                       "metrics = open: only on loopback; beyond it, metrics = token");
    }
    if ((access->mode == SCRAPE_TOKEN) != (access->tokens != NULL)) {
        return err_set(err, ERR_CONFIG, "metrics = token and metrics_tokens belong together");
    }
    return access->mode == SCRAPE_TOKEN ? tokens_check(access->tokens, err) : OK;
}

bool scrape_is_asked(const struct scrape_access *access, const struct http_request *r)
{
    return access->mode != SCRAPE_OFF && slice_eq_str(r->method, "GET") &&
           slice_eq_str(r->target, "/metrics");
}

/* "Bearer TOKEN"; empty: there is none. */
static struct slice bearer(const struct http_request *r)
{
    static const char scheme[] = "bearer ";
    const size_t len = sizeof(scheme) - 1;
    struct slice s = http_header(r, "authorization");

    for (size_t i = 0; i < len; i++) {
        if (i >= s.len || (s.ptr[i] | 0x20) != scheme[i]) {
            return (struct slice){NULL, 0};
        }
    }
    return trim(slice_from(s, len));
}

/* By their hashes, so that neither length nor a common beginning can be told by the time. */
static bool same(struct slice a, struct slice b)
{
    unsigned char ha[SHA256_DIGEST_LENGTH];
    unsigned char hb[SHA256_DIGEST_LENGTH];

    (void)SHA256((const unsigned char *)a.ptr, a.len, ha);
    (void)SHA256((const unsigned char *)b.ptr, b.len, hb);
    return CRYPTO_memcmp(ha, hb, sizeof(ha)) == 0;
}

/* All tokens are looked at, whichever fits; one too short for tokens_check() fits nothing. */
static bool is_token(const struct tokens *t, struct slice given)
{
    struct slice rest = slice_make(t->text, t->len);
    struct slice token;
    bool found = false;

    while (next_token(&rest, &token)) {
        found = (same(token, given) && token.len >= TOKEN_CHARS_MIN) || found;
    }
    return found;
}

unsigned scrape_may(const struct scrape_access *access, const struct http_request *r)
{
    struct tokens t;
    struct slice given;
    struct err err;
    bool fits;

    if (access->mode == SCRAPE_OPEN) {
        return 200;
    }
    given = bearer(r);
    if (given.len == 0) {
        return 401;
    }
    if (tokens_read(access->tokens, &t, &err) != OK) {
        log_warn("metrics cannot be read by anybody: %s", err.msg);
        return 503;
    }
    fits = is_token(&t, given);
    OPENSSL_cleanse(&t, sizeof(t));
    return fits ? 200 : 401;
}

bool scrape_is_scale(const struct scrape_access *access, const struct http_request *r)
{
    const bool scale =
        slice_eq_str(r->method, "GET") &&
        (slice_eq_str(r->target, "/scale") || slice_starts_with(r->target, SLICE("/scale/")));

    switch (access->mode) {
    case SCRAPE_OFF: return false;
    case SCRAPE_OPEN: return scale;
    case SCRAPE_TOKEN: return scale && bearer(r).len != 0;
    }
    return false;
}
