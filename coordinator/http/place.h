/* SPDX-License-Identifier: Apache-2.0 */
/* Where to listen: an address and a port, as configuration has them. */
#ifndef STEPFLEET_HTTP_PLACE_H
#define STEPFLEET_HTTP_PLACE_H

#include <netinet/in.h>
#include <uv.h>

#include "proto/base/err.h"
#include "proto/base/slice.h"

union place_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct place {
    bool local; /* nobody beyond this machine reaches it */
    union place_address at;
};

/* "127.0.0.1:8083", "[::]:8083", "localhost:8083": addresses, and that one name; port 0 is any. */
bool place_parse(struct slice address, struct place *out);
/* "127.0.0.1:8083", "[::1]:8083". */
void place_name(const union place_address *at, char *out, size_t size);
/* Bind and listen there; *port is the one it is. ERR_IN_USE, ERR_IO. */
enum err_code place_listen(const struct place *place,
                           uv_tcp_t *listener,
                           uv_connection_cb on_connection,
                           unsigned *port,
                           struct err *err);

#endif
