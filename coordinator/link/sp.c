/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/link/sp.h"

#include "proto/base/limits.h"
#include "proto/wire.h"

enum {
    SP_REQ = 0x30,
    SP_REP = 0x31,
    SP_NUMBER_BYTES = 4,
};

static const char greeting_rep[SP_GREETING_BYTES] = {0, 'S', 'P', 0, 0, SP_REP, 0, 0};
static const char greeting_req[SP_GREETING_BYTES] = {0, 'S', 'P', 0, 0, SP_REQ, 0, 0};

void sp_reader_init(struct sp_reader *r)
{
    *r = (struct sp_reader){.phase = SP_GREETING, .want = SP_GREETING_BYTES};
}

void sp_reader_fini(struct sp_reader *r)
{
    buf_fini(&r->bytes);
}

static enum sp_event broken(struct sp_reader *r)
{
    r->phase = SP_BROKEN;
    return SP_BAD;
}

static void next_part(struct sp_reader *r, enum sp_phase phase, size_t want)
{
    r->phase = phase;
    r->want = want;
}

static void begin_part(struct sp_reader *r, enum sp_phase phase, size_t want)
{
    buf_reset(&r->bytes);
    next_part(r, phase, want);
}

static enum sp_event greeting_is_there(struct sp_reader *r)
{
    if (memcmp(r->bytes.ptr, greeting_req, sizeof(greeting_req)) != 0) {
        return broken(r);
    }
    begin_part(r, SP_LENGTH, SP_LENGTH_BYTES);
    return SP_GREETED;
}

/* A frame without a header of ours is nothing that could be answered. */
static enum sp_event length_is_there(struct sp_reader *r)
{
    struct cursor c = cursor_make(buf_slice(&r->bytes));
    uint64_t len = cursor_u64be(&c);

    if (len < SP_NUMBER_BYTES + WIRE_HEADER_BYTES || len > LIMIT_FRAME_BYTES) {
        return broken(r);
    }
    r->request = cursor_u32be(&c);
    r->frame_len = (size_t)len - SP_NUMBER_BYTES;
    begin_part(r, SP_HEADER, WIRE_HEADER_BYTES);
    return SP_MORE;
}

static enum sp_event header_is_there(struct sp_reader *r)
{
    size_t auth = envelope_auth_bytes(buf_slice(&r->bytes));

    if (auth > LIMIT_AUTH_BYTES || WIRE_HEADER_BYTES + auth > r->frame_len) {
        return broken(r);
    }
    next_part(r, SP_CREDENTIALS, WIRE_HEADER_BYTES + auth);
    return SP_MORE;
}

/* The part is whole. SP_MORE: go on. */
static enum sp_event part_is_there(struct sp_reader *r)
{
    switch (r->phase) {
    case SP_GREETING: return greeting_is_there(r);
    case SP_LENGTH: return length_is_there(r);
    case SP_HEADER: return header_is_there(r);
    case SP_CREDENTIALS: next_part(r, SP_BODY, r->frame_len); return SP_HEAD;
    case SP_BODY: return SP_FRAME;
    case SP_BROKEN: break;
    }
    return SP_BAD;
}

size_t sp_feed(struct sp_reader *r, struct slice bytes, enum sp_event *event)
{
    size_t taken = 0;

    *event = r->phase == SP_BROKEN ? SP_BAD : SP_MORE;
    while (*event == SP_MORE) {
        struct slice part = slice_head(slice_from(bytes, taken), r->want - r->bytes.len);

        buf_put_slice(&r->bytes, part);
        taken += part.len;
        if (r->bytes.len < r->want) {
            break;
        }
        *event = part_is_there(r);
    }
    return taken;
}

struct slice sp_frame(const struct sp_reader *r)
{
    return buf_slice(&r->bytes);
}

struct buf sp_take(struct sp_reader *r)
{
    struct buf frame = r->bytes;

    r->bytes = (struct buf){0};
    next_part(r, SP_LENGTH, SP_LENGTH_BYTES);
    return frame;
}

void sp_put_greeting(struct buf *out)
{
    buf_put(out, greeting_rep, sizeof(greeting_rep));
}

void sp_put_length(size_t frame_len, uint32_t request, char out[SP_LENGTH_BYTES])
{
    uint64_t len = frame_len + SP_NUMBER_BYTES;

    for (unsigned i = 0; i < 8; i++) {
        out[i] = (char)(len >> (56 - 8 * i));
    }
    for (unsigned i = 0; i < 4; i++) {
        out[8 + i] = (char)(request >> (24 - 8 * i));
    }
}
