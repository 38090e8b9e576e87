/* SPDX-License-Identifier: Apache-2.0 */
/* A shard's bytes taken apart, record by record: fed in chunks of any size, asked for one record at
 * a time. A record that lies in one chunk is a slice of it; one that lies in several is gathered,
 * and may be no larger than a bound, which bounds the memory. Pure.
 *
 *     items_records_feed(&r, chunk);
 *     while ((what = items_records_next(&r, &record, err)) == ITEMS_RECORD) { ... }
 *     ITEMS_MORE: feed the next chunk, or items_records_finish(); ITEMS_END; ITEMS_FAILED: err */
#ifndef STEPFLEET_ITEMS_RECORD_H
#define STEPFLEET_ITEMS_RECORD_H

#include "proto/base/buf.h"
#include "worker/items/walk.h"

/* What a pull gives. */
enum items_pull {
    ITEMS_RECORD,
    ITEMS_BAD,  /* a record that is not as it should be: check.h */
    ITEMS_MORE, /* nothing without more bytes */
    ITEMS_END,
    ITEMS_FAILED,
};

struct items_record {
    struct slice bytes; /* lines, csv: without the '\n'; until the next call that takes `records` */
    uint64_t offset;    /* of its first byte in the object */
};

struct items_records {
    struct items_walk walk;
    enum { BLANK_NONE, BLANK_SPACE, BLANK_CSV } blank; /* which lines are no records */
    bool finished;
    bool open;           /* the walk has passed a record's first byte */
    uint64_t begins;     /* that byte */
    struct slice chunk;  /* not walked yet */
    struct slice passed; /* of the open record: walked, in the chunk */
    struct buf gathered; /* of the open record: from earlier chunks */
    bool given;          /* `gathered` was given out */
    size_t bytes_max;
};

/* @param from       offset of the first byte that will be fed: of items_cut's run
 * @param bytes_max  of one record; LIMIT_RECORD_BYTES at most */
void items_records_init(struct items_records *r,
                        const struct items_options *o,
                        uint64_t from,
                        size_t bytes_max);
void items_records_fini(struct items_records *r);

/* `chunk` is borrowed until ITEMS_MORE is given. All before must have been taken. */
void items_records_feed(struct items_records *r, struct slice chunk);
/* There are no more bytes. */
void items_records_finish(struct items_records *r);

/* ITEMS_FAILED: ERR_TOO_LARGE for a record past the bound; else the walk's error, after which no
 * record can be told from the next. */
enum items_pull
items_records_next(struct items_records *r, struct items_record *out, struct err *err);

#endif
