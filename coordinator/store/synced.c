/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/synced.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "coordinator/store/backend.h"
#include "coordinator/store/crc32c.h"
#include "proto/base/arena.h"
#include "proto/base/buf.h"

enum {
    SYNCED_BYTES = 8 + 3 * 8 + 4,
    SYNCED_FILE_BYTES = 4096, /* all of it there from the start: a sync writes no length */
    SYNCED_EVERY_MS = 1000,
    SYNCED_PATH_BYTES = 4096,
};

/* Its two digits are the database's format, so that one that is newer is known before RocksDB has
 * touched anything. */
static const char synced_magic[8] = {
    'S', 'F', 'S', 'Y', 'N', 'C', '0' + STORE_FORMAT / 10, '0' + STORE_FORMAT % 10,
};
enum { SYNCED_NAME_BYTES = 6 };

static int64_t synced_clock_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static enum err_code synced_errno(const char *what, const char *dir, struct err *err)
{
    int e = errno;

    return err_set(err, e == ENOSPC || e == EDQUOT ? ERR_NO_SPACE : ERR_IO,
                   "cannot %s %s/synced: %s", what, dir, strerror(e));
}

/* ---- The MANIFEST ---- */

/* The number in CURRENT's "MANIFEST-000012\n"; 0 where there is none that can be read. */
static uint64_t manifest_current(const char *dir)
{
    static const char prefix[] = "MANIFEST-";
    char path[SYNCED_PATH_BYTES];
    char text[64] = {0};
    uint64_t v = 0;
    ssize_t n;
    int fd;

    (void)snprintf(path, sizeof(path), "%s/CURRENT", dir);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    n = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    if (n <= 0 || strncmp(text, prefix, sizeof(prefix) - 1) != 0) {
        return 0;
    }
    for (const char *p = text + sizeof(prefix) - 1; *p >= '0' && *p <= '9'; p++) {
        v = v * 10 + (uint64_t)(*p - '0');
    }
    return v;
}

/* Its bytes that are on disk; `sync` makes all of them be. 0 where it cannot be read. */
static uint64_t manifest_bytes(const char *dir, uint64_t manifest, bool sync)
{
    char path[SYNCED_PATH_BYTES];
    struct stat st;
    uint64_t bytes = 0;
    int fd;

    (void)snprintf(path, sizeof(path), "%s/MANIFEST-%06llu", dir, (unsigned long long)manifest);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    if (fstat(fd, &st) == 0 && (!sync || fdatasync(fd) == 0)) {
        bytes = (uint64_t)st.st_size;
    }
    (void)close(fd);
    return bytes;
}

/* RocksDB changes it now and then, by itself: look again. */
static void synced_look(struct synced *s)
{
    uint64_t manifest = manifest_current(s->dir);
    uint64_t bytes = manifest != 0 ? manifest_bytes(s->dir, manifest, false) : 0;

    if (bytes == 0 || (manifest == s->manifest && bytes == s->manifest_bytes)) {
        return;
    }
    bytes = manifest_bytes(s->dir, manifest, true);
    if (bytes != 0) {
        s->manifest = manifest;
        s->manifest_bytes = bytes;
    }
}

enum err_code synced_check(const struct synced *s, struct err *err)
{
    uint64_t manifest = manifest_current(s->dir);

    if (s->number != 0 && manifest == 0) {
        return err_set(err, ERR_CORRUPT,
                       "%s/CURRENT is missing or damaged, it names no MANIFEST: restore the "
                       "directory from a backup",
                       s->dir);
    }
    if (manifest < s->manifest) {
        return err_set(err, ERR_CORRUPT,
                       "%s/CURRENT names MANIFEST-%06llu, older than MANIFEST-%06llu that was in "
                       "use: restore the directory from a backup",
                       s->dir, (unsigned long long)manifest, (unsigned long long)s->manifest);
    }
    if (manifest == s->manifest && manifest_bytes(s->dir, manifest, false) < s->manifest_bytes) {
        return err_set(err, ERR_CORRUPT,
                       "%s/MANIFEST-%06llu is missing or cut off, it had %llu bytes at least: "
                       "restore the directory from a backup",
                       s->dir, (unsigned long long)manifest, (unsigned long long)s->manifest_bytes);
    }
    return OK;
}

/* ---- The file ---- */

static void synced_encode(const struct synced *s, struct buf *out)
{
    buf_put(out, synced_magic, sizeof(synced_magic));
    buf_put_u64le(out, s->number);
    buf_put_u64le(out, s->manifest);
    buf_put_u64le(out, s->manifest_bytes);
    buf_put_u32le(out, crc32c(0, out->ptr, out->len));
}

/* From the file's beginning; what the system takes only a part of is written on. */
static enum err_code synced_write(struct synced *s, struct slice bytes, struct err *err)
{
    size_t done = 0;

    while (done < bytes.len) {
        ssize_t n = pwrite(s->fd, bytes.ptr + done, bytes.len - done, (off_t)done);

        if (n < 0 && errno != EINTR) {
            return synced_errno("write", s->dir, err);
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return OK;
}

static enum err_code synced_put(struct synced *s, struct err *err)
{
    struct buf b = {0};
    enum err_code rc;

    synced_encode(s, &b);
    rc = synced_write(s, buf_slice(&b), err);
    buf_fini(&b);
    return rc;
}

static enum err_code synced_sync(struct synced *s, struct err *err)
{
    if (fdatasync(s->fd) != 0) {
        return synced_errno("sync", s->dir, err);
    }
    s->synced_ms = synced_clock_ms();
    return OK;
}

enum err_code synced_note(struct synced *s, uint64_t number, struct err *err)
{
    bool due = synced_clock_ms() - s->synced_ms >= SYNCED_EVERY_MS;
    /* The first batch ever: from here on the database may not vanish unnoticed. */
    bool first = s->number == 0;
    enum err_code rc;

    s->number = number;
    if (due || first) {
        synced_look(s);
    }
    rc = synced_put(s, err);
    return rc == OK && (due || first) ? synced_sync(s, err) : rc;
}

enum err_code synced_flush(struct synced *s, struct err *err)
{
    enum err_code rc;

    synced_look(s);
    rc = synced_put(s, err);
    return rc == OK ? synced_sync(s, err) : rc;
}

void synced_close(struct synced *s)
{
    if (s->fd >= 0) {
        (void)close(s->fd);
    }
    s->fd = -1;
    mem_free(s->dir);
    s->dir = NULL;
}

/* The format its name tells; 0: it tells none. */
static int synced_format(struct slice magic)
{
    const char *digits = magic.ptr + SYNCED_NAME_BYTES;

    if (magic.len != sizeof(synced_magic) ||
        memcmp(magic.ptr, synced_magic, SYNCED_NAME_BYTES) != 0 || digits[0] < '0' ||
        digits[0] > '9' || digits[1] < '0' || digits[1] > '9') {
        return 0;
    }
    return (digits[0] - '0') * 10 + digits[1] - '0';
}

static enum err_code synced_read(struct synced *s, struct err *err)
{
    char bytes[SYNCED_BYTES];
    ssize_t n = pread(s->fd, bytes, sizeof(bytes), 0);
    struct cursor c = cursor_make(slice_make(bytes, sizeof(bytes)));
    struct slice magic = cursor_take(&c, sizeof(synced_magic));
    uint32_t crc;
    uint32_t sum;

    if (n < 0) {
        return synced_errno("read", s->dir, err);
    }
    s->number = cursor_u64le(&c);
    s->manifest = cursor_u64le(&c);
    s->manifest_bytes = cursor_u64le(&c);
    crc = crc32c(0, bytes, (size_t)(c.ptr - bytes));
    sum = cursor_u32le(&c);
    if (n == (ssize_t)sizeof(bytes) && synced_format(magic) > STORE_FORMAT && sum == crc) {
        return err_set(err, ERR_VERSION,
                       "the database in %s has format %d, this program knows format %d: it was "
                       "written by a later version, which alone can open it",
                       s->dir, synced_format(magic), STORE_FORMAT);
    }
    if (n != (ssize_t)sizeof(bytes) || memcmp(magic.ptr, synced_magic, sizeof(synced_magic)) != 0 ||
        sum != crc) {
        s->number = s->manifest = s->manifest_bytes = 0;
        return err_set(err, ERR_CORRUPT,
                       "%s/synced is damaged, so nobody can tell whether the database has all that "
                       "was synced: restore the directory from a backup, or accept what is there "
                       "with --accept-loss; removing the file is not a repair",
                       s->dir);
    }
    return OK;
}

/* Does the directory hold anything of a database? One that cannot be read is taken to. */
static bool synced_database_is_there(const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    bool found = d == NULL;

    while (d != NULL && !found && (e = readdir(d)) != NULL) {
        struct slice name = slice_str(e->d_name);

        found = slice_eq_str(name, "CURRENT") || slice_starts_with(name, SLICE("MANIFEST-")) ||
                slice_ends_with(name, SLICE(".sst")) || slice_ends_with(name, SLICE(".log"));
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    return found;
}

static enum err_code synced_dir_sync(const char *dir, struct err *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum err_code rc = OK;

    if (fd < 0 || fsync(fd) != 0) {
        rc = err_set(err, ERR_IO, "cannot sync the directory %s: %s", dir, strerror(errno));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}

static enum err_code synced_create(struct synced *s, struct err *err)
{
    struct buf b = {0};
    enum err_code rc;

    synced_encode(s, &b);
    memset(buf_reserve(&b, SYNCED_FILE_BYTES - b.len), 0, SYNCED_FILE_BYTES - b.len);
    rc = synced_write(s, slice_make(b.ptr, SYNCED_FILE_BYTES), err);
    buf_fini(&b);
    if (rc == OK && fsync(s->fd) != 0) {
        rc = synced_errno("sync", s->dir, err);
    }
    return rc == OK ? synced_dir_sync(s->dir, err) : rc;
}

/* A file that a crash left empty while it was made: no database is there yet. */
static bool synced_is_unfinished(const struct synced *s)
{
    static const char zeros[sizeof(synced_magic)];
    char bytes[sizeof(synced_magic)] = {0};

    return pread(s->fd, bytes, sizeof(bytes), 0) >= 0 && memcmp(bytes, zeros, sizeof(bytes)) == 0 &&
           !synced_database_is_there(s->dir);
}

/* Open the file, creating it where that is right. *made: it is new. */
static enum err_code synced_file(struct synced *s, bool accept_loss, bool *made, struct err *err)
{
    char path[SYNCED_PATH_BYTES];

    (void)snprintf(path, sizeof(path), "%s/synced", s->dir);
    *made = false;
    s->fd = open(path, O_RDWR | O_CLOEXEC);
    if (s->fd >= 0) {
        return OK;
    }
    if (errno != ENOENT) {
        return synced_errno("open", s->dir, err);
    }
    if (!accept_loss && synced_database_is_there(s->dir)) {
        return err_set(err, ERR_CORRUPT,
                       "%s holds a database, but the file synced, which tells what was synced, is "
                       "missing: restore the directory from a backup, or accept what is there with "
                       "--accept-loss",
                       s->dir);
    }
    s->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    *made = true;
    return s->fd >= 0 ? OK : synced_errno("create", s->dir, err);
}

static enum err_code synced_begin(struct synced *s, bool accept_loss, struct err *err)
{
    bool made;
    enum err_code rc = synced_file(s, accept_loss, &made, err);

    if (rc != OK) {
        return rc;
    }
    if (flock(s->fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK
                   ? err_set(err, ERR_IN_USE, "another coordinator uses %s (lock held)", s->dir)
                   : synced_errno("lock", s->dir, err);
    }
    if (made || synced_is_unfinished(s)) {
        return synced_create(s, err);
    }
    rc = synced_read(s, err);
    return rc == ERR_CORRUPT && accept_loss ? synced_create(s, err) : rc;
}

static enum err_code look_locked(struct synced *s, struct err *err)
{
    if (flock(s->fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK
                   ? err_set(err, ERR_IN_USE,
                             "a coordinator uses %s: stop it first, or look at a backup", s->dir)
                   : synced_errno("lock", s->dir, err);
    }
    return synced_read(s, err);
}

enum err_code synced_open_to_look(const char *dir, struct synced *s, struct err *err)
{
    char path[SYNCED_PATH_BYTES];
    enum err_code rc;

    *s = (struct synced){.fd = -1, .dir = mem_strdup(slice_str(dir))};
    (void)snprintf(path, sizeof(path), "%s/synced", dir);
    s->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0) {
        rc = errno == ENOENT ? OK : synced_errno("open", dir, err);
    } else {
        rc = look_locked(s, err);
    }
    if (rc != OK) {
        synced_close(s);
    }
    return rc;
}

enum err_code synced_open(const char *dir, bool accept_loss, struct synced *s, struct err *err)
{
    enum err_code rc;

    *s = (struct synced){.fd = -1, .dir = mem_strdup(slice_str(dir))};
    rc = synced_begin(s, accept_loss, err);
    if (rc != OK) {
        synced_close(s);
    }
    return rc;
}
