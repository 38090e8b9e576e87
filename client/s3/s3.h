/* SPDX-License-Identifier: Apache-2.0 */
/* Objects as streams in constant memory, against any S3-compatible server or a plain directory.
 *
 * A client belongs to one thread. It does work only inside its calls: s3_wait() runs the transfers
 * (curl multi inside), and sleeps on the caller's file descriptors beside its own, so that one
 * thread pumps store -> handler -> store without locks. Blocking requests (head, complete, ...) run
 * to their end inside the call, retries included.
 *
 * Retries: 5xx, 429, SlowDown, resets, short bodies and stalls are tried again with exponential
 * backoff and full jitter, up to `attempts_max`; a broken GET goes on at its offset under If-Match
 * of the first answer's ETag. Integrity: what is sent is protected by TLS, or does not leave the
 * machine, or is covered by its signed SHA-256, so that the server refuses damage (of small bodies
 * always); a GET checks lengths and, where the ETag is an MD5 of the whole object, that.
 *
 * Directory store (`root` set): an object is root/bucket/key; an upload is a temporary file under
 * root/.uploads/; completion is fsync, rename, fsync of the directory. The same interface
 * throughout. Source: AWS S3 API reference, Signature Version 4. */
#ifndef STEPFLEET_S3_S3_H
#define STEPFLEET_S3_S3_H

#include <poll.h>

#include "proto/base/arena.h"
#include "proto/base/err.h"
#include "proto/base/slice.h"

struct request;

/* Signs requests where the store's keys are: each answer is a presigned URL. */
struct s3_signer {
    /* On the client's thread; may block for seconds. `r`: what is to be covered (request.h),
     * borrowed; *url: in `a`. ERR_UNAVAILABLE and ERR_TIMED_OUT are ridden out as if they were the
     * store's; anything else is a refusal. */
    enum err_code (*sign)(struct s3_signer *s,
                          const struct request *r,
                          struct arena *a,
                          struct slice *url,
                          struct err *err);
};

struct s3_config {
    const char *root;     /* directory store; NULL: a server */
    const char *endpoint; /* "http://127.0.0.1:9701", path-style addressing */
    const char *region;   /* "us-east-1" */
    const char *access_key;
    const char *secret_key;
    const char *session_token; /* NULL: none */
    const char *ca; /* PEM file of the authorities an https server is to be signed by; must
                       outlive the client; NULL: the system's */
    bool keyless;   /* the keys are elsewhere: `signer` signs, which outlives the client */
    struct s3_signer *signer;
    size_t part_bytes; /* 0: 5 MiB; grows by plan so that no object needs over 10,000 parts */
    unsigned parallel; /* parts of a stream in flight; 0: 2 */
    size_t pool_bytes; /* of memory for the parts of a stream; 0: those in flight and a quarter */
    unsigned attempts_max; /* 0: 8 */
    int64_t stall_ms;      /* no byte for so long: broken; 0: 20 s */
    bool sign_payload;     /* sign parts even where TLS or loopback protects them */
    const char *spill;     /* directory for parts the pool is too small for (at 39 GiB they begin to
                              grow); must outlive the client; NULL: the pool grows */
};

struct s3_client;

enum err_code
s3_client_new(const struct s3_config *config, struct s3_client **out, struct err *err);
/* Ends all transfers. Readers and writers must have been closed before. */
void s3_client_free(struct s3_client *c);

/* Run transfers; return when one made progress, a descriptor of `fds` is ready, or timeout_ms
 * passed
 * (-1: no limit). fds[i].revents is set as by poll(2). */
enum err_code
s3_wait(struct s3_client *c, struct pollfd *fds, size_t fd_count, int timeout_ms, struct err *err);

/* ---- Reading: an object as a stream. A slow reader holds the store back. ---- */

struct s3_reader;

struct s3_object {
    uint64_t size_bytes;
    char etag[128]; /* without quotes */
    char mark[256]; /* x-amz-meta-stepfleet-mark; empty: none */
    bool found;     /* of s3_complete */
};

enum err_code s3_reader_open(struct s3_client *c,
                             struct slice bucket,
                             struct slice key,
                             struct s3_reader **out,
                             struct err *err);
/* Bytes [from, to) of one object: as it was when it had that ETag. */
struct s3_range {
    uint64_t from;
    uint64_t to; /* behind `from`; past the object's end: up to that. UINT64_MAX: to the end */
    struct slice etag; /* without quotes; empty: whatever is there */
};
/* The same of a part of an object. ERR_PRECONDITION also where the object is not that one, or has
 * no byte at `from`. */
enum err_code s3_reader_open_range(struct s3_client *c,
                                   struct slice bucket,
                                   struct slice key,
                                   const struct s3_range *range,
                                   struct s3_reader **out,
                                   struct err *err);
/* What can be consumed now: OK with len > 0; OK with len 0: nothing yet (s3_wait), or *end.
 * ERR_NOT_FOUND: no such object; ERR_PRECONDITION: it was replaced while it was read. */
enum err_code s3_reader_peek(struct s3_reader *r, struct slice *out, bool *end, struct err *err);
void s3_reader_consume(struct s3_reader *r, size_t bytes);
uint64_t s3_reader_bytes(const struct s3_reader *r); /* consumed so far */
void s3_reader_close(struct s3_reader *r);           /* cancels what runs */

/* ---- Writing: a stream of unknown length as a multipart upload. ---- */

/* An upload as it must be remembered to complete or abort it later, from another machine. */
struct s3_part {
    uint32_t number; /* from 1 */
    uint64_t bytes;
    char etag[128];
};

struct s3_writer;

/* Of one copy: a store says nothing while it copies, and may say nothing for stall_ms. */
#define S3_COPY_BYTES (UINT64_C(256) << 20)

/* Begin the upload (blocking): its id is known on return and must be recorded before the first part
 * is sent. `mark` is stored with the object as x-amz-meta-stepfleet-mark. */
enum err_code s3_writer_open(struct s3_client *c,
                             struct slice bucket,
                             struct slice key,
                             struct slice content_type,
                             struct slice mark,
                             struct s3_writer **out,
                             struct err *err);
struct slice s3_writer_upload_id(const struct s3_writer *w);
/* Where the next bytes go, up to *room; *room 0: all memory is in flight, s3_wait first. */
enum err_code s3_writer_reserve(struct s3_writer *w, char **where, size_t *room, struct err *err);
void s3_writer_commit(struct s3_writer *w, size_t bytes);
uint64_t s3_writer_bytes(const struct s3_writer *w); /* committed and copied so far */
/* How many bytes must be committed before a copy can follow; 0: it can now. */
size_t s3_writer_short(const struct s3_writer *w);
/* Let the store itself append [from, to) of another object, LIMIT_PART_BYTES_MIN bytes or more
 * unless nothing follows, S3_COPY_BYTES at most, as a part of its own; only where s3_writer_short()
 * is 0, and a range's `to` is not past the object's end. *begun false: all parts are in flight,
 * s3_wait first. */
enum err_code s3_writer_copy(struct s3_writer *w,
                             struct slice bucket,
                             struct slice key,
                             const struct s3_range *range,
                             bool *begun,
                             struct err *err);
/* No more bytes. Then call s3_writer_done until it says so, with s3_wait between. An empty stream
 * is one empty part. */
void s3_writer_end(struct s3_writer *w);
/* OK and *done: all parts are on the server and *parts (borrowed from the writer, count) can go to
 * whoever completes the upload. The object is not visible yet. */
enum err_code s3_writer_done(struct s3_writer *w,
                             bool *done,
                             const struct s3_part **parts,
                             size_t *count,
                             struct err *err);
/* Forgets the upload without completing or aborting it on the server. */
void s3_writer_close(struct s3_writer *w);

/* ---- Blocking requests. ---- */

/* Make the upload's object visible. The object is looked at before anything is asked: a completion
 * that happened already, or whose answer was lost, is known by its mark and size, and is never
 * asked for twice (Ceph, killed late in a completion, leaves the object and its upload sharing
 * their bytes: to complete or abort that upload takes the object's bytes away). Stores that answer
 * 200 with an error inside are seen through. ERR_NOT_FOUND: no such upload and the object is not
 * ours. Idempotent. *object: as it is now; object->found: it was there, and its upload may be
 * listed still: let it be. */
enum err_code s3_complete(struct s3_client *c,
                          struct slice bucket,
                          struct slice key,
                          struct slice upload_id,
                          struct slice mark,
                          const struct s3_part *parts,
                          size_t count,
                          struct s3_object *object,
                          struct err *err);
/* Idempotent: no such upload is OK. */
enum err_code s3_abort(struct s3_client *c,
                       struct slice bucket,
                       struct slice key,
                       struct slice upload_id,
                       struct err *err);
enum err_code s3_head(struct s3_client *c,
                      struct slice bucket,
                      struct slice key,
                      struct s3_object *out,
                      struct err *err);
/* Small objects at once. s3_get: ERR_TOO_LARGE past max_bytes. */
enum err_code s3_put(struct s3_client *c,
                     struct slice bucket,
                     struct slice key,
                     struct slice content_type,
                     struct slice body,
                     struct err *err);
enum err_code s3_get(struct s3_client *c,
                     struct slice bucket,
                     struct slice key,
                     size_t max_bytes,
                     struct arena *a,
                     struct slice *out,
                     struct err *err);
enum err_code
s3_delete(struct s3_client *c, struct slice bucket, struct slice key, struct err *err);
/* Idempotent: ours already is OK. */
enum err_code s3_bucket_create(struct s3_client *c, struct slice bucket, struct err *err);

/* The bucket's lifecycle configuration as XML (lifecycle.h); empty: it has none. Of a server alone:
 * ERR_VALIDATION where the store is a directory. */
enum err_code s3_lifecycle_get(struct s3_client *c,
                               struct slice bucket,
                               struct arena *a,
                               struct slice *out,
                               struct err *err);
enum err_code
s3_lifecycle_put(struct s3_client *c, struct slice bucket, struct slice xml, struct err *err);

struct s3_entry {
    struct slice key;
    struct slice upload_id; /* of s3_list_uploads */
    uint64_t size_bytes;    /* of s3_list */
    int64_t time_ms;        /* last modified; initiated */
};
/* `each` returns false to stop. Pages are followed to the end. */
enum err_code s3_list(struct s3_client *c,
                      struct slice bucket,
                      struct slice prefix,
                      bool (*each)(void *arg, const struct s3_entry *e),
                      void *arg,
                      struct err *err);
enum err_code s3_list_uploads(struct s3_client *c,
                              struct slice bucket,
                              struct slice prefix,
                              bool (*each)(void *arg, const struct s3_entry *e),
                              void *arg,
                              struct err *err);

/* Counters since the start, for logs and tests. */
struct s3_stats {
    uint64_t requests;
    uint64_t retries;
    uint64_t bytes_in;
    uint64_t bytes_out;
};
struct s3_stats s3_client_stats(const struct s3_client *c);

#endif
