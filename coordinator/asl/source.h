/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a definition, read as strictly as AWS's parser reads it: names that come twice in one
 * object are refused too. What is wrong is said in that parser's words. */
#ifndef STEPFLEET_ASL_SOURCE_H
#define STEPFLEET_ASL_SOURCE_H

#include "proto/base/json.h"

struct source_fault {
    const char *code;
    struct slice message;
    struct slice location; /* "[Source: (String)"..."; line: 1, column: 4]"; {NULL, 0}: none */
};

/* Parse; false with *fault, which lives in `texts`. `stored`: it was accepted before, and is only
 * to be read. */
bool source_parse(struct slice text,
                  bool stored,
                  struct arena *a,
                  struct arena *texts,
                  const struct json_node **out,
                  struct source_fault *fault);

#endif
