/* SPDX-License-Identifier: Apache-2.0 */
/* A handler's process, its limits, and the certainty that nothing of it stays behind.
 *
 *   worker --control socket-- supervisor --parent of-- handler --...-- whatever it forks
 *
 * Between worker and handler stands a supervisor: a fork of the worker that runs no program. It is
 * the "subreaper" of all that the handler forks, so that even a process that made itself a daemon
 * becomes the supervisor's child when its parent ends, and is killed. The handler leads a session
 * of its own.
 *
 *  - When the handler ends, everything it left is killed before its end is told.
 *  - When the worker ends, however (the control socket closes), the supervisor kills everything.
 *  - When the supervisor itself is killed, the handler dies with it (PR_SET_PDEATHSIG); what the
 * handler forked into other sessions is then left, the one case that is.
 *  - Deadlines are kept by the supervisor: a worker that stands still does not prolong them. A
 * process that is kept for task after task has new ones with each.
 *
 * The number of processes is counted along the tree every PROCESS_COUNT_MS, since RLIMIT_NPROC
 * counts a whole user's and does not bind root. Needs /proc with children files
 * (CONFIG_PROC_CHILDREN).
 *
 * Any thread may spawn; one thread owns a struct process. Nothing here uses a loop: the owner waits
 * for `control` to become readable by whatever means it has. Source: signal-safety(7), prctl(2). */
#ifndef STEPFLEET_WORKER_PROCESS_H
#define STEPFLEET_WORKER_PROCESS_H

#include <sys/types.h>

#include "proto/base/err.h"
#include "proto/base/slice.h"

/* The handler's descriptors, by number. */
enum process_slot {
    PROCESS_STDIN,
    PROCESS_STDOUT,
    PROCESS_STDERR,
    PROCESS_EVENT,     /* the event, for handlers whose stdin is something else */
    PROCESS_RESULT,    /* a small result, for handlers whose stdout is something else */
    PROCESS_HEARTBEAT, /* a line is a sign of life */
    PROCESS_SUBMITTED, /* JSON: the job of a .sync integration has begun */
    PROCESS_SLOTS,
};

enum {
    PROCESS_GRACE_MS = 2000,    /* from SIGTERM to SIGKILL */
    PROCESS_LISTEN_MS = 1000,   /* a supervisor that is hundreds of tasks behind has to catch up */
    PROCESS_COUNT_MS = 200,     /* between two counts of the tree */
    PROCESS_COUNT_MAX = 4096,   /* largest limit: the walk's own stack */
    PROCESS_FILES_MIN = 9,      /* least limit of open files: the seven above, two to work with */
    PROCESS_TAIL_BYTES = 4096,  /* kept of what a handler says last on stderr */
    PROCESS_READ_BYTES = 65536, /* a pipe's capacity: one read empties it */
};

struct process_limits {
    uint64_t memory_bytes; /* address space of each process; 0: none, like all below */
    uint64_t cpu_seconds;  /* of each process */
    uint64_t files;        /* open in each process */
    uint32_t processes;    /* in the tree, the handler counted */
    int64_t timeout_ms;    /* SIGTERM then, SIGKILL PROCESS_GRACE_MS later */
    int64_t deadline_ms;   /* SIGKILL then */
};

/* Borrowed for the call. */
struct process_spec {
    const char *path;  /* executable, as command_resolve() found it */
    char *const *argv; /* NULL at the end, as envp */
    char *const *envp;
    const char *directory;  /* where it starts */
    int fds[PROCESS_SLOTS]; /* the handler's ends; -1: /dev/null for the first three, else none */
    struct process_limits limits;
    bool kept; /* it does task after task: times and cpu_seconds are each task's */
};

enum process_cause {
    PROCESS_ENDED,     /* by itself: see status */
    PROCESS_NOT_RUN,   /* it could not be started: see error */
    PROCESS_TIMED_OUT, /* timeout_ms or deadline_ms */
    PROCESS_TOO_MANY,  /* more processes than its limit */
    PROCESS_STOPPED,   /* process_stop() */
    PROCESS_LOST,      /* the supervisor was killed */
};

struct process_exit {
    enum process_cause cause;
    int status;            /* as of wait(2) */
    int error;             /* errno */
    uint64_t ran_us;       /* from the fork to the handler's end */
    uint64_t memory_bytes; /* most that one of its processes had resident; at least what the fork of
                              the worker had, which Linux counts in */
};

struct process {
    pid_t supervisor;
    int control;     /* readable: process_ended() has something to say */
    int64_t due_ms;  /* kept: when the task's time is up; 0: never */
    bool counts_cpu; /* kept: each task has a limit of its processor time */
};

/* ERR_IO: no process or descriptor to be had. That the program cannot be run is found out later. */
enum err_code process_spawn(const struct process_spec *spec, struct process *out, struct err *err);
/* End it: gently (SIGTERM, SIGKILL after PROCESS_GRACE_MS) or at once. May be called again. Blocks
 * up to PROCESS_LISTEN_MS where the supervisor is behind with what it was told. */
void process_stop(struct process *p, bool at_once);
/* True once the whole tree is gone; then *p is closed. Never blocks for long. */
bool process_ended(struct process *p, struct process_exit *out);

/* A process that is kept begins a task, whose times count from now; 0: none. False: its supervisor
 * cannot be told, so it is to be ended. */
bool process_begin_task(struct process *p, int64_t timeout_ms, int64_t deadline_ms);
/* The task is over. False: its time was up before, and the process is ended or is to be. */
bool process_end_task(struct process *p);
/* The most memory the handler's first process had resident; 0: /proc does not say. */
uint64_t process_memory(const struct process *p);

/* A pipe, both ends closed on exec; ends[near] (0 reads, 1 writes) does not block. */
enum err_code process_pipe(int near, int ends[2], struct err *err);
/* A sealed file in memory holding `bytes`, to be read from its beginning; -1 with ERR_IO in *err.
 */
int process_memory_file(struct slice bytes, struct err *err);
void process_close(int *fd); /* closes where >= 0, then -1 */

/* The last PROCESS_TAIL_BYTES of a stream. A zeroed tail is empty. */
struct tail {
    char bytes[PROCESS_TAIL_BYTES];
    size_t len;
};
void tail_put(struct tail *t, struct slice s);
/* Without trailing newlines, and from the beginning of a character where it was cut. */
struct slice tail_text(const struct tail *t);

#endif
