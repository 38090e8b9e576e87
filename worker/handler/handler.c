/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/handler/handler.h"

#include "worker/handler/result.h"

static const struct handler_ops *const handlers[] = {
    [HANDLER_ECHO] = &handler_echo,
    [HANDLER_EVENT] = &handler_event,
    [HANDLER_STREAM] = &handler_stream,
};

/* NULL: nobody here does it. */
static const struct handler_ops *ops_for(const struct handler_host *h, const struct lease *l)
{
    const struct handler_function *f = handler_function(l);
    enum handler_kind kind = f->kind;

    if (l->grant.piece.len != 0) {
        return h->pieces;
    }
    if (kind == HANDLER_EVENT && f->persistent) {
        return &handler_event_persistent;
    }
    return kind == HANDLER_PIECES ? NULL : handlers[kind];
}

bool handler_parse_kind(struct slice name, enum handler_kind *out)
{
    for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
        if (slice_eq_str(name, handlers[i]->name)) {
            *out = (enum handler_kind)i;
            return true;
        }
    }
    return false;
}

bool handler_start(struct handler_host *h,
                   struct lease *l,
                   struct lease_result *r,
                   struct arena *memory)
{
    if (l->grant.credentials.len > HANDLER_CREDENTIALS_BYTES) {
        result_fail(r, memory, "States.TaskFailed",
                    "the state's Credentials have %zu bytes of JSON: a handler is given at most %d",
                    l->grant.credentials.len, HANDLER_CREDENTIALS_BYTES);
        return false;
    }
    l->ops = ops_for(h, l);
    if (l->ops == NULL) {
        result_fail(r, memory, "Runtime.InvalidEntrypoint",
                    "function %s of this worker does not do such tasks", handler_function(l)->name);
        return false;
    }
    return l->ops->start(h, l, r, memory);
}

void handler_stop(struct lease *l, bool at_once)
{
    l->ops->stop(l, at_once);
}

void handler_progress(const struct lease *l, struct handler_progress *out)
{
    *out = (struct handler_progress){0};
    l->ops->progress(l, out);
}

void handler_upload_recorded(struct lease *l, enum err_code rc)
{
    l->ops->upload_recorded(l, rc);
}
