/* SPDX-License-Identifier: Apache-2.0 */
/* The directory store's own seams: paths and records in path.c, lists in list.c, the rest in
 * file.c.
 *
 *     root/bucket/key                   an object; its mark is the attribute user.stepfleet.mark
 *     root/.uploads/<id>/upload         what the upload is of: bucket, key, mark, time
 *     root/.uploads/<id>/data           its bytes so far; renamed to become the object
 *
 * The ETag is inode, size and time of the last write in hexadecimal: a rename keeps it, every other
 * object has another. So a completion in doubt is settled where attributes cannot be stored, too.
 */
#ifndef STEPFLEET_S3_FILE_H
#define STEPFLEET_S3_FILE_H

#include <sys/stat.h>

#include "client/s3/backend.h"

enum {
    FILE_ID_BYTES = 32,     /* an upload's id: 16 random bytes in hexadecimal */
    FILE_ROOT_BYTES = 2048, /* root, bucket and key stay below PATH_MAX */
};

struct file_client {
    struct s3_client base;
    char *root;
    bool progress; /* bytes moved since the last wait: look again before sleeping */
};

/* What an upload is of; texts from the arena it was read into. */
struct file_record {
    struct slice bucket;
    struct slice key;
    struct slice mark;
    int64_t created_ms;
};

/* ERR_VALIDATION: a key that cannot be a path below the bucket: empty, '.' or '..' components, a
 * slash at either end, a component over 255 bytes. */
enum err_code file_check_key(struct slice key, struct err *err);
bool file_is_id(struct slice id);
/* NUL-terminated paths. */
char *file_object_path(const struct file_client *c,
                       struct slice bucket,
                       struct slice key,
                       struct arena *a);
char *
file_upload_path(const struct file_client *c, struct slice id, const char *name, struct arena *a);
/* The error errno stands for, with `what` and the path in its message. */
enum err_code file_error(struct err *err, const char *what, const char *path);

/* One that is there already is fine. */
enum err_code file_make_directory(const char *path, struct err *err);
enum err_code file_sync_directory(const char *path, struct err *err);
/* Make the directories above `path`, which lies below `root`, each made durable in its parent. */
enum err_code file_make_parents(const char *root, char *path, struct err *err);
enum err_code file_write_all(int fd, struct slice bytes, const char *path, struct err *err);
/* Up to cap bytes; what there is. */
enum err_code
file_read_all(int fd, char *out, size_t cap, size_t *len, const char *path, struct err *err);

enum err_code
file_record_write(const char *path, const struct file_record *r, struct arena *a, struct err *err);
/* ERR_NOT_FOUND: none, or not whole. */
enum err_code
file_record_read(const char *path, struct arena *a, struct file_record *out, struct err *err);

/* Size, ETag and mark of an open file. */
void file_describe(int fd, const struct stat *st, struct s3_object *out);

/* Open an object; a directory of that name is none. */
enum err_code file_open_object(struct file_client *c,
                               struct slice bucket,
                               struct slice key,
                               struct arena *a,
                               int *fd,
                               struct stat *st,
                               struct err *err);

/* Streams. */
enum err_code file_reader_open(struct s3_client *c,
                               struct slice bucket,
                               struct slice key,
                               const struct s3_range *range,
                               struct s3_reader **out,
                               struct err *err);

enum err_code
file_reader_peek(struct s3_reader *base, struct slice *out, bool *end, struct err *err);

void file_reader_consume(struct s3_reader *base, size_t bytes);

void file_reader_close(struct s3_reader *base);

enum err_code file_writer_open(struct s3_client *c,
                               struct slice bucket,
                               struct slice key,
                               struct slice content_type,
                               struct slice mark,
                               struct s3_writer **out,
                               struct err *err);

struct slice file_writer_upload_id(const struct s3_writer *base);

enum err_code
file_writer_reserve(struct s3_writer *base, char **where, size_t *room, struct err *err);

void file_writer_commit(struct s3_writer *base, size_t bytes);

size_t file_writer_short(const struct s3_writer *base);
enum err_code file_writer_copy(struct s3_writer *base,
                               struct slice bucket,
                               struct slice key,
                               const struct s3_range *range,
                               bool *begun,
                               struct err *err);
void file_writer_end(struct s3_writer *base);

enum err_code file_writer_done(struct s3_writer *base,
                               bool *done,
                               const struct s3_part **parts,
                               size_t *count,
                               struct err *err);

void file_writer_close(struct s3_writer *base);

enum err_code file_list(struct s3_client *c,
                        struct slice bucket,
                        struct slice prefix,
                        bool uploads,
                        bool (*each)(void *arg, const struct s3_entry *e),
                        void *arg,
                        struct err *err);

#endif
