/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/items/record.h"

#include <assert.h>

void items_records_init(struct items_records *r,
                        const struct items_options *o,
                        uint64_t from,
                        size_t bytes_max)
{
    assert(bytes_max > 0 && bytes_max <= LIMIT_RECORD_BYTES);
    *r = (struct items_records){
        .blank = o->format == ITEMS_JSONL ? BLANK_SPACE
                 : o->format == ITEMS_CSV ? BLANK_CSV
                                          : BLANK_NONE,
        .bytes_max = bytes_max,
    };
    items_walk_init(&r->walk, o, from, true);
}

void items_records_fini(struct items_records *r)
{
    buf_fini(&r->gathered);
    *r = (struct items_records){0};
}

void items_records_feed(struct items_records *r, struct slice chunk)
{
    assert(r->chunk.len == 0 && !r->finished);
    r->chunk = chunk;
    r->passed = slice_head(chunk, 0);
}

void items_records_finish(struct items_records *r)
{
    assert(r->chunk.len == 0);
    r->finished = true;
}

/* Is the line blank, and no record? In CSV white space is a field's, or stands between some. */
static bool record_blank(const struct items_records *r, struct slice line)
{
    size_t i = 0;

    if (r->blank == BLANK_CSV) {
        return line.len == 0 || slice_eq_str(line, "\r");
    }
    while (i < line.len && (line.ptr[i] == ' ' || line.ptr[i] == '\t' || line.ptr[i] == '\r')) {
        i++;
    }
    return r->blank == BLANK_SPACE && i == line.len;
}

/* The open record goes on behind the chunk, or only white space does: no more is kept than a record
 * may have. */
static void records_gather(struct items_records *r)
{
    buf_put_slice(&r->gathered, slice_head(r->passed, r->bytes_max - r->gathered.len));
    r->passed = slice_head(r->passed, 0);
}

/* The open record, which ends at the walk's `end`. False: it is blank, and none. */
static bool records_close(struct items_records *r, struct items_record *out)
{
    size_t len = (size_t)(r->walk.end - r->begins);

    out->offset = r->begins;
    r->open = false;
    if (r->gathered.len != 0) {
        records_gather(r);
        r->given = true;
        out->bytes = slice_head(buf_slice(&r->gathered), len);
    } else {
        out->bytes = slice_head(r->passed, len);
    }
    r->passed = slice_head(r->chunk, 0);
    if (!r->walk.json && !r->walk.whole && slice_ends_with(out->bytes, SLICE("\n"))) {
        out->bytes.len--;
    }
    return !record_blank(r, out->bytes);
}

static enum items_pull records_too_large(const struct items_records *r, struct err *err)
{
    (void)err_set(err, ERR_TOO_LARGE,
                  "byte %llu: the record that begins here has more than %zu bytes",
                  (unsigned long long)r->begins, r->bytes_max);
    return ITEMS_FAILED;
}

/* Walk on to the next record's first byte, or the chunk's end. */
static enum err_code records_walk(struct items_records *r, struct err *err)
{
    size_t used;
    enum err_code rc = items_walk_feed(&r->walk, r->chunk, r->open ? r->begins + 1 : 0, &used, err);

    if (r->open) {
        r->passed =
            slice_make(r->passed.len != 0 ? r->passed.ptr : r->chunk.ptr, r->passed.len + used);
    }
    r->chunk = slice_from(r->chunk, used);
    return rc;
}

/* The open record's bytes so far, past which are only a comma and white space. */
static bool records_fit(const struct items_records *r)
{
    uint64_t end = r->walk.json && r->walk.depth == 1 && !r->walk.quoted ? r->walk.end : r->walk.at;

    return !r->open || end < r->begins || end - r->begins <= r->bytes_max;
}

static enum items_pull
records_last(struct items_records *r, struct items_record *out, struct err *err)
{
    if (items_walk_finish(&r->walk, err) != OK) {
        return ITEMS_FAILED;
    }
    return r->open && records_close(r, out) ? ITEMS_RECORD : ITEMS_END;
}

enum items_pull
items_records_next(struct items_records *r, struct items_record *out, struct err *err)
{
    if (r->given) {
        buf_reset(&r->gathered);
        r->given = false;
    }
    for (;;) {
        bool was_open = r->open;
        bool is_record;

        if (r->chunk.len == 0) {
            if (r->finished) {
                return records_last(r, out, err);
            }
            records_gather(r);
            return ITEMS_MORE;
        }
        if (records_walk(r, err) != OK) {
            return ITEMS_FAILED;
        }
        if (!records_fit(r)) {
            return records_too_large(r, err);
        }
        if (r->chunk.len == 0) {
            continue;
        }
        is_record = was_open && records_close(r, out);
        r->open = true;
        r->begins = r->walk.at;
        r->passed = slice_head(r->chunk, 0);
        if (is_record) {
            return ITEMS_RECORD;
        }
        buf_reset(&r->gathered);
        r->given = false;
    }
}
