/* SPDX-License-Identifier: Apache-2.0 */
/* How a task's code is run. A kind of handler is a struct handler_ops: start, stop, progress. Tasks
 * meet the rest of the worker only in struct handler_host.
 *
 *   echo    the payload is the result; no process
 *   event   a process an event: JSON on stdin, JSON on stdout (a Lambda function's shape)
 *   stream  a process between two objects: bytes on stdin, bytes on stdout, in constant memory
 *
 * Where the function is persistent, the process is kept between tasks (keeper.h), and what it would
 * have on its descriptors comes in frames (frame.h, talk.h).
 *
 * A lease that has a piece of a job run goes to handler_host.pieces, whatever its function.
 *
 * Everything here belongs to the loop's thread. A stream task's bytes are moved by a thread of its
 * own, which meets the loop in a queue and a uv_async, and in atomic counters. */
#ifndef STEPFLEET_WORKER_HANDLER_H
#define STEPFLEET_WORKER_HANDLER_H

#include <uv.h>

#include "proto/wire.h"
#include "worker/lease/lease.h"
#include "worker/process/process.h"

struct keeper;

enum handler_kind {
    HANDLER_ECHO,
    HANDLER_EVENT,
    HANDLER_STREAM,
    HANDLER_PIECES, /* nothing but pieces of job runs; not configured, but there with a store */
};

/* A function as configured; alive as long as the worker. */
struct handler_function {
    struct lease_function lease;
    const char *name;
    enum handler_kind kind;
    const char *command; /* as written, for messages */
    char **argv;         /* NULL at the end */
    size_t argc;
    const char *path;      /* of its program */
    const char *directory; /* where it starts */
    char **env;            /* "NAME=value", NULL at the end */
    size_t env_count;
    struct process_limits limits; /* timeout_ms: the function's own */
    size_t output_max_bytes;
    bool persistent;    /* its processes do task after task: */
    int64_t idle_ms;    /* one that has had none for so long is ended, */
    uint64_t tasks_max; /* and one that has had so many; 0: any number */
};

struct handler_upload {
    struct slice bucket;
    struct slice key;
    struct slice upload_id;
    struct slice mark; /* stored with the object: whose upload it is */
};

enum {
    HANDLER_NOTE_BYTES = 256,
    HANDLER_CREDENTIALS_BYTES =
        32768, /* in the environment, where a variable has 128 KiB at most */
};

/* Counters only grow. */
struct handler_progress {
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t beats;
    char note[HANDLER_NOTE_BYTES];
};

struct handler_host {
    uv_loop_t *loop;
    const char *work_dir;
    const struct s3_config *objects;  /* of stream tasks */
    const struct handler_ops *pieces; /* of job runs; NULL: nobody does them */
    struct keeper *keeper;            /* of persistent functions' processes */
    struct otlp *otlp;                /* is told of the store's transfers; NULL: nobody is */
    /* The task is over and nothing of it runs: exactly once after handler_start(), never inside it.
     * The result's texts are in *memory, which may be taken. */
    void (*finished)(struct handler_host *h,
                     struct lease *l,
                     const struct lease_result *r,
                     struct arena *memory);
    /* An upload was begun: have it recorded, then call handler_upload_recorded(). Texts are
     * borrowed until then, or until `finished`. */
    void (*uploading)(struct handler_host *h, struct lease *l, const struct handler_upload *u);
    /* The job of a lease that submits has begun, `text` is its JSON, borrowed for the call: at most
     * once, before `finished`. */
    void (*submitted)(struct handler_host *h, struct lease *l, struct slice text);
    /* Any thread, and blocks: URLs from the coordinator, which has the store's keys. `q` is filled
     * but for the instance; *reply in `a`. */
    enum err_code (*sign)(struct handler_host *h,
                          Stepfleet__SignRequest *q,
                          struct arena *a,
                          const Stepfleet__SignReply **reply,
                          struct err *err);
};

/* The lease is RUNNING. False: it is over already, *r in *memory says how, and `finished` is not
 * called. */
bool handler_start(struct handler_host *h,
                   struct lease *l,
                   struct lease_result *r,
                   struct arena *memory);
/* End it: SIGTERM first, or at once. `finished` follows. */
void handler_stop(struct lease *l, bool at_once);
void handler_progress(const struct lease *l, struct handler_progress *out);
/* The coordinator's answer to an upload: OK, or why it refuses it, which fails the task. */
void handler_upload_recorded(struct lease *l, enum err_code rc);

static inline struct handler_function *handler_function(const struct lease *l)
{
    return container_of(l->function, struct handler_function, lease);
}

/* A kind of handler; what it does not need is NULL. */
struct handler_ops {
    const char *name;
    bool (*start)(struct handler_host *h,
                  struct lease *l,
                  struct lease_result *r,
                  struct arena *memory);
    void (*stop)(struct lease *l, bool at_once);
    void (*progress)(const struct lease *l, struct handler_progress *out);
    void (*upload_recorded)(struct lease *l, enum err_code rc);
};
extern const struct handler_ops handler_echo;
extern const struct handler_ops handler_event;
extern const struct handler_ops handler_event_persistent;
extern const struct handler_ops handler_stream;
/* By name, as configured; false: none. */
bool handler_parse_kind(struct slice name, enum handler_kind *out);

#endif
