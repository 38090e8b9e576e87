/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of the directory store: a reader holds its file open and so reads one object to the end
 * whatever replaces it; a writer writes the one part of an upload and makes it durable before it
 * says that it is done. See file.h for the layout. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "client/s3/file.h"
#include "proto/base/text.h"

enum {
    FILE_BUFFER_BYTES = 256 * 1024,
    FILE_PATH_BYTES = FILE_ROOT_BYTES * 2,
};

static const char file_mark_name[] = "user.stepfleet.mark";

struct file_reader {
    struct s3_reader base;
    int fd;
    uint64_t size_bytes;                                 /* to be read */
    char etag[sizeof(((struct s3_object *)NULL)->etag)]; /* it must have to the end; empty: any */
    size_t have;
    size_t given;
    char path[FILE_PATH_BYTES];
    char buffer[FILE_BUFFER_BYTES];
};

struct file_writer {
    struct s3_writer base;
    int fd;
    char id[FILE_ID_BYTES];
    bool synced;
    size_t filled;
    struct s3_part part;
    enum err_code rc;
    struct err err;
    char path[FILE_PATH_BYTES];
    char buffer[FILE_BUFFER_BYTES];
};

static void file_etag(const struct stat *st, char out[sizeof(((struct s3_object *)NULL)->etag)])
{
    (void)snprintf(out, sizeof(((struct s3_object *)NULL)->etag), "%llx-%llx-%llx",
                   (unsigned long long)st->st_ino, (unsigned long long)st->st_size,
                   (unsigned long long)st->st_mtim.tv_sec * 1000000000u +
                       (unsigned long long)st->st_mtim.tv_nsec);
}

void file_describe(int fd, const struct stat *st, struct s3_object *out)
{
    ssize_t n;

    *out = (struct s3_object){.size_bytes = (uint64_t)st->st_size};
    file_etag(st, out->etag);
    n = fgetxattr(fd, file_mark_name, out->mark, sizeof(out->mark) - 1);
    out->mark[n > 0 ? n : 0] = '\0';
}

enum err_code file_open_object(struct file_client *c,
                               struct slice bucket,
                               struct slice key,
                               struct arena *a,
                               int *fd,
                               struct stat *st,
                               struct err *err)
{
    char *path = file_object_path(c, bucket, key, a);
    enum err_code rc = file_check_key(key, err);

    if (rc != OK) {
        return rc;
    }
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0) {
        rc = file_error(err, "open", path);
        return rc == ERR_CONFLICT ? ERR_NOT_FOUND : rc;
    }
    if (fstat(*fd, st) != 0 || !S_ISREG(st->st_mode)) {
        (void)close(*fd);
        return err_set(err, ERR_NOT_FOUND, "%s is not an object", path);
    }
    return OK;
}

/* ---- Reading ---- */

static uint64_t file_range_bytes(const struct s3_range *range, const struct stat *st)
{
    uint64_t size = (uint64_t)st->st_size;

    return (range->to < size ? range->to : size) - range->from;
}

/* Open an object as the range wants it, at its first byte. */
static enum err_code file_open_range(struct file_client *c,
                                     struct slice bucket,
                                     struct slice key,
                                     const struct s3_range *range,
                                     struct arena *a,
                                     int *fd,
                                     struct stat *st,
                                     struct err *err)
{
    char etag[sizeof(((struct s3_object *)NULL)->etag)];
    enum err_code rc = file_open_object(c, bucket, key, a, fd, st, err);

    if (rc != OK) {
        return rc;
    }
    file_etag(st, etag);
    if (range->etag.len != 0 && !slice_eq_str(range->etag, etag)) {
        rc = err_set(err, ERR_PRECONDITION, "%.*s/%.*s is another object now", SLICE_FMT(bucket),
                     SLICE_FMT(key));
    } else if (range->from > 0 && range->from >= (uint64_t)st->st_size) {
        rc = err_set(err, ERR_PRECONDITION, "%.*s/%.*s ends before the range that was asked for",
                     SLICE_FMT(bucket), SLICE_FMT(key));
    } else if (lseek(*fd, (off_t)range->from, SEEK_SET) < 0) {
        rc = file_error(err, "read", arena_str(a, key));
    }
    if (rc != OK) {
        (void)close(*fd);
    }
    return rc;
}

enum err_code file_reader_open(struct s3_client *c,
                               struct slice bucket,
                               struct slice key,
                               const struct s3_range *range,
                               struct s3_reader **out,
                               struct err *err)
{
    struct arena a = {0};
    struct s3_range whole = {0, UINT64_MAX, SLICE("")};
    struct file_reader *r;
    struct stat st;
    int fd;
    enum err_code rc = file_open_range((struct file_client *)c, bucket, key,
                                       range != NULL ? range : &whole, &a, &fd, &st, err);

    if (rc == OK) {
        r = mem_alloc(sizeof(*r));
        r->base = (struct s3_reader){.client = c};
        r->fd = fd;
        r->size_bytes = file_range_bytes(range != NULL ? range : &whole, &st);
        r->have = r->given = 0;
        r->etag[0] = '\0';
        if (range != NULL && range->etag.len != 0) {
            file_etag(&st, r->etag);
        }
        (void)snprintf(r->path, sizeof(r->path), "%s",
                       file_object_path((struct file_client *)c, bucket, key, &a));
        *out = &r->base;
    }
    arena_fini(&a);
    return rc;
}

/* Who writes into a file in its place changes the object while it is read. */
static enum err_code file_reader_check(const struct file_reader *r, struct err *err)
{
    char etag[sizeof(r->etag)];
    struct stat st;

    if (r->etag[0] == '\0') {
        return OK;
    }
    if (fstat(r->fd, &st) != 0) {
        return file_error(err, "look at", r->path);
    }
    file_etag(&st, etag);
    return strcmp(etag, r->etag) == 0
               ? OK
               : err_set(err, ERR_PRECONDITION, "%s was changed while it was read", r->path);
}

enum err_code
file_reader_peek(struct s3_reader *base, struct slice *out, bool *end, struct err *err)
{
    struct file_reader *r = (struct file_reader *)base;
    uint64_t left = r->size_bytes - base->consumed_bytes;
    enum err_code rc;

    if (r->given == r->have && left > 0) {
        size_t want = left < sizeof(r->buffer) ? (size_t)left : sizeof(r->buffer);
        size_t got;

        rc = file_read_all(r->fd, r->buffer, want, &got, r->path, err);
        if (rc == OK && got != want) {
            rc = err_set(err, ERR_PRECONDITION, "%s was cut off while it was read", r->path);
        }
        if (rc != OK) {
            return rc;
        }
        r->have = got;
        r->given = 0;
        base->client->stats.bytes_in += got;
    }
    if (left == 0) {
        rc = file_reader_check(r, err);
        if (rc != OK) {
            return rc;
        }
    }
    *out = slice_make(r->buffer + r->given, r->have - r->given);
    *end = left == 0;
    return OK;
}

void file_reader_consume(struct s3_reader *base, size_t bytes)
{
    struct file_reader *r = (struct file_reader *)base;

    assert(bytes <= r->have - r->given);
    r->given += bytes;
    ((struct file_client *)base->client)->progress = true;
}

void file_reader_close(struct s3_reader *base)
{
    struct file_reader *r = (struct file_reader *)base;

    (void)close(r->fd);
    mem_free(r);
}

/* ---- Writing ---- */

static int64_t file_now_ms(void)
{
    struct timespec ts = {0};

    (void)clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static enum err_code file_make_id(char out[FILE_ID_BYTES], struct err *err)
{
    unsigned char bytes[FILE_ID_BYTES / 2];

    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
        return file_error(err, "read", "random bytes");
    }
    text_format_hex(bytes, sizeof(bytes), out);
    return OK;
}

/* The upload's directory, its data file, and last its record, which makes it one. */
static enum err_code file_upload_make(struct file_writer *w,
                                      const struct file_record *record,
                                      struct arena *a,
                                      struct err *err)
{
    struct file_client *c = (struct file_client *)w->base.client;
    struct slice id = slice_make(w->id, sizeof(w->id));
    enum err_code rc = file_make_directory(file_upload_path(c, SLICE(""), "", a), err);

    if (rc == OK) {
        rc = file_make_id(w->id, err);
    }
    if (rc == OK) {
        rc = file_make_directory(file_upload_path(c, id, "", a), err);
    }
    if (rc != OK) {
        return rc;
    }
    (void)snprintf(w->path, sizeof(w->path), "%s", file_upload_path(c, id, "data", a));
    w->fd = open(w->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (w->fd < 0) {
        return file_error(err, "make", w->path);
    }
    /* Not every file system has attributes: then the ETag alone settles what is in doubt. */
    if (record->mark.len != 0) {
        (void)fsetxattr(w->fd, file_mark_name, record->mark.ptr, record->mark.len, 0);
    }
    return file_record_write(file_upload_path(c, id, "upload", a), record, a, err);
}

void file_writer_close(struct s3_writer *base)
{
    struct file_writer *w = (struct file_writer *)base;

    if (w->fd >= 0) {
        (void)close(w->fd);
    }
    mem_free(w);
}

enum err_code file_writer_open(struct s3_client *c,
                               struct slice bucket,
                               struct slice key,
                               struct slice content_type,
                               struct slice mark,
                               struct s3_writer **out,
                               struct err *err)
{
    struct file_record record = {bucket, key, mark, file_now_ms()};
    struct file_writer *w;
    struct arena a = {0};
    enum err_code rc = file_check_key(key, err);

    (void)content_type; /* files have none */
    if (rc != OK) {
        return rc;
    }
    w = mem_alloc(sizeof(*w));
    memset(w, 0, offsetof(struct file_writer, path));
    w->base.client = c;
    w->fd = -1;
    rc = file_upload_make(w, &record, &a, err);
    if (rc == OK) {
        *out = &w->base;
    } else {
        file_writer_close(&w->base);
    }
    arena_fini(&a);
    return rc;
}

struct slice file_writer_upload_id(const struct s3_writer *base)
{
    const struct file_writer *w = (const struct file_writer *)base;

    return slice_make(w->id, sizeof(w->id));
}

static void file_writer_flush(struct file_writer *w)
{
    if (w->rc == OK) {
        w->rc = file_write_all(w->fd, slice_make(w->buffer, w->filled), w->path, &w->err);
        w->base.client->stats.bytes_out += w->filled;
    }
    w->filled = 0;
}

static enum err_code file_writer_failure(const struct file_writer *w, struct err *err)
{
    if (w->rc != OK && err != NULL) {
        *err = w->err;
    }
    return w->rc;
}

enum err_code
file_writer_reserve(struct s3_writer *base, char **where, size_t *room, struct err *err)
{
    struct file_writer *w = (struct file_writer *)base;

    if (w->rc == OK) {
        *where = w->buffer + w->filled;
        *room = sizeof(w->buffer) - w->filled;
    }
    return file_writer_failure(w, err);
}

void file_writer_commit(struct s3_writer *base, size_t bytes)
{
    struct file_writer *w = (struct file_writer *)base;

    assert(bytes <= sizeof(w->buffer) - w->filled);
    w->filled += bytes;
    if (w->filled == sizeof(w->buffer)) {
        file_writer_flush(w);
    }
    ((struct file_client *)base->client)->progress = true;
}

size_t file_writer_short(const struct s3_writer *base)
{
    (void)base; /* its upload is one part, whatever it is made of */
    return 0;
}

/* The system copies, or shares blocks where the file system can. */
static enum err_code file_copy_bytes(int from, struct file_writer *w, uint64_t bytes)
{
    while (bytes > 0) {
        ssize_t n = copy_file_range(from, NULL, w->fd, NULL, bytes, 0);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            errno = n == 0 ? EIO : errno;
            return file_error(&w->err, "copy into", w->path);
        }
        bytes -= (uint64_t)n;
        w->base.client->stats.bytes_out += (uint64_t)n;
    }
    return OK;
}

enum err_code file_writer_copy(struct s3_writer *base,
                               struct slice bucket,
                               struct slice key,
                               const struct s3_range *range,
                               bool *begun,
                               struct err *err)
{
    struct file_writer *w = (struct file_writer *)base;
    struct arena a = {0};
    struct stat st;
    int fd;

    file_writer_flush(w);
    *begun = w->rc == OK;
    if (w->rc == OK) {
        w->rc = file_open_range((struct file_client *)base->client, bucket, key, range, &a, &fd,
                                &st, &w->err);
    }
    if (w->rc == OK && *begun) {
        if (file_range_bytes(range, &st) != range->to - range->from) {
            w->rc =
                err_set(&w->err, ERR_PRECONDITION, "%.*s/%.*s ends before the range to be copied",
                        SLICE_FMT(bucket), SLICE_FMT(key));
        } else {
            w->rc = file_copy_bytes(fd, w, range->to - range->from);
        }
        (void)close(fd);
    }
    arena_fini(&a);
    ((struct file_client *)base->client)->progress = true;
    return file_writer_failure(w, err);
}

void file_writer_end(struct s3_writer *base)
{
    file_writer_flush((struct file_writer *)base);
}

/* The bytes are made durable here, by who wrote them: the completion then has little to wait for.
 */
enum err_code file_writer_done(struct s3_writer *base,
                               bool *done,
                               const struct s3_part **parts,
                               size_t *count,
                               struct err *err)
{
    struct file_writer *w = (struct file_writer *)base;
    struct stat st;

    if (w->rc == OK && !w->synced) {
        if (fsync(w->fd) != 0 || fstat(w->fd, &st) != 0) {
            w->rc = file_error(&w->err, "sync", w->path);
        } else {
            w->part.number = 1;
            w->part.bytes = (uint64_t)st.st_size;
            file_etag(&st, w->part.etag);
            w->synced = true;
        }
    }
    if (w->rc == OK) {
        *done = true;
        *parts = &w->part;
        *count = 1;
    }
    return file_writer_failure(w, err);
}
