/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api/http/rest.h"

#include <string.h>

#include "client/s3/sign.h"
#include "coordinator/api/http/request.h"
#include "proto/base/text.h"

struct rest_route {
    const char *method;
    const char *path; /* "{Name}" is any one part of a path: that member */
    enum aws_service service;
    const char *operation;
};

static const struct rest_route routes[] = {
    {"GET", "/v1/pipes", AWS_PIPES, "ListPipes"},
    {"POST", "/v1/pipes/{Name}", AWS_PIPES, "CreatePipe"},
    {"PUT", "/v1/pipes/{Name}", AWS_PIPES, "UpdatePipe"},
    {"DELETE", "/v1/pipes/{Name}", AWS_PIPES, "DeletePipe"},
    {"GET", "/v1/pipes/{Name}", AWS_PIPES, "DescribePipe"},
    {"POST", "/v1/pipes/{Name}/start", AWS_PIPES, "StartPipe"},
    {"POST", "/v1/pipes/{Name}/stop", AWS_PIPES, "StopPipe"},
    {"GET", "/scale", AWS_STEPFLEET, "DescribeScale"},
    {"GET", "/scale/{Function}", AWS_STEPFLEET, "DescribeScale"},
    {"GET", "/tags/{resourceArn}", AWS_PIPES, "ListTagsForResource"},
    {"POST", "/tags/{resourceArn}", AWS_PIPES, "TagResource"},
    {"DELETE", "/tags/{resourceArn}", AWS_PIPES, "UntagResource"},
};

enum { ROUTES = sizeof(routes) / sizeof(routes[0]) };

/* ---- paths ---- */

/* The part in front, and *path behind it; false: there is none left. */
static bool next_part(struct slice *path, struct slice *part)
{
    struct slice rest = slice_from(*path, 1);

    if (path->len == 0 || path->ptr[0] != '/') {
        return false;
    }
    *part = slice_head(rest, slice_find(rest, '/'));
    *path = slice_from(rest, part->len);
    return true;
}

/* "{Name}": Name; else empty. */
static struct slice member_of(struct slice part)
{
    return slice_starts_with(part, SLICE("{")) ? slice_make(part.ptr + 1, part.len - 2)
                                               : slice_make(NULL, 0);
}

/* Has the path that form? Its members go into `b`, where that is not NULL. */
static bool path_fits(const char *form, struct slice path, struct arena *a, struct json_builder *b)
{
    struct slice wanted = slice_str(form);
    struct slice want;
    struct slice part;

    while (next_part(&wanted, &want)) {
        struct slice member = member_of(want);
        struct slice value;

        if (!next_part(&path, &part) || part.len == 0) {
            return false;
        }
        if (member.len == 0 ? !slice_eq(part, want)
                            : !sign_decode(part, a, &value) || !text_is_utf8(value)) {
            return false;
        }
        if (b != NULL && member.len != 0) {
            json_put(b, member, json_string(a, value));
        }
    }
    return path.len == 0;
}

static struct slice path_of(const struct http_request *r)
{
    return slice_head(r->target, slice_find(r->target, '?'));
}

const struct rest_route *rest_route(const struct http_request *r, struct arena *a)
{
    struct slice path = path_of(r);

    if (slice_eq_str(path, "/")) {
        return NULL; /* where the other protocols ask: most requests */
    }
    for (size_t i = 0; i < ROUTES; i++) {
        if (slice_eq_str(r->method, routes[i].method) && path_fits(routes[i].path, path, a, NULL)) {
            return &routes[i];
        }
    }
    return NULL;
}

const struct aws_row *rest_operation(const struct rest_route *route)
{
    return aws_operation_of(route->service, slice_str(route->operation));
}

/* ---- members ---- */

static enum err_code unreadable(struct err *err)
{
    return err_set(err, ERR_MESSAGE, "the request's target cannot be read");
}

/* What stands behind the '?'. */
struct parameters {
    struct sign_pair *pairs;
    size_t count;
};

static enum err_code
read_query(struct slice query, struct arena *a, struct parameters *out, struct err *err)
{
    struct slice all = query;
    size_t most = 1;

    for (size_t i = 0; i < query.len; i++) {
        most += query.ptr[i] == '&';
    }
    *out = (struct parameters){.pairs = ARENA_ARRAY(a, most, struct sign_pair)};
    while (all.len != 0) {
        struct slice one = slice_head(all, slice_find(all, '&'));
        size_t equals = slice_find(one, '=');
        struct sign_pair *p = &out->pairs[out->count];

        all = slice_from(all, one.len + 1);
        if (!sign_decode(slice_head(one, equals), a, &p->name) ||
            !sign_decode(slice_from(one, equals + 1), a, &p->value) || !text_is_utf8(p->name) ||
            !text_is_utf8(p->value)) {
            return unreadable(err);
        }
        out->count++;
    }
    return OK;
}

/* A list is said by its name again and again. */
static const struct json_node *
list_of(const struct parameters *q, struct slice name, struct arena *a)
{
    struct json_builder list = json_build_array(a);

    for (size_t i = 0; i < q->count; i++) {
        if (slice_eq(q->pairs[i].name, name)) {
            json_push(&list, json_string(a, q->pairs[i].value));
        }
    }
    return json_built(&list);
}

/* As the members' forms want them; a parameter of no member is passed over, as AWS does. */
static void
put_members(const struct parameters *q, const struct aws_row *operation, struct json_builder *b)
{
    for (const struct aws_row *m = aws_member_next(operation); m != NULL; m = aws_member_next(m)) {
        struct slice name = slice_str(m->name);
        const struct json_node *list = list_of(q, name, b->a);
        const struct json_node *first = json_first(list);
        int64_t number;

        if (first == NULL) {
            continue;
        }
        if (m->form == AWS_NUMBER && text_parse_i64(json_text(first), &number)) {
            first = json_integer(b->a, number);
        }
        json_put(b, name, m->form == AWS_TEXTS ? list : first);
    }
}

enum err_code rest_request(const struct http_request *r,
                           const struct rest_route *route,
                           struct arena *a,
                           const struct json_node **body,
                           struct err *err)
{
    struct json_builder b = json_build_object(a);
    struct parameters q;
    enum err_code rc;

    if (!json_is(*body, JSON_OBJECT)) {
        return err_set(err, ERR_MESSAGE, "The request must be an object");
    }
    for (const struct json_node *e = json_first(*body); e != NULL; e = json_next(*body, e)) {
        json_put(&b, json_key(*body, e), e);
    }
    rc = read_query(slice_from(r->target, path_of(r).len + 1), a, &q, err);
    if (rc == OK) {
        put_members(&q, rest_operation(route), &b);
    }
    if (rc == OK && !path_fits(route->path, path_of(r), a, &b)) {
        rc = unreadable(err);
    }
    if (rc == OK) {
        *body = json_built(&b);
    }
    return rc;
}

/* ---- errors ---- */

const char *rest_error_name(enum err_code code)
{
    switch ((int)code) {
    case ERR_INTERNAL:
    case ERR_IO:
    case ERR_CORRUPT:
    case ERR_NO_SPACE: return "InternalException";
    case ERR_DISK: return err_name(ERR_UNAVAILABLE); /* SDKs ask again */
    case ERR_TAGS:
    case ERR_INVALID_TOKEN: return err_name(ERR_VALIDATION);
    default: return err_name(code);
    }
}

unsigned rest_error_status(enum err_code code)
{
    switch ((int)code) {
    case ERR_PIPE_NOT_FOUND: return 404;
    case ERR_CONFLICT: return 409;
    case ERR_QUOTA: return 402;
    case ERR_BUSY: return 429;
    default: return aws_error_status(code);
    }
}

/* "... at 'roleArn' failed ...": which member it is about; empty: none. */
static struct slice field_of(struct slice message)
{
    static const char before[] = " at '";
    const char *at = strstr(message.ptr, before);
    struct slice name;

    if (at == NULL) {
        return slice_make(NULL, 0);
    }
    name = slice_str(at + sizeof(before) - 1);
    return slice_head(name, slice_find(name, '\''));
}

void rest_error(enum err_code code, const struct err *err, struct buf *out)
{
    struct slice message = slice_str(err->msg);
    struct slice field = code == ERR_VALIDATION ? field_of(message) : slice_make(NULL, 0);

    buf_put_str(out, "{");
    if (field.len != 0) {
        buf_put_str(out, "\"fieldList\":[{\"name\":");
        json_write_string(field, out);
        buf_put_str(out, ",\"message\":");
        json_write_string(message, out);
        buf_put_str(out, "}],");
    }
    buf_put_str(out, "\"message\":");
    json_write_string(message, out);
    buf_put_str(out, "}");
}
