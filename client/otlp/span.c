/* SPDX-License-Identifier: Apache-2.0 */
#include "client/otlp/span.h"

#include <assert.h>
#include <inttypes.h>

#include "proto/base/json.h"
#include "proto/base/utf8.h"

enum { MESSAGE_BYTES = 1024, STATUS_ERROR = 2 };

void otlp_span_text(struct otlp_span *s, const char *name, struct slice text)
{
    assert(s->attribute_count < OTLP_ATTRIBUTES_MAX);
    if (text.len != 0) {
        s->attributes[s->attribute_count++] = (struct otlp_attribute){.name = name, .text = text};
    }
}

void otlp_span_number(struct otlp_span *s, const char *name, int64_t number)
{
    assert(s->attribute_count < OTLP_ATTRIBUTES_MAX);
    s->attributes[s->attribute_count++] = (struct otlp_attribute){.name = name, .number = number};
}

/* At most so many bytes of it, and no half of a character. */
static struct slice cut(struct slice s)
{
    if (s.len <= MESSAGE_BYTES) {
        return s;
    }
    s.len = MESSAGE_BYTES;
    while (s.len > 0 && ((uint8_t)s.ptr[s.len] & 0xc0) == 0x80) {
        s.len--;
    }
    return s;
}

void otlp_span_write(const struct otlp_span *s, struct buf *out)
{
    buf_printf(out, "{\"traceId\":\"%016" PRIx64 "%016" PRIx64 "\",\"spanId\":\"%016" PRIx64 "\"",
               s->trace.high, s->trace.low, s->id);
    if (s->trace.span != 0) {
        buf_printf(out, ",\"parentSpanId\":\"%016" PRIx64 "\"", s->trace.span);
    }
    buf_put_str(out, ",\"name\":");
    json_write_string(s->name, out);
    buf_printf(out,
               ",\"kind\":%d,\"startTimeUnixNano\":\"%" PRId64
               "000\",\"endTimeUnixNano\":\"%" PRId64 "000\",\"attributes\":[",
               (int)s->kind, s->start_us, s->end_us);
    for (size_t i = 0; i < s->attribute_count; i++) {
        const struct otlp_attribute *a = &s->attributes[i];

        buf_printf(out, "%s{\"key\":\"%s\",\"value\":{", i != 0 ? "," : "", a->name);
        if (a->text.ptr != NULL) {
            buf_put_str(out, "\"stringValue\":");
            json_write_string(cut(a->text), out);
        } else {
            buf_printf(out, "\"intValue\":\"%" PRId64 "\"", a->number);
        }
        buf_put_str(out, "}}");
    }
    buf_put_str(out, "],\"status\":{");
    if (s->failed) {
        buf_printf(out, "\"code\":%d,\"message\":", STATUS_ERROR);
        json_write_string(cut(s->message), out);
    }
    buf_put_str(out, "}}");
}
