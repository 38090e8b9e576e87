/* SPDX-License-Identifier: Apache-2.0 */
/* nng's framing: read whole and in two pieces, any bytes give the same frames. */
#include <assert.h>

#include "coordinator/link/sp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Frames' bytes one behind the other, in `out`. */
static void read_all(struct sp_reader *r, struct slice bytes, struct buf *out)
{
    enum sp_event event = SP_MORE;

    do {
        bytes = slice_from(bytes, sp_feed(r, bytes, &event));
        if (event == SP_FRAME) {
            struct buf frame = sp_take(r);

            buf_put_slice(out, buf_slice(&frame));
            buf_fini(&frame);
        }
    } while (event != SP_MORE && event != SP_BAD);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice all = slice_make(data, size);
    size_t cut = size != 0 ? data[size - 1] % size : 0;
    struct buf once = {0};
    struct buf twice = {0};
    struct sp_reader a;
    struct sp_reader b;

    sp_reader_init(&a);
    sp_reader_init(&b);
    read_all(&a, all, &once);
    read_all(&b, slice_head(all, cut), &twice);
    read_all(&b, slice_from(all, cut), &twice);
    assert(slice_eq(buf_slice(&once), buf_slice(&twice)) && a.phase == b.phase);
    sp_reader_fini(&a);
    sp_reader_fini(&b);
    buf_fini(&once);
    buf_fini(&twice);
    return 0;
}
