/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/process/process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "worker/process/supervisor.h"

void process_close(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
    *fd = -1;
}

enum err_code process_spawn(const struct process_spec *spec, struct process *out, struct err *err)
{
    int pair[2];
    sigset_t all;
    sigset_t before;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return err_set(err, ERR_IO, "no socket for a handler: %s", strerror(errno));
    }
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* no handler of ours may run in the fork */
    pid = fork();
    if (pid == 0) {
        supervisor_run(spec, pair[1]);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)close(pair[1]);
    if (pid < 0) {
        (void)close(pair[0]);
        return err_set(err, ERR_IO, "no process for a handler: %s", strerror(errno));
    }
    *out = (struct process){
        .supervisor = pid,
        .control = pair[0],
        .counts_cpu = spec->limits.cpu_seconds != 0,
    };
    return OK;
}

static bool send_order(const struct process *p, const struct supervisor_order *o)
{
    return send(p->control, o, sizeof(*o), MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof(*o);
}

/* One that gets to run less often than it is told something has to be waited for now and then. */
static bool order(const struct process *p, const struct supervisor_order *o)
{
    struct pollfd room = {p->control, POLLOUT, 0};

    if (send_order(p, o)) {
        return true;
    }
    return errno == EAGAIN && poll(&room, 1, PROCESS_LISTEN_MS) == 1 && send_order(p, o);
}

void process_stop(struct process *p, bool at_once)
{
    const struct supervisor_order o = {.command = at_once ? SUPERVISOR_KILL : SUPERVISOR_STOP};

    if (p->control >= 0) { /* where nobody listens any more, nothing is left to stop */
        (void)order(p, &o);
    }
}

/* ---- Task after task ---- */

static int64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
    return a_ms != 0 && (b_ms == 0 || a_ms < b_ms) ? a_ms : b_ms;
}

bool process_begin_task(struct process *p, int64_t timeout_ms, int64_t deadline_ms)
{
    int64_t now = now_ms();
    const struct supervisor_order o = {
        .command = SUPERVISOR_TIMES,
        .timeout_at_ms = timeout_ms > 0 ? now + timeout_ms : 0,
        .kill_at_ms = deadline_ms > 0 ? now + deadline_ms : 0,
    };

    p->due_ms = earlier(o.timeout_at_ms, o.kill_at_ms);
    return (p->due_ms == 0 && !p->counts_cpu) || order(p, &o);
}

/* The supervisor reads the clock, then what it was told, and only then acts by that clock: where it
 * was told before the time was up, it does not act. */
bool process_end_task(struct process *p)
{
    const struct supervisor_order o = {.command = SUPERVISOR_TIMES};
    int64_t due = p->due_ms;

    p->due_ms = 0;
    return due == 0 || (order(p, &o) && now_ms() < due);
}

/* The first word of a file in /proc, behind `name`; 0: there is none. */
static uint64_t proc_number(const char *path, const char *name)
{
    char text[4096];
    FILE *f = fopen(path, "re");
    size_t n = f != NULL ? fread(text, 1, sizeof(text) - 1, f) : 0;
    const char *at;

    if (f != NULL) {
        (void)fclose(f);
    }
    text[n] = '\0';
    at = strstr(text, name);
    return at != NULL ? strtoull(at + strlen(name), NULL, 10) : 0;
}

uint64_t process_memory(const struct process *p)
{
    char path[64];
    int pid = (int)p->supervisor;
    uint64_t handler;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
    handler = proc_number(path, "");
    (void)snprintf(path, sizeof(path), "/proc/%llu/status", (unsigned long long)handler);
    return handler != 0 ? proc_number(path, "VmHWM:") * 1024 : 0;
}

bool process_ended(struct process *p, struct process_exit *out)
{
    ssize_t n;

    assert(p->control >= 0);
    n = recv(p->control, out, sizeof(*out), MSG_DONTWAIT);
    if (n < 0 && errno == ECONNRESET) { /* it left before it heard all: what it said comes next */
        n = recv(p->control, out, sizeof(*out), MSG_DONTWAIT);
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    if (n != (ssize_t)sizeof(*out)) {
        *out = (struct process_exit){.cause = PROCESS_LOST};
    }
    process_close(&p->control);
    while (waitpid(p->supervisor, NULL, 0) < 0 && errno == EINTR) {
    }
    return true;
}

enum err_code process_pipe(int near, int ends[2], struct err *err)
{
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return err_set(err, ERR_IO, "no pipe for a handler: %s", strerror(errno));
    }
    (void)fcntl(ends[near], F_SETFL, fcntl(ends[near], F_GETFL) | O_NONBLOCK);
    return OK;
}

int process_memory_file(struct slice bytes, struct err *err)
{
    int fd = memfd_create("stepfleet-event", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    size_t at = 0;

    while (fd >= 0 && at < bytes.len) {
        ssize_t n = write(fd, bytes.ptr + at, bytes.len - at);

        if (n > 0) {
            at += (size_t)n;
        } else if (errno != EINTR) {
            process_close(&fd);
        }
    }
    if (fd < 0) {
        (void)err_set(err, ERR_IO, "no memory file for an event: %s", strerror(errno));
        return -1;
    }
    (void)lseek(fd, 0, SEEK_SET);
    (void)fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
    return fd;
}

void tail_put(struct tail *t, struct slice s)
{
    size_t keep;

    if (s.len >= sizeof(t->bytes)) {
        s = slice_from(s, s.len - sizeof(t->bytes));
        t->len = 0;
    }
    keep = sizeof(t->bytes) - s.len;
    if (t->len > keep) {
        memmove(t->bytes, t->bytes + t->len - keep, keep);
        t->len = keep;
    }
    if (s.len != 0) {
        memcpy(t->bytes + t->len, s.ptr, s.len);
        t->len += s.len;
    }
}

struct slice tail_text(const struct tail *t)
{
    struct slice s = slice_make(t->bytes, t->len);

    while (s.len > 0 && ((unsigned char)s.ptr[0] & 0xc0) == 0x80) {
        s = slice_from(s, 1);
    }
    while (s.len > 0 && (s.ptr[s.len - 1] == '\n' || s.ptr[s.len - 1] == '\r')) {
        s.len--;
    }
    return s;
}
