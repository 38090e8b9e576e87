/* SPDX-License-Identifier: Apache-2.0 */
/* The nng face: one REP socket, a fixed number of contexts, each one request in hand. nng's threads
 * put what arrives into a locked list and wake the loop; everything else happens on the loop's
 * thread.
 *
 *   RECEIVING --message--> ARRIVED --dispatched--> OPEN --reply formed--> ANSWERED --durable-->
 * SENDING ^ |
 *       '------------------------------------------------------------------------------------------'
 * Broken messages are answered with an error and change nothing. Source: PROTOCOL.md. */
#ifndef STEPFLEET_API_RPC_SERVER_H
#define STEPFLEET_API_RPC_SERVER_H

#include <uv.h>

#include "coordinator/api/api.h"

struct rpc_server;

/* Whether the URL may be listened on, without doing so: TCP on this machine's loopback, or ipc://.
 * ERR_CONFIG. */
enum err_code rpc_server_check_url(const char *url, struct err *err);

/**
 * Listen, where rpc_server_check_url() allows it.
 *
 * @param turn  called on the loop's thread when requests have arrived: begin a turn, call
 *              rpc_server_serve() until it says so, end the turn
 */
enum err_code rpc_server_open(uv_loop_t *loop,
                              struct api *api,
                              const char *url,
                              void (*turn)(void *arg),
                              void *arg,
                              struct rpc_server **out,
                              struct err *err);
/* Dispatch what has arrived, as far as the ledger accepts. */
void rpc_server_serve(struct rpc_server *s);
/* No more requests are taken; those in hand are still answered. */
void rpc_server_stop(struct rpc_server *s);
/* Nothing is open, answered or being sent. */
bool rpc_server_is_quiet(struct rpc_server *s);
/* Ends all; then frees, calling `closed`. */
void rpc_server_close(struct rpc_server *s, void (*closed)(void *arg), void *arg);

#endif
