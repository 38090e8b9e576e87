/* SPDX-License-Identifier: Apache-2.0 */
/* What the ledger asks for: handed to whoever does it. */
#include <stdlib.h>
#include <unistd.h>

#include "coordinator/shell_internal.h"
#include "proto/host/log.h"

static void hook_commit(void *arg, struct store_batch *b)
{
    committer_put(((struct shell *)arg)->committer, b);
}

static void hook_failed(void *arg, const struct err *err)
{
    struct shell *s = arg;

    /* Nothing may leave any more: what is in memory is not what is on disk. */
    log_error("the database %s failed: %s; ending at once: what was acknowledged is on disk",
              s->config->data, err->msg);
    _exit(EXIT_FAILURE);
}

static void hook_object(void *arg, struct object_request *r)
{
    struct object_task *t = mem_zalloc(1, sizeof(*t));

    t->request = r;
    r->work = t;
    object_threads_put(((struct shell *)arg)->objects, t);
}

static void hook_worker_mail(void *arg, struct fleet_worker *w)
{
    api_worker_mail(&((struct shell *)arg)->api, w);
}

static void hook_worker_gone(void *arg, struct fleet_worker *w)
{
    api_worker_gone(&((struct shell *)arg)->api, w);
}

static void hook_moved(void *arg, uint64_t execution)
{
    api_moved(&((struct shell *)arg)->api, execution);
}

static void hook_call(void *arg, struct ledger_call *c)
{
    api_call(&((struct shell *)arg)->api, c);
}

static void hook_call_gone(void *arg, struct ledger_call *c)
{
    api_call_gone(&((struct shell *)arg)->api, c);
}

static void hook_logged(void *arg, struct ledger_logged *x)
{
    execution_log_put(((struct shell *)arg)->log, x);
}

static void hook_traced(void *arg, struct ledger_logged *x)
{
    execution_trace_put(((struct shell *)arg)->trace, x);
}

static void hook_archive(void *arg, struct ledger_archive *a)
{
    execution_archive_put(((struct shell *)arg)->archive, a);
}

static void hook_activity_ready(void *arg, struct ledger_activity *a)
{
    api_activity_ready(&((struct shell *)arg)->api, a);
}

static void hook_queue_ready(void *arg, struct ledger_queue *q)
{
    api_queue_ready(&((struct shell *)arg)->api, q);
}

static void hook_webhook(void *arg, struct webhook_request *r)
{
    webhook_sender_put(((struct shell *)arg)->sender, r);
}

struct ledger_hooks shell_hooks(struct shell *s)
{
    const struct shell_config *c = s->config;

    return (struct ledger_hooks){
        .arg = s,
        .commit = hook_commit,
        .object = hook_object,
        .worker_mail = hook_worker_mail,
        .moved = hook_moved,
        .worker_gone = hook_worker_gone,
        .call = hook_call,
        .call_gone = hook_call_gone,
        .activity_ready = hook_activity_ready,
        .queue_ready = hook_queue_ready,
        .webhook = hook_webhook,
        .logged = c->execution_logs != NULL ? hook_logged : NULL,
        .traced = c->trace.endpoint != NULL ? hook_traced : NULL,
        .archive = c->archive.bucket.len != 0 ? hook_archive : NULL,
        .failed = hook_failed,
    };
}

void shell_archived(void *arg, struct ledger_archive *a)
{
    struct shell *s = arg;

    (void)pthread_mutex_lock(&s->lock);
    list_push_back(&s->archived, &a->queued);
    (void)uv_async_send(&s->wake);
    (void)pthread_mutex_unlock(&s->lock);
}

void shell_wake(void *arg)
{
    (void)uv_async_send(&((struct shell *)arg)->wake);
}
