/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/process.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void bench_die(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)fputs("bench: ", stderr);
    (void)vfprintf(stderr, fmt, args);
    (void)fputc('\n', stderr);
    va_end(args);
    _exit(EXIT_FAILURE); /* nng's threads may be anywhere: no handlers are run */
}

int64_t bench_now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

void bench_sleep_ms(int64_t ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    while (nanosleep(&ts, &ts) != 0 && errno == EINTR) {
    }
}

static _Noreturn void child(const char *const *argv, const char *log, pid_t parent)
{
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (fd < 0 || getppid() != parent || dup2(fd, STDOUT_FILENO) < 0 ||
        dup2(fd, STDERR_FILENO) < 0) {
        _exit(127);
    }
    (void)execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

pid_t process_start(const char *const *argv, const char *log)
{
    pid_t parent = getpid();
    pid_t pid = fork();

    if (pid == 0) {
        child(argv, log, parent);
    }
    if (pid < 0) {
        bench_die("fork: %s", strerror(errno));
    }
    return pid;
}

void process_end(pid_t pid, int gently)
{
    (void)kill(pid, gently ? SIGTERM : SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

void process_check(pid_t pid, const char *log)
{
    if (waitpid(pid, NULL, WNOHANG) != 0) {
        bench_die("process %d has ended, see %s", (int)pid, log);
    }
}

void bench_free_url(char *out, unsigned long size)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0) {
        bench_die("no free port: %s", strerror(errno));
    }
    (void)close(fd);
    (void)snprintf(out, size, "tcp://127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
}

int64_t process_cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec ts;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &ts) != 0) {
        bench_die("process %d ended: see its log", (int)pid);
    }
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t process_status_kib(pid_t pid, const char *row)
{
    char path[64];
    char line[256];
    long long kib = -1;
    FILE *f;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    f = fopen(path, "re");
    if (f == NULL) {
        bench_die("process %d ended: see its log", (int)pid);
    }
    while (kib < 0 && fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, row, strlen(row)) == 0) {
            kib = strtoll(line + strlen(row), NULL, 10);
        }
    }
    (void)fclose(f);
    return kib;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

void bench_remove_dir(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void bench_fresh_dir(const char *parent, const char *name, char *out, unsigned long size)
{
    int len = snprintf(out, size, "%s/%s", parent, name);

    if (len < 0 || (unsigned long)len >= size) {
        bench_die("the path is too long: %s/%s", parent, name);
    }
    bench_remove_dir(out);
    if (mkdir(out, 0700) != 0) {
        bench_die("cannot make %s: %s", out, strerror(errno));
    }
}
