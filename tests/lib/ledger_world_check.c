/* SPDX-License-Identifier: Apache-2.0 */
/* What there is in the world: rows and records on disk, uploads, counters. */
#include "tests/lib/ledger_world.h"

size_t world_rows(struct ledger_world *w, enum store_cf cf)
{
    struct store_iterator *i = store_iterate(w->store, cf, SLICE(""), SLICE(""), false);
    struct slice key;
    struct slice value;
    size_t count = 0;

    while (store_next(i, &key, &value)) {
        count++;
    }
    assert_int_equal(store_iterator_end(i, NULL), OK);
    return count;
}

size_t world_index(struct ledger_world *w, enum execution_status status)
{
    struct key from = key_index_status(WORLD_ACCOUNT, status);
    struct key to = key_after(&from);
    struct store_iterator *i =
        store_iterate(w->store, CF_INDEX, key_slice(&from), key_slice(&to), false);
    struct slice key;
    struct slice value;
    size_t count = 0;

    while (store_next(i, &key, &value)) {
        count++;
    }
    assert_int_equal(store_iterator_end(i, NULL), OK);
    return count;
}

enum execution_status world_status(struct ledger_world *w, uint64_t id, struct execution_header *h)
{
    struct record_source source = {.store = w->store, .account = WORLD_ACCOUNT, .execution = id};
    struct arena a = {0};
    struct image im;
    struct err err;

    if (image_read(&source, &a, &im, &err) != OK) {
        fail_msg("%s", err.msg);
    }
    if (h != NULL) {
        *h = im.header; /* its texts are gone: numbers only */
    }
    arena_fini(&a);
    return im.header.status;
}

void world_check_history(struct ledger_world *w, uint64_t id)
{
    struct record_source source = {.store = w->store, .account = WORLD_ACCOUNT, .execution = id};
    struct execution_header h;
    struct arena a = {0};
    struct err err;
    uint64_t next = 1;

    (void)world_status(w, id, &h);
    for (uint64_t at = 0; at <= h.sequence; at++) {
        struct slice bytes;
        struct record r;

        assert_int_equal(record_read(&source, at, &a, &bytes, &err), OK);
        assert_int_equal(record_decode(bytes, &a, &r, &err), OK);
        for (size_t i = 0; i < r.event_count; i++) {
            assert_int_equal(r.events[i].id, next);
            assert_true(r.events[i].previous < next);
            next++;
        }
    }
    assert_int_equal(h.next_event, next);
    arena_fini(&a);
}

static bool upload_is_live(struct ledger_world *w, const struct world_upload *u)
{
    return !ledger_upload_is_stray(w->l, slice_str(u->key), slice_str(u->id));
}

void world_sweep(struct ledger_world *w)
{
    world_begin(w);
    for (size_t i = 0; i < w->upload_count; i++) {
        const struct world_upload *u = &w->uploads[i];

        if (u->state == UPLOAD_OPEN && !upload_is_live(w, u)) {
            ledger_sweep_upload(w->l, SLICE("work"), slice_str(u->key), slice_str(u->id));
        }
    }
    world_end(w);
    world_settle(w);
}

void world_check_end(struct ledger_world *w)
{
    struct hash_node *n = NULL;
    size_t bucket = 0;
    size_t open = 0;

    while ((n = hash_iterate(&w->l->machines_by_number, &bucket, n)) != NULL) {
        open += container_of(n, struct ledger_machine, by_number)->open_executions;
    }
    assert_int_equal(open, w->l->open_count);
    assert_int_equal(w->l->object_count, w->request_count);
    for (size_t i = 0; i < w->upload_count; i++) {
        assert_true(w->uploads[i].state != UPLOAD_OPEN || upload_is_live(w, &w->uploads[i]));
    }
    for (size_t i = 0; i < w->object_count; i++) {
        assert_true(w->objects[i].writes > 0);
    }
}
