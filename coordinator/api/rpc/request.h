/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the face of RPC: one request, over whichever transport it came, and what server.c and the
 * transports (sockets.c over nng, secure.c over TLS) do for each other. */
#ifndef STEPFLEET_API_RPC_REQUEST_H
#define STEPFLEET_API_RPC_REQUEST_H

#include "coordinator/access/gate.h"
#include "coordinator/api/rpc/server.h"

enum rpc_state {
    RPC_RECEIVING, /* the transport's */
    RPC_ARRIVED,   /* in the locked list, then in one of the loop's */
    RPC_OPEN,      /* an operation has it */
    RPC_ANSWERED,  /* the reply waits to be durable */
    RPC_SENDING,   /* the transport's */
    RPC_ENDED,     /* its socket is closed */
};

struct rpc_request;

struct rpc_transport {
    /* Room for the answer, which leaves by send(); the request's frame may go. */
    char *(*room)(struct rpc_request *r, size_t bytes);
    /* The answer is durable: it leaves, and the request is the transport's again. */
    void (*send)(struct rpc_request *r);
};

struct rpc_request {
    struct call call; /* first: its calls get back to us */
    const struct rpc_transport *transport;
    struct rpc_server *server;
    enum rpc_state state; /* the transport's thread in RECEIVING and SENDING, else the loop's */
    uint64_t connection;
    struct caller who;
    struct slice frame; /* while ARRIVED: the transport's memory */
    struct envelope envelope;
    struct audit_entry *audit; /* until it is durable; NULL: it is not recorded */
    struct list link;          /* arrived, workers or backlog */
    struct list opened;        /* server.open, while OPEN */
};

void rpc_move(struct rpc_request *r, enum rpc_state to);
/* A request is whole: state ARRIVED. Any thread. */
void rpc_arrived(struct rpc_server *s, struct rpc_request *r);
/* A connection has ended: what it parked is forgotten. Any thread. */
void rpc_gone(struct rpc_server *s, uint64_t connection);
/* An answer is out. Any thread. */
void rpc_sent(struct rpc_server *s);

/* ---- nng ---- */

struct rpc_sockets;

/* On an error *out is to be closed all the same where it is not NULL. */
enum err_code rpc_sockets_open(struct rpc_server *s,
                               struct access *access,
                               const char *url,
                               struct rpc_sockets **out,
                               struct err *err);
/* Connections that were refused end; where the tokens are others now, so do those that showed one
 * of which there is none any more. The loop's thread, a few times a second. */
void rpc_sockets_look(struct rpc_sockets *s, bool renewed);
/* No more requests arrive; every one is the transport's again, or lost to it. */
void rpc_sockets_close(struct rpc_sockets *s);
/* When no call of it is used any more. */
void rpc_sockets_free(struct rpc_sockets *s);

/* ---- TLS: likewise ---- */

struct rpc_secure;

enum err_code rpc_secure_open(struct rpc_server *s,
                              const struct rpc_config *config,
                              struct rpc_secure **out,
                              struct err *err);
/* Files may be others now: tokens, certificate. */
void rpc_secure_renewed(struct rpc_secure *s);
void rpc_secure_close(struct rpc_secure *s);
void rpc_secure_free(struct rpc_secure *s);

#endif
