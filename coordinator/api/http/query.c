/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api/http/query.h"

#include <string.h>

#include "proto/base/limits.h"
#include "proto/base/text.h"

#define SQS_NAMESPACE "http://queue.amazonaws.com/doc/2012-11-05/"

enum { PREFIX_BYTES = 128 };

/* How a member that holds several is flattened: "Attribute.1.Name=...", <Attribute><Name>. */
struct flat {
    const char *operation; /* NULL: any */
    const char *member;
    const char *name;
    const char *key; /* of a map's entries; NULL: it is a list */
    const char *value;
};

static const struct flat flats[] = {
    {NULL, "Attributes", "Attribute", "Name", "Value"},
    {NULL, "MessageAttributes", "MessageAttribute", "Name", "Value"},
    {NULL, "MessageSystemAttributes", "MessageSystemAttribute", "Name", "Value"},
    {NULL, "tags", "Tag", "Key", "Value"},
    {NULL, "Tags", "Tag", "Key", "Value"},
    {NULL, "AttributeNames", "AttributeName", NULL, NULL},
    {NULL, "MessageAttributeNames", "MessageAttributeName", NULL, NULL},
    {NULL, "MessageSystemAttributeNames", "MessageSystemAttributeName", NULL, NULL},
    {NULL, "TagKeys", "TagKey", NULL, NULL},
    {NULL, "AWSAccountIds", "AWSAccountId", NULL, NULL},
    {NULL, "Actions", "ActionName", NULL, NULL},
    {"SendMessageBatch", "Entries", "SendMessageBatchRequestEntry", NULL, NULL},
    {"DeleteMessageBatch", "Entries", "DeleteMessageBatchRequestEntry", NULL, NULL},
    {"ChangeMessageVisibilityBatch", "Entries", "ChangeMessageVisibilityBatchRequestEntry", NULL,
     NULL},
    {"SendMessageBatch", "Successful", "SendMessageBatchResultEntry", NULL, NULL},
    {"DeleteMessageBatch", "Successful", "DeleteMessageBatchResultEntry", NULL, NULL},
    {"ChangeMessageVisibilityBatch", "Successful", "ChangeMessageVisibilityBatchResultEntry", NULL,
     NULL},
    {NULL, "Failed", "BatchResultErrorEntry", NULL, NULL},
    {NULL, "Messages", "Message", NULL, NULL},
    {NULL, "QueueUrls", "QueueUrl", NULL, NULL},
    {NULL, "queueUrls", "QueueUrl", NULL, NULL},
    {NULL, "Results", "ListMessageMoveTasksResultEntry", NULL, NULL},
};

static const struct flat *flat_find(const struct aws_row *operation, struct slice member)
{
    for (size_t i = 0; i < sizeof(flats) / sizeof(flats[0]); i++) {
        if (slice_eq_str(member, flats[i].member) &&
            (flats[i].operation == NULL || strcmp(flats[i].operation, operation->name) == 0)) {
            return &flats[i];
        }
    }
    return NULL;
}

/* ---- forms ---- */

bool query_is(const struct http_request *r)
{
    return slice_eq_str(r->method, "POST") && http_header(r, "x-amz-target").ptr == NULL &&
           slice_starts_with(http_header(r, "content-type"),
                             SLICE("application/x-www-form-urlencoded"));
}

static struct slice decode(struct slice s, struct arena *a)
{
    char *out = arena_alloc(a, s.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '%' && i + 2 < s.len &&
            text_parse_hex(slice_make(s.ptr + i + 1, 2), &out[len])) {
            i += 2;
        } else {
            out[len] = s.ptr[i] == '+' ? ' ' : s.ptr[i];
        }
        len++;
    }
    return slice_make(out, len);
}

enum err_code
query_parse(struct slice body, struct arena *a, struct query_form *out, struct err *err)
{
    *out = (struct query_form){ARENA_ARRAY(a, LIMIT_QUERY_FIELDS, struct query_pair), 0};
    while (body.len != 0) {
        size_t end = slice_find(body, '&');
        struct slice pair = slice_head(body, end);
        size_t equals = slice_find(pair, '=');

        if (out->count == LIMIT_QUERY_FIELDS) {
            return err_set(err, ERR_MESSAGE, "a form has at most %d fields", LIMIT_QUERY_FIELDS);
        }
        out->pairs[out->count++] = (struct query_pair){
            .name = decode(slice_head(pair, equals), a),
            .value = decode(slice_from(pair, equals + 1), a),
        };
        body = slice_from(body, end + 1);
    }
    return OK;
}

struct slice query_field(const struct query_form *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++) {
        if (slice_eq_str(f->pairs[i].name, name)) {
            return f->pairs[i].value;
        }
    }
    return slice_make(NULL, 0);
}

/* ---- form to JSON ---- */

struct reader {
    const struct aws_row *operation;
    const struct query_form *form;
    struct arena *a;
};

static const char *join(const struct reader *r, const char *prefix, const char *name)
{
    return arena_str(r->a, arena_printf(r->a, "%s%s", prefix, name));
}

/* Is there a field of that name, or below it? */
static bool is_there(const struct query_form *f, const char *name)
{
    struct slice n = slice_str(name);

    for (size_t i = 0; i < f->count; i++) {
        struct slice at = f->pairs[i].name;

        if (slice_starts_with(at, n) && (at.len == n.len || at.ptr[n.len] == '.')) {
            return true;
        }
    }
    return false;
}

/* "PREFIXName.N"; NULL: there is none of that number. */
static const char *
numbered(const struct reader *r, const char *prefix, const struct flat *flat, unsigned n)
{
    const char *name = arena_str(r->a, arena_printf(r->a, "%s%s.%u", prefix, flat->name, n));

    return is_there(r->form, name) ? name : NULL;
}

static const struct json_node *text_at(const struct reader *r, const char *name)
{
    struct slice value = query_field(r->form, name);

    return value.ptr != NULL ? json_string(r->a, value) : NULL;
}

/* An attribute's value: what is below it, by name. */
static const struct json_node *value_at(const struct reader *r, const char *name)
{
    static const char *const members[] = {"DataType", "StringValue", "BinaryValue"};
    const struct json_node *v = text_at(r, name);
    struct json_builder b;

    if (v != NULL) {
        return v;
    }
    b = json_build_object(r->a);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        v = text_at(r, join(r, join(r, name, "."), members[i]));
        if (v != NULL) {
            json_put(&b, slice_str(members[i]), v);
        }
    }
    return json_built(&b);
}

static const struct json_node *
map_at(const struct reader *r, const char *prefix, const struct flat *flat)
{
    struct json_builder b = json_build_object(r->a);
    const char *name;

    for (unsigned n = 1; (name = numbered(r, prefix, flat, n)) != NULL; n++) {
        const char *below = join(r, name, ".");

        json_put(&b, query_field(r->form, join(r, below, flat->key)),
                 value_at(r, join(r, below, flat->value)));
    }
    return json_built(&b);
}

static const struct json_node *
texts_at(const struct reader *r, const char *prefix, const struct flat *flat)
{
    struct json_builder b = json_build_array(r->a);
    const char *name;

    for (unsigned n = 1; (name = numbered(r, prefix, flat, n)) != NULL; n++) {
        json_push(&b, json_string(r->a, query_field(r->form, name)));
    }
    return json_built(&b);
}

static void put_member(const struct reader *r,
                       const struct aws_row *row,
                       const char *prefix,
                       struct json_builder *b);

/* An object of each entry, by the lines behind the list's. */
static const struct json_node *list_at(const struct reader *r,
                                       const struct aws_row *list,
                                       const char *prefix,
                                       const struct flat *flat)
{
    struct json_builder b = json_build_array(r->a);
    const char *name;

    for (unsigned n = 1; (name = numbered(r, prefix, flat, n)) != NULL; n++) {
        const char *below = join(r, name, ".");
        struct json_builder one = json_build_object(r->a);

        for (const struct aws_row *row = list + 1; row->kind == AWS_ROW_ITEM;
             row++) { /* a reply's rows follow */
            put_member(r, row, below, &one);
        }
        json_push(&b, json_built(&one));
    }
    return json_built(&b);
}

/* A number as such, where it is one. */
static const struct json_node *number_at(const struct reader *r, const char *name)
{
    struct slice value = query_field(r->form, name);
    int64_t n;

    return text_parse_i64(value, &n) ? json_integer(r->a, n) : text_at(r, name);
}

static const struct json_node *
member_at(const struct reader *r, const struct aws_row *row, const char *prefix)
{
    const struct flat *flat = flat_find(r->operation, slice_str(row->name));
    const char *name = join(r, prefix, flat != NULL ? flat->name : row->name);

    if (!is_there(r->form, name)) {
        return NULL;
    }
    if (flat == NULL) {
        return row->form == AWS_NUMBER || row->form == AWS_INTEGER ? number_at(r, name)
                                                                   : text_at(r, name);
    }
    if (flat->key != NULL) {
        return map_at(r, prefix, flat);
    }
    return row->form == AWS_LIST ? list_at(r, row, prefix, flat) : texts_at(r, prefix, flat);
}

static void put_member(const struct reader *r,
                       const struct aws_row *row,
                       const char *prefix,
                       struct json_builder *b)
{
    const struct json_node *v = member_at(r, row, prefix);

    if (v != NULL) {
        json_put(b, slice_str(row->name), v);
    }
}

const struct json_node *query_request(const struct aws_row *operation,
                                      const struct query_form *f,
                                      struct slice target,
                                      struct arena *a)
{
    const struct reader r = {operation, f, a};
    struct json_builder b = json_build_object(a);
    struct slice path = slice_head(target, slice_find(target, '?'));
    size_t count;
    const struct aws_row *end = aws_rows(&count);

    end += count;
    if (path.len > 1) {
        json_put(&b, SLICE("QueueUrl"), json_string(a, path));
    }
    for (const struct aws_row *row = operation + 1; row < end && row->kind != AWS_ROW_OPERATION;
         row++) {
        if (row->kind == AWS_ROW_IN) {
            put_member(&r, row, "", &b);
        }
    }
    return json_built(&b);
}

/* ---- JSON to XML ---- */

/* What XML cannot hold becomes '?': of messages there is none, but an error may quote anything. */
static void put_text(struct slice s, struct buf *out)
{
    bool ascii = !text_is_utf8(s);

    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = (uint8_t)s.ptr[i];

        if ((c < ' ' && c != '\t' && c != '\n' && c != '\r') || (ascii && c > '~')) {
            buf_put_u8(out, '?');
            continue;
        }
        switch (c) {
        case '&': buf_put_str(out, "&amp;"); break;
        case '<': buf_put_str(out, "&lt;"); break;
        case '>': buf_put_str(out, "&gt;"); break;
        case '"': buf_put_str(out, "&quot;"); break;
        case '\r': buf_put_str(out, "&#xD;"); break;
        default: buf_put_u8(out, c); break;
        }
    }
}

static void put_element(const char *name, struct slice text, struct buf *out)
{
    buf_printf(out, "<%s>", name);
    put_text(text, out);
    buf_printf(out, "</%s>", name);
}

static struct slice scalar_text(const struct json_node *v)
{
    switch (json_type(v)) {
    case JSON_TRUE: return SLICE("true");
    case JSON_FALSE: return SLICE("false");
    case JSON_NUMBER:
    case JSON_STRING: return json_text(v);
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT: break;
    }
    return SLICE("");
}

static void put_members(const struct aws_row *op, const struct json_node *object, struct buf *out);

static void
put_entry(const struct aws_row *op, const char *name, const struct json_node *v, struct buf *out)
{
    buf_printf(out, "<%s>", name);
    if (json_is(v, JSON_OBJECT)) {
        put_members(op, v, out);
    } else {
        put_text(scalar_text(v), out);
    }
    buf_printf(out, "</%s>", name);
}

static void put_flat(const struct aws_row *op,
                     const struct flat *flat,
                     const struct json_node *v,
                     struct buf *out)
{
    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        if (flat->key == NULL) {
            put_entry(op, flat->name, e, out);
            continue;
        }
        buf_printf(out, "<%s>", flat->name);
        put_element(flat->key, json_key(v, e), out);
        put_entry(op, flat->value, e, out);
        buf_printf(out, "</%s>", flat->name);
    }
}

static void put_members(const struct aws_row *op, const struct json_node *object, struct buf *out)
{
    for (const struct json_node *e = json_first(object); e != NULL; e = json_next(object, e)) {
        struct slice name = json_key(object, e);
        const struct flat *flat = flat_find(op, name);
        char own[PREFIX_BYTES];

        if (flat != NULL) {
            put_flat(op, flat, e, out);
        } else if (name.len < sizeof(own)) {
            memcpy(own, name.ptr, name.len);
            own[name.len] = '\0';
            put_entry(op, own, e, out);
        }
    }
}

static bool has_result(const struct aws_row *op)
{
    size_t count;
    const struct aws_row *end = aws_rows(&count);

    end += count;
    for (const struct aws_row *row = op + 1; row < end && row->kind != AWS_ROW_OPERATION; row++) {
        if (row->kind == AWS_ROW_OUT) {
            return true;
        }
    }
    return false;
}

void query_reply(const struct aws_row *op,
                 const struct json_node *reply,
                 struct slice request_id,
                 struct buf *out)
{
    buf_printf(out, "<?xml version=\"1.0\"?><%sResponse xmlns=\"%s\">", op->name, SQS_NAMESPACE);
    if (has_result(op)) {
        buf_printf(out, "<%sResult>", op->name);
        put_members(op, reply, out);
        buf_printf(out, "</%sResult>", op->name);
    }
    buf_put_str(out, "<ResponseMetadata>");
    put_element("RequestId", request_id, out);
    buf_printf(out, "</ResponseMetadata></%sResponse>", op->name);
}

void query_fail(const char *code,
                bool sender,
                struct slice message,
                struct slice request_id,
                struct buf *out)
{
    buf_printf(out, "<?xml version=\"1.0\"?><ErrorResponse xmlns=\"%s\"><Error>", SQS_NAMESPACE);
    put_element("Type", sender ? SLICE("Sender") : SLICE("Receiver"), out);
    put_element("Code", slice_str(code), out);
    put_element("Message", message, out);
    buf_put_str(out, "<Detail/></Error>");
    put_element("RequestId", request_id, out);
    buf_put_str(out, "</ErrorResponse>");
}
