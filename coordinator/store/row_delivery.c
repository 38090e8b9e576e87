/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/row_delivery.h"

#include "coordinator/store/row.h"
#include "proto/base/limits.h"

enum { ROW_VERSION = 1 };

void delivery_row_encode(const struct delivery_row *r, struct buf *out)
{
    buf_put_u8(out, ROW_VERSION);
    buf_put_svarint(out, r->created_ms);
    buf_put_svarint(out, r->due_ms);
    buf_put_varint(out, r->tries);
    buf_put_varint(out, r->retries.most);
    buf_put_svarint(out, r->retries.age_ms);
    buf_put_bytes(out, r->rule_arn);
    buf_put_bytes(out, r->target_arn);
    buf_put_bytes(out, r->group);
    buf_put_bytes(out, r->dead_letters);
    buf_put_bytes(out, r->event_id);
    buf_put_bytes(out, r->event);
    buf_put_bytes(out, r->input);
}

static uint32_t get_tries(struct cursor *c)
{
    uint64_t v = cursor_varint(c);

    c->bad = c->bad || v > LIMIT_DELIVERY_RETRIES;
    return (uint32_t)v;
}

enum err_code delivery_row_decode(struct slice bytes, struct delivery_row *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    struct delivery_row r = {0};
    enum err_code rc = row_begin(&c, "delivery", ROW_VERSION, NULL, err);

    if (rc != OK) {
        return rc;
    }
    r.created_ms = cursor_svarint(&c);
    r.due_ms = cursor_svarint(&c);
    r.tries = get_tries(&c);
    r.retries.most = get_tries(&c);
    r.retries.age_ms = cursor_svarint(&c);
    r.rule_arn = cursor_bytes(&c);
    r.target_arn = cursor_bytes(&c);
    r.group = cursor_bytes(&c);
    r.dead_letters = cursor_bytes(&c);
    r.event_id = cursor_bytes(&c);
    r.event = cursor_bytes(&c);
    r.input = cursor_bytes(&c);
    rc = row_end(&c, "delivery", err);
    if (rc == OK) {
        *out = r;
    }
    return rc;
}
