/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api/http/exposition.h"

void exposition_family(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_escaped(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '\n') {
            buf_put_str(out, "\\n");
        } else {
            if (c == '"' || c == '\\') {
                buf_put_u8(out, '\\');
            }
            buf_put_u8(out, (uint8_t)c);
        }
    }
}

/* value / unit, where unit is a power of ten. */
static void put_fraction(struct buf *out, uint64_t value, uint64_t unit)
{
    uint64_t rest = value % unit;

    buf_put_decimal(out, value / unit);
    if (rest != 0) {
        buf_put_u8(out, '.');
    }
    while (rest != 0) {
        unit /= 10;
        buf_put_u8(out, (uint8_t)('0' + rest / unit));
        rest %= unit;
    }
}

/* Opens the braces where there are labels, and leaves them open. @return one was put */
static bool put_labels(struct buf *out, const struct exposition_labels *l)
{
    bool any = false;

    if (l != NULL && l->name != NULL) {
        buf_put_u8(out, '{');
        buf_put_str(out, l->name);
        buf_put_str(out, "=\"");
        put_escaped(out, l->value);
        buf_put_u8(out, '"');
        any = true;
    }
    if (l != NULL && l->kind != NULL) {
        buf_put_u8(out, any ? ',' : '{');
        buf_put_str(out, l->kind);
        buf_put_str(out, "=\"");
        buf_put_str(out, l->is);
        buf_put_u8(out, '"');
        any = true;
    }
    return any;
}

void exposition_fraction(struct buf *out,
                         const char *name,
                         const struct exposition_labels *labels,
                         uint64_t value,
                         uint64_t unit)
{
    buf_put_str(out, name);
    buf_put_str(out, put_labels(out, labels) ? "} " : " ");
    put_fraction(out, value, unit);
    buf_put_u8(out, '\n');
}

void exposition_number(struct buf *out,
                       const char *name,
                       const struct exposition_labels *labels,
                       uint64_t value)
{
    exposition_fraction(out, name, labels, value, 1);
}

void exposition_gauge(struct buf *out, const char *name, const char *help, uint64_t value)
{
    exposition_family(out, name, "gauge", help);
    exposition_number(out, name, NULL, value);
}

void exposition_counter(struct buf *out, const char *name, const char *help, uint64_t value)
{
    exposition_family(out, name, "counter", help);
    exposition_number(out, name, NULL, value);
}

/* One of its lines; `unit` 0: the bucket above all bounds. */
static void put_bucket(struct buf *out,
                       const char *name,
                       const struct exposition_labels *labels,
                       uint64_t bound,
                       uint64_t unit,
                       uint64_t count)
{
    buf_put_str(out, name);
    buf_put_str(out, "_bucket");
    buf_put_str(out, put_labels(out, labels) ? ",le=\"" : "{le=\"");
    if (unit != 0) {
        put_fraction(out, bound, unit);
    } else {
        buf_put_str(out, "+Inf");
    }
    buf_put_str(out, "\"} ");
    buf_put_decimal(out, count);
    buf_put_u8(out, '\n');
}

static void put_part(struct buf *out,
                     const char *name,
                     const char *suffix,
                     const struct exposition_labels *labels,
                     uint64_t value,
                     uint64_t unit)
{
    buf_put_str(out, name);
    exposition_fraction(out, suffix, labels, value, unit);
}

void exposition_histogram(struct buf *out,
                          const char *name,
                          const struct exposition_labels *labels,
                          const struct histogram *h,
                          const struct histogram_scale *s)
{
    uint64_t count = 0;
    unsigned i;

    for (i = 0; i < HISTOGRAM_BOUNDS && s->bounds[i] != 0; i++) {
        count += h->counts[i];
        put_bucket(out, name, labels, s->bounds[i], s->unit, count);
    }
    count += h->counts[i];
    put_bucket(out, name, labels, 0, 0, count);
    put_part(out, name, "_sum", labels, h->sum, s->unit);
    put_part(out, name, "_count", labels, count, 1);
}
