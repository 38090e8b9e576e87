/* SPDX-License-Identifier: Apache-2.0 */
/* A run built again from its header and rows, and what is refused because it cannot be. Restarts at
 * any point of whole runs: test_job_random.c. */
#include "tests/lib/job_case.h"

enum { SHARDS = 6 };

/* A run in MAP with a piece of each kind: done, twice live, waiting, live, fresh, fresh. */
struct kinds {
    struct job_case c;
    struct job_run_header header;
    struct job_piece_state rows[SHARDS];
    uint64_t sizes[SHARDS];
};

static struct kinds kinds(void)
{
    struct job_run_settings s = job_case_settings;
    struct kinds k;

    for (size_t i = 0; i < SHARDS; i++) {
        k.sizes[i] = 8 * MIB;
    }
    k.c = case_map(&s, k.sizes, 4);
    assert_int_equal(case_take(&k.c, "a"), 0);
    assert_int_equal(case_take(&k.c, "b"), 1);
    assert_int_equal(case_take(&k.c, "c"), 2);
    assert_int_equal(case_take(&k.c, "d"), 3);
    k.c.now_ms += 1000;
    case_succeed(&k.c, 2);
    k.rows[0] = k.c.out.row;
    case_fail(&k.c, 4, "Handler.Failed");
    for (int i = 0; i < 9; i++) { /* the retry is due meanwhile, and is given back */
        case_tick(&k.c, LIMIT_JOB_TICK_MS / 2);
        case_progress(&k.c, 3, 10);
        case_progress(&k.c, 5, 7 * MIB + (uint64_t)i * 1024);
        if (case_take(&k.c, "a") == 2) {
            case_fail(&k.c, k.c.counter, "Handler.Failed");
        }
    }
    k.header = *job_run_header(k.c.r);
    for (uint32_t i = 1; i < 4; i++) {
        k.rows[i] = case_row(&k.c, i);
    }
    return k;
}

/* The rows of `k` read again; NULL: refused. */
static struct job_run *again(const struct kinds *k, size_t rows)
{
    struct job_run *r = NULL;
    struct err err = {0};
    enum err_code rc = job_run_restore(&job_case_settings, &k->header, k->sizes, &r, &err);

    for (size_t i = 0; rc == OK && i < rows; i++) {
        rc = job_run_restore_piece(r, &k->rows[i], &err);
    }
    if (rc == OK) {
        rc = job_run_restored(r, &err);
    }
    if (rc != OK) {
        assert_int_equal(rc, ERR_CORRUPT);
        assert_int_equal(err.code, ERR_CORRUPT);
        assert_true(strlen(err.msg) > 30);
        job_run_free(r);
        return NULL;
    }
    return r;
}

static void test_restore__gives_the_same_run(void **state)
{
    struct kinds k = kinds();
    struct job_run_counts was = job_run_counts(k.c.r);
    struct job_case c = k.c;
    struct job_run *once_more;
    struct job_run_counts is;
    uint32_t piece = NONE;

    (void)state;
    assert_int_equal(k.rows[0].status, JOB_PIECE_DONE);
    assert_int_equal(k.rows[1].live_count, 2);
    assert_int_equal(k.rows[2].status, JOB_PIECE_WAITING);
    assert_int_equal(k.rows[3].live_count, 1);
    c.r = again(&k, 4);
    assert_non_null(c.r);
    is = job_run_counts(c.r);
    assert_int_equal(is.attempts, 3);
    assert_int_equal(is.waiting, was.waiting);
    assert_int_equal(is.live, was.live);
    assert_int_equal(is.done, was.done);
    assert_int_equal(is.extra, was.extra);
    case_is(&c, JOB_RUNNING, JOB_MAP);
    assert_true(job_run_find(c.r, tok(3), &piece)); /* held under its old token */
    assert_int_equal(piece, 1);
    assert_true(case_row(&c, 1).live[1].speculative);
    assert_true(slice_eq_str(case_row(&c, 2).avoid, "a"));
    assert_int_equal(case_row(&c, 2).failures, 2);
    case_lose(&c, 3);
    assert_int_equal(c.out.row.live_count, 1);
    assert_true(c.out.row.live[0].speculative);
    k.rows[1] = c.out.row;
    once_more = again(&k, 4);
    job_run_free(c.r);
    c.r = once_more; /* where the second attempt is alone */
    assert_true(case_row(&c, 1).live[0].speculative);
    assert_int_equal(case_row(&c, 1).losses, 1);
    case_succeed(&c, k.rows[1].live[0].token.counter);
    assert_int_equal(c.out.cancel_count, 0);
    case_succeed(&c, 5);
    c.now_ms = case_row(&c, 2).due_ms;
    assert_int_equal(case_take(&c, "b"), 2);
    case_fail(&c, c.counter, "Handler.Failed"); /* the third, and its last */
    case_is(&c, JOB_FAILED, JOB_CLEAN);
    assert_int_equal(job_run_header(c.r)->done[JOB_MAP].records_in, 300);
    job_run_free(c.r);
    job_run_free(k.c.r);
}

static void test_restore__knows_every_phase(void **state)
{
    struct job_run_settings s = job_case_settings;
    struct job_run *r = NULL;
    struct job_run_header h;
    struct job_case c;
    struct err err;

    (void)state;
    c.now_ms = 5;
    c.r = job_run_new(&s, c.now_ms);
    h = *job_run_header(c.r);
    assert_int_equal(job_run_restore(&s, &h, NULL, &r, &err), OK);
    assert_int_equal(job_run_restored(r, &err), OK);
    job_run_begin(r, 6, &c.out);
    job_run_free(r);
    job_run_free(c.r);
    c = case_map_even(&s, 0); /* JOIN, and then over */
    (void)case_take(&c, "a");
    case_succeed(&c, c.counter);
    (void)case_take(&c, "a");
    case_succeed(&c, c.counter);
    case_is(&c, JOB_SUCCEEDED, JOB_OVER);
    h = *job_run_header(c.r);
    assert_int_equal(job_run_restore(&s, &h, NULL, &r, &err), OK);
    assert_int_equal(job_run_restored(r, &err), OK);
    assert_int_equal(job_run_wait_ms(r, 7), -1);
    job_run_free(r);
    job_run_free(c.r);
}

static void test_restore__keeps_texts_of_its_own(void **state)
{
    struct job_run_settings s = job_case_settings;
    char cause[] = "it was like this";
    struct job_counter counter = {slice_make(cause, 2), 7};
    struct job_run_header h = {.state = JOB_FAILED,
                               .phase = JOB_CLEAN,
                               .pieces = 1,
                               .counters = &counter,
                               .counter_count = 1,
                               .error = SLICE("E"),
                               .cause = slice_str(cause)};
    struct job_run *r = NULL;
    struct err err;

    (void)state;
    assert_int_equal(job_run_restore(&s, &h, NULL, &r, &err), OK);
    memset(cause, 'x', sizeof(cause));
    assert_true(slice_eq_str(job_run_header(r)->cause, "it was like this"));
    assert_true(slice_eq_str(job_run_header(r)->counters[0].name, "it"));
    assert_int_equal(job_run_header(r)->counters[0].value, 7);
    job_run_free(r);
}

static void refused(struct kinds *k, size_t rows)
{
    assert_null(again(k, rows));
    job_run_free(k->c.r);
    *k = kinds();
}

static void test_restore__refuses_headers_that_cannot_be(void **state)
{
    struct kinds k = kinds();

    (void)state;
    k.header.state = (enum job_state)JOB_STATES;
    refused(&k, 4);
    k.header.phase = (enum job_phase)JOB_PHASES;
    refused(&k, 4);
    k.header.state = JOB_SUCCEEDED; /* and still in MAP */
    refused(&k, 4);
    k.header.state = JOB_STOPPING; /* and nothing is committed */
    refused(&k, 4);
    k.header.state = JOB_WAITING;
    refused(&k, 4);
    k.header.state = JOB_STARTING;
    refused(&k, 4);
    k.header.state = JOB_WAITING; /* with pieces */
    k.header.phase = JOB_PLAN;
    refused(&k, 4);
    k.header.phase = JOB_REDUCE; /* there is no shuffle */
    refused(&k, 0);
    k.header.pieces = 5;
    refused(&k, 4);
    k.header.pieces = k.header.shards = 0; /* then there is no MAP */
    refused(&k, 0);
    k.header.shards = LIMIT_JOB_PIECES + 1;
    refused(&k, 4);
    k.header.partitions = LIMIT_JOB_PARTITIONS + 1;
    refused(&k, 4);
    k.header.counter_count = LIMIT_JOB_COUNTERS + 1;
    refused(&k, 4);
    k.sizes[1] = UINT64_MAX;
    refused(&k, 4);
    job_run_free(k.c.r);
}

static void test_restore__refuses_rows_that_cannot_be(void **state)
{
    struct kinds k = kinds();

    (void)state;
    k.rows[1].phase = JOB_REDUCE;
    refused(&k, 4);
    k.rows[1].piece = 2; /* one is missing */
    refused(&k, 4);
    k.rows[1].piece = 0; /* one comes twice */
    refused(&k, 4);
    k.rows[3].piece = 4; /* there are four */
    refused(&k, 4);
    k.rows[2].status = JOB_PIECE_FRESH;
    refused(&k, 4);
    k.rows[2].status = (enum job_piece_status)JOB_PIECE_STATUSES;
    refused(&k, 4);
    k.rows[2].status = JOB_PIECE_GIVEN_UP; /* CLEAN alone gives up */
    refused(&k, 4);
    k.rows[1].live_count = 3;
    refused(&k, 4);
    k.rows[1].live_count = 0;
    refused(&k, 4);
    k.rows[1].live[1].worker = k.rows[1].live[0].worker; /* twice on one worker */
    refused(&k, 4);
    k.rows[3].live[0].token = k.rows[1].live[0].token;
    refused(&k, 4);
    k.rows[3].live[0].committing = true; /* JOIN alone commits */
    refused(&k, 4);
    k.rows[0].extra = UINT64_MAX;
    refused(&k, 4);
    k.rows[0].extra = 24 * MIB; /* more than may be done twice */
    refused(&k, 4);
    k.rows[0].result.counter_count = LIMIT_JOB_COUNTERS + 1;
    refused(&k, 4);
    for (int i = 1; i < 4; i++) { /* all done, and the next phase has not begun */
        k.rows[i] = k.rows[0];
        k.rows[i].piece = (uint32_t)i;
    }
    refused(&k, 4);
    job_run_free(k.c.r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restore__gives_the_same_run),
        cmocka_unit_test(test_restore__knows_every_phase),
        cmocka_unit_test(test_restore__keeps_texts_of_its_own),
        cmocka_unit_test(test_restore__refuses_headers_that_cannot_be),
        cmocka_unit_test(test_restore__refuses_rows_that_cannot_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
