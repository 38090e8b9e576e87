/* SPDX-License-Identifier: Apache-2.0 */
/* Reading executions off their records: the same for a load into memory and for a look at one that
 * is on disk. Any thread; sees what is durable. */
#ifndef STEPFLEET_LEDGER_READ_H
#define STEPFLEET_LEDGER_READ_H

#include "coordinator/store/codec.h"
#include "coordinator/store/store.h"

/* Where an execution's records come from: the store, or an Express execution's memory. */
struct record_source {
    const struct engine_rules *rules; /* for the headers read; NULL: the strict mode */
    struct store *store;              /* NULL: `records` */
    uint64_t account;
    uint64_t execution;
    const struct slice *records;
    size_t record_count;
};

/* The record of that sequence, in `a`. ERR_NOT_FOUND without a message. */
enum err_code record_read(const struct record_source *s,
                          uint64_t sequence,
                          struct arena *a,
                          struct slice *out,
                          struct err *err);
/* The text of a document, in `a`. */
enum err_code record_read_doc(const struct record_source *s,
                              uint64_t ref,
                              struct arena *a,
                              struct slice *out,
                              struct err *err);

/* An execution as its records have it now, the texts it goes on with loaded. Frames are those that
 * there are: what was left behind by states that ended is not among them. */
struct image_frame {
    const struct frame *frame; /* in image.frames */
    uint64_t sequence;         /* of the record that holds it */
};
struct image {
    struct execution_header header; /* sequence: of the last record */
    struct frame *frames;           /* by number */
    struct image_frame *held;       /* frame for frame */
    size_t frame_count;
};
enum err_code
image_read(const struct record_source *s, struct arena *a, struct image *out, struct err *err);

#endif
