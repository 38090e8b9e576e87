/* SPDX-License-Identifier: Apache-2.0 */
/* Names of Lambda functions, however they are written. */
#include "coordinator/asl/eval.h"

struct slice asl_function_name(struct slice given)
{
    static const struct slice word = SLICE_INIT("function:");
    size_t from = 0;

    for (size_t i = 0; i + word.len <= given.len; i++) {
        if ((i == 0 || given.ptr[i - 1] == ':') && slice_starts_with(slice_from(given, i), word)) {
            from = i + word.len;
            break;
        }
    }
    given = slice_from(given, from);
    return slice_head(given, slice_find(given, ':'));
}

struct slice asl_task_function(const struct asl_state *s)
{
    return s->kind == ASL_TASK ? s->task.function : (struct slice){NULL, 0};
}
