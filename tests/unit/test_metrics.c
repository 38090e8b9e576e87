/* SPDX-License-Identifier: Apache-2.0 */
/* figures.c, exposition.c and scrape.c: counts by name and their bound, the text that Prometheus
 * reads, and who may read it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "coordinator/api/http/exposition.h"
#include "coordinator/api/http/scrape.h"
#include "proto/base/limits.h"

static void test_figures__machines_are_bounded_and_sums_stay(void **state)
{
    struct machine_figures *all[LIMIT_FIGURE_NAMES + 1];
    struct figures f;

    (void)state;
    figures_init(&f);
    for (unsigned i = 0; i <= LIMIT_FIGURE_NAMES; i++) {
        all[i] = figures_machine(&f, &all[i]);
        all[i]->started += 1;
    }
    assert_ptr_not_equal(all[LIMIT_FIGURE_NAMES - 1], &f.machines);
    assert_ptr_equal(all[LIMIT_FIGURE_NAMES], &f.machines);
    all[0]->ended[EXECUTION_FAILED] = 3;
    histogram_add(&all[0]->duration, &histogram_ms, 7);
    figures_machine_end(&f, all[0]); /* its counts stay, and its place is free */
    assert_int_equal(f.machines.started, 2);
    assert_int_equal(f.machines.ended[EXECUTION_FAILED], 3);
    assert_int_equal(f.machines.duration.sum, 7);
    all[0] = figures_machine(&f, &all[0]);
    assert_ptr_not_equal(all[0], &f.machines);
    for (unsigned i = 0; i <= LIMIT_FIGURE_NAMES; i++) {
        figures_machine_end(&f, all[i]);
    }
    assert_int_equal(f.machines.started, 1 + LIMIT_FIGURE_NAMES);
    assert_int_equal(f.machine_count, 0);
    figures_fini(&f);
}

static void test_figures__queues_are_bounded_and_sums_stay(void **state)
{
    struct queue_figures *all[LIMIT_FIGURE_NAMES + 1];
    struct figures f;

    (void)state;
    figures_init(&f);
    for (unsigned i = 0; i <= LIMIT_FIGURE_NAMES; i++) {
        all[i] = figures_queue(&f);
    }
    assert_ptr_equal(all[LIMIT_FIGURE_NAMES], &f.queues);
    *all[1] = (struct queue_figures){1, 2, 3, 4};
    for (unsigned i = 0; i <= LIMIT_FIGURE_NAMES; i++) {
        figures_queue_end(&f, all[i]);
    }
    assert_int_equal(f.queues.sent, 1);
    assert_int_equal(f.queues.received, 2);
    assert_int_equal(f.queues.deleted, 3);
    assert_int_equal(f.queues.buried, 4);
    figures_fini(&f);
}

static void test_figures__functions_are_bounded(void **state)
{
    struct figures f;
    char name[16];

    (void)state;
    figures_init(&f);
    for (unsigned i = 0; i <= LIMIT_FIGURE_NAMES; i++) {
        (void)snprintf(name, sizeof(name), "f%u", i);
        figures_stage_offered(&f, slice_str(name));
        figures_stage_offered(&f, slice_str(name)); /* another worker */
    }
    assert_int_equal(f.stages.count, LIMIT_FIGURE_NAMES);
    assert_ptr_equal(figures_stage(&f, slice_str(name)), f.stages_other);
    assert_ptr_equal(figures_stage(&f, SLICE("nobody's")), f.stages_other);
    figures_stage_end(figures_stage(&f, SLICE("f9")), STAGE_LOST, -5);
    assert_int_equal(figures_stage(&f, SLICE("f9"))->ended[STAGE_LOST], 1);
    assert_int_equal(figures_stage(&f, SLICE("f9"))->duration.sum, 0);
    assert_int_equal(f.stages_other->ended[STAGE_LOST], 0);
    figures_fini(&f);
}

static void check(struct buf *b, const char *text)
{
    buf_put_u8(b, 0);
    assert_string_equal(b->ptr, text);
    buf_fini(b);
}

static void test_exposition__labels_are_escaped(void **state)
{
    const struct exposition_labels labels = {
        .name = "queue", .value = SLICE("a\"b\\c\nd"), .kind = "state", .is = "visible"};
    struct buf b = {0};

    (void)state;
    exposition_number(&b, "x", &labels, UINT64_MAX);
    check(&b, "x{queue=\"a\\\"b\\\\c\\nd\",state=\"visible\"} 18446744073709551615\n");
}

static void test_exposition__fractions_are_exact(void **state)
{
    struct buf b = {0};

    (void)state;
    exposition_fraction(&b, "x", NULL, 1500, 1000);
    exposition_fraction(&b, "x", NULL, 1000005, 1000000);
    exposition_fraction(&b, "x", NULL, 70, 1000);
    exposition_fraction(&b, "x", NULL, 3000, 1000);
    exposition_fraction(&b, "x", NULL, 0, 1000);
    check(&b, "x 1.5\nx 1.000005\nx 0.07\nx 3\nx 0\n");
}

static void test_exposition__buckets_are_cumulative(void **state)
{
    const struct histogram_scale scale = {.bounds = {10, 2500}, .unit = 1000};
    const struct exposition_labels labels = {.kind = "k", .is = "v"};
    struct histogram h = {0};
    struct buf b = {0};

    (void)state;
    histogram_add(&h, &scale, 10); /* a bound belongs to what is below it */
    histogram_add(&h, &scale, 11);
    histogram_add(&h, &scale, 2501);
    exposition_histogram(&b, "x_seconds", &labels, &h, &scale);
    check(&b, "x_seconds_bucket{k=\"v\",le=\"0.01\"} 1\n"
              "x_seconds_bucket{k=\"v\",le=\"2.5\"} 2\n"
              "x_seconds_bucket{k=\"v\",le=\"+Inf\"} 3\n"
              "x_seconds_sum{k=\"v\"} 2.522\n"
              "x_seconds_count{k=\"v\"} 3\n");
}

/* The last bucket of a scale that is full is that above all bounds, too. */
static void test_exposition__a_full_scale(void **state)
{
    struct histogram h = {0};
    struct buf b = {0};

    (void)state;
    histogram_add(&h, &histogram_ms, UINT64_MAX / 2);
    assert_int_equal(h.counts[HISTOGRAM_BOUNDS], 1);
    exposition_histogram(&b, "x", NULL, &h, &histogram_ms);
    buf_put_u8(&b, 0);
    assert_non_null(strstr(b.ptr, "x_bucket{le=\"86400\"} 0\nx_bucket{le=\"+Inf\"} 1\n"));
    buf_fini(&b);
}

/* ---- who may read it ---- */

struct world {
    char path[64];
    struct scrape_access access;
};

static void write_tokens(const struct world *w, const char *text)
{
    FILE *f = fopen(w->path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
    static struct world w;
    int fd;

    w = (struct world){.path = "/tmp/test_metrics.XXXXXX"};
    fd = mkstemp(w.path);
    w.access = (struct scrape_access){SCRAPE_TOKEN, w.path};
    *state = &w;
    return fd < 0 || close(fd) != 0 ? -1 : 0;
}

static int teardown(void **state)
{
    return unlink(((struct world *)*state)->path);
}

static unsigned ask(const struct world *w, const char *authorization)
{
    const struct http_header header = {SLICE("authorization"), slice_str(authorization)};
    const struct http_request r = {
        .method = SLICE("GET"),
        .target = SLICE("/metrics"),
        .headers = &header,
        .header_count = 1,
    };

    assert_true(scrape_is_asked(&w->access, &r));
    return scrape_may(&w->access, &r);
}

static void test_scrape__a_token_of_the_file(void **state)
{
    const struct world *w = *state;

    write_tokens(w, "# old\nthe-old-one-0123456789\r\n\n  the-new-one-0123456789  \nshort\n");
    assert_int_equal(ask(w, "Bearer the-old-one-0123456789"), 200);
    assert_int_equal(ask(w, "bearer the-new-one-0123456789"), 200);
    assert_int_equal(ask(w, "Bearer the-new-one-012345678"), 401);
    assert_int_equal(ask(w, "Bearer the-new-one-01234567890"), 401);
    assert_int_equal(ask(w, "Bearer # old"), 401);
    assert_int_equal(ask(w, "Bearer short"), 401);
    assert_int_equal(ask(w, "Bearer "), 401);
    assert_int_equal(ask(w, "Bearer"), 401);
    assert_int_equal(ask(w, "Basic the-old-one-0123456789"), 401);
    write_tokens(w, "the-new-one-0123456789"); /* no restart */
    assert_int_equal(ask(w, "Bearer the-old-one-0123456789"), 401);
    assert_int_equal(ask(w, "Bearer the-new-one-0123456789"), 200);
    write_tokens(w, "");
    assert_int_equal(ask(w, "Bearer "), 401);
}

static void test_scrape__a_file_that_is_gone_lets_nobody_in(void **state)
{
    struct world w = *(struct world *)*state;

    w.access.tokens = "/nonexistent/tokens";
    assert_int_equal(ask(&w, "Bearer the-old-one-0123456789"), 503);
}

static void test_scrape__what_may_be_configured(void **state)
{
    const struct world *w = *state;
    struct err err;
    char *long_text = malloc(LIMIT_METRICS_TOKENS_BYTES + 1);

    assert_int_equal(scrape_check(&(struct scrape_access){SCRAPE_OFF, NULL}, false, &err), OK);
    assert_int_equal(scrape_check(&(struct scrape_access){SCRAPE_OPEN, NULL}, true, &err), OK);
    assert_int_equal(scrape_check(&(struct scrape_access){SCRAPE_OPEN, NULL}, false, &err),
                     ERR_CONFIG);
    assert_int_equal(scrape_check(&(struct scrape_access){SCRAPE_TOKEN, NULL}, false, &err),
                     ERR_CONFIG);
    assert_int_equal(scrape_check(&(struct scrape_access){SCRAPE_OFF, w->path}, false, &err),
                     ERR_CONFIG);
    write_tokens(w, "0123456789abcdef\n");
    assert_int_equal(scrape_check(&w->access, false, &err), OK);
    write_tokens(w, "0123456789abcde\n");
    assert_int_equal(scrape_check(&w->access, false, &err), ERR_CONFIG);
    write_tokens(w, "# none\n");
    assert_int_equal(scrape_check(&w->access, false, &err), ERR_CONFIG);
    memset(long_text, 'x', LIMIT_METRICS_TOKENS_BYTES);
    long_text[LIMIT_METRICS_TOKENS_BYTES] = '\0';
    write_tokens(w, long_text);
    assert_int_equal(scrape_check(&w->access, false, &err), ERR_CONFIG);
    long_text[LIMIT_METRICS_TOKENS_BYTES - 1] = '\0';
    write_tokens(w, long_text);
    assert_int_equal(scrape_check(&w->access, false, &err), OK);
    free(long_text);
}

static void test_scrape__only_where_there_are_metrics(void **state)
{
    const struct scrape_access off = {SCRAPE_OFF, NULL};
    const struct scrape_access open = {SCRAPE_OPEN, NULL};
    struct http_request r = {.method = SLICE("GET"), .target = SLICE("/metrics")};

    (void)state;
    assert_false(scrape_is_asked(&off, &r));
    assert_true(scrape_is_asked(&open, &r));
    assert_int_equal(scrape_may(&open, &r), 200);
    r.method = SLICE("POST");
    assert_false(scrape_is_asked(&open, &r));
    r = (struct http_request){.method = SLICE("GET"), .target = SLICE("/metrics/")};
    assert_false(scrape_is_asked(&open, &r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures__machines_are_bounded_and_sums_stay),
        cmocka_unit_test(test_figures__queues_are_bounded_and_sums_stay),
        cmocka_unit_test(test_figures__functions_are_bounded),
        cmocka_unit_test(test_exposition__labels_are_escaped),
        cmocka_unit_test(test_exposition__fractions_are_exact),
        cmocka_unit_test(test_exposition__buckets_are_cumulative),
        cmocka_unit_test(test_exposition__a_full_scale),
        cmocka_unit_test_setup_teardown(test_scrape__a_token_of_the_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scrape__a_file_that_is_gone_lets_nobody_in, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_scrape__what_may_be_configured, setup, teardown),
        cmocka_unit_test(test_scrape__only_where_there_are_metrics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
