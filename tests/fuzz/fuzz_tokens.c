/* SPDX-License-Identifier: Apache-2.0 */
/* Files of tokens: whatever is read can be found, and says of each function whether it may be. */
#include <assert.h>

#include "coordinator/access/tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct tokens t;
    struct err err;

    if (tokens_parse(slice_make(data, size), &a, &t, &err) == OK) {
        for (size_t i = 0; i < t.count; i++) {
            assert(tokens_find(&t, t.rows[i].digest) == &t.rows[i]);
            (void)token_offers(&t.rows[i], SLICE("Stage1"));
        }
    }
    arena_fini(&a);
    return 0;
}
