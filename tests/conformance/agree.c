/* SPDX-License-Identifier: Apache-2.0 */
/* Compares a played case with what its author expects: every member that "expect" has must be there
 * and equal; texts that hold JSON are compared as JSON where the expectation writes them as JSON.
 */
#include "tests/conformance/player.h"

#include <stdio.h>

static bool same(const struct json_node *want, const struct json_node *have, struct arena *a)
{
    const struct json_node *inner;

    if (json_is(want, JSON_OBJECT) && json_is(have, JSON_STRING) &&
        json_parse(json_text(have), a, &inner, NULL) == OK) {
        have = inner;
    }
    return have != NULL && json_equal(want, have);
}

static bool differs(const struct json_node *c,
                    const char *what,
                    const struct json_node *want,
                    const struct json_node *have,
                    struct arena *a)
{
    (void)fprintf(stderr, "%.*s: %s: expected %.*s, got %.*s\n",
                  SLICE_FMT(json_text(json_member(c, SLICE("id")))), what,
                  SLICE_FMT(json_print(want, a)),
                  SLICE_FMT(have == NULL ? SLICE("nothing") : json_print(have, a)));
    return false;
}

/* The one "...EventDetails" member of a rendered event. */
static const struct json_node *details_of(const struct json_node *event)
{
    for (const struct json_node *e = json_first(event); e != NULL; e = json_next(event, e)) {
        if (slice_ends_with(json_key(event, e), SLICE("EventDetails"))) {
            return e;
        }
    }
    return NULL;
}

static bool event_agrees(const struct json_node *c,
                         const struct json_node *want,
                         const struct json_node *have,
                         struct arena *a)
{
    static const char *const members[] = {"id", "previousEventId", "type"};
    const struct json_node *details = json_member(want, SLICE("details"));
    const struct json_node *given = details_of(have);

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (!same(json_member(want, slice_str(members[i])),
                  json_member(have, slice_str(members[i])), a)) {
            return differs(c, "history event", want, have, a);
        }
    }
    for (const struct json_node *d = json_first(details); d != NULL; d = json_next(details, d)) {
        if (!same(d, json_member(given, json_key(details, d)), a)) {
            return differs(c, "details", want, have, a);
        }
    }
    return true;
}

static bool history_agrees(const struct json_node *c,
                           const struct json_node *want,
                           const struct json_node *have,
                           struct arena *a)
{
    bool agrees = true;

    if (json_count(want) != json_count(have)) {
        return differs(c, "history", want, have, a);
    }
    for (size_t i = 0; i < json_count(want); i++) {
        agrees = event_agrees(c, json_element(want, i), json_element(have, i), a) && agrees;
    }
    return agrees;
}

bool player_agrees(const struct json_node *c, const struct json_node *result, struct arena *a)
{
    static const char *const members[] = {"status", "output", "error", "cause"};
    const struct json_node *expect = json_member(c, SLICE("expect"));
    const struct json_node *history = json_member(expect, SLICE("history"));
    bool agrees = true;

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        const struct json_node *want = json_member(expect, slice_str(members[i]));
        const struct json_node *have = json_member(result, slice_str(members[i]));

        if (want == NULL ? have != NULL : !same(want, have, a)) {
            agrees = differs(c, members[i], want, have, a);
        }
    }
    if (history != NULL) {
        agrees = history_agrees(c, history, json_member(result, SLICE("history")), a) && agrees;
    }
    return agrees;
}
