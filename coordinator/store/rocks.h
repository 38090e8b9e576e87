/* SPDX-License-Identifier: Apache-2.0 */
/* Between rocks.c and rocks_options.c: how RocksDB is set up, and what its errors mean. */
#ifndef STEPFLEET_STORE_ROCKS_H
#define STEPFLEET_STORE_ROCKS_H

#include <rocksdb/c.h>

#include "coordinator/store/store.h"

struct rocks_options {
    rocksdb_options_t *plain;  /* of the database, and of families that are read in order */
    rocksdb_options_t *lookup; /* of families that are asked for single keys */
    rocksdb_cache_t *cache;
    rocksdb_env_t *env;
};

void rocks_options_init(struct rocks_options *o, const struct store_config *c);
/* This RocksDB was built without LZ4. */
void rocks_options_no_compression(struct rocks_options *o);
void rocks_options_fini(struct rocks_options *o);

/* The code of RocksDB's error text (taken), which is in the message. */
enum err_code rocks_error(char *text, const char *dir, struct err *err);

#endif
