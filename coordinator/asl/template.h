/* SPDX-License-Identifier: Apache-2.0 */
/* Payload templates: JSON in which a member named "x.$" is a path or an intrinsic call whose value
 * becomes member "x". Compiled once; whatever holds no such member is shared with the definition
 * and costs nothing to evaluate. Source: Amazon States Language, input and output processing. */
#ifndef STEPFLEET_ASL_TEMPLATE_H
#define STEPFLEET_ASL_TEMPLATE_H

#include "coordinator/asl/diagnostics.h"
#include "coordinator/asl/eval.h"

/* Where templates report what is wrong with them. */
struct template_parser {
    struct arena *a;     /* the template's */
    struct arena *texts; /* the diagnostics' */
    struct asl_diagnostics *found;
    size_t errors; /* reported */
};

/* Compile the value at place `at`; never NULL. What is wrong is reported and taken as a literal. */
const struct asl_template *asl_template_parse(struct template_parser *tp,
                                              const struct json_node *doc,
                                              const struct asl_place *at);

#endif
