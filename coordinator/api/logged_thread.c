/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api/logged_thread.h"

#include <inttypes.h>
#include <pthread.h>

#include "proto/base/limits.h"
#include "proto/host/log.h"

struct logged_thread {
    struct logged_thread_work work;
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t more;
    /* locked: */
    struct list queue; /* ledger_logged.link */
    size_t queued;     /* bytes of them */
    uint64_t left_out;
    bool quit;
};

static void *work_thread(void *arg)
{
    struct logged_thread *t = arg;
    struct list taken;
    struct list *n;
    bool quit = false;

    list_init(&taken);
    while (!quit || !list_empty(&taken)) {
        while ((n = list_pop_front(&taken)) != NULL) {
            struct ledger_logged *x = container_of(n, struct ledger_logged, link);

            t->work.take(t->work.arg, x);
            mem_free(x);
        }
        if (t->work.rest != NULL) {
            t->work.rest(t->work.arg);
        }
        (void)pthread_mutex_lock(&t->lock);
        while (list_empty(&t->queue) && !t->quit) {
            (void)pthread_cond_wait(&t->more, &t->lock);
        }
        list_splice(&taken, &t->queue);
        t->queued = 0;
        quit = t->quit;
        (void)pthread_mutex_unlock(&t->lock);
    }
    return NULL;
}

void logged_thread_put(struct logged_thread *t, struct ledger_logged *x)
{
    uint64_t left_out;

    (void)pthread_mutex_lock(&t->lock);
    if (t->queued < LIMIT_LOG_QUEUE_BYTES) {
        list_push_back(&t->queue, &x->link);
        t->queued += x->bytes;
        x = NULL;
    }
    left_out = x != NULL ? ++t->left_out : 0;
    (void)pthread_cond_signal(&t->more);
    (void)pthread_mutex_unlock(&t->lock);
    if (x != NULL && (left_out & (left_out - 1)) == 0) {
        log_warn("%s: it does not keep up: %" PRIu64 " left out so far", t->work.what, left_out);
    }
    mem_free(x);
}

static void logged_thread_free(struct logged_thread *t)
{
    (void)pthread_mutex_destroy(&t->lock);
    (void)pthread_cond_destroy(&t->more);
    mem_free(t);
}

struct logged_thread *logged_thread_open(const struct logged_thread_work *work)
{
    struct logged_thread *t = mem_zalloc(1, sizeof(*t));

    t->work = *work;
    list_init(&t->queue);
    (void)pthread_mutex_init(&t->lock, NULL);
    (void)pthread_cond_init(&t->more, NULL);
    if (pthread_create(&t->thread, NULL, work_thread, t) != 0) {
        logged_thread_free(t);
        return NULL;
    }
    return t;
}

void logged_thread_close(struct logged_thread *t)
{
    (void)pthread_mutex_lock(&t->lock);
    t->quit = true;
    (void)pthread_cond_signal(&t->more);
    (void)pthread_mutex_unlock(&t->lock);
    (void)pthread_join(t->thread, NULL);
    logged_thread_free(t);
}
