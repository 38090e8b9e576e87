/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/ledger/read.h"

#include <stdlib.h>

#include "coordinator/store/keys.h"

enum err_code record_read(const struct record_source *s,
                          uint64_t sequence,
                          struct arena *a,
                          struct slice *out,
                          struct err *err)
{
    struct key key = key_execution(s->account, s->execution, sequence);
    struct buf b = {0};
    enum err_code rc;

    if (s->store == NULL) {
        if (sequence >= s->record_count) {
            return ERR_NOT_FOUND;
        }
        *out = s->records[sequence];
        return OK;
    }
    rc = store_get(s->store, CF_EXECUTION, key_slice(&key), &b, err);
    if (rc == OK) {
        *out = arena_copy(a, buf_slice(&b));
    }
    buf_fini(&b);
    return rc;
}

static enum err_code doc_lost(const struct record_source *s, struct err *err)
{
    return err_set(err, ERR_CORRUPT, "execution %llu has lost a document",
                   (unsigned long long)s->execution);
}

enum err_code record_read_doc(const struct record_source *s,
                              uint64_t ref,
                              struct arena *a,
                              struct slice *out,
                              struct err *err)
{
    struct slice record;
    enum err_code rc = record_read(s, DOC_SEQUENCE(ref), a, &record, err);

    if (rc == OK) {
        rc = record_doc(record, DOC_SLOT(ref), out, err);
    }
    return rc == ERR_NOT_FOUND ? doc_lost(s, err) : rc;
}

/* The last record: the iterator's first, backwards. */
static enum err_code
read_last(const struct record_source *s, struct arena *a, struct slice *out, struct err *err)
{
    struct key from = key_execution_prefix(s->account, s->execution);
    struct key to = key_after(&from);
    struct store_iterator *i;
    struct slice key;
    struct slice value;
    bool found;
    enum err_code rc;

    if (s->store == NULL) {
        return s->record_count != 0 ? record_read(s, s->record_count - 1, a, out, err)
                                    : ERR_NOT_FOUND;
    }
    i = store_iterate(s->store, CF_EXECUTION, key_slice(&from), key_slice(&to), true);
    found = store_next(i, &key, &value);
    if (found) {
        *out = arena_copy(a, value);
    }
    rc = store_iterator_end(i, err);
    return rc == OK && !found ? ERR_NOT_FOUND : rc;
}

/* ---- frames: of each the newest version, where it is there at all ---- */

struct version {
    const struct frame *frame; /* in its record */
    uint64_t sequence;
};

struct versions {
    struct version *items;
    size_t count;
    size_t cap;
};

static void versions_add(struct versions *v, const struct record *r, struct arena *a)
{
    size_t want = v->count + r->frame_count;

    if (want > v->cap) {
        size_t cap = want * 2;

        v->items = arena_grow(a, v->items, v->cap * sizeof(*v->items), cap * sizeof(*v->items));
        v->cap = cap;
    }
    for (size_t i = 0; i < r->frame_count; i++) {
        v->items[v->count++] = (struct version){&r->frames[i], r->header.sequence};
    }
}

static int newest_first(const void *a, const void *b)
{
    const struct version *x = a;
    const struct version *y = b;

    if (x->frame->id != y->frame->id) {
        return x->frame->id < y->frame->id ? -1 : 1;
    }
    return (x->sequence < y->sequence) - (x->sequence > y->sequence);
}

static const struct frame *image_find(const struct image *im, uint32_t id)
{
    size_t low = 0;
    size_t high = im->frame_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (im->frames[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < im->frame_count && im->frames[low].id == id ? &im->frames[low] : NULL;
}

/* Is it the top level's, or a child that a frame which is there has now? Parents have lower
 * numbers: they were looked at before. */
static bool is_live(const struct image *im, const struct frame *f)
{
    const struct frame *parent;

    if (f->id == 0) {
        return true;
    }
    parent = f->parent != ASL_NONE ? image_find(im, f->parent) : NULL;
    return parent != NULL && f->id - parent->first_child < parent->child_count;
}

static void image_frames(struct image *im, struct versions *v, struct arena *a)
{
    im->frames = ARENA_ARRAY(a, v->count, struct frame);
    im->held = ARENA_ARRAY(a, v->count, struct image_frame);
    if (v->count != 0) {
        qsort(v->items, v->count, sizeof(*v->items), newest_first);
    }
    for (size_t i = 0; i < v->count; i++) {
        const struct version *x = &v->items[i];

        if ((i == 0 || x[-1].frame->id != x->frame->id) && is_live(im, x->frame)) {
            im->frames[im->frame_count] = *x->frame;
            im->held[im->frame_count] =
                (struct image_frame){&im->frames[im->frame_count], x->sequence};
            im->frame_count++;
        }
    }
}

/* ---- documents: each record that holds some is read once ---- */

struct doc_list {
    struct doc **items;
    size_t count;
};

static void list_doc(struct doc_list *list, struct doc *d)
{
    if (d->ref != 0) {
        list->items[list->count++] = d;
    }
}

static void list_frame_docs(struct doc_list *list, struct frame *f)
{
    struct variable *variables = (struct variable *)(uintptr_t)f->variables;

    list_doc(list, &f->input);
    list_doc(list, &f->items);
    list_doc(list, &f->item);
    list_doc(list, &f->result);
    for (uint32_t i = 0; i < f->variable_count; i++) {
        list_doc(list, &variables[i].value);
    }
}

static struct doc_list list_docs(struct image *im, struct arena *a)
{
    struct doc_list list = {0};
    size_t most = 2;

    for (size_t i = 0; i < im->frame_count; i++) {
        most += 4 + im->frames[i].variable_count;
    }
    list.items = ARENA_ARRAY(a, most, struct doc *);
    list_doc(&list, &im->header.input);
    list_doc(&list, &im->header.output);
    for (size_t i = 0; i < im->frame_count; i++) {
        list_frame_docs(&list, &im->frames[i]);
    }
    return list;
}

static int by_ref(const void *a, const void *b)
{
    const struct doc *x = *(struct doc *const *)a;
    const struct doc *y = *(struct doc *const *)b;

    return (x->ref > y->ref) - (x->ref < y->ref);
}

static enum err_code
image_docs(const struct record_source *s, struct arena *a, struct image *im, struct err *err)
{
    struct doc_list list = list_docs(im, a);
    struct slice record = {NULL, 0};
    enum err_code rc = OK;

    if (list.count != 0) {
        qsort(list.items, list.count, sizeof(struct doc *), by_ref);
    }
    for (size_t i = 0; i < list.count && rc == OK; i++) {
        struct doc *d = list.items[i];
        const struct doc *before = i > 0 ? list.items[i - 1] : NULL;

        if (before != NULL && before->ref == d->ref) {
            d->text = before->text;
            continue;
        }
        if (before == NULL || DOC_SEQUENCE(before->ref) != DOC_SEQUENCE(d->ref)) {
            rc = record_read(s, DOC_SEQUENCE(d->ref), a, &record, err);
        }
        if (rc == OK) {
            rc = record_doc(record, DOC_SLOT(d->ref), &d->text, err);
        }
    }
    return rc == ERR_NOT_FOUND ? doc_lost(s, err) : rc;
}

/* ---- all of it ---- */

/* The first record's header under the last one's, and the last. */
static enum err_code
read_ends(const struct record_source *s, struct arena *a, struct record *last, struct err *err)
{
    struct record first;
    struct slice bytes;
    enum err_code rc = record_read(s, 0, a, &bytes, err);

    if (rc == ERR_NOT_FOUND) {
        return err_set(err, ERR_EXECUTION_DOES_NOT_EXIST, "there is no execution %llu",
                       (unsigned long long)s->execution);
    }
    if (rc == OK) {
        rc = record_decode(bytes, a, &first, err);
    }
    if (rc == OK) {
        rc = read_last(s, a, &bytes, err);
    }
    if (rc == OK) {
        rc = record_decode(bytes, a, last, err);
    }
    if (rc == OK && last->header.sequence != 0) {
        record_join(&first.header, &last->header);
    }
    return rc;
}

static enum err_code read_versions(const struct record_source *s,
                                   const struct record *last,
                                   struct arena *a,
                                   struct versions *out,
                                   struct err *err)
{
    enum err_code rc = OK;

    for (uint64_t at = last->lowest; at < last->header.sequence && rc == OK; at++) {
        struct slice bytes;
        struct record r;

        rc = record_read(s, at, a, &bytes, err);
        if (rc == OK) {
            rc = record_decode(bytes, a, &r, err);
        }
        if (rc == OK) {
            versions_add(out, &r, a);
        }
    }
    if (rc == ERR_NOT_FOUND) {
        return err_set(err, ERR_CORRUPT, "a record between the first and the last is missing");
    }
    versions_add(out, last, a);
    return rc;
}

enum err_code
image_read(const struct record_source *s, struct arena *a, struct image *out, struct err *err)
{
    struct versions versions = {0};
    struct image im = {0};
    struct record last;
    enum err_code rc = read_ends(s, a, &last, err);

    if (rc == ERR_EXECUTION_DOES_NOT_EXIST) {
        return rc;
    }
    if (rc == OK) {
        im.header = last.header;
        im.header.rules = s->rules;
        rc = read_versions(s, &last, a, &versions, err);
    }
    if (rc == OK) {
        image_frames(&im, &versions, a);
        rc = image_docs(s, a, &im, err);
    }
    if (rc == OK) {
        *out = im;
    } else {
        err_wrap(err, "read execution %llu", (unsigned long long)s->execution);
    }
    return rc;
}
