/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of a JSONPath: what stands in [?( )]. Operands are paths ("@" the element, "$" the
 * document), literals and regular expressions; && || ! and parentheses combine. An operand that is
 * not there makes a comparison false (and so != true), as with Jayway.
 * Source: Amazon States Language, input and output processing; Jayway json-path, filters. */
#ifndef STEPFLEET_ASL_FILTER_H
#define STEPFLEET_ASL_FILTER_H

#include "coordinator/asl/jsonpath.h"

/* Up to, not including, the closing parenthesis; NULL with ps->why. */
const struct path_filter *path_filter_parse(struct path_parser *ps);

bool path_filter_accepts(const struct path_filter *f,
                         struct path_run *run,
                         const struct json_node *current);

#endif
