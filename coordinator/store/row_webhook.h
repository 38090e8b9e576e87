/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of connections and API destinations, of one shape: a version byte, then the members; texts
 * borrow from the bytes. The secret is in it as it is: requests are made with it. */
#ifndef STEPFLEET_STORE_ROW_WEBHOOK_H
#define STEPFLEET_STORE_ROW_WEBHOOK_H

#include "coordinator/trigger/webhook.h"
#include "proto/base/buf.h"

enum webhook_kind { WEBHOOK_CONNECTION = 1, WEBHOOK_DESTINATION = 2 };

struct webhook_row {
    enum webhook_kind kind;
    struct slice name;
    struct slice id; /* a UUID's text: the end of its ARN */
    int64_t created_ms;
    int64_t updated_ms;
    struct slice description;
    struct webhook_auth auth; /* of a connection */
    struct slice connection;  /* of a destination: its name, */
    struct slice endpoint;
    struct slice method;
    uint32_t rate; /* and so many requests a second */
};
void webhook_row_encode(const struct webhook_row *r, struct buf *out);
enum err_code webhook_row_decode(struct slice bytes, struct webhook_row *out, struct err *err);

#endif
