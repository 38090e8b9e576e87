/* SPDX-License-Identifier: Apache-2.0 */
/* What PutTargets may say of a target, a line each: ARN, input, path, then the JSON objects
 * transformer, queue, dead letters and retries; behind them an entry of PutEvents, whose detail is
 * the event it gets. What compiles names something, keeps its bounds and gives an input. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/trigger/event.h"
#include "coordinator/trigger/target.h"
#include "proto/base/limits.h"

static struct slice next_line(struct slice *rest)
{
    size_t end = slice_find(*rest, '\n');
    struct slice line = slice_head(*rest, end);

    *rest = slice_from(*rest, end + 1);
    return line;
}

static void check(const struct target *t, const struct json_node *event, struct arena *a)
{
    const struct input_values v = {
        .event = event, .parsed = event, .arn = SLICE("arn"), .name = SLICE("name")};
    int64_t due_ms = 0;

    assert(t->name.len != 0);
    assert(t->retries.most <= LIMIT_DELIVERY_RETRIES);
    assert(t->retries.age_ms >= LIMIT_DELIVERY_AGE_S_MIN * 1000);
    assert(t->input.len == 0 || t->template == NULL);
    (void)target_input(t, &v, a);
    assert(target_retry(&t->retries, t->retries.most + 1, 0, 0, 0, &due_ms) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct target_place place = {SLICE("r"), 1};
    struct slice rest = slice_make(data, size);
    const struct target_texts texts = {
        .arn = next_line(&rest),
        .input = next_line(&rest),
        .input_path = next_line(&rest),
        .transformer = next_line(&rest),
        .queue = next_line(&rest),
        .dead_letters = next_line(&rest),
        .retry = next_line(&rest),
    };
    const struct event_entry entry = {
        .source = next_line(&rest), .detail_type = SLICE("d"), .detail = rest};
    const struct json_node *event = json_null();
    struct arena a = {0};
    struct target t;
    struct err err;

    if (event_entry_check(&entry, &a, &event).code != NULL) {
        event = json_null();
    }
    if (target_compile(&texts, SLICE("a"), &place, &a, &t, &err) == OK) {
        check(&t, event, &a);
    }
    arena_fini(&a);
    return 0;
}
