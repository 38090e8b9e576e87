/* SPDX-License-Identifier: Apache-2.0 */
/* The directory store: objects are files, an upload is a temporary file with a record beside it,
 * and completion is fsync, rename, fsync of the directories. Streams are in file_stream.c; the
 * layout is in file.h. */
#include "client/s3/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "proto/base/text.h"

enum {
    FILE_PUBLISH_TRIES = 8, /* a deletion may take an empty directory away under us */
};

static struct file_client *file_of(struct s3_client *c)
{
    return (struct file_client *)c;
}

/* ---- Completion ---- */

static enum err_code file_head(struct s3_client *c,
                               struct slice bucket,
                               struct slice key,
                               struct s3_object *out,
                               struct err *err)
{
    struct arena a = {0};
    struct stat st;
    int fd;
    enum err_code rc = file_open_object(file_of(c), bucket, key, &a, &fd, &st, err);

    if (rc == OK) {
        file_describe(fd, &st, out);
        (void)close(fd);
    }
    arena_fini(&a);
    return rc;
}

/* Take away what is left of an upload; none of it is fine. */
static enum err_code file_upload_remove(struct file_client *c, struct slice id, struct err *err)
{
    static const char *const names[] = {"data", "upload"};
    struct arena a = {0};
    char *path;
    enum err_code rc = OK;

    for (size_t i = 0; rc == OK && i < sizeof(names) / sizeof(names[0]); i++) {
        path = file_upload_path(c, id, names[i], &a);
        if (unlink(path) != 0 && errno != ENOENT) {
            rc = file_error(err, "remove", path);
        }
    }
    path = file_upload_path(c, id, "", &a);
    if (rc == OK && rmdir(path) != 0 && errno != ENOENT) {
        rc = file_error(err, "remove", path);
    }
    arena_fini(&a);
    return rc;
}

/* The upload is gone: was it completed? */
static enum err_code file_settle(struct file_client *c,
                                 struct slice bucket,
                                 struct slice key,
                                 struct slice mark,
                                 const struct s3_part *part,
                                 struct s3_object *object,
                                 struct err *err)
{
    struct s3_object found;
    enum err_code rc = file_head(&c->base, bucket, key, &found, err);

    if (rc != OK) {
        return rc;
    }
    if (strcmp(found.etag, part->etag) == 0 ||
        (mark.len != 0 && slice_eq_str(mark, found.mark) && found.size_bytes == part->bytes)) {
        *object = found;
        return OK;
    }
    return err_set(err, ERR_NOT_FOUND, "no such upload of %.*s/%.*s, and the object is another's",
                   SLICE_FMT(bucket), SLICE_FMT(key));
}

/* Rename and make it durable: after this the object is there, whatever happens. */
static enum err_code
file_publish(struct file_client *c, const char *from, char *to, struct err *err)
{
    char *slash = strrchr(to, '/');
    enum err_code rc;

    for (int i = 0;; i++) {
        rc = file_make_parents(c->root, to, err);
        if (rc != OK && (rc != ERR_NOT_FOUND || i == FILE_PUBLISH_TRIES)) {
            return rc;
        }
        if (rc == OK && rename(from, to) == 0) {
            break;
        }
        if (rc == OK && (errno != ENOENT || access(from, F_OK) != 0 || i == FILE_PUBLISH_TRIES)) {
            return file_error(err, "rename to", to);
        }
    }
    *slash = '\0';
    rc = file_sync_directory(to, err);
    *slash = '/';
    return rc;
}

/* The data file, checked to be this upload's and as the part says. */
static enum err_code file_upload_open(struct file_client *c,
                                      const struct file_record *want,
                                      struct slice id,
                                      const struct s3_part *part,
                                      struct arena *a,
                                      int *fd,
                                      struct s3_object *object,
                                      struct err *err)
{
    char *path = file_upload_path(c, id, "data", a);
    struct file_record record;
    struct stat st;
    enum err_code rc = file_record_read(file_upload_path(c, id, "upload", a), a, &record, err);

    if (rc != OK) {
        return rc;
    }
    if (!slice_eq(record.bucket, want->bucket) || !slice_eq(record.key, want->key)) {
        return err_set(err, ERR_NOT_FOUND, "upload %.*s is of another object", SLICE_FMT(id));
    }
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0) {
        return file_error(err, "open", path);
    }
    if (fsync(*fd) != 0 || fstat(*fd, &st) != 0) {
        rc = file_error(err, "sync", path);
    } else {
        file_describe(*fd, &st, object);
        if (object->size_bytes != part->bytes || strcmp(object->etag, part->etag) != 0) {
            rc = err_set(err, ERR_VALIDATION, "%s is not the part that is to be completed", path);
        }
    }
    if (rc != OK) {
        (void)close(*fd);
    }
    return rc;
}

static enum err_code file_complete(struct s3_client *client,
                                   struct slice bucket,
                                   struct slice key,
                                   struct slice upload_id,
                                   struct slice mark,
                                   const struct s3_part *parts,
                                   size_t count,
                                   struct s3_object *object,
                                   struct err *err)
{
    struct file_client *c = file_of(client);
    struct file_record want = {bucket, key, mark, 0};
    struct s3_object described;
    struct arena a = {0};
    int fd = -1;
    enum err_code rc = file_check_key(key, err);

    if (rc != OK) {
        return rc;
    }
    if (count != 1 || !file_is_id(upload_id)) {
        return err_set(err, ERR_NOT_FOUND, "a directory store never had such an upload");
    }
    rc = file_upload_open(c, &want, upload_id, &parts[0], &a, &fd, &described, err);
    if (rc == OK) {
        (void)close(fd);
        rc = file_publish(c, file_upload_path(c, upload_id, "data", &a),
                          file_object_path(c, bucket, key, &a), err);
    }
    if (rc == OK) {
        *object = described;
    } else if (rc == ERR_NOT_FOUND) {
        rc = file_settle(c, bucket, key, mark, &parts[0], object, err);
    }
    if (rc == OK) {
        (void)file_upload_remove(c, upload_id, NULL);
    }
    arena_fini(&a);
    return rc;
}

static enum err_code file_abort(struct s3_client *client,
                                struct slice bucket,
                                struct slice key,
                                struct slice upload_id,
                                struct err *err)
{
    struct file_client *c = file_of(client);
    struct file_record record;
    struct arena a = {0};
    enum err_code rc = file_check_key(key, err);

    if (rc == OK && file_is_id(upload_id) &&
        (file_record_read(file_upload_path(c, upload_id, "upload", &a), &a, &record, NULL) != OK ||
         (slice_eq(record.bucket, bucket) && slice_eq(record.key, key)))) {
        rc = file_upload_remove(c, upload_id, err);
    }
    arena_fini(&a);
    return rc;
}

/* ---- Whole objects ---- */

static enum err_code file_write_stream(struct s3_writer *w, struct slice body, struct err *err)
{
    enum err_code rc = OK;

    while (rc == OK && body.len > 0) {
        char *where;
        size_t room;

        rc = file_writer_reserve(w, &where, &room, err);
        if (rc == OK) {
            room = room < body.len ? room : body.len;
            memcpy(where, body.ptr, room);
            file_writer_commit(w, room);
            body = slice_from(body, room);
        }
    }
    file_writer_end(w);
    return rc;
}

static enum err_code file_put(struct s3_client *c,
                              struct slice bucket,
                              struct slice key,
                              struct slice content_type,
                              struct slice body,
                              struct err *err)
{
    const struct s3_part *parts = NULL;
    struct s3_object object;
    struct s3_writer *w;
    size_t count = 0;
    bool done = false;
    enum err_code rc = file_writer_open(c, bucket, key, content_type, SLICE(""), &w, err);

    if (rc != OK) {
        return rc;
    }
    rc = file_write_stream(w, body, err);
    if (rc == OK) {
        rc = file_writer_done(w, &done, &parts, &count, err);
    }
    if (rc == OK) {
        rc = file_complete(c, bucket, key, file_writer_upload_id(w), SLICE(""), parts, count,
                           &object, err);
    }
    if (rc != OK) {
        (void)file_upload_remove(file_of(c), file_writer_upload_id(w), NULL);
    }
    file_writer_close(w);
    return rc;
}

static enum err_code file_get(struct s3_client *c,
                              struct slice bucket,
                              struct slice key,
                              size_t max_bytes,
                              struct arena *a,
                              struct slice *out,
                              struct err *err)
{
    struct stat st;
    size_t len;
    char *bytes;
    int fd;
    enum err_code rc = file_open_object(file_of(c), bucket, key, a, &fd, &st, err);

    if (rc != OK) {
        return rc;
    }
    if ((uint64_t)st.st_size > max_bytes) {
        rc = err_set(err, ERR_TOO_LARGE, "%.*s/%.*s: more than %zu bytes", SLICE_FMT(bucket),
                     SLICE_FMT(key), max_bytes);
    } else {
        bytes = arena_alloc(a, (size_t)st.st_size);
        rc = file_read_all(fd, bytes, (size_t)st.st_size, &len, "an object", err);
        if (rc == OK) {
            *out = slice_make(bytes, len);
            c->stats.bytes_in += len;
        }
    }
    (void)close(fd);
    return rc;
}

/* Directories are no objects: those left empty go, up to the bucket. */
static void file_prune(const struct file_client *c, struct slice bucket, char *path)
{
    size_t keep = strlen(c->root) + 1 + bucket.len;
    char *slash = strrchr(path, '/');

    while (slash != NULL && (size_t)(slash - path) > keep) {
        *slash = '\0';
        if (rmdir(path) != 0) {
            return;
        }
        slash = strrchr(path, '/');
    }
}

static enum err_code
file_remove(struct s3_client *client, struct slice bucket, struct slice key, struct err *err)
{
    struct file_client *c = file_of(client);
    struct arena a = {0};
    char *path = file_object_path(c, bucket, key, &a);
    enum err_code rc = file_check_key(key, err);

    if (rc == OK && unlink(path) != 0 && errno != ENOENT && errno != EISDIR && errno != ENOTDIR) {
        rc = file_error(err, "remove", path);
    } else if (rc == OK) {
        file_prune(c, bucket, path);
    }
    arena_fini(&a);
    return rc;
}

static enum err_code
file_bucket_create(struct s3_client *client, struct slice bucket, struct err *err)
{
    struct file_client *c = file_of(client);
    struct arena a = {0};
    enum err_code rc = file_make_directory(file_object_path(c, bucket, SLICE(""), &a), err);

    if (rc == OK) {
        rc = file_sync_directory(c->root, err);
    }
    arena_fini(&a);
    return rc;
}

/* ---- The client ---- */

static enum err_code file_wait(struct s3_client *client,
                               struct pollfd *fds,
                               size_t fd_count,
                               int timeout_ms,
                               struct err *err)
{
    struct file_client *c = file_of(client);
    bool nothing = fd_count == 0 && timeout_ms < 0; /* files are ready always */

    if (poll(fds, (nfds_t)fd_count, c->progress || nothing ? 0 : timeout_ms) < 0 &&
        errno != EINTR) {
        return file_error(err, "poll", "descriptors");
    }
    c->progress = false;
    return OK;
}

static void file_client_free(struct s3_client *client)
{
    mem_free(file_of(client)->root);
    mem_free(client);
}

static const struct s3_ops file_ops = {
    .client_free = file_client_free,
    .wait = file_wait,
    .reader_open = file_reader_open,
    .reader_peek = file_reader_peek,
    .reader_consume = file_reader_consume,
    .reader_close = file_reader_close,
    .writer_open = file_writer_open,
    .writer_upload_id = file_writer_upload_id,
    .writer_reserve = file_writer_reserve,
    .writer_commit = file_writer_commit,
    .writer_short = file_writer_short,
    .writer_copy = file_writer_copy,
    .writer_end = file_writer_end,
    .writer_done = file_writer_done,
    .writer_close = file_writer_close,
    .complete = file_complete,
    .abort = file_abort,
    .head = file_head,
    .put = file_put,
    .get = file_get,
    .remove = file_remove,
    .bucket_create = file_bucket_create,
    .list = file_list,
};

enum err_code
file_client_new(const struct s3_config *config, struct s3_client **out, struct err *err)
{
    struct slice root = slice_str(config->root);
    struct file_client *c;
    enum err_code rc;

    while (root.len > 1 && slice_ends_with(root, SLICE("/"))) {
        root.len--;
    }
    if (root.len == 0 || root.len > FILE_ROOT_BYTES) {
        return err_set(err, ERR_CONFIG, "the directory store's root has 1 to %d bytes",
                       FILE_ROOT_BYTES);
    }
    c = mem_zalloc(1, sizeof(*c));
    c->base.ops = &file_ops;
    c->root = mem_strdup(root);
    rc = file_make_directory(c->root, err);
    if (rc != OK) {
        file_client_free(&c->base);
        return rc;
    }
    *out = &c->base;
    return OK;
}
