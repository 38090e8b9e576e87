/* SPDX-License-Identifier: Apache-2.0 */
/* A program run in the foreground of this one: its lines on our stderr under a label, its end
 * noticed, and it does not outlive us (PDEATHSIG). It has a process group of its own, so that
 * Ctrl-C in a terminal reaches us alone. */
#ifndef STEPFLEET_CLI_CHILD_H
#define STEPFLEET_CLI_CHILD_H

#include <sys/types.h>

#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"

struct child {
    const char *label;
    pid_t pid;
    int fd;          /* its stdout and stderr; -1: closed */
    struct buf line; /* the beginning of a line that has not ended */
    bool running;
    int status; /* exit code, or 128 + signal; once it does not run */
};

/* The program beside this one, else its bare name for PATH. */
const char *child_program(const char *name, struct arena *a);
/* Signals are unblocked in it. ERR_IO. */
enum err_code child_start(struct child *c, const char *label, char *const *argv, struct err *err);
/* Pass on what it has written; closes at its end. */
void child_read(struct child *c);
void child_signal(const struct child *c, int signal);
/* Take in ends of processes without waiting; true where it ended now. */
bool child_reap(struct child *c);
/* Pass on the rest, close. */
void child_fini(struct child *c);

#endif
