/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/row_webhook.h"

#include "coordinator/store/row.h"
#include "proto/base/limits.h"

enum { ROW_VERSION = 1 };

void webhook_row_encode(const struct webhook_row *r, struct buf *out)
{
    buf_put_u8(out, ROW_VERSION);
    buf_put_u8(out, (uint8_t)r->kind);
    buf_put_bytes(out, r->name);
    buf_put_bytes(out, r->id);
    buf_put_svarint(out, r->created_ms);
    buf_put_svarint(out, r->updated_ms);
    buf_put_bytes(out, r->description);
    switch (r->kind) {
    case WEBHOOK_CONNECTION:
        buf_put_u8(out, (uint8_t)r->auth.kind);
        buf_put_bytes(out, r->auth.name);
        buf_put_bytes(out, r->auth.secret);
        break;
    case WEBHOOK_DESTINATION:
        buf_put_bytes(out, r->connection);
        buf_put_bytes(out, r->endpoint);
        buf_put_bytes(out, r->method);
        buf_put_varint(out, r->rate);
        break;
    }
}

static void get_auth(struct cursor *c, struct webhook_auth *auth)
{
    uint8_t kind = cursor_u8(c);

    c->bad = c->bad || kind < WEBHOOK_API_KEY || kind > WEBHOOK_BASIC;
    auth->kind = (enum webhook_auth_kind)kind;
    auth->name = cursor_bytes(c);
    auth->secret = cursor_bytes(c);
}

static void get_destination(struct cursor *c, struct webhook_row *r)
{
    uint64_t rate;

    r->connection = cursor_bytes(c);
    r->endpoint = cursor_bytes(c);
    r->method = cursor_bytes(c);
    rate = cursor_varint(c);
    c->bad = c->bad || rate == 0 || rate > LIMIT_WEBHOOK_RATE;
    r->rate = (uint32_t)rate;
}

enum err_code webhook_row_decode(struct slice bytes, struct webhook_row *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    struct webhook_row r = {0};
    enum err_code rc = row_begin(&c, "webhook", ROW_VERSION, NULL, err);
    uint8_t kind;

    if (rc != OK) {
        return rc;
    }
    kind = cursor_u8(&c);
    r.kind = (enum webhook_kind)kind;
    r.name = cursor_bytes(&c);
    r.id = cursor_bytes(&c);
    r.created_ms = cursor_svarint(&c);
    r.updated_ms = cursor_svarint(&c);
    r.description = cursor_bytes(&c);
    if (kind == WEBHOOK_CONNECTION) {
        get_auth(&c, &r.auth);
    } else if (kind == WEBHOOK_DESTINATION) {
        get_destination(&c, &r);
    } else {
        c.bad = true;
    }
    rc = row_end(&c, "webhook", err);
    if (rc == OK) {
        *out = r;
    }
    return rc;
}
