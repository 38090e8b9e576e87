/* SPDX-License-Identifier: Apache-2.0 */
/* What the coordinator wrote for its executions, taken from a database it left behind: how many
 * rows and bytes, and one execution's rows, so that the bare loop can write the same. */
#ifndef STEPFLEET_BENCH_SHAPE_H
#define STEPFLEET_BENCH_SHAPE_H

#include "proto/base/arena.h"

enum { SHAPE_RECORDS_MAX = 64 };

struct shape {
    double records;      /* transition records an execution */
    double rows;         /* puts and deletes an execution */
    double bytes;        /* keys and values of them */
    size_t record_count; /* of the one execution taken as a pattern */
    struct slice record[SHAPE_RECORDS_MAX];
    struct slice name_key; /* its rows of NAME and INDEX */
    struct slice name_row;
    struct slice index_row;
    struct arena memory;
};

/* From the database in `dir`, which nobody has open. */
void shape_measure(struct shape *s, const char *dir);
/* To and from a file, for the bare coordinator. */
void shape_save(const struct shape *s, const char *path);
void shape_load(struct shape *s, const char *path);
void shape_fini(struct shape *s);

#endif
