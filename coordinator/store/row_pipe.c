/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/row_pipe.h"

#include "coordinator/store/row.h"

enum { ROW_VERSION = 1 };

void pipe_row_encode(const struct pipe_row *r, struct buf *out)
{
    buf_put_u8(out, ROW_VERSION);
    buf_put_u8(out, (uint8_t)r->state);
    buf_put_u8(out, r->wanted);
    buf_put_svarint(out, r->created_ms);
    buf_put_svarint(out, r->updated_ms);
    buf_put_bytes(out, r->source);
    buf_put_bytes(out, r->target);
    buf_put_bytes(out, r->role);
    buf_put_bytes(out, r->description);
    buf_put_bytes(out, r->source_parameters);
    buf_put_bytes(out, r->target_parameters);
    buf_put_bytes(out, r->logging);
    buf_put_bytes(out, r->reason);
}

enum err_code pipe_row_decode(struct slice bytes, struct pipe_row *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    struct pipe_row r = {0};
    enum err_code rc = row_begin(&c, "pipe", ROW_VERSION, NULL, err);
    uint8_t state;

    if (rc != OK) {
        return rc;
    }
    state = cursor_u8(&c);
    r.wanted = cursor_u8(&c) != 0;
    r.created_ms = cursor_svarint(&c);
    r.updated_ms = cursor_svarint(&c);
    r.source = cursor_bytes(&c);
    r.target = cursor_bytes(&c);
    r.role = cursor_bytes(&c);
    r.description = cursor_bytes(&c);
    r.source_parameters = cursor_bytes(&c);
    r.target_parameters = cursor_bytes(&c);
    r.logging = cursor_bytes(&c);
    r.reason = cursor_bytes(&c);
    c.bad = c.bad || state < PIPE_CREATING || state >= PIPE_STATES;
    r.state = (enum pipe_state)state;
    rc = row_end(&c, "pipe", err);
    if (rc == OK) {
        *out = r;
    }
    return rc;
}
