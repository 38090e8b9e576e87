/* SPDX-License-Identifier: Apache-2.0 */
/* What was sent in the last minutes, by a digest of who it says it is: a repeat is answered as the
 * first one was. Pure. One entry each, of some 60 bytes: a FIFO queue that takes 3,000 messages a
 * second for the five minutes AWS remembers them has 900,000. */
#ifndef STEPFLEET_TRIGGER_DEDUP_H
#define STEPFLEET_TRIGGER_DEDUP_H

#include "proto/base/arena.h"
#include "proto/base/hash.h"

/* Of the deduplication id, and of the group where it counts in there alone. */
struct dedup_key {
    uint64_t high;
    uint64_t low;
};

/* What a message is known by where its sender does not say: its body's digest, in hexadecimals. */
struct slice dedup_content_id(struct slice body, struct arena *a);
/* @param group  where an id counts in its group alone; else NULL */
struct dedup_key dedup_key_of(struct slice id, const struct slice *group, struct arena *a);

struct dedup {
    struct hash by_key;
    struct list by_age; /* they all live equally long */
};

void dedup_init(struct dedup *d);
void dedup_fini(struct dedup *d);
/* False: it is not known (any more). */
bool dedup_find(const struct dedup *d, struct dedup_key key, int64_t now_ms, uint64_t *number);
/* In place of one that is there; `until_ms` not before that of the one put last. */
void dedup_put(struct dedup *d, struct dedup_key key, uint64_t number, int64_t until_ms);
/* Those whose time is over are forgotten. */
void dedup_turn(struct dedup *d, int64_t now_ms);

#endif
