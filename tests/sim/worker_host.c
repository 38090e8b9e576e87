/* SPDX-License-Identifier: Apache-2.0 */
/* What the worker asks of its machine, in place of proto/host and of libuv's timers: each call is
 * of the process that runs at this moment. A timer is an event of the node; one that was stopped or
 * started anew meanwhile finds another number in it, and does nothing. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "proto/host/clock.h"
#include "tests/sim/worker.h"

static struct sim_worker *running;
static struct sim *world; /* of the last process that ran: worlds are one at a time */

void worker_enter(struct sim_worker *k)
{
    assert(running == NULL);
    running = k;
    world = k->sim;
}

void worker_exit(struct sim_worker *k)
{
    assert(running == k);
    running = NULL;
    if (k->over) {
        worker_has_left(k);
    }
}

/* ---- clocks and chance ---- */

int64_t clock_mono_ms(void)
{
    return sim_clock(running->sim, running->node).mono_ms;
}

int64_t clock_wall_ms(void)
{
    return sim_clock(running->sim, running->node).wall_ms;
}

uint64_t clock_random_u64(void)
{
    return sim_below(running->sim, CHANCE_WORKER, UINT64_MAX);
}

/* An operation of the coordinator may ask, too. */
void clock_random(void *out, size_t bytes)
{
    uint8_t *at = out;

    for (size_t i = 0; i < bytes; i++) {
        at[i] = (uint8_t)sim_below(world, CHANCE_WORKER, 256);
    }
}

/* ---- the log: the coordinator's, where no worker runs ---- */

void log_init(const char *program, enum log_level least)
{
    (void)program;
    (void)least;
}

bool log_enabled(enum log_level level)
{
    return level != LOG_DEBUG;
}

void log_line(enum log_level level, const char *fmt, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    char text[400];
    va_list ap;

    if (world == NULL) {
        return; /* nothing has begun */
    }
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    sim_trace(world, running != NULL ? running->node : &world->coordinator_node, "%s: %s",
              names[level], text);
}

/* ---- timers ---- */

enum { TIMER_ACTIVE = 1, TIMER_CLOSED = 2 };

struct timer_event {
    uv_timer_t *timer;
    uint64_t start_id;
};

static void timer_fires(struct sim *s, void *arg);

static void timer_set(uv_timer_t *t, uint64_t ms)
{
    struct sim_worker *k = t->loop->data;
    struct timer_event *e = mem_alloc(sizeof(*e));

    t->flags = TIMER_ACTIVE;
    *e = (struct timer_event){t, ++t->start_id};
    sim_after(k->sim, k->node, (int64_t)ms * SIM_MS, timer_fires, e, mem_free);
}

static void timer_fires(struct sim *s, void *arg)
{
    struct timer_event e = *(struct timer_event *)arg;
    uv_timer_t *t = e.timer;
    struct sim_worker *k = t->loop->data;

    (void)s;
    mem_free(arg);
    if (t->start_id != e.start_id) {
        return;
    }
    t->flags = 0;
    if (t->repeat != 0) {
        timer_set(t, t->repeat);
    }
    worker_enter(k);
    t->timer_cb(t);
    worker_exit(k);
}

int uv_timer_init(uv_loop_t *loop, uv_timer_t *t)
{
    *t = (uv_timer_t){.loop = loop, .type = UV_TIMER};
    return 0;
}

int uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t timeout, uint64_t repeat)
{
    assert(t->flags != TIMER_CLOSED);
    t->timer_cb = cb;
    t->repeat = repeat;
    timer_set(t, timeout);
    return 0;
}

int uv_timer_stop(uv_timer_t *t)
{
    t->flags &= ~(unsigned)TIMER_ACTIVE;
    t->start_id++;
    return 0;
}

int uv_is_active(const uv_handle_t *h)
{
    return (h->flags & TIMER_ACTIVE) != 0;
}

/* Only timers are closed, and nobody waits for that. */
void uv_close(uv_handle_t *h, uv_close_cb cb)
{
    assert(h->type == UV_TIMER && cb == NULL);
    (void)uv_timer_stop((uv_timer_t *)h);
    h->flags = TIMER_CLOSED;
}

void uv_stop(uv_loop_t *loop)
{
    struct sim_worker *k = loop->data;

    k->over = true;
}
