/* SPDX-License-Identifier: Apache-2.0 */
/* check.c, csv.c: good records pass as bytes, bad ones come with their place and the reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/items_case.h"
#include "worker/items/check.h"
#include "worker/items/csv.h"

/* All records of a text, in chunks of at most `most` bytes: the good ones joined by '|' to `good`,
 * the reasons of the bad ones by '|' to `bad`. */
static void check_all(const struct items_options *o,
                      const char *header,
                      struct slice text,
                      size_t most,
                      struct buf *good,
                      struct buf *bad)
{
    struct case_chunks chunks = {.left = text, .most = most, .seed = most};
    struct items_check c;
    struct items_records r;
    struct items_record record;
    struct err err = {0};
    enum items_pull what;
    struct slice chunk;

    buf_reset(good);
    buf_reset(bad);
    assert_int_equal(items_check_init(&c, o, slice_str(header), &err), OK);
    items_records_init(&r, o, 100, 1000);
    do {
        if (case_chunk(&chunks, &chunk)) {
            items_records_feed(&r, chunk);
        } else {
            items_records_finish(&r);
        }
        while ((what = items_check_next(&c, &r, &record, &err)) < ITEMS_MORE) {
            if (what == ITEMS_RECORD) {
                buf_put_slice(good, record.bytes);
                buf_put_str(good, "|");
            } else {
                buf_printf(bad, "%s|", err.msg);
            }
            assert_true(slice_eq(
                slice_head(slice_from(text, record.offset - 100), record.bytes.len), record.bytes));
        }
    } while (what == ITEMS_MORE);
    assert_int_equal(what, ITEMS_END);
    items_records_fini(&r);
    items_check_fini(&c);
    mem_free(chunks.copy);
}

static void test_items_check__parts_good_from_bad(void **state)
{
    static const struct {
        struct items_options o;
        const char *header;
        const char *text;
        const char *good;
        const char *bad;
    } cases[] = {
        {{.format = ITEMS_LINES},
         "",
         "a\n\nb\xff\n\xc3\xa9\r\n",
         "a||\xc3\xa9\r|",
         "the record at byte 103: expected UTF-8|"},
        {{.format = ITEMS_JSONL},
         "",
         "{\"a\":1}\n\n \r\n[2]\r\n{\"a\":}\nnull",
         "{\"a\":1}|[2]\r|null|",
         "the record at byte 117: line 1, column 6: expected a value|"},
        {{.format = ITEMS_JSONL},
         "",
         "{} {}\n\"\xff\"\n1",
         "1|",
         "the record at byte 100: line 1, column 4: expected nothing after the value|"
         "the record at byte 106: line 1, column 2: expected valid UTF-8|"},
        {{ITEMS_CSV, ',', true, true},
         "a,\"b\nc\"\n",
         "1,2\n\"x,\ny\",\"\"\"\"\n\n3\r\n4,5,6\n7,\xff\n8,",
         "1,2|\"x,\ny\",\"\"\"\"|8,|",
         "the record at byte 117: expected 2 fields, as the header has, and found 1|"
         "the record at byte 120: expected 2 fields, as the header has, and found 3|"
         "the record at byte 126: expected UTF-8|"},
        {{ITEMS_CSV, ';', false, false},
         "",
         "1;2;3\n4\na;\"b\nc\"d;e\n\"f\"g\n",
         "1;2;3|4|",
         "byte 110: expected '\"' at the end of the field|"
         "byte 114: expected no '\"' within a field that does not begin with one|"
         "byte 122: expected a delimiter after the closing '\"'|"},
        {{.format = ITEMS_JSON},
         "",
         "1, [2 ,3] ,tru, {\"a\" 1} , \"x\"",
         "1|[2 ,3]|\"x\"|",
         "the record at byte 111: line 1, column 1: expected a value|"
         "the record at byte 116: line 1, column 6: expected ':'|"},
        {{ITEMS_CSV, '\t', false, true}, "", "\t\t\n\n \n\r\n", "\t\t| |", ""},
        {{.format = ITEMS_WHOLE}, "", "a\n\xff\n", "a\n\xff\n|", ""},
        {{.format = ITEMS_JSONL}, "", "\n \n", "", ""},
    };
    struct buf good = {0};
    struct buf bad = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t most = 1; most < 200; most = most * 3 + 1) {
            check_all(&cases[i].o, cases[i].header, slice_str(cases[i].text), most, &good, &bad);
            if (!slice_eq_str(buf_slice(&good), cases[i].good) ||
                !slice_eq_str(buf_slice(&bad), cases[i].bad)) {
                fail_msg("case %zu: good \"%.*s\", bad \"%.*s\"", i, SLICE_FMT(buf_slice(&good)),
                         SLICE_FMT(buf_slice(&bad)));
            }
        }
    }
    buf_fini(&good);
    buf_fini(&bad);
}

static void test_items_check__refuses_a_bad_header(void **state)
{
    struct items_options o = {ITEMS_CSV, ',', true, true};
    struct items_check c = {.fields = 7};
    struct err err = {0};

    (void)state;
    assert_int_equal(items_check_init(&c, &o, SLICE("a,b\"\n"), &err), ERR_VALIDATION);
    assert_string_equal(
        err.msg,
        "the header: byte 3: expected no '\"' within a field that does not begin with one");
    assert_int_equal(c.fields, 7);
    assert_int_equal(items_check_init(&c, &o, SLICE("\xef\xbb\xbf\"a\",b\r\n"), &err), OK);
    assert_int_equal(c.fields, 2);
    items_check_fini(&c);
}

static void test_items_csv__reads_fields(void **state)
{
    static const struct {
        const char *record;
        const char *values;
    } cases[] = {
        {"", "|"},
        {"a", "a|"},
        {"a,b", "a|b|"},
        {",", "||"},
        {"a,b\r", "a|b|"},
        {"\"a,b\",\"c\"\"d\"", "a,b|c\"d|"},
        {"\"\"\"\",\"\",\"x\"\"\"\r", "\"||x\"|"},
        {"\"a\nb\"", "a\nb|"},
    };
    struct buf got = {0};
    struct buf value = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct csv_fields c = csv_fields_of(slice_str(cases[i].record), ',');
        struct csv_field f;

        buf_reset(&got);
        while (csv_fields_next(&c, &f)) {
            buf_put_slice(&got, csv_field_value(&f, &value));
            buf_put_str(&got, "|");
        }
        assert_null(c.wrong);
        if (!slice_eq_str(buf_slice(&got), cases[i].values)) {
            fail_msg("%s: %.*s", cases[i].record, SLICE_FMT(buf_slice(&got)));
        }
    }
    buf_fini(&got);
    buf_fini(&value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_items_check__parts_good_from_bad),
        cmocka_unit_test(test_items_check__refuses_a_bad_header),
        cmocka_unit_test(test_items_csv__reads_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
