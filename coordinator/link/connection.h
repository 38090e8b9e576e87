/* SPDX-License-Identifier: Apache-2.0 */
/* What link.c and connection.c share. All of it is the link's thread's, but for what is locked. */
#ifndef STEPFLEET_LINK_CONNECTION_H
#define STEPFLEET_LINK_CONNECTION_H

#include "coordinator/http/place.h"
#include "coordinator/http/tls.h"
#include "coordinator/link/link.h"
#include "coordinator/link/sp.h"
#include "proto/base/hash.h"

enum { LINK_TICK_MS = 100, LINK_LOOK_TICKS = 20 };

enum link_state {
    LINK_STRANGER,
    LINK_KNOWN,
    LINK_LEAVING, /* it was refused, and reads why */
    LINK_CLOSED,
    LINK_STATES, /* how many there are */
};

struct link_connection {
    struct link *link;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
    } uv;
    uv_shutdown_t shutdown;
    struct hash_node by_id;
    uint64_t id;
    enum link_state state;
    struct list at;     /* link.states[state] */
    struct list paused; /* link.paused: it is not read, since as many requests are in hand as may */
    int64_t since_ms;   /* in this state */
    char host[INET6_ADDRSTRLEN];
    struct tls *tls;
    struct sp_reader reader;
    struct access_peer peer;
    struct buf ahead; /* came before it was paused */
    size_t unsent;    /* bytes the system has not taken yet */
    int64_t written_ms;
    bool greeted;
    bool skip;  /* the frame being read was refused by its head */
    bool asked; /* it has sent a request */
    bool reading;
};

struct link {
    uv_loop_t loop;
    pthread_t thread;
    struct link_config config;
    struct link_hooks hooks;
    uv_tcp_t listener;
    uv_timer_t tick;
    uv_async_t asked;
    struct tls_renewed tls;
    struct hash by_id;
    uint64_t last_id;
    struct list states[LINK_STATES];
    struct list paused;
    size_t count;
    size_t strangers;
    size_t in_hand;   /* requests */
    unsigned accepts; /* left in this tick */
    unsigned ticks;
    bool accepting_waits;
    struct buf wire;       /* TLS records on their way out */
    char read[64 * 1024];  /* what a read brings */
    char plain[16 * 1024]; /* and what TLS makes of it */

    pthread_mutex_t lock;
    /* locked: */
    struct list answers;
    bool renewed;
    bool quit;
};

/* NULL: it is gone already. */
struct link_connection *link_connection_accept(struct link *l);
void link_connection_close(struct link_connection *c);
/* The answer goes out, where its connection is there yet; a request less is in hand. */
void link_connection_answer(struct link *l, const struct link_answer *a);
/* Those that waited until fewer requests are in hand. */
void link_connections_resume(struct link *l);

#endif
