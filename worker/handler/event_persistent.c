/* SPDX-License-Identifier: Apache-2.0 */
/* An event's task in a persistent process. All on the loop's thread.
 *
 *   start   a process is taken, BEGIN, EVENT and END are queued; a poll each: control, stdin while
 *           it is full, stdout, stderr
 *   over    RESULT or FAILURE has come: polls close, the process is given back, `finished`
 *   broken  what it wrote makes no sense: it is being ended
 *   end     control says that it is gone: what stdout still holds may have the last frame yet; then
 *           as above
 * One that is stopped and says its last word meanwhile is waited for, too: it is not given back
 * alive. */
#include <assert.h>

#include "worker/handler/invocation.h"
#include "worker/handler/talk.h"

enum visit_watch { WATCH_CONTROL, WATCH_STDIN, WATCH_STDOUT, WATCH_STDERR, WATCHES };

struct visit {
    struct handler_host *host;
    struct lease *lease;
    struct run run; /* the task's */
    struct talk talk;
    struct process_exit exit;
    uv_poll_t polls[WATCHES];
    unsigned open; /* polls not closed yet */
    uv_work_t clear;
    bool stopping;
    bool closing; /* polls are being closed */
    struct lease_result result;
    struct arena memory; /* the result's */
};

/* ---- The end ---- */

static void visit_free(struct visit *v)
{
    talk_fini(&v->talk);
    arena_fini(&v->memory);
    mem_free(v);
}

static void visit_finish(struct visit *v)
{
    v->host->finished(v->host, v->lease, &v->result, &v->memory);
    visit_free(v);
}

static void on_clear(uv_work_t *work)
{
    run_clear(&container_of(work, struct visit, clear)->run);
}

static void on_cleared(uv_work_t *work, int status)
{
    (void)status;
    visit_finish(container_of(work, struct visit, clear));
}

static void visit_judge(struct visit *v)
{
    const struct handler_function *f = handler_function(v->lease);
    struct handler_end end = talk_end(&v->talk, &v->exit, f->output_max_bytes);

    result_judge(&end, &v->memory, &v->result);
    if (v->lease->grant.log_tail && !v->result.failed) {
        v->result.log = invocation_log(v->lease, &v->exit, &v->run.tail, &v->memory);
    }
}

/* The process goes back first: the next task begins in `finished`. */
static void on_closed(uv_handle_t *h)
{
    struct visit *v = h->data;

    if (--v->open > 0) {
        return;
    }
    talk_close(&v->talk, &v->exit);
    visit_judge(v);
    if (run_close(&v->run) || uv_queue_work(v->host->loop, &v->clear, on_clear, on_cleared) != 0) {
        visit_finish(v);
    }
}

static void visit_close(struct visit *v)
{
    if (!v->closing) {
        v->closing = true;
        for (unsigned w = 0; w < WATCHES; w++) {
            uv_close((uv_handle_t *)&v->polls[w], on_closed);
        }
    }
}

/* ---- While it runs ---- */

static void visit_submitted(struct visit *v)
{
    struct arena memory = {0};
    struct slice text;

    if (run_take_submission(&v->run, v->lease, &memory, &text)) {
        v->host->submitted(v->host, v->lease, text);
    }
    arena_fini(&memory);
}

/* What one read brought; false: no more is to be read. */
static bool visit_hear(struct visit *v)
{
    for (;;) {
        switch (talk_next(&v->talk)) {
        case TALK_NOTHING: return true;
        case TALK_NOTED: break;
        case TALK_SUBMITTED: visit_submitted(v); break;
        case TALK_DATA: /* its frames have none */
        case TALK_OVER:
        case TALK_BROKEN: return false;
        }
    }
}

static void read_stdout(struct visit *v)
{
    ssize_t n = talk_read(&v->talk);

    if (n == 0 || (n > 0 && !visit_hear(v))) {
        (void)uv_poll_stop(&v->polls[WATCH_STDOUT]);
        if (v->talk.over && !v->stopping) {
            visit_close(v);
        }
    }
}

/* It is gone; nothing is added to what the pipes hold. */
static void visit_ended(struct visit *v)
{
    while (!v->talk.broken && !v->talk.over && talk_read(&v->talk) > 0 && visit_hear(v)) {
    }
    while (talk_read_stderr(&v->talk) > 0) {
    }
    visit_close(v);
}

static void write_stdin(struct visit *v);

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct visit *v = poll->data;

    (void)status;
    (void)events;
    switch ((enum visit_watch)(poll - v->polls)) {
    case WATCH_CONTROL:
        if (process_ended(&v->talk.p->run.process, &v->exit)) {
            visit_ended(v);
        }
        break;
    case WATCH_STDIN: write_stdin(v); break;
    case WATCH_STDOUT: read_stdout(v); break;
    case WATCH_STDERR:
        if (talk_read_stderr(&v->talk) == 0) {
            (void)uv_poll_stop(poll);
        }
        break;
    case WATCHES: break;
    }
}

static void write_stdin(struct visit *v)
{
    uv_poll_t *poll = &v->polls[WATCH_STDIN];
    size_t taken;

    if (!talk_write(&v->talk, SLICE(""), &taken)) {
        (void)uv_poll_stop(poll);
    } else if (!uv_is_active((uv_handle_t *)poll)) {
        (void)uv_poll_start(poll, UV_WRITABLE, on_poll);
    }
}

/* ---- Beginning ---- */

static void watch(struct visit *v, enum visit_watch w, int fd)
{
    int rc = uv_poll_init(v->host->loop, &v->polls[w], fd);

    assert(rc == 0); /* a pipe or socket that is not watched yet cannot fail */
    v->polls[w].data = v;
    v->open++;
    if (w != WATCH_STDIN) {
        (void)uv_poll_start(&v->polls[w], UV_READABLE, on_poll);
    }
}

static bool
visit_start(struct handler_host *h, struct lease *l, struct lease_result *r, struct arena *memory)
{
    struct visit *v = mem_zalloc(1, sizeof(*v));
    const struct run *process;
    struct err err;

    v->host = h;
    v->lease = l;
    if (talk_open(&v->talk, h, l, &v->run, false, &err) != OK) {
        result_fail(r, memory, "Lambda.ServiceException", "%s", err.msg);
        (void)run_close(&v->run);
        mem_free(v);
        return false;
    }
    l->run = v;
    process = &v->talk.p->run;
    watch(v, WATCH_CONTROL, process->process.control);
    watch(v, WATCH_STDIN, process->near[PROCESS_STDIN]);
    watch(v, WATCH_STDOUT, process->near[PROCESS_STDOUT]);
    watch(v, WATCH_STDERR, process->near[PROCESS_STDERR]);
    talk_end_input(&v->talk);
    write_stdin(v);
    return true;
}

static void visit_stop(struct lease *l, bool at_once)
{
    struct visit *v = l->run;

    if (!v->closing) {
        v->stopping = true;
        process_stop(&v->talk.p->run.process, at_once);
    }
}

static void visit_progress(const struct lease *l, struct handler_progress *out)
{
    const struct visit *v = l->run;

    out->beats = v->run.beats;
    memcpy(out->note, v->run.note, sizeof(out->note));
}

const struct handler_ops handler_event_persistent = {
    .name = "event",
    .start = visit_start,
    .stop = visit_stop,
    .progress = visit_progress,
};
