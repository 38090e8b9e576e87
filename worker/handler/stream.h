/* SPDX-License-Identifier: Apache-2.0 */
/* A stream task between its two sides: stream.c on the loop's thread, stream_pump.c on the task's
 * own. They meet in the fields marked `locked`, an eventfd one way and a uv_async the other, and in
 * counters that are atomic. */
#ifndef STEPFLEET_WORKER_STREAM_H
#define STEPFLEET_WORKER_STREAM_H

#include <pthread.h>
#include <stdatomic.h>

#include "client/s3/s3.h"
#include "proto/base/buf.h"
#include "proto/stage.h"
#include "worker/handler/run.h"

enum stream_ask { STREAM_GO_ON, STREAM_STOP, STREAM_KILL };

struct stream {
    /* Set before the thread begins, unchanged while it runs. */
    struct handler_host *host;
    struct lease *lease;
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
    struct stage_places places;
    struct slice stage;   /* currentStage */
    struct slice initial; /* what is left of initialData */
    struct s3_client *client;
    struct s3_reader *reader;
    struct s3_writer *writer;
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

/* Runs the whole task and fills `result`; `wake` and `mail` tell both sides. */
void stream_run(struct stream *s);

#endif
