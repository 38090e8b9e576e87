/* SPDX-License-Identifier: Apache-2.0 */
/* The store's promises, held by both backends: the same tests run over memory and over RocksDB in a
 * directory of their own. What only a disk can do wrong is in test_store_damage.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "coordinator/store/memory.h"
#include "coordinator/store/store.h"

/* ---- A store of either kind ---- */

struct fixture {
    bool rocks;
    char dir[64];
    struct store *store;
};

static void fixture_open(struct fixture *f)
{
    struct store_config c = {.dir = f->dir, .verify = true};
    struct err err = {OK, ""};

    if (!f->rocks) {
        f->store = store_open_memory();
    } else if (store_open_rocks(&c, &f->store, &err) != OK) {
        fail_msg("%s", err.msg);
    }
}

/* Where a sync costs nothing, if there is such a place: the tests need files, not a disk. */
static bool make_dir(char dir[64])
{
    strcpy(dir, "/dev/shm/test_store.XXXXXX");
    if (mkdtemp(dir) != NULL) {
        return true;
    }
    strcpy(dir, "/tmp/test_store.XXXXXX");
    return mkdtemp(dir) != NULL;
}

static int setup(void **state, bool rocks)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->rocks = rocks;
    if (rocks && !make_dir(f->dir)) {
        return -1;
    }
    fixture_open(f);
    *state = f;
    return 0;
}

static int setup_memory(void **state)
{
    return setup(state, false);
}

static int setup_rocks(void **state)
{
    return setup(state, true);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    store_close(f->store);
    if (f->rocks) {
        (void)nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
    free(f);
    return 0;
}

/* ---- Shorter ---- */

static struct slice text(const char *s)
{
    return slice_str(s);
}

static void write_ok(struct store *s, struct store_batch *b)
{
    struct err err = {OK, ""};

    if (store_write(s, b, &err) != OK) {
        fail_msg("%s", err.msg);
    }
}

static void put_one(struct store *s, enum store_cf cf, const char *key, const char *value)
{
    struct store_batch *b = store_batch_new(s);

    store_put(b, cf, text(key), text(value));
    write_ok(s, b);
    store_batch_free(b);
}

static void holds(struct store *s, enum store_cf cf, const char *key, const char *value)
{
    struct buf out = {0};
    struct err err = {OK, "untouched"};

    if (value == NULL) {
        assert_int_equal(store_get(s, cf, text(key), &out, &err), ERR_NOT_FOUND);
        assert_string_equal(err.msg, "untouched");
        assert_true(store_is_readable(s));
    } else {
        buf_put_str(&out, "before:");
        assert_int_equal(store_get(s, cf, text(key), &out, &err), OK);
        assert_true(slice_starts_with(buf_slice(&out), SLICE("before:")));
        assert_true(slice_eq_str(slice_from(buf_slice(&out), 7), value));
    }
    buf_fini(&out);
}

/* All keys of a range, with a space behind each. */
static void range_is(struct store *s,
                     enum store_cf cf,
                     const char *from,
                     const char *to,
                     bool backwards,
                     const char *want)
{
    struct store_iterator *i = store_iterate(s, cf, text(from), text(to), backwards);
    struct slice key;
    struct slice value;
    struct buf got = {0};
    struct err err;

    while (store_next(i, &key, &value)) {
        buf_put_slice(&got, key);
        buf_put_str(&got, " ");
    }
    assert_false(store_next(i, &key, &value));
    assert_int_equal(store_iterator_end(i, &err), OK);
    buf_put_u8(&got, 0);
    assert_string_equal(got.ptr, want);
    buf_fini(&got);
}

/* ---- Tests of both ---- */

static void test_store__puts_and_gets(void **state)
{
    struct store *s = ((struct fixture *)*state)->store;

    put_one(s, CF_NAME, "k", "one");
    holds(s, CF_NAME, "k", "one");
    holds(s, CF_NAME, "kk", NULL);
    holds(s, CF_NAME, "j", NULL);
    holds(s, CF_INDEX, "k", NULL);
    put_one(s, CF_NAME, "k", "two");
    holds(s, CF_NAME, "k", "two");
    put_one(s, CF_TIMER, "empty", "");
    holds(s, CF_TIMER, "empty", "");
}

static void test_store__bytes_of_any_kind(void **state)
{
    struct store *s = ((struct fixture *)*state)->store;
    struct store_batch *b = store_batch_new(s);
    char key[] = "a\0b";
    char value[] = "\0\xff\0";
    struct buf out = {0};
    struct err err;

    store_put(b, CF_NAME, slice_make(key, 3), slice_make(value, 3));
    memset(key, 'x', 3); /* they were copied */
    memset(value, 'x', 3);
    write_ok(s, b);
    assert_int_equal(store_get(s, CF_NAME, slice_make("a\0b", 3), &out, &err), OK);
    assert_true(slice_eq(buf_slice(&out), slice_make("\0\xff\0", 3)));
    holds(s, CF_NAME, "a", NULL);
    buf_fini(&out);
    store_batch_free(b);
}

static void test_store__a_batch_is_one_moment(void **state)
{
    struct store *s = ((struct fixture *)*state)->store;
    struct store_batch *b = store_batch_new(s);

    put_one(s, CF_INDEX, "old", "1");
    assert_int_equal(store_batch_count(b), 0);
    assert_int_equal(store_batch_bytes(b), 0);
    store_put(b, CF_NAME, text("k"), text("1"));
    store_delete(b, CF_NAME, text("k"));
    store_put(b, CF_EXECUTION, text("k"), text("2"));
    store_put(b, CF_EXECUTION, text("k"), text("3"));
    store_delete(b, CF_INDEX, text("old"));
    store_delete(b, CF_INDEX, text("never there"));
    assert_int_equal(store_batch_count(b), 6);
    assert_true(store_batch_bytes(b) >= 21);
    holds(s, CF_EXECUTION, "k", NULL);
    write_ok(s, b);
    holds(s, CF_NAME, "k", NULL);
    holds(s, CF_EXECUTION, "k", "3");
    holds(s, CF_INDEX, "old", NULL);
    assert_int_equal(store_batch_count(b), 6);
    store_batch_clear(b);
    assert_int_equal(store_batch_count(b), 0);
    assert_int_equal(store_batch_bytes(b), 0);
    store_put(b, CF_NAME, text("k"), text("4"));
    write_ok(s, b);
    holds(s, CF_NAME, "k", "4");
    store_batch_free(b);
}

static void test_store__batches_are_numbered(void **state)
{
    struct store *s = ((struct fixture *)*state)->store;
    struct store_batch *b = store_batch_new(s);
    struct buf out = {0};
    struct err err;

    assert_int_equal(store_batch_number(s), 0);
    put_one(s, CF_NAME, "k", "1");
    assert_int_equal(store_batch_number(s), 1);
    write_ok(s, b); /* an empty one counts */
    write_ok(s, b);
    assert_int_equal(store_batch_number(s), 3);
    assert_int_equal(store_get(s, CF_META, text("batch"), &out, &err), OK);
    assert_true(slice_eq(buf_slice(&out), slice_make("\0\0\0\0\0\0\0\3", 8)));
    buf_reset(&out);
    assert_int_equal(store_get(s, CF_META, text("format"), &out, &err), OK);
    assert_true(slice_eq(buf_slice(&out), slice_make("\0\0\0\0\0\0\0\1", 8)));
    buf_fini(&out);
    store_batch_free(b);
}

static void test_store__ranges(void **state)
{
    struct store *s = ((struct fixture *)*state)->store;

    range_is(s, CF_TIMER, "", "", false, "");
    range_is(s, CF_TIMER, "", "", true, "");
    put_one(s, CF_TIMER, "b", "");
    put_one(s, CF_TIMER, "a", "");
    put_one(s, CF_TIMER, "bb", "");
    put_one(s, CF_TIMER, "c", "");
    put_one(s, CF_NAME, "other family", "");
    range_is(s, CF_TIMER, "", "", false, "a b bb c ");
    range_is(s, CF_TIMER, "", "", true, "c bb b a ");
    range_is(s, CF_TIMER, "b", "c", false, "b bb ");
    range_is(s, CF_TIMER, "b", "c", true, "bb b ");
    range_is(s, CF_TIMER, "b", "", false, "b bb c ");
    range_is(s, CF_TIMER, "b", "", true, "c bb b ");
    range_is(s, CF_TIMER, "", "b", false, "a ");
    range_is(s, CF_TIMER, "", "b", true, "a ");
    range_is(s, CF_TIMER, "ba", "bb", false, "");
    range_is(s, CF_TIMER, "ba", "bb", true, "");
    range_is(s, CF_TIMER, "d", "", false, "");
    range_is(s, CF_TIMER, "d", "", true, "");
    range_is(s, CF_TIMER, "b", "b", false, "");
    range_is(s, CF_TIMER, "b", "b", true, "");
}

static void test_store__a_range_goes(void **state)
{
    struct store *s = ((struct fixture *)*state)->store;
    struct store_batch *b = store_batch_new(s);

    put_one(s, CF_NAME, "a", "");
    put_one(s, CF_NAME, "b", "");
    put_one(s, CF_NAME, "bb", "");
    put_one(s, CF_NAME, "c", "");
    put_one(s, CF_INDEX, "b", "");
    store_put(b, CF_NAME, text("ba"), text("before it, in the batch"));
    store_delete_range(b, CF_NAME, text("b"), text("c"));
    store_put(b, CF_NAME, text("bc"), text("behind it"));
    assert_int_equal(store_batch_count(b), 3);
    assert_true(store_batch_bytes(b) > 0);
    range_is(s, CF_NAME, "", "", false, "a b bb c ");
    write_ok(s, b);
    range_is(s, CF_NAME, "", "", false, "a bc c ");
    range_is(s, CF_NAME, "", "", true, "c bc a ");
    range_is(s, CF_INDEX, "", "", false, "b ");
    store_batch_clear(b);
    store_delete_range(b, CF_NAME, text("d"), text("e")); /* of nothing */
    write_ok(s, b);
    range_is(s, CF_NAME, "", "", false, "a bc c ");
    store_batch_free(b);
}

static void test_store__an_iterator_sees_one_moment(void **state)
{
    struct store *s = ((struct fixture *)*state)->store;
    struct store_iterator *i;
    struct store_batch *b = store_batch_new(s);
    struct slice key;
    struct slice value;
    struct err err;

    put_one(s, CF_NAME, "a", "1");
    put_one(s, CF_NAME, "c", "1");
    i = store_iterate(s, CF_NAME, text(""), text(""), false);
    put_one(s, CF_NAME, "b", "2");
    put_one(s, CF_NAME, "c", "2");
    assert_true(store_next(i, &key, &value));
    assert_true(slice_eq_str(key, "a"));
    store_delete(b, CF_NAME, text("c"));
    write_ok(s, b);
    assert_true(store_next(i, &key, &value));
    assert_true(slice_eq_str(key, "c") && slice_eq_str(value, "1"));
    assert_false(store_next(i, &key, &value));
    assert_int_equal(store_iterator_end(i, &err), OK);
    range_is(s, CF_NAME, "", "", false, "a b ");
    store_batch_free(b);
}

/* Against a plain table: random puts and deletes, then the whole order both ways. */
static void test_store__many_rows_stay_in_order(void **state)
{
    enum { ROWS = 500, BATCHES = 60 };
    struct store *s = ((struct fixture *)*state)->store;
    struct store_batch *b = store_batch_new(s);
    bool there[ROWS] = {false};
    struct buf up = {0};
    struct buf down = {0};
    char key[16];
    uint32_t chance = 12345;

    for (int round = 0; round < BATCHES; round++) {
        store_batch_clear(b);
        for (int n = 0; n < 40; n++) {
            chance = chance * 1664525u + 1013904223u;
            (void)snprintf(key, sizeof(key), "%04u", (chance >> 8) % ROWS);
            there[(chance >> 8) % ROWS] = (chance >> 28) % 3 != 0;
            if ((chance >> 28) % 3 != 0) {
                store_put(b, CF_EXECUTION, text(key), text(key));
            } else {
                store_delete(b, CF_EXECUTION, text(key));
            }
        }
        write_ok(s, b);
    }
    for (unsigned i = 0; i < ROWS; i++) {
        if (there[i]) {
            buf_printf(&up, "%04u ", i);
        }
        if (there[ROWS - 1 - i]) {
            buf_printf(&down, "%04u ", ROWS - 1 - i);
        }
    }
    buf_put_u8(&up, 0);
    buf_put_u8(&down, 0);
    range_is(s, CF_EXECUTION, "", "", false, up.ptr);
    range_is(s, CF_EXECUTION, "", "", true, down.ptr);
    buf_fini(&up);
    buf_fini(&down);
    store_batch_free(b);
}

/* A reader runs beside the writer: every batch puts the same value in two families, and a reader
 * that looks at the second first never finds the first one older. */
struct race {
    struct store *store;
    atomic_bool stop;
    unsigned reads;
};

static int race_value(struct store *s, enum store_cf cf)
{
    struct buf out = {0};
    struct err err;
    int v = 0;

    if (store_get(s, cf, text("k"), &out, &err) == OK) {
        buf_put_u8(&out, 0);
        v = atoi(out.ptr);
    }
    buf_fini(&out);
    return v;
}

static void *race_reader(void *arg)
{
    struct race *r = arg;

    while (!atomic_load(&r->stop) || r->reads == 0) {
        struct store_iterator *i = store_iterate(r->store, CF_NAME, text(""), text(""), false);
        int later = race_value(r->store, CF_INDEX);
        struct slice key;
        struct slice value;

        while (store_next(i, &key, &value)) {
        }
        (void)store_iterator_end(i, NULL);
        if (race_value(r->store, CF_NAME) < later) {
            return (void *)"a reader saw half a batch";
        }
        r->reads++;
    }
    return NULL;
}

static void test_store__readers_beside_the_writer(void **state)
{
    struct race r = {.store = ((struct fixture *)*state)->store};
    struct store_batch *b = store_batch_new(r.store);
    pthread_t thread;
    void *wrong;

    assert_int_equal(pthread_create(&thread, NULL, race_reader, &r), 0);
    for (int i = 1; i <= 200; i++) {
        char value[16];

        (void)snprintf(value, sizeof(value), "%d", i);
        store_batch_clear(b);
        store_put(b, CF_NAME, text("k"), text(value));
        store_put(b, CF_INDEX, text("k"), text(value));
        write_ok(r.store, b);
        assert_int_equal(race_value(r.store, CF_NAME), i);
    }
    atomic_store(&r.stop, true);
    assert_int_equal(pthread_join(thread, &wrong), 0);
    assert_null(wrong);
    store_batch_free(b);
}

static void test_store__stats_are_an_object(void **state)
{
    struct fixture *f = *state;
    struct buf out = {0};

    put_one(f->store, CF_NAME, "k", "v");
    store_stats(f->store, &out);
    assert_true(slice_starts_with(buf_slice(&out), SLICE("{\"backend\":")));
    assert_true(slice_ends_with(buf_slice(&out), SLICE("}")));
    buf_put_u8(&out, 0);
    assert_non_null(strstr(out.ptr, "\"batch\":1"));
    assert_true(!f->rocks || strstr(out.ptr, "{\"name\":\"execution\",\"diskBytes\":") != NULL);
    buf_fini(&out);
}

/* ---- Of one alone ---- */

static void test_store__memory_fails_when_told(void **state)
{
    struct store *s = ((struct fixture *)*state)->store;
    struct store_batch *b = store_batch_new(s);
    struct err err;

    store_memory_fail(s, 2, ERR_NO_SPACE);
    put_one(s, CF_NAME, "k", "1");
    store_put(b, CF_NAME, text("k"), text("2"));
    assert_int_equal(store_write(s, b, &err), ERR_NO_SPACE);
    holds(s, CF_NAME, "k", "1");
    assert_int_equal(store_batch_number(s), 1);
    store_memory_fail(s, 99, ERR_NO_SPACE);
    assert_int_equal(store_write(s, b, &err), ERR_NO_SPACE);
    assert_non_null(strstr(err.msg, "nothing is written any more"));
    holds(s, CF_NAME, "k", "1");
    store_batch_free(b);
}

/* What the next reads come to; OK: what they would. */
struct read_fault {
    struct store *store;
    enum err_code code;
};

static enum err_code read_fault(void *arg, struct err *err)
{
    enum err_code code = ((const struct read_fault *)arg)->code;

    return code == OK ? OK : err_set(err, code, "told to");
}

static enum err_code get_one(struct store *s)
{
    struct buf out = {0};
    struct err err;
    enum err_code rc = store_get(s, CF_NAME, text("k"), &out, &err);

    buf_fini(&out);
    return rc;
}

static enum err_code iterate_one(struct store *s)
{
    struct store_iterator *i = store_iterate(s, CF_NAME, text(""), text(""), false);
    struct slice key;
    struct slice value;
    struct err err;

    (void)store_next(i, &key, &value);
    return store_iterator_end(i, &err);
}

/* Nothing is written, and what there was stays. */
static void assert_writes_nothing(struct store *s)
{
    struct store_batch *b = store_batch_new(s);
    uint64_t number = store_batch_number(s);
    struct err err = {OK, ""};

    store_put(b, CF_NAME, text("k"), text("more"));
    assert_int_equal(store_write(s, b, &err), ERR_IO);
    assert_string_equal(err.msg, "nothing is written any more since a read failed");
    assert_int_equal(store_batch_number(s), number);
    holds(s, CF_NAME, "k", "1");
    store_batch_free(b);
}

/* `read` fails, once; nothing is written after that until the store is another program's. */
static void assert_ends_writing(struct store *s, enum err_code (*read)(struct store *s))
{
    struct read_fault f = {.code = ERR_IO};

    put_one(s, CF_NAME, "k", "1");
    store_memory_read_fault(s, read_fault, &f);
    assert_true(store_is_readable(s));
    assert_int_equal(read(s), ERR_IO);
    assert_false(store_is_readable(s));
    f.code = OK;
    assert_int_equal(read(s), OK); /* too late */
    assert_false(store_is_readable(s));
    assert_writes_nothing(s);
    store_memory_reopen(s);
    assert_true(store_is_readable(s));
    put_one(s, CF_NAME, "k", "2");
    holds(s, CF_NAME, "k", "2");
}

static void test_store__a_read_that_fails_ends_writing(void **state)
{
    struct store *s = ((struct fixture *)*state)->store;

    assert_ends_writing(s, get_one);
    assert_ends_writing(s, iterate_one);
}

/* A row that is not there, or is damaged, is an answer about that row alone. */
static void test_store__other_answers_to_a_read_do_not(void **state)
{
    static const enum err_code codes[] = {OK, ERR_NOT_FOUND, ERR_CORRUPT, ERR_VERSION};
    struct store *s = ((struct fixture *)*state)->store;

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct read_fault f = {.code = codes[i]};

        put_one(s, CF_NAME, "k", "1");
        store_memory_read_fault(s, read_fault, &f);
        assert_int_equal(get_one(s), codes[i]);
        assert_int_equal(iterate_one(s), codes[i]);
        assert_true(store_is_readable(s));
        store_memory_read_fault(s, NULL, NULL);
    }
    put_one(s, CF_NAME, "k", "2");
    holds(s, CF_NAME, "k", "2");
}

static void *read_beside(void *arg)
{
    struct read_fault *f = arg;

    f->code = get_one(f->store);
    return NULL;
}

static void test_store__a_read_may_fail_on_any_thread(void **state)
{
    struct store *s = ((struct fixture *)*state)->store;
    struct read_fault fault = {.code = ERR_IO};
    struct read_fault read = {.store = s};
    pthread_t thread;

    put_one(s, CF_NAME, "k", "1");
    store_memory_read_fault(s, read_fault, &fault);
    assert_int_equal(pthread_create(&thread, NULL, read_beside, &read), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(read.code, ERR_IO);
    assert_false(store_is_readable(s));
    fault.code = OK;
    assert_writes_nothing(s);
}

static void test_store__rocks_keeps_rows(void **state)
{
    struct fixture *f = *state;

    put_one(f->store, CF_NAME, "k", "1");
    put_one(f->store, CF_TIMER, "t", "2");
    for (int round = 0; round < 3; round++) { /* from the log, then from tables */
        store_close(f->store);
        fixture_open(f);
        assert_int_equal(store_batch_number(f->store), 2 + round);
        holds(f->store, CF_NAME, "k", "1");
        holds(f->store, CF_TIMER, "t", "2");
        put_one(f->store, CF_INDEX, "more", "x");
    }
}

static void test_store__rocks_moves_through_tables(void **state)
{
    struct fixture *f = *state;
    struct store_config c = {.dir = f->dir, .write_buffer_bytes = 1024 * 1024, .verify = true};
    struct store_batch *b;
    struct slice value = {calloc(1, 64 * 1024), 64 * 1024};
    char key[16];
    struct err err;

    store_close(f->store);
    assert_int_equal(store_open_rocks(&c, &f->store, &err), OK);
    b = store_batch_new(f->store);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(key, sizeof(key), "%04d", i);
        store_batch_clear(b);
        store_put(b, CF_EXECUTION, text(key), value);
        store_put(b, CF_NAME, text(key), text(key));
        write_ok(f->store, b);
    }
    store_batch_free(b);
    store_close(f->store);
    fixture_open(f);
    assert_int_equal(store_batch_number(f->store), 100);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(key, sizeof(key), "%04d", i);
        holds(f->store, CF_NAME, key, key);
    }
    free((void *)(uintptr_t)value.ptr);
}

#define BOTH(test)                                                                                 \
    cmocka_unit_test_setup_teardown(test, setup_memory, teardown),                                 \
        cmocka_unit_test_setup_teardown(test, setup_rocks, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_store__puts_and_gets),
        BOTH(test_store__bytes_of_any_kind),
        BOTH(test_store__a_batch_is_one_moment),
        BOTH(test_store__batches_are_numbered),
        BOTH(test_store__ranges),
        BOTH(test_store__a_range_goes),
        BOTH(test_store__an_iterator_sees_one_moment),
        BOTH(test_store__many_rows_stay_in_order),
        BOTH(test_store__readers_beside_the_writer),
        BOTH(test_store__stats_are_an_object),
        cmocka_unit_test_setup_teardown(test_store__memory_fails_when_told, setup_memory, teardown),
        cmocka_unit_test_setup_teardown(test_store__a_read_that_fails_ends_writing, setup_memory,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_store__other_answers_to_a_read_do_not, setup_memory,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_store__a_read_may_fail_on_any_thread, setup_memory,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_store__rocks_keeps_rows, setup_rocks, teardown),
        cmocka_unit_test_setup_teardown(test_store__rocks_moves_through_tables, setup_rocks,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
