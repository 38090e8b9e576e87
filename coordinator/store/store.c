/* SPDX-License-Identifier: Apache-2.0 */
/* The seam itself: hands each call to the backend, numbers the batches, and remembers what failed.
 * After a write that failed nothing more is accepted, since nobody can say what of it is on disk;
 * after a read that failed neither, since what follows from it would be written without it. */
#include "coordinator/store/backend.h"

#include <assert.h>

const char *store_cf_name(enum store_cf cf)
{
    switch (cf) {
#define STORE_CF(cf, name, about)                                                                  \
    case CF_##cf:                                                                                  \
        return name;
#include "coordinator/store/cf.def"
#undef STORE_CF
    case CF_COUNT: break;
    }
    assert(false);
    return "";
}

void store_meta_value(uint64_t v, char out[STORE_META_BYTES])
{
    for (int i = STORE_META_BYTES - 1; i >= 0; i--) {
        out[i] = (char)v;
        v >>= 8;
    }
}

void store_close(struct store *s)
{
    if (s != NULL) {
        s->ops->close(s);
    }
}

struct store_batch *store_batch_new(struct store *s)
{
    return s->ops->batch_new(s);
}

void store_batch_free(struct store_batch *b)
{
    if (b != NULL) {
        b->ops->batch_free(b);
    }
}

void store_batch_clear(struct store_batch *b)
{
    b->ops->batch_clear(b);
}

void store_put(struct store_batch *b, enum store_cf cf, struct slice key, struct slice value)
{
    assert(cf < CF_COUNT && key.len != 0);
    b->ops->put(b, cf, key, value);
}

void store_delete(struct store_batch *b, enum store_cf cf, struct slice key)
{
    assert(cf < CF_COUNT && key.len != 0);
    b->ops->remove(b, cf, key);
}

void store_delete_range(struct store_batch *b, enum store_cf cf, struct slice from, struct slice to)
{
    assert(cf < CF_COUNT && from.len != 0 && to.len != 0 && slice_cmp(from, to) < 0);
    b->ops->remove_range(b, cf, from, to);
}

size_t store_batch_bytes(const struct store_batch *b)
{
    return b->ops->batch_bytes(b);
}

size_t store_batch_count(const struct store_batch *b)
{
    return b->ops->batch_count(b);
}

enum err_code store_write(struct store *s, struct store_batch *b, struct err *err)
{
    uint64_t number = atomic_load(&s->number) + 1;
    struct err why = {OK, ""};
    enum err_code rc;

    assert(b->ops == s->ops);
    if (s->failed.code != OK) {
        return err_set(err, s->failed.code, "nothing is written any more since a write failed: %s",
                       s->failed.msg);
    }
    if (atomic_load(&s->unreadable)) {
        return err_set(err, ERR_IO, "nothing is written any more since a read failed");
    }
    rc = s->ops->write(s, b, number, &why);
    if (rc == OK) {
        atomic_store(&s->number, number);
        return OK;
    }
    err_wrap(&why, "write batch %llu", (unsigned long long)number);
    s->failed = why;
    return err_set(err, rc, "%s", why.msg);
}

uint64_t store_batch_number(const struct store *s)
{
    return atomic_load(&s->number);
}

bool store_is_readable(const struct store *s)
{
    return !atomic_load(&s->unreadable);
}

static enum err_code note_read(struct store *s, enum err_code rc)
{
    if (rc == ERR_IO) {
        atomic_store(&s->unreadable, true);
    }
    return rc;
}

enum err_code
store_get(struct store *s, enum store_cf cf, struct slice key, struct buf *out, struct err *err)
{
    assert(cf < CF_COUNT);
    return note_read(s, s->ops->get(s, cf, key, out, err));
}

struct store_iterator *
store_iterate(struct store *s, enum store_cf cf, struct slice from, struct slice to, bool backwards)
{
    struct store_iterator *i;

    assert(cf < CF_COUNT);
    i = s->ops->iterate(s, cf, from, to, backwards);
    i->store = s;
    return i;
}

bool store_next(struct store_iterator *i, struct slice *key, struct slice *value)
{
    return i->ops->next(i, key, value);
}

enum err_code store_iterator_end(struct store_iterator *i, struct err *err)
{
    struct store *s = i->store; /* the iterator is gone by then */

    return note_read(s, i->ops->iterator_end(i, err));
}

void store_figures(struct store *s, struct store_figures *out)
{
    *out = (struct store_figures){0};
    if (s->ops->figures != NULL) {
        s->ops->figures(s, out);
    }
}

void store_stats(struct store *s, struct buf *out)
{
    s->ops->stats(s, out);
}

enum err_code store_copy(struct store *s, const char *dir, struct err *err)
{
    if (s->ops->copy == NULL) {
        return err_set(err, ERR_VALIDATION, "the database is in memory alone");
    }
    return s->ops->copy(s, dir, err);
}
