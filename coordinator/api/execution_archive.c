/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api/execution_archive.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "proto/host/clock.h"

enum {
    THREADS = 2,
    PUT_BYTES = 4 * 1024 * 1024, /* a longer one is streamed */
};

struct execution_archive {
    struct api *api;
    struct execution_archive_config config;
    pthread_t threads[THREADS];
    unsigned thread_count;

    pthread_mutex_t lock;
    pthread_cond_t work;
    /* locked: */
    struct list queue; /* ledger_archive.queued */
    bool quit;
};

/* ---- an object ---- */

/* Lines gather in memory; once there are too many, they go up as they come. */
struct object {
    struct archive_sink sink;
    struct s3_client *client;
    struct slice bucket;
    struct slice key;
    struct slice
        mark; /* of this attempt alone: else an earlier one's object would be taken for it */
    struct buf lines;
    struct s3_writer *writer; /* NULL: it is short so far */
};

static enum err_code pour(struct object *o, struct err *err)
{
    struct slice rest = buf_slice(&o->lines);
    enum err_code rc = OK;

    while (rc == OK && rest.len != 0) {
        size_t room;
        char *where;

        rc = s3_writer_reserve(o->writer, &where, &room, err);
        if (rc == OK && room == 0) {
            rc = s3_wait(o->client, NULL, 0, -1, err);
        } else if (rc == OK) {
            size_t bytes = rest.len < room ? rest.len : room;

            memcpy(where, rest.ptr, bytes);
            s3_writer_commit(o->writer, bytes);
            rest = slice_from(rest, bytes);
        }
    }
    buf_reset(&o->lines);
    return rc;
}

static enum err_code object_line(struct archive_sink *s, struct slice line, struct err *err)
{
    struct object *o = container_of(s, struct object, sink);
    enum err_code rc = OK;

    buf_put_slice(&o->lines, line);
    if (o->lines.len < PUT_BYTES) {
        return OK;
    }
    if (o->writer == NULL) {
        rc = s3_writer_open(o->client, o->bucket, o->key, SLICE("application/x-ndjson"), o->mark,
                            &o->writer, err);
    }
    return rc == OK ? pour(o, err) : rc;
}

static enum err_code complete(struct object *o, struct err *err)
{
    const struct s3_part *parts = NULL;
    struct s3_object object;
    size_t count = 0;
    bool done = false;
    enum err_code rc = pour(o, err);

    if (rc == OK) {
        s3_writer_end(o->writer);
        rc = s3_writer_done(o->writer, &done, &parts, &count, err);
    }
    while (rc == OK && !done) {
        rc = s3_wait(o->client, NULL, 0, -1, err);
        rc = rc != OK ? rc : s3_writer_done(o->writer, &done, &parts, &count, err);
    }
    return rc != OK ? rc
                    : s3_complete(o->client, o->bucket, o->key, s3_writer_upload_id(o->writer),
                                  o->mark, parts, count, &object, err);
}

static enum err_code object_end(struct object *o, struct err *err)
{
    return o->writer != NULL ? complete(o, err)
                             : s3_put(o->client, o->bucket, o->key, SLICE("application/x-ndjson"),
                                      buf_slice(&o->lines), err);
}

/* What is left of an upload that came to nothing is aborted, as well as that can be. */
static void object_fini(struct object *o, enum err_code rc)
{
    struct err unused;

    if (o->writer != NULL && rc != OK) {
        (void)s3_abort(o->client, o->bucket, o->key, s3_writer_upload_id(o->writer), &unused);
    }
    if (o->writer != NULL) {
        s3_writer_close(o->writer);
    }
    buf_fini(&o->lines);
}

/* ---- an execution ---- */

static void store(struct execution_archive *x,
                  struct s3_client *client,
                  const struct record_source *source,
                  const struct execution_header *h,
                  struct arena *a,
                  struct ledger_archive *out)
{
    struct object o = {
        .sink = {.line = object_line},
        .client = client,
        .bucket = x->config.place.bucket,
        .key = archive_key(&x->config.place, h, a),
        .mark = arena_printf(a, "archive-%016" PRIx64, clock_random_u64()),
    };

    out->rc = archive_write(x->api, source, h, &o.sink, &out->err);
    out->unreadable = out->rc != OK && o.sink.rc == OK;
    if (out->rc == OK) {
        out->rc = object_end(&o, &out->err);
    }
    object_fini(&o, out->rc);
}

static void
archive_one(struct execution_archive *x, struct s3_client *client, struct ledger_archive *out)
{
    struct ledger *l = x->api->ledger;
    struct record_source source = {
        .rules = ledger_rules(l),
        .store = ledger_store(l),
        .account = ledger_configuration(l)->account,
        .execution = out->execution,
    };
    struct arena a = {0};
    struct image im;

    out->rc = image_read(&source, &a, &im, &out->err);
    out->unreadable = out->rc != OK;
    if (out->rc == OK && !im.header.express) { /* of a machine that is gone it may be one */
        store(x, client, &source, &im.header, &a, out);
    }
    arena_fini(&a);
}

/* ---- the threads ---- */

static struct ledger_archive *take(struct execution_archive *x)
{
    struct ledger_archive *a = NULL;

    (void)pthread_mutex_lock(&x->lock);
    while (list_empty(&x->queue) && !x->quit) {
        (void)pthread_cond_wait(&x->work, &x->lock);
    }
    if (!x->quit) {
        a = container_of(list_pop_front(&x->queue), struct ledger_archive, queued);
    }
    (void)pthread_mutex_unlock(&x->lock);
    return a;
}

static void *archive_thread(void *arg)
{
    struct execution_archive *x = arg;
    struct s3_client *client = NULL;
    struct ledger_archive *a;

    while ((a = take(x)) != NULL) {
        a->rc = client != NULL ? OK : s3_client_new(x->config.objects, &client, &a->err);
        if (a->rc == OK) {
            archive_one(x, client, a);
        }
        x->config.done(x->config.arg, a);
    }
    if (client != NULL) {
        s3_client_free(client);
    }
    return NULL;
}

enum err_code execution_archive_open(struct api *api,
                                     const struct execution_archive_config *config,
                                     struct execution_archive **out,
                                     struct err *err)
{
    struct execution_archive *x = mem_zalloc(1, sizeof(*x));

    x->api = api;
    x->config = *config;
    list_init(&x->queue);
    (void)pthread_mutex_init(&x->lock, NULL);
    (void)pthread_cond_init(&x->work, NULL);
    while (x->thread_count < THREADS &&
           pthread_create(&x->threads[x->thread_count], NULL, archive_thread, x) == 0) {
        x->thread_count++;
    }
    if (x->thread_count < THREADS) {
        execution_archive_close(x);
        return err_set(err, ERR_NO_MEMORY, "no memory for a thread, or there are too many");
    }
    *out = x;
    return OK;
}

void execution_archive_put(struct execution_archive *x, struct ledger_archive *a)
{
    (void)pthread_mutex_lock(&x->lock);
    list_push_back(&x->queue, &a->queued);
    (void)pthread_cond_signal(&x->work);
    (void)pthread_mutex_unlock(&x->lock);
}

void execution_archive_close(struct execution_archive *x)
{
    (void)pthread_mutex_lock(&x->lock);
    x->quit = true;
    (void)pthread_cond_broadcast(&x->work);
    (void)pthread_mutex_unlock(&x->lock);
    for (unsigned i = 0; i < x->thread_count; i++) {
        (void)pthread_join(x->threads[i], NULL);
    }
    (void)pthread_mutex_destroy(&x->lock);
    (void)pthread_cond_destroy(&x->work);
    mem_free(x);
}
