/* SPDX-License-Identifier: Apache-2.0 */
/* What the tasks of a definition need of a fleet: the functions and jobs they name, as far as its
 * text says. Pure. Source: Amazon States Language; the ARNs of Lambda functions and integrations.
 */
#ifndef STEPFLEET_CLI_NEEDS_H
#define STEPFLEET_CLI_NEEDS_H

#include "proto/base/json.h"

/* Objects whose members are the names, each once, in the order they are met. */
struct needs {
    struct json_builder functions;
    struct json_builder jobs;
};

struct needs needs_none(struct arena *a);
/* Add those of one definition, which lives as long as the needs. */
void needs_add(struct needs *n, const struct json_node *definition);

#endif
