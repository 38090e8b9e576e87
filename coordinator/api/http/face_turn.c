/* SPDX-License-Identifier: Apache-2.0 */
/* What the loop does of the face: requests carried out in its turns, and their answers. */
#include "coordinator/api/http/call.h"
#include "coordinator/api/http/metrics.h"
#include "proto/host/clock.h"

enum { TURN_BYTES_MAX = 64 * 1024 * 1024 }; /* of requests: a turn stays short */

static struct http_call *http_call_of(struct call *c)
{
    return container_of(c, struct http_call, call);
}

/* ---- answers ---- */

static void http_leave(struct http_call *h)
{
    struct http_face *f = h->face;
    bool wake;

    f->busy--;
    http_call_move(h, HTTP_CALL_LEAVING);
    (void)pthread_mutex_lock(&f->lock);
    wake = list_empty(&f->leaving);
    list_push_back(&f->leaving, &h->link);
    if (wake) {
        (void)uv_async_send(&f->asked);
    }
    (void)pthread_mutex_unlock(&f->lock);
}

static void http_durable(struct ledger_wait *w)
{
    struct http_call *h = container_of(w, struct http_call, call.wait);

    audit_put(h->audit);
    h->audit = NULL;
    http_leave(h);
}

static void answered(struct http_call *h)
{
    http_call_move(h, HTTP_CALL_ANSWERED);
    h->open = false;
    list_remove(&h->turn_link);
    ledger_wait_durable(h->face->api->ledger, &h->call.wait);
}

/* The message is the operation's, and gone at the end of its turn. */
static void wrap_token(struct http_call *h, const ProtobufCMessage *message, struct arena *a)
{
    struct ledger *l = h->face->api->ledger;
    char **token = h->asked.page.pages ? page_token_of(message) : NULL;

    if (token != NULL) {
        *token = arena_str(a, page_token(ledger_rules(l)->token_key, &h->asked.page,
                                         slice_str(*token), clock_wall_ms(), a));
    }
}

static void http_reply(struct call *c, const ProtobufCMessage *message)
{
    struct http_call *h = http_call_of(c);
    struct arena *a = ledger_turn_arena(c->api->ledger);
    const struct json_node *v;

    wrap_token(h, message, a);
    v = aws_reply(h->asked.operation, AWS_HTTP, message, a);
    if (h->asked.query != NULL) {
        query_reply(h->asked.query, slice_str(h->asked.operation->name), v, http_call_id(h), a,
                    &h->body);
    } else {
        json_write(v, &h->body);
    }
    h->status = 200;
    audit_end(h->audit, NULL, message);
    answered(h);
}

static void http_fail(struct call *c, enum err_code code, const struct err *err)
{
    struct http_call *h = http_call_of(c);

    audit_end(h->audit, http_error_name(h, code), NULL);
    http_form_error(h, code, err);
    answered(h);
}

/* ---- requests ---- */

/* They promise nothing, and are wanted most when no batch becomes durable: they wait for none. */
static void serve_metrics(struct http_face *f, struct http_call *h)
{
    http_call_move(h, HTTP_CALL_OPEN);
    f->busy++;
    metrics_put_ledger(f->api, &h->body);
    http_call_move(h, HTTP_CALL_ANSWERED);
    http_leave(h);
}

static void record_begin(struct http_call *h)
{
    const struct audit_asked asked = http_call_asked(h);

    if (audit_is_control(asked.method)) {
        h->audit = audit_begin(access_audit(h->face->api->hooks.access), &asked);
    }
}

static void http_serve_one(struct http_face *f, struct http_call *h)
{
    if (h->metrics) {
        serve_metrics(f, h);
        return;
    }
    http_call_move(h, HTTP_CALL_OPEN);
    h->open = true;
    list_push_back(&f->dispatched, &h->turn_link);
    f->busy++;
    h->call = (struct call){
        .api = f->api,
        .method = h->asked.operation->method,
        .request = h->asked.request,
        .reply = http_reply,
        .fail = http_fail,
        .who = &h->asked.who,
        .aws = true,
    };
    record_begin(h);
    h->call.wait.durable = http_durable;
    if (f->stopping) {
        call_fail(&h->call, ERR_UNAVAILABLE, "the coordinator is stopping");
        return;
    }
    api_dispatch(f->api, &h->call);
    if (h->left && h->open && h->call.gone != NULL) {
        h->call.gone(&h->call);
    }
}

/* What the other thread has for this one. Of those whose clients left, the open ones cannot go
 * before they are answered here. */
static void take_arrived(struct http_face *f, struct list *parked)
{
    struct list *n;

    (void)pthread_mutex_lock(&f->lock);
    list_splice(&f->backlog, &f->arrived);
    while ((n = list_pop_front(&f->left)) != NULL) {
        struct http_call *h = container_of(n, struct http_call, left_link);

        h->left = true;
        if (h->open) {
            list_push_back(parked, &h->link);
        }
    }
    (void)pthread_mutex_unlock(&f->lock);
}

/* A request lives for the turn it came in: one that is parked needs its memory no more. */
static void forget_requests(struct http_face *f)
{
    struct list *n;

    while ((n = list_pop_front(&f->dispatched)) != NULL) {
        arena_fini(&container_of(n, struct http_call, turn_link)->arena);
    }
}

void http_face_serve(struct http_face *f)
{
    struct list parked;
    struct list *n;
    size_t bytes = 0;

    list_init(&parked);
    forget_requests(f);
    take_arrived(f, &parked);
    while (bytes < TURN_BYTES_MAX && ledger_accepts(f->api->ledger) &&
           (n = list_pop_front(&f->backlog)) != NULL) {
        struct http_call *h = container_of(n, struct http_call, link);

        bytes += h->bytes;
        http_serve_one(f, h);
    }
    if (bytes >= TURN_BYTES_MAX && !list_empty(&f->backlog)) {
        (void)uv_async_send(&f->wake); /* the rest in the next turn */
    }
    while ((n = list_pop_front(&parked)) != NULL) {
        struct http_call *h = container_of(n, struct http_call, link);

        if (h->open && h->call.gone != NULL) {
            h->call.gone(&h->call);
        }
    }
    signers_renew(&f->signers, f->api->ledger);
}

void face_turn_wake(uv_async_t *wake)
{
    struct http_face *f = wake->data;

    f->turn(f->arg);
}
