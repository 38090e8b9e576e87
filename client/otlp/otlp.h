/* SPDX-License-Identifier: Apache-2.0 */
/* Spans to a collector by OTLP/HTTP, in JSON. A thread of its own sends what has gathered, each
 * second or sooner. As telemetry goes: a collector that is away is tried again a few times, then
 * what it did not take is left out, as is what comes while too much waits; that is said once a
 * minute, and nothing else waits for it. */
#ifndef STEPFLEET_OTLP_OTLP_H
#define STEPFLEET_OTLP_OTLP_H

#include "client/otlp/span.h"
#include "proto/base/arena.h"
#include "proto/base/err.h"
#include "proto/host/config.h"

/* Section [trace] of a program's configuration. */
struct otlp_config {
    const char *endpoint; /* "http://127.0.0.1:4318"; NULL: no spans are sent */
    const char *headers;  /* a file of "Name: value" lines that each request has: secrets; NULL:
                             none */
};

struct otlp;

/* Texts live in `a`. ERR_CONFIG: an endpoint that is none. */
enum err_code
otlp_settings_load(struct config *file, struct arena *a, struct otlp_config *out, struct err *err);

/**
 * @param service   OpenTelemetry's service.name; lives as long
 * @param instance  its service.instance.id, likewise
 * @return OK; ERR_CONFIG: the file of headers cannot be read or is none; ERR_NO_MEMORY: no thread
 */
enum err_code otlp_open(const struct otlp_config *config,
                        const char *service,
                        const char *instance,
                        struct otlp **out,
                        struct err *err);
/* Threads: any. */
void otlp_put(struct otlp *o, const struct otlp_span *s);
/* Sends what it has, in a second at most. */
void otlp_close(struct otlp *o);

#endif
