/* SPDX-License-Identifier: Apache-2.0 */
/* What server and connections share.
 *
 *            first byte        last header       last byte
 *   IDLE ---------------> HEAD ---------> BODY ---------> OPEN (the callback has it)
 *    ^  ^                   '--refused--.  '--.             |
 *    |  '------------------------------ v ---------------- REPLY (being written) --the last one--.
 *    |                                REPLY                                                      v
 *   closed at any time: by the client, a timeout, the server's end LINGER
 *
 * Each state but OPEN has its timeout; connections of one state stand in one list, the one that is
 * in it longest first. A connection that is closed while its request is OPEN lives until that is
 * answered. */
#ifndef STEPFLEET_HTTP_CONNECTION_H
#define STEPFLEET_HTTP_CONNECTION_H

#include "coordinator/http/reader.h"
#include "coordinator/http/tls.h"
#include "proto/base/list.h"

enum connection_state {
    CONNECTION_IDLE,
    CONNECTION_HEAD,
    CONNECTION_BODY,
    CONNECTION_OPEN,
    CONNECTION_REPLY,
    CONNECTION_LINGER,
    CONNECTION_CLOSED,
    CONNECTION_STATES, /* how many there are */
};

struct http_connection {
    struct http_server *server;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
    } uv;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct http_reader reader;
    struct http_exchange *x; /* a request that is read, open or being answered; NULL: none */
    struct tls *tls;         /* NULL: plain */
    struct buf ahead;        /* sent before it was asked for; `taken` of them are read */
    size_t taken;
    struct buf flying;  /* being written */
    struct buf waiting; /* to be written after that */
    enum connection_state state;
    struct list link; /* server.states[state] */
    int64_t since_ms; /* in this state */
    size_t held;      /* of server.held */
    bool open;        /* the request is the callback's */
    bool eof;         /* the client sends no more */
    bool writing;
    bool reading;
    bool last;    /* the answer under way is the last one */
    bool pumping; /* further up the stack requests are being read */
    bool gone;    /* the handle is closed */
};

struct http_server {
    uv_loop_t *loop;
    struct http_hooks hooks;
    uv_tcp_t listener;
    uv_timer_t tick;
    struct tls_renewed tls; /* no context: plain */
    unsigned ticks;
    size_t max; /* connections */
    size_t count;
    size_t held; /* bytes of bodies that are read, open or being answered */
    size_t open; /* requests that are owed an answer, or whose answer is on its way */
    unsigned port;
    struct list states[CONNECTION_STATES];
    struct list pool; /* http_exchange */
    size_t pooled;
    int64_t date_s;        /* what `date` says */
    char date[64];         /* "Date: ...\r\n" */
    struct buf scratch;    /* an answer, made here */
    struct buf wire;       /* and its TLS records */
    char read[64 * 1024];  /* what a read brings: libuv reads one after the other */
    char plain[16 * 1024]; /* and what TLS makes of it */
    bool accepting_waits;  /* a connection was not taken: there are as many as may be */
    bool stopping;
    bool closing;
    unsigned handles; /* of listener and tick, to be closed */
    void (*closed)(void *arg);
    void *closed_arg;
};

/* For server.c. */
void connection_accept(struct http_server *s);
void connection_close(struct http_connection *c);
/* Those that have been in their state too long. */
void connections_tick(struct http_server *s);
/* For connection.c. */
void server_connection_gone(struct http_server *s);
struct http_exchange *server_exchange(struct http_server *s);
void server_exchange_back(struct http_server *s, struct http_exchange *x);

#endif
