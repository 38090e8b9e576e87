/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api/execution_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coordinator/api/logged_thread.h"
#include "coordinator/api/reading.h"
#include "proto/base/text.h"
#include "proto/host/clock.h"
#include "proto/host/log.h"

enum { WARN_MS = 60000, WRITE_BYTES = 1024 * 1024 };

struct execution_log {
    struct api *api;
    const char *directory;
    struct logged_thread *thread;

    /* The thread's: */
    struct arena arena;         /* of one ledger_logged */
    struct asl_machine *parsed; /* the revision used last */
    uint64_t machine;
    uint32_t revision;
    struct buf lines; /* for `group`, not written yet */
    struct buf group;
    uint64_t failed; /* records that could not be read or written, since it was said */
    int64_t said_ms;
};

/* ---- a record ---- */

static bool is_data(struct slice member)
{
    static const char *const names[] = {"input", "inputDetails", "output",    "outputDetails",
                                        "error", "cause",        "parameters"};
    bool found = false;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        found = found || slice_eq_str(member, names[i]);
    }
    return found;
}

/* The one member of a history event that says more than every event does. */
static const struct json_node *
details_of(const struct json_node *event, bool with_data, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    for (const struct json_node *e = json_first(event); e != NULL; e = json_next(event, e)) {
        if (!json_is(e, JSON_OBJECT)) {
            continue;
        }
        for (const struct json_node *m = json_first(e); m != NULL; m = json_next(e, m)) {
            if (with_data || !is_data(json_key(e, m))) {
                json_put(&b, json_key(e, m), m);
            }
        }
    }
    return json_built(&b);
}

static void put_text(struct json_builder *b, const char *name, struct slice text)
{
    json_put(b, slice_str(name), json_string(b->a, text));
}

/* Ids, times and counts are strings there. */
static void put_line(struct execution_log *g,
                     const struct ledger_logged *x,
                     const struct execution_header *h,
                     const struct history_event *ev,
                     const struct json_node *rendered)
{
    struct arena *a = &g->arena;
    struct json_builder b = json_build_object(a);

    put_text(&b, "id", arena_printf(a, "%" PRIu64, ev->id));
    put_text(&b, "type", slice_str(history_type_name(ev->type)));
    json_put(&b, SLICE("details"), details_of(rendered, x->rule.with_data, a));
    put_text(&b, "previous_event_id", arena_printf(a, "%" PRIu64, ev->previous));
    put_text(&b, "event_timestamp", arena_printf(a, "%" PRId64, ev->time_ms));
    put_text(&b, "execution_arn", h->arn);
    put_text(&b, "redrive_count", arena_printf(a, "%" PRIu32, h->redrive_count));
    json_write(json_built(&b), &g->lines);
    buf_put_u8(&g->lines, '\n');
}

/* ---- what happened ---- */

static enum err_code
log_doc(void *arg, uint64_t ref, struct arena *a, struct slice *out, struct err *err)
{
    return record_read_doc(arg, ref, a, out, err);
}

static enum err_code log_record(struct execution_log *g,
                                const struct ledger_logged *x,
                                struct record_source *source,
                                const struct execution_header *h,
                                uint64_t sequence,
                                struct err *err)
{
    const struct doc_source docs = {log_doc, source};
    const struct json_node *rendered;
    struct record record;
    struct slice bytes;
    enum err_code rc = record_read(source, sequence, &g->arena, &bytes, err);

    if (rc == OK) {
        rc = record_decode(bytes, &g->arena, &record, err);
    }
    for (size_t i = 0; rc == OK && i < record.event_count; i++) {
        const struct history_event *ev = &record.events[i];

        if (!log_rule_wants(x->rule.level, ev->type)) {
            continue;
        }
        rc = history_render(g->parsed, h, ev, x->rule.with_data, &docs, &g->arena, &rendered, err);
        if (rc == OK) {
            put_line(g, x, h, ev, rendered);
        }
    }
    return rc;
}

static enum err_code
use_machine(struct execution_log *g, const struct execution_header *h, struct err *err)
{
    enum err_code rc;

    if (g->parsed != NULL && g->machine == h->machine && g->revision == h->revision) {
        return OK;
    }
    if (g->parsed != NULL) {
        asl_machine_free(g->parsed);
        g->parsed = NULL;
    }
    rc = reading_machine(g->api, h, &g->arena, &g->parsed, err);
    g->machine = h->machine;
    g->revision = h->revision;
    return rc;
}

static enum err_code
log_one(struct execution_log *g, const struct ledger_logged *x, struct err *err)
{
    struct ledger *l = g->api->ledger;
    struct record_source source = {
        .rules = ledger_rules(l),
        .store = x->record_count == 0 ? ledger_store(l) : NULL,
        .account = ledger_configuration(l)->account,
        .execution = x->execution,
        .records = x->records,
        .record_count = x->record_count,
    };
    struct image im;
    enum err_code rc = image_read(&source, &g->arena, &im, err);

    if (rc == OK) {
        rc = use_machine(g, &im.header, err);
    }
    if (rc == OK && x->record_count == 0) {
        rc = log_record(g, x, &source, &im.header, x->sequence, err);
    }
    for (size_t i = 0; rc == OK && i < x->record_count; i++) {
        rc = log_record(g, x, &source, &im.header, i, err);
    }
    return rc;
}

/* ---- files ---- */

static const char *file_of(const struct execution_log *g, struct arena *a)
{
    char *path = arena_str(
        a, arena_printf(a, "%s/%.*s.jsonl", g->directory, SLICE_FMT(buf_slice(&g->group))));

    for (char *c = path + strlen(g->directory) + 1; *c != '\0'; c++) {
        *c = *c == '/' ? '~' : *c;
    }
    return path;
}

/* Whole lines, or nothing but what a full disk took. */
static bool append(const char *path, struct slice text)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    bool ok = fd >= 0;

    while (ok && text.len != 0) {
        ssize_t n = write(fd, text.ptr, text.len);

        ok = n > 0 || (n < 0 && errno == EINTR);
        text = slice_from(text, n > 0 ? (size_t)n : 0);
    }
    if (fd >= 0) {
        ok = close(fd) == 0 && ok;
    }
    return ok;
}

static void flush(void *arg)
{
    struct execution_log *g = arg;
    struct arena a = {0};
    const char *path;

    if (g->lines.len != 0) {
        path = file_of(g, &a);
        if (!append(path, buf_slice(&g->lines))) {
            log_warn("execution log: cannot write %s: %s", path, strerror(errno));
        }
        arena_fini(&a);
    }
    buf_reset(&g->lines);
}

/* ---- one after the other ---- */

/* What went with its machine meanwhile is no loss. */
static void say_lost(struct execution_log *g, enum err_code rc, const struct err *err)
{
    int64_t now_ms = clock_mono_ms();

    if (rc == ERR_NOT_FOUND || rc == ERR_EXECUTION_DOES_NOT_EXIST) {
        return;
    }
    g->failed++;
    if (now_ms - g->said_ms >= WARN_MS) {
        log_warn("execution log: %" PRIu64 " records could not be made: %s", g->failed, err->msg);
        g->said_ms = now_ms;
        g->failed = 0;
    }
}

static void write_one(void *arg, const struct ledger_logged *x)
{
    struct execution_log *g = arg;
    struct err err = {0};
    enum err_code rc;

    if (!slice_eq(buf_slice(&g->group), x->rule.group) || g->lines.len > WRITE_BYTES) {
        flush(g);
        buf_reset(&g->group);
        buf_put_slice(&g->group, x->rule.group);
    }
    rc = log_one(g, x, &err);
    if (rc != OK) {
        say_lost(g, rc, &err);
    }
    arena_reset(&g->arena);
}

void execution_log_put(struct execution_log *g, struct ledger_logged *x)
{
    logged_thread_put(g->thread, x);
}

/* ---- opening and closing ---- */

enum err_code execution_log_open(struct api *api,
                                 const char *directory,
                                 struct execution_log **out,
                                 struct err *err)
{
    struct execution_log *g;

    if ((mkdir(directory, 0750) != 0 && errno != EEXIST) || access(directory, W_OK | X_OK) != 0) {
        return err_set(err, ERR_CONFIG, "cannot write log records to %s: %s", directory,
                       strerror(errno));
    }
    g = mem_zalloc(1, sizeof(*g));
    g->api = api;
    g->directory = directory;
    g->said_ms = clock_mono_ms() - WARN_MS;
    g->thread =
        logged_thread_open(&(struct logged_thread_work){"execution log", g, write_one, flush});
    if (g->thread == NULL) {
        mem_free(g);
        return err_set(err, ERR_NO_MEMORY, "no memory for a thread, or there are too many");
    }
    *out = g;
    return OK;
}

void execution_log_close(struct execution_log *g)
{
    logged_thread_close(g->thread);
    if (g->parsed != NULL) {
        asl_machine_free(g->parsed);
    }
    arena_fini(&g->arena);
    buf_fini(&g->lines);
    buf_fini(&g->group);
    mem_free(g);
}
