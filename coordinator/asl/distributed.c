/* SPDX-License-Identifier: Apache-2.0 */
/* What distributed Maps have beside inline ones: where items are read from and how they are
 * batched, where results are written to, how many may fail, and the Label their executions' names
 * carry. All of it is checked; none of it is kept, since such a Map does not run yet.
 * Source: Amazon States Language, states. */
#include "coordinator/asl/jsonpath.h"
#include "coordinator/asl/parse.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

enum { LABEL_CHARS = 40, RESOURCE_NONE = -1 };

/* Of an ItemReader or ResultWriter: the action of arn:PARTITION:states:::s3:ACTION, an index of
 * `actions`. */
static int parse_s3_resource(const struct parse_at *at, const char *const *actions)
{
    struct slice arn;
    size_t colon;

    if (!parse_string(at, "Resource", &arn)) {
        return RESOURCE_NONE;
    }
    colon = slice_starts_with(arn, SLICE("arn:")) ? 4 + slice_find(slice_from(arn, 4), ':') : 0;
    for (int i = 0; colon > 4 && actions[i] != NULL; i++) {
        if (slice_eq(slice_from(arn, colon),
                     arena_printf(at->p->texts, ":states:::s3:%s", actions[i]))) {
            return i;
        }
    }
    parse_error(at, "Resource", "The field 'Resource' does not match any of the allowed values");
    return RESOURCE_NONE;
}

enum input_type { INPUT_CSV, INPUT_JSON, INPUT_JSONL, INPUT_PARQUET, INPUT_MANIFEST };

/* `field` is one that the form of the others does not have. */
static void refuse(const struct parse_at *at, const char *field)
{
    if (parse_has(at, field)) {
        parse_error(at, NULL, "Field '%s' is not supported", field);
    }
}

static void parse_csv_headers(const struct parse_at *at, bool given)
{
    static const char *const required[] = {"CSVHeaders", NULL};
    const struct json_node *headers;

    if (!given) {
        refuse(at, "CSVHeaders");
        return;
    }
    if (!parse_required(at, required) || !parse_array(at, "CSVHeaders", &headers)) {
        return;
    }
    if (json_count(headers) == 0) {
        parse_error(at, "CSVHeaders", "Value cannot be empty");
    }
    for (const struct json_node *e = json_first(headers); e != NULL; e = json_next(headers, e)) {
        if (!json_is(e, JSON_STRING)) {
            parse_error(at, "CSVHeaders", "Expected value of type [STRING]");
        }
    }
}

/* `listed`: the objects are those of a manifest, which says what their columns are. */
static void parse_csv(const struct parse_at *at, int type, bool listed)
{
    static const char *const locations[] = {"FIRST_ROW", "GIVEN", NULL};
    static const char *const delimiters[] = {"COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB", NULL};

    if (type != INPUT_CSV) {
        refuse(at, "CSVHeaderLocation");
        refuse(at, "CSVHeaders");
        refuse(at, "CSVDelimiter");
        return;
    }
    if (!listed && !parse_has(at, "CSVHeaderLocation")) {
        parse_error(at, NULL, "The field 'CSVHeaderLocation' is required");
    }
    parse_csv_headers(at, parse_form(at, "CSVHeaderLocation", locations) == 1);
    parse_word(at, "CSVDelimiter", delimiters);
}

/* ItemsPointer: a JSON Pointer (RFC 6901). */
static void parse_pointer(const struct parse_at *at)
{
    struct slice text;
    bool good;

    if (!parse_string(at, "ItemsPointer", &text)) {
        return;
    }
    good = text.len == 0 || text.ptr[0] == '/';
    for (size_t i = 0; i < text.len; i++) {
        good = good && (text.ptr[i] != '~' ||
                        (i + 1 < text.len && (text.ptr[i + 1] == '0' || text.ptr[i + 1] == '1')));
    }
    if (!good) {
        parse_error(at, "ItemsPointer", "Value is not a valid JSON Pointer");
    }
}

/* `listing`: the items are the objects of a bucket, which have no type unless they are loaded. An
 * inventory is CSV without saying so. */
static void parse_reader_config(const struct parse_at *at, bool listing)
{
    static const char *const required[] = {"InputType", NULL};
    static const char *const types[] = {
        [INPUT_CSV] = "CSV",         [INPUT_JSON] = "JSON",         [INPUT_JSONL] = "JSONL",
        [INPUT_PARQUET] = "PARQUET", [INPUT_MANIFEST] = "MANIFEST", NULL};
    static const char *const manifests[] = {"ATHENA_DATA", "S3_INVENTORY", NULL};
    static const char *const transformations[] = {"NONE", "LOAD_AND_FLATTEN", NULL};
    struct asl_seconds most;
    bool typed;
    int type;

    parse_fields(at, OWNER_READER_CONFIG);
    type = parse_form(at, "InputType", types);
    typed = parse_word(at, "Transformation", transformations) == 1 || !listing;
    if (parse_word(at, "ManifestType", manifests) != 1 && typed) {
        parse_required(at, required);
    }
    if (type == INPUT_JSON) {
        refuse(at, "ManifestType");
    } else {
        refuse(at, "ItemsPointer");
    }
    parse_csv(at, type, parse_has(at, "ManifestType"));
    parse_pointer(at);
    parse_number(at, "MaxItems", 0, INT64_MAX, &most);
}

static void parse_reader(const struct parse_at *at)
{
    static const char *const required[] = {"Resource", NULL};
    static const char *const actions[] = {"getObject", "listObjectsV2", NULL};
    static const char *const object[] = {"Bucket", "Key", NULL};
    static const char *const bucket[] = {"Bucket", NULL};
    static const char *const config[] = {"ReaderConfig", NULL};
    const struct asl_template *parameters;
    struct asl_place place;
    struct parse_at inner;
    int action;

    parse_fields(at, OWNER_READER);
    parse_required(at, required);
    action = parse_s3_resource(at, actions);
    parse_template(at, "Parameters", &parameters);
    if (action != RESOURCE_NONE) {
        parse_members(at, parse_arguments_name(at), action == 0 ? object : bucket, NULL);
    }
    if (action == 0) {
        parse_required(at, config);
    }
    if (parse_part(at, "ReaderConfig", &place, &inner)) {
        parse_reader_config(&inner, action == 1);
    }
}

static void parse_batcher(const struct parse_at *at)
{
    const struct asl_template *input;
    struct asl_seconds number;

    parse_fields(at, OWNER_BATCHER);
    parse_template(at, "BatchInput", &input);
    parse_number(at, "MaxItemsPerBatch", 1, INT32_MAX, &number);
    parse_number(at, "MaxInputBytesPerBatch", 1, LIMIT_PAYLOAD_BYTES, &number);
    if (!parse_has(at, "MaxItemsPerBatch") && !parse_has(at, "MaxItemsPerBatchPath") &&
        !parse_has(at, "MaxInputBytesPerBatch") && !parse_has(at, "MaxInputBytesPerBatchPath")) {
        parse_error(at, NULL,
                    "This object should have only one of the following fields: "
                    "[MaxItemsPerBatch, MaxItemsPerBatchPath, MaxInputBytesPerBatch, "
                    "MaxInputBytesPerBatchPath]");
    }
}

/* Resource with Parameters, WriterConfig, or both. */
static void parse_writer(const struct parse_at *at)
{
    static const char *const actions[] = {"putObject", NULL};
    static const char *const required[] = {"Bucket", NULL};
    static const char *const types[] = {"JSON", "JSONL", NULL};
    static const char *const transformations[] = {"NONE", "COMPACT", "FLATTEN", NULL};
    static const char *const config[] = {"OutputType", "Transformation", NULL};
    static const char *const resource[] = {"Resource", NULL};
    const struct asl_template *parameters;
    struct asl_place place;
    struct parse_at inner;

    parse_fields(at, OWNER_WRITER);
    if (!parse_has(at, "WriterConfig") || parse_has(at, "Parameters") ||
        parse_has(at, "Arguments")) {
        parse_required(at, resource);
    }
    if (parse_s3_resource(at, actions) != RESOURCE_NONE) {
        parse_members(at, parse_arguments_name(at), required, NULL);
    }
    parse_template(at, "Parameters", &parameters);
    if (parse_part(at, "WriterConfig", &place, &inner)) {
        parse_fields(&inner, OWNER_WRITER_CONFIG);
        parse_required(&inner, config);
        parse_word(&inner, "OutputType", types);
        parse_word(&inner, "Transformation", transformations);
    }
}

/* It becomes part of ARNs: no white space, controls, or characters that mean something there. */
static bool is_label(struct slice label)
{
    static const char refused[] = "?*<>{}[]:;,\\|^~$#%&`\"";

    for (size_t i = 0; i < label.len; i++) {
        unsigned char c = (unsigned char)label.ptr[i];
        unsigned char next = i + 1 < label.len ? (unsigned char)label.ptr[i + 1] : 0;

        /* U+0080 to U+009F are 0xC2 0x80 to 0xC2 0x9F, the no-break space 0xC2 0xA0. */
        if (c <= ' ' || c == 0x7F || memchr(refused, c, sizeof(refused) - 1) != NULL ||
            (c == 0xC2 && next <= 0xA0)) {
            return false;
        }
    }
    return label.len > 0;
}

struct label {
    struct hash_node node;
    struct slice text;
};

static void parse_label(const struct parse_at *at)
{
    struct slice text;
    struct label *added;

    if (!parse_string(at, "Label", &text)) {
        return;
    }
    if (!is_label(text)) {
        parse_error_code(at, "Label", "INVALID_LABEL_NAME", "Invalid Label name: '%.*s'",
                         SLICE_FMT(text));
    } else if (text_code_points(text) > LABEL_CHARS) {
        parse_error_code(at, "Label", "INVALID_LABEL_NAME",
                         "Invalid Label name: Label '%.*s' exceeds the %d-character limit allowed "
                         "by the service",
                         SLICE_FMT(text), LABEL_CHARS);
    }
    HASH_EACH_MATCH(node, &at->p->labels, parse_hash(at->p, text, ASL_NONE))
    {
        if (slice_eq(container_of(node, struct label, node)->text, text)) {
            parse_error_code(at, "Label", "DUPLICATE_LABEL_NAME", "Duplicate Label name: %.*s",
                             SLICE_FMT(text));
            return;
        }
    }
    added = ARENA_NEW(at->p->texts, struct label);
    added->text = text;
    hash_insert(&at->p->labels, &added->node, parse_hash(at->p, text, ASL_NONE));
}

/* AWS reads a Map's numbers from its input or a variable, not from the context object. */
static void refuse_context(const struct parse_at *at, const char *field, const struct asl_path *p)
{
    if (p->root == PATH_CONTEXT) {
        parse_error(at, field, "Value is not a Reference Path");
    }
}

void parse_count(const struct parse_at *at,
                 const char *field,
                 const char *path,
                 int64_t max,
                 struct asl_seconds *out)
{
    parse_number(at, field, 0, max, out);
    if (out->is == ASL_SECONDS_PATH) {
        refuse_context(at, path, out->path);
    }
}

/* ToleratedFailurePercentage, which need not be whole. */
static void parse_percentage(const struct parse_at *at)
{
    static const char field[] = "ToleratedFailurePercentage";
    static const char path[] = "ToleratedFailurePercentagePath";
    static const char *const names[] = {field, path, NULL};
    const struct asl_path *read;
    double value;

    switch (parse_one_of(at, names, true)) {
    case 0:
        if (parse_expression(at, field)) {
            break;
        }
        if (!json_double(json_member(at->doc, slice_str(field)), &value)) {
            parse_error(at, field, "Expected value of type Double");
        } else if (value < 0) {
            parse_error(at, field, "Minimum value is 0.0");
        } else if (value > 100) {
            parse_error(at, field, "Maximum value is 100.0");
        }
        break;
    case 1:
        if (at->language == ASL_JSONPATH && parse_reference_path(at, path, &read)) {
            refuse_context(at, path, read);
        }
        break;
    }
}

void parse_tolerated(const struct parse_at *at)
{
    struct asl_seconds count;

    parse_count(at, "ToleratedFailureCount", "ToleratedFailureCountPath", INT64_MAX, &count);
    parse_percentage(at);
}

static const struct part {
    const char *field;
    void (*parse)(const struct parse_at *at);
} parts[] = {
    {"ItemReader", parse_reader},
    {"ItemBatcher", parse_batcher},
    {"ResultWriter", parse_writer},
};

void parse_distributed(const struct parse_at *at)
{
    parse_label(at);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct asl_place place;
        struct parse_at inner;

        if (parse_part(at, parts[i].field, &place, &inner)) {
            parts[i].parse(&inner);
        }
    }
}

void parse_inline(const struct parse_at *at)
{
    static const char *const fields[] = {"ItemReader", "ItemBatcher", "ResultWriter", "Label",
                                         NULL};

    for (size_t i = 0; fields[i] != NULL; i++) {
        if (parse_has(at, fields[i])) {
            parse_error(at, NULL, "Field '%s' is only supported in a Map with Mode 'DISTRIBUTED'",
                        fields[i]);
        }
    }
}
