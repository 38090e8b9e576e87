/* SPDX-License-Identifier: Apache-2.0 */
/* The storage seam: ordered column families, atomic synced batches, reads. RocksDB behind it
 * (rocks.c), and the same in memory beside it (memory.c) for tests and the simulator.
 *
 * One writer: store_write() is called by one thread at a time. Reads may come from any thread and
 * see what was written before they began. Silent loss is an error: the number of the last synced
 * batch is kept inside each batch and beside the log, and a database that recovers to less refuses
 * to open. */
#ifndef STEPFLEET_STORE_STORE_H
#define STEPFLEET_STORE_STORE_H

#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/base/slice.h"

enum store_cf {
#define STORE_CF(cf, name, about) CF_##cf,
#include "coordinator/store/cf.def"
#undef STORE_CF
    CF_COUNT
};

struct store;
struct store_batch;

struct store_config {
    const char *dir;
    bool verify; /* read every block once at open, so that damage is found before it is served */
    size_t cache_bytes;        /* block cache; 0: 16 MiB */
    size_t write_buffer_bytes; /* memtables in all; 0: 32 MiB */
    bool accept_loss; /* an operator's command, never a setting: take what can be recovered for all
                         there is, and write what is known beside the log anew */
};

/**
 * Open or create. @return OK; ERR_IN_USE (another coordinator has it), ERR_CORRUPT (what was synced
 * is not all there: the message says which part, and what to do), ERR_NO_SPACE, ERR_IO,
 * ERR_VERSION.
 */
enum err_code store_open_rocks(const struct store_config *c, struct store **out, struct err *err);
/**
 * Open to look alone: nothing on disk is changed, nor may anything be written; where the log ends
 * in a batch that was not whole when all stopped, it ends before that. Not one of an older version,
 * which a coordinator's start brings up to date.
 *
 * @return OK; ERR_NOT_FOUND (there is no database); ERR_IN_USE; ERR_CORRUPT; ERR_VERSION; ERR_IO
 */
enum err_code store_look_rocks(const char *dir, struct store **out, struct err *err);
struct store *store_open_memory(void);
/* Flushes and closes. */
void store_close(struct store *s);

/* A batch gathers puts and deletes; one thread owns it. Bytes are copied. */
struct store_batch *store_batch_new(struct store *s);
void store_batch_free(struct store_batch *b);
void store_batch_clear(struct store_batch *b);
void store_put(struct store_batch *b, enum store_cf cf, struct slice key, struct slice value);
void store_delete(struct store_batch *b, enum store_cf cf, struct slice key);
/* All rows with from <= key < to, neither of them empty: one entry, whatever it takes away. For
 * many rows at once; RocksDB reads past many ranges more slowly than past many single deletes. */
void store_delete_range(struct store_batch *b,
                        enum store_cf cf,
                        struct slice from,
                        struct slice to);
size_t store_batch_bytes(const struct store_batch *b);
size_t store_batch_count(const struct store_batch *b);

/* All of it or none, and on disk when it returns OK. After an error nothing more is accepted, nor
 * after a read that failed (ERR_IO): the caller stops. Numbers the batch (last + 1). */
enum err_code store_write(struct store *s, struct store_batch *b, struct err *err);
uint64_t store_batch_number(const struct store *s); /* of the last one written */
/* False: a read has failed, on whatever thread. */
bool store_is_readable(const struct store *s);

/* Appends the value to `out`. ERR_NOT_FOUND without a message: there is none. ERR_CORRUPT. */
enum err_code
store_get(struct store *s, enum store_cf cf, struct slice key, struct buf *out, struct err *err);

/* Rows with from <= key < to (to empty: to the end), forwards or backwards, of one moment. */
struct store_iterator;
struct store_iterator *store_iterate(struct store *s,
                                     enum store_cf cf,
                                     struct slice from,
                                     struct slice to,
                                     bool backwards);
/* False at the end or on an error (see store_iterator_end). Slices live until the next call. */
bool store_next(struct store_iterator *i, struct slice *key, struct slice *value);
/* Frees; OK or what went wrong on the way. */
enum err_code store_iterator_end(struct store_iterator *i, struct err *err);

/* A copy of it all, as of some moment in the call, in the directory `dir`, which is made. Any
 * thread, beside the writer; on one file system it takes hard links, and no room until compaction.
 * All that was written before the call is in it. @return OK; ERR_VALIDATION (it is in memory
 * alone); ERR_IO, ERR_NO_SPACE */
enum err_code store_copy(struct store *s, const char *dir, struct err *err);
/* Where a whole copy was put by hand: the directory is the database of that batch, or of a later
 * one, from now on. */
enum err_code store_adopt(const char *dir, uint64_t batch, struct err *err);

/* For people: bytes on disk, and the like, as JSON object text. */
void store_stats(struct store *s, struct buf *out);

/* For metrics, of all column families; any thread. What a backend does not have is 0. */
struct store_figures {
    uint64_t disk_bytes;
    uint64_t memory_bytes;     /* of memtables */
    uint64_t cache_bytes;      /* of blocks */
    uint64_t rows;             /* about */
    uint64_t compaction_bytes; /* still to be compacted */
    uint64_t compactions;      /* under way */
    uint64_t flushes;          /* likewise */
    uint64_t write_rate;       /* bytes a second, where writes are slowed down; else 0 */
    bool stopped;              /* writes wait for flushes or compactions */
};
void store_figures(struct store *s, struct store_figures *out);

#endif
