/* SPDX-License-Identifier: Apache-2.0 */
/* Any JSON as a stage's event: refused, or places whose keys stay below where they belong. */
#include <assert.h>
#include <string.h>

#include "proto/base/limits.h"
#include "proto/stage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_key(struct slice key)
{
    assert(key.len > 0 && key.len <= LIMIT_KEY_BYTES);
    for (;;) {
        size_t slash = slice_find(key, '/');
        struct slice part = slice_head(key, slash);

        assert(part.len > 0 && !slice_eq_str(part, ".") && !slice_eq_str(part, ".."));
        assert(memchr(part.ptr, '\0', part.len) == NULL);
        if (slash == key.len) {
            return;
        }
        key = slice_from(key, slash + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    const struct json_node *event;
    struct stage_places places = {0};
    struct err err = {0};
    enum err_code rc;

    if (json_parse(slice_make(data, size), &a, &event, &err) == OK) {
        rc = stage_find_places(event, &a, &places, &err);
        if (rc == OK) {
            check_key(places.output_key);
            assert(places.bucket.len > 0 && slice_find(places.bucket, '/') == places.bucket.len);
            if (places.input_key.len > 0) {
                check_key(places.input_key);
            }
        } else {
            assert(rc == ERR_VALIDATION && err.msg[0] != '\0');
        }
    }
    arena_fini(&a);
    return 0;
}
