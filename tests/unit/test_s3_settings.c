/* SPDX-License-Identifier: Apache-2.0 */
/* Who needs the store's keys, and who may be without them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "client/s3/settings.h"

/* What [objects] has; NULL: nothing. */
static enum err_code load(enum s3_settings_of of,
                          const char *root,
                          const char *credentials,
                          struct s3_config *out,
                          struct arena *a)
{
    struct config_entry entries[2];
    struct config c = {.path = "t", .entries = entries};
    struct err err;

    if (root != NULL) {
        entries[c.count++] =
            (struct config_entry){.section = "objects", .key = "root", .value = root};
    } else {
        assert_int_equal(setenv("S3_ENDPOINT", "http://s:1", 1), 0);
    }
    if (credentials != NULL) {
        entries[c.count++] =
            (struct config_entry){.section = "objects", .key = "credentials", .value = credentials};
    }
    return s3_settings_load(&c, of, a, out, &err);
}

static int clear(void **state)
{
    static const char *const names[] = {
        "S3_ENDPOINT",       "STEPFLEET_OBJECTS_ROOT", "AWS_REGION",
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",  "AWS_SESSION_TOKEN"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)unsetenv(names[i]);
    }
    return 0;
}

static void set_keys(const char *access, const char *secret)
{
    assert_int_equal(setenv("AWS_ACCESS_KEY_ID", access, 1), 0);
    assert_int_equal(setenv("AWS_SECRET_ACCESS_KEY", secret, 1), 0);
}

static void test_settings__a_worker_without_keys_asks_the_coordinator(void **state)
{
    struct arena a = {0};
    struct s3_config c;

    (void)state;
    assert_int_equal(load(S3_SETTINGS_WORKER, NULL, NULL, &c, &a), OK);
    assert_true(c.keyless);
    set_keys("", "");
    assert_int_equal(load(S3_SETTINGS_WORKER, NULL, NULL, &c, &a), OK);
    assert_true(c.keyless);
    set_keys("AK", "secret");
    assert_int_equal(load(S3_SETTINGS_WORKER, NULL, NULL, &c, &a), OK);
    assert_false(c.keyless);
    assert_string_equal(c.secret_key, "secret");
    arena_fini(&a);
}

static void test_settings__it_can_be_told_to(void **state)
{
    struct arena a = {0};
    struct s3_config c;

    (void)state;
    set_keys("AK", "secret");
    assert_int_equal(load(S3_SETTINGS_WORKER, NULL, "coordinator", &c, &a), OK);
    assert_true(c.keyless && c.secret_key == NULL);
    assert_int_equal(load(S3_SETTINGS_COORDINATOR, NULL, "coordinator", &c, &a), ERR_CONFIG);
    arena_fini(&a);
}

static void test_settings__half_a_key_is_a_mistake(void **state)
{
    struct arena a = {0};
    struct s3_config c;

    (void)state;
    set_keys("AK", "");
    assert_int_equal(load(S3_SETTINGS_WORKER, NULL, NULL, &c, &a), ERR_CONFIG);
    set_keys("", "secret");
    assert_int_equal(load(S3_SETTINGS_WORKER, NULL, NULL, &c, &a), ERR_CONFIG);
    arena_fini(&a);
}

static void test_settings__the_coordinator_needs_them(void **state)
{
    struct arena a = {0};
    struct s3_config c;

    (void)state;
    assert_int_equal(load(S3_SETTINGS_COORDINATOR, NULL, NULL, &c, &a), ERR_CONFIG);
    set_keys("AK", "secret");
    assert_int_equal(load(S3_SETTINGS_COORDINATOR, NULL, NULL, &c, &a), OK);
    assert_false(c.keyless);
    arena_fini(&a);
}

static void test_settings__a_directory_has_none(void **state)
{
    struct arena a = {0};
    struct s3_config c;

    (void)state;
    assert_int_equal(load(S3_SETTINGS_WORKER, "/d", NULL, &c, &a), OK);
    assert_false(c.keyless);
    assert_int_equal(load(S3_SETTINGS_COORDINATOR, "/d", NULL, &c, &a), OK);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_settings__a_worker_without_keys_asks_the_coordinator, clear),
        cmocka_unit_test_setup(test_settings__it_can_be_told_to, clear),
        cmocka_unit_test_setup(test_settings__half_a_key_is_a_mistake, clear),
        cmocka_unit_test_setup(test_settings__the_coordinator_needs_them, clear),
        cmocka_unit_test_setup(test_settings__a_directory_has_none, clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
