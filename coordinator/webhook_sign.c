/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/webhook_sign.h"

#include <assert.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "proto/base/text.h"

/* The bytes behind "whsec_", or the secret itself. */
static struct slice key_of(struct slice secret, struct arena *a)
{
    struct slice coded = slice_from(secret, 6);
    uint8_t *bytes = arena_alloc(a, coded.len);
    size_t len;

    if (slice_starts_with(secret, SLICE("whsec_")) &&
        text_parse_base64(coded, bytes, coded.len, &len)) {
        return slice_make(bytes, len);
    }
    return secret;
}

const char *webhook_sign(struct slice secret,
                         const char *id,
                         const char *timestamp,
                         struct slice body,
                         struct arena *a)
{
    struct slice signed_text = arena_printf(a, "%s.%s.%.*s", id, timestamp, SLICE_FMT(body));
    struct slice key = key_of(secret, a);
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    const unsigned char *done =
        HMAC(EVP_sha256(), key.ptr, (int)key.len, (const unsigned char *)signed_text.ptr,
             signed_text.len, mac, &len);

    assert(key.len <= INT_MAX && done != NULL);
    (void)done;
    return arena_str(a,
                     arena_printf(a, "v1,%.*s", SLICE_FMT(text_base64(slice_make(mac, len), a))));
}
