/* SPDX-License-Identifier: Apache-2.0 */
/* Intrinsic functions: States.Name(arguments), compiled once. Arguments are quoted strings,
 * numbers, true, false, null, paths and calls, nested up to LIMIT_INTRINSIC_DEPTH. As with AWS, a
 * call with too few or too many arguments is one all the same and fails when it is made, and every
 * failure is States.Runtime and names the outermost call. Source: Amazon States Language, input and
 * output processing; the language specification, appendix B; what AWS was seen to answer. */
#ifndef STEPFLEET_ASL_INTRINSIC_H
#define STEPFLEET_ASL_INTRINSIC_H

#include "coordinator/asl/jsonpath.h"

enum {
    INTRINSIC_ARGUMENTS_MAX = 100,
};

/* A call being carried out, as many arguments evaluated as its row allows. Functions of the table
 * set *out, or answer false where the arguments are not what they take. */
struct intrinsic_call {
    const struct json_node *arguments[INTRINSIC_ARGUMENTS_MAX];
    size_t count;
    uint64_t *seed;
    struct slice *refusal; /* what is wrong, where it is more than "Invalid arguments in ..." */
    struct arena *a;
};

typedef bool intrinsic_function(const struct intrinsic_call *c, const struct json_node **out);

#define INTRINSIC(name, fewest, most, chance, function) intrinsic_function function;
#include "coordinator/asl/intrinsic.def"
#undef INTRINSIC

/* Compile a call; NULL with *why where it is not one. */
const struct asl_intrinsic *
asl_intrinsic_parse(struct slice text, struct arena *a, const char **why);
/* enum asl_uses, of all its arguments and calls. */
unsigned asl_intrinsic_uses(const struct asl_intrinsic *f);
/* Evaluate; false with *why where a path finds nothing or a function refuses its arguments. */
bool asl_intrinsic_value(const struct asl_intrinsic *f,
                         const struct asl_scope_data *s,
                         const struct json_node **out,
                         struct failure *why);

/* For the functions: the next 64 bits of chance. */
uint64_t intrinsic_chance(uint64_t *seed);

#endif
