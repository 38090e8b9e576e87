/* SPDX-License-Identifier: Apache-2.0 */
/* The directories workers make for themselves, when many start and leave at once: each gets one, no
 * other takes it for what a dead one left, and none is left behind. Bounded in rounds. What whole
 * workers leave is in integration/test_scratch.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/host/log.h"
#include "worker/scratch.h"

enum { WORKERS = 6, ROUNDS = 300 };

/* ---- One worker, in a process of its own ---- */

/* Is the file there that was made in the directory? */
static bool keeps_a_file(const struct scratch *s)
{
    char path[256];
    int n = snprintf(path, sizeof(path), "%s/file", s->path);
    int fd = n > 0 && n < (int)sizeof(path) ? open(path, O_WRONLY | O_CREAT | O_EXCL, 0600) : -1;

    (void)sched_yield(); /* to those that start */
    return fd >= 0 && close(fd) == 0 && access(path, F_OK) == 0;
}

static bool come_and_go(void)
{
    for (int round = 0; round < ROUNDS; round++) {
        struct scratch s;
        struct err err;
        bool kept;

        if (scratch_open(&s, NULL, &err) != OK) {
            (void)fprintf(stderr, "round %d: %s\n", round, err.msg);
            return false;
        }
        kept = keeps_a_file(&s);
        if (!kept) {
            (void)fprintf(stderr, "round %d: %s was taken away\n", round, s.path);
        }
        scratch_close(&s);
        if (!kept) {
            return false;
        }
    }
    return true;
}

/* Begins as `go` is closed. */
static pid_t worker_start(const int go[2])
{
    pid_t pid = fork();
    char c;

    assert_true(pid >= 0);
    if (pid != 0) {
        return pid;
    }
    (void)close(go[1]);
    _exit(read(go[0], &c, 1) == 0 && come_and_go() ? 0 : 1);
}

static void test_worker_scratch__many_come_and_go_at_once(void **state)
{
    pid_t workers[WORKERS];
    unsigned failed = 0;
    int status;
    int left;
    int go[2];

    assert_int_equal(pipe(go), 0);
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = worker_start(go);
    }
    (void)close(go[0]);
    (void)close(go[1]);
    for (int i = 0; i < WORKERS; i++) {
        assert_int_equal(waitpid(workers[i], &status, 0), workers[i]);
        failed += status != 0;
    }
    left = rmdir(*state);
    assert_int_equal(failed, 0);
    assert_int_equal(left, 0); /* there was nothing in it */
}

/* ---- The directory they all have theirs in ---- */

static int setup(void **state)
{
    static char parent[] = "/tmp/stepfleet-test-XXXXXX";

    log_init("test", LOG_ERROR);
    *state = mkdtemp(parent);
    return *state != NULL ? setenv("TMPDIR", parent, 1) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_worker_scratch__many_come_and_go_at_once, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
