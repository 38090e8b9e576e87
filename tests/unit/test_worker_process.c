/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of handlers: their end, whatever they do, and command lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base/buf.h"
#include "proto/base/text.h"
#include "proto/host/clock.h"
#include "worker/process/command.h"
#include "worker/process/process.h"
#include "worker/process/supervisor.h"

enum { PATIENCE_MS = 20000, SOON_MS = 10000 };

/* A shell that runs `script`, its stdout read by us. */
struct shell {
    struct process process;
    struct process_exit exit;
    int out;
    struct buf text;
};

static void shell_spawn_as(struct shell *s,
                           const char *script,
                           const struct process_limits *limits,
                           int input,
                           bool kept)
{
    char *argv[] = {(char *)"sh", (char *)"-c", (char *)(uintptr_t)script, NULL};
    char *envp[] = {(char *)"PATH=/usr/bin:/bin", NULL};
    struct process_spec spec = {
        .path = "/bin/sh", .argv = argv, .envp = envp, .directory = "/", .kept = kept};
    int ends[2];
    struct err err;

    *s = (struct shell){0};
    assert_int_equal(process_pipe(0, ends, &err), OK);
    for (int i = 0; i < PROCESS_SLOTS; i++) {
        spec.fds[i] = -1;
    }
    spec.fds[PROCESS_STDIN] = input;
    spec.fds[PROCESS_STDOUT] = ends[1];
    if (limits != NULL) {
        spec.limits = *limits;
    }
    assert_int_equal(process_spawn(&spec, &s->process, &err), OK);
    s->out = ends[0];
    (void)close(ends[1]);
}

static void
shell_spawn(struct shell *s, const char *script, const struct process_limits *limits, int input)
{
    shell_spawn_as(s, script, limits, input, false);
}

static void shell_read(struct shell *s)
{
    char bytes[4096];
    ssize_t n;

    while ((n = read(s->out, bytes, sizeof(bytes))) > 0) {
        buf_put(&s->text, bytes, (size_t)n);
    }
}

/* Until the supervisor says that all is gone. */
static void shell_end(struct shell *s)
{
    struct pollfd fd = {s->process.control, POLLIN, 0};

    do {
        assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
    } while (!process_ended(&s->process, &s->exit));
    shell_read(s);
    (void)close(s->out);
}

/* Until it has written a whole line: it is where the test wants it. */
static void shell_line(struct shell *s)
{
    while (slice_find(buf_slice(&s->text), '\n') == s->text.len) {
        struct pollfd fd = {s->out, POLLIN, 0};

        assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
        shell_read(s);
    }
}

static void run(const char *script, const struct process_limits *limits, struct shell *s)
{
    shell_spawn(s, script, limits, -1);
    shell_end(s);
}

/* The process a line names is gone, or a zombie nobody has reaped yet. */
static void assert_gone(const struct shell *s)
{
    struct slice text = buf_slice(&s->text);
    uint64_t pid;

    assert_true(text_parse_u64(slice_head(text, slice_find(text, '\n')), &pid) && pid > 1);
    assert_int_equal(kill((pid_t)pid, 0), -1);
    assert_int_equal(errno, ESRCH);
}

static void test_process__tells_exit_status(void **state)
{
    struct shell s;

    (void)state;
    run("echo out; exit 3", NULL, &s);
    assert_int_equal(s.exit.cause, PROCESS_ENDED);
    assert_true(WIFEXITED(s.exit.status));
    assert_int_equal(WEXITSTATUS(s.exit.status), 3);
    assert_true(slice_eq_str(buf_slice(&s.text), "out\n"));
    buf_fini(&s.text);
}

static void test_process__tells_time_and_memory(void **state)
{
    struct shell s;

    (void)state; /* in a pipeline, so that it is a child of the handler's that has the memory */
    run("head -c 50000000 /dev/zero | tail -c 50000000 | wc -c; read line", NULL, &s);
    assert_in_range(s.exit.ran_us, 1, PATIENCE_MS * 1000);
    assert_in_range(s.exit.memory_bytes, 50000000, 1 << 30);
    buf_fini(&s.text);
    run("exit 1", NULL, &s);
    assert_in_range(s.exit.memory_bytes, 1 << 16, 1 << 30);
    buf_fini(&s.text);
}

static void test_process__tells_signal(void **state)
{
    struct shell s;

    (void)state;
    run("kill -SEGV $$", NULL, &s);
    assert_int_equal(s.exit.cause, PROCESS_ENDED);
    assert_true(WIFSIGNALED(s.exit.status));
    assert_int_equal(WTERMSIG(s.exit.status), SIGSEGV);
    assert_false(WCOREDUMP(s.exit.status));
    buf_fini(&s.text);
}

static void test_process__tells_what_cannot_be_run(void **state)
{
    char *argv[] = {(char *)"none", NULL};
    char *envp[] = {NULL};
    struct process_spec spec = {
        .path = "/no/such/program", .argv = argv, .envp = envp, .directory = "/"};
    struct shell s = {.out = -1};
    struct err err;

    (void)state;
    for (int i = 0; i < PROCESS_SLOTS; i++) {
        spec.fds[i] = -1;
    }
    assert_int_equal(process_spawn(&spec, &s.process, &err), OK);
    shell_end(&s);
    assert_int_equal(s.exit.cause, PROCESS_NOT_RUN);
    assert_int_equal(s.exit.error, ENOENT);
}

static void test_process__has_only_its_descriptors(void **state)
{
    struct shell s;

    (void)state;
    run("ls /proc/self/fd | tr '\\n' ' '", NULL, &s);
    assert_true(slice_starts_with(buf_slice(&s.text), SLICE("0 1 2 3 "))); /* 3: ls's own */
    assert_true(s.text.len == strlen("0 1 2 3 "));
    buf_fini(&s.text);
}

static void test_process__default_signals(void **state)
{
    struct shell s;

    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    run("grep -E 'Sig(Ign|Blk)' /proc/self/status | tr -d '\\t\\n'", NULL, &s);
    assert_true(slice_eq_str(buf_slice(&s.text), "SigBlk:0000000000000000SigIgn:0000000000000000"));
    buf_fini(&s.text);
}

static void test_process__kills_forks_left_behind(void **state)
{
    struct shell s;

    (void)state;
    run("sleep 4711 & echo $!", NULL, &s);
    assert_int_equal(s.exit.cause, PROCESS_ENDED);
    assert_gone(&s);
    buf_fini(&s.text);
}

static void test_process__kills_daemons(void **state)
{
    struct shell s;

    (void)state; /* a session of its own, its parent gone: only the subreaper finds it */
    run("setsid sh -c 'setsid sleep 4712 & echo $!'", NULL, &s);
    assert_int_equal(s.exit.cause, PROCESS_ENDED);
    assert_gone(&s);
    buf_fini(&s.text);
}

static void test_process__stops_at_once(void **state)
{
    struct shell s;

    (void)state;
    shell_spawn(&s, "trap '' TERM; sleep 4713 & echo $!; wait", NULL, -1);
    shell_line(&s);
    process_stop(&s.process, true);
    shell_end(&s);
    assert_int_equal(s.exit.cause, PROCESS_STOPPED);
    assert_int_equal(WTERMSIG(s.exit.status), SIGKILL);
    assert_gone(&s);
    buf_fini(&s.text);
}

static void test_process__stops_gently(void **state)
{
    struct shell s;

    (void)state;
    shell_spawn(&s, "trap 'exit 9' TERM; echo 1; while :; do sleep .05; done", NULL, -1);
    shell_line(&s);
    process_stop(&s.process, false);
    shell_end(&s);
    assert_int_equal(s.exit.cause, PROCESS_STOPPED);
    assert_int_equal(WEXITSTATUS(s.exit.status), 9);
    buf_fini(&s.text);
}

static void test_process__stops_before_it_has_begun(void **state)
{
    (void)state; /* wherever the two forks are by then */
    for (int i = 0; i < 20; i++) {
        int64_t begun = clock_mono_ms();
        struct shell s;

        shell_spawn(&s, "sleep 60", NULL, -1);
        process_stop(&s.process, false);
        shell_end(&s);
        assert_int_equal(s.exit.cause, PROCESS_STOPPED);
        assert_true(clock_mono_ms() - begun < PROCESS_GRACE_MS);
        buf_fini(&s.text);
    }
}

static void test_process__kills_after_grace(void **state)
{
    int64_t begun = clock_mono_ms();
    struct shell s;

    (void)state;
    shell_spawn(&s, "trap '' TERM; echo 1; while :; do sleep .05; done", NULL, -1);
    shell_line(&s);
    process_stop(&s.process, false);
    process_stop(&s.process, false); /* asked again: the grace does not begin again */
    shell_end(&s);
    assert_int_equal(WTERMSIG(s.exit.status), SIGKILL);
    assert_in_range(clock_mono_ms() - begun, PROCESS_GRACE_MS, PROCESS_GRACE_MS + SOON_MS);
    buf_fini(&s.text);
}

static void test_process__timeout_is_gentle(void **state)
{
    struct process_limits limits = {.timeout_ms = 100};
    struct shell s;

    (void)state;
    run("trap 'exit 9' TERM; while :; do sleep .05; done", &limits, &s);
    assert_int_equal(s.exit.cause, PROCESS_TIMED_OUT);
    assert_int_equal(WEXITSTATUS(s.exit.status), 9);
    buf_fini(&s.text);
}

static void test_process__deadline_is_not(void **state)
{
    struct process_limits limits = {.deadline_ms = 100, .timeout_ms = 60000};
    struct shell s;

    (void)state;
    run("trap 'exit 9' TERM; while :; do sleep .05; done", &limits, &s);
    assert_int_equal(s.exit.cause, PROCESS_TIMED_OUT);
    assert_int_equal(WTERMSIG(s.exit.status), SIGKILL);
    buf_fini(&s.text);
}

static void test_process__counts_processes(void **state)
{
    struct process_limits limits = {.processes = 3};
    struct shell s;

    (void)state; /* the shell and two: at the limit */
    run("sleep .5 & sleep .5; wait; exit 5", &limits, &s);
    assert_int_equal(s.exit.cause, PROCESS_ENDED);
    assert_int_equal(WEXITSTATUS(s.exit.status), 5);
    buf_fini(&s.text);
    /* One more, in a session of its own. */
    run("echo $$; sleep 60 & setsid sleep 60 & sleep 60", &limits, &s);
    assert_int_equal(s.exit.cause, PROCESS_TOO_MANY);
    assert_gone(&s);
    buf_fini(&s.text);
}

static void test_process__limits_hold(void **state)
{
    struct process_limits limits = {
        .memory_bytes = 64 << 20, .cpu_seconds = 7, .files = PROCESS_FILES_MIN};
    struct rlimit core;
    struct shell s;

    (void)state;
    (void)getrlimit(RLIMIT_CORE, &core);
    core.rlim_cur = core.rlim_max; /* ours; the handler's is off all the same */
    (void)setrlimit(RLIMIT_CORE, &core);
    run("echo $(ulimit -v) $(ulimit -t) $(ulimit -n) $(ulimit -c)", &limits, &s);
    assert_true(slice_eq_str(buf_slice(&s.text), "65536 7 9 0\n"));
    buf_fini(&s.text);
}

/* ---- Task after task ---- */

static void test_process__each_task_has_its_time(void **state)
{
    struct shell s;

    (void)
        state; /* three tasks of 300 ms each, in a process that lives longer than any of them may */
    shell_spawn_as(&s, "sleep 2; echo done", NULL, -1, true);
    for (int i = 0; i < 3; i++) {
        assert_true(process_begin_task(&s.process, PATIENCE_MS, PATIENCE_MS));
        (void)poll(NULL, 0, 300);
        assert_true(process_end_task(&s.process));
    }
    assert_true(process_begin_task(&s.process, 0, 0));
    shell_end(&s);
    assert_int_equal(s.exit.cause, PROCESS_ENDED);
    assert_int_equal(s.exit.status, 0);
    buf_fini(&s.text);
}

static void test_process__a_task_that_ended_has_no_time(void **state)
{
    struct shell s;

    (void)state; /* the times of the first must not end the second */
    shell_spawn_as(&s, "sleep 1.5; exit 7", NULL, -1, true);
    assert_true(process_begin_task(&s.process, 1000, 1000));
    assert_true(process_end_task(&s.process));
    shell_end(&s);
    assert_int_equal(s.exit.cause, PROCESS_ENDED);
    assert_int_equal(WEXITSTATUS(s.exit.status), 7);
    buf_fini(&s.text);
}

static void test_process__a_task_out_of_time_is_told_from_one_that_ended(void **state)
{
    struct shell s;

    (void)state;
    shell_spawn_as(&s, "trap 'exit 9' TERM; while :; do sleep .05; done", NULL, -1, true);
    assert_true(process_begin_task(&s.process, 0, 100));
    (void)poll(NULL, 0, 150);
    assert_false(process_end_task(&s.process)); /* whatever the supervisor did meanwhile */
    process_stop(&s.process, true);
    shell_end(&s);
    buf_fini(&s.text);
    shell_spawn_as(&s, "sleep 60", NULL, -1, true);
    assert_true(process_begin_task(&s.process, 100, 0));
    shell_end(&s);
    assert_int_equal(s.exit.cause, PROCESS_TIMED_OUT);
    buf_fini(&s.text);
}

/* A second of processor time a task: two tasks of 0.7 s each go well, one that goes on does not. */
static void test_process__each_task_has_its_processor_time(void **state)
{
    static const char script[] =
        "for i in 1 2 3; do read ticks; while [ $(cut -d ' ' -f 14 /proc/$$/stat) -lt $ticks ]; do "
        "j=0; while [ $j -lt 20000 ]; do j=$((j+1)); done; done; echo $i; done";
    struct process_limits limits = {.cpu_seconds = 1};
    struct shell s;
    int ends[2];
    struct err err;

    (void)state;
    assert_int_equal(process_pipe(1, ends, &err), OK);
    shell_spawn_as(&s, script, &limits, ends[0], true);
    (void)close(ends[0]);
    for (int i = 0; i < 3; i++) { /* ticks of 10 ms, from the process' beginning */
        const char *ticks = i == 0 ? "70\n" : i == 1 ? "140\n" : "10000\n";

        assert_true(process_begin_task(&s.process, 0, 0));
        assert_int_equal(write(ends[1], ticks, strlen(ticks)), (ssize_t)strlen(ticks));
        if (i < 2) {
            buf_reset(&s.text);
            shell_line(&s);
        }
    }
    shell_end(&s);
    (void)close(ends[1]);
    assert_int_equal(s.exit.cause, PROCESS_ENDED);
    assert_int_equal(WTERMSIG(s.exit.status), SIGXCPU);
    buf_fini(&s.text);
}

/* What it was told when it was about to go must not hide what it said. */
static void test_process__its_end_is_told_whatever_it_was_told(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        struct pollfd fd;
        struct shell s;

        shell_spawn_as(&s, "exit 3", NULL, -1, true);
        fd = (struct pollfd){s.process.control, POLLIN, 0};
        do {
            (void)process_begin_task(&s.process, PATIENCE_MS, 0);
        } while (poll(&fd, 1, 1) == 0);
        (void)poll(NULL, 0, 2); /* it has left */
        assert_true(process_ended(&s.process, &s.exit));
        assert_int_equal(s.exit.cause, PROCESS_ENDED);
        assert_int_equal(WEXITSTATUS(s.exit.status), 3);
        shell_read(&s);
        (void)close(s.out);
        buf_fini(&s.text);
    }
}

/* One with a supervisor that stands still, and has been told as much as there is room for. */
static void shell_spawn_behind(struct shell *s)
{
    int told = 0;

    shell_spawn_as(s, "sleep 60", NULL, -1, true);
    (void)kill(s->process.supervisor, SIGSTOP);
    while (process_begin_task(&s->process, PATIENCE_MS, 0) && told < 100000) {
        told++;
    }
    assert_in_range(told, 10, 99999);
}

/* It gets to run less often than tasks end: they wait for it, but not for ever. */
static void test_process__a_supervisor_may_be_behind(void **state)
{
    struct shell s;

    (void)state;
    shell_spawn_behind(&s);
    (void)kill(s.process.supervisor, SIGCONT);
    for (int i = 0; i < 2000; i++) {
        assert_true(process_begin_task(&s.process, PATIENCE_MS, 0));
        assert_true(process_end_task(&s.process));
    }
    process_stop(&s.process, true);
    shell_end(&s);
    buf_fini(&s.text);
}

static void test_process__a_stop_waits_for_a_supervisor_that_is_behind(void **state)
{
    struct shell s;
    pid_t waker;

    (void)state;
    shell_spawn_behind(&s);
    waker = fork();
    if (waker == 0) {
        (void)poll(NULL, 0, 50);
        (void)kill(s.process.supervisor, SIGCONT);
        _exit(0);
    }
    process_stop(&s.process, true);
    shell_end(&s);
    assert_int_equal(s.exit.cause, PROCESS_STOPPED);
    assert_int_equal(waitpid(waker, NULL, 0), waker);
    buf_fini(&s.text);
}

static void test_process__tells_memory_while_it_runs(void **state)
{
    struct shell s;

    (void)state;
    shell_spawn_as(&s, "echo on; sleep 60", NULL, -1, true);
    shell_line(&s);
    assert_in_range(process_memory(&s.process), 1 << 16, 1 << 30);
    process_stop(&s.process, true);
    shell_end(&s);
    buf_fini(&s.text);
}

/* A worker that dies takes all with it: its end of the control socket closes. */
static void test_process__worker_gone(void **state)
{
    struct shell s;
    struct pollfd fd;

    (void)state;
    shell_spawn(&s, "setsid sleep 4714 & echo $!; wait", NULL, -1);
    shell_line(&s);
    process_close(&s.process.control);
    fd = (struct pollfd){s.out, POLLIN, 0};
    assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1); /* the pipe's end: nobody holds it */
    assert_int_equal(waitpid(s.process.supervisor, NULL, 0), s.process.supervisor);
    assert_gone(&s);
    (void)close(s.out);
    buf_fini(&s.text);
}

static void test_process__supervisor_killed(void **state)
{
    struct shell s;
    struct pollfd fd;

    (void)state;
    shell_spawn(&s, "echo $$; exec sleep 4715", NULL, -1);
    shell_line(&s);
    (void)kill(s.process.supervisor, SIGKILL);
    fd = (struct pollfd){s.out, 0, 0};
    assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1); /* hung up: the handler held the pipe's end */
    shell_end(&s);
    assert_int_equal(s.exit.cause, PROCESS_LOST);
    buf_fini(&s.text);
}

static void test_process__early_close_of_stdin(void **state)
{
    char bytes[PROCESS_READ_BYTES] = {0};
    int ends[2];
    struct shell s;
    struct err err;
    ssize_t n;

    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    assert_int_equal(process_pipe(1, ends, &err), OK);
    shell_spawn(&s, "exec 0<&-; echo closed; sleep .1", NULL, ends[0]);
    (void)close(ends[0]);
    shell_line(&s);
    do {
        n = write(ends[1], bytes, sizeof(bytes));
    } while (n > 0);
    assert_int_equal(errno, EPIPE);
    shell_end(&s);
    assert_int_equal(WEXITSTATUS(s.exit.status), 0);
    (void)close(ends[1]);
    buf_fini(&s.text);
}

static void test_process__memory_file_is_sealed(void **state)
{
    char back[8] = {0};
    struct err err;
    int fd = process_memory_file(SLICE("event"), &err);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(read(fd, back, sizeof(back)), 5);
    assert_string_equal(back, "event");
    assert_int_equal(write(fd, "x", 1), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
    process_close(&fd);
    assert_int_equal(fd, -1);
}

static void test_process__tail_keeps_the_end(void **state)
{
    static char many[3 * PROCESS_TAIL_BYTES];
    struct tail t = {0};

    (void)state;
    memset(many, 'x', sizeof(many));
    tail_put(&t, slice_make(many, sizeof(many)));
    assert_int_equal(tail_text(&t).len, PROCESS_TAIL_BYTES);
    tail_put(&t, SLICE("the end\r\n"));
    assert_int_equal(t.len, PROCESS_TAIL_BYTES);
    assert_true(slice_ends_with(tail_text(&t), SLICE("xthe end")));
    t = (struct tail){0};
    tail_put(&t, SLICE("\xa4 cut"));
    assert_true(slice_eq_str(tail_text(&t), " cut"));
}

static void assert_split(const char *line, const char *expected)
{
    struct arena a = {0};
    struct buf joined = {0};
    struct err err;
    char **argv;
    size_t argc;

    assert_int_equal(command_split(slice_str(line), &a, &argv, &argc, &err), OK);
    for (size_t i = 0; i < argc; i++) {
        buf_printf(&joined, "[%s]", argv[i]);
    }
    assert_null(argv[argc]);
    assert_true(slice_eq_str(buf_slice(&joined), expected));
    buf_fini(&joined);
    arena_fini(&a);
}

static void test_command__splits(void **state)
{
    struct arena a = {0};
    struct err err;
    char **argv;
    size_t argc;

    (void)state;
    assert_split("a", "[a]");
    assert_split("  a\tb  ", "[a][b]");
    assert_split("a 'b c' \"d e\"", "[a][b c][d e]");
    assert_split("a'b'\"c\"d", "[abcd]");
    assert_split("'' \"\"", "[][]");
    assert_split("a\\ b \\'", "[a b][']");
    assert_split("'a\\b' \"a\\b\\\"\\\\\"", "[a\\b][a\\b\"\\]");
    assert_split("$HOME * ; |", "[$HOME][*][;][|]");
    assert_int_equal(command_split(SLICE("  "), &a, &argv, &argc, &err), ERR_CONFIG);
    assert_int_equal(command_split(SLICE("a 'b"), &a, &argv, &argc, &err), ERR_CONFIG);
    assert_int_equal(command_split(SLICE("a \"b\\\""), &a, &argv, &argc, &err), ERR_CONFIG);
    assert_int_equal(command_split(slice_make("a\0b", 3), &a, &argv, &argc, &err), ERR_CONFIG);
    arena_fini(&a);
}

static void test_command__resolves(void **state)
{
    struct arena a = {0};

    (void)state;
    assert_string_equal(command_resolve("sh", "/no/such:/bin:/usr/bin", &a), "/bin/sh");
    assert_string_equal(command_resolve("/bin/sh", "", &a), "/bin/sh");
    assert_null(command_resolve("sh", "", &a));
    assert_null(command_resolve("no-such-program", "/bin:/usr/bin", &a));
    assert_null(command_resolve("/etc/passwd", "/bin", &a)); /* not executable */
    assert_null(command_resolve("/bin", "/", &a));           /* a directory */
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_process__tells_exit_status),
        cmocka_unit_test(test_process__tells_time_and_memory),
        cmocka_unit_test(test_process__tells_signal),
        cmocka_unit_test(test_process__tells_what_cannot_be_run),
        cmocka_unit_test(test_process__has_only_its_descriptors),
        cmocka_unit_test(test_process__default_signals),
        cmocka_unit_test(test_process__kills_forks_left_behind),
        cmocka_unit_test(test_process__kills_daemons),
        cmocka_unit_test(test_process__stops_at_once),
        cmocka_unit_test(test_process__stops_gently),
        cmocka_unit_test(test_process__stops_before_it_has_begun),
        cmocka_unit_test(test_process__kills_after_grace),
        cmocka_unit_test(test_process__timeout_is_gentle),
        cmocka_unit_test(test_process__deadline_is_not),
        cmocka_unit_test(test_process__counts_processes),
        cmocka_unit_test(test_process__limits_hold),
        cmocka_unit_test(test_process__each_task_has_its_time),
        cmocka_unit_test(test_process__a_task_that_ended_has_no_time),
        cmocka_unit_test(test_process__a_task_out_of_time_is_told_from_one_that_ended),
        cmocka_unit_test(test_process__each_task_has_its_processor_time),
        cmocka_unit_test(test_process__its_end_is_told_whatever_it_was_told),
        cmocka_unit_test(test_process__a_supervisor_may_be_behind),
        cmocka_unit_test(test_process__a_stop_waits_for_a_supervisor_that_is_behind),
        cmocka_unit_test(test_process__tells_memory_while_it_runs),
        cmocka_unit_test(test_process__worker_gone),
        cmocka_unit_test(test_process__supervisor_killed),
        cmocka_unit_test(test_process__early_close_of_stdin),
        cmocka_unit_test(test_process__memory_file_is_sealed),
        cmocka_unit_test(test_process__tail_keeps_the_end),
        cmocka_unit_test(test_command__splits),
        cmocka_unit_test(test_command__resolves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
