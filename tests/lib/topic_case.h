/* SPDX-License-Identifier: Apache-2.0 */
/* Topics asked for in AWS's JSON, over the real ledger and store in memory: one that queues have
 * subscribed to, and what they got. Answers live as long as the world. */
#ifndef STEPFLEET_TESTS_LIB_TOPIC_CASE_H
#define STEPFLEET_TESTS_LIB_TOPIC_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "coordinator/api/aws_json.h"
#include "proto/base/limits.h"
#include "tests/lib/api_world.h"

struct world {
    struct api_world api;
    struct api_ask last;
    struct arena a;
    char *topic; /* ARN */
};

static inline int setup(void **state)
{
    struct world *w = mem_zalloc(1, sizeof(*w));

    api_world_open(&w->api, 1700000000000, NULL, NULL);
    *state = w;
    return 0;
}

static inline int teardown(void **state)
{
    struct world *w = *state;

    api_ask_fini(&w->last);
    api_world_close(&w->api);
    arena_fini(&w->a);
    mem_free(w);
    return 0;
}

/* The reply as AWS's JSON, or "NAME: message". */
static inline const char *
ask(struct world *w, enum aws_service service, const char *operation, const char *request)
{
    const struct aws_row *op = aws_operation_of(service, slice_str(operation));
    const struct json_node *v = NULL;
    ProtobufCMessage *m = NULL;
    struct err err;
    enum err_code rc;

    assert_non_null(op);
    assert_int_equal(json_parse(arena_copy(&w->a, slice_str(request)), &w->a, &v, NULL), OK);
    rc = aws_request(op, AWS_HTTP, v, &w->a, &m, &err);
    if (rc == OK) {
        api_ask_fini(&w->last);
        memset(&w->last, 0, sizeof(w->last));
        rc = api_world_call(&w->api, &w->last, (enum rpc)op->method, m);
        err = w->last.err;
    }
    if (rc != OK) {
        return arena_str(&w->a, arena_printf(&w->a, "%s: %s", err_name(rc), err.msg));
    }
    return arena_str(&w->a, json_print(aws_reply(op, AWS_HTTP, w->last.reply, &w->a), &w->a));
}

static inline const char *sns(struct world *w, const char *operation, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static inline const char *sns(struct world *w, const char *operation, const char *format, ...)
{
    char text[8192];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    assert_in_range(len, 1, sizeof(text) - 1);
    return ask(w, AWS_SNS, operation, text);
}

/* A member of an answer that is an object. */
static inline const char *member(struct world *w, const char *answer, const char *name)
{
    const struct json_node *v = NULL;

    if (json_parse(slice_str(answer), &w->a, &v, NULL) != OK ||
        !json_is(json_member(v, slice_str(name)), JSON_STRING)) {
        fail_msg("%s has no %s", answer, name);
    }
    return arena_str(&w->a, json_text(json_member(v, slice_str(name))));
}

static inline const char *attribute(struct world *w, const char *answer, const char *name)
{
    const struct json_node *v = NULL;

    assert_int_equal(json_parse(slice_str(answer), &w->a, &v, NULL), OK);
    v = json_member(json_member(v, SLICE("Attributes")), slice_str(name));
    return v != NULL ? arena_str(&w->a, json_text(v)) : "(none)";
}

#define QUEUE_ARN(name) "arn:aws:sqs:us-east-1:111111111111:" name

static inline void make_queue(struct world *w, const char *name)
{
    bool fifo = slice_ends_with(slice_str(name), SLICE(".fifo"));
    const char *request =
        arena_str(&w->a, arena_printf(&w->a, "{\"QueueName\":\"%s\"%s}", name,
                                      fifo ? ",\"Attributes\":{\"FifoQueue\":\"true\"}" : ""));

    assert_string_not_equal(member(w, ask(w, AWS_SQS, "CreateQueue", request), "QueueUrl"), "");
}

/* The messages of a queue, which hides them after that. */
static inline const struct json_node *receive(struct world *w, const char *queue)
{
    const char *request =
        arena_str(&w->a, arena_printf(&w->a,
                                      "{\"QueueUrl\":\"%s\",\"MaxNumberOfMessages\":10,"
                                      "\"MessageAttributeNames\":[\"All\"],"
                                      "\"AttributeNames\":[\"All\"]}",
                                      queue));
    const struct json_node *v = NULL;

    assert_int_equal(
        json_parse(slice_str(ask(w, AWS_SQS, "ReceiveMessage", request)), &w->a, &v, NULL), OK);
    v = json_member(v, SLICE("Messages"));
    return v != NULL ? v : json_null();
}

static inline size_t count(struct world *w, const char *queue)
{
    return json_count(receive(w, queue));
}

/* Topic "t" and queue "q". */
static inline void begin(struct world *w)
{
    w->topic = arena_str(
        &w->a, slice_str(member(w, sns(w, "CreateTopic", "{\"Name\":\"t\"}"), "TopicArn")));
    make_queue(w, "q");
}

static inline const char *subscribe(struct world *w, const char *queue, const char *attributes)
{
    return sns(w, "Subscribe",
               "{\"TopicArn\":\"%s\",\"Protocol\":\"sqs\",\"Endpoint\":\"" QUEUE_ARN(
                   "%s") "\","
                         "\"Attributes\":{%s}}",
               w->topic, queue, attributes);
}

static inline const char *subscribed(struct world *w, const char *queue, const char *attributes)
{
    return member(w, subscribe(w, queue, attributes), "SubscriptionArn");
}

static inline void publish(struct world *w, const char *message)
{
    const char *answer = sns(w, "Publish", "{\"TopicArn\":\"%s\",%s}", w->topic, message);

    assert_int_equal(strlen(member(w, answer, "MessageId")), 36);
}

#define NUMBER "\"MessageAttributes\":{\"n\":{\"DataType\":\"Number\",\"StringValue\":\"99\"}}"

#endif
