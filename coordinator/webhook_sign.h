/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of webhooks, as the Standard Webhooks specification has them: HMAC-SHA256 over
 * "ID.TIMESTAMP.BODY", in Base64. A secret "whsec_..." is Base64 of the key; any other is the key.
 *
 * Source: standardwebhooks.com, spec/standard-webhooks.md, "Webhook signatures". */
#ifndef STEPFLEET_COORDINATOR_WEBHOOK_SIGN_H
#define STEPFLEET_COORDINATOR_WEBHOOK_SIGN_H

#include "proto/base/arena.h"

/* "v1,BASE64", with its null byte. */
const char *webhook_sign(struct slice secret,
                         const char *id,
                         const char *timestamp,
                         struct slice body,
                         struct arena *a);

#endif
