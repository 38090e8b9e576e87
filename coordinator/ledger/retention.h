/* SPDX-License-Identifier: Apache-2.0 */
/* Ended executions go, all their rows, once they have been over for as long as they are kept. The
 * rest of the ledger asks here alone whether one is on its way out. */
#ifndef STEPFLEET_LEDGER_RETENTION_H
#define STEPFLEET_LEDGER_RETENTION_H

#include "coordinator/ledger/ledger.h"

struct retention *retention_new(void);
void retention_free(struct retention *r); /* what was handed out to be archived, too */
/* A slice of a pass; a bounded one. */
void retention_run(struct ledger *l);
/* Milliseconds until it has something to do; INT64_MAX: only when something comes. */
int64_t retention_wait_ms(const struct ledger *l, struct fleet_now now);
/* Its rows are deleted by a batch that is not on disk yet: whoever reads must not believe them. */
bool retention_is_gone(const struct ledger *l, uint64_t execution);

#endif
