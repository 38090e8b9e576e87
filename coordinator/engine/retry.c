/* SPDX-License-Identifier: Apache-2.0 */
/* Retry and Catch. The first retrier that names the error decides, each with its own counter; past
 * its attempts the catchers are asked. Waiting for a retry leaves no trace in history. Where the
 * catcher itself fails, that is the state's failure now, for the scope around it to deal with.
 * Source: Amazon States Language, error handling. */
#include "coordinator/engine/step.h"

int64_t retry_delay_ms(const struct asl_retrier *r, uint32_t n)
{
    int64_t cap_s = r->max_delay_s > 0 ? r->max_delay_s : LIMIT_TIMEOUT_SECONDS;
    double cap = (double)cap_s * 1000.0;
    double delay = (double)r->interval_s * 1000.0;

    if (r->backoff_rate > 1.0) {
        for (uint32_t i = 1; i < n && delay < cap; i++) {
            delay *= r->backoff_rate;
        }
    }
    return delay < cap ? (int64_t)delay : cap_s * 1000;
}

static int64_t with_jitter(struct turn *t, const struct frame *f, int64_t delay_ms)
{
    uint64_t chance = chance_seed(t->h, CHANCE_JITTER, f->entered_event, f->attempt);

    return (int64_t)(chance % ((uint64_t)delay_ms + 1));
}

/* A copy of the counters with one more on `i`: the old ones belong to the frame's older version. */
static void spend(struct turn *t, struct frame *f, size_t i, size_t count)
{
    uint32_t *counts = ARENA_ARRAY(t->a, count, uint32_t);

    if (f->retries != NULL) {
        memcpy(counts, f->retries, f->retrier_count * sizeof(*counts));
    }
    counts[i]++;
    f->retries = counts;
    f->retrier_count = (uint32_t)count;
    f->retry_count++;
}

static uint32_t spent(const struct frame *f, size_t i)
{
    return f->retries != NULL && i < f->retrier_count ? f->retries[i] : 0;
}

bool retry_take(struct turn *t, struct frame *f, struct failure why, unsigned kinds)
{
    const struct asl_state *st = frame_state(t, f);
    const struct asl_retrier *r = NULL;
    int64_t delay_ms;
    size_t i;

    for (i = 0; i < st->retrier_count; i++) {
        r = &st->retriers[i];
        if (asl_error_matches(r->errors, r->error_count, why.error, kinds)) {
            break;
        }
    }
    if (i == st->retrier_count || (int64_t)spent(f, i) >= r->max_attempts) {
        return false;
    }
    spend(t, f, i, st->retrier_count);
    delay_ms = retry_delay_ms(r, spent(f, i));
    if (r->jitter_full) {
        delay_ms = with_jitter(t, f, delay_ms);
    }
    frame_drop_lease(f);
    join_drop(t, f);
    frame_move(f, FRAME_TIMER);
    f->due_ms = t->ev->now_ms + delay_ms;
    turn_command(t, COMMAND_SET_TIMER, f)->due_ms = f->due_ms;
    return true;
}

static const struct json_node *text_or(struct turn *t, struct slice text, bool null)
{
    return text.ptr == NULL && null ? json_null() : json_string(t->a, text);
}

/* Error Output: what is missing is the empty text, or null where a token's holder left it out. */
static const struct json_node *error_output(struct turn *t, struct failure why, unsigned kinds)
{
    struct json_builder b = json_build_object(t->a);
    bool null = (kinds & FAILED_BY_TOKEN) != 0;

    json_put(&b, SLICE("Error"), text_or(t, why.error, null));
    json_put(&b, SLICE("Cause"), text_or(t, why.cause, null));
    return json_built(&b);
}

/* The catcher's ResultPath over the raw input. */
static bool place_error(struct turn *t,
                        const struct frame *f,
                        const struct asl_catcher *c,
                        struct value *error,
                        struct value *out,
                        struct failure *why)
{
    struct value raw = value_of_doc(f->input);
    const struct json_node *node;

    switch (c->result_path.is) {
    case ASL_PATH_DEFAULT: *out = *error; return true;
    case ASL_PATH_NULL: *out = raw; return true;
    case ASL_PATH_SET: break;
    }
    if (!asl_apply_result_path(&c->result_path, value_node(t, &raw), error->node, t->a, &node,
                               why)) {
        return false;
    }
    *out = value_of_node(node);
    return true;
}

static bool go_to_catcher(struct turn *t,
                          struct frame *f,
                          const struct asl_catcher *c,
                          struct value *error,
                          struct failure *why)
{
    struct outcome out;

    if (!place_error(t, f, c, error, &out.output, why)) {
        return false;
    }
    if (value_too_large(t, &out.output)) {
        *why = flow_too_large(t, frame_state(t, f)->name);
        return false;
    }
    if (!variables_evaluate(t, f, c->assign, error, &out.assigned, why)) {
        *why = flow_placed(t, f, *why);
        return false;
    }
    flow_exit(t, f, &out, c->next);
    return true;
}

enum catch_outcome catch_take(struct turn *t, struct frame *f, struct failure *why, unsigned kinds)
{
    const struct asl_state *st = frame_state(t, f);

    for (size_t i = 0; i < st->catcher_count; i++) {
        const struct asl_catcher *c = &st->catchers[i];

        if (asl_error_matches(c->errors, c->error_count, why->error, kinds)) {
            struct value error = value_of_node(error_output(t, *why, kinds));

            return go_to_catcher(t, f, c, &error, why) ? CATCH_TAKEN : CATCH_FAILED;
        }
    }
    return CATCH_NONE;
}
