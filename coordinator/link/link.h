/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of nng's REQ sockets over TLS, from anywhere: connections, handshakes, tokens, frames,
 * on a thread and a libuv loop of its own. nng has TLS too, but no hook before its handshakes are
 * over: no bound on those that are half open, and none on what a stranger's frame makes it
 * allocate.
 *
 *               good token
 *   STRANGER ------------------> KNOWN ---.
 *      | '--refused--> LEAVING     |      | closed by either side, or its token is no more
 *      '-------------------'-------'------'--> CLOSED
 *
 * Strangers are bounded in number, in the time for handshake and greeting, in what they send, and
 * in how many are let in a second: past their number the oldest goes, of the newcomer's own address
 * where that holds half of the places. A frame's head is shown to the gate before its rest is
 * taken. Who is known may have so many requests in hand as there are contexts; what it sends beyond
 * waits in its socket. The certificate's files are looked at every other second, and new
 * connections get what is in them then.
 *
 * Threads: hooks are called on the link's; link_answer() and the rest by any one other. */
#ifndef STEPFLEET_LINK_LINK_H
#define STEPFLEET_LINK_LINK_H

#include <uv.h>

#include "coordinator/access/access.h"
#include "proto/base/list.h"

struct link;

/* A request, whole. */
struct link_request {
    uint64_t connection;
    uint32_t number;
    const struct caller *who; /* for the call */
    struct buf frame;         /* the hook's from then on */
};

struct link_hooks {
    void *arg;
    void (*request)(void *arg, const struct link_request *r);
    /* Nothing more comes from it, and what is sent to it goes nowhere. Once a connection that had
     * sent a request. */
    void (*gone)(void *arg, uint64_t connection);
    /* An answer has been given to the connection, or went nowhere. */
    void (*sent)(void *arg);
};

struct link_config {
    const char *listen;      /* tls+tcp://ADDRESS:PORT */
    const char *certificate; /* PEM files */
    const char *key;
    struct access *access;
};

/* "tls+tcp://0.0.0.0:7233", "tls+tcp://[::]:7233", and PEM files that belong together. ERR_CONFIG.
 */
enum err_code
link_check(const char *url, const char *certificate, const char *key, struct err *err);
/* Listens. On an error nothing is left. */
enum err_code link_open(const struct link_config *config,
                        const struct link_hooks *hooks,
                        struct link **out,
                        struct err *err);

/* An answer on its way: the caller's until link_answer(), then the link's, which frees it. */
struct link_answer {
    struct list link;
    uint64_t connection;
    size_t len;
    char bytes[]; /* length, number and frame */
};

/* Room for a frame of so many bytes; *frame is where it goes. */
struct link_answer *
link_answer_new(uint64_t connection, uint32_t number, size_t frame_len, char **frame);
void link_answer(struct link *l, struct link_answer *a);
/* The tokens, or the certificate, are others: see whose connection ends. */
void link_renewed(struct link *l);
/* Ends all, waits for the thread, frees. No hook is called after it. */
void link_close(struct link *l);

#endif
