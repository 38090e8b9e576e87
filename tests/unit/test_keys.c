/* SPDX-License-Identifier: Apache-2.0 */
/* Keys: parsed as made, sorted as meant, and the bounds of prefixes. And the small rows behind
 * them: what is written comes back, malformed bytes are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "coordinator/store/codec.h"
#include "coordinator/store/keys.h"
#include "coordinator/store/row_version.h"
#include "proto/base/limits.h"

static int key_compare(struct key a, struct key b)
{
    return slice_cmp(key_slice(&a), key_slice(&b));
}

static void key_bytes_are(struct key k, const char *bytes, size_t len)
{
    assert_int_equal(k.len, len);
    assert_memory_equal(k.bytes, bytes, len);
}

#define BYTES(s) s, sizeof(s) - 1

static void test_keys__bytes_on_disk(void **state)
{
    (void)state;
    key_bytes_are(key_meta("batch"), BYTES("batch"));
    key_bytes_are(key_machine(1, SLICE("m")), BYTES("\0\0\0\0\0\0\0\1nm"));
    key_bytes_are(key_machines(1), BYTES("\0\0\0\0\0\0\0\1n"));
    key_bytes_are(key_machine_counter(1), BYTES("\0\0\0\0\0\0\0\1c"));
    key_bytes_are(key_activity(1, SLICE("m")), BYTES("\0\0\0\0\0\0\0\1am"));
    key_bytes_are(key_activities(1), BYTES("\0\0\0\0\0\0\0\1a"));
    key_bytes_are(key_access(1, SLICE("AKIA")), BYTES("\0\0\0\0\0\0\0\1kAKIA"));
    key_bytes_are(key_accesses(1), BYTES("\0\0\0\0\0\0\0\1k"));
    key_bytes_are(key_function(1, SLICE("F")), BYTES("\0\0\0\0\0\0\0\1fF"));
    key_bytes_are(key_functions(1), BYTES("\0\0\0\0\0\0\0\1f"));
    key_bytes_are(key_cordon(1, SLICE("w")), BYTES("\0\0\0\0\0\0\0\1hw"));
    key_bytes_are(key_cordons(1), BYTES("\0\0\0\0\0\0\0\1h"));
    key_bytes_are(key_versions(1, 2), BYTES("\0\0\0\0\0\0\0\1v\0\0\0\0\0\0\0\2"));
    key_bytes_are(key_versions_all(1), BYTES("\0\0\0\0\0\0\0\1v"));
    key_bytes_are(key_tags(1, SLICE("mx")), BYTES("\0\0\0\0\0\0\0\1tmx"));
    key_bytes_are(key_tags_all(1), BYTES("\0\0\0\0\0\0\0\1t"));
    key_bytes_are(key_revision(1, 0x0203, 4), BYTES("\0\0\0\0\0\0\0\1r\0\0\0\0\0\0\2\3\0\0\0\4"));
    key_bytes_are(key_name(1, 2, SLICE("x")), BYTES("\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2x"));
    key_bytes_are(key_execution(1, 2, 3),
                  BYTES("\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3"));
    key_bytes_are(key_timer(1, 2, 3), BYTES("\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3"));
    key_bytes_are(key_index(1, EXECUTION_FAILED, 2, 3, 4),
                  BYTES("\0\0\0\0\0\0\0\1\2\0\0\0\0\0\0\0\2\xff\xff\xff\xff\xff\xff\xff\xfc"
                        "\xff\xff\xff\xff\xff\xff\xff\xfb"));
}

static void test_keys__bytes_of_jobs_on_disk(void **state)
{
    (void)state;
    key_bytes_are(key_job(1, SLICE("m")), BYTES("\0\0\0\0\0\0\0\1dm"));
    key_bytes_are(key_jobs(1), BYTES("\0\0\0\0\0\0\0\1d"));
    key_bytes_are(key_job_run(1, 2), BYTES("\0\0\0\0\0\0\0\1r\0\0\0\0\0\0\0\2"));
    key_bytes_are(key_job_runs(1), BYTES("\0\0\0\0\0\0\0\1r"));
    key_bytes_are(key_job_run_id(1, SLICE("id")), BYTES("\0\0\0\0\0\0\0\1nid"));
    key_bytes_are(key_job_line(1, SLICE("m"), 2),
                  BYTES("\0\0\0\0\0\0\0\1lm\0\xff\xff\xff\xff\xff\xff\xff\xfd"));
    key_bytes_are(key_job_lines(1, SLICE("m")), BYTES("\0\0\0\0\0\0\0\1lm\0"));
    key_bytes_are(key_job_open(1, 2), BYTES("\0\0\0\0\0\0\0\1o\0\0\0\0\0\0\0\2"));
    key_bytes_are(key_job_opens(1), BYTES("\0\0\0\0\0\0\0\1o"));
    key_bytes_are(key_job_sweep(1, SLICE("m")), BYTES("\0\0\0\0\0\0\0\1tm"));
    key_bytes_are(key_job_sweeps(1), BYTES("\0\0\0\0\0\0\0\1t"));
    key_bytes_are(key_job_run_last(1), BYTES("\0\0\0\0\0\0\0\1c"));
    key_bytes_are(key_job_sizes(1, 2, 3), BYTES("\0\0\0\0\0\0\0\1s\0\0\0\0\0\0\0\2\0\0\0\3"));
    key_bytes_are(key_job_sizes_all(1, 2), BYTES("\0\0\0\0\0\0\0\1s\0\0\0\0\0\0\0\2"));
    key_bytes_are(key_job_piece(1, 2, 5, 3), BYTES("\0\0\0\0\0\0\0\1p\0\0\0\0\0\0\0\2\5\0\0\0\3"));
    key_bytes_are(key_job_phase(1, 2, 5), BYTES("\0\0\0\0\0\0\0\1p\0\0\0\0\0\0\0\2\5"));
    key_bytes_are(key_job_pieces(1, 2), BYTES("\0\0\0\0\0\0\0\1p\0\0\0\0\0\0\0\2"));
}

static void test_keys__index_is_parsed_as_made(void **state)
{
    struct key k = key_index(123456789012, EXECUTION_PENDING_REDRIVE, 7, INT64_MAX, UINT64_MAX);
    uint64_t account = 0;
    enum execution_status status = EXECUTION_RUNNING;
    uint64_t machine = 0;
    int64_t start_ms = 0;
    uint64_t execution = 0;
    struct slice s = key_slice(&k);

    (void)state;
    assert_true(key_index_parse(s, &account, &status, &machine, &start_ms, &execution));
    assert_true(account == 123456789012 && machine == 7);
    assert_int_equal(status, EXECUTION_PENDING_REDRIVE);
    assert_true(start_ms == INT64_MAX && execution == UINT64_MAX);
    s.len--;
    assert_false(key_index_parse(s, &account, &status, &machine, &start_ms, &execution));
    s.len += 2;
    k.len++;
    assert_false(key_index_parse(s, &account, &status, &machine, &start_ms, &execution));
    s.len--;
    k.bytes[8] = EXECUTION_PENDING_REDRIVE + 1;
    assert_false(key_index_parse(s, &account, &status, &machine, &start_ms, &execution));
    k.bytes[8] = 0;
    k.bytes[17] = 0; /* a start time past the greatest */
    assert_false(key_index_parse(s, &account, &status, &machine, &start_ms, &execution));
}

static void test_keys__execution_is_parsed_as_made(void **state)
{
    struct key k = key_execution(1, UINT64_MAX, 3);
    struct slice s = key_slice(&k);
    uint64_t account = 0;
    uint64_t execution = 0;
    uint64_t sequence = 0;

    (void)state;
    assert_true(key_execution_parse(s, &account, &execution, &sequence));
    assert_true(account == 1 && execution == UINT64_MAX && sequence == 3);
    s.len--;
    assert_false(key_execution_parse(s, &account, &execution, &sequence));
    s.len += 2;
    assert_false(key_execution_parse(s, &account, &execution, &sequence));
}

static void test_keys__timer_is_parsed_as_made(void **state)
{
    struct key k = key_timer(1, INT64_MAX, 3);
    struct slice s = key_slice(&k);
    uint64_t account = 0;
    int64_t due_ms = 0;
    uint64_t execution = 0;

    (void)state;
    assert_true(key_timer_parse(s, &account, &due_ms, &execution));
    assert_true(account == 1 && due_ms == INT64_MAX && execution == 3);
    s.len--;
    assert_false(key_timer_parse(s, &account, &due_ms, &execution));
    s.len++;
    k.bytes[8] = (char)0x80;
    assert_false(key_timer_parse(s, &account, &due_ms, &execution));
}

static void test_keys__rows_sort_by_value(void **state)
{
    (void)state;
    assert_true(key_compare(key_execution(1, 2, 255), key_execution(1, 2, 256)) < 0);
    assert_true(key_compare(key_execution(1, 2, UINT64_MAX), key_execution(1, 3, 0)) < 0);
    assert_true(key_compare(key_timer(1, 255, 9), key_timer(1, 256, 1)) < 0);
    /* The newest first, and of the same moment the one started last. */
    assert_true(key_compare(key_index(1, EXECUTION_RUNNING, 1, 1001, 1),
                            key_index(1, EXECUTION_RUNNING, 1, 1000, 2)) < 0);
    assert_true(key_compare(key_index(1, EXECUTION_RUNNING, 1, 1000, 3),
                            key_index(1, EXECUTION_RUNNING, 1, 1000, 2)) < 0);
}

static bool key_is_within(struct key k, struct key prefix)
{
    struct key end = key_after(&prefix);

    return key_compare(k, prefix) >= 0 && key_compare(k, end) < 0;
}

static void test_keys__prefixes_hold_their_rows(void **state)
{
    struct key index = key_index(1, EXECUTION_FAILED, UINT64_MAX, 5, 6);

    (void)state;
    assert_true(key_is_within(index, key_index_status(1, EXECUTION_FAILED)));
    assert_false(key_is_within(index, key_index_status(1, EXECUTION_TIMED_OUT)));
    assert_true(key_is_within(index, key_index_machine(1, EXECUTION_FAILED, UINT64_MAX)));
    assert_false(key_is_within(index, key_index_machine(1, EXECUTION_FAILED, 1)));
    assert_true(key_is_within(key_execution(1, 2, UINT64_MAX), key_execution_prefix(1, 2)));
    assert_false(key_is_within(key_execution(1, 3, 0), key_execution_prefix(1, 2)));
    assert_true(key_is_within(key_machine(1, SLICE("\xff\xff")), key_machines(1)));
    assert_false(key_is_within(key_revision(1, 0, 0), key_machines(1)));
    assert_false(key_is_within(key_machine_counter(1), key_machines(1)));
    assert_true(key_is_within(key_activity(1, SLICE("")), key_activities(1)));
    assert_true(key_is_within(key_activity(1, SLICE("\xff\xff")), key_activities(1)));
    assert_false(key_is_within(key_activity(2, SLICE("a")), key_activities(1)));
    assert_false(key_is_within(key_machine(1, SLICE("a")), key_activities(1)));
    assert_false(key_is_within(key_machine_counter(1), key_activities(1)));
    assert_false(key_is_within(key_activity(1, SLICE("a")), key_machines(1)));
}

static void test_keys__after_a_prefix(void **state)
{
    struct key k = key_meta("a\xff\xff");

    (void)state;
    key_bytes_are(key_after(&k), "b", 1);
    k = key_meta("\xff\xff");
    assert_int_equal(key_after(&k).len, 0);
    k = key_meta("");
    assert_int_equal(key_after(&k).len, 0);
}

static void test_keys__the_longest_name_fits(void **state)
{
    char name[80 * 4];
    struct key k;

    (void)state;
    memset(name, 'x', sizeof(name));
    k = key_name(UINT64_MAX, UINT64_MAX, slice_make(name, sizeof(name)));
    assert_int_equal(k.len, 16 + sizeof(name));
    assert_true(k.len <= KEY_BYTES_MAX);
}

/* ---- Rows ---- */

/* Every beginning of a row, and a row with a byte more, is malformed; a later version refused. */
#define ROW_IS_STRICT(decode, row)                                                                 \
    do {                                                                                           \
        buf_put_u8(&b, 0);                                                                         \
        for (size_t len = 0; len <= b.len; len++) {                                                \
            enum err_code want = len == b.len - 1 ? OK : ERR_CORRUPT;                              \
                                                                                                   \
            assert_int_equal(decode(slice_make(b.ptr, len), &(row), &err), want);                  \
        }                                                                                          \
        b.ptr[0] = (char)0xff;                                                                     \
        assert_int_equal(decode(buf_slice(&b), &(row), &err), ERR_VERSION);                        \
        b.ptr[0] = 0;                                                                              \
        assert_int_equal(decode(buf_slice(&b), &(row), &err), ERR_CORRUPT);                        \
        buf_reset(&b);                                                                             \
    } while (0)

static void test_row_codec__machine_rows(void **state)
{
    struct machine_row in = {.machine = UINT64_MAX,
                             .revision = UINT32_MAX,
                             .express = true,
                             .created_ms = 1790000000000,
                             .updated_ms = INT64_MIN,
                             .name = SLICE("Orders"),
                             .role_arn = SLICE("arn:aws:iam::123456789012:role/r")};
    struct machine_row out;
    struct buf b = {0};
    struct err err;

    (void)state;
    machine_row_encode(&in, &b);
    assert_int_equal(machine_row_decode(buf_slice(&b), &out, &err), OK);
    assert_true(out.machine == in.machine && out.revision == in.revision);
    assert_true(out.express && !out.deleting);
    assert_true(out.created_ms == in.created_ms && out.updated_ms == in.updated_ms);
    assert_true(slice_eq(out.name, in.name) && slice_eq(out.role_arn, in.role_arn));
    assert_int_equal(out.logging.len, 0);
    ROW_IS_STRICT(machine_row_decode, out);
    in.express = false;
    in.deleting = true;
    machine_row_encode(&in, &b);
    assert_int_equal(machine_row_decode(buf_slice(&b), &out, &err), OK);
    assert_true(!out.express && out.deleting);
    b.ptr[1] = 4;
    assert_int_equal(machine_row_decode(buf_slice(&b), &out, &err), ERR_CORRUPT);
    buf_fini(&b);
}

/* A traced one says version 2, which programs from before refuse by its number. */
static void test_row_codec__traced_machine_rows(void **state)
{
    struct machine_row in = {.machine = 1, .revision = 2, .name = SLICE("Orders"), .traced = true};
    struct machine_row out;
    struct buf b = {0};
    struct err err;

    (void)state;
    machine_row_encode(&in, &b);
    assert_int_equal(b.ptr[0], 2);
    assert_int_equal(machine_row_decode(buf_slice(&b), &out, &err), OK);
    assert_true(out.traced && !out.express && !out.deleting && slice_eq(out.name, in.name));
    b.ptr[1] = 3; /* version 2, and not traced */
    assert_int_equal(machine_row_decode(buf_slice(&b), &out, &err), ERR_CORRUPT);
    b.ptr[1] = 15;
    assert_int_equal(machine_row_decode(buf_slice(&b), &out, &err), ERR_CORRUPT);
    b.ptr[1] = 7;
    assert_int_equal(machine_row_decode(buf_slice(&b), &out, &err), OK);
    ROW_IS_STRICT(machine_row_decode, out);
    buf_fini(&b);
}

static void test_row_codec__revision_rows(void **state)
{
    struct revision_row in = {1790000000000, SLICE("{\"StartAt\":\"A\"}"), SLICE("role")};
    struct revision_row out;
    struct buf b = {0};
    struct err err;

    (void)state;
    revision_row_encode(&in, &b);
    assert_int_equal(revision_row_decode(buf_slice(&b), &out, &err), OK);
    assert_true(out.created_ms == in.created_ms);
    assert_true(slice_eq(out.definition, in.definition) && slice_eq(out.role_arn, in.role_arn));
    ROW_IS_STRICT(revision_row_decode, out);
    buf_fini(&b);
}

static void test_row_codec__name_rows(void **state)
{
    struct name_row in = {UINT64_MAX, 1790000000000};
    struct name_row out;
    struct buf b = {0};
    struct err err;

    (void)state;
    name_row_encode(&in, &b);
    assert_int_equal(name_row_decode(buf_slice(&b), &out, &err), OK);
    assert_true(out.execution == in.execution && out.start_ms == in.start_ms);
    ROW_IS_STRICT(name_row_decode, out);
    buf_fini(&b);
}

static void test_row_codec__index_rows(void **state)
{
    struct index_row in = {
        SLICE("run-1"), 1790000000000, UINT32_MAX, 1790000000001, 1790000000002, 0, {NULL, 0}};
    struct index_row out;
    struct buf b = {0};
    struct err err;

    (void)state;
    index_row_encode(&in, &b);
    assert_int_equal(index_row_decode(buf_slice(&b), &out, &err), OK);
    assert_true(slice_eq(out.name, in.name) && out.stop_ms == in.stop_ms);
    assert_true(out.redrive_count == in.redrive_count && out.redrive_ms == in.redrive_ms);
    assert_true(out.parked_ms == in.parked_ms);
    assert_int_equal(b.ptr[0], 1); /* nothing in it that older programs do not know */
    in.version = UINT32_MAX;
    in.alias = SLICE("live");
    buf_reset(&b);
    index_row_encode(&in, &b);
    assert_int_equal(b.ptr[0], 2);
    assert_int_equal(index_row_decode(buf_slice(&b), &out, &err), OK);
    assert_true(out.version == in.version && slice_eq(out.alias, in.alias));
    ROW_IS_STRICT(index_row_decode, out);
    buf_fini(&b);
}

static void test_row_codec__activity_rows(void **state)
{
    static const int64_t times[] = {0, 1790000000000, INT64_MIN, INT64_MAX};
    struct activity_row out;
    struct buf b = {0};
    struct err err;

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct activity_row in = {.created_ms = times[i]};

        activity_row_encode(&in, &b);
        assert_int_equal(activity_row_decode(buf_slice(&b), &out, &err), OK);
        assert_true(out.created_ms == in.created_ms);
        ROW_IS_STRICT(activity_row_decode, out);
    }
    buf_fini(&b);
}

static void test_row_codec__access_rows(void **state)
{
    static const enum access_role roles[] = {ROLE_READ, ROLE_RUN, ROLE_ADMIN};
    struct access_row out;
    struct buf b = {0};
    struct err err;

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct access_row in = {1790000000000, roles[i], SLICE("secret/+"), SLICE("Ann's")};

        buf_reset(&b);
        access_row_encode(&in, &b);
        assert_int_equal(access_row_decode(buf_slice(&b), &out, &err), OK);
        assert_true(out.created_ms == in.created_ms && out.role == in.role);
        assert_true(slice_eq(out.secret, in.secret) && slice_eq(out.note, in.note));
        ROW_IS_STRICT(access_row_decode, out);
    }
    buf_fini(&b);
}

static const struct version versions[] = {
    {1, 7, 1790000000000, SLICE_INIT("first")},
    {UINT32_MAX, UINT32_MAX, INT64_MIN, SLICE_INIT("")},
};
static const struct alias aliases[] = {
    {SLICE_INIT("live"), SLICE_INIT("d"), 1, 2, {{1, 70}, {UINT32_MAX, 30}}, 2},
    {SLICE_INIT("other"), SLICE_INIT(""), -1, -2, {{1, 100}, {0, 0}}, 1},
};

static void test_row_codec__versions_rows(void **state)
{
    const struct versions_row in = {UINT32_MAX, versions, 2, aliases, 2};
    struct versions_row out = {0};
    struct arena a = {0};
    struct buf b = {0};
    struct err err;

    (void)state;
    versions_row_encode(&in, &b);
    assert_int_equal(versions_row_decode(buf_slice(&b), &a, &out, &err), OK);
    assert_true(out.last == in.last && out.count == 2 && out.alias_count == 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(out.items[i].number == versions[i].number);
        assert_true(out.items[i].revision == versions[i].revision);
        assert_true(out.items[i].created_ms == versions[i].created_ms);
        assert_true(slice_eq(out.items[i].description, versions[i].description));
        assert_true(slice_eq(out.aliases[i].name, aliases[i].name));
        assert_true(slice_eq(out.aliases[i].description, aliases[i].description));
        assert_true(out.aliases[i].created_ms == aliases[i].created_ms);
        assert_true(out.aliases[i].updated_ms == aliases[i].updated_ms);
        assert_int_equal(out.aliases[i].route_count, aliases[i].route_count);
        assert_memory_equal(out.aliases[i].routes, aliases[i].routes,
                            sizeof(struct route) * aliases[i].route_count);
    }
    for (size_t len = 0; len < b.len; len++) {
        assert_int_equal(versions_row_decode(slice_make(b.ptr, len), &a, &out, &err), ERR_CORRUPT);
    }
    b.ptr[0] = 2;
    assert_int_equal(versions_row_decode(buf_slice(&b), &a, &out, &err), ERR_VERSION);
    b.ptr[0] = 1;
    buf_put_u8(&b, 0);
    assert_int_equal(versions_row_decode(buf_slice(&b), &a, &out, &err), ERR_CORRUPT);
    buf_fini(&b);
    arena_fini(&a);
}

static void test_row_codec__tags_rows(void **state)
{
    const struct tag tags[] = {{SLICE("k"), SLICE("v")}, {SLICE("empty"), SLICE("")}};
    const struct tags_row in = {tags, 2};
    struct tags_row out = {0};
    struct arena a = {0};
    struct buf b = {0};
    struct err err;

    (void)state;
    tags_row_encode(&in, &b);
    assert_int_equal(tags_row_decode(buf_slice(&b), &a, &out, &err), OK);
    assert_int_equal(out.count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(slice_eq(out.items[i].key, tags[i].key));
        assert_true(slice_eq(out.items[i].value, tags[i].value));
    }
    for (size_t len = 0; len < b.len; len++) {
        assert_int_equal(tags_row_decode(slice_make(b.ptr, len), &a, &out, &err), ERR_CORRUPT);
    }
    b.ptr[1] = LIMIT_TAGS + 1;
    assert_int_equal(tags_row_decode(buf_slice(&b), &a, &out, &err), ERR_CORRUPT);
    buf_fini(&b);
    arena_fini(&a);
}

static void test_row_codec__no_such_role(void **state)
{
    static const uint8_t roles[] = {0, ROLE_ADMIN + 1, 255};
    struct access_row out;
    struct buf b = {0};
    struct err err;

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct access_row in = {1, (enum access_role)roles[i], SLICE("s"), SLICE("")};

        buf_reset(&b);
        access_row_encode(&in, &b);
        assert_int_equal(access_row_decode(buf_slice(&b), &out, &err), ERR_CORRUPT);
    }
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys__bytes_on_disk),
        cmocka_unit_test(test_keys__bytes_of_jobs_on_disk),
        cmocka_unit_test(test_keys__index_is_parsed_as_made),
        cmocka_unit_test(test_keys__execution_is_parsed_as_made),
        cmocka_unit_test(test_keys__timer_is_parsed_as_made),
        cmocka_unit_test(test_keys__rows_sort_by_value),
        cmocka_unit_test(test_keys__prefixes_hold_their_rows),
        cmocka_unit_test(test_keys__after_a_prefix),
        cmocka_unit_test(test_keys__the_longest_name_fits),
        cmocka_unit_test(test_row_codec__machine_rows),
        cmocka_unit_test(test_row_codec__traced_machine_rows),
        cmocka_unit_test(test_row_codec__revision_rows),
        cmocka_unit_test(test_row_codec__name_rows),
        cmocka_unit_test(test_row_codec__index_rows),
        cmocka_unit_test(test_row_codec__activity_rows),
        cmocka_unit_test(test_row_codec__access_rows),
        cmocka_unit_test(test_row_codec__versions_rows),
        cmocka_unit_test(test_row_codec__tags_rows),
        cmocka_unit_test(test_row_codec__no_such_role),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
