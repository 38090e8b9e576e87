/* SPDX-License-Identifier: Apache-2.0 */
/* An execution as a trace: its spans have the same ids whoever asks, so that a worker's spans find
 * their place below an attempt that is told of when the execution has ended. Pure. */
#ifndef STEPFLEET_ENGINE_TRACE_H
#define STEPFLEET_ENGINE_TRACE_H

#include "coordinator/engine/engine.h"
#include "proto/base/trace.h"

/* That of the header it was started with, the caller's span above it; else one of its own. */
struct trace execution_trace(const struct execution_header *h);
/* Is it to be told of? What the header says counts, else the share `sample` of all, 0 to 1. */
bool execution_is_sampled(const struct execution_header *h, double sample);

uint64_t execution_span(const struct execution_header *h);
/* Of a state, or an iteration of a Map: by the event that began it. */
uint64_t state_span(const struct execution_header *h, uint64_t entered_event);
/* Of its attempt, from 1. */
uint64_t attempt_span(const struct execution_header *h, uint64_t entered_event, uint32_t attempt);

#endif
