/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/process/process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
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
    *out = (struct process){.supervisor = pid, .control = pair[0]};
    return OK;
}

void process_stop(struct process *p, bool at_once)
{
    char command = at_once ? SUPERVISOR_KILL : SUPERVISOR_STOP;

    if (p->control >= 0) { /* where nobody listens any more, nothing is left to stop */
        (void)send(p->control, &command, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

bool process_ended(struct process *p, struct process_exit *out)
{
    ssize_t n;

    assert(p->control >= 0);
    n = recv(p->control, out, sizeof(*out), MSG_DONTWAIT);
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
