/* SPDX-License-Identifier: Apache-2.0 */
/* What a persistent handler writes. The first byte says in what pieces its bytes come and whether
 * it has data, none of which may matter for what is read of them: payloads, their order, the error.
 */
#include <assert.h>

#include "worker/handler/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All that was read, in a form where two of the same are the same. */
static void note(const struct frame_piece *p, struct buf *out)
{
    if (p->bytes.len != 0 || p->last) {
        buf_put_slice(out, p->bytes);
    }
    if (p->last) {
        buf_put_u8(out, (uint8_t)p->type);
        buf_put_u8(out, 0);
    }
}

/* DATA that goes round the reader, as talk.c has it. */
static size_t pass_by(struct frame_reader *r, struct slice some, struct buf *out)
{
    size_t n = frame_data_ahead(r) < some.len ? frame_data_ahead(r) : some.len;
    bool last = n != 0 && n == frame_data_ahead(r);
    const struct frame_piece p = {FRAME_DATA, slice_head(some, n), last};

    frame_data_passed(r, n);
    note(&p, out);
    return n;
}

static bool read_all(struct slice in, size_t step, bool has_data, bool round, struct buf *out)
{
    struct frame_reader r;
    struct err err = {0};

    frame_reader_init(&r, has_data);
    while (in.len != 0) {
        struct slice some = slice_head(in, step);
        struct frame_piece piece;
        enum frame_found found;

        in = slice_from(in, some.len);
        if (round) {
            some = slice_from(some, pass_by(&r, some, out));
        }
        while ((found = frame_next(&r, &some, &piece, &err)) == FRAME_PIECE) {
            assert(piece.bytes.len <= FRAME_PAYLOAD_BYTES);
            assert(has_data || piece.type != FRAME_DATA);
            note(&piece, out);
        }
        if (found == FRAME_WRONG) {
            assert(err.code == ERR_MESSAGE && err.msg[0] != '\0');
            return false;
        }
        assert(some.len == 0);
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_from(slice_make(data, size), 1);
    bool has_data = size != 0 && (data[0] & 1) != 0;
    struct buf whole = {0};
    struct buf cut = {0};
    struct buf round = {0};

    if (size != 0) {
        size_t step = (size_t)(data[0] >> 1) + 1;
        bool well = read_all(in, size, has_data, false, &whole);

        assert(read_all(in, step, has_data, false, &cut) == well);
        assert(read_all(in, step, has_data, true, &round) == well);
        assert(slice_eq(buf_slice(&whole), buf_slice(&cut)));
        assert(slice_eq(buf_slice(&whole), buf_slice(&round)));
    }
    buf_fini(&whole);
    buf_fini(&cut);
    buf_fini(&round);
    return 0;
}
