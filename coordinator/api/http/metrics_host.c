/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of what the coordinator runs on: the database, the process (by the names that
 * all of Prometheus's clients use), the certificate. What the system does not tell is left out. */
#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "coordinator/api/http/exposition.h"
#include "coordinator/api/http/metrics.h"

static void put_store(struct store *store, struct buf *out)
{
    struct store_figures f;

    store_figures(store, &f);
    exposition_gauge(out, "stepfleet_database_disk_bytes", "The database's tables on disk.",
                     f.disk_bytes);
    exposition_gauge(out, "stepfleet_database_memtable_bytes",
                     "What is written and not yet in a table.", f.memory_bytes);
    exposition_gauge(out, "stepfleet_database_cache_bytes", "The database's block cache.",
                     f.cache_bytes);
    exposition_gauge(out, "stepfleet_database_rows", "Rows, about.", f.rows);
    exposition_gauge(out, "stepfleet_database_compaction_pending_bytes", "Still to be compacted.",
                     f.compaction_bytes);
    exposition_gauge(out, "stepfleet_database_compactions", "Compactions under way.",
                     f.compactions);
    exposition_gauge(out, "stepfleet_database_flushes", "Flushes of memtables under way.",
                     f.flushes);
    exposition_gauge(out, "stepfleet_database_write_limit_bytes_per_second",
                     "Writes are slowed down to that; 0: they are not.", f.write_rate);
    exposition_gauge(out, "stepfleet_database_writes_stopped", "1: writes wait for compactions.",
                     f.stopped ? 1 : 0);
}

static uint64_t micros(struct timeval t)
{
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec;
}

static void put_processor(struct buf *out)
{
    struct rusage used;

    if (getrusage(RUSAGE_SELF, &used) != 0) {
        return;
    }
    exposition_family(out, "process_cpu_seconds_total", "counter", "Processor time used.");
    exposition_fraction(out, "process_cpu_seconds_total", NULL,
                        micros(used.ru_utime) + micros(used.ru_stime), 1000000);
}

static void put_memory(struct buf *out)
{
    unsigned long long size;
    unsigned long long resident;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    FILE *f = fopen("/proc/self/statm", "re");

    if (f == NULL) {
        return;
    }
    if (fscanf(f, "%llu %llu", &size, &resident) == 2) {
        exposition_gauge(out, "process_virtual_memory_bytes", "Virtual memory.", size * page);
        exposition_gauge(out, "process_resident_memory_bytes", "Resident memory.", resident * page);
    }
    (void)fclose(f);
}

static void put_files(struct buf *out)
{
    struct rlimit most;
    uint64_t count = 0;
    DIR *d = opendir("/proc/self/fd");

    if (d == NULL) {
        return;
    }
    while (readdir(d) != NULL) {
        count++;
    }
    (void)closedir(d);
    /* All but `.`, `..` and the one it was read by. */
    exposition_gauge(out, "process_open_fds", "Open file descriptors.", count > 3 ? count - 3 : 0);
    if (getrlimit(RLIMIT_NOFILE, &most) == 0) {
        exposition_gauge(out, "process_max_fds", "Most open file descriptors.", most.rlim_cur);
    }
}

static void put_audit(const struct audit *audit, struct buf *out)
{
    struct audit_figures f;

    audit_figures(audit, &f);
    exposition_counter(out, "stepfleet_audit_lines_total", "Lines of the audit log.", f.written);
    exposition_counter(
        out, "stepfleet_audit_lost_total",
        "Lines that the audit log lost: its file cannot be written, or too much was asked.",
        f.lost);
}

void metrics_put_host(const struct metrics_host *host, struct buf *out)
{
    put_store(host->store, out);
    put_processor(out);
    put_memory(out);
    put_files(out);
    if (host->audit != NULL) {
        put_audit(host->audit, out);
    }
    exposition_gauge(out, "process_start_time_seconds", "When it was started, since 1970.",
                     (uint64_t)host->started_s);
    if (host->expires_s > 0) {
        exposition_gauge(out, "stepfleet_certificate_expiry_seconds",
                         "When the certificate is valid no more, since 1970.",
                         (uint64_t)host->expires_s);
    }
}
