/* SPDX-License-Identifier: Apache-2.0 */
/* Which variables each state of a definition refers to, as AWS's DescribeStateMachine tells. Pure.
 * JSONPath states alone. */
#ifndef STEPFLEET_ASL_REFERENCES_H
#define STEPFLEET_ASL_REFERENCES_H

#include "proto/base/json.h"

/* {"State": ["name", ...]}, names in order, states that refer to any alone; NULL: none does. */
const struct json_node *asl_variable_references(const struct json_node *definition,
                                                struct arena *a);

#endif
