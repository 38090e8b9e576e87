/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/job/parts.h"

enum { PARTS_ATTEMPT_BYTES = 48 }; /* two numbers, a dot, a quote */

struct slice parts_prefix(struct job_task *t)
{
    return job_parts_prefix(t->places.output_key, t->run, &t->s->memory);
}

static struct slice attempt_name(struct job_task *t)
{
    return arena_printf(&t->s->memory, "%llu.%llu", (unsigned long long)t->self.epoch,
                        (unsigned long long)t->self.counter);
}

struct slice parts_key(struct job_task *t, uint32_t i)
{
    struct slice own =
        job_parts_attempt_prefix(t->places.output_key, t->run, t->self, &t->s->memory);

    return arena_printf(&t->s->memory, "%.*spart-%06u", SLICE_FMT(own), i);
}

struct slice parts_mark(struct job_task *t)
{
    return arena_printf(&t->s->memory, "%.*s/%.*s", SLICE_FMT(t->run), SLICE_FMT(attempt_name(t)));
}

/* Of any attempt. */
static struct slice manifest_front(struct job_task *t)
{
    return arena_printf(&t->s->memory, "{\"run\":\"%.*s\",\"attempt\":\"", SLICE_FMT(t->run));
}

struct slice parts_manifest_head(struct job_task *t)
{
    return arena_printf(&t->s->memory, "%.*s%.*s\",", SLICE_FMT(manifest_front(t)),
                        SLICE_FMT(attempt_name(t)));
}

enum err_code parts_committed(struct job_task *t, struct slice *out, struct err *err)
{
    struct slice front = manifest_front(t);
    const struct s3_range range = {.from = 0, .to = front.len + PARTS_ATTEMPT_BYTES};
    struct buf head = {0};
    enum err_code rc =
        task_read_range(t, t->places.output_bucket, t->places.output_key, &range, &head, err);

    *out = SLICE("");
    if (rc == OK && slice_starts_with(buf_slice(&head), front)) {
        struct slice attempt = slice_from(buf_slice(&head), front.len);

        attempt = slice_head(attempt, slice_find(attempt, '"'));
        *out = arena_printf(&t->s->memory, "%.*s%.*s/", SLICE_FMT(parts_prefix(t)),
                            SLICE_FMT(attempt));
    }
    buf_fini(&head);
    return rc == ERR_NOT_FOUND || rc == ERR_PRECONDITION ? OK : rc; /* none, or an empty one */
}
