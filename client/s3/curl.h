/* SPDX-License-Identifier: Apache-2.0 */
/* Transfers: HTTP requests that are run side by side, tried again where that can help, and never
 * waited for inside a callback. The reader, the writer and the blocking requests are made of them.
 *
 *           begin            due             answer, or no more tries: done()
 *    IDLE ---------> WAITING -----> RUNNING ---------------------------------> IDLE
 *                       ^              |
 *                       '--- retry ----'          cancel: from any state to IDLE, without done()
 *
 * A try is signed anew, so that a long backoff does not outlive its signature. A try in which no
 * byte moved for stall_ms is broken off; that clock runs only inside our calls, since a caller that
 * computes for a minute has not been watching. Bytes that arrive make the count of failures begin
 * anew. */
#ifndef STEPFLEET_S3_CURL_H
#define STEPFLEET_S3_CURL_H

#include <curl/curl.h>

#include "client/s3/answer.h"
#include "client/s3/backend.h"
#include "client/s3/plan.h"
#include "client/s3/request.h"
#include "proto/base/buf.h"
#include "proto/base/list.h"

/* The server backend's client. */
struct server {
    struct s3_client base;
    CURLM *multi;
    struct list waiting; /* transfers that are due at some time */
    struct list running; /* transfers curl has */
    bool progress;       /* something a caller of s3_wait() may wait for has happened */
    int64_t watched_ms;  /* time spent inside our calls */
    int64_t seen_ms;     /* when watched_ms was last brought up to date */
    uint64_t random;     /* state of the jitter's generator */
    struct curl_waitfd *fds;
    size_t fd_cap;

    char *text; /* what the slices of `site` point into */
    struct request_site site;
    size_t part_bytes;
    uint64_t pool_bytes;
    unsigned parallel;
    unsigned attempts_max;
    int64_t stall_ms;
    const char *spill; /* see s3_config */
    const char *ca;    /* likewise */
};

/* Servers end a request in which nothing moves, after 20 seconds at the soonest. */
enum { TRANSFER_TIRED_MS = 2000 };

struct transfer;

/* What became of bytes that were offered. */
enum transfer_take {
    TAKE_ALL,
    TAKE_LATER, /* none now: the transfer pauses until transfer_resume() */
    TAKE_TOO_MUCH,
};

/* What the owner does; all but done() may be NULL. None may run or cancel transfers; begin is fine.
 */
struct transfer_ops {
    /* Make t->request right for the next try. */
    void (*prepare)(struct transfer *t);
    /* The head of a 2xx has come. Not OK: break off with that verdict, after transfer_fail(). */
    struct verdict (*accept)(struct transfer *t);
    /* Some of the bytes to send, from `at` on. Empty: none yet, and the transfer pauses until
     * transfer_resume(). False: they are lost. */
    bool (*piece)(struct transfer *t, uint64_t at, struct slice *out);
    /* It has paused for TRANSFER_TIRED_MS: the owner may cancel it. */
    void (*tired)(struct transfer *t);
    /* Bytes of a 2xx body. NULL: they are gathered in t->text. */
    enum transfer_take (*take)(struct transfer *t, const char *bytes, size_t len);
    /* The whole answer is there and was judged by its status: correct that. */
    struct verdict (*judge)(struct transfer *t, struct verdict v);
    /* It ended: t->rc and t->err say how. */
    void (*done)(struct transfer *t);
};

enum transfer_state {
    TRANSFER_IDLE,
    TRANSFER_WAITING,
    TRANSFER_RUNNING,
};

struct transfer {
    const struct transfer_ops *ops;
    struct server *server;
    struct request request;
    uint64_t body_bytes; /* to send: ops->piece() has them until the end */
    size_t text_max;     /* of t->text */

    struct list node;
    unsigned state;
    CURL *easy;
    struct arena arena; /* URL and header lines of one try */
    uint64_t sent;
    bool paused; /* its bytes are taken, or come, later: it is not stalled */
    int64_t due_ms;
    int64_t moved_ms; /* by the server's watched_ms */
    struct plan_tries tries;

    struct answer answer;
    struct buf text; /* a gathered body, or an error's */
    bool refused;    /* broken off by the owner, with: */
    struct verdict refusal;
    enum err_code rc;
    struct err err;
};

void transfer_init(struct transfer *t, struct server *s, const struct transfer_ops *ops);
/* Ends it if it runs. */
void transfer_fini(struct transfer *t);
/* Start soon: inside the next call that waits. What the request is made of, and what is sent, must
 * stay until done. */
void transfer_begin(struct transfer *t);
void transfer_cancel(struct transfer *t);
/* There is room again for what a paused transfer brings, or something to send. Any other is left as
 * it is. */
void transfer_resume(struct transfer *t);
/* The message of a verdict the owner is about to give, "GET s3://bucket/key: ..." before it. */
struct verdict transfer_fail(struct transfer *t, struct verdict v, const char *what);

/* Run and wait: until progress, a ready descriptor or the timeout. */
enum err_code transfers_wait(struct server *s,
                             struct pollfd *fds,
                             size_t fd_count,
                             int timeout_ms,
                             struct err *err);
/* Begin it and wait until it has ended. */
enum err_code transfer_run(struct transfer *t, struct err *err);

int64_t server_now_ms(void); /* monotonic */
uint64_t server_random(struct server *s);

enum err_code transfers_init(struct server *s, struct err *err);
void transfers_fini(struct server *s);

#endif
