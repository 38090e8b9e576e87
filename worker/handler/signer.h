/* SPDX-License-Identifier: Apache-2.0 */
/* Presigned URLs of one task, where its worker has none of the store's keys: asked of the
 * coordinator under the task's lease, and kept until a quarter of their time is left.
 *
 * An object's URL is good for all of its ranges. Parts of an upload are asked for ahead, as many at
 * once as have gone before, so that a small output costs one signature and a large one no round
 * trip a part. Belongs to the task's thread. URLs are secrets, and are in no message. Source:
 * PROTOCOL.md, WORKER_SIGN. */
#ifndef STEPFLEET_WORKER_SIGNER_H
#define STEPFLEET_WORKER_SIGNER_H

#include "client/s3/s3.h"
#include "worker/handler/handler.h"

enum {
    SIGNER_PARTS = 32, /* asked for at once */
    SIGNER_URLS = 128, /* kept; then all are forgotten, and asked for again */
};

struct signed_url {
    struct slice request; /* as it was asked for */
    struct slice url;
    int64_t until_ms; /* monotonic */
};

struct signer {
    struct s3_signer base;
    struct handler_host *host;
    struct lease_token token;
    struct arena texts;
    struct signed_url urls[SIGNER_URLS];
    size_t count;
};

void signer_init(struct signer *s, struct handler_host *host, struct lease_token token);
void signer_fini(struct signer *s);

#endif
