/* SPDX-License-Identifier: Apache-2.0 */
/* How a worker is registered. Everything is checked before anything changes. The same process that
 * says hello again keeps its id, its leases, its drain and its carriers, and changes what it
 * offers; another process under the name ends the old one.
 *
 * While a hello is worked on, each function it offers points at the new offer (its claim): so a
 * function that is offered twice is seen, and leases find the offer they count in, in one step
 * each. New offers are linked before old ones end: a function both have is never without a worker.
 */
#include "coordinator/fleet/internal.h"

#include "proto/base/arena.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

static bool hello_is_slots(uint32_t slots)
{
    return slots != 0 && slots <= LIMIT_WORKER_SLOTS;
}

static enum err_code hello_check_offers(const struct fleet_hello *h, struct err *err)
{
    if (h->offer_count == 0 || h->offer_count > LIMIT_WORKER_FUNCTIONS) {
        return err_set(err, ERR_VALIDATION, "a worker offers 1 to %d functions, not %zu",
                       LIMIT_WORKER_FUNCTIONS, h->offer_count);
    }
    for (size_t i = 0; i < h->offer_count; i++) {
        if (!text_is_function_name(h->offers[i].function)) {
            return err_set(err, ERR_VALIDATION,
                           "the name of offered function %zu is not 1 to %d printable characters",
                           i + 1, LIMIT_NAME_CHARS);
        }
        if (!hello_is_slots(h->offers[i].slots)) {
            return err_set(err, ERR_VALIDATION, "function %.*s has 1 to %d slots, not %u",
                           SLICE_FMT(h->offers[i].function), LIMIT_WORKER_SLOTS,
                           (unsigned)h->offers[i].slots);
        }
    }
    return OK;
}

static enum err_code hello_check(const struct fleet_hello *h, struct err *err)
{
    if (!text_is_name(h->name)) {
        return err_set(err, ERR_VALIDATION,
                       "the worker's name is not 1 to %d characters without white space or any of "
                       "?*<>{}[]\"#%%\\^|~`$&,;:/",
                       LIMIT_NAME_CHARS);
    }
    if (h->version.len > LIMIT_NAME_CHARS) {
        return err_set(err, ERR_VALIDATION, "the version of worker %.*s has over %d bytes",
                       SLICE_FMT(h->name), LIMIT_NAME_CHARS);
    }
    if (h->labels.len > LIMIT_LABELS_BYTES) {
        return err_set(err, ERR_VALIDATION, "the labels of worker %.*s have over %d bytes",
                       SLICE_FMT(h->name), LIMIT_LABELS_BYTES);
    }
    if (!hello_is_slots(h->slots)) {
        return err_set(err, ERR_VALIDATION, "worker %.*s has 1 to %d slots, not %u",
                       SLICE_FMT(h->name), LIMIT_WORKER_SLOTS, (unsigned)h->slots);
    }
    return hello_check_offers(h, err);
}

/* The claims of the first `count` offers are over. */
static void hello_unclaim(struct fleet *f, const struct fleet_offered *offers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        offers[i].function->claim = NULL;
        fleet_function_release(f, offers[i].function);
    }
}

/* Offers not linked yet, each claimed by its function. */
static enum err_code hello_claim(struct fleet *f,
                                 const struct fleet_hello *h,
                                 struct fleet_offered **out,
                                 struct err *err)
{
    struct fleet_offered *offers = mem_zalloc(h->offer_count, sizeof(*offers));

    for (size_t i = 0; i < h->offer_count; i++) {
        struct fleet_function *fn = fleet_function_get(f, h->offers[i].function);

        if (fn->claim != NULL) {
            hello_unclaim(f, offers, i);
            mem_free(offers);
            return err_set(err, ERR_VALIDATION, "worker %.*s offers function %.*s twice",
                           SLICE_FMT(h->name), SLICE_FMT(h->offers[i].function));
        }
        fn->claim = &offers[i];
        offers[i].function = fn;
        offers[i].slots = h->offers[i].slots;
        list_init(&offers[i].of_function);
    }
    *out = offers;
    return OK;
}

static struct slice hello_copy(struct slice s)
{
    return slice_make(mem_strdup(s), s.len);
}

/* Without what it offers, and not yet found by its name: another may still have that. */
static struct fleet_worker *hello_worker(struct fleet *f, const struct fleet_hello *h)
{
    struct fleet_worker *w = mem_zalloc(1, sizeof(*w));

    /* The epoch keeps ids of before a restart from naming a worker of after it. */
    w->id = (f->epoch << 32) + ++f->last_worker;
    w->name = hello_copy(h->name);
    w->owner = hello_copy(h->owner);
    w->instance = h->instance;
    w->cordon = fleet_cordon_of(f, h->name);
    list_init(&w->leases);
    hash_insert(&f->workers_by_id, &w->by_id, hash_u64(w->id));
    return w;
}

static void hello_describe(struct fleet_worker *w, const struct fleet_hello *h)
{
    struct slice version = hello_copy(h->version);
    struct slice labels = hello_copy(h->labels);

    mem_free((void *)w->version.ptr);
    mem_free((void *)w->labels.ptr);
    w->version = version;
    w->labels = labels;
    w->slots = h->slots;
}

/* The claimed offers take the place of those it had; its leases count in them. */
static void
hello_offer(struct fleet *f, struct fleet_worker *w, struct fleet_offered *offers, size_t count)
{
    struct arena a = {0};
    const struct json_node *labels = fleet_labels_read(w->labels, &a);

    for (size_t i = 0; i < count; i++) {
        offers[i].worker = w;
        fleet_function_link(f, &offers[i], fleet_terms_carried(&offers[i].function->terms, labels));
    }
    arena_fini(&a);
    LIST_EACH(node, &w->leases)
    {
        struct fleet_task *t = container_of(node, struct fleet_task, link);

        t->offered = t->function->claim;
        if (t->offered != NULL) {
            t->offered->leased++;
        }
    }
    for (size_t i = 0; i < w->offer_count; i++) {
        fleet_function_unlink(f, &w->offers[i]);
    }
    mem_free(w->offers);
    w->offers = offers;
    w->offer_count = count;
}

enum err_code fleet_worker_hello(struct fleet *f,
                                 const struct fleet_hello *h,
                                 struct fleet_now now,
                                 struct fleet_worker **out,
                                 struct list *lost,
                                 struct err *err)
{
    struct fleet_offered *offers = NULL;
    struct fleet_worker *old;
    struct fleet_worker *w;
    enum err_code rc = hello_check(h, err);

    if (rc != OK) {
        return rc;
    }
    old = fleet_worker_find_name(f, h->name);
    if (old != NULL && !slice_eq(old->owner, h->owner)) {
        return err_set(err, ERR_DENIED, "worker %.*s is registered with another token",
                       SLICE_FMT(h->name));
    }
    if (old == NULL && f->workers_by_id.count >= LIMIT_WORKERS) {
        return err_set(err, ERR_BUSY, "%d workers are registered; no more can be", LIMIT_WORKERS);
    }
    rc = hello_claim(f, h, &offers, err);
    if (rc != OK) {
        return rc;
    }
    w = old != NULL && old->instance == h->instance ? old : hello_worker(f, h);
    fleet_worker_seen(f, w, now);
    w->hello_wall_ms = now.wall_ms;
    hello_describe(w, h);
    hello_offer(f, w, offers, h->offer_count);
    if (w != old) {
        if (old != NULL) {
            fleet_worker_remove(f, old, lost);
        }
        hash_insert(&f->workers_by_name, &w->by_name, hash_bytes(w->name, 0));
        fleet_lease_adopt(f, w, lost);
    }
    hello_unclaim(f, offers, h->offer_count);
    *out = w;
    return OK;
}
