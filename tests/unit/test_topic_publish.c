/* SPDX-License-Identifier: Apache-2.0 */
/* What is published to a topic: which message arrives in which queue, alone, in batches and in FIFO
 * order, and where what cannot arrive goes. */
#include "coordinator/ledger/queue.h"
#include "tests/lib/topic_case.h"

/* ---- messages ---- */

static void test_topic_publish__notification(void **state)
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

static void test_topic_publish__raw(void **state)
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
static void test_topic_publish__fan_out(void **state)
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
static void test_topic_publish__what_a_queue_cannot_take(void **state)
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
static void test_topic_publish__dead_letters_stay_here(void **state)
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

static void test_topic_publish__refused(void **state)
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

static void test_topic_publish__batches(void **state)
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

static void test_topic_publish__batches_have_a_length(void **state)
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

static void test_topic_publish__fifo(void **state)
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

/* Nothing is published that one of its queues could not know again. */
static void test_topic_publish__a_queue_remembers_no_more(void **state)
{
    struct world *w = *state;
    struct ledger_queue *q;
    size_t remembered;

    begin_fifo(w, "");
    q = ledger_queue_find(w->api.ledger, SLICE("q.fifo"));
    remembered = q->dedup.by_key.count;
    q->dedup.by_key.count = LIMIT_QUEUE_DEDUPS; /* as if */
    assert_non_null(strstr(publish_fifo(w, "a", "g", "1"), "remembers no more messages"));
    q->dedup.by_key.count = remembered;
    (void)member(w, publish_fifo(w, "b", "g", "1"), "MessageId");
    assert_string_equal(received(w, "q.fifo"), "b g 1 ");
    assert_string_equal(received(w, "q"), "b g  ");
}

static void test_topic_publish__fifo_by_content(void **state)
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

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(test_topic_publish__##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(notification),
        CASE(raw),
        CASE(fan_out),
        CASE(what_a_queue_cannot_take),
        CASE(dead_letters_stay_here),
        CASE(refused),
        CASE(batches),
        CASE(batches_have_a_length),
        CASE(fifo),
        CASE(a_queue_remembers_no_more),
        CASE(fifo_by_content),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
