/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind store.h: each backend embeds these structs as its first member and fills in
 * the table. store.c keeps what is the same for all: the number of the last batch, and that after a
 * failed write or read nothing more is accepted. Only the files of this folder include it. */
#ifndef STEPFLEET_STORE_BACKEND_H
#define STEPFLEET_STORE_BACKEND_H

#include <stdatomic.h>

#include "coordinator/store/store.h"

struct store_ops {
    void (*close)(struct store *s);
    struct store_batch *(*batch_new)(struct store *s);
    void (*batch_free)(struct store_batch *b);
    void (*batch_clear)(struct store_batch *b);
    void (*put)(struct store_batch *b, enum store_cf cf, struct slice key, struct slice value);
    void (*remove)(struct store_batch *b, enum store_cf cf, struct slice key);
    void (*remove_range)(struct store_batch *b,
                         enum store_cf cf,
                         struct slice from,
                         struct slice to);
    size_t (*batch_bytes)(const struct store_batch *b);
    size_t (*batch_count)(const struct store_batch *b);
    /* Writes the batch and META "batch" = number with it; `b` stays as it was. */
    enum err_code (*write)(struct store *s,
                           struct store_batch *b,
                           uint64_t number,
                           struct err *err);
    enum err_code (*get)(struct store *s,
                         enum store_cf cf,
                         struct slice key,
                         struct buf *out,
                         struct err *err);
    struct store_iterator *(*iterate)(struct store *s,
                                      enum store_cf cf,
                                      struct slice from,
                                      struct slice to,
                                      bool backwards);
    bool (*next)(struct store_iterator *i, struct slice *key, struct slice *value);
    enum err_code (*iterator_end)(struct store_iterator *i, struct err *err);
    enum err_code (*copy)(struct store *s, const char *dir, struct err *err); /* NULL: no disk */
    void (*stats)(struct store *s, struct buf *out);
    void (*figures)(struct store *s, struct store_figures *out); /* NULL: it has none */
};

struct store {
    const struct store_ops *ops;
    _Atomic uint64_t number; /* of the last batch written */
    struct err failed;       /* writer only: the first failed write; OK before it */
    _Atomic bool unreadable; /* a read has failed */
};

struct store_batch {
    const struct store_ops *ops;
};

struct store_iterator {
    const struct store_ops *ops;
    struct store *store; /* store.c's */
};

/* META's own rows, eight bytes big-endian each. */
#define STORE_META_FORMAT "format"
#define STORE_META_BATCH  "batch"

/* Of what no version byte of a row can tell. With another one DIR/synced begins otherwise, too, and
 * tests/unit/test_format.c gets a dump of the one before. */
enum { STORE_FORMAT = 1, STORE_META_BYTES = 8 };

const char *store_cf_name(enum store_cf cf); /* RocksDB's name */
void store_meta_value(uint64_t v, char out[STORE_META_BYTES]);

#endif
