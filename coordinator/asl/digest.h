/* SPDX-License-Identifier: Apache-2.0 */
/* The digests of States.Hash, for data that is small: whole text in, digest out. Not for secrets.
 * Source: RFC 1321 (MD5), FIPS 180-4 (SHA). */
#ifndef STEPFLEET_ASL_DIGEST_H
#define STEPFLEET_ASL_DIGEST_H

#include "proto/base/slice.h"

enum { DIGEST_BYTES_MAX = 64 };

/* `algorithm`: MD5, SHA-1, SHA-256, SHA-384, SHA-512. Bytes of the digest; 0 for any other name. */
size_t digest_compute(struct slice algorithm, struct slice data, uint8_t out[DIGEST_BYTES_MAX]);

#endif
