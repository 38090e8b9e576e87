/* SPDX-License-Identifier: Apache-2.0 */
/* Frames in memory: copies of what steps gave. Whatever is done here about a frame costs the same
 * however many its execution has.
 *
 *   Invariants: an execution's frames stand in the order of the records that hold them, so that the
 * first says from where on a load must read; those that can go on by themselves, and no others,
 * are among the runnable. */
#include <assert.h>

#include "coordinator/ledger/internal.h"

static uint64_t frame_hash(uint64_t execution, uint32_t id)
{
    return hash_u64(hash_u64(execution) + id);
}

struct hot_frame *hot_frame_find(const struct ledger *l, const struct hot *h, uint32_t id)
{
    HASH_EACH_MATCH(n, &l->frames, frame_hash(h->h.id, id))
    {
        struct hot_frame *hf = container_of(n, struct hot_frame, by_id);

        if (hf->f.id == id && hf->hot == h) {
            return hf;
        }
    }
    return NULL;
}

static const struct frame *find_taken(const void *hot, uint32_t id)
{
    const struct hot *h = hot;
    const struct hot_frame *hf = hot_frame_find(h->ledger, h, id);

    return hf != NULL && hf->sequence != UINT64_MAX ? &hf->f : NULL;
}

struct frame_set hot_frames(const struct hot *h)
{
    return (struct frame_set){.find = find_taken, .arg = h};
}

struct hot_frame *hot_frame_get(struct ledger *l, struct hot *h, uint32_t id)
{
    struct hot_frame *hf = hot_frame_find(l, h, id);

    if (hf != NULL) {
        return hf;
    }
    hf = mem_zalloc(1, sizeof(*hf));
    hf->hot = h;
    hf->f.id = id;
    hf->sequence = UINT64_MAX;
    hf->task.execution = hf->timer.execution = h->h.id;
    hf->task.frame = hf->timer.frame = id;
    hf->task.lane = h->machine->number;
    list_init(&hf->task.link);
    list_init(&hf->runnable);
    list_init(&hf->mail);
    list_init(&hf->queue);
    list_init(&hf->calling);
    list_init(&hf->commits);
    list_push_back(&h->frames, &hf->of_hot);
    hash_insert(&l->frames, &hf->by_id, frame_hash(h->h.id, id));
    h->frame_count++;
    return hf;
}

/* ---- documents ---- */

static struct doc *frame_doc(struct frame *f, unsigned which)
{
    struct doc *docs[FRAME_DOCS] = {
        [DOC_INPUT] = &f->input,
        [DOC_ITEMS] = &f->items,
        [DOC_ITEM] = &f->item,
        [DOC_RESULT] = &f->result,
    };

    return docs[which];
}

/* What a Map state reads anew for each item it has yet to begin. */
static unsigned reads_of(const struct hot *h, const struct frame *f)
{
    const struct asl_machine *m = h->revision->parsed;

    if (f->status != FRAME_JOIN || f->child_next >= f->child_count || f->state >= m->state_count ||
        m->states[f->state].kind != ASL_MAP) {
        return 0;
    }
    return asl_template_uses(m->states[f->state].map.item_selector) &
           (ASL_USES_INPUT | ASL_USES_CONTEXT | ASL_USES_VARIABLES);
}

/* The execution's input is parsed while a frame needs it for its context. */
static void context_read(struct ledger *l, struct hot *h)
{
    assert(h->input != NULL);
    if (h->context_readers++ == 0) {
        doc_read(l, h->input);
        h->h.input.node = h->input->node;
    }
}

static void context_unread(struct ledger *l, struct hot *h)
{
    assert(h->context_readers > 0);
    if (--h->context_readers == 0) {
        doc_unread(l, h->input);
        h->h.input.node = NULL;
    }
}

static void docs_read(struct ledger *l, struct hot_frame *hf)
{
    struct variable *variables = (struct variable *)(uintptr_t)hf->f.variables;

    if ((hf->reads & ASL_USES_INPUT) && hf->docs[DOC_INPUT] != NULL) {
        doc_read(l, hf->docs[DOC_INPUT]);
        hf->f.input.node = hf->docs[DOC_INPUT]->node;
    }
    for (uint32_t i = 0; (hf->reads & ASL_USES_VARIABLES) && i < hf->f.variable_count; i++) {
        if (hf->values[i] != NULL) {
            doc_read(l, hf->values[i]);
            variables[i].value.node = hf->values[i]->node;
        }
    }
    if (hf->reads & ASL_USES_CONTEXT) {
        context_read(l, hf->hot);
    }
}

/* What a frame had: let go once its next version has its own hold on it. */
struct held {
    struct hot_block *block;
    struct hot_doc *docs[FRAME_DOCS];
    struct hot_doc **values;
    uint32_t value_count;
    unsigned reads;
};

static struct held frame_held(const struct hot_frame *hf)
{
    struct held had = {
        .block = hf->block,
        .values = hf->values,
        .value_count = hf->f.variable_count,
        .reads = hf->reads,
    };

    memcpy(had.docs, hf->docs, sizeof(had.docs));
    return had;
}

static void let_go(struct ledger *l, struct hot *h, const struct held *had)
{
    if ((had->reads & ASL_USES_INPUT) && had->docs[DOC_INPUT] != NULL) {
        doc_unread(l, had->docs[DOC_INPUT]);
    }
    if (had->reads & ASL_USES_CONTEXT) {
        context_unread(l, h);
    }
    for (uint32_t i = 0; i < had->value_count; i++) {
        if ((had->reads & ASL_USES_VARIABLES) && had->values[i] != NULL) {
            doc_unread(l, had->values[i]);
        }
        doc_unref(l, had->values[i]);
    }
    for (unsigned i = 0; i < FRAME_DOCS; i++) {
        doc_unref(l, had->docs[i]);
    }
    block_drop(l, had->block);
}

/* ---- the rest of it: retries, variables' names, texts, in one piece ---- */

enum { FRAME_TEXTS = 10 };

static void frame_texts(struct frame *f, struct slice *texts[FRAME_TEXTS])
{
    struct slice *all[FRAME_TEXTS] = {
        &f->worker,       &f->output.bucket, &f->output.key,    &f->output.upload_id,
        &f->output.mark,  &f->output.parts,  &f->output.result, &f->answer.result,
        &f->answer.error, &f->answer.cause,
    };

    memcpy(texts, all, sizeof(all));
}

static size_t block_bytes(struct frame *f)
{
    size_t bytes = f->variable_count * (sizeof(struct variable) + sizeof(struct hot_doc *)) +
                   f->retrier_count * sizeof(uint32_t);
    struct slice *texts[FRAME_TEXTS];

    frame_texts(f, texts);
    for (unsigned i = 0; i < FRAME_TEXTS; i++) {
        bytes += texts[i]->len;
    }
    for (uint32_t i = 0; i < f->variable_count; i++) {
        bytes += f->variables[i].name.len;
    }
    return bytes;
}

/* `len` bytes copied to *at, which moves on. */
static void *put(char **at, const void *bytes, size_t len)
{
    return (void *)(uintptr_t)block_put(at, slice_make(bytes, len)).ptr;
}

static void put_text(char **at, struct slice *s)
{
    if (s->ptr != NULL) {
        *s = block_put(at, *s);
    }
}

/* What `f` points at, copied into one block it then points into. The widest things come first. */
static struct hot_block *frame_block(struct frame *f, struct hot_doc ***values)
{
    struct hot_block *block = block_new(block_bytes(f));
    char *at = block->bytes;
    struct slice *texts[FRAME_TEXTS];
    struct variable *variables = put(&at, f->variables, f->variable_count * sizeof(*variables));

    *values = (struct hot_doc **)(void *)at;
    at += f->variable_count * sizeof(struct hot_doc *);
    if (f->retries != NULL) {
        f->retries = put(&at, f->retries, f->retrier_count * sizeof(uint32_t));
    }
    frame_texts(f, texts);
    for (unsigned i = 0; i < FRAME_TEXTS; i++) {
        put_text(&at, texts[i]);
    }
    for (uint32_t i = 0; i < f->variable_count; i++) {
        put_text(&at, &variables[i].name);
    }
    f->variables = f->variable_count != 0 ? variables : NULL;
    return block;
}

/* ---- taking ---- */

static void upload_forget(struct ledger *l, struct hot_frame *hf)
{
    if (hf->f.output.bucket.ptr != NULL) {
        hash_remove(&l->uploads, &hf->by_upload);
    }
}

static void take_docs(struct ledger *l, struct hot_frame *hf, struct frame *nf)
{
    struct variable *variables = (struct variable *)(uintptr_t)nf->variables;
    uint64_t execution = hf->hot->h.id;

    for (unsigned i = 0; i < FRAME_DOCS; i++) {
        struct doc *d = frame_doc(nf, i);

        hf->docs[i] = NULL;
        doc_set(l, &hf->docs[i], d, doc_share(l, execution, d));
    }
    for (uint32_t i = 0; i < nf->variable_count; i++) {
        hf->values[i] = NULL;
        doc_set(l, &hf->values[i], &variables[i].value,
                doc_share(l, execution, &variables[i].value));
    }
}

void hot_frame_claim(struct hot_frame *hf, uint64_t sequence)
{
    hf->sequence = sequence;
    list_remove(&hf->of_hot);
    list_push_back(&hf->hot->frames, &hf->of_hot);
}

void hot_frame_take(struct ledger *l, struct hot_frame *hf, const struct frame *f)
{
    struct frame nf = *f;
    struct held had = frame_held(hf);

    assert(hf->sequence != UINT64_MAX);
    upload_forget(l, hf);
    if (hf->f.entered_event != nf.entered_event) { /* another state's progress is not its own */
        hf->bytes_in = hf->bytes_out = 0;
        hf->note_len = 0;
    }
    hf->block = frame_block(&nf, &hf->values);
    take_docs(l, hf, &nf);
    hf->f = nf;
    hf->reads = reads_of(hf->hot, &nf);
    docs_read(l, hf);
    let_go(l, hf->hot, &had);
    if (nf.output.bucket.ptr != NULL) {
        hash_insert(&l->uploads, &hf->by_upload, hash_bytes(nf.output.upload_id, 0));
    }
    if (!frame_is_runnable(&nf)) {
        list_remove(&hf->runnable);
    } else if (list_empty(&hf->runnable)) {
        list_push_back(&hf->hot->runnable, &hf->runnable);
    }
    if (nf.status != FRAME_READY) {
        activity_leave(l, hf);
    }
    if (nf.status != FRAME_CALL) {
        call_leave(l, hf);
    }
}

void hot_frame_time(struct ledger *l, struct hot_frame *hf)
{
    const struct frame *f = &hf->f;
    bool waits = f->status == FRAME_TIMER || f->status == FRAME_TOKEN || f->status == FRAME_CHILD;

    if (!waits || f->due_ms == 0) {
        fleet_timer_clear(l->fleet, &hf->timer);
    } else if (!heap_has(&hf->timer.heap) || hf->timer.heap.key != f->due_ms) {
        fleet_timer_set(l->fleet, &hf->timer, f->due_ms);
    }
}

static void lose_commits(struct hot_frame *hf)
{
    struct list *n;

    while ((n = list_pop_front(&hf->commits)) != NULL) {
        struct ledger_commit *c = container_of(n, struct ledger_commit, link);

        c->done(c, ERR_LEASE_LOST);
    }
}

void hot_frame_drop(struct ledger *l, struct hot_frame *hf)
{
    struct held had = frame_held(hf);

    lose_commits(hf);
    fleet_task_end(l->fleet, &hf->task);
    fleet_timer_clear(l->fleet, &hf->timer);
    activity_leave(l, hf);
    call_leave(l, hf);
    list_remove(&hf->mail);
    list_remove(&hf->runnable);
    list_remove(&hf->of_hot);
    hash_remove(&l->frames, &hf->by_id);
    hf->hot->frame_count--;
    upload_forget(l, hf);
    let_go(l, hf->hot, &had);
    mem_free(hf);
}
