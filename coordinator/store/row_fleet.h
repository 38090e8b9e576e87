/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of what operators ask of workers and functions, of one shape: a version byte, then the
 * members in a fixed order. Decoded texts point into the bytes, the labels lie in the arena. */
#ifndef STEPFLEET_STORE_ROW_FLEET_H
#define STEPFLEET_STORE_ROW_FLEET_H

#include "coordinator/fleet/fleet.h"
#include "proto/base/buf.h"

/* `cordon` is not FLEET_OPEN: that has no row. */
void cordon_row_encode(enum fleet_cordon cordon, struct buf *out);
enum err_code cordon_row_decode(struct slice bytes, enum fleet_cordon *out, struct err *err);

void terms_row_encode(const struct fleet_terms *terms, struct buf *out);
enum err_code
terms_row_decode(struct slice bytes, struct arena *a, struct fleet_terms *out, struct err *err);

#endif
