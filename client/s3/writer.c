/* SPDX-License-Identifier: Apache-2.0 */
/* A stream as a multipart upload: parts are filled one after the other and sent side by side; a
 * part's bytes are kept until the store has it (body.h).
 *
 * The happy path: open begins the upload; reserve and commit fill a part; a full part is sent; end
 * sends the last, short part. One part more is filled than are in flight. Where parts are signed
 * they are hashed as they grow. Where they are not, a part that follows a full one is sent already
 * while it is filled, under the length it will have when it is full: so its memory waits for the
 * store's work on a part no longer than that work takes. If the stream ends before, or pauses, that
 * request is broken off, and the part is sent again when it is whole: a store keeps nothing of a
 * body that is too short.
 *
 * A part may also be copied by the store out of another object: it takes a slot, and no memory.
 *
 * Failures: the first part that fails for good, or cannot be kept, fails the writer; nothing is
 * sent after. */
#include <stdio.h>

#include "client/s3/body.h"
#include "client/s3/digest.h"
#include "client/s3/server.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

enum {
    WRITER_PARTS_FIRST = 16,
    WRITER_SEND_BYTES = BODY_PIECE_BYTES, /* of a part being filled: worth a send */
};

struct server_writer;

/* Where a part is copied from, as header lines have it. */
struct part_copy {
    struct arena texts;
    struct slice source; /* "/bucket/key", encoded */
    struct slice range;
    struct slice if_match; /* empty: whatever is there */
};

struct part {
    struct transfer transfer;
    struct server_writer *writer;
    struct body body;
    uint64_t most;          /* bytes it is to have, unless it is the last */
    uint32_t number;        /* 0: free */
    bool whole;             /* not being filled any more */
    bool held;              /* it paused once: sent when it is whole */
    struct part_copy *copy; /* the store's own copy, and no body; NULL: none */
    struct digest digest;
    char hash[SIGN_HEX_BYTES];
    char number_text[12];
};

struct server_writer {
    struct s3_writer base;
    struct server *server;
    char *bucket;
    char *key;
    char *upload_id;
    struct body_pool pool;
    struct part *filling; /* NULL: none */
    const char *where;    /* the next byte committed, as reserved */
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
    if (p->copy != NULL) {
        request_add_header(&t->request, SLICE("x-amz-copy-source"), p->copy->source);
        request_add_header(&t->request, SLICE("x-amz-copy-source-range"), p->copy->range);
        if (p->copy->if_match.len != 0) {
            request_add_header(&t->request, SLICE("x-amz-copy-source-if-match"), p->copy->if_match);
        }
        return;
    }
    t->request.payload_hash =
        w->server->site.sign_payload ? slice_make(p->hash, sizeof(p->hash)) : sign_unsigned_payload;
}

static bool part_piece(struct transfer *t, uint64_t at, struct slice *out)
{
    return body_at(&part_of(t)->body, at, out);
}

/* The handler is slow: the store must not wait for it. */
static void part_tired(struct transfer *t)
{
    part_of(t)->held = true;
    transfer_cancel(t);
}

/* What a 200 to a copy holds: an error, or the new part's ETag. */
static struct verdict part_judge_copy(struct part *p)
{
    struct transfer *t = &p->transfer;
    struct answer_error e;
    struct slice etag;

    if (answer_error_read(buf_slice(&t->text), &t->arena, &e)) {
        etag = arena_printf(&t->arena, "HTTP 200 with the error %.*s",
                            SLICE_FMT(slice_head(e.code, 100)));
        return transfer_fail(t, answer_verdict(t->answer.status, e.code),
                             arena_str(&t->arena, etag));
    }
    if (!answer_child(buf_slice(&t->text), SLICE("CopyPartResult"), SLICE("ETag"), &t->arena,
                      &etag)) {
        return transfer_fail(t, (struct verdict){ERR_INTEGRITY, true, false},
                             "the answer to a copy is not one");
    }
    if (etag.len >= 2 && etag.ptr[0] == '"' && slice_ends_with(etag, SLICE("\""))) {
        etag = slice_make(etag.ptr + 1, etag.len - 2);
    }
    if (etag.len < sizeof(t->answer.object.etag)) {
        memcpy(t->answer.object.etag, etag.ptr, etag.len);
        t->answer.object.etag[etag.len] = '\0';
    }
    return (struct verdict){OK, false, false};
}

static struct verdict part_judge(struct transfer *t, struct verdict v)
{
    if (v.rc == OK && part_of(t)->copy != NULL) {
        v = part_judge_copy(part_of(t));
    }
    if (v.rc == OK && t->sent != t->body_bytes) {
        return transfer_fail(t, (struct verdict){ERR_INTEGRITY, true, false},
                             "a part was answered before all of it was sent");
    }
    if (v.rc == OK && t->answer.object.etag[0] == '\0') {
        return transfer_fail(t, (struct verdict){ERR_INTEGRITY, true, false},
                             "the answer to a part has no ETag");
    }
    return v;
}

static void writer_fail(struct server_writer *w, enum err_code rc, const struct err *err)
{
    if (w->rc == OK) {
        w->rc = rc;
        w->err = *err;
    }
}

static void part_copy_free(struct part *p)
{
    if (p->copy != NULL) {
        arena_fini(&p->copy->texts);
        mem_free(p->copy);
        p->copy = NULL;
    }
}

static void part_done(struct transfer *t)
{
    struct part *p = part_of(t);
    struct server_writer *w = p->writer;
    struct s3_part *out = &w->parts[p->number - 1];

    if (t->rc == OK) {
        memcpy(out->etag, t->answer.object.etag, sizeof(out->etag));
        w->acked++;
    } else {
        writer_fail(w, t->rc, &t->err);
    }
    if (w->filling == p) {
        w->filling = NULL;
    }
    body_end(&p->body, &w->pool);
    part_copy_free(p);
    p->number = 0;
}

static const struct transfer_ops part_ops = {
    .prepare = part_prepare,
    .piece = part_piece,
    .tired = part_tired,
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
    body_pool_init(&w->pool, s->pool_bytes, s->spill);
    w->slot_count = s->parallel + 1;
    for (unsigned i = 0; i < w->slot_count; i++) {
        w->slots[i].writer = w;
        body_init(&w->slots[i].body);
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

static struct part *writer_free_part(struct server_writer *w)
{
    for (unsigned i = 0; i < w->slot_count; i++) {
        if (w->slots[i].number == 0) {
            return &w->slots[i];
        }
    }
    return NULL;
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

static void part_number(struct part *p)
{
    p->number = p->writer->count;
    (void)snprintf(p->number_text, sizeof(p->number_text), "%u", p->number);
}

/* Begin the next part; none where all are in flight. */
static enum err_code writer_fill_next(struct server_writer *w, struct err *err)
{
    struct part *p = writer_free_part(w);
    enum err_code rc;

    if (p == NULL) {
        return OK;
    }
    p->most = plan_part_bytes(w->server->part_bytes, w->count + 1);
    rc = body_begin(&p->body, &w->pool, p->most, err);
    if (rc != OK) {
        return rc;
    }
    writer_add_part(w);
    part_number(p);
    p->whole = p->held = false;
    if (w->server->site.sign_payload) {
        digest_begin(&p->digest, EVP_sha256());
    }
    w->filling = p;
    return OK;
}

/* A whole part goes; of one that is being filled what there is, if it is worth it. */
static void part_send(struct part *p)
{
    struct transfer *t = &p->transfer;
    bool idle = t->state == TRANSFER_IDLE;

    if (!p->whole && (p->body.bytes - (idle ? 0 : t->sent) < WRITER_SEND_BYTES)) {
        return;
    }
    if (!idle) {
        transfer_resume(t);
        return;
    }
    t->body_bytes = p->whole ? p->body.bytes : p->most;
    transfer_begin(t);
}

/* May the part be sent while it is filled? */
static bool writer_sends_early(const struct server_writer *w, const struct part *p)
{
    return !w->server->site.sign_payload && p->number > 1 && !p->held && body_in_memory(&p->body);
}

static void writer_seal(struct server_writer *w)
{
    struct part *p = w->filling;
    struct err err;
    enum err_code rc = body_seal(&p->body, &err);

    w->filling = NULL;
    if (rc != OK) {
        writer_fail(w, rc, &err);
        return;
    }
    if (w->server->site.sign_payload) {
        unsigned char digest[DIGEST_BYTES_MAX];
        size_t len = digest_end(&p->digest, digest);

        text_format_hex(digest, len, p->hash);
    }
    w->parts[p->number - 1].bytes = p->body.bytes;
    p->whole = true;
    if (p->body.bytes < p->most) {
        transfer_cancel(&p->transfer); /* it was begun under another length */
    }
    part_send(p);
}

/* Reserved, never filled: as if it had not been begun. */
static void writer_unfill(struct server_writer *w)
{
    body_end(&w->filling->body, &w->pool);
    w->filling->number = 0;
    w->filling = NULL;
    w->count--;
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
    enum err_code rc = OK;
    uint64_t left;

    assert(!w->ended);
    *where = NULL;
    *room = 0;
    if (w->rc != OK) {
        return writer_failure(w, err);
    }
    if (w->filling == NULL && w->count == LIMIT_PARTS) {
        return err_set(err, ERR_TOO_LARGE, "s3://%s/%s: more than %d parts", w->bucket, w->key,
                       LIMIT_PARTS);
    }
    if (w->filling == NULL) {
        rc = writer_fill_next(w, err);
    }
    if (rc != OK || w->filling == NULL) {
        return rc;
    }
    rc = body_room(&w->filling->body, &w->pool, where, room, err);
    w->where = *where;
    left = w->filling->most - w->filling->body.bytes;
    *room = *room < left ? *room : (size_t)left;
    return rc;
}

void server_writer_commit(struct s3_writer *base, size_t bytes)
{
    struct server_writer *w = (struct server_writer *)base;
    struct part *p = w->filling;

    assert(p != NULL && bytes <= p->most - p->body.bytes);
    if (w->server->site.sign_payload) {
        digest_add(&p->digest, slice_make(w->where, bytes));
    }
    w->where += bytes;
    body_add(&p->body, bytes);
    if (p->body.bytes == p->most) {
        writer_seal(w);
    } else if (writer_sends_early(w, p)) {
        part_send(p);
    }
}

size_t server_writer_short(const struct s3_writer *base)
{
    const struct server_writer *w = (const struct server_writer *)base;
    uint64_t have = w->filling != NULL ? w->filling->body.bytes : 0;

    return have == 0 || have >= LIMIT_PART_BYTES_MIN ? 0 : (size_t)(LIMIT_PART_BYTES_MIN - have);
}

static struct part_copy *
copy_make(struct slice bucket, struct slice key, const struct s3_range *range)
{
    struct part_copy *copy = mem_zalloc(1, sizeof(*copy));

    copy->source = arena_printf(&copy->texts, "/%.*s/%.*s",
                                SLICE_FMT(sign_encode(bucket, false, &copy->texts)),
                                SLICE_FMT(sign_encode(key, true, &copy->texts)));
    copy->range = arena_printf(&copy->texts, "bytes=%llu-%llu", (unsigned long long)range->from,
                               (unsigned long long)(range->to - 1));
    if (range->etag.len != 0) {
        copy->if_match = arena_printf(&copy->texts, "\"%.*s\"", SLICE_FMT(range->etag));
    }
    return copy;
}

enum err_code server_writer_copy(struct s3_writer *base,
                                 struct slice bucket,
                                 struct slice key,
                                 const struct s3_range *range,
                                 bool *begun,
                                 struct err *err)
{
    struct server_writer *w = (struct server_writer *)base;
    struct part *p;

    assert(!w->ended && server_writer_short(base) == 0);
    *begun = false;
    if (w->filling != NULL && w->filling->body.bytes == 0) {
        writer_unfill(w);
    } else if (w->filling != NULL) {
        writer_seal(w);
    }
    if (w->rc != OK) {
        return writer_failure(w, err);
    }
    if (w->count == LIMIT_PARTS) {
        return err_set(err, ERR_TOO_LARGE, "s3://%s/%s: more than %d parts", w->bucket, w->key,
                       LIMIT_PARTS);
    }
    p = writer_free_part(w);
    if (p == NULL) {
        return OK;
    }
    writer_add_part(w);
    w->parts[w->count - 1].bytes = range->to - range->from;
    part_number(p);
    p->copy = copy_make(bucket, key, range);
    p->transfer.body_bytes = 0;
    transfer_begin(&p->transfer);
    *begun = true;
    return OK;
}

void server_writer_end(struct s3_writer *base)
{
    struct server_writer *w = (struct server_writer *)base;
    struct err err;
    enum err_code rc = OK;

    w->ended = true;
    if (w->count == 0) {
        rc = writer_fill_next(w, &err);
    }
    if (rc != OK) {
        writer_fail(w, rc, &err);
    } else if (w->filling != NULL && (w->filling->body.bytes > 0 || w->count == 1)) {
        writer_seal(w);
    } else if (w->filling != NULL) {
        writer_unfill(w);
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
        body_fini(&w->slots[i].body, &w->pool);
        digest_fini(&w->slots[i].digest);
        part_copy_free(&w->slots[i]);
    }
    body_pool_fini(&w->pool);
    mem_free(w->parts);
    mem_free(w->bucket);
    mem_free(w->key);
    mem_free(w->upload_id);
    mem_free(w);
}
