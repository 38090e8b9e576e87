/* SPDX-License-Identifier: Apache-2.0 */
/* Executions in memory: copies of what steps gave, owned here, found by id and by name. Their
 * frames are in frame.c. */
#include <assert.h>

#include "coordinator/ledger/internal.h"

static uint64_t name_hash(uint64_t machine, struct slice name)
{
    return hash_bytes(name, hash_u64(machine));
}

struct hot *hot_new(struct ledger *l, uint64_t id)
{
    struct hot *h = mem_zalloc(1, sizeof(*h));

    h->ledger = l;
    h->h.id = id;
    h->deadline.execution = id;
    h->deadline.frame = ASL_NONE;
    h->active_ms = l->now.mono_ms;
    list_init(&h->lru);
    list_init(&h->continuing);
    list_init(&h->moved_link);
    list_init(&h->frames);
    list_init(&h->runnable);
    hash_insert(&l->hot_by_id, &h->by_id, hash_u64(id));
    return h;
}

void hot_free(struct ledger *l, struct hot *h)
{
    while (!list_empty(&h->frames)) {
        hot_frame_drop(l, container_of(h->frames.next, struct hot_frame, of_hot));
    }
    fleet_timer_clear(l->fleet, &h->deadline);
    if (h->kept) {
        l->kept_count--;
        l->kept_bytes -= h->record_bytes;
    }
    list_remove(&h->lru);
    list_remove(&h->continuing);
    list_remove(&h->moved_link);
    hash_remove(&l->hot_by_id, &h->by_id);
    if (h->named) {
        hash_remove(&l->hot_by_name, &h->by_name);
    }
    if (h->revision != NULL) {
        machine_revision_unref(h->revision);
    }
    if (h->machine != NULL && h->machine->passing) {
        machine_own_free(h->machine);
    }
    for (size_t i = 0; i < h->record_count; i++) {
        mem_free((void *)(uintptr_t)h->records[i].ptr);
    }
    mem_free(h->records);
    doc_unref(l, h->input);
    doc_unref(l, h->output);
    buf_fini(&h->closing);
    mem_free(h->fixed);
    mem_free(h);
}

struct hot *hot_find(const struct ledger *l, uint64_t id)
{
    HASH_EACH_MATCH(n, &l->hot_by_id, hash_u64(id))
    {
        struct hot *h = container_of(n, struct hot, by_id);

        if (h->h.id == id) {
            return h;
        }
    }
    return NULL;
}

/* Express executions are named by the end of their ARN, "NAME:UUID": their names may repeat. */
struct slice hot_key(const struct execution_header *h)
{
    size_t tail = slice_rfind(h->arn, ':') + 1;

    return h->express ? slice_from(h->arn, tail - h->name.len - 1) : h->name;
}

struct hot *hot_find_name(const struct ledger *l, uint64_t machine, struct slice name)
{
    HASH_EACH_MATCH(n, &l->hot_by_name, name_hash(machine, name))
    {
        struct hot *h = container_of(n, struct hot, by_name);

        if (h->h.machine == machine && slice_eq(hot_key(&h->h), name)) {
            return h;
        }
    }
    return NULL;
}

/* ---- what steps gave ---- */

/* Names and ARNs never change: copied once. */
static void take_fixed(struct hot *h, struct execution_header *header)
{
    struct slice *texts[] = {&header->name,         &header->arn,      &header->machine_arn,
                             &header->machine_name, &header->role_arn, &header->alias,
                             &header->trace};
    size_t bytes = 1;
    char *at;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        bytes += texts[i]->len;
    }
    at = h->fixed = mem_alloc(bytes);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i]->len != 0) {
            memcpy(at, texts[i]->ptr, texts[i]->len);
        }
        texts[i]->ptr = at;
        at += texts[i]->len;
    }
}

static void move_text(struct buf *b, const char **at, struct slice *s)
{
    if (s->ptr != NULL) {
        buf_put_slice(b, *s);
        s->ptr = *at;
        *at += s->len;
    }
}

static void take_failure(struct hot *h, struct execution_header *header)
{
    struct buf closing = {0};
    const char *at;

    if (header->error.ptr == NULL && header->cause.ptr == NULL) {
        buf_fini(&h->closing);
        return;
    }
    (void)buf_reserve(&closing, header->error.len + header->cause.len + 1);
    at = closing.ptr;
    move_text(&closing, &at, &header->error);
    move_text(&closing, &at, &header->cause);
    buf_fini(&h->closing);
    h->closing = closing;
}

void hot_take_header(struct ledger *l, struct hot *h, const struct execution_header *header)
{
    struct execution_header nh = *header;

    if (h->fixed == NULL) {
        take_fixed(h, &nh);
    } else {
        nh.name = h->h.name;
        nh.arn = h->h.arn;
        nh.machine_arn = h->h.machine_arn;
        nh.machine_name = h->h.machine_name;
        nh.role_arn = h->h.role_arn;
        nh.alias = h->h.alias;
        nh.trace = h->h.trace;
    }
    take_failure(h, &nh);
    doc_set(l, &h->input, &nh.input, doc_share(l, h->h.id, &nh.input));
    doc_set(l, &h->output, &nh.output, doc_share(l, h->h.id, &nh.output));
    if (h->context_readers != 0 && h->input != NULL) {
        nh.input.node = h->input->node;
    }
    nh.rules = &l->rules;
    h->h = nh;
}

void hot_name(struct ledger *l, struct hot *h)
{
    assert(!h->named);
    h->named = true;
    hash_insert(&l->hot_by_name, &h->by_name, name_hash(h->h.machine, hot_key(&h->h)));
}

void hot_touch(struct ledger *l, struct hot *h)
{
    h->active_ms = l->now.mono_ms;
    h->batch = h->recorded ? l->filling_number : h->batch;
    h->parking = false;
    list_remove(&h->lru);
    list_push_back(&l->lru, &h->lru);
}

bool hot_is_durable(const struct ledger *l, const struct hot *h)
{
    return h->batch <= l->durable_number;
}

bool hot_is_too_large(const struct hot *h)
{
    return h->record_bytes > LIMIT_EXPRESS_BYTES;
}

void hot_queue(struct ledger *l, struct hot *h)
{
    bool can = h->h.status == EXECUTION_RUNNING && !list_empty(&h->runnable);

    if (!can) {
        list_remove(&h->continuing);
    } else if (list_empty(&h->continuing)) {
        list_push_back(&l->continuing, &h->continuing);
    }
}

void hot_moved(struct ledger *l, struct hot *h)
{
    if (!h->moved) {
        h->moved = true;
        list_push_back(&l->moved, &h->moved_link);
    }
}
