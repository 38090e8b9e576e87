/* SPDX-License-Identifier: Apache-2.0 */
/* Workers that are to take no more, by name: a worker that comes under such a name is cordoned from
 * its hello on. The caller keeps on disk what is said here. */
#include "coordinator/fleet/internal.h"

#include "proto/base/arena.h"

struct cordoned {
    struct hash_node by_name;
    enum fleet_cordon cordon;
    struct slice name; /* its bytes follow the struct */
};

static struct cordoned *cordoned_find(const struct fleet *f, struct slice name)
{
    HASH_EACH_MATCH(n, &f->cordons, hash_bytes(name, 0))
    {
        struct cordoned *c = container_of(n, struct cordoned, by_name);

        if (slice_eq(c->name, name)) {
            return c;
        }
    }
    return NULL;
}

static struct cordoned *cordoned_new(struct fleet *f, struct slice name)
{
    struct cordoned *c = mem_zalloc(1, sizeof(*c) + name.len);

    memcpy(c + 1, name.ptr, name.len);
    c->name = slice_make(c + 1, name.len);
    hash_insert(&f->cordons, &c->by_name, hash_bytes(name, 0));
    return c;
}

void fleet_cordon(struct fleet *f, struct slice name, enum fleet_cordon cordon)
{
    struct cordoned *c = cordoned_find(f, name);
    struct fleet_worker *w = fleet_worker_find_name(f, name);

    if (cordon == FLEET_OPEN) {
        if (c != NULL) {
            hash_remove(&f->cordons, &c->by_name);
            mem_free(c);
        }
    } else {
        c = c != NULL ? c : cordoned_new(f, name);
        c->cordon = cordon;
    }
    if (w != NULL) {
        w->cordon = cordon;
    }
}

enum fleet_cordon fleet_cordon_of(const struct fleet *f, struct slice name)
{
    const struct cordoned *c = cordoned_find(f, name);

    return c != NULL ? c->cordon : FLEET_OPEN;
}

void fleet_cordon_each(const struct fleet *f,
                       void (*visit)(void *arg, struct slice name, enum fleet_cordon cordon),
                       void *arg)
{
    size_t bucket = 0;
    struct hash_node *n = NULL;

    while ((n = hash_iterate(&f->cordons, &bucket, n)) != NULL) {
        const struct cordoned *c = container_of(n, struct cordoned, by_name);

        visit(arg, c->name, c->cordon);
    }
}

size_t fleet_cordon_count(const struct fleet *f)
{
    return f->cordons.count;
}

void fleet_cordon_fini(struct fleet *f)
{
    size_t bucket = 0;
    struct hash_node *n = hash_iterate(&f->cordons, &bucket, NULL);

    while (n != NULL) {
        struct hash_node *after = hash_iterate(&f->cordons, &bucket, n);

        mem_free(container_of(n, struct cordoned, by_name));
        n = after;
    }
    hash_fini(&f->cordons);
}
