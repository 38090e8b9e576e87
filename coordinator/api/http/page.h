/* SPDX-License-Identifier: Apache-2.0 */
/* The tokens of pages as clients over HTTP see them: where the list goes on, for which request,
 * since when, and a code under the coordinator's key. One that was changed, is of another request
 * or is older than a day is refused. Pure but for OpenSSL's digests.
 *
 *   Base64 without '+', '/' and '=':  time u64, inner token, first 16 bytes of the code
 */
#ifndef STEPFLEET_API_HTTP_PAGE_H
#define STEPFLEET_API_HTTP_PAGE_H

#include "coordinator/api/code.h"
#include "proto/base/arena.h"
#include "proto/wire.h"

/* Which request it is, whatever page of it: all of it but next_token and max_results. */
struct page_context {
    bool pages; /* it has any */
    struct code code;
};

/* Of a request message; its next_token, where there is one, becomes the inner one.
 * ERR_INVALID_TOKEN. */
enum err_code page_read(struct slice key,
                        unsigned method,
                        ProtobufCMessage *request,
                        int64_t now_ms,
                        struct arena *a,
                        struct page_context *out,
                        struct err *err);
/* The token for a client; an empty inner one stays so. */
struct slice page_token(struct slice key,
                        const struct page_context *c,
                        struct slice inner,
                        int64_t now_ms,
                        struct arena *a);
/* The next_token of a reply message; NULL: it has none. */
char **page_token_of(const ProtobufCMessage *m);

#endif
