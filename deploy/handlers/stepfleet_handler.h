/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of a persistent Stepfleet handler: one process does task after task (persistent = yes in
 * worker.conf). One header, C99 and POSIX, nothing to link with.
 *
 *     #include "stepfleet_handler.h"
 *
 *     static int handle(struct stepfleet_task *t)
 *     {
 *         const char *line;
 *         size_t bytes;
 *
 *         while (stepfleet_line(t, &line, &bytes)) {
 *             if (memmem(line, bytes, "error", 5) != NULL) {
 *                 stepfleet_write(t, line, bytes);
 *             }
 *         }
 *         return 0;
 *     }
 *
 *     int main(void)
 *     {
 *         return stepfleet_serve(handle);
 *     }
 *
 * That is for `handler = stream`; where it is `event` the input is t->event, and the answer what
 * stepfleet_result() is given. A handler that returns another value than 0 has failed, as
 * stepfleet_fail() says. It may read less than all, and write before it has read all. What it
 * prints goes to stderr, which is the log. One thread talks to the worker.
 *
 * Source: PROTOCOL.md, Handler framing. */
#ifndef STEPFLEET_HANDLER_H
#define STEPFLEET_HANDLER_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    STEPFLEET_FRAME_BYTES = 1024 * 1024, /* the most that a frame may carry */
    STEPFLEET_DATA_BYTES = 256 * 1024,   /* what is read and written at once */
    STEPFLEET_HEAD_BYTES = 5
};

struct stepfleet_bytes {
    char *at;
    size_t count;
    size_t room;
};

/* Texts end with a NUL and live as long as the task; "" where there is none. */
struct stepfleet_task {
    const char *event; /* JSON */
    size_t event_bytes;
    const char *function;
    const char *version;
    const char *request_id;
    const char *execution; /* its ARN */
    const char *state;
    const char *directory;   /* this task's own, removed after it */
    const char *credentials; /* JSON */
    const char *trace;       /* as in X-Amzn-Trace-Id; empty: it is not traced */
    long attempt;
    long long deadline_ms; /* since 1970; 0: none */
    int submits;           /* a .sync integration: say stepfleet_submitted() */

    /* The loop's own. */
    struct stepfleet_bytes begin, event_text, texts, line, result, failure, in, out;
    size_t in_at;     /* of `in`, looked at */
    size_t data_left; /* of the DATA frame that is being read */
    size_t line_at;   /* of `line`, given out */
    int input, output;
    int ended; /* END has come */
};

typedef int (*stepfleet_handle)(struct stepfleet_task *t);

/* ---- Bytes ---- */

/* Memory that has run out ends the process: the task fails, and the next one has a new process. */
static inline char *stepfleet_reserve(struct stepfleet_bytes *b, size_t more)
{
    if (b->room - b->count < more) {
        b->room = (b->count + more) * 2;
        b->at = (char *)realloc(b->at, b->room);
        if (b->at == NULL) {
            fprintf(stderr, "stepfleet_handler: memory has run out\n");
            _exit(1);
        }
    }
    return b->at + b->count;
}

static inline void stepfleet_put(struct stepfleet_bytes *b, const void *bytes, size_t count)
{
    if (count != 0) {
        memcpy(stepfleet_reserve(b, count), bytes, count);
        b->count += count;
    }
}

/* ---- Frames ---- */

static inline void stepfleet_send(const struct stepfleet_task *t, const char *bytes, size_t count)
{
    while (count != 0) {
        ssize_t n = write(t->output, bytes, count);

        if (n > 0) {
            bytes += n;
            count -= (size_t)n;
        } else if (n < 0 && errno != EINTR) {
            _exit(1); /* nobody listens */
        }
    }
}

static inline void stepfleet_head(char *head, char type, size_t count)
{
    head[0] = type;
    for (int i = 0; i < 4; i++) {
        head[1 + i] = (char)((count >> (8 * i)) & 0xff);
    }
}

/* What was written so far, as one frame. */
static inline void stepfleet_flush(struct stepfleet_task *t)
{
    if (t->out.count > STEPFLEET_HEAD_BYTES) {
        stepfleet_head(t->out.at, 'D', t->out.count - STEPFLEET_HEAD_BYTES);
        stepfleet_send(t, t->out.at, t->out.count);
        t->out.count = STEPFLEET_HEAD_BYTES;
    }
}

static inline void
stepfleet_frame(const struct stepfleet_task *t, char type, const char *bytes, size_t count)
{
    char head[STEPFLEET_HEAD_BYTES];

    stepfleet_head(head, type, count);
    stepfleet_send(t, head, sizeof(head));
    stepfleet_send(t, bytes, count);
}

/* One read; the end of it all is the end of the process. */
static inline size_t stepfleet_receive(struct stepfleet_task *t, char *bytes, size_t room)
{
    ssize_t n;

    do {
        n = read(t->input, bytes, room);
    } while (n < 0 && errno == EINTR);
    if (n <= 0) {
        exit(0); /* the worker needs this process no more */
    }
    return (size_t)n;
}

/* Some of the bytes that come next, `room` at most. */
static inline size_t stepfleet_take(struct stepfleet_task *t, char *bytes, size_t room)
{
    size_t have = t->in.count - t->in_at;

    if (have == 0 && room >= STEPFLEET_DATA_BYTES / 4) {
        return stepfleet_receive(t, bytes, room);
    }
    if (have == 0) {
        t->in_at = 0;
        t->in.count = have = stepfleet_receive(t, t->in.at, t->in.room);
    }
    have = have < room ? have : room;
    memcpy(bytes, t->in.at + t->in_at, have);
    t->in_at += have;
    return have;
}

static inline void stepfleet_take_all(struct stepfleet_task *t, char *bytes, size_t count)
{
    while (count != 0) {
        size_t n = stepfleet_take(t, bytes, count);

        bytes += n;
        count -= n;
    }
}

/* The length of the next frame. */
static inline size_t stepfleet_next(struct stepfleet_task *t, char *type)
{
    unsigned char head[STEPFLEET_HEAD_BYTES];
    size_t count = 0;

    stepfleet_take_all(t, (char *)head, sizeof(head));
    *type = (char)head[0];
    for (int i = 4; i >= 1; i--) {
        count = count << 8 | head[i];
    }
    return count;
}

static inline void stepfleet_strange(char type)
{
    fprintf(stderr, "stepfleet_handler: a frame 0x%02x where none belongs\n", (unsigned char)type);
    _exit(1);
}

static inline void
stepfleet_whole(struct stepfleet_task *t, char wanted, struct stepfleet_bytes *into)
{
    char type;
    size_t count = stepfleet_next(t, &type);

    if (type != wanted || count > STEPFLEET_FRAME_BYTES) {
        stepfleet_strange(type);
    }
    into->count = 0;
    stepfleet_take_all(t, stepfleet_reserve(into, count + 1), count);
    into->count = count;
    into->at[count] = '\0';
}

/* ---- For handlers ---- */

/* Some of the input, at most `room` bytes; 0: there is no more. */
static inline size_t stepfleet_read(struct stepfleet_task *t, void *bytes, size_t room)
{
    char type = 'D';
    size_t n;

    while (t->data_left == 0 && !t->ended) {
        t->data_left = stepfleet_next(t, &type);
        t->ended = type == 'Z';
        if (type != 'D' && type != 'Z') {
            stepfleet_strange(type);
        }
    }
    n = room < t->data_left ? room : t->data_left;
    n = n != 0 ? stepfleet_take(t, (char *)bytes, n) : 0;
    t->data_left -= n;
    return n;
}

/* The next line with its line break, which the last one may have none of; it lives until the next
 * call. 0: there is no more. Not to be mixed with stepfleet_read() in one task. */
static inline int stepfleet_line(struct stepfleet_task *t, const char **line, size_t *bytes)
{
    struct stepfleet_bytes *b = &t->line;
    size_t looked = t->line_at;
    const char *end;
    size_t n = 1;

    while ((end = b->count > looked ? (const char *)memchr(b->at + looked, '\n', b->count - looked)
                                    : NULL) == NULL &&
           n != 0) {
        if (t->line_at != 0) { /* what was given out makes room */
            memmove(b->at, b->at + t->line_at, b->count - t->line_at);
            b->count -= t->line_at;
            t->line_at = 0;
        }
        looked = b->count;
        n = stepfleet_read(t, stepfleet_reserve(b, STEPFLEET_DATA_BYTES), STEPFLEET_DATA_BYTES);
        b->count += n;
    }
    *line = b->at + t->line_at;
    *bytes = end != NULL ? (size_t)(end + 1 - *line) : b->count - t->line_at;
    t->line_at += *bytes;
    return *bytes != 0;
}

/* Output of a stream handler. */
static inline void stepfleet_write(struct stepfleet_task *t, const void *bytes, size_t count)
{
    const char *at = (const char *)bytes;

    while (count != 0) {
        size_t room = STEPFLEET_HEAD_BYTES + STEPFLEET_DATA_BYTES - t->out.count;
        size_t n = count < room ? count : room;

        stepfleet_put(&t->out, at, n);
        at += n;
        count -= n;
        if (n == room) {
            stepfleet_flush(t);
        }
    }
}

/* The task's result, JSON: of an event handler; of a stream handler as {"counters": {"name": 1}}.
 * The last one counts. */
static inline void stepfleet_result(struct stepfleet_task *t, const char *json, size_t count)
{
    t->result.count = 0;
    stepfleet_put(&t->result, json, count);
}

/* A heartbeat, and a note for people. */
static inline void stepfleet_note(struct stepfleet_task *t, const char *text)
{
    size_t count = strlen(text);

    stepfleet_frame(t, 'N', text, count < 255 ? count : 255);
}

/* The job of a .sync integration has begun: what the service answered, JSON. */
static inline void stepfleet_submitted(struct stepfleet_task *t, const char *json)
{
    stepfleet_frame(t, 'S', json, strlen(json));
}

static inline void stepfleet_quote(struct stepfleet_bytes *b, const char *text)
{
    char escape[8];

    stepfleet_put(b, "\"", 1);
    for (; *text != '\0' && b->count < STEPFLEET_FRAME_BYTES / 2; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < ' ' || c == '"' || c == '\\') {
            (void)snprintf(escape, sizeof(escape), "\\u%04x", c);
            stepfleet_put(b, escape, 6);
        } else {
            stepfleet_put(b, text, 1);
        }
    }
    stepfleet_put(b, "\"", 1);
}

/* What the failure is, for a handler that returns another value than 0; which this returns. */
static inline int stepfleet_fail(struct stepfleet_task *t, const char *type, const char *message)
{
    static const char error[] = "{\"errorType\":", text[] = ",\"errorMessage\":";

    t->failure.count = 0;
    stepfleet_put(&t->failure, error, sizeof(error) - 1);
    stepfleet_quote(&t->failure, type);
    stepfleet_put(&t->failure, text, sizeof(text) - 1);
    stepfleet_quote(&t->failure, message);
    stepfleet_put(&t->failure, "}", 1);
    return 1;
}

/* ---- BEGIN: a JSON object of texts, integers, true and false ---- */

static inline unsigned stepfleet_hex(const char *at)
{
    char digits[5] = {at[0], at[1], at[2], at[3], '\0'};

    return (unsigned)strtoul(digits, NULL, 16);
}

static inline void stepfleet_put_utf8(struct stepfleet_bytes *b, unsigned c)
{
    char out[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = n; i-- > 1;) {
        out[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    out[0] = (char)(first[n] | c);
    stepfleet_put(b, out, n);
}

/* One escape, behind its backslash; where it ends. */
static inline const char *stepfleet_unescape(const char *at, struct stepfleet_bytes *out)
{
    static const char names[] = "bfnrt", meant[] = "\b\f\n\r\t";
    const char *name = strchr(names, *at);
    unsigned c;

    if (*at != 'u') {
        stepfleet_put(out, name != NULL ? &meant[name - names] : at, 1);
        return at + 1;
    }
    c = stepfleet_hex(at + 1);
    at += 5;
    if (c >= 0xd800 && c < 0xdc00 && at[0] == '\\' && at[1] == 'u') {
        c = 0x10000 + ((c - 0xd800) << 10) + (stepfleet_hex(at + 2) - 0xdc00);
        at += 6;
    }
    stepfleet_put_utf8(out, c);
    return at;
}

/* A text, decoded to the end of *out and ended with a NUL; `at` is behind its first quote. Returns
 * where it ends. The worker wrote it, so it is whole. */
static inline const char *stepfleet_text(const char *at, struct stepfleet_bytes *out)
{
    while (*at != '"' && *at != '\0') {
        if (*at == '\\') {
            at = stepfleet_unescape(at + 1, out);
        } else {
            stepfleet_put(out, at++, 1);
        }
    }
    stepfleet_put(out, "", 1);
    return *at == '"' ? at + 1 : at;
}

/* What stands behind "name":, or NULL. Names and texts are walked over together, so that no text
 * can be taken for a name. */
static inline const char *
stepfleet_find(const char *at, const char *name, struct stepfleet_bytes *scratch)
{
    while ((at = strchr(at, '"')) != NULL) {
        scratch->count = 0;
        at = stepfleet_text(at + 1, scratch);
        if (*at == ':' && strcmp(scratch->at, name) == 0) {
            return at + 1;
        }
        if (*at == ':' && at[1] == '"') { /* over its value */
            at = stepfleet_text(at + 2, scratch);
        }
    }
    return NULL;
}

/* Texts are laid side by side in t->texts, which has room for all of BEGIN: nothing moves. */
static inline const char *stepfleet_string(struct stepfleet_task *t, const char *name)
{
    const char *at = stepfleet_find(t->begin.at, name, &t->line);
    const char *text = t->texts.at + t->texts.count;

    if (at == NULL || *at != '"') {
        return "";
    }
    (void)stepfleet_text(at + 1, &t->texts);
    return text;
}

static inline long long stepfleet_integer(struct stepfleet_task *t, const char *name)
{
    const char *at = stepfleet_find(t->begin.at, name, &t->line);

    return at != NULL ? strtoll(at, NULL, 10) : 0;
}

static inline void stepfleet_begin(struct stepfleet_task *t)
{
    const char *submits;

    stepfleet_whole(t, 'B', &t->begin);
    stepfleet_whole(t, 'E', &t->event_text);
    t->event = t->event_text.at;
    t->event_bytes = t->event_text.count;
    t->texts.count = 0;
    (void)stepfleet_reserve(&t->texts, t->begin.count + 16);
    t->function = stepfleet_string(t, "function");
    t->version = stepfleet_string(t, "version");
    t->request_id = stepfleet_string(t, "requestId");
    t->execution = stepfleet_string(t, "execution");
    t->state = stepfleet_string(t, "state");
    t->directory = stepfleet_string(t, "directory");
    t->credentials = stepfleet_string(t, "credentials");
    t->trace = stepfleet_string(t, "trace");
    t->attempt = (long)stepfleet_integer(t, "attempt");
    t->deadline_ms = stepfleet_integer(t, "deadlineMs");
    submits = stepfleet_find(t->begin.at, "submits", &t->line);
    t->submits = submits != NULL && *submits == 't';
}

/* ---- The loop ---- */

static inline void stepfleet_end(struct stepfleet_task *t, int status)
{
    char text[64];

    if (status == 0 && t->result.count > STEPFLEET_FRAME_BYTES) {
        status = stepfleet_fail(t, "Function.ResponseSizeTooLarge",
                                "Response payload size exceeded maximum allowed payload size "
                                "(1048576 bytes).");
    } else if (status != 0 && t->failure.count == 0) {
        (void)snprintf(text, sizeof(text), "the handler returned %d", status);
        (void)stepfleet_fail(t, "Lambda.Unknown", text);
    }
    (void)fflush(NULL);
    if (status == 0) {
        stepfleet_flush(t);
        stepfleet_frame(t, 'R', t->result.at, t->result.count);
    } else {
        stepfleet_frame(t, 'F', t->failure.at, t->failure.count);
    }
    while (stepfleet_read(t, t->line.at, t->line.room) != 0) { /* what was not read */
    }
}

static inline void stepfleet_one(struct stepfleet_task *t, stepfleet_handle handle)
{
    t->ended = 0;
    t->data_left = 0;
    stepfleet_begin(t);
    t->line_at = t->line.count = 0;
    t->result.count = t->failure.count = 0;
    t->out.count = STEPFLEET_HEAD_BYTES;
    stepfleet_end(t, handle(t));
}

/* stdin and stdout are taken away from everybody else. */
static inline int stepfleet_open(struct stepfleet_task *t)
{
    int null = open("/dev/null", O_RDONLY);

    t->input = dup(STDIN_FILENO);
    t->output = dup(STDOUT_FILENO);
    if (null < 0 || t->input < 0 || t->output < 0 || dup2(null, STDIN_FILENO) < 0 ||
        dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
        perror("stepfleet_handler");
        return -1;
    }
    (void)close(null);
    (void)fcntl(t->input, F_SETFD, FD_CLOEXEC);
    (void)fcntl(t->output, F_SETFD, FD_CLOEXEC);
    (void)stepfleet_reserve(&t->in, STEPFLEET_DATA_BYTES);
    (void)stepfleet_reserve(&t->line, STEPFLEET_DATA_BYTES);
    (void)stepfleet_reserve(&t->out, STEPFLEET_HEAD_BYTES + STEPFLEET_DATA_BYTES);
    return 0;
}

/* Task after task. Returns only where it cannot begin; the end of the last task ends the process.
 */
static inline int stepfleet_serve(stepfleet_handle handle)
{
    static struct stepfleet_task task;
    const char *framing = getenv("STEPFLEET_FRAMING");

    if (framing == NULL || strcmp(framing, "1") != 0) {
        fprintf(stderr, "to be run by stepfleet-worker, with persistent = yes\n");
        return 2;
    }
    if (stepfleet_open(&task) != 0) {
        return 1;
    }
    for (;;) {
        stepfleet_one(&task, handle);
    }
}

#endif
