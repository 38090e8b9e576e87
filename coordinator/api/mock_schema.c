/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api/mock_schema.h"

#include "coordinator/api/aws_json.h"

/* Of a reply or of a list's items. */
struct schema {
    const struct aws_row *rows;
    size_t count;
    enum aws_row_kind kind; /* which of the rows count */
    bool whole;
    struct arena *a;
};

static const struct aws_row invocation[] = {
    {.kind = AWS_ROW_OUT, .name = "StatusCode", .form = AWS_NUMBER},
    {.kind = AWS_ROW_OUT, .name = "FunctionError", .form = AWS_TEXT},
    {.kind = AWS_ROW_OUT, .name = "LogResult", .form = AWS_TEXT},
    {.kind = AWS_ROW_OUT, .name = "Payload", .form = AWS_OBJECT},
    {.kind = AWS_ROW_OUT, .name = "ExecutedVersion", .form = AWS_TEXT},
};

static const struct {
    struct slice name; /* as resources have it */
    enum aws_service service;
} services[] = {
    {SLICE_INIT("states"), AWS_STATES},
    {SLICE_INIT("aws-sdk:sfn"), AWS_STATES},
    {SLICE_INIT("glue"), AWS_GLUE},
    {SLICE_INIT("aws-sdk:glue"), AWS_GLUE},
    {SLICE_INIT("sqs"), AWS_SQS},
    {SLICE_INIT("aws-sdk:sqs"), AWS_SQS},
    {SLICE_INIT("sns"), AWS_SNS},
    {SLICE_INIT("aws-sdk:sns"), AWS_SNS},
    {SLICE_INIT("events"), AWS_EVENTBRIDGE},
    {SLICE_INIT("aws-sdk:eventbridge"), AWS_EVENTBRIDGE},
    {SLICE_INIT("aws-sdk:pipes"), AWS_PIPES},
};

static const struct aws_row *find_operation(const struct asl_task *task, struct arena *a)
{
    struct slice name = aws_name(AWS_SDK, arena_str(a, task->action), a);

    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        if (slice_eq(task->service, services[i].name)) {
            return aws_operation_of(services[i].service, name);
        }
    }
    return NULL;
}

/* The rows from `row` on that are one operation's or, of a list, its items. */
static size_t count_rows(const struct aws_row *row, enum aws_row_kind kind)
{
    size_t all;
    const struct aws_row *end = aws_rows(&all) + all;
    size_t n = 0;

    while (row + n < end && row[n].kind != AWS_ROW_OPERATION &&
           (kind != AWS_ROW_ITEM || row[n].kind == AWS_ROW_ITEM)) {
        n++;
    }
    return n;
}

static struct schema schema_of(const struct aws_row *before, enum aws_row_kind kind)
{
    return (struct schema){.rows = before + 1, .count = count_rows(before + 1, kind), .kind = kind};
}

/* What a member of that form is to be, in AWS's words; NULL: it may be anything. */
static const char *form_refusal(enum aws_form form, const struct json_node *v)
{
    switch (form) {
    case AWS_TEXT:
    case AWS_DOCUMENT:
    case AWS_TIME: return json_is(v, JSON_STRING) ? NULL : "a string";
    case AWS_NUMBER:
    case AWS_INTEGER: return json_is(v, JSON_NUMBER) ? NULL : "a number";
    case AWS_FLAG:
    case AWS_NOT_FLAG: return json_is_bool(v) ? NULL : "a boolean";
    case AWS_LIST:
    case AWS_TEXTS:
    case AWS_EVENTS:
    case AWS_NO_LIST: return json_is(v, JSON_ARRAY) ? NULL : "an array";
    case AWS_WHOLE:
    case AWS_MAP:
    case AWS_INCLUDED:
    case AWS_BILLED:
    case AWS_ENABLED:
    case AWS_OWN_KEY: return json_is(v, JSON_OBJECT) ? NULL : "an object";
    case AWS_OBJECT: break;
    }
    return NULL;
}

static enum err_code
check_object(const struct schema *s, const struct json_node *object, struct err *err);

static enum err_code check_items(const struct schema *s,
                                 const struct aws_row *row,
                                 const struct json_node *list,
                                 struct err *err)
{
    struct schema of_item = schema_of(row, AWS_ROW_ITEM);
    enum err_code rc = OK;

    of_item.a = s->a;
    for (const struct json_node *e = json_first(list); e != NULL && rc == OK;
         e = json_next(list, e)) {
        rc = check_object(&of_item, e, err);
    }
    return rc;
}

static enum err_code check_member(const struct schema *s,
                                  const struct aws_row *row,
                                  const struct json_node *object,
                                  struct err *err)
{
    struct slice name = aws_name(AWS_SDK, row->name, s->a);
    const struct json_node *v = json_member(object, name);
    const char *refusal;

    if (v == NULL) {
        return !s->whole || !row->must
                   ? OK
                   : err_set(
                         err, ERR_VALIDATION,
                         "Mock result schema validation error: Required field '%.*s' is missing",
                         SLICE_FMT(name));
    }
    refusal = form_refusal(row->form, v);
    if (refusal != NULL) {
        return err_set(err, ERR_VALIDATION,
                       "Mock result schema validation error: Field '%.*s' must be %s",
                       SLICE_FMT(name), refusal);
    }
    return row->form == AWS_LIST ? check_items(s, row, v, err) : OK;
}

static enum err_code
check_object(const struct schema *s, const struct json_node *object, struct err *err)
{
    enum err_code rc = OK;

    for (size_t i = 0; i < s->count && rc == OK && json_is(object, JSON_OBJECT); i++) {
        if (s->rows[i].kind == s->kind) {
            rc = check_member(s, &s->rows[i], object, err);
        }
    }
    return rc;
}

enum err_code mock_schema_check(const struct asl_task *task,
                                const struct json_node *result,
                                bool whole,
                                struct arena *a,
                                struct err *err)
{
    const struct aws_row *operation = find_operation(task, a);
    struct schema s = {.rows = invocation,
                       .count = sizeof(invocation) / sizeof(invocation[0]),
                       .kind = AWS_ROW_OUT};

    if (task->pattern != ASL_REQUEST_RESPONSE) {
        return OK; /* the answer of another operation, or whatever the task's token was sent with */
    }
    if (operation != NULL) {
        s = schema_of(operation, AWS_ROW_OUT);
        /* What we always say AWS need not; but what starts an execution says both its members. */
        s.whole = whole && slice_eq_str(task->service, "states");
    } else if (!slice_eq_str(task->service, "lambda") || !slice_eq_str(task->action, "invoke")) {
        return OK;
    }
    s.a = a;
    return check_object(&s, result, err);
}
