/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/log_check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/store/backend.h"
#include "coordinator/store/crc32c.h"
#include "proto/base/arena.h"

enum {
    LOG_PATH_BYTES = 4096,
    LOG_BLOCK_BYTES = 32768,
    LOG_HEADER_BYTES = 7,
    LOG_TYPE_FULL = 1,
    LOG_TYPE_FIRST = 2,
    LOG_TYPE_MIDDLE = 3,
    LOG_TYPE_LAST = 4,
    LOG_BATCH_HEADER_BYTES = 12, /* sequence, count of rows */
    /* How each batch ends: a put of META "batch" in RocksDB's write batch (tag, lengths, bytes). */
    LOG_MARK_BYTES = 8 + STORE_META_BYTES,
};

static const char log_mark[8] = {1, 5, 'b', 'a', 't', 'c', 'h', STORE_META_BYTES};

/* ---- Physical records ---- */

struct log_file {
    uint64_t number;
    const uint8_t *bytes;
    size_t size;
    char name[32]; /* "000012.log" */
};

struct log_record {
    uint8_t type;
    const uint8_t *bytes;
    size_t len;
    size_t end; /* offset after it */
};

static uint32_t log_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* RocksDB masks sums, lest sums of sums be weak. */
static bool log_sum_is_right(const uint8_t *header, size_t len)
{
    uint32_t crc = crc32c(0, header + 6, len + 1);

    return log_u32(header) == (crc >> 15 | crc << 17) + 0xa282ead8u;
}

/* The record at `at`, which is not in a block's trailer; false where there is no whole, right one.
 */
static bool log_record_at(const struct log_file *f, size_t at, struct log_record *out)
{
    size_t room = LOG_BLOCK_BYTES - at % LOG_BLOCK_BYTES;
    const uint8_t *p = f->bytes + at;
    size_t len;

    if (room < LOG_HEADER_BYTES || f->size - at < LOG_HEADER_BYTES) {
        return false;
    }
    len = (size_t)p[4] | (size_t)p[5] << 8;
    if (p[6] < LOG_TYPE_FULL || p[6] > LOG_TYPE_LAST || len > room - LOG_HEADER_BYTES ||
        len > f->size - at - LOG_HEADER_BYTES || !log_sum_is_right(p, len)) {
        return false;
    }
    *out = (struct log_record){p[6], p + LOG_HEADER_BYTES, len, at + LOG_HEADER_BYTES + len};
    return true;
}

/* Where the next record begins: a block's last bytes hold none. */
static size_t log_next(const struct log_file *f, size_t at)
{
    size_t room = LOG_BLOCK_BYTES - at % LOG_BLOCK_BYTES;

    at += room < LOG_HEADER_BYTES ? room : 0;
    return at < f->size ? at : f->size;
}

/* Does a batch begin, whole, anywhere at or after `at`? Byte by byte in the block that is damaged,
 * since a length may be what is wrong; from record to record in those behind it. */
static bool log_begins_after(const struct log_file *f, size_t at)
{
    size_t block_end = (at / LOG_BLOCK_BYTES + 1) * LOG_BLOCK_BYTES;
    struct log_record r;

    while (at < f->size) {
        if (log_record_at(f, at, &r)) {
            if (r.type == LOG_TYPE_FULL || r.type == LOG_TYPE_FIRST) {
                return true;
            }
            at = log_next(f, r.end);
        } else if (at < block_end) {
            at++;
        } else {
            at = (at / LOG_BLOCK_BYTES + 1) * LOG_BLOCK_BYTES;
        }
    }
    return false;
}

/* ---- Batches ---- */

struct log_walk {
    const char *dir;
    uint64_t synced;
    struct log_found found;
    /* The batch being put together. */
    bool inside;
    uint8_t tail[LOG_MARK_BYTES]; /* its last bytes so far */
    size_t tail_len;
};

static void log_tail(struct log_walk *w, const uint8_t *p, size_t len)
{
    size_t keep;

    if (len > LOG_MARK_BYTES) {
        p += len - LOG_MARK_BYTES;
        len = LOG_MARK_BYTES;
    }
    keep = w->tail_len < LOG_MARK_BYTES - len ? w->tail_len : LOG_MARK_BYTES - len;
    memmove(w->tail, w->tail + w->tail_len - keep, keep);
    memcpy(w->tail + keep, p, len);
    w->tail_len = keep + len;
}

/* RocksDB begins a log with a batch of no rows after a recovery that left something out. */
static bool log_batch_is_empty(const struct log_walk *w)
{
    static const uint8_t none[4];

    return w->tail_len == LOG_BATCH_HEADER_BYTES &&
           memcmp(w->tail + LOG_BATCH_HEADER_BYTES - sizeof(none), none, sizeof(none)) == 0;
}

/* A batch is whole: its number must follow the one before. */
static enum err_code log_batch(struct log_walk *w, const struct log_file *f, struct err *err)
{
    uint64_t number = 0;

    if (log_batch_is_empty(w)) {
        return OK;
    }
    if (w->tail_len != LOG_MARK_BYTES || memcmp(w->tail, log_mark, sizeof(log_mark)) != 0) {
        return err_set(err, ERR_CORRUPT,
                       "the log %s/%s holds a batch that is not the coordinator's: restore the "
                       "directory from a backup",
                       w->dir, f->name);
    }
    for (size_t i = sizeof(log_mark); i < LOG_MARK_BYTES; i++) {
        number = number << 8 | w->tail[i];
    }
    if (w->found.any && number != w->found.last + 1) {
        return err_set(err, ERR_CORRUPT,
                       "a part of the log is missing before %s/%s: batch %llu is followed by %llu; "
                       "restore the directory from a backup",
                       w->dir, f->name, (unsigned long long)w->found.last,
                       (unsigned long long)number);
    }
    w->found.first = w->found.any ? w->found.first : number;
    w->found.any = true;
    w->found.last = number;
    return OK;
}

/* Put one record to the batch; false: it does not belong here. */
static bool log_take(struct log_walk *w, const struct log_record *r)
{
    bool begins = r->type == LOG_TYPE_FULL || r->type == LOG_TYPE_FIRST;

    if (begins == w->inside) {
        return false;
    }
    w->tail_len = begins ? 0 : w->tail_len;
    log_tail(w, r->bytes, r->len);
    w->inside = r->type == LOG_TYPE_FIRST || r->type == LOG_TYPE_MIDDLE;
    return true;
}

/* Whole batches from the front; *good is the offset after the last of them. */
static enum err_code
log_walk_file(struct log_walk *w, const struct log_file *f, size_t *good, struct err *err)
{
    size_t at = 0;
    struct log_record r;
    enum err_code rc;

    *good = 0;
    w->inside = false;
    while (at < f->size && log_record_at(f, at, &r) && log_take(w, &r)) {
        at = log_next(f, r.end);
        if (!w->inside) {
            rc = log_batch(w, f, err);
            if (rc != OK) {
                return rc;
            }
            *good = at;
        }
    }
    return OK;
}

static enum err_code log_write_all(int fd, const uint8_t *p, size_t len)
{
    while (len != 0) {
        ssize_t n = write(fd, p, len);

        if (n <= 0) {
            return errno == ENOSPC || errno == EDQUOT ? ERR_NO_SPACE : ERR_IO;
        }
        p += n;
        len -= (size_t)n;
    }
    return fsync(fd) == 0 ? OK : ERR_IO;
}

/* Cut a torn end off; what is cut is kept in "000012.log.torn", should anybody want to look. */
static enum err_code
log_cut(const struct log_walk *w, const struct log_file *f, size_t good, struct err *err)
{
    char path[LOG_PATH_BYTES];
    char torn[LOG_PATH_BYTES + 8];
    enum err_code rc;
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", w->dir, f->name);
    (void)snprintf(torn, sizeof(torn), "%s.torn", path);
    fd = open(torn, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    rc = fd >= 0 ? log_write_all(fd, f->bytes + good, f->size - good) : ERR_IO;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (rc != OK) {
        return err_set(err, rc, "cannot write %s: %s", torn, strerror(errno));
    }
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)good) != 0 || fsync(fd) != 0) {
        rc = err_set(err, ERR_IO, "cannot cut the torn end off %s: %s", path, strerror(errno));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}

/* The file does not end with a whole batch at `good`. Torn, or damaged? */
static enum err_code log_judge(struct log_walk *w,
                               const struct log_file *f,
                               size_t good,
                               bool last_file,
                               struct err *err)
{
    if (!last_file || log_begins_after(f, good + 1)) {
        return err_set(
            err, ERR_CORRUPT,
            "the log %s/%s is damaged at byte %zu, and what was synced after it would be "
            "lost: restore the directory from a backup, or check the disk",
            w->dir, f->name, good);
    }
    if (w->found.any && w->found.last < w->synced) {
        return err_set(err, ERR_CORRUPT,
                       "the log %s/%s is damaged at byte %zu, in what was synced: batch %llu of "
                       "%llu is the last whole one; restore the directory from a backup",
                       w->dir, f->name, good, (unsigned long long)w->found.last,
                       (unsigned long long)w->synced);
    }
    w->found.cut = f->size - good;
    return log_cut(w, f, good, err);
}

static enum err_code
log_one(struct log_walk *w, struct log_file *f, bool last_file, struct err *err)
{
    char path[LOG_PATH_BYTES];
    struct stat st;
    void *map;
    size_t good;
    enum err_code rc;
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%s", w->dir, f->name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        rc = err_set(err, ERR_IO, "cannot read %s: %s", path, strerror(errno));
        goto out;
    }
    rc = OK;
    if (st.st_size == 0) {
        goto out;
    }
    f->size = (size_t)st.st_size;
    map = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) {
        rc = err_set(err, ERR_IO, "cannot read %s: %s", path, strerror(errno));
        goto out;
    }
    f->bytes = map;
    rc = log_walk_file(w, f, &good, err);
    if (rc == OK && good != f->size) {
        rc = log_judge(w, f, good, last_file, err);
    }
    (void)munmap(map, f->size);
out:
    if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}

/* ---- The directory ---- */

static int log_compare(const void *a, const void *b)
{
    uint64_t x = ((const struct log_file *)a)->number;
    uint64_t y = ((const struct log_file *)b)->number;

    return (x > y) - (x < y);
}

/* "000012.log" */
static bool log_name_parse(const char *name, struct log_file *out)
{
    size_t digits = strspn(name, "0123456789");

    if (digits == 0 || digits > 19 || strcmp(name + digits, ".log") != 0) {
        return false;
    }
    *out = (struct log_file){0};
    for (size_t i = 0; i < digits; i++) {
        out->number = out->number * 10 + (uint64_t)(name[i] - '0');
    }
    memcpy(out->name, name, digits + sizeof(".log"));
    return true;
}

/* Appends struct log_file. */
static enum err_code log_list(const char *dir, struct buf *out, struct err *err)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    struct log_file f;

    if (d == NULL) {
        return err_set(err, ERR_IO, "cannot read the directory %s: %s", dir, strerror(errno));
    }
    while ((e = readdir(d)) != NULL) {
        if (log_name_parse(e->d_name, &f)) {
            buf_put(out, &f, sizeof(f));
        }
    }
    (void)closedir(d);
    return OK;
}

enum err_code log_check(const char *dir, uint64_t synced, struct log_found *out, struct err *err)
{
    struct log_walk w = {.dir = dir, .synced = synced};
    struct buf files = {0};
    enum err_code rc = log_list(dir, &files, err);
    size_t count = files.len / sizeof(struct log_file);
    struct log_file *f = (struct log_file *)(void *)files.ptr;

    if (rc == OK && count != 0) {
        qsort(f, count, sizeof(*f), log_compare);
    }
    for (size_t i = 0; i < count && rc == OK; i++) {
        rc = log_one(&w, &f[i], i + 1 == count, err);
    }
    buf_fini(&files);
    if (rc == OK) {
        *out = w.found;
    }
    return rc;
}
