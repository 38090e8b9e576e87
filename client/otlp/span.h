/* SPDX-License-Identifier: Apache-2.0 */
/* A span as OTLP has it in JSON. Pure. Source: OpenTelemetry protocol specification 1.x, OTLP/HTTP
 * with JSON encoding; its trace.proto. */
#ifndef STEPFLEET_OTLP_SPAN_H
#define STEPFLEET_OTLP_SPAN_H

#include "proto/base/buf.h"
#include "proto/base/trace.h"

enum { OTLP_ATTRIBUTES_MAX = 12 };

/* OTLP's numbers. */
enum otlp_kind { OTLP_INTERNAL = 1, OTLP_SERVER = 2, OTLP_CLIENT = 3, OTLP_CONSUMER = 5 };

struct otlp_attribute {
    const char *name;
    struct slice text; /* ptr NULL: `number` */
    int64_t number;
};

/* Slices are the caller's. */
struct otlp_span {
    struct trace trace; /* `span`: the one above; 0: none */
    uint64_t id;
    enum otlp_kind kind;
    struct slice name;
    int64_t start_us; /* since 1970 */
    int64_t end_us;
    struct otlp_attribute attributes[OTLP_ATTRIBUTES_MAX];
    size_t attribute_count;
    bool failed;
    struct slice message; /* why; cut where it is long */
};

/* Left out where the text is empty. */
void otlp_span_text(struct otlp_span *s, const char *name, struct slice text);
void otlp_span_number(struct otlp_span *s, const char *name, int64_t number);
/* Appends it as a JSON object. */
void otlp_span_write(const struct otlp_span *s, struct buf *out);

#endif
