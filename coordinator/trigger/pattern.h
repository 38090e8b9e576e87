/* SPDX-License-Identifier: Apache-2.0 */
/* Event patterns: which events a rule, a pipe or a subscription wants. Compiled and checked once;
 * asking allocates nothing and costs at most the event's size times the pattern's.
 *
 *   {"source": ["aws.states"], "detail": {"status": ["FAILED", {"prefix": "TIMED"}]}}
 *
 * All fields of a pattern must hold, one condition of each field's list, one object of each "$or".
 * A field is the path to it: {"a.b": ..} and {"a": {"b": ..}} are the same field, in patterns and
 * in events. Of an array in the event any element may meet a condition; conditions below a name
 * whose value is an array must be met by one element together. Values are texts, numbers, true,
 * false and null: "exists" is of those, never of an object or an array's emptiness.
 *
 * Pure. Sources: Amazon EventBridge, event patterns; Amazon SNS, filter policies; event-ruler for
 * what is refused and for nested names; recorded answers of both services. */
#ifndef STEPFLEET_TRIGGER_PATTERN_H
#define STEPFLEET_TRIGGER_PATTERN_H

#include "proto/base/json.h"

/* Whose patterns they are. */
enum pattern_dialect {
    PATTERN_EVENTS,         /* rules of EventBridge: all operations */
    PATTERN_PIPES,          /* filters of pipes: no wildcards, no {"anything-but": {..}} */
    PATTERN_SNS_ATTRIBUTES, /* FilterPolicyScope MessageAttributes: flat */
    PATTERN_SNS_BODY,       /* and MessageBody */
};

struct pattern;

/**
 * @param[out] out  in `a`, with nothing of `text`
 * @return OK; ERR_VALIDATION: it is none, or beyond AWS's limits. The message is AWS's: the whole
 *         one, of SNS without the words "Invalid parameter: " before it
 */
enum err_code pattern_compile(struct slice text,
                              enum pattern_dialect dialect,
                              struct arena *a,
                              const struct pattern **out,
                              struct err *err);

/* Does it want the event? No pattern wants what is not an object. */
bool pattern_matches(const struct pattern *p, const struct json_node *event);

/* Has it conditions below that name, not on the name itself? A pipe parses a text there. */
bool pattern_looks_into(const struct pattern *p, struct slice name);

#endif
