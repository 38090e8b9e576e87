/* SPDX-License-Identifier: Apache-2.0 */
/* Lifecycle configurations as servers write them: read, ours put in and taken out, others' kept to
 * the byte; and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/s3/lifecycle.h"

#define ROOT     "<LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
#define ROOT_END "</LifecycleConfiguration>"
#define LOGS                                                                                       \
    "<ID>logs</ID><Prefix>logs/</Prefix><Status>Disabled</Status>"                                 \
    "<Expiration><Date>2030-01-01T00:00:00Z</Date></Expiration>"
#define COLD                                                                                       \
    "\n <ID>a &amp; b</ID><Filter><And><Prefix>x&lt;/</Prefix><Tag><Key>k</Key>"                   \
    "<Value>ID</Value></Tag></And></Filter><Status>Enabled</Status>"                               \
    "<Transition><Days>30</Days><StorageClass>COLD</StorageClass></Transition>"                    \
    "<NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays>"                              \
    "</NoncurrentVersionExpiration>\n"
#define OURS(prefix, days)                                                                         \
    "<ID>stepfleet-outputs</ID><Filter><Prefix>" prefix "</Prefix></Filter><Status>Enabled"        \
    "</Status><Expiration><Days>" days "</Days></Expiration><AbortIncompleteMultipartUpload>"      \
    "<DaysAfterInitiation>" days "</DaysAfterInitiation></AbortIncompleteMultipartUpload>"
#define RULE(r) "<Rule>" r "</Rule>"

static struct arena arena;

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    arena = (struct arena){0};
    return 0;
}

static struct lifecycle read_it(const char *xml)
{
    struct lifecycle l;

    assert_true(lifecycle_read(slice_str(xml), &arena, &l));
    return l;
}

static void assert_written(const struct lifecycle *l, const char *xml)
{
    assert_string_equal(arena_str(&arena, lifecycle_write(l, &arena)), xml);
}

static void assert_text(struct slice s, const char *text)
{
    assert_string_equal(arena_str(&arena, s), text);
}

static void test_lifecycle__a_bucket_without_one(void **state)
{
    struct lifecycle l = read_it("");

    (void)state;
    assert_int_equal(l.count, 0);
    lifecycle_set(&l, SLICE("executions/"), 0, &arena);
    assert_written(&l, "");
    lifecycle_set(&l, SLICE("executions/"), 7, &arena);
    assert_written(&l, ROOT RULE(OURS("executions/", "7")) ROOT_END);
    l = read_it(ROOT ROOT_END);
    assert_int_equal(l.count, 0);
    l = read_it("<LifecycleConfiguration/>");
    assert_int_equal(l.count, 0);
}

static void test_lifecycle__what_rules_say(void **state)
{
    struct lifecycle l = read_it("<?xml version=\"1.0\"?>\n" ROOT RULE(LOGS) "\n" RULE(COLD)
                                     RULE(OURS("e&amp;/", "14")) "<Rule/>" ROOT_END "\n");

    (void)state;
    assert_int_equal(l.count, 4);
    assert_text(l.rules[0].id, "logs");
    assert_text(l.rules[0].prefix, "logs/");
    assert_false(l.rules[0].enabled);
    assert_int_equal(l.rules[0].days, 0);
    assert_text(l.rules[1].id, "a & b");
    assert_text(l.rules[1].prefix, "x</");
    assert_true(l.rules[1].enabled);
    assert_int_equal(l.rules[1].days, 0); /* 30 is a transition's */
    assert_text(l.rules[2].id, LIFECYCLE_ID);
    assert_text(l.rules[2].prefix, "e&/");
    assert_int_equal(l.rules[2].days, 14);
    assert_int_equal(l.rules[2].abort_days, 14);
    assert_int_equal(l.rules[3].raw.len, 0);
}

static void test_lifecycle__others_stay_as_they_are(void **state)
{
    struct lifecycle l = read_it(ROOT RULE(LOGS) RULE(OURS("old/", "3")) RULE(COLD) ROOT_END);

    (void)state;
    lifecycle_set(&l, SLICE("<new>/"), 30, &arena);
    assert_written(&l, ROOT RULE(LOGS) RULE(COLD) RULE(OURS("&lt;new&gt;/", "30")) ROOT_END);
    l = read_it(arena_str(&arena, lifecycle_write(&l, &arena)));
    assert_text(l.rules[2].prefix, "<new>/");
    lifecycle_set(&l, SLICE(""), 0, &arena);
    assert_written(&l, ROOT RULE(LOGS) RULE(COLD) ROOT_END);
}

static void test_lifecycle__what_is_none(void **state)
{
    static const char *const bad[] = {
        " ",
        "{}",
        "<Error><Code>NoSuchBucket</Code></Error>",
        ROOT RULE(LOGS),
        ROOT "<Rule><ID>x</Rule>" ROOT_END,
        ROOT RULE("<Expiration><Days>many</Days></Expiration>") ROOT_END,
        ROOT RULE("<ID>&nope;</ID>") ROOT_END,
        ROOT ROOT_END "<x/>",
    };
    struct lifecycle l;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(lifecycle_read(slice_str(bad[i]), &arena, &l));
        assert_int_equal(l.count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_lifecycle__a_bucket_without_one, teardown),
        cmocka_unit_test_teardown(test_lifecycle__what_rules_say, teardown),
        cmocka_unit_test_teardown(test_lifecycle__others_stay_as_they_are, teardown),
        cmocka_unit_test_teardown(test_lifecycle__what_is_none, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
