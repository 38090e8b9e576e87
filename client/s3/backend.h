/* SPDX-License-Identifier: Apache-2.0 */
/* The seam between the public functions and the two stores: a server (curl) and a directory. s3.c
 * checks arguments and counts; behind it every function may rely on buckets and keys that are
 * valid. */
#ifndef STEPFLEET_S3_BACKEND_H
#define STEPFLEET_S3_BACKEND_H

#include "client/s3/s3.h"

struct s3_ops {
    void (*client_free)(struct s3_client *c);
    enum err_code (*wait)(struct s3_client *c,
                          struct pollfd *fds,
                          size_t fd_count,
                          int timeout_ms,
                          struct err *err);

    /* range NULL: the whole object */
    enum err_code (*reader_open)(struct s3_client *c,
                                 struct slice bucket,
                                 struct slice key,
                                 const struct s3_range *range,
                                 struct s3_reader **out,
                                 struct err *err);
    enum err_code (*reader_peek)(struct s3_reader *r,
                                 struct slice *out,
                                 bool *end,
                                 struct err *err);
    void (*reader_consume)(struct s3_reader *r, size_t bytes);
    void (*reader_close)(struct s3_reader *r);

    enum err_code (*writer_open)(struct s3_client *c,
                                 struct slice bucket,
                                 struct slice key,
                                 struct slice content_type,
                                 struct slice mark,
                                 struct s3_writer **out,
                                 struct err *err);
    struct slice (*writer_upload_id)(const struct s3_writer *w);
    enum err_code (*writer_reserve)(struct s3_writer *w,
                                    char **where,
                                    size_t *room,
                                    struct err *err);
    void (*writer_commit)(struct s3_writer *w, size_t bytes);
    size_t (*writer_short)(const struct s3_writer *w);
    enum err_code (*writer_copy)(struct s3_writer *w,
                                 struct slice bucket,
                                 struct slice key,
                                 const struct s3_range *range,
                                 bool *begun,
                                 struct err *err);
    void (*writer_end)(struct s3_writer *w);
    enum err_code (*writer_done)(struct s3_writer *w,
                                 bool *done,
                                 const struct s3_part **parts,
                                 size_t *count,
                                 struct err *err);
    void (*writer_close)(struct s3_writer *w);

    enum err_code (*complete)(struct s3_client *c,
                              struct slice bucket,
                              struct slice key,
                              struct slice upload_id,
                              struct slice mark,
                              const struct s3_part *parts,
                              size_t count,
                              struct s3_object *object,
                              struct err *err);
    enum err_code (*abort)(struct s3_client *c,
                           struct slice bucket,
                           struct slice key,
                           struct slice upload_id,
                           struct err *err);
    enum err_code (*head)(struct s3_client *c,
                          struct slice bucket,
                          struct slice key,
                          struct s3_object *out,
                          struct err *err);
    enum err_code (*put)(struct s3_client *c,
                         struct slice bucket,
                         struct slice key,
                         struct slice content_type,
                         struct slice body,
                         struct err *err);
    enum err_code (*get)(struct s3_client *c,
                         struct slice bucket,
                         struct slice key,
                         size_t max_bytes,
                         struct arena *a,
                         struct slice *out,
                         struct err *err);
    enum err_code (*remove)(struct s3_client *c,
                            struct slice bucket,
                            struct slice key,
                            struct err *err);
    /* Both NULL: it has none. */
    enum err_code (*lifecycle_get)(struct s3_client *c,
                                   struct slice bucket,
                                   struct arena *a,
                                   struct slice *out,
                                   struct err *err);
    enum err_code (*lifecycle_put)(struct s3_client *c,
                                   struct slice bucket,
                                   struct slice xml,
                                   struct err *err);
    enum err_code (*bucket_create)(struct s3_client *c, struct slice bucket, struct err *err);
    enum err_code (*list)(struct s3_client *c,
                          struct slice bucket,
                          struct slice prefix,
                          bool uploads,
                          bool (*each)(void *arg, const struct s3_entry *e),
                          void *arg,
                          struct err *err);
};

/* The common heads of what the backends allocate: first member of theirs. */
struct s3_client {
    const struct s3_ops *ops;
    struct s3_stats stats;
};

struct s3_reader {
    struct s3_client *client;
    uint64_t consumed_bytes;
};

struct s3_writer {
    struct s3_client *client;
    uint64_t committed_bytes;
};

enum err_code
server_client_new(const struct s3_config *config, struct s3_client **out, struct err *err);
enum err_code
file_client_new(const struct s3_config *config, struct s3_client **out, struct err *err);

#endif
