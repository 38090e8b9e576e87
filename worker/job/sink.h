/* SPDX-License-Identifier: Apache-2.0 */
/* Where what a handler writes goes: made a fragment (worker/items/fragment.h), into a temporary
 * object of the piece's own name. A small one is put there at once when it is whole; an upload is
 * begun when it turns out to be larger. A CSV fragment of an output with a header has behind its
 * rows what the joiner needs: the header with its line break, its length as u32, "SFHEAD01".
 * Constant memory. */
#ifndef STEPFLEET_JOB_SINK_H
#define STEPFLEET_JOB_SINK_H

#include "worker/items/fragment.h"
#include "worker/job/task.h"

enum { SINK_FOOT_BYTES = 12 }; /* of a CSV fragment, the header not counted */

struct job_sink {
    struct job_task *task;
    struct items_options options; /* of the output */
    struct slice key;
    struct s3_writer *writer; /* NULL: it is small as yet */
    struct items_fragment fragment;
    char *buffer;           /* what was written, as it was */
    struct buf small;       /* all of it, as long as there is no writer */
    struct slice pieces[3]; /* in order: not in the store's hands yet; the first of `small` */
    struct buf foot;
    bool closed; /* all of it is in the writer's hands */
    bool done;   /* the object is there */
};

/* Nothing is asked of the store yet. */
void sink_open(struct job_sink *k, struct job_task *t, const struct items_options *o, char kind);
/* An object that was not finished is nobody's. */
void sink_close(struct job_sink *k);
/* Where the next bytes go, up to *room; 0: wait for the store. False: failed. */
bool sink_room(struct job_sink *k, char **where, size_t *room);
bool sink_put(struct job_sink *k, size_t bytes);
/* No more bytes. */
bool sink_end(struct job_sink *k);
/* After sink_end, until `done`; false: failed. */
bool sink_look(struct job_sink *k);

/* Records of the whole output, once it has ended. */
uint64_t sink_records(const struct job_sink *k);
/* The fragment of a piece that had no record to give to a handler. False: failed. */
bool sink_nothing(struct job_task *t, const struct items_options *o, char kind);

static inline bool sink_has_foot(const struct items_options *o)
{
    return o->format == ITEMS_CSV && o->header;
}

/* What is behind a fragment's rows, or a run. */
void sink_put_foot(struct slice header, struct buf *out);
/* Of a CSV fragment's last bytes: its header, and how many bytes of the object are no rows.
 * *foot_bytes may be more than `last` has: then as many are needed. ERR_CORRUPT. */
enum err_code
sink_foot_read(struct slice last, size_t *foot_bytes, struct slice *header, struct err *err);

#endif
