/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that makes something of what happened (struct ledger_logged), one after the other. What
 * comes while too much waits is left out, and that is said. */
#ifndef STEPFLEET_API_LOGGED_THREAD_H
#define STEPFLEET_API_LOGGED_THREAD_H

#include "coordinator/ledger/ledger.h"

struct logged_thread;

struct logged_thread_work {
    const char *what; /* "execution log": what does not keep up */
    void *arg;
    /* On the thread; both. */
    void (*take)(void *arg, const struct ledger_logged *x);
    void (*rest)(void *arg); /* before it waits for more; NULL: nothing is to be done */
};

/* NULL: no thread can be started. */
struct logged_thread *logged_thread_open(const struct logged_thread_work *work);
/* Take it, and free it. Threads: any. */
void logged_thread_put(struct logged_thread *t, struct ledger_logged *x);
/* Takes what it has, and ends. */
void logged_thread_close(struct logged_thread *t);

#endif
