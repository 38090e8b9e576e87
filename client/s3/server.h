/* SPDX-License-Identifier: Apache-2.0 */
/* The server backend's own seams: streams in reader.c and writer.c, the rest in server.c. */
#ifndef STEPFLEET_S3_SERVER_H
#define STEPFLEET_S3_SERVER_H

#include "client/s3/curl.h"

/* A blocking request: a transfer and the memory its texts live in. */
struct call {
    struct transfer transfer;
    struct arena arena;
    struct slice body; /* sent; borrowed until the end */
    bool complete;     /* a completion: a 200 may hold an error */
    bool doubtful;     /* it failed inside the server: look before trying again */
};

void call_init(struct call *c,
               struct server *s,
               const char *method,
               struct slice bucket,
               struct slice key);
void call_fini(struct call *c);
/* The body and what vouches for it. */
void call_set_body(struct call *c, struct slice body);
enum err_code call_run(struct call *c, struct err *err);

/* Is the ETag the MD5 of the whole object? */
enum { MD5_HEX_BYTES = 32 };
bool server_etag_is_md5(const struct answer *n);

enum err_code server_reader_open(struct s3_client *c,
                                 struct slice bucket,
                                 struct slice key,
                                 const struct s3_range *range,
                                 struct s3_reader **out,
                                 struct err *err);
enum err_code
server_reader_peek(struct s3_reader *r, struct slice *out, bool *end, struct err *err);
void server_reader_consume(struct s3_reader *r, size_t bytes);
void server_reader_close(struct s3_reader *r);

enum err_code server_writer_open(struct s3_client *c,
                                 struct slice bucket,
                                 struct slice key,
                                 struct slice content_type,
                                 struct slice mark,
                                 struct s3_writer **out,
                                 struct err *err);
struct slice server_writer_upload_id(const struct s3_writer *w);
enum err_code
server_writer_reserve(struct s3_writer *w, char **where, size_t *room, struct err *err);
void server_writer_commit(struct s3_writer *w, size_t bytes);
size_t server_writer_short(const struct s3_writer *base);
enum err_code server_writer_copy(struct s3_writer *base,
                                 struct slice bucket,
                                 struct slice key,
                                 const struct s3_range *range,
                                 bool *begun,
                                 struct err *err);
void server_writer_end(struct s3_writer *w);
enum err_code server_writer_done(struct s3_writer *w,
                                 bool *done,
                                 const struct s3_part **parts,
                                 size_t *count,
                                 struct err *err);
void server_writer_close(struct s3_writer *w);

enum err_code server_lifecycle_get(struct s3_client *client,
                                   struct slice bucket,
                                   struct arena *a,
                                   struct slice *out,
                                   struct err *err);
enum err_code server_lifecycle_put(struct s3_client *client,
                                   struct slice bucket,
                                   struct slice xml,
                                   struct err *err);

#endif
