/* SPDX-License-Identifier: Apache-2.0 */
/* The query protocol: forms as the JSON newer clients send, JSON as XML. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/api/http/query.h"
#include "proto/base/limits.h"

static void check_request(const char *form, const char *target, const char *json)
{
    struct arena a = {0};
    struct query_form f;
    struct err err;
    const struct aws_row *op;

    assert_int_equal(query_parse(slice_str(form), &a, &f, &err), OK);
    op = aws_operation(query_field(&f, "Action"));
    assert_non_null(op);
    assert_string_equal(arena_str(&a, json_print(query_request(op, &f, slice_str(target), &a), &a)),
                        json);
    arena_fini(&a);
}

static void test_http_query__scalars_are_decoded(void **state)
{
    (void)state;
    check_request("Action=SendMessage&QueueUrl=http%3A%2F%2Fh%2F1%2Fq&MessageBody=a+b%26%C3%BC&"
                  "DelaySeconds=-5",
                  "/",
                  "{\"QueueUrl\":\"http://h/1/q\",\"MessageBody\":\"a b&\xC3\xBC\","
                  "\"DelaySeconds\":-5}");
    check_request("Action=SendMessage&MessageBody=%4&DelaySeconds=x&Other=y", "/",
                  "{\"MessageBody\":\"%4\",\"DelaySeconds\":\"x\"}");
}

static void test_http_query__the_path_may_say_the_queue(void **state)
{
    (void)state;
    check_request("Action=PurgeQueue", "/1/q?x=y", "{\"QueueUrl\":\"/1/q\"}");
    check_request("Action=PurgeQueue&QueueUrl=/1/z", "/1/q", "{\"QueueUrl\":\"/1/z\"}");
}

static void test_http_query__maps_and_lists_are_flattened(void **state)
{
    (void)state;
    check_request("Action=CreateQueue&QueueName=q&Attribute.1.Name=A&Attribute.1.Value=1&"
                  "Attribute.2.Name=B&Attribute.2.Value=&Tag.1.Key=k&Tag.1.Value=v",
                  "/",
                  "{\"QueueName\":\"q\",\"Attributes\":{\"A\":\"1\",\"B\":\"\"},"
                  "\"tags\":{\"k\":\"v\"}}");
    check_request("Action=ReceiveMessage&AttributeName.1=All&MessageAttributeName.1=a&"
                  "MessageAttributeName.2=b&MessageAttributeName.4=d",
                  "/", "{\"AttributeNames\":[\"All\"],\"MessageAttributeNames\":[\"a\",\"b\"]}");
}

static void test_http_query__entries_have_attributes_of_their_own(void **state)
{
    (void)state;
    check_request("Action=SendMessageBatch&SendMessageBatchRequestEntry.1.Id=a&"
                  "SendMessageBatchRequestEntry.1.MessageBody=x&"
                  "SendMessageBatchRequestEntry.2.Id=b&"
                  "SendMessageBatchRequestEntry.2.MessageAttribute.1.Name=n&"
                  "SendMessageBatchRequestEntry.2.MessageAttribute.1.Value.DataType=Binary&"
                  "SendMessageBatchRequestEntry.2.MessageAttribute.1.Value.BinaryValue=AA%3D%3D",
                  "/",
                  "{\"Entries\":[{\"Id\":\"a\",\"MessageBody\":\"x\"},{\"Id\":\"b\","
                  "\"MessageAttributes\":{\"n\":{\"DataType\":\"Binary\","
                  "\"BinaryValue\":\"AA==\"}}}]}");
}

static void test_http_query__a_form_has_an_end(void **state)
{
    struct arena a = {0};
    struct buf b = {0};
    struct query_form f;
    struct err err;

    (void)state;
    for (unsigned i = 0; i < LIMIT_QUERY_FIELDS; i++) {
        buf_put_str(&b, "a&");
    }
    assert_int_equal(query_parse(buf_slice(&b), &a, &f, &err), OK);
    assert_int_equal(f.count, LIMIT_QUERY_FIELDS);
    buf_put_str(&b, "a");
    assert_int_equal(query_parse(buf_slice(&b), &a, &f, &err), ERR_MESSAGE);
    buf_fini(&b);
    arena_fini(&a);
}

static void check_reply(const char *operation, const char *json, const char *result)
{
    struct arena a = {0};
    struct buf out = {0};
    const struct json_node *v;
    struct err err;

    assert_int_equal(json_parse(slice_str(json), &a, &v, &err), OK);
    query_reply(aws_operation(slice_str(operation)), v, SLICE("id"), &out);
    assert_string_equal(arena_str(&a, buf_slice(&out)),
                        arena_str(&a, arena_printf(&a,
                                                   "<?xml version=\"1.0\"?><%sResponse xmlns=\""
                                                   "http://queue.amazonaws.com/doc/2012-11-05/\">"
                                                   "%s<ResponseMetadata><RequestId>id</RequestId>"
                                                   "</ResponseMetadata></%sResponse>",
                                                   operation, result, operation)));
    buf_fini(&out);
    arena_fini(&a);
}

static void test_http_query__replies_are_xml(void **state)
{
    (void)state;
    check_reply("DeleteMessage", "{}", "");
    check_reply("ReceiveMessage", "{}", "<ReceiveMessageResult></ReceiveMessageResult>");
    check_reply("GetQueueUrl", "{\"QueueUrl\":\"a<&>\\\"\\r\\n\"}",
                "<GetQueueUrlResult><QueueUrl>a&lt;&amp;&gt;&quot;&#xD;\n</QueueUrl>"
                "</GetQueueUrlResult>");
    check_reply("GetQueueAttributes", "{\"Attributes\":{\"A\":\"1\",\"B\":\"2\"}}",
                "<GetQueueAttributesResult><Attribute><Name>A</Name><Value>1</Value></Attribute>"
                "<Attribute><Name>B</Name><Value>2</Value></Attribute></GetQueueAttributesResult>");
    check_reply("ListQueues", "{\"QueueUrls\":[\"x\",\"y\"]}",
                "<ListQueuesResult><QueueUrl>x</QueueUrl><QueueUrl>y</QueueUrl>"
                "</ListQueuesResult>");
    check_reply("ReceiveMessage",
                "{\"Messages\":[{\"Body\":\"b\",\"Attributes\":{\"A\":\"1\"},\"MessageAttributes\":"
                "{\"n\":{\"StringValue\":\"v\",\"DataType\":\"String\"}}}]}",
                "<ReceiveMessageResult><Message><Body>b</Body><Attribute><Name>A</Name><Value>1"
                "</Value></Attribute><MessageAttribute><Name>n</Name><Value><StringValue>v"
                "</StringValue><DataType>String</DataType></Value></MessageAttribute></Message>"
                "</ReceiveMessageResult>");
    check_reply(
        "DeleteMessageBatch",
        "{\"Successful\":[{\"Id\":\"a\"}],\"Failed\":[{\"Id\":\"b\",\"SenderFault\":true}]}",
        "<DeleteMessageBatchResult><DeleteMessageBatchResultEntry><Id>a</Id>"
        "</DeleteMessageBatchResultEntry><BatchResultErrorEntry><Id>b</Id><SenderFault>true"
        "</SenderFault></BatchResultErrorEntry></DeleteMessageBatchResult>");
}

static void test_http_query__errors_are_xml(void **state)
{
    struct arena a = {0};
    struct buf out = {0};

    (void)state;
    query_fail("A.B", true, SLICE("<why>\1\xC3"), SLICE("id"), &out);
    assert_string_equal(arena_str(&a, buf_slice(&out)),
                        "<?xml version=\"1.0\"?><ErrorResponse xmlns=\""
                        "http://queue.amazonaws.com/doc/2012-11-05/\"><Error><Type>Sender</Type>"
                        "<Code>A.B</Code><Message>&lt;why&gt;?\?</Message><Detail/></Error>"
                        "<RequestId>id</RequestId></ErrorResponse>");
    buf_fini(&out);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_query__scalars_are_decoded),
        cmocka_unit_test(test_http_query__the_path_may_say_the_queue),
        cmocka_unit_test(test_http_query__maps_and_lists_are_flattened),
        cmocka_unit_test(test_http_query__entries_have_attributes_of_their_own),
        cmocka_unit_test(test_http_query__a_form_has_an_end),
        cmocka_unit_test(test_http_query__replies_are_xml),
        cmocka_unit_test(test_http_query__errors_are_xml),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
