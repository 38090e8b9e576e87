/* SPDX-License-Identifier: Apache-2.0 */
/* The framing between a worker and a persistent handler, on the handler's stdin and stdout: a type,
 * a length of four bytes, little-endian, and so many bytes of payload.
 *
 *   to the handler    BEGIN EVENT DATA* END
 *   from it           (DATA | NOTE | SUBMITTED)* (RESULT | FAILURE)
 *
 * once a task. What a handler says comes from outside: it is read piece by piece, nothing is kept
 * but a frame's head, and the first byte that makes no sense ends it. Pure.
 * Source: PROTOCOL.md, Handler framing. */
#ifndef STEPFLEET_WORKER_FRAME_H
#define STEPFLEET_WORKER_FRAME_H

#include "proto/base/buf.h"
#include "proto/base/err.h"

enum frame_type {
    FRAME_BEGIN = 'B',     /* JSON: what of the task a one-shot process has in its environment */
    FRAME_EVENT = 'E',     /* JSON: the task's input */
    FRAME_DATA = 'D',      /* both ways: what stdin and stdout of a one-shot stream process have */
    FRAME_END = 'Z',       /* no more DATA comes; empty */
    FRAME_NOTE = 'N',      /* a heartbeat, with a note for people */
    FRAME_SUBMITTED = 'S', /* JSON: the job of a .sync integration has begun */
    FRAME_RESULT = 'R',    /* JSON, or empty; the task is over */
    FRAME_FAILURE = 'F',   /* JSON: errorType, errorMessage; the task is over */
};

enum {
    FRAME_HEAD_BYTES = 5,
    FRAME_PAYLOAD_BYTES = 1024 * 1024, /* the largest event there is, and a pipe's most */
};

void frame_put_head(enum frame_type type, size_t payload_bytes, struct buf *out);
void frame_put(enum frame_type type, struct slice payload, struct buf *out);

/* Reads what a handler says of one task. */
struct frame_reader {
    bool has_data; /* DATA may come */
    bool over;     /* the task's last frame has come */
    unsigned char head[FRAME_HEAD_BYTES];
    size_t have;   /* bytes of the head */
    uint32_t left; /* of the payload, once the head is whole */
};

/* Bytes of a payload, in the order they came; a frame has one piece at least. */
struct frame_piece {
    enum frame_type type;
    struct slice bytes;
    bool last;
};

enum frame_found {
    FRAME_NOTHING, /* *in is used up */
    FRAME_PIECE,
    FRAME_WRONG, /* *err says what: no more can be read */
};

void frame_reader_init(struct frame_reader *r, bool has_data);
/* Take the next piece off *in. */
enum frame_found
frame_next(struct frame_reader *r, struct slice *in, struct frame_piece *out, struct err *err);
/* Bytes of DATA that come next, whatever they are: so many need not go through frame_next(). */
size_t frame_data_ahead(const struct frame_reader *r);
void frame_data_passed(struct frame_reader *r, size_t bytes);

#endif
