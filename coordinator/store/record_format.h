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
 * any value comes back as it was. record_encode.c
 * writes it, record_decode.c reads it. */
#ifndef STEPFLEET_STORE_RECORD_FORMAT_H
#define STEPFLEET_STORE_RECORD_FORMAT_H

#include "coordinator/store/codec.h"

enum {
    RECORD_VERSION = 1,
    RECORD_DOCS_MAX = 256, /* a slot has eight bits in a ref */
    EVENT_BYTES_MIN = 2,
    FRAME_BYTES_MIN = 6,
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
    HEADER_ALL = 255,
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
    MORE_ALL = 63,
};

/* Above the three bits of the status. */
enum frame_flag {
    FRAME_HAS_PLACE = 8, /* other than the only frame of the top level */
    FRAME_HAS_STARTED = 16,
    FRAME_HAS_LEASE = 32,
    FRAME_HAS_DUE = 64,
    FRAME_HAS_ATTEMPT = 128, /* other than 1 */
    FRAME_HAS_RETRY = 256,
    FRAME_HAS_TIMEOUTS = 512,
    FRAME_HAS_OUTPUT = 1024,
    FRAME_HAS_JOIN = 2048,
    FRAME_HAS_VARIABLES = 4096,
    FRAME_FLAGS_ALL = 8191,
};

_Static_assert(FRAME_FAILED == 7, "a frame's status has three bits");

#endif
