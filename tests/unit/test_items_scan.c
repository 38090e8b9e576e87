/* SPDX-License-Identifier: Apache-2.0 */
/* format, block, walk, scan, split, cut, record: random texts in random chunks and shards, held to
 * a reader that goes byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/items_case.h"
#include "worker/items/block.h"
#include "worker/items/cut.h"
#include "worker/items/record.h"
#include "worker/items/split.h"

enum { ROUNDS = 1500 };

static const struct items_options json = {.format = ITEMS_JSON};
static const struct items_options csv = {ITEMS_CSV, ',', false, true};

static void test_items_block__finds_bytes_as_without_vectors(void **state)
{
    static const char wanted[] = "\"\\{}[], \n\t\r:;\x7f\x80\xff\0";
    uint64_t seed = 1;
    char p[BLOCK_BYTES];

    (void)state;
    for (int round = 0; round < 2000; round++) {
        for (size_t i = 0; i < sizeof(p); i++) {
            p[i] = round % 2 == 0 ? (char)case_random(&seed)
                                  : wanted[case_below(&seed, sizeof(wanted))];
        }
        for (size_t k = 0; k < sizeof(wanted); k++) {
            for (uint8_t fold = 0; fold <= 0x20; fold += 0x20) {
                uint64_t want = 0;

                for (unsigned i = 0; i < BLOCK_BYTES; i++) {
                    want |= (uint64_t)((char)(p[i] | fold) == wanted[k]) << i;
                }
                assert_int_equal(block_find_folded(p, wanted[k], fold), want);
                assert_int_equal(block_find_portable(p, wanted[k], fold), want);
            }
        }
    }
}

/* ---- Scan ---- */

static enum err_code scan(struct items_scan *s,
                          const struct items_options *o,
                          uint64_t bytes,
                          struct slice text,
                          uint64_t *seed,
                          struct err *err)
{
    struct case_chunks chunks = case_chunks_of(text, seed);
    enum err_code rc = OK;
    struct slice chunk;

    items_scan_init(s, o, bytes);
    while (rc == OK && case_chunk(&chunks, &chunk)) {
        rc = items_scan_feed(s, chunk, err);
    }
    mem_free(chunks.copy);
    return rc == OK ? items_scan_finish(s, err) : rc;
}

/* Records of a shard's bytes, out of random chunks of them, compared with list[*next ...]. */
static void assert_records(const struct items_options *o,
                           struct slice shard,
                           uint64_t from,
                           const struct case_records *want,
                           const char *text,
                           size_t *next,
                           uint64_t *seed)
{
    struct case_chunks chunks = case_chunks_of(shard, seed);
    struct items_records r;
    struct items_record record;
    struct err err = {0};
    enum items_pull what;
    struct slice chunk;

    items_records_init(&r, o, from, 1 << 20);
    do {
        if (case_chunk(&chunks, &chunk)) {
            items_records_feed(&r, chunk);
        } else {
            items_records_finish(&r);
        }
        while ((what = items_records_next(&r, &record, &err)) == ITEMS_RECORD) {
            while (case_blank(o, want->list[*next])) {
                ++*next;
            }
            assert_true(*next < want->count);
            assert_true(slice_eq(record.bytes, want->list[*next]));
            assert_int_equal(record.offset, want->list[*next].ptr - text);
            ++*next;
        }
    } while (what == ITEMS_MORE);
    if (what != ITEMS_END) {
        fail_msg("%s", err.msg);
    }
    items_records_fini(&r);
}

static void assert_shards(const struct items_options *o,
                          const struct items_scan *s,
                          struct slice text,
                          const struct case_records *want,
                          uint64_t bytes,
                          uint64_t *seed)
{
    size_t next = o->header && want->count != 0;
    uint64_t at = 0;

    if (next != 0) {
        struct slice line = want->list[0];
        size_t end = (size_t)(line.ptr - text.ptr) + line.len;

        assert_int_equal(s->header_bytes, end + (end < text.len));
        at = s->header_bytes;
    } else {
        assert_int_equal(s->header_bytes, 0);
    }
    assert_int_equal(s->records, want->count - next);
    for (size_t i = 0; i < s->count; i++) {
        struct items_shard shard = s->shards[i];
        struct slice part = slice_head(slice_from(text, shard.from), shard.to - shard.from);
        size_t begun = next;

        assert_true(shard.from >= at && shard.to > shard.from && shard.to <= text.len);
        assert_true(i + 1 == s->count || s->shards[i + 1].from - shard.from >= bytes);
        assert_ptr_equal(part.ptr, want->list[next].ptr);
        assert_records(o, part, shard.from, want, text.ptr, &next, seed);
        while (next < begun + shard.records) {
            assert_true(case_blank(o, want->list[next++])); /* at the shard's end */
        }
        assert_int_equal(next - begun, shard.records);
        if (o->format == ITEMS_JSON) {
            assert_ptr_equal(slice_end(part), slice_end(want->list[next - 1]));
        }
        at = shard.to;
    }
    assert_int_equal(next, want->count);
}

static void check_scans(struct items_options o, uint64_t seed)
{
    struct buf text = {0};

    for (int round = 0; round < ROUNDS; round++) {
        struct slice t = case_text(&seed, &o, case_below(&seed, round % 50 == 0 ? 400 : 12), &text);
        uint64_t bytes = 1 + case_below(&seed, round % 3 == 0 ? 3 : 200);
        struct case_records want = case_read(&o, t);
        struct items_scan s;
        struct err err = {0};

        assert_false(want.wrong);
        if (scan(&s, &o, bytes, t, &seed, &err) != OK) {
            fail_msg("round %d: %s: %.*s", round, err.msg, SLICE_FMT(t));
        }
        assert_shards(&o, &s, t, &want, bytes, &seed);
        items_scan_fini(&s);
        mem_free(want.list);
    }
    buf_fini(&text);
}

static void test_items_scan__gives_each_element_once(void **state)
{
    (void)state;
    check_scans(json, 2);
}

static void test_items_scan__gives_each_row_once(void **state)
{
    struct items_options o = csv;

    (void)state;
    check_scans(o, 3);
    o.header = true;
    check_scans(o, 4);
    o.quoted_breaks = false;
    o.header = false;
    o.format = ITEMS_LINES;
    check_scans(o, 5);
}

/* What is wrong is found where the plain reader finds it, whatever the chunks. */
static void check_damage(struct items_options o, uint64_t seed)
{
    struct buf text = {0};
    int refused = 0;

    for (int round = 0; round < 4 * ROUNDS; round++) {
        struct case_records want;
        struct items_scan s;
        struct err err = {0};
        enum err_code rc;
        char place[64];

        (void)case_text(&seed, &o, case_below(&seed, round % 50 == 0 ? 100 : 6), &text);
        case_damage(&seed, &text);
        want = case_read(&o, buf_slice(&text));
        rc = scan(&s, &o, 1 + case_below(&seed, 50), buf_slice(&text), &seed, &err);
        (void)snprintf(place, sizeof(place), "byte %zu: expected ", want.wrong_at);
        if ((rc != OK) != want.wrong || (rc != OK && strncmp(err.msg, place, strlen(place)) != 0)) {
            fail_msg("round %d: \"%s\", want %s: %.*s", round, err.msg, want.wrong ? place : "none",
                     SLICE_FMT(buf_slice(&text)));
        }
        refused += rc != OK;
        items_scan_fini(&s);
        mem_free(want.list);
    }
    assert_in_range(refused, ROUNDS / 4, 4 * ROUNDS - ROUNDS / 4);
    buf_fini(&text);
}

static void test_items_scan__refuses_where_it_is_wrong(void **state)
{
    (void)state;
    check_damage(json, 6);
    check_damage(csv, 7);
}

static void test_items_scan__says_what_was_expected(void **state)
{
    static const struct {
        const struct items_options *o;
        const char *text;
        const char *said;
    } cases[] = {
        {&json, "", "byte 0: expected '[' of an array, and found no more bytes"},
        {&json, "  ", "byte 2: expected '[' of an array, and found no more bytes"},
        {&json, "{}", "byte 0: expected '[' of an array"},
        {&json, "[1,2", "byte 4: expected ']' at the end of the array, and found no more bytes"},
        {&json, "[{\"a\":[1}", "byte 8: expected ']'"},
        {&json, "[1 2]", "byte 3: expected ',' or ']'"},
        {&json, "[{}{}]", "byte 3: expected ',' or ']'"},
        {&json, "[,1]", "byte 1: expected an element"},
        {&json, "[1,]", "byte 3: expected an element"},
        {&json, "[1}", "byte 2: expected ',' or ']'"},
        {&json, "[1]]", "byte 3: expected nothing after the array"},
        {&json, "[1] [2]", "byte 4: expected nothing after the array"},
        {&json, "[\"a\", \"b]", "byte 6: expected '\"' at the end of the string that begins here"},
        {&json, "[1, \\]", "byte 4: expected no '\\' outside a string"},
        {&json, "\xef[1]", "byte 1: expected the rest of a byte order mark"},
        {&csv, "a,b\"c\n", "byte 3: expected no '\"' within a field that does not begin with one"},
        {&csv, "a,\"b\"c\n", "byte 5: expected a delimiter or a line break after the closing '\"'"},
        {&csv, "a\n\"b\"\"\n", "byte 2: expected '\"' at the end of the field that begins here"},
    };
    uint64_t seed = 8;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct items_scan s;
        struct err err = {0};

        assert_int_not_equal(scan(&s, cases[i].o, 10, slice_str(cases[i].text), &seed, &err), OK);
        assert_string_equal(err.msg, cases[i].said);
        items_scan_fini(&s);
    }
}

static void test_items_scan__gives_no_shards_of_nothing(void **state)
{
    static const struct items_options with_header = {ITEMS_CSV, ',', true, true};
    static const struct {
        const struct items_options *o;
        const char *text;
        uint64_t header;
    } cases[] = {{&json, "[]", 0},
                 {&json, " [ ] ", 0},
                 {&csv, "", 0},
                 {&with_header, "", 0},
                 {&with_header, "a,b", 3},
                 {&with_header, "a,b\n", 4},
                 {&with_header, "\"a\nb\",c\n", 8}};
    uint64_t seed = 9;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct items_scan s;

        assert_int_equal(scan(&s, cases[i].o, 10, slice_str(cases[i].text), &seed, NULL), OK);
        assert_int_equal(s.count, 0);
        assert_int_equal(s.records, 0);
        assert_int_equal(s.header_bytes, cases[i].header);
        items_scan_fini(&s);
    }
}

static void test_items_scan__bounds_depth(void **state)
{
    struct buf text = {0};
    struct items_scan s;
    struct err err = {0};
    uint64_t seed = 10;

    (void)state;
    for (int extra = 0; extra < 2; extra++) {
        buf_reset(&text);
        for (int i = 0; i < LIMIT_JSON_DEPTH + extra; i++) {
            buf_put_u8(&text, '[');
        }
        for (int i = 0; i < LIMIT_JSON_DEPTH + extra; i++) {
            buf_put_u8(&text, ']');
        }
        assert_int_equal(scan(&s, &json, 10, buf_slice(&text), &seed, &err),
                         extra == 0 ? OK : ERR_TOO_LARGE);
        items_scan_fini(&s);
    }
    assert_string_equal(err.msg, "byte 512: expected no deeper nesting");
    buf_fini(&text);
}

static void test_items_scan__bounds_the_number_of_shards(void **state)
{
    struct buf text = {0};

    (void)state;
    for (int extra = 0; extra < 2; extra++) {
        struct items_scan s;

        buf_reset(&text);
        for (int i = 0; i < LIMIT_JOB_PIECES + extra; i++) {
            buf_put_str(&text, i == 0 ? "[1" : ",1");
        }
        buf_put_str(&text, "]");
        items_scan_init(&s, &json, 1);
        assert_int_equal(items_scan_feed(&s, buf_slice(&text), NULL),
                         extra == 0 ? OK : ERR_TOO_LARGE);
        assert_int_equal(s.count, LIMIT_JOB_PIECES);
        items_scan_fini(&s);
    }
    buf_fini(&text);
}

/* ---- Split and cut ---- */

static struct slice read_shard(struct slice text,
                               const struct items_options *o,
                               struct items_shard shard,
                               uint64_t *seed,
                               struct buf *out)
{
    struct case_chunks chunks;
    struct items_cut c;
    struct slice chunk;

    buf_reset(out);
    items_cut_init(&c, o, shard);
    chunks = case_chunks_of(slice_from(text, items_cut_read_from(&c)), seed);
    while (!items_cut_done(&c) && case_chunk(&chunks, &chunk)) {
        buf_put_slice(out, items_cut_feed(&c, chunk));
    }
    mem_free(chunks.copy);
    assert_true(out->len == 0 || c.begins >= shard.from);
    assert_true(out->len == 0 || memcmp(text.ptr + c.begins, out->ptr, out->len) == 0);
    return buf_slice(out);
}

/* Each shard gives the lines that begin in it, by a look at each line. */
static void test_items_cut__gives_each_line_to_one_shard(void **state)
{
    struct items_options o = {.format = ITEMS_LINES};
    struct buf text = {0};
    struct buf got = {0};
    struct buf want = {0};
    uint64_t seed = 11;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct slice t = case_text(&seed, &o, case_below(&seed, 30), &text);
        struct items_wish wish = {.bytes = 1 + case_below(&seed, round % 3 == 0 ? 4 : 100)};
        struct items_split split;

        if (round % 2 == 0) {
            wish = (struct items_wish){.count = 1 + case_below(&seed, 40)};
        }
        split = items_split(&o, 0, t.len, &wish);
        assert_true(wish.count == 0 || split.count <= wish.count);
        for (uint64_t i = 0, from = 0; i < split.count; i++) {
            struct items_shard shard = items_split_shard(&split, i);

            assert_int_equal(shard.from, from);
            assert_true(shard.to > from && (wish.bytes == 0 || shard.to - from <= wish.bytes));
            from = shard.to;
            assert_true(i + 1 < split.count || from == t.len);
            buf_reset(&want);
            for (size_t at = 0; at < t.len;) {
                struct slice line = slice_from(t, at);

                line = slice_head(line, slice_find(line, '\n') + 1);
                if (at >= shard.from && at < shard.to) {
                    buf_put_slice(&want, line);
                }
                at += line.len;
            }
            assert_true(slice_eq(read_shard(t, &o, shard, &seed, &got), buf_slice(&want)));
        }
    }
    buf_fini(&text);
    buf_fini(&got);
    buf_fini(&want);
}

/* Of a record that is longer than shards, those within it read no more than themselves. */
static void test_items_cut__does_not_read_on_within_a_long_record(void **state)
{
    const struct items_options o = {.format = ITEMS_LINES};
    struct slice text = SLICE("0123456789\nabc\n");
    struct items_cut c;

    (void)state;
    items_cut_init(&c, &o, (struct items_shard){.from = 3, .to = 6});
    assert_int_equal(items_cut_read_from(&c), 2);
    assert_int_equal(items_cut_feed(&c, slice_head(slice_from(text, 2), 2)).len, 0);
    assert_false(items_cut_done(&c));
    assert_int_equal(items_cut_feed(&c, slice_head(slice_from(text, 4), 1)).len, 0);
    assert_true(items_cut_done(&c));
    items_cut_init(&c, &o, (struct items_shard){.from = 8, .to = 11}); /* its last byte a break */
    assert_int_equal(items_cut_feed(&c, slice_head(slice_from(text, 7), 3)).len, 0);
    assert_true(items_cut_done(&c));
    items_cut_init(&c, &o, (struct items_shard){.from = 8, .to = 12}); /* a record begins in it */
    assert_int_equal(items_cut_feed(&c, slice_head(slice_from(text, 7), 3)).len, 0);
    assert_false(items_cut_done(&c));
    assert_true(slice_eq_str(items_cut_feed(&c, slice_from(text, 10)), "abc\n"));
}

static void test_items_cut__gives_a_scanned_shard_as_it_is(void **state)
{
    struct slice text = SLICE("[1, \"two\" ,{\"three\":3}]");
    struct buf got = {0};
    struct items_scan s;
    struct items_around around = items_around(&json, SLICE(""));
    uint64_t seed = 12;

    (void)state;
    assert_int_equal(scan(&s, &json, 1, text, &seed, NULL), OK);
    assert_int_equal(s.count, 3);
    assert_true(slice_eq_str(read_shard(text, &json, s.shards[0], &seed, &got), "1"));
    assert_true(slice_eq_str(read_shard(text, &json, s.shards[1], &seed, &got), "\"two\""));
    assert_true(slice_eq_str(read_shard(text, &json, s.shards[2], &seed, &got), "{\"three\":3}"));
    assert_true(slice_eq_str(around.before, "[") && slice_eq_str(around.after, "]"));
    items_scan_fini(&s);
    buf_fini(&got);
}

static void test_items_cut__says_what_stands_between_records(void **state)
{
    static const struct items_options whole = {.format = ITEMS_WHOLE};
    static const struct items_options lines = {.format = ITEMS_LINES};

    (void)state;
    assert_true(slice_eq_str(items_separator(&json), ",\n"));
    assert_true(slice_eq_str(items_separator(&csv), "\n"));
    assert_true(slice_eq_str(items_separator(&lines), "\n"));
    assert_true(slice_eq_str(items_separator(&whole), ""));
}

static void test_items_cut__leaves_the_header_to_itself(void **state)
{
    struct items_options o = {ITEMS_CSV, ',', true, false};
    struct slice text = SLICE("\xef\xbb\xbfname,n\na,1\nb,2\n");
    struct items_wish wish = {.count = 100};
    struct items_split split;
    struct items_around around;
    struct buf all = {0};
    struct buf got = {0};
    uint64_t seed = 13;
    size_t header;

    (void)state;
    assert_false(items_header_bytes(&o, slice_head(text, 9), false, &header));
    assert_true(items_header_bytes(&o, slice_head(text, 9), true, &header));
    assert_true(items_header_bytes(&o, text, false, &header));
    assert_int_equal(header, 10);
    split = items_split(&o, header, text.len, &wish);
    assert_int_equal(split.count, 8);
    for (uint64_t i = 0; i < split.count; i++) {
        buf_put_slice(&all, read_shard(text, &o, items_split_shard(&split, i), &seed, &got));
    }
    assert_true(slice_eq_str(buf_slice(&all), "a,1\nb,2\n"));
    around = items_around(&o, slice_head(text, header));
    assert_true(slice_eq(around.before, slice_head(text, header)) && around.after.len == 0);
    buf_fini(&all);
    buf_fini(&got);
}

static void test_items_split__chooses_sizes(void **state)
{
    const uint64_t mib = 1024 * 1024;
    struct items_options lines = {.format = ITEMS_LINES};
    struct items_options whole = {.format = ITEMS_WHOLE};
    struct items_wish none = {.workers = 10};
    struct items_wish small = {.bytes = 1};

    (void)state;
    assert_int_equal(items_split(&lines, 0, 0, &none).count, 0);
    assert_int_equal(items_split(&lines, 7, 7, &none).count, 0);
    assert_int_equal(items_split(&lines, 0, 1, &none).count, 1);
    assert_int_equal(items_split(&lines, 0, 8 * mib, &none).count, 1);
    assert_int_equal(items_split(&lines, 0, 8 * mib + 1, &none).count, 2);
    assert_int_equal(items_shard_bytes(4000 * mib, &none), 100 * mib);
    assert_int_equal(items_shard_bytes(1000000 * mib, &none), 256 * mib);
    assert_int_equal(items_split(&lines, 0, LIMIT_JOB_PIECES, &small).count, LIMIT_JOB_PIECES);
    assert_int_equal(items_split(&lines, 0, LIMIT_JOB_PIECES + 1, &small).count,
                     LIMIT_JOB_PIECES / 2 + 1);
    assert_int_equal(items_split(&whole, 0, 1000 * mib, &small).count, 1);
    assert_int_equal(items_split(&whole, 0, 0, &small).count, 0);
}

/* ---- Records ---- */

static void test_items_record__bounds_a_record(void **state)
{
    static const struct {
        struct items_options o;
        const char *text; /* its first record has ten bytes */
    } cases[] = {{{.format = ITEMS_JSON}, "\"12345678\" , 1"},
                 {{.format = ITEMS_LINES}, "123456789\n1"},
                 {{.format = ITEMS_WHOLE}, "123456789\n"}};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        for (size_t bound = 9; bound <= 10; bound++) {
            for (size_t most = 1; most < 20; most += 18) {
                struct case_chunks chunks = {.left = slice_str(cases[i].text), .most = most};
                struct items_records r;
                struct items_record record = {.offset = 99};
                struct err err = {0};
                enum items_pull what = ITEMS_MORE;
                struct slice chunk;

                items_records_init(&r, &cases[i].o, 5, bound);
                while (what == ITEMS_MORE) {
                    if (case_chunk(&chunks, &chunk)) {
                        items_records_feed(&r, chunk);
                    } else {
                        items_records_finish(&r);
                    }
                    what = items_records_next(&r, &record, &err);
                }
                assert_int_equal(what, bound == 10 ? ITEMS_RECORD : ITEMS_FAILED);
                assert_int_equal(err.code, bound == 10 ? OK : ERR_TOO_LARGE);
                assert_true(bound == 9 || record.offset == 5);
                items_records_fini(&r);
                mem_free(chunks.copy);
            }
        }
    }
}

/* White space behind an element is no part of it and is not kept. */
static void test_items_record__keeps_no_space(void **state)
{
    char space[1000];
    struct items_records r;
    struct items_record record;

    (void)state;
    memset(space, ' ', sizeof(space));
    items_records_init(&r, &json, 0, 16);
    items_records_feed(&r, SLICE("[1,2]"));
    for (int i = 0; i < 100; i++) {
        assert_int_equal(items_records_next(&r, &record, NULL), ITEMS_MORE);
        items_records_feed(&r, slice_make(space, sizeof(space)));
    }
    assert_int_equal(items_records_next(&r, &record, NULL), ITEMS_MORE);
    assert_true(r.gathered.len <= 16);
    items_records_finish(&r);
    assert_int_equal(items_records_next(&r, &record, NULL), ITEMS_RECORD);
    assert_true(slice_eq_str(record.bytes, "[1,2]"));
    assert_int_equal(items_records_next(&r, &record, NULL), ITEMS_END);
    items_records_fini(&r);
}

/* ---- Format ---- */

static void test_items_format__is_told_by_name_and_bytes(void **state)
{
    static const struct {
        const char *key;
        const char *head;
        enum items_format format;
        char delimiter;
    } cases[] = {
        {"a.csv", "x", ITEMS_CSV, ','},
        {"a.TSV", "x", ITEMS_CSV, '\t'},
        {"a.jsonl", "[", ITEMS_JSONL, ','},
        {"a.ndjson", "", ITEMS_JSONL, ','},
        {"a.txt", "[{", ITEMS_LINES, ','},
        {"a.json", " [1,", ITEMS_JSON, ','},
        {"a.json", "\xef\xbb\xbf[1,", ITEMS_JSON, ','},
        {"a.json", "", ITEMS_JSON, ','},
        {"a.json", "{\"a\":1}", ITEMS_WHOLE, ','},
        {"a.json", "{\n \"a\":1}", ITEMS_WHOLE, ','},
        {"a.json", "{\"a\":1}\n{\"a\":2}\n", ITEMS_JSONL, ','},
        {"a.csv", "\x1f\x8b\x08", ITEMS_WHOLE, ','},
        {"output", "[{\"a\":1}]", ITEMS_JSON, ','},
        {"output", "[]", ITEMS_JSON, ','},
        {"output", "[2026-11-23] began", ITEMS_LINES, ','},
        {"output", "{\"a\":1}\n", ITEMS_JSONL, ','},
        {"output", "", ITEMS_LINES, ','},
        {"output", "some text", ITEMS_LINES, ','},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct items_options o = {.format = ITEMS_AUTO};

        o = items_options_settle(&o, slice_str(cases[i].key), slice_str(cases[i].head));
        if (o.format != cases[i].format) {
            fail_msg("%s, %s: %s", cases[i].key, cases[i].head, items_format_name(o.format));
        }
        assert_int_equal(o.delimiter, cases[i].delimiter);
    }
}

static void test_items_format__has_names(void **state)
{
    static const char *const names[] = {
        [ITEMS_AUTO] = "auto", [ITEMS_LINES] = "lines", [ITEMS_JSONL] = "jsonl",
        [ITEMS_CSV] = "csv",   [ITEMS_JSON] = "json",   [ITEMS_WHOLE] = "whole",
    };
    enum items_format f;

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_true(items_format_parse(slice_str(names[i]), &f));
        assert_int_equal(f, i);
        assert_string_equal(items_format_name(f), names[i]);
    }
    assert_false(items_format_parse(SLICE("xml"), &f));
    assert_true(items_delimiter_valid(';') && items_delimiter_valid('\t'));
    assert_false(items_delimiter_valid('"') || items_delimiter_valid('\n') ||
                 items_delimiter_valid('a') || items_delimiter_valid('\0') ||
                 items_delimiter_valid('\xc3'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_items_block__finds_bytes_as_without_vectors),
        cmocka_unit_test(test_items_scan__gives_each_element_once),
        cmocka_unit_test(test_items_scan__gives_each_row_once),
        cmocka_unit_test(test_items_scan__refuses_where_it_is_wrong),
        cmocka_unit_test(test_items_scan__says_what_was_expected),
        cmocka_unit_test(test_items_scan__gives_no_shards_of_nothing),
        cmocka_unit_test(test_items_scan__bounds_depth),
        cmocka_unit_test(test_items_scan__bounds_the_number_of_shards),
        cmocka_unit_test(test_items_cut__gives_each_line_to_one_shard),
        cmocka_unit_test(test_items_cut__does_not_read_on_within_a_long_record),
        cmocka_unit_test(test_items_cut__gives_a_scanned_shard_as_it_is),
        cmocka_unit_test(test_items_cut__says_what_stands_between_records),
        cmocka_unit_test(test_items_cut__leaves_the_header_to_itself),
        cmocka_unit_test(test_items_split__chooses_sizes),
        cmocka_unit_test(test_items_record__bounds_a_record),
        cmocka_unit_test(test_items_record__keeps_no_space),
        cmocka_unit_test(test_items_format__is_told_by_name_and_bytes),
        cmocka_unit_test(test_items_format__has_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
