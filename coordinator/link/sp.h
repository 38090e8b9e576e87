/* SPDX-License-Identifier: Apache-2.0 */
/* What nng's REQ sockets say on a stream of bytes, read step by step: a greeting of eight bytes,
 * then frames: length (8 bytes), the request's number (4), and a frame of the wire. Nothing is made
 * room for before it has come, and the frame's own head is shown before its rest is taken. Pure.
 *
 *   GREETING --8 bytes--> LENGTH --12--> HEADER --24--> CREDENTIALS --> BODY --.
 *                            ^                              SP_HEAD            | SP_FRAME
 *                            '-------------------------------------------------'
 *
 * Sources: RFC "sp-tcp-mapping-01", "sp-request-reply-01" of nanomsg. */
#ifndef STEPFLEET_LINK_SP_H
#define STEPFLEET_LINK_SP_H

#include "proto/base/buf.h"

enum { SP_GREETING_BYTES = 8, SP_LENGTH_BYTES = 12 };

enum sp_event {
    SP_MORE,    /* the bytes are at their end */
    SP_GREETED, /* the other side is a REQ socket */
    SP_HEAD,    /* frame's header and credentials are there, and nothing else of it */
    SP_FRAME,   /* it is whole: sp_take() it before the next feed */
    SP_BAD,     /* it speaks something else, or a frame that is too large: no more can be read */
};

enum sp_phase { SP_GREETING, SP_LENGTH, SP_HEADER, SP_CREDENTIALS, SP_BODY, SP_BROKEN };

struct sp_reader {
    enum sp_phase phase;
    size_t want;      /* bytes of the phase's part, counted from the part's begin */
    size_t frame_len; /* of the frame of the wire */
    uint32_t request; /* its number */
    struct buf bytes; /* of the part, or of the frame, so far */
};

void sp_reader_init(struct sp_reader *r);
void sp_reader_fini(struct sp_reader *r);
/* Take of `bytes` up to one event; returns how many were taken. */
size_t sp_feed(struct sp_reader *r, struct slice bytes, enum sp_event *event);
/* The frame, or its head at SP_HEAD. */
struct slice sp_frame(const struct sp_reader *r);
/* After SP_FRAME: the frame's memory is the caller's, and the next one may come. */
struct buf sp_take(struct sp_reader *r);

/* What this side says: the greeting of a REP socket, and what stands before each answer. */
void sp_put_greeting(struct buf *out);
void sp_put_length(size_t frame_len, uint32_t request, char out[SP_LENGTH_BYTES]);

#endif
