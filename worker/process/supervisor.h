/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's side of process.h: what runs in the fork. */
#ifndef STEPFLEET_WORKER_SUPERVISOR_H
#define STEPFLEET_WORKER_SUPERVISOR_H

#include "worker/process/process.h"

/* Worker to supervisor. */
enum supervisor_command { SUPERVISOR_STOP, SUPERVISOR_KILL, SUPERVISOR_TIMES };
struct supervisor_order {
    enum supervisor_command command;
    int64_t timeout_at_ms; /* TIMES: SIGTERM then, by CLOCK_MONOTONIC; 0: never */
    int64_t kill_at_ms;    /* SIGKILL */
};

/* Runs the handler to its end, writes one struct process_exit to `control`, and exits. Called in a
 * fresh fork with all signals blocked; uses only what signal-safety(7) allows. */
_Noreturn void supervisor_run(const struct process_spec *spec, int control);

/* Processes below `root`, at most `most` + 1 are counted. 0 where /proc does not say. */
unsigned supervisor_count(pid_t root, unsigned most);

#endif
