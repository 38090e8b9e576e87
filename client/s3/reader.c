/* SPDX-License-Identifier: Apache-2.0 */
/* An object as a stream: one GET into a ring of fixed size. Where the ring is full the GET pauses,
 * and the connection's own flow control holds the store back; so memory is the ring whatever the
 * object's size, and the store is asked once. Ranges side by side were measured and left: on a
 * RADOS Gateway each of 4 MiB cost it as much processor time as 2 MiB of data, and within a few MiB
 * of buffers they are no faster on a line with latency.
 *
 * The happy path: the GET's head tells size and ETag; bytes go into the ring as they come and out
 * as they are consumed. A GET that breaks (a store may be tired of a slow reader, too) goes on at
 * the byte it broke at, under If-Match. Failures: an object that is replaced or deleted meanwhile
 * is ERR_PRECONDITION; one whose ETag is the MD5 of other bytes than came is ERR_INTEGRITY, in
 * place of the end. A part of an object is read the same way, but that no MD5 is its own. */
#include <stdio.h>

#include "client/s3/digest.h"
#include "client/s3/server.h"
#include "proto/base/text.h"

enum { READER_RANGE_TEXT = 64 };

struct server_reader {
    struct s3_reader base;
    struct server *server;
    char *bucket;
    char *key;
    struct transfer transfer;
    char range[READER_RANGE_TEXT];
    bool ranged; /* a part of the object: [from, to) */
    uint64_t from;
    uint64_t to;          /* UINT64_MAX: to the end */
    bool known;           /* an answer has told size and ETag */
    uint64_t size_bytes;  /* of the object, or of the part that is read */
    uint64_t total_bytes; /* of the object */
    uint64_t received_bytes;
    char etag[sizeof(((struct s3_object *)NULL)->etag)];
    char if_match[sizeof(((struct s3_object *)NULL)->etag) + 2];
    char *ring; /* NULL until the size is known */
    size_t cap;
    size_t head;  /* where the first byte that was not consumed is */
    size_t have;  /* bytes in the ring */
    bool checked; /* compare the MD5 at the end */
    bool verified;
    struct digest md5;
    enum err_code rc;
    struct err err;
};

static struct server_reader *reader_of(struct transfer *t)
{
    return container_of(t, struct server_reader, transfer);
}

bool server_etag_is_md5(const struct answer *n)
{
    unsigned char digest[MD5_HEX_BYTES / 2];
    struct slice etag = slice_str(n->object.etag);

    return !n->encrypted && etag.len == MD5_HEX_BYTES && text_parse_hex(etag, digest);
}

static void reader_prepare(struct transfer *t)
{
    struct server_reader *r = reader_of(t);

    t->request =
        (struct request){.method = "GET", .bucket = slice_str(r->bucket), .key = slice_str(r->key)};
    if (r->ranged || r->received_bytes > 0) {
        uint64_t to = r->known ? r->from + r->size_bytes : r->to;
        int n = snprintf(r->range, sizeof(r->range), "bytes=%llu-",
                         (unsigned long long)(r->from + r->received_bytes));

        if (to != UINT64_MAX) {
            n += snprintf(r->range + n, sizeof(r->range) - (size_t)n, "%llu",
                          (unsigned long long)(to - 1));
        }
        request_add_header(&t->request, SLICE("range"), slice_make(r->range, (size_t)n));
    }
    if (r->if_match[0] != '\0') {
        request_add_header(&t->request, SLICE("if-match"), slice_str(r->if_match));
    }
}

static void reader_set_if_match(struct server_reader *r)
{
    if (r->etag[0] != '\0' && request_is_header_value(slice_str(r->etag))) {
        (void)snprintf(r->if_match, sizeof(r->if_match), "\"%s\"", r->etag);
    }
}

/* The first answer's head: from here on the object is this one. */
static void reader_learn(struct server_reader *r, const struct answer *n)
{
    r->known = true;
    r->size_bytes = r->ranged ? n->last + 1 - n->first : n->length;
    r->total_bytes = r->ranged ? n->size : n->length;
    memcpy(r->etag, n->object.etag, sizeof(r->etag));
    reader_set_if_match(r);
    r->checked = !r->ranged && server_etag_is_md5(n);
    if (r->checked) {
        digest_begin(&r->md5, EVP_md5());
    }
    r->cap = r->size_bytes < PLAN_RING_BYTES ? (size_t)r->size_bytes : PLAN_RING_BYTES;
    r->ring = mem_alloc(r->cap);
}

static struct verdict reader_replaced(struct transfer *t)
{
    return transfer_fail(t, (struct verdict){ERR_PRECONDITION, false, false},
                         "the object was replaced or deleted while it was read");
}

/* A 200: the whole object. */
static struct verdict reader_accept_whole(struct server_reader *r)
{
    struct transfer *t = &r->transfer;
    const struct answer *n = &t->answer;

    if (!n->has_length) {
        return transfer_fail(t, (struct verdict){ERR_INTEGRITY, true, false},
                             "the answer does not tell its length");
    }
    if (r->known && (n->length != r->size_bytes || strcmp(n->object.etag, r->etag) != 0)) {
        return reader_replaced(t);
    }
    if (r->ranged || r->received_bytes > 0) {
        return transfer_fail(t, (struct verdict){ERR_CONFIG, false, false},
                             "the server answered a range with the whole object");
    }
    if (!r->known) {
        reader_learn(r, n);
    }
    return (struct verdict){OK, false, false};
}

/* Are these the bytes that were asked for? A part that would end behind the object ends with it. */
static bool reader_is_range(const struct server_reader *r, const struct answer *n)
{
    uint64_t to = r->known ? r->from + r->size_bytes : r->to;

    if (n->status != 206 || !n->has_range || !n->has_size ||
        !(r->ranged || r->received_bytes > 0) || n->first != r->from + r->received_bytes ||
        n->last < n->first || n->last >= n->size ||
        (n->has_length && n->length != n->last + 1 - n->first)) {
        return false;
    }
    return n->last + 1 == to || (!r->known && n->last + 1 < to && n->last + 1 == n->size);
}

static struct verdict reader_accept(struct transfer *t)
{
    struct server_reader *r = reader_of(t);
    const struct answer *n = &t->answer;

    if (n->status == 200) {
        return reader_accept_whole(r);
    }
    if (!reader_is_range(r, n)) {
        return transfer_fail(t, (struct verdict){ERR_INTEGRITY, true, false},
                             "the answer is not the range that was asked for");
    }
    if ((r->known && n->size != r->total_bytes) ||
        ((r->known || r->etag[0] != '\0') && strcmp(n->object.etag, r->etag) != 0)) {
        return reader_replaced(t);
    }
    if (!r->known) {
        reader_learn(r, n);
    }
    return (struct verdict){OK, false, false};
}

static enum transfer_take reader_take(struct transfer *t, const char *bytes, size_t len)
{
    struct server_reader *r = reader_of(t);
    size_t tail = r->head + r->have;
    size_t first;

    if (len > r->size_bytes - r->received_bytes) {
        return TAKE_TOO_MUCH;
    }
    if (len > r->cap - r->have) {
        return TAKE_LATER;
    }
    tail -= tail >= r->cap ? r->cap : 0;
    first = len < r->cap - tail ? len : r->cap - tail;
    memcpy(r->ring + tail, bytes, first);
    memcpy(r->ring, bytes + first, len - first);
    r->have += len;
    r->received_bytes += len;
    t->server->progress = true;
    return TAKE_ALL;
}

static struct verdict reader_judge(struct transfer *t, struct verdict v)
{
    struct server_reader *r = reader_of(t);

    if (v.rc == OK && r->received_bytes != r->size_bytes) {
        return transfer_fail(t, (struct verdict){ERR_IO, true, false}, "the body is too short");
    }
    if (v.rc != OK && r->ranged && t->answer.status == 416) {
        return transfer_fail(t, (struct verdict){ERR_PRECONDITION, false, false},
                             "the object ends before the range that was asked for");
    }
    if ((r->known && v.rc == ERR_NOT_FOUND) ||
        (r->if_match[0] != '\0' && v.rc == ERR_PRECONDITION)) {
        return reader_replaced(t);
    }
    return v;
}

static void reader_done(struct transfer *t)
{
    struct server_reader *r = reader_of(t);

    r->rc = t->rc;
    r->err = t->err;
}

static const struct transfer_ops reader_ops = {
    .prepare = reader_prepare,
    .accept = reader_accept,
    .take = reader_take,
    .judge = reader_judge,
    .done = reader_done,
};

enum err_code server_reader_open(struct s3_client *c,
                                 struct slice bucket,
                                 struct slice key,
                                 const struct s3_range *range,
                                 struct s3_reader **out,
                                 struct err *err)
{
    struct server *s = (struct server *)c;
    struct server_reader *r = mem_zalloc(1, sizeof(*r));

    (void)err;
    r->base.client = c;
    r->server = s;
    r->bucket = mem_strdup(bucket);
    r->key = mem_strdup(key);
    r->to = UINT64_MAX;
    if (range != NULL) {
        r->from = range->from;
        r->to = range->to;
        r->ranged = range->from > 0 || range->to != UINT64_MAX;
        if (range->etag.len != 0) {
            memcpy(r->etag, range->etag.ptr, range->etag.len);
        }
        reader_set_if_match(r);
    }
    transfer_init(&r->transfer, s, &reader_ops);
    transfer_begin(&r->transfer);
    *out = &r->base;
    return OK;
}

/* All bytes were consumed: are they those the ETag is of? */
static enum err_code reader_verify(struct server_reader *r, struct err *err)
{
    unsigned char digest[DIGEST_BYTES_MAX];
    unsigned char expected[MD5_HEX_BYTES / 2];

    if (r->checked && !r->verified) {
        (void)digest_end(&r->md5, digest);
        if (!text_parse_hex(slice_str(r->etag), expected) ||
            memcmp(digest, expected, sizeof(expected)) != 0) {
            r->rc = err_set(&r->err, ERR_INTEGRITY,
                            "GET s3://%s/%s: the bytes are not those the ETag was made of",
                            r->bucket, r->key);
        }
    }
    r->verified = true;
    if (r->rc != OK && err != NULL) {
        *err = r->err;
    }
    return r->rc;
}

enum err_code
server_reader_peek(struct s3_reader *base, struct slice *out, bool *end, struct err *err)
{
    struct server_reader *r = (struct server_reader *)base;
    size_t run = r->have < r->cap - r->head ? r->have : r->cap - r->head;

    if (r->rc != OK) {
        if (err != NULL) {
            *err = r->err;
        }
        return r->rc;
    }
    if (r->known && base->consumed_bytes == r->size_bytes) {
        enum err_code rc = reader_verify(r, err);

        if (rc == OK) {
            *out = (struct slice){"", 0};
            *end = true;
        }
        return rc;
    }
    *end = false;
    *out = run > 0 ? slice_make(r->ring + r->head, run) : (struct slice){"", 0};
    return OK;
}

/* The GET goes on when half of the ring is free: it pauses seldom, and what it brings then fits. */
void server_reader_consume(struct s3_reader *base, size_t bytes)
{
    struct server_reader *r = (struct server_reader *)base;

    assert(bytes <= r->have && bytes <= r->cap - r->head);
    if (r->checked) {
        digest_add(&r->md5, slice_make(r->ring + r->head, bytes));
    }
    r->have -= bytes;
    r->head += bytes;
    r->head -= r->head == r->cap ? r->cap : 0;
    if (r->have <= r->cap / 2) {
        transfer_resume(&r->transfer);
    }
}

void server_reader_close(struct s3_reader *base)
{
    struct server_reader *r = (struct server_reader *)base;

    transfer_fini(&r->transfer);
    mem_free(r->ring);
    digest_fini(&r->md5);
    mem_free(r->bucket);
    mem_free(r->key);
    mem_free(r);
}
