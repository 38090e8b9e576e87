/* SPDX-License-Identifier: Apache-2.0 */
/* Transition records as programs before this one wrote them, so that a world can be upgraded. */
#ifndef STEPFLEET_TESTS_SIM_OLDER_H
#define STEPFLEET_TESTS_SIM_OLDER_H

#include "coordinator/store/codec.h"

/* Append the record as that version wrote it; false: it knew no way to. The process that holds a
 * lease, which they did not know either, is left out. */
bool older_encode(const struct record *r, unsigned version, struct buf *out);

#endif
