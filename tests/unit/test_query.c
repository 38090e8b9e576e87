/* SPDX-License-Identifier: Apache-2.0 */
/* The query protocol: forms to the JSON of the same request, and replies to XML. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/api/http/query.h"
#include "proto/base/limits.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The request as JSON, or "!why". */
static const char *request(struct arena *a, struct slice form)
{
    const struct query_service *service = NULL;
    const struct json_node *v = NULL;
    struct err err = {0};
    enum err_code rc = query_request(form, a, &service, &v, &err);

    if (rc != OK) {
        assert_int_equal(err.code, rc);
        return arena_str(a, arena_printf(a, "!%s", err.msg));
    }
    assert_non_null(service);
    return arena_str(a, json_print(v, a));
}

struct example {
    const char *form;
    const char *expected;
};

#define SNS "Version=2010-03-31&"
#define GOT "{\"Version\":\"2010-03-31\","

static void test_query__request(void **state)
{
    static const struct example examples[] = {
        {SNS "Action=Publish&Message=a+b%2Bc%26",
         GOT "\"Action\":\"Publish\",\"Message\":\"a b+c&\"}"},
        {SNS "Message=", GOT "\"Message\":\"\"}"},
        {SNS "Message", GOT "\"Message\":\"\"}"},
        {SNS "&&Message=%C3%A9&", GOT "\"Message\":\"\xc3\xa9\"}"},
        {SNS "Message=1&Message=2", GOT "\"Message\":\"2\"}"},
        {SNS "Attributes.entry.1.key=a&Attributes.entry.1.value=1&Attributes.entry.2.value=3&"
             "Attributes.entry.2.key=b",
         GOT "\"Attributes\":{\"a\":\"1\",\"b\":\"3\"}}"},
        {SNS "Attributes.entry.1.key=a", GOT "\"Attributes\":{\"a\":null}}"},
        {SNS "Attributes.entry.1.value=a", GOT "\"Attributes\":{}}"},
        {SNS "Attributes=", GOT "\"Attributes\":{}}"},
        {SNS "TagKeys=", GOT "\"TagKeys\":[]}"},
        {SNS "TagKeys.member.10=j&TagKeys.member.9=i&TagKeys.member.1=a",
         GOT "\"TagKeys\":[\"a\",\"i\",\"j\"]}"},
        {SNS "Tags.member.1.Key=k&Tags.member.1.Value=&Tags.member.2.Key=l",
         GOT "\"Tags\":[{\"Key\":\"k\",\"Value\":\"\"},{\"Key\":\"l\"}]}"},
        {SNS "MessageAttributes.entry.1.Name=n&MessageAttributes.entry.1.Value.DataType=String&"
             "MessageAttributes.entry.1.Value.StringValue=x",
         GOT "\"MessageAttributes\":{\"n\":{\"DataType\":\"String\",\"StringValue\":\"x\"}}}"},
        {SNS "PublishBatchRequestEntries.member.1.Id=i&"
             "PublishBatchRequestEntries.member.1.MessageAttributes.entry.1.Name=n&"
             "PublishBatchRequestEntries.member.1.MessageAttributes.entry.1.Value.DataType=Number",
         GOT "\"PublishBatchRequestEntries\":[{\"Id\":\"i\",\"MessageAttributes\":"
             "{\"n\":{\"DataType\":\"Number\"}}}]}"},
        {SNS "ReturnSubscriptionArn=true", GOT "\"ReturnSubscriptionArn\":true}"},
        {SNS "ReturnSubscriptionArn=yes", GOT "\"ReturnSubscriptionArn\":\"yes\"}"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        struct arena a = {0};

        assert_string_equal(request(&a, slice_str(examples[i].form)), examples[i].expected);
        arena_fini(&a);
    }
}

#define SQS "Version=2012-11-05&"
#define HAS "{\"Version\":\"2012-11-05\","

/* Lists and maps without wrappers; a text that has the name of a list in replies. */
static void test_query__request_flat(void **state)
{
    static const struct example examples[] = {
        {SQS "Action=SendMessage&QueueUrl=http%3A%2F%2Fh%2F1%2Fq&MessageBody=a+b&DelaySeconds=-5",
         HAS "\"Action\":\"SendMessage\",\"QueueUrl\":\"http://h/1/q\",\"MessageBody\":\"a b\","
             "\"DelaySeconds\":-5}"},
        {SQS "DelaySeconds=x", HAS "\"DelaySeconds\":\"x\"}"},
        {SQS "Action=CreateQueue&Attribute.1.Name=A&Attribute.1.Value=1&Attribute.2.Name=B&"
             "Attribute.2.Value=&Tag.1.Key=k&Tag.1.Value=v",
         HAS "\"Action\":\"CreateQueue\",\"Attributes\":{\"A\":\"1\",\"B\":\"\"},"
             "\"tags\":{\"k\":\"v\"}}"},
        {SQS "Action=TagQueue&Tag.1.Key=k&Tag.1.Value=v",
         HAS "\"Action\":\"TagQueue\",\"Tags\":{\"k\":\"v\"}}"},
        {SQS "AttributeName.1=All&MessageAttributeName.4=d&MessageAttributeName.2=b&TagKey=",
         HAS "\"AttributeNames\":[\"All\"],\"MessageAttributeNames\":[\"b\",\"d\"],"
             "\"TagKeys\":[]}"},
        {SQS "Action=SendMessageBatch&SendMessageBatchRequestEntry.1.Id=a&"
             "SendMessageBatchRequestEntry.2.Id=b&"
             "SendMessageBatchRequestEntry.2.DelaySeconds=3&"
             "SendMessageBatchRequestEntry.2.MessageAttribute.1.Name=n&"
             "SendMessageBatchRequestEntry.2.MessageAttribute.1.Value.BinaryValue=AA%3D%3D",
         HAS "\"Action\":\"SendMessageBatch\",\"Entries\":[{\"Id\":\"a\"},{\"Id\":\"b\","
             "\"DelaySeconds\":3,\"MessageAttributes\":{\"n\":{\"BinaryValue\":\"AA==\"}}}]}"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        struct arena a = {0};

        assert_string_equal(request(&a, slice_str(examples[i].form)), examples[i].expected);
        arena_fini(&a);
    }
}

static void test_query__refused(void **state)
{
    static const struct example examples[] = {
        {"", "!There is no version ''"},
        {"Version=2012-01-01", "!There is no version '2012-01-01'"},
        {SNS "a=%", "!The request has a malformed parameter 'a=%'"},
        {SNS "a=%4", "!The request has a malformed parameter 'a=%4'"},
        {SNS "a=%zz", "!The request has a malformed parameter 'a=%zz'"},
        {SNS "a=%ff", "!The request has a malformed parameter 'a=%ff'"},
        {SNS "=1", "!The request has a malformed parameter name ''"},
        {SNS "a..b=1", "!The request has a malformed parameter name 'a..b'"},
        {SNS "a.=1", "!The request has a malformed parameter name 'a.'"},
        {SNS ".a=1", "!The request has a malformed parameter name '.a'"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        struct arena a = {0};

        assert_string_equal(request(&a, slice_str(examples[i].form)), examples[i].expected);
        arena_fini(&a);
    }
}

static void test_query__bounds(void **state)
{
    struct arena a = {0};
    struct buf form = {0};

    (void)state;
    buf_put_str(&form, SNS);
    for (int i = 1; i < LIMIT_QUERY_PARAMETERS; i++) {
        buf_put_str(&form, "x=&");
    }
    assert_int_equal(request(&a, buf_slice(&form))[0], '{');
    buf_put_str(&form, "x=");
    assert_int_equal(request(&a, buf_slice(&form))[0], '!');
    buf_reset(&form);
    buf_put_str(&form, SNS "a");
    for (int i = 1; i < LIMIT_QUERY_DEPTH; i++) {
        buf_put_str(&form, ".a");
    }
    assert_int_equal(request(&a, buf_slice(&form))[0], '{');
    buf_put_str(&form, ".a");
    assert_int_equal(request(&a, buf_slice(&form))[0], '!');
    buf_fini(&form);
    arena_fini(&a);
}

static void
check_reply_of(const char *version, const char *operation, const char *json, const char *expected)
{
    const struct query_service *service = query_service(slice_str(version));
    const struct json_node *v = NULL;
    struct arena a = {0};
    struct buf out = {0};

    assert_int_equal(json_parse(slice_str(json), &a, &v, NULL), OK);
    query_reply(service, slice_str(operation), v, SLICE("id"), &a, &out);
    buf_put_u8(&out, 0);
    assert_string_equal(out.ptr, expected);
    buf_fini(&out);
    arena_fini(&a);
}

static void check_reply(const char *json, const char *expected)
{
    check_reply_of("2010-03-31", "Op", json, expected);
}

#define HEAD          "<OpResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">"
#define TAIL          "<ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></OpResponse>"
#define RESULT(inner) HEAD "<OpResult>" inner "</OpResult>" TAIL

static void test_query__reply(void **state)
{
    (void)state;
    check_reply("{}", RESULT(""));
    check_reply("{\"A\":\"<a&b>\\r\\n\\\"\",\"B\":12,\"C\":true,\"D\":null}",
                RESULT("<A>&lt;a&amp;b&gt;&#13;\n&quot;</A><B>12</B><C>true</C><D></D>"));
    check_reply("{\"Topics\":[{\"TopicArn\":\"x\"},{\"TopicArn\":\"y\"}]}",
                RESULT("<Topics><member><TopicArn>x</TopicArn></member>"
                       "<member><TopicArn>y</TopicArn></member></Topics>"));
    check_reply("{\"Topics\":[]}", RESULT("<Topics></Topics>"));
    check_reply("{\"Attributes\":{\"a<\":\"1\"}}",
                RESULT("<Attributes><entry><key>a&lt;</key><value>1</value></entry></Attributes>"));
}

static void check_flat(const char *operation, const char *json, const char *result)
{
    struct arena a = {0};

    check_reply_of("2012-11-05", operation, json,
                   arena_str(&a, arena_printf(&a,
                                              "<?xml version=\"1.0\"?><%sResponse xmlns=\""
                                              "http://queue.amazonaws.com/doc/2012-11-05/\">"
                                              "<%sResult>%s</%sResult><ResponseMetadata><RequestId>"
                                              "id</RequestId></ResponseMetadata></%sResponse>",
                                              operation, operation, result, operation, operation)));
    arena_fini(&a);
}

static void test_query__reply_flat(void **state)
{
    (void)state;
    check_flat("GetQueueAttributes", "{\"Attributes\":{\"A\":\"1\",\"B\":\"2\"}}",
               "<Attribute><Name>A</Name><Value>1</Value></Attribute>"
               "<Attribute><Name>B</Name><Value>2</Value></Attribute>");
    check_flat("ListQueues", "{\"QueueUrls\":[\"x\",\"y\"]}",
               "<QueueUrl>x</QueueUrl><QueueUrl>y</QueueUrl>");
    check_flat("ReceiveMessage",
               "{\"Messages\":[{\"Body\":\"b\",\"Attributes\":{\"A\":\"1\"},\"MessageAttributes\":"
               "{\"n\":{\"StringValue\":\"v\",\"DataType\":\"String\"}}}]}",
               "<Message><Body>b</Body><Attribute><Name>A</Name><Value>1</Value></Attribute>"
               "<MessageAttribute><Name>n</Name><Value><StringValue>v</StringValue><DataType>String"
               "</DataType></Value></MessageAttribute></Message>");
    check_flat(
        "DeleteMessageBatch",
        "{\"Successful\":[{\"Id\":\"a\"}],\"Failed\":[{\"Id\":\"b\",\"SenderFault\":true,"
        "\"Message\":\"m\"}]}",
        "<DeleteMessageBatchResultEntry><Id>a</Id></DeleteMessageBatchResultEntry>"
        "<BatchResultErrorEntry><Id>b</Id><SenderFault>true</SenderFault><Message>m</Message>"
        "</BatchResultErrorEntry>");
}

/* What XML cannot hold is replaced, whatever stands beside it. */
static void test_query__reply_characters(void **state)
{
    (void)state;
    check_reply("{\"A\":\"a\\u0001b\\u0000\"}", RESULT("<A>a\xef\xbf\xbd"
                                                       "b\xef\xbf\xbd</A>"));
    check_reply("{\"A\":\"\\uffff\\ufffd\\t\"}", RESULT("<A>\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                                                        "\xef\xbf\xbd\t</A>"));
    check_reply("{\"A\":\"\xf0\x9f\x98\x80\"}", RESULT("<A>\xf0\x9f\x98\x80</A>"));
}

static void test_query__error(void **state)
{
    const struct query_service *sns = query_service(SLICE("2010-03-31"));
    struct arena a = {0};
    struct buf out = {0};

    (void)state;
    query_error(sns, true, "NotFound", SLICE("no <topic>\xc3"), SLICE("id"), &a, &out);
    buf_put_u8(&out, 0);
    assert_string_equal(out.ptr,
                        "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error>"
                        "<Type>Sender</Type><Code>NotFound</Code><Message>no &lt;topic&gt;"
                        "\xef\xbf\xbd</Message></Error><RequestId>id</RequestId></ErrorResponse>");
    buf_fini(&out);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_query__request),          cmocka_unit_test(test_query__request_flat),
        cmocka_unit_test(test_query__reply_flat),       cmocka_unit_test(test_query__refused),
        cmocka_unit_test(test_query__bounds),           cmocka_unit_test(test_query__reply),
        cmocka_unit_test(test_query__reply_characters), cmocka_unit_test(test_query__error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
