/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator that comes is of a later version than the one that has died: what is on the disk
 * is as that one would have written it, wherever it knew a way to. What it wrote reads as what
 * there was: written again in today's way, it is the same bytes. */
#include "coordinator/store/memory.h"
#include "coordinator/store/record_format.h"
#include "tests/sim/older.h"
#include "tests/sim/sim.h"

struct upgrade {
    struct sim *sim;
    struct store *store;
    struct store_batch *batch;
    struct arena arena;
    struct buf bytes;
    unsigned version;
    bool holders; /* who holds leases must be kept: other processes of their workers may come */
    size_t count;
};

static bool has_holder(const struct record *r)
{
    for (size_t i = 0; i < r->frame_count; i++) {
        if (r->frames[i].holder != 0) {
            return true;
        }
    }
    return false;
}

static struct slice as_of_today(const struct record *r, struct buf *out)
{
    const struct step s = {
        .header = r->header,
        .frames = r->frames,
        .frame_count = r->frame_count,
        .events = r->events,
        .event_count = r->event_count,
        .docs = r->docs,
        .doc_count = r->doc_count,
    };

    record_encode(&s, r->lowest, out);
    return buf_slice(out);
}

static void check_reads(struct upgrade *u, const struct record *was, struct slice value)
{
    struct buf again = {0};
    struct record r;
    struct err err;

    if (record_decode(buf_slice(&u->bytes), &u->arena, &r, &err) != OK) {
        sim_violation(u->sim, "a record of version %u cannot be read: %s", u->version, err.msg);
    }
    if (!has_holder(was) && !slice_eq(as_of_today(&r, &again), value)) {
        sim_violation(u->sim, "a record of version %u reads as another", u->version);
    }
    buf_fini(&again);
}

static void make_older(struct upgrade *u, struct slice key, struct slice value)
{
    struct record r;
    struct err err;

    arena_reset(&u->arena);
    buf_reset(&u->bytes);
    if ((unsigned char)value.ptr[0] != RECORD_VERSION ||
        record_decode(value, &u->arena, &r, &err) != OK || (u->holders && has_holder(&r)) ||
        !older_encode(&r, u->version, &u->bytes)) {
        return;
    }
    check_reads(u, &r, value);
    store_put(u->batch, CF_EXECUTION, key, buf_slice(&u->bytes));
    u->count++;
}

static void make_all_older(struct upgrade *u)
{
    struct store_iterator *i = store_iterate(u->store, CF_EXECUTION, SLICE(""), SLICE(""), false);
    struct slice key;
    struct slice value;
    struct err err;

    while (store_next(i, &key, &value)) {
        make_older(u, key, value);
    }
    if (store_iterator_end(i, &err) != OK || store_write(u->store, u->batch, &err) != OK) {
        sim_violation(u->sim, "the disk cannot be made older: %s", err.msg);
    }
}

void upgrade_disk(struct sim *s, struct store *store)
{
    struct upgrade u = {
        .sim = s,
        .store = store,
        .batch = store_batch_new(store),
        .version = 1 + (unsigned)sim_below(s, CHANCE_FAULTS + FAULT_UPGRADE, 2),
        .holders = s->rarity[FAULT_WORKER] != 0,
    };

    make_all_older(&u);
    sim_trace(s, &s->coordinator_node, "finds %zu records of version %u", u.count, u.version);
    store_batch_free(u.batch);
    buf_fini(&u.bytes);
    arena_fini(&u.arena);
}
