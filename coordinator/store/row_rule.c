/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/row_rule.h"

#include "coordinator/store/row.h"
#include "proto/base/limits.h"

enum { VERSION_SCHEDULES = 1, ROW_VERSION = 2 };

static void put_target(const struct rule_target *t, struct buf *out)
{
    buf_put_bytes(out, t->id);
    buf_put_bytes(out, t->texts.arn);
    buf_put_bytes(out, t->role_arn);
    buf_put_bytes(out, t->texts.input);
    buf_put_bytes(out, t->texts.input_path);
    buf_put_bytes(out, t->texts.transformer);
    buf_put_bytes(out, t->texts.queue);
    buf_put_bytes(out, t->texts.dead_letters);
    buf_put_bytes(out, t->texts.retry);
}

void rule_row_encode(const struct rule_row *r, struct buf *out)
{
    buf_put_u8(out, ROW_VERSION);
    buf_put_svarint(out, r->created_ms);
    buf_put_svarint(out, r->began_ms);
    buf_put_svarint(out, r->seen_ms);
    buf_put_u8(out, r->enabled);
    buf_put_bytes(out, r->expression);
    buf_put_bytes(out, r->description);
    buf_put_bytes(out, r->role_arn);
    buf_put_varint(out, r->target_count);
    for (size_t i = 0; i < r->target_count; i++) {
        put_target(&r->targets[i], out);
    }
    buf_put_bytes(out, r->pattern);
}

static struct rule_target get_target(struct cursor *c, uint8_t version)
{
    struct rule_target t = {.id = cursor_bytes(c)};

    t.texts.arn = cursor_bytes(c);
    t.role_arn = cursor_bytes(c);
    t.texts.input = cursor_bytes(c);
    if (version > VERSION_SCHEDULES) {
        t.texts.input_path = cursor_bytes(c);
        t.texts.transformer = cursor_bytes(c);
        t.texts.queue = cursor_bytes(c);
        t.texts.dead_letters = cursor_bytes(c);
        t.texts.retry = cursor_bytes(c);
    }
    return t;
}

static void get_targets(struct cursor *c, uint8_t version, struct arena *a, struct rule_row *r)
{
    uint64_t count = cursor_varint(c);
    struct rule_target *targets;

    c->bad = c->bad || count > LIMIT_RULE_TARGETS;
    r->target_count = c->bad ? 0 : (size_t)count;
    r->targets = targets = ARENA_ARRAY(a, r->target_count + 1, struct rule_target);
    for (size_t i = 0; i < r->target_count; i++) {
        targets[i] = get_target(c, version);
    }
}

enum err_code
rule_row_decode(struct slice bytes, struct arena *a, struct rule_row *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    uint8_t version;
    struct rule_row r = {0};
    enum err_code rc = row_begin(&c, "rule", ROW_VERSION, &version, err);
    uint8_t enabled;

    if (rc != OK) {
        return rc;
    }
    r.created_ms = cursor_svarint(&c);
    r.began_ms = cursor_svarint(&c);
    r.seen_ms = cursor_svarint(&c);
    enabled = cursor_u8(&c);
    c.bad = c.bad || enabled > 1 || r.began_ms < 0;
    r.enabled = enabled == 1;
    r.expression = cursor_bytes(&c);
    r.description = cursor_bytes(&c);
    r.role_arn = cursor_bytes(&c);
    get_targets(&c, version, a, &r);
    if (version > VERSION_SCHEDULES) {
        r.pattern = cursor_bytes(&c);
    }
    rc = row_end(&c, "rule", err);
    if (rc == OK) {
        *out = r;
    }
    return rc;
}
