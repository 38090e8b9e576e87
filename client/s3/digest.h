/* SPDX-License-Identifier: Apache-2.0 */
/* A digest fed piece by piece, over OpenSSL's EVP. */
#ifndef STEPFLEET_S3_DIGEST_H
#define STEPFLEET_S3_DIGEST_H

#include <assert.h>
#include <openssl/evp.h>

#include "proto/base/arena.h"
#include "proto/base/slice.h"

enum { DIGEST_BYTES_MAX = EVP_MAX_MD_SIZE };

struct digest {
    EVP_MD_CTX *ctx; /* NULL before the first begin */
};

static inline void digest_begin(struct digest *d, const EVP_MD *kind)
{
    int ok;

    if (d->ctx == NULL) {
        d->ctx = EVP_MD_CTX_new();
        if (d->ctx == NULL) {
            die_no_memory(sizeof(*d));
        }
    }
    ok = EVP_DigestInit_ex(d->ctx, kind, NULL);
    assert(ok == 1);
}

static inline void digest_add(struct digest *d, struct slice s)
{
    int ok = EVP_DigestUpdate(d->ctx, s.ptr, s.len);

    assert(ok == 1);
}

/* Bytes of the digest. */
static inline size_t digest_end(struct digest *d, unsigned char out[DIGEST_BYTES_MAX])
{
    unsigned len = 0;
    int ok = EVP_DigestFinal_ex(d->ctx, out, &len);

    assert(ok == 1);
    return len;
}

static inline void digest_fini(struct digest *d)
{
    EVP_MD_CTX_free(d->ctx);
    d->ctx = NULL;
}

#endif
