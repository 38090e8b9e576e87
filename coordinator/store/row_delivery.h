/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of deliveries: an event on its way to one target of a rule, with all that is needed of both,
 * whatever becomes of the rule. A version byte, then the members; decoded texts point into the
 * bytes. */
#ifndef STEPFLEET_STORE_ROW_DELIVERY_H
#define STEPFLEET_STORE_ROW_DELIVERY_H

#include "coordinator/trigger/target.h"

struct delivery_row {
    int64_t created_ms;
    int64_t due_ms;
    uint32_t tries; /* that failed */
    struct target_retries retries;
    struct slice rule_arn;
    struct slice target_arn;
    struct slice group;        /* of a FIFO queue's message; empty: none */
    struct slice dead_letters; /* name of the queue; empty: there is none */
    struct slice event_id;
    struct slice event; /* JSON text */
    struct slice input; /* what the target gets; empty: the event */
};
void delivery_row_encode(const struct delivery_row *r, struct buf *out);
enum err_code delivery_row_decode(struct slice bytes, struct delivery_row *out, struct err *err);

#endif
