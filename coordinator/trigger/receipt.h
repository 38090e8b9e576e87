/* SPDX-License-Identifier: Apache-2.0 */
/* Receipt handles: which message of which queue, by which receive; opaque text for clients. A check
 * tells a handle from any other text; it is no secret, since a handle gives nothing that the right
 * to receive does not. Pure. */
#ifndef STEPFLEET_TRIGGER_RECEIPT_H
#define STEPFLEET_TRIGGER_RECEIPT_H

#include "coordinator/trigger/queue.h"
#include "proto/base/arena.h"

struct receipt {
    uint64_t queue; /* whose rows it is among */
    struct queue_place place;
    struct token token;
};

struct slice receipt_text(const struct receipt *r, struct arena *a);
/* "10000000000000000042" and so on: the SequenceNumber of a FIFO message, 20 digits that grow. */
struct slice queue_sequence_text(uint64_t number, struct arena *a);
/* False: it is none. */
bool receipt_parse(struct slice text, struct receipt *out);

#endif
