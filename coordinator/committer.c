/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/committer.h"

#include <pthread.h>

#include "proto/base/arena.h"
#include "proto/host/clock.h"

struct committer {
    struct store *store;
    void (*woken)(void *arg);
    void *arg;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    /* locked: */
    struct store_batch *batch;
    bool done;
    struct commit_took took;
    enum err_code rc;
    struct err err;
    bool quit;
};

static void *commit_thread(void *arg)
{
    struct committer *c = arg;

    (void)pthread_setname_np(pthread_self(), "commit");
    (void)pthread_mutex_lock(&c->lock);
    for (;;) {
        struct store_batch *b;
        struct err err;
        enum err_code rc;
        int64_t begun_us;

        while (c->batch == NULL && !c->quit) {
            (void)pthread_cond_wait(&c->work, &c->lock);
        }
        if (c->batch == NULL) {
            break;
        }
        b = c->batch;
        c->batch = NULL;
        (void)pthread_mutex_unlock(&c->lock);
        begun_us = clock_mono_us();
        rc = store_write(c->store, b, &err);
        (void)pthread_mutex_lock(&c->lock);
        c->took = (struct commit_took){
            .us = (uint64_t)(clock_mono_us() - begun_us),
            .bytes = store_batch_bytes(b),
        };
        c->done = true;
        c->rc = rc;
        c->err = err;
        c->woken(c->arg);
    }
    (void)pthread_mutex_unlock(&c->lock);
    return NULL;
}

static void committer_free(struct committer *c)
{
    (void)pthread_cond_destroy(&c->work);
    (void)pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

struct committer *committer_open(struct store *store, void (*woken)(void *arg), void *arg)
{
    struct committer *c = mem_zalloc(1, sizeof(*c));

    c->store = store;
    c->woken = woken;
    c->arg = arg;
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->work, NULL);
    if (pthread_create(&c->thread, NULL, commit_thread, c) != 0) {
        committer_free(c);
        return NULL;
    }
    return c;
}

void committer_put(struct committer *c, struct store_batch *b)
{
    (void)pthread_mutex_lock(&c->lock);
    c->batch = b;
    (void)pthread_cond_signal(&c->work);
    (void)pthread_mutex_unlock(&c->lock);
}

bool committer_take(struct committer *c,
                    struct commit_took *took,
                    enum err_code *rc,
                    struct err *err)
{
    bool done;

    (void)pthread_mutex_lock(&c->lock);
    done = c->done;
    c->done = false;
    *took = c->took;
    *rc = c->rc;
    *err = c->err;
    (void)pthread_mutex_unlock(&c->lock);
    return done;
}

void committer_close(struct committer *c)
{
    (void)pthread_mutex_lock(&c->lock);
    c->quit = true;
    (void)pthread_cond_signal(&c->work);
    (void)pthread_mutex_unlock(&c->lock);
    (void)pthread_join(c->thread, NULL);
    committer_free(c);
}
