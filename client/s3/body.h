/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a part until the store has them, since they may have to be sent again.
 *
 * They are in pieces of memory from a pool that all parts of a writer share: a part that is being
 * filled takes the pieces that parts on their way have given back, so that no memory waits for a
 * part to be whole. A part that is larger than the pool is kept in a file without a name, and needs
 * one piece: so a writer's memory is its pool, however long the stream becomes. Where no directory
 * for such files is known, the pool grows to what a part needs.
 *
 * The path of a body: idle, body_begin, (body_room, body_add)*, body_seal, body_at*, body_end. */
#ifndef STEPFLEET_S3_BODY_H
#define STEPFLEET_S3_BODY_H

#include "proto/base/err.h"
#include "proto/base/slice.h"

enum { BODY_PIECE_BYTES = 256 * 1024 };

struct body_pool {
    char **idle; /* pieces that were made and are not in use; room for `total` of them */
    size_t idle_count;
    size_t made;
    size_t total;
    const char *spill; /* directory of files; NULL: none */
};

struct body {
    char **pieces; /* in order; of a file its window alone */
    size_t piece_count;
    size_t piece_cap;
    uint64_t bytes;
    int file;           /* -1: all is in the pieces */
    uint64_t window_at; /* which of the file's bytes are in the window */
    size_t window_len;
};

/* The first is zeroed; `spill` must outlive the pool. */
void body_pool_init(struct body_pool *p, uint64_t bytes, const char *spill);
/* After all its bodies. */
void body_pool_fini(struct body_pool *p);

void body_init(struct body *b);
/* At most `most` bytes will come. ERR_IO, ERR_NO_SPACE: no file can be made. */
enum err_code body_begin(struct body *b, struct body_pool *p, uint64_t most, struct err *err);
/* Where the next bytes go, up to *room; *room 0: the pool is empty. Errors as above. */
enum err_code
body_room(struct body *b, struct body_pool *p, char **where, size_t *room, struct err *err);
void body_add(struct body *b, size_t bytes);
/* No more will come. Errors as above. */
enum err_code body_seal(struct body *b, struct err *err);
/* Some bytes from `at` on, at least one where at < b->bytes; borrowed until the next call. False:
 * the file could not be read. A body in a file must have been sealed. */
bool body_at(struct body *b, uint64_t at, struct slice *out);
static inline bool body_in_memory(const struct body *b)
{
    return b->file < 0;
}
/* Idle again: its pieces are the pool's. From any state. */
void body_end(struct body *b, struct body_pool *p);
void body_fini(struct body *b, struct body_pool *p);

#endif
