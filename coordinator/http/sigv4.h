/* SPDX-License-Identifier: Apache-2.0 */
/* Signature Version 4, checked: in the Authorization header, or in the query of a presigned URL.
 * Pure: the time is an argument, memory comes from the arena; only OpenSSL's digests are used.
 *
 * First who says it is (sigv4_read), then, with that one's key, whether it is so (sigv4_check).
 * Host and every x-amz-* header must be signed: what decides must not be changeable on the way. The
 * body is part of what is signed, unless x-amz-content-sha256 says UNSIGNED-PAYLOAD.
 *
 * Source: AWS IAM user guide, "Create a signed AWS API request"; AWS common errors. */
#ifndef STEPFLEET_HTTP_SIGV4_H
#define STEPFLEET_HTTP_SIGV4_H

#include "client/s3/sign.h"
#include "coordinator/http/http.h"
#include "proto/base/arena.h"

struct sigv4_claim {
    struct slice access_key;
    struct slice date; /* of the scope */
    struct slice region;
    struct slice service;
    struct slice signed_headers; /* "host;x-amz-date" */
    struct slice signature;
    struct slice time; /* "20150830T123600Z" */
    int64_t time_ms;
    bool presigned;
    int64_t expires_ms; /* presigned: after time_ms */
};

/* ERR_SIGNATURE_MISSING: it is not signed at all; ERR_SIGNATURE_INCOMPLETE: a part is missing or
 * cannot be read. In AWS's words. */
enum err_code
sigv4_read(const struct http_request *r, struct arena *a, struct sigv4_claim *out, struct err *err);
/* Where it says it is good for: what its key is made for. */
static inline struct sign_scope sigv4_scope(const struct sigv4_claim *c)
{
    return (struct sign_scope){c->date, c->region, c->service};
}
/* ERR_SIGNATURE_INVALID: of another time, for another service, or not by that key;
 * ERR_SIGNATURE_INCOMPLETE: what is signed is listed out of order, or twice. */
enum err_code sigv4_check(const struct http_request *r,
                          const struct sigv4_claim *claim,
                          const struct sign_mac *key,
                          struct slice service,
                          int64_t now_ms,
                          struct arena *a,
                          struct err *err);

#endif
