/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/needs.h"

struct needs needs_none(struct arena *a)
{
    return (struct needs){json_build_object(a), json_build_object(a)};
}

/* Does the word stand in it, at its beginning or behind a colon? Sets what follows. */
static bool after_word(struct slice s, struct slice word, struct slice *rest)
{
    for (size_t i = 0; i + word.len <= s.len; i++) {
        if ((i == 0 || s.ptr[i - 1] == ':') && slice_starts_with(slice_from(s, i), word)) {
            *rest = slice_from(s, i + word.len);
            return true;
        }
    }
    return false;
}

/* "NAME[:QUALIFIER]", whatever stands before it. */
static void add_function(struct needs *n, struct slice given)
{
    (void)after_word(given, SLICE("function:"), &given);
    given = slice_head(given, slice_find(given, ':'));
    if (given.len != 0) {
        json_put(&n->functions, given, json_null());
    }
}

/* What the task is called with: Parameters in JSONPath, Arguments in JSONata. */
static struct slice argument(const struct json_node *state, const char *name)
{
    const struct json_node *v =
        json_member(json_member(state, SLICE("Parameters")), slice_str(name));

    if (v == NULL) {
        v = json_member(json_member(state, SLICE("Arguments")), slice_str(name));
    }
    return json_is(v, JSON_STRING) && !slice_starts_with(json_text(v), SLICE("{%"))
               ? json_text(v)
               : (struct slice){0};
}

static void add_task(struct needs *n, const struct json_node *state)
{
    struct slice resource = json_text(json_member(state, SLICE("Resource")));
    struct slice rest;
    struct slice job;

    if (after_word(resource, SLICE("lambda:invoke"), &rest)) {
        add_function(n, argument(state, "FunctionName"));
    } else if (after_word(resource, SLICE("glue:startJobRun"), &rest)) {
        job = argument(state, "JobName");
        if (job.len != 0) {
            json_put(&n->jobs, job, json_null());
        }
    } else if (after_word(resource, SLICE("function:"), &rest)) {
        add_function(n, resource);
    }
}

void needs_add(struct needs *n, const struct json_node *definition)
{
    const struct json_node *states = json_member(definition, SLICE("States"));

    for (const struct json_node *s = json_first(states); s != NULL; s = json_next(states, s)) {
        const struct json_node *branches = json_member(s, SLICE("Branches"));

        if (slice_eq_str(json_text(json_member(s, SLICE("Type"))), "Task")) {
            add_task(n, s);
        }
        for (const struct json_node *b = json_first(branches); b != NULL;
             b = json_next(branches, b)) {
            needs_add(n, b);
        }
        needs_add(n, json_member(s, SLICE("Iterator")));
        needs_add(n, json_member(s, SLICE("ItemProcessor")));
    }
}
