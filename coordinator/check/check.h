/* SPDX-License-Identifier: Apache-2.0 */
/* Is a database whole? Every row is read once, in the order of the keys, decoded by its own decoder
 * and held against the rows it must stand beside: what those are is one line a kind in check.c.
 * Memory: the numbers of machines and queues, and one execution. Nothing is changed.
 *
 * The store stands still meanwhile: no coordinator writes it. */
#ifndef STEPFLEET_CHECK_CHECK_H
#define STEPFLEET_CHECK_CHECK_H

#include "coordinator/store/kind.h"

struct check_fault {
    enum store_cf cf;
    struct slice key;
    const char *what;
    const char *follows; /* what comes of it */
};

/* Both may be NULL. Slices and texts are good for the call. */
struct check_hooks {
    void (*fault)(void *arg, const struct check_fault *f);
    void (*progress)(void *arg, uint64_t rows); /* now and then */
    void *arg;
};

struct check_count {
    uint64_t rows;
    uint64_t bytes; /* of keys and values */
};

struct check_report {
    struct check_count kinds[ROW_KINDS];
    struct check_count unknown; /* rows of no kind */
    uint64_t faults;
};

/* @return OK, with faults or without; ERR_IO, ERR_CORRUPT: not all of it could be read. */
enum err_code check_store(struct store *s,
                          const struct check_hooks *hooks,
                          struct check_report *out,
                          struct err *err);
/* What rows of that kind are held against, for people; NULL: the kind has no line. */
const char *check_rule(enum row_kind kind);

#endif
