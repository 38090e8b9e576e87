/* SPDX-License-Identifier: Apache-2.0 */
/* Programs a benchmark starts, measures and ends, each by its own id; and what every benchmark
 * needs: a directory of its own, a way to give up, the clock. Children end when the benchmark does.
 */
#ifndef STEPFLEET_BENCH_PROCESS_H
#define STEPFLEET_BENCH_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

/* Say why and end; children end too. */
_Noreturn void bench_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int64_t bench_now_ns(void);
void bench_sleep_ms(int64_t ms);

/* Start argv (argv[0] is a path); stdout and stderr are added to the file `log`. */
pid_t process_start(const char *const *argv, const char *log);
/* SIGTERM (SIGKILL where it is not `gently`), and wait until it has ended. */
void process_end(pid_t pid, int gently);
/* bench_die() where it has ended by itself. */
void process_check(pid_t pid, const char *log);
/* "tcp://127.0.0.1:PORT" of a port nobody listens on. */
void bench_free_url(char *out, unsigned long size);
/* User and system time so far. */
int64_t process_cpu_ns(pid_t pid);
/* A row of /proc/PID/status such as "VmRSS:", in KiB. */
int64_t process_status_kib(pid_t pid, const char *row);

/* Make an empty directory `parent`/`name`, removing what was there. */
void bench_fresh_dir(const char *parent, const char *name, char *out, unsigned long size);
void bench_remove_dir(const char *path);

#endif
