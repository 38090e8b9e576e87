/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdio.h>

#include "coordinator/access/role.h"
#include "coordinator/api/aws_internal.h"

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

/* Whoever comes over HTTP needs what all need (access/role.def). */
#define AWS_OPERATION(name, method, service, role)                                                 \
    _Static_assert((int)ROLE_##role == (int)ROLE_OF_##method, #name " has another role here");
#define AWS_IN(name, field, form, must)
#define AWS_OUT(name, field, form, must)
#define AWS_ITEM(name, field, form, must)
#include "coordinator/api/aws.def"
#undef AWS_OPERATION
#undef AWS_IN
#undef AWS_OUT
#undef AWS_ITEM

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

const struct aws_row *aws_rows(size_t *count)
{
    *count = ROWS;
    return rows;
}

const struct aws_row *aws_row_next(const struct aws_row *r)
{
    return r + 1 < rows + ROWS && r[1].kind != AWS_ROW_OPERATION ? r + 1 : NULL;
}

char aws_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

const struct aws_row *aws_operation(struct slice name)
{
    for (size_t i = 0; i < OPERATIONS; i++) {
        const struct aws_row *r = &rows[operations[i]];

        if (r->service <= AWS_GLUE && name.len != 0 && aws_upper(name.ptr[0]) == r->name[0] &&
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
        r = aws_row_next(r);
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
    copy[0] = aws_upper(copy[0]);
    return slice_make(copy, name.len);
}

struct slice aws_name(enum aws_style style, const char *name, struct arena *a)
{
    return with_first(slice_str(name), style, a);
}

char aws_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* ---- values under their other names ---- */

/* A member under its other name. Names of variables are data, and stay. */
static void put_renamed(struct json_builder *b,
                        struct slice name,
                        const struct json_node *v,
                        char (*first)(char c))
{
    char *key = arena_str(b->a, name);

    key[0] = first(key[0]);
    json_put(b, slice_make(key, name.len),
             slice_eq_str(name, "assignedVariables") ? v : aws_renamed(v, first, b->a));
}

const struct json_node *
aws_renamed(const struct json_node *v, char (*first)(char c), struct arena *a)
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
            json_push(&b, aws_renamed(e, first, a));
        }
    }
    return json_built(&b);
}

/* ---- fields of messages ---- */

bool place_find(const ProtobufCMessage *m, const char *name, struct place *out)
{
    out->field = protobuf_c_message_descriptor_get_field_by_name(m->descriptor, name);
    if (out->field == NULL) {
        return false;
    }
    out->at = (char *)(uintptr_t)m + out->field->offset;
    return true;
}

struct place place_of(const ProtobufCMessage *m, const char *name)
{
    struct place p;
    bool found = place_find(m, name, &p);

    assert(found); /* the table and the messages are of one build; the unit test looks at each */
    (void)found;
    return p;
}

bool place_has(const ProtobufCMessage *m, const char *name, struct place *out)
{
    char has[64];

    (void)snprintf(has, sizeof(has), "has_%s", name);
    return place_find(m, has, out);
}

struct slice place_text(const struct place *p)
{
    if (p->field->type == PROTOBUF_C_TYPE_STRING) {
        return slice_str(*(char *const *)(void *)p->at);
    }
    return message_slice(*(const ProtobufCBinaryData *)(void *)p->at);
}

int64_t place_number(const struct place *p)
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

bool place_flag(const struct place *p)
{
    return *(const protobuf_c_boolean *)(void *)p->at != 0;
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
