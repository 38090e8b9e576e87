/* SPDX-License-Identifier: Apache-2.0 */
/* Paths, whole reads and writes, and upload records of the directory store. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "client/s3/file.h"
#include "client/s3/sign.h"
#include "proto/base/text.h"

enum {
    FILE_COMPONENT_BYTES = 255,
    FILE_RECORD_BYTES = 16 * 1024, /* key, bucket and mark, each byte as three */
    FILE_MODE_DIRECTORY = 0777,    /* less the umask */
    FILE_MODE = 0666,
};

static bool file_is_component(struct slice s)
{
    return s.len > 0 && s.len <= FILE_COMPONENT_BYTES && !slice_eq(s, SLICE(".")) &&
           !slice_eq(s, SLICE("..")) && memchr(s.ptr, '\0', s.len) == NULL;
}

enum err_code file_check_key(struct slice key, struct err *err)
{
    struct slice rest = key;

    for (;;) {
        size_t n = slice_find(rest, '/');

        if (!file_is_component(slice_head(rest, n))) {
            return err_set(err, ERR_VALIDATION,
                           "'%.*s' cannot be a key in a directory store: each part between slashes "
                           "has 1 to %d bytes and is neither '.' nor '..'",
                           SLICE_FMT(slice_head(key, 200)), FILE_COMPONENT_BYTES);
        }
        if (n == rest.len) {
            return OK;
        }
        rest = slice_from(rest, n + 1);
    }
}

bool file_is_id(struct slice id)
{
    unsigned char bytes[FILE_ID_BYTES / 2];

    for (size_t i = 0; i < id.len; i++) {
        if (id.ptr[i] >= 'A' && id.ptr[i] <= 'F') {
            return false;
        }
    }
    return id.len == FILE_ID_BYTES && text_parse_hex(id, bytes);
}

char *file_object_path(const struct file_client *c,
                       struct slice bucket,
                       struct slice key,
                       struct arena *a)
{
    return arena_str(a, arena_printf(a, "%s/%.*s%s%.*s", c->root, SLICE_FMT(bucket),
                                     key.len != 0 ? "/" : "", SLICE_FMT(key)));
}

char *
file_upload_path(const struct file_client *c, struct slice id, const char *name, struct arena *a)
{
    return arena_str(a, arena_printf(a, "%s/.uploads%s%.*s%s%s", c->root, id.len != 0 ? "/" : "",
                                     SLICE_FMT(id), name[0] != '\0' ? "/" : "", name));
}

static enum err_code file_errno_code(int error)
{
    switch (error) {
    case ENOENT: return ERR_NOT_FOUND;
    case ENOSPC:
    case EDQUOT: return ERR_NO_SPACE;
    case EACCES:
    case EPERM:
    case EROFS: return ERR_DENIED;
    case ENOTDIR:
    case EISDIR:
    case EEXIST:
    case ENOTEMPTY: return ERR_CONFLICT;
    case ENAMETOOLONG: return ERR_VALIDATION;
    default: return ERR_IO;
    }
}

enum err_code file_error(struct err *err, const char *what, const char *path)
{
    int error = errno;

    return err_set(err, file_errno_code(error), "%s %s: %s", what, path, strerrordesc_np(error));
}

enum err_code file_sync_directory(const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum err_code rc = OK;

    if (fd < 0 || fsync(fd) != 0) {
        rc = file_error(err, "sync", path);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}

enum err_code file_make_directory(const char *path, struct err *err)
{
    return mkdir(path, FILE_MODE_DIRECTORY) == 0 || errno == EEXIST
               ? OK
               : file_error(err, "make the directory", path);
}

/* `path` up to the slash at `slash`: make it and, if it is new, sync the directory it is in. */
static enum err_code file_make_one(char *path, char *slash, char *above, struct err *err)
{
    enum err_code rc = OK;

    *slash = '\0';
    if (mkdir(path, FILE_MODE_DIRECTORY) == 0) {
        *above = '\0';
        rc = file_sync_directory(path, err);
        *above = '/';
    } else if (errno != EEXIST) {
        rc = file_error(err, "make the directory", path);
    }
    *slash = '/';
    return rc;
}

enum err_code file_make_parents(const char *root, char *path, struct err *err)
{
    char *above = path + strlen(root);
    enum err_code rc = OK;

    for (char *at = strchr(above + 1, '/'); at != NULL && rc == OK; at = strchr(at + 1, '/')) {
        rc = file_make_one(path, at, above, err);
        above = at;
    }
    return rc;
}

enum err_code file_write_all(int fd, struct slice bytes, const char *path, struct err *err)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);

        if (n < 0 && errno != EINTR) {
            return file_error(err, "write", path);
        }
        bytes = slice_from(bytes, n > 0 ? (size_t)n : 0);
    }
    return OK;
}

enum err_code
file_read_all(int fd, char *out, size_t cap, size_t *len, const char *path, struct err *err)
{
    *len = 0;
    while (*len < cap) {
        ssize_t n = read(fd, out + *len, cap - *len);

        if (n == 0) {
            break;
        }
        if (n < 0 && errno != EINTR) {
            return file_error(err, "read", path);
        }
        *len += n > 0 ? (size_t)n : 0;
    }
    return OK;
}

enum err_code
file_record_write(const char *path, const struct file_record *r, struct arena *a, struct err *err)
{
    struct slice bucket = sign_encode(r->bucket, false, a);
    struct slice key = sign_encode(r->key, true, a);
    struct slice mark = sign_encode(r->mark, false, a);
    struct slice text =
        arena_printf(a, "bucket=%.*s\nkey=%.*s\nmark=%.*s\ncreated=%lld\n", SLICE_FMT(bucket),
                     SLICE_FMT(key), SLICE_FMT(mark), (long long)r->created_ms);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    enum err_code rc;

    if (fd < 0) {
        return file_error(err, "make", path);
    }
    rc = file_write_all(fd, text, path, err);
    if (close(fd) != 0 && rc == OK) {
        rc = file_error(err, "write", path);
    }
    return rc;
}

/* "name=value\n" at the front of *text, decoded; false where it is not there. */
static bool
file_record_line(struct slice *text, const char *name, struct arena *a, struct slice *out)
{
    size_t end = slice_find(*text, '\n');
    struct slice line = slice_head(*text, end);
    size_t equals = slice_find(line, '=');

    if (end == text->len || !slice_eq_str(slice_head(line, equals), name)) {
        return false;
    }
    *text = slice_from(*text, end + 1);
    return sign_decode(slice_from(line, equals + 1), a, out);
}

enum err_code
file_record_read(const char *path, struct arena *a, struct file_record *out, struct err *err)
{
    char *text = arena_alloc(a, FILE_RECORD_BYTES);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct slice rest;
    struct slice created = {"", 0};
    size_t len;
    enum err_code rc;

    if (fd < 0) {
        return file_error(err, "open", path);
    }
    rc = file_read_all(fd, text, FILE_RECORD_BYTES, &len, path, err);
    (void)close(fd);
    rest = slice_make(text, len);
    if (rc == OK && !(file_record_line(&rest, "bucket", a, &out->bucket) &&
                      file_record_line(&rest, "key", a, &out->key) &&
                      file_record_line(&rest, "mark", a, &out->mark) &&
                      file_record_line(&rest, "created", a, &created) &&
                      text_parse_i64(created, &out->created_ms))) {
        rc = err_set(err, ERR_NOT_FOUND, "%s is not the record of an upload", path);
    }
    return rc;
}
