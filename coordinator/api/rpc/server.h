/* SPDX-License-Identifier: Apache-2.0 */
/* The face of RPC: requests of workers and clients, over nng on this machine or over TLS from
 * anywhere. What arrives is looked at where it arrives (gate.h), put into a locked list, and
 * carried out on the loop's thread.
 *
 *   RECEIVING --whole--> ARRIVED --dispatched--> OPEN --reply formed--> ANSWERED --durable-->
 *       ^                   '--refused at the gate--------------------------------------> SENDING
 *       '---------------------------------------------------------------------------------'
 *
 * Broken messages are answered with an error and change nothing. Source: PROTOCOL.md. */
#ifndef STEPFLEET_API_RPC_SERVER_H
#define STEPFLEET_API_RPC_SERVER_H

#include <uv.h>

#include "coordinator/access/access.h"
#include "coordinator/api/api.h"

struct rpc_server;

struct rpc_config {
    struct api *api;
    struct access *access; /* outlives the server */
    const char *listen;
    const char *certificate; /* PEM files; of tls+tcp:// alone */
    const char *key;
    /* Called on the loop's thread when requests have arrived: begin a turn, call
     * rpc_server_serve(), end the turn. */
    void (*turn)(void *arg);
    void *arg;
};

/* Whether it may listen so, without doing so: over TCP on this machine's loopback and Unix sockets
 * as it likes, elsewhere with TLS and tokens alone. ERR_CONFIG. */
enum err_code rpc_server_check(const struct rpc_config *config, struct err *err);

/* Listen, where rpc_server_check() allows it. On an error *out is to be closed all the same
 * where it is not NULL. */
enum err_code rpc_server_open(uv_loop_t *loop,
                              const struct rpc_config *config,
                              struct rpc_server **out,
                              struct err *err);
/* Dispatch what has arrived, as far as the ledger accepts. */
void rpc_server_serve(struct rpc_server *s);
/* The tokens or the certificate may be others now: connections whose token is no more end. It looks
 * by itself, too, twice a second. */
void rpc_server_renewed(struct rpc_server *s);
/* No more requests are taken; those in hand are still answered. */
void rpc_server_stop(struct rpc_server *s);
/* Nothing is open, answered or being sent. */
bool rpc_server_is_quiet(struct rpc_server *s);
/* Ends all; then frees, calling `closed`. */
void rpc_server_close(struct rpc_server *s, void (*closed)(void *arg), void *arg);

#endif
