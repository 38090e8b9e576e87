/* SPDX-License-Identifier: Apache-2.0 */
/* Signature Version 4 for S3: what the Authorization header of one request says; and its pieces,
 * for whoever checks a signature. Pure: the time is an argument, memory comes from the arena; only
 * OpenSSL's digests are used.
 *
 * Paths are encoded once (S3 differs from AWS's other services there), queries are encoded, sorted
 * and written with '=' even where the value is empty, header names are sorted as whole words.
 * Source: AWS S3 API reference, "Authenticating Requests: Using the Authorization Header". */
#ifndef STEPFLEET_S3_SIGN_H
#define STEPFLEET_S3_SIGN_H

#include "proto/base/arena.h"
#include "proto/base/slice.h"

enum {
    SIGN_HEX_BYTES = 64, /* a SHA-256 in hexadecimal */
    SIGN_MAC_BYTES = 32,
    SIGN_TIME_BYTES = 16, /* "20130524T000000Z" */
    SIGN_DATE_BYTES = 8,  /* of which the day is so much */
};

struct sign_pair {
    struct slice name;
    struct slice value;
};

struct sign_keys {
    struct slice access_key;
    struct slice secret_key;
    struct slice region;
};

struct sign_request {
    struct slice method;
    struct slice path;               /* as sent: encoded once */
    struct slice query;              /* as sign_query() wrote it; may be empty */
    const struct sign_pair *headers; /* all that are signed; names in lower case, any order */
    size_t header_count;
    struct slice payload_hash; /* hexadecimal, or UNSIGNED-PAYLOAD */
    char time[SIGN_TIME_BYTES];
};

/* The payload hash of an empty body, and what stands for one where the body is not covered. */
extern const struct slice sign_empty_hash;
extern const struct slice sign_unsigned_payload;

/* Percent-encode all but the unreserved characters, and '/' where keep_slash is false. */
struct slice sign_encode(struct slice s, bool keep_slash, struct arena *a);
/* The reverse, with '+' as a space; false where a '%' is not followed by two hexadecimal digits. */
bool sign_decode(struct slice s, struct arena *a, struct slice *out);
/* name=value&..., encoded and sorted: both what is signed and what is sent. */
struct slice sign_query(const struct sign_pair *pairs, size_t count, struct arena *a);
void sign_time(int64_t now_ms, char out[SIGN_TIME_BYTES]);
void sign_hash(struct slice body, char out[SIGN_HEX_BYTES]);
/* What a signature is good for: the day, YYYYMMDD, and where. */
struct sign_scope {
    struct slice date;
    struct slice region;
    struct slice service;
};
/* "20130524/us-east-1/s3/aws4_request" */
struct slice sign_scope_text(const struct sign_scope *scope, struct arena *a);
/* What signs all of a scope: worth keeping, it takes four of a signature's five HMACs. */
struct sign_mac {
    unsigned char bytes[SIGN_MAC_BYTES];
};
struct sign_mac sign_key(struct slice secret_key, const struct sign_scope *scope, struct arena *a);
/* The signature of a canonical request, in hexadecimal; any service's. */
void sign_signature(const struct sign_mac *key,
                    const struct sign_scope *scope,
                    struct slice time,
                    struct slice canonical,
                    struct arena *a,
                    char out[SIGN_HEX_BYTES]);
/* "host;x-amz-date": the signed headers' names */
struct slice sign_names(const struct sign_request *r, struct arena *a);
/* The text whose digest is signed; for tests and for finding out why a server disagrees. */
struct slice sign_canonical(const struct sign_request *r, struct arena *a);
/* The value of the Authorization header. */
struct slice
sign_authorization(const struct sign_keys *keys, const struct sign_request *r, struct arena *a);

#endif
