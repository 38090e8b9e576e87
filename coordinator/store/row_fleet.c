/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/store/row_fleet.h"

#include "coordinator/store/row.h"
#include "proto/base/limits.h"

enum { ROW_VERSION = 1 };

void cordon_row_encode(enum fleet_cordon cordon, struct buf *out)
{
    buf_put_u8(out, ROW_VERSION);
    buf_put_u8(out, (uint8_t)cordon);
}

enum err_code cordon_row_decode(struct slice bytes, enum fleet_cordon *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    enum err_code rc = row_begin(&c, "cordon", ROW_VERSION, NULL, err);
    uint8_t cordon;

    if (rc != OK) {
        return rc;
    }
    cordon = cursor_u8(&c);
    c.bad = c.bad || (cordon != FLEET_CORDONED && cordon != FLEET_DRAINED);
    rc = row_end(&c, "cordon", err);
    if (rc == OK) {
        *out = (enum fleet_cordon)cordon;
    }
    return rc;
}

void terms_row_encode(const struct fleet_terms *terms, struct buf *out)
{
    buf_put_u8(out, ROW_VERSION);
    buf_put_varint(out, terms->concurrency);
    buf_put_varint(out, terms->rate_milli);
    buf_put_svarint(out, terms->priority);
    buf_put_varint(out, terms->label_count);
    for (size_t i = 0; i < terms->label_count; i++) {
        buf_put_bytes(out, terms->labels[i].key);
        buf_put_bytes(out, terms->labels[i].value);
    }
}

static void get_labels(struct cursor *c, struct arena *a, struct fleet_terms *terms)
{
    uint64_t count = cursor_varint(c);
    struct fleet_label *labels;

    c->bad = c->bad || count > LIMIT_TERM_LABELS;
    terms->label_count = c->bad ? 0 : (size_t)count;
    labels = ARENA_ARRAY(a, terms->label_count, struct fleet_label);
    for (size_t i = 0; i < terms->label_count; i++) {
        labels[i].key = cursor_bytes(c);
        labels[i].value = cursor_bytes(c);
    }
    terms->labels = labels;
}

enum err_code
terms_row_decode(struct slice bytes, struct arena *a, struct fleet_terms *out, struct err *err)
{
    struct cursor c = cursor_make(bytes);
    struct fleet_terms terms = {0};
    enum err_code rc = row_begin(&c, "function", ROW_VERSION, NULL, err);
    int64_t priority;

    if (rc != OK) {
        return rc;
    }
    terms.concurrency = row_u32(&c);
    terms.rate_milli = row_u32(&c);
    priority = cursor_svarint(&c);
    c.bad = c.bad || terms.rate_milli > LIMIT_RATE_MILLI || priority > LIMIT_PRIORITY ||
            priority < -LIMIT_PRIORITY;
    get_labels(&c, a, &terms);
    rc = row_end(&c, "function", err);
    if (rc == OK) {
        terms.priority = (int32_t)priority;
        *out = terms;
    }
    return rc;
}
