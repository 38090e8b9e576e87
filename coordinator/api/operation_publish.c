/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to topics, alone and in batches. A batch is published whole or not at all, as with AWS.
 * Source: Amazon SNS API Reference. */
#include <string.h>

#include "coordinator/api/operation_topic.h"
#include "coordinator/ledger/queue.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

/* ---- one message ---- */

static enum err_code no_type(const char *before, struct slice name, struct err *err)
{
    return err_set(err, ERR_VALIDATION,
                   "1 validation error detected: Value null at '%smessageAttributes.%.*s.member."
                   "dataType' failed to satisfy constraint: Member must not be null",
                   before, SLICE_FMT(slice_head(name, 300)));
}

static bool from_base64(struct slice text, struct arena *a, struct slice *out)
{
    uint8_t *bytes = arena_alloc(a, text.len);
    size_t len;

    if (!text_parse_base64(text, bytes, text.len, &len)) {
        return false;
    }
    *out = slice_make(bytes, len);
    return true;
}

/* One attribute, from {"DataType", "StringValue" | "BinaryValue"}. */
static enum err_code read_attribute(const struct json_node *v,
                                    const char *before,
                                    struct arena *a,
                                    struct topic_attribute *out,
                                    struct err *err)
{
    const struct json_node *type = json_member(v, SLICE("DataType"));
    const struct json_node *text = json_member(v, SLICE("StringValue"));
    const struct json_node *bytes = json_member(v, SLICE("BinaryValue"));

    if (!json_is(type, JSON_STRING)) {
        return no_type(before, out->name, err);
    }
    out->type = json_text(type);
    out->binary = text == NULL && bytes != NULL;
    out->value = text != NULL ? json_text(text) : (struct slice){NULL, 0};
    if (out->binary && !from_base64(json_text(bytes), a, &out->value)) {
        return err_set(err, ERR_TOPIC_VALUE, "The message attribute '%.*s' is not valid Base64",
                       SLICE_FMT(slice_head(out->name, 300)));
    }
    return OK;
}

static enum err_code read_attributes(struct slice json,
                                     const char *before,
                                     struct arena *a,
                                     struct topic_message *m,
                                     struct err *err)
{
    const struct json_node *v = NULL;
    struct topic_attribute *items;
    enum err_code rc = OK;

    if (json.len == 0) {
        return OK;
    }
    if (json_parse(json, a, &v, NULL) != OK || !json_is(v, JSON_OBJECT)) {
        return err_set(err, ERR_TOPIC_PARAMETER, "Invalid parameter: MessageAttributes");
    }
    m->attributes = items = ARENA_ARRAY(a, json_count(v), struct topic_attribute);
    for (const struct json_node *e = json_first(v); e != NULL && rc == OK; e = json_next(v, e)) {
        items[m->attribute_count].name = json_key(v, e);
        rc = read_attribute(e, before, a, &items[m->attribute_count++], err);
    }
    return rc;
}

static enum err_code refuse(struct err *err, const char *why)
{
    return err_set(err, ERR_TOPIC_PARAMETER, "Invalid parameter: %s", why);
}

/* What orders a message, and what tells it from others. A standard topic hands the group on, to
 * queues that share fairly between groups. */
static enum err_code read_fifo(struct api *api,
                               const struct ledger_topic *t,
                               const Stepfleet__PublishRequest *q,
                               struct topic_message *m,
                               struct err *err)
{
    m->group = slice_str(q->group);
    m->dedup = slice_str(q->dedup);
    if (!queue_is_message_id(m->group) || !queue_is_message_id(m->dedup)) {
        return refuse(err,
                      queue_is_message_id(m->group) ? "MessageDeduplicationId" : "MessageGroupId");
    }
    if (!t->fifo) {
        return m->dedup.len == 0
                   ? OK
                   : refuse(err, "MessageDeduplicationId Reason: The request includes "
                                 "MessageDeduplicationId parameter that is not valid for this "
                                 "topic type");
    }
    if (m->group.len == 0) {
        return refuse(err, "The MessageGroupId parameter is required for FIFO topics");
    }
    if (m->dedup.len == 0 && !topic_dedups_by_content(t)) {
        return refuse(err, "The topic should either have ContentBasedDeduplication enabled or "
                           "MessageDeduplicationId provided explicitly");
    }
    if (m->dedup.len == 0) {
        m->dedup = dedup_content_id(message_slice(q->message), ledger_turn_arena(api->ledger));
    }
    return ledger_topic_accepts(api->ledger, t)
               ? OK
               : err_set(err, ERR_BUSY, "a queue of topic %.*s remembers no more messages",
                         SLICE_FMT(t->name));
}

/* @param before  in front of names in messages: where it stands in a batch */
static enum err_code read_message(const Stepfleet__PublishRequest *q,
                                  const char *before,
                                  struct arena *a,
                                  struct topic_message *m,
                                  struct err *err)
{
    enum err_code rc = read_attributes(message_slice(q->attributes), before, a, m, err);

    m->body = message_slice(q->message);
    if (q->has_subject) {
        m->subject = slice_make(q->subject.data != NULL ? (const char *)q->subject.data : "",
                                q->subject.len);
    }
    if (rc == OK) {
        rc = topic_message_check(m, err);
    }
    if (rc == OK && strcmp(q->structure, "json") == 0) {
        rc = topic_body_of(m->body, a, &m->body, err);
    }
    return rc;
}

void operation_PUBLISH(struct call *c)
{
    const Stepfleet__PublishRequest *q = (const void *)c->request;
    struct arena *a = ledger_turn_arena(c->api->ledger);
    Stepfleet__PublishReply r = STEPFLEET__PUBLISH_REPLY__INIT;
    struct topic_message m = {0};
    struct ledger_topic *t;
    struct err err;
    enum err_code rc = read_message(q, "", a, &m, &err);

    if (rc == OK) {
        rc = find_topic(c->api, "TopicArn", q->topic[0] != '\0' ? q->topic : q->target, &t, &err);
    }
    if (rc == OK) {
        rc = read_fifo(c->api, t, q, &m, &err);
    }
    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    ledger_topic_publish(c->api->ledger, t, &m);
    r.message = arena_str(a, m.id);
    r.sequence = arena_str(a, m.sequence);
    c->reply(c, &r.base);
}

/* ---- batches ---- */

static enum err_code check_id(const char *id, struct err *err)
{
    size_t len = strlen(id);

    if (len > LIMIT_NAME_CHARS) {
        return err_set(err, ERR_BATCH_ID,
                       "The Id of a batch entry in the batch request is too long: %.300s", id);
    }
    for (size_t i = 0; i < len; i++) {
        char ch = id[i];

        if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
              ch == '-' || ch == '_')) {
            len = 0;
        }
    }
    return len != 0 ? OK
                    : err_set(err, ERR_BATCH_ID,
                              "The Id of a batch entry in the batch request contains an "
                              "impermissible character: %.300s",
                              id);
}

static enum err_code check_entries(const Stepfleet__PublishBatchRequest *q, struct err *err)
{
    if (q->n_entries == 0) {
        return err_set(err, ERR_BATCH_EMPTY, "The batch request doesn't contain any entries.");
    }
    if (q->n_entries > LIMIT_QUEUE_BATCH) {
        return err_set(err, ERR_BATCH_ENTRIES,
                       "The batch request contains more entries than permissible.");
    }
    for (size_t i = 0; i < q->n_entries; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(q->entries[i]->id, q->entries[k]->id) == 0) {
                return err_set(err, ERR_BATCH_IDS,
                               "Two or more batch entries in the request have the same Id.");
            }
        }
    }
    return OK;
}

static enum err_code read_batch(struct api *api,
                                const struct ledger_topic *t,
                                const Stepfleet__PublishBatchRequest *q,
                                struct topic_message *out,
                                struct err *err)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    enum err_code rc = check_entries(q, err);
    size_t bytes = 0;

    for (size_t i = 0; i < q->n_entries && rc == OK; i++) {
        rc = check_id(q->entries[i]->id, err);
    }
    for (size_t i = 0; i < q->n_entries && rc == OK; i++) {
        const char *before =
            arena_str(a, arena_printf(a, "publishBatchRequestEntries.%zu.member.", i + 1));

        rc = read_message(q->entries[i], before, a, &out[i], err);
        if (rc == OK) {
            rc = read_fifo(api, t, q->entries[i], &out[i], err);
        }
        bytes += topic_message_bytes(&out[i]);
    }
    if (rc == OK && bytes > LIMIT_PAYLOAD_BYTES) {
        rc = err_set(err, ERR_BATCH_LONG,
                     "The length of all the messages put together is more than the limit.");
    }
    return rc;
}

void operation_PUBLISH_BATCH(struct call *c)
{
    const Stepfleet__PublishBatchRequest *q = (const void *)c->request;
    struct arena *a = ledger_turn_arena(c->api->ledger);
    Stepfleet__PublishBatchReply r = STEPFLEET__PUBLISH_BATCH_REPLY__INIT;
    struct topic_message *messages = ARENA_ARRAY(a, LIMIT_QUEUE_BATCH, struct topic_message);
    struct ledger_topic *t;
    struct err err;
    enum err_code rc = find_topic(c->api, "TopicArn", q->topic, &t, &err);

    if (rc == OK) {
        rc = read_batch(c->api, t, q, messages, &err);
    }
    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    r.done = ARENA_ARRAY(a, q->n_entries, Stepfleet__PublishReply *);
    for (; r.n_done < q->n_entries; r.n_done++) {
        Stepfleet__PublishReply *done = arena_alloc(a, sizeof(*done));

        ledger_topic_publish(c->api->ledger, t, &messages[r.n_done]);
        stepfleet__publish_reply__init(done);
        done->id = q->entries[r.n_done]->id;
        done->message = arena_str(a, messages[r.n_done].id);
        done->sequence = arena_str(a, messages[r.n_done].sequence);
        r.done[r.n_done] = done;
    }
    c->reply(c, &r.base);
}
