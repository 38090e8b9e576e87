/* SPDX-License-Identifier: Apache-2.0 */
/* What it costs to take streams of bytes apart, one thread, no disk: planning, checking,
 * making fragments, and sorting beside GNU sort over the same lines in the same run. Time is the
 * processes' own, so that other programs disturb little.
 *
 * usage: bench_items [milliseconds a figure, 500] */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/hash.h"
#include "worker/items/check.h"
#include "worker/items/fragment.h"
#include "worker/items/key.h"
#include "worker/items/merge.h"
#include "worker/items/scan.h"
#include "worker/items/sort.h"

enum {
    TEXT_BYTES = 64 * 1024 * 1024, /* past the caches */
    CHUNK_BYTES = 256 * 1024,      /* as a store's body comes */
    SORT_LINES = 1000000,
};

static int64_t figure_ns = 500 * 1000000;

static int64_t now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void must(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "bench_items: %s\n", what);
        exit(EXIT_FAILURE);
    }
}

/* ---- Texts ---- */

static void small_objects(struct buf *b, size_t i)
{
    buf_printf(b, "%s{\"id\":%zu,\"name\":\"n%zu\",\"on\":true,\"at\":null}", i == 0 ? "[" : ",", i,
               i * 7);
}

static void real_objects(struct buf *b, size_t i)
{
    buf_printf(b,
               "%s\n  {\"id\": %zu, \"package\": \"library-%zu\", \"version\": \"1.%zu-2\",\n"
               "   \"description\": \"A text as people write it, with \\\"quotes\\\" and a few "
               "words more, so that it is as long as such texts are in many data sets.\",\n"
               "   \"depends\": [\"libc6\", \"libstdc++\"], \"size\": %zu}",
               i == 0 ? "[" : ",", i, i * 31 % 65536, i % 100, i * 977);
}

static void numbers(struct buf *b, size_t i)
{
    buf_printf(b, "%s%zu.%zu", i == 0 ? "[" : ",", i * 31, i % 1000);
}

static void rows(struct buf *b, size_t i)
{
    buf_printf(b, "%zu,library-%zu,1.%zu-2,some plain text in a field,%zu,2026-11-23\n", i,
               i * 31 % 65536, i % 100, i * 977);
}

static void quoted_rows(struct buf *b, size_t i)
{
    buf_printf(b, "%zu,\"library, %zu\",1.%zu-2,\"a \"\"quoted\"\" text%s in a field\",%zu\n", i,
               i * 31 % 65536, i % 100, i % 10 == 0 ? "\nwith a break" : "", i * 977);
}

static void documents(struct buf *b, size_t i)
{
    buf_printf(b,
               "{\"id\":%zu,\"package\":\"library-%zu\",\"version\":\"1.%zu-2\",\"tags\":[\"a\","
               "\"b\"],\"description\":\"A text as people write it.\",\"size\":%zu}\n",
               i, i * 31 % 65536, i % 100, i * 977);
}

static struct buf make(void (*record)(struct buf *b, size_t i), bool array)
{
    struct buf b = {0};

    for (size_t i = 0; b.len < TEXT_BYTES; i++) {
        record(&b, i);
    }
    if (array) {
        buf_put_str(&b, "]");
    }
    return b;
}

/* ---- Bytes a second ---- */

struct job {
    struct items_options o;
    struct slice text;
};

static struct slice take(struct slice *left)
{
    struct slice chunk = slice_head(*left, CHUNK_BYTES);

    *left = slice_from(*left, CHUNK_BYTES);
    return chunk;
}

static void do_scan(const struct job *job)
{
    struct slice left = job->text;
    struct items_scan s;

    items_scan_init(&s, &job->o, 1024 * 1024);
    while (left.len != 0) {
        must(items_scan_feed(&s, take(&left), NULL) == OK, "a text is refused");
    }
    must(items_scan_finish(&s, NULL) == OK && s.count > 50, "a scan finds too little");
    items_scan_fini(&s);
}

static void do_check(const struct job *job)
{
    struct slice left = job->text;
    struct items_check c;
    struct items_records r;
    struct items_record record;
    enum items_pull what;

    must(items_check_init(&c, &job->o, SLICE(""), NULL) == OK, "a header is refused");
    items_records_init(&r, &job->o, 0, 1 << 20);
    do {
        if (left.len != 0) {
            items_records_feed(&r, take(&left));
        } else {
            items_records_finish(&r);
        }
        do {
            what = items_check_next(&c, &r, &record, NULL);
        } while (what == ITEMS_RECORD);
    } while (what == ITEMS_MORE);
    must(what == ITEMS_END, "a record is refused");
    items_records_fini(&r);
    items_check_fini(&c);
}

static void do_fragment(const struct job *job)
{
    struct slice left = job->text;
    struct items_fragment f;
    struct items_pieces pieces;

    items_fragment_init(&f, &job->o);
    while (left.len != 0) {
        must(items_fragment_feed(&f, take(&left), &pieces, NULL) == OK, "an output is refused");
    }
    must(items_fragment_finish(&f, &pieces, NULL) == OK, "an output is refused");
    items_fragment_fini(&f);
}

static void tell(const char *name, void (*call)(const struct job *job), const struct job *job)
{
    int64_t best = INT64_MAX;

    for (int64_t took = 0; took < figure_ns;) {
        int64_t began = now_ns();
        int64_t once;

        call(job);
        once = now_ns() - began;
        best = once < best ? once : best;
        took += once;
    }
    (void)printf("%-46s %8.2f GB/s\n", name, (double)job->text.len / (double)best);
}

static void measure_streams(void)
{
    static const struct {
        const char *name;
        void (*record)(struct buf *b, size_t i);
        struct items_options o;
        void (*call)(const struct job *job);
    } figures[] = {
        {"scan json, objects of 300 bytes", real_objects, {.format = ITEMS_JSON}, do_scan},
        {"scan json, objects of 50 bytes", small_objects, {.format = ITEMS_JSON}, do_scan},
        {"scan json, numbers", numbers, {.format = ITEMS_JSON}, do_scan},
        {"scan csv, no quotes", rows, {ITEMS_CSV, ',', false, true}, do_scan},
        {"scan csv, two quoted fields in five",
         quoted_rows,
         {ITEMS_CSV, ',', false, true},
         do_scan},
        {"fragment json, objects of 300 bytes", real_objects, {.format = ITEMS_JSON}, do_fragment},
        {"check lines", rows, {.format = ITEMS_LINES}, do_check},
        {"check csv", quoted_rows, {ITEMS_CSV, ',', false, true}, do_check},
        {"check jsonl", documents, {.format = ITEMS_JSONL}, do_check},
    };

    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
        bool array = figures[i].o.format == ITEMS_JSON;
        struct buf text = make(figures[i].record, array);
        struct job job = {figures[i].o, buf_slice(&text)};

        tell(figures[i].name, figures[i].call, &job);
        buf_fini(&text);
    }
}

/* ---- Sorting ---- */

static struct buf sort_text(bool alike)
{
    struct buf b = {0};

    for (uint64_t i = 0; i < SORT_LINES; i++) {
        buf_printf(&b, "%s%016llx and some more text to carry along\n",
                   alike ? "customers/europe/" : "", (unsigned long long)hash_u64(i + 1));
    }
    return b;
}

static void sort_put_lines(struct items_sorter *s, struct slice text)
{
    static const struct items_options lines = {.format = ITEMS_LINES};
    static const struct items_key_spec spec = {.path = SLICE_INIT("$")};
    struct items_keys keys;
    struct items_records r;
    struct items_record record;
    enum items_pull what;
    struct buf key = {0};

    must(items_keys_init(&keys, &spec, 1, &lines, SLICE(""), NULL) == OK, "a key is refused");
    items_records_init(&r, &lines, 0, 1 << 20);
    items_records_feed(&r, text);
    do {
        while ((what = items_records_next(&r, &record, NULL)) == ITEMS_RECORD) {
            struct items_entry e;

            buf_reset(&key);
            must(items_keys_make(&keys, &record, &key, NULL) == OK, "a record has no key");
            e = (struct items_entry){buf_slice(&key), record.bytes};
            must(items_sorter_put(s, 0, &e, NULL) == OK, "the records do not fit");
        }
        items_records_finish(&r);
    } while (what == ITEMS_MORE);
    items_records_fini(&r);
    items_keys_fini(&keys);
    buf_fini(&key);
}

/* Seconds from lines to a run in memory. */
static double own_sort(struct slice text, double *sorting)
{
    int64_t began = now_ns();
    struct items_sorter s;
    struct items_run_writer w;
    struct buf out = {0};
    int64_t put;

    items_sorter_init(&s, (size_t)512 * 1024 * 1024);
    sort_put_lines(&s, text);
    put = now_ns();
    items_sorter_sort(&s);
    *sorting = (double)(now_ns() - put) / 1e9;
    items_run_writer_init(&w, &out, 1);
    while (!items_sorter_write(&s, &w, CHUNK_BYTES)) {
        buf_reset(&out);
    }
    items_run_finish(&w);
    must(w.parts[0].records == SORT_LINES, "a run has too few records");
    items_run_writer_fini(&w);
    items_sorter_fini(&s);
    buf_fini(&out);
    return (double)(now_ns() - began) / 1e9;
}

/* Seconds of the processor that GNU sort takes from memory to /dev/null, with one thread. */
static double gnu_sort(struct slice text)
{
    int fd = memfd_create("lines", MFD_CLOEXEC);
    struct rusage usage;
    int status = -1;
    pid_t child;

    must(fd >= 0 && write(fd, text.ptr, text.len) == (ssize_t)text.len &&
             lseek(fd, 0, SEEK_SET) == 0,
         "no file to sort");
    child = fork();
    must(child >= 0, "no process to sort");
    if (child == 0) {
        (void)dup2(fd, STDIN_FILENO);
        (void)setenv("LC_ALL", "C", 1);
        (void)execlp("sort", "sort", "-s", "--parallel=1", "-S", "1G", "-o", "/dev/null",
                     (char *)NULL);
        _exit(127);
    }
    must(wait4(child, &status, 0, &usage) == child && status == 0, "GNU sort fails");
    (void)close(fd);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void measure_sort(void)
{
    for (int alike = 0; alike < 2; alike++) {
        struct buf text = sort_text(alike != 0);
        double sorting;
        double ours = own_sort(buf_slice(&text), &sorting);
        double gnu = gnu_sort(buf_slice(&text));

        (void)printf("%-46s %8.2f s, of which the sort %.2f s; GNU sort %.2f s, %.2f x\n",
                     alike != 0 ? "sort 1,000,000 lines, 17 bytes alike"
                                : "sort 1,000,000 lines, into a run",
                     ours, sorting, gnu, gnu / ours);
        buf_fini(&text);
    }
}

/* A run of the numbers that are i modulo n. */
static struct buf merge_input(uint32_t i, uint32_t n, struct items_run_part *part)
{
    struct items_run_writer w;
    struct buf out = {0};
    struct buf key = {0};

    items_run_writer_init(&w, &out, 1);
    for (uint32_t k = i; k < SORT_LINES; k += n) {
        buf_reset(&key);
        buf_put_u64be(&key, k);
        items_run_put(
            &w, 0,
            &(struct items_entry){buf_slice(&key),
                                  SLICE("a record of fifty bytes or thereabouts, no more")});
    }
    items_run_finish(&w);
    *part = w.parts[0];
    items_run_writer_fini(&w);
    buf_fini(&key);
    return out;
}

static void measure_merge(uint32_t n)
{
    struct items_run_reader *inputs = mem_zalloc(n, sizeof(*inputs));
    struct buf *runs = mem_zalloc(n, sizeof(*runs));
    struct items_merge m;
    struct items_entry e;
    enum items_pull what;
    size_t given = 0;
    size_t at;
    int64_t began;

    for (uint32_t i = 0; i < n; i++) {
        struct items_run_part part;

        runs[i] = merge_input(i, n, &part);
        items_run_reader_init(&inputs[i], &part);
    }
    began = now_ns();
    items_merge_init(&m, inputs, n);
    while ((what = items_merge_next(&m, &e, &at, NULL)) != ITEMS_END) {
        must(what == ITEMS_RECORD || what == ITEMS_MORE, "a merge fails");
        if (what == ITEMS_MORE) {
            items_run_feed(&inputs[at], slice_from(buf_slice(&runs[at]), (size_t)inputs[at].taken));
        }
        given += what == ITEMS_RECORD;
    }
    must(given == SORT_LINES, "a merge loses records");
    (void)printf("merge 1,000,000 records of %4u runs             %8.2f s\n", n,
                 (double)(now_ns() - began) / 1e9);
    for (uint32_t i = 0; i < n; i++) {
        items_run_reader_fini(&inputs[i]);
        buf_fini(&runs[i]);
    }
    items_merge_fini(&m);
    mem_free(inputs);
    mem_free(runs);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        figure_ns = strtol(argv[1], NULL, 10) * 1000000;
    }
    must(figure_ns > 0, "a figure needs a millisecond at least");
    measure_streams();
    measure_sort();
    measure_merge(10);
    measure_merge(1000);
    return EXIT_SUCCESS;
}
