/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/row_pipe.h"

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

static enum err_code check_version(struct cursor *c, struct err *err)
{
    uint8_t version = cursor_u8(c);

    if (c->bad || version == 0) {
        return err_set(err, ERR_CORRUPT, "a pipe row has no format version");
    }
    if (version > ROW_VERSION) {
        return err_set(err, ERR_VERSION,
                       "a pipe row has format version %u, this program knows up to %u",
                       (unsigned)version, (unsigned)ROW_VERSION);
    }
    return OK;
}

enum err_code pipe_row_decode(struct slice bytes, struct pipe_row *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    struct pipe_row r = {0};
    enum err_code rc = check_version(&c, err);
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
    if (c.bad || !cursor_done(&c) || state < PIPE_CREATING || state >= PIPE_STATES) {
        return err_set(err, ERR_CORRUPT, "a pipe row is malformed");
    }
    r.state = (enum pipe_state)state;
    *out = r;
    return OK;
}
