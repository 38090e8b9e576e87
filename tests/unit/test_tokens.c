/* SPDX-License-Identifier: Apache-2.0 */
/* The file of tokens, what each lets its bearer do, and what a connection shows again and again. */
#include "coordinator/access/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ONE "1111111111111111111111111111111111111111111111111111111111111111"
#define TWO "2222222222222222222222222222222222222222222222222222222222222222"
/* Of "one" and of "two". */
#define OF_ONE "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
#define OF_TWO "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"

static enum err_code parse(const char *text, struct arena *a, struct tokens *out)
{
    struct err err;

    return tokens_parse(slice_str(text), a, out, &err);
}

static const struct token_row *find(const struct tokens *t, uint8_t byte)
{
    uint8_t digest[TOKEN_DIGEST_BYTES];

    memset(digest, byte, sizeof(digest));
    return tokens_find(t, digest);
}

static void test_tokens__are_read_line_by_line(void **state)
{
    struct arena a = {0};
    struct tokens t;

    (void)state;
    assert_int_equal(parse("# comment\n\n  worker hall " ONE " functions=Stage*,a?c\r\n"
                           "control ci\t" TWO " role=admin",
                           &a, &t),
                     OK);
    assert_int_equal(t.count, 2);
    assert_true(slice_eq_str(find(&t, 0x11)->name, "hall"));
    assert_true(token_offers(find(&t, 0x11), SLICE("Stage12")));
    assert_true(token_offers(find(&t, 0x11), SLICE("abc")));
    assert_false(token_offers(find(&t, 0x11), SLICE("abbc")));
    assert_false(token_offers(find(&t, 0x11), SLICE("other")));
    assert_int_equal(find(&t, 0x22)->kind, TOKEN_CONTROL);
    assert_int_equal(find(&t, 0x22)->role, ROLE_ADMIN);
    assert_false(token_offers(find(&t, 0x22), SLICE("Stage1")));
    assert_null(find(&t, 0x33));
    arena_fini(&a);
}

static void test_tokens__have_defaults_and_may_share_a_name(void **state)
{
    struct arena a = {0};
    struct tokens t;

    (void)state;
    assert_int_equal(parse("worker w " ONE "\nworker w " TWO "\n", &a, &t), OK);
    assert_true(token_offers(find(&t, 0x11), SLICE("anything")));
    assert_int_equal(parse("control c " ONE "\n", &a, &t), OK);
    assert_int_equal(find(&t, 0x11)->role, ROLE_RUN);
    assert_int_equal(parse("", &a, &t), OK);
    assert_null(find(&t, 0x11));
    arena_fini(&a);
}

static void test_tokens__are_refused_with_their_line(void **state)
{
    static const char *const wrong[] = {
        "worker\n",
        "worker w\n",
        "worker w 1234\n",
        "worker w " ONE "11\n",
        "other w " ONE "\n",
        "worker w " ONE " role=admin\n",
        "worker w " ONE " functions=\n",
        "worker w " ONE " functions=a,,b\n",
        "worker w " ONE " functions=a functions=b\n",
        "control c " ONE " functions=a\n",
        "control c " ONE " role=root\n",
        "control c " ONE " more\n",
        "worker a " ONE "\ncontrol b " ONE "\n",
        "worker \x80 " ONE "\n",
    };
    struct arena a = {0};
    struct tokens t;
    struct err err;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(parse(wrong[i], &a, &t), ERR_CONFIG);
    }
    assert_int_equal(tokens_parse(SLICE("\n\nno\n"), &a, &t, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, "line 3"));
    arena_fini(&a);
}

static void test_tokens__are_bounded(void **state)
{
    struct arena a = {0};
    struct buf text = {0};
    struct tokens t;
    struct err err;

    (void)state;
    for (int i = 0; i < LIMIT_TOKENS; i++) {
        buf_printf(&text, "worker w %064d\n", i);
    }
    assert_int_equal(tokens_parse(buf_slice(&text), &a, &t, &err), OK);
    assert_int_equal(t.count, LIMIT_TOKENS);
    buf_put_str(&text, "worker w " ONE "\n");
    assert_int_equal(tokens_parse(buf_slice(&text), &a, &t, &err), ERR_CONFIG);
    buf_fini(&text);
    arena_fini(&a);
}

static bool may(enum caller_kind kind, enum access_role role, enum rpc method)
{
    struct caller who = {.kind = kind, .role = role};

    return caller_may(&who, method);
}

static void test_roles__reach_as_far_as_they_say(void **state)
{
    (void)state;
    assert_true(may(CALLER_WORKER, 0, RPC_WORKER_POLL));
    assert_false(may(CALLER_WORKER, 0, RPC_HEALTH));
    assert_false(may(CALLER_WORKER, 0, RPC_EXECUTION_START));
    for (int role = ROLE_READ; role <= ROLE_ADMIN; role++) {
        assert_false(may(CALLER_CONTROL, (enum access_role)role, RPC_WORKER_HELLO));
        assert_true(may(CALLER_CONTROL, (enum access_role)role, RPC_EXECUTION_DESCRIBE));
        assert_int_equal(may(CALLER_CONTROL, (enum access_role)role, RPC_EXECUTION_STOP),
                         role >= ROLE_RUN);
        assert_int_equal(may(CALLER_KEY, (enum access_role)role, RPC_MACHINE_DELETE),
                         role == ROLE_ADMIN);
    }
    assert_true(may(CALLER_LOCAL, 0, RPC_MACHINE_DELETE));
    assert_true(may(CALLER_LOCAL, 0, RPC_WORKER_HELLO));
    assert_int_equal(role_of_method(9999), -1);
}

/* ---- connections ---- */

static char path[] = "/tmp/stepfleet-tokens-XXXXXX";

static void write_tokens(const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int make_file(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    return fd >= 0 ? close(fd) : -1;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static enum err_code show(struct access *a, struct access_peer *p, const char *secret)
{
    struct err err;

    return access_admit(a, p, slice_str(secret), &err);
}

static void test_access__knows_a_connection_by_what_it_shows(void **state)
{
    struct access_peer p = {.version = 0};
    struct access *a;
    struct err err;

    (void)state;
    write_tokens("worker w " OF_ONE " functions=A*\n");
    assert_int_equal(access_open(path, &a, &err), OK);
    assert_int_equal(show(a, &p, ""), ERR_NO_TOKEN);
    assert_int_equal(show(a, &p, "two"), ERR_TOKEN);
    assert_false(access_holds(a, &p));
    assert_int_equal(show(a, &p, "one"), OK);
    assert_int_equal(show(a, &p, "one"), OK);
    assert_string_equal(p.who.name, "w");
    assert_true(access_offers(a, &p.who, SLICE("Ax")));
    assert_false(access_offers(a, &p.who, SLICE("B")));
    assert_int_equal(show(a, &p, "onf"), ERR_TOKEN);
    assert_int_equal(show(a, &p, "one "), ERR_TOKEN);
    access_close(a);
}

static void test_access__takes_up_another_file(void **state)
{
    struct access_peer one = {.version = 0};
    struct access_peer two = {.version = 0};
    struct access *a;
    struct err err;

    (void)state;
    write_tokens("worker w " OF_ONE "\n");
    assert_int_equal(access_open(path, &a, &err), OK);
    assert_int_equal(show(a, &one, "one"), OK);
    write_tokens("worker w " OF_ONE "\nworker w " OF_TWO "\n");
    assert_true(access_renew(a, true));
    assert_int_equal(show(a, &one, "one"), OK);
    assert_int_equal(show(a, &two, "two"), OK);
    write_tokens("control w " OF_TWO " role=read\n");
    assert_true(access_renew(a, true));
    assert_false(access_holds(a, &one));
    assert_int_equal(show(a, &one, "one"), ERR_TOKEN);
    assert_int_equal(show(a, &two, "two"), OK);
    assert_int_equal(two.who.kind, CALLER_CONTROL);
    assert_false(access_offers(a, &two.who, SLICE("A")));
    write_tokens("this is none\n");
    assert_false(access_renew(a, true));
    assert_int_equal(show(a, &two, "two"), OK);
    access_close(a);
}

static void test_access__refuses_a_file_that_others_write(void **state)
{
    struct access *a;
    struct err err;

    (void)state;
    write_tokens("");
    assert_int_equal(chmod(path, 0620), 0);
    assert_int_equal(access_open(path, &a, &err), ERR_CONFIG);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(access_open(path, &a, &err), OK);
    access_close(a);
    assert_int_equal(access_open("/nowhere/tokens", &a, &err), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens__are_read_line_by_line),
        cmocka_unit_test(test_tokens__have_defaults_and_may_share_a_name),
        cmocka_unit_test(test_tokens__are_refused_with_their_line),
        cmocka_unit_test(test_tokens__are_bounded),
        cmocka_unit_test(test_roles__reach_as_far_as_they_say),
        cmocka_unit_test(test_access__knows_a_connection_by_what_it_shows),
        cmocka_unit_test(test_access__takes_up_another_file),
        cmocka_unit_test(test_access__refuses_a_file_that_others_write),
    };

    return cmocka_run_group_tests(tests, make_file, remove_file);
}
