/* SPDX-License-Identifier: Apache-2.0 */
/* fragment.c: what handlers write, whole or in shards, comes out the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/items_case.h"
#include "worker/items/fragment.h"

static const struct items_options json = {.format = ITEMS_JSON};
static const struct items_options lines = {.format = ITEMS_LINES};
static const struct items_options csv = {ITEMS_CSV, ',', true, true};

/* One output, in random chunks: its fragment to `out`. */
static enum err_code make(const struct items_options *o,
                          struct slice output,
                          uint64_t *seed,
                          struct buf *header,
                          struct buf *out,
                          struct err *err)
{
    struct case_chunks chunks = case_chunks_of(output, seed);
    struct items_fragment f;
    struct items_pieces pieces;
    enum err_code rc = OK;
    struct slice chunk;

    buf_reset(out);
    items_fragment_init(&f, o);
    while (rc == OK && case_chunk(&chunks, &chunk)) {
        rc = items_fragment_feed(&f, chunk, &pieces, err);
        if (rc == OK) {
            buf_put_slice(out, pieces.before);
            buf_put_slice(out, pieces.bytes);
        }
    }
    mem_free(chunks.copy);
    if (rc == OK) {
        rc = items_fragment_finish(&f, &pieces, err);
    }
    if (rc == OK) {
        buf_put_slice(out, pieces.before);
        assert_int_equal(f.bytes, out->len);
        buf_put_slice(header, buf_slice(&f.header));
    }
    items_fragment_fini(&f);
    return rc;
}

/* Outputs made into fragments, and these joined. */
static enum err_code join(const struct items_options *o,
                          const struct slice *outputs,
                          size_t count,
                          uint64_t *seed,
                          struct buf *out,
                          struct err *err)
{
    struct buf *fragments = mem_zalloc(count, sizeof(*fragments));
    struct items_join j;
    enum err_code rc = OK;

    items_join_init(&j, o);
    for (size_t i = 0; rc == OK && i < count; i++) {
        struct buf header = {0};

        rc = make(o, outputs[i], seed, &header, &fragments[i], err);
        if (rc == OK) {
            rc = items_join_header(&j, buf_slice(&header), err);
        }
        buf_fini(&header);
    }
    buf_reset(out);
    buf_put_slice(out, items_join_prefix(&j));
    for (size_t i = 0; i < count; i++) {
        uint64_t skip = items_join_skip(&j, fragments[i].len);

        buf_put_slice(out, slice_from(buf_slice(&fragments[i]), (size_t)skip));
        buf_fini(&fragments[i]);
    }
    buf_put_slice(out, items_join_suffix(&j));
    items_join_fini(&j);
    mem_free(fragments);
    return rc;
}

static void test_items_fragment__is_what_it_should_be(void **state)
{
    static const struct {
        const struct items_options *o;
        const char *output;
        const char *fragment;
        const char *header;
    } cases[] = {
        {&json, "[]", "", ""},
        {&json, " [ \n] \n", "", ""},
        {&json, "[1]", ",1", ""},
        {&json, " [ 1 , {\"a\":[ ]} ]\n", ",1 , {\"a\":[ ]} ", ""},
        {&json, "\xef\xbb\xbf[\"]\"]", ",\"]\"", ""},
        {&lines, "", "", ""},
        {&lines, "a", "a\n", ""},
        {&lines, "a\n\nb\r\n", "a\n\nb\r\n", ""},
        {&csv, "", "", ""},
        {&csv, "a,b", "", "a,b\n"},
        {&csv, "a,b\n", "", "a,b\n"},
        {&csv, "a,b\n1,2", "1,2\n", "a,b\n"},
        {&csv, "\xef\xbb\xbf\"a\n\",b\r\n1,\"2\n3\"\n", "1,\"2\n3\"\n",
         "\xef\xbb\xbf\"a\n\",b\r\n"},
    };
    struct buf out = {0};
    uint64_t seed = 1;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int round = 0; round < 20; round++) {
            struct buf header = {0};
            struct err err = {0};

            if (make(cases[i].o, slice_str(cases[i].output), &seed, &header, &out, &err) != OK ||
                !slice_eq_str(buf_slice(&out), cases[i].fragment) ||
                !slice_eq_str(buf_slice(&header), cases[i].header)) {
                fail_msg("case %zu: \"%.*s\", %s", i, SLICE_FMT(buf_slice(&out)), err.msg);
            }
            buf_fini(&header);
        }
    }
    buf_fini(&out);
}

static void test_items_fragment__refuses_what_is_not_of_the_format(void **state)
{
    static const struct {
        const struct items_options *o;
        const char *output;
        const char *said;
    } cases[] = {
        {&json, "", "byte 0: expected '[' of an array, and found no more bytes"},
        {&json, "{\"a\":1}", "byte 0: expected '[' of an array"},
        {&json, "[1", "byte 2: expected ']' at the end of the array, and found no more bytes"},
        {&json, "[1]x", "byte 3: expected nothing after the array"},
        {&json, "[1 2]", "byte 3: expected ',' or ']'"},
        {&json, "[{\"a\":]}", "byte 6: expected '}'"},
        {&json, "[\"a]", "byte 1: expected '\"' at the end of the string that begins here"},
        {&csv, "a\n\"b", "byte 2: expected '\"' at the end of the field that begins here"},
        {&csv, "\"a\"b\n", "byte 3: expected a delimiter or a line break after the closing '\"'"},
    };
    struct buf out = {0};
    uint64_t seed = 2;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf header = {0};
        struct err err = {0};

        assert_int_not_equal(
            make(cases[i].o, slice_str(cases[i].output), &seed, &header, &out, &err), OK);
        assert_string_equal(err.msg, cases[i].said);
        buf_fini(&header);
    }
    buf_fini(&out);
}

static void test_items_fragment__bounds_a_header(void **state)
{
    struct buf text = {0};
    struct buf out = {0};
    uint64_t seed = 3;

    (void)state;
    for (size_t extra = 0; extra < 2; extra++) {
        struct buf header = {0};

        buf_reset(&text);
        while (text.len < LIMIT_HEADER_BYTES - 1 + extra) {
            buf_put_u8(&text, 'a');
        }
        buf_put_str(&text, "\n1\n");
        assert_int_equal(make(&csv, buf_slice(&text), &seed, &header, &out, NULL),
                         extra == 0 ? OK : ERR_TOO_LARGE);
        buf_fini(&header);
    }
    buf_fini(&text);
    buf_fini(&out);
}

/* Elements of random outputs, one after another, are those of the whole. */
static void test_items_join__keeps_all_elements_in_order(void **state)
{
    struct buf texts[6] = {{0}};
    struct buf whole = {0};
    uint64_t seed = 4;

    (void)state;
    for (int round = 0; round < 500; round++) {
        size_t count = case_below(&seed, 7);
        struct slice outputs[6] = {{0}};
        struct case_records all;
        struct err err = {0};
        size_t at = 0;

        for (size_t i = 0; i < count; i++) {
            outputs[i] = case_text(&seed, &json, case_below(&seed, 4), &texts[i]);
        }
        if (join(&json, outputs, count, &seed, &whole, &err) != OK) {
            fail_msg("%s", err.msg);
        }
        all = case_read(&json, buf_slice(&whole));
        assert_false(all.wrong);
        for (size_t i = 0; i < count; i++) {
            struct case_records part = case_read(&json, outputs[i]);

            for (size_t k = 0; k < part.count; k++, at++) {
                assert_true(at < all.count && slice_eq(part.list[k], all.list[at]));
            }
            mem_free(part.list);
        }
        assert_int_equal(at, all.count);
        mem_free(all.list);
    }
    for (size_t i = 0; i < 6; i++) {
        buf_fini(&texts[i]);
    }
    buf_fini(&whole);
}

static void test_items_join__gives_valid_data(void **state)
{
    static const struct {
        const struct items_options *o;
        struct slice outputs[3];
        const char *whole;
    } cases[] = {
        {&json, {SLICE_INIT("[]"), SLICE_INIT("[]"), SLICE_INIT(" []")}, "[]"},
        {&json, {SLICE_INIT("[]"), SLICE_INIT("[1,2]"), SLICE_INIT("[3]")}, "[1,2,3]"},
        {&lines, {SLICE_INIT("a"), SLICE_INIT(""), SLICE_INIT("b\n")}, "a\nb\n"},
        {&csv, {SLICE_INIT("h\n1"), SLICE_INIT(""), SLICE_INIT("h\n2\n")}, "h\n1\n2\n"},
        {&csv, {SLICE_INIT("h"), SLICE_INIT("h\n"), SLICE_INIT("h\n")}, "h\n"},
        {&csv, {SLICE_INIT(""), SLICE_INIT(""), SLICE_INIT("")}, ""},
    };
    struct buf whole = {0};
    uint64_t seed = 5;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(join(cases[i].o, cases[i].outputs, 3, &seed, &whole, NULL), OK);
        if (!slice_eq_str(buf_slice(&whole), cases[i].whole)) {
            fail_msg("case %zu: %.*s", i, SLICE_FMT(buf_slice(&whole)));
        }
    }
    buf_fini(&whole);
}

static void test_items_join__refuses_different_headers(void **state)
{
    const struct slice outputs[] = {SLICE("a,b\n1,2\n"), SLICE(""), SLICE("b,a\n1,2\n")};
    struct buf whole = {0};
    struct err err = {0};
    uint64_t seed = 6;

    (void)state;
    assert_int_equal(join(&csv, outputs, 3, &seed, &whole, &err), ERR_VALIDATION);
    assert_string_equal(err.msg,
                        "two shards' outputs have different headers: \"a,b\n\" and \"b,a\n\"");
    buf_fini(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_items_fragment__is_what_it_should_be),
        cmocka_unit_test(test_items_fragment__refuses_what_is_not_of_the_format),
        cmocka_unit_test(test_items_fragment__bounds_a_header),
        cmocka_unit_test(test_items_join__keeps_all_elements_in_order),
        cmocka_unit_test(test_items_join__gives_valid_data),
        cmocka_unit_test(test_items_join__refuses_different_headers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
