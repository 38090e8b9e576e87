/* SPDX-License-Identifier: Apache-2.0 */
/* The pump of a task whose handler is persistent: as stream_pump.c's, but what moves is in frames,
 * and it is RESULT that ends the output, not the process. The task has an end of its own:
 *
 *   over    RESULT has come: the process waits for another task while the rest arrives in the store
 *   failed  FAILURE has come: so it does, and the task has failed
 *   ended   the process has: what its stdout still holds may have the last frame yet
 * Whatever else fails ends the process at once, which is waited for. */
#include <poll.h>

#include "proto/base/limits.h"
#include "worker/handler/stream.h"
#include "worker/handler/talk.h"

enum {
    PUMP_ROUND_BYTES = 1024 * 1024, /* each way before the other descriptors are looked at */
    PUMP_FDS = 5,                   /* wake, control, stdin, stdout, stderr */
};

struct pump {
    struct stream *s;
    struct talk talk;
    bool quiet; /* its stderr has ended */
};

/* ---- The end ---- */

static void settle(struct pump *p)
{
    struct stream *s = p->s;
    struct handler_end end = talk_end(&p->talk, &s->exit, LIMIT_PAYLOAD_BYTES);
    struct lease_result r;

    buf_put_slice(&s->text, end.text);
    if (!s->failed && result_failure(&end, &s->memory, &r)) {
        s->failed = true;
        s->result = r;
    }
}

/* The last frame is here: the process is the task's no more. */
static void task_is_over(struct pump *p)
{
    struct stream *s = p->s;

    s->running = false;
    s->fed = s->drained = true;
    talk_close(&p->talk, &s->exit);
    settle(p);
    if (!stream_given_up(s)) {
        s->ends->put_all(s);
    }
}

static void process_is_over(struct pump *p)
{
    struct stream *s = p->s;

    s->running = false;
    s->ended = s->fed = true;
    while (talk_read_stderr(&p->talk) > 0) {
    }
}

/* The process has ended, and its last frame will not come. */
static bool is_cut_off(const struct pump *p)
{
    const struct talk *t = &p->talk;

    return p->s->ended && !t->over && (t->shut || t->broken || stream_given_up(p->s));
}

static bool is_finished(const struct pump *p)
{
    const struct stream *s = p->s;

    return !s->running && (stream_given_up(s) || s->sent);
}

/* ---- Input ---- */

/* Input to stdin until either has no more for now; true: stdin is full. */
static bool feed(struct pump *p)
{
    struct stream *s = p->s;
    struct slice bytes;
    size_t taken;
    bool end;

    for (size_t fed = 0; !s->fed && !stream_given_up(s) && fed < PUMP_ROUND_BYTES; fed += taken) {
        bool full;

        if (!s->ends->next(s, &bytes, &end)) {
            return false;
        }
        if (bytes.len == 0 && end) {
            talk_end_input(&p->talk);
            s->fed = true;
        }
        full = talk_write(&p->talk, bytes, &taken);
        if (taken != 0) {
            s->ends->taken(s, taken);
        }
        if (full || bytes.len == 0) {
            return full;
        }
        s->fed = p->talk.input_ended;
    }
    return s->running && talk_write(&p->talk, SLICE(""), &taken);
}

/* ---- Output ---- */

/* Some DATA to its place, out of what was read or straight from stdout; as run_read(), and 0 where
 * there is no room as well. */
static ssize_t take_data(struct pump *p)
{
    struct stream *s = p->s;
    struct talk *t = &p->talk;
    ssize_t n;
    char *where;
    size_t room;

    if (!s->ends->room(s, &where, &room) || room == 0) {
        return 0;
    }
    if (t->data.len != 0) {
        n = (ssize_t)(room < t->data.len ? room : t->data.len);
        memcpy(where, t->data.ptr, (size_t)n);
        talk_take_data(t, (size_t)n);
    } else {
        n = talk_read_data(t, where, room);
    }
    if (n > 0) {
        s->ends->put(s, (size_t)n);
        (void)atomic_fetch_add(&s->bytes_out, (uint64_t)n);
    }
    return n;
}

/* What comes next, as run_read() tells it. */
static ssize_t take_next(struct pump *p)
{
    struct talk *t = &p->talk;

    switch (talk_next(t)) {
    case TALK_NOTHING: return talk_data_ahead(t) != 0 ? take_data(p) : talk_read(t);
    case TALK_DATA: return take_data(p);
    case TALK_NOTED: stream_noted(p->s); return 1;
    case TALK_SUBMITTED: stream_submitted(p->s); return 1;
    case TALK_OVER: task_is_over(p); return 0;
    case TALK_BROKEN: return 0;
    }
    return 0;
}

static bool reads_on(const struct pump *p)
{
    const struct stream *s = p->s;

    return s->recorded && !s->drained && !p->talk.broken && !p->talk.shut && !stream_given_up(s);
}

/* stdout to its place until either has no more for now; true: stdout is to be waited for. */
static bool drain(struct pump *p)
{
    for (size_t moved = 0; reads_on(p) && moved < PUMP_ROUND_BYTES;) {
        ssize_t n = take_next(p);

        if (n <= 0) {
            return n < 0;
        }
        moved += (size_t)n;
    }
    return reads_on(p);
}

/* ---- Both, until the end ---- */

static size_t add_fd(struct pollfd *fds, size_t count, int fd, short events)
{
    if (fd >= 0) {
        fds[count++] = (struct pollfd){fd, events, 0};
    }
    return count;
}

/* Sleep until something moves. Where all is given up only the process' end is awaited. */
static void wait_fds(struct pump *p, bool stdin_full, bool stdout_empty)
{
    struct stream *s = p->s;
    struct pollfd fds[PUMP_FDS];
    size_t n = add_fd(fds, 0, s->wake, POLLIN);
    struct err err;

    if (s->running) {
        const struct run *run = &p->talk.p->run;

        n = add_fd(fds, n, run->process.control, POLLIN);
        n = add_fd(fds, n, stdin_full ? run->near[PROCESS_STDIN] : -1, POLLOUT);
        n = add_fd(fds, n, stdout_empty ? run->near[PROCESS_STDOUT] : -1, POLLIN);
        n = add_fd(fds, n, p->quiet ? -1 : run->near[PROCESS_STDERR], POLLIN);
    }
    if (stream_given_up(s)) {
        (void)poll(fds, (nfds_t)n, -1);
    } else if (s3_wait(s->client, fds, n, -1, &err) != OK) {
        stream_fail(s, "Lambda.ServiceException", "%s", err.msg);
    }
}

static void pump_once(struct pump *p)
{
    struct stream *s = p->s;
    bool stdin_full = feed(p);
    bool stdout_empty = drain(p);

    if (is_cut_off(p)) {
        settle(p);
    }
    if (s->drained && !s->sent && !stream_given_up(s)) {
        s->ends->look(s);
    }
    if (is_finished(p)) {
        return;
    }
    wait_fds(p, stdin_full, stdout_empty);
    stream_hear(s);
    if (s->running) {
        p->quiet = p->quiet || talk_read_stderr(&p->talk) == 0;
        if (process_ended(&p->talk.p->run.process, &s->exit)) {
            process_is_over(p);
        }
    }
}

void stream_handle_persistent(struct stream *s)
{
    struct pump p = {.s = s};
    struct err err;

    if (talk_open(&p.talk, s->host, s->lease, &s->run, true, &err) != OK) {
        stream_fail(s, "Lambda.ServiceException", "%s", err.msg);
        return;
    }
    s->run.process = p.talk.p->run.process; /* for who ends it; told of its end is p.talk.p alone */
    s->running = true;
    while (!is_finished(&p)) {
        pump_once(&p);
    }
    if (p.talk.p != NULL) {
        talk_close(&p.talk, &s->exit);
    }
    talk_fini(&p.talk);
}
