/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of rules: a version byte, then the members in a fixed order, as row_codec.c has it. Decoded
 * texts point into the bytes, the targets lie in the arena. Version 1 had no patterns, and of a
 * target its id, ARN, role and input alone. */
#ifndef STEPFLEET_STORE_ROW_RULE_H
#define STEPFLEET_STORE_ROW_RULE_H

#include "coordinator/trigger/target.h"

struct rule_target {
    struct slice id;
    struct slice role_arn;
    struct target_texts texts;
};

struct rule_row {
    int64_t created_ms;
    int64_t began_ms; /* a rate counts from here */
    int64_t seen_ms;  /* all its times up to then are over: carried out, or not to be */
    bool enabled;
    struct slice expression; /* when it runs, */
    struct slice pattern;    /* and which events it wants: JSON; one of both may be empty */
    struct slice description;
    struct slice role_arn;
    const struct rule_target *targets;
    size_t target_count; /* by id */
};
void rule_row_encode(const struct rule_row *r, struct buf *out);
enum err_code
rule_row_decode(struct slice bytes, struct arena *a, struct rule_row *out, struct err *err);

#endif
