/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/items/fragment.h"

void items_fragment_init(struct items_fragment *f, const struct items_options *o)
{
    *f = (struct items_fragment){
        .header_open = o->format == ITEMS_CSV && o->header,
        .lines = o->format != ITEMS_JSON && o->format != ITEMS_WHOLE,
    };
    items_walk_init(&f->walk, o, 0, false);
}

void items_fragment_fini(struct items_fragment *f)
{
    buf_fini(&f->header);
    *f = (struct items_fragment){0};
}

static enum err_code fragment_walk(struct items_fragment *f, struct slice chunk, struct err *err)
{
    size_t used;

    return items_walk_feed(&f->walk, chunk, UINT64_MAX, &used, err);
}

/* The part of a chunk, whose first byte is at offset `at`, that is between the brackets. */
static struct slice fragment_elements(const struct items_walk *w, struct slice chunk, uint64_t at)
{
    uint64_t begin = w->first > at ? w->first - at : 0;
    uint64_t end = w->close < at ? 0 : w->close - at;

    if (end < chunk.len) {
        chunk = slice_head(chunk, (size_t)end);
    }
    return slice_from(chunk, begin < chunk.len ? (size_t)begin : chunk.len);
}

static enum err_code fragment_json(struct items_fragment *f,
                                   struct slice chunk,
                                   struct items_pieces *out,
                                   struct err *err)
{
    uint64_t at = f->walk.at;
    bool begun = f->walk.records != 0;
    enum err_code rc = fragment_walk(f, chunk, err);

    if (rc == OK && f->walk.records != 0) {
        out->before = begun ? SLICE("") : SLICE(",");
        out->bytes = fragment_elements(&f->walk, chunk, at);
    }
    return rc;
}

/* Take the header's bytes off the chunk: all up to the second record. */
static enum err_code fragment_header(struct items_fragment *f, struct slice *chunk, struct err *err)
{
    while (f->header_open && chunk->len != 0) {
        uint64_t stop_at = f->walk.at + (f->walk.records == 0); /* not at the first one */
        size_t used;
        enum err_code rc = items_walk_feed(&f->walk, *chunk, stop_at, &used, err);

        if (rc != OK) {
            return rc;
        }
        if (f->header.len + used > LIMIT_HEADER_BYTES) {
            return err_set(err, ERR_TOO_LARGE, "the header has more than %d bytes",
                           LIMIT_HEADER_BYTES);
        }
        buf_put_slice(&f->header, slice_head(*chunk, used));
        *chunk = slice_from(*chunk, used);
        f->header_open = chunk->len == 0 || f->walk.records == 0;
    }
    return OK;
}

static enum err_code fragment_rows(struct items_fragment *f,
                                   struct slice chunk,
                                   struct items_pieces *out,
                                   struct err *err)
{
    enum err_code rc = fragment_header(f, &chunk, err);

    if (rc == OK) {
        rc = fragment_walk(f, chunk, err);
    }
    if (rc == OK && chunk.len != 0) {
        f->unended = chunk.ptr[chunk.len - 1] != '\n';
        out->bytes = chunk;
    }
    return rc;
}

enum err_code items_fragment_feed(struct items_fragment *f,
                                  struct slice chunk,
                                  struct items_pieces *out,
                                  struct err *err)
{
    struct items_pieces pieces = {SLICE(""), SLICE("")};
    enum err_code rc = f->walk.json ? fragment_json(f, chunk, &pieces, err)
                                    : fragment_rows(f, chunk, &pieces, err);

    if (rc == OK) {
        *out = pieces;
        f->bytes += pieces.before.len + pieces.bytes.len;
    }
    return rc;
}

enum err_code
items_fragment_finish(struct items_fragment *f, struct items_pieces *out, struct err *err)
{
    enum err_code rc = items_walk_finish(&f->walk, err);

    if (rc != OK) {
        return rc;
    }
    if (f->header.len != 0 && f->header.ptr[f->header.len - 1] != '\n') {
        buf_put_u8(&f->header, '\n');
    }
    *out = (struct items_pieces){f->lines && f->unended ? SLICE("\n") : SLICE(""), SLICE("")};
    f->bytes += out->before.len;
    return OK;
}

void items_join_init(struct items_join *j, const struct items_options *o)
{
    *j = (struct items_join){.format = o->format};
}

void items_join_fini(struct items_join *j)
{
    buf_fini(&j->header);
    *j = (struct items_join){0};
}

enum err_code items_join_header(struct items_join *j, struct slice header, struct err *err)
{
    if (header.len == 0) {
        return OK;
    }
    if (j->header.len == 0) {
        buf_put_slice(&j->header, header);
    }
    return slice_eq(buf_slice(&j->header), header)
               ? OK
               : err_set(err, ERR_VALIDATION,
                         "two shards' outputs have different headers: \"%.*s\" and \"%.*s\"",
                         SLICE_FMT(slice_head(buf_slice(&j->header), 200)),
                         SLICE_FMT(slice_head(header, 200)));
}

uint64_t items_join_skip(struct items_join *j, uint64_t bytes)
{
    bool first = !j->begun && bytes != 0;

    j->begun = j->begun || bytes != 0;
    return first && j->format == ITEMS_JSON ? 1 : 0;
}

struct slice items_join_prefix(const struct items_join *j)
{
    return j->format == ITEMS_JSON ? SLICE("[") : buf_slice(&j->header);
}

struct slice items_join_suffix(const struct items_join *j)
{
    return j->format == ITEMS_JSON ? SLICE("]") : SLICE("");
}
