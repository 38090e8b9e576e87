/* SPDX-License-Identifier: Apache-2.0 */
/* What the operations of rules and events share. One idea a file:
 *
 *   operation_rule.c         rules: put, describe, list, delete, enable, disable
 *   operation_rule_target.c  their targets
 *   operation_event.c        events that clients put, patterns tried out
 *
 * Source: Amazon EventBridge API Reference. */
#ifndef STEPFLEET_API_OPERATION_RULE_H
#define STEPFLEET_API_OPERATION_RULE_H

#include "coordinator/api/api.h"

/* [\.\-_A-Za-z0-9]+, at most so many. */
bool rule_is_word(struct slice s, size_t most);
/* The bus there is, by its name, the end of its ARN, or nothing. */
bool rule_bus_is_default(const char *bus);
/* Of a bus; NULL: there is none, and that was said. */
struct ledger_rule *rule_find(struct call *c, const char *name, const char *bus);
/* False: too many characters, and that was said. */
bool rule_is_short(struct call *c, const char *what, const char *text, size_t most);
/* For the turn. False: it is no pattern, and that was said. */
bool rule_pattern_compile(struct call *c, const char *text, const struct pattern **out);

#endif
