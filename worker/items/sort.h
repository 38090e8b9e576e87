/* SPDX-License-Identifier: Apache-2.0 */
/* Records sorted in memory, up to a budget of bytes: by partition, then by key, equal ones in the
 * order in which they came. When it is full, the caller writes what it holds as a run and goes on;
 * runs are merged with merge.h.
 *
 * Within the budget lie the records, a reference for each and the room to sort these. A reference
 * carries eight bytes of its key, so that most comparisons look at no record; where they are alike,
 * the next eight are taken. The sort is a merge sort: its worst case is its usual one. Pure. */
#ifndef STEPFLEET_ITEMS_SORT_H
#define STEPFLEET_ITEMS_SORT_H

#include "proto/base/utf8.h"
#include "worker/items/run.h"

enum { SORTER_BYTES_MIN = 4096 };
#define SORTER_BYTES_MAX (UINT64_C(8) * UINT32_MAX) /* a reference counts by eight */

struct items_sorter {
    char *memory; /* records from the front, references from the back */
    size_t bytes;
    size_t used;  /* by records */
    size_t count; /* references */
    bool sorted;
    size_t written; /* entries that are in a run */
};

/* @param bytes  all it will ever take, SORTER_BYTES_MIN .. SORTER_BYTES_MAX; touched as it fills */
void items_sorter_init(struct items_sorter *s, size_t bytes);
void items_sorter_fini(struct items_sorter *s);
/* Copies the entry. ERR_BUSY: it is full, write and reset first; ERR_TOO_LARGE: the entry does not
 * fit even when it is empty. */
enum err_code items_sorter_put(struct items_sorter *s,
                               uint32_t partition,
                               const struct items_entry *e,
                               struct err *err);
/* To be called before entries are asked for, after the last put. */
void items_sorter_sort(struct items_sorter *s);
/* Entry i of s->count in order, and its partition; borrowed from the sorter. */
struct items_entry items_sorter_entry(const struct items_sorter *s, size_t i, uint32_t *partition);
/* Sort, and put into a run what is not there yet. False: the run's `out` holds `most` bytes or
 * more, which are to be taken out before it goes on. */
bool items_sorter_write(struct items_sorter *s, struct items_run_writer *w, size_t most);
/* Empty again. */
void items_sorter_reset(struct items_sorter *s);

#endif
