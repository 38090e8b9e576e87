/* SPDX-License-Identifier: Apache-2.0 */
/* One condition of an event pattern on one value: a literal, {"prefix": "x"}, {"numeric": [">", 0]}
 * and so on. Compiled once; asking allocates nothing. Pure.
 *
 * Numbers are equal by value; only those up to MATCHER_NUMBER_MOST are
 * ordered. Letters are folded one by one where case does not matter (Latin, Greek,
 * Cyrillic). Sources: Amazon EventBridge, comparison operators; Amazon SNS, filter policies;
 * event-ruler for what is refused and how. */
#ifndef STEPFLEET_TRIGGER_MATCHER_H
#define STEPFLEET_TRIGGER_MATCHER_H

#include "coordinator/trigger/address.h"
#include "coordinator/trigger/wildcard.h"
#include "proto/base/json.h"

/* Either way: AWS orders no others. */
#define MATCHER_NUMBER_MOST 5e9

enum matcher_kind {
    MATCH_TEXT,
    MATCH_WORD, /* null, true, false */
    MATCH_NUMBER,
    MATCH_PREFIX,
    MATCH_SUFFIX,
    MATCH_TEXT_FOLDED, /* equals-ignore-case; its text is folded already, as of the next two */
    MATCH_PREFIX_FOLDED,
    MATCH_SUFFIX_FOLDED,
    MATCH_WILDCARD,
    MATCH_RANGE, /* of numbers */
    MATCH_ADDRESS,
    MATCH_NONE_OF, /* anything-but */
    MATCH_EXISTS,
    MATCH_ABSENT, /* no value is; pattern.c knows where there is none */
};

struct matcher {
    enum matcher_kind is;
    union {
        struct slice text;
        enum json_type word;
        const struct json_node *number;
        struct {
            double low;
            double high;
            bool low_open; /* `low` itself is not in it */
            bool high_open;
        } range;
        const struct wildcard *wildcard;
        struct address_range addresses;
        struct {
            const struct matcher *items;
            size_t count;
        } none_of;
    };
};

/* What a dialect leaves out. */
struct matcher_rules {
    bool wildcard;            /* {"wildcard": ...} */
    bool nested_ignore_case;  /* {"prefix": {"equals-ignore-case": ...}}, and "suffix" */
    bool anything_but_prefix; /* {"anything-but": {"prefix": "x"}}, one text */
    bool anything_but_other;  /* {"anything-but": {...}} of all kinds, lists of texts too */
};

/* The condition that `v`, an element of a field's list, is. The text it was parsed from lives as
 * long as *out. ERR_VALIDATION: none, in AWS's words. */
enum err_code matcher_parse(const struct json_node *v,
                            const struct matcher_rules *rules,
                            struct arena *a,
                            struct matcher *out,
                            struct err *err);
/* Does a value that is neither object nor array meet it? */
bool matcher_accepts(const struct matcher *m, const struct json_node *v);
/* Is it the name of an operation? */
bool matcher_is_operation(struct slice name);
/* A copy in lower case, as long as the text is. */
struct slice matcher_fold(struct slice s, struct arena *a);

#endif
