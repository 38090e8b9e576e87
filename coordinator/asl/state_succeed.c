/* SPDX-License-Identifier: Apache-2.0 */
/* Succeed: no fields of its own. Source: Amazon States Language, states. */
#include "coordinator/asl/parse.h"

void state_succeed_parse(const struct parse_at *at, struct asl_state *st)
{
    (void)at;
    (void)st;
}
