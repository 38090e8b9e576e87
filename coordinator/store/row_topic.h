/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of topics and their subscriptions, in the column family QUEUE. As in codec.h: a version
 * byte, then the members; decoded texts borrow from the bytes, lists lie in the arena. A later
 * version is ERR_VERSION, what cannot be is ERR_CORRUPT. */
#ifndef STEPFLEET_STORE_ROW_TOPIC_H
#define STEPFLEET_STORE_ROW_TOPIC_H

#include "coordinator/store/row_version.h"
#include "coordinator/trigger/topic.h"

struct topic_row {
    int64_t created_ms;
    const struct tag *attributes; /* those that were set, by name */
    size_t attribute_count;
};
void topic_row_encode(const struct topic_row *r, struct buf *out);
enum err_code
topic_row_decode(struct slice bytes, struct arena *a, struct topic_row *out, struct err *err);

struct subscription_row {
    int64_t created_ms; /* a topic's are in that order, then by id */
    struct slice topic; /* its name */
    struct slice queue; /* name of the queue: the endpoint */
    struct subscription_settings settings;
};
void subscription_row_encode(const struct subscription_row *r, struct buf *out);
enum err_code
subscription_row_decode(struct slice bytes, struct subscription_row *out, struct err *err);

#endif
