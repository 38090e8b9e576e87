/* SPDX-License-Identifier: Apache-2.0 */
/* Who may fly. Flights are few (LIMIT_DELIVERY_FLIGHTS), and one of a function that nobody offers,
 * or of a server that never answers, lasts long. So each place, a function or an API destination,
 * may have as many as are left for all others: one that is dead has half of them, two have a third
 * each, and whoever comes next always finds some. What may not begin waits in its place's line, and
 * the places that have one take turns. */
#include <assert.h>

#include "coordinator/ledger/delivery.h"

struct delivery_place {
    size_t count; /* of deliveries that go there */
    size_t flying;
    struct list line; /* delivery.line: the oldest first */
    struct list turn; /* in ledger.places_waiting, while there is a line */
    struct hash_node by_arn;
    size_t arn_bytes;
    char arn[];
};

static struct delivery_place *place_find(const struct ledger *l, struct slice arn)
{
    HASH_EACH_MATCH(n, &l->places, hash_bytes(arn, 0))
    {
        struct delivery_place *p = container_of(n, struct delivery_place, by_arn);

        if (slice_eq(slice_make(p->arn, p->arn_bytes), arn)) {
            return p;
        }
    }
    return NULL;
}

struct delivery_place *place_join(struct ledger *l, struct slice arn)
{
    struct delivery_place *p = place_find(l, arn);

    if (p == NULL) {
        p = mem_zalloc(1, sizeof(*p) + arn.len);
        list_init(&p->line);
        list_init(&p->turn);
        p->arn_bytes = arn.len;
        memcpy(p->arn, arn.ptr, arn.len);
        hash_insert(&l->places, &p->by_arn, hash_bytes(arn, 0));
    }
    p->count++;
    return p;
}

void place_leave(struct ledger *l, struct delivery *d)
{
    struct delivery_place *p = d->place;

    if (p == NULL) {
        return;
    }
    list_remove(&d->line);
    if (list_empty(&p->line)) {
        list_remove(&p->turn);
    }
    if (--p->count == 0) {
        assert(p->flying == 0);
        hash_remove(&l->places, &p->by_arn);
        mem_free(p);
    }
}

bool place_has_room(const struct ledger *l, const struct delivery_place *p)
{
    return p->flying < LIMIT_DELIVERY_FLIGHTS - l->flights;
}

void place_wait(struct ledger *l, struct delivery *d)
{
    struct delivery_place *p = d->place;

    heap_remove(&l->deliveries_due, &d->due);
    list_push_back(&p->line, &d->line);
    if (list_empty(&p->turn)) {
        list_push_back(&l->places_waiting, &p->turn);
    }
}

/* The first one whose turn it is; NULL: none may fly now. */
static struct delivery_place *place_ready(const struct ledger *l)
{
    LIST_EACH(n, &l->places_waiting)
    {
        struct delivery_place *p = container_of(n, struct delivery_place, turn);

        if (place_has_room(l, p)) {
            return p;
        }
    }
    return NULL;
}

struct delivery *place_next(struct ledger *l)
{
    struct delivery_place *p = place_ready(l);
    struct delivery *d;

    if (p == NULL) {
        return NULL;
    }
    d = container_of(list_pop_front(&p->line), struct delivery, line);
    list_remove(&p->turn);
    if (!list_empty(&p->line)) {
        list_push_back(&l->places_waiting, &p->turn);
    }
    return d;
}

bool places_are_ready(const struct ledger *l)
{
    return place_ready(l) != NULL;
}

void flight_take_off(struct ledger *l, struct delivery *d)
{
    heap_remove(&l->deliveries_due, &d->due);
    d->flying = true;
    d->place->flying++;
    l->flights++;
}

void flight_land(struct ledger *l, struct delivery *d)
{
    if (!d->flying) {
        return;
    }
    if (d->run != 0) {
        hash_remove(&l->delivery_flights, &d->by_run);
        d->run = 0;
    }
    d->flying = false;
    d->place->flying--;
    l->flights--;
}
