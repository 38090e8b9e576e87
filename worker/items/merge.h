/* SPDX-License-Identifier: Apache-2.0 */
/* Any number of sorted inputs merged into one order: by key, and among equal keys by the input's
 * number, and within an input as it is. Pulled: it gives an entry, or says which input needs more
 * bytes. A loser tree: one comparison for each doubling of the inputs, mostly of eight bytes that
 * are at hand. Source: Knuth, The Art of Computer Programming 3, section 5.4.1. Pure. */
#ifndef STEPFLEET_ITEMS_MERGE_H
#define STEPFLEET_ITEMS_MERGE_H

#include "worker/items/run.h"

struct merge_head;

struct items_merge {
    struct items_run_reader *inputs;
    size_t count;
    struct merge_head *heads; /* each input's next entry */
    size_t *losers;           /* [i], i > 0: who lost the match at node i; [0]: who won them all */
    size_t primed;            /* inputs whose first entry is there */
    bool built;
    bool given; /* the winner's entry was given out: its next one has to come */
};

/* @param inputs  borrowed until items_merge_fini(), which leaves them; fed by the caller with
 *                items_run_feed(), but only when asked to */
void items_merge_init(struct items_merge *m, struct items_run_reader *inputs, size_t count);
void items_merge_fini(struct items_merge *m);
/* ITEMS_RECORD: *out, until the next call, of input *input. ITEMS_MORE: feed input *input.
 * ITEMS_FAILED: input *input's error. ITEMS_END. */
enum items_pull
items_merge_next(struct items_merge *m, struct items_entry *out, size_t *input, struct err *err);

#endif
