/* SPDX-License-Identifier: Apache-2.0 */
/* What the kinds of handlers that run a process share: its environment, its directory, its spawn.
 * Any thread. */
#ifndef STEPFLEET_WORKER_RUN_H
#define STEPFLEET_WORKER_RUN_H

#include <sys/types.h>

#include "worker/handler/handler.h"
#include "worker/handler/submission.h"

/* One task's process to be: pipes, directory and environment. */
struct run {
    struct process process;
    char *home;                    /* the task's own directory, below work_dir */
    int near[PROCESS_SLOTS];       /* our ends; -1: none */
    int far[PROCESS_SLOTS];        /* the handler's, closed after the spawn */
    struct tail tail;              /* of stderr */
    uint64_t beats;                /* lines on the heartbeat descriptor */
    char note[HANDLER_NOTE_BYTES]; /* the last of them */
    size_t note_len;               /* of the line being read */
    bool note_begun;
    struct submission submission;
};

/* Make `home`. Slots are -1; the caller fills far (and near) with run_pipe() and the like. */
enum err_code run_init(struct run *run, const char *work_dir, struct err *err);
enum err_code run_pipe(struct run *run, enum process_slot slot, struct err *err);
enum err_code
run_file(struct run *run, enum process_slot slot, struct slice bytes, struct err *err);
/* Start it; `event` is put into STEPFLEET_EVENT where it is short and not empty. */
enum err_code
run_spawn(struct run *run, const struct lease *l, struct slice event, struct err *err);
/* The same for a process that is kept: nothing of a task is in its environment, and no time runs.
 */
enum err_code run_spawn_kept(struct run *run, const struct handler_function *f, struct err *err);
/* One read of our end: bytes read, 0 at its end, -1 where there is nothing now. */
ssize_t run_read(const struct run *run, enum process_slot slot, char *bytes, size_t room);
/* The same, and what was read is dealt with. */
ssize_t run_read_stderr(struct run *run);
ssize_t run_read_stderr_of(const struct run *run, struct tail *tail); /* the tail is another's */
ssize_t run_read_heartbeat(struct run *run);
ssize_t run_read_submitted(struct run *run);
/* A heartbeat with a note, said otherwise than by that descriptor. */
void run_note(struct run *run, struct slice note);
/* Once, when the handler has said that its job has begun: what it said, in `a`. What is not JSON is
 * logged and left aside: the job runs, and it is its end that counts. */
bool run_take_submission(struct run *run,
                         const struct lease *l,
                         struct arena *a,
                         struct slice *out);
/* The process has ended: close all descriptors and remove `home`; false where something is in it,
 * and run_clear(), which may take a while, is to be called. */
bool run_close(struct run *run);
void run_clear(struct run *run);
/* A file, or a directory with all in it, as far as that can be; follows no link, leaves no file
 * system. */
void run_remove_tree(const char *path);

#endif
