/* SPDX-License-Identifier: Apache-2.0 */
/* Compares a played case with what its author expects. "<name>" in an expected text stands for any
 * text that is not empty; an expected object may stand where a text holds one as JSON. Of a history
 * event's details only those that are expected are compared. */
#include <ctype.h>
#include <stdio.h>

#include "tests/conformance/player.h"

enum { SHOWN_BYTES = 600 };

/* Where a placeholder begins; s.len: there is none. */
static size_t placeholder(struct slice s, size_t *end)
{
    for (size_t i = 0; i + 1 < s.len; i++) {
        if (s.ptr[i] == '<' && isalpha((unsigned char)s.ptr[i + 1])) {
            *end = i + slice_find(slice_from(s, i), '>') + 1;
            return *end <= s.len ? i : s.len;
        }
    }
    return s.len;
}

static bool text_agrees(struct slice want, struct slice have)
{
    size_t end = 0;
    size_t at = placeholder(want, &end);

    if (at == want.len) {
        return slice_eq(want, have);
    }
    if (!slice_starts_with(have, slice_head(want, at))) {
        return false;
    }
    for (size_t i = at + 1; i <= have.len; i++) {
        if (text_agrees(slice_from(want, end), slice_from(have, i))) {
            return true;
        }
    }
    return false;
}

static bool same(const struct json_node *want, const struct json_node *have, struct arena *a);

static bool same_elements(const struct json_node *want,
                          const struct json_node *have,
                          bool subset,
                          struct arena *a)
{
    bool object = json_is(want, JSON_OBJECT);
    size_t i = 0;

    if (json_type(want) != json_type(have) || (!subset && json_count(want) != json_count(have))) {
        return false;
    }
    for (const struct json_node *w = json_first(want); w != NULL; w = json_next(want, w)) {
        if (!same(w, object ? json_member(have, json_key(want, w)) : json_element(have, i++), a)) {
            return false;
        }
    }
    return true;
}

static bool same(const struct json_node *want, const struct json_node *have, struct arena *a)
{
    const struct json_node *inner;

    if (have == NULL) {
        return false;
    }
    if (json_is(want, JSON_STRING) && json_is(have, JSON_STRING)) {
        return text_agrees(json_text(want), json_text(have));
    }
    if (!json_is(want, JSON_OBJECT) && !json_is(want, JSON_ARRAY)) {
        return json_equal(want, have);
    }
    if (json_is(have, JSON_STRING) && json_parse(json_text(have), a, &inner, NULL) == OK) {
        have = inner;
    }
    return same_elements(want, have, false, a);
}

static struct slice shown(const struct json_node *v, struct arena *a)
{
    return v == NULL ? SLICE("nothing") : slice_head(json_print(v, a), SHOWN_BYTES);
}

static bool differs(const struct json_node *c,
                    const char *what,
                    const struct json_node *want,
                    const struct json_node *have,
                    struct arena *a)
{
    (void)fprintf(stderr, "%.*s: %s: expected %.*s, got %.*s\n",
                  SLICE_FMT(json_text(json_member(c, SLICE("id")))), what,
                  SLICE_FMT(shown(want, a)), SLICE_FMT(shown(have, a)));
    return false;
}

/* One member of both; where it is not expected it must not be there. */
static bool member_agrees(const struct json_node *c,
                          const char *name,
                          const struct json_node *expect,
                          const struct json_node *result,
                          struct arena *a)
{
    const struct json_node *want = json_member(expect, slice_str(name));
    const struct json_node *have = json_member(result, slice_str(name));

    if (want == NULL ? have == NULL : same(want, have, a)) {
        return true;
    }
    return differs(c, name, want, have, a);
}

/* ---- histories ---- */

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

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (!same(json_member(want, slice_str(members[i])),
                  json_member(have, slice_str(members[i])), a)) {
            return differs(c, "history event", want, have, a);
        }
    }
    if (json_count(details) != 0 && !same_elements(details, details_of(have), true, a)) {
        return differs(c, "details", want, have, a);
    }
    return true;
}

static bool history_agrees(const struct json_node *c,
                           const struct json_node *want,
                           const struct json_node *have,
                           struct arena *a)
{
    bool agrees = true;

    if (want == NULL) {
        return true;
    }
    if (json_count(want) != json_count(have)) {
        return differs(c, "history", want, have, a);
    }
    for (size_t i = 0; i < json_count(want); i++) {
        agrees = event_agrees(c, json_element(want, i), json_element(have, i), a) && agrees;
    }
    return agrees;
}

/* ---- diagnostics ---- */

static bool diagnostic_agrees(const struct json_node *want,
                              const struct json_node *have,
                              bool message,
                              struct arena *a)
{
    static const char *const members[] = {"severity", "code", "location", "message"};

    for (size_t i = 0; i < (message ? 4 : 3); i++) {
        const struct json_node *w = json_member(want, slice_str(members[i]));

        if (w != NULL && !same(w, json_member(have, slice_str(members[i])), a)) {
            return false;
        }
    }
    return true;
}

/* Each that is expected is there, and no other; in any order. */
static bool diagnostics_agree(const struct json_node *want,
                              const struct json_node *have,
                              bool message,
                              struct arena *a)
{
    bool *taken = ARENA_ARRAY(a, json_count(have), bool);

    if (json_count(want) != json_count(have)) {
        return false;
    }
    for (const struct json_node *w = json_first(want); w != NULL; w = json_next(want, w)) {
        size_t i = 0;

        while (i < json_count(have) &&
               (taken[i] || !diagnostic_agrees(w, json_element(have, i), message, a))) {
            i++;
        }
        if (i == json_count(have)) {
            return false;
        }
        taken[i] = true;
    }
    return true;
}

static struct agreement verdict_agrees(const struct json_node *c,
                                       const struct json_node *want,
                                       const struct json_node *have,
                                       struct arena *a)
{
    const struct json_node *wanted = json_member(want, SLICE("diagnostics"));
    const struct json_node *found = json_member(have, SLICE("diagnostics"));
    struct agreement g = {.history = true};

    g.result =
        member_agrees(c, "result", want, have, a) &&
        (diagnostics_agree(wanted, found, false, a) || differs(c, "diagnostics", wanted, found, a));
    g.cause = diagnostics_agree(wanted, found, true, a) ||
              (g.result && differs(c, "messages", wanted, found, a));
    return g;
}

/* ---- the whole ---- */

struct agreement
player_agrees(const struct json_node *c, const struct json_node *result, struct arena *a)
{
    const struct json_node *expect = json_member(c, SLICE("expect"));
    const struct json_node *refusal = json_member(expect, SLICE("create_error"));
    const struct json_node *refused = json_member(result, SLICE("create_error"));
    const struct json_node *response = json_member(expect, SLICE("response"));
    struct agreement g = {.history = true};

    if (refusal != NULL) {
        g.result = member_agrees(c, "code", refusal, refused, a);
        g.cause = member_agrees(c, "message", refusal, refused, a);
        return g;
    }
    if (response != NULL) {
        return verdict_agrees(c, response, json_member(result, SLICE("response")), a);
    }
    if (refused != NULL) {
        (void)differs(c, "definition", NULL, refused, a);
        return (struct agreement){0};
    }
    g.result = member_agrees(c, "status", expect, result, a);
    g.result = member_agrees(c, "output", expect, result, a) && g.result;
    g.result = member_agrees(c, "error", expect, result, a) && g.result;
    g.cause = member_agrees(c, "cause", expect, result, a);
    g.history = history_agrees(c, json_member(expect, SLICE("history")),
                               json_member(result, SLICE("history")), a);
    return g;
}
