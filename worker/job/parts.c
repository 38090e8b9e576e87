/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/job/parts.h"

struct slice parts_prefix(struct job_task *t)
{
    return arena_printf(&t->s->memory, "%.*s.parts/%.*s/", SLICE_FMT(t->places.output_key),
                        SLICE_FMT(t->run));
}

struct slice parts_key(struct job_task *t, uint32_t i)
{
    return arena_printf(&t->s->memory, "%.*spart-%06u", SLICE_FMT(parts_prefix(t)), i);
}

struct slice parts_mark(struct job_task *t)
{
    return arena_printf(&t->s->memory, "%.*s/%llu.%llu", SLICE_FMT(t->run),
                        (unsigned long long)t->self.epoch, (unsigned long long)t->self.counter);
}

struct slice parts_manifest_head(struct job_task *t)
{
    return arena_printf(&t->s->memory, "{\"run\":\"%.*s\",", SLICE_FMT(t->run));
}

enum err_code parts_committed(struct job_task *t, bool *out, struct err *err)
{
    struct slice head = parts_manifest_head(t);
    const struct s3_range range = {.from = 0, .to = head.len};
    struct buf front = {0};
    enum err_code rc =
        task_read_range(t, t->places.output_bucket, t->places.output_key, &range, &front, err);

    *out = rc == OK && slice_eq(buf_slice(&front), head);
    buf_fini(&front);
    return rc == ERR_NOT_FOUND || rc == ERR_PRECONDITION ? OK : rc; /* none, or an empty one */
}
