/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api/aws_json.h"

#include <assert.h>
#include <stdio.h>

#include "proto/base/text.h"

#define OPTIONAL false
#define REQUIRED true
#define GIVEN    false
#define ALWAYS   true

static const struct aws_row rows[] = {
#define AWS_OPERATION(name, method, service, role)                                                 \
    {AWS_ROW_OPERATION,      #name,         NULL,       AWS_TEXT, false,                           \
     (unsigned)RPC_##method, AWS_##service, ROLE_##role},
#define AWS_MEMBER(kind, name, field, form, must)                                                  \
    {AWS_ROW_##kind, name, field, AWS_##form, must, 0, AWS_STATES, ROLE_ADMIN},
#define AWS_IN(name, field, form, must)   AWS_MEMBER(IN, name, field, form, must)
#define AWS_OUT(name, field, form, must)  AWS_MEMBER(OUT, name, field, form, must)
#define AWS_ITEM(name, field, form, must) AWS_MEMBER(ITEM, name, field, form, must)
#include "coordinator/api/aws.def"
#undef AWS_OPERATION
#undef AWS_MEMBER
#undef AWS_IN
#undef AWS_OUT
#undef AWS_ITEM
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

/* Where the operations stand among the rows: requests are looked up here. */
enum {
#define AWS_OPERATION(name, method, service, role) AWS_AT_##service##_##name,
#define AWS_IN(name, field, form, must)            AWS_MEMBER_AT(__LINE__)
#define AWS_OUT(name, field, form, must)           AWS_MEMBER_AT(__LINE__)
#define AWS_ITEM(name, field, form, must)          AWS_MEMBER_AT(__LINE__)
#define AWS_MEMBER_AT(line)                        AWS_MEMBER_AT_LINE(line)
#define AWS_MEMBER_AT_LINE(line)                   AWS_AT_LINE_##line,
#include "coordinator/api/aws.def"
#undef AWS_OPERATION
#undef AWS_IN
#undef AWS_OUT
#undef AWS_ITEM
};

static const uint16_t operations[] = {
#define AWS_OPERATION(name, method, service, role) AWS_AT_##service##_##name,
#define AWS_IN(name, field, form, must)
#define AWS_OUT(name, field, form, must)
#define AWS_ITEM(name, field, form, must)
#include "coordinator/api/aws.def"
#undef AWS_OPERATION
#undef AWS_IN
#undef AWS_OUT
#undef AWS_ITEM
};

enum { OPERATIONS = sizeof(operations) / sizeof(operations[0]) };

#define TIME_SECONDS_MAX 253402300800.0 /* the year 10000: no text has it */

const struct aws_row *aws_rows(size_t *count)
{
    *count = ROWS;
    return rows;
}

/* The line behind, NULL where the operation ends. */
static const struct aws_row *row_next(const struct aws_row *r)
{
    return r + 1 < rows + ROWS && r[1].kind != AWS_ROW_OPERATION ? r + 1 : NULL;
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

const struct aws_row *aws_operation(struct slice name)
{
    for (size_t i = 0; i < OPERATIONS; i++) {
        const struct aws_row *r = &rows[operations[i]];

        if (r->service <= AWS_GLUE && name.len != 0 && upper(name.ptr[0]) == r->name[0] &&
            slice_eq_str(slice_from(name, 1), r->name + 1)) {
            return r;
        }
    }
    return NULL;
}

const struct aws_row *aws_operation_of(enum aws_service service, struct slice name)
{
    for (size_t i = 0; i < OPERATIONS; i++) {
        const struct aws_row *r = &rows[operations[i]];

        if (r->service == service && slice_eq_str(name, r->name)) {
            return r;
        }
    }
    return NULL;
}

const struct aws_row *aws_member_next(const struct aws_row *r)
{
    do {
        r = row_next(r);
    } while (r != NULL && r->kind != AWS_ROW_IN);
    return r;
}

static struct slice with_first(struct slice name, enum aws_style style, struct arena *a)
{
    char *copy;

    if (style == AWS_HTTP || name.len == 0) {
        return name;
    }
    copy = arena_str(a, name);
    copy[0] = upper(copy[0]);
    return slice_make(copy, name.len);
}

struct slice aws_name(enum aws_style style, const char *name, struct arena *a)
{
    return with_first(slice_str(name), style, a);
}

/* ---- fields of messages ---- */

/* A place in a message: its descriptor's field and where it lies. */
struct place {
    const ProtobufCFieldDescriptor *field;
    char *at;
};

static bool place_find(const ProtobufCMessage *m, const char *name, struct place *out)
{
    out->field = protobuf_c_message_descriptor_get_field_by_name(m->descriptor, name);
    if (out->field == NULL) {
        return false;
    }
    out->at = (char *)(uintptr_t)m + out->field->offset;
    return true;
}

static struct place place_of(const ProtobufCMessage *m, const char *name)
{
    struct place p;
    bool found = place_find(m, name, &p);

    assert(found); /* the table and the messages are of one build; the unit test looks at each */
    (void)found;
    return p;
}

/* The has_ companion of a field, where it has one. */
static bool place_has(const ProtobufCMessage *m, const char *name, struct place *out)
{
    char has[64];

    (void)snprintf(has, sizeof(has), "has_%s", name);
    return place_find(m, has, out);
}

static struct slice place_text(const struct place *p)
{
    if (p->field->type == PROTOBUF_C_TYPE_STRING) {
        return slice_str(*(char *const *)(void *)p->at);
    }
    return message_slice(*(const ProtobufCBinaryData *)(void *)p->at);
}

static int64_t place_number(const struct place *p)
{
    uint32_t narrow;
    int64_t wide;

    if (p->field->type == PROTOBUF_C_TYPE_UINT32) {
        memcpy(&narrow, p->at, sizeof(narrow));
        return narrow;
    }
    assert(p->field->type == PROTOBUF_C_TYPE_INT64 || p->field->type == PROTOBUF_C_TYPE_UINT64);
    memcpy(&wide, p->at, sizeof(wide));
    return wide;
}

static bool place_flag(const struct place *p)
{
    return *(const protobuf_c_boolean *)(void *)p->at != 0;
}

/* ---- from JSON ---- */

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

static const struct json_node *
renamed(const struct json_node *v, char (*first)(char c), struct arena *a);

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
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
    for (const struct aws_row *m = row_next(list); m != NULL && m->kind == AWS_ROW_ITEM && rc == OK;
         m = row_next(m)) {
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
        return put_text(r, row, p,
                        json_print(r->style == AWS_HTTP ? v : renamed(v, lower, r->a), r->a));
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
    for (const struct aws_row *m = row_next(operation); m != NULL && rc == OK; m = row_next(m)) {
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

/* ---- to JSON ---- */

struct writer {
    enum aws_style style;
    struct arena *a;
};

/* A member under its other name. Names of variables are data, and stay. */
static void put_renamed(struct json_builder *b,
                        struct slice name,
                        const struct json_node *v,
                        char (*first)(char c))
{
    char *key = arena_str(b->a, name);

    key[0] = first(key[0]);
    json_put(b, slice_make(key, name.len),
             slice_eq_str(name, "assignedVariables") ? v : renamed(v, first, b->a));
}

/* The same value, the first letter of each member's name as the other side has it: what is data in
 * our messages (a logging configuration, a history event) has AWS's HTTP names. */
static const struct json_node *
renamed(const struct json_node *v, char (*first)(char c), struct arena *a)
{
    bool object = json_is(v, JSON_OBJECT);
    struct json_builder b = object ? json_build_object(a) : json_build_array(a);

    if (!object && !json_is(v, JSON_ARRAY)) {
        return v;
    }
    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        if (object) {
            put_renamed(&b, json_key(v, e), e, first);
        } else {
            json_push(&b, renamed(e, first, a));
        }
    }
    return json_built(&b);
}

static const struct json_node *time_value(const struct writer *w, int64_t ms)
{
    switch (w->style) {
    case AWS_HTTP:
        return json_number_text(w->a, arena_printf(w->a, "%lld.%03lld", (long long)(ms / 1000),
                                                   (long long)(ms % 1000)));
    case AWS_SDK: return json_string(w->a, text_time(ms, w->a));
    case AWS_OPTIMIZED: return json_integer(w->a, ms);
    }
    return json_null();
}

/* A history event's own time is in seconds. */
static const struct json_node *event_value(const struct writer *w, struct slice text)
{
    const struct json_node *v;
    const struct json_node *time;
    struct json_builder b;
    struct err err;
    double seconds;

    if (json_parse(text, w->a, &v, &err) != OK || w->style == AWS_HTTP) {
        return v;
    }
    b = json_build_object(w->a);
    time = json_member(v, SLICE("timestamp"));
    v = renamed(v, upper, w->a);
    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        json_put(&b, json_key(v, e), e);
    }
    if (json_double(time, &seconds)) {
        json_put(&b, SLICE("Timestamp"), time_value(w, (int64_t)(seconds * 1000 + 0.5)));
    }
    return json_built(&b);
}

static const struct json_node *events_value(const struct writer *w, const struct place *p)
{
    const ProtobufCBinaryData *items = *(ProtobufCBinaryData **)(void *)p->at;
    struct json_builder list = json_build_array(w->a);
    const ProtobufCMessage *m = (const void *)(p->at - p->field->offset);
    size_t count;

    memcpy(&count, (const char *)m + p->field->quantifier_offset, sizeof(count));
    for (size_t i = 0; i < count; i++) {
        json_push(&list, event_value(w, message_slice(items[i])));
    }
    return json_built(&list);
}

static const struct json_node *object_value(const struct writer *w, struct slice text)
{
    const struct json_node *v;
    struct err err;

    if (json_parse(text, w->a, &v, &err) != OK) {
        return NULL;
    }
    return w->style == AWS_HTTP ? v : renamed(v, upper, w->a);
}

/* Were documents left out, as they were not asked for? */
static bool is_bare(const ProtobufCMessage *m)
{
    struct place p;

    return place_find(m, "without_data", &p) && place_flag(&p);
}

static const struct json_node *included_value(const struct writer *w, const struct place *p)
{
    const ProtobufCMessage *m = (const void *)(p->at - p->field->offset);
    struct json_builder b = json_build_object(w->a);

    json_put(&b, aws_name(w->style, "included", w->a), json_bool(!is_bare(m)));
    return json_built(&b);
}

static const struct json_node *enabled_value(const struct writer *w, const struct place *p)
{
    struct json_builder b = json_build_object(w->a);

    json_put(&b, aws_name(w->style, "enabled", w->a), json_bool(place_flag(p)));
    return json_built(&b);
}

static const struct json_node *own_key_value(const struct writer *w)
{
    struct json_builder b = json_build_object(w->a);

    json_put(&b, aws_name(w->style, "type", w->a), json_string(w->a, SLICE("AWS_OWNED_KEY")));
    return json_built(&b);
}

/* AWS bills 64 MB and 100 ms at a time. */
static const struct json_node *billed_value(const struct writer *w, const struct place *p)
{
    enum { UNIT_MB = 64, UNIT_MS = 100 };
    const ProtobufCMessage *m = (const void *)(p->at - p->field->offset);
    struct place start = place_of(m, "start_ms");
    int64_t ms = place_number(p) - place_number(&start);
    struct json_builder b = json_build_object(w->a);

    json_put(&b, aws_name(w->style, "billedMemoryUsedInMB", w->a), json_integer(w->a, UNIT_MB));
    json_put(&b, aws_name(w->style, "billedDurationInMilliseconds", w->a),
             json_integer(w->a, (ms + UNIT_MS - 1) / UNIT_MS * UNIT_MS));
    return json_built(&b);
}

static size_t count_of(const struct place *p)
{
    const ProtobufCMessage *m = (const void *)(p->at - p->field->offset);
    size_t count;

    memcpy(&count, (const char *)m + p->field->quantifier_offset, sizeof(count));
    return count;
}

static const struct json_node *texts_value(const struct writer *w, const struct place *p)
{
    char *const *items = *(char ***)(void *)p->at;
    struct json_builder list = json_build_array(w->a);

    for (size_t i = 0; i < count_of(p); i++) {
        json_push(&list, json_string(w->a, slice_str(items[i])));
    }
    return json_built(&list);
}

static const struct json_node *map_value(const struct writer *w, const struct place *p)
{
    Stepfleet__Tag *const *items = *(Stepfleet__Tag ***)(void *)p->at;
    struct json_builder b = json_build_object(w->a);

    for (size_t i = 0; i < count_of(p); i++) {
        json_put(&b, slice_str(items[i]->key), json_string(w->a, slice_str(items[i]->value)));
    }
    return json_built(&b);
}

/* Does the field say something? */
static bool is_given(const ProtobufCMessage *m, const struct aws_row *row, const struct place *p)
{
    struct place has;

    if (row->form == AWS_INCLUDED && is_bare(m)) {
        return true;
    }
    if (place_has(m, row->field, &has)) {
        return place_flag(&has);
    }
    switch (row->form) {
    case AWS_TEXT:
    case AWS_DOCUMENT:
    case AWS_OBJECT:
    case AWS_INCLUDED: return place_text(p).len != 0;
    case AWS_NUMBER:
    case AWS_TIME:
    case AWS_BILLED: return place_number(p) != 0;
    case AWS_FLAG:
    case AWS_ENABLED:
    case AWS_NOT_FLAG: return place_flag(p);
    case AWS_LIST:
    case AWS_TEXTS:
    case AWS_MAP: return count_of(p) != 0;
    case AWS_INTEGER:
    case AWS_EVENTS:
    case AWS_NO_LIST:
    case AWS_WHOLE:
    case AWS_OWN_KEY: break;
    }
    return true;
}

static const struct json_node *
value_of(const struct writer *w, const struct aws_row *row, const struct place *p)
{
    switch (row->form) {
    case AWS_TEXT:
    case AWS_DOCUMENT: return json_string(w->a, place_text(p));
    case AWS_OBJECT: return object_value(w, place_text(p));
    case AWS_NUMBER: return json_integer(w->a, place_number(p));
    case AWS_FLAG: return json_bool(place_flag(p));
    case AWS_NOT_FLAG: return json_bool(!place_flag(p));
    case AWS_TIME: return time_value(w, place_number(p));
    case AWS_TEXTS: return texts_value(w, p);
    case AWS_MAP: return map_value(w, p);
    case AWS_EVENTS: return events_value(w, p);
    case AWS_INCLUDED: return included_value(w, p);
    case AWS_BILLED: return billed_value(w, p);
    case AWS_ENABLED: return enabled_value(w, p);
    case AWS_OWN_KEY: return own_key_value(w);
    case AWS_NO_LIST: {
        struct json_builder none = json_build_array(w->a);

        return json_built(&none);
    }
    case AWS_INTEGER: break;
    case AWS_LIST:
    case AWS_WHOLE: break; /* list_value(), item_value(): they need the lines behind */
    }
    return NULL;
}

static void put_member(const struct writer *w,
                       struct json_builder *b,
                       const struct aws_row *row,
                       const ProtobufCMessage *m)
{
    struct place p = place_of(m, row->field);
    const struct json_node *v;

    if (!row->must && !is_given(m, row, &p)) {
        return;
    }
    v = value_of(w, row, &p);
    if (v != NULL) {
        json_put(b, aws_name(w->style, row->name, w->a), v);
    }
}

/* By the AWS_ITEM lines behind. */
static const struct json_node *
item_value(const struct writer *w, const struct aws_row *row, const ProtobufCMessage *m)
{
    struct json_builder b = json_build_object(w->a);

    for (const struct aws_row *r = row_next(row); r != NULL && r->kind == AWS_ROW_ITEM;
         r = row_next(r)) {
        put_member(w, &b, r, m);
    }
    return json_built(&b);
}

static const struct json_node *
list_value(const struct writer *w, const struct aws_row *list, const ProtobufCMessage *m)
{
    struct place p = place_of(m, list->field);
    ProtobufCMessage *const *items = *(ProtobufCMessage ***)(void *)p.at;
    struct json_builder out = json_build_array(w->a);
    size_t count;

    memcpy(&count, (const char *)m + p.field->quantifier_offset, sizeof(count));
    for (size_t i = 0; i < count; i++) {
        json_push(&out, item_value(w, list, items[i]));
    }
    return json_built(&out);
}

const struct json_node *aws_reply(const struct aws_row *operation,
                                  enum aws_style style,
                                  const ProtobufCMessage *m,
                                  struct arena *a)
{
    struct writer w = {style, a};
    struct json_builder b = json_build_object(a);

    for (const struct aws_row *r = row_next(operation); r != NULL; r = row_next(r)) {
        if (r->kind != AWS_ROW_OUT) {
            continue;
        }
        if (r->form == AWS_LIST) {
            struct place p = place_of(m, r->field);

            if (!r->must && count_of(&p) == 0) {
                continue;
            }
            json_put(&b, aws_name(style, r->name, a), list_value(&w, r, m));
        } else if (r->form == AWS_WHOLE) {
            json_put(&b, aws_name(style, r->name, a), item_value(&w, r, m));
        } else {
            put_member(&w, &b, r, m);
        }
    }
    return json_built(&b);
}

/* ---- names of errors ---- */

const char *glue_error_name(enum err_code code)
{
    switch ((int)code) {
    case ERR_INTERNAL:
    case ERR_IO:
    case ERR_CORRUPT:
    case ERR_NO_SPACE:
    case ERR_NO_MEMORY: return "InternalServiceException";
    case ERR_JOB_NOT_FOUND:
    case ERR_JOB_RUNS:
    case ERR_DENIED:
    case ERR_SIGNATURE_MISSING:
    case ERR_SIGNATURE_INCOMPLETE:
    case ERR_SIGNATURE_INVALID:
    case ERR_KEY_UNKNOWN:
    case ERR_UNKNOWN_METHOD: return err_name(code);
    default: return err_retryable(code) ? err_name(code) : "InvalidInputException";
    }
}
