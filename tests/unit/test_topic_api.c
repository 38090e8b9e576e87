/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of topics, asked for in AWS's JSON, over the real ledger and store in memory:
 * topics and subscriptions, what messages arrive where, and what outlasts a restart. */
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

static int setup(void **state)
{
    struct world *w = mem_zalloc(1, sizeof(*w));

    api_world_open(&w->api, 1700000000000, NULL, NULL);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    api_ask_fini(&w->last);
    api_world_close(&w->api);
    arena_fini(&w->a);
    mem_free(w);
    return 0;
}

/* The reply as AWS's JSON, or "NAME: message". */
static const char *
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

static const char *sns(struct world *w, const char *operation, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static const char *sns(struct world *w, const char *operation, const char *format, ...)
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
static const char *member(struct world *w, const char *answer, const char *name)
{
    const struct json_node *v = NULL;

    if (json_parse(slice_str(answer), &w->a, &v, NULL) != OK ||
        !json_is(json_member(v, slice_str(name)), JSON_STRING)) {
        fail_msg("%s has no %s", answer, name);
    }
    return arena_str(&w->a, json_text(json_member(v, slice_str(name))));
}

#define QUEUE_ARN(name) "arn:aws:sqs:us-east-1:111111111111:" name

static void make_queue(struct world *w, const char *name)
{
    bool fifo = slice_ends_with(slice_str(name), SLICE(".fifo"));
    const char *request =
        arena_str(&w->a, arena_printf(&w->a, "{\"QueueName\":\"%s\"%s}", name,
                                      fifo ? ",\"Attributes\":{\"FifoQueue\":\"true\"}" : ""));

    assert_string_not_equal(member(w, ask(w, AWS_SQS, "CreateQueue", request), "QueueUrl"), "");
}

/* The messages of a queue, which hides them after that. */
static const struct json_node *receive(struct world *w, const char *queue)
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

static size_t count(struct world *w, const char *queue)
{
    return json_count(receive(w, queue));
}

/* Topic "t" and queue "q". */
static void begin(struct world *w)
{
    w->topic = arena_str(
        &w->a, slice_str(member(w, sns(w, "CreateTopic", "{\"Name\":\"t\"}"), "TopicArn")));
    make_queue(w, "q");
}

static const char *subscribe(struct world *w, const char *queue, const char *attributes)
{
    return sns(w, "Subscribe",
               "{\"TopicArn\":\"%s\",\"Protocol\":\"sqs\",\"Endpoint\":\"" QUEUE_ARN(
                   "%s") "\","
                         "\"Attributes\":{%s}}",
               w->topic, queue, attributes);
}

static const char *subscribed(struct world *w, const char *queue, const char *attributes)
{
    return member(w, subscribe(w, queue, attributes), "SubscriptionArn");
}

static void publish(struct world *w, const char *message)
{
    const char *answer = sns(w, "Publish", "{\"TopicArn\":\"%s\",%s}", w->topic, message);

    assert_int_equal(strlen(member(w, answer, "MessageId")), 36);
}

/* ---- topics ---- */

static void test_topic_api__topics(void **state)
{
    struct world *w = *state;

    begin(w);
    assert_string_equal(w->topic, "arn:aws:sns:us-east-1:111111111111:t");
    assert_string_equal(member(w, sns(w, "CreateTopic", "{\"Name\":\"t\"}"), "TopicArn"), w->topic);
    assert_string_equal(sns(w, "CreateTopic", "{\"Name\":\"a b\"}"),
                        "InvalidParameter: Invalid parameter: Topic Name");
    assert_string_equal(
        sns(w, "CreateTopic", "{\"Name\":\"t\",\"Attributes\":{\"DisplayName\":\"x\"}}"),
        "InvalidParameter: Invalid parameter: Attributes Reason: Topic already "
        "exists with different attributes");
    assert_string_equal(
        sns(w, "CreateTopic", "{\"Name\":\"t\",\"Tags\":[{\"Key\":\"k\",\"Value\":\"v\"}]}"),
        "InvalidParameter: Invalid parameter: Tags Reason: Topic already exists with different "
        "tags");
    assert_string_equal(sns(w, "CreateTopic", "{\"Name\":\"u\",\"Attributes\":{\"X\":\"x\"}}"),
                        "InvalidParameter: Invalid parameter: Attributes Reason: Unknown attribute "
                        "X");
    (void)sns(w, "CreateTopic", "{\"Name\":\"b\",\"Attributes\":{\"DisplayName\":\"B\"}}");
    assert_string_equal(sns(w, "ListTopics", "{}"),
                        "{\"Topics\":[{\"TopicArn\":\"arn:aws:sns:us-east-1:111111111111:b\"},"
                        "{\"TopicArn\":\"arn:aws:sns:us-east-1:111111111111:t\"}]}");
    assert_string_equal(sns(w, "DeleteTopic", "{\"TopicArn\":\"%s\"}", w->topic), "{}");
    assert_string_equal(sns(w, "DeleteTopic", "{\"TopicArn\":\"%s\"}", w->topic), "{}");
    assert_string_equal(sns(w, "GetTopicAttributes", "{\"TopicArn\":\"%s\"}", w->topic),
                        "NotFound: Topic does not exist");
    assert_string_equal(sns(w, "GetTopicAttributes", "{}"),
                        "InvalidParameter: Invalid parameter: TopicArn Reason: no value for "
                        "required parameter");
    assert_string_equal(sns(w, "GetTopicAttributes", "{\"TopicArn\":\"fake\"}"),
                        "InvalidParameter: Invalid parameter: TopicArn Reason: An ARN must have at "
                        "least 6 elements, not 1");
    assert_string_equal(
        sns(w, "GetTopicAttributes", "{\"TopicArn\":\"arn:aws:sns:mars:111111111111:t\"}"),
        "InvalidParameter: Invalid parameter: TopicArn");
}

static const char *attribute(struct world *w, const char *answer, const char *name)
{
    const struct json_node *v = NULL;

    assert_int_equal(json_parse(slice_str(answer), &w->a, &v, NULL), OK);
    v = json_member(json_member(v, SLICE("Attributes")), slice_str(name));
    return v != NULL ? arena_str(&w->a, json_text(v)) : "(none)";
}

static void test_topic_api__topic_attributes(void **state)
{
    struct world *w = *state;
    const char *answer;

    begin(w);
    (void)subscribed(w, "q", "");
    assert_string_equal(sns(w, "SetTopicAttributes",
                            "{\"TopicArn\":\"%s\",\"AttributeName\":\"DisplayName\","
                            "\"AttributeValue\":\"one\"}",
                            w->topic),
                        "{}");
    assert_string_equal(sns(w, "SetTopicAttributes",
                            "{\"TopicArn\":\"%s\",\"AttributeName\":\"Owner\","
                            "\"AttributeValue\":\"1\"}",
                            w->topic),
                        "InvalidParameter: Invalid parameter: AttributeName");
    answer = sns(w, "GetTopicAttributes", "{\"TopicArn\":\"%s\"}", w->topic);
    assert_string_equal(attribute(w, answer, "DisplayName"), "one");
    assert_string_equal(attribute(w, answer, "Owner"), "111111111111");
    assert_string_equal(attribute(w, answer, "SubscriptionsConfirmed"), "1");
    assert_non_null(strstr(attribute(w, answer, "Policy"), "__default_policy_ID"));
}

static void test_topic_api__tags(void **state)
{
    struct world *w = *state;

    begin(w);
    assert_string_equal(sns(w, "TagResource",
                            "{\"ResourceArn\":\"%s\",\"Tags\":[{\"Key\":\"k\",\"Value\":\"v\"},"
                            "{\"Key\":\"l\",\"Value\":\"\"}]}",
                            w->topic),
                        "{}");
    assert_string_equal(
        sns(w, "UntagResource", "{\"ResourceArn\":\"%s\",\"TagKeys\":[\"l\"]}", w->topic), "{}");
    assert_string_equal(sns(w, "ListTagsForResource", "{\"ResourceArn\":\"%s\"}", w->topic),
                        "{\"Tags\":[{\"Key\":\"k\",\"Value\":\"v\"}]}");
    assert_string_equal(sns(w, "ListTagsForResource", "{\"ResourceArn\":\"%sx\"}", w->topic),
                        "ResourceNotFound: Resource does not exist");
}

/* ---- subscriptions ---- */

static void test_topic_api__subscriptions(void **state)
{
    struct world *w = *state;
    const char *arn;
    const char *answer;

    begin(w);
    arn = subscribed(w, "q", "\"RawMessageDelivery\":\"true\"");
    assert_int_equal(strncmp(arn, w->topic, strlen(w->topic)), 0);
    assert_string_equal(subscribed(w, "q", ""), arn);
    assert_string_equal(subscribe(w, "q", "\"RawMessageDelivery\":\"false\""),
                        "InvalidParameter: Invalid parameter: Attributes Reason: Subscription "
                        "already exists with different attributes");
    assert_string_equal(subscribe(w, "q", "\"X\":\"1\""),
                        "InvalidParameter: Invalid parameter: Attributes Reason: AttributeName");
    assert_string_equal(subscribe(w, "q.fifo", ""),
                        "InvalidParameter: Invalid parameter: Invalid parameter: Endpoint Reason: "
                        "FIFO SQS Queues can not be subscribed to standard SNS topics");
    assert_string_equal(
        sns(w, "Subscribe",
            "{\"TopicArn\":\"%s\",\"Protocol\":\"sqs\",\"Endpoint\":\"http://h/q\"}", w->topic),
        "InvalidParameter: Invalid parameter: SQS endpoint ARN");
    assert_string_equal(
        sns(w, "Subscribe", "{\"TopicArn\":\"%s\",\"Protocol\":\"smoke\",\"Endpoint\":\"x\"}",
            w->topic),
        "InvalidParameter: Invalid parameter: Amazon SNS does not support this protocol string: "
        "smoke");
    answer = sns(w, "GetSubscriptionAttributes", "{\"SubscriptionArn\":\"%s\"}", arn);
    assert_string_equal(attribute(w, answer, "RawMessageDelivery"), "true");
    assert_string_equal(attribute(w, answer, "Endpoint"), QUEUE_ARN("q"));
    assert_string_equal(attribute(w, answer, "PendingConfirmation"), "false");
    assert_string_equal(attribute(w, answer, "FilterPolicyScope"), "(none)");
    answer =
        arena_str(&w->a, arena_printf(&w->a,
                                      "{\"Subscriptions\":[{\"SubscriptionArn\":\"%s\","
                                      "\"Owner\":\"111111111111\",\"Protocol\":\"sqs\","
                                      "\"Endpoint\":\"" QUEUE_ARN("q") "\","
                                                                       "\"TopicArn\":\"%s\"}]}",
                                      arn, w->topic));
    assert_string_equal(sns(w, "ListSubscriptions", "{}"), answer);
    assert_string_equal(sns(w, "ListSubscriptionsByTopic", "{\"TopicArn\":\"%s\"}", w->topic),
                        answer);
    assert_string_equal(sns(w, "Unsubscribe", "{\"SubscriptionArn\":\"%s\"}", w->topic),
                        "InvalidParameter: Invalid parameter: SubscriptionId");
    assert_string_equal(sns(w, "Unsubscribe", "{\"SubscriptionArn\":\"%s\"}", arn), "{}");
    assert_string_equal(sns(w, "Unsubscribe", "{\"SubscriptionArn\":\"%s\"}", arn), "{}");
    assert_string_equal(sns(w, "GetSubscriptionAttributes", "{\"SubscriptionArn\":\"%s\"}", arn),
                        "NotFound: Subscription does not exist");
    assert_string_equal(sns(w, "ListSubscriptions", "{}"), "{\"Subscriptions\":[]}");
}

/* The scope is said before or behind the filter, as maps have no order. */
static void test_topic_api__filters(void **state)
{
    struct world *w = *state;
    const char *arn;
    const char *answer;

    begin(w);
    arn = subscribed(w, "q",
                     "\"FilterPolicy\":\"{\\\"a\\\":{\\\"b\\\":[1]}}\","
                     "\"FilterPolicyScope\":\"MessageBody\"");
    publish(w, "\"Message\":\"{\\\"a\\\":{\\\"b\\\":2}}\"");
    publish(w, "\"Message\":\"no JSON\"");
    assert_int_equal(count(w, "q"), 0);
    publish(w, "\"Message\":\"{\\\"a\\\":{\\\"b\\\":1}}\"");
    assert_int_equal(count(w, "q"), 1);
    answer = sns(w, "SetSubscriptionAttributes",
                 "{\"SubscriptionArn\":\"%s\",\"AttributeName\":\"FilterPolicyScope\","
                 "\"AttributeValue\":\"MessageAttributes\"}",
                 arn);
    assert_string_equal(answer, "InvalidParameter: Invalid parameter: Filter policy scope "
                                "MessageAttributes does not support nested filter policy");
    answer = sns(w, "SetSubscriptionAttributes",
                 "{\"SubscriptionArn\":\"%s\",\"AttributeName\":\"FilterPolicy\","
                 "\"AttributeValue\":\"{\\\"a\\\":[1]}\"}",
                 arn);
    assert_string_equal(answer, "{}");
    answer = sns(w, "GetSubscriptionAttributes", "{\"SubscriptionArn\":\"%s\"}", arn);
    assert_string_equal(attribute(w, answer, "FilterPolicy"), "{\"a\":[1]}");
    assert_string_equal(attribute(w, answer, "FilterPolicyScope"), "MessageBody");
    publish(w, "\"Message\":\"{\\\"a\\\":1}\"");
    assert_int_equal(count(w, "q"), 1);
    (void)sns(w, "SetSubscriptionAttributes",
              "{\"SubscriptionArn\":\"%s\",\"AttributeName\":\"FilterPolicy\"}", arn);
    publish(w, "\"Message\":\"anything\"");
    assert_int_equal(count(w, "q"), 1);
}

/* ---- messages ---- */

#define NUMBER "\"MessageAttributes\":{\"n\":{\"DataType\":\"Number\",\"StringValue\":\"99\"}}"

static void test_topic_api__notification(void **state)
{
    struct world *w = *state;
    const struct json_node *messages;
    const struct json_node *body = NULL;

    begin(w);
    (void)subscribed(w, "q", "");
    publish(w, "\"Message\":\"hello\",\"Subject\":\"s\"," NUMBER);
    messages = receive(w, "q");
    assert_int_equal(json_count(messages), 1);
    assert_null(json_member(json_first(messages), SLICE("MessageAttributes")));
    body = json_member(json_first(messages), SLICE("Body"));
    assert_int_equal(json_parse(json_text(body), &w->a, &body, NULL), OK);
    assert_true(slice_eq_str(json_text(json_member(body, SLICE("Type"))), "Notification"));
    assert_true(slice_eq_str(json_text(json_member(body, SLICE("Message"))), "hello"));
    assert_true(slice_eq_str(json_text(json_member(body, SLICE("Subject"))), "s"));
    assert_true(slice_eq_str(json_text(json_member(body, SLICE("TopicArn"))), w->topic));
    assert_true(
        slice_eq_str(json_text(json_member(body, SLICE("Timestamp"))), "2023-11-14T22:13:20.000Z"));
    assert_string_equal(
        arena_str(&w->a, json_print(json_member(body, SLICE("MessageAttributes")), &w->a)),
        "{\"n\":{\"Type\":\"Number\",\"Value\":\"99\"}}");
}

static void test_topic_api__raw(void **state)
{
    struct world *w = *state;
    const struct json_node *m;

    begin(w);
    (void)subscribed(w, "q", "\"RawMessageDelivery\":\"true\"");
    publish(w, "\"Message\":\"hello\"," NUMBER);
    m = json_first(receive(w, "q"));
    assert_true(slice_eq_str(json_text(json_member(m, SLICE("Body"))), "hello"));
    m = json_member(json_member(m, SLICE("MessageAttributes")), SLICE("n"));
    assert_true(slice_eq_str(json_text(json_member(m, SLICE("StringValue"))), "99"));
    publish(w, "\"Message\":\"{\\\"default\\\":\\\"d\\\",\\\"sqs\\\":\\\"for queues\\\"}\","
               "\"MessageStructure\":\"json\"");
    m = json_first(receive(w, "q"));
    assert_true(slice_eq_str(json_text(json_member(m, SLICE("Body"))), "for queues"));
}

/* Several queues, by their filters; one of them is gone, and its letters go elsewhere. */
static void test_topic_api__fan_out(void **state)
{
    struct world *w = *state;

    begin(w);
    make_queue(w, "high");
    make_queue(w, "dead");
    (void)subscribed(w, "q", "");
    (void)subscribed(w, "high",
                     "\"FilterPolicy\":\"{\\\"n\\\":[{\\\"numeric\\\":[\\\">\\\",100]}]}\"");
    (void)subscribed(
        w, "gone",
        "\"RedrivePolicy\":\"{\\\"deadLetterTargetArn\\\":\\\"" QUEUE_ARN("dead") "\\\"}\"");
    (void)subscribed(w, "nowhere", "");
    publish(w, "\"Message\":\"m\"," NUMBER);
    assert_int_equal(count(w, "q"), 1);
    assert_int_equal(count(w, "high"), 0);
    assert_int_equal(count(w, "dead"), 1);
    publish(w, "\"Message\":\"m\",\"MessageAttributes\":{\"n\":{\"DataType\":\"Number\","
               "\"StringValue\":\"101\"}}");
    assert_int_equal(count(w, "high"), 1);
}

/* `size` letters as the message; with that many attributes. */
static void publish_large(struct world *w, size_t size, int attributes)
{
    struct buf b = {0};

    buf_put_str(&b, "\"Message\":\"");
    memset(buf_reserve(&b, size), 'x', size);
    b.len += size;
    buf_put_str(&b, "\",\"MessageAttributes\":{");
    for (int i = 0; i < attributes; i++) {
        buf_printf(&b, "%s\"a%d\":{\"DataType\":\"String\",\"StringValue\":\"v\"}",
                   i == 0 ? "" : ",", i);
    }
    buf_put(&b, "}", 2);
    publish(w, b.ptr);
    buf_fini(&b);
}

/* What a queue takes no message of goes to the subscription's dead letters: too long with what is
 * around it, or raw with more attributes than a message of a queue has. */
static void test_topic_api__what_a_queue_cannot_take(void **state)
{
    static const char redrive[] =
        "\"RedrivePolicy\":\"{\\\"deadLetterTargetArn\\\":\\\"" QUEUE_ARN("dead") "\\\"}\"";
    struct world *w = *state;
    const char *both;

    begin(w);
    make_queue(w, "dead");
    make_queue(w, "raw");
    (void)ask(w, AWS_SQS, "SetQueueAttributes",
              "{\"QueueUrl\":\"q\",\"Attributes\":{\"MaximumMessageSize\":\"1024\"}}");
    (void)ask(w, AWS_SQS, "SetQueueAttributes",
              "{\"QueueUrl\":\"raw\",\"Attributes\":{\"MaximumMessageSize\":\"1024\"}}");
    (void)subscribed(w, "q", redrive);
    both = arena_str(&w->a, arena_printf(&w->a, "\"RawMessageDelivery\":\"true\",%s", redrive));
    (void)subscribed(w, "raw", both);
    publish_large(w, 1024, 0);
    assert_int_equal(count(w, "q"), 0);
    assert_int_equal(count(w, "raw"), 1);
    assert_int_equal(count(w, "dead"), 1);
    publish_large(w, 1, 10);
    assert_int_equal(count(w, "raw"), 1);
    publish_large(w, 1, 11);
    assert_int_equal(count(w, "raw"), 0);
    publish_large(w, 1025, 0);
    assert_int_equal(count(w, "raw"), 0);
}

/* Of another account there may be one of the same name here. */
static void test_topic_api__dead_letters_stay_here(void **state)
{
    static const char foreign[] =
        "{\\\"deadLetterTargetArn\\\":\\\"arn:aws:sqs:us-east-1:222222222222:q\\\"}";
    struct world *w = *state;
    const char *redrive;

    begin(w);
    redrive = arena_str(&w->a, arena_printf(&w->a, "\"RedrivePolicy\":\"%s\"", foreign));
    assert_string_equal(subscribe(w, "q", redrive),
                        "InvalidParameter: Invalid parameter: Attributes Reason: RedrivePolicy: "
                        "deadLetterTargetArn is an invalid arn");
    assert_string_equal(sns(w, "SetSubscriptionAttributes",
                            "{\"SubscriptionArn\":\"%s\",\"AttributeName\":\"RedrivePolicy\","
                            "\"AttributeValue\":\"%s\"}",
                            subscribed(w, "q", ""), foreign),
                        "InvalidParameter: Invalid parameter: RedrivePolicy: deadLetterTargetArn "
                        "is an invalid arn");
}

static void test_topic_api__refused(void **state)
{
    struct world *w = *state;

    begin(w);
    (void)subscribed(w, "q", "");
    assert_string_equal(sns(w, "Publish", "{\"TopicArn\":\"%s\"}", w->topic),
                        "InvalidParameter: Invalid parameter: Empty message");
    assert_string_equal(sns(w, "Publish", "{\"Message\":\"m\"}"),
                        "InvalidParameter: Invalid parameter: TopicArn Reason: no value for "
                        "required parameter");
    assert_string_equal(
        sns(w, "Publish", "{\"TopicArn\":\"%s\",\"Message\":\"m\",\"Subject\":\"\"}", w->topic),
        "InvalidParameter: Invalid parameter: Subject");
    assert_string_equal(
        sns(w, "Publish",
            "{\"TopicArn\":\"%s\",\"Message\":\"m\",\"MessageDeduplicationId\":\"d\"}", w->topic),
        "InvalidParameter: Invalid parameter: MessageDeduplicationId Reason: The request includes "
        "MessageDeduplicationId parameter that is not valid for this topic type");
    assert_string_equal(
        sns(w, "Publish",
            "{\"TopicArn\":\"%s\",\"Message\":\"m\",\"MessageAttributes\":{\"a\":{}}}", w->topic),
        "ValidationException: 1 validation error detected: Value null at "
        "'messageAttributes.a.member.dataType' failed to satisfy constraint: Member must not be "
        "null");
    assert_string_equal(
        sns(w, "Publish",
            "{\"TopicArn\":\"%s\",\"Message\":\"m\",\"MessageAttributes\":{\"a\":{\"DataType\":"
            "\"Binary\",\"BinaryValue\":\"?\"}}}",
            w->topic),
        "ParameterValueInvalid: The message attribute 'a' is not valid Base64");
    assert_int_equal(count(w, "q"), 0);
}

/* ---- batches ---- */

static const char *batch(struct world *w, const char *entries)
{
    return sns(w, "PublishBatch", "{\"TopicArn\":\"%s\",\"PublishBatchRequestEntries\":[%s]}",
               w->topic, entries);
}

static void test_topic_api__batches(void **state)
{
    struct world *w = *state;
    const struct json_node *v = NULL;
    struct buf b = {0};

    begin(w);
    (void)subscribed(w, "q", "");
    assert_string_equal(batch(w, ""), "EmptyBatchRequest: The batch request doesn't contain any "
                                      "entries.");
    assert_string_equal(
        batch(w, "{\"Id\":\"a\",\"Message\":\"1\"},{\"Id\":\"a\",\"Message\":\"2\"}"),
        "BatchEntryIdsNotDistinct: Two or more batch entries in the request have "
        "the same Id.");
    assert_string_equal(batch(w, "{\"Id\":\"a b\",\"Message\":\"1\"}"),
                        "InvalidBatchEntryId: The Id of a batch entry in the batch request "
                        "contains an impermissible character: a b");
    assert_string_equal(batch(w, "{\"Id\":\"a\",\"Message\":\"1\"},{\"Id\":\"b\"}"),
                        "InvalidParameter: Invalid parameter: Empty message");
    for (int i = 0; i < 11; i++) {
        buf_printf(&b, "%s{\"Id\":\"%d\",\"Message\":\"m\"}", i == 0 ? "" : ",", i);
    }
    buf_put_u8(&b, 0);
    assert_string_equal(batch(w, b.ptr), "TooManyEntriesInBatchRequest: The batch request contains "
                                         "more entries than permissible.");
    buf_fini(&b);
    assert_int_equal(count(w, "q"), 0);
    assert_int_equal(
        json_parse(slice_str(batch(w, "{\"Id\":\"a\",\"Message\":\"1\"},"
                                      "{\"Id\":\"b\",\"Message\":\"2\",\"Subject\":\"s\"}")),
                   &w->a, &v, NULL),
        OK);
    assert_int_equal(json_count(json_member(v, SLICE("Successful"))), 2);
    assert_int_equal(json_count(json_member(v, SLICE("Failed"))), 0);
    v = json_first(json_member(v, SLICE("Successful")));
    assert_true(slice_eq_str(json_text(json_member(v, SLICE("Id"))), "a"));
    assert_int_equal(count(w, "q"), 2);
}

static void test_topic_api__batches_have_a_length(void **state)
{
    struct world *w = *state;
    struct buf b = {0};

    begin(w);
    (void)subscribed(w, "q", "");
    for (size_t more = 0; more <= 1; more++) {
        buf_printf(&b, "{\"TopicArn\":\"%s\",\"PublishBatchRequestEntries\":[", w->topic);
        for (int i = 0; i < 2; i++) {
            size_t size = LIMIT_PAYLOAD_BYTES / 2 + (i == 0 ? more : 0);

            buf_printf(&b, "%s{\"Id\":\"%d\",\"Message\":\"", i == 0 ? "" : ",", i);
            memset(buf_reserve(&b, size), 'x', size);
            b.len += size;
            buf_put_str(&b, "\"}");
        }
        buf_put(&b, "]}", 3);
        assert_int_equal(
            strncmp(ask(w, AWS_SNS, "PublishBatch", b.ptr), "BatchRequestTooLong", 19) == 0,
            more == 1);
        buf_reset(&b);
    }
    buf_fini(&b);
    assert_int_equal(count(w, "q"), 2);
}

/* ---- disk ---- */

/* ---- FIFO ---- */

/* Topic "t.fifo", with FIFO queue "q.fifo" and standard queue "q" subscribed, raw. */
static void begin_fifo(struct world *w, const char *attributes)
{
    w->topic = arena_str(
        &w->a,
        slice_str(member(w,
                         sns(w, "CreateTopic",
                             "{\"Name\":\"t.fifo\",\"Attributes\":{\"FifoTopic\":\"true\"%s}}",
                             attributes),
                         "TopicArn")));
    make_queue(w, "q");
    make_queue(w, "q.fifo");
    (void)subscribed(w, "q", "\"RawMessageDelivery\":\"true\"");
    (void)subscribed(w, "q.fifo", "\"RawMessageDelivery\":\"true\"");
}

static const char *
publish_fifo(struct world *w, const char *body, const char *group, const char *id)
{
    return sns(w, "Publish",
               "{\"TopicArn\":\"%s\",\"Message\":\"%s\",\"MessageGroupId\":\"%s\","
               "\"MessageDeduplicationId\":\"%s\"}",
               w->topic, body, group, id);
}

/* "BODY GROUP ID " of each message received. */
static const char *received(struct world *w, const char *queue)
{
    const struct json_node *messages = receive(w, queue);
    struct slice text = SLICE("");

    for (const struct json_node *m = json_first(messages); m != NULL; m = json_next(messages, m)) {
        const struct json_node *a = json_member(m, SLICE("Attributes"));

        text = arena_printf(&w->a, "%.*s%.*s %.*s %.*s ", SLICE_FMT(text),
                            SLICE_FMT(json_text(json_member(m, SLICE("Body")))),
                            SLICE_FMT(json_text(json_member(a, SLICE("MessageGroupId")))),
                            SLICE_FMT(json_text(json_member(a, SLICE("MessageDeduplicationId")))));
    }
    return arena_str(&w->a, text);
}

static void test_topic_api__fifo(void **state)
{
    struct world *w = *state;
    const char *first;
    struct err err;

    begin_fifo(w, "");
    first = member(w, publish_fifo(w, "a", "g", "1"), "SequenceNumber");
    assert_int_equal(strlen(first), 20);
    assert_string_not_equal(publish_fifo(w, "b", "h", "2"), "");
    assert_int_equal(api_world_restart(&w->api, &err), OK);
    assert_true(strcmp(member(w, publish_fifo(w, "a again", "g", "1"), "SequenceNumber"), first) >
                0);
    (void)member(w, publish_fifo(w, "c", "g", "3"), "MessageId");
    assert_string_equal(received(w, "q.fifo"), "a g 1 c g 3 b h 2 ");
    assert_string_equal(received(w, "q"), "a g  b h  a again g  c g  "); /* it knows no repeats */
    assert_string_equal(publish_fifo(w, "a", "", "1"),
                        "InvalidParameter: Invalid parameter: The MessageGroupId parameter is "
                        "required for FIFO topics");
    assert_string_equal(publish_fifo(w, "a", "g", ""),
                        "InvalidParameter: Invalid parameter: The topic should either have "
                        "ContentBasedDeduplication enabled or MessageDeduplicationId provided "
                        "explicitly");
    assert_string_equal(publish_fifo(w, "a", "a b", "1"),
                        "InvalidParameter: Invalid parameter: MessageGroupId");
    assert_string_equal(
        sns(w, "PublishBatch",
            "{\"TopicArn\":\"%s\",\"PublishBatchRequestEntries\":[{\"Id\":\"x\",\"Message\":\"d\"}]"
            "}",
            w->topic),
        "InvalidParameter: Invalid parameter: The MessageGroupId parameter is required for FIFO "
        "topics");
}

static void test_topic_api__fifo_by_content(void **state)
{
    static const char digest[] =
        "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"; /* of "a" */
    struct world *w = *state;

    begin_fifo(w, ",\"ContentBasedDeduplication\":\"true\"");
    for (unsigned i = 0; i < 2; i++) {
        (void)member(w, publish_fifo(w, "a", "g", ""), "MessageId");
    }
    assert_string_equal(received(w, "q.fifo"),
                        arena_str(&w->a, arena_printf(&w->a, "a g %s ", digest)));
    assert_string_equal(attribute(w,
                                  sns(w, "GetTopicAttributes", "{\"TopicArn\":\"%s\"}", w->topic),
                                  "ContentBasedDeduplication"),
                        "true");
    assert_string_equal(
        attribute(w, sns(w, "GetTopicAttributes", "{\"TopicArn\":\"%s\"}", w->topic), "FifoTopic"),
        "true");
    assert_string_equal(sns(w, "CreateTopic", "{\"Name\":\"u.fifo\"}"),
                        "InvalidParameter: Invalid parameter: Topic Name");
    assert_string_equal(
        sns(w, "CreateTopic", "{\"Name\":\"u\",\"Attributes\":{\"FifoTopic\":\"true\"}}"),
        "InvalidParameter: Invalid parameter: Topic Name");
    assert_string_equal(sns(w, "CreateTopic",
                            "{\"Name\":\"u\",\"Attributes\":{\"ContentBasedDeduplication\":"
                            "\"true\"}}"),
                        "InvalidParameter: Invalid parameter: ContentBasedDeduplication can only "
                        "be set for FIFO topics");
}

static void test_topic_api__outlasts_a_restart(void **state)
{
    struct world *w = *state;
    const char *before;
    const char *arn;
    struct err err;

    begin(w);
    make_queue(w, "p");
    arn = subscribed(w, "q", "\"FilterPolicy\":\"{\\\"n\\\":[99]}\"");
    (void)subscribed(w, "p", "\"RawMessageDelivery\":\"true\"");
    (void)sns(w, "SetTopicAttributes",
              "{\"TopicArn\":\"%s\",\"AttributeName\":\"DisplayName\",\"AttributeValue\":\"one\"}",
              w->topic);
    (void)sns(w, "TagResource",
              "{\"ResourceArn\":\"%s\",\"Tags\":[{\"Key\":\"k\",\"Value\":\"v\"}]}", w->topic);
    before = arena_str(
        &w->a,
        arena_printf(&w->a, "%s%s%s%s",
                     sns(w, "GetTopicAttributes", "{\"TopicArn\":\"%s\"}", w->topic),
                     sns(w, "GetSubscriptionAttributes", "{\"SubscriptionArn\":\"%s\"}", arn),
                     sns(w, "ListSubscriptions", "{}"),
                     sns(w, "ListTagsForResource", "{\"ResourceArn\":\"%s\"}", w->topic)));
    assert_int_equal(api_world_restart(&w->api, &err), OK);
    assert_string_equal(
        arena_str(
            &w->a,
            arena_printf(&w->a, "%s%s%s%s",
                         sns(w, "GetTopicAttributes", "{\"TopicArn\":\"%s\"}", w->topic),
                         sns(w, "GetSubscriptionAttributes", "{\"SubscriptionArn\":\"%s\"}", arn),
                         sns(w, "ListSubscriptions", "{}"),
                         sns(w, "ListTagsForResource", "{\"ResourceArn\":\"%s\"}", w->topic))),
        before);
    publish(w, "\"Message\":\"m\"");
    assert_int_equal(count(w, "q"), 0);
    assert_int_equal(count(w, "p"), 1);
    publish(w, "\"Message\":\"m\"," NUMBER);
    assert_int_equal(count(w, "q"), 1);
    (void)sns(w, "Unsubscribe", "{\"SubscriptionArn\":\"%s\"}", arn);
    (void)sns(w, "DeleteTopic", "{\"TopicArn\":\"%s\"}", w->topic);
    assert_int_equal(api_world_restart(&w->api, &err), OK);
    assert_string_equal(sns(w, "ListTopics", "{}"), "{\"Topics\":[]}");
    assert_string_equal(sns(w, "ListSubscriptions", "{}"), "{\"Subscriptions\":[]}");
}

/* So many of one topic, with filters or without; what went makes room. */
static void test_topic_api__bounds(void **state)
{
    static const char filter[] = "\"FilterPolicy\":\"{\\\"a\\\":[1]}\"";
    struct world *w = *state;
    const char *arn = NULL;
    char queue[32];

    begin(w);
    for (int i = 0; i < LIMIT_TOPIC_SUBSCRIPTIONS; i++) {
        (void)snprintf(queue, sizeof(queue), "q%d", i);
        arn = subscribed(w, queue, i < LIMIT_TOPIC_FILTERS ? filter : "");
    }
    assert_string_equal(subscribe(w, "more", ""),
                        "SubscriptionLimitExceeded: Subscription limit exceeded");
    assert_string_equal(sns(w, "SetSubscriptionAttributes",
                            "{\"SubscriptionArn\":\"%s\",\"AttributeName\":\"FilterPolicy\","
                            "\"AttributeValue\":\"{\\\"a\\\":[2]}\"}",
                            arn),
                        "FilterPolicyLimitExceeded: Filter policy limit exceeded for this topic");
    (void)sns(w, "Unsubscribe", "{\"SubscriptionArn\":\"%s\"}", arn);
    assert_string_equal(subscribe(w, "more", filter),
                        "FilterPolicyLimitExceeded: Filter policy limit exceeded for this topic");
    (void)subscribed(w, "more", "");
}

/* A list of more than a page goes on where the page ended. */
static void test_topic_api__pages(void **state)
{
    struct world *w = *state;
    const char *answer;
    const struct json_node *v = NULL;

    for (int i = 0; i < 101; i++) {
        (void)sns(w, "CreateTopic", "{\"Name\":\"t%03d\"}", i);
    }
    answer = sns(w, "ListTopics", "{}");
    assert_int_equal(json_parse(slice_str(answer), &w->a, &v, NULL), OK);
    assert_int_equal(json_count(json_member(v, SLICE("Topics"))), 100);
    assert_string_equal(
        sns(w, "ListTopics", "{\"NextToken\":\"%s\"}", member(w, answer, "NextToken")),
        "{\"Topics\":[{\"TopicArn\":\"arn:aws:sns:us-east-1:111111111111:t100\"}]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(test_topic_api__##name, setup, teardown)
        CASE(topics),
        CASE(topic_attributes),
        CASE(tags),
        CASE(subscriptions),
        CASE(filters),
        CASE(notification),
        CASE(raw),
        CASE(fan_out),
        CASE(refused),
        CASE(batches),
        CASE(pages),
        CASE(bounds),
        CASE(what_a_queue_cannot_take),
        CASE(batches_have_a_length),
        CASE(dead_letters_stay_here),
        CASE(fifo),
        CASE(fifo_by_content),
        CASE(outlasts_a_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
