/* SPDX-License-Identifier: Apache-2.0 */
/* Faults are told as they are found, and counts at the end: there may be more than fit in memory.
 */
#include "coordinator/check/command.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "coordinator/check/check.h"
#include "proto/base/json.h"

struct telling {
    bool json;
    bool terminal; /* stderr is one: how far it is is told there */
    bool told;     /* a fault, or progress */
    struct buf text;
};

static void member(struct telling *t, const char *before, struct slice text)
{
    buf_put_str(&t->text, before);
    json_write_string(text, &t->text);
}

static void flush(struct telling *t)
{
    (void)fwrite(t->text.ptr, 1, t->text.len, stdout);
    buf_reset(&t->text);
}

static void tell_fault(void *arg, const struct check_fault *f)
{
    struct telling *t = arg;
    struct buf key = {0};

    row_key_print(f->cf, f->key, &key);
    if (t->json) {
        member(t, t->told ? ",{\"key\":" : "{\"key\":", buf_slice(&key));
        member(t, ",\"what\":", slice_str(f->what));
        member(t, ",\"follows\":", slice_str(f->follows));
        buf_put_str(&t->text, "}");
    } else {
        buf_printf(&t->text, "%.*s: %s; %s\n", SLICE_FMT(buf_slice(&key)), f->what, f->follows);
    }
    t->told = true;
    buf_fini(&key);
    flush(t);
}

static void tell_progress(void *arg, uint64_t rows)
{
    const struct telling *t = arg;

    if (t->terminal) {
        (void)fprintf(stderr, "\r%llu rows", (unsigned long long)rows);
    }
}

static void tell_kind(struct telling *t, const char *word, struct check_count count, bool *first)
{
    unsigned long long rows = count.rows;
    unsigned long long bytes = count.bytes;

    if (count.rows == 0) {
        return;
    }
    if (!t->json) {
        buf_printf(&t->text, "%12llu rows %14llu bytes  %s\n", rows, bytes, word);
        return;
    }
    member(t, *first ? "{\"kind\":" : ",{\"kind\":", slice_str(word));
    buf_printf(&t->text, ",\"rows\":%llu,\"bytes\":%llu}", rows, bytes);
    *first = false;
}

static void tell_counts(struct telling *t, const struct check_report *r)
{
    struct check_count all = r->unknown;
    bool first = true;

    if (t->json) {
        buf_put_str(&t->text, "],\"kinds\":[");
    }
    for (int kind = 0; kind < ROW_KINDS; kind++) {
        all.rows += r->kinds[kind].rows;
        all.bytes += r->kinds[kind].bytes;
        tell_kind(t, row_kind_word((enum row_kind)kind), r->kinds[kind], &first);
    }
    tell_kind(t, "of no kind", r->unknown, &first);
    buf_printf(&t->text,
               t->json ? "],\"rows\":%llu,\"bytes\":%llu,\"faultCount\":%llu}\n"
                       : "%12llu rows %14llu bytes  in all; faults: %llu\n",
               (unsigned long long)all.rows, (unsigned long long)all.bytes,
               (unsigned long long)r->faults);
    flush(t);
}

/* Of a backup, the database in it. */
static enum err_code look(const char *dir, struct store **s, struct err *err)
{
    char inner[PATH_MAX];

    (void)snprintf(inner, sizeof(inner), "%s/db/CURRENT", dir);
    if (access(inner, F_OK) == 0) {
        (void)snprintf(inner, sizeof(inner), "%s/db", dir);
        dir = inner;
    }
    return store_look_rocks(dir, s, err);
}

enum check_exit check_command(const char *dir, bool json)
{
    struct telling t = {.json = json, .terminal = isatty(STDERR_FILENO) != 0};
    const struct check_hooks hooks = {tell_fault, tell_progress, &t};
    struct check_report report;
    struct store *s = NULL;
    struct err err;
    enum err_code rc = look(dir, &s, &err);

    if (rc == OK) {
        buf_put_str(&t.text, json ? "{\"faults\":[" : "");
        rc = check_store(s, &hooks, &report, &err);
        if (t.terminal) {
            (void)fputs("\r\033[K", stderr);
        }
        tell_counts(&t, &report);
        store_close(s);
    }
    buf_fini(&t.text);
    if (rc != OK) {
        (void)fprintf(stderr, "stepfleet-coordinator: cannot check %s: %s\n", dir, err.msg);
        return CHECK_NOT_LOOKED;
    }
    if (fflush(stdout) != 0) {
        (void)fputs("stepfleet-coordinator: cannot write what was found\n", stderr);
        return CHECK_NOT_LOOKED;
    }
    return report.faults == 0 ? CHECK_WHOLE : CHECK_FAULTS;
}
