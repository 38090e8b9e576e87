/* SPDX-License-Identifier: Apache-2.0 */
/* Which trace something belongs to, and the span above it: as AWS X-Ray writes it and as the W3C
 * does. Pure. Sources: AWS X-Ray developer guide, "Tracing header"; W3C Trace Context. */
#ifndef STEPFLEET_BASE_TRACE_H
#define STEPFLEET_BASE_TRACE_H

#include "proto/base/slice.h"

enum {
    TRACE_ID_BYTES = 32,   /* in hexadecimal */
    TRACE_SPAN_BYTES = 16, /* likewise */
    TRACE_XRAY_BYTES = 76, /* "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=...;Sampled=1" */
    TRACE_W3C_BYTES = 56,  /* "00-ID-SPAN-01" */
};

enum trace_sampled { TRACE_UNSAID, TRACE_SAMPLED, TRACE_NOT_SAMPLED };

struct trace {
    uint64_t high; /* the trace's id; X-Ray's first 32 bits are the seconds it began */
    uint64_t low;
    uint64_t span; /* 0: none above */
    enum trace_sampled sampled;
};

/* "Root=1-8HEX-24HEX" with "Parent=16HEX" and "Sampled=0|1" in any order; what else stands there
 * means nothing. False: there is no Root, or it is none. */
bool trace_parse_xray(struct slice header, struct trace *out);
/* With their terminating NUL; without a span or a decision where there is none (X-Ray alone). */
void trace_write_xray(const struct trace *t, char out[TRACE_XRAY_BYTES]);
void trace_write_w3c(const struct trace *t, char out[TRACE_W3C_BYTES]);

#endif
