/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks as targets: a request of an API destination, with what its connection says one is. The
 * shell makes it; the delivery's row outlives it, so that after a crash it is made again, under the
 * same webhook-id: at least once. */
#include "coordinator/ledger/delivery.h"
#include "coordinator/ledger/webhook.h"

enum { SECOND_MS = 1000, MS_US = 1000, SECOND_US = 1000000 };

/* With its null byte. */
static const char *put_text(char **at, struct slice s)
{
    struct slice text = block_put(at, s);

    *(*at)++ = '\0';
    return text.ptr;
}

static struct webhook_request *request_new(struct ledger *l,
                                           struct delivery *d,
                                           const struct delivery_row *row,
                                           const struct webhook_row *to,
                                           const struct webhook_auth *auth)
{
    struct slice body = delivery_input(row);
    struct slice id = arena_printf(&l->arena, "%.*s_%llu", SLICE_FMT(row->event_id),
                                   (unsigned long long)d->number);
    struct slice time = arena_printf(&l->arena, "%lld", (long long)(l->now.wall_ms / SECOND_MS));
    const struct slice texts[] = {to->endpoint, to->method, id, time, auth->name};
    size_t bytes = body.len + auth->secret.len;
    struct webhook_request *r;
    char *at;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        bytes += texts[i].len + 1;
    }
    r = mem_zalloc(1, sizeof(*r) + bytes);
    at = r->text;
    r->url = put_text(&at, to->endpoint);
    r->method = put_text(&at, to->method);
    r->id = put_text(&at, id);
    r->timestamp = put_text(&at, time);
    r->auth_name = put_text(&at, auth->name);
    r->body = block_put(&at, body);
    r->secret = block_put(&at, auth->secret);
    r->auth = auth->kind;
    r->delivery = d;
    list_init(&r->link);
    return r;
}

static void request_free(struct webhook_request *r)
{
    list_remove(&r->out);
    mem_free(r);
}

void webhooks_out_free(struct ledger *l)
{
    while (!list_empty(&l->webhooks_out)) {
        request_free(container_of(l->webhooks_out.next, struct webhook_request, out));
    }
}

/* NULL: it is gone. */
static struct ledger_webhook *
destination_of(const struct ledger *l, struct slice arn, struct slice name)
{
    struct ledger_webhook *w =
        ledger_webhook_find(l, WEBHOOK_DESTINATION, slice_head(name, slice_find(name, '/')));

    return w != NULL && ledger_webhook_is(w, arn) ? w : NULL;
}

/* May it be asked now? Else its turn is put off until it may, which nobody takes from it: each of
 * many that wait is looked at once more, not every time that one of them goes. */
static bool has_slot(struct ledger *l, struct delivery *d, struct ledger_webhook *to)
{
    int64_t now_us = l->now.wall_ms * MS_US;
    int64_t at_us = to->next_us > now_us ? to->next_us : now_us;

    if (d->slotted) {
        d->slotted = false;
        return true;
    }
    to->next_us = at_us + (SECOND_US + to->row.rate - 1) / to->row.rate;
    if (at_us == now_us) {
        return true;
    }
    d->slotted = true;
    heap_set(&l->deliveries_due, &d->due, (at_us + MS_US - 1) / MS_US);
    return false;
}

enum delivery_end webhook_begin(struct ledger *l,
                                struct delivery *d,
                                const struct delivery_row *row,
                                struct slice name,
                                struct delivery_fault *fault)
{
    struct ledger_webhook *to = destination_of(l, row->target_arn, name);
    const struct ledger_webhook *connection =
        to != NULL ? ledger_webhook_find(l, WEBHOOK_CONNECTION, to->row.connection) : NULL;
    struct webhook_request *r;

    if (connection == NULL || l->hooks.webhook == NULL) {
        return delivery_refuse(fault, "NO_RESOURCE",
                               SLICE("The API destination or its connection does not exist."));
    }
    if (!has_slot(l, d, to)) {
        return DELIVERY_AWAY;
    }
    r = request_new(l, d, row, &to->row, &connection->row.auth);
    flight_take_off(l, d);
    list_push_back(&l->webhooks_out, &r->out);
    l->hooks.webhook(l->hooks.arg, r);
    return DELIVERY_AWAY;
}

void ledger_webhook_done(struct ledger *l, struct webhook_request *r)
{
    static const enum delivery_end ends[] = {
        [WEBHOOK_TAKEN] = DELIVERY_DONE,
        [WEBHOOK_AGAIN] = DELIVERY_FAILED,
        [WEBHOOK_REFUSED] = DELIVERY_REFUSED,
    };
    struct slice why = slice_str(r->why);

    if (r->status == 0) {
        flight_over(l, r->delivery, DELIVERY_FAILED, "CONNECTION_FAILURE", why);
    } else {
        flight_over(l, r->delivery, ends[webhook_judge(r->status)], "ERROR_FROM_TARGET",
                    arena_printf(&l->arena, "HTTP %ld%s%.*s", r->status, why.len != 0 ? " " : "",
                                 SLICE_FMT(why)));
    }
    request_free(r);
}
