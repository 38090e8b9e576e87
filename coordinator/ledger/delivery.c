/* SPDX-License-Identifier: Apache-2.0 */
/* Deliveries of events to targets. Each is tried at the end of the turn that made it, so that what
 * it does (a message, an execution) is in the batch of the event's cause. What failed and may be
 * tried again gets a row, as does what the turn has no room for: the row is in that same batch.
 *
 *   new ---tried---> done | dead letter
 *    '---failed, or no room---> row ---durable---> due ---tried---> done | dead letter | row again
 *                                                  '---flights are full---> in line, then tried
 *
 * A row is read again only when it is due and durable: in memory there is its place alone. An
 * event that starts an execution may make further events, without end where rules go in a circle:
 * a turn tries a bounded number, and no more rows are kept than LIMIT_DELIVERIES. */
#include <assert.h>

#include "coordinator/ledger/delivery.h"
#include "coordinator/store/keys.h"

/* Not tried yet. */
struct fresh_delivery {
    struct list link;
    size_t len;
    char row[];
};

/* ---- rows ---- */

static struct delivery *delivery_new(struct ledger *l, uint64_t number)
{
    struct delivery *d = mem_zalloc(1, sizeof(*d));

    d->number = number;
    list_init(&d->fresh);
    list_init(&d->over);
    list_init(&d->line);
    list_push_back(&l->deliveries, &d->link);
    l->delivery_count++;
    return d;
}

static void delivery_free(struct ledger *l, struct delivery *d)
{
    flight_forget(l, d);
    place_leave(l, d);
    list_remove(&d->link);
    list_remove(&d->fresh);
    heap_remove(&l->deliveries_due, &d->due);
    l->delivery_count--;
    mem_free(d);
}

static void set_place(struct ledger *l, struct delivery *d, const struct delivery_row *row)
{
    if (d->place == NULL && delivery_is_flight(l, row)) {
        d->place = place_join(l, row->target_arn);
    }
}

/* @param d  NULL: it has no row yet */
static void keep(struct ledger *l, struct delivery *d, const struct delivery_row *row)
{
    struct key key;

    d = d != NULL ? d : delivery_new(l, ++l->last_delivery);
    d->due_ms = row->due_ms;
    set_place(l, d, row);
    d->batch = l->filling_number;
    heap_remove(&l->deliveries_due, &d->due);
    list_push_back(&l->deliveries_fresh, &d->fresh);
    key = key_delivery(l->config.account, d->number);
    buf_reset(&l->scratch);
    delivery_row_encode(row, &l->scratch);
    store_put(l->filling, CF_QUEUE, key_slice(&key), buf_slice(&l->scratch));
}

static void forget(struct ledger *l, struct delivery *d)
{
    struct key key;

    if (d != NULL) {
        key = key_delivery(l->config.account, d->number);
        store_delete(l->filling, CF_QUEUE, key_slice(&key));
        delivery_free(l, d);
    }
}

static enum err_code load(struct ledger *l, struct slice rest, struct slice value, struct err *err)
{
    struct cursor c = cursor_make(rest);
    struct delivery_row row;
    struct delivery *d;
    enum err_code rc = delivery_row_decode(value, &row, err);

    if (rc == OK) {
        l->last_delivery = cursor_u64be(&c);
        d = delivery_new(l, l->last_delivery);
        set_place(l, d, &row);
        heap_set(&l->deliveries_due, &d->due, row.due_ms);
    }
    return rc;
}

enum err_code deliveries_load(struct ledger *l, struct err *err)
{
    struct key all = key_deliveries(l->config.account);

    return rows_load(l, CF_QUEUE, &all, load, err);
}

void deliveries_free(struct ledger *l)
{
    struct list *n;

    while ((n = list_pop_front(&l->deliveries_new)) != NULL) {
        mem_free(container_of(n, struct fresh_delivery, link));
    }
    while (!list_empty(&l->deliveries)) {
        delivery_free(l, container_of(l->deliveries.next, struct delivery, link));
    }
    heap_fini(&l->deliveries_due);
    hash_fini(&l->delivery_flights);
    hash_fini(&l->places);
    webhooks_out_free(l);
    if (l->invoker != NULL) {
        machine_own_free(l->invoker);
    }
}

void deliveries_durable(struct ledger *l)
{
    while (!list_empty(&l->deliveries_fresh)) {
        struct delivery *d = container_of(l->deliveries_fresh.next, struct delivery, fresh);

        if (d->batch > l->durable_number) {
            return;
        }
        list_remove(&d->fresh);
        heap_set(&l->deliveries_due, &d->due, d->due_ms);
    }
}

/* ---- trying ---- */

static bool has_room(const struct ledger *l)
{
    return l->deliveries_left > 0 && filling_has_room(l);
}

static void keep_or_bury(struct ledger *l, struct delivery *d, const struct delivery_row *row)
{
    static const struct delivery_fault full = {.code = "RESOURCE_LIMIT_EXCEEDED",
                                               .message = SLICE_INIT("Too many deliveries wait.")};

    if (d == NULL && l->delivery_count >= LIMIT_DELIVERIES) {
        delivery_bury(l, row, &full, NULL);
    } else {
        keep(l, d, row);
    }
}

/* It has failed once more. */
static void
failed(struct ledger *l, struct delivery *d, struct delivery_row *row, struct delivery_fault *fault)
{
    struct target_retries retries = row->retries;
    const char *exhausted;

    if (fault->own && retries.most > LIMIT_HANDLER_RETRIES) {
        retries.most = LIMIT_HANDLER_RETRIES;
    }
    row->tries++;
    l->figures.rule_deliveries[DELIVERIES_FAILED]++;
    exhausted = target_retry(&retries, row->tries, row->created_ms, l->now.wall_ms,
                             ledger_random(l), &row->due_ms);
    if (exhausted == NULL) {
        keep_or_bury(l, d, row);
    } else {
        delivery_bury(l, row, fault, exhausted);
        forget(l, d);
    }
}

/* @param d  NULL: it has no row yet */
static void take_end(struct ledger *l,
                     struct delivery *d,
                     struct delivery_row *row,
                     enum delivery_end end,
                     struct delivery_fault *fault)
{
    switch (end) {
    case DELIVERY_DONE:
        l->figures.rule_deliveries[DELIVERIES_DONE]++;
        forget(l, d);
        break;
    case DELIVERY_AWAY: break;
    case DELIVERY_FAILED: failed(l, d, row, fault); break;
    case DELIVERY_REFUSED:
        delivery_bury(l, row, fault, NULL);
        forget(l, d);
        break;
    }
}

static void try_new(struct ledger *l, struct delivery_row *row)
{
    struct delivery_fault fault = {0};

    if (has_room(l) && !delivery_is_flight(l, row)) {
        l->deliveries_left--;
        take_end(l, NULL, row, delivery_send(l, row, &fault), &fault);
    } else {
        keep_or_bury(l, NULL, row);
    }
}

static void try_due(struct ledger *l, struct delivery *d, struct delivery_row *row)
{
    struct delivery_fault fault = {0};

    take_end(l, d, row,
             d->place != NULL ? flight_begin(l, d, row, &fault) : delivery_send(l, row, &fault),
             &fault);
}

static void take_flight(struct ledger *l, struct delivery *d, struct delivery_row *row)
{
    struct delivery_fault fault = {0};
    enum delivery_end end = flight_end(l, d, &fault);

    take_end(l, d, row, end, &fault);
}

void delivery_add(struct ledger *l, const struct delivery_row *d)
{
    struct fresh_delivery *f;

    buf_reset(&l->scratch);
    delivery_row_encode(d, &l->scratch);
    f = mem_alloc(sizeof(*f) + l->scratch.len);
    f->len = l->scratch.len;
    memcpy(f->row, l->scratch.ptr, f->len);
    list_init(&f->link);
    list_push_back(&l->deliveries_new, &f->link);
    l->deliveries_new_bytes += f->len;
}

void deliveries_run(struct ledger *l)
{
    struct list *n;

    while ((n = list_pop_front(&l->deliveries_new)) != NULL) {
        struct fresh_delivery *f = container_of(n, struct fresh_delivery, link);
        struct delivery_row row;
        enum err_code rc = delivery_row_decode(slice_make(f->row, f->len), &row, NULL);

        assert(rc == OK);
        (void)rc;
        l->deliveries_new_bytes -= f->len;
        try_new(l, &row);
        mem_free(f);
    }
}

static enum err_code
with_row(struct ledger *l,
         struct delivery *d,
         void (*go_on)(struct ledger *l, struct delivery *d, struct delivery_row *row),
         struct err *err)
{
    struct key key = key_delivery(l->config.account, d->number);
    struct delivery_row row;
    struct buf b = {0};
    enum err_code rc = store_get(l->store, CF_QUEUE, key_slice(&key), &b, err);

    if (rc == OK) {
        rc = delivery_row_decode(buf_slice(&b), &row, err);
    }
    if (rc == OK) {
        go_on(l, d, &row);
    } else {
        err_wrap(err, "delivery %llu", (unsigned long long)d->number);
    }
    buf_fini(&b);
    return rc;
}

enum err_code deliveries_try(struct ledger *l, struct err *err)
{
    enum err_code rc = OK;
    struct heap_node *n;
    struct delivery *d;

    while (rc == OK && ledger_accepts(l) && !list_empty(&l->deliveries_over)) {
        rc = with_row(l, container_of(l->deliveries_over.next, struct delivery, over), take_flight,
                      err);
    }
    while (rc == OK && has_room(l) && (d = place_next(l)) != NULL) {
        l->deliveries_left--;
        rc = with_row(l, d, try_due, err);
    }
    while (rc == OK && has_room(l) && (n = heap_min(&l->deliveries_due)) != NULL &&
           n->key <= l->now.wall_ms) {
        d = container_of(n, struct delivery, due);
        l->deliveries_left--;
        if (d->place != NULL && !place_has_room(l, d->place)) {
            place_wait(l, d);
        } else {
            rc = with_row(l, d, try_due, err);
        }
    }
    return rc;
}

struct ledger_deliveries ledger_delivery_figures(const struct ledger *l)
{
    const uint64_t *f = l->figures.rule_deliveries;

    return (struct ledger_deliveries){l->delivery_count, f[DELIVERIES_BURIED],
                                      f[DELIVERIES_DROPPED]};
}

int64_t deliveries_wait_ms(const struct ledger *l, struct fleet_now now)
{
    const struct heap_node *due = heap_min(&l->deliveries_due);

    if (!list_empty(&l->deliveries_new) || !list_empty(&l->deliveries_over) ||
        places_are_ready(l)) {
        return 0;
    }
    return due != NULL ? due->key - now.wall_ms : INT64_MAX;
}
