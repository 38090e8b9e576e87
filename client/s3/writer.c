/* SPDX-License-Identifier: Apache-2.0 */
/* A stream as a multipart upload: parts are filled one after the other and sent side by side; a
 * part's buffer is kept until the store has it, since it may have to be sent again.
 *
 * The happy path: open begins the upload; reserve and commit fill a part, hashing it as it grows; a
 * full part is sent under its hash; end sends the last, short part. There is one buffer more than
 * parts in flight. Failures: the first part that fails for good fails the writer; nothing is sent
 * after. */
#include <stdio.h>

#include "client/s3/digest.h"
#include "client/s3/server.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

enum {
    WRITER_MD5_TEXT = 25, /* base64 of 16 bytes and a NUL */
    WRITER_PARTS_FIRST = 16,
};

struct server_writer;

struct part {
    struct transfer transfer;
    struct server_writer *writer;
    char *buffer; /* NULL until used */
    size_t cap;
    size_t filled;
    uint32_t number; /* 0: free */
    bool sent;       /* or being sent; else it is being filled */
    struct digest digest;
    char hash[SIGN_HEX_BYTES];
    char md5[WRITER_MD5_TEXT];
    char number_text[12];
};

struct server_writer {
    struct s3_writer base;
    struct server *server;
    char *bucket;
    char *key;
    char *upload_id;
    struct part *filling; /* NULL: none */
    struct s3_part *parts;
    size_t parts_cap;
    uint32_t count; /* parts begun */
    uint32_t acked; /* parts the store has */
    bool ended;
    enum err_code rc;
    struct err err;
    unsigned slot_count;
    struct part slots[];
};

static struct part *part_of(struct transfer *t)
{
    return container_of(t, struct part, transfer);
}

static void part_prepare(struct transfer *t)
{
    struct part *p = part_of(t);
    struct server_writer *w = p->writer;

    t->request =
        (struct request){.method = "PUT", .bucket = slice_str(w->bucket), .key = slice_str(w->key)};
    request_add_query(&t->request, SLICE("partNumber"), slice_str(p->number_text));
    request_add_query(&t->request, SLICE("uploadId"), slice_str(w->upload_id));
    if (w->server->unsigned_payload) {
        t->request.payload_hash = SLICE("UNSIGNED-PAYLOAD");
        request_add_header(&t->request, SLICE("content-md5"), slice_str(p->md5));
    } else {
        t->request.payload_hash = slice_make(p->hash, sizeof(p->hash));
    }
}

static struct verdict part_judge(struct transfer *t, struct verdict v)
{
    if (v.rc == OK && t->answer.object.etag[0] == '\0') {
        return transfer_fail(t, (struct verdict){ERR_INTEGRITY, true, false},
                             "the answer to a part has no ETag");
    }
    return v;
}

static void part_done(struct transfer *t)
{
    struct part *p = part_of(t);
    struct server_writer *w = p->writer;
    struct s3_part *out = &w->parts[p->number - 1];

    if (t->rc == OK) {
        memcpy(out->etag, t->answer.object.etag, sizeof(out->etag));
        w->acked++;
    } else if (w->rc == OK) {
        w->rc = t->rc;
        w->err = t->err;
    }
    p->number = 0;
    p->sent = false;
}

static const struct transfer_ops part_ops = {
    .prepare = part_prepare,
    .judge = part_judge,
    .done = part_done,
};

static enum err_code writer_begin_upload(struct server_writer *w,
                                         struct slice content_type,
                                         struct slice mark,
                                         struct err *err)
{
    struct call call;
    struct slice id;
    enum err_code rc;

    call_init(&call, w->server, "POST", slice_str(w->bucket), slice_str(w->key));
    request_add_query(&call.transfer.request, SLICE("uploads"), SLICE(""));
    if (content_type.len != 0) {
        request_add_header(&call.transfer.request, SLICE("content-type"), content_type);
    }
    if (mark.len != 0) {
        request_add_header(&call.transfer.request, SLICE("x-amz-meta-stepfleet-mark"), mark);
    }
    rc = call_run(&call, err);
    if (rc == OK) {
        if (answer_child(buf_slice(&call.transfer.text), SLICE("InitiateMultipartUploadResult"),
                         SLICE("UploadId"), &call.arena, &id) &&
            id.len > 0 && id.len <= LIMIT_UPLOAD_ID_BYTES && memchr(id.ptr, 0, id.len) == NULL) {
            w->upload_id = mem_strdup(id);
        } else {
            rc = err_set(err, ERR_INTEGRITY,
                         "begin upload of s3://%s/%s: no upload id in the answer", w->bucket,
                         w->key);
        }
    }
    call_fini(&call);
    return rc;
}

enum err_code server_writer_open(struct s3_client *c,
                                 struct slice bucket,
                                 struct slice key,
                                 struct slice content_type,
                                 struct slice mark,
                                 struct s3_writer **out,
                                 struct err *err)
{
    struct server *s = (struct server *)c;
    struct server_writer *w = mem_zalloc(1, sizeof(*w) + (s->parallel + 1) * sizeof(w->slots[0]));
    enum err_code rc;

    w->base.client = c;
    w->server = s;
    w->bucket = mem_strdup(bucket);
    w->key = mem_strdup(key);
    w->slot_count = s->parallel + 1;
    for (unsigned i = 0; i < w->slot_count; i++) {
        w->slots[i].writer = w;
        transfer_init(&w->slots[i].transfer, s, &part_ops);
    }
    rc = writer_begin_upload(w, content_type, mark, err);
    if (rc != OK) {
        server_writer_close(&w->base);
        return rc;
    }
    *out = &w->base;
    return OK;
}

struct slice server_writer_upload_id(const struct s3_writer *base)
{
    return slice_str(((const struct server_writer *)base)->upload_id);
}

/* A buffer of the size the next part has. Where parts grow, buffers beyond the budget are given
 * back. */
static struct part *writer_free_part(struct server_writer *w, size_t bytes)
{
    unsigned most = plan_buffers(w->server->part_bytes, w->server->parallel, bytes);
    struct part *found = NULL;
    unsigned held = 0;

    for (unsigned i = 0; i < w->slot_count; i++) {
        struct part *p = &w->slots[i];

        if (p->number == 0 && p->buffer != NULL && (p->cap != bytes || i >= most)) {
            mem_free(p->buffer);
            p->buffer = NULL;
        }
        if (p->number == 0 && (found == NULL || (found->buffer == NULL && p->buffer != NULL))) {
            found = p;
        }
        held += p->number != 0;
    }
    if (found == NULL || held >= most) {
        return NULL;
    }
    if (found->buffer == NULL) {
        found->buffer = mem_alloc(bytes);
        found->cap = bytes;
    }
    return found;
}

static void writer_add_part(struct server_writer *w)
{
    if (w->count == w->parts_cap) {
        w->parts_cap = w->parts_cap == 0 ? WRITER_PARTS_FIRST : w->parts_cap * 2;
        w->parts = mem_realloc(w->parts, w->parts_cap * sizeof(w->parts[0]));
    }
    w->parts[w->count] = (struct s3_part){.number = w->count + 1};
    w->count++;
}

/* Begin the next part; false: no buffer is free. */
static bool writer_fill_next(struct server_writer *w)
{
    size_t bytes = (size_t)plan_part_bytes(w->server->part_bytes, w->count + 1);
    struct part *p = writer_free_part(w, bytes);

    if (p == NULL) {
        return false;
    }
    writer_add_part(w);
    p->number = w->count;
    p->filled = 0;
    digest_begin(&p->digest, w->server->unsigned_payload ? EVP_md5() : EVP_sha256());
    w->filling = p;
    return true;
}

static void writer_seal(struct server_writer *w)
{
    struct part *p = w->filling;
    unsigned char digest[DIGEST_BYTES_MAX];
    size_t len = digest_end(&p->digest, digest);

    if (w->server->unsigned_payload) {
        (void)EVP_EncodeBlock((unsigned char *)p->md5, digest, (int)len);
    } else {
        text_format_hex(digest, len, p->hash);
    }
    (void)snprintf(p->number_text, sizeof(p->number_text), "%u", p->number);
    w->parts[p->number - 1].bytes = p->filled;
    p->sent = true;
    p->transfer.body = slice_make(p->buffer, p->filled);
    w->filling = NULL;
    transfer_begin(&p->transfer);
}

static enum err_code writer_failure(const struct server_writer *w, struct err *err)
{
    if (w->rc != OK && err != NULL) {
        *err = w->err;
    }
    return w->rc;
}

enum err_code
server_writer_reserve(struct s3_writer *base, char **where, size_t *room, struct err *err)
{
    struct server_writer *w = (struct server_writer *)base;

    assert(!w->ended);
    if (w->rc != OK) {
        return writer_failure(w, err);
    }
    if (w->filling == NULL && w->count == LIMIT_PARTS) {
        return err_set(err, ERR_TOO_LARGE, "s3://%s/%s: more than %d parts", w->bucket, w->key,
                       LIMIT_PARTS);
    }
    if (w->filling == NULL && !writer_fill_next(w)) {
        *where = NULL;
        *room = 0;
        return OK;
    }
    *where = w->filling->buffer + w->filling->filled;
    *room = w->filling->cap - w->filling->filled;
    return OK;
}

void server_writer_commit(struct s3_writer *base, size_t bytes)
{
    struct server_writer *w = (struct server_writer *)base;
    struct part *p = w->filling;

    assert(p != NULL && bytes <= p->cap - p->filled);
    digest_add(&p->digest, slice_make(p->buffer + p->filled, bytes));
    p->filled += bytes;
    if (p->filled == p->cap) {
        writer_seal(w);
    }
}

void server_writer_end(struct s3_writer *base)
{
    struct server_writer *w = (struct server_writer *)base;

    w->ended = true;
    if (w->count == 0) {
        bool begun = writer_fill_next(w);

        assert(begun);
    }
    if (w->filling != NULL && (w->filling->filled > 0 || w->count == 1)) {
        writer_seal(w);
    } else if (w->filling != NULL) {
        w->filling->number = 0; /* reserved, never filled */
        w->filling = NULL;
        w->count--;
    }
}

enum err_code server_writer_done(struct s3_writer *base,
                                 bool *done,
                                 const struct s3_part **parts,
                                 size_t *count,
                                 struct err *err)
{
    struct server_writer *w = (struct server_writer *)base;

    assert(w->ended);
    if (w->rc != OK) {
        return writer_failure(w, err);
    }
    *done = w->acked == w->count;
    *parts = w->parts;
    *count = w->count;
    return OK;
}

void server_writer_close(struct s3_writer *base)
{
    struct server_writer *w = (struct server_writer *)base;

    for (unsigned i = 0; i < w->slot_count; i++) {
        transfer_fini(&w->slots[i].transfer);
        mem_free(w->slots[i].buffer);
        digest_fini(&w->slots[i].digest);
    }
    mem_free(w->parts);
    mem_free(w->bucket);
    mem_free(w->key);
    mem_free(w->upload_id);
    mem_free(w);
}
