/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/handler/talk.h"

#include <assert.h>
#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "proto/host/clock.h"
#include "proto/host/log.h"
#include "worker/handler/invocation.h"

enum { TALK_DATA_BYTES = 256 * 1024 /* of a frame: a quarter of a pipe's most */ };

/* ---- Beginning ---- */

static enum err_code queue_begin(struct talk *t, struct err *err)
{
    struct slice event = t->lease->grant.payload;
    struct arena a = {0};

    if (event.len > FRAME_PAYLOAD_BYTES) {
        return err_set(err, ERR_TOO_LARGE, "an event of %zu bytes: a frame has %d at most",
                       event.len, FRAME_PAYLOAD_BYTES);
    }
    frame_put(FRAME_BEGIN, invocation_begin(t->lease, t->run->home, &a), &t->p->out);
    frame_put(FRAME_EVENT, event, &t->p->out);
    arena_fini(&a);
    return OK;
}

/* Its time begins before it knows of the task. */
static enum err_code begin(struct talk *t, const struct handler_function *f, struct err *err)
{
    enum err_code rc = queue_begin(t, err);

    if (rc == OK && !process_begin_task(&t->p->run.process, f->limits.timeout_ms,
                                        (int64_t)t->lease->grant.timeout_ms)) {
        rc = err_set(err, ERR_IO, "the supervisor of %s does not listen", f->command);
    }
    if (rc != OK) {
        t->p->unfit = true;
        keeper_give(t->keeper, t->p);
    }
    return rc;
}

enum err_code talk_open(struct talk *t,
                        struct handler_host *host,
                        const struct lease *l,
                        struct run *run,
                        bool has_data,
                        struct err *err)
{
    const struct handler_function *f = handler_function(l);
    enum err_code rc;

    *t = (struct talk){.keeper = host->keeper, .lease = l, .run = run};
    t->begun_us = clock_mono_us();
    frame_reader_init(&t->reader, has_data);
    rc = run_init(run, host->work_dir, err);
    rc = rc != OK ? rc : keeper_take(t->keeper, f, &t->p, err);
    rc = rc != OK ? rc : begin(t, f, err);
    if (rc == OK) {
        t->in = mem_alloc(PROCESS_READ_BYTES);
    }
    return rc;
}

/* ---- To the handler ---- */

/* What writev() has written of the queue; the rest was data. */
static size_t queue_written(struct persistent *p, size_t bytes)
{
    size_t queued = p->out.len - p->sent;

    if (bytes < queued) {
        p->sent += bytes;
        return 0;
    }
    p->sent = 0;
    buf_reset(&p->out);
    return bytes - queued;
}

bool talk_write(struct talk *t, struct slice data, size_t *taken)
{
    struct persistent *p = t->p;
    struct iovec v[2];
    size_t all;
    ssize_t n;

    *taken = 0;
    if (data.len != 0 && p->owed == 0) {
        p->owed = data.len < TALK_DATA_BYTES ? data.len : TALK_DATA_BYTES;
        frame_put_head(FRAME_DATA, p->owed, &p->out);
    }
    data = slice_head(data, p->owed);
    v[0] = (struct iovec){p->out.len != 0 ? p->out.ptr + p->sent : NULL, p->out.len - p->sent};
    v[1] = (struct iovec){(void *)(uintptr_t)data.ptr, data.len};
    all = v[0].iov_len + v[1].iov_len;
    n = all != 0 ? writev(p->run.near[PROCESS_STDIN], v, 2) : 0;
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return true;
    }
    if (n < 0) { /* EPIPE: it reads no more, and cannot read of another task */
        p->unfit = true;
        t->input_ended = true;
        return false;
    }
    *taken = queue_written(p, (size_t)n);
    p->owed -= *taken;
    return (size_t)n < all;
}

void talk_end_input(struct talk *t)
{
    struct persistent *p = t->p;

    if (t->input_ended) {
        return;
    }
    t->input_ended = true;
    if (p->owed != 0) { /* nobody looks at them */
        memset(buf_reserve(&p->out, p->owed), 0, p->owed);
        p->out.len += p->owed;
        p->owed = 0;
    }
    frame_put(FRAME_END, SLICE(""), &p->out);
}

/* ---- From the handler ---- */

/* It should be about to end, and say how; unless its time is up, when it is being ended. */
static void hurry(struct talk *t)
{
    struct process *process = &t->p->run.process;

    t->shut = true;
    t->hurried = process->control >= 0 && process_end_task(process) &&
                 process_begin_task(process, 0, PROCESS_GRACE_MS);
}

static ssize_t read_stdout(struct talk *t, char *where, size_t room)
{
    ssize_t n = run_read(&t->p->run, PROCESS_STDOUT, where, room);

    if (n == 0 && !t->shut) {
        hurry(t);
    }
    return n;
}

ssize_t talk_read(struct talk *t)
{
    ssize_t n;

    assert(t->rest.len == 0 && t->data.len == 0);
    n = read_stdout(t, t->in, PROCESS_READ_BYTES);
    if (n > 0) {
        t->rest = slice_make(t->in, (size_t)n);
    }
    return n;
}

/* A small frame is whole. */
static enum talk_news take_text(struct talk *t, enum frame_type type)
{
    if (type == FRAME_RESULT || type == FRAME_FAILURE) {
        t->over = true;
        t->said_failed = type == FRAME_FAILURE;
        return TALK_OVER;
    }
    if (type == FRAME_NOTE) {
        run_note(t->run, buf_slice(&t->text));
    } else if (t->lease->grant.submits) { /* else nobody asks for it */
        submission_put(&t->run->submission, buf_slice(&t->text));
        submission_end(&t->run->submission);
    }
    buf_reset(&t->text);
    return type == FRAME_NOTE ? TALK_NOTED : TALK_SUBMITTED;
}

static enum talk_news break_off(struct talk *t)
{
    t->broken = true;
    process_stop(&t->p->run.process, true);
    return TALK_BROKEN;
}

enum talk_news talk_next(struct talk *t)
{
    struct frame_piece piece;

    while (t->data.len == 0) {
        switch (frame_next(&t->reader, &t->rest, &piece, &t->wrong)) {
        case FRAME_NOTHING: return TALK_NOTHING;
        case FRAME_WRONG: return break_off(t);
        case FRAME_PIECE: break;
        }
        if (piece.type == FRAME_DATA) {
            t->data = piece.bytes;
            continue;
        }
        buf_put_slice(&t->text, piece.bytes);
        if (piece.last) {
            return take_text(t, piece.type);
        }
    }
    return TALK_DATA;
}

void talk_take_data(struct talk *t, size_t bytes)
{
    assert(bytes <= t->data.len);
    t->data = slice_from(t->data, bytes);
}

size_t talk_data_ahead(const struct talk *t)
{
    return t->rest.len == 0 && t->data.len == 0 ? frame_data_ahead(&t->reader) : 0;
}

ssize_t talk_read_data(struct talk *t, char *where, size_t room)
{
    size_t ahead = talk_data_ahead(t);
    ssize_t n = read_stdout(t, where, room < ahead ? room : ahead);

    if (n > 0) {
        frame_data_passed(&t->reader, (size_t)n);
    }
    return n;
}

ssize_t talk_read_stderr(struct talk *t)
{
    return run_read_stderr_of(&t->p->run, &t->run->tail);
}

/* ---- The end ---- */

/* What it wrote to stderr before its last frame is there: all of it is this task's. */
static void end_task(struct talk *t, struct process_exit *exit)
{
    struct persistent *p = t->p;
    size_t taken;

    while (talk_read_stderr(t) > 0) {
    }
    *exit = (struct process_exit){
        .cause = PROCESS_ENDED,
        .ran_us = (uint64_t)(clock_mono_us() - t->begun_us),
        .memory_bytes = t->lease->grant.log_tail ? process_memory(&p->run.process) : 0,
    };
    talk_end_input(t);
    (void)talk_write(t, SLICE(""), &taken); /* the rest goes with the next task */
    if (!process_end_task(&p->run.process)) {
        p->unfit = true;
    }
    if (t->rest.len != 0) {
        log_warn("%s wrote more after the end of a task: it is ended", p->function->command);
        p->unfit = true;
    }
}

void talk_close(struct talk *t, struct process_exit *exit)
{
    if (t->p->run.process.control >= 0) {
        end_task(t, exit);
    }
    keeper_give(t->keeper, t->p);
    t->p = NULL;
}

struct handler_end talk_end(const struct talk *t, const struct process_exit *exit, size_t text_max)
{
    const struct handler_function *f = handler_function(t->lease);
    struct slice text = t->over ? buf_slice(&t->text) : SLICE("");

    return (struct handler_end){
        .exit = *exit,
        .broken = t->broken ? t->wrong.msg
                  : t->hurried && exit->cause == PROCESS_TIMED_OUT
                      ? "it closed its stdout before the task's end"
                      : NULL,
        .word = !t->over         ? HANDLER_NO_WORD
                : t->said_failed ? HANDLER_FAILURE
                                 : HANDLER_RESULT,
        .command = f->command,
        .text = text,
        .text_cut = !t->said_failed && text.len > text_max,
        .text_max = text_max,
        .tail = tail_text(&t->run->tail),
        .timeout_ms = f->limits.timeout_ms,
        .deadline_ms = (int64_t)t->lease->grant.timeout_ms,
    };
}

void talk_fini(struct talk *t)
{
    assert(t->p == NULL);
    buf_fini(&t->text);
    mem_free(t->in);
}
