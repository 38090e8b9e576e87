/* SPDX-License-Identifier: Apache-2.0 */
/* A task with a thread of its own between its two sides: stream.c on the loop's thread,
 * stream_pump.c and the task's work on its own. They meet in the fields marked `locked`, an eventfd
 * one way and a uv_async the other, and in counters that are atomic.
 *
 * Where the handler is persistent, stream_persistent.c stands for the pump.
 *
 * The work is stream_stage.c's for a state's task, or a job's; it runs the handler, where it has
 * one, between ends of its own. */
#ifndef STEPFLEET_WORKER_STREAM_H
#define STEPFLEET_WORKER_STREAM_H

#include <pthread.h>
#include <stdatomic.h>

#include "client/s3/s3.h"
#include "proto/base/buf.h"
#include "worker/handler/run.h"
#include "worker/handler/signer.h"

enum stream_ask { STREAM_GO_ON, STREAM_STOP, STREAM_KILL };

struct stream;

/* Where a handler's bytes come from and go to. The thread's. */
struct stream_ends {
    /* The next bytes for stdin, until they are taken; empty: none now, unless *end. False: failed,
     * and stream_fail() was told. */
    bool (*next)(struct stream *s, struct slice *out, bool *end);
    void (*taken)(struct stream *s, size_t bytes);
    /* Where stdout's next bytes go, up to *room; 0: none now. False as above. */
    bool (*room)(struct stream *s, char **where, size_t *room);
    void (*put)(struct stream *s, size_t bytes);
    void (*put_all)(struct stream *s); /* stdout has ended */
    /* Has all of it arrived? Then `sent` is to be set. Asked again and again after put_all. */
    void (*look)(struct stream *s);
};

struct stream {
    /* Set before the thread begins, unchanged while it runs. */
    struct handler_host *host;
    struct lease *lease;
    void (*work)(struct stream *s);
    int wake; /* eventfd: the loop wrote something below */
    uv_async_t mail;

    /* locked */
    pthread_mutex_t lock;
    enum stream_ask ask;  /* loop to thread */
    bool answered;        /* loop to thread: about the upload */
    enum err_code answer; /* loop to thread */
    bool uploading;       /* thread to loop: `upload` is to be recorded */
    bool submitted;       /* thread to loop: `submission` is to be told */
    bool over;            /* thread to loop: the thread is ending */
    char note[HANDLER_NOTE_BYTES];

    atomic_uint_least64_t bytes_in;
    atomic_uint_least64_t bytes_out;
    atomic_uint_least64_t beats;

    /* The loop's. */
    uv_thread_t thread;
    bool told;           /* the upload was passed on */
    bool told_submitted; /* the submission was */

    /* The thread's; the loop's again when it is over. */
    struct handler_upload upload;
    struct slice submission;
    struct lease_result result;
    struct arena memory; /* the result's, and all the task's texts */
    struct run run;
    void *data; /* the work's */
    const struct stream_ends *ends;
    struct signer signer; /* of the client, where the keys are the coordinator's */
    struct s3_client *client;
    struct s3_writer *writer; /* of the upload the coordinator records */
    struct process_exit exit;
    struct buf text; /* the handler's own result */
    bool text_cut;
    bool running;  /* a process was spawned and has not ended */
    bool ended;    /* it has */
    bool recorded; /* the coordinator knows the upload */
    bool stopping; /* the lease is dropped, or the worker leaves */
    bool failed;   /* `result` is a failure */
    bool fed;      /* no more input */
    bool drained;  /* no more output */
    bool sent;     /* all parts are in the store */
};

/* ---- The loop's: for struct handler_ops ---- */

bool stream_start(struct handler_host *h,
                  struct lease *l,
                  void (*work)(struct stream *s),
                  struct lease_result *r,
                  struct arena *memory);
void stream_stop(struct lease *l, bool at_once);
void stream_progress(const struct lease *l, struct handler_progress *out);
void stream_upload_recorded(struct lease *l, enum err_code rc);

/* ---- The thread's ---- */

/* Runs the whole task and fills `result`; `wake` and `mail` tell both sides. */
void stream_run(struct stream *s);
/* The first failure counts. The handler is ended at once. */
void stream_fail(struct stream *s, const char *error, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* It has failed, or is to be ended. */
bool stream_given_up(const struct stream *s);
/* What the loop said meanwhile. */
void stream_hear(struct stream *s);
/* Until the store or the loop has something new, where no handler runs; false: *err. */
bool stream_wait(struct stream *s, struct err *err);
/* Begin the upload that the coordinator is to record: `recorded` says when it has. */
enum err_code stream_upload(struct stream *s,
                            const struct handler_upload *to,
                            struct slice content_type,
                            struct err *err);
/* Are all parts of it in the store? Then they are the result's, and `sent`. */
enum err_code stream_look(struct stream *s, struct err *err);
/* Run the handler between those ends, to its end or until it was given up. No byte of its output is
 * taken before `recorded`. */
void stream_handle(struct stream *s, const struct stream_ends *ends);

/* ---- Between stream_pump.c and stream_persistent.c ---- */

/* stream_handle() of a persistent function; `ends` is set. */
void stream_handle_persistent(struct stream *s);
/* The loop is to know of a note, or of a submission. */
void stream_noted(struct stream *s);
void stream_submitted(struct stream *s);

#endif
