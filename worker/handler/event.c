/* SPDX-License-Identifier: Apache-2.0 */
/* One process an event: JSON on stdin (a file in memory, so that nobody waits for anybody), JSON on
 * stdout. All on the loop's thread.
 *
 *   start   pipes, spawn, a poll each: control, stdout, stderr, heartbeat, and where the lease
 *           submits, what is said of the job
 *   output  past output_max: the handler is ended, the result refused
 *   end     control says that the tree is gone: what the pipes still hold is read, polls close, the
 *           directory is removed (elsewhere, where something is in it), `finished` */
#include <assert.h>

#include "proto/base/buf.h"
#include "worker/handler/invocation.h"
#include "worker/handler/result.h"
#include "worker/handler/run.h"

enum event_watch {
    WATCH_CONTROL,
    WATCH_STDOUT,
    WATCH_STDERR,
    WATCH_HEARTBEAT,
    WATCH_SUBMITTED,
    WATCHES,
};

struct event {
    struct handler_host *host;
    struct lease *lease;
    struct run run;
    struct process_exit exit;
    uv_poll_t polls[WATCHES]; /* data NULL: not watched */
    unsigned open;            /* polls not closed yet */
    uv_work_t clear;
    struct buf out;
    bool out_cut;
};

static void event_free(struct event *e)
{
    buf_fini(&e->out);
    mem_free(e);
}

static void event_finish(struct event *e)
{
    const struct handler_function *f = handler_function(e->lease);
    struct arena memory = {0};
    struct lease_result r;
    struct handler_end end = {
        .exit = e->exit,
        .command = f->command,
        .text = buf_slice(&e->out),
        .text_cut = e->out_cut,
        .text_max = f->output_max_bytes,
        .tail = tail_text(&e->run.tail),
        .timeout_ms = f->limits.timeout_ms,
        .deadline_ms = (int64_t)e->lease->grant.timeout_ms,
    };

    result_judge(&end, &memory, &r);
    if (e->lease->grant.log_tail && !r.failed) {
        r.log = invocation_log(e->lease, &e->exit, &e->run.tail, &memory);
    }
    e->host->finished(e->host, e->lease, &r, &memory);
    arena_fini(&memory);
    event_free(e);
}

static void on_clear(uv_work_t *work)
{
    struct event *e = container_of(work, struct event, clear);

    run_clear(&e->run);
}

static void on_cleared(uv_work_t *work, int status)
{
    (void)status;
    event_finish(container_of(work, struct event, clear));
}

static void on_closed(uv_handle_t *h)
{
    struct event *e = h->data;

    if (--e->open > 0) {
        return;
    }
    if (run_close(&e->run) || uv_queue_work(e->host->loop, &e->clear, on_clear, on_cleared) != 0) {
        event_finish(e);
    }
}

static ssize_t read_stdout(struct event *e)
{
    const size_t most = handler_function(e->lease)->output_max_bytes;
    char bytes[PROCESS_READ_BYTES];
    ssize_t n = run_read(&e->run, PROCESS_STDOUT, bytes, sizeof(bytes));

    if (n > 0 && !e->out_cut) {
        if ((size_t)n > most - e->out.len) {
            e->out_cut = true;
            process_stop(&e->run.process, true);
        } else {
            buf_put(&e->out, bytes, (size_t)n);
        }
    }
    return n;
}

static ssize_t read_submitted(struct event *e)
{
    ssize_t n = run_read_submitted(&e->run);
    struct arena memory = {0};
    struct slice text;

    if (run_take_submission(&e->run, e->lease, &memory, &text)) {
        e->host->submitted(e->host, e->lease, text);
    }
    arena_fini(&memory);
    return n;
}

/* One read, as run_read(). */
static ssize_t read_watch(struct event *e, enum event_watch w)
{
    switch (w) {
    case WATCH_STDOUT: return read_stdout(e);
    case WATCH_STDERR: return run_read_stderr(&e->run);
    case WATCH_HEARTBEAT: return run_read_heartbeat(&e->run);
    case WATCH_SUBMITTED: return read_submitted(e);
    case WATCH_CONTROL:
    case WATCHES: break;
    }
    return 0;
}

/* The tree is gone, so nothing is added to what the pipes hold. */
static void event_ended(struct event *e)
{
    for (unsigned w = WATCH_STDOUT; w < WATCHES; w++) {
        if (uv_is_active((uv_handle_t *)&e->polls[w])) {
            while (read_watch(e, w) > 0) {
            }
        }
    }
    for (unsigned w = 0; w < WATCHES; w++) {
        if (e->polls[w].data != NULL) {
            uv_close((uv_handle_t *)&e->polls[w], on_closed);
        }
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct event *e = poll->data;
    enum event_watch w = (enum event_watch)(poll - e->polls);

    (void)status;
    (void)events;
    if (w == WATCH_CONTROL) {
        if (process_ended(&e->run.process, &e->exit)) {
            event_ended(e);
        }
    } else if (read_watch(e, w) == 0) {
        (void)uv_poll_stop(poll);
    }
}

static void watch(struct event *e, enum event_watch w, int fd)
{
    int rc;

    if (fd < 0) {
        return; /* the lease has no use for it */
    }
    rc = uv_poll_init(e->host->loop, &e->polls[w], fd);
    assert(rc == 0); /* a pipe or socket that is not watched yet cannot fail */
    e->polls[w].data = e;
    e->open++;
    (void)uv_poll_start(&e->polls[w], UV_READABLE, on_readable);
}

static enum err_code event_spawn(struct event *e, struct err *err)
{
    static const enum process_slot pipes[] = {PROCESS_STDOUT, PROCESS_STDERR, PROCESS_HEARTBEAT};
    enum err_code rc = run_init(&e->run, e->host->work_dir, err);

    if (rc == OK) {
        rc = run_file(&e->run, PROCESS_STDIN, e->lease->grant.payload, err);
    }
    for (size_t i = 0; rc == OK && i < sizeof(pipes) / sizeof(pipes[0]); i++) {
        rc = run_pipe(&e->run, pipes[i], err);
    }
    if (rc == OK && e->lease->grant.submits) {
        rc = run_pipe(&e->run, PROCESS_SUBMITTED, err);
    }
    if (rc == OK) {
        rc = run_spawn(&e->run, e->lease, slice_make(NULL, 0), err);
    }
    return rc;
}

static bool
event_start(struct handler_host *h, struct lease *l, struct lease_result *r, struct arena *memory)
{
    struct event *e = mem_zalloc(1, sizeof(*e));
    struct err err;

    e->host = h;
    e->lease = l;
    if (event_spawn(e, &err) != OK) {
        result_fail(r, memory, "Lambda.ServiceException", "%s", err.msg);
        (void)run_close(&e->run);
        event_free(e);
        return false;
    }
    l->run = e;
    watch(e, WATCH_CONTROL, e->run.process.control);
    watch(e, WATCH_STDOUT, e->run.near[PROCESS_STDOUT]);
    watch(e, WATCH_STDERR, e->run.near[PROCESS_STDERR]);
    watch(e, WATCH_HEARTBEAT, e->run.near[PROCESS_HEARTBEAT]);
    watch(e, WATCH_SUBMITTED, e->run.near[PROCESS_SUBMITTED]);
    return true;
}

static void event_stop(struct lease *l, bool at_once)
{
    struct event *e = l->run;

    process_stop(&e->run.process, at_once);
}

static void event_progress(const struct lease *l, struct handler_progress *out)
{
    const struct event *e = l->run;

    out->beats = e->run.beats;
    memcpy(out->note, e->run.note, sizeof(out->note));
}

const struct handler_ops handler_event = {
    .name = "event",
    .start = event_start,
    .stop = event_stop,
    .progress = event_progress,
};
