/* SPDX-License-Identifier: Apache-2.0 */
/* What a service manager hears, over sockets with a path and without; a manager that is not there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/host/notify.h"

/* A manager: its socket, bound by the kernel to an abstract name, or to a path. */
struct manager {
    int fd;
    char name[128]; /* as in $NOTIFY_SOCKET */
};

static void manager_open(struct manager *m, const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    socklen_t bytes = sizeof(sa_family_t);

    m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(m->fd >= 0);
    if (path != NULL) {
        memcpy(a.sun_path, path, strlen(path));
        bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    }
    assert_int_equal(bind(m->fd, (struct sockaddr *)&a, bytes), 0);
    bytes = sizeof(a);
    assert_int_equal(getsockname(m->fd, (struct sockaddr *)&a, &bytes), 0);
    (void)snprintf(m->name, sizeof(m->name), "%s%.*s", path != NULL ? path : "@",
                   path != NULL ? 0 : (int)(bytes - offsetof(struct sockaddr_un, sun_path) - 1),
                   a.sun_path + 1);
    (void)setenv("NOTIFY_SOCKET", m->name, 1);
}

static const char *heard(const struct manager *m)
{
    static char text[2 * NOTIFY_BYTES_MAX];
    ssize_t n = recv(m->fd, text, sizeof(text) - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void test_notify__says_it_to_an_abstract_name(void **state)
{
    struct manager m;

    (void)state;
    manager_open(&m, NULL);
    notify_init();
    notify_say("READY=1\nSTATUS=serving %d", 7);
    assert_string_equal(heard(&m), "READY=1\nSTATUS=serving 7");
    notify_say("STOPPING=1");
    assert_string_equal(heard(&m), "STOPPING=1");
    (void)close(m.fd);
    notify_say("STATUS=nobody hears it");
}

static void test_notify__says_it_to_a_path(void **state)
{
    char path[64];
    struct manager m;

    (void)state;
    (void)snprintf(path, sizeof(path), "/tmp/stepfleet-notify-%d", (int)getpid());
    manager_open(&m, path);
    notify_init();
    notify_say("READY=1");
    (void)unlink(path);
    assert_string_equal(heard(&m), "READY=1");
    (void)close(m.fd);
}

static void test_notify__cuts_what_is_too_long(void **state)
{
    struct manager m;

    (void)state;
    manager_open(&m, NULL);
    notify_init();
    notify_say("%0*d", 2 * NOTIFY_BYTES_MAX, 1);
    assert_int_equal(strlen(heard(&m)), NOTIFY_BYTES_MAX - 1);
    (void)close(m.fd);
}

/* What handlers would inherit. */
static void test_notify__leaves_nothing_in_the_environment(void **state)
{
    struct manager m;

    (void)state;
    manager_open(&m, NULL);
    (void)setenv("WATCHDOG_USEC", "1000000", 1);
    (void)setenv("WATCHDOG_PID", "1", 1);
    notify_init();
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_null(getenv("WATCHDOG_USEC"));
    assert_null(getenv("WATCHDOG_PID"));
    notify_init();
    notify_say("READY=1");
    assert_string_equal(heard(&m), "");
    (void)close(m.fd);
}

static void test_notify__takes_no_other_address(void **state)
{
    static const char *const names[] = {"", "@", "/", "vsock:2:1", "relative"};
    char longest[200];

    (void)state;
    memset(longest, 'x', sizeof(longest) - 1);
    longest[0] = '/';
    longest[sizeof(longest) - 1] = '\0';
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)setenv("NOTIFY_SOCKET", names[i], 1);
        notify_init();
        notify_say("READY=1");
    }
    (void)setenv("NOTIFY_SOCKET", longest, 1);
    notify_init();
    notify_say("READY=1");
}

/* Turns the loop until it has nothing but the beat, or `turns` are over. */
static unsigned beats(const char *usec, const char *pid, unsigned turns)
{
    struct manager m;
    uv_loop_t loop;
    uv_timer_t beat;
    unsigned n = 0;

    manager_open(&m, NULL);
    (void)setenv("WATCHDOG_USEC", usec, 1);
    (void)setenv("WATCHDOG_PID", pid, 1);
    notify_init();
    assert_int_equal(uv_loop_init(&loop), 0);
    notify_beat_start(&beat, &loop);
    assert_int_equal(uv_loop_alive(&loop), 0); /* it alone keeps no loop alive */
    uv_ref((uv_handle_t *)&beat);
    while (n < turns && uv_is_active((uv_handle_t *)&beat)) {
        (void)uv_run(&loop, UV_RUN_ONCE);
        n += strcmp(heard(&m), "WATCHDOG=1") == 0;
    }
    uv_close((uv_handle_t *)&beat, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    (void)close(m.fd);
    return n;
}

static void test_notify__the_loop_beats_where_it_is_asked_to(void **state)
{
    char own[32];

    (void)state;
    (void)snprintf(own, sizeof(own), "%d", (int)getpid());
    assert_int_equal(beats("4000", own, 3), 3);
    assert_int_equal(beats("1", own, 3), 3); /* no busy loop, and no division to nothing */
    assert_int_equal(beats("4000", "1", 3), 0);
    assert_int_equal(beats("0", own, 3), 0);
    assert_int_equal(beats("nonsense", own, 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_notify__says_it_to_an_abstract_name),
        cmocka_unit_test(test_notify__says_it_to_a_path),
        cmocka_unit_test(test_notify__cuts_what_is_too_long),
        cmocka_unit_test(test_notify__leaves_nothing_in_the_environment),
        cmocka_unit_test(test_notify__takes_no_other_address),
        cmocka_unit_test(test_notify__the_loop_beats_where_it_is_asked_to),
    };

    return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
