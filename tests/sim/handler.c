/* SPDX-License-Identifier: Apache-2.0 */
/* What the users' code of a simulated fleet does, by name. What it gives depends on the function
 * and its event alone; `luck` decides how long it takes, and whether "FLAKY" fails this time (never
 * with luck 0).
 *
 * An event is the input itself, or {"input": .., "token": .., "redrives": ..}: what differs from
 * attempt to attempt stands beside the input and never goes into a result. Nor does the order of
 * members, which nothing promises. */
#include "tests/sim/model.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/base/hash.h"

enum { MS = 1000, SECOND = 1000 * MS };

/* A call, its input and what it comes to. */
struct act {
    const struct json_node *event;
    const struct json_node *input;
    uint64_t luck;
    struct arena *a;
    struct model_deed *out;
};

static void succeed(struct act *x, const struct json_node *v)
{
    x->out->act = ACT_SUCCEED;
    x->out->result = json_print(v, x->a);
}

static void fail(struct act *x, struct slice error, struct slice cause)
{
    x->out->act = ACT_FAIL;
    x->out->error = error;
    x->out->cause = cause;
}

/* A member that is a number, or 0. */
static int64_t number_of(const struct json_node *v, const char *name)
{
    int64_t n = 0;

    (void)json_i64(json_member(v, slice_str(name)), &n);
    return n;
}

static const struct json_node *integer(struct act *x, size_t n)
{
    return json_integer(x->a, (int64_t)n);
}

/* ---- functions ---- */

static void echo(struct act *x)
{
    succeed(x, x->input);
}

/* A document of the shape that generated states expect (generate_data.c). */
static void renew(struct act *x)
{
    size_t count = json_count(x->input);
    struct slice text = arena_printf(
        x->a,
        "{\"n\":%zu,\"s\":\"new%zu\",\"b\":%s,\"w\":%zu,\"t\":\"2026-0%zu-01T00:00:00Z"
        "\",\"items\":[%zu,\"x\"],\"o\":{\"k\":\"new\",\"z\":null,\"list\":[1,%zu]}}",
        count, count, count % 2 == 0 ? "true" : "false", count % 2, 1 + count % 9, count, count);

    x->out->act = ACT_SUCCEED;
    x->out->result = text;
}

static void count(struct act *x)
{
    struct json_builder b = json_build_object(x->a);

    json_put(&b, SLICE("count"), integer(x, json_count(x->input)));
    json_put(&b, SLICE("bytes"), integer(x, json_written_bytes(x->input)));
    succeed(x, json_built(&b));
}

static void word(struct act *x)
{
    size_t bytes = json_written_bytes(x->input);

    succeed(x, json_string(x->a, arena_printf(x->a, "word \"%zu\"", bytes)));
}

static void list(struct act *x)
{
    const struct json_node *items = json_member(x->input, SLICE("items"));
    struct json_builder b = json_build_array(x->a);

    for (size_t i = json_is(items, JSON_ARRAY) ? json_count(items) : 0; i > 0; i--) {
        json_push(&b, json_element(items, i - 1));
    }
    succeed(x, json_built(&b));
}

static void slow(struct act *x)
{
    count(x);
    x->out->takes_us += 3 * SECOND;
}

/* As long as it takes to see that it is stopped. */
static void longest(struct act *x)
{
    count(x);
    x->out->takes_us += 60 * SECOND;
}

/* More than any document may be, by one byte: a string. The same each time, since the model asks
 * for it as often as there are outcomes. */
static void bulk(struct act *x)
{
    static char text[MODEL_BULK_BYTES];

    if (text[0] == '\0') {
        memset(text, 'x', sizeof(text));
        text[0] = text[sizeof(text) - 1] = '"';
    }
    x->out->act = ACT_SUCCEED;
    x->out->result = slice_make(text, sizeof(text));
}

static void boom(struct act *x)
{
    fail(x, SLICE("Boom"), SLICE("it always does"));
}

static void picky(struct act *x)
{
    int64_t n = number_of(x->input, "n");

    if (n > 40) {
        fail(x, SLICE("Huge"), SLICE(""));
    } else if (n % 2 != 0) {
        fail(x, SLICE("Odd"), SLICE("{\"errorMessage\":\"odd\",\"errorType\":\"Odd\"}"));
    } else {
        succeed(x, json_integer(x->a, n / 2));
    }
}

static void sick(struct act *x)
{
    if (number_of(x->event, "redrives") > 0) {
        succeed(x, json_string(x->a, SLICE("well")));
    } else {
        fail(x, SLICE("Sick"), SLICE("until it is redriven"));
    }
}

static void flaky(struct act *x)
{
    if (x->luck % 3 == 1) {
        fail(x, SLICE("Flaky"), SLICE("bad luck"));
    } else {
        count(x);
    }
}

static void hang(struct act *x)
{
    x->out->act = ACT_HANG;
}

/* Longer than any HeartbeatSeconds that are generated. */
static void beat(struct act *x)
{
    count(x);
    x->out->act = ACT_BEAT;
    x->out->takes_us += 7 * SECOND;
}

static struct slice text_of(const struct json_node *v, const char *name)
{
    return json_text(json_member(v, slice_str(name)));
}

static void stream(struct act *x)
{
    struct slice stage = text_of(x->event, "currentStage");
    struct slice previous = text_of(x->event, "previousStage");
    struct slice execution = text_of(x->event, "executionId");
    struct json_builder b = json_build_object(x->a);

    json_put(&b, SLICE("stage"), json_string(x->a, stage));
    succeed(x, json_built(&b));
    x->out->act = ACT_STREAM;
    x->out->bucket = arena_copy(x->a, text_of(x->event, "workflowBucket"));
    x->out->key = arena_printf(x->a, "executions/%.*s/%.*s/output.json", SLICE_FMT(execution),
                               SLICE_FMT(stage));
    x->out->bytes = arena_printf(x->a, "%.*s of %.*s after %.*s\n", SLICE_FMT(stage),
                                 SLICE_FMT(execution), SLICE_FMT(previous));
}

/* ---- activities ---- */

static void approve(struct act *x)
{
    struct json_builder b = json_build_object(x->a);

    json_put(&b, SLICE("approved"), json_bool(true));
    json_put(&b, SLICE("members"), integer(x, json_count(x->input)));
    succeed(x, json_built(&b));
}

static void refuse(struct act *x)
{
    fail(x, SLICE("Refused"), SLICE("not today"));
}

/* ---- by name ---- */

const char *const model_functions[] = {"ECHO",   "RENEW", "COUNT", "WORD",  "LIST", "SLOW",
                                       "BOOM",   "PICKY", "SICK",  "FLAKY", "HANG", "BEAT",
                                       "STREAM", "LONG",  "BULK",  NULL};
const char *const model_activities[] = {"approve", "refuse", "drowse", NULL};

static void (*const acts[])(struct act *x) = {echo, renew, count,  word,    list,
                                              slow, boom,  picky,  sick,    flaky,
                                              hang, beat,  stream, longest, bulk};
static void (*const activity_acts[])(struct act *x) = {approve, refuse, hang};

_Static_assert(sizeof(acts) / sizeof(acts[0]) + 1 ==
                   sizeof(model_functions) / sizeof(model_functions[0]),
               "one act a function");
_Static_assert(sizeof(activity_acts) / sizeof(activity_acts[0]) + 1 ==
                   sizeof(model_activities) / sizeof(model_activities[0]),
               "one act an activity");

static bool
find(const char *const *names, struct slice name, void (*const *table)(struct act *), struct act *x)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        if (slice_eq_str(name, names[i])) {
            table[i](x);
            return true;
        }
    }
    return false;
}

void model_handle(struct slice function,
                  const struct json_node *event,
                  uint64_t luck,
                  struct arena *a,
                  struct model_deed *out)
{
    const struct json_node *input = json_member(event, SLICE("input"));
    struct act x = {event, input != NULL ? input : event, luck, a, out};

    *out = (struct model_deed){.takes_us = MS + (int64_t)(hash_u64(luck) % (500 * MS))};
    if (!find(model_functions, function, acts, &x) &&
        !find(model_activities, function, activity_acts, &x)) {
        (void)fprintf(stderr, "no function or activity is called %.*s\n", SLICE_FMT(function));
        abort();
    }
}
