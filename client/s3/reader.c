/* SPDX-License-Identifier: Apache-2.0 */
/* An object as a stream: ranges that are fetched side by side into fixed buffers and handed out in
 * order. Range k lives in slot k modulo the number of slots; its slot is used again once it was
 * consumed.
 *
 * The happy path: the first GET asks for the first range and learns size and ETag, which is all
 * there is for a small object. Every later GET asks under If-Match. A GET that breaks goes on where
 * it broke. An empty object has no range: the 416 is answered by one GET of the whole, which must
 * be empty. Failures: an object that is replaced or deleted meanwhile is ERR_PRECONDITION; one
 * whose ETag is the MD5 of other bytes than came is ERR_INTEGRITY, in place of the end. */
#include <stdio.h>

#include "client/s3/digest.h"
#include "client/s3/server.h"
#include "proto/base/text.h"

enum { READER_RANGE_TEXT = 64 };

struct server_reader;

struct slot {
    struct transfer transfer;
    struct server_reader *reader;
    char *buffer; /* NULL until used */
    uint64_t offset;
    size_t want;  /* bytes of the range */
    size_t have;  /* that came */
    size_t given; /* that were consumed */
    char range[READER_RANGE_TEXT];
};

struct server_reader {
    struct s3_reader base;
    struct server *server;
    char *bucket;
    char *key;
    size_t range_bytes;
    bool known; /* the first answer has told size and ETag */
    bool whole; /* ask without a range: the object seems to be empty */
    bool again; /* and that is to be asked still; it is no retry */
    uint64_t size_bytes;
    char etag[sizeof(((struct s3_object *)NULL)->etag)];
    char if_match[sizeof(((struct s3_object *)NULL)->etag) + 2];
    uint64_t head; /* the range that is handed out */
    uint64_t next; /* the range to ask for next */
    bool checked;  /* compare the MD5 at the end */
    bool verified;
    struct digest md5;
    enum err_code rc;
    struct err err;
    unsigned slot_count;
    struct slot slots[];
};

static struct slot *slot_of(struct transfer *t)
{
    return container_of(t, struct slot, transfer);
}

static struct slot *reader_slot(struct server_reader *r, uint64_t range)
{
    return &r->slots[range % r->slot_count];
}

bool server_etag_is_md5(const struct answer *n)
{
    unsigned char digest[MD5_HEX_BYTES / 2];
    struct slice etag = slice_str(n->object.etag);

    return !n->encrypted && etag.len == MD5_HEX_BYTES && text_parse_hex(etag, digest);
}

/* Ask for all ranges there is a free slot for. */
static void reader_fill(struct server_reader *r)
{
    while (r->known && r->rc == OK && r->next < r->head + r->slot_count) {
        struct slot *slot = reader_slot(r, r->next);
        uint64_t want = plan_range_length(r->size_bytes, r->range_bytes, r->next);

        if (want == 0 || slot->transfer.state != TRANSFER_IDLE) {
            return;
        }
        if (slot->buffer == NULL) {
            slot->buffer = mem_alloc(r->range_bytes);
        }
        slot->offset = r->next * r->range_bytes;
        slot->want = (size_t)want;
        slot->have = slot->given = 0;
        r->next++;
        transfer_begin(&slot->transfer);
    }
}

static void slot_prepare(struct transfer *t)
{
    struct slot *slot = slot_of(t);
    struct server_reader *r = slot->reader;

    t->request =
        (struct request){.method = "GET", .bucket = slice_str(r->bucket), .key = slice_str(r->key)};
    if (!r->whole) {
        int n = snprintf(slot->range, sizeof(slot->range), "bytes=%llu-%llu",
                         (unsigned long long)(slot->offset + slot->have),
                         (unsigned long long)(slot->offset + slot->want - 1));

        request_add_header(&t->request, SLICE("range"), slice_make(slot->range, (size_t)n));
    }
    if (r->known && r->if_match[0] != '\0') {
        request_add_header(&t->request, SLICE("if-match"), slice_str(r->if_match));
    }
}

/* The first answer's head: from here on the object is this one. */
static void reader_learn(struct server_reader *r, const struct answer *n, uint64_t size_bytes)
{
    r->known = true;
    r->size_bytes = size_bytes;
    memcpy(r->etag, n->object.etag, sizeof(r->etag));
    if (r->etag[0] != '\0' && request_is_header_value(slice_str(r->etag))) {
        (void)snprintf(r->if_match, sizeof(r->if_match), "\"%s\"", r->etag);
    }
    r->checked = server_etag_is_md5(n);
    if (r->checked) {
        digest_begin(&r->md5, EVP_md5());
    }
}

static struct verdict slot_replaced(struct transfer *t)
{
    return transfer_fail(t, (struct verdict){ERR_PRECONDITION, false, false},
                         "the object was replaced or deleted while it was read");
}

/* A 200: the whole object, which is fine where it fits the first range. */
static struct verdict slot_accept_whole(struct slot *slot)
{
    struct server_reader *r = slot->reader;
    const struct answer *n = &slot->transfer.answer;

    if (r->known && (n->length != r->size_bytes || strcmp(n->object.etag, r->etag) != 0)) {
        return slot_replaced(&slot->transfer);
    }
    if (!n->has_length || n->length > r->range_bytes || slot->offset + slot->have != 0) {
        struct verdict v = {r->whole ? ERR_PRECONDITION : ERR_CONFIG, r->whole, false};

        r->whole = false;
        return transfer_fail(&slot->transfer, v,
                             "the server answered a range with the whole object");
    }
    if (!r->known) {
        reader_learn(r, n, n->length);
        slot->want = (size_t)n->length;
    }
    return (struct verdict){OK, false, false};
}

static struct verdict slot_accept(struct transfer *t)
{
    struct slot *slot = slot_of(t);
    struct server_reader *r = slot->reader;
    const struct answer *n = &t->answer;
    struct verdict odd = {ERR_INTEGRITY, true, false};

    if (n->status == 200) {
        return slot_accept_whole(slot);
    }
    if (n->status != 206 || !n->has_range || n->first != slot->offset + slot->have ||
        (n->has_length && n->length != n->last - n->first + 1)) {
        return transfer_fail(t, odd, "the answer is not the range that was asked for");
    }
    if (r->known && (n->size != r->size_bytes || strcmp(n->object.etag, r->etag) != 0)) {
        return slot_replaced(t);
    }
    if (n->last + 1 - slot->offset !=
        plan_range_length(n->size, r->range_bytes, slot->offset / r->range_bytes)) {
        return transfer_fail(t, odd, "the answer is shorter or longer than what was asked for");
    }
    if (!r->known) {
        reader_learn(r, n, n->size);
        slot->want = (size_t)(n->last + 1);
        reader_fill(r);
    }
    return (struct verdict){OK, false, false};
}

static bool slot_take(struct transfer *t, const char *bytes, size_t len)
{
    struct slot *slot = slot_of(t);

    if (len > slot->want - slot->have) {
        return false;
    }
    memcpy(slot->buffer + slot->have, bytes, len);
    slot->have += len;
    if (slot == reader_slot(slot->reader, slot->reader->head)) {
        t->server->progress = true;
    }
    return true;
}

static struct verdict slot_judge(struct transfer *t, struct verdict v)
{
    struct slot *slot = slot_of(t);
    struct server_reader *r = slot->reader;

    if (v.rc == OK && slot->have != slot->want) {
        return transfer_fail(t, (struct verdict){ERR_IO, true, false}, "the body is too short");
    }
    if (t->answer.status == 416 && !r->known) {
        if (t->answer.has_size && t->answer.size == 0) {
            reader_learn(r, &t->answer, 0);
            r->checked = false;
            slot->want = 0;
            return (struct verdict){OK, false, false};
        }
        r->again = !r->whole;
        r->whole = true;
        return v;
    }
    if (r->known && (v.rc == ERR_NOT_FOUND || v.rc == ERR_PRECONDITION)) {
        return slot_replaced(t);
    }
    return v;
}

static void slot_done(struct transfer *t)
{
    struct server_reader *r = slot_of(t)->reader;

    if (r->again) {
        r->again = false;
        transfer_begin(t);
        return;
    }
    if (t->rc != OK && r->rc == OK) {
        r->rc = t->rc;
        r->err = t->err;
    }
    reader_fill(r);
}

static const struct transfer_ops slot_ops = {
    .prepare = slot_prepare,
    .accept = slot_accept,
    .take = slot_take,
    .judge = slot_judge,
    .done = slot_done,
};

enum err_code server_reader_open(struct s3_client *c,
                                 struct slice bucket,
                                 struct slice key,
                                 struct s3_reader **out,
                                 struct err *err)
{
    struct server *s = (struct server *)c;
    struct server_reader *r = mem_zalloc(1, sizeof(*r) + s->parallel * sizeof(r->slots[0]));

    (void)err;
    r->base.client = c;
    r->server = s;
    r->bucket = mem_strdup(bucket);
    r->key = mem_strdup(key);
    r->range_bytes = plan_range_bytes(s->part_bytes);
    r->slot_count = s->parallel;
    for (unsigned i = 0; i < r->slot_count; i++) {
        r->slots[i].reader = r;
        transfer_init(&r->slots[i].transfer, s, &slot_ops);
    }
    r->slots[0].buffer = mem_alloc(r->range_bytes);
    r->slots[0].want = r->range_bytes;
    r->next = 1;
    transfer_begin(&r->slots[0].transfer);
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
    struct slot *slot = reader_slot(r, r->head);

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
    *out = r->head < r->next ? slice_make(slot->buffer + slot->given, slot->have - slot->given)
                             : (struct slice){"", 0};
    return OK;
}

void server_reader_consume(struct s3_reader *base, size_t bytes)
{
    struct server_reader *r = (struct server_reader *)base;
    struct slot *slot = reader_slot(r, r->head);

    assert(r->head < r->next && bytes <= slot->have - slot->given);
    if (r->checked) {
        digest_add(&r->md5, slice_make(slot->buffer + slot->given, bytes));
    }
    slot->given += bytes;
    if (slot->given == slot->want) {
        r->head++;
        reader_fill(r);
    }
}

void server_reader_close(struct s3_reader *base)
{
    struct server_reader *r = (struct server_reader *)base;

    for (unsigned i = 0; i < r->slot_count; i++) {
        transfer_fini(&r->slots[i].transfer);
        mem_free(r->slots[i].buffer);
    }
    digest_fini(&r->md5);
    mem_free(r->bucket);
    mem_free(r->key);
    mem_free(r);
}
