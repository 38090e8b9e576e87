/* SPDX-License-Identifier: Apache-2.0 */
/* One task's talk with a persistent process: the process is taken and told of the task, bytes go
 * both ways in frames, and it is given back with RESULT or FAILURE, or when it has ended. Whose
 * thread it is waits for the descriptors, and ends the process where the task is not wanted any
 * more.
 *
 * A handler may be done before it has read all: then the frame that was begun is filled up, END
 * follows, and the handler passes over both on its way to the next BEGIN. */
#ifndef STEPFLEET_WORKER_TALK_H
#define STEPFLEET_WORKER_TALK_H

#include "worker/handler/frame.h"
#include "worker/handler/keeper.h"
#include "worker/handler/result.h"

struct talk {
    struct keeper *keeper;
    struct persistent *p; /* NULL: given back */
    const struct lease *lease;
    struct run *run; /* the task's own: its directory, the tail of stderr, notes, submission */
    struct frame_reader reader;
    char *in;          /* read, from PROCESS_READ_BYTES at once */
    struct slice rest; /* of it, not looked at yet */
    struct slice data; /* of it, DATA that was not taken yet */
    struct buf text;   /* of the small frame that is coming; in the end, of the last one */
    int64_t begun_us;
    bool input_ended; /* no more is sent */
    bool over;        /* RESULT or FAILURE has come */
    bool said_failed; /* it was FAILURE */
    bool broken;      /* what it wrote makes no sense, as `wrong` says, and it is ended */
    bool shut;        /* its stdout has ended */
    bool hurried;     /* therefore it has little time left */
    struct err wrong;
};

enum talk_news {
    TALK_NOTHING, /* read more */
    TALK_DATA,    /* talk.data has some */
    TALK_NOTED,
    TALK_SUBMITTED,
    TALK_OVER,
    TALK_BROKEN, /* read no more, and wait for its end */
};

/* Fills *t. `run` is made, its directory the task's. On an error nothing is to be closed but `run`.
 */
enum err_code talk_open(struct talk *t,
                        struct handler_host *host,
                        const struct lease *l,
                        struct run *run,
                        bool has_data,
                        struct err *err);

/* Write what is queued, then `data` as DATA, as far as it goes; *taken of the latter. True: the
 * pipe is full. */
bool talk_write(struct talk *t, struct slice data, size_t *taken);
/* No more input: queue END. */
void talk_end_input(struct talk *t);

/* One read, as run_read(), into `rest`, which is used up. At the end of its stdout a process that
 * still runs has PROCESS_GRACE_MS to end. */
ssize_t talk_read(struct talk *t);
enum talk_news talk_next(struct talk *t);
void talk_take_data(struct talk *t, size_t bytes);
/* Where nothing that was read is left, DATA need not be copied: one read of it. 0 room: it cannot.
 */
size_t talk_data_ahead(const struct talk *t);
ssize_t talk_read_data(struct talk *t, char *where, size_t room);
ssize_t talk_read_stderr(struct talk *t);

/* The task is over, or its process has ended, as *exit says (else it is made up: time and memory
 * of this task). The process is given back. */
void talk_close(struct talk *t, struct process_exit *exit);
/* After that: how it ended, for result.h. */
struct handler_end talk_end(const struct talk *t, const struct process_exit *exit, size_t text_max);
void talk_fini(struct talk *t);

#endif
