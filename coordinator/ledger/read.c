/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/ledger/read.h"

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
    if (rc == ERR_NOT_FOUND) {
        return err_set(err, ERR_CORRUPT, "execution %llu has lost a document",
                       (unsigned long long)s->execution);
    }
    return rc;
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

static enum err_code
load_doc(const struct record_source *s, struct arena *a, struct doc *d, struct err *err)
{
    return d->ref != 0 ? record_read_doc(s, d->ref, a, &d->text, err) : OK;
}

/* The frames of one record over those read before. */
static void image_take(struct image *im, const struct record *r, struct arena *a)
{
    for (size_t i = 0; i < r->frame_count; i++) {
        size_t at = 0;

        while (at < im->frame_count && im->frames[at].id != r->frames[i].id) {
            at++;
        }
        if (at == im->frame_count) {
            size_t n = im->frame_count++;

            im->frames =
                arena_grow(a, im->frames, n * sizeof(*im->frames), (n + 1) * sizeof(*im->frames));
            im->sequences = arena_grow(a, im->sequences, n * sizeof(*im->sequences),
                                       (n + 1) * sizeof(*im->sequences));
        }
        im->frames[at] = r->frames[i];
        im->sequences[at] = r->header.sequence;
    }
}

static enum err_code
image_docs(const struct record_source *s, struct arena *a, struct image *im, struct err *err)
{
    enum err_code rc = load_doc(s, a, &im->header.input, err);

    if (rc == OK) {
        rc = load_doc(s, a, &im->header.output, err);
    }
    for (size_t i = 0; i < im->frame_count && rc == OK; i++) {
        struct doc *d = &im->frames[i].input;

        if (d->ref == im->header.input.ref) {
            *d = im->header.input;
        } else {
            rc = load_doc(s, a, d, err);
        }
    }
    return rc;
}

enum err_code
image_read(const struct record_source *s, struct arena *a, struct image *out, struct err *err)
{
    struct image im = {0};
    struct slice bytes;
    struct record first;
    struct record last;
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
        rc = record_decode(bytes, a, &last, err);
    }
    if (rc != OK) {
        return rc;
    }
    if (last.header.sequence != 0) {
        record_join(&first.header, &last.header);
    }
    im.header = last.header;
    for (uint64_t at = last.lowest; at < last.header.sequence && rc == OK; at++) {
        struct record r;

        rc = record_read(s, at, a, &bytes, err);
        if (rc == OK) {
            rc = record_decode(bytes, a, &r, err);
        }
        if (rc == OK) {
            image_take(&im, &r, a);
        }
    }
    if (rc == ERR_NOT_FOUND) {
        rc = err_set(err, ERR_CORRUPT, "a record between the first and the last is missing");
    }
    image_take(&im, &last, a);
    if (rc == OK) {
        rc = image_docs(s, a, &im, err);
    }
    if (rc == OK) {
        *out = im;
    } else {
        err_wrap(err, "read execution %llu", (unsigned long long)s->execution);
    }
    return rc;
}
