/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of topics and subscriptions: what they answer, refuse and bound, and what outlasts
 * a restart. */
#include "tests/lib/topic_case.h"

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

/* ---- bounds, pages, disk ---- */

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
#define CASE(name) cmocka_unit_test_setup_teardown(test_topic_api__##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(topics),  CASE(topic_attributes),   CASE(tags),   CASE(subscriptions),
        CASE(filters), CASE(outlasts_a_restart), CASE(bounds), CASE(pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
