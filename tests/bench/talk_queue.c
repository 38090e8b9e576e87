/* SPDX-License-Identifier: Apache-2.0 */
/* Messages through others' queues, in their own protocols: each sent, received by whoever asks, and
 * deleted by its receiver.
 *
 *   beanstalkd  put, reserve, delete
 *   Redis       a stream with a consumer group: XADD, XREADGROUP, then XACK and XDEL at once
 *
 * Sources: beanstalkd's protocol.txt; the Redis protocol specification (RESP2). */
#include <stdlib.h>
#include <string.h>

#include "tests/bench/process.h"
#include "tests/bench/talk.h"

enum step { STEP_SEND, STEP_RECEIVE, STEP_DELETE };

static unsigned next_step(struct talk *t, bool received)
{
    switch ((enum step)t->step) {
    case STEP_SEND: t->step = STEP_RECEIVE; return 0;
    case STEP_RECEIVE: t->step = received ? STEP_DELETE : STEP_RECEIVE; return 0;
    case STEP_DELETE: t->step = STEP_SEND; return 1;
    }
    return 0;
}

static void put_body(struct buf *b)
{
    memset(buf_reserve(b, TALK_BODY_BYTES), 'x', TALK_BODY_BYTES);
    b->len += TALK_BODY_BYTES;
    buf_put_str(b, "\r\n");
}

/* What stands up to the next space or the line's end. */
static void keep_handle(struct talk *t, const char *from)
{
    size_t len = strcspn(from, " \r");

    if (len >= TALK_HANDLE_BYTES) {
        bench_die("an id is too long");
    }
    memcpy(t->handle[0], from, len);
    t->handle[0][len] = '\0';
}

/* ---- beanstalkd ---- */

static void ask_beanstalk(const struct talk_plan *p, struct talk *t)
{
    (void)p;
    switch ((enum step)t->step) {
    case STEP_SEND:
        buf_printf(&t->out, "put 0 0 60 %d\r\n", TALK_BODY_BYTES);
        put_body(&t->out);
        break;
    case STEP_RECEIVE: buf_put_str(&t->out, "reserve\r\n"); break;
    case STEP_DELETE: buf_printf(&t->out, "delete %s\r\n", t->handle[0]); break;
    }
}

static bool beanstalk_is_whole(const struct talk *t)
{
    static const char *const good[] = {"INSERTED ", "RESERVED ", "DELETED\r"};
    const char *line_end = strstr(t->in.ptr, "\r\n");
    size_t line;

    if (line_end == NULL) {
        return false;
    }
    if (strncmp(t->in.ptr, good[t->step], strlen(good[t->step])) != 0) {
        bench_die("refused: %.200s", t->in.ptr);
    }
    line = (size_t)(line_end + 2 - t->in.ptr);
    return t->in.len >= line + (t->step == STEP_RECEIVE ? TALK_BODY_BYTES + 2 : 0);
}

static unsigned heard_beanstalk(const struct talk_plan *p, struct talk *t)
{
    (void)p;
    if (t->step == STEP_RECEIVE) {
        keep_handle(t, t->in.ptr + strlen("RESERVED "));
    }
    return next_step(t, true);
}

const struct talk_tongue talk_beanstalk = {ask_beanstalk, beanstalk_is_whole, heard_beanstalk};

/* ---- Redis ---- */

static void ask_redis(const struct talk_plan *p, struct talk *t)
{
    (void)p;
    switch ((enum step)t->step) {
    case STEP_SEND:
        buf_printf(&t->out, "*5\r\n$4\r\nXADD\r\n$1\r\nq\r\n$1\r\n*\r\n$1\r\nb\r\n$%d\r\n",
                   TALK_BODY_BYTES);
        put_body(&t->out);
        break;
    case STEP_RECEIVE: buf_put_str(&t->out, "XREADGROUP GROUP g c COUNT 1 STREAMS q >\r\n"); break;
    case STEP_DELETE:
        buf_printf(&t->out, "XACK q g %s\r\nXDEL q %s\r\n", t->handle[0], t->handle[0]);
        break;
    }
}

/* Lines alone but for a body, which is all one letter and has none. */
static size_t count_lines(const struct talk *t)
{
    size_t n = 0;

    for (const char *at = t->in.ptr; (at = strstr(at, "\r\n")) != NULL; at += 2) {
        n++;
    }
    return n;
}

static bool redis_is_whole(const struct talk *t)
{
    static const size_t lines[] = {2, 13,
                                   2}; /* an id; a stream, its id, name and body; two numbers */
    size_t got = count_lines(t);

    if (t->in.len != 0 && t->in.ptr[0] == '-') {
        bench_die("refused: %.200s", t->in.ptr);
    }
    return got >= lines[t->step] || (got == 1 && strncmp(t->in.ptr, "*-1", 3) == 0);
}

/* *1 *2 $1 q *1 *2 $15 ID *2 ... */
static const char *redis_id(const struct talk *t)
{
    const char *at = t->in.ptr;

    for (unsigned line = 0; line < 7; line++) {
        at = strstr(at, "\r\n") + 2;
    }
    return at;
}

static unsigned heard_redis(const struct talk_plan *p, struct talk *t)
{
    bool received = t->in.ptr[1] != '-';

    (void)p;
    if (t->step == STEP_RECEIVE && received) {
        keep_handle(t, redis_id(t));
    }
    return next_step(t, received);
}

const struct talk_tongue talk_redis = {ask_redis, redis_is_whole, heard_redis};
