/* SPDX-License-Identifier: Apache-2.0 */
/* Names of Lambda functions, however they are written. */
#include "coordinator/asl/eval.h"

/* "NAME[:QUALIFIER]", whatever stands before it. */
static struct slice named(struct slice given)
{
    static const struct slice word = SLICE_INIT("function:");

    for (size_t i = 0; i + word.len <= given.len; i++) {
        if ((i == 0 || given.ptr[i - 1] == ':') && slice_starts_with(slice_from(given, i), word)) {
            return slice_from(given, i + word.len);
        }
    }
    return given;
}

struct slice asl_function_name(struct slice given)
{
    given = named(given);
    return slice_head(given, slice_find(given, ':'));
}

struct slice asl_function_qualifier(struct slice given)
{
    size_t colon;

    given = named(given);
    colon = slice_find(given, ':');
    return slice_from(given, colon < given.len ? colon + 1 : colon);
}

struct slice asl_task_function(const struct asl_state *s)
{
    return s->kind == ASL_TASK ? s->task.function : (struct slice){NULL, 0};
}
