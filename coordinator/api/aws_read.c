/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and replies of others: AWS's JSON to our messages. */
#include <assert.h>

#include "coordinator/api/aws_internal.h"

#define TIME_SECONDS_MAX 253402300800.0 /* the year 10000: no text has it */

struct reader {
    enum aws_style style;
    enum aws_service service;
    const struct json_node *from;
    ProtobufCMessage *message;
    struct arena *a;
    struct buf missing; /* "Value null at 'x' ...; ..." */
    size_t missing_count;
    struct err *err;
};

static enum err_code wrong_type(struct reader *r, const struct aws_row *row, const char *wanted)
{
    return err_set(r->err, ERR_MESSAGE, "The value for the field '%.*s' must be a %s",
                   SLICE_FMT(aws_name(r->style, row->name, r->a)), wanted);
}

static enum err_code
put_text(struct reader *r, const struct aws_row *row, struct place *p, struct slice text)
{
    if (p->field->type == PROTOBUF_C_TYPE_BYTES) {
        *(ProtobufCBinaryData *)(void *)p->at = message_bytes(text);
        return OK;
    }
    if (slice_find(text, '\0') != text.len && strcmp(row->name, "name") == 0) {
        return err_set(r->err, ERR_INVALID_NAME, "Invalid Name: it contains a null character");
    }
    if (slice_find(text, '\0') != text.len) {
        return err_set(r->err, ERR_VALIDATION,
                       "1 validation error detected: Value at '%s' failed to satisfy constraint: "
                       "Member must not contain null characters",
                       row->name);
    }
    *(char **)(void *)p->at = arena_str(r->a, text);
    return OK;
}

static enum err_code
read_text(struct reader *r, const struct aws_row *row, struct place *p, const struct json_node *v)
{
    bool whole = json_is(v, JSON_OBJECT) || json_is(v, JSON_ARRAY) || row->form == AWS_DOCUMENT;

    if (json_is(v, JSON_STRING)) {
        return put_text(r, row, p, json_text(v));
    }
    if (r->style == AWS_HTTP || !whole) {
        return wrong_type(r, row, "STRING");
    }
    return put_text(r, row, p, json_print(v, r->a));
}

static enum err_code
read_number(struct reader *r, const struct aws_row *row, struct place *p, const struct json_node *v)
{
    uint32_t narrow;
    int64_t n;

    if (!json_i64(v, &n) || n > INT32_MAX || n < INT32_MIN) {
        return wrong_type(r, row, "NUMBER");
    }
    if (n < 0) {
        return err_set(r->err, ERR_VALIDATION,
                       "1 validation error detected: Value '%lld' at '%s' failed to satisfy "
                       "constraint: Member must have value greater than or equal to 0",
                       (long long)n, row->name);
    }
    assert(p->field->type == PROTOBUF_C_TYPE_UINT32);
    narrow = (uint32_t)n;
    memcpy(p->at, &narrow, sizeof(narrow));
    return OK;
}

static enum err_code read_integer(struct reader *r,
                                  const struct aws_row *row,
                                  struct place *p,
                                  const struct json_node *v)
{
    int32_t narrow;
    int64_t n;

    if (!json_i64(v, &n) || n > INT32_MAX || n < INT32_MIN) {
        return wrong_type(r, row, "NUMBER");
    }
    assert(p->field->type == PROTOBUF_C_TYPE_INT32);
    narrow = (int32_t)n;
    memcpy(p->at, &narrow, sizeof(narrow));
    return OK;
}

static enum err_code
read_flag(struct reader *r, const struct aws_row *row, struct place *p, const struct json_node *v)
{
    if (!json_is_bool(v)) {
        return wrong_type(r, row, "BOOLEAN");
    }
    *(protobuf_c_boolean *)(void *)p->at = json_is(v, JSON_TRUE) == (row->form == AWS_FLAG);
    return OK;
}

static enum err_code read_enabled(struct reader *r,
                                  const struct aws_row *row,
                                  struct place *p,
                                  const struct json_node *v)
{
    const struct json_node *enabled = json_member(v, aws_name(r->style, "enabled", r->a));

    if (!json_is(v, JSON_OBJECT) || (enabled != NULL && !json_is_bool(enabled))) {
        return wrong_type(r, row, "STRUCTURE with a BOOLEAN");
    }
    if (enabled == NULL) {
        return err_set(r->err, ERR_TRACING,
                       "Invalid Tracing Configuration: 'enabled' must be true or false");
    }
    *(protobuf_c_boolean *)(void *)p->at = json_is(enabled, JSON_TRUE);
    return OK;
}

static enum err_code
read_own_key(struct reader *r, const struct aws_row *row, const struct json_node *v)
{
    const struct json_node *type = json_member(v, aws_name(r->style, "type", r->a));

    if (!json_is(v, JSON_OBJECT) || (type != NULL && !json_is(type, JSON_STRING))) {
        return wrong_type(r, row, "STRUCTURE with a STRING");
    }
    if (type == NULL) {
        return err_set(r->err, ERR_VALIDATION,
                       "1 validation error detected: Value null at '%s.type' failed to satisfy "
                       "constraint: Member must not be null",
                       row->name);
    }
    if (!slice_eq_str(json_text(type), "AWS_OWNED_KEY") || json_count(v) != 1) {
        return err_set(r->err, ERR_ENCRYPTION,
                       "Invalid Encryption Configuration: nothing is encrypted by a key of yours "
                       "here; the only type is AWS_OWNED_KEY, and it has no other members");
    }
    return OK;
}

static enum err_code
read_time(struct reader *r, const struct aws_row *row, struct place *p, const struct json_node *v)
{
    double seconds;
    int64_t ms;

    if (!json_double(v, &seconds) || !(seconds >= 0 && seconds < TIME_SECONDS_MAX)) {
        return wrong_type(r, row, "TIMESTAMP");
    }
    assert(p->field->type == PROTOBUF_C_TYPE_INT64);
    ms = (int64_t)(seconds * 1000 + 0.5);
    memcpy(p->at, &ms, sizeof(ms));
    return OK;
}

static void set_count(struct reader *r, const struct place *p, size_t count)
{
    memcpy((char *)r->message + p->field->quantifier_offset, &count, sizeof(count));
}

static enum err_code read_member(struct reader *r, const struct aws_row *row);

/* A message of each element, by the AWS_ITEM lines behind. */
static enum err_code
read_item(struct reader *r, const struct aws_row *list, const struct json_node *v, void **out)
{
    const ProtobufCMessageDescriptor *d = place_of(r->message, list->field).field->descriptor;
    struct reader item = *r;
    enum err_code rc = OK;

    item.from = v;
    item.message = arena_alloc(r->a, d->sizeof_message);
    protobuf_c_message_init(d, item.message);
    if (!json_is(v, JSON_OBJECT)) {
        return wrong_type(r, list, "LIST of objects");
    }
    for (const struct aws_row *m = aws_row_next(list);
         m != NULL && m->kind == AWS_ROW_ITEM && rc == OK; m = aws_row_next(m)) {
        rc = read_member(&item, m);
    }
    r->missing = item.missing;
    r->missing_count = item.missing_count;
    *out = item.message;
    return rc;
}

static enum err_code
read_list(struct reader *r, const struct aws_row *row, struct place *p, const struct json_node *v)
{
    void **items = ARENA_ARRAY(r->a, json_count(v) + 1, void *);
    enum err_code rc = OK;
    size_t n = 0;

    if (!json_is(v, JSON_ARRAY)) {
        return wrong_type(r, row, "LIST");
    }
    for (const struct json_node *e = json_first(v); e != NULL && rc == OK; e = json_next(v, e)) {
        rc = read_item(r, row, e, &items[n++]);
    }
    *(void ***)(void *)p->at = items;
    set_count(r, p, n);
    return rc;
}

static enum err_code
read_texts(struct reader *r, const struct aws_row *row, struct place *p, const struct json_node *v)
{
    char **items = ARENA_ARRAY(r->a, json_count(v) + 1, char *);
    size_t n = 0;

    if (!json_is(v, JSON_ARRAY)) {
        return wrong_type(r, row, "LIST");
    }
    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        if (!json_is(e, JSON_STRING) || slice_find(json_text(e), '\0') != json_text(e).len) {
            return wrong_type(r, row, "LIST of strings");
        }
        items[n++] = arena_str(r->a, json_text(e));
    }
    *(char ***)(void *)p->at = items;
    set_count(r, p, n);
    return OK;
}

/* A tag of each member. */
static enum err_code
read_map(struct reader *r, const struct aws_row *row, struct place *p, const struct json_node *v)
{
    Stepfleet__Tag **items = ARENA_ARRAY(r->a, json_count(v) + 1, Stepfleet__Tag *);
    size_t n = 0;

    if (!json_is(v, JSON_OBJECT)) {
        return wrong_type(r, row, "MAP");
    }
    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        struct slice key = json_key(v, e);

        if (!json_is(e, JSON_STRING) || slice_find(key, '\0') != key.len ||
            slice_find(json_text(e), '\0') != json_text(e).len) {
            return wrong_type(r, row, "MAP of strings");
        }
        items[n] = arena_alloc(r->a, sizeof(Stepfleet__Tag));
        stepfleet__tag__init(items[n]);
        items[n]->key = arena_str(r->a, key);
        items[n++]->value = arena_str(r->a, json_text(e));
    }
    *(Stepfleet__Tag ***)(void *)p->at = items;
    set_count(r, p, n);
    return OK;
}

static enum err_code
read_value(struct reader *r, const struct aws_row *row, struct place *p, const struct json_node *v)
{
    switch (row->form) {
    case AWS_TEXT:
    case AWS_DOCUMENT: return read_text(r, row, p, v);
    case AWS_OBJECT:
        return put_text(
            r, row, p,
            json_print(r->style == AWS_HTTP ? v : aws_renamed(v, aws_lower, r->a), r->a));
    case AWS_NUMBER: return read_number(r, row, p, v);
    case AWS_INTEGER: return read_integer(r, row, p, v);
    case AWS_FLAG:
    case AWS_NOT_FLAG: return read_flag(r, row, p, v);
    case AWS_ENABLED: return read_enabled(r, row, p, v);
    case AWS_OWN_KEY: return read_own_key(r, row, v);
    case AWS_LIST: return read_list(r, row, p, v);
    case AWS_TEXTS: return read_texts(r, row, p, v);
    case AWS_MAP: return read_map(r, row, p, v);
    case AWS_TIME: return read_time(r, row, p, v);
    case AWS_EVENTS:
    case AWS_INCLUDED:
    case AWS_BILLED:
    case AWS_NO_LIST:
    case AWS_WHOLE: break;
    }
    return err_set(r->err, ERR_INTERNAL, "%s is of replies only", row->name);
}

static void note_missing(struct reader *r, const struct aws_row *row)
{
    if (r->service == AWS_SQS && r->missing_count == 0) {
        buf_printf(&r->missing, "The request must contain the parameter %s.", row->name);
    } else if (r->style == AWS_HTTP && r->service != AWS_SQS) {
        buf_printf(&r->missing,
                   "%sValue null at '%s' failed to satisfy constraint: Member must not be null",
                   r->missing_count != 0 ? "; " : "", row->name);
    } else if (r->service != AWS_SQS) {
        buf_printf(&r->missing, "%sThe field '%.*s' is required but was missing",
                   r->missing_count != 0 ? ", " : "",
                   SLICE_FMT(aws_name(r->style, row->name, r->a)));
    }
    r->missing_count++;
}

static enum err_code say_missing(struct reader *r)
{
    struct slice text = buf_slice(&r->missing);

    if (r->service == AWS_SQS) {
        return err_set(r->err, ERR_QUEUE_MISSING, "%.*s", SLICE_FMT(text));
    }
    if (r->style != AWS_HTTP) {
        return err_set(r->err, ERR_MESSAGE, "%.*s", SLICE_FMT(text));
    }
    return err_set(r->err, ERR_VALIDATION, "%zu validation error%s detected: %.*s",
                   r->missing_count, r->missing_count > 1 ? "s" : "", SLICE_FMT(text));
}

static enum err_code read_member(struct reader *r, const struct aws_row *row)
{
    const struct json_node *v = json_member(r->from, aws_name(r->style, row->name, r->a));
    struct place place = place_of(r->message, row->field);
    struct place has;
    enum err_code rc;

    if (v == NULL || json_is(v, JSON_NULL)) {
        if (row->must) {
            note_missing(r, row);
        }
        return OK;
    }
    rc = read_value(r, row, &place, v);
    if (rc == OK && place_has(r->message, row->field, &has)) {
        *(protobuf_c_boolean *)(void *)has.at = 1;
    }
    return rc;
}

enum err_code aws_request(const struct aws_row *operation,
                          enum aws_style style,
                          const struct json_node *v,
                          struct arena *a,
                          ProtobufCMessage **out,
                          struct err *err)
{
    const ProtobufCMessageDescriptor *d = rpc_request(operation->method);
    struct reader r = {
        .style = style, .service = operation->service, .from = v, .a = a, .err = err};
    enum err_code rc = OK;

    r.message = arena_alloc(a, d->sizeof_message);
    protobuf_c_message_init(d, r.message);
    if (!json_is(v, JSON_OBJECT)) {
        rc = err_set(err, ERR_MESSAGE, "The request must be an object");
    }
    for (const struct aws_row *m = aws_row_next(operation); m != NULL && rc == OK;
         m = aws_row_next(m)) {
        if (m->kind == AWS_ROW_IN) {
            rc = read_member(&r, m);
        }
    }
    if (rc == OK && r.missing_count != 0) {
        rc = say_missing(&r);
    }
    buf_fini(&r.missing);
    if (rc == OK) {
        *out = r.message;
    }
    return rc;
}
