/* SPDX-License-Identifier: Apache-2.0 */
/* Who holds a leased task. A worker: the task takes one of its slots, and one of its offer of the
 * function. After a restart, a name: the worker of that name gets lease_ms to say hello, and then
 * has them as its own where it is the process that had them; the tokens it says it holds tell the
 * rest. Or nobody: the worker is lost, and the caller is about to end the task. */
#include "coordinator/fleet/internal.h"

#include <assert.h>

#include "proto/base/arena.h"

void fleet_lease_attach(struct fleet_worker *w, struct fleet_offered *o, struct fleet_task *t)
{
    t->worker = w;
    t->offered = o;
    list_push_back(&w->leases, &t->link);
    w->leased++;
    if (o != NULL) {
        o->leased++;
    }
}

static struct fleet_absent *absent_find(const struct fleet *f, struct slice name)
{
    HASH_EACH_MATCH(n, &f->absent, hash_bytes(name, 0))
    {
        struct fleet_absent *absent = container_of(n, struct fleet_absent, by_name);

        if (slice_eq(absent->name, name)) {
            return absent;
        }
    }
    return NULL;
}

size_t fleet_leased_by(const struct fleet *f, struct slice name)
{
    const struct fleet_worker *w = fleet_worker_find_name(f, name);
    const struct fleet_absent *absent = absent_find(f, name);
    size_t count = w != NULL ? w->leased : 0;

    if (absent != NULL) {
        LIST_EACH(n, &absent->leases)
        {
            count++;
        }
    }
    return count;
}

static struct fleet_absent *absent_get(struct fleet *f, struct slice name)
{
    struct fleet_absent *absent = absent_find(f, name);

    if (absent != NULL) {
        return absent;
    }
    absent = mem_zalloc(1, sizeof(*absent) + name.len);
    if (name.len != 0) {
        memcpy(absent + 1, name.ptr, name.len);
    }
    absent->name = slice_make(absent + 1, name.len);
    list_init(&absent->leases);
    hash_insert(&f->absent, &absent->by_name, hash_bytes(name, 0));
    return absent;
}

void fleet_lease_await(struct fleet *f, struct slice name, struct fleet_task *t, int64_t mono_ms)
{
    t->absent = absent_get(f, name);
    list_push_back(&t->absent->leases, &t->link);
    heap_set(&f->due[FLEET_DUE_ORPHAN], &t->orphan, fleet_deadline(mono_ms, f->config.lease_ms));
}

/* Out of the leases of a name; the name goes with its last one. */
static void absent_leave(struct fleet *f, struct fleet_task *t)
{
    struct fleet_absent *absent = t->absent;

    heap_remove(&f->due[FLEET_DUE_ORPHAN], &t->orphan);
    list_remove(&t->link);
    t->absent = NULL;
    if (list_empty(&absent->leases)) {
        hash_remove(&f->absent, &absent->by_name);
        mem_free(absent);
    }
}

void fleet_lease_detach(struct fleet *f, struct fleet_task *t)
{
    if (t->absent != NULL) {
        absent_leave(f, t);
        return;
    }
    list_remove(&t->link); /* of its worker's leases, or of the list the lost ones were moved to */
    if (t->worker != NULL) {
        assert(t->worker->leased != 0);
        t->worker->leased--;
    }
    if (t->offered != NULL) {
        assert(t->offered->leased != 0);
        t->offered->leased--;
    }
    t->worker = NULL;
    t->offered = NULL;
}

void fleet_lease_adopt(struct fleet *f, struct fleet_worker *w, struct list *lost)
{
    const struct fleet_absent *absent;

    while ((absent = absent_find(f, w->name)) != NULL) { /* it goes with its last lease */
        struct fleet_task *t = container_of(absent->leases.next, struct fleet_task, link);

        absent_leave(f, t);
        if (t->holder != 0 && t->holder != fleet_holder(w->instance)) {
            list_push_back(lost, &t->link);
        } else {
            fleet_lease_attach(w, t->function->claim, t);
        }
    }
}

void fleet_lease_lose(struct fleet_worker *w, struct list *lost)
{
    LIST_EACH(node, &w->leases)
    {
        struct fleet_task *t = container_of(node, struct fleet_task, link);

        t->worker = NULL;
        t->offered = NULL;
    }
    list_splice(lost, &w->leases);
}
