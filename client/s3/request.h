/* SPDX-License-Identifier: Apache-2.0 */
/* One request to an S3 server as text: URL and signed header lines; or a presigned URL, and the
 * header lines it covers. Pure but for a site's signer: the time is an argument, memory comes from
 * the arena. Path-style addressing; the path is encoded here, once, and must be
 * sent as it is. Secrets stay in the site and in the Authorization line; neither is ever put in a
 * message. */
#ifndef STEPFLEET_S3_REQUEST_H
#define STEPFLEET_S3_REQUEST_H

#include "client/s3/sign.h"
#include "proto/base/err.h"

enum {
    REQUEST_QUERY_MAX = 6,
    REQUEST_HEADERS_MAX = 6,
};

struct s3_signer;

/* A server and who we are there; slices are the caller's and must outlive the site. */
struct request_site {
    struct slice origin; /* "https://host:port" */
    struct slice host;   /* "host:port" as the Host header says it */
    struct slice base;   /* path before the bucket: "" or "/base" */
    bool tls;            /* https */
    bool loopback;       /* this machine, by its address or as localhost */
    struct sign_keys keys;
    struct slice session_token; /* empty: none */
    bool sign_payload; /* of what is sent: neither TLS nor loopback protects it, or so asked */
    struct s3_signer *signer; /* has the keys; NULL: `keys` are they */
};

struct request {
    const char *method;
    struct slice bucket; /* empty: the service itself */
    struct slice key;    /* empty: the bucket itself */
    struct sign_pair query[REQUEST_QUERY_MAX];
    size_t query_count;
    struct sign_pair headers[REQUEST_HEADERS_MAX]; /* names in lower case; values checked */
    size_t header_count;
    struct slice payload_hash; /* empty: that of no body */
};

struct request_wire {
    char *url;
    char **lines; /* "name: value", line_count of them */
    size_t line_count;
};

/* Take "http[s]://host[:port][/base]" apart. ERR_CONFIG: not that, or with credentials in it. */
enum err_code request_site_parse(struct slice endpoint, struct request_site *out, struct err *err);

void request_add_query(struct request *r, struct slice name, struct slice value);
void request_add_header(struct request *r, struct slice name, struct slice value);
/* Fails only where a signer signs: as it does, or ERR_CONFIG where it signs for another server. */
enum err_code request_build(const struct request_site *site,
                            const struct request *r,
                            int64_t now_ms,
                            struct arena *a,
                            struct request_wire *out,
                            struct err *err);
/* "/base/bucket/key", encoded. */
struct slice
request_path(const struct request_site *site, const struct request *r, struct arena *a);

/* What may stand in a header line: visible ASCII and inner blanks. */
bool request_is_header_value(struct slice s);

#endif
