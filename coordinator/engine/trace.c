/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/engine/trace.h"

#include "coordinator/engine/step.h"

/* By numbers that no event has. */
enum { SPAN_EXECUTION = 0, SPAN_STATE = 0 };

struct trace execution_trace(const struct execution_header *h)
{
    struct trace t;

    if (!trace_parse_xray(h->trace, &t)) {
        t = (struct trace){
            .high = (uint64_t)(h->start_ms / 1000) << 32 |
                    (chance_seed(h, CHANCE_SPAN, SPAN_EXECUTION, 1) & UINT32_MAX),
            .low = chance_seed(h, CHANCE_SPAN, SPAN_EXECUTION, 2),
        };
    }
    return t;
}

bool execution_is_sampled(const struct execution_header *h, double sample)
{
    struct trace t = execution_trace(h);

    if (t.sampled != TRACE_UNSAID) {
        return t.sampled == TRACE_SAMPLED;
    }
    return (double)(t.low >> 11) < sample * (double)(UINT64_C(1) << 53);
}

uint64_t execution_span(const struct execution_header *h)
{
    return state_span(h, SPAN_EXECUTION);
}

uint64_t state_span(const struct execution_header *h, uint64_t entered_event)
{
    return attempt_span(h, entered_event, SPAN_STATE);
}

uint64_t attempt_span(const struct execution_header *h, uint64_t entered_event, uint32_t attempt)
{
    uint64_t span = chance_seed(h, CHANCE_SPAN, entered_event, attempt + 3);

    return span != 0 ? span : 1; /* zero is none */
}
