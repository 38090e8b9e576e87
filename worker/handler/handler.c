/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/handler/handler.h"

#include "worker/handler/result.h"

static const struct handler_ops *const handlers[] = {
    [HANDLER_ECHO] = &handler_echo,
    [HANDLER_EVENT] = &handler_event,
    [HANDLER_STREAM] = &handler_stream,
};

static const struct handler_ops *ops_of(const struct lease *l)
{
    return handlers[handler_function(l)->kind];
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
    return ops_of(l)->start(h, l, r, memory);
}

void handler_stop(struct lease *l, bool at_once)
{
    ops_of(l)->stop(l, at_once);
}

void handler_progress(const struct lease *l, struct handler_progress *out)
{
    *out = (struct handler_progress){0};
    ops_of(l)->progress(l, out);
}

void handler_upload_recorded(struct lease *l, enum err_code rc)
{
    ops_of(l)->upload_recorded(l, rc);
}
