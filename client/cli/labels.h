/* SPDX-License-Identifier: Apache-2.0 */
/* Labels that functions ask for, as text and as JSON. */
#ifndef STEPFLEET_CLI_LABELS_H
#define STEPFLEET_CLI_LABELS_H

#include "client/include/stepfleet.h"
#include "proto/base/json.h"

/* "KEY=VALUE,..."; empty where there is none. */
struct slice labels_text(const struct stepfleet_tags *labels, struct arena *a);
/* An object of texts. */
const struct json_node *labels_json(const struct stepfleet_tags *labels, struct arena *a);

#endif
