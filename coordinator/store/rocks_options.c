/* SPDX-License-Identifier: Apache-2.0 */
/* RocksDB's options for one writer whose keys come mostly in order, and for little memory: all
 * memtables share one bound, index and filter blocks live in the one bounded cache, few files are
 * held open, two threads work behind. Tables full of deletes are rewritten before their level is:
 * what was deleted leaves the disk. No prefix extractor: an iterator that crosses prefixes would
 * silently end. Logs are taken whole or not at all (log_check.h has cut a torn end off before). */
#include "coordinator/store/rocks.h"

enum {
    ROCKS_CACHE_BYTES = 16 * 1024 * 1024,
    ROCKS_WRITE_BUFFER_BYTES = 32 * 1024 * 1024,
    ROCKS_ARENA_BYTES = 256 * 1024, /* a memtable grows by that */
    ROCKS_BLOCK_BYTES = 8 * 1024,
    ROCKS_FILES = 256,                  /* held open */
    ROCKS_FILE_BYTES = 8 * 1024 * 1024, /* a flush of new rows rewrites the last file before them */
    ROCKS_LEVEL_BYTES = 128 * 1024 * 1024,
    ROCKS_MANIFEST_BYTES = 16 * 1024 * 1024,
    ROCKS_INFO_LOG_BYTES = 1024 * 1024,
    ROCKS_INFO_LOGS = 3,
    ROCKS_INFO_FATAL = 4,
    ROCKS_TABLE_FORMAT = 5, /* since RocksDB 6.6 */
    ROCKS_BLOOM_BITS = 10,
    ROCKS_DELETES_WINDOW = 1024, /* rows, one after the other: a table that has some with more */
    ROCKS_DELETES = 512,         /* deletes is rewritten soon, and what they took away goes */
};

static void rocks_options_table(rocksdb_options_t *o, rocksdb_cache_t *cache, bool bloom)
{
    rocksdb_block_based_table_options_t *t = rocksdb_block_based_options_create();

    rocksdb_block_based_options_set_block_size(t, ROCKS_BLOCK_BYTES);
    rocksdb_block_based_options_set_block_cache(t, cache);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(t, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(t, 1);
    /* In pieces: whole ones of large files drive each other out of a small cache. */
    rocksdb_block_based_options_set_index_type(
        t, rocksdb_block_based_table_index_type_two_level_index_search);
    rocksdb_block_based_options_set_partition_filters(t, 1);
    rocksdb_block_based_options_set_pin_top_level_index_and_filter(t, 1);
    rocksdb_block_based_options_set_format_version(t, ROCKS_TABLE_FORMAT);
    if (bloom) {
        rocksdb_block_based_options_set_filter_policy(
            t, rocksdb_filterpolicy_create_bloom_full(ROCKS_BLOOM_BITS));
    }
    rocksdb_options_set_block_based_table_factory(o, t);
    rocksdb_block_based_options_destroy(t);
}

static void rocks_options_memory(rocksdb_options_t *o, size_t write_buffer_bytes)
{
    rocksdb_options_set_db_write_buffer_size(o, write_buffer_bytes);
    rocksdb_options_set_write_buffer_size(o, write_buffer_bytes / 2);
    rocksdb_options_set_arena_block_size(o, ROCKS_ARENA_BYTES);
    rocksdb_options_set_max_open_files(o, ROCKS_FILES);
    rocksdb_options_set_max_total_wal_size(o, 2 * (uint64_t)write_buffer_bytes);
}

static void rocks_options_safety(rocksdb_options_t *o, bool accept_loss)
{
    rocksdb_options_set_paranoid_checks(o, 1);
    rocksdb_options_set_atomic_flush(o, 1);
    rocksdb_options_set_wal_recovery_mode(o, accept_loss ? rocksdb_point_in_time_recovery
                                                         : rocksdb_absolute_consistency_recovery);
    /* Versions of one row are read one by one: verifying reads every block, whatever is in it. */
    rocksdb_options_set_max_sequential_skip_in_iterations(o, UINT64_MAX);
}

static void rocks_options_quiet(rocksdb_options_t *o)
{
    /* Its own log is on the same disk: once that is full, the second line it writes there ends the
     * process by an assertion. What matters comes back as an error. */
    rocksdb_options_set_info_log_level(o, ROCKS_INFO_FATAL);
    rocksdb_options_set_max_log_file_size(o, ROCKS_INFO_LOG_BYTES);
    rocksdb_options_set_keep_log_file_num(o, ROCKS_INFO_LOGS);
    rocksdb_options_set_stats_dump_period_sec(o, 0);
    rocksdb_options_set_stats_persist_period_sec(o, 0);
    rocksdb_options_set_max_manifest_file_size(o, ROCKS_MANIFEST_BYTES);
}

static void rocks_options_levels(rocksdb_options_t *o)
{
    rocksdb_options_set_level_compaction_dynamic_level_bytes(o, 1);
    rocksdb_options_set_target_file_size_base(o, ROCKS_FILE_BYTES);
    rocksdb_options_set_max_bytes_for_level_base(o, ROCKS_LEVEL_BYTES);
    rocksdb_options_set_compression(o, rocksdb_lz4_compression);
    rocksdb_options_add_compact_on_deletion_collector_factory(o, ROCKS_DELETES_WINDOW,
                                                              ROCKS_DELETES);
}

void rocks_options_init(struct rocks_options *o, const struct store_config *c)
{
    size_t cache = c->cache_bytes != 0 ? c->cache_bytes : ROCKS_CACHE_BYTES;
    size_t memtables =
        c->write_buffer_bytes != 0 ? c->write_buffer_bytes : ROCKS_WRITE_BUFFER_BYTES;

    o->cache = rocksdb_cache_create_lru(cache);
    o->env = rocksdb_create_default_env();
    rocksdb_env_set_background_threads(o->env, 1);
    rocksdb_env_set_high_priority_background_threads(o->env, 1);
    o->plain = rocksdb_options_create();
    rocksdb_options_set_env(o->plain, o->env);
    rocksdb_options_set_max_background_jobs(o->plain, 2);
    rocks_options_memory(o->plain, memtables);
    rocks_options_safety(o->plain, c->accept_loss);
    rocks_options_quiet(o->plain);
    rocks_options_levels(o->plain);
    o->lookup = rocksdb_options_create_copy(o->plain);
    rocks_options_table(o->plain, o->cache, false);
    rocks_options_table(o->lookup, o->cache, true);
}

void rocks_options_no_compression(struct rocks_options *o)
{
    rocksdb_options_set_compression(o->plain, rocksdb_no_compression);
    rocksdb_options_set_compression(o->lookup, rocksdb_no_compression);
}

void rocks_options_fini(struct rocks_options *o)
{
    if (o->plain != NULL) {
        rocksdb_options_destroy(o->plain);
        rocksdb_options_destroy(o->lookup);
        rocksdb_cache_destroy(o->cache);
        rocksdb_env_destroy(o->env);
    }
    *o = (struct rocks_options){0};
}
