/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics as Prometheus reads them: one family at a time, its HELP and TYPE first. Pure.
 *
 * Source: Prometheus, "Exposition formats", text format 0.0.4. */
#ifndef STEPFLEET_API_HTTP_EXPOSITION_H
#define STEPFLEET_API_HTTP_EXPOSITION_H

#include "coordinator/ledger/figures.h"
#include "proto/base/buf.h"

#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* At most one pair of a value that is given and one of a value that users choose. */
struct exposition_labels {
    const char *name; /* NULL: none */
    struct slice value;
    const char *kind; /* NULL: none */
    const char *is;   /* its value; needs no escapes */
};

void exposition_family(struct buf *out, const char *name, const char *type, const char *help);
/* `labels` may be NULL. */
void exposition_number(struct buf *out,
                       const char *name,
                       const struct exposition_labels *labels,
                       uint64_t value);
/* Whole families of one number. */
void exposition_gauge(struct buf *out, const char *name, const char *help, uint64_t value);
void exposition_counter(struct buf *out, const char *name, const char *help, uint64_t value);
/* value / unit, in decimal; unit is a power of ten. */
void exposition_fraction(struct buf *out,
                         const char *name,
                         const struct exposition_labels *labels,
                         uint64_t value,
                         uint64_t unit);
void exposition_histogram(struct buf *out,
                          const char *name,
                          const struct exposition_labels *labels,
                          const struct histogram *h,
                          const struct histogram_scale *s);

#endif
