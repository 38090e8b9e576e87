/* SPDX-License-Identifier: Apache-2.0 */
/* The store in memory: a treap per column family whose nodes never change once they can be seen. A
 * write copies the path to what it touches and then puts all new roots in place under one lock, so
 * that a root taken at any moment is that moment, for as long as it is held. The shape depends on
 * the keys alone (a node's priority is its key's hash): the same rows give the same tree, anywhere.
 */
#include "coordinator/store/memory.h"

#include <assert.h>
#include <pthread.h>

#include "coordinator/store/backend.h"
#include "proto/base/arena.h"
#include "proto/base/hash.h"

/* ---- The tree ---- */

struct row {
    atomic_size_t refs;
    uint64_t priority;
    struct slice key; /* both in `bytes` */
    struct slice value;
    char bytes[];
};

struct node {
    atomic_size_t refs;
    struct row *row;
    struct node *left;
    struct node *right;
};

static struct row *row_new(struct slice key, struct slice value)
{
    struct row *r = mem_alloc(sizeof(*r) + key.len + value.len);

    atomic_init(&r->refs, 1);
    r->priority = hash_u64(hash_bytes(key, 0));
    memcpy(r->bytes, key.ptr, key.len);
    if (value.len != 0) {
        memcpy(r->bytes + key.len, value.ptr, value.len);
    }
    r->key = slice_make(r->bytes, key.len);
    r->value = slice_make(r->bytes + key.len, value.len);
    return r;
}

static struct row *row_ref(struct row *r)
{
    atomic_fetch_add(&r->refs, 1);
    return r;
}

static void row_unref(struct row *r)
{
    if (r != NULL && atomic_fetch_sub(&r->refs, 1) == 1) {
        mem_free(r);
    }
}

/* Takes all three. */
static struct node *node_new(struct row *row, struct node *left, struct node *right)
{
    struct node *n = mem_alloc(sizeof(*n));

    atomic_init(&n->refs, 1);
    n->row = row;
    n->left = left;
    n->right = right;
    return n;
}

static struct node *node_ref(struct node *n)
{
    if (n != NULL) {
        atomic_fetch_add(&n->refs, 1);
    }
    return n;
}

/* As deep as the tree, which is some logarithm of its rows. */
static void node_unref(struct node *n)
{
    if (n != NULL && atomic_fetch_sub(&n->refs, 1) == 1) {
        row_unref(n->row);
        node_unref(n->left);
        node_unref(n->right);
        mem_free(n);
    }
}

/* `t` with `row` (taken) in it: a new tree that shares what is the same. */
static struct node *node_put(struct node *t, struct row *row)
{
    struct node *child;
    int c;

    if (t == NULL) {
        return node_new(row, NULL, NULL);
    }
    c = slice_cmp(row->key, t->row->key);
    if (c == 0) {
        return node_new(row, node_ref(t->left), node_ref(t->right));
    }
    if (c < 0) {
        child = node_put(t->left, row);
        if (child->row->priority > t->row->priority) {
            child->right = node_new(row_ref(t->row), child->right, node_ref(t->right));
            return child;
        }
        return node_new(row_ref(t->row), child, node_ref(t->right));
    }
    child = node_put(t->right, row);
    if (child->row->priority > t->row->priority) {
        child->left = node_new(row_ref(t->row), node_ref(t->left), child->left);
        return child;
    }
    return node_new(row_ref(t->row), node_ref(t->left), child);
}

/* All of `a` is before all of `b`. */
static struct node *node_merge(struct node *a, struct node *b)
{
    if (a == NULL || b == NULL) {
        return node_ref(a != NULL ? a : b);
    }
    if (a->row->priority > b->row->priority) {
        return node_new(row_ref(a->row), node_ref(a->left), node_merge(a->right, b));
    }
    return node_new(row_ref(b->row), node_merge(a, b->left), node_ref(b->right));
}

static struct node *node_remove(struct node *t, struct slice key)
{
    int c;

    if (t == NULL) {
        return NULL;
    }
    c = slice_cmp(key, t->row->key);
    if (c == 0) {
        return node_merge(t->left, t->right);
    }
    if (c < 0) {
        return node_new(row_ref(t->row), node_remove(t->left, key), node_ref(t->right));
    }
    return node_new(row_ref(t->row), node_ref(t->left), node_remove(t->right, key));
}

/* The least row with key >= (or, `after`, >) the one given; NULL where there is none. */
static struct row *node_at_least(const struct node *t, struct slice key, bool after)
{
    struct row *best = NULL;

    while (t != NULL) {
        int c = slice_cmp(t->row->key, key);

        if (c > 0 || (c == 0 && !after)) {
            best = t->row;
            t = t->left;
        } else {
            t = t->right;
        }
    }
    return best;
}

/* The greatest row with key < the one given; `any`: of all. */
static struct row *node_below(const struct node *t, struct slice key, bool any)
{
    struct row *best = NULL;

    while (t != NULL) {
        if (any || slice_cmp(t->row->key, key) < 0) {
            best = t->row;
            t = t->right;
        } else {
            t = t->left;
        }
    }
    return best;
}

/* ---- The store ---- */

struct memory {
    struct store base;
    pthread_mutex_t lock;
    struct node *roots[CF_COUNT]; /* locked */
    uint64_t fail_number;         /* writer only */
    enum err_code fail_code;
    enum err_code (*read_fault)(void *arg, struct err *err);
    void *read_arg;
};

enum change_kind { CHANGE_PUT, CHANGE_REMOVE, CHANGE_REMOVE_RANGE };

struct memory_change {
    enum store_cf cf;
    enum change_kind kind;
    size_t at; /* in the batch's bytes */
    size_t key_len;
    size_t value_len; /* REMOVE_RANGE: the end's */
};

struct memory_batch {
    struct store_batch base;
    struct buf bytes;
    struct buf changes; /* of struct memory_change */
    size_t count;
};

struct memory_iterator {
    struct store_iterator base;
    struct node *root;
    struct slice from; /* both in `bytes` */
    struct slice to;
    bool backwards;
    struct row *last; /* given last; its reference is ours */
    struct buf bytes;
    struct err failed; /* OK: it has not */
};

static void memory_close(struct store *s)
{
    struct memory *m = (struct memory *)s;

    for (int cf = 0; cf < CF_COUNT; cf++) {
        node_unref(m->roots[cf]);
    }
    pthread_mutex_destroy(&m->lock);
    mem_free(m);
}

static struct store_batch *memory_batch_new(struct store *s)
{
    struct memory_batch *b = mem_zalloc(1, sizeof(*b));

    b->base.ops = s->ops;
    return &b->base;
}

static void memory_batch_free(struct store_batch *base)
{
    struct memory_batch *b = (struct memory_batch *)base;

    buf_fini(&b->bytes);
    buf_fini(&b->changes);
    mem_free(b);
}

static void memory_batch_clear(struct store_batch *base)
{
    struct memory_batch *b = (struct memory_batch *)base;

    buf_reset(&b->bytes);
    buf_reset(&b->changes);
    b->count = 0;
}

static void memory_change(struct store_batch *base,
                          enum store_cf cf,
                          enum change_kind kind,
                          struct slice key,
                          struct slice value)
{
    struct memory_batch *b = (struct memory_batch *)base;
    struct memory_change c = {cf, kind, b->bytes.len, key.len, value.len};

    buf_put_slice(&b->bytes, key);
    buf_put_slice(&b->bytes, value);
    buf_put(&b->changes, &c, sizeof(c));
    b->count++;
}

static void
memory_put(struct store_batch *b, enum store_cf cf, struct slice key, struct slice value)
{
    memory_change(b, cf, CHANGE_PUT, key, value);
}

static void memory_remove(struct store_batch *b, enum store_cf cf, struct slice key)
{
    memory_change(b, cf, CHANGE_REMOVE, key, (struct slice){0});
}

static void
memory_remove_range(struct store_batch *b, enum store_cf cf, struct slice from, struct slice to)
{
    memory_change(b, cf, CHANGE_REMOVE_RANGE, from, to);
}

static size_t memory_batch_bytes(const struct store_batch *base)
{
    return ((const struct memory_batch *)base)->bytes.len;
}

static size_t memory_batch_count(const struct store_batch *base)
{
    return ((const struct memory_batch *)base)->count;
}

static void apply_put(struct node **root, struct slice key, struct slice value)
{
    struct node *old = *root;

    *root = node_put(old, row_new(key, value));
    node_unref(old);
}

/* What is at or behind `from`, and before `to`, one row after the other. */
static void apply_remove_range(struct node **root, struct slice from, struct slice to)
{
    struct row *row;

    while ((row = node_at_least(*root, from, false)) != NULL && slice_cmp(row->key, to) < 0) {
        struct node *old = *root;

        *root = node_remove(old, row->key);
        node_unref(old);
    }
}

static void apply_remove(struct node **root, struct slice key)
{
    struct node *old = *root;
    const struct row *row = node_at_least(old, key, false);

    if (row != NULL && slice_eq(row->key, key)) {
        *root = node_remove(old, key);
        node_unref(old);
    }
}

static void memory_apply(struct node **root, const struct memory_change *c, const char *bytes)
{
    struct slice key = slice_make(bytes + c->at, c->key_len);
    struct slice value = slice_make(bytes + c->at + c->key_len, c->value_len);

    switch (c->kind) {
    case CHANGE_PUT: apply_put(root, key, value); break;
    case CHANGE_REMOVE: apply_remove(root, key); break;
    case CHANGE_REMOVE_RANGE: apply_remove_range(root, key, value); break;
    }
}

static enum err_code
memory_write(struct store *s, struct store_batch *base, uint64_t number, struct err *err)
{
    struct memory *m = (struct memory *)s;
    struct memory_batch *b = (struct memory_batch *)base;
    struct node *roots[CF_COUNT];
    char value[STORE_META_BYTES];

    if (m->fail_number == number) {
        return err_set(err, m->fail_code, "the write was made to fail");
    }
    for (int cf = 0; cf < CF_COUNT; cf++) {
        roots[cf] = node_ref(m->roots[cf]);
    }
    for (size_t i = 0; i < b->count; i++) {
        struct memory_change c;

        memcpy(&c, b->changes.ptr + i * sizeof(c), sizeof(c));
        memory_apply(&roots[c.cf], &c, b->bytes.ptr);
    }
    store_meta_value(number, value);
    apply_put(&roots[CF_META], SLICE(STORE_META_BATCH), slice_make(value, sizeof(value)));
    pthread_mutex_lock(&m->lock);
    for (int cf = 0; cf < CF_COUNT; cf++) {
        struct node *old = m->roots[cf];

        m->roots[cf] = roots[cf];
        roots[cf] = old;
    }
    pthread_mutex_unlock(&m->lock);
    for (int cf = 0; cf < CF_COUNT; cf++) {
        node_unref(roots[cf]);
    }
    return OK;
}

static struct node *memory_root(struct memory *m, enum store_cf cf)
{
    struct node *root;

    pthread_mutex_lock(&m->lock);
    root = node_ref(m->roots[cf]);
    pthread_mutex_unlock(&m->lock);
    return root;
}

static enum err_code read_fault(const struct memory *m, struct err *err)
{
    return m->read_fault != NULL ? m->read_fault(m->read_arg, err) : OK;
}

static enum err_code
memory_get(struct store *s, enum store_cf cf, struct slice key, struct buf *out, struct err *err)
{
    struct node *root;
    struct row *row;
    enum err_code rc = read_fault((struct memory *)s, err);

    if (rc != OK) {
        return rc;
    }
    root = memory_root((struct memory *)s, cf);
    row = node_at_least(root, key, false);
    rc = row != NULL && slice_eq(row->key, key) ? OK : ERR_NOT_FOUND;
    if (rc == OK && row->value.len != 0) {
        buf_put_slice(out, row->value);
    }
    node_unref(root);
    return rc;
}

static struct store_iterator *memory_iterate(struct store *s,
                                             enum store_cf cf,
                                             struct slice from,
                                             struct slice to,
                                             bool backwards)
{
    struct memory_iterator *i = mem_zalloc(1, sizeof(*i));

    i->base.ops = s->ops;
    i->root = memory_root((struct memory *)s, cf);
    i->backwards = backwards;
    (void)read_fault((struct memory *)s, &i->failed);
    (void)buf_reserve(&i->bytes, from.len + to.len + 1);
    buf_put_slice(&i->bytes, from);
    buf_put_slice(&i->bytes, to);
    i->from = slice_make(i->bytes.ptr, from.len);
    i->to = to.len != 0 ? slice_make(i->bytes.ptr + from.len, to.len) : (struct slice){0};
    return &i->base;
}

/* The row after the last one given, within the bounds. */
static struct row *memory_iterator_row(const struct memory_iterator *i)
{
    struct slice edge = i->backwards ? i->to : i->from;
    struct row *row;

    edge = i->last != NULL ? i->last->key : edge;
    if (i->backwards) {
        row = node_below(i->root, edge, edge.len == 0);
        return row != NULL && slice_cmp(row->key, i->from) >= 0 ? row : NULL;
    }
    row = node_at_least(i->root, edge, i->last != NULL);
    return row != NULL && (i->to.len == 0 || slice_cmp(row->key, i->to) < 0) ? row : NULL;
}

static bool memory_next(struct store_iterator *base, struct slice *key, struct slice *value)
{
    struct memory_iterator *i = (struct memory_iterator *)base;
    struct row *row = i->failed.code == OK ? memory_iterator_row(i) : NULL;

    if (row == NULL) {
        return false;
    }
    row_ref(row);
    row_unref(i->last);
    i->last = row;
    *key = row->key;
    *value = row->value;
    return true;
}

static enum err_code memory_iterator_end(struct store_iterator *base, struct err *err)
{
    struct memory_iterator *i = (struct memory_iterator *)base;
    enum err_code rc = i->failed.code;

    if (rc != OK && err != NULL) {
        *err = i->failed;
    }
    row_unref(i->last);
    node_unref(i->root);
    buf_fini(&i->bytes);
    mem_free(i);
    return rc;
}

static void memory_stats(struct store *s, struct buf *out)
{
    buf_printf(out, "{\"backend\":\"memory\",\"batch\":%llu}", //
               (unsigned long long)store_batch_number(s));
}

static const struct store_ops memory_ops = {
    .close = memory_close,
    .batch_new = memory_batch_new,
    .batch_free = memory_batch_free,
    .batch_clear = memory_batch_clear,
    .put = memory_put,
    .remove = memory_remove,
    .remove_range = memory_remove_range,
    .batch_bytes = memory_batch_bytes,
    .batch_count = memory_batch_count,
    .write = memory_write,
    .get = memory_get,
    .iterate = memory_iterate,
    .next = memory_next,
    .iterator_end = memory_iterator_end,
    .stats = memory_stats,
};

static void memory_meta(struct memory *m, struct slice key, uint64_t v)
{
    char value[STORE_META_BYTES];

    store_meta_value(v, value);
    apply_put(&m->roots[CF_META], key, slice_make(value, sizeof(value)));
}

struct store *store_open_memory(void)
{
    struct memory *m = mem_zalloc(1, sizeof(*m));
    int rc = pthread_mutex_init(&m->lock, NULL);

    assert(rc == 0);
    (void)rc;
    m->base.ops = &memory_ops;
    memory_meta(m, SLICE(STORE_META_FORMAT), STORE_FORMAT);
    memory_meta(m, SLICE(STORE_META_BATCH), 0);
    return &m->base;
}

void store_memory_fail(struct store *s, uint64_t number, enum err_code code)
{
    struct memory *m = (struct memory *)s;

    assert(s->ops == &memory_ops && code != OK);
    m->fail_number = number;
    m->fail_code = code;
}

void store_memory_read_fault(struct store *s,
                             enum err_code (*fault)(void *arg, struct err *err),
                             void *arg)
{
    struct memory *m = (struct memory *)s;

    assert(s->ops == &memory_ops);
    m->read_fault = fault;
    m->read_arg = arg;
}

void store_memory_reopen(struct store *s)
{
    assert(s->ops == &memory_ops);
    s->failed = (struct err){0};
    atomic_store(&s->unreadable, false);
}
