/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the face: a request from its reading to its answer, and what the files of the face do for
 * each other. call.c keeps calls, answer.c forms what is sent, face_thread.c is the thread that
 * talks to clients, face_turn.c what the loop does of it, face.c opens and closes. */
#ifndef STEPFLEET_API_HTTP_CALL_H
#define STEPFLEET_API_HTTP_CALL_H

#include <pthread.h>
#include <stdatomic.h>

#include "coordinator/api/http/face.h"
#include "coordinator/api/http/request.h"
#include "coordinator/api/http/rest.h"
#include "coordinator/api/http/signers.h"
#include "proto/base/text.h"

enum http_call_state {
    HTTP_CALL_READ,     /* the face's thread reads it */
    HTTP_CALL_ARRIVED,  /* read; soon in the locked list, then in that */
    HTTP_CALL_OPEN,     /* an operation has it */
    HTTP_CALL_ANSWERED, /* the reply waits to be durable */
    HTTP_CALL_LEAVING,  /* in the locked list, back to the face's thread */
};

struct http_call {
    struct call call; /* first: its calls get back to us */
    struct http_face *face;
    struct http_request *http; /* the face's thread alone; but its body may be read */
    enum http_call_state state;
    bool open;             /* loop only: state is OPEN */
    bool left;             /* loop only: its client is gone */
    struct list link;      /* read, arrived, backlog, leaving, spare */
    struct list all_link;  /* face.all */
    struct list turn_link; /* loop only: face.dispatched, while OPEN */
    struct list left_link; /* locked: face.left */
    struct arena arena;    /* the request's */
    struct aws_asked asked;
    struct audit_entry *audit; /* until it is durable; NULL: it is not recorded */
    char id[TEXT_UUID_BYTES];  /* x-amzn-RequestId */
    size_t bytes;
    struct buf body; /* the answer's */
    unsigned status;
    bool metrics;            /* it asks for them, not for an operation */
    const char *query_error; /* aws_query_error(); NULL: it is none */
    const char *error_type;  /* rest_error_name(); NULL: likewise */
};

struct http_face {
    struct api *api;
    void (*turn)(void *arg);
    void *arg;
    bool access_open;
    bool secure;
    struct scrape_access metrics;
    int64_t started_s; /* since 1970 */

    /* The loop's: */
    uv_async_t wake;
    struct list backlog;    /* arrived, not yet dispatched */
    struct list dispatched; /* in the last turn, and open yet */
    size_t busy;            /* OPEN, ANSWERED */
    bool stopping;
    void (*on_closed)(void *arg);
    void *closed_arg;

    /* The face's thread: */
    pthread_t thread;
    bool running; /* there is one */
    uv_loop_t loop;
    uv_async_t asked;  /* something of the locked lists is for it */
    uv_check_t look;   /* while stopping: is it quiet? */
    uv_prepare_t rest; /* nothing more can be read now */
    struct http_server *server;
    struct list read;  /* calls that are not handed over yet */
    struct list all;   /* calls there are */
    struct list spare; /* calls, with their memory */
    size_t spare_count;
    uint64_t chance[2]; /* request ids */
    struct buf lines;   /* an answer's further headers */
    bool look_on;

    struct signers signers; /* has a lock of its own */
    atomic_bool quiet;      /* set by the face's thread while it is being stopped */

    pthread_mutex_t lock;
    /* locked: */
    struct list arrived;
    struct list left;
    struct list leaving;
    bool stop;
    bool quit;
};

/* ---- calls ---- */

void http_call_move(struct http_call *h, enum http_call_state to);
/* A spare one, or a new one. These three: on the face's thread. */
struct http_call *http_call_new(struct http_face *f);
void http_call_free(struct http_call *h);
/* It is answered: it is spare now, or freed. */
void http_call_back(struct http_face *f, struct http_call *h);

/* ---- answers ---- */

struct slice http_call_id(const struct http_call *h);
/* What the caller's protocol calls the error. */
const char *http_error_name(const struct http_call *h, enum err_code code);
/* The error's body and status, as the caller's protocol has them. Any thread that has the call. */
void http_form_error(struct http_call *h, enum err_code code, const struct err *err);
/* What is recorded of it. Any thread that has the call. */
struct audit_asked http_call_asked(const struct http_call *h);
/* What was formed leaves, and the call is back. These three: on the face's thread. */
void http_call_answer(struct http_call *h);
void http_answer_metrics(struct http_call *h);
void http_refuse_metrics(struct http_request *r, unsigned status);

/* ---- the face's thread, and the loop's ---- */

/* The thread's part of the face, before there is the thread. */
void face_thread_init(struct http_face *f);
extern const struct http_hooks face_thread_hooks; /* but for `arg` */
/* The thread; it ends when it is told to quit. `arg`: the face. */
void *face_thread(void *arg);
/* Something has arrived for the loop. */
void face_turn_wake(uv_async_t *wake);

#endif
