/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_LINE_BYTES = 8192, CHILD_PATH_BYTES = 4096 };

const char *child_program(const char *name, struct arena *a)
{
    char self[CHILD_PATH_BYTES];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self));
    struct slice dir = slice_make(self, n > 0 ? (size_t)n : 0);
    char *beside;

    dir = slice_head(dir, slice_rfind(dir, '/'));
    beside = arena_str(a, arena_printf(a, "%.*s/%s", SLICE_FMT(dir), name));
    return access(beside, X_OK) == 0 ? beside : name;
}

/* In the child: only what is safe between fork and exec. */
static _Noreturn void child_exec(char *const *argv, int out, pid_t parent)
{
    static const char failed[] = "cannot be run: is it installed beside stepfleet or in PATH?\n";
    sigset_t none;

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0) {
        _exit(127);
    }
    (void)execvp(argv[0], argv);
    (void)!write(STDERR_FILENO, failed, sizeof(failed) - 1);
    _exit(127);
}

enum err_code child_start(struct child *c, const char *label, char *const *argv, struct err *err)
{
    pid_t parent = getpid();
    int fds[2];
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) != 0) {
        return err_set(err, ERR_IO, "cannot run %s: %s", argv[0], strerror(errno));
    }
    pid = fork();
    if (pid == 0) {
        child_exec(argv, fds[1], parent);
    }
    (void)close(fds[1]);
    if (pid < 0) {
        (void)close(fds[0]);
        return err_set(err, ERR_IO, "cannot run %s: %s", argv[0], strerror(errno));
    }
    (void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
    *c = (struct child){.label = label, .pid = pid, .fd = fds[0], .running = true};
    return OK;
}

static void line_put(const struct child *c, struct slice line)
{
    (void)fprintf(stderr, "%-11s | %.*s\n", c->label, SLICE_FMT(line));
}

/* Whole lines leave; one that never ends leaves in pieces. */
static void lines_put(struct child *c)
{
    struct slice rest = buf_slice(&c->line);
    size_t end;

    while ((end = slice_find(rest, '\n')) != rest.len || rest.len >= CHILD_LINE_BYTES) {
        line_put(c, slice_head(rest, end));
        rest = slice_from(rest, end + 1);
    }
    memmove(c->line.ptr, rest.ptr, rest.len);
    c->line.len = rest.len;
}

void child_read(struct child *c)
{
    while (c->fd >= 0) {
        ssize_t n = read(c->fd, buf_reserve(&c->line, CHILD_LINE_BYTES), CHILD_LINE_BYTES);

        if (n > 0) {
            c->line.len += (size_t)n;
            lines_put(c);
        } else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
            (void)close(c->fd);
            c->fd = -1;
        } else if (errno == EAGAIN) {
            return;
        }
    }
}

void child_signal(const struct child *c, int signal)
{
    if (c->running) {
        (void)kill(c->pid, signal);
    }
}

bool child_reap(struct child *c)
{
    int status;

    if (!c->running || waitpid(c->pid, &status, WNOHANG) != c->pid) {
        return false;
    }
    c->running = false;
    c->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return true;
}

void child_fini(struct child *c)
{
    child_read(c);
    if (c->line.len != 0) {
        line_put(c, buf_slice(&c->line));
    }
    if (c->fd >= 0) {
        (void)close(c->fd);
        c->fd = -1;
    }
    buf_fini(&c->line);
}
