/* SPDX-License-Identifier: Apache-2.0 */
/* The values inside a template: strings and the intrinsic functions that give strings. Pure. */
#ifndef STEPFLEET_CLI_TEMPLATE_VALUE_H
#define STEPFLEET_CLI_TEMPLATE_VALUE_H

#include "client/cli/name.h"
#include "proto/base/json.h"

enum { TEMPLATE_DEPTH = 16 }; /* functions in functions, names in names: bounds the recursion */

struct template_scope {
    const struct json_node *resources;
    const struct json_node *parameters;
    const struct name_place *place;
    struct arena *a;
    unsigned depth;
};

/* The text a value stands for. ERR_INVALID_DEFINITION says what is not understood. */
enum err_code template_value(struct template_scope *s,
                             const struct json_node *v,
                             struct slice *out,
                             struct err *err);
/* `text` with each ${NAME} replaced: from `given` (an object of values, may be NULL), else as Ref
 * or, with a dot, Fn::GetAtt. ${!NAME} stays as ${NAME}. With `only_given`, names that are not
 * there stay. */
enum err_code template_substitute(struct template_scope *s,
                                  struct slice text,
                                  const struct json_node *given,
                                  bool only_given,
                                  struct slice *out,
                                  struct err *err);

#endif
