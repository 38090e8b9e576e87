/* SPDX-License-Identifier: Apache-2.0 */
/* The store on disk: RocksDB, one log for all families, one synced write a batch.
 *
 *   Opening: lock DIR/synced and read it; hold CURRENT and MANIFEST against it; walk the logs and
 * cut off a torn end (log_check.h); let RocksDB recover, which then finds nothing but whole logs or
 *   refuses; hold the number of the last batch against what was synced and what the logs had.
 *
 *   Families are flushed together (atomic_flush), so that the batch number in META stands for the
 *   rows of all of them: where META is complete, no family lacks anything.
 *
 * The options are for one writer, keys mostly in order, and little memory (rocks_options.c).
 * Source: rocksdb/c.h, 7.8. */
#include "coordinator/store/rocks.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/store/backend.h"
#include "coordinator/store/log_check.h"
#include "coordinator/store/synced.h"
#include "proto/base/arena.h"

struct rocks {
    struct store base;
    struct rocks_options options;
    rocksdb_t *db;
    rocksdb_column_family_handle_t *families[CF_COUNT];
    rocksdb_readoptions_t *read;
    rocksdb_writeoptions_t *write;
    struct synced synced; /* writer only */
    uint64_t cut_bytes;   /* of a torn end, at open */
    char *dir;
};

struct rocks_batch {
    struct store_batch base;
    struct rocks *store;
    rocksdb_writebatch_t *batch;
};

struct rocks_iterator {
    struct store_iterator base;
    const struct rocks *store;
    rocksdb_iterator_t *it;
    rocksdb_readoptions_t *read;
    struct buf bounds; /* RocksDB keeps pointing into it */
    bool backwards;
    bool begun;
};

/* ---- Errors ---- */

enum err_code rocks_error(char *text, const char *dir, struct err *err)
{
    enum err_code rc;

    if (strstr(text, "lock hold") != NULL || strstr(text, "While lock file") != NULL) {
        rc = err_set(err, ERR_IN_USE, "another coordinator uses %s (lock held): %s", dir, text);
    } else if (strstr(text, "No space left") != NULL || strstr(text, "Disk quota") != NULL) {
        rc = err_set(err, ERR_NO_SPACE, "the disk of %s is full: %s", dir, text);
    } else if (strstr(text, "Column families not opened") != NULL) {
        rc = err_set(err, ERR_VERSION, "the database in %s was made by a later version: %s", dir,
                     text);
    } else if (strncmp(text, "Corruption", 10) == 0 || strstr(text, "Column family not found") ||
               strstr(text, "No such file") || strstr(text, "does not exist")) {
        rc = err_set(err, ERR_CORRUPT,
                     "the database in %s is damaged: %s; restore the directory from a backup, and "
                     "check the disk",
                     dir, text);
    } else {
        rc = err_set(err, ERR_IO, "the database in %s failed: %s", dir, text);
    }
    rocksdb_free(text);
    return rc;
}

/* ---- Batches ---- */

static struct store_batch *rocks_batch_new(struct store *s)
{
    struct rocks_batch *b = mem_zalloc(1, sizeof(*b));

    b->base.ops = s->ops;
    b->batch = rocksdb_writebatch_create();
    b->store = (struct rocks *)s;
    return &b->base;
}

static void rocks_batch_free(struct store_batch *base)
{
    struct rocks_batch *b = (struct rocks_batch *)base;

    rocksdb_writebatch_destroy(b->batch);
    mem_free(b);
}

static void rocks_batch_clear(struct store_batch *base)
{
    rocksdb_writebatch_clear(((struct rocks_batch *)base)->batch);
}

static void
rocks_put(struct store_batch *base, enum store_cf cf, struct slice key, struct slice value)
{
    struct rocks_batch *b = (struct rocks_batch *)base;

    rocksdb_writebatch_put_cf(b->batch, b->store->families[cf], key.ptr, key.len, value.ptr,
                              value.len);
}

static void rocks_remove(struct store_batch *base, enum store_cf cf, struct slice key)
{
    struct rocks_batch *b = (struct rocks_batch *)base;

    rocksdb_writebatch_delete_cf(b->batch, b->store->families[cf], key.ptr, key.len);
}

static void
rocks_remove_range(struct store_batch *base, enum store_cf cf, struct slice from, struct slice to)
{
    struct rocks_batch *b = (struct rocks_batch *)base;

    rocksdb_writebatch_delete_range_cf(b->batch, b->store->families[cf], from.ptr, from.len, to.ptr,
                                       to.len);
}

/* Of the rows alone: a batch of RocksDB's begins with twelve bytes of its own. */
static size_t rocks_batch_bytes(const struct store_batch *base)
{
    enum { ROCKS_BATCH_HEADER_BYTES = 12 };
    size_t size;

    (void)rocksdb_writebatch_data(((const struct rocks_batch *)base)->batch, &size);
    return size - ROCKS_BATCH_HEADER_BYTES;
}

static size_t rocks_batch_count(const struct store_batch *base)
{
    return (size_t)rocksdb_writebatch_count(((const struct rocks_batch *)base)->batch);
}

static void rocks_put_meta(rocksdb_writebatch_t *b, const char *key, uint64_t v)
{
    char value[STORE_META_BYTES];

    store_meta_value(v, value);
    rocksdb_writebatch_put(b, key, strlen(key), value, sizeof(value));
}

/* The number is the batch's last row, where log_check finds it; it is taken off again after. */
static enum err_code
rocks_write_number(struct rocks *r, rocksdb_writebatch_t *b, uint64_t number, struct err *err)
{
    char *text = NULL;
    char *unused = NULL;

    rocksdb_writebatch_set_save_point(b);
    rocks_put_meta(b, STORE_META_BATCH, number);
    rocksdb_write(r->db, r->write, b, &text);
    rocksdb_writebatch_rollback_to_save_point(b, &unused);
    assert(unused == NULL);
    return text != NULL ? rocks_error(text, r->dir, err) : OK;
}

static enum err_code
rocks_write(struct store *s, struct store_batch *base, uint64_t number, struct err *err)
{
    struct rocks *r = (struct rocks *)s;
    enum err_code rc = rocks_write_number(r, ((struct rocks_batch *)base)->batch, number, err);

    return rc == OK ? synced_note(&r->synced, number, err) : rc;
}

/* ---- Reads ---- */

static enum err_code
rocks_get(struct store *s, enum store_cf cf, struct slice key, struct buf *out, struct err *err)
{
    struct rocks *r = (struct rocks *)s;
    char *text = NULL;
    rocksdb_pinnableslice_t *pinned =
        rocksdb_get_pinned_cf(r->db, r->read, r->families[cf], key.ptr, key.len, &text);
    const char *value;
    size_t len;

    if (text != NULL) {
        return rocks_error(text, r->dir, err);
    }
    if (pinned == NULL) {
        return ERR_NOT_FOUND;
    }
    value = rocksdb_pinnableslice_value(pinned, &len);
    if (len != 0) {
        buf_put(out, value, len);
    }
    rocksdb_pinnableslice_destroy(pinned);
    return OK;
}

static struct store_iterator *
rocks_iterate(struct store *s, enum store_cf cf, struct slice from, struct slice to, bool backwards)
{
    struct rocks *r = (struct rocks *)s;
    struct rocks_iterator *i = mem_zalloc(1, sizeof(*i));

    i->base.ops = s->ops;
    i->store = r;
    i->backwards = backwards;
    i->read = rocksdb_readoptions_create();
    (void)buf_reserve(&i->bounds, from.len + to.len + 1);
    buf_put_slice(&i->bounds, from);
    buf_put_slice(&i->bounds, to);
    if (from.len != 0) {
        rocksdb_readoptions_set_iterate_lower_bound(i->read, i->bounds.ptr, from.len);
    }
    if (to.len != 0) {
        rocksdb_readoptions_set_iterate_upper_bound(i->read, i->bounds.ptr + from.len, to.len);
    }
    i->it = rocksdb_create_iterator_cf(r->db, i->read, r->families[cf]);
    return &i->base;
}

static void rocks_iterator_move(struct rocks_iterator *i)
{
    if (i->begun) {
        (i->backwards ? rocksdb_iter_prev : rocksdb_iter_next)(i->it);
    } else {
        (i->backwards ? rocksdb_iter_seek_to_last : rocksdb_iter_seek_to_first)(i->it);
    }
    i->begun = true;
}

static bool rocks_next(struct store_iterator *base, struct slice *key, struct slice *value)
{
    struct rocks_iterator *i = (struct rocks_iterator *)base;

    if (i->begun && !rocksdb_iter_valid(i->it)) {
        return false;
    }
    rocks_iterator_move(i);
    if (!rocksdb_iter_valid(i->it)) {
        return false;
    }
    key->ptr = rocksdb_iter_key(i->it, &key->len);
    value->ptr = rocksdb_iter_value(i->it, &value->len);
    return true;
}

static enum err_code rocks_iterator_end(struct store_iterator *base, struct err *err)
{
    struct rocks_iterator *i = (struct rocks_iterator *)base;
    char *text = NULL;
    enum err_code rc = OK;

    rocksdb_iter_get_error(i->it, &text);
    if (text != NULL) {
        rc = rocks_error(text, i->store->dir, err);
    }
    rocksdb_iter_destroy(i->it);
    rocksdb_readoptions_destroy(i->read);
    buf_fini(&i->bounds);
    mem_free(i);
    return rc;
}

/* Flushed first, so that hardly any log is copied. */
static enum err_code rocks_copy(struct store *s, const char *dir, struct err *err)
{
    const struct rocks *r = (const struct rocks *)s;
    char *text = NULL;
    rocksdb_checkpoint_t *c = rocksdb_checkpoint_object_create(r->db, &text);

    if (text == NULL) {
        rocksdb_checkpoint_create(c, dir, 0, &text);
    }
    if (c != NULL) {
        rocksdb_checkpoint_object_destroy(c);
    }
    return text != NULL ? rocks_error(text, dir, err) : OK;
}

enum err_code store_adopt(const char *dir, uint64_t batch, struct err *err)
{
    struct synced s;
    enum err_code rc = synced_open(dir, true, &s, err);

    if (rc == OK) {
        s.number = batch;
        rc = synced_flush(&s, err);
        synced_close(&s);
    }
    return rc;
}

static uint64_t rocks_property(const struct rocks *r, enum store_cf cf, const char *name)
{
    uint64_t v = 0;

    (void)rocksdb_property_int_cf(r->db, r->families[cf], name, &v);
    return v;
}

static void rocks_stats(struct store *s, struct buf *out)
{
    struct rocks *r = (struct rocks *)s;

    buf_printf(out,
               "{\"backend\":\"rocksdb\",\"batch\":%llu,\"cacheBytes\":%llu,"
               "\"tornBytesAtOpen\":%llu,\"families\":[",
               (unsigned long long)store_batch_number(s),
               (unsigned long long)rocks_property(r, CF_META, "rocksdb.block-cache-usage"),
               (unsigned long long)r->cut_bytes);
    for (int i = 0; i < CF_COUNT; i++) {
        enum store_cf cf = (enum store_cf)i;

        buf_printf(
            out,
            "%s{\"name\":\"%s\",\"diskBytes\":%llu,\"memoryBytes\":%llu,\"rowsEstimate\":%llu}",
            i == 0 ? "" : ",", store_cf_name(cf),
            (unsigned long long)rocks_property(r, cf, "rocksdb.total-sst-files-size"),
            (unsigned long long)rocks_property(r, cf, "rocksdb.cur-size-all-mem-tables"),
            (unsigned long long)rocks_property(r, cf, "rocksdb.estimate-num-keys"));
    }
    buf_put_str(out, "]}");
}

static void rocks_figures(struct store *s, struct store_figures *out)
{
    const struct rocks *r = (const struct rocks *)s;

    for (int i = 0; i < CF_COUNT; i++) {
        enum store_cf cf = (enum store_cf)i;

        out->disk_bytes += rocks_property(r, cf, "rocksdb.total-sst-files-size");
        out->memory_bytes += rocks_property(r, cf, "rocksdb.cur-size-all-mem-tables");
        out->rows += rocks_property(r, cf, "rocksdb.estimate-num-keys");
        out->compaction_bytes += rocks_property(r, cf, "rocksdb.estimate-pending-compaction-bytes");
    }
    /* These are the database's, whichever family is asked. */
    out->cache_bytes = rocks_property(r, CF_META, "rocksdb.block-cache-usage");
    out->compactions = rocks_property(r, CF_META, "rocksdb.num-running-compactions");
    out->flushes = rocks_property(r, CF_META, "rocksdb.num-running-flushes");
    out->write_rate = rocks_property(r, CF_META, "rocksdb.actual-delayed-write-rate");
    out->stopped = rocks_property(r, CF_META, "rocksdb.is-write-stopped") != 0;
}

/* ---- Memory ---- */

/* RocksDB throws what C cannot catch where an allocation fails. As everywhere in our programs the
 * end is at once and with words; C++'s `new` calls this before it throws. */
static void rocks_no_memory(void)
{
    (void)fputs("stepfleet: out of memory (the database wanted more); ending\n", stderr);
    abort();
}

/* std::set_new_handler, by the name C++ gives it: the C++ library is loaded with RocksDB. */
static void rocks_end_without_memory(void)
{
    void (*(*set_handler)(void (*handler)(void)))(void);

    *(void **)&set_handler = dlsym(RTLD_DEFAULT, "_ZSt15set_new_handlerPFvvE");
    if (set_handler != NULL) {
        (void)set_handler(rocks_no_memory);
    }
}

/* ---- Opening and closing ---- */

static void rocks_shut(struct rocks *r)
{
    for (int cf = 0; cf < CF_COUNT; cf++) {
        if (r->families[cf] != NULL) {
            rocksdb_column_family_handle_destroy(r->families[cf]);
        }
    }
    if (r->db != NULL) {
        rocksdb_close(r->db);
    }
    rocks_options_fini(&r->options);
    if (r->read != NULL) {
        rocksdb_readoptions_destroy(r->read);
        rocksdb_writeoptions_destroy(r->write);
    }
}

static void rocks_free(struct rocks *r)
{
    rocks_shut(r);
    synced_close(&r->synced);
    mem_free(r->dir);
    mem_free(r);
}

/* Everything written is synced already. The log stays as it is: the next opening reads it, which
 * takes less than flushing six families would here. */
static void rocks_close(struct store *s)
{
    struct rocks *r = (struct rocks *)s;
    struct err unused;

    (void)synced_flush(&r->synced, &unused);
    rocks_free(r);
}

static const struct store_ops rocks_ops = {
    .close = rocks_close,
    .batch_new = rocks_batch_new,
    .batch_free = rocks_batch_free,
    .batch_clear = rocks_batch_clear,
    .put = rocks_put,
    .remove = rocks_remove,
    .remove_range = rocks_remove_range,
    .batch_bytes = rocks_batch_bytes,
    .batch_count = rocks_batch_count,
    .write = rocks_write,
    .get = rocks_get,
    .iterate = rocks_iterate,
    .next = rocks_next,
    .iterator_end = rocks_iterator_end,
    .copy = rocks_copy,
    .stats = rocks_stats,
    .figures = rocks_figures,
};

static enum err_code rocks_make_dir(const char *dir, struct err *err)
{
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return err_set(err, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO,
                       "cannot create the directory %s: %s", dir, strerror(errno));
    }
    return OK;
}

static void rocks_open_families(struct rocks *r, char **text)
{
    const char *names[CF_COUNT];
    const rocksdb_options_t *options[CF_COUNT];

    for (int cf = 0; cf < CF_COUNT; cf++) {
        names[cf] = store_cf_name((enum store_cf)cf);
        options[cf] = cf == CF_NAME || cf == CF_MACHINE ? r->options.lookup : r->options.plain;
    }
    r->db = rocksdb_open_column_families(r->options.plain, r->dir, CF_COUNT, names, options,
                                         r->families, text);
}

static bool has_family(char *const *names, size_t count, enum store_cf cf)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], store_cf_name(cf)) == 0) {
            return true;
        }
    }
    return false;
}

/* Families that versions added, in that order: an older database lacks the last few of them. */
static const enum store_cf added[] = {CF_JOB, CF_QUEUE};

enum { ADDED = sizeof(added) / sizeof(added[0]) };

static bool was_added(enum store_cf cf)
{
    for (size_t i = 0; i < ADDED; i++) {
        if (added[i] == cf) {
            return true;
        }
    }
    return false;
}

/* Where any other family is missing, or one that came before one that is there, opening says what
 * is wrong; and where nothing can be read. */
static bool lacks_added_alone(char *const *names, size_t count)
{
    bool lacks = false;

    for (int cf = 0; cf < CF_COUNT; cf++) {
        if (!was_added((enum store_cf)cf) && !has_family(names, count, (enum store_cf)cf)) {
            return false;
        }
    }
    for (size_t i = 0; i < ADDED; i++) {
        bool has = has_family(names, count, added[i]);

        if (has && lacks) {
            return false;
        }
        lacks = !has;
    }
    return lacks;
}

/* Is it the database of an older version? */
static bool rocks_is_older(const struct rocks *r)
{
    char *text = NULL;
    size_t count = 0;
    char **names = rocksdb_list_column_families(r->options.plain, r->dir, &count, &text);
    bool older = text == NULL && lacks_added_alone(names, count);

    rocksdb_list_column_families_destroy(names, count); /* there is one where it failed, too */
    if (text != NULL) {
        rocksdb_free(text);
    }
    return older;
}

static enum err_code rocks_open_database(struct rocks *r, bool create, struct err *err)
{
    char *text = NULL;

    rocksdb_options_set_create_if_missing(r->options.plain, create);
    rocksdb_options_set_create_missing_column_families(r->options.plain,
                                                       create || rocks_is_older(r));
    rocks_open_families(r, &text);
    if (text != NULL && strstr(text, "not linked") != NULL) {
        rocksdb_free(text);
        text = NULL;
        rocks_options_no_compression(&r->options);
        rocks_open_families(r, &text);
    }
    return text != NULL ? rocks_error(text, r->dir, err) : OK;
}

/* A number of META; *there: it is. */
static enum err_code
rocks_meta(struct rocks *r, const char *key, uint64_t *out, bool *there, struct err *err)
{
    struct buf b = {0};
    struct cursor c;
    enum err_code rc = rocks_get(&r->base, CF_META, slice_str(key), &b, err);

    *there = rc == OK;
    if (rc == OK) {
        c = cursor_make(buf_slice(&b));
        *out = cursor_u64be(&c);
        if (c.bad || !cursor_done(&c)) {
            rc = err_set(err, ERR_CORRUPT, "the row \"%s\" of %s is malformed", key, r->dir);
        }
    }
    buf_fini(&b);
    return rc == ERR_NOT_FOUND ? OK : rc;
}

/* The first rows of a database: batch 0. */
static enum err_code rocks_begin(struct rocks *r, struct err *err)
{
    rocksdb_writebatch_t *b = rocksdb_writebatch_create();
    enum err_code rc;

    rocks_put_meta(b, STORE_META_FORMAT, STORE_FORMAT);
    rc = rocks_write_number(r, b, 0, err);
    rocksdb_writebatch_destroy(b);
    return rc;
}

static enum err_code rocks_check_format(const struct rocks *r, uint64_t format, struct err *err)
{
    if (format == STORE_FORMAT) {
        return OK;
    }
    return err_set(err, ERR_VERSION,
                   "the database in %s has format %llu, this program knows format %d: it was "
                   "written by a later version, which alone can open it",
                   r->dir, (unsigned long long)format, STORE_FORMAT);
}

/* Which format it has, and that all is there that was synced. */
static enum err_code
rocks_check(struct rocks *r, const struct log_found *log, bool accept_loss, struct err *err)
{
    uint64_t format = 0;
    uint64_t number = 0;
    bool has_format;
    bool has_number;
    uint64_t known = log->any && log->last > r->synced.number ? log->last : r->synced.number;
    enum err_code rc = rocks_meta(r, STORE_META_FORMAT, &format, &has_format, err);

    rc = rc == OK ? rocks_meta(r, STORE_META_BATCH, &number, &has_number, err) : rc;
    if (rc != OK) {
        return rc;
    }
    if (has_format && rocks_check_format(r, format, err) != OK) {
        return ERR_VERSION;
    }
    if (!accept_loss && (number < known || (has_format != has_number))) {
        return err_set(
            err, ERR_CORRUPT,
            "the database in %s lost what was synced: batch %llu of %llu is the last one "
            "there; restore the directory from a backup, or accept the loss with "
            "--accept-loss",
            r->dir, (unsigned long long)number, (unsigned long long)known);
    }
    atomic_store(&r->base.number, number);
    r->synced.number = number;
    return has_format && has_number ? OK : rocks_begin(r, err);
}

/* Read a family from end to end, past the cache, with all sums. */
static enum err_code rocks_verify_family(struct rocks *r, enum store_cf cf, struct err *err)
{
    rocksdb_readoptions_t *read = rocksdb_readoptions_create();
    rocksdb_iterator_t *it;
    char *text = NULL;

    rocksdb_readoptions_set_verify_checksums(read, 1);
    rocksdb_readoptions_set_fill_cache(read, 0);
    rocksdb_readoptions_set_readahead_size(read, 1024 * 1024);
    it = rocksdb_create_iterator_cf(r->db, read, r->families[cf]);
    for (rocksdb_iter_seek_to_first(it); rocksdb_iter_valid(it); rocksdb_iter_next(it)) {
    }
    rocksdb_iter_get_error(it, &text);
    rocksdb_iter_destroy(it);
    rocksdb_readoptions_destroy(read);
    return text != NULL ? rocks_error(text, r->dir, err) : OK;
}

static enum err_code rocks_verify(struct rocks *r, struct err *err)
{
    for (int i = 0; i < CF_COUNT; i++) {
        enum store_cf cf = (enum store_cf)i;
        enum err_code rc = rocks_verify_family(r, cf, err);

        if (rc != OK) {
            err_wrap(err, "verify family \"%s\"", store_cf_name(cf));
            return rc;
        }
    }
    return OK;
}

/* What must be right before RocksDB may touch anything. */
static enum err_code rocks_check_files(struct rocks *r, struct log_found *log, struct err *err)
{
    enum err_code rc = synced_check(&r->synced, err);

    return rc == OK ? log_check(r->dir, r->synced.number, log, err) : rc;
}

static enum err_code rocks_open_all(struct rocks *r, const struct store_config *c, struct err *err)
{
    struct log_found log = {0};
    enum err_code rc = rocks_make_dir(c->dir, err);

    rc = rc == OK ? synced_open(c->dir, c->accept_loss, &r->synced, err) : rc;
    if (rc != OK) {
        return rc;
    }
    if (!c->accept_loss) {
        rc = rocks_check_files(r, &log, err);
    }
    if (rc != OK) {
        return rc;
    }
    r->cut_bytes = log.cut;
    rocks_options_init(&r->options, c);
    r->read = rocksdb_readoptions_create();
    r->write = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(r->write, 1);
    rc = rocks_open_database(r, r->synced.number == 0 && !c->accept_loss, err);
    rc = rc == OK ? rocks_check(r, &log, c->accept_loss, err) : rc;
    rc = rc == OK && c->verify ? rocks_verify(r, err) : rc;
    return rc == OK ? synced_flush(&r->synced, err) : rc;
}

enum err_code store_open_rocks(const struct store_config *c, struct store **out, struct err *err)
{
    struct rocks *r = mem_zalloc(1, sizeof(*r));
    enum err_code rc;

    rocks_end_without_memory();
    r->base.ops = &rocks_ops;
    r->synced.fd = -1;
    r->dir = mem_strdup(slice_str(c->dir));
    rc = rocks_open_all(r, c, err);
    if (rc != OK) {
        rocks_free(r);
        err_wrap(err, "open the database");
        return rc;
    }
    *out = &r->base;
    return OK;
}

/* ---- to look alone ---- */

/* It has nothing to note. */
static void look_close(struct store *s)
{
    rocks_free((struct rocks *)s);
}

static const struct store_ops look_ops = {
    .close = look_close,
    .get = rocks_get,
    .iterate = rocks_iterate,
    .next = rocks_next,
    .iterator_end = rocks_iterator_end,
    .stats = rocks_stats,
    .figures = rocks_figures,
};

static enum err_code look_families(struct rocks *r, struct err *err)
{
    const char *names[CF_COUNT];
    const rocksdb_options_t *options[CF_COUNT];
    char *text = NULL;

    if (rocks_is_older(r)) {
        return err_set(err, ERR_VERSION,
                       "the database in %s is of an older version: start its coordinator once, "
                       "which brings it up to date",
                       r->dir);
    }
    for (int cf = 0; cf < CF_COUNT; cf++) {
        names[cf] = store_cf_name((enum store_cf)cf);
        options[cf] = cf == CF_NAME || cf == CF_MACHINE ? r->options.lookup : r->options.plain;
    }
    r->db = rocksdb_open_for_read_only_column_families(r->options.plain, r->dir, CF_COUNT, names,
                                                       options, r->families, 0, &text);
    return text != NULL ? rocks_error(text, r->dir, err) : OK;
}

static enum err_code look_check(struct rocks *r, struct err *err)
{
    uint64_t format = 0;
    uint64_t number = 0;
    bool has_format;
    bool has_number;
    enum err_code rc = rocks_meta(r, STORE_META_FORMAT, &format, &has_format, err);

    rc = rc == OK ? rocks_meta(r, STORE_META_BATCH, &number, &has_number, err) : rc;
    rc = rc == OK && has_format ? rocks_check_format(r, format, err) : rc;
    if (rc == OK && (!has_format || !has_number || number < r->synced.number)) {
        rc = err_set(err, ERR_CORRUPT,
                     "the database in %s lost what was synced: batch %llu of %llu is the last one "
                     "there",
                     r->dir, (unsigned long long)number, (unsigned long long)r->synced.number);
    }
    atomic_store(&r->base.number, number);
    return rc;
}

static enum err_code look_all(struct rocks *r, struct err *err)
{
    const struct store_config c = {.dir = r->dir, .accept_loss = true}; /* a torn end is no loss */
    char current[PATH_MAX];
    enum err_code rc;

    (void)snprintf(current, sizeof(current), "%s/CURRENT", r->dir);
    if (access(current, F_OK) != 0) {
        return err_set(err, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO,
                       "there is no database in %s: %s", r->dir, strerror(errno));
    }
    rc = synced_open_to_look(r->dir, &r->synced, err);
    if (rc != OK) {
        return rc;
    }
    rc = r->synced.fd >= 0 ? synced_check(&r->synced, err) : OK;
    if (rc != OK) {
        return rc;
    }
    rocks_options_init(&r->options, &c);
    r->read = rocksdb_readoptions_create();
    r->write = rocksdb_writeoptions_create();
    rc = look_families(r, err);
    return rc == OK ? look_check(r, err) : rc;
}

enum err_code store_look_rocks(const char *dir, struct store **out, struct err *err)
{
    struct rocks *r = mem_zalloc(1, sizeof(*r));
    enum err_code rc;

    rocks_end_without_memory();
    r->base.ops = &look_ops;
    r->synced.fd = -1;
    r->dir = mem_strdup(slice_str(dir));
    rc = look_all(r, err);
    if (rc != OK) {
        rocks_free(r);
        return rc;
    }
    *out = &r->base;
    return OK;
}
