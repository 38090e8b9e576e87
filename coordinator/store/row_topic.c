/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/row_topic.h"

#include "coordinator/store/row.h"
#include "proto/base/limits.h"

enum { ROW_VERSION = 1, FLAG_RAW = 1, FLAG_BY_BODY = 2 };

void topic_row_encode(const struct topic_row *r, struct buf *out)
{
    buf_put_u8(out, ROW_VERSION);
    buf_put_svarint(out, r->created_ms);
    buf_put_varint(out, r->attribute_count);
    for (size_t i = 0; i < r->attribute_count; i++) {
        buf_put_bytes(out, r->attributes[i].key);
        buf_put_bytes(out, r->attributes[i].value);
    }
}

enum err_code
topic_row_decode(struct slice bytes, struct arena *a, struct topic_row *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    struct topic_row r = {0};
    struct tag *items;
    uint64_t count;
    enum err_code rc = row_begin(&c, "topic", ROW_VERSION, NULL, err);

    if (rc != OK) {
        return rc;
    }
    r.created_ms = cursor_svarint(&c);
    count = cursor_varint(&c);
    c.bad = c.bad || count > LIMIT_TOPIC_ATTRIBUTES;
    r.attribute_count = c.bad ? 0 : (size_t)count;
    r.attributes = items = ARENA_ARRAY(a, r.attribute_count, struct tag);
    for (size_t i = 0; i < r.attribute_count; i++) {
        items[i].key = cursor_bytes(&c);
        items[i].value = cursor_bytes(&c);
    }
    rc = row_end(&c, "topic", err);
    if (rc == OK) {
        *out = r;
    }
    return rc;
}

void subscription_row_encode(const struct subscription_row *r, struct buf *out)
{
    buf_put_u8(out, ROW_VERSION);
    buf_put_svarint(out, r->created_ms);
    buf_put_bytes(out, r->topic);
    buf_put_bytes(out, r->queue);
    buf_put_u8(out, (uint8_t)((r->settings.raw ? FLAG_RAW : 0) |
                              (r->settings.by_body ? FLAG_BY_BODY : 0)));
    buf_put_bytes(out, r->settings.filter);
    buf_put_bytes(out, r->settings.redrive);
}

enum err_code
subscription_row_decode(struct slice bytes, struct subscription_row *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    struct subscription_row r = {0};
    enum err_code rc = row_begin(&c, "subscription", ROW_VERSION, NULL, err);
    uint8_t flags;

    if (rc != OK) {
        return rc;
    }
    r.created_ms = cursor_svarint(&c);
    r.topic = cursor_bytes(&c);
    r.queue = cursor_bytes(&c);
    flags = cursor_u8(&c);
    c.bad = c.bad || flags > (FLAG_RAW | FLAG_BY_BODY);
    r.settings.raw = (flags & FLAG_RAW) != 0;
    r.settings.by_body = (flags & FLAG_BY_BODY) != 0;
    r.settings.filter = cursor_bytes(&c);
    r.settings.redrive = cursor_bytes(&c);
    rc = row_end(&c, "subscription", err);
    if (rc == OK) {
        *out = r;
    }
    return rc;
}
