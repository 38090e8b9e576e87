/* SPDX-License-Identifier: Apache-2.0 */
/* The server backend: its client, and the requests that are made and waited for. What is lost or
 * left in doubt by a broken connection is asked again; a completion in doubt is settled by looking
 * at the object. */
#include <string.h>

#include "client/s3/server.h"
#include "client/s3/site.h"
#include "client/s3/xml.h"
#include "proto/base/limits.h"

enum {
    SERVER_LIST_BYTES_MAX =
        16 * 1024 * 1024, /* 1,000 keys of 1,024 bytes, each three times itself */
    SERVER_STALL_MS_MIN = 100,
};

/* ---- Calls ---- */

/* What a 200 to a completion holds. */
static struct verdict call_judge_completion(struct call *c)
{
    struct transfer *t = &c->transfer;
    struct answer_error e;
    struct slice text;

    if (answer_error_read(buf_slice(&t->text), &c->arena, &e)) {
        text = arena_printf(&c->arena, "HTTP 200 with the error %.*s",
                            SLICE_FMT(slice_head(e.code, 100)));
        return transfer_fail(t, answer_verdict(t->answer.status, e.code),
                             arena_str(&c->arena, text));
    }
    if (!answer_child(buf_slice(&t->text), SLICE("CompleteMultipartUploadResult"), SLICE("Key"),
                      &c->arena, &text)) {
        return transfer_fail(t, (struct verdict){ERR_IO, true, false},
                             "the answer to a completion is not one");
    }
    return (struct verdict){OK, false, false};
}

static struct verdict call_judge(struct transfer *t, struct verdict v)
{
    struct call *c = container_of(t, struct call, transfer);

    if (!c->complete) {
        return v;
    }
    if (v.rc == OK) {
        v = call_judge_completion(c);
    }
    c->doubtful = v.rc == ERR_UNAVAILABLE && !v.away;
    v.retry = v.retry && !c->doubtful;
    return v;
}

static bool call_piece(struct transfer *t, uint64_t at, struct slice *out)
{
    *out = slice_from(container_of(t, struct call, transfer)->body, (size_t)at);
    return true;
}

static void call_done(struct transfer *t)
{
    (void)t; /* call_run() looks at the state */
}

static const struct transfer_ops call_ops = {
    .piece = call_piece,
    .judge = call_judge,
    .done = call_done,
};

void call_init(struct call *c,
               struct server *s,
               const char *method,
               struct slice bucket,
               struct slice key)
{
    transfer_init(&c->transfer, s, &call_ops);
    arena_init(&c->arena);
    c->complete = c->doubtful = false;
    c->body = (struct slice){"", 0};
    c->transfer.request = (struct request){.method = method, .bucket = bucket, .key = key};
}

void call_fini(struct call *c)
{
    transfer_fini(&c->transfer);
    arena_fini(&c->arena);
}

enum err_code call_run(struct call *c, struct err *err)
{
    return transfer_run(&c->transfer, err);
}

void call_set_body(struct call *c, struct slice body)
{
    char *hash = arena_alloc(&c->arena, SIGN_HEX_BYTES);

    sign_hash(body, hash);
    c->body = body;
    c->transfer.body_bytes = body.len;
    c->transfer.request.payload_hash = slice_make(hash, SIGN_HEX_BYTES);
}

/* ---- Objects ---- */

static enum err_code server_head(struct s3_client *client,
                                 struct slice bucket,
                                 struct slice key,
                                 struct s3_object *out,
                                 struct err *err)
{
    struct call c;
    enum err_code rc;

    call_init(&c, (struct server *)client, "HEAD", bucket, key);
    rc = call_run(&c, err);
    if (rc == OK) {
        if (c.transfer.answer.has_length) {
            *out = c.transfer.answer.object;
            out->size_bytes = c.transfer.answer.length;
        } else {
            rc = err_set(err, ERR_INTEGRITY, "HEAD s3://%.*s/%.*s: no Content-Length in the answer",
                         SLICE_FMT(bucket), SLICE_FMT(key));
        }
    }
    call_fini(&c);
    return rc;
}

static enum err_code server_put(struct s3_client *client,
                                struct slice bucket,
                                struct slice key,
                                struct slice content_type,
                                struct slice body,
                                struct err *err)
{
    struct call c;
    enum err_code rc;

    call_init(&c, (struct server *)client, "PUT", bucket, key);
    if (content_type.len != 0) {
        request_add_header(&c.transfer.request, SLICE("content-type"), content_type);
    }
    call_set_body(&c, body);
    rc = call_run(&c, err);
    call_fini(&c);
    return rc;
}

/* Through a reader: resumption and the check of the whole come with it. */
static enum err_code server_get(struct s3_client *client,
                                struct slice bucket,
                                struct slice key,
                                size_t max_bytes,
                                struct arena *a,
                                struct slice *out,
                                struct err *err)
{
    struct s3_reader *r = NULL;
    struct buf body = {0};
    bool end = false;
    enum err_code rc = server_reader_open(client, bucket, key, NULL, &r, err);

    while (rc == OK && !end) {
        struct slice some;

        rc = server_reader_peek(r, &some, &end, err);
        if (rc == OK && some.len > max_bytes - body.len) {
            rc = err_set(err, ERR_TOO_LARGE, "GET s3://%.*s/%.*s: more than %zu bytes",
                         SLICE_FMT(bucket), SLICE_FMT(key), max_bytes);
        } else if (rc == OK && some.len > 0) {
            buf_put_slice(&body, some);
            s3_reader_consume(r, some.len);
        } else if (rc == OK && !end) {
            rc = transfers_wait((struct server *)client, NULL, 0, -1, err);
        }
    }
    if (rc == OK) {
        *out = arena_copy(a, buf_slice(&body));
    }
    ((struct server *)client)->progress = true;
    s3_reader_close(r);
    buf_fini(&body);
    return rc;
}

/* DELETE, where what is not there is as good as deleted. */
static enum err_code server_call_delete(struct call *c, struct err *err)
{
    enum err_code rc = call_run(c, err);

    call_fini(c);
    return rc == ERR_NOT_FOUND ? OK : rc;
}

static enum err_code
server_remove(struct s3_client *client, struct slice bucket, struct slice key, struct err *err)
{
    struct call c;

    call_init(&c, (struct server *)client, "DELETE", bucket, key);
    return server_call_delete(&c, err);
}

static enum err_code server_abort(struct s3_client *client,
                                  struct slice bucket,
                                  struct slice key,
                                  struct slice upload_id,
                                  struct err *err)
{
    struct call c;

    call_init(&c, (struct server *)client, "DELETE", bucket, key);
    request_add_query(&c.transfer.request, SLICE("uploadId"), upload_id);
    return server_call_delete(&c, err);
}

/* ---- Buckets ---- */

static enum err_code server_bucket_request(struct s3_client *client,
                                           const char *method,
                                           struct slice bucket,
                                           bool located,
                                           struct err *err)
{
    struct server *s = (struct server *)client;
    struct call c;
    enum err_code rc;

    call_init(&c, s, method, bucket, SLICE(""));
    if (located) {
        call_set_body(&c, arena_printf(&c.arena,
                                       "<CreateBucketConfiguration><LocationConstraint>%.*s"
                                       "</LocationConstraint></CreateBucketConfiguration>",
                                       SLICE_FMT(xml_encode(s->site.keys.region, &c.arena))));
    }
    rc = call_run(&c, err);
    call_fini(&c);
    return rc;
}

/* AWS wants the region's name everywhere but in us-east-1, other stores know no such name: ask
 * without it first. A conflict is fine where the bucket can be used. */
static enum err_code
server_bucket_create(struct s3_client *client, struct slice bucket, struct err *err)
{
    enum err_code rc = server_bucket_request(client, "PUT", bucket, false, err);
    struct err ignored;

    if (rc == ERR_VALIDATION) {
        rc = server_bucket_request(client, "PUT", bucket, true, err);
    }
    if (rc == ERR_CONFLICT &&
        server_bucket_request(client, "HEAD", bucket, false, &ignored) == OK) {
        rc = OK;
    }
    return rc;
}

/* ---- Completion ---- */

static struct slice
server_complete_body(const struct s3_part *parts, size_t count, struct arena *a, struct buf *out)
{
    buf_put_str(out, "<CompleteMultipartUpload>");
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "<Part><PartNumber>%u</PartNumber><ETag>&quot;%.*s&quot;</ETag></Part>",
                   parts[i].number, SLICE_FMT(xml_encode(slice_str(parts[i].etag), a)));
    }
    buf_put_str(out, "</CompleteMultipartUpload>");
    return buf_slice(out);
}

static uint64_t server_parts_bytes(const struct s3_part *parts, size_t count)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < count; i++) {
        bytes += parts[i].bytes;
    }
    return bytes;
}

/* An upload and how it is to be completed. */
struct completion {
    struct server *server;
    struct slice bucket;
    struct slice key;
    struct slice upload_id;
    struct slice mark;
    const struct s3_part *parts;
    size_t count;
};

static enum err_code
server_complete_request(const struct completion *n, bool *doubtful, struct err *err)
{
    struct call c;
    struct buf body = {0};
    enum err_code rc;

    call_init(&c, n->server, "POST", n->bucket, n->key);
    c.complete = true;
    request_add_query(&c.transfer.request, SLICE("uploadId"), n->upload_id);
    request_add_header(&c.transfer.request, SLICE("content-type"), SLICE("application/xml"));
    call_set_body(&c, server_complete_body(n->parts, n->count, &c.arena, &body));
    rc = call_run(&c, err);
    *doubtful = c.doubtful;
    call_fini(&c);
    buf_fini(&body);
    return rc;
}

/* OK: the upload is still there; ERR_NOT_FOUND: it is not. */
static enum err_code server_look_upload(const struct completion *n, struct err *err)
{
    struct call c;
    enum err_code rc;

    call_init(&c, n->server, "GET", n->bucket, n->key);
    c.transfer.text_max = SERVER_LIST_BYTES_MAX;
    request_add_query(&c.transfer.request, SLICE("uploadId"), n->upload_id);
    request_add_query(&c.transfer.request, SLICE("max-parts"), SLICE("1"));
    rc = call_run(&c, err);
    call_fini(&c);
    return rc;
}

/* Is the object there the one this upload makes? OK: *object; ERR_NOT_FOUND: it is not; else nobody
 * could say. */
static enum err_code
server_look_object(const struct completion *n, struct s3_object *object, struct err *err)
{
    struct s3_object found;
    enum err_code rc = server_head(&n->server->base, n->bucket, n->key, &found, err);

    if (rc != OK) {
        return rc;
    }
    if (n->mark.len == 0 || !slice_eq_str(n->mark, found.mark) ||
        found.size_bytes != server_parts_bytes(n->parts, n->count)) {
        return ERR_NOT_FOUND;
    }
    *object = found;
    object->found = true;
    return OK;
}

/* A completion failed with `rc`: can it still be made? ERR_NOT_FOUND: the upload is gone. Ceph
 * needs the look: it answers 500 to the completion of an upload that is not there. */
static enum err_code server_judge(const struct completion *n, enum err_code rc, struct err *err)
{
    struct err ignored;

    if (rc == ERR_NOT_FOUND || server_look_upload(n, &ignored) == ERR_NOT_FOUND) {
        return err_set(err, ERR_NOT_FOUND,
                       "s3://%.*s/%.*s: no such upload, and the object is not its own",
                       SLICE_FMT(n->bucket), SLICE_FMT(n->key));
    }
    return rc;
}

/* Wait before another try; other transfers go on. */
static enum err_code server_pause(struct server *s, unsigned failed, struct err *err)
{
    int64_t left_ms = plan_backoff_ms(failed, server_random(s));
    int64_t end_ms = server_now_ms() + left_ms;
    enum err_code rc = OK;

    while (rc == OK && left_ms > 0) {
        rc = transfers_wait(s, NULL, 0, (int)left_ms, err);
        left_ms = end_ms - server_now_ms();
    }
    s->progress = true;
    s->base.stats.retries++;
    return rc;
}

/* The object of a completion that was answered well. */
static enum err_code
server_made(const struct completion *n, struct s3_object *object, struct err *err)
{
    enum err_code rc = server_head(&n->server->base, n->bucket, n->key, object, err);

    object->found = false;
    return rc;
}

static enum err_code server_complete(struct s3_client *client,
                                     struct slice bucket,
                                     struct slice key,
                                     struct slice upload_id,
                                     struct slice mark,
                                     const struct s3_part *parts,
                                     size_t count,
                                     struct s3_object *object,
                                     struct err *err)
{
    struct completion n = {
        (struct server *)client, bucket, key, upload_id, mark, parts, count,
    };

    for (unsigned failed = 1;; failed++) {
        bool gone = false;
        bool doubtful = true; /* a look that failed is asked again */
        enum err_code rc = server_look_object(&n, object, err);

        if (rc == OK) {
            return OK;
        }
        if (rc == ERR_NOT_FOUND) {
            rc = server_complete_request(&n, &doubtful, err);
            if (rc == OK) {
                return server_made(&n, object, err);
            }
            if (rc == ERR_NOT_FOUND || err_retryable(rc)) {
                rc = server_judge(&n, rc, err);
            }
            gone = rc == ERR_NOT_FOUND;
        }
        if (gone) { /* by a completion that happened meanwhile, or for ever */
            struct err ignored;

            return server_look_object(&n, object, &ignored) == OK ? OK : ERR_NOT_FOUND;
        }
        if (!doubtful || !err_retryable(rc) || failed >= n.server->attempts_max) {
            return rc;
        }
        rc = server_pause(n.server, failed, err);
        if (rc != OK) {
            return rc;
        }
    }
}

/* ---- Lists ---- */

struct server_listing {
    struct server *server;
    struct slice bucket;
    struct slice prefix;
    bool uploads;
    struct answer_page page; /* the last one; its texts live in `arena` */
    struct arena arena;
};

/* No encoding is asked for in a list of uploads: Ceph then encodes keys without saying so, and
 * leaves the markers as they are. */
static void server_list_query(const struct server_listing *l, struct request *r)
{
    if (l->prefix.len != 0) {
        request_add_query(r, SLICE("prefix"), l->prefix);
    }
    if (!l->uploads) {
        request_add_query(r, SLICE("list-type"), SLICE("2"));
        request_add_query(r, SLICE("encoding-type"), SLICE("url"));
        if (l->page.truncated) {
            request_add_query(r, SLICE("continuation-token"), l->page.next);
        }
        return;
    }
    request_add_query(r, SLICE("uploads"), SLICE(""));
    if (l->page.truncated) {
        request_add_query(r, SLICE("key-marker"), l->page.next);
        request_add_query(r, SLICE("upload-id-marker"), l->page.next_upload_id);
    }
}

static enum err_code server_list_page(struct server_listing *l, struct err *err)
{
    struct call c;
    struct arena fresh;
    enum err_code rc;

    arena_init(&fresh);
    call_init(&c, l->server, "GET", l->bucket, SLICE(""));
    c.transfer.text_max = SERVER_LIST_BYTES_MAX;
    server_list_query(l, &c.transfer.request);
    rc = call_run(&c, err);
    if (rc == OK && !answer_list_read(buf_slice(&c.transfer.text), l->uploads, &fresh, &l->page)) {
        rc = err_set(err, ERR_INTEGRITY, "list s3://%.*s: the answer cannot be read",
                     SLICE_FMT(l->bucket));
    }
    call_fini(&c);
    arena_fini(&l->arena);
    l->arena = fresh;
    return rc;
}

static enum err_code server_list(struct s3_client *client,
                                 struct slice bucket,
                                 struct slice prefix,
                                 bool uploads,
                                 bool (*each)(void *arg, const struct s3_entry *e),
                                 void *arg,
                                 struct err *err)
{
    struct server_listing l = {
        .server = (struct server *)client, .bucket = bucket, .prefix = prefix, .uploads = uploads};
    bool more = true;
    enum err_code rc = OK;

    while (rc == OK && more) {
        rc = server_list_page(&l, err);
        for (size_t i = 0; rc == OK && more && i < l.page.count; i++) {
            more = each(arg, &l.page.entries[i]);
        }
        more = more && l.page.truncated;
    }
    arena_fini(&l.arena);
    return rc;
}

/* ---- The client ---- */

static enum err_code server_wait(struct s3_client *c,
                                 struct pollfd *fds,
                                 size_t fd_count,
                                 int timeout_ms,
                                 struct err *err)
{
    return transfers_wait((struct server *)c, fds, fd_count, timeout_ms, err);
}

static void server_client_free(struct s3_client *c)
{
    struct server *s = (struct server *)c;

    transfers_fini(s);
    mem_free(s->text);
    mem_free(s);
}

static const struct s3_ops server_ops = {
    .client_free = server_client_free,
    .wait = server_wait,
    .reader_open = server_reader_open,
    .reader_peek = server_reader_peek,
    .reader_consume = server_reader_consume,
    .reader_close = server_reader_close,
    .writer_open = server_writer_open,
    .writer_upload_id = server_writer_upload_id,
    .writer_reserve = server_writer_reserve,
    .writer_commit = server_writer_commit,
    .writer_short = server_writer_short,
    .writer_copy = server_writer_copy,
    .writer_end = server_writer_end,
    .writer_done = server_writer_done,
    .writer_close = server_writer_close,
    .complete = server_complete,
    .abort = server_abort,
    .head = server_head,
    .put = server_put,
    .get = server_get,
    .remove = server_remove,
    .lifecycle_get = server_lifecycle_get,
    .lifecycle_put = server_lifecycle_put,
    .bucket_create = server_bucket_create,
    .list = server_list,
};

static enum err_code
server_take_sizes(struct server *s, const struct s3_config *config, struct err *err)
{
    s->part_bytes = config->part_bytes != 0 ? config->part_bytes : PLAN_PART_BYTES;
    s->parallel = config->parallel != 0 ? config->parallel : PLAN_PARALLEL;
    s->pool_bytes =
        config->pool_bytes != 0 ? config->pool_bytes : plan_pool_bytes(s->part_bytes, s->parallel);
    s->attempts_max = config->attempts_max != 0 ? config->attempts_max : PLAN_ATTEMPTS;
    s->stall_ms = config->stall_ms != 0 ? config->stall_ms : PLAN_STALL_MS;
    s->spill = config->spill;
    s->ca = config->ca;
    if (s->part_bytes < LIMIT_PART_BYTES_MIN || s->part_bytes > PLAN_PART_BYTES_MAX) {
        return err_set(err, ERR_CONFIG, "S3 parts must have 5 MiB to 5 GiB, not %zu bytes",
                       s->part_bytes);
    }
    if (s->parallel > PLAN_PARALLEL_MAX) {
        return err_set(err, ERR_CONFIG, "at most %d parts of a stream go at once, not %u",
                       PLAN_PARALLEL_MAX, s->parallel);
    }
    if (s->stall_ms < SERVER_STALL_MS_MIN) {
        return err_set(err, ERR_CONFIG, "a stall must have at least %d ms", SERVER_STALL_MS_MIN);
    }
    return OK;
}

enum err_code
server_client_new(const struct s3_config *config, struct s3_client **out, struct err *err)
{
    struct server *s = mem_zalloc(1, sizeof(*s));
    enum err_code rc = site_open(config, &s->site, &s->text, err);

    s->base.ops = &server_ops;
    if (rc == OK) {
        rc = server_take_sizes(s, config, err);
    }
    if (rc == OK) {
        rc = transfers_init(s, err);
    }
    if (rc != OK) {
        mem_free(s->text);
        mem_free(s);
        return rc;
    }
    *out = &s->base;
    return OK;
}
