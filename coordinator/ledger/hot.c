/* SPDX-License-Identifier: Apache-2.0 */
/* Executions in memory: copies of what steps gave, owned here, found by id and by name. */
#include <assert.h>

#include "coordinator/ledger/internal.h"

static uint64_t name_hash(uint64_t machine, struct slice name)
{
    return hash_bytes(name, hash_u64(machine));
}

/* ---- documents ---- */

static struct hot_doc *doc_new(const struct doc *d)
{
    struct hot_doc *doc = mem_alloc(sizeof(*doc) + d->text.len);

    *doc = (struct hot_doc){.ref = d->ref, .refs = 1, .len = d->text.len};
    if (d->text.len != 0) {
        memcpy(doc->text, d->text.ptr, d->text.len);
    }
    return doc;
}

static void doc_unref(struct hot_doc *doc)
{
    if (doc != NULL && --doc->refs == 0) {
        mem_free(doc);
    }
}

/* The document `d` as one of this execution's: shared where a header or frame has it already. */
static struct hot_doc *doc_share(const struct hot *h, const struct doc *d)
{
    if (d->ref == 0) {
        return NULL;
    }
    if (h->input != NULL && h->input->ref == d->ref) {
        h->input->refs++;
        return h->input;
    }
    for (size_t i = 0; i < h->frame_count; i++) {
        struct hot_doc *doc = h->frames[i]->input;

        if (doc != NULL && doc->ref == d->ref) {
            doc->refs++;
            return doc;
        }
    }
    return d->text.ptr != NULL ? doc_new(d) : NULL;
}

static void doc_set(struct hot_doc **slot, struct doc *d, struct hot_doc *doc)
{
    doc_unref(*slot);
    *slot = doc;
    d->text = doc != NULL ? slice_make(doc->text, doc->len) : (struct slice){NULL, 0};
}

/* ---- executions ---- */

struct hot *hot_new(struct ledger *l, uint64_t id)
{
    struct hot *h = mem_zalloc(1, sizeof(*h));

    h->h.id = id;
    h->deadline.execution = id;
    h->deadline.frame = ASL_NONE;
    h->active_ms = l->now.mono_ms;
    list_init(&h->lru);
    list_init(&h->continuing);
    list_init(&h->moved_link);
    hash_insert(&l->hot_by_id, &h->by_id, hash_u64(id));
    return h;
}

static void upload_forget(struct ledger *l, struct hot_frame *hf)
{
    if (hf->f.output.bucket.ptr != NULL) {
        hash_remove(&l->uploads, &hf->by_upload);
    }
}

void hot_frame_drop(struct ledger *l, struct hot *h, struct hot_frame *hf)
{
    for (size_t i = 0; i < h->frame_count; i++) {
        if (h->frames[i] == hf) {
            h->frames[i] = h->frames[--h->frame_count];
            break;
        }
    }
    LIST_EACH_SAFE(n, after, &hf->commits)
    {
        struct ledger_commit *c = container_of(n, struct ledger_commit, link);

        list_remove(n);
        c->done(c, ERR_LEASE_LOST);
    }
    fleet_task_end(l->fleet, &hf->task);
    fleet_timer_clear(l->fleet, &hf->timer);
    list_remove(&hf->mail);
    upload_forget(l, hf);
    doc_unref(hf->input);
    buf_fini(&hf->extra);
    mem_free(hf);
}

void hot_free(struct ledger *l, struct hot *h)
{
    while (h->frame_count > 0) {
        hot_frame_drop(l, h, h->frames[h->frame_count - 1]);
    }
    fleet_timer_clear(l->fleet, &h->deadline);
    l->kept_count -= (size_t)h->kept;
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
    for (size_t i = 0; i < h->record_count; i++) {
        mem_free((void *)(uintptr_t)h->records[i].ptr);
    }
    mem_free(h->records);
    doc_unref(h->input);
    doc_unref(h->output);
    buf_fini(&h->closing);
    mem_free(h->fixed);
    mem_free(h->frames);
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

/* ---- frames ---- */

struct hot_frame *hot_frame_find(const struct hot *h, uint32_t id)
{
    for (size_t i = 0; i < h->frame_count; i++) {
        if (h->frames[i]->f.id == id) {
            return h->frames[i];
        }
    }
    return NULL;
}

struct hot_frame *hot_frame_get(struct hot *h, uint32_t id)
{
    struct hot_frame *hf = hot_frame_find(h, id);

    if (hf != NULL) {
        return hf;
    }
    if (h->frame_count == h->frame_cap) {
        h->frame_cap = h->frame_cap != 0 ? h->frame_cap * 2 : 1;
        h->frames = mem_realloc(h->frames, h->frame_cap * sizeof(struct hot_frame *));
    }
    hf = mem_zalloc(1, sizeof(*hf));
    hf->hot = h;
    hf->f.id = id;
    hf->sequence = UINT64_MAX;
    hf->task.execution = hf->timer.execution = h->h.id;
    hf->task.frame = hf->timer.frame = id;
    list_init(&hf->task.link);
    list_init(&hf->mail);
    list_init(&hf->commits);
    h->frames[h->frame_count++] = hf;
    return hf;
}

/* Copy each slice of `from` behind the other into `b`; pointers are put right afterwards. */
static void extra_add(struct buf *b, const struct slice *s)
{
    if (s->ptr != NULL) {
        buf_put_slice(b, *s);
    }
}

static void extra_point(const char **at, struct slice *s)
{
    if (s->ptr != NULL) {
        s->ptr = *at;
        *at += s->len;
    }
}

void hot_take_frame(struct ledger *l,
                    struct hot *h,
                    struct hot_frame *hf,
                    const struct frame *f,
                    uint64_t sequence)
{
    struct frame nf = *f;
    struct slice *texts[] = {&nf.worker,           &nf.output.bucket, &nf.output.key,
                             &nf.output.upload_id, &nf.output.mark,   &nf.output.parts,
                             &nf.output.result};
    enum { TEXTS = sizeof(texts) / sizeof(texts[0]) };
    size_t retries_bytes = nf.retrier_count * sizeof(uint32_t);
    struct buf extra = {0};
    struct hot_doc *input = NULL;
    const char *at;

    if (nf.retries != NULL) {
        buf_put(&extra, nf.retries, retries_bytes);
    }
    for (size_t i = 0; i < TEXTS; i++) {
        extra_add(&extra, texts[i]);
    }
    (void)buf_reserve(&extra, 1);
    at = extra.ptr;
    if (nf.retries != NULL) {
        nf.retries = (const uint32_t *)(const void *)at;
        at += retries_bytes;
    }
    for (size_t i = 0; i < TEXTS; i++) {
        extra_point(&at, texts[i]);
    }
    input = doc_share(h, &nf.input);
    doc_set(&hf->input, &nf.input, input);
    upload_forget(l, hf);
    buf_fini(&hf->extra);
    hf->extra = extra;
    hf->f = nf;
    hf->sequence = sequence;
    if (nf.output.bucket.ptr != NULL) {
        hash_insert(&l->uploads, &hf->by_upload, hash_bytes(nf.output.upload_id, 0));
    }
}

/* Names and ARNs never change: copied once. */
static void take_fixed(struct hot *h, struct execution_header *header)
{
    struct slice *texts[] = {&header->name, &header->arn, &header->machine_arn,
                             &header->machine_name, &header->role_arn};
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

static void take_failure(struct hot *h, struct execution_header *header)
{
    struct buf closing = {0};
    const char *at;

    if (header->error.ptr == NULL && header->cause.ptr == NULL) {
        buf_fini(&h->closing);
        return;
    }
    extra_add(&closing, &header->error);
    extra_add(&closing, &header->cause);
    (void)buf_reserve(&closing, 1);
    at = closing.ptr;
    extra_point(&at, &header->error);
    extra_point(&at, &header->cause);
    buf_fini(&h->closing);
    h->closing = closing;
}

void hot_take_header(struct hot *h, const struct execution_header *header)
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
    }
    take_failure(h, &nh);
    doc_set(&h->input, &nh.input, doc_share(h, &nh.input));
    doc_set(&h->output, &nh.output, doc_share(h, &nh.output));
    h->h = nh;
}

void hot_name(struct ledger *l, struct hot *h)
{
    assert(!h->named);
    h->named = true;
    hash_insert(&l->hot_by_name, &h->by_name, name_hash(h->h.machine, hot_key(&h->h)));
}

struct frame_set hot_frames(const struct hot *h, const struct step *s, struct arena *a)
{
    size_t extra = s != NULL ? s->frame_count : 0;
    struct frame *items = arena_alloc(a, (h->frame_count + extra) * sizeof(*items));
    size_t count = 0;

    for (size_t i = 0; i < extra; i++) {
        items[count++] = s->frames[i];
    }
    for (size_t i = 0; i < h->frame_count; i++) {
        const struct frame_set stepped = {items, extra};

        if (h->frames[i]->sequence != UINT64_MAX &&
            frame_set_find(&stepped, h->frames[i]->f.id) == NULL) {
            items[count++] = h->frames[i]->f;
        }
    }
    return (struct frame_set){items, count};
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

void hot_moved(struct ledger *l, struct hot *h)
{
    if (!h->moved) {
        h->moved = true;
        list_push_back(&l->moved, &h->moved_link);
    }
}
