/* SPDX-License-Identifier: Apache-2.0 */
/* The check finds what was damaged by hand, each class of fault once, and nothing in a database
 * that a ledger wrote. That no ledger writes anything else, all tests of ledgers show: see
 * world_close(). */
#include "coordinator/check/check.h"

#include "coordinator/store/backend.h"
#include "coordinator/store/row_queue.h"
#include "coordinator/store/row_version.h"
#include "tests/lib/filled_world.h"

static int setup(void **state)
{
    struct ledger_world *w;

    if (world_setup(state) != 0) {
        return -1;
    }
    w = *state;
    filled_world(w);
    return 0;
}

/* ---- damage ---- */

static void put(struct ledger_world *w, enum store_cf cf, struct slice key, struct slice value)
{
    struct store_batch *b = store_batch_new(w->store);
    struct err err;

    w->damaged = true;
    if (value.ptr != NULL) {
        store_put(b, cf, key, value);
    } else {
        store_delete(b, cf, key);
    }
    assert_int_equal(store_write(w->store, b, &err), OK);
    store_batch_free(b);
}

/* The first row of a kind. */
static void first(struct ledger_world *w, enum row_kind kind, struct key *key, struct buf *value)
{
    struct store_iterator *i =
        store_iterate(w->store, row_kind_cf(kind), SLICE(""), SLICE(""), false);
    struct row_key parsed;
    bool found = false;
    struct slice k;
    struct slice v;

    while (!found && store_next(i, &k, &v)) {
        found = row_key_parse(row_kind_cf(kind), k, &parsed) && parsed.kind == kind;
        if (found) {
            key->len = k.len;
            memcpy(key->bytes, k.ptr, k.len);
            buf_reset(value);
            buf_put_slice(value, v);
        }
    }
    (void)store_iterator_end(i, NULL);
    if (!found) {
        fail_msg("there is no row of the kind \"%s\"", row_kind_word(kind));
    }
}

struct seen {
    const char *words;
    unsigned times; /* they were in what a fault says */
};

static void see(void *arg, const struct check_fault *f)
{
    struct seen *s = arg;
    struct buf key = {0};

    row_key_print(f->cf, f->key, &key);
    s->times += strstr(f->what, s->words) != NULL;
    assert_true(key.len > 0 && f->follows[0] != '\0');
    if (strstr(f->what, s->words) == NULL) {
        print_message("%.*s: %s\n", SLICE_FMT(buf_slice(&key)), f->what);
    }
    buf_fini(&key);
}

static void finds(struct ledger_world *w, const char *words)
{
    struct seen seen = {.words = words};
    const struct check_hooks hooks = {.fault = see, .arg = &seen};
    struct check_report report;
    struct err err;

    assert_int_equal(check_store(w->store, &hooks, &report, &err), OK);
    if (seen.times == 0) {
        fail_msg("not found: %s", words);
    }
    assert_true(report.faults >= seen.times);
}

static void finds_nothing(struct ledger_world *w)
{
    struct check_report report;
    struct err err;

    assert_int_equal(check_store(w->store, NULL, &report, &err), OK);
    assert_int_equal(report.faults, 0);
}

/* Found while the row is gone; then it is put back. */
static void finds_without(struct ledger_world *w, enum row_kind kind, const char *words)
{
    struct buf value = {0};
    struct key key;

    first(w, kind, &key, &value);
    put(w, row_kind_cf(kind), key_slice(&key), (struct slice){NULL, 0});
    finds(w, words);
    put(w, row_kind_cf(kind), key_slice(&key), value.len != 0 ? buf_slice(&value) : SLICE(""));
    finds_nothing(w);
    buf_fini(&value);
}

static void finds_extra(struct ledger_world *w,
                        enum store_cf cf,
                        struct key key,
                        struct slice value,
                        const char *words)
{
    put(w, cf, key_slice(&key), value);
    finds(w, words);
    put(w, cf, key_slice(&key), (struct slice){NULL, 0});
    finds_nothing(w);
}

/* ---- tests ---- */

static void test_check__every_kind_has_a_line(void **state)
{
    (void)state;
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        if (check_rule((enum row_kind)kind) == NULL) {
            fail_msg("check.c has no line for \"%s\"", row_kind_word((enum row_kind)kind));
        }
    }
}

static void test_check__every_row_is_of_a_kind(void **state)
{
    struct ledger_world *w = *state;
    struct check_report report;
    struct err err;
    uint64_t rows = 0;

    assert_int_equal(check_store(w->store, NULL, &report, &err), OK);
    assert_int_equal(report.faults, 0);
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        rows += report.kinds[kind].rows;
    }
    for (int cf = 0; cf < CF_COUNT; cf++) {
        rows -= world_rows(w, (enum store_cf)cf);
    }
    assert_int_equal(rows, 0);
    assert_int_equal(report.kinds[ROW_MACHINE].rows, 3);
    assert_int_equal(report.kinds[ROW_QUEUE].rows, 2);
}

static void test_check__a_row_is_gone(void **state)
{
    struct ledger_world *w = *state;

    finds_without(w, ROW_MACHINE, "its machine 1 is gone");
    finds_without(w, ROW_REVISION, "has no definition of revision 1");
    finds_without(w, ROW_MACHINE_LAST, "no last machine number");
    finds_without(w, ROW_NAME, "no row of its name");
    finds_without(w, ROW_INDEX, "has no line in the list");
    finds_without(w, ROW_EXECUTION, "there is no execution 1");
    finds_without(w, ROW_TIMER, "has no timer");
    finds_without(w, ROW_JOB_RUN, "there is no job run");
    finds_without(w, ROW_JOB_RUN_ID, "does not lead to it");
    finds_without(w, ROW_JOB_LINE, "has no line in the list of job j");
    finds_without(w, ROW_JOB_OPEN, "not among the open ones");
    finds_without(w, ROW_QUEUE, "no queue has");
    finds_without(w, ROW_QUEUE_LAST, "no last queue number");
    finds_without(w, ROW_QUEUE_COUNTER, "counters are not there");
    finds_without(w, ROW_MESSAGE, "no message of that place");
    finds_without(w, ROW_TOPIC, "there is no topic t");
}

/* While the run is open that is in order: a sweep comes when it is over. */
static void test_check__a_job_is_gone(void **state)
{
    struct ledger_world *w = *state;
    struct key key = key_job(WORLD_ACCOUNT, SLICE("j"));

    put(w, CF_JOB, key_slice(&key), (struct slice){NULL, 0});
    finds_nothing(w);
    finds_without(w, ROW_JOB_OPEN, "its job is gone");
}

/* Rows of every kind that has a decoder: a version nobody wrote is refused by each. */
static void test_check__bytes_are_flipped(void **state)
{
    static const enum row_kind kinds[] = {
        ROW_MACHINE,   ROW_REVISION,     ROW_TAGS,          ROW_NAME,          ROW_INDEX,
        ROW_EXECUTION, ROW_JOB,          ROW_JOB_RUN,       ROW_QUEUE,         ROW_MESSAGE,
        ROW_TOPIC,     ROW_SUBSCRIPTION, ROW_QUEUE_COUNTER, ROW_MESSAGE_STATE,
    };
    struct ledger_world *w = *state;
    struct buf value = {0};
    struct key key;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        first(w, kinds[i], &key, &value);
        value.ptr[0] ^= 0x40;
        put(w, row_kind_cf(kinds[i]), key_slice(&key), buf_slice(&value));
        finds(w, "format version");
        value.ptr[0] ^= 0x40;
        put(w, row_kind_cf(kinds[i]), key_slice(&key), buf_slice(&value));
    }
    finds_nothing(w);
    buf_fini(&value);
}

static void test_check__a_row_leads_nowhere(void **state)
{
    struct ledger_world *w = *state;
    const uint64_t a = WORLD_ACCOUNT;
    struct buf row = {0};

    name_row_encode(&(struct name_row){.execution = 999}, &row);
    finds_extra(w, CF_NAME, key_name(a, 1, SLICE("x")), buf_slice(&row), "no execution 999");
    buf_reset(&row);
    index_row_encode(&(struct index_row){.name = SLICE("x")}, &row);
    finds_extra(w, CF_INDEX, key_index(a, EXECUTION_FAILED, 1, 5, 999), buf_slice(&row),
                "no execution 999");
    finds_extra(w, CF_TIMER, key_timer(a, 5, 999), SLICE(""), "no execution 999");
    finds_extra(w, CF_TIMER, key_timer(a, 5, 1), SLICE(""), "not parked until then");
    buf_reset(&row);
    queue_counter_encode(&(struct queue_counter_row){.time_ms = 1}, &row);
    finds_extra(w, CF_QUEUE, key_queue_counter(a, 999), buf_slice(&row), "no queue has these");
    buf_reset(&row);
    message_row_encode(&(struct message_row){.body_md5 = SLICE("0123456789abcdef")}, &row);
    finds_extra(w, CF_QUEUE, key_message(a, 999, (struct queue_place){5, 1}), buf_slice(&row),
                "no queue has the 1 messages");
    buf_reset(&row);
    move_row_encode(&(struct move_row){NULL, 0}, &row);
    finds_extra(w, CF_QUEUE, key_moves(a, 999), buf_slice(&row), "no queue 999");
    finds_extra(w, CF_JOB, key_job_open(a, 999), SLICE(""), "no job run 999");
    finds_extra(w, CF_JOB, key_job_sizes(a, 999, 0), SLICE(""), "not among the open ones");
    buf_reset(&row);
    versions_row_encode(&(struct versions_row){.last = 1}, &row);
    finds_extra(w, CF_MACHINE, key_versions(a, 999), buf_slice(&row), "no machine 999");
    buf_fini(&row);
}

static void test_check__a_row_of_no_kind(void **state)
{
    struct ledger_world *w = *state;

    finds_extra(w, CF_META, key_meta("strange"), SLICE("x"), "no such row");
    put(w, CF_QUEUE, SLICE("\0\0\0\0\0\0\0*?"), SLICE("x"));
    finds(w, "no kind of row");
}

static void test_check__counters_are_wrong(void **state)
{
    struct ledger_world *w = *state;
    struct queue_counter_row row;
    struct buf value = {0};
    struct buf wrong = {0};
    struct key key;
    struct err err;

    first(w, ROW_QUEUE_COUNTER, &key, &value);
    assert_int_equal(queue_counter_decode(buf_slice(&value), &row, &err), OK);
    row.total--;
    queue_counter_encode(&row, &wrong);
    put(w, CF_QUEUE, key_slice(&key), buf_slice(&wrong));
    finds(w, "they count 19 messages, and there are 20");
    row.total = 1;
    row.last_number = 1;
    buf_reset(&wrong);
    queue_counter_encode(&row, &wrong);
    put(w, CF_QUEUE, key_slice(&key), buf_slice(&wrong));
    finds(w, "the last number is 1");
    assert_int_equal(queue_counter_decode(buf_slice(&value), &row, &err), OK);
    row.head = (struct queue_place){w->now.wall_ms + 1, 1};
    buf_reset(&wrong);
    queue_counter_encode(&row, &wrong);
    put(w, CF_QUEUE, key_slice(&key), buf_slice(&wrong));
    finds(w, "before the head");
    buf_fini(&value);
    buf_fini(&wrong);
}

static void test_check__the_format_is_another(void **state)
{
    struct ledger_world *w = *state;
    char newer[STORE_META_BYTES];

    put(w, CF_META, SLICE(STORE_META_FORMAT), (struct slice){NULL, 0});
    finds(w, "does not say which format");
    store_meta_value(STORE_FORMAT + 1, newer);
    put(w, CF_META, SLICE(STORE_META_FORMAT), slice_make(newer, sizeof(newer)));
    finds(w, "not the format");
}

/* The record of an execution in the place of another's. */
static void test_check__a_history_has_a_hole(void **state)
{
    struct ledger_world *w = *state;
    struct buf value = {0};
    struct key first_key;
    struct key key;

    first(w, ROW_EXECUTION, &first_key, &value);
    key = key_execution(WORLD_ACCOUNT, 1, 1);
    finds_extra(w, CF_EXECUTION, key_execution(WORLD_ACCOUNT, 1, 7), buf_slice(&value),
                "record 7 comes where record");
    put(w, CF_EXECUTION, key_slice(&key), buf_slice(&value));
    finds(w, "that of another place");
    buf_fini(&value);
}

static void test_check__keys_are_told_for_people(void **state)
{
    struct key key = key_job_line(42, SLICE("nightly"), 7);
    struct buf text = {0};

    (void)state;
    row_key_print(CF_JOB, key_slice(&key), &text);
    assert_true(
        slice_eq_str(buf_slice(&text), "account 42, line in the list of a job's runs nightly 7"));
    buf_reset(&text);
    row_key_print(CF_JOB, SLICE("a\1"), &text);
    assert_true(slice_eq_str(buf_slice(&text), "family job key a\\x01"));
    buf_fini(&text);
}

#define T(name) cmocka_unit_test_setup_teardown(test_check__##name, setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check__every_kind_has_a_line),
        cmocka_unit_test(test_check__keys_are_told_for_people),
        T(every_row_is_of_a_kind),
        T(a_row_is_gone),
        T(a_job_is_gone),
        T(bytes_are_flipped),
        T(a_row_leads_nowhere),
        T(a_row_of_no_kind),
        T(counters_are_wrong),
        T(the_format_is_another),
        T(a_history_has_a_hole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
