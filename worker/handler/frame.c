/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/handler/frame.h"

#include <assert.h>

void frame_put_head(enum frame_type type, size_t payload_bytes, struct buf *out)
{
    assert(payload_bytes <= FRAME_PAYLOAD_BYTES);
    buf_put_u8(out, (uint8_t)type);
    buf_put_u32le(out, (uint32_t)payload_bytes);
}

void frame_put(enum frame_type type, struct slice payload, struct buf *out)
{
    frame_put_head(type, payload.len, out);
    buf_put_slice(out, payload);
}

void frame_reader_init(struct frame_reader *r, bool has_data)
{
    *r = (struct frame_reader){.has_data = has_data};
}

/* ---- The head ---- */

static enum err_code check_type(const struct frame_reader *r, struct err *err)
{
    unsigned char type = r->head[0];

    switch ((enum frame_type)type) {
    case FRAME_NOTE:
    case FRAME_SUBMITTED:
    case FRAME_RESULT:
    case FRAME_FAILURE: return OK;
    case FRAME_DATA:
        return r->has_data
                   ? OK
                   : err_set(err, ERR_MESSAGE, "it wrote DATA, which an event's task has none of");
    case FRAME_BEGIN:
    case FRAME_EVENT:
    case FRAME_END: break;
    }
    return type > ' ' && type < 0x7f
               ? err_set(err, ERR_MESSAGE, "it wrote '%c' (0x%02x), which begins no frame", type,
                         type)
               : err_set(err, ERR_MESSAGE, "it wrote 0x%02x, which begins no frame", type);
}

static enum err_code take_length(struct frame_reader *r, struct err *err)
{
    struct cursor c = cursor_make(slice_make(r->head + 1, sizeof(r->head) - 1));

    r->left = cursor_u32le(&c);
    return r->left <= FRAME_PAYLOAD_BYTES
               ? OK
               : err_set(err, ERR_MESSAGE,
                         "it wrote a frame '%c' of %u bytes, which has %d at most", r->head[0],
                         r->left, FRAME_PAYLOAD_BYTES);
}

static enum err_code take_head(struct frame_reader *r, struct slice *in, struct err *err)
{
    enum err_code rc = OK;

    while (rc == OK && r->have < FRAME_HEAD_BYTES && in->len != 0) {
        r->head[r->have++] = (unsigned char)in->ptr[0];
        *in = slice_from(*in, 1);
        if (r->have == 1) { /* at once: no more may come */
            rc = check_type(r, err);
        } else if (r->have == FRAME_HEAD_BYTES) {
            rc = take_length(r, err);
        }
    }
    return rc;
}

/* ---- The payload ---- */

static void pass(struct frame_reader *r, size_t bytes)
{
    r->left -= (uint32_t)bytes;
    if (r->left == 0) {
        r->have = 0;
        r->over = r->head[0] == FRAME_RESULT || r->head[0] == FRAME_FAILURE;
    }
}

enum frame_found
frame_next(struct frame_reader *r, struct slice *in, struct frame_piece *out, struct err *err)
{
    if (r->over && in->len != 0) {
        (void)err_set(err, ERR_MESSAGE, "it wrote on after the task's end");
        return FRAME_WRONG;
    }
    if (take_head(r, in, err) != OK) {
        return FRAME_WRONG;
    }
    if (r->have < FRAME_HEAD_BYTES || (in->len == 0 && r->left != 0)) {
        return FRAME_NOTHING;
    }
    *out = (struct frame_piece){
        .type = (enum frame_type)r->head[0],
        .bytes = slice_head(*in, r->left),
    };
    *in = slice_from(*in, out->bytes.len);
    pass(r, out->bytes.len);
    out->last = r->have == 0;
    return FRAME_PIECE;
}

size_t frame_data_ahead(const struct frame_reader *r)
{
    return r->have == FRAME_HEAD_BYTES && r->head[0] == FRAME_DATA ? r->left : 0;
}

void frame_data_passed(struct frame_reader *r, size_t bytes)
{
    assert(bytes <= frame_data_ahead(r));
    if (bytes != 0) {
        pass(r, bytes);
    }
}
