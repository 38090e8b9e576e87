/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a trace header: what is taken of it says the same once it is written. */
#include <assert.h>
#include <string.h>

#include "proto/base/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[TRACE_XRAY_BYTES];
    char w3c[TRACE_W3C_BYTES];
    struct trace t;
    struct trace again;

    if (!trace_parse_xray(slice_make((const char *)data, size), &t)) {
        return 0;
    }
    trace_write_xray(&t, text);
    trace_write_w3c(&t, w3c);
    assert(strlen(w3c) == TRACE_W3C_BYTES - 1);
    assert(trace_parse_xray(slice_str(text), &again));
    assert(again.high == t.high && again.low == t.low && again.span == t.span &&
           again.sampled == t.sampled);
    return 0;
}
