/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api/code.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

struct code code_of(struct slice key, struct slice text)
{
    struct code code;
    unsigned len = sizeof(code.bytes);
    const unsigned char *done = HMAC(EVP_sha256(), key.ptr, (int)key.len,
                                     (const unsigned char *)text.ptr, text.len, code.bytes, &len);

    assert(done != NULL && len == sizeof(code.bytes));
    (void)done;
    return code;
}
