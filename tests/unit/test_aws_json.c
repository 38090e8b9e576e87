/* SPDX-License-Identifier: Apache-2.0 */
/* AWS's JSON and our messages: every line of aws.def there and back, in each style. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "coordinator/api/aws_json.h"
#include "proto/base/text.h"

static const struct json_node *parse(const char *text, struct arena *a)
{
    const struct json_node *v = NULL;
    struct err err;

    assert_int_equal(json_parse(slice_str(text), a, &v, &err), OK);
    return v;
}

static void assert_json(const struct json_node *v, const char *text, struct arena *a)
{
    assert_string_equal(arena_str(a, json_print(v, a)), text);
}

static const struct aws_row *operation(const char *name)
{
    const struct aws_row *op = aws_operation(slice_str(name));

    assert_non_null(op);
    return op;
}

/* ---- every line of the table ---- */

static const ProtobufCFieldDescriptor *field_of(const ProtobufCMessageDescriptor *d,
                                                const struct aws_row *row)
{
    const ProtobufCFieldDescriptor *f =
        protobuf_c_message_descriptor_get_field_by_name(d, row->field);

    if (f == NULL) {
        fail_msg("%s: %s has no field %s", row->name, d->short_name, row->field);
    }
    return f;
}

static bool is_text(const ProtobufCFieldDescriptor *f)
{
    return f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_BYTES;
}

/* Can a field of that type have that form? */
static bool fits(enum aws_form form, const ProtobufCFieldDescriptor *f)
{
    bool repeated = f->label == PROTOBUF_C_LABEL_REPEATED;

    switch (form) {
    case AWS_TEXT:
    case AWS_DOCUMENT:
    case AWS_OBJECT:
    case AWS_INCLUDED:
    case AWS_NO_LIST:
    case AWS_WHOLE:
    case AWS_OWN_KEY: return is_text(f) && !repeated;
    case AWS_NUMBER:
        return !repeated && (f->type == PROTOBUF_C_TYPE_UINT32 ||
                             f->type == PROTOBUF_C_TYPE_UINT64 || f->type == PROTOBUF_C_TYPE_INT64);
    case AWS_INTEGER: return f->type == PROTOBUF_C_TYPE_INT32 && !repeated;
    case AWS_FLAG:
    case AWS_ENABLED:
    case AWS_NOT_FLAG: return f->type == PROTOBUF_C_TYPE_BOOL && !repeated;
    case AWS_TIME:
    case AWS_BILLED: return f->type == PROTOBUF_C_TYPE_INT64 && !repeated;
    case AWS_LIST: return f->type == PROTOBUF_C_TYPE_MESSAGE && repeated;
    case AWS_MAP: return f->descriptor == &stepfleet__tag__descriptor && repeated;
    case AWS_TEXTS: return f->type == PROTOBUF_C_TYPE_STRING && repeated;
    case AWS_EVENTS: return f->type == PROTOBUF_C_TYPE_BYTES && repeated;
    }
    return false;
}

/* A value for a member of a request. */
static const struct json_node *
sample(const struct aws_row *row, enum aws_style style, struct arena *a)
{
    switch (row->form) {
    case AWS_NUMBER:
    case AWS_INTEGER: return parse("7", a);
    case AWS_FLAG: return parse("true", a);
    case AWS_NOT_FLAG: return parse("false", a);
    case AWS_ENABLED:
        return parse(style == AWS_HTTP ? "{\"enabled\":true}" : "{\"Enabled\":true}", a);
    case AWS_OWN_KEY:
        return parse(
            style == AWS_HTTP ? "{\"type\":\"AWS_OWNED_KEY\"}" : "{\"Type\":\"AWS_OWNED_KEY\"}", a);
    case AWS_OBJECT:
    case AWS_MAP: return parse("{}", a);
    case AWS_LIST:
    case AWS_TEXTS: return parse("[]", a);
    case AWS_TEXT:
    case AWS_DOCUMENT:
    case AWS_TIME:
    case AWS_EVENTS:
    case AWS_INCLUDED:
    case AWS_BILLED:
    case AWS_NO_LIST:
    case AWS_WHOLE: break;
    }
    return json_string(a, slice_str(row->name));
}

static void check_set(const ProtobufCMessage *m, const struct aws_row *row)
{
    const ProtobufCFieldDescriptor *f = field_of(m->descriptor, row);
    const char *at = (const char *)m + f->offset;

    if (row->form == AWS_LIST || row->form == AWS_TEXTS || row->form == AWS_MAP ||
        row->form == AWS_OWN_KEY) {
        return; /* they have their own tests */
    }
    if (row->form == AWS_NUMBER || row->form == AWS_INTEGER) {
        assert_int_equal(*(const uint32_t *)(const void *)at, 7);
    } else if (f->type == PROTOBUF_C_TYPE_BOOL) {
        assert_true(*(const protobuf_c_boolean *)(const void *)at);
    } else if (f->type == PROTOBUF_C_TYPE_STRING) {
        assert_string_equal(*(char *const *)(const void *)at, row->name);
    } else {
        assert_true(((const ProtobufCBinaryData *)(const void *)at)->len != 0);
    }
}

static void check_request(const struct aws_row *op, const struct aws_row *end, enum aws_style style)
{
    struct arena a = {0};
    struct json_builder b = json_build_object(&a);
    ProtobufCMessage *m;
    struct err err;

    for (const struct aws_row *r = op + 1; r < end; r++) {
        if (r->kind == AWS_ROW_IN) {
            assert_true(fits(r->form, field_of(rpc_request(op->method), r)));
            json_put(&b, aws_name(style, r->name, &a), sample(r, style, &a));
        }
    }
    assert_int_equal(aws_request(op, style, json_built(&b), &a, &m, &err), OK);
    for (const struct aws_row *r = op + 1; r < end; r++) {
        if (r->kind == AWS_ROW_IN) {
            check_set(m, r);
        }
    }
    arena_fini(&a);
}

static void fill(ProtobufCMessage *m, const struct aws_row *row)
{
    const ProtobufCFieldDescriptor *f = field_of(m->descriptor, row);
    char *at = (char *)m + f->offset;
    static char text[] = "{\"x\":1}";
    static char *texts[] = {text};
    static Stepfleet__Tag tag = STEPFLEET__TAG__INIT;
    static Stepfleet__Tag *tags[] = {&tag};
    const size_t one = 1;

    if (f->label == PROTOBUF_C_LABEL_REPEATED) {
        tag.key = tag.value = text;
        *(void **)(void *)at = f->type == PROTOBUF_C_TYPE_STRING ? (void *)texts : (void *)tags;
        memcpy((char *)m + f->quantifier_offset, &one, sizeof(one));
    } else if (row->form == AWS_NUMBER && f->type != PROTOBUF_C_TYPE_UINT32) {
        *(int64_t *)(void *)at = 9;
    } else if (f->type == PROTOBUF_C_TYPE_STRING) {
        *(char **)(void *)at = text;
    } else if (f->type == PROTOBUF_C_TYPE_BYTES) {
        *(ProtobufCBinaryData *)(void *)at = message_bytes(slice_str(text));
    } else if (f->type == PROTOBUF_C_TYPE_UINT32) {
        *(uint32_t *)(void *)at = 9;
    } else if (f->type == PROTOBUF_C_TYPE_INT64) {
        *(int64_t *)(void *)at = INT64_C(1763884800123);
    } else {
        *(protobuf_c_boolean *)(void *)at = 1;
    }
}

static void fill_has(ProtobufCMessage *m)
{
    for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];

        if (strncmp(f->name, "has_", 4) == 0) {
            *(protobuf_c_boolean *)(void *)((char *)m + f->offset) = 1;
        }
    }
}

static void check_value(const struct json_node *v, const struct aws_row *row, enum aws_style style)
{
    if (v == NULL) {
        fail_msg("%s is not in the reply", row->name);
    }
    switch (row->form) {
    case AWS_TEXT:
    case AWS_DOCUMENT: assert_true(slice_eq_str(json_text(v), "{\"x\":1}")); break;
    case AWS_NUMBER: assert_true(slice_eq_str(json_text(v), "9")); break;
    case AWS_FLAG: assert_true(json_is(v, JSON_TRUE)); break;
    case AWS_NOT_FLAG: assert_true(json_is(v, JSON_FALSE)); break;
    case AWS_TIME:
        assert_true(slice_eq_str(json_text(v), style == AWS_HTTP  ? "1763884800.123"
                                               : style == AWS_SDK ? "2025-11-23T08:00:00.123Z"
                                                                  : "1763884800123"));
        break;
    case AWS_OBJECT:
        assert_non_null(json_member(v, slice_str(style == AWS_HTTP ? "x" : "X")));
        break;
    case AWS_INCLUDED:
        assert_true(json_is(json_member(v, slice_str(style == AWS_HTTP ? "included" : "Included")),
                            JSON_TRUE));
        break;
    case AWS_BILLED: assert_int_equal(json_count(v), 2); break;
    case AWS_OWN_KEY: assert_int_equal(json_count(v), 1); break;
    case AWS_WHOLE: assert_true(json_is(v, JSON_OBJECT) && json_count(v) != 0); break;
    case AWS_ENABLED:
        assert_true(json_is(json_member(v, slice_str(style == AWS_HTTP ? "enabled" : "Enabled")),
                            JSON_TRUE));
        break;
    case AWS_TEXTS: assert_true(slice_eq_str(json_text(json_first(v)), "{\"x\":1}")); break;
    case AWS_MAP: assert_true(slice_eq_str(json_text(json_first(v)), "{\"x\":1}")); break;
    case AWS_INTEGER: fail_msg("%s is of requests only", row->name); break;
    case AWS_LIST:
    case AWS_NO_LIST:
    case AWS_EVENTS: assert_true(json_is(v, JSON_ARRAY)); break;
    }
}

/* A reply whose fields all say something gives every member; lists have their own test. */
static void check_reply(const struct aws_row *op, const struct aws_row *end, enum aws_style style)
{
    const ProtobufCMessageDescriptor *d = rpc_reply(op->method);
    struct arena a = {0};
    ProtobufCMessage *m = arena_alloc(&a, d->sizeof_message);
    const struct json_node *v;

    protobuf_c_message_init(d, m);
    fill_has(m);
    for (const struct aws_row *r = op + 1; r < end; r++) {
        if (r->kind == AWS_ROW_OUT) {
            assert_true(fits(r->form, field_of(d, r)));
        }
        if (r->kind == AWS_ROW_OUT && r->form != AWS_LIST && r->form != AWS_EVENTS) {
            fill(m, r);
        }
    }
    v = aws_reply(op, style, m, &a);
    for (const struct aws_row *r = op + 1; r < end; r++) {
        if (r->kind == AWS_ROW_OUT && (r->form != AWS_LIST || r->must)) {
            check_value(json_member(v, aws_name(style, r->name, &a)), r, style);
        }
    }
    arena_fini(&a);
}

/* A list of one item, whose fields all say something. */
static void check_item(const struct aws_row *op,
                       const struct aws_row *list,
                       const struct aws_row *end,
                       enum aws_style style)
{
    struct arena a = {0};
    ProtobufCMessage *m = arena_alloc(&a, rpc_reply(op->method)->sizeof_message);
    const ProtobufCFieldDescriptor *f = field_of(rpc_reply(op->method), list);
    const ProtobufCMessageDescriptor *d = f->descriptor;
    ProtobufCMessage *item = arena_alloc(&a, d->sizeof_message);
    const struct json_node *v;
    size_t one = 1;

    protobuf_c_message_init(rpc_reply(op->method), m);
    protobuf_c_message_init(d, item);
    fill_has(item);
    for (const struct aws_row *r = list + 1; r < end && r->kind == AWS_ROW_ITEM; r++) {
        assert_true(fits(r->form, field_of(d, r)));
        fill(item, r);
    }
    *(ProtobufCMessage ***)(void *)((char *)m + f->offset) = &item;
    memcpy((char *)m + f->quantifier_offset, &one, sizeof(one));
    v = json_first(json_member(aws_reply(op, style, m, &a), aws_name(style, list->name, &a)));
    for (const struct aws_row *r = list + 1; r < end && r->kind == AWS_ROW_ITEM; r++) {
        check_value(json_member(v, aws_name(style, r->name, &a)), r, style);
    }
    arena_fini(&a);
}

static void check_lists(const struct aws_row *op, const struct aws_row *end, enum aws_style style)
{
    for (const struct aws_row *r = op + 1; r < end; r++) {
        if (r->form == AWS_LIST && r->kind == AWS_ROW_OUT) {
            check_item(op, r, end, style);
        }
    }
}

static void test_aws_json__every_row_there_and_back(void **state)
{
    const enum aws_style styles[] = {AWS_HTTP, AWS_SDK, AWS_OPTIMIZED};
    size_t count;
    size_t operations = 0;
    const struct aws_row *rows = aws_rows(&count);

    (void)state;
    for (const struct aws_row *op = rows; op < rows + count; op++) {
        const struct aws_row *end = op + 1;

        if (op->kind != AWS_ROW_OPERATION) {
            continue;
        }
        while (end < rows + count && end->kind != AWS_ROW_OPERATION) {
            end++;
        }
        operations++;
        assert_ptr_equal(aws_operation_of(op->service, slice_str(op->name)), op);
        assert_true(op->service > AWS_GLUE || aws_operation(slice_str(op->name)) == op);
        for (size_t s = 0; s < 3; s++) {
            check_request(op, end, styles[s]);
            check_reply(op, end, styles[s]);
            check_lists(op, end, styles[s]);
        }
    }
    assert_int_equal(operations, 115);
}

/* ---- names ---- */

static void test_aws_json__operations_are_found_in_both_spellings(void **state)
{
    (void)state;
    assert_ptr_equal(operation("StartExecution"), operation("startExecution"));
    assert_int_equal(operation("startExecution")->method, RPC_EXECUTION_START);
    assert_null(aws_operation(SLICE("STARTEXECUTION")));
    assert_null(aws_operation(SLICE("tagresource")));
    assert_null(aws_operation(SLICE("")));
    assert_null(aws_operation(SLICE("tartExecution")));
}

/* ---- requests ---- */

static enum err_code request(const char *op,
                             enum aws_style style,
                             const char *text,
                             struct arena *a,
                             void *out,
                             struct err *err)
{
    return aws_request(operation(op), style, parse(text, a), a, out, err);
}

static void test_aws_json__a_document_may_be_an_object_in_an_integration(void **state)
{
    Stepfleet__StartRequest *q;
    struct arena a = {0};
    struct err err;

    (void)state;
    assert_int_equal(request("startExecution", AWS_SDK,
                             "{\"StateMachineArn\":\"m\",\"Input\":{\"k\": [1, \"\\u00e9\"]}}", &a,
                             &q, &err),
                     OK);
    assert_true(q->has_input);
    assert_string_equal(arena_str(&a, message_slice(q->input)), "{\"k\":[1,\"\xc3\xa9\"]}");
    assert_int_equal(request("startExecution", AWS_SDK,
                             "{\"StateMachineArn\":\"m\",\"Input\":\"{\\\"k\\\": 1}\"}", &a, &q,
                             &err),
                     OK);
    assert_string_equal(arena_str(&a, message_slice(q->input)), "{\"k\": 1}");
    assert_int_equal(request("startExecution", AWS_OPTIMIZED,
                             "{\"StateMachineArn\":\"m\",\"Input\":null,\"Name\":null}", &a, &q,
                             &err),
                     OK);
    assert_false(q->has_input);
    assert_string_equal(q->name, "");
    assert_int_equal(request("StartExecution", AWS_HTTP, "{\"stateMachineArn\":\"m\",\"input\":{}}",
                             &a, &q, &err),
                     ERR_MESSAGE);
    assert_string_equal(err.msg, "The value for the field 'input' must be a STRING");
    arena_fini(&a);
}

static void test_aws_json__refuses_wrong_types_in_awss_words(void **state)
{
    Stepfleet__PageRequest *q = NULL;
    struct arena a = {0};
    struct err err;

    (void)state;
    assert_int_equal(request("listActivities", AWS_SDK, "{\"MaxResults\":\"5\"}", &a, &q, &err),
                     ERR_MESSAGE);
    assert_string_equal(err.msg, "The value for the field 'MaxResults' must be a NUMBER");
    assert_int_equal(request("listActivities", AWS_SDK, "{\"MaxResults\":1.5}", &a, &q, &err),
                     ERR_MESSAGE);
    assert_int_equal(
        request("listActivities", AWS_SDK, "{\"MaxResults\":2147483648}", &a, &q, &err),
        ERR_MESSAGE);
    assert_int_equal(request("listActivities", AWS_SDK, "{\"MaxResults\":-1}", &a, &q, &err),
                     ERR_VALIDATION);
    assert_non_null(strstr(err.msg, "greater than or equal to 0"));
    assert_int_equal(
        request("listActivities", AWS_SDK, "{\"MaxResults\":2147483647}", &a, &q, &err), OK);
    assert_int_equal(request("listActivities", AWS_SDK, "{\"NextToken\":5}", &a, &q, &err),
                     ERR_MESSAGE);
    assert_int_equal(request("listActivities", AWS_SDK, "[]", &a, &q, &err), ERR_MESSAGE);
    assert_int_equal(request("createActivity", AWS_HTTP, "{\"name\":\"a\\u0000b\"}", &a, &q, &err),
                     ERR_INVALID_NAME);
    assert_int_equal(
        request("describeActivity", AWS_HTTP, "{\"activityArn\":\"a\\u0000b\"}", &a, &q, &err),
        ERR_VALIDATION);
    assert_int_equal(request("getExecutionHistory", AWS_HTTP,
                             "{\"executionArn\":\"x\",\"reverseOrder\":\"true\"}", &a, &q, &err),
                     ERR_MESSAGE);
    arena_fini(&a);
}

static void test_aws_json__says_what_is_missing(void **state)
{
    struct arena a = {0};
    struct err err;
    void *q = NULL;

    (void)state;
    assert_int_equal(request("SendTaskSuccess", AWS_HTTP, "{}", &a, &q, &err), ERR_VALIDATION);
    assert_string_equal(err.msg,
                        "2 validation errors detected: Value null at 'taskToken' failed to satisfy "
                        "constraint: Member must not be null; Value null at 'output' failed to "
                        "satisfy constraint: Member must not be null");
    assert_int_equal(request("StopExecution", AWS_HTTP, "{\"executionArn\":null}", &a, &q, &err),
                     ERR_VALIDATION);
    assert_non_null(strstr(err.msg, "1 validation error detected: "));
    assert_int_equal(request("StopExecution", AWS_SDK, "{}", &a, &q, &err), ERR_MESSAGE);
    assert_string_equal(err.msg, "The field 'ExecutionArn' is required but was missing");
    assert_null(q);
    arena_fini(&a);
}

/* ---- replies ---- */

static void test_aws_json__absent_is_absent(void **state)
{
    Stepfleet__ExecutionDetail d = STEPFLEET__EXECUTION_DETAIL__INIT;
    Stepfleet__ActivityTaskReply none = STEPFLEET__ACTIVITY_TASK_REPLY__INIT;
    char status[] = "RUNNING";
    struct arena a = {0};
    const struct json_node *v;

    (void)state;
    d.status = status;
    v = aws_reply(operation("describeExecution"), AWS_SDK, &d.base, &a);
    assert_null(json_member(v, SLICE("StopDate")));
    assert_null(json_member(v, SLICE("Output")));
    assert_null(json_member(v, SLICE("OutputDetails")));
    assert_null(json_member(v, SLICE("Cause")));
    assert_json(json_member(v, SLICE("RedriveCount")), "0", &a);
    d.has_cause = 1; /* given, and empty */
    v = aws_reply(operation("describeExecution"), AWS_SDK, &d.base, &a);
    assert_json(json_member(v, SLICE("Cause")), "\"\"", &a);
    assert_json(aws_reply(operation("getActivityTask"), AWS_SDK, &none.base, &a), "{}", &a);
    arena_fini(&a);
}

static void test_aws_json__history_events_are_renamed_and_variables_are_not(void **state)
{
    static const char event[] =
        "{\"timestamp\":1763884800.123,\"type\":\"PassStateExited\",\"id\":3,"
        "\"stateExitedEventDetails\":{\"name\":\"a\",\"outputDetails\":{\"truncated\":false},"
        "\"assignedVariables\":{\"myVar\":\"1\"}}}";
    ProtobufCBinaryData events[] = {message_bytes(slice_str(event))};
    Stepfleet__HistoryReply r = STEPFLEET__HISTORY_REPLY__INIT;
    struct arena a = {0};

    (void)state;
    r.events = events;
    r.n_events = 1;
    assert_json(
        aws_reply(operation("getExecutionHistory"), AWS_SDK, &r.base, &a),
        "{\"Events\":[{\"Timestamp\":\"2025-11-23T08:00:00.123Z\",\"Type\":\"PassStateExited\","
        "\"Id\":3,\"StateExitedEventDetails\":{\"Name\":\"a\",\"OutputDetails\":{\"Truncated\":"
        "false},\"AssignedVariables\":{\"myVar\":\"1\"}}}]}",
        &a);
    assert_json(
        json_first(json_member(aws_reply(operation("getExecutionHistory"), AWS_HTTP, &r.base, &a),
                               SLICE("events"))),
        event, &a);
    arena_fini(&a);
}

static void test_aws_json__objects_have_the_other_sides_names(void **state)
{
    Stepfleet__MachineCreateRequest *q = NULL;
    struct arena a = {0};
    struct err err;

    (void)state;
    assert_int_equal(
        request("createStateMachine", AWS_SDK,
                "{\"Name\":\"m\",\"Definition\":{\"StartAt\":\"A\"},\"RoleArn\":\"r\","
                "\"LoggingConfiguration\":{\"Level\":\"ALL\",\"Destinations\":[{\"X\":1}]}}",
                &a, &q, &err),
        OK);
    assert_string_equal(arena_str(&a, message_slice(q->logging)),
                        "{\"level\":\"ALL\",\"destinations\":[{\"x\":1}]}");
    assert_string_equal(arena_str(&a, message_slice(q->definition)), "{\"StartAt\":\"A\"}");
    arena_fini(&a);
}

/* ---- lists in requests ---- */

static void test_aws_json__lists_in_requests(void **state)
{
    const Stepfleet__AliasCreateRequest *alias;
    const Stepfleet__UntagRequest *untag;
    const Stepfleet__TagRequest *tag;
    struct arena a = {0};
    struct err err;

    (void)state;
    assert_int_equal(request("TagResource", AWS_HTTP,
                             "{\"resourceArn\":\"r\",\"tags\":[{\"key\":\"k\",\"value\":\"v\"},"
                             "{\"key\":\"l\"}]}",
                             &a, &tag, &err),
                     OK);
    assert_int_equal(tag->n_tags, 2);
    assert_string_equal(tag->tags[0]->key, "k");
    assert_string_equal(tag->tags[0]->value, "v");
    assert_string_equal(tag->tags[1]->key, "l");
    assert_string_equal(tag->tags[1]->value, "");
    assert_int_equal(request("UntagResource", AWS_SDK,
                             "{\"ResourceArn\":\"r\",\"TagKeys\":[\"a\",\"b\"]}", &a, &untag, &err),
                     OK);
    assert_int_equal(untag->n_keys, 2);
    assert_string_equal(untag->keys[1], "b");
    assert_int_equal(request("CreateStateMachineAlias", AWS_HTTP,
                             "{\"name\":\"n\",\"routingConfiguration\":"
                             "[{\"stateMachineVersionArn\":\"v\",\"weight\":100}]}",
                             &a, &alias, &err),
                     OK);
    assert_int_equal(alias->n_routes, 1);
    assert_int_equal(alias->routes[0]->weight, 100);
    arena_fini(&a);
}

static void test_aws_json__lists_that_are_none(void **state)
{
    static const struct {
        const char *op;
        const char *text;
        enum err_code rc;
    } rows[] = {
        {"TagResource", "{\"resourceArn\":\"r\",\"tags\":{}}", ERR_MESSAGE},
        {"TagResource", "{\"resourceArn\":\"r\",\"tags\":[1]}", ERR_MESSAGE},
        {"TagResource", "{\"resourceArn\":\"r\",\"tags\":[{\"key\":1}]}", ERR_MESSAGE},
        {"TagResource", "{\"resourceArn\":\"r\",\"tags\":[{\"value\":\"v\"}]}", ERR_VALIDATION},
        {"TagResource", "{\"resourceArn\":\"r\"}", ERR_VALIDATION},
        {"UntagResource", "{\"resourceArn\":\"r\",\"tagKeys\":\"a\"}", ERR_MESSAGE},
        {"UntagResource", "{\"resourceArn\":\"r\",\"tagKeys\":[1]}", ERR_MESSAGE},
        {"UntagResource", "{\"resourceArn\":\"r\",\"tagKeys\":[\"a\\u0000\"]}", ERR_MESSAGE},
    };
    struct arena a = {0};
    struct err err;
    void *out;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(request(rows[i].op, AWS_HTTP, rows[i].text, &a, &out, &err), rows[i].rc);
    }
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aws_json__every_row_there_and_back),
        cmocka_unit_test(test_aws_json__operations_are_found_in_both_spellings),
        cmocka_unit_test(test_aws_json__a_document_may_be_an_object_in_an_integration),
        cmocka_unit_test(test_aws_json__refuses_wrong_types_in_awss_words),
        cmocka_unit_test(test_aws_json__says_what_is_missing),
        cmocka_unit_test(test_aws_json__absent_is_absent),
        cmocka_unit_test(test_aws_json__history_events_are_renamed_and_variables_are_not),
        cmocka_unit_test(test_aws_json__objects_have_the_other_sides_names),
        cmocka_unit_test(test_aws_json__lists_in_requests),
        cmocka_unit_test(test_aws_json__lists_that_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
