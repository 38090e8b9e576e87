/* SPDX-License-Identifier: Apache-2.0 */
/* How intrinsic functions read numbers: whole, within 32 bits. */
#ifndef STEPFLEET_ASL_INTRINSIC_NUMBER_H
#define STEPFLEET_ASL_INTRINSIC_NUMBER_H

#include "coordinator/asl/intrinsic.h"

/* Argument `i` without its fraction; false where it is no number or does not fit. */
bool intrinsic_integer(const struct intrinsic_call *c, size_t i, int64_t *out);

#endif
