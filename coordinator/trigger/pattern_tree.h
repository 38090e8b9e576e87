/* SPDX-License-Identifier: Apache-2.0 */
/* A compiled pattern, between pattern_parse.c, which makes it, and pattern.c, which asks it: a tree
 * of names, cut at their dots, with the conditions on each. Depth is counted in such names. */
#ifndef STEPFLEET_TRIGGER_PATTERN_TREE_H
#define STEPFLEET_TRIGGER_PATTERN_TREE_H

#include "coordinator/trigger/matcher.h"
#include "coordinator/trigger/pattern.h"

#define PATTERN_NO_ABSENCE SIZE_MAX

struct pattern_or;
struct pattern_node;

/* All of it must hold of one place in the event. */
struct pattern_group {
    struct pattern_node *first; /* by the order they were written */
    struct pattern_node *last;
    struct pattern_or *ors;
};

/* One of its groups must. */
struct pattern_or {
    struct pattern_or *next;
    struct pattern_group *groups;
    size_t count;
};

struct pattern_node {
    struct pattern_node *next;         /* of its group */
    const struct pattern_node *parent; /* the name before; NULL: it is the first */
    struct slice name;
    size_t depth;                   /* 1: a member of the event */
    const struct matcher *matchers; /* one must accept the value here; NULL: none are asked */
    size_t matcher_count;
    size_t absence;              /* its number where one is MATCH_ABSENT, else NO_ABSENCE */
    struct pattern_group *below; /* what must hold of the object here; NULL: nothing */
};

struct pattern {
    struct pattern_group root;
};

#endif
