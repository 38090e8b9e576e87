/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/backup/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/store/crc32c.h"

enum { CHUNK_BYTES = 1 << 20 };

enum err_code files_error(const char *what, const char *path, struct err *err)
{
    int e = errno;

    return err_set(err, e == ENOSPC || e == EDQUOT ? ERR_NO_SPACE : ERR_IO, "cannot %s %s: %s",
                   what, path, strerror(e));
}

const char *path_of(const char *directory, struct slice name, struct arena *a)
{
    return arena_str(a, arena_printf(a, "%s/%.*s", directory, SLICE_FMT(name)));
}

bool path_exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

/* ---- directories ---- */

static void list_add(struct file_list *all, size_t *cap, struct file_entry e, struct arena *a)
{
    if (all->count == *cap) {
        size_t more = *cap != 0 ? *cap * 2 : 64;

        all->files = arena_grow(a, all->files, *cap * sizeof(e), more * sizeof(e));
        *cap = more;
    }
    all->files[all->count++] = e;
}

enum err_code
files_list(const char *directory, struct arena *a, struct file_list *out, struct err *err)
{
    DIR *d = opendir(directory);
    enum err_code rc = OK;
    size_t cap = 0;
    struct dirent *e;
    struct stat st;

    *out = (struct file_list){.count = 0};
    if (d == NULL) {
        return files_error("read the directory", directory, err);
    }
    while (rc == OK && (errno = 0, e = readdir(d)) != NULL) {
        struct slice name = slice_str(e->d_name);

        if (slice_eq_str(name, ".") || slice_eq_str(name, "..")) {
            continue;
        }
        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
            rc = files_error("look at a file of", directory, err);
        } else {
            list_add(out, &cap, (struct file_entry){arena_copy(a, name), (uint64_t)st.st_size}, a);
        }
    }
    if (rc == OK && errno != 0) {
        rc = files_error("read the directory", directory, err);
    }
    (void)closedir(d);
    return rc;
}

enum err_code files_remove(const char *path, struct arena *a, struct err *err)
{
    struct file_list all = {0};
    enum err_code rc = OK;
    struct stat st;

    if (lstat(path, &st) != 0) {
        return errno == ENOENT ? OK : files_error("remove", path, err);
    }
    if (!S_ISDIR(st.st_mode)) {
        return unlink(path) == 0 ? OK : files_error("remove", path, err);
    }
    rc = files_list(path, a, &all, err);
    for (size_t i = 0; rc == OK && i < all.count; i++) {
        rc = files_remove(path_of(path, all.files[i].name, a), a, err);
    }
    return rc == OK && rmdir(path) != 0 ? files_error("remove", path, err) : rc;
}

enum err_code directory_make(const char *path, struct err *err)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST ? OK
                                                     : files_error("make the directory", path, err);
}

enum err_code directory_sync(const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum err_code rc = fd >= 0 && fsync(fd) == 0 ? OK : files_error("sync", path, err);

    if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}

/* ---- files ---- */

static enum err_code write_all(int fd, struct slice bytes, const char *path, struct err *err)
{
    while (bytes.len != 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);

        if (n < 0 && errno != EINTR) {
            return files_error("write", path, err);
        }
        bytes = slice_from(bytes, n > 0 ? (size_t)n : 0);
    }
    return OK;
}

/* Closed either way. */
static enum err_code finish(int fd, const char *path, enum err_code rc, struct err *err)
{
    if (rc == OK && fsync(fd) != 0) {
        rc = files_error("sync", path, err);
    }
    (void)close(fd);
    return rc;
}

enum err_code file_put(const char *path, struct slice bytes, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0) {
        return files_error("make", path, err);
    }
    return finish(fd, path, write_all(fd, bytes, path, err), err);
}

/* Up to `size` bytes; *got is less at the end of the file alone. */
static enum err_code
read_some(int fd, char *to, size_t size, size_t *got, const char *path, struct err *err)
{
    *got = 0;
    while (*got < size) {
        ssize_t n = read(fd, to + *got, size - *got);

        if (n == 0) {
            break;
        }
        if (n < 0 && errno != EINTR) {
            return files_error("read", path, err);
        }
        *got += n > 0 ? (size_t)n : 0;
    }
    return OK;
}

static enum err_code open_to_read(const char *path, int *fd, struct err *err)
{
    *fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (*fd >= 0) {
        return OK;
    }
    return errno == ENOENT ? err_set(err, ERR_CORRUPT, "%s is missing", path)
                           : files_error("open", path, err);
}

enum err_code
file_get(const char *path, size_t most, struct arena *a, struct slice *out, struct err *err)
{
    struct stat st;
    size_t got = 0;
    char *bytes;
    int fd;
    enum err_code rc = open_to_read(path, &fd, err);

    if (rc != OK) {
        return rc;
    }
    if (fstat(fd, &st) != 0) {
        rc = files_error("look at", path, err);
    } else if (st.st_size > (off_t)most) {
        rc = err_set(err, ERR_CORRUPT, "%s is longer than it may be", path);
    } else {
        bytes = arena_alloc(a, (size_t)st.st_size + 1);
        rc = read_some(fd, bytes, (size_t)st.st_size, &got, path, err);
        *out = slice_make(bytes, got);
    }
    (void)close(fd);
    return rc;
}

/* Length and sum of what is read, which is also written to `to` (-1: to nowhere). */
static enum err_code pass(int fd,
                          int to,
                          struct manifest_file *out,
                          struct file_progress *progress,
                          const char *path,
                          struct err *err)
{
    char *chunk = mem_alloc(CHUNK_BYTES);
    enum err_code rc = OK;
    size_t got = CHUNK_BYTES;

    out->bytes = out->crc = 0;
    while (rc == OK && got == CHUNK_BYTES) {
        rc = read_some(fd, chunk, CHUNK_BYTES, &got, path, err);
        if (rc == OK && to >= 0) {
            rc = write_all(to, slice_make(chunk, got), path, err);
        }
        out->crc = crc32c(out->crc, chunk, got);
        out->bytes += got;
        if (progress != NULL) {
            atomic_fetch_add(&progress->bytes, got);
            rc = rc == OK && atomic_load(&progress->stop)
                     ? err_set(err, ERR_CANCELLED, "the coordinator stops")
                     : rc;
        }
    }
    mem_free(chunk);
    return rc;
}

enum err_code file_sum(const char *path,
                       struct manifest_file *out,
                       struct file_progress *progress,
                       struct err *err)
{
    int fd;
    enum err_code rc = open_to_read(path, &fd, err);

    return rc == OK ? finish(fd, path, pass(fd, -1, out, progress, path, err), err) : rc;
}

enum err_code
file_copy(const char *from, const char *to, const struct manifest_file *f, struct err *err)
{
    struct manifest_file copied = {.name = f->name};
    int source;
    int target;
    enum err_code rc = open_to_read(from, &source, err);

    if (rc != OK) {
        return rc;
    }
    target = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (target < 0) {
        (void)close(source);
        return files_error("make", to, err);
    }
    rc = finish(target, to, pass(source, target, &copied, NULL, from, err), err);
    (void)close(source);
    if (rc == OK && (copied.bytes != f->bytes || copied.crc != f->crc)) {
        rc = err_set(err, ERR_CORRUPT, "%s is not what was backed up: it was damaged since", from);
    }
    return rc;
}
