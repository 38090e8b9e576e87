/* SPDX-License-Identifier: Apache-2.0 */
/* [bind] of the coordinator's configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <unistd.h>

#include "coordinator/bindings.h"
#include "proto/base/limits.h"

struct loaded {
    struct config file;
    struct arena a;
    struct bindings b;
    struct err err;
    enum err_code rc;
};

/* What the lines of [bind] are read as; the caller ends it. */
static struct loaded load(const char *lines)
{
    char path[] = "/tmp/stepfleet-test-bindings-XXXXXX";
    struct loaded l = {0};
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "w");

    assert_non_null(f);
    assert_true(fprintf(f, "[coordinator]\nlog = info\n[bind]\n%s", lines) > 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(config_load(path, &l.file, &l.err), OK);
    assert_int_equal(unlink(path), 0);
    l.rc = bindings_read(&l.file, &l.a, &l.b, &l.err);
    return l;
}

static void end(struct loaded *l)
{
    config_fini(&l->file);
    arena_fini(&l->a);
}

static void assert_refused(const char *lines, const char *words)
{
    struct loaded l = load(lines);

    assert_int_equal(l.rc, ERR_CONFIG);
    if (strstr(l.err.msg, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", l.err.msg, words);
    }
    end(&l);
}

static void test_bindings__are_found_by_service_and_action(void **state)
{
    struct loaded l = load("elasticmapreduce:addStep = run-emr-step\n"
                           "aws-sdk:dynamodb:putItem = put\n");
    struct slice handler = {NULL, 0};

    (void)state;
    assert_int_equal(l.rc, OK);
    assert_int_equal(l.b.count, 2);
    assert_true(bindings_find(&l.b, SLICE("elasticmapreduce"), SLICE("addStep"), &handler));
    assert_true(slice_eq_str(handler, "run-emr-step"));
    assert_true(bindings_find(&l.b, SLICE("aws-sdk:dynamodb"), SLICE("putItem"), &handler));
    assert_true(slice_eq_str(handler, "put"));
    assert_false(bindings_find(&l.b, SLICE("dynamodb"), SLICE("putItem"), &handler));
    assert_false(bindings_find(&l.b, SLICE("elasticmapreduce"), SLICE("addstep"), &handler));
    end(&l);
}

static void test_bindings__none_are_fine(void **state)
{
    struct loaded l = load("");
    struct slice handler;

    (void)state;
    assert_int_equal(l.rc, OK);
    assert_false(bindings_find(&l.b, SLICE("a"), SLICE("b"), &handler));
    end(&l);
}

static void test_bindings__says_what_is_wrong(void **state)
{
    (void)state;
    assert_refused("addStep = f\n", "expected SERVICE:ACTION");
    assert_refused(":addStep = f\n", "expected SERVICE:ACTION");
    assert_refused("emr: = f\n", "expected SERVICE:ACTION");
    assert_refused("e mr:addStep = f\n", "expected SERVICE:ACTION");
    assert_refused("emr:addStep.sync = f\n", "leave \".sync\" away");
    assert_refused("emr:addStep =\n", "the name of a function");
    assert_refused("emr:addStep = a b\n", "the name of a function");
    assert_refused("emr:addStep = f\nemr:addStep = g\n", ":5: emr:addStep is bound twice");
    assert_refused("lambda:invoke = f\n", "under their own names");
}

static void test_bindings__have_a_most(void **state)
{
    char lines[LIMIT_BINDINGS * 16 + 32];
    size_t len = 0;
    struct loaded l;

    (void)state;
    for (int i = 0; i < LIMIT_BINDINGS; i++) {
        len += (size_t)snprintf(lines + len, sizeof(lines) - len, "s:a%d = f\n", i);
    }
    l = load(lines);
    assert_int_equal(l.rc, OK);
    assert_int_equal(l.b.count, LIMIT_BINDINGS);
    end(&l);
    (void)snprintf(lines + len, sizeof(lines) - len, "s:more = f\n");
    assert_refused(lines, "more than 256");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bindings__are_found_by_service_and_action),
        cmocka_unit_test(test_bindings__none_are_fine),
        cmocka_unit_test(test_bindings__says_what_is_wrong),
        cmocka_unit_test(test_bindings__have_a_most),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
