/* SPDX-License-Identifier: Apache-2.0 */
/* Reading executions off their records: the same for a load into memory and for a look at one that
 * is on disk. Any thread; sees what is durable. */
#ifndef STEPFLEET_LEDGER_READ_H
#define STEPFLEET_LEDGER_READ_H

#include "coordinator/store/codec.h"
#include "coordinator/store/store.h"

/* Where an execution's records come from: the store, or an Express execution's memory. */
struct record_source {
    struct store *store; /* NULL: `records` */
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

/* An execution as its records have it now: documents of header and frames loaded. */
struct image {
    struct execution_header header; /* sequence: of the last record */
    struct frame *frames;
    uint64_t *sequences; /* of the record that holds each frame */
    size_t frame_count;
};
enum err_code
image_read(const struct record_source *s, struct arena *a, struct image *out, struct err *err);

#endif
