/* SPDX-License-Identifier: Apache-2.0 */
/* input_template.c: what templates of pipes and rules make of records, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/trigger/input_template.h"
#include "proto/base/limits.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct json_node *json(struct arena *a, const char *text)
{
    const struct json_node *v = NULL;

    assert_int_equal(json_parse(slice_str(text), a, &v, NULL), OK);
    return v;
}

/* What a template makes of an event, or "!why" where it is refused. */
static const char *apply(struct arena *a,
                         enum input_dialect d,
                         const char *template,
                         const char *paths,
                         const char *event)
{
    const struct input_template *t = NULL;
    struct input_values v = {
        .event = json(a, event),
        .arn = SLICE("arn:p"),
        .name = SLICE("p\"q"),
        .source_arn = SLICE("arn:s"),
        .target_arn = SLICE("arn:t"),
        .ingestion_ms = 1700000000123,
    };
    struct buf out = {0};
    struct err err = {0};
    const char *text;

    if (input_template_compile(slice_str(template), paths != NULL ? json(a, paths) : NULL, d, a, &t,
                               &err) != OK) {
        assert_int_equal(err.code, ERR_VALIDATION);
        return arena_str(a, arena_printf(a, "!%s", err.msg));
    }
    v.parsed = d == INPUT_PIPES ? input_parse_body(v.event, a) : v.event;
    input_template_apply(t, &v, a, &out);
    text = arena_str(a, buf_slice(&out));
    buf_fini(&out);
    return text;
}

struct example {
    const char *template;
    const char *event;
    const char *expected;
};

static void check_pipe(const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct arena a = {0};

        assert_string_equal(apply(&a, INPUT_PIPES, examples[i].template, NULL, examples[i].event),
                            examples[i].expected);
        arena_fini(&a);
    }
}

#define RECORD                                                                                     \
    "{\"messageId\":\"m\",\"body\":\"{\\\"id\\\":7,\\\"s\\\":\\\"a\\\\\\\"b\\\",\\\"l\\\":[1,{"    \
    "\\\"x\\\":"                                                                                   \
    "\\\"y\\\"}],\\\"n\\\":null}\",\"attributes\":{\"SenderId\":\"AIDA\"}}"

static void test_input_template__values(void **state)
{
    static const struct example examples[] = {
        {"\"Hello, sender\"", RECORD, "\"Hello, sender\""},
        {"<$.attributes.SenderId>", RECORD, "\"AIDA\""},
        {"\"Hello, <$.attributes.SenderId>\"", RECORD, "\"Hello, AIDA\""},
        {"{\"k\": <$.body.id>, \"t\":\"<$.body.id>\"}", RECORD, "{\"k\": 7, \"t\":\"7\"}"},
        {"{\"k\":<$.body.l[1].x>}", RECORD, "{\"k\":\"y\"}"},
        {"{\"k\":<$.body.l>}", RECORD, "{\"k\":[1,{\"x\":\"y\"}]}"},
        {"{\"k\":\"<$.body.l>\"}", RECORD, "{\"k\":\"[1,{x:y}]\"}"},
        {"{\"k\":<$.body.n>}", RECORD, "{\"k\":null}"},
        {"{\"k\":<$.body.s>}", RECORD, "{\"k\":\"a\\\"b\"}"},
        {"{\"k\":\"<$.body.s>\"}", RECORD, "{\"k\":\"a\\\"b\"}"},
        {"{\"k\":\"<$.body>\"}", RECORD, "{\"k\":\"{id:7,s:a\\\"b,l:[1,{x:y}],n:null}\"}"},
        {"<$.body.l[*].x>", RECORD, "[\"y\"]"},
        {"<$.body>", "{\"body\":\"plain <text>\"}", "\"plain <text>\""},
        {"<$.body>", "{\"body\":\"12\"}", "12"},
        {"<$.body.x>", "{\"body\":\"plain\"}", "\"\""},
        {"{\"k\":<$.body.gone>,\"t\":\"<$.gone>!\"}", RECORD, "{\"k\":\"\",\"t\":\"!\"}"},
        {"<$[>", RECORD, "\"\""},
    };

    (void)state;
    check_pipe(examples, COUNT(examples));
}

static void test_input_template__reserved(void **state)
{
    static const struct example examples[] = {
        {"[<aws.pipes.pipe-arn>,<aws.pipes.source-arn>,<aws.pipes.target-arn>]", "{}",
         "[\"arn:p\",\"arn:s\",\"arn:t\"]"},
        {"[<aws.pipes.pipe-name>,\"<aws.pipes.pipe-name>\"]", "{}", "[\"p\\\"q\",\"p\\\"q\"]"},
        {"<aws.pipes.enrichment-arn>", "{}", "\"\""},
        {"<aws.pipes.event.ingestion-time>", "{}", "\"2023-11-14T22:13:20.123Z\""},
        {"<aws.pipes.event>", "{\"body\":\"[1]\"}", "{\"body\":\"[1]\"}"},
        {"<aws.pipes.event.json>", "{\"body\":\"[1]\",\"a\":2}", "{\"body\":[1],\"a\":2}"},
        {"<aws.pipes.event.json>", "{\"body\":\"x\"}", "\"\""},
    };

    (void)state;
    check_pipe(examples, COUNT(examples));
}

/* What looks like a placeholder and is none is text, and quotes are counted through it. */
static void test_input_template__text(void **state)
{
    static const struct example examples[] = {
        {"", "{}", ""},
        {"\"a < b > c\"", "{}", "\"a < b > c\""},
        {"\"<b><$.x></b>\"", "{\"x\":\"y\"}", "\"<b>y</b>\""},
        {"\"<<$.x>>\"", "{\"x\":\"y\"}", "\"<y>\""},
        {"\"\\\"<$.x>\\\\\",<$.x>", "{\"x\":\"y\"}", "\"\\\"y\\\\\",\"y\""},
        {"<$.x", "{\"x\":1}", "<$.x"},
        {"<aws.pipes.other><>", "{}", "<aws.pipes.other><>"},
        {"<$.x><$.x>", "{\"x\":1}", "11"},
    };

    (void)state;
    check_pipe(examples, COUNT(examples));
}

#define EVENT                                                                                      \
    "{\"version\":\"0\",\"id\":\"i\",\"detail-type\":\"t\",\"source\":\"s\",\"account\":\"1\","    \
    "\"time\":\"now\",\"region\":\"r\",\"resources\":[\"u\"],\"detail\":{\"state\":\"RUNNING\","   \
    "\"n\":1}}"
#define PATHS                                                                                      \
    "{\"type\":\"$.detail-type\",\"state\":\"$.detail.state\",\"gone\":\"$.detail.gone\",\"r\":"   \
    "\"$.resources[0]\"}"

struct rule_example {
    const char *template;
    const char *paths;
    const char *expected;
};

/* Those with what is missing, and the envelope's names, are recorded with AWS. */
static void test_input_template__rules(void **state)
{
    static const struct rule_example examples[] = {
        {"\"Event of <type> type, from <gone>\"", PATHS, "\"Event of t type, from \""},
        {"{\"t\": <type>, \"c\": <gone>}", PATHS, "{\"t\": \"t\", \"c\": \"\"}"},
        {"\"{[/<type>\"", PATHS, "\"{[/t\""},
        {"\"<r> is \\\"<state>\\\"\"", PATHS, "\"u is \\\"RUNNING\\\"\""},
        {"\"<aws.events.rule-arn> <aws.events.rule-name>\"", NULL, "\"arn:p p\\\"q\""},
        {"<aws.events.event>", NULL,
         "{\"id\":\"i\",\"account\":\"1\",\"detailType\":\"t\",\"time\":\"now\",\"source\":\"s\","
         "\"region\":\"r\",\"resources\":[\"u\"],\"version\":\"0\"}"},
        {"<aws.events.event.json>", NULL, EVENT},
        {"<aws.events.event.ingestion-time>", NULL, "\"2023-11-14T22:13:20.123Z\""},
        {"\"1 < 2 and <$.id>\"", NULL, "\"1 < 2 and <$.id>\""},
        {"<notdefinedkey>", PATHS, "!InputTemplate contains invalid placeholder notdefinedkey."},
        {"<type>", NULL, "!InputTemplate contains invalid placeholder type."},
        {"<aws.pipes.event>", NULL, "!InputTemplate contains invalid placeholder aws.pipes.event."},
        {"1", "{\"a\":\"detail\"}", "!InputPathsMap contains invalid path for a."},
        {"1", "{\"a\":1}", "!InputPathsMap contains invalid path for a."},
        {"1", "{\"AWS.x\":\"$.id\"}", "!InputPathsMap contains invalid key AWS.x."},
        {"1", "{\"a b\":\"$.id\"}", "!InputPathsMap contains invalid key a b."},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(examples); i++) {
        struct arena a = {0};

        assert_string_equal(apply(&a, INPUT_RULES, examples[i].template, examples[i].paths, EVENT),
                            examples[i].expected);
        arena_fini(&a);
    }
}

static void test_input_template__bounds(void **state)
{
    struct arena a = {0};
    struct buf b = {0};

    (void)state;
    for (size_t more = 0; more <= 1; more++) {
        buf_reset(&b);
        while (b.len < LIMIT_TEMPLATE_BYTES + more) {
            buf_put_u8(&b, '1');
        }
        buf_put_u8(&b, 0);
        assert_int_equal(apply(&a, INPUT_PIPES, b.ptr, NULL, "{}")[0], more == 0 ? '1' : '!');
    }
    for (int count = LIMIT_TEMPLATE_PATHS; count <= LIMIT_TEMPLATE_PATHS + 1; count++) {
        buf_reset(&b);
        for (int i = 0; i < count; i++) {
            buf_printf(&b, "%s\"k%d\":\"$.id\"", i == 0 ? "{" : ",", i);
        }
        buf_put(&b, "}", 2);
        assert_int_equal(apply(&a, INPUT_RULES, "1", b.ptr, EVENT)[0],
                         count == LIMIT_TEMPLATE_PATHS ? '1' : '!');
    }
    buf_fini(&b);
    arena_fini(&a);
}

/* What is longer than any input is not made to its end. */
static void test_input_template__stops_where_no_input_may_be_longer(void **state)
{
    enum { BODY = 64 * 1024, PLACEHOLDERS = 1000 };
    struct arena a = {0};
    struct buf template = {0};
    struct buf event = {0};
    size_t made;

    (void)state;
    for (unsigned i = 0; i < PLACEHOLDERS; i++) {
        buf_put_str(&template, "<$.a>");
    }
    buf_put_str(&event, "{\"a\":\"");
    for (unsigned i = 0; i < BODY; i++) {
        buf_put_u8(&event, 'x');
    }
    buf_put_str(&event, "\"}");
    buf_put_u8(&event, '\0');
    buf_put_u8(&template, '\0');
    made = strlen(apply(&a, INPUT_PIPES, template.ptr, NULL, event.ptr));
    assert_in_range(made, LIMIT_PAYLOAD_BYTES_MAX + 1, LIMIT_PAYLOAD_BYTES_MAX + BODY + 2);
    buf_fini(&template);
    buf_fini(&event);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_input_template__values),
        cmocka_unit_test(test_input_template__stops_where_no_input_may_be_longer),
        cmocka_unit_test(test_input_template__reserved),
        cmocka_unit_test(test_input_template__text),
        cmocka_unit_test(test_input_template__rules),
        cmocka_unit_test(test_input_template__bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
