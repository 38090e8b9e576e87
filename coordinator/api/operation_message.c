/* SPDX-License-Identifier: Apache-2.0 */
/* Messages sent, deleted, hidden: alone, and in batches, whose entries succeed or fail each by
 * itself. Source: Amazon SQS API Reference; the wording of errors: recorded answers of AWS. */
#include <stdio.h>
#include <string.h>

#include "coordinator/api/operation_queue.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

/* ---- what may be in a message ---- */

static enum err_code check_body(struct slice body, struct err *err)
{
    if (body.len == 0) {
        return err_set(err, ERR_QUEUE_MISSING,
                       "The request must contain the parameter MessageBody.");
    }
    return message_text_is_valid(body)
               ? OK
               : err_set(err, ERR_CONTENTS,
                         "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | "
                         "#x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF");
}

static enum err_code check_id(const char *id, const char *what, struct err *err)
{
    return queue_is_message_id(slice_str(id))
               ? OK
               : err_set(err, ERR_QUEUE_PARAMETER,
                         "Value %.200s for parameter %s is invalid. Reason: %s can only include "
                         "alphanumeric and punctuation characters. 1 to 128 in length.",
                         id, what, what);
}

enum err_code message_not_for_type(const char *value, const char *what, struct err *err)
{
    return err_set(
        err, ERR_QUEUE_PARAMETER,
        "Value %.200s for parameter %s is invalid. Reason: The request include parameter "
        "that is not valid for this queue type.",
        value, what);
}

static enum err_code check_delay(const struct ledger_queue *q,
                                 const Stepfleet__MessageSendRequest *m,
                                 int64_t *delay_ms,
                                 struct err *err)
{
    char text[16];

    *delay_ms = (int64_t)q->row.attributes.delay_s * 1000;
    if (!m->has_delay_s) {
        return OK;
    }
    if (m->delay_s < 0 || m->delay_s > LIMIT_QUEUE_DELAY_S) {
        return err_set(err, ERR_QUEUE_PARAMETER,
                       "Value %d for parameter DelaySeconds is invalid. Reason: DelaySeconds must "
                       "be >= 0 and <= %d.",
                       m->delay_s, LIMIT_QUEUE_DELAY_S);
    }
    if (q->row.attributes.fifo && m->delay_s != 0) {
        (void)snprintf(text, sizeof(text), "%d", m->delay_s);
        return message_not_for_type(text, "DelaySeconds", err);
    }
    if (!q->row.attributes.fifo) {
        *delay_ms = (int64_t)m->delay_s * 1000;
    }
    return OK;
}

static enum err_code
check_fifo(const struct ledger_queue *q, const Stepfleet__MessageSendRequest *m, struct err *err)
{
    enum err_code rc = check_id(m->group, "MessageGroupId", err);

    if (rc == OK) {
        rc = check_id(m->dedup, "MessageDeduplicationId", err);
    }
    if (rc != OK) {
        return rc;
    }
    if (!q->row.attributes.fifo) {
        return m->dedup[0] == '\0' ? OK
                                   : message_not_for_type(m->dedup, "MessageDeduplicationId", err);
    }
    if (m->group[0] == '\0') {
        return err_set(err, ERR_QUEUE_MISSING,
                       "The request must contain the parameter MessageGroupId.");
    }
    if (m->dedup[0] == '\0' && !q->row.attributes.content_dedup) {
        return err_set(err, ERR_QUEUE_PARAMETER,
                       "The queue should either have ContentBasedDeduplication enabled or "
                       "MessageDeduplicationId provided explicitly");
    }
    return OK;
}

static enum err_code check_dedups(const struct ledger_queue *q, struct err *err)
{
    return ledger_queue_remembers(q)
               ? OK
               : err_set(err, ERR_BUSY,
                         "%d messages were sent to %.*s within five minutes, the most it remembers",
                         LIMIT_QUEUE_DEDUPS, SLICE_FMT(q->name));
}

/* ---- sending ---- */

/* A message that may be sent. */
struct outgoing {
    struct message_row row;
    int64_t delay_ms;
    struct dedup_key dedup;
    bool has_dedup;
    size_t bytes; /* as they count */
    char *attributes_md5;
    char *system_md5;
};

static enum err_code read_system(const Stepfleet__MessageSendRequest *m,
                                 struct arena *a,
                                 struct outgoing *o,
                                 struct err *err)
{
    struct message_attribute *items;
    size_t bytes = 0;
    size_t n;
    enum err_code rc =
        message_attributes_read(message_slice(m->system_attributes), a, &items, &n, &bytes, err);

    if (rc != OK) {
        return rc;
    }
    for (size_t i = 0; i < n; i++) {
        if (!slice_eq_str(items[i].name, "AWSTraceHeader") || items[i].binary) {
            return err_set(err, ERR_QUEUE_PARAMETER,
                           "Message system attribute name '%.*s' is invalid.",
                           SLICE_FMT(items[i].name));
        }
        o->row.trace = items[i].value;
    }
    o->system_md5 = message_attributes_md5(items, n, a);
    return OK;
}

static enum err_code read_attributes(const Stepfleet__MessageSendRequest *m,
                                     struct arena *a,
                                     struct outgoing *o,
                                     struct err *err)
{
    struct message_attribute *items;
    struct buf b = {0};
    size_t n;
    enum err_code rc =
        message_attributes_read(message_slice(m->attributes), a, &items, &n, &o->bytes, err);

    if (rc == OK && n != 0) {
        message_attributes_encode(items, n, &b);
        o->row.attributes = arena_copy(a, buf_slice(&b));
        buf_fini(&b);
    }
    o->attributes_md5 = rc == OK ? message_attributes_md5(items, n, a) : NULL;
    return rc;
}

static enum err_code prepare(struct api *api,
                             const struct ledger_queue *q,
                             const Stepfleet__MessageSendRequest *m,
                             struct outgoing *o,
                             struct err *err)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    enum err_code rc = check_body(message_slice(m->body), err);

    *o = (struct outgoing){.bytes = m->body.len};
    o->row.body = message_slice(m->body);
    o->row.group = slice_str(m->group);
    o->row.dedup = slice_str(m->dedup);
    o->row.sender =
        arena_printf(a, "%012llu", (unsigned long long)ledger_configuration(api->ledger)->account);
    if (rc == OK) {
        rc = check_delay(q, m, &o->delay_ms, err);
    }
    if (rc == OK) {
        rc = check_fifo(q, m, err);
    }
    if (rc == OK) {
        rc = read_attributes(m, a, o, err);
    }
    if (rc == OK) {
        rc = read_system(m, a, o, err);
    }
    if (rc == OK && o->bytes > q->row.attributes.message_bytes) {
        rc = err_set(err, ERR_QUEUE_PARAMETER,
                     "One or more parameters are invalid. Reason: Message must be shorter than %u "
                     "bytes.",
                     q->row.attributes.message_bytes);
    }
    if (rc == OK) {
        rc = check_dedups(q, err);
    }
    if (rc == OK) {
        o->row.body_md5 = message_digest(o->row.body, a);
    }
    if (rc == OK && q->row.attributes.fifo) {
        o->row.dedup = o->row.dedup.len != 0 ? o->row.dedup : dedup_content_id(o->row.body, a);
        o->dedup = ledger_dedup_key(q, o->row.group, o->row.dedup, a);
        o->has_dedup = true;
    }
    return rc;
}

static void send(struct api *api,
                 struct ledger_queue *q,
                 const struct outgoing *o,
                 Stepfleet__MessageSendReply *r)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    struct ledger_sent sent;

    ledger_queue_send(api->ledger, q, &o->row, o->delay_ms, o->has_dedup ? &o->dedup : NULL, &sent);
    r->message = message_uuid(sent.id, a);
    r->body_md5 = message_body_md5(&o->row, a);
    r->attributes_md5 = o->attributes_md5;
    r->system_md5 = o->system_md5;
    if (q->row.attributes.fifo) {
        r->sequence = message_sequence(sent.number, a);
    }
}

void operation_MESSAGE_SEND(struct call *c)
{
    const Stepfleet__MessageSendRequest *m = (const void *)c->request;
    Stepfleet__MessageSendReply r = STEPFLEET__MESSAGE_SEND_REPLY__INIT;
    struct ledger_queue *q;
    struct outgoing o;
    struct err err;
    enum err_code rc = find_queue(c->api, m->queue, &q, &err);

    if (rc == OK) {
        rc = prepare(c->api, q, m, &o, &err);
    }
    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    send(c->api, q, &o, &r);
    c->reply(c, &r.base);
}

/* ---- batches ---- */

static bool is_entry_id(const char *id)
{
    size_t len = strlen(id);

    for (size_t i = 0; i < len; i++) {
        char c = id[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_')) {
            return false;
        }
    }
    return len != 0 && len <= LIMIT_NAME_CHARS;
}

/* What is wrong with a batch as a whole. */
static enum err_code
check_batch(const char *const *ids, size_t count, const char *entry, struct err *err)
{
    if (count == 0) {
        return err_set(err, ERR_BATCH_EMPTY, "There should be at least one %s in the request.",
                       entry);
    }
    if (count > LIMIT_QUEUE_BATCH) {
        return err_set(err, ERR_BATCH_ENTRIES,
                       "Maximum number of entries per request are %d. You have sent %zu.",
                       LIMIT_QUEUE_BATCH, count);
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_entry_id(ids[i])) {
            return err_set(err, ERR_BATCH_ID,
                           "A batch entry id can only contain alphanumeric characters, hyphens and "
                           "underscores. It can be at most 80 letters long.");
        }
        for (size_t n = 0; n < i; n++) {
            if (strcmp(ids[n], ids[i]) == 0) {
                return err_set(err, ERR_BATCH_IDS, "Id %s repeated.", ids[i]);
            }
        }
    }
    return OK;
}

static Stepfleet__BatchFailure *
failure(struct arena *a, const char *id, enum err_code code, const struct err *err)
{
    Stepfleet__BatchFailure *f = arena_alloc(a, sizeof(*f));

    stepfleet__batch_failure__init(f);
    f->id = arena_str(a, slice_str(id));
    f->sender = code != ERR_INTERNAL && code != ERR_IO && code != ERR_CORRUPT && code != ERR_BUSY;
    f->code = arena_str(a, slice_str(err_name(code)));
    f->message = arena_str(a, slice_str(err->msg));
    return f;
}

/* The queue, and its batch's ids: what all batches begin with. */
static enum err_code begin_batch(struct call *c,
                                 const char *queue,
                                 const char *const *ids,
                                 size_t count,
                                 const char *entry,
                                 struct ledger_queue **q,
                                 struct err *err)
{
    enum err_code rc = find_queue(c->api, queue, q, err);

    return rc == OK ? check_batch(ids, count, entry, err) : rc;
}

/* An entry of a batch, and what is wrong with it. */
struct entry {
    struct outgoing o;
    enum err_code rc;
    struct err err;
};

/* All of them, before any is sent: together they may be as long as one. */
static enum err_code prepare_batch(struct api *api,
                                   const struct ledger_queue *q,
                                   const Stepfleet__MessageSendBatchRequest *b,
                                   struct entry *entries,
                                   struct err *err)
{
    size_t bytes = 0;

    for (size_t i = 0; i < b->n_entries; i++) {
        struct entry *e = &entries[i];

        e->rc = prepare(api, q, b->entries[i], &e->o, &e->err);
        bytes += e->o.bytes;
    }
    return bytes <= LIMIT_QUEUE_MESSAGE_BYTES
               ? OK
               : err_set(err, ERR_BATCH_LONG,
                         "Batch requests cannot be longer than %d bytes. You have sent %zu bytes.",
                         LIMIT_QUEUE_MESSAGE_BYTES, bytes);
}

static void send_batch(struct call *c,
                       struct ledger_queue *q,
                       const Stepfleet__MessageSendBatchRequest *b,
                       const struct entry *entries)
{
    struct arena *a = ledger_turn_arena(c->api->ledger);
    Stepfleet__MessageSendBatchReply r = STEPFLEET__MESSAGE_SEND_BATCH_REPLY__INIT;

    r.done = ARENA_ARRAY(a, b->n_entries, Stepfleet__MessageSendReply *);
    r.failed = ARENA_ARRAY(a, b->n_entries, Stepfleet__BatchFailure *);
    for (size_t i = 0; i < b->n_entries; i++) {
        const char *id = b->entries[i]->id;
        Stepfleet__MessageSendReply *one;

        if (entries[i].rc != OK) {
            r.failed[r.n_failed++] = failure(a, id, entries[i].rc, &entries[i].err);
            continue;
        }
        one = arena_alloc(a, sizeof(*one));
        stepfleet__message_send_reply__init(one);
        one->id = arena_str(a, slice_str(id));
        send(c->api, q, &entries[i].o, one);
        r.done[r.n_done++] = one;
    }
    c->reply(c, &r.base);
}

void operation_MESSAGE_SEND_BATCH(struct call *c)
{
    const Stepfleet__MessageSendBatchRequest *b = (const void *)c->request;
    struct arena *a = ledger_turn_arena(c->api->ledger);
    const char **ids = ARENA_ARRAY(a, b->n_entries + 1, const char *);
    struct entry *entries = NULL;
    struct ledger_queue *q;
    struct err err;
    enum err_code rc;

    for (size_t i = 0; i < b->n_entries; i++) {
        ids[i] = b->entries[i]->id;
    }
    rc = begin_batch(c, b->queue, ids, b->n_entries, "SendMessageBatchRequestEntry", &q, &err);
    if (rc == OK) {
        entries = ARENA_ARRAY(a, b->n_entries, struct entry);
        rc = prepare_batch(c->api, q, b, entries, &err);
    }
    if (rc == OK) {
        send_batch(c, q, b, entries);
    } else {
        c->fail(c, rc, &err);
    }
}

/* ---- by receipt ---- */

static enum err_code read_receipt(const struct call *c,
                                  const struct ledger_queue *q,
                                  const char *text,
                                  struct receipt *out,
                                  struct err *err)
{
    return receipt_parse(slice_str(text), out) &&
                   !ledger_queue_is_of_another(c->api->ledger, q, out)
               ? OK
               : err_set(err, ERR_RECEIPT,
                         "The input receipt handle \"%.300s\" is not a valid receipt handle.",
                         text);
}

static enum err_code delete_one(struct call *c,
                                struct ledger_queue *q,
                                const Stepfleet__MessageRequest *m,
                                struct err *err)
{
    struct receipt receipt;
    enum err_code rc = read_receipt(c, q, m->receipt, &receipt, err);

    if (rc != OK) {
        return rc;
    }
    switch (ledger_queue_remove(c->api->ledger, q, &receipt)) {
    case QUEUE_DONE:
    case QUEUE_STALE:
    case QUEUE_TOO_LONG: break;
    case QUEUE_NOT_IN_FLIGHT:
        return err_set(err, ERR_QUEUE_PARAMETER,
                       "Value %.300s for parameter ReceiptHandle is invalid. Reason: The receipt "
                       "handle has expired.",
                       m->receipt);
    }
    return OK;
}

static enum err_code hide_one(struct call *c,
                              struct ledger_queue *q,
                              const Stepfleet__MessageRequest *m,
                              struct err *err)
{
    struct receipt receipt;
    enum err_code rc = read_receipt(c, q, m->receipt, &receipt, err);

    if (rc != OK) {
        return rc;
    }
    if (m->visibility_s < 0 || m->visibility_s > LIMIT_QUEUE_VISIBILITY_S) {
        return err_set(err, ERR_QUEUE_PARAMETER,
                       "Value %d for parameter VisibilityTimeout is invalid. Reason: Must be "
                       "between 0 and %d.",
                       m->visibility_s, LIMIT_QUEUE_VISIBILITY_S);
    }
    switch (ledger_queue_hide(c->api->ledger, q, &receipt, (int64_t)m->visibility_s * 1000)) {
    case QUEUE_DONE: break;
    case QUEUE_STALE:
        return err_set(err, ERR_QUEUE_PARAMETER,
                       "Value %.300s for parameter ReceiptHandle is invalid. Reason: Message does "
                       "not exist or is not available for visibility timeout change.",
                       m->receipt);
    case QUEUE_NOT_IN_FLIGHT:
        return err_set(err, ERR_NOT_IN_FLIGHT, "The message referred to is not in flight.");
    case QUEUE_TOO_LONG:
        return err_set(err, ERR_QUEUE_PARAMETER,
                       "Value %d for parameter VisibilityTimeout is invalid. Reason: Total "
                       "VisibilityTimeout for the message is beyond the limit [%d seconds]",
                       m->visibility_s, LIMIT_QUEUE_VISIBILITY_S);
    }
    return OK;
}

typedef enum err_code by_receipt(struct call *c,
                                 struct ledger_queue *q,
                                 const Stepfleet__MessageRequest *m,
                                 struct err *err);

static void do_one(struct call *c, by_receipt *work)
{
    const Stepfleet__MessageRequest *m = (const void *)c->request;
    struct ledger_queue *q;
    struct err err;
    enum err_code rc = find_queue(c->api, m->queue, &q, &err);

    if (rc == OK) {
        rc = work(c, q, m, &err);
    }
    reply_empty(c, rc, &err);
}

static void reply_batch(struct call *c,
                        struct ledger_queue *q,
                        const Stepfleet__MessageBatchRequest *b,
                        by_receipt *work)
{
    struct arena *a = ledger_turn_arena(c->api->ledger);
    Stepfleet__MessageBatchReply r = STEPFLEET__MESSAGE_BATCH_REPLY__INIT;

    r.done = ARENA_ARRAY(a, b->n_entries, Stepfleet__BatchDone *);
    r.failed = ARENA_ARRAY(a, b->n_entries, Stepfleet__BatchFailure *);
    for (size_t i = 0; i < b->n_entries; i++) {
        const Stepfleet__MessageRequest *m = b->entries[i];
        struct err err;
        enum err_code rc = work(c, q, m, &err);

        if (rc == OK) {
            Stepfleet__BatchDone *done = arena_alloc(a, sizeof(*done));

            stepfleet__batch_done__init(done);
            done->id = arena_str(a, slice_str(m->id));
            r.done[r.n_done++] = done;
        } else {
            r.failed[r.n_failed++] = failure(a, m->id, rc, &err);
        }
    }
    c->reply(c, &r.base);
}

static void do_batch(struct call *c, const char *entry, by_receipt *work)
{
    const Stepfleet__MessageBatchRequest *b = (const void *)c->request;
    struct arena *a = ledger_turn_arena(c->api->ledger);
    const char **ids = ARENA_ARRAY(a, b->n_entries + 1, const char *);
    struct ledger_queue *q;
    struct err err;
    enum err_code rc;

    for (size_t i = 0; i < b->n_entries; i++) {
        ids[i] = b->entries[i]->id;
    }
    rc = begin_batch(c, b->queue, ids, b->n_entries, entry, &q, &err);
    if (rc == OK) {
        reply_batch(c, q, b, work);
    } else {
        c->fail(c, rc, &err);
    }
}

void operation_MESSAGE_DELETE(struct call *c)
{
    do_one(c, delete_one);
}

void operation_MESSAGE_HIDE(struct call *c)
{
    do_one(c, hide_one);
}

void operation_MESSAGE_DELETE_BATCH(struct call *c)
{
    do_batch(c, "DeleteMessageBatchRequestEntry", delete_one);
}

void operation_MESSAGE_HIDE_BATCH(struct call *c)
{
    do_batch(c, "ChangeMessageVisibilityBatchRequestEntry", hide_one);
}
