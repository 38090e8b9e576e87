/* SPDX-License-Identifier: Apache-2.0 */
/* key*.c, partition.c: keys compare as what they were made of does, by plain arithmetic and plain
 * comparison. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/items_case.h"
#include "worker/items/key.h"
#include "worker/items/partition.h"

static const struct items_options jsonl = {.format = ITEMS_JSONL};
static const struct items_options csv = {ITEMS_CSV, ',', true, true};
static const struct items_options lines = {.format = ITEMS_LINES};

static int number_order(const char *a, const char *b)
{
    struct buf x = {0};
    struct buf y = {0};
    int c;

    assert_true(items_key_number(slice_str(a), &x));
    assert_true(items_key_number(slice_str(b), &y));
    c = slice_cmp(buf_slice(&x), buf_slice(&y));
    buf_fini(&x);
    buf_fini(&y);
    return (c > 0) - (c < 0);
}

static void test_items_key__orders_numbers_by_value(void **state)
{
    /* In order; those of one row are equal. */
    static const char *const rows[][4] = {
        {"-1e99999999999999999999", "-1E88888888888888888888"},
        {"-1e400"},
        {"-1e61", "-10e60"},
        {"-1e59"},
        {"-9007199254740993", "-9007199254740993.0"},
        {"-9007199254740992"},
        {"-12"},
        {"-11.5", "-115e-1", "-1.15E+1", "-0.115e2"},
        {"-11"},
        {"-2"},
        {"-1.5"},
        {"-0.001"},
        {"-1e-80"},
        {"0", "-0", "0.000", "0e99"},
        {"1e-400"},
        {"1e-80", "0.1e-79"},
        {"0.001", "1e-3", ".001"},
        {"0.0010000000000000000000000001"},
        {"0.5"},
        {"0.99"},
        {"1", "1.0", "+1", "001."},
        {"1.05"},
        {"1.5"},
        {"9"},
        {"10", " 10 ", "1e1", "100e-1"},
        {"10.1"},
        {"99"},
        {"100"},
        {"9007199254740992"},
        {"9007199254740993"},
        {"18446744073709551615"},
        {"18446744073709551616"},
        {"123456789012345678901234567890"},
        {"123456789012345678901234567891"},
        {"1e60"},
        {"1e61"},
        {"1e400"},
        {"1e99999999999999999999"},
    };
    size_t count = sizeof(rows) / sizeof(rows[0]);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            int want = (i > k) - (i < k);

            for (size_t a = 0; a < 4 && rows[i][a] != NULL; a++) {
                for (size_t b = 0; b < 4 && rows[k][b] != NULL; b++) {
                    if (number_order(rows[i][a], rows[k][b]) != want) {
                        fail_msg("%s and %s", rows[i][a], rows[k][b]);
                    }
                }
            }
        }
    }
}

static void test_items_key__orders_random_numbers_by_value(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        int64_t v[2];
        char text[2][40];

        for (int i = 0; i < 2; i++) {
            v[i] = (int64_t)(case_random(&seed) >> (1 + case_below(&seed, 62)));
            v[i] = case_below(&seed, 2) == 0 ? -v[i] : v[i];
            /* The same value, as it is or as a fraction. */
            (void)snprintf(text[i], sizeof(text[i]),
                           case_below(&seed, 2) == 0 ? "%lld" : "%lld.0e0", (long long)v[i]);
        }
        assert_int_equal(number_order(text[0], text[1]), (v[0] > v[1]) - (v[0] < v[1]));
    }
}

static void test_items_key__refuses_what_is_no_number(void **state)
{
    static const char *const texts[] = {"",    " ",   "-",  ".",   "1e",  "1e+", "e1",    "1.2.3",
                                        "0x1", "1 2", "1,", "nan", "inf", "--1", "1e1.5", "-+1"};
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (items_key_number(slice_str(texts[i]), &out)) {
            fail_msg("%s is a number", texts[i]);
        }
        assert_int_equal(out.len, 0);
    }
    buf_fini(&out);
}

static struct items_keys keys_of(const struct items_options *o,
                                 const struct items_key_spec *specs,
                                 size_t count,
                                 const char *header)
{
    struct items_keys k;
    struct err err = {0};

    if (items_keys_init(&k, specs, count, o, slice_str(header), &err) != OK) {
        fail_msg("%s", err.msg);
    }
    return k;
}

/* Each record's key is below the next one's. */
static void assert_ascending(struct items_keys *k, const struct slice *records, size_t count)
{
    struct buf key[2] = {{0}};

    for (size_t i = 0; i < count; i++) {
        struct items_record r = {records[i], 0};
        struct err err = {0};

        buf_reset(&key[i % 2]);
        if (items_keys_make(k, &r, &key[i % 2], &err) != OK) {
            fail_msg("%s", err.msg);
        }
        if (i != 0 && slice_cmp(buf_slice(&key[(i + 1) % 2]), buf_slice(&key[i % 2])) >= 0) {
            fail_msg("%.*s is not below %.*s", SLICE_FMT(records[i - 1]), SLICE_FMT(records[i]));
        }
    }
    buf_fini(&key[0]);
    buf_fini(&key[1]);
    items_keys_fini(k);
}

static void test_items_key__orders_json_records(void **state)
{
    static const struct items_key_spec by_text[] = {{.path = SLICE_INIT("$.a.b")}};
    static const struct items_key_spec by_both[] = {
        {.path = SLICE_INIT("$['a b']"), .type = ITEMS_KEY_NUMBER, .descending = true},
        {.path = SLICE_INIT("$.c")},
    };
    static const struct items_key_spec by_text_down[] = {
        {.path = SLICE_INIT("$"), .descending = true}};
    const struct slice texts[] = {
        SLICE("{\"a\":{\"x\":[1,{\"b\":2}]}}"), /* missing */
        SLICE("{ \"a\" : { \"x\":\"}\\\"\", \"b\" : null } }"),
        SLICE("{\"a\":{\"b\":\"\"}}"),
        SLICE("{\"a\":{\"b\":\"\\u0000\"}}"),
        SLICE("{\"a\":{\"b\":\"\\u0000a\"}}"),
        SLICE("{\"a\":{\"b\":\"\\u0001\"}}"),
        SLICE("{\"a\":{\"b\":12}}"),
        SLICE("{\"\\u0061\":{\"b\":\"A\\u0042\"},\"a\":{\"b\":\"\"}}"), /* the first of two */
        SLICE("{\"a\":{\"b\":\"ABC\"}}"),
        SLICE("{\"a\":{\"b\":\"a\"}}"),
        SLICE("{\"a\":{\"b\":true}}"),
        SLICE("{\"a\":{\"b\":\"\xc3\xa9\"}}\r"),
    };
    const struct slice both[] = {
        SLICE("{\"a b\":10,\"c\":\"x\"}"),
        SLICE("{\"c\":\"a\",\"a b\":9.5}"),
        SLICE("{\"a b\":9.50,\"c\":\"b\"}"),
        SLICE("{\"a b\":-1}"),
        SLICE("{\"a b\":null}"),
        SLICE("{\"c\":\"z\"}"),
    };
    const struct slice down[] = {SLICE("\"b\""), SLICE("\"a\\u0000\""), SLICE("\"a\""),
                                 SLICE("\"\""), SLICE("null")};
    struct items_keys k = keys_of(&jsonl, by_text, 1, "");

    (void)state;
    assert_ascending(&k, texts, sizeof(texts) / sizeof(texts[0]));
    k = keys_of(&jsonl, by_both, 2, "");
    assert_ascending(&k, both, sizeof(both) / sizeof(both[0]));
    k = keys_of(&jsonl, by_text_down, 1, "");
    assert_ascending(&k, down, sizeof(down) / sizeof(down[0]));
}

static void test_items_key__orders_rows_and_lines(void **state)
{
    static const struct items_key_spec by_column[] = {
        {.column = SLICE_INIT("n \"x\""), .type = ITEMS_KEY_NUMBER},
        {.column = SLICE_INIT("name")},
    };
    static const struct items_key_spec by_line[] = {{.path = SLICE_INIT("$")}};
    static const struct items_key_spec by_number[] = {{.column = SLICE_INIT("2")}};
    const struct slice rows[] = {SLICE("only a name"),       SLICE("b,"),  SLICE("z,-3\r"),
                                 SLICE("\"a,\"\"b\",\"4\""), SLICE("b,4"), SLICE("a,10")};
    const struct slice text[] = {SLICE(""), SLICE("a\r"), SLICE("a b"), SLICE("ab")};
    const struct slice second[] = {SLICE("z"), SLICE("z,a"), SLICE("a,\"b\"")};
    struct items_options bare = csv;
    struct items_keys k = keys_of(&csv, by_column, 2, "\xef\xbb\xbfname,\"n \"\"x\"\"\"\r\n");

    (void)state;
    assert_ascending(&k, rows, sizeof(rows) / sizeof(rows[0]));
    k = keys_of(&lines, by_line, 1, "");
    assert_ascending(&k, text, sizeof(text) / sizeof(text[0]));
    bare.header = false;
    k = keys_of(&bare, by_number, 1, "");
    assert_ascending(&k, second, sizeof(second) / sizeof(second[0]));
}

static void test_items_key__refuses_records_and_paths(void **state)
{
    static const struct items_key_spec by_number = {.path = SLICE_INIT("$.a"),
                                                    .type = ITEMS_KEY_NUMBER};
    static const char *const records[] = {"{\"a\":\"1\"}",
                                          "{\"a\":true}",
                                          "{\"a\":[1]}",
                                          "{\"a\"",
                                          "{\"a\":",
                                          "{\"a\":}",
                                          "{\"b\":1",
                                          "{a:1}",
                                          "{\"b\" \"a\"}",
                                          "{\"b\":\"\\\"",
                                          "",
                                          "{\"b\":[1}",
                                          " "};
    static const char *const paths[] = {"",     "a",   "$.",   "$.a.", "$[0]",
                                        "$..a", "$.*", "$['a", "$['a'"};
    struct items_keys k = keys_of(&jsonl, &by_number, 1, "");
    struct items_key_spec spec = {.column = SLICE("nope")};
    struct buf out = {0};
    struct err err = {0};

    (void)state;
    buf_put_str(&out, "before");
    for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
        size_t len = strlen(records[i]);
        char *copy = mem_alloc(len); /* exactly its size, so that reading past it is seen */
        struct items_record r = {slice_make(copy, len), 7};

        memcpy(copy, records[i], len);
        if (items_keys_make(&k, &r, &out, &err) != ERR_VALIDATION) {
            fail_msg("%s has a key", records[i]);
        }
        assert_string_equal(err.msg, "the record at byte 7 has no sort key: expected a number at "
                                     "\"$.a\"");
        assert_true(slice_eq_str(buf_slice(&out), "before"));
        mem_free(copy);
    }
    items_keys_fini(&k);
    buf_fini(&out);
    assert_int_equal(items_keys_init(&k, &spec, 1, &csv, SLICE("a,b\n"), &err), ERR_VALIDATION);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        spec.path = slice_str(paths[i]);
        if (items_keys_init(&k, &spec, 1, &jsonl, SLICE(""), &err) != ERR_VALIDATION) {
            fail_msg("%s is a path", paths[i]);
        }
    }
    spec.path = SLICE("$.a");
    assert_int_equal(items_keys_init(&k, &spec, 1, &lines, SLICE(""), &err), ERR_VALIDATION);
    assert_string_equal(err.msg, "the sort key \"$.a\": expected \"$\", the whole record");
}

static void test_items_key__bounds_the_number_of_parts(void **state)
{
    struct items_key_spec specs[LIMIT_JOB_KEYS + 1];
    struct items_keys k;
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i <= LIMIT_JOB_KEYS; i++) {
        specs[i] = (struct items_key_spec){.path = SLICE("$.a")};
    }
    assert_int_equal(items_keys_init(&k, specs, 0, &jsonl, SLICE(""), &err), ERR_VALIDATION);
    assert_int_equal(items_keys_init(&k, specs, LIMIT_JOB_KEYS + 1, &jsonl, SLICE(""), &err),
                     ERR_VALIDATION);
    assert_string_equal(err.msg, "9 sort keys: expected 1 to 8");
    assert_int_equal(items_keys_init(&k, specs, LIMIT_JOB_KEYS, &jsonl, SLICE(""), &err), OK);
    items_keys_fini(&k);
}

static void test_items_key__bounds_a_key(void **state)
{
    static const struct items_key_spec by_line = {.path = SLICE_INIT("$")};
    struct items_keys k = keys_of(&lines, &by_line, 1, "");
    struct buf out = {0};
    char *text = mem_zalloc(1, LIMIT_SORT_KEY_BYTES);

    (void)state;
    memset(text, 'a', LIMIT_SORT_KEY_BYTES);
    for (size_t extra = 0; extra < 2; extra++) {
        struct items_record r = {slice_make(text, LIMIT_SORT_KEY_BYTES - 3 + extra), 0};

        buf_reset(&out);
        assert_int_equal(items_keys_make(&k, &r, &out, NULL), extra == 0 ? OK : ERR_TOO_LARGE);
        assert_int_equal(out.len, extra == 0 ? LIMIT_SORT_KEY_BYTES : 0);
    }
    mem_free(text);
    buf_fini(&out);
    items_keys_fini(&k);
}

/* A member of a random object is what the plain walk over its text finds. */
static void test_items_key__finds_any_member(void **state)
{
    struct buf text = {0};
    struct buf value = {0};
    struct arena work = {0};
    uint64_t seed = 3;

    (void)state;
    for (int round = 0; round < 3000; round++) {
        size_t count = 1 + case_below(&seed, 5);
        size_t wanted = case_below(&seed, count);
        char names[5][8];
        struct slice name;
        struct slice found;
        size_t want_at = 0;

        buf_reset(&text);
        buf_put_u8(&text, '{');
        for (size_t i = 0; i < count; i++) {
            (void)snprintf(names[i], sizeof(names[i]), "k%zu", i);
            buf_put_str(&text, i == 0 ? "" : ",");
            case_space(&seed, &text);
            buf_printf(&text, "\"%s\"", names[i]);
            case_space(&seed, &text);
            buf_put_u8(&text, ':');
            case_space(&seed, &text);
            if (i == wanted) {
                want_at = text.len;
                buf_reset(&value);
                case_value(&seed, 0, &value);
                buf_put_slice(&text, buf_slice(&value));
            } else {
                case_value(&seed, 0, &text);
            }
            case_space(&seed, &text);
        }
        buf_put_u8(&text, '}');
        name = slice_str(names[wanted]);
        assert_int_equal(items_key_path(buf_slice(&text), &name, 1, &work, &found), KEY_FOUND);
        assert_ptr_equal(found.ptr, text.ptr + want_at);
        assert_int_equal(found.len, value.len);
        name = SLICE("none");
        assert_int_equal(items_key_path(buf_slice(&text), &name, 1, &work, &found), KEY_MISSING);
    }
    arena_fini(&work);
    buf_fini(&text);
    buf_fini(&value);
}

static void test_items_partition__keeps_order_and_balance(void **state)
{
    char bytes[1000][12];
    struct slice samples[1000];
    struct slice splitters[9];
    struct slice alike[] = {SLICE("a"), SLICE("a"), SLICE("a"), SLICE("b")};
    uint32_t sizes[10] = {0};
    uint32_t before = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(bytes[i], sizeof(bytes[i]), "%03d", i);
        samples[i] = slice_make(bytes[i], 3);
    }
    assert_int_equal(items_partition_splitters(samples, 1000, 10, splitters), 9);
    for (int i = 0; i < 1000; i++) {
        uint32_t p = items_partition_range(splitters, 9, samples[i]);

        assert_in_range(p, before, 9);
        before = p;
        sizes[p]++;
        assert_in_range(items_partition_hash(samples[i], 7), 0, 6);
    }
    for (int i = 0; i < 10; i++) {
        assert_int_equal(sizes[i], 100);
    }
    assert_int_equal(items_partition_splitters(alike, 4, 4, splitters), 1);
    assert_true(slice_eq_str(splitters[0], "b"));
    assert_int_equal(items_partition_splitters(alike, 0, 4, splitters), 0);
    assert_int_equal(items_partition_range(splitters, 0, SLICE("x")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_items_key__orders_numbers_by_value),
        cmocka_unit_test(test_items_key__orders_random_numbers_by_value),
        cmocka_unit_test(test_items_key__refuses_what_is_no_number),
        cmocka_unit_test(test_items_key__orders_json_records),
        cmocka_unit_test(test_items_key__orders_rows_and_lines),
        cmocka_unit_test(test_items_key__refuses_records_and_paths),
        cmocka_unit_test(test_items_key__bounds_the_number_of_parts),
        cmocka_unit_test(test_items_key__bounds_a_key),
        cmocka_unit_test(test_items_key__finds_any_member),
        cmocka_unit_test(test_items_partition__keeps_order_and_balance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
