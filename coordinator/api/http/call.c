/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api/http/call.h"

#include "proto/base/sm.h"

static const struct sm_state http_call_states[] = {
    [HTTP_CALL_READ] = {"read", SM(HTTP_CALL_ARRIVED)},
    [HTTP_CALL_ARRIVED] = {"arrived", SM(HTTP_CALL_OPEN)},
    [HTTP_CALL_OPEN] = {"open", SM(HTTP_CALL_ANSWERED)},
    [HTTP_CALL_ANSWERED] = {"answered", SM(HTTP_CALL_LEAVING)},
    [HTTP_CALL_LEAVING] = {"leaving", SM(HTTP_CALL_READ)},
};

enum {
    CALLS_KEPT = 1024, /* with their memory, for the next requests */
    BODY_KEPT_BYTES = 64 * 1024,
};

void http_call_move(struct http_call *h, enum http_call_state to)
{
    h->state = (enum http_call_state)sm_move(http_call_states, h->state, to);
}

struct http_call *http_call_new(struct http_face *f)
{
    struct list *n = list_pop_front(&f->spare);
    struct http_call *h;

    if (n != NULL) {
        f->spare_count--;
        return container_of(n, struct http_call, link);
    }
    h = mem_zalloc(1, sizeof(*h));
    h->face = f;
    h->state = HTTP_CALL_READ;
    list_init(&h->link);
    list_init(&h->left_link);
    list_init(&h->turn_link);
    list_push_back(&f->all, &h->all_link);
    return h;
}

void http_call_free(struct http_call *h)
{
    list_remove(&h->all_link);
    audit_drop(h->audit);
    arena_fini(&h->arena);
    buf_fini(&h->body);
    mem_free(h);
}

void http_call_back(struct http_face *f, struct http_call *h)
{
    if (f->spare_count == CALLS_KEPT) {
        http_call_free(h);
        return;
    }
    arena_reset(&h->arena);
    if (h->body.cap > BODY_KEPT_BYTES) {
        buf_fini(&h->body);
    }
    buf_reset(&h->body);
    h->left = false;
    h->metrics = false;
    h->query_error = NULL;
    h->error_type = NULL;
    list_push_front(&f->spare, &h->link);
    f->spare_count++;
}

struct audit_asked http_call_asked(const struct http_call *h)
{
    const struct aws_row *operation = h->asked.operation;

    return (struct audit_asked){
        .who = &h->asked.who,
        .method = operation != NULL ? operation->method : 0,
        .operation = operation != NULL ? operation->name : "",
        .request_id = http_call_id(h),
        .request = h->asked.request,
    };
}
