/* SPDX-License-Identifier: Apache-2.0 */
/* Backups: one is made at a time, by a thread of the pool, and asked after by its name. */
#include <stdio.h>
#include <string.h>

#include "coordinator/api/api.h"
#include "coordinator/api/reading.h"
#include "coordinator/backup/backup.h"
#include "proto/host/clock.h"
#include "proto/host/log.h"

struct backup_run {
    struct api *api;
    char name[LIMIT_BACKUP_NAME_BYTES + 1];
    struct store *store;
    int64_t made_ms;
    uint64_t executions;
    struct file_progress progress;
    /* The thread's, until it is over: */
    enum err_code rc;
    struct err err;
    bool over;
};

static void backup_work(void *task)
{
    struct backup_run *r = task;

    r->rc = backup_make(r->store, r->api->hooks.backups, r->name, r->made_ms, r->executions,
                        &r->progress, &r->err);
}

static void backup_done(void *task)
{
    struct backup_run *r = task;

    r->over = true;
    if (r->rc == OK) {
        log_info("backup is made: name=%s bytes=%llu directory=%s", r->name,
                 (unsigned long long)r->progress.bytes, r->api->hooks.backups);
    } else {
        log_error("backup failed: name=%s: %s", r->name, r->err.msg);
    }
}

static bool is_made(const struct api *api)
{
    return api->backup != NULL && !api->backup->over;
}

static struct err *no_directory(struct err *err)
{
    err_set(err, ERR_VALIDATION,
            "no directory for backups is configured: set `directory` in [backup] of the "
            "coordinator's configuration");
    return err;
}

void operation_BACKUP_START(struct call *c)
{
    const Stepfleet__BackupStartRequest *q = (const void *)c->request;
    Stepfleet__Empty r = STEPFLEET__EMPTY__INIT;
    struct api *api = c->api;
    struct backup_run *run;
    struct err err;

    if (api->hooks.backups == NULL) {
        c->fail(c, ERR_VALIDATION, no_directory(&err));
        return;
    }
    if (!manifest_is_name(slice_str(q->name))) {
        call_fail(c, ERR_INVALID_NAME,
                  "\"%.100s\" is no name of a backup: 1 to %d letters, digits, '.', '-' and '_', "
                  "and no '.' first",
                  q->name, LIMIT_BACKUP_NAME_BYTES);
        return;
    }
    if (is_made(api)) {
        call_fail(c, ERR_CONFLICT, "the backup %s is being made", api->backup->name);
        return;
    }
    if (backup_exists(api->hooks.backups, q->name)) {
        call_fail(c, ERR_CONFLICT, "there is a backup %s already", q->name);
        return;
    }
    backup_forget(api);
    run = api->backup = mem_zalloc(1, sizeof(*run));
    run->api = api;
    (void)snprintf(run->name, sizeof(run->name), "%s", q->name);
    run->store = ledger_store(api->ledger);
    run->made_ms = clock_wall_ms(); /* as --restore asks: the ledger's may be ahead of it */
    run->executions = ledger_open_count(api->ledger);
    api->hooks.background(api->hooks.arg, backup_work, backup_done, run);
    c->reply(c, &r.base);
}

void backup_stop(struct api *api)
{
    if (is_made(api)) {
        atomic_store(&api->backup->progress.stop, true);
    }
}

void backup_forget(struct api *api)
{
    mem_free(api->backup);
    api->backup = NULL;
}

/* ---- list ---- */

static Stepfleet__BackupView *view_new(struct arena *a, const char *state)
{
    Stepfleet__BackupView *v = arena_alloc(a, sizeof(*v));

    stepfleet__backup_view__init(v);
    v->state = arena_str(a, slice_str(state));
    return v;
}

/* The one being made, or that failed last; NULL: there is none. */
static Stepfleet__BackupView *view_of_run(const struct api *api, struct arena *a)
{
    struct backup_run *r = api->backup;
    Stepfleet__BackupView *v;

    if (r == NULL || (r->over && r->rc == OK)) {
        return NULL;
    }
    v = view_new(a, r->over ? "FAILED" : "MAKING");
    v->name = arena_str(a, slice_str(r->name));
    v->made_ms = r->made_ms;
    v->executions = r->executions;
    v->bytes = r->progress.bytes;
    v->of_bytes = r->progress.of_bytes;
    if (r->over) {
        v->problem = arena_str(a, slice_str(r->err.msg));
    }
    return v;
}

static Stepfleet__BackupView *view_of_found(const struct backup_found *f, struct arena *a)
{
    bool damaged = f->damage.code != OK;
    Stepfleet__BackupView *v = view_new(a, damaged ? "FAILED" : "DONE");

    v->name = arena_str(a, f->name);
    if (damaged) {
        v->problem = arena_str(a, slice_str(f->damage.msg));
        return v;
    }
    v->made_ms = f->manifest.made_ms;
    v->bytes = manifest_bytes(&f->manifest);
    v->files = f->manifest.count;
    v->batch = f->manifest.batch;
    v->executions = f->manifest.executions;
    return v;
}

static void list_work(struct reading *r)
{
    Stepfleet__BackupListReply *m = arena_alloc(&r->arena, sizeof(*m));
    Stepfleet__BackupView *run = r->asked;
    struct backup_found *found;
    size_t count;

    r->rc = backup_list(r->api->hooks.backups, &r->arena, &found, &count, &r->err);
    stepfleet__backup_list_reply__init(m);
    m->backups = ARENA_ARRAY(&r->arena, count + 1, Stepfleet__BackupView *);
    if (run != NULL) {
        m->backups[m->n_backups++] = run;
    }
    for (size_t i = 0; i < count; i++) {
        m->backups[m->n_backups++] = view_of_found(&found[i], &r->arena);
    }
    r->reply = &m->base;
}

void operation_BACKUP_LIST(struct call *c)
{
    struct reading *r;
    struct err err;

    if (c->api->hooks.backups == NULL) {
        c->fail(c, ERR_VALIDATION, no_directory(&err));
        return;
    }
    r = reading_new(c, list_work);
    r->asked = view_of_run(c->api, &r->arena);
    reading_begin(r);
}
