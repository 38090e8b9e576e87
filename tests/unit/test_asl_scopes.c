/* SPDX-License-Identifier: Apache-2.0 */
/* scope.c, state_parallel.c, state_map.c, distributed.c, variables.c: scopes in scopes, what a
 * distributed Map may say, who may assign which variable. Texts marked "AWS" are recorded answers.
 */
#include "coordinator/asl/eval.h"
#include "proto/base/buf.h"
#include "proto/base/limits.h"
#include "tests/lib/asl_refusal.h"

#define ONE(name)   "{'StartAt':'" name "','States':{'" name "':{'Type':'Succeed'}}}"
#define TASK        "'Type':'Task','Resource':'arn:aws:lambda:r:1:function:f',"
#define PARALLEL    "'Type':'Parallel','End':true,'Branches':"
#define MAP         "'Type':'Map','End':true,"
#define PROCESSOR   "'StartAt':'I','States':{'I':{'Type':'Succeed'}}"
#define INLINE      MAP "'ItemProcessor':{" PROCESSOR "}"
#define MODE(mode)  MAP "'ItemProcessor':{'ProcessorConfig':{" mode "}," PROCESSOR "}"
#define DISTRIBUTED MODE("'Mode':'DISTRIBUTED','ExecutionType':'STANDARD'")

static const struct asl_options lint = {.lint = true};
static const struct asl_options express = {.express = true, .lint = true};

static void test_asl_scopes__parallel(void **state)
{
    static const struct example examples[] = {
        /* AWS */
        {PARALLEL "[]", SCHEMA "Value cannot be empty at /States/S/Branches"},
        /* Ours */
        {"'Type':'Parallel','End':true",
         SCHEMA "These fields are required: [Branches] at /States/S"},
        {PARALLEL "{}", SCHEMA "Expected value of type [ARRAY] at /States/S/Branches"},
        {PARALLEL "[" ONE("A") "," ONE("B") "]", ""},
        {PARALLEL "[5]", SCHEMA "Expected value of type [OBJECT] at /States/S/Branches[0]"},
        {PARALLEL "[" ONE("A") ",{}]",
         SCHEMA "These fields are required: [States, StartAt] at /States/S/Branches[1]"},
        {PARALLEL "[{'StartAt':'A','States':{},'Version':'1.0'}]",
         SCHEMA "Field 'Version' is not supported at /States/S/Branches[0], " SCHEMA
                "Value cannot be empty at /States/S/Branches[0]/States, "
                "MISSING_TRANSITION_TARGET: Missing 'Next' target: A at "
                "/States/S/Branches[0]/StartAt"},
        {PARALLEL "[{'StartAt':'A','Comment':5,'States':{'A':{'Type':'Fail','X':1}}}]",
         SCHEMA "Expected value of type [STRING] at /States/S/Branches[0]/Comment, " SCHEMA
                "Field 'X' is not supported at /States/S/Branches[0]/States/A"},
        {PARALLEL "[" ONE("A") "],'Parameters':{'a.$':'$.b'},'ResultSelector':{'a.$':'$[0]'},"
                               "'ResultPath':'$.r','Assign':{'v.$':'$'},'Retry':[],'Catch':[]",
         ""},
    };

    (void)state;
    check_state(examples, COUNT(examples), NULL);
}

static void test_asl_scopes__map(void **state)
{
    static const struct example examples[] = {
        {INLINE, ""},
        {MAP "'Iterator':{" PROCESSOR "},'Parameters':{'a':1}", ""},
        {MAP "'Iterator':{" PROCESSOR "},'ItemSelector':{'a':1}", ""},
        {INLINE ",'Parameters':{'a':1}", ""},
        {MODE("'Mode':'INLINE'") ",'ItemsPath':'$.a','MaxConcurrency':0", ""},
        {INLINE ",'ItemsPath':'$var.a','MaxConcurrencyPath':'$.n'", ""},
        /* AWS takes it and does nothing with it. */
        {INLINE ",'ToleratedFailurePercentage':5,'ToleratedFailureCount':1", ""},
        {"'Type':'Map','End':true", SCHEMA "This object should have only one of the following "
                                           "fields: [ItemProcessor, Iterator] at /States/S"},
        {INLINE ",'Iterator':{" PROCESSOR "}",
         SCHEMA "There should only be one of the following fields: [ItemProcessor, Iterator] at "
                "/States/S"},
        {INLINE ",'ItemSelector':{},'Parameters':{}",
         SCHEMA "There should only be one of the following fields: [ItemSelector, Parameters] at "
                "/States/S"},
        {INLINE ",'ItemSelector':'$'",
         SCHEMA "Expected value of type [OBJECT] at /States/S/ItemSelector"},
        {INLINE ",'ItemsPath':null",
         SCHEMA "Expected value of type [STRING] at /States/S/ItemsPath"},
        {INLINE ",'MaxConcurrency':-1", SCHEMA "Minimum value is 0 at /States/S/MaxConcurrency"},
        {INLINE ",'MaxConcurrency':1,'MaxConcurrencyPath':'$.n'",
         SCHEMA "There should only be one of the following fields: [MaxConcurrency, "
                "MaxConcurrencyPath] at "
                "/States/S"},
        {MAP "'ItemProcessor':{'StartAt':'I'}",
         SCHEMA "These fields are required: [States] at /States/S/ItemProcessor"},
        {MODE("'Mode':'OTHER'"), SCHEMA "The field 'Mode' should have one of these values: "
                                        "[INLINE, DISTRIBUTED] at "
                                        "/States/S/ItemProcessor/ProcessorConfig/Mode"},
        {MODE("'Mode':'INLINE','ExecutionType':'STANDARD'"), SCHEMA
         "Field 'ExecutionType' is not supported at /States/S/ItemProcessor/ProcessorConfig"},
        {MAP "'ItemProcessor':{'QueryLanguage':'JSONPath'," PROCESSOR "}",
         SCHEMA "Field 'QueryLanguage' is not supported at /States/S/ItemProcessor"},
        {MAP "'ItemProcessor':{'StartAt':'X','States':{'I':{'Type':'Succeed'}}}",
         "MISSING_TRANSITION_TARGET: Missing 'Next' target: X at /States/S/ItemProcessor/StartAt, "
         "MISSING_TRANSITION_TARGET: State \"I\" is not reachable. at "
         "/States/S/ItemProcessor/States/I"},
        {INLINE ",'MaxConcurrencyPath':'$$.Execution.Input.n'",
         SCHEMA "Value is not a Reference Path at /States/S/MaxConcurrencyPath"},
        {INLINE ",'Label':'l'", SCHEMA "Field 'Label' is only supported in a Map with Mode "
                                       "'DISTRIBUTED' at /States/S"},
        {INLINE ",'ItemReader':{}", SCHEMA "Field 'ItemReader' is only supported in a Map with "
                                           "Mode 'DISTRIBUTED' at /States/S"},
        {INLINE ",'Items':[]",
         SCHEMA "The QueryLanguage is set to 'JSONPath', but field 'Items' is only supported for "
                "the 'JSONata' QueryLanguage at /States/S"},
    };

    (void)state;
    check_state(examples, COUNT(examples), NULL);
}

#define NEXT "'Type':'Parallel','Next':'T','Branches':"
#define AROUND(branch)                                                                             \
    "{'StartAt':'S','States':{'S':{" NEXT "[" branch "]},'T':{'Type':'Succeed'}}}"

static void test_asl_scopes__graph(void **state)
{
    static const struct example examples[] = {
        /* Transitions stay in their scope, both ways. */
        {AROUND("{'StartAt':'A','States':{'A':{'Type':'Pass','Next':'T'}}}"),
         "MISSING_TRANSITION_TARGET: Missing 'Next' target: T at "
         "/States/S/Branches[0]/States/A/Next"},
        {"{'StartAt':'A','States':{'S':{" PARALLEL "[" ONE("A") "]}}}",
         "MISSING_TRANSITION_TARGET: Missing 'Next' target: A at /StartAt, "
         "MISSING_TRANSITION_TARGET: State \"S\" is not reachable. at /States/S"},
        {AROUND("{'StartAt':'T','States':{'A':{'Type':'Succeed'}}}"),
         "MISSING_TRANSITION_TARGET: Missing 'Next' target: T at /States/S/Branches[0]/StartAt, "
         "MISSING_TRANSITION_TARGET: State \"A\" is not reachable. at "
         "/States/S/Branches[0]/States/A"},
        /* Names are the machine's. */
        {AROUND(ONE("T")), "DUPLICATE_STATE_NAME: Duplicate State name: T at /States/T"},
        {AROUND(ONE("S")),
         "DUPLICATE_STATE_NAME: Duplicate State name: S at /States/S/Branches[0]/States/S"},
        {AROUND(ONE("A") "," ONE("A")),
         "DUPLICATE_STATE_NAME: Duplicate State name: A at /States/S/Branches[1]/States/A"},
        /* The top level ends, a branch need not and does not count; every state is led to. */
        {"{'StartAt':'S','States':{'S':{'Type':'Parallel','Next':'S','Branches':[" ONE("A") "]}}}",
         "MISSING_END_STATE: Workflow has no terminal state at null"},
        {AROUND("{'StartAt':'A','States':{'A':{'Type':'Pass','Next':'A'}}}"), ""},
        {"{'StartAt':'A','States':{'A':{'Type':'Pass','Next':'A'},'B':{'Type':'Pass','Next':'C'}}}",
         "MISSING_TRANSITION_TARGET: Missing 'Next' target: C at /States/B/Next, "
         "MISSING_END_STATE: Workflow has no terminal state at null"},
        {AROUND("{'StartAt':'A','States':{'A':{'Type':'Fail'},'B':{'Type':'Fail'}}}"),
         "MISSING_TRANSITION_TARGET: State \"B\" is not reachable. at "
         "/States/S/Branches[0]/States/B"},
    };

    (void)state;
    check(examples, COUNT(examples));
}

/* States are numbered as they stand in the text, whatever scope they are in. */
static void test_asl_scopes__numbers(void **state)
{
    static const char text[] =
        "{'States':{"
        "'P':{'Type':'Parallel','Next':'M','Branches':["
        "{'StartAt':'B','States':{'A':{'Type':'Succeed'},'B':{'Type':'Pass','Next':'A'}}},"
        "{'StartAt':'N','States':{'N':{'Type':'Map','End':true,'Iterator':" ONE(
            "I") "}}}]},"
                 "'M':{'Type':'Map','Next':'C','Parameters':{'x.$':'$'},'ItemProcessor':" ONE(
                     "J") "},"
                          "'C':{'Type':'Choice','Assign':{'v':0},'Choices':["
                          "{'Variable':'$.a','IsNull':true,'Next':'E','Assign':{'v':1}},"
                          "{'Variable':'$.b','IsNull':true,'Next':'P'}],'Default':'E'},"
                          "'E':{'Type':'Succeed'}},'StartAt':'P'}";
    static const char names[] = "PABNIMJCE";
    static const uint32_t scopes[] = {0, 1, 1, 2, 3, 0, 4, 0, 0};
    static const uint32_t starts[] = {0, 2, 3, 4, 6};
    static const uint32_t owners[] = {ASL_NONE, 0, 0, 3, 5};
    struct arena a = {0};
    struct asl_machine *m = good(&a, text, NULL);

    (void)state;
    assert_int_equal(m->state_count, COUNT(scopes));
    for (size_t i = 0; i < COUNT(scopes); i++) {
        assert_int_equal(m->states[i].name.ptr[0], names[i]);
        assert_int_equal(m->states[i].scope, scopes[i]);
    }
    assert_int_equal(m->scope_count, COUNT(starts));
    for (size_t i = 0; i < COUNT(starts); i++) {
        assert_int_equal(m->scopes[i].start_at, starts[i]);
        assert_int_equal(m->scopes[i].owner, owners[i]);
    }
    assert_int_equal(m->states[0].next, 5);
    assert_int_equal(m->states[0].parallel.branch_count, 2);
    assert_int_equal(m->states[0].parallel.branches[0], 1);
    assert_int_equal(m->states[0].parallel.branches[1], 2);
    assert_int_equal(m->states[2].next, 1);
    assert_int_equal(m->states[3].map.processor, 3);
    assert_null(m->states[3].map.item_selector);
    assert_int_equal(m->states[5].map.processor, 4);
    assert_non_null(m->states[5].map.item_selector);
    assert_null(m->states[5].parameters);
    assert_false(m->states[5].map.distributed);
    assert_int_equal(m->states[7].choice.rule_next[0], 8);
    assert_int_equal(m->states[7].choice.rule_next[1], 0);
    assert_int_equal(m->states[7].choice.default_next, 8);
    assert_non_null(m->states[7].assign);
    assert_non_null(m->states[7].choice.rule_assign[0]);
    assert_null(m->states[7].choice.rule_assign[1]);
    asl_machine_free(m);
    arena_fini(&a);
}

/* What a Choice looks at is that of all its rules, however deep. */
static void test_asl_scopes__choice_uses(void **state)
{
    static const char text[] = "{'StartAt':'C','States':{'C':{'Type':'Choice','Choices':["
                               "{'And':[{'Not':{'Variable':'$v','IsNull':true}}],'Next':'E'},"
                               "{'Variable':'$v','StringEqualsPath':'$$.State.Name','Next':'E'}]},"
                               "'E':{'Type':'Succeed'}}}";
    struct arena a = {0};
    struct asl_machine *m = good(&a, text, NULL);

    (void)state;
    assert_int_equal(m->states[0].choice.uses,
                     ASL_USES_CONTEXT | ASL_USES_VARIABLES | ASL_USES_INPUT);
    asl_machine_free(m);
    arena_fini(&a);
}

/* Maps in Maps, `count` of them. */
static void nest(struct buf *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_printf(b, "{'StartAt':'%zu','States':{'%zu':{" MAP "'ItemProcessor':", i, i);
    }
    buf_put_str(b, ONE("E"));
    for (size_t i = 0; i < count; i++) {
        buf_put_str(b, "}}}");
    }
}

static void test_asl_scopes__depth(void **state)
{
    (void)state;
    for (size_t depth = LIMIT_DEFINITION_DEPTH; depth <= LIMIT_DEFINITION_DEPTH + 1; depth++) {
        struct arena a = {0};
        struct asl_diagnostics found = {0};
        struct asl_machine *m = NULL;
        struct buf b = {0};
        struct err err;
        enum err_code rc;

        nest(&b, depth - 1);
        rc = asl_machine_parse(slice_str(quoted(&a, arena_str(&a, buf_slice(&b)))), NULL, &a,
                               &found, &m, &err);
        assert_int_equal(rc, depth == LIMIT_DEFINITION_DEPTH ? OK : ERR_INVALID_DEFINITION);
        if (rc != OK) {
            assert_int_equal(found.count, 1);
            assert_string_equal(found.items[0].code, "TOO_DEEPLY_NESTED");
        }
        asl_machine_free(m);
        buf_fini(&b);
        arena_fini(&a);
    }
}

/* As many scopes as states: each is one branch. */
static void test_asl_scopes__many(void **state)
{
    enum { BRANCHES = 10000 };
    struct arena a = {0};
    struct buf b = {0};
    struct asl_machine *m;

    (void)state;
    buf_put_str(&b, "{'StartAt':'S','States':{'S':{" PARALLEL "[");
    for (unsigned i = 0; i < BRANCHES; i++) {
        buf_printf(&b, "%s{'StartAt':'%u','States':{'%u':{'Type':'Succeed'}}}", i == 0 ? "" : ",",
                   i, i);
    }
    buf_put_str(&b, "]}}}");
    m = good(&a, arena_str(&a, buf_slice(&b)), NULL);
    assert_int_equal(m->state_count, BRANCHES + 1);
    assert_int_equal(m->scope_count, BRANCHES + 1);
    assert_int_equal(m->scopes[BRANCHES].start_at, BRANCHES);
    assert_int_equal(m->states[0].parallel.branches[BRANCHES - 1], BRANCHES);
    asl_machine_free(m);
    buf_fini(&b);
    arena_fini(&a);
}

#define READER(fields)  DISTRIBUTED ",'ItemReader':{" fields "}"
#define ARN             "arn:aws:states:::s3:"
#define GET             "'Resource':'" ARN "getObject','Parameters':{'Bucket':'b','Key.$':'$'}"
#define LIST            "'Resource':'arn:aws:states:::s3:listObjectsV2','Parameters':{'Bucket':'b'}"
#define CONFIG(fields)  READER(GET ",'ReaderConfig':{" fields "}")
#define LISTED(fields)  READER(LIST ",'ReaderConfig':{" fields "}")
#define AT_READER       " at /States/S/ItemReader"
#define AT_CONFIG       " at /States/S/ItemReader/ReaderConfig"
#define NOT_HERE(field) SCHEMA "Field '" field "' is not supported" AT_CONFIG

static void test_asl_scopes__item_reader(void **state)
{
    static const struct example examples[] = {
        {CONFIG("'InputType':'JSON','ItemsPointer':'/a~0b/c','MaxItems':0"), ""},
        {CONFIG("'InputType':'JSONL','MaxItemsPath':'$.n'"), ""},
        {CONFIG("'InputType':'PARQUET'"), ""},
        {CONFIG("'InputType':'MANIFEST','ManifestType':'S3_INVENTORY'"), ""},
        {CONFIG("'InputType':'CSV','CSVHeaderLocation':'FIRST_ROW','CSVDelimiter':'PIPE'"), ""},
        {CONFIG("'InputType':'CSV','CSVHeaderLocation':'GIVEN','CSVHeaders':['a']"), ""},
        {READER(LIST), ""},
        {LISTED("'MaxItems':5"), ""},
        {LISTED("'Transformation':'LOAD_AND_FLATTEN','InputType':'JSON'"), ""},
        {READER(""), SCHEMA "These fields are required: [Resource]" AT_READER},
        {READER("'Resource':'arn:aws:states:::s3:putObject'"), SCHEMA
         "The field 'Resource' does not match any of the allowed values" AT_READER "/Resource"},
        {READER(GET), SCHEMA "These fields are required: [ReaderConfig]" AT_READER},
        {READER("'Resource':'arn:aws:states:::s3:listObjectsV2'"),
         SCHEMA "The field 'Bucket' is required but was missing" AT_READER "/Parameters"},
        {READER(LIST ",'Other':1"), SCHEMA "Field 'Other' is not supported" AT_READER},
        {CONFIG(""), SCHEMA "These fields are required: [InputType]" AT_CONFIG},
        {LISTED("'Transformation':'LOAD_AND_FLATTEN'"),
         SCHEMA "These fields are required: [InputType]" AT_CONFIG},
        {CONFIG("'InputType':'XML'"),
         SCHEMA "The field 'InputType' should have one of these values: [CSV, JSON, JSONL, "
                "PARQUET, MANIFEST]" AT_CONFIG "/InputType"},
        {CONFIG("'InputType':'CSV'"), SCHEMA "The field 'CSVHeaderLocation' is required" AT_CONFIG},
        {CONFIG("'InputType':'CSV','CSVHeaderLocation':'GIVEN'"),
         SCHEMA "These fields are required: [CSVHeaders]" AT_CONFIG},
        {CONFIG("'InputType':'CSV','CSVHeaderLocation':'GIVEN','CSVHeaders':[]"),
         SCHEMA "Value cannot be empty" AT_CONFIG "/CSVHeaders"},
        {CONFIG("'InputType':'CSV','CSVHeaderLocation':'FIRST_ROW','CSVHeaders':['a']"),
         NOT_HERE("CSVHeaders")},
        {CONFIG("'InputType':'JSON','CSVDelimiter':'TAB'"), NOT_HERE("CSVDelimiter")},
        {CONFIG("'InputType':'CSV','CSVHeaderLocation':'FIRST_ROW','ItemsPointer':'/a'"),
         NOT_HERE("ItemsPointer")},
        {CONFIG("'InputType':'JSON','ManifestType':'ATHENA_DATA'"), NOT_HERE("ManifestType")},
        {CONFIG("'InputType':'CSV','ManifestType':'ATHENA_DATA'"), ""},
        {CONFIG("'ManifestType':'ATHENA_DATA'"),
         SCHEMA "These fields are required: [InputType]" AT_CONFIG},
        {CONFIG("'ManifestType':'S3_INVENTORY'"), ""},
        {CONFIG("'InputType':'JSON','ItemsPointer':'a'"),
         SCHEMA "Value is not a valid JSON Pointer" AT_CONFIG "/ItemsPointer"},
        {CONFIG("'InputType':'JSON','ItemsPointer':'/~2'"),
         SCHEMA "Value is not a valid JSON Pointer" AT_CONFIG "/ItemsPointer"},
        {CONFIG("'InputType':'JSON','MaxItems':-1"),
         SCHEMA "Minimum value is 0" AT_CONFIG "/MaxItems"},
        {CONFIG("'InputType':'JSON','MaxItems':1,'MaxItemsPath':'$.a'"), SCHEMA
         "There should only be one of the following fields: [MaxItems, MaxItemsPath]" AT_CONFIG},
    };

    (void)state;
    check_state(examples, COUNT(examples), &lint);
}

#define BATCHER(fields) DISTRIBUTED ",'ItemBatcher':{" fields "}"
#define WRITER(fields)  DISTRIBUTED ",'ResultWriter':{" fields "}"
#define PUT             "'Resource':'arn:aws:states:::s3:putObject','Parameters':{'Bucket':'b'}"
#define AT_BATCHER      " at /States/S/ItemBatcher"
#define AT_WRITER       " at /States/S/ResultWriter"

static void test_asl_scopes__batches_and_results(void **state)
{
    static const struct example examples[] = {
        {BATCHER("'MaxItemsPerBatch':10,'MaxInputBytesPerBatch':262144,'BatchInput':{'a.$':'$'}"),
         ""},
        {BATCHER("'MaxItemsPerBatchPath':'$n'"), ""},
        {BATCHER("'BatchInput':{}"),
         SCHEMA "This object should have only one of the following fields: [MaxItemsPerBatch, "
                "MaxItemsPerBatchPath, "
                "MaxInputBytesPerBatch, MaxInputBytesPerBatchPath]" AT_BATCHER},
        {BATCHER("'MaxItemsPerBatch':0"),
         SCHEMA "Minimum value is 1" AT_BATCHER "/MaxItemsPerBatch"},
        {BATCHER("'MaxInputBytesPerBatch':262145"),
         SCHEMA "Maximum value is 262144" AT_BATCHER "/MaxInputBytesPerBatch"},
        {BATCHER("'MaxItemsPerBatch':1,'BatchInput':{'a.$':'b'}"),
         SCHEMA "The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic "
                "function call" AT_BATCHER "/BatchInput"},
        {WRITER(PUT), ""},
        {WRITER(PUT ",'WriterConfig':{'OutputType':'JSONL','Transformation':'FLATTEN'}"), ""},
        {WRITER("'WriterConfig':{'OutputType':'JSON','Transformation':'NONE'}"), ""},
        {WRITER(""), SCHEMA "These fields are required: [Resource]" AT_WRITER},
        {WRITER("'Resource':'arn:aws:states:::s3:putObject'"),
         SCHEMA "The field 'Bucket' is required but was missing" AT_WRITER "/Parameters"},
        {WRITER("'WriterConfig':{'OutputType':'JSON'}"),
         SCHEMA "These fields are required: [Transformation]" AT_WRITER "/WriterConfig"},
        {WRITER("'WriterConfig':{'OutputType':'CSV','Transformation':'NONE'}"),
         SCHEMA "Value should be one of the following: [JSON, JSONL]" AT_WRITER
                "/WriterConfig/OutputType"},
        {DISTRIBUTED ",'ToleratedFailureCount':0,'ToleratedFailurePercentage':0.5", ""},
        {DISTRIBUTED ",'ToleratedFailureCountPath':'$.c','ToleratedFailurePercentagePath':'$.p'",
         ""},
        {DISTRIBUTED ",'ToleratedFailureCount':-1",
         SCHEMA "Minimum value is 0 at /States/S/ToleratedFailureCount"},
        {DISTRIBUTED ",'ToleratedFailurePercentage':100", ""},
        {DISTRIBUTED ",'ToleratedFailurePercentage':100.5",
         SCHEMA "Maximum value is 100.0 at /States/S/ToleratedFailurePercentage"},
        {DISTRIBUTED ",'ToleratedFailurePercentage':-0.5",
         SCHEMA "Minimum value is 0.0 at /States/S/ToleratedFailurePercentage"},
        {DISTRIBUTED ",'ToleratedFailureCountPath':'$$.c'",
         SCHEMA "Value is not a Reference Path at /States/S/ToleratedFailureCountPath"},
        {DISTRIBUTED ",'ToleratedFailurePercentagePath':'$$.p'",
         SCHEMA "Value is not a Reference Path at /States/S/ToleratedFailurePercentagePath"},
        {DISTRIBUTED ",'ToleratedFailurePercentage':'1'",
         SCHEMA "Expected value of type Double at /States/S/ToleratedFailurePercentage"},
    };

    (void)state;
    check_state(examples, COUNT(examples), &lint);
}

#define LONG_LABEL "0123456789012345678901234567890123456789"
#define BAD_LABEL(label)                                                                           \
    {                                                                                              \
        DISTRIBUTED ",'Label':'" label "'",                                                        \
            "INVALID_LABEL_NAME: Invalid Label name: '" label "' at /States/S/Label"               \
    }

static void test_asl_scopes__labels(void **state)
{
    static const struct example examples[] = {
        {DISTRIBUTED ",'Label':'" LONG_LABEL "'", ""},
        {DISTRIBUTED ",'Label':'\xc3\xa9-_/.!'", ""},
        {DISTRIBUTED ",'Label':'" LONG_LABEL "0'",
         "INVALID_LABEL_NAME: Invalid Label name: Label '" LONG_LABEL
         "0' exceeds the 40-character limit allowed by the service at /States/S/Label"},
        BAD_LABEL(""),
        BAD_LABEL("a b"),
        BAD_LABEL("a:b"),
        BAD_LABEL("a`"),
        BAD_LABEL("a$"),
        BAD_LABEL("\x7f"),
        BAD_LABEL("\xc2\x80"),
        BAD_LABEL("\xc2\x9f"),
        {DISTRIBUTED ",'Label':5", SCHEMA "Expected value of type [STRING] at /States/S/Label"},
    };
    static const struct example twice[] = {
        {"{'StartAt':'S','States':{'S':{'Type':'Map','Label':'l','Next':'T','ItemProcessor':{"
         "'ProcessorConfig':{'Mode':'DISTRIBUTED','ExecutionType':'EXPRESS'}," PROCESSOR "}},"
         "'T':{'Type':'Map','Label':'l','End':true,'ItemProcessor':{'ProcessorConfig':{'Mode':"
         "'DISTRIBUTED','ExecutionType':'EXPRESS'},'StartAt':'J','States':{'J':{'Type':"
         "'Succeed'}}}}}}",
         "DUPLICATE_LABEL_NAME: Duplicate Label name: l at /States/T/Label"}};

    (void)state;
    check_state(examples, COUNT(examples), &lint);
    check_in("", twice, COUNT(twice), "", &lint);
}

#define CHILD(type, fields)                                                                        \
    MAP "'ItemProcessor':{'ProcessorConfig':{'Mode':'DISTRIBUTED','ExecutionType':'" type "'},"    \
        "'StartAt':'I','States':{'I':{'Type':'Task','End':true," fields "}}}"

static void test_asl_scopes__distributed(void **state)
{
    static const struct example examples[] = {
        {DISTRIBUTED,
         "NOT_SUPPORTED: Map with Mode 'DISTRIBUTED' is not supported yet at /States/S"},
        /* What AWS refuses comes first, alone. */
        {DISTRIBUTED ",'Label':''",
         "INVALID_LABEL_NAME: Invalid Label name: '' at /States/S/Label"},
        {MODE("'Mode':'DISTRIBUTED'"), SCHEMA "These fields are required: [ExecutionType] at "
                                              "/States/S/ItemProcessor/ProcessorConfig"},
    };
    static const struct example in_express[] = {
        {DISTRIBUTED,
         SCHEMA "The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state "
                "machines at /States/S/ItemProcessor/ProcessorConfig/Mode"},
    };
    static const struct example children[] = {
        {CHILD("STANDARD", "'Resource':'arn:aws:states:r:1:activity:a'"), ""},
        {CHILD("EXPRESS", "'Resource':'arn:aws:states:r:1:activity:a'"),
         SCHEMA "Express state machine does not support Activity ARN at "
                "/States/S/ItemProcessor/States/I/Resource"},
    };
    struct arena a = {0};
    struct asl_machine *m = good(&a, "{'StartAt':'S','States':{'S':{" DISTRIBUTED "}}}", &lint);

    (void)state;
    assert_true(m->states[0].map.distributed);
    asl_machine_free(m);
    arena_fini(&a);
    check_state(examples, COUNT(examples), NULL);
    check_state(in_express, COUNT(in_express), &express);
    check_state(children, COUNT(children), &lint);
}

#define PASS(assign) "'Type':'Pass','End':true,'Assign':" assign
#define AT_ASSIGN    " at /States/S/Assign"
#define RESERVED     "RESERVED_VARIABLE_NAME: Cannot assign to reserved variable '$states'." AT_ASSIGN
#define INVALID(name)                                                                              \
    "INVALID_VARIABLE_NAME: Invalid variable name '" name                                          \
    "': the variable name contains invalid characters." AT_ASSIGN
#define FORTY     "abcdefghijabcdefghijabcdefghijabcdefghij"
#define LONG_NAME FORTY FORTY

static void test_asl_scopes__variable_names(void **state)
{
    static const struct example examples[] = {
        {PASS("{}"), ""},
        {PASS("{'a':1,'_b2':{'x.$':'$'},'\xc3\xa9\xe6\xbc\xa2':null,'c.$':'$.c'}"), ""},
        {PASS("{'" LONG_NAME "':1}"), ""},
        {PASS("{'" LONG_NAME "k.$':'$'}"),
         SCHEMA "The variable name '" LONG_NAME "k' is longer than 80 characters" AT_ASSIGN},
        {PASS("{'states':1}"), RESERVED},
        {PASS("{'states.$':'$'}"), RESERVED},
        {PASS("{'a.b.$':'$'}"), INVALID("a.b")},
        {PASS("{'a[0]':1}"), INVALID("a[0]")},
        {PASS("{'2a':1}"), INVALID("2a")},
        {PASS("{'a-b':1}"), INVALID("a-b")},
        {PASS("{'':1}"), INVALID("")},
        {PASS("{'\xe2\x82\xac':1}"), INVALID("\xe2\x82\xac")},
        {PASS("{'\xf0\x9f\x98\x80':1}"), INVALID("\xf0\x9f\x98\x80")},
        {PASS("{'a\xe2\x80\x90':1}"), INVALID("a\xe2\x80\x90")},
        {PASS("5"), SCHEMA "Expected value of type [OBJECT]" AT_ASSIGN},
        {PASS("{'a.$':'b'}"),
         SCHEMA "The value for the field 'a.$' must be a valid JSONPath or a valid intrinsic "
                "function call" AT_ASSIGN},
        {"'Type':'Succeed','Assign':{}", SCHEMA "Field 'Assign' is not supported at /States/S"},
    };

    (void)state;
    check_state(examples, COUNT(examples), NULL);
}

#define SET(name, variable) "'" name "':{'Type':'Pass','End':true,'Assign':{'" variable "':1}}"
#define INNER(variable)     "{'StartAt':'A','States':{" SET("A", variable) "}}"
#define LATER(branch)                                                                              \
    "{'StartAt':'S','States':{'S':{'Type':'Parallel','Next':'T','Branches':[" branch               \
    "]}," SET("T", "v") "}}"
#define SHADOWS(where)                                                                             \
    SCHEMA "The variable 'v' is assigned in an outer scope and cannot be assigned in an inner "    \
           "one at " where

static void test_asl_scopes__variable_scopes(void **state)
{
    static const struct example examples[] = {
        {LATER(INNER("v")), SHADOWS("/States/S/Branches[0]/States/A/Assign")},
        {LATER(INNER("w")), ""},
        /* Two scopes side by side. */
        {LATER(INNER("w") ",{'StartAt':'B','States':{" SET("B", "w") "}}"), ""},
        /* Two levels up. */
        {LATER("{'StartAt':'M','States':{'M':{" MAP "'ItemProcessor':" INNER("v") "}}}"),
         SHADOWS("/States/S/Branches[0]/States/M/ItemProcessor/States/A/Assign")},
        /* AWS takes what the state around it assigns. */
        {"{'StartAt':'S','States':{'S':{" PARALLEL "[" INNER("v") "],'Assign':{'v':1}}}}", ""},
        {"{'StartAt':'S','States':{'S':{" PARALLEL
         "[" INNER("v") "],'Catch':[{'ErrorEquals':"
                        "['States.ALL'],'Next':'T','Assign':{'v':1}}]},'T':{'Type':'Succeed'}}}",
         ""},
        {"{'StartAt':'S','States':{'S':{'Type':'Parallel','Next':'T','Branches':[" INNER(
             "v") "],'Assign':{'v':1}}," SET("T", "v") "}}",
         SHADOWS("/States/S/Branches[0]/States/A/Assign")},
        /* A catcher's Assign counts, and a rule's. */
        {"{'StartAt':'S','States':{'S':{'Type':'Parallel','Next':'T','Branches':[" INNER(
             "v") "]},'T':{" TASK
                  "'End':true,'Catch':[{'ErrorEquals':['a'],'Next':'T','Assign':{'v':1}}]}}}",
         SHADOWS("/States/S/Branches[0]/States/A/Assign")},
        {"{'StartAt':'C','States':{'C':{'Type':'Choice','Choices':[{'Variable':'$.a','IsNull':true,"
         "'Next':'S','Assign':{'v':1}}]},'S':{" PARALLEL "[" INNER("v") "]}}}",
         SHADOWS("/States/S/Branches[0]/States/A/Assign")},
    };
    static const struct example children[] = {
        {"{'StartAt':'S','States':{'S':{'Type':'Map','Next':'T','ItemProcessor':{'ProcessorConfig':"
         "{'Mode':'DISTRIBUTED','ExecutionType':'STANDARD'},'StartAt':'A','States':{" SET(
             "A", "v") "}}}," SET("T", "v") "}}",
         ""}};

    (void)state;
    check(examples, COUNT(examples));
    check_in("", children, COUNT(children), "", &lint);
}

#define JSONATA "'QueryLanguage':'JSONata',"
#define NOT_YET                                                                                    \
    "NOT_SUPPORTED: QueryLanguage 'JSONata' is not supported yet at /States/S/QueryLanguage"
#define OTHER(field)                                                                               \
    SCHEMA "The QueryLanguage is set to 'JSONata', but field '" field                              \
           "' is only supported for the 'JSONPath' QueryLanguage at /States/S"

static void test_asl_scopes__jsonata(void **state)
{
    static const struct example examples[] = {
        {JSONATA TASK "'End':true,'Arguments':'{% 1 %}','Output':1,'TimeoutSeconds':'{% 5 %}',"
                      "'Assign':{'a':'{% 2 %}'},'Credentials':{'RoleArn':'{% 3 %}'}",
         ""},
        {JSONATA "'Type':'Wait','End':true,'Seconds':'{% 5 %}'", ""},
        {JSONATA "'Type':'Wait','End':true,'Timestamp':'{% 5 %}'", ""},
        {JSONATA "'Type':'Wait','End':true,'Seconds':'5'",
         SCHEMA "Expected value of type Integer at /States/S/Seconds"},
        {JSONATA "'Type':'Choice','Choices':[{'Condition':'{% 1 %}','Next':'S','Output':1,'Assign':"
                 "{'a':1}},{'Condition':true,'Next':'S'}]",
         "MISSING_END_STATE: Workflow has no terminal state at null"},
        {JSONATA "'Type':'Choice','Choices':[{'Variable':'$.a','Next':'S'}]",
         SCHEMA "The QueryLanguage is set to 'JSONata', but field 'Variable' is only supported for "
                "the 'JSONPath' QueryLanguage at /States/S/Choices[0], "
                "MISSING_END_STATE: Workflow has no terminal state at null"},
        {JSONATA INLINE ",'Items':[1],'ItemSelector':{'a':'{% 1 %}'},'MaxConcurrency':'{% 1 %}'",
         ""},
        {JSONATA INLINE ",'Items':{}", SCHEMA "Expected value of type [ARRAY] at /States/S/Items"},
        {JSONATA DISTRIBUTED ",'Items':{}", ""},
        {JSONATA "'Type':'Pass','End':true,'InputPath':5", OTHER("InputPath")},
        {JSONATA TASK "'End':true,'TimeoutSecondsPath':5", OTHER("TimeoutSecondsPath")},
        {JSONATA "'Type':'Fail','ErrorPath':5", OTHER("ErrorPath")},
        {JSONATA "'Type':'Pass','End':true,'Assign':{'a.$':1}", INVALID("a.$")},
        {JSONATA TASK "'Next':'T'",
         "MISSING_TRANSITION_TARGET: Missing 'Next' target: T at /States/S/Next, "
         "MISSING_END_STATE: Workflow has no terminal state at null"},
        {JSONATA TASK "'End':true,'Credentials':{'RoleArn.$':'$','RoleArn':'r'}",
         SCHEMA "The field \"RoleArn.$\" is not supported by Step Functions at "
                "/States/S/Credentials"},
    };
    static const struct example refused[] = {
        {JSONATA "'Type':'Succeed'", NOT_YET},
        {JSONATA "'Type':'Succeed','X':1", SCHEMA "Field 'X' is not supported at /States/S"},
    };
    static const struct example machines[] = {
        /* AWS */
        {"{'StartAt':'P','States':{'P':{'Type':'Pass','End':true,'QueryLanguage':'JSONPath'}},"
         "'QueryLanguage':'JSONata'}",
         SCHEMA "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine "
                "at /States/P"},
        {"{'StartAt':'Map','QueryLanguage':'JSONPath','States':{'Map':{'Type':'Map',"
         "'QueryLanguage':'JSONata','ItemProcessor':{'ProcessorConfig':{'Mode':'INLINE'},"
         "'StartAt':'Pass','States':{'Pass':{'QueryLanguage':'JSONPath','Type':'Pass','End':true}}}"
         ",'End':true}}}",
         ""},
    };

    (void)state;
    check_state(examples, COUNT(examples), &lint);
    check_state(refused, COUNT(refused), NULL);
    check_in("", machines, COUNT(machines), "", &lint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asl_scopes__parallel),
        cmocka_unit_test(test_asl_scopes__map),
        cmocka_unit_test(test_asl_scopes__graph),
        cmocka_unit_test(test_asl_scopes__numbers),
        cmocka_unit_test(test_asl_scopes__choice_uses),
        cmocka_unit_test(test_asl_scopes__depth),
        cmocka_unit_test(test_asl_scopes__many),
        cmocka_unit_test(test_asl_scopes__item_reader),
        cmocka_unit_test(test_asl_scopes__batches_and_results),
        cmocka_unit_test(test_asl_scopes__labels),
        cmocka_unit_test(test_asl_scopes__distributed),
        cmocka_unit_test(test_asl_scopes__variable_names),
        cmocka_unit_test(test_asl_scopes__variable_scopes),
        cmocka_unit_test(test_asl_scopes__jsonata),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
