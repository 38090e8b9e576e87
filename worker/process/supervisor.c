/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor: forked off a program with threads, so it allocates nothing, takes no lock and
 * calls only what signal-safety(7) lists, and plain system calls.
 *
 *   RUNNING --handler ended--> CLEARING --no child left--> told, exit
 * While CLEARING every child is killed on sight; a child's own children become ours when it dies.
 */
#include "worker/process/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    FD_HIGH = 32,     /* above every number the handler is given */
    CLEARING_MS = 50, /* look for children again, should a signal have been missed */
    PATH_BYTES = 64,  /* "/proc/N/task/N/children" */
    LISTING_BYTES = 4096,
};

struct supervisor {
    const struct process_spec *spec;
    int control;
    int signals; /* signalfd of SIGCHLD */
    pid_t handler;
    bool clearing;
    bool orphaned; /* the worker is gone: nobody is to be told */
    struct process_exit exit;
    int64_t begun_us;
    int64_t timeout_at; /* 0: none, like the others */
    int64_t kill_at;
    int64_t count_at;
};

static int64_t now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t now_ms(void)
{
    return now_us() / 1000;
}

/* ---- The tree, as /proc tells it. ---- */

static char *put_text(char *at, const char *text)
{
    while (*text != '\0') {
        *at++ = *text++;
    }
    return at;
}

static char *put_number(char *at, pid_t v)
{
    char digits[16];
    int n = 0;

    do {
        digits[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    while (n > 0) {
        *at++ = digits[--n];
    }
    return at;
}

struct tree {
    pid_t found[PROCESS_COUNT_MAX + 1];
    unsigned count;
    unsigned most; /* stop past it */
};

/* In the fork, pages of it are made as they are touched. */
static struct tree tree;

/* Add the children of one thread; false where /proc does not say. */
static bool tree_add_thread(struct tree *t, pid_t pid, pid_t thread)
{
    char path[PATH_BYTES];
    char text[LISTING_BYTES];
    char *at = put_number(put_text(path, "/proc/"), pid);
    pid_t v = 0;
    ssize_t n;
    int fd;

    *put_text(put_number(put_text(at, "/task/"), thread), "/children") = '\0';
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    while (t->count <= t->most && (n = read(fd, text, sizeof(text))) > 0) {
        for (ssize_t i = 0; i < n && t->count <= t->most; i++) {
            if (text[i] >= '0' && text[i] <= '9') {
                v = v * 10 + (text[i] - '0');
            } else if (v != 0) {
                t->found[t->count++] = v;
                v = 0;
            }
        }
    }
    (void)close(fd);
    return true;
}

struct dirent_raw {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

/* Add the children of all threads of a process. */
static void tree_add_process(struct tree *t, pid_t pid)
{
    _Alignas(struct dirent_raw) char listing[LISTING_BYTES];
    char path[PATH_BYTES];
    long n;
    int fd;

    *put_text(put_number(put_text(path, "/proc/"), pid), "/task") = '\0';
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return; /* it ended meanwhile */
    }
    while ((n = syscall(SYS_getdents64, fd, listing, sizeof(listing))) > 0) {
        for (long at = 0; at < n;) {
            const struct dirent_raw *e = (const void *)(listing + at);
            pid_t thread = 0;

            for (const char *c = e->name; *c >= '0' && *c <= '9'; c++) {
                thread = thread * 10 + (*c - '0');
            }
            if (thread != 0) {
                (void)tree_add_thread(t, pid, thread);
            }
            at += e->length;
        }
    }
    (void)close(fd);
}

unsigned supervisor_count(pid_t root, unsigned most)
{
    tree.count = 0;
    tree.most = most < PROCESS_COUNT_MAX ? most : PROCESS_COUNT_MAX;
    tree_add_process(&tree, root);
    for (unsigned i = 0; i < tree.count && tree.count <= tree.most; i++) {
        tree_add_process(&tree, tree.found[i]);
    }
    return tree.count;
}

/* Our own children cannot become somebody else's number while we have not reaped them. */
static bool kill_children(void)
{
    pid_t self = getpid();

    tree.count = 0;
    tree.most = PROCESS_COUNT_MAX;
    if (!tree_add_thread(&tree, self, self)) {
        return false;
    }
    for (unsigned i = 0; i < tree.count; i++) {
        (void)kill(tree.found[i], SIGKILL);
    }
    return true;
}

/* ---- The handler's side of the fork. ---- */

static void limit(int resource, uint64_t value)
{
    struct rlimit l = {value, value};

    (void)setrlimit((__rlimit_resource_t)resource, &l);
}

/* A process that is kept has more processor time with each task: only the soft limit can grow. */
static void limit_cpu(const struct process_spec *spec, pid_t pid, uint64_t used_seconds)
{
    uint64_t seconds = used_seconds + spec->limits.cpu_seconds;
    struct rlimit l = {seconds, spec->kept ? RLIM_INFINITY : seconds};

    if (spec->limits.cpu_seconds != 0) {
        (void)prlimit(pid, RLIMIT_CPU, &l, NULL);
    }
}

static void set_limits(const struct process_spec *spec)
{
    const struct process_limits *l = &spec->limits;

    limit(RLIMIT_CORE, 0);
    limit_cpu(spec, 0, 0);
    if (l->memory_bytes != 0) {
        limit(RLIMIT_AS, l->memory_bytes);
    }
    if (l->files != 0) {
        limit(RLIMIT_NOFILE, l->files);
    }
}

/* Numbers 0 to 6 as the spec says, all others closed by exec. Returns `control`, moved away. */
static int place_fds(const struct process_spec *spec, int control)
{
    int high[PROCESS_SLOTS];
    int moved = fcntl(control, F_DUPFD_CLOEXEC, FD_HIGH);

    for (int i = 0; i < PROCESS_SLOTS; i++) {
        int fd = spec->fds[i];

        if (fd < 0 && i <= PROCESS_STDERR) {
            fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        }
        high[i] = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FD_HIGH);
    }
    for (int i = 0; i < PROCESS_SLOTS; i++) {
        if (high[i] >= 0) {
            (void)dup2(high[i], i);
        } else {
            (void)close(i);
        }
    }
    (void)close_range(PROCESS_SLOTS, ~0U, CLOSE_RANGE_CLOEXEC);
    return moved;
}

static void default_signals(void)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int i = 1; i < NSIG; i++) {
        (void)sigaction(i, &standard, NULL);
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void handler_run(const struct process_spec *spec, int control, pid_t parent)
{
    struct process_exit failed = {.cause = PROCESS_NOT_RUN};

    (void)setsid();
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(127); /* it died before the line above */
    }
    control = place_fds(spec, control);
    default_signals();
    if (chdir(spec->directory) == 0) {
        set_limits(spec);
        (void)execve(spec->path, spec->argv, spec->envp);
    }
    failed.error = errno;
    (void)send(control, &failed, sizeof(failed), MSG_NOSIGNAL);
    _exit(127);
}

/* ---- The supervisor's. ---- */

/* Keep control and stderr (for a sanitizer's last words); let go of all else, pipes above all. */
static void let_go(struct supervisor *s)
{
    sigset_t child;
    int high = fcntl(s->control, F_DUPFD_CLOEXEC, FD_HIGH);

    (void)close(STDIN_FILENO);
    (void)close(STDOUT_FILENO);
    s->control = dup3(high, STDERR_FILENO + 1, O_CLOEXEC);
    (void)close_range((unsigned)s->control + 1, ~0U, 0);
    (void)sigemptyset(&child);
    (void)sigaddset(&child, SIGCHLD);
    s->signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void end_now(struct supervisor *s, enum process_cause cause)
{
    if (!s->clearing) {
        if (s->exit.cause == PROCESS_ENDED) {
            s->exit.cause = cause;
        }
        (void)kill(s->handler, SIGKILL); /* its group follows when it is reaped */
    }
}

static void end_gently(struct supervisor *s, enum process_cause cause)
{
    int64_t kill_at = now_ms() + PROCESS_GRACE_MS;

    if (!s->clearing && s->exit.cause == PROCESS_ENDED) {
        s->exit.cause = cause;
        s->kill_at = s->kill_at != 0 && s->kill_at < kill_at ? s->kill_at : kill_at;
        if (kill(-s->handler, SIGTERM) != 0) { /* it leads no group yet */
            (void)kill(s->handler, SIGTERM);
        }
        (void)kill(-s->handler, SIGCONT);
    }
}

/* Reap what ended; false once there is no child left. */
static bool reap(struct supervisor *s)
{
    for (;;) {
        siginfo_t info = {0};

        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
            return errno == EINTR;
        }
        if (info.si_pid == 0) {
            return true;
        }
        if (info.si_pid == s->handler &&
            !s->clearing) { /* not reaped yet: the number is still its */
            (void)kill(-s->handler, SIGKILL);
            (void)waitpid(s->handler, &s->exit.status, 0);
            s->exit.ran_us = (uint64_t)(now_us() - s->begun_us);
            s->clearing = true;
        } else {
            (void)waitpid(info.si_pid, NULL, 0);
        }
    }
}

/* A task begins in a process that is kept, or is over. One that is being ended stays so. */
static void set_times(struct supervisor *s, const struct supervisor_order *o)
{
    struct timespec used = {0};
    clockid_t clock;

    if (s->clearing || s->exit.cause != PROCESS_ENDED) {
        return;
    }
    s->timeout_at = o->timeout_at_ms;
    s->kill_at = o->kill_at_ms;
    if (s->spec->limits.cpu_seconds != 0 && clock_getcpuclockid(s->handler, &clock) == 0 &&
        clock_gettime(clock, &used) == 0) {
        limit_cpu(s->spec, s->handler, (uint64_t)used.tv_sec + 1);
    }
}

static void obey(struct supervisor *s, const struct supervisor_order *o)
{
    switch (o->command) {
    case SUPERVISOR_STOP: end_gently(s, PROCESS_STOPPED); break;
    case SUPERVISOR_KILL: end_now(s, PROCESS_STOPPED); break;
    case SUPERVISOR_TIMES: set_times(s, o); break;
    }
}

/* False: there is no more for now. */
static bool hear(struct supervisor *s)
{
    struct supervisor_order o;
    ssize_t n = recv(s->control, &o, sizeof(o), MSG_DONTWAIT);

    if (n == (ssize_t)sizeof(o)) {
        obey(s, &o);
        return true;
    }
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        s->orphaned = true;
        end_now(s, PROCESS_STOPPED);
    }
    return false;
}

static void look_at_clock(struct supervisor *s, int64_t now)
{
    const struct process_limits *l = &s->spec->limits;

    if (s->timeout_at != 0 && now >= s->timeout_at) {
        s->timeout_at = 0;
        end_gently(s, PROCESS_TIMED_OUT);
    }
    if (s->kill_at != 0 && now >= s->kill_at) {
        s->kill_at = 0;
        end_now(s, PROCESS_TIMED_OUT);
    }
    if (s->count_at != 0 && now >= s->count_at) {
        s->count_at = now + PROCESS_COUNT_MS;
        if (supervisor_count(getpid(), l->processes) > l->processes) {
            end_now(s, PROCESS_TOO_MANY);
        }
    }
}

static int wait_ms(const struct supervisor *s)
{
    const int64_t at[] = {s->timeout_at, s->kill_at, s->count_at};
    int64_t least = INT32_MAX;
    int64_t now = now_ms();

    if (s->clearing) {
        return CLEARING_MS;
    }
    for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        if (at[i] != 0 && at[i] - now < least) {
            least = at[i] > now ? at[i] - now : 0;
        }
    }
    return least == INT32_MAX ? -1 : (int)least;
}

static void watch(struct supervisor *s)
{
    while (reap(s)) {
        struct pollfd fds[] = {{s->signals, POLLIN, 0}, {s->control, POLLIN, 0}};
        struct signalfd_siginfo info;
        int64_t now;

        if (s->clearing && !kill_children()) {
            return; /* no children files: the group is all that can be killed */
        }
        (void)poll(fds, s->orphaned ? 1 : 2, wait_ms(s));
        while (read(s->signals, &info, sizeof(info)) > 0) {
        }
        now = now_ms(); /* before it is heard whether a time still counts: process_end_task() */
        while (!s->orphaned && hear(s)) {
        }
        if (!s->clearing) {
            look_at_clock(s, now);
        }
    }
}

_Noreturn void supervisor_run(const struct process_spec *spec, int control)
{
    const struct process_limits *l = &spec->limits;
    struct supervisor s = {.spec = spec, .control = control, .begun_us = now_us()};
    pid_t self = getpid();
    int64_t now = s.begun_us / 1000;
    struct rusage used;

    (void)setsid(); /* a terminal's Ctrl-C is for the worker, which drains */
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    /* The sanitizer's own prctl() takes a lock for this, that a thread may have held at the fork.
     */
    (void)syscall(SYS_prctl, PR_SET_NAME, "stepfleet-superv", 0, 0, 0);
    s.handler = fork();
    if (s.handler == 0) {
        handler_run(spec, control, self);
    }
    if (s.handler < 0) {
        s.exit = (struct process_exit){.cause = PROCESS_NOT_RUN, .error = errno};
    } else {
        let_go(&s);
        s.timeout_at = l->timeout_ms > 0 ? now + l->timeout_ms : 0;
        s.kill_at = l->deadline_ms > 0 ? now + l->deadline_ms : 0;
        s.count_at = l->processes != 0 ? now + PROCESS_COUNT_MS : 0;
        watch(&s);
        if (getrusage(RUSAGE_CHILDREN, &used) == 0) {
            s.exit.memory_bytes = (uint64_t)used.ru_maxrss * 1024;
        }
    }
    (void)send(s.control, &s.exit, sizeof(s.exit), MSG_NOSIGNAL);
    _exit(0);
}
