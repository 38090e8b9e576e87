/* SPDX-License-Identifier: Apache-2.0 */
/* Choice rules: one comparison of a variable, or And, Or, Not of rules. A value of another type
 * than the operator's makes a comparison false; a variable that is not there is a failure, but for
 * IsPresent. Choosing itself is asl_choose (eval.h).
 * Source: Amazon States Language, states. */
#ifndef STEPFLEET_ASL_CHOICE_H
#define STEPFLEET_ASL_CHOICE_H

#include "coordinator/asl/jsonpath.h"

enum choice_type { CHOICE_STRING, CHOICE_NUMERIC, CHOICE_TIMESTAMP, CHOICE_BOOLEAN };

enum choice_relation {
    CHOICE_EQ,
    CHOICE_LT,
    CHOICE_GT,
    CHOICE_LE,
    CHOICE_GE,
    CHOICE_MATCHES,
    CHOICE_IS_NULL,
    CHOICE_IS_PRESENT,
    CHOICE_IS_NUMERIC,
    CHOICE_IS_STRING,
    CHOICE_IS_BOOLEAN,
    CHOICE_IS_TIMESTAMP,
};

struct choice_operator {
    struct slice name;
    enum choice_type type;
    enum choice_relation relation;
    bool twin;
};

enum rule_kind { RULE_COMPARE, RULE_AND, RULE_OR, RULE_NOT };

struct asl_rule {
    enum rule_kind is;
    const struct asl_rule *const *parts; /* AND, OR, NOT */
    size_t part_count;
    const struct choice_operator *op; /* COMPARE */
    const struct asl_path *variable;
    const struct json_node *value; /* the right side, unless it is a path */
    const struct asl_path *value_path;
};

/* The operator of that name, or NULL; *twin: it is the "...Path" of one. */
const struct choice_operator *choice_operator_find(struct slice name, bool *twin);
/* Is `v` what the operator takes on its right? */
bool choice_operand_fits(const struct choice_operator *op, const struct json_node *v);

#endif
