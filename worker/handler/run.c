/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/handler/run.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/trace.h"
#include "proto/host/log.h"
#include "worker/handler/invocation.h"

enum {
    EVENT_ENV_BYTES = 32 * 1024, /* a variable is at most 128 KiB, all of them a few MiB */
    ENV_OWN = 20,                /* variables of ours, and the NULL at the end */
    RUN_FRAMING = 1,             /* version of the framing: PROTOCOL.md */
};

enum err_code run_init(struct run *run, const char *work_dir, struct err *err)
{
    size_t n = strlen(work_dir) + sizeof("/task-XXXXXX");

    *run = (struct run){.process = {.control = -1}};
    for (int i = 0; i < PROCESS_SLOTS; i++) {
        run->near[i] = run->far[i] = -1;
    }
    run->home = mem_alloc(n);
    (void)snprintf(run->home, n, "%s/task-XXXXXX", work_dir);
    if (mkdtemp(run->home) == NULL) {
        enum err_code rc =
            err_set(err, ERR_IO, "no directory for a task, %s: %s", run->home, strerror(errno));

        mem_free(run->home);
        run->home = NULL;
        return rc;
    }
    return OK;
}

enum err_code run_pipe(struct run *run, enum process_slot slot, struct err *err)
{
    int near = slot == PROCESS_STDIN ? 1 : 0;
    int ends[2];
    enum err_code rc = process_pipe(near, ends, err);

    if (rc == OK) {
        run->near[slot] = ends[near];
        run->far[slot] = ends[1 - near];
    }
    return rc;
}

enum err_code run_file(struct run *run, enum process_slot slot, struct slice bytes, struct err *err)
{
    run->far[slot] = process_memory_file(bytes, err);
    return run->far[slot] >= 0 ? OK : err->code;
}

/* ---- Environment ---- */

struct environment {
    struct arena a;
    char **list;
    size_t count;
};

static void env_add(struct environment *e, const char *name, struct slice value)
{
    e->list[e->count++] =
        (char *)(uintptr_t)arena_printf(&e->a, "%s=%.*s%c", name, SLICE_FMT(value), '\0').ptr;
}

static void env_number(struct environment *e, const char *name, uint32_t v)
{
    char text[16];

    (void)snprintf(text, sizeof(text), "%u", v);
    env_add(e, name, slice_str(text));
}

/* Ours first: of a name that comes twice most programs take the first, and the fd numbers are
 * facts. */
static void
env_begin(struct environment *e, const struct run *run, const struct handler_function *f)
{
    e->list = ARENA_ARRAY(&e->a, f->env_count + ENV_OWN, char *);
    env_add(e, "HOME", slice_str(run->home));
    env_add(e, "TMPDIR", slice_str(run->home));
    env_add(e, "STEPFLEET_FUNCTION", slice_str(f->name));
}

/* Then what was configured. */
static void env_end(struct environment *e, const struct handler_function *f)
{
    for (size_t i = 0; i < f->env_count; i++) {
        e->list[e->count++] = f->env[i];
    }
}

/* As AWS Lambda tells a function, and as OpenTelemetry's libraries look for it. */
static void env_trace(struct environment *e, struct slice xray)
{
    char w3c[TRACE_W3C_BYTES];
    struct trace t;

    if (trace_parse_xray(xray, &t)) {
        trace_write_w3c(&t, w3c);
        env_add(e, "_X_AMZN_TRACE_ID", xray);
        env_add(e, "TRACEPARENT", slice_str(w3c));
    }
}

static void
env_task(struct environment *e, const struct run *run, const struct lease *l, struct slice event)
{
    const struct lease_grant *g = &l->grant;

    env_add(e, "STEPFLEET_EXECUTION", g->execution_arn);
    env_add(e, "STEPFLEET_STATE", g->state);
    env_number(e, "STEPFLEET_ATTEMPT", g->attempt);
    env_add(e, "STEPFLEET_REQUEST_ID", invocation_request_id(g, &e->a));
    env_add(e, "AWS_LAMBDA_FUNCTION_VERSION", invocation_version(g));
    if (g->credentials.len != 0) {
        env_add(e, "STEPFLEET_CREDENTIALS", g->credentials);
    }
    env_trace(e, g->trace);
    env_number(e, "STEPFLEET_HEARTBEAT_FD", PROCESS_HEARTBEAT);
    if (run->far[PROCESS_SUBMITTED] >= 0) {
        env_number(e, "STEPFLEET_SUBMITTED_FD", PROCESS_SUBMITTED);
    }
    if (run->far[PROCESS_EVENT] >= 0) {
        env_number(e, "STEPFLEET_EVENT_FD", PROCESS_EVENT);
        env_number(e, "STEPFLEET_RESULT_FD", PROCESS_RESULT);
    }
    if (event.len != 0 && event.len < EVENT_ENV_BYTES) {
        env_add(e, "STEPFLEET_EVENT", event);
    }
}

/* ---- The process ---- */

static struct process_spec spec_of(const struct handler_function *f)
{
    return (struct process_spec){
        .path = f->path,
        .argv = f->argv,
        .directory = f->directory,
        .limits = f->limits,
    };
}

/* The environment goes with it. */
static enum err_code
spawn(struct run *run, struct process_spec *spec, struct environment *e, struct err *err)
{
    enum err_code rc;

    spec->envp = e->list;
    memcpy(spec->fds, run->far, sizeof(spec->fds));
    rc = process_spawn(spec, &run->process, err);
    arena_fini(&e->a);
    for (int i = 0; i < PROCESS_SLOTS; i++) {
        process_close(&run->far[i]);
    }
    return rc;
}

enum err_code run_spawn(struct run *run, const struct lease *l, struct slice event, struct err *err)
{
    const struct handler_function *f = handler_function(l);
    struct process_spec spec = spec_of(f);
    struct environment e = {0};

    env_begin(&e, run, f);
    env_task(&e, run, l, event);
    env_end(&e, f);
    spec.limits.deadline_ms = (int64_t)l->grant.timeout_ms;
    return spawn(run, &spec, &e, err);
}

enum err_code run_spawn_kept(struct run *run, const struct handler_function *f, struct err *err)
{
    struct process_spec spec = spec_of(f);
    struct environment e = {0};

    env_begin(&e, run, f);
    env_number(&e, "STEPFLEET_FRAMING", RUN_FRAMING);
    env_end(&e, f);
    spec.kept = true;
    spec.limits.timeout_ms = 0; /* each task's, as its deadline */
    return spawn(run, &spec, &e, err);
}

/* ---- What it says beside its result ---- */

ssize_t run_read(const struct run *run, enum process_slot slot, char *bytes, size_t room)
{
    ssize_t n = read(run->near[slot], bytes, room);

    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? -1 : 0;
    }
    return n;
}

ssize_t run_read_stderr(struct run *run)
{
    return run_read_stderr_of(run, &run->tail);
}

ssize_t run_read_stderr_of(const struct run *run, struct tail *tail)
{
    char bytes[PROCESS_READ_BYTES];
    ssize_t n = run_read(run, PROCESS_STDERR, bytes, sizeof(bytes));

    if (n > 0) {
        tail_put(tail, slice_make(bytes, (size_t)n));
        log_debug("stderr of process below %d: %.*s", (int)run->process.supervisor,
                  n > 1024 ? 1024 : (int)n, bytes);
    }
    return n;
}

ssize_t run_read_heartbeat(struct run *run)
{
    char bytes[1024];
    ssize_t n = run_read(run, PROCESS_HEARTBEAT, bytes, sizeof(bytes));

    for (ssize_t i = 0; i < n; i++) {
        run->beats++; /* any byte is a sign of life */
        if (bytes[i] == '\n') {
            run->note_begun = false;
            continue;
        }
        if (!run->note_begun) {
            run->note_begun = true;
            run->note_len = 0;
        }
        if (run->note_len < sizeof(run->note) - 1) {
            run->note[run->note_len++] = bytes[i];
            run->note[run->note_len] = '\0';
        }
    }
    return n;
}

void run_note(struct run *run, struct slice note)
{
    note = slice_head(note, sizeof(run->note) - 1);
    run->beats++;
    if (note.len != 0) {
        memcpy(run->note, note.ptr, note.len);
        run->note[note.len] = '\0';
    }
}

ssize_t run_read_submitted(struct run *run)
{
    char bytes[PROCESS_READ_BYTES];
    ssize_t n = run_read(run, PROCESS_SUBMITTED, bytes, sizeof(bytes));

    if (n > 0) {
        submission_put(&run->submission, slice_make(bytes, (size_t)n));
    } else if (n == 0) {
        submission_end(&run->submission);
    }
    return n;
}

bool run_take_submission(struct run *run, const struct lease *l, struct arena *a, struct slice *out)
{
    struct err err;

    if (!submission_ready(&run->submission)) {
        return false;
    }
    if (submission_take(&run->submission, a, out, &err) != OK) {
        log_warn("what function %s said of its job is not JSON and left aside execution=%.*s "
                 "state=%.*s: %s",
                 handler_function(l)->name, SLICE_FMT(l->grant.execution_name),
                 SLICE_FMT(l->grant.state), err.msg);
        return false;
    }
    return true;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    (void)remove(path);
    return 0;
}

bool run_close(struct run *run)
{
    submission_fini(&run->submission);
    for (int i = 0; i < PROCESS_SLOTS; i++) {
        process_close(&run->near[i]);
        process_close(&run->far[i]);
    }
    if (run->home != NULL && rmdir(run->home) != 0) {
        return false;
    }
    mem_free(run->home);
    run->home = NULL;
    return true;
}

void run_remove_tree(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

void run_clear(struct run *run)
{
    run_remove_tree(run->home);
    mem_free(run->home);
    run->home = NULL;
}
