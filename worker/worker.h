/* SPDX-License-Identifier: Apache-2.0 */
/* The worker as a whole: its session with the coordinator (session.c) and what it tells it
 * (report.c).
 *
 *   SERVING --signal--> DRAINING --nothing held, or too late--> LEAVING --bye answered--> (loop
 * ends)
 *
 * One call a kind of request, so that none waits for another: the parked poll, two reports of
 * results, one of uploads, one for the rest (keep-alive with all tokens held, progress,
 * submissions, leases handed back), one for hello and bye. Beside them, threads of tasks have
 * requests to the store signed, each on a context of its own. While both result calls are out,
 * results gather and go out together.
 *
 * The coordinator may be gone for as long as it likes: calls fail, are tried again with a growing
 * wait, tasks run on, results stay. It forgets workers when it restarts: WorkerUnknown to any call
 * means hello again, under the same instance; the next poll lists what is held, and its answer what
 * is to be dropped. All of it belongs to the loop's thread. Source: PROTOCOL.md. */
#ifndef STEPFLEET_WORKER_WORKER_H
#define STEPFLEET_WORKER_WORKER_H

#include "proto/base/limits.h"
#include "worker/handler/keeper.h"
#include "worker/link.h"
#include "worker/settings.h"

enum worker_phase { WORKER_SERVING, WORKER_DRAINING, WORKER_LEAVING };

enum {
    WORKER_RESULT_CALLS = 2,               /* one is on its way while the other gathers */
    WORKER_RESULT_BYTES = 4 * 1024 * 1024, /* of one report, the last result over it not counted */
    WORKER_PROGRESS_MS = 1000,             /* a task's progress is told at most so often */
    WORKER_LOOK_MS = 250,                  /* while tasks run, look whether they moved */
    WORKER_HELLO_MS = 5000,                /* answers are awaited so long */
    WORKER_REPORT_MS = 10000,
    WORKER_TICK_MIN_MS = 2000,
    WORKER_BYE_MS = 1000,
    WORKER_SIGN_MS = 5000,        /* a task's thread hears nothing else meanwhile */
    WORKER_POLL_SLACK_MS = 10000, /* beyond what a poll may be parked */
    WORKER_RETRY_MIN_MS = 100,
    WORKER_RETRY_MAX_MS = 5000,
    WORKER_LAST_MS = PROCESS_GRACE_MS + 3000, /* from the end of the drain to leaving regardless */
};

/* A report of results under way. */
struct worker_report {
    struct link_call call;
    struct lease *leases[LIMIT_REPORTS];
    size_t count;
    size_t submitted; /* submissions that went before them */
};

/* An upload the coordinator is to record. */
struct worker_upload {
    struct list link; /* in uploads_waiting or uploads_sent */
    struct lease_token token;
    struct handler_upload upload; /* borrowed from the handler while waiting */
};

struct worker {
    struct handler_host host;
    uv_loop_t *loop;
    const struct settings *settings;
    enum worker_phase phase;
    struct lease_table table;
    struct keeper keeper;
    struct arena arena; /* of the message being built */

    struct link link;
    struct link_call hello;
    struct link_call poll;
    struct link_call tick;
    struct link_call upload;
    struct worker_report reports[WORKER_RESULT_CALLS];
    size_t results_max; /* of the next report: 1 after one was refused as a whole */

    uint64_t instance;
    uint64_t id; /* 0: not registered */
    uint64_t epoch;
    int64_t hello_ms; /* when it last was */
    bool tick_wanted;
    bool holds_due;
    bool drain_told;
    bool cut_short;     /* the drain is over: what still runs is being ended */
    enum err_code said; /* what the log says of the coordinator; OK: nothing */
    bool refused;       /* the coordinator does not want this worker */
    struct list uploads_waiting;
    struct list uploads_sent;

    uv_timer_t keep_alive;
    int tick_ms; /* how long its answer is awaited: a dead connection is found within a lease */
    uv_timer_t look;
    uv_timer_t retry;
    uv_timer_t drain;
    int64_t retry_ms; /* the last wait; 0: all is well */
};

/* Begin; the loop then runs until the worker has left. `pieces` does those of job runs; NULL:
 * nobody here does. */
enum err_code worker_open(struct worker *w,
                          uv_loop_t *loop,
                          const struct settings *settings,
                          const char *work_dir,
                          const struct handler_ops *pieces,
                          struct err *err);
/* Take no more, finish what runs, leave. */
void worker_drain(struct worker *w);
/* After the loop. */
void worker_fini(struct worker *w);

/* ---- Between session.c and report.c ---- */

/* Send what is to be sent and can be. At the end of every callback. */
void worker_flush(struct worker *w);
/* A call failed: wait, then go on; or say hello again. */
void worker_call_failed(struct worker *w, enum err_code rc, const struct err *err);
void worker_call_heard(struct worker *w);
/* What a reply brought. `hand_back`: what has not begun is to go back, these too. */
void worker_take_leases(struct worker *w,
                        Stepfleet__Lease *const *leases,
                        size_t count,
                        bool hand_back);
void worker_take_drops(struct worker *w, Stepfleet__Token *const *drops, size_t count);
void worker_drop(struct worker *w, struct lease *l);
/* The tokens held, in w->arena. */
size_t report_holds(struct worker *w, Stepfleet__Token ***out);

void report_results(struct worker *w);
void report_uploads(struct worker *w);
void report_tick(struct worker *w);
void report_results_done(struct link_call *c,
                         enum err_code rc,
                         const void *m,
                         const struct err *err);
void report_uploads_done(struct link_call *c,
                         enum err_code rc,
                         const void *m,
                         const struct err *err);
void report_tick_done(struct link_call *c, enum err_code rc, const void *m, const struct err *err);
/* The task is over: its upload need not be recorded any more. */
void report_forget_upload(struct worker *w, struct lease_token token);

#endif
