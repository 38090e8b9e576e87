/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/object_threads.h"

#include <pthread.h>
#include <string.h>

#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/base/limits.h"
#include "proto/host/log.h"

enum { THREADS = 4 };

struct object_threads {
    const struct s3_config *objects;
    void (*woken)(void *arg);
    void *arg;
    pthread_t threads[THREADS];
    unsigned count;
    pthread_mutex_t lock;
    pthread_cond_t work;
    /* locked: */
    struct list tasks; /* object_task, to be done */
    struct list done;
    bool quit;
};

/* ---- what is asked ---- */

static size_t parts_decode(struct slice bytes, struct arena *a, struct s3_part **out)
{
    struct cursor c = cursor_make(bytes);
    size_t count = 0;
    size_t cap = 0;

    *out = NULL;
    while (!cursor_done(&c) && !c.bad) {
        struct s3_part p = {.number = (uint32_t)cursor_varint(&c)};
        struct slice etag;

        p.bytes = cursor_varint(&c);
        etag = cursor_bytes(&c);
        if (etag.len >= sizeof(p.etag)) {
            c.bad = true;
            break;
        }
        if (etag.len != 0) {
            memcpy(p.etag, etag.ptr, etag.len);
        }
        if (count == cap) {
            size_t more = cap != 0 ? cap * 2 : 8;

            *out = arena_grow(a, *out, cap * sizeof(p), more * sizeof(p));
            cap = more;
        }
        (*out)[count++] = p;
    }
    return c.bad ? 0 : count;
}

static void object_do(struct s3_client *c, struct object_request *r, struct arena *a)
{
    struct s3_object object;
    struct s3_part *parts;
    size_t count;

    switch (r->kind) {
    case OBJECT_ABORT: r->rc = s3_abort(c, r->bucket, r->key, r->upload_id, &r->err); break;
    case OBJECT_COMPLETE:
        count = parts_decode(r->parts, a, &parts);
        r->rc = s3_complete(c, r->bucket, r->key, r->upload_id, r->mark, parts, count, &object,
                            &r->err);
        r->found = r->rc == OK && object.found;
        break;
    }
}

static bool sweep_each(void *arg, const struct s3_entry *e)
{
    struct object_task *t = arg;

    if (e->time_ms < t->older_than_ms && (!t->exact || slice_eq(e->key, t->prefix))) {
        t->found[t->found_count++] = (struct s3_entry){
            .key = arena_copy(&t->arena, e->key),
            .upload_id = arena_copy(&t->arena, e->upload_id),
            .time_ms = e->time_ms,
        };
    }
    return t->found_count < LIMIT_SWEEP_UPLOADS;
}

/* Only where stages and job runs write: the bucket may hold others' uploads. */
static void sweep_do(struct s3_client *c, struct object_task *t)
{
    struct err err;

    t->found = ARENA_ARRAY(&t->arena, LIMIT_SWEEP_UPLOADS, struct s3_entry);
    if (s3_list_uploads(c, t->bucket, t->prefix, sweep_each, t, &err) != OK) {
        log_warn("sweep of bucket %.*s: %s", SLICE_FMT(t->bucket), err.msg);
    }
}

static void outputs_do(struct s3_client *c, const struct outputs *o)
{
    struct err err;
    size_t removed;

    if (outputs_remove(c, o, &removed, &err) != OK) {
        log_warn("old outputs in bucket %.*s: %s", SLICE_FMT(o->bucket), err.msg);
    }
    if (removed != 0) {
        log_info("old outputs removed: bucket=%.*s objects=%zu", SLICE_FMT(o->bucket), removed);
    }
}

/* ---- threads ---- */

static void task_do(struct s3_client *c, struct object_task *t)
{
    if (t->request != NULL) {
        object_do(c, t->request, &t->arena);
    } else if (t->outputs != NULL) {
        outputs_do(c, t->outputs);
    } else {
        sweep_do(c, t);
    }
}

static void work(struct object_threads *o, struct s3_client *c)
{
    (void)pthread_mutex_lock(&o->lock);
    for (;;) {
        struct object_task *t;

        while (list_empty(&o->tasks) && !o->quit) {
            (void)pthread_cond_wait(&o->work, &o->lock);
        }
        if (o->quit) {
            break;
        }
        t = container_of(list_pop_front(&o->tasks), struct object_task, link);
        (void)pthread_mutex_unlock(&o->lock);
        task_do(c, t);
        (void)pthread_mutex_lock(&o->lock);
        list_push_back(&o->done, &t->link);
        o->woken(o->arg);
    }
    (void)pthread_mutex_unlock(&o->lock);
}

static void *object_thread(void *arg)
{
    struct object_threads *o = arg;
    struct s3_client *client = NULL;
    struct err err;

    (void)pthread_setname_np(pthread_self(), "objects");
    if (s3_client_new(o->objects, &client, &err) != OK) {
        log_error("object store: %s", err.msg);
        return NULL;
    }
    work(o, client);
    s3_client_free(client);
    return NULL;
}

static bool has_store(const struct s3_config *objects)
{
    return objects->root != NULL || objects->endpoint != NULL;
}

struct object_threads *
object_threads_open(const struct s3_config *objects, void (*woken)(void *arg), void *arg)
{
    struct object_threads *o = mem_zalloc(1, sizeof(*o));

    o->objects = objects;
    o->woken = woken;
    o->arg = arg;
    (void)pthread_mutex_init(&o->lock, NULL);
    (void)pthread_cond_init(&o->work, NULL);
    list_init(&o->tasks);
    list_init(&o->done);
    for (; has_store(objects) && o->count < THREADS; o->count++) {
        if (pthread_create(&o->threads[o->count], NULL, object_thread, o) != 0) {
            object_threads_close(o);
            return NULL;
        }
    }
    return o;
}

bool object_threads_have_store(const struct object_threads *o)
{
    return has_store(o->objects);
}

void object_threads_put(struct object_threads *o, struct object_task *t)
{
    (void)pthread_mutex_lock(&o->lock);
    list_push_back(&o->tasks, &t->link);
    (void)pthread_cond_signal(&o->work);
    (void)pthread_mutex_unlock(&o->lock);
}

void object_threads_take(struct object_threads *o, struct list *done)
{
    (void)pthread_mutex_lock(&o->lock);
    list_splice(done, &o->done);
    (void)pthread_mutex_unlock(&o->lock);
}

void object_task_free(struct object_task *t)
{
    arena_fini(&t->arena);
    mem_free(t);
}

static void drop(struct list *tasks)
{
    struct list *n;

    while ((n = list_pop_front(tasks)) != NULL) {
        object_task_free(container_of(n, struct object_task, link));
    }
}

void object_threads_close(struct object_threads *o)
{
    (void)pthread_mutex_lock(&o->lock);
    o->quit = true;
    (void)pthread_cond_broadcast(&o->work);
    (void)pthread_mutex_unlock(&o->lock);
    for (unsigned i = 0; i < o->count; i++) {
        (void)pthread_join(o->threads[i], NULL);
    }
    drop(&o->tasks);
    drop(&o->done);
    (void)pthread_cond_destroy(&o->work);
    (void)pthread_mutex_destroy(&o->lock);
    mem_free(o);
}
