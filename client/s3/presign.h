/* SPDX-License-Identifier: Apache-2.0 */
/* Presigned URLs: a request that whoever has the URL may make until it expires, without the keys.
 * Pure but for the digests: the time is an argument.
 *
 * Covered are the method, the host, the path, the query and all headers of the request, which must
 * be sent with it as they are; and of a body its hash, where the request names one, else none.
 * Such a URL is a secret for as long as it is good: it is never logged. Source: AWS S3 API
 * reference, "Authenticating Requests: Using Query Parameters". */
#ifndef STEPFLEET_S3_PRESIGN_H
#define STEPFLEET_S3_PRESIGN_H

#include "client/s3/request.h"

struct s3_config;

struct presigner {
    struct request_site site;
    char *text;                 /* what the site points into */
    char date[SIGN_DATE_BYTES]; /* of `key` */
    struct sign_mac key;
};

/* With the keys of the configuration. presigner_fini() afterwards, on failure too. */
enum err_code presigner_init(struct presigner *p, const struct s3_config *config, struct err *err);
void presigner_fini(struct presigner *p);
/* Good for `seconds`, 1 .. LIMIT_HTTP_PRESIGNED_SECONDS. */
struct slice presign(struct presigner *p,
                     const struct request *r,
                     int64_t now_ms,
                     unsigned seconds,
                     struct arena *a);

#endif
