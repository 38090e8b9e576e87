/* SPDX-License-Identifier: Apache-2.0 */
/* Documents in memory, and what outlives its owner to the end of the turn.
 *
 * A document's text is there once an execution, found by its ref whoever of header and frames has
 * it. A frame that reads one again and again (a Map that makes its items' inputs) keeps it parsed;
 * that ends with the frame's reading.
 *
 * What a step gave may point into texts and blocks of the frames it replaces, commands and leases
 * until the turn ends: so nothing of these is freed before. */
#include <assert.h>

#include "coordinator/ledger/internal.h"

enum {
    PARSE_BYTES_MIN = 4096, /* a shorter text is parsed faster than an arena pays for itself */
    PARSED_BYTES_MAX =
        256 * 1024 * 1024, /* past it each step parses for itself, as slow as that is */
};

static uint64_t doc_hash(uint64_t execution, uint64_t ref)
{
    return hash_u64(hash_u64(execution) + ref);
}

static struct hot_doc *doc_find(const struct ledger *l, uint64_t execution, uint64_t ref)
{
    HASH_EACH_MATCH(n, &l->docs, doc_hash(execution, ref))
    {
        struct hot_doc *doc = container_of(n, struct hot_doc, by_ref);

        if (doc->ref == ref && doc->execution == execution) {
            return doc;
        }
    }
    return NULL;
}

static struct hot_doc *doc_new(struct ledger *l, uint64_t execution, const struct doc *d)
{
    struct hot_doc *doc = mem_alloc(sizeof(*doc) + d->text.len);

    *doc = (struct hot_doc){.execution = execution, .ref = d->ref, .len = d->text.len};
    list_init(&doc->idle);
    if (d->text.len != 0) {
        memcpy(doc->text, d->text.ptr, d->text.len);
    }
    hash_insert(&l->docs, &doc->by_ref, doc_hash(execution, d->ref));
    return doc;
}

struct hot_doc *doc_share(struct ledger *l, uint64_t execution, const struct doc *d)
{
    struct hot_doc *doc;

    if (d->ref == 0) {
        return NULL;
    }
    doc = doc_find(l, execution, d->ref);
    if (doc == NULL && d->text.ptr != NULL) {
        doc = doc_new(l, execution, d);
    }
    if (doc != NULL) {
        doc->refs++;
    }
    return doc;
}

static void doc_idle(struct ledger *l, struct hot_doc *doc)
{
    if (list_empty(&doc->idle)) {
        list_push_back(&l->idle_docs, &doc->idle);
    }
}

void doc_unref(struct ledger *l, struct hot_doc *doc)
{
    if (doc != NULL) {
        assert(doc->refs > 0);
        doc->refs--;
        doc_idle(l, doc);
    }
}

void doc_read(struct ledger *l, struct hot_doc *doc)
{
    struct err err;

    doc->readers++;
    if (doc->node != NULL || doc->len < PARSE_BYTES_MIN || l->parsed_bytes > PARSED_BYTES_MAX) {
        return;
    }
    if (json_parse(slice_make(doc->text, doc->len), &doc->parsed, &doc->node, &err) != OK) {
        arena_fini(&doc->parsed); /* the engine says so when it reads it */
        doc->parsed = (struct arena){0};
        doc->node = NULL;
    }
    l->parsed_bytes += arena_held_bytes(&doc->parsed);
}

void doc_unread(struct ledger *l, struct hot_doc *doc)
{
    assert(doc->readers > 0);
    doc->readers--;
    doc_idle(l, doc);
}

void doc_set(struct ledger *l, struct hot_doc **slot, struct doc *d, struct hot_doc *doc)
{
    doc_unref(l, *slot);
    *slot = doc;
    d->text = doc != NULL ? slice_make(doc->text, doc->len) : (struct slice){NULL, 0};
    d->node = NULL;
}

struct hot_block *block_new(size_t bytes)
{
    return mem_alloc(sizeof(struct hot_block) + bytes);
}

struct slice block_put(char **at, struct slice s)
{
    char *to = *at;

    if (s.len != 0) {
        memcpy(to, s.ptr, s.len);
    }
    *at += s.len;
    return slice_make(to, s.len);
}

void block_drop(struct ledger *l, struct hot_block *block)
{
    if (block != NULL) {
        block->next = l->dead_blocks;
        l->dead_blocks = block;
    }
}

/* Nobody reads it, or nobody has it at all. */
static void doc_settle(struct ledger *l, struct hot_doc *doc)
{
    if (doc->readers == 0) {
        l->parsed_bytes -= arena_held_bytes(&doc->parsed);
        arena_fini(&doc->parsed);
        doc->parsed = (struct arena){0};
        doc->node = NULL;
    }
    if (doc->refs == 0) {
        assert(doc->readers == 0);
        hash_remove(&l->docs, &doc->by_ref);
        mem_free(doc);
    }
}

void dropped_free(struct ledger *l)
{
    struct hot_block *next;
    struct list *n;

    for (struct hot_block *b = l->dead_blocks; b != NULL; b = next) {
        next = b->next;
        mem_free(b);
    }
    l->dead_blocks = NULL;
    while ((n = list_pop_front(&l->idle_docs)) != NULL) {
        doc_settle(l, container_of(n, struct hot_doc, idle));
    }
}
