/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the shell share: shell.c (starting and stopping), shell_turn.c (turns and what
 * brings them about), shell_hooks.c (what the ledger asks for).
 *
 * Threads: the loop (the writer of everything in memory), one that commits batches, a few that talk
 * to the object store, libuv's pool for reads, nng's own, those of HTTP, of webhooks and of log
 * records. They meet in locked lists and uv_async. */
#ifndef STEPFLEET_COORDINATOR_SHELL_INTERNAL_H
#define STEPFLEET_COORDINATOR_SHELL_INTERNAL_H

#include <pthread.h>
#include <uv.h>

#include "coordinator/api/api.h"
#include "coordinator/api/execution_archive.h"
#include "coordinator/api/execution_log.h"
#include "coordinator/api/execution_trace.h"
#include "coordinator/api/rpc/server.h"
#include "coordinator/backup/backup.h"
#include "coordinator/committer.h"
#include "coordinator/object_threads.h"
#include "coordinator/shell.h"
#include "coordinator/webhook_sender.h"

struct shell {
    const struct shell_config *config;
    uv_loop_t loop;
    uv_timer_t timer;
    uv_timer_t trim;
    uv_timer_t look; /* at the disk */
    struct disk disk;
    uv_timer_t beat;  /* what a service manager waits for */
    uv_idle_t again;  /* active: the next turn follows at once */
    size_t held_peak; /* things in memory at once, since memory was given back */
    uv_signal_t signals[2];
    uv_signal_t renew; /* SIGHUP */
    uv_async_t wake;
    struct store *store;
    struct ledger *ledger;
    struct api api;
    struct backup_origin origin; /* of the database */
    struct access *access;
    struct audit *audit;        /* NULL: there is none */
    struct presigner presigner; /* `api` has it */
    struct rpc_server *server;
    struct http_face *http;    /* NULL: none */
    struct execution_log *log; /* NULL: nobody writes one */
    struct otlp *otlp;         /* with `trace`; NULL: nothing is traced */
    struct execution_trace *trace;
    struct execution_archive *archive; /* NULL: there is none */
    struct webhook_sender *sender;
    struct object_threads *objects;
    struct committer *committer;
    struct sweeper sweeper;
    bool stopping;
    bool ended;
    int64_t stop_by_ms;
    int64_t quiet_ms; /* stopping: since when there is nothing left to do; 0: there is */
    int64_t turn_us;  /* when the turn began */
    struct err *err;
    enum err_code rc;

    pthread_mutex_t lock;
    struct list archived; /* locked: ledger_archive.queued */
};

/* ---- shell_turn.c ---- */

/* A machine that slept was not set ahead. */
struct fleet_now shell_now(void);
/* Whatever touches the ledger stands between these two. */
void shell_turn_begin(struct shell *s);
void shell_turn_end(struct shell *s);
/* What has arrived at the faces; the fleet's first. */
void shell_serve(struct shell *s);
/* A turn now. `arg` is the shell. */
void shell_turn(void *arg);
/* A commit is done, or an answer of the object store or a webhook is there. */
void shell_woken(uv_async_t *handle);
/* Does the disk have room, and what follows. */
void shell_look(uv_timer_t *timer);
/* Memory that was needed once is given back. */
void shell_trim(uv_timer_t *timer);
/* api_hooks.background */
void shell_background(void *arg, void (*work)(void *task), void (*done)(void *task), void *task);

/* ---- shell_hooks.c ---- */

struct ledger_hooks shell_hooks(struct shell *s);
/* On threads of others: something is there to be taken; an archive has been written. */
void shell_wake(void *arg);
void shell_archived(void *arg, struct ledger_archive *a);

/* ---- shell.c ---- */

/* Everything of the loop's is closed; it ends when that is done. */
void shell_quit(struct shell *s);

#endif
