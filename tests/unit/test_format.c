/* SPDX-License-Identifier: Apache-2.0 */
/* Databases that earlier releases wrote: each is opened, its work is run to the end, and it is
 * whole then. A dump is a line a row: family, key, value, the latter two as hexadecimal digits.
 *
 * A release's dump is made by that release, once, and never changed:
 *
 *   STEPFLEET_DUMP=tests/unit/format/NAME.txt bin/test_format
 *
 * and NAME joins `dumps` below. */
#include <stdio.h>
#include <stdlib.h>

#include "coordinator/store/backend.h"
#include "tests/lib/filled_world.h"

static const char *const dumps[] = {"0.1.0"};

enum { LINE_BYTES = 1 << 20 };

/* ---- dumps ---- */

static void put_hex(FILE *f, struct slice s)
{
    (void)fputc(' ', f);
    for (size_t i = 0; i < s.len; i++) {
        (void)fprintf(f, "%02x", (unsigned char)s.ptr[i]);
    }
}

static void dump(struct ledger_world *w, const char *path)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    for (int cf = 0; cf < CF_COUNT; cf++) {
        struct store_iterator *i =
            store_iterate(w->store, (enum store_cf)cf, SLICE(""), SLICE(""), false);
        struct slice key;
        struct slice value;

        while (store_next(i, &key, &value)) {
            (void)fputs(store_cf_name((enum store_cf)cf), f);
            put_hex(f, key);
            put_hex(f, value);
            (void)fputc('\n', f);
        }
        assert_int_equal(store_iterator_end(i, NULL), OK);
    }
    assert_int_equal(fclose(f), 0);
}

static struct slice get_hex(struct slice *line, struct buf *out)
{
    size_t len = slice_find(*line, ' ');

    buf_reset(out);
    assert_int_equal(len % 2, 0);
    for (size_t i = 0; i < len; i += 2) {
        const char digits[3] = {line->ptr[i], line->ptr[i + 1], '\0'};

        buf_put_u8(out, (uint8_t)strtoul(digits, NULL, 16));
    }
    *line = slice_from(*line, len + 1);
    return buf_slice(out);
}

static enum store_cf family(struct slice *line)
{
    size_t len = slice_find(*line, ' ');

    for (int cf = 0; cf < CF_COUNT; cf++) {
        if (slice_eq_str(slice_head(*line, len), store_cf_name((enum store_cf)cf))) {
            *line = slice_from(*line, len + 1);
            return (enum store_cf)cf;
        }
    }
    fail_msg("no family has the name %.*s", (int)len, line->ptr);
    return CF_COUNT;
}

/* The rows take the place of a new database's; the ledger is opened over them. */
static void load(struct ledger_world *w, const char *path)
{
    FILE *f = fopen(path, "r");
    struct store_batch *b = store_batch_new(w->store);
    char *text = mem_alloc(LINE_BYTES);
    struct buf key = {0};
    struct buf value = {0};
    struct err err;

    if (f == NULL) {
        fail_msg("there is no dump %s", path);
    }
    while (fgets(text, LINE_BYTES, f) != NULL) {
        struct slice line = slice_head(slice_str(text), strcspn(text, "\n"));
        enum store_cf cf = family(&line);
        struct slice k = get_hex(&line, &key);
        struct slice v = get_hex(&line, &value);

        store_put(b, cf, k, v.len != 0 ? v : SLICE(""));
    }
    (void)fclose(f);
    assert_int_equal(store_write(w->store, b, &err), OK);
    store_batch_free(b);
    buf_fini(&key);
    buf_fini(&value);
    mem_free(text);
    world_crash(w);
}

/* ---- what goes on in it ---- */

static const char *const functions[] = {"f", "h", "stepfleet:job", NULL};

static void run_executions(struct ledger_world *w)
{
    struct world_worker *k = world_ready(w, functions);
    struct world_report report = {0};

    for (unsigned i = 0; i < 1000 && (w->l->open_count != 1 || world_job_rows(w, 'o') != 0); i++) {
        size_t n = 0;

        while (n < k->lease_count && k->leases[n].job) {
            n++;
        }
        if (n < k->lease_count) {
            assert_int_equal(world_succeed(w, 0, n, "{}"), OK);
        } else if (!world_job_work(w, 0, &report)) {
            world_advance(w, 10000);
        }
        world_settle(w);
    }
    world_advance(w, 2 * HOUR_MS);
    for (uint64_t id = 1; id <= 3; id++) {
        assert_int_equal(world_status(w, id, NULL), EXECUTION_SUCCEEDED);
        world_check_history(w, id);
    }
    assert_int_equal(world_job_rows(w, 'o'), 0);
}

static void run_queue(struct ledger_world *w)
{
    struct got got[MOST];
    size_t count = 0;
    size_t n;

    do {
        world_begin(w);
        n = receive(w, "q", MOST, 12 * (int64_t)HOUR_MS, got);
        world_end(w);
        world_settle(w);
        count += n;
    } while (n != 0);
    assert_int_equal(count, 20);
}

static void test_format__earlier_databases_go_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(dumps) / sizeof(dumps[0]); i++) {
        void *world;
        struct ledger_world *w;
        char path[512];

        assert_int_equal(world_setup(&world), 0);
        w = world;
        (void)snprintf(path, sizeof(path), "%s/%s.txt", FORMAT_DIR, dumps[i]);
        load(w, path);
        world_is_whole(w);
        run_executions(w);
        run_queue(w);
        assert_int_equal(world_teardown(&world), 0);
    }
}

static void test_format__a_dump_is_made(void **state)
{
    const char *path = getenv("STEPFLEET_DUMP");
    struct ledger_world *w = *state;

    filled_world(w);
    if (path != NULL) {
        dump(w, path);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(test_format__##name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_dump_is_made),
        cmocka_unit_test(test_format__earlier_databases_go_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
