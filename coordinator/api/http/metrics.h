/* SPDX-License-Identifier: Apache-2.0 */
/* What a coordinator says of itself at /metrics. In two parts, so that the writer renders no more
 * than its own counters: those by metrics_put_ledger() within a turn, the database's and the
 * process's by metrics_put_host() on any thread.
 *
 * Names and units as Prometheus asks: base units, _total of counters. Deploy's alert rules and
 * dashboard go by them; OPERATING.md says what each means. */
#ifndef STEPFLEET_API_HTTP_METRICS_H
#define STEPFLEET_API_HTTP_METRICS_H

#include "coordinator/api/api.h"

/* Of what has no name of its own here; no name that users choose may be so. */
#define METRICS_OTHER "<other>"

void metrics_put_ledger(const struct api *api, struct buf *out);

struct metrics_host {
    struct store *store;
    int64_t started_s;         /* of the process, since 1970 */
    const struct audit *audit; /* NULL: there is none */
    int64_t expires_s;         /* the certificate; 0: there is none */
};
void metrics_put_host(const struct metrics_host *host, struct buf *out);

#endif
