/* SPDX-License-Identifier: Apache-2.0 */
/* The invariants of a pipe, by brute force: for tests and the simulator. */
#include "coordinator/trigger/pipe_internal.h"
#include "proto/base/limits.h"

static const char *check_batch(const struct pipe_batch *b)
{
    size_t bytes = 1;

    if (b->count == 0) {
        return "a batch is empty";
    }
    for (size_t i = 0; i < b->count; i++) {
        bytes += b->items[i].input.len + 1;
    }
    return bytes == b->bytes ? NULL : "the bytes of a batch are miscounted";
}

static bool shares_message(const struct pipe_batch *a, const struct pipe_batch *b)
{
    for (size_t i = 0; i < a->count; i++) {
        for (size_t k = 0; k < b->count; k++) {
            if (token_eq(a->items[i].receipt.token, b->items[k].receipt.token) &&
                (a != b || i != k)) {
                return true;
            }
        }
    }
    return false;
}

static const char *check_flight(const struct pipe *p)
{
    size_t count = 0;

    LIST_EACH(n, &p->flight)
    {
        const struct pipe_batch *b = container_of(n, struct pipe_batch, link);
        const char *wrong = check_batch(b);

        if (wrong != NULL || b->run == 0) {
            return wrong != NULL ? wrong : "a batch in flight has no run";
        }
        for (const struct list *o = n; o != &p->flight; o = o->next) {
            const struct pipe_batch *other =
                container_of((struct list *)(uintptr_t)o, struct pipe_batch, link);

            if (shares_message(b, other)) {
                return "one receipt is in flight twice";
            }
            if (p->settings.ordered && other != b && batch_shares_group(b, other)) {
                return "two batches of one group are in flight";
            }
        }
        count++;
    }
    return count == p->in_flight && count <= LIMIT_PIPE_BATCHES
               ? NULL
               : "batches in flight are miscounted, or too many";
}

const char *pipe_check(const struct pipe *p)
{
    bool holds = p->gathering != NULL || !list_empty(&p->due);
    const char *wrong = check_flight(p);

    if (wrong == NULL && holds && p->state != PIPE_RUNNING && p->state != PIPE_UPDATING) {
        wrong = "it does not run, and holds messages";
    }
    if (wrong == NULL && p->gathering != NULL) {
        wrong = check_batch(p->gathering);
    }
    LIST_EACH(n, &p->due)
    {
        wrong = wrong == NULL ? check_batch(container_of(n, struct pipe_batch, link)) : wrong;
    }
    return wrong;
}
