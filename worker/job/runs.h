/* SPDX-License-Identifier: Apache-2.0 */
/* Sorted runs in files of the worker's own, and any number of them merged: in one go where they are
 * few, else in rounds, each of which makes fewer and longer ones. The files have no names, so that
 * none is left behind. Memory: RUNS_READ_BYTES and a frame for each run of a merge. */
#ifndef STEPFLEET_JOB_RUNS_H
#define STEPFLEET_JOB_RUNS_H

#include "worker/items/merge.h"

enum {
    RUNS_WAYS = 128, /* merged at once */
    RUNS_READ_BYTES = 65536,
};

/* One partition of a run: where its bytes lie, and where they were when it was written. */
struct run_piece {
    int fd; /* not its own */
    uint64_t at;
    struct items_run_part part;
};

/* Brings a piece's next bytes, valid until it is asked again for that piece's. */
typedef enum err_code run_bring(void *arg, size_t piece, struct slice *out, struct err *err);

struct run_merge {
    struct items_run_reader *readers;
    struct items_merge merge;
    run_bring *bring; /* NULL: out of the pieces' files */
    void *arg;
    struct run_piece *pieces;
    uint64_t *read; /* bytes of each */
    char *bytes;    /* RUNS_READ_BYTES of each, where they are files' */
    size_t count;
};

/* A file below `directory`, without a name. */
enum err_code runs_file(const char *directory, int *fd, struct err *err);
enum err_code runs_append(int fd, struct slice bytes, struct err *err);

/* @param count  RUNS_WAYS at most
 * @param bring  NULL: the pieces are in files */
void run_merge_open(struct run_merge *m,
                    const struct run_piece *pieces,
                    size_t count,
                    run_bring *bring,
                    void *arg);
void run_merge_close(struct run_merge *m);
/* The next entry, until the next call; *end: there are no more. ERR_INTEGRITY, ERR_CORRUPT, ERR_IO.
 */
enum err_code
run_merge_next(struct run_merge *m, struct items_entry *out, bool *end, struct err *err);

/**
 * Merge until there are RUNS_WAYS pieces or fewer, in files of which the last is *fd's.
 *
 * @param[in,out] pieces  in order, which stays
 * @param[in,out] count   of them
 * @param[out] fd         what they lie in then, the caller's; -1: nothing was done
 */
enum err_code runs_reduce(const char *directory,
                          struct run_piece *pieces,
                          size_t *count,
                          int *fd,
                          struct err *err);

#endif
