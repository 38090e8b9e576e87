/* SPDX-License-Identifier: Apache-2.0 */
/* The output objects of stages: completing an upload whose intent is on disk, aborting one whose
 * attempt came to nothing. One request a frame at a time; a store that cannot be reached is asked
 * again, for as long as it takes, because no next attempt may be granted before the last one's
 * upload is settled.
 *
 *   COMPLETE  ok -> ENGINE_TASK_SUCCEEDED; upload gone and the object not ours ->
 * ENGINE_TASK_FAILED ABORT     ok -> ENGINE_UPLOAD_GONE -> the frame's task may be ready */
#include <assert.h>

#include "coordinator/ledger/run.h"
#include "coordinator/store/keys.h"
#include "proto/host/log.h"

enum {
    OBJECT_RETRY_MS = 500, /* doubled each time */
    OBJECT_RETRY_MS_MAX = 30000,
};

void parts_encode(struct buf *out, uint32_t number, uint64_t bytes, struct slice etag)
{
    buf_put_varint(out, number);
    buf_put_varint(out, bytes);
    buf_put_bytes(out, etag);
}

static struct object_request *object_begin(struct ledger *l,
                                           uint64_t execution,
                                           uint32_t frame,
                                           enum object_kind kind,
                                           const struct task_output *o)
{
    struct object_request *r = mem_zalloc(1, sizeof(*r) + o->bucket.len + o->key.len +
                                                 o->upload_id.len + o->mark.len + o->parts.len);
    char *at = r->text;

    r->kind = kind;
    r->bucket = block_put(&at, o->bucket);
    r->key = block_put(&at, o->key);
    r->upload_id = block_put(&at, o->upload_id);
    r->mark = block_put(&at, o->mark);
    r->parts = block_put(&at, o->parts);
    r->execution = execution;
    r->frame = frame;
    list_push_back(&l->objects, &r->link);
    l->object_count++;
    r->batch = l->filling_number; /* the step that asks is put into it, where it is put at all */
    heap_set(&l->object_retries, &r->retry, l->now.mono_ms);
    return r;
}

/* A completion that has not left yet is not wanted any more. */
static void object_call_off(struct ledger *l, struct object_request *r)
{
    if (r->kind == OBJECT_COMPLETE && heap_has(&r->retry)) {
        r->kind = OBJECT_ABORT;
        r->batch = l->filling_number;
    }
}

void object_abort(struct ledger *l, struct hot_frame *hf, const struct task_output *o)
{
    if (hf->object != NULL) {
        object_call_off(l, hf->object); /* where it has left, its answer settles the upload */
    } else {
        hf->object = object_begin(l, hf->hot->h.id, hf->f.id, OBJECT_ABORT, o);
    }
}

void object_abort_for_run(struct ledger *l, struct ledger_run *r, const struct task_output *o)
{
    (void)object_begin(l, r->number, 0, OBJECT_ABORT, o);
}

void object_complete_for_run(struct ledger *l, struct ledger_run *r)
{
    if (r->object == NULL) {
        r->object = object_begin(l, r->number, 0, OBJECT_COMPLETE, &r->row.output);
    }
}

void object_complete(struct ledger *l, struct hot_frame *hf)
{
    if (hf->object == NULL) {
        hf->object = object_begin(l, hf->hot->h.id, hf->f.id, OBJECT_COMPLETE, &hf->f.output);
    }
}

void ledger_sweep_upload(struct ledger *l,
                         struct slice bucket,
                         struct slice key,
                         struct slice upload_id)
{
    struct task_output o = {.bucket = bucket, .key = key, .upload_id = upload_id};

    (void)object_begin(l, 0, 0, OBJECT_ABORT, &o); /* no execution has the number 0 */
}

static void object_free(struct ledger *l, struct object_request *r)
{
    heap_remove(&l->object_retries, &r->retry);
    list_remove(&r->link);
    l->object_count--;
    mem_free(r);
}

void objects_free(struct ledger *l)
{
    while (!list_empty(&l->objects)) {
        object_free(l, container_of(l->objects.next, struct object_request, link));
    }
}

/* Is what led to it on disk? All is where nothing waits to be: a request made on loading an
 * execution, or for an Express one, has no batch of its own. */
static bool cause_is_durable(const struct ledger *l, const struct object_request *r)
{
    return r->batch <= l->durable_number ||
           (l->flying == NULL && store_batch_count(l->filling) == 0);
}

/* Hand out those whose cause is on disk and whose time has come. */
void objects_retry(struct ledger *l)
{
    struct heap_node *n;

    while ((n = heap_min(&l->object_retries)) != NULL && n->key <= l->now.mono_ms) {
        struct object_request *r = container_of(n, struct object_request, retry);

        if (!cause_is_durable(l, r)) {
            return; /* the next in line are no older: asked again when the commit is done */
        }
        heap_remove(&l->object_retries, n);
        r->tries++;
        l->hooks.object(l->hooks.arg, r);
    }
}

static void wake_commits(struct list *commits, enum err_code rc)
{
    struct list *n;

    while ((n = list_pop_front(commits)) != NULL) {
        struct ledger_commit *c = container_of(n, struct ledger_commit, link);

        c->done(c, rc);
    }
}

static void step_logged(struct ledger *l, struct hot_frame *hf, struct engine_event *ev)
{
    struct hot *h = hf->hot; /* the frame may go with the step */
    struct err err;

    ev->frame = hf->f.id;
    ev->token = hf->f.token;
    if (ledger_step(l, h, ev, NULL, &err) == STEP_FAILED) {
        log_error("a step after an object request failed: execution=%.*s: %s", SLICE_FMT(h->h.arn),
                  err.msg);
    }
}

/* A frame whose upload is gone: what was held back can be scheduled. */
static void upload_gone(struct ledger *l, struct hot_frame *hf)
{
    struct engine_event ev = {.kind = ENGINE_UPLOAD_GONE};
    struct txn t;
    struct err err;

    ev.frame = hf->f.id;
    ev.token = hf->f.token;
    txn_begin(&t, l, hf->hot, NULL);
    if (txn_step(&t, &ev, &err) != STEP_DONE) {
        return;
    }
    if (hf->held) {
        hf->held = false;
        if (task_order(l, hf, &err) == OK) {
            task_schedule(&t, hf, hf->order);
        } else {
            log_error("a held task cannot be made again: %s", err.msg);
        }
    }
    txn_commit(&t);
}

/* ---- completions that were made ---- */

static void settled_add(struct ledger *l, uint64_t upload)
{
    if (l->settled == NULL) {
        l->settled = mem_zalloc(LIMIT_SETTLED, sizeof(*l->settled));
    }
    l->settled[l->settled_count++ % LIMIT_SETTLED] = upload;
}

/* An upload whose completion was made must never be aborted, should the store list it still (s3.h
 * says why). Where it was found made, so that it may well be listed, that is remembered on disk. */
static void settled_note(struct ledger *l, const struct object_request *r)
{
    uint64_t upload = hash_bytes(r->upload_id, 0);
    struct key key = key_meta("settled");

    settled_add(l, upload);
    if (!r->found) {
        return;
    }
    log_info("an output was found completed; its upload is let be: %.*s/%.*s upload=%.*s",
             SLICE_FMT(r->bucket), SLICE_FMT(r->key), SLICE_FMT(r->upload_id));
    if (l->doubtful.len >= LIMIT_DOUBTFUL * sizeof(upload)) { /* the oldest goes */
        l->doubtful.len -= sizeof(upload);
        memmove(l->doubtful.ptr, l->doubtful.ptr + sizeof(upload), l->doubtful.len);
    }
    buf_put_u64le(&l->doubtful, upload);
    store_put(l->filling, CF_META, key_slice(&key), buf_slice(&l->doubtful));
}

void settled_load(struct ledger *l, struct slice row)
{
    struct cursor c = cursor_make(row);

    buf_put_slice(&l->doubtful, row);
    while (!cursor_done(&c) && !c.bad) {
        settled_add(l, cursor_u64le(&c));
    }
}

static bool is_settled(const struct ledger *l, uint64_t upload)
{
    size_t count = l->settled_count < LIMIT_SETTLED ? l->settled_count : LIMIT_SETTLED;

    for (size_t i = 0; i < count; i++) {
        if (l->settled[i] == upload) {
            return true;
        }
    }
    return false;
}

static void completed(struct ledger *l, struct hot_frame *hf, const struct object_request *r)
{
    struct engine_event ev = {.kind = ENGINE_TASK_SUCCEEDED, .result = hf->f.output.result};
    struct list commits;

    list_init(&commits);
    list_splice(&commits, &hf->commits);
    if (hf->f.status != FRAME_COMMITTING) {
        upload_gone(l, hf); /* stopped when it had left: the object is there, and stays */
        wake_commits(&commits, ERR_LEASE_LOST);
        return;
    }
    if (r->rc != OK) {
        log_warn("an output could not be completed: execution=%.*s: %s", SLICE_FMT(hf->hot->h.arn),
                 r->err.msg);
        ev = (struct engine_event){
            .kind = ENGINE_TASK_FAILED,
            .failure = {SLICE("Lambda.ServiceException"),
                        arena_printf(&l->arena, "The stage's output could not be committed: %s",
                                     r->err.msg)},
        };
    }
    task_ended(l, hf, r->rc == OK ? STAGE_SUCCEEDED : STAGE_FAILED);
    step_logged(l, hf, &ev);
    wake_commits(&commits, r->rc == OK ? OK : ERR_LEASE_LOST);
}

static void ask_again(struct ledger *l, struct object_request *r, bool wanted)
{
    unsigned doublings = r->tries < 7 ? r->tries : 7;
    int64_t wait = OBJECT_RETRY_MS << doublings;

    log_warn("object store: %s of %.*s/%.*s: %s; trying again",
             r->kind == OBJECT_ABORT ? "abort" : "commit", SLICE_FMT(r->bucket), SLICE_FMT(r->key),
             r->err.msg);
    heap_set(&l->object_retries, &r->retry,
             l->now.mono_ms + (wait < OBJECT_RETRY_MS_MAX ? wait : OBJECT_RETRY_MS_MAX));
    if (!wanted) {
        object_call_off(l, r); /* stopped while it was out: what commits now is another's */
    }
}

/* Does the answer leave the upload's fate open? Then nothing but asking again will do. */
static bool is_open(const struct object_request *r)
{
    if (r->rc == OK || r->rc == ERR_NOT_FOUND) {
        return false;
    }
    return r->kind == OBJECT_ABORT || err_retryable(r->rc) || r->rc == ERR_NO_SPACE ||
           r->rc == ERR_DENIED || r->rc == ERR_CONFIG;
}

void ledger_object_done(struct ledger *l, struct object_request *r)
{
    struct ledger_run *run = (r->execution & RUN_BIT) != 0 ? run_find(l, r->execution) : NULL;
    struct hot *h = hot_find(l, r->execution);
    struct hot_frame *hf = h != NULL ? hot_frame_find(l, h, r->frame) : NULL;

    figures_object(&l->figures, r->kind == OBJECT_COMPLETE ? OBJECTS_COMPLETE : OBJECTS_ABORT,
                   r->rc == OK || r->rc == ERR_NOT_FOUND);
    if (is_open(r) && r->execution != 0) {
        ask_again(l, r,
                  run != NULL ? run->object == r
                              : hf != NULL && hf->object == r && hf->f.status == FRAME_COMMITTING);
        return;
    }
    if (r->execution == 0 && r->rc != OK) {
        /* The next sweep finds it again. */
        log_warn("sweep of %.*s/%.*s: %s", SLICE_FMT(r->bucket), SLICE_FMT(r->key), r->err.msg);
    }
    if (r->kind == OBJECT_COMPLETE && r->rc == OK) {
        settled_note(l, r);
    }
    /* An answer about an upload of before (the execution left memory and came back) says nothing
     * about the one there is now. */
    if (hf != NULL && hf->object == r) {
        hf->object = NULL;
        if (r->kind == OBJECT_COMPLETE) {
            completed(l, hf, r);
        } else {
            upload_gone(l, hf);
        }
    }
    if (run != NULL && run->object == r) {
        run->object = NULL;
        run_object_done(l, run, r);
    }
    object_free(l, r);
}

/* ---- for the sweeper ---- */

void bucket_note(struct ledger *l, struct slice bucket)
{
    struct cursor c = cursor_make(buf_slice(&l->buckets));
    struct key key = key_meta("buckets");

    while (!cursor_done(&c) && !c.bad) {
        if (slice_eq(cursor_bytes(&c), bucket)) {
            return;
        }
    }
    if (l->bucket_count >= LIMIT_BUCKETS) {
        return;
    }
    buf_put_bytes(&l->buckets, bucket);
    l->bucket_count++;
    store_put(l->filling, CF_META, key_slice(&key), buf_slice(&l->buckets));
}

void buckets_load(struct ledger *l, struct slice text)
{
    struct cursor c = cursor_make(text);

    while (!cursor_done(&c) && !c.bad && l->bucket_count < LIMIT_BUCKETS) {
        struct slice name = cursor_bytes(&c);

        if (!c.bad) {
            buf_put_bytes(&l->buckets, name);
            l->bucket_count++;
        }
    }
}

static struct ledger_sweep *stage_buckets(struct ledger *l, size_t room)
{
    struct ledger_sweep *all = ARENA_ARRAY(&l->arena, l->bucket_count + room, struct ledger_sweep);
    struct cursor c = cursor_make(buf_slice(&l->buckets));

    for (size_t i = 0; i < l->bucket_count; i++) {
        all[i] = (struct ledger_sweep){.bucket = cursor_bytes(&c), .prefix = SLICE("executions/")};
    }
    return all;
}

struct ledger_sweep *ledger_stage_buckets(struct ledger *l, size_t *count)
{
    *count = l->bucket_count;
    return stage_buckets(l, 0);
}

struct ledger_sweep *ledger_sweeps(struct ledger *l, size_t *count)
{
    struct ledger_sweep *all = stage_buckets(l, l->runs.count + l->runs_parked.count);

    *count = l->bucket_count + runs_sweeps(l, all + l->bucket_count);
    return all;
}

bool ledger_upload_is_stray(struct ledger *l, struct slice key, struct slice upload_id)
{
    HASH_EACH_MATCH(n, &l->uploads, hash_bytes(upload_id, 0))
    {
        const struct hot_frame *hf = container_of(n, struct hot_frame, by_upload);

        if (slice_eq(hf->f.output.upload_id, upload_id)) {
            return false;
        }
    }
    return !runs_upload(l, upload_id) && !ledger_run_owns(l, key) &&
           !is_settled(l, hash_bytes(upload_id, 0));
}
