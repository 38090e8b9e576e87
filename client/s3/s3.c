/* SPDX-License-Identifier: Apache-2.0 */
/* The public functions: check what the caller gave, then hand it to the backend the client was made
 * with. What passes here is a bucket that is one path component and a key that fits every store. */
#include "client/s3/s3.h"

#include "client/s3/backend.h"
#include "client/s3/request.h"
#include "proto/base/limits.h"

enum { S3_BUCKET_BYTES = 255 };

static bool s3_is_bucket(struct slice s)
{
    if (s.len == 0 || s.len > S3_BUCKET_BYTES || s.ptr[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_' || c == '.')) {
            return false;
        }
    }
    return true;
}

static enum err_code s3_check_bucket(struct slice bucket, struct err *err)
{
    if (!s3_is_bucket(bucket)) {
        return err_set(err, ERR_VALIDATION, "'%.*s' is not a bucket's name",
                       SLICE_FMT(slice_head(bucket, S3_BUCKET_BYTES)));
    }
    return OK;
}

static enum err_code s3_check(struct slice bucket, struct slice key, struct err *err)
{
    enum err_code rc = s3_check_bucket(bucket, err);

    if (rc != OK) {
        return rc;
    }
    if (key.len == 0 || key.len > LIMIT_KEY_BYTES || memchr(key.ptr, '\0', key.len) != NULL) {
        return err_set(err, ERR_VALIDATION, "a key has 1 to %d bytes and no NUL; this one has %zu",
                       LIMIT_KEY_BYTES, key.len);
    }
    return OK;
}

static enum err_code
s3_check_upload(struct slice bucket, struct slice key, struct slice upload_id, struct err *err)
{
    if (upload_id.len == 0 || upload_id.len > LIMIT_UPLOAD_ID_BYTES) {
        return err_set(err, ERR_VALIDATION, "an upload id has 1 to %d bytes; this one has %zu",
                       LIMIT_UPLOAD_ID_BYTES, upload_id.len);
    }
    return s3_check(bucket, key, err);
}

static enum err_code s3_check_values(struct slice content_type, struct slice mark, struct err *err)
{
    if (!request_is_header_value(content_type) || content_type.len > S3_BUCKET_BYTES) {
        return err_set(err, ERR_VALIDATION, "the content type is not one");
    }
    if (!request_is_header_value(mark) || mark.len >= sizeof(((struct s3_object *)NULL)->mark)) {
        return err_set(err, ERR_VALIDATION, "a mark has at most %zu visible ASCII characters",
                       sizeof(((struct s3_object *)NULL)->mark) - 1);
    }
    return OK;
}

enum err_code s3_client_new(const struct s3_config *config, struct s3_client **out, struct err *err)
{
    return config->root != NULL ? file_client_new(config, out, err)
                                : server_client_new(config, out, err);
}

void s3_client_free(struct s3_client *c)
{
    if (c != NULL) {
        c->ops->client_free(c);
    }
}

enum err_code
s3_wait(struct s3_client *c, struct pollfd *fds, size_t fd_count, int timeout_ms, struct err *err)
{
    return c->ops->wait(c, fds, fd_count, timeout_ms, err);
}

enum err_code s3_reader_open(struct s3_client *c,
                             struct slice bucket,
                             struct slice key,
                             struct s3_reader **out,
                             struct err *err)
{
    enum err_code rc = s3_check(bucket, key, err);

    return rc != OK ? rc : c->ops->reader_open(c, bucket, key, NULL, out, err);
}

static enum err_code s3_check_range(const struct s3_range *range, struct err *err)
{
    if (range->from >= range->to) {
        return err_set(err, ERR_VALIDATION, "a range has at least one byte");
    }
    if (!request_is_header_value(range->etag) ||
        range->etag.len >= sizeof(((struct s3_object *)NULL)->etag)) {
        return err_set(err, ERR_VALIDATION, "the ETag is not one");
    }
    return OK;
}

enum err_code s3_reader_open_range(struct s3_client *c,
                                   struct slice bucket,
                                   struct slice key,
                                   const struct s3_range *range,
                                   struct s3_reader **out,
                                   struct err *err)
{
    enum err_code rc = s3_check(bucket, key, err);

    rc = rc != OK ? rc : s3_check_range(range, err);
    return rc != OK ? rc : c->ops->reader_open(c, bucket, key, range, out, err);
}

enum err_code s3_reader_peek(struct s3_reader *r, struct slice *out, bool *end, struct err *err)
{
    return r->client->ops->reader_peek(r, out, end, err);
}

void s3_reader_consume(struct s3_reader *r, size_t bytes)
{
    if (bytes > 0) {
        r->client->ops->reader_consume(r, bytes);
        r->consumed_bytes += bytes;
    }
}

uint64_t s3_reader_bytes(const struct s3_reader *r)
{
    return r->consumed_bytes;
}

void s3_reader_close(struct s3_reader *r)
{
    if (r != NULL) {
        r->client->ops->reader_close(r);
    }
}

enum err_code s3_writer_open(struct s3_client *c,
                             struct slice bucket,
                             struct slice key,
                             struct slice content_type,
                             struct slice mark,
                             struct s3_writer **out,
                             struct err *err)
{
    enum err_code rc = s3_check(bucket, key, err);

    if (rc == OK) {
        rc = s3_check_values(content_type, mark, err);
    }
    return rc != OK ? rc : c->ops->writer_open(c, bucket, key, content_type, mark, out, err);
}

struct slice s3_writer_upload_id(const struct s3_writer *w)
{
    return w->client->ops->writer_upload_id(w);
}

enum err_code s3_writer_reserve(struct s3_writer *w, char **where, size_t *room, struct err *err)
{
    return w->client->ops->writer_reserve(w, where, room, err);
}

void s3_writer_commit(struct s3_writer *w, size_t bytes)
{
    if (bytes > 0) {
        w->committed_bytes += bytes;
        w->client->ops->writer_commit(w, bytes);
    }
}

size_t s3_writer_short(const struct s3_writer *w)
{
    return w->client->ops->writer_short(w);
}

enum err_code s3_writer_copy(struct s3_writer *w,
                             struct slice bucket,
                             struct slice key,
                             const struct s3_range *range,
                             bool *begun,
                             struct err *err)
{
    enum err_code rc = s3_check(bucket, key, err);

    rc = rc != OK ? rc : s3_check_range(range, err);
    if (rc == OK && range->to - range->from > S3_COPY_BYTES) {
        rc = err_set(err, ERR_VALIDATION, "a copy has at most %llu bytes",
                     (unsigned long long)S3_COPY_BYTES);
    }
    rc = rc != OK ? rc : w->client->ops->writer_copy(w, bucket, key, range, begun, err);
    if (rc == OK && *begun) {
        w->committed_bytes += range->to - range->from;
    }
    return rc;
}

uint64_t s3_writer_bytes(const struct s3_writer *w)
{
    return w->committed_bytes;
}

void s3_writer_end(struct s3_writer *w)
{
    w->client->ops->writer_end(w);
}

enum err_code s3_writer_done(struct s3_writer *w,
                             bool *done,
                             const struct s3_part **parts,
                             size_t *count,
                             struct err *err)
{
    return w->client->ops->writer_done(w, done, parts, count, err);
}

void s3_writer_close(struct s3_writer *w)
{
    if (w != NULL) {
        w->client->ops->writer_close(w);
    }
}

enum err_code s3_complete(struct s3_client *c,
                          struct slice bucket,
                          struct slice key,
                          struct slice upload_id,
                          struct slice mark,
                          const struct s3_part *parts,
                          size_t count,
                          struct s3_object *object,
                          struct err *err)
{
    enum err_code rc = s3_check_upload(bucket, key, upload_id, err);

    if (rc == OK && (count == 0 || count > LIMIT_PARTS)) {
        rc = err_set(err, ERR_VALIDATION, "an upload has 1 to %d parts; this one has %zu",
                     LIMIT_PARTS, count);
    }
    return rc != OK ? rc
                    : c->ops->complete(c, bucket, key, upload_id, mark, parts, count, object, err);
}

enum err_code s3_abort(struct s3_client *c,
                       struct slice bucket,
                       struct slice key,
                       struct slice upload_id,
                       struct err *err)
{
    enum err_code rc = s3_check_upload(bucket, key, upload_id, err);

    return rc != OK ? rc : c->ops->abort(c, bucket, key, upload_id, err);
}

enum err_code s3_head(struct s3_client *c,
                      struct slice bucket,
                      struct slice key,
                      struct s3_object *out,
                      struct err *err)
{
    enum err_code rc = s3_check(bucket, key, err);

    return rc != OK ? rc : c->ops->head(c, bucket, key, out, err);
}

enum err_code s3_put(struct s3_client *c,
                     struct slice bucket,
                     struct slice key,
                     struct slice content_type,
                     struct slice body,
                     struct err *err)
{
    enum err_code rc = s3_check(bucket, key, err);

    if (rc == OK) {
        rc = s3_check_values(content_type, SLICE(""), err);
    }
    return rc != OK ? rc : c->ops->put(c, bucket, key, content_type, body, err);
}

enum err_code s3_get(struct s3_client *c,
                     struct slice bucket,
                     struct slice key,
                     size_t max_bytes,
                     struct arena *a,
                     struct slice *out,
                     struct err *err)
{
    enum err_code rc = s3_check(bucket, key, err);

    return rc != OK ? rc : c->ops->get(c, bucket, key, max_bytes, a, out, err);
}

enum err_code s3_delete(struct s3_client *c, struct slice bucket, struct slice key, struct err *err)
{
    enum err_code rc = s3_check(bucket, key, err);

    return rc != OK ? rc : c->ops->remove(c, bucket, key, err);
}

enum err_code s3_bucket_create(struct s3_client *c, struct slice bucket, struct err *err)
{
    enum err_code rc = s3_check_bucket(bucket, err);

    return rc != OK ? rc : c->ops->bucket_create(c, bucket, err);
}

static enum err_code
s3_check_lifecycle(const struct s3_client *c, struct slice bucket, struct err *err)
{
    if (c->ops->lifecycle_get == NULL) {
        return err_set(err, ERR_VALIDATION,
                       "the store is a directory, which has no lifecycle: the coordinator removes "
                       "old outputs there (retention_outputs)");
    }
    return s3_check_bucket(bucket, err);
}

enum err_code s3_lifecycle_get(struct s3_client *c,
                               struct slice bucket,
                               struct arena *a,
                               struct slice *out,
                               struct err *err)
{
    enum err_code rc = s3_check_lifecycle(c, bucket, err);

    return rc != OK ? rc : c->ops->lifecycle_get(c, bucket, a, out, err);
}

enum err_code
s3_lifecycle_put(struct s3_client *c, struct slice bucket, struct slice xml, struct err *err)
{
    enum err_code rc = s3_check_lifecycle(c, bucket, err);

    return rc != OK ? rc : c->ops->lifecycle_put(c, bucket, xml, err);
}

static enum err_code s3_list_either(struct s3_client *c,
                                    struct slice bucket,
                                    struct slice prefix,
                                    bool uploads,
                                    bool (*each)(void *arg, const struct s3_entry *e),
                                    void *arg,
                                    struct err *err)
{
    enum err_code rc = s3_check_bucket(bucket, err);

    if (rc == OK && prefix.len > LIMIT_KEY_BYTES) {
        rc = err_set(err, ERR_VALIDATION, "a prefix has at most %d bytes", LIMIT_KEY_BYTES);
    }
    return rc != OK ? rc : c->ops->list(c, bucket, prefix, uploads, each, arg, err);
}

enum err_code s3_list(struct s3_client *c,
                      struct slice bucket,
                      struct slice prefix,
                      bool (*each)(void *arg, const struct s3_entry *e),
                      void *arg,
                      struct err *err)
{
    return s3_list_either(c, bucket, prefix, false, each, arg, err);
}

enum err_code s3_list_uploads(struct s3_client *c,
                              struct slice bucket,
                              struct slice prefix,
                              bool (*each)(void *arg, const struct s3_entry *e),
                              void *arg,
                              struct err *err)
{
    return s3_list_either(c, bucket, prefix, true, each, arg, err);
}

struct s3_stats s3_client_stats(const struct s3_client *c)
{
    return c->stats;
}
