/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/handler/keeper.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "proto/host/clock.h"
#include "proto/host/log.h"

enum {
    KEEPER_LOOK_MS = 500, /* at those that are idle */
    KEEPER_SOON_MS = 10,  /* at those that leave */
    KEEPER_READS = 16,    /* of stderr at one look */
};

/* ---- One process ---- */

static void persistent_free(struct persistent *p)
{
    if (!run_close(&p->run)) {
        run_clear(&p->run);
    }
    buf_fini(&p->out);
    mem_free(p);
}

static enum err_code persistent_spawn(struct persistent *p, const char *work_dir, struct err *err)
{
    static const enum process_slot pipes[] = {PROCESS_STDIN, PROCESS_STDOUT, PROCESS_STDERR};
    enum err_code rc = run_init(&p->run, work_dir, err);

    for (size_t i = 0; rc == OK && i < sizeof(pipes) / sizeof(pipes[0]); i++) {
        rc = run_pipe(&p->run, pipes[i], err);
    }
    return rc != OK ? rc : run_spawn_kept(&p->run, p->function, err);
}

static enum err_code persistent_new(const char *work_dir,
                                    const struct handler_function *f,
                                    struct persistent **out,
                                    struct err *err)
{
    struct persistent *p = mem_zalloc(1, sizeof(*p));
    enum err_code rc;

    p->function = f;
    list_init(&p->link);
    rc = persistent_spawn(p, work_dir, err);
    if (rc != OK) {
        persistent_free(p);
        return rc;
    }
    *out = p;
    return OK;
}

static void read_stderr(struct persistent *p)
{
    for (int i = 0; i < KEEPER_READS && run_read_stderr(&p->run) > 0; i++) {
    }
}

/* It waits for a task: it is there, and has nothing to say. */
static bool is_well(struct persistent *p)
{
    struct pollfd fds[] = {{p->run.process.control, POLLIN, 0},
                           {p->run.near[PROCESS_STDOUT], POLLIN, 0}};

    read_stderr(p);
    return poll(fds, sizeof(fds) / sizeof(fds[0]), 0) == 0;
}

/* Its stdin ends; or, where it is unfit, all of it does. */
static void tell_to_leave(struct persistent *p)
{
    process_close(&p->run.near[PROCESS_STDIN]);
    if (p->unfit || !process_begin_task(&p->run.process, PROCESS_GRACE_MS, 0)) {
        process_stop(&p->run.process, true);
    }
    p->told = true;
}

/* Is nothing of it left? */
static bool has_left(struct persistent *p)
{
    struct process_exit exit;

    read_stderr(p);
    return p->run.process.control < 0 || process_ended(&p->run.process, &exit);
}

/* ---- The thread: everything with the lock held, but for freeing ---- */

static void leave(struct keeper *k, struct persistent *p)
{
    list_remove(&p->link);
    list_push_back(&k->leaving, &p->link);
}

static void look_at_idle(struct keeper *k)
{
    int64_t now = clock_mono_ms();

    LIST_EACH_SAFE(n, after, &k->idle)
    {
        struct persistent *p = container_of(n, struct persistent, link);

        if (k->drains || now - p->idle_at_ms >= p->function->idle_ms || !is_well(p)) {
            leave(k, p);
        }
    }
}

static void look_at_leaving(struct keeper *k, struct list *gone)
{
    LIST_EACH_SAFE(n, after, &k->leaving)
    {
        struct persistent *p = container_of(n, struct persistent, link);

        if (!p->told && p->run.process.control >= 0) {
            tell_to_leave(p);
        }
        if (has_left(p)) {
            list_remove(&p->link);
            list_push_back(gone, &p->link);
        }
    }
}

static void wait_a_while(struct keeper *k)
{
    int64_t at = clock_mono_ms() + (list_empty(&k->leaving) ? KEEPER_LOOK_MS : KEEPER_SOON_MS);
    struct timespec until = {(time_t)(at / 1000), (long)(at % 1000) * 1000000};

    (void)pthread_cond_timedwait(&k->changed, &k->lock, &until);
}

/* Directories may take a while to remove. */
static void free_all(struct keeper *k, struct list *gone)
{
    (void)pthread_mutex_unlock(&k->lock);
    for (struct list *n = list_pop_front(gone); n != NULL; n = list_pop_front(gone)) {
        persistent_free(container_of(n, struct persistent, link));
    }
    (void)pthread_mutex_lock(&k->lock);
}

static void *keeper_main(void *arg)
{
    struct keeper *k = arg;
    struct list gone;

    list_init(&gone);
    (void)pthread_mutex_lock(&k->lock);
    for (;;) {
        look_at_idle(k);
        look_at_leaving(k, &gone);
        if (!list_empty(&gone)) {
            free_all(k, &gone);
            continue; /* meanwhile more may have come */
        }
        if (k->drains && list_empty(&k->leaving) && k->closes) {
            break;
        }
        wait_a_while(k);
    }
    (void)pthread_mutex_unlock(&k->lock);
    return NULL;
}

/* ---- For the rest of the worker ---- */

enum err_code keeper_open(struct keeper *k, const char *work_dir, bool needed, struct err *err)
{
    pthread_condattr_t attributes;
    int rc;

    *k = (struct keeper){.work_dir = work_dir};
    list_init(&k->idle);
    list_init(&k->leaving);
    if (!needed) {
        return OK;
    }
    (void)pthread_mutex_init(&k->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&k->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    rc = pthread_create(&k->thread, NULL, keeper_main, k);
    k->begun = rc == 0;
    return rc == 0 ? OK : err_set(err, ERR_IO, "no thread to keep handlers with: %s", strerror(rc));
}

/* The one used last that is well, or NULL. */
static struct persistent *take_idle(struct keeper *k, const struct handler_function *f)
{
    LIST_EACH_SAFE(n, after, &k->idle)
    {
        struct persistent *p = container_of(n, struct persistent, link);

        if (p->function != f) {
            continue;
        }
        if (is_well(p)) {
            list_remove(&p->link);
            return p;
        }
        leave(k, p);
    }
    return NULL;
}

enum err_code keeper_take(struct keeper *k,
                          const struct handler_function *f,
                          struct persistent **out,
                          struct err *err)
{
    struct persistent *p;
    enum err_code rc = OK;

    (void)pthread_mutex_lock(&k->lock);
    p = take_idle(k, f);
    (void)pthread_mutex_unlock(&k->lock);
    if (p == NULL) {
        rc = persistent_new(k->work_dir, f, &p, err);
    }
    if (rc == OK) {
        p->tasks++;
        *out = p;
    }
    return rc;
}

void keeper_give(struct keeper *k, struct persistent *p)
{
    uint64_t most = p->function->tasks_max;
    bool keeps = !p->unfit && p->run.process.control >= 0 && (most == 0 || p->tasks < most);

    p->idle_at_ms = clock_mono_ms();
    (void)pthread_mutex_lock(&k->lock);
    if (keeps && !k->drains) {
        list_push_front(&k->idle, &p->link);
    } else {
        list_push_back(&k->leaving, &p->link);
        (void)pthread_cond_signal(&k->changed);
    }
    (void)pthread_mutex_unlock(&k->lock);
}

void keeper_drain(struct keeper *k)
{
    if (k->begun) {
        (void)pthread_mutex_lock(&k->lock);
        k->drains = true;
        (void)pthread_cond_signal(&k->changed);
        (void)pthread_mutex_unlock(&k->lock);
    }
}

void keeper_close(struct keeper *k)
{
    if (!k->begun) {
        return;
    }
    (void)pthread_mutex_lock(&k->lock);
    k->drains = k->closes = true;
    (void)pthread_cond_signal(&k->changed);
    (void)pthread_mutex_unlock(&k->lock);
    (void)pthread_join(k->thread, NULL);
    (void)pthread_cond_destroy(&k->changed);
    (void)pthread_mutex_destroy(&k->lock);
    k->begun = false;
}
