/* SPDX-License-Identifier: Apache-2.0 */
/* topic.c: what may be published, what subscriptions take for settings, who wants a message and
 * what it gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/trigger/topic.h"
#include "proto/base/limits.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_topic__names(void **state)
{
    static const struct {
        const char *name;
        bool is;
        bool fifo;
    } examples[] = {
        {"t", true, false},           {"Az09-_", true, false}, {"t.fifo", true, true},
        {"", false, false},           {".fifo", false, true},  {"a.b", false, false},
        {"a.fifo.fifo", false, true}, {"a b", false, false},   {"\xc3\xa9", false, false},
    };
    char longest[LIMIT_TOPIC_NAME_CHARS + 1];
    bool fifo;

    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        assert_int_equal(topic_is_name(slice_str(examples[i].name), &fifo), examples[i].is);
        assert_int_equal(fifo, examples[i].fifo);
    }
    memset(longest, 'a', sizeof(longest));
    assert_true(topic_is_name(slice_make(longest, sizeof(longest) - 1), &fifo));
    assert_false(topic_is_name(slice_make(longest, sizeof(longest)), &fifo));
}

/* ---- messages ---- */

static const char *check_message(const struct topic_message *m)
{
    static struct err err;
    enum err_code rc = topic_message_check(m, &err);

    assert_true(rc == OK || rc == err.code);
    return rc == OK ? "" : err.msg;
}

static const char *check_attribute(struct topic_attribute a)
{
    return check_message(
        &(struct topic_message){.body = SLICE("x"), .attributes = &a, .attribute_count = 1});
}

static void test_topic__message_attributes(void **state)
{
    static const struct {
        struct topic_attribute attribute;
        const char *why;
    } examples[] = {
        {{SLICE_INIT("a-b_c.D1"), SLICE_INIT("String"), false, SLICE_INIT("x")}, ""},
        {{SLICE_INIT("a"), SLICE_INIT("String.Array"), false, SLICE_INIT("[]")}, ""},
        {{SLICE_INIT("a"), SLICE_INIT("Number.int"), false, SLICE_INIT("1")}, ""},
        {{SLICE_INIT("a"), SLICE_INIT("Binary.gif"), true, SLICE_INIT("\1")}, ""},
        {{SLICE_INIT(".a"), SLICE_INIT("String"), false, SLICE_INIT("x")},
         "Invalid message attribute name starting with character '.' was found."},
        {{SLICE_INIT("a."), SLICE_INIT("String"), false, SLICE_INIT("x")},
         "Invalid message attribute name ending with character '.' was found."},
        {{SLICE_INIT("a..b"), SLICE_INIT("String"), false, SLICE_INIT("x")},
         "Message attribute name can not have successive '.' character."},
        {{SLICE_INIT("a:b"), SLICE_INIT("String"), false, SLICE_INIT("x")},
         "Invalid non-alphanumeric character '#x3A' was found in the message attribute name. Can "
         "only include alphanumeric characters, hyphens, underscores, or dots."},
        {{SLICE_INIT(""), SLICE_INIT("String"), false, SLICE_INIT("x")},
         "Length of message attribute name must be less than 256 bytes."},
        {{SLICE_INIT("a"), SLICE_INIT("Strings"), false, SLICE_INIT("x")},
         "The message attribute 'a' has an invalid message attribute type, the set of supported "
         "type prefixes is Binary, Number, and String."},
        {{SLICE_INIT("a"), SLICE_INIT("String"), true, SLICE_INIT("x")},
         "The message attribute 'a' with type 'String' must use field 'String'."},
        {{SLICE_INIT("a"), SLICE_INIT("Number"), false, SLICE_INIT("1x")},
         "Could not cast message attribute 'a' value to number."},
        {{SLICE_INIT("a"), SLICE_INIT("Binary"), false, SLICE_INIT("x")},
         "The message attribute 'a' with type 'Binary' must use field 'Binary'."},
        {{SLICE_INIT("a"), SLICE_INIT("String"), false, SLICE_INIT("")},
         "The message attribute 'a' must contain non-empty message attribute value for message "
         "attribute type 'String'."},
        {{SLICE_INIT("a"), SLICE_INIT("Binary"), false, {NULL, 0}},
         "The message attribute 'a' must contain non-empty message attribute value for message "
         "attribute type 'Binary'."},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        assert_string_equal(check_attribute(examples[i].attribute), examples[i].why);
    }
}

static void test_topic__message_bounds(void **state)
{
    struct topic_attribute a = {SLICE("n"), SLICE("String"), false, SLICE("vv")};
    struct topic_message m = {.attributes = &a, .attribute_count = 1};
    struct buf b = {0};

    (void)state;
    assert_string_equal(check_message(&m), "Invalid parameter: Empty message");
    memset(buf_reserve(&b, LIMIT_PAYLOAD_BYTES), 'x', LIMIT_PAYLOAD_BYTES);
    m.body = slice_make(b.ptr, LIMIT_PAYLOAD_BYTES - 9); /* "n", "String", "vv" */
    assert_string_equal(check_message(&m), "");
    assert_int_equal(topic_message_bytes(&m), LIMIT_PAYLOAD_BYTES);
    m.body.len++;
    assert_string_equal(check_message(&m), "Invalid parameter: Message too long");
    m.body.len = 1;
    m.subject = SLICE("");
    assert_string_equal(check_message(&m), "Invalid parameter: Subject");
    m.subject = SLICE("a\nb");
    assert_string_equal(check_message(&m), "Invalid parameter: Subject");
    m.subject = SLICE(" a");
    assert_string_equal(check_message(&m), "Invalid parameter: Subject");
    m.subject = slice_make(b.ptr, LIMIT_TOPIC_SUBJECT_CHARS);
    assert_string_equal(check_message(&m), "");
    m.subject.len++;
    assert_string_equal(check_message(&m), "Invalid parameter: Subject");
    buf_fini(&b);
}

static const char *structured(struct arena *a, const char *text)
{
    struct slice body;
    struct err err;

    return topic_body_of(slice_str(text), a, &body, &err) == OK ? arena_str(a, body)
                                                                : arena_str(a, slice_str(err.msg));
}

static void test_topic__structure(void **state)
{
    static const char failed[] =
        "Invalid parameter: Message Structure - JSON message body failed to parse";
    static const char none[] =
        "Invalid parameter: Message Structure - No default entry in JSON message body";
    struct arena a = {0};

    (void)state;
    assert_string_equal(structured(&a, "{\"default\":\"d\"}"), "d");
    assert_string_equal(structured(&a, "{\"default\":\"d\",\"sqs\":\"q\",\"http\":\"h\"}"), "q");
    assert_string_equal(structured(&a, "{\"default\":\"d\",\"sqs\":{\"a\":1}}"), "d");
    assert_string_equal(structured(&a, "{\"sqs\":\"q\"}"), none);
    assert_string_equal(structured(&a, "{\"default\":1}"), none);
    assert_string_equal(structured(&a, "[]"), failed);
    assert_string_equal(structured(&a, "default"), failed);
    arena_fini(&a);
}

/* ---- subscriptions ---- */

struct setting {
    const char *name;
    const char *value;
    const char *why;
};

#define ARN "arn:aws:sqs:r:1:q"

/* One after the other, each on what those before it made. */
static void test_topic__settings(void **state)
{
    static const struct setting settings[] = {
        {"RawMessageDelivery", "true", ""},
        {"RawMessageDelivery", "yes",
         "Invalid parameter: RawMessageDelivery: Invalid value [yes]. Must be true or false."},
        {"FilterPolicy", "{\"a\":[1]}", ""},
        {"FilterPolicy", "{\"object\":{\"key\":[{\"prefix\":\"auto-\"}]}}",
         "Invalid parameter: Filter policy scope MessageAttributes does not support nested filter "
         "policy"},
        {"FilterPolicy", "{\"key_a\":\"value_one\"}",
         "Invalid parameter: FilterPolicy: \"key_a\" must be an object or an array"},
        {"FilterPolicy", "{", "Invalid parameter: FilterPolicy: failed to parse JSON."},
        {"FilterPolicyScope", "RandomValue",
         "Invalid parameter: FilterPolicyScope: Invalid value [RandomValue]. Please use either "
         "MessageBody or MessageAttributes"},
        {"FilterPolicyScope", "MessageBody", ""},
        {"FilterPolicy", "{\"object\":{\"key\":[{\"prefix\":\"auto-\"}]}}", ""},
        {"FilterPolicyScope", "MessageAttributes",
         "Invalid parameter: Filter policy scope MessageAttributes does not support nested filter "
         "policy"},
        {"RedrivePolicy", "{\"deadLetterTargetArn\":\"" ARN "\"}", ""},
        {"RedrivePolicy", "{", "Invalid parameter: RedrivePolicy: failed to parse JSON."},
        {"RedrivePolicy", "{\"deadLetterTargetArn\":\"q\"}",
         "Invalid parameter: RedrivePolicy: deadLetterTargetArn is an invalid arn"},
        {"Other", "1", "Invalid parameter: AttributeName"},
    };
    struct subscription_settings s = {0};
    struct arena a = {0};
    struct err err;

    (void)state;
    for (size_t i = 0; i < COUNT(settings); i++) {
        enum err_code rc =
            subscription_set(&s, slice_str(settings[i].name), slice_str(settings[i].value),
                             "Invalid parameter: ", &err);

        assert_int_equal(rc, settings[i].why[0] == '\0' ? OK : ERR_TOPIC_PARAMETER);
        assert_string_equal(rc == OK ? "" : err.msg, settings[i].why);
    }
    assert_true(s.raw && s.by_body);
    assert_true(slice_eq_str(s.filter, "{\"object\":{\"key\":[{\"prefix\":\"auto-\"}]}}"));
    assert_true(slice_eq_str(subscription_dead_letters(s.redrive, &a), ARN));
    assert_int_equal(subscription_set(&s, SLICE("FilterPolicy"), SLICE(""), "", &err), OK);
    assert_int_equal(s.filter.len, 0);
    assert_int_equal(subscription_set(&s, SLICE("FilterPolicy"), SLICE("{}"), "", &err), OK);
    assert_int_equal(s.filter.len, 0);
    assert_int_equal(subscription_set(&s, SLICE("RedrivePolicy"), SLICE(""), "", &err), OK);
    assert_int_equal(subscription_dead_letters(s.redrive, &a).len, 0);
    assert_int_equal(subscription_set(&s, SLICE("RawMessageDelivery"), SLICE("False"), "", &err),
                     OK);
    assert_false(s.raw);
    arena_fini(&a);
}

/* ---- who gets it ---- */

static const struct topic_attribute attributes[] = {
    {SLICE_INIT("store"), SLICE_INIT("String"), false, SLICE_INIT("value1")},
    {SLICE_INIT("tags"), SLICE_INIT("String.Array"), false, SLICE_INIT("[\"x\",true,7,null]")},
    {SLICE_INIT("broken"), SLICE_INIT("String.Array"), false, SLICE_INIT("[x")},
    {SLICE_INIT("price"), SLICE_INIT("Number"), false, SLICE_INIT("99")},
    {SLICE_INIT("half"), SLICE_INIT("Number"), false, SLICE_INIT(".5")},
    {SLICE_INIT("raw"), SLICE_INIT("Binary"), true, SLICE_INIT("\1\2\3")},
    {SLICE_INIT("text"), SLICE_INIT("String.x"), false, SLICE_INIT("99")},
};

static bool wanted(const char *filter, const char *scope, struct slice body)
{
    struct topic_message m = {
        .body = body, .attributes = attributes, .attribute_count = COUNT(attributes)};
    struct subscription_settings s = {0};
    const struct pattern *p;
    struct arena a = {0};
    struct topic_view v = {.message = &m, .a = &a};
    struct err err;
    bool yes;

    assert_int_equal(subscription_set(&s, SLICE("FilterPolicyScope"), slice_str(scope), "", &err),
                     OK);
    assert_int_equal(subscription_set(&s, SLICE("FilterPolicy"), slice_str(filter), "", &err), OK);
    assert_int_equal(subscription_filter(&s, &a, &p, &err), OK);
    yes = topic_wanted(&v, p, s.by_body);
    assert_int_equal(topic_wanted(&v, p, s.by_body), yes);
    assert_true(topic_wanted(&v, NULL, s.by_body));
    arena_fini(&a);
    return yes;
}

static void test_topic__wanted_by_attributes(void **state)
{
    static const struct {
        const char *filter;
        bool yes;
    } examples[] = {
        {"{\"store\":[\"value1\"]}", true},
        {"{\"store\":[\"value2\"]}", false},
        {"{\"tags\":[\"x\"]}", true},
        {"{\"tags\":[7]}", true},
        {"{\"tags\":[null]}", true},
        {"{\"tags\":[{\"anything-but\":\"x\"}]}", true},
        {"{\"tags\":[\"y\"]}", false},
        {"{\"broken\":[\"[x\"]}", true},
        {"{\"price\":[{\"numeric\":[\">\",0,\"<=\",100]}]}", true},
        {"{\"price\":[99.0]}", true},
        {"{\"price\":[\"99\"]}", false},
        {"{\"half\":[\".5\"]}", true},
        {"{\"text\":[99]}", false},
        {"{\"text\":[\"99\"]}", true},
        {"{\"raw\":[{\"exists\":true}]}", false},
        {"{\"gone\":[{\"exists\":false}],\"store\":[{\"exists\":true}]}", true},
        {"{\"gone\":[null,{\"anything-but\":\"whatever\"}]}", false},
        {"{}", true},
        {"", true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        if (wanted(examples[i].filter, "MessageAttributes", SLICE("x")) != examples[i].yes) {
            fail_msg("%s", examples[i].filter);
        }
    }
}

/* Recorded with AWS. */
static void test_topic__wanted_by_body(void **state)
{
    static const char filter[] = "{\"object\":{\"key\":[{\"prefix\":\"auto-\"},\"hardcoded\"],"
                                 "\"nested\":[{\"exists\":false}]},\"test\":[{\"exists\":false}]}";
    static const struct {
        struct slice body;
        bool yes;
    } examples[] = {
        {SLICE_INIT("{\"object\":{\"key\":\"auto-test\"}}"), true},
        {SLICE_INIT("{\"object\":{\"key\":\"hardcoded\"}}"), true},
        {SLICE_INIT("{\"object\":{\"key\":\"test-auto\"}}"), false},
        {SLICE_INIT("{\"object\":{\"key\":\"auto-test\"},\"test\":\"just-exists\"}"), false},
        {SLICE_INIT("{\"object\":{\"key\":\"auto-test\",\"nested\":\"just-exists\"}}"), false},
        {SLICE_INIT("{\"object\":{\"test\":\"auto-test\"}}"), false},
        {SLICE_INIT("{\"test\":\"auto-test\"}"), false},
        {SLICE_INIT("Regular string message"), false},
        {SLICE_INIT("\"Regular string message\""), false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        assert_int_equal(wanted(filter, "MessageBody", examples[i].body), examples[i].yes);
    }
}

static void test_topic__envelope(void **state)
{
    static const struct topic_attribute two[] = {
        {SLICE_INIT("attr1"), SLICE_INIT("Number"), false, SLICE_INIT("99")},
        {SLICE_INIT("b"), SLICE_INIT("Binary"), true, SLICE_INIT("\1\2\3")},
    };
    struct topic_message m = {
        .topic_arn = SLICE("arn:t"),
        .id = SLICE("id-1"),
        .body = SLICE("say \"hi\"\n"),
        .time_ms = 1700000000123,
    };
    const struct json_node *v = NULL;
    struct arena a = {0};
    struct buf b = {0};

    (void)state;
    topic_envelope(&m, SLICE("arn:t:s"), SLICE("http://h"), &a, &b);
    buf_put_u8(&b, 0);
    assert_string_equal(
        b.ptr,
        "{\n  \"Type\" : \"Notification\",\n  \"MessageId\" : \"id-1\",\n"
        "  \"TopicArn\" : \"arn:t\",\n  \"Message\" : \"say \\\"hi\\\"\\n\",\n"
        "  \"Timestamp\" : \"2023-11-14T22:13:20.123Z\",\n  \"SignatureVersion\" : \"1\",\n"
        "  \"Signature\" : \"\",\n  \"SigningCertURL\" : \"\",\n"
        "  \"UnsubscribeURL\" : \"http://h/?Action=Unsubscribe&SubscriptionArn=arn:t:s\"\n}");
    buf_reset(&b);
    m.subject = SLICE("subject");
    m.sequence = SLICE("10000000000000000001");
    m.attributes = two;
    m.attribute_count = COUNT(two);
    topic_envelope(&m, SLICE("arn:t:s"), SLICE("http://h"), &a, &b);
    assert_int_equal(json_parse(buf_slice(&b), &a, &v, NULL), OK);
    assert_string_equal(arena_str(&a, json_print(json_member(v, SLICE("MessageAttributes")), &a)),
                        "{\"attr1\":{\"Type\":\"Number\",\"Value\":\"99\"},"
                        "\"b\":{\"Type\":\"Binary\",\"Value\":\"AQID\"}}");
    assert_true(slice_eq_str(json_text(json_member(v, SLICE("Subject"))), "subject"));
    assert_true(
        slice_eq_str(json_text(json_member(v, SLICE("SequenceNumber"))), "10000000000000000001"));
    assert_int_equal(json_count(v), 12);
    buf_fini(&b);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_topic__names),
        cmocka_unit_test(test_topic__message_attributes),
        cmocka_unit_test(test_topic__message_bounds),
        cmocka_unit_test(test_topic__structure),
        cmocka_unit_test(test_topic__settings),
        cmocka_unit_test(test_topic__wanted_by_attributes),
        cmocka_unit_test(test_topic__wanted_by_body),
        cmocka_unit_test(test_topic__envelope),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
