/* SPDX-License-Identifier: Apache-2.0 */
/* A run: records with their sort keys, partition after partition, each in the order of the keys, as
 * one file that a map attempt leaves and whose partitions are read on their own.
 *
 *   file    frames of partition 0, of partition 1, ..., index, trailer
 *   frame   payload bytes u32, sum u64, payload (1 .. LIMIT_RUN_FRAME_BYTES)
 *   payload of a partition's frames together: entries; one may lie across frames
 *   entry   key bytes varint, record bytes varint, key, record
 *   index   a partition: offset u64, bytes u64, records u64
 *   trailer index offset u64, partitions u32, sum u64 of the index and these twelve bytes,
 * "SFRUN001"
 *
 * Integers are little-endian. A sum is items_run_sum() of what it covers, with the frame's
 * offset in the file (the index's) as seed, so that bytes in the wrong place are found too. Nothing
 * that is read is believed before its sum was right. Pure. */
#ifndef STEPFLEET_ITEMS_RUN_H
#define STEPFLEET_ITEMS_RUN_H

#include "proto/base/err.h"
#include "worker/items/record.h"

enum {
    RUN_FRAME_HEAD_BYTES = 12,
    RUN_INDEX_ROW_BYTES = 24,
    RUN_TRAILER_BYTES = 28,
};

struct items_entry {
    struct slice key;
    struct slice record;
};

struct items_run_part {
    uint64_t offset; /* in the file */
    uint64_t bytes;
    uint64_t records;
};

/* Finds damage, and bytes in a wrong place by their seed; no defence against intent. */
uint64_t items_run_sum(struct slice bytes, uint64_t seed);

/* ---- Writing ---- */

struct items_run_writer {
    struct buf *out;  /* where frames go; the caller takes them out whenever it likes */
    uint64_t offset;  /* bytes that went there */
    struct buf frame; /* the open one's payload */
    struct items_run_part *parts;
    uint32_t partitions;
    uint32_t current;
};

/* @param out         borrowed until items_run_writer_fini()
 * @param partitions  1 .. LIMIT_JOB_PARTITIONS */
void items_run_writer_init(struct items_run_writer *w, struct buf *out, uint32_t partitions);
void items_run_writer_fini(struct items_run_writer *w);
/* Partitions come in order, and a partition's entries in the order of their keys: the caller's
 * word. Keys up to LIMIT_SORT_KEY_BYTES, records up to LIMIT_RECORD_BYTES. */
void items_run_put(struct items_run_writer *w, uint32_t partition, const struct items_entry *e);
/* The last frame, index and trailer: all is in `out` then. */
void items_run_finish(struct items_run_writer *w);

/* ---- Reading ---- */

struct items_run_trailer {
    uint64_t index_offset;
    uint32_t partitions;
    uint64_t sum;
};

/* Of a file's last RUN_TRAILER_BYTES. ERR_CORRUPT: it is no run of that size. */
enum err_code items_run_trailer_read(struct slice last,
                                     uint64_t file_bytes,
                                     struct items_run_trailer *out,
                                     struct err *err);
/* The index: the partitions * RUN_INDEX_ROW_BYTES bytes at index_offset, into as many `parts`.
 * ERR_INTEGRITY: not those that were written; ERR_CORRUPT. */
enum err_code items_run_index_read(const struct items_run_trailer *t,
                                   struct slice index,
                                   struct items_run_part *parts,
                                   struct err *err);

/* One partition of a run, fed in chunks of any size from part.offset on. */
struct items_run_reader {
    struct items_run_part part;
    uint64_t taken;   /* bytes of whole frames behind */
    uint64_t records; /* given out */
    struct slice chunk;
    struct buf frame; /* as much of the current one as there is, its head included */
    size_t frame_at;  /* in `frame`: what is not given out yet; 0: it is not whole */
    struct buf entry; /* one that lies across frames */
    bool entry_given;
};

void items_run_reader_init(struct items_run_reader *r, const struct items_run_part *part);
void items_run_reader_fini(struct items_run_reader *r);
/* `chunk` is borrowed until ITEMS_MORE is given. */
void items_run_feed(struct items_run_reader *r, struct slice chunk);
/* The next entry, until the next call. ITEMS_MORE: feed; ITEMS_END: all are given. ITEMS_FAILED:
 * ERR_INTEGRITY, the bytes are not those that were written; ERR_CORRUPT, nor could they be. */
enum items_pull
items_run_next(struct items_run_reader *r, struct items_entry *out, struct err *err);

#endif
