/* SPDX-License-Identifier: Apache-2.0 */
/* Codes under the coordinator's key: what bears one was made here, and tells nothing of the key.
 * Pure but for OpenSSL's digests. */
#ifndef STEPFLEET_API_CODE_H
#define STEPFLEET_API_CODE_H

#include "proto/base/slice.h"

enum { CODE_BYTES = 32 };

struct code {
    uint8_t bytes[CODE_BYTES];
};

/* HMAC-SHA256. */
struct code code_of(struct slice key, struct slice text);

#endif
