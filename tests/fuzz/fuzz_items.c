/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an object, as a handler's output, as a run. Whatever they are: the same in one chunk
 * and in many; shards that hold all records of the whole, once, in order; a fragment that joined
 * alone reads as what it was made of; keys where the records are good; of a run no entry that was
 * not written. The first byte says what they are, the second how they come in chunks. */
#include "proto/base/hash.h"
#include "tests/fuzz/fuzz.h"
#include "worker/items/check.h"
#include "worker/items/cut.h"
#include "worker/items/fragment.h"
#include "worker/items/key.h"
#include "worker/items/merge.h"
#include "worker/items/split.h"

/* The same bytes in chunks of 1 .. most. */
struct chunks {
    struct slice left;
    size_t most;
    uint64_t seed;
};

static bool chunks_next(struct chunks *c, struct slice *out)
{
    c->seed = hash_u64(c->seed + 1);
    *out = slice_head(c->left, 1 + (size_t)(c->seed % c->most));
    c->left = slice_from(c->left, out->len);
    return out->len != 0;
}

/* ---- Objects ---- */

/* What records there are, in what order: a sum of them all, and how many. */
struct tally {
    uint64_t sum;
    uint64_t count;
    bool failed;
};

static void tally_add(struct tally *t, struct slice record)
{
    t->sum = hash_bytes(record, t->sum);
    t->count++;
}

/* A copy of exactly the record's size, so that reading past it is seen. */
static void tally_key(struct items_keys *k, const struct items_record *record)
{
    char *copy = mem_alloc(record->bytes.len);
    struct items_record r = {slice_make(copy, record->bytes.len), record->offset};
    struct buf key = {0};
    struct err err = {0};

    if (record->bytes.len != 0) {
        memcpy(copy, record->bytes.ptr, record->bytes.len);
    }
    must(items_keys_make(k, &r, &key, &err) == OK ? key.len != 0 : err.msg[0] != '\0');
    buf_fini(&key);
    mem_free(copy);
}

/* The records of a shard's bytes, checked. */
static void tally_records(struct tally *t,
                          const struct items_options *o,
                          struct slice bytes,
                          size_t most,
                          uint64_t from)
{
    static const struct items_key_spec spec = {.path = SLICE_INIT("$.a.b"),
                                               .column = SLICE_INIT("2")};
    static const struct items_key_spec line = {.path = SLICE_INIT("$"), .type = ITEMS_KEY_NUMBER};
    bool lines = o->format == ITEMS_LINES || o->format == ITEMS_WHOLE;
    struct chunks chunks = {bytes, most, most};
    struct items_options headless = *o;
    struct items_records r;
    struct items_check c;
    struct items_keys k;
    struct items_record record;
    struct err err = {0};
    enum items_pull what;
    struct slice chunk;

    headless.header = false;
    must(items_check_init(&c, o, SLICE(""), NULL) == OK);
    must(items_keys_init(&k, lines ? &line : &spec, 1, &headless, SLICE(""), NULL) == OK);
    items_records_init(&r, o, from, 1 << 20);
    do {
        if (chunks_next(&chunks, &chunk)) {
            items_records_feed(&r, chunk);
        } else {
            items_records_finish(&r);
        }
        while ((what = items_check_next(&c, &r, &record, &err)) < ITEMS_MORE) {
            must(record.offset >= from &&
                 slice_eq(slice_head(slice_from(bytes, record.offset - from), record.bytes.len),
                          record.bytes));
            must(what == ITEMS_RECORD || err.msg[0] != '\0');
            tally_add(t, record.bytes);
            tally_key(&k, &record);
        }
    } while (what == ITEMS_MORE);
    t->failed = t->failed || what == ITEMS_FAILED;
    items_records_fini(&r);
    items_keys_fini(&k);
    items_check_fini(&c);
}

static enum err_code scan(struct items_scan *s,
                          const struct items_options *o,
                          struct slice text,
                          uint64_t bytes,
                          size_t most,
                          struct err *err)
{
    struct chunks chunks = {text, most, most};
    enum err_code rc = OK;
    struct slice chunk;

    items_scan_init(s, o, bytes);
    while (rc == OK && chunks_next(&chunks, &chunk)) {
        rc = items_scan_feed(s, chunk, err);
    }
    return rc == OK ? items_scan_finish(s, err) : rc;
}

/* Shards of a size in chunks, beside one shard in one chunk. */
static void fuzz_scan(const struct items_options *o, struct slice text, uint64_t bytes, size_t most)
{
    struct items_scan one;
    struct items_scan many;
    struct err one_err = {0};
    struct err many_err = {0};
    struct tally whole = {0};
    struct tally parts = {0};
    enum err_code rc = scan(&one, o, text, UINT64_MAX, text.len + 1, &one_err);

    must(scan(&many, o, text, bytes, most, &many_err) == rc);
    must(slice_eq_str(slice_str(one_err.msg), many_err.msg));
    if (rc == OK) {
        must(one.count <= 1 && one.records == many.records);
        must(one.header_bytes == many.header_bytes);
        for (size_t i = 0; i < one.count + many.count; i++) {
            bool first = i < one.count;
            struct items_shard s = first ? one.shards[i] : many.shards[i - one.count];
            struct slice part = slice_head(slice_from(text, s.from), s.to - s.from);

            must(s.from < s.to && s.to <= text.len);
            tally_records(first ? &whole : &parts, o, part, first ? text.len + 1 : most, s.from);
        }
        must(!whole.failed && !parts.failed);
        must(whole.sum == parts.sum && whole.count == parts.count);
        must(o->format != ITEMS_JSON || whole.count == one.records);
    }
    items_scan_fini(&one);
    items_scan_fini(&many);
}

static void
fuzz_split(const struct items_options *o, struct slice text, uint64_t bytes, size_t most)
{
    struct items_wish wish = {.bytes = bytes};
    struct tally whole = {0};
    struct tally parts = {0};
    struct items_split split;
    size_t header;

    must(items_header_bytes(o, text, true, &header));
    split = items_split(o, header, text.len, &wish);
    tally_records(&whole, o, slice_from(text, header), most, header);
    for (uint64_t i = 0; i < split.count; i++) {
        struct items_cut c;
        struct chunks chunks;
        struct buf part = {0};
        struct slice chunk;

        items_cut_init(&c, o, items_split_shard(&split, i));
        chunks = (struct chunks){slice_from(text, items_cut_read_from(&c)), most, i};
        while (!items_cut_done(&c) && chunks_next(&chunks, &chunk)) {
            buf_put_slice(&part, items_cut_feed(&c, chunk));
        }
        tally_records(&parts, o, buf_slice(&part), most, c.begins);
        buf_fini(&part);
    }
    must(whole.sum == parts.sum && whole.count == parts.count);
}

/* ---- Outputs ---- */

static enum err_code fragment(const struct items_options *o,
                              struct slice output,
                              size_t most,
                              struct buf *header,
                              struct buf *out,
                              struct err *err)
{
    struct chunks chunks = {output, most, most};
    struct items_pieces pieces = {SLICE(""), SLICE("")};
    struct items_fragment f;
    enum err_code rc = OK;
    struct slice chunk;

    items_fragment_init(&f, o);
    while (rc == OK && chunks_next(&chunks, &chunk)) {
        rc = items_fragment_feed(&f, chunk, &pieces, err);
        if (rc == OK) {
            buf_put_slice(out, pieces.before);
            buf_put_slice(out, pieces.bytes);
        }
    }
    if (rc == OK) {
        rc = items_fragment_finish(&f, &pieces, err);
    }
    if (rc == OK) {
        buf_put_slice(out, pieces.before);
        buf_put_slice(header, buf_slice(&f.header));
        must(f.bytes == out->len);
    }
    items_fragment_fini(&f);
    return rc;
}

static void tally_whole(struct tally *t, const struct items_options *o, struct slice text)
{
    struct items_scan s;

    must(scan(&s, o, text, UINT64_MAX, text.len + 1, NULL) == OK && s.count <= 1);
    for (size_t i = 0; i < s.count; i++) {
        struct items_shard shard = s.shards[i];

        tally_records(t, o, slice_head(slice_from(text, shard.from), shard.to - shard.from),
                      text.len + 1, shard.from);
    }
    items_scan_fini(&s);
}

static void fuzz_fragment(const struct items_options *o, struct slice output, size_t most)
{
    struct buf one[2] = {{0}};
    struct buf many[2] = {{0}};
    struct buf all = {0};
    struct err err[2] = {{.code = OK}};
    struct items_join j;
    enum err_code rc = fragment(o, output, output.len + 1, &one[0], &one[1], &err[0]);

    must(fragment(o, output, most, &many[0], &many[1], &err[1]) == rc);
    must(slice_eq_str(slice_str(err[0].msg), err[1].msg));
    if (rc == OK) {
        struct tally was = {0};
        struct tally is = {0};

        must(slice_eq(buf_slice(&one[0]), buf_slice(&many[0])));
        must(slice_eq(buf_slice(&one[1]), buf_slice(&many[1])));
        items_join_init(&j, o);
        must(items_join_header(&j, buf_slice(&one[0]), NULL) == OK);
        buf_put_slice(&all, items_join_prefix(&j));
        buf_put_slice(&all,
                      slice_from(buf_slice(&one[1]), (size_t)items_join_skip(&j, one[1].len)));
        buf_put_slice(&all, items_join_suffix(&j));
        tally_whole(&was, o, output);
        tally_whole(&is, o, buf_slice(&all));
        must(was.count == is.count && was.sum == is.sum);
        items_join_fini(&j);
    }
    for (int i = 0; i < 2; i++) {
        buf_fini(&one[i]);
        buf_fini(&many[i]);
    }
    buf_fini(&all);
}

/* ---- Runs ---- */

/* Merge what may be frames, as two inputs; then again with the sums put right, so that what they
 * guard is reached. */
static void fuzz_merge(struct slice bytes, size_t most)
{
    struct items_run_part part = {0, bytes.len, most};
    struct items_run_reader inputs[2];
    struct chunks chunks[2] = {{bytes, most, 1}, {bytes, bytes.len + 1, 2}};
    struct items_merge m;
    struct items_entry e;
    struct err err = {0};
    enum items_pull what;
    struct slice chunk;
    size_t input = 0;

    items_run_reader_init(&inputs[0], &part);
    items_run_reader_init(&inputs[1], &part);
    items_merge_init(&m, inputs, 2);
    while ((what = items_merge_next(&m, &e, &input, &err)) <= ITEMS_MORE) {
        must(what == ITEMS_MORE || e.key.len + e.record.len < bytes.len);
        if (what == ITEMS_MORE) {
            if (!chunks_next(&chunks[input], &chunk)) {
                break;
            }
            items_run_feed(&inputs[input], chunk);
        }
    }
    must(what != ITEMS_FAILED || err.msg[0] != '\0');
    items_merge_fini(&m);
    items_run_reader_fini(&inputs[0]);
    items_run_reader_fini(&inputs[1]);
}

static void mend_sums(struct buf *b)
{
    size_t at = 0;

    while (b->len - at > RUN_FRAME_HEAD_BYTES) {
        struct slice frame = slice_from(buf_slice(b), at);
        struct cursor c = cursor_make(frame);
        size_t len = cursor_u32le(&c);
        struct slice payload = slice_head(slice_from(frame, RUN_FRAME_HEAD_BYTES), len);
        struct buf sum = {0};

        buf_put_u64le(&sum, items_run_sum(payload, at));
        memcpy(b->ptr + at + 4, sum.ptr, 8);
        buf_fini(&sum);
        at += RUN_FRAME_HEAD_BYTES + payload.len;
    }
}

static void fuzz_run(struct slice bytes, size_t most)
{
    struct items_run_trailer t;
    struct items_run_part parts[8];
    struct buf copy = {0};

    if (bytes.len >= RUN_TRAILER_BYTES &&
        items_run_trailer_read(slice_from(bytes, bytes.len - RUN_TRAILER_BYTES), bytes.len, &t,
                               NULL) == OK &&
        t.partitions <= 8) {
        struct slice index = slice_head(bytes, bytes.len - RUN_TRAILER_BYTES);

        (void)items_run_index_read(&t, slice_from(index, (size_t)t.index_offset), parts, NULL);
    }
    fuzz_merge(bytes, most);
    buf_put_slice(&copy, bytes);
    mend_sums(&copy);
    fuzz_merge(buf_slice(&copy), most);
    buf_fini(&copy);
}

/* ---- */

static void fuzz_names(struct slice text)
{
    struct items_options o = {.format = ITEMS_AUTO};

    o = items_options_settle(&o, slice_head(text, 16), slice_from(text, 16));
    must(o.format != ITEMS_AUTO && items_delimiter_valid(o.delimiter));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct items_options options[] = {
        {.format = ITEMS_JSON},        {ITEMS_CSV, ',', true, true}, {ITEMS_CSV, ';', false, true},
        {ITEMS_CSV, ',', true, false}, {.format = ITEMS_JSONL},      {.format = ITEMS_LINES},
        {.format = ITEMS_WHOLE},
    };
    const struct items_options *o;
    struct slice text;
    size_t most;
    uint64_t bytes;

    if (size < 2) {
        return 0;
    }
    text = slice_make(data + 2, size - 2);
    most = 1 + data[1] % 16 * 9;
    bytes = 1 + data[1] / 16 * 25;
    o = &options[data[0] / 4 % 7];
    switch (data[0] % 4) {
    case 0:
    case 1:
        if (items_needs_scan(o)) {
            fuzz_scan(o, text, bytes, most);
        } else {
            fuzz_split(o, text, bytes, most);
        }
        break;
    case 2:
        if (items_needs_scan(o)) {
            fuzz_fragment(o, text, most);
        } else {
            fuzz_names(text);
        }
        break;
    default: fuzz_run(text, most); break;
    }
    return 0;
}
