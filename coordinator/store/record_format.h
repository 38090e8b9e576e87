/* SPDX-License-Identifier: Apache-2.0 */
/* Transition records, as small as they go: they are what throughput and disk are made of.
 *
 *   version u8
 *   documents  count; length, text of each (first, so that one is found without the rest)
 *   header     flags; sequence, sequence - lowest, base time, next event; what the flags name
 *   events     count; id of the first as a difference; each: type, flags, what the flags name
 *   frames     count; each: flags and status, what every frame has, what the flags name
 *
 * A member that has its usual value takes no byte. Times are differences to the base time, which is
 * that of the first event; ids of events differences to their neighbours; a document is (records
 * back, slot); a text that is the one before it again is one byte. All differences wrap, so that
 * any value comes back as it was. record_encode.c writes it, record_decode.c reads it.
 *
 * Version 1, from before there were children, variables and tasks that end by their token, is read
 * as well: a frame's status has three bits there and its usual attempt is 1; a whole header has a
 * parent that is always 0; the flags marked below are unknown to it. Version 2, from before leases
 * said which process holds them and executions remembered more than their last redrive's token. A
 * record says version 5 where its execution was started with a trace header, else 4 where by a
 * version or an alias; else 3, which programs from before those read. */
#ifndef STEPFLEET_STORE_RECORD_FORMAT_H
#define STEPFLEET_STORE_RECORD_FORMAT_H

#include "coordinator/store/codec.h"

enum {
    RECORD_VERSION = 3,
    RECORD_VERSION_STARTED = 4, /* FIXED_VERSION may be there */
    RECORD_VERSION_TRACED = 5,  /* FIXED_TRACE too */
    RECORD_DOCS_MAX = 255,      /* the engine keeps no more; a slot has eight bits in a ref */
    EVENT_BYTES_MIN = 2,
    FRAME_BYTES_MIN = 6,
    VARIABLE_BYTES_MIN = 2,
    SLOT_ESCAPE = 7, /* slots from there are written out */
};

/* A sequence stays below it, or a ref could not name its documents. */
#define SEQUENCE_MAX ((UINT64_C(1) << 55) - 1)

enum header_flag {
    HEADER_DEADLINE = 1,
    HEADER_FRAMES = 2, /* other than one frame ever, open */
    HEADER_WHOLE = 4,
    HEADER_CLOSED = 8, /* status and stop time */
    HEADER_OUTPUT = 16,
    HEADER_REDRIVE = 32,
    HEADER_FAILURE = 64,
    HEADER_DOCS = 128, /* another number of documents than this record has */
    HEADER_ALL_V1 = 255,
    HEADER_VARIABLES = 256, /* there are some: their bytes */
    HEADER_ALL = 511,
};

/* What a whole header begins with, in one byte. */
enum fixed_flag {
    FIXED_EXPRESS = 1,
    FIXED_SYNCHRONOUS = 2,
    FIXED_ALL_V1 = 3,
    FIXED_PARENT = 4,
    FIXED_ALL_V3 = 7,
    FIXED_VERSION = 8, /* by which version and alias it was started */
    FIXED_ALL_V4 = 15,
    FIXED_TRACE = 16, /* with which trace header */
    FIXED_ALL = 31,
};

enum event_flag {
    EVENT_PREVIOUS = 1, /* other than the id before */
    EVENT_TIME = 2,     /* other than the event before */
    EVENT_STATE = 4,    /* other than the event before */
    EVENT_DOC = 8,
    EVENT_WORKER = 16,
    EVENT_ENTERED = 32,
    EVENT_MORE = 64,
    EVENT_ALL = 127,
};

enum more_flag {
    MORE_WRAPPED = 1,
    MORE_RETRY = 2,
    MORE_FAILURE = 4,
    MORE_TIMEOUTS = 8,
    MORE_SEED = 16,
    MORE_INDEX = 32,
    MORE_ALL_V1 = 63,
    MORE_ITEM = 64,
    MORE_VARIABLES = 128,
    MORE_REDRIVES = 256,
    MORE_TOKEN = 512, /* frame, attempt and state entry */
    MORE_ALL = 1023,
};

/* Above the bits of the status. Those that most records have need the fewest bytes. */
enum frame_flag {
    FRAME_HAS_PLACE = 1 << 4, /* other than the only frame of the top level */
    FRAME_HAS_STARTED = 1 << 5,
    FRAME_HAS_LEASE = 1 << 6,
    FRAME_HAS_DUE = 1 << 7,     /* other than usual_due_ms() */
    FRAME_HAS_ATTEMPT = 1 << 8, /* other than usual_attempt() */
    FRAME_HAS_RETRY = 1 << 9,
    FRAME_HAS_TIMEOUTS = 1 << 10,
    FRAME_HAS_OUTPUT = 1 << 11,
    FRAME_FLAGS_ALL_V1 = (1 << 12) - 1,
    FRAME_HAS_CHILDREN = 1 << 12,
    FRAME_HAS_ITEM = 1 << 13,
    FRAME_HAS_RESULT = 1 << 14,
    FRAME_HAS_VARIABLES = 1 << 15,
    FRAME_HAS_SUBMITTED = 1 << 16,
    FRAME_HAS_DEADLINE = 1 << 17,
    FRAME_HAS_BEAT = 1 << 18,
    FRAME_HAS_CHILD = 1 << 19,
    FRAME_HAS_ANSWER = 1 << 20,
    FRAME_FLAGS_ALL = (1 << 21) - 1,
    FRAME_STATUS_BITS = 15,
    FRAME_STATUS_BITS_V1 = 7,
};

_Static_assert(FRAME_STATUSES <= FRAME_STATUS_BITS + 1, "a frame's status has four bits");

/* The attempt of a frame in this status, unless it says another: tasks have one. */
static inline uint32_t usual_attempt(enum frame_status status)
{
    switch (status) {
    case FRAME_READY:
    case FRAME_LEASED:
    case FRAME_COMMITTING:
    case FRAME_CALL:
    case FRAME_TOKEN:
    case FRAME_CHILD: return 1;
    case FRAME_RUN:
    case FRAME_TIMER:
    case FRAME_JOIN:
    case FRAME_DONE:
    case FRAME_FAILED: break;
    }
    return 0;
}

/* When a frame is due, unless it says otherwise: the sooner of its deadline and its heartbeat. */
static inline int64_t usual_due_ms(const struct frame *f)
{
    if (f->deadline_ms == 0 || f->beat_due_ms == 0) {
        return f->deadline_ms != 0 ? f->deadline_ms : f->beat_due_ms;
    }
    return f->deadline_ms < f->beat_due_ms ? f->deadline_ms : f->beat_due_ms;
}

#endif
