/* SPDX-License-Identifier: Apache-2.0 */
/* AWS's JSON protocol over HTTP/1.1: StartExecution again and again, and messages that are sent,
 * received and deleted, one by one or in batches. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "client/s3/sign.h"
#include "tests/bench/process.h"
#include "tests/bench/talk.h"

enum sqs_step { SQS_SEND, SQS_RECEIVE, SQS_DELETE };

/* Those who check no signature go by its scope. */
static const char scope_sqs[] =
    "Authorization: AWS4-HMAC-SHA256 Credential=bench/20261123/us-east-1/sqs/aws4_request, "
    "SignedHeaders=host, Signature=0\r\n";

/* ---- HTTP ---- */

/* The request, whole. `more`: header lines. */
static void request_put(struct buf *out,
                        uint16_t port,
                        const char *operation,
                        const char *more,
                        struct slice body)
{
    buf_printf(out,
               "POST / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nX-Amz-Target: %s\r\n"
               "Content-Type: application/x-amz-json-1.0\r\n%sContent-Length: %zu\r\n\r\n",
               port, operation, more, body.len);
    buf_put_slice(out, body);
}

/* The value of a header; NULL: there is none. */
static const char *header_of(const struct talk *t, const char *name)
{
    const char *line = t->in.ptr;

    while ((line = strstr(line, "\r\n")) != NULL && strncmp(line, "\r\n\r\n", 4) != 0) {
        line += 2;
        if (strncasecmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':') {
            line += strlen(name) + 1;
            return line + strspn(line, " ");
        }
    }
    return NULL;
}

static struct slice http_body(const struct talk *t)
{
    const char *end = strstr(t->in.ptr, "\r\n\r\n");

    return end != NULL ? slice_from(buf_slice(&t->in), (size_t)(end + 4 - t->in.ptr))
                       : slice_make(NULL, 0);
}

static bool http_is_whole(const struct talk *t)
{
    struct slice body = http_body(t);
    const char *length;

    if (body.ptr == NULL) {
        return false;
    }
    if (strncmp(t->in.ptr + strlen("HTTP/1.1 "), "200 ", 4) != 0) {
        bench_die("refused: %s", t->in.ptr);
    }
    length = header_of(t, "content-length");
    if (length != NULL) {
        return body.len >= strtoul(length, NULL, 10);
    }
    return t->ended || slice_ends_with(body, SLICE("0\r\n\r\n")); /* chunked */
}

/* Will the server close it? */
static bool is_last(const struct talk *t)
{
    const char *connection = header_of(t, "connection");

    return connection != NULL ? strncasecmp(connection, "close", 5) == 0
                              : strncmp(t->in.ptr, "HTTP/1.0", 8) == 0;
}

/* ---- starts ---- */

/* The header lines that sign the request of that body. */
static struct slice signature_lines(uint16_t port,
                                    struct slice body,
                                    const char *key,
                                    const char *secret,
                                    struct arena *a)
{
    struct timespec now;
    char time[SIGN_TIME_BYTES];
    char hash[SIGN_HEX_BYTES];
    char signature[SIGN_HEX_BYTES];
    struct sign_pair headers[] = {
        {SLICE("content-type"), SLICE("application/x-amz-json-1.0")},
        {SLICE("host"), arena_printf(a, "127.0.0.1:%u", port)},
        {SLICE("x-amz-date"), slice_make(time, sizeof(time))},
        {SLICE("x-amz-target"), SLICE("AWSStepFunctions.StartExecution")},
    };
    struct sign_request r = {.method = SLICE("POST"),
                             .path = SLICE("/"),
                             .headers = headers,
                             .header_count = sizeof(headers) / sizeof(headers[0]),
                             .payload_hash = slice_make(hash, sizeof(hash))};
    struct sign_scope scope = {slice_make(time, 8), SLICE("us-east-1"), SLICE("states")};
    struct sign_mac by;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    sign_time(now.tv_sec * INT64_C(1000), time);
    sign_hash(body, hash);
    by = sign_key(slice_str(secret), &scope, a);
    sign_signature(&by, &scope, slice_make(time, sizeof(time)), sign_canonical(&r, a), a,
                   signature);
    return arena_printf(a,
                        "X-Amz-Date: %.*s\r\nAuthorization: AWS4-HMAC-SHA256 "
                        "Credential=%s/%.*s/us-east-1/states/aws4_request, "
                        "SignedHeaders=content-type;host;x-amz-date;x-amz-target, "
                        "Signature=%.*s\r\n",
                        SIGN_TIME_BYTES, time, key, 8, time, SIGN_HEX_BYTES, signature);
}

struct slice talk_aws_start(uint16_t port,
                            const char *machine,
                            const char *key,
                            const char *secret,
                            struct arena *a)
{
    struct slice body = arena_printf(a, "{\"stateMachineArn\":\"%s\",\"input\":\"{}\"}", machine);
    const char *more = key != NULL ? arena_str(a, signature_lines(port, body, key, secret, a)) : "";
    struct buf b = {0};
    struct slice whole;

    request_put(&b, port, "AWSStepFunctions.StartExecution", more, body);
    whole = arena_copy(a, buf_slice(&b));
    buf_fini(&b);
    return whole;
}

static void ask_start(const struct talk_plan *p, struct talk *t)
{
    buf_put_slice(&t->out, p->start);
}

static unsigned heard_start(const struct talk_plan *p, struct talk *t)
{
    (void)p;
    t->ended = is_last(t);
    return 1;
}

const struct talk_tongue talk_starts = {ask_start, http_is_whole, heard_start};

/* ---- messages ---- */

static void put_queue(const struct talk_plan *p, const struct talk *t, struct buf *b)
{
    unsigned number = t->number % p->queues;

    buf_printf(b, "{\"QueueUrl\":\"%s", p->queue);
    if (number != 0) {
        buf_printf(b, "%u", number);
    }
    buf_put_str(b, p->fifo ? ".fifo\"" : "\"");
}

static void put_message(const struct talk_plan *p, const struct talk *t, unsigned i, struct buf *b)
{
    buf_put_str(b, "\"MessageBody\":\"");
    memset(buf_reserve(b, TALK_BODY_BYTES), 'x', TALK_BODY_BYTES);
    b->len += TALK_BODY_BYTES;
    buf_put_str(b, "\"");
    if (p->fifo) {
        buf_printf(b,
                   ",\"MessageGroupId\":\"g%u\",\"MessageDeduplicationId\":\"%u-%" PRIu64 "-%u\"",
                   t->number, t->number, t->round, i);
    }
}

static void put_entries(const struct talk_plan *p, const struct talk *t, struct buf *b)
{
    unsigned count = t->step == SQS_SEND ? p->batch : t->handles;

    buf_put_str(b, ",\"Entries\":[");
    for (unsigned i = 0; i < count; i++) {
        buf_printf(b, "%s{\"Id\":\"%u\",", i != 0 ? "," : "", i);
        if (t->step == SQS_SEND) {
            put_message(p, t, i, b);
        } else {
            buf_printf(b, "\"ReceiptHandle\":\"%s\"", t->handle[i]);
        }
        buf_put_str(b, "}");
    }
    buf_put_str(b, "]");
}

static const char *put_sqs_body(const struct talk_plan *p, const struct talk *t, struct buf *b)
{
    put_queue(p, t, b);
    if (t->step == SQS_RECEIVE) {
        buf_printf(b, ",\"MaxNumberOfMessages\":%u}", p->batch);
        return "AmazonSQS.ReceiveMessage";
    }
    if (p->batch > 1) {
        put_entries(p, t, b);
        buf_put_str(b, "}");
        return t->step == SQS_SEND ? "AmazonSQS.SendMessageBatch" : "AmazonSQS.DeleteMessageBatch";
    }
    buf_put_str(b, ",");
    if (t->step == SQS_SEND) {
        put_message(p, t, 0, b);
    } else {
        buf_printf(b, "\"ReceiptHandle\":\"%s\"", t->handle[0]);
    }
    buf_put_str(b, "}");
    return t->step == SQS_SEND ? "AmazonSQS.SendMessage" : "AmazonSQS.DeleteMessage";
}

static void ask_sqs(const struct talk_plan *p, struct talk *t)
{
    struct buf body = {0};
    const char *operation = put_sqs_body(p, t, &body);

    request_put(&t->out, p->port, operation, scope_sqs, buf_slice(&body));
    buf_fini(&body);
}

static void read_handles(struct talk *t)
{
    static const char name[] = "\"ReceiptHandle\"";
    const char *at = t->in.ptr;

    t->handles = 0;
    while ((at = strstr(at, name)) != NULL && t->handles < TALK_BATCH_MOST) {
        size_t len;

        at += sizeof(name) - 1;
        at += strspn(at, ": ") + 1;
        len = strcspn(at, "\"");
        if (len >= TALK_HANDLE_BYTES) {
            bench_die("a receipt handle is too long");
        }
        memcpy(t->handle[t->handles], at, len);
        t->handle[t->handles++][len] = '\0';
    }
}

static unsigned heard_sqs(const struct talk_plan *p, struct talk *t)
{
    (void)p;
    t->ended = is_last(t);
    switch ((enum sqs_step)t->step) {
    case SQS_SEND: t->step = SQS_RECEIVE; return 0;
    case SQS_RECEIVE:
        read_handles(t);
        t->step = t->handles != 0 ? SQS_DELETE : SQS_RECEIVE; /* another had them: again */
        return 0;
    case SQS_DELETE: t->step = SQS_SEND; return t->handles;
    }
    return 0;
}

const struct talk_tongue talk_sqs = {ask_sqs, http_is_whole, heard_sqs};
