/* SPDX-License-Identifier: Apache-2.0 */
/* The task's own thread, whatever the bytes come from and go to:
 *
 *   1. the handler is spawned
 *   2. pump: input to stdin, stdout to the output (where that is an upload the coordinator is to
 * know, none before it does), until the handler has ended and all has arrived
 * A handler may stop reading early. A failure on any side ends the handler at once, before its
 * stdin could look like a complete input. What the coordinator never learned of is aborted here;
 * the rest it aborts itself when it hears of the failure. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <unistd.h>

#include "proto/base/json.h"
#include "proto/base/limits.h"
#include "worker/handler/invocation.h"
#include "worker/handler/result.h"
#include "worker/handler/stream.h"

enum {
    PUMP_ROUND_BYTES = 1024 * 1024, /* each way before the other descriptors are looked at */
    PUMP_PIPE_BYTES = 1024 * 1024,  /* the most everybody may have: on a busy machine what is moved
                                       each time handler and worker get to run */
    PUMP_FDS = 8,                   /* control, wake and the six pipes */
};

/* ---- Failing ---- */

/* The handler goes first: its stdin must not end as if all had been read. */
static void stop_process(struct stream *s, bool at_once)
{
    if (s->running) {
        process_stop(&s->run.process, at_once);
    }
}

void stream_fail(struct stream *s, const char *error, const char *fmt, ...)
{
    va_list ap;

    if (!s->failed) {
        s->failed = true;
        va_start(ap, fmt);
        result_vfail(&s->result, &s->memory, error, fmt, ap);
        va_end(ap);
    }
    stop_process(s, true);
}

bool stream_given_up(const struct stream *s)
{
    return s->failed || s->stopping;
}

/* ---- What the loop said ---- */

void stream_hear(struct stream *s)
{
    enum stream_ask ask;
    enum err_code answer;
    bool answered;
    uint64_t count;
    ssize_t n = read(s->wake, &count, sizeof(count));

    (void)n; /* nothing new is fine */
    (void)pthread_mutex_lock(&s->lock);
    ask = s->ask;
    answered = s->answered;
    answer = s->answer;
    (void)pthread_mutex_unlock(&s->lock);
    if (answered && answer == OK) {
        s->recorded = true;
    } else if (answered) {
        stream_fail(s, "States.TaskFailed", "the coordinator refused the upload of the output: %s",
                    err_sentence(answer));
    }
    if (ask != STREAM_GO_ON) {
        s->stopping = true;
        stop_process(s, ask == STREAM_KILL);
    }
}

/* ---- 1. The process ---- */

static bool spawn(struct stream *s)
{
    static const enum process_slot pipes[] = {PROCESS_STDIN, PROCESS_STDOUT, PROCESS_STDERR,
                                              PROCESS_RESULT, PROCESS_HEARTBEAT};
    struct slice event = s->lease->grant.payload;
    struct err err;
    enum err_code rc = run_init(&s->run, s->host->work_dir, &err);

    for (size_t i = 0; rc == OK && i < sizeof(pipes) / sizeof(pipes[0]); i++) {
        rc = run_pipe(&s->run, pipes[i], &err);
    }
    if (rc == OK && s->lease->grant.submits) {
        rc = run_pipe(&s->run, PROCESS_SUBMITTED, &err);
    }
    rc = rc != OK ? rc : run_file(&s->run, PROCESS_EVENT, event, &err);
    rc = rc != OK ? rc : run_spawn(&s->run, s->lease, event, &err);
    if (rc != OK) {
        stream_fail(s, "Lambda.ServiceException", "%s", err.msg);
        return false;
    }
    /* Where the system grants no more, or this user has many, they stay as they are. */
    (void)fcntl(s->run.near[PROCESS_STDIN], F_SETPIPE_SZ, PUMP_PIPE_BYTES);
    (void)fcntl(s->run.near[PROCESS_STDOUT], F_SETPIPE_SZ, PUMP_PIPE_BYTES);
    s->running = true;
    return true;
}

/* ---- 2. The pump ---- */

static void close_input(struct stream *s)
{
    process_close(&s->run.near[PROCESS_STDIN]);
    s->fed = true;
}

/* Input to stdin until either has no more for now; true: stdin is full. */
static bool feed(struct stream *s)
{
    struct slice bytes;
    bool end;

    for (size_t fed = 0; !s->fed && !stream_given_up(s) && fed < PUMP_ROUND_BYTES;) {
        ssize_t n;

        if (!s->ends->next(s, &bytes, &end)) {
            return false;
        }
        if (bytes.len == 0) {
            if (end) {
                close_input(s);
            }
            return false;
        }
        n = write(s->run.near[PROCESS_STDIN], bytes.ptr, bytes.len);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return true;
        }
        if (n < 0) { /* EPIPE: it needs no more, and that is its right */
            close_input(s);
            return false;
        }
        fed += (size_t)n;
        s->ends->taken(s, (size_t)n);
    }
    return !s->fed && !stream_given_up(s);
}

/* stdout to parts until either has no more for now; true: stdout is to be waited for. */
static bool drain(struct stream *s)
{
    char *where;
    size_t room;

    for (size_t moved = 0;
         s->recorded && !s->drained && !stream_given_up(s) && moved < PUMP_ROUND_BYTES;) {
        ssize_t n;

        if (!s->ends->room(s, &where, &room)) {
            return false;
        }
        if (room == 0) {
            return false;
        }
        n = run_read(&s->run, PROCESS_STDOUT, where, room);
        if (n < 0) {
            return true;
        }
        if (n == 0) {
            process_close(&s->run.near[PROCESS_STDOUT]);
            s->ends->put_all(s);
            s->drained = true;
            return false;
        }
        s->ends->put(s, (size_t)n);
        moved += (size_t)n;
        (void)atomic_fetch_add(&s->bytes_out, (uint64_t)n);
    }
    return s->recorded && !s->drained && !stream_given_up(s);
}

static ssize_t read_stderr(struct stream *s)
{
    return run_read_stderr(&s->run);
}

static ssize_t read_text(struct stream *s)
{
    char bytes[PROCESS_READ_BYTES];
    ssize_t n = run_read(&s->run, PROCESS_RESULT, bytes, sizeof(bytes));

    if (n > 0 && !s->text_cut) {
        if ((size_t)n > LIMIT_PAYLOAD_BYTES - s->text.len) {
            s->text_cut = true;
            stop_process(s, true);
        } else {
            buf_put(&s->text, bytes, (size_t)n);
        }
    }
    return n;
}

void stream_noted(struct stream *s)
{
    atomic_store(&s->beats, s->run.beats);
    (void)pthread_mutex_lock(&s->lock);
    memcpy(s->note, s->run.note, sizeof(s->note));
    (void)pthread_mutex_unlock(&s->lock);
}

static ssize_t read_beats(struct stream *s)
{
    ssize_t n = run_read_heartbeat(&s->run);

    if (n > 0) {
        stream_noted(s);
    }
    return n;
}

void stream_submitted(struct stream *s)
{
    if (run_take_submission(&s->run, s->lease, &s->memory, &s->submission)) {
        (void)pthread_mutex_lock(&s->lock);
        s->submitted = true;
        (void)pthread_mutex_unlock(&s->lock);
        (void)uv_async_send(&s->mail);
    }
}

static ssize_t read_submitted(struct stream *s)
{
    ssize_t n = run_read_submitted(&s->run);

    stream_submitted(s);
    return n;
}

/* The small pipes. */
static const struct {
    enum process_slot slot;
    ssize_t (*read)(struct stream *s); /* once, as run_read() */
} small[] = {
    {PROCESS_STDERR, read_stderr},
    {PROCESS_RESULT, read_text},
    {PROCESS_HEARTBEAT, read_beats},
    {PROCESS_SUBMITTED, read_submitted},
};
enum { SMALL = sizeof(small) / sizeof(small[0]) };

static ssize_t read_small(struct stream *s, size_t i)
{
    ssize_t n = small[i].read(s);

    if (n == 0) {
        process_close(&s->run.near[small[i].slot]);
    }
    return n;
}

static void process_is_over(struct stream *s)
{
    const struct handler_function *f = handler_function(s->lease);
    struct lease_result r;
    struct handler_end end = {
        .exit = s->exit,
        .command = f->command,
        .text_max = LIMIT_PAYLOAD_BYTES,
        .timeout_ms = f->limits.timeout_ms,
        .deadline_ms = (int64_t)s->lease->grant.timeout_ms,
    };

    s->running = false;
    s->ended = true;
    for (size_t i = 0; i < SMALL; i++) {
        while (s->run.near[small[i].slot] >= 0 && read_small(s, i) > 0) {
        }
    }
    close_input(s);
    end.tail = tail_text(&s->run.tail);
    end.text = buf_slice(&s->text);
    end.text_cut = s->text_cut;
    if (!s->failed && result_failure(&end, &s->memory, &r)) {
        s->failed = true;
        s->result = r;
    }
}

struct pump_fds {
    struct pollfd fds[PUMP_FDS];
    size_t small[PUMP_FDS]; /* index into the table above; SMALL: none of them */
    size_t count;
};

static void add_fd(struct pump_fds *p, int fd, short events, size_t i)
{
    if (fd >= 0) {
        p->fds[p->count] = (struct pollfd){fd, events, 0};
        p->small[p->count++] = i;
    }
}

/* Sleep until something moves. Where all is given up only the process' end is awaited. */
static void wait_fds(struct stream *s, struct pump_fds *p)
{
    struct err err;

    if (stream_given_up(s)) {
        (void)poll(p->fds, (nfds_t)p->count, -1);
    } else if (s3_wait(s->client, p->fds, p->count, -1, &err) != OK) {
        stream_fail(s, "Lambda.ServiceException", "%s", err.msg);
    }
}

static void pump_once(struct stream *s)
{
    struct pump_fds p = {0};
    bool stdin_full = feed(s);
    bool stdout_empty = drain(s);

    if (s->drained && !s->sent && !stream_given_up(s)) {
        s->ends->look(s);
    }
    if (s->ended && (s->sent || stream_given_up(s))) {
        return;
    }
    add_fd(&p, s->wake, POLLIN, SMALL);
    add_fd(&p, s->run.process.control, POLLIN, SMALL);
    add_fd(&p, stdin_full ? s->run.near[PROCESS_STDIN] : -1, POLLOUT, SMALL);
    add_fd(&p, stdout_empty ? s->run.near[PROCESS_STDOUT] : -1, POLLIN, SMALL);
    for (size_t i = 0; i < SMALL; i++) {
        add_fd(&p, s->run.near[small[i].slot], POLLIN, i);
    }
    wait_fds(s, &p);
    for (size_t i = 0; i < p.count; i++) {
        if (p.fds[i].revents != 0 && p.small[i] < SMALL) {
            (void)read_small(s, p.small[i]);
        }
    }
    stream_hear(s);
    if (s->running && process_ended(&s->run.process, &s->exit)) {
        process_is_over(s);
    }
}

void stream_handle(struct stream *s, const struct stream_ends *ends)
{
    s->ends = ends;
    if (stream_given_up(s)) {
        return;
    }
    if (handler_function(s->lease)->persistent) {
        stream_handle_persistent(s);
        return;
    }
    if (!spawn(s)) {
        return;
    }
    while (!s->ended || (!s->sent && !stream_given_up(s))) {
        pump_once(s);
    }
}

/* ---- Uploads that the coordinator records ---- */

enum err_code stream_upload(struct stream *s,
                            const struct handler_upload *to,
                            struct slice content_type,
                            struct err *err)
{
    enum err_code rc =
        s3_writer_open(s->client, to->bucket, to->key, content_type, to->mark, &s->writer, err);

    if (rc != OK) {
        return rc;
    }
    s->upload = *to;
    s->upload.upload_id = arena_copy(&s->memory, s3_writer_upload_id(s->writer));
    (void)pthread_mutex_lock(&s->lock);
    s->uploading = true;
    (void)pthread_mutex_unlock(&s->lock);
    (void)uv_async_send(&s->mail);
    return OK;
}

enum err_code stream_look(struct stream *s, struct err *err)
{
    const struct s3_part *parts;
    struct s3_part *copy;
    size_t count;
    bool done;
    enum err_code rc = s3_writer_done(s->writer, &done, &parts, &count, err);

    if (rc == OK && done) {
        copy = ARENA_ARRAY(&s->memory, count, struct s3_part);
        memcpy(copy, parts, count * sizeof(*copy));
        s->result.parts = copy;
        s->result.part_count = count;
        s->sent = true;
    }
    return rc;
}

/* ---- From beginning to end ---- */

bool stream_wait(struct stream *s, struct err *err)
{
    struct pollfd fd = {s->wake, POLLIN, 0};
    bool well = s3_wait(s->client, &fd, 1, -1, err) == OK;

    stream_hear(s);
    return well;
}

static void finish(struct stream *s)
{
    struct err err;

    if (s->stopping && !s->failed) {
        stream_fail(s, "Lambda.ServiceException", "%s was ended by its worker",
                    handler_function(s->lease)->command);
    }
    s->result.bytes_in = atomic_load(&s->bytes_in);
    s->result.bytes_out = atomic_load(&s->bytes_out);
    if (s->writer != NULL) {
        s3_writer_close(s->writer);
        if (!s->recorded) { /* nobody else knows of it */
            (void)s3_abort(s->client, s->upload.bucket, s->upload.key, s->upload.upload_id, &err);
        }
    }
    buf_fini(&s->text);
    if (!run_close(&s->run)) {
        run_clear(&s->run);
    }
}

void stream_run(struct stream *s)
{
    struct s3_config objects = *s->host->objects;
    struct err err;

    objects.spill = s->host->work_dir;
    signer_init(&s->signer, s->host, s->lease->grant.token);
    objects.signer = &s->signer.base;
    s->run = (struct run){.process = {.control = -1}};
    for (int i = 0; i < PROCESS_SLOTS; i++) {
        s->run.near[i] = s->run.far[i] = -1;
    }
    if (s3_client_new(&objects, &s->client, &err) == OK) {
        s->work(s);
        finish(s);
        s3_client_free(s->client);
    } else {
        stream_fail(s, "S3.S3Exception", "%s", err.msg);
    }
    signer_fini(&s->signer);
}
