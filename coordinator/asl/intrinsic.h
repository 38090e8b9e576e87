/* SPDX-License-Identifier: Apache-2.0 */
/* Intrinsic functions: States.Name(arguments), compiled once. Arguments are quoted strings,
 * numbers, true, false, null, paths and calls, nested up to LIMIT_INTRINSIC_DEPTH. Source:
 * Amazon States Language, input and output processing; the language specification, appendix B. */
#ifndef STEPFLEET_ASL_INTRINSIC_H
#define STEPFLEET_ASL_INTRINSIC_H

#include "coordinator/asl/jsonpath.h"

enum { INTRINSIC_ARGUMENTS_MAX = 100 };

/* A call being carried out: arguments evaluated, `text` as written. Functions of the table set
 * *out, or answer false with what was wrong in *wrong. */
struct intrinsic_call {
    const struct json_node *arguments[INTRINSIC_ARGUMENTS_MAX];
    size_t count;
    bool escaped; /* argument 0 is a literal whose escapes are still in: States.Format's template */
    uint64_t *seed;
    struct arena *a;
};

typedef bool intrinsic_function(const struct intrinsic_call *c,
                                const struct json_node **out,
                                struct slice *wrong);

#define INTRINSIC(name, fewest, most, chance, function) intrinsic_function function;
#include "coordinator/asl/intrinsic.def"
#undef INTRINSIC

/* Compile a call; NULL with *why where it is not one. */
const struct asl_intrinsic *
asl_intrinsic_parse(struct slice text, struct arena *a, const char **why);
/* Does any call in it use chance? Seeded MathRandom does not. */
bool asl_intrinsic_is_random(const struct asl_intrinsic *f);
/* Evaluate; false with *wrong where a path finds nothing or a function refuses its arguments. */
bool asl_intrinsic_value(const struct asl_intrinsic *f,
                         const struct asl_scope_data *s,
                         const struct json_node **out,
                         struct failure *why);
struct slice asl_intrinsic_text(const struct asl_intrinsic *f);

/* For the functions: the next 64 bits of chance. */
uint64_t intrinsic_chance(uint64_t *seed);

#endif
