/* SPDX-License-Identifier: Apache-2.0 */
/* Is a record what its format says? Good ones pass as they are, bad ones come with their place and
 * the reason, for a job that may reject some.
 *
 *  lines  UTF-8
 *  jsonl  one JSON text, UTF-8
 *  csv    UTF-8; quotes; as many fields as the header, where there is one
 *  json   one JSON text, UTF-8
 *  whole  anything
 *
 * Memory: the tape of the largest record so far. Pure. */
#ifndef STEPFLEET_ITEMS_CHECK_H
#define STEPFLEET_ITEMS_CHECK_H

#include "proto/base/arena.h"
#include "worker/items/record.h"

struct items_check {
    struct items_options options;
    size_t fields; /* csv: as many as the header has; 0: any number */
    struct arena arena;
};

/**
 * @param header  csv: with or without its line break; empty: there is none
 * @return OK; ERR_VALIDATION where the header itself is wrong
 */
enum err_code items_check_init(struct items_check *c,
                               const struct items_options *o,
                               struct slice header,
                               struct err *err);
void items_check_fini(struct items_check *c);

/* One record, without its line break. OK; ERR_JSON, ERR_VALIDATION, ERR_TOO_LARGE (JSON's depth)
 * with what was expected. Offsets in the message are of the object: `record->offset` is its first
 * byte's. */
enum err_code
items_check_record(struct items_check *c, const struct items_record *record, struct err *why);

/* The next record of `r`, checked: ITEMS_BAD gives it too, with the reason in `err`. */
enum items_pull items_check_next(struct items_check *c,
                                 struct items_records *r,
                                 struct items_record *out,
                                 struct err *err);

#endif
