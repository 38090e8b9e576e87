/* SPDX-License-Identifier: Apache-2.0 */
/* Reading: the form's names are cut at their dots into a tree, found by (parent, name), and the
 * tree is told as JSON by the service's table. Elements of lists are kept in order of their
 * numbers while they come in, which they nearly always do in order. Writing walks the JSON. */
#include "coordinator/api/http/query.h"

#include "client/s3/sign.h"
#include "client/s3/xml.h"
#include "proto/base/hash.h"
#include "proto/base/limits.h"
#include "proto/base/list.h"
#include "proto/base/text.h"
#include "proto/base/utf8.h"

#define QUERY_LIST(operation, member, element, wrapper)                                            \
    {QUERY_LIST, operation, member, element, wrapper, NULL, NULL},
#define QUERY_MAP(operation, member, element, wrapper, key, value)                                 \
    {QUERY_MAP, operation, member, element, wrapper, key, value},
#define QUERY_NUMBER(member) {QUERY_NUMBER, NULL, member, member, NULL, NULL, NULL},
#define QUERY_FLAG(member)   {QUERY_FLAG, NULL, member, member, NULL, NULL, NULL},

static const struct query_row sns_rows[] = {
#include "coordinator/api/http/query_sns.def"
};

static const struct query_row sqs_rows[] = {
#include "coordinator/api/http/query_sqs.def"
};

#undef QUERY_LIST
#undef QUERY_MAP
#undef QUERY_NUMBER
#undef QUERY_FLAG

static const struct query_service services[] = {
    {"2010-03-31", "http://sns.amazonaws.com/doc/2010-03-31/", "", "", sns_rows,
     sizeof(sns_rows) / sizeof(sns_rows[0])},
    {"2012-11-05", "http://queue.amazonaws.com/doc/2012-11-05/", "<?xml version=\"1.0\"?>",
     "<Detail/>", sqs_rows, sizeof(sqs_rows) / sizeof(sqs_rows[0])},
};

const struct query_service *query_service(struct slice version)
{
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        if (slice_eq_str(version, services[i].version)) {
            return &services[i];
        }
    }
    return NULL;
}

const struct query_service *query_any(void)
{
    return &services[0];
}

static bool row_is(const struct query_row *r, struct slice operation)
{
    return r->operation == NULL || slice_eq_str(operation, r->operation);
}

/* ---- the form as a tree ---- */

struct node {
    struct hash_node named; /* in form.index, by parent and name */
    struct list link;       /* in parent's children */
    struct list children;
    const struct node *parent;
    struct slice name;
    uint64_t number;    /* its name as one; 0: it is none */
    struct slice value; /* ptr NULL: none was given */
};

struct form {
    struct arena *a;
    struct hash index;
    struct node root;
    size_t count; /* parameters so far */
    const struct query_service *service;
    struct slice operation;
    struct err *err;
};

static enum err_code unreadable(struct form *f, const char *why, struct slice what)
{
    return err_set(f->err, ERR_MESSAGE, "%s '%.*s'", why, SLICE_FMT(slice_head(what, 200)));
}

static uint64_t node_hash(const struct node *parent, struct slice name)
{
    return hash_bytes(name, (uint64_t)(uintptr_t)parent);
}

static struct node *node_child(const struct form *f, const struct node *parent, struct slice name)
{
    HASH_EACH_MATCH(n, &f->index, node_hash(parent, name))
    {
        struct node *child = container_of(n, struct node, named);

        if (child->parent == parent && slice_eq(child->name, name)) {
            return child;
        }
    }
    return NULL;
}

/* Behind all that have no higher number. */
static void node_place(struct node *parent, struct node *child)
{
    struct list *after = parent->children.prev;

    while (after != &parent->children &&
           container_of(after, struct node, link)->number > child->number) {
        after = after->prev;
    }
    list_push_front(after, &child->link);
}

static struct node *node_add(struct form *f, struct node *parent, struct slice name)
{
    struct node *child = ARENA_NEW(f->a, struct node);

    child->parent = parent;
    child->name = name;
    if (!text_parse_u64(name, &child->number)) {
        child->number = 0;
    }
    list_init(&child->children);
    node_place(parent, child);
    hash_insert(&f->index, &child->named, node_hash(parent, name));
    return child;
}

/* One parameter. Given twice, the last one counts. */
static enum err_code take_parameter(struct form *f, struct slice name, struct slice value)
{
    struct node *at = &f->root;
    struct slice rest = name;
    size_t depth = 0;

    while (rest.ptr != NULL) {
        size_t dot = slice_find(rest, '.');
        struct slice part = slice_head(rest, dot);
        struct node *child = node_child(f, at, part);

        if (part.len == 0 || ++depth > LIMIT_QUERY_DEPTH) {
            return unreadable(f, "The request has a malformed parameter name", name);
        }
        at = child != NULL ? child : node_add(f, at, part);
        rest = dot == rest.len ? (struct slice){NULL, 0} : slice_from(rest, dot + 1);
    }
    at->value = value;
    return OK;
}

static enum err_code take_pair(struct form *f, struct slice pair)
{
    size_t equals = slice_find(pair, '=');
    struct slice name;
    struct slice value;

    if (++f->count > LIMIT_QUERY_PARAMETERS) {
        return err_set(f->err, ERR_TOO_LARGE, "The request has more than %d parameters",
                       LIMIT_QUERY_PARAMETERS);
    }
    if (!sign_decode(slice_head(pair, equals), f->a, &name) ||
        !sign_decode(slice_from(pair, equals + 1), f->a, &value) || !text_is_utf8(name) ||
        !text_is_utf8(value)) {
        return unreadable(f, "The request has a malformed parameter", pair);
    }
    return take_parameter(f, name, value);
}

static enum err_code take_text(struct form *f, struct slice text)
{
    enum err_code rc = OK;

    while (text.len != 0 && rc == OK) {
        size_t end = slice_find(text, '&');

        if (end != 0) {
            rc = take_pair(f, slice_head(text, end));
        }
        text = slice_from(text, end + 1);
    }
    return rc;
}

/* ---- the tree as JSON ---- */

static const struct json_node *node_json(struct form *f, const struct node *n);

static const struct json_node *
scalar_json(const struct form *f, const struct query_row *row, struct slice text)
{
    int64_t number;

    if (row != NULL && row->form == QUERY_NUMBER && text_parse_i64(text, &number)) {
        return json_integer(f->a, number);
    }
    if (row != NULL && row->form == QUERY_FLAG &&
        (slice_eq_str(text, "true") || slice_eq_str(text, "false"))) {
        return json_bool(slice_eq_str(text, "true"));
    }
    return json_string(f->a, text);
}

static const struct json_node *list_json(struct form *f, const struct node *list)
{
    struct json_builder b = json_build_array(f->a);

    LIST_EACH(at, &list->children)
    {
        json_push(&b, node_json(f, container_of(at, struct node, link)));
    }
    return json_built(&b);
}

static const struct json_node *
map_json(struct form *f, const struct query_row *row, const struct node *map)
{
    struct json_builder b = json_build_object(f->a);

    LIST_EACH(at, &map->children)
    {
        const struct node *entry = container_of(at, struct node, link);
        const struct node *key = node_child(f, entry, slice_str(row->key));
        const struct node *value = node_child(f, entry, slice_str(row->value));

        if (key != NULL && key->value.ptr != NULL) {
            json_put(&b, key->value, value != NULL ? node_json(f, value) : json_null());
        }
    }
    return json_built(&b);
}

/* An element that no row names: a text, or a structure. */
static const struct json_node *
row_json(struct form *f, const struct query_row *row, const struct node *n)
{
    bool many = row != NULL && (row->form == QUERY_LIST || row->form == QUERY_MAP);
    const struct node *inner = n;

    if (!many) {
        return list_empty(&n->children) ? scalar_json(f, row, n->value) : node_json(f, n);
    }
    if (row->wrapper != NULL) {
        inner = node_child(f, n, slice_str(row->wrapper));
    }
    if (inner == NULL) { /* "TagKeys=": an empty one */
        struct json_builder none =
            row->form == QUERY_LIST ? json_build_array(f->a) : json_build_object(f->a);

        return json_built(&none);
    }
    return row->form == QUERY_LIST ? list_json(f, inner) : map_json(f, row, inner);
}

/* A list that has no wrapper in replies may have the name of a text in requests: QueueUrl. */
static bool is_text_of(const struct query_row *r, const struct node *n)
{
    return r->form == QUERY_LIST && r->wrapper == NULL && list_empty(&n->children) &&
           n->value.len != 0;
}

static const struct query_row *row_of_element(const struct form *f, const struct node *n)
{
    for (size_t i = 0; i < f->service->row_count; i++) {
        const struct query_row *r = &f->service->rows[i];

        if (slice_eq_str(n->name, r->element) && row_is(r, f->operation)) {
            return is_text_of(r, n) ? NULL : r;
        }
    }
    return NULL;
}

static const struct json_node *node_json(struct form *f, const struct node *n)
{
    struct json_builder b = json_build_object(f->a);

    if (list_empty(&n->children) && n->value.ptr != NULL) {
        return json_string(f->a, n->value);
    }
    LIST_EACH(at, &n->children)
    {
        const struct node *child = container_of(at, struct node, link);
        const struct query_row *row = row_of_element(f, child);

        json_put(&b, row != NULL ? slice_str(row->member) : child->name, row_json(f, row, child));
    }
    return json_built(&b);
}

static struct slice root_text(const struct form *f, const char *name)
{
    const struct node *n = node_child(f, &f->root, slice_str(name));

    return n != NULL ? n->value : (struct slice){NULL, 0};
}

enum err_code query_request(struct slice text,
                            struct arena *a,
                            const struct query_service **service,
                            const struct json_node **out,
                            struct err *err)
{
    struct form f = {.a = a, .err = err};
    enum err_code rc;

    list_init(&f.root.children);
    rc = take_text(&f, text);
    if (rc == OK) {
        f.service = query_service(root_text(&f, "Version"));
        f.operation = root_text(&f, "Action");
        rc = f.service != NULL ? OK
                               : unreadable(&f, "There is no version", root_text(&f, "Version"));
    }
    if (rc == OK) {
        *service = f.service;
        *out = node_json(&f, &f.root);
    }
    hash_fini(&f.index);
    return rc;
}

/* ---- replies ---- */

struct writer {
    const struct query_service *service;
    struct slice operation;
    struct arena *a;
    struct buf *out;
};

static void open_element(struct buf *b, struct slice name)
{
    buf_printf(b, "<%.*s>", SLICE_FMT(name));
}

static void close_element(struct buf *b, struct slice name)
{
    buf_printf(b, "</%.*s>", SLICE_FMT(name));
}

/* Length of the character at `p`; 0: it is none, or none that XML has a place for, not even
 * escaped: most controls, and the two last code points of the base plane. */
static size_t xml_sequence(const char *p, const char *end)
{
    size_t len = utf8_sequence(p, end);
    uint32_t c = len != 0 ? utf8_decode(p, len) : 0;
    bool held = c >= 0x20 ? c != 0xfffe && c != 0xffff : c == '\t' || c == '\n' || c == '\r';

    return held ? len : 0;
}

static void put_text(const struct writer *w, struct slice text)
{
    struct slice safe = xml_encode(text, w->a);
    const char *run = safe.ptr;
    const char *end = slice_end(safe);

    for (const char *p = run; p != end;) {
        size_t len = xml_sequence(p, end);

        if (len == 0) {
            buf_put(w->out, run, (size_t)(p - run));
            buf_put_str(w->out, "\xef\xbf\xbd");
            run = p + 1;
        }
        p += len != 0 ? len : 1;
    }
    buf_put(w->out, run, (size_t)(end - run));
}

static void put_value(const struct writer *w, const struct json_node *v);

static void put_element(const struct writer *w, struct slice name, const struct json_node *v)
{
    open_element(w->out, name);
    put_value(w, v);
    close_element(w->out, name);
}

/* The elements of a list or map, each in an element of that name. */
static void put_elements(const struct writer *w,
                         const struct query_row *row,
                         struct slice name,
                         const struct json_node *v)
{
    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        open_element(w->out, name);
        if (row->form == QUERY_MAP) {
            open_element(w->out, slice_str(row->key));
            put_text(w, json_key(v, e));
            close_element(w->out, slice_str(row->key));
            put_element(w, slice_str(row->value), e);
        } else {
            put_value(w, e);
        }
        close_element(w->out, name);
    }
}

static const struct query_row *row_of_member(const struct writer *w, struct slice member)
{
    for (size_t i = 0; i < w->service->row_count; i++) {
        const struct query_row *r = &w->service->rows[i];

        if (slice_eq_str(member, r->member) && row_is(r, w->operation)) {
            return r;
        }
    }
    return NULL;
}

static void put_member(const struct writer *w, struct slice name, const struct json_node *v)
{
    const struct query_row *row = row_of_member(w, name);
    struct slice element = row != NULL ? slice_str(row->element) : name;

    if (row == NULL || row->form == QUERY_NUMBER || row->form == QUERY_FLAG) {
        put_element(w, element, v);
    } else if (row->wrapper == NULL) {
        put_elements(w, row, element, v);
    } else {
        open_element(w->out, element);
        put_elements(w, row, slice_str(row->wrapper), v);
        close_element(w->out, element);
    }
}

static void put_value(const struct writer *w, const struct json_node *v)
{
    if (json_is(v, JSON_OBJECT)) {
        for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
            put_member(w, json_key(v, e), e);
        }
    } else if (json_is(v, JSON_STRING)) {
        put_text(w, json_text(v));
    } else if (!json_is(v, JSON_NULL)) {
        put_text(w, json_print(v, w->a));
    }
}

void query_reply(const struct query_service *service,
                 struct slice operation,
                 const struct json_node *result,
                 struct slice request_id,
                 struct arena *a,
                 struct buf *out)
{
    const struct writer w = {service, operation, a, out};

    buf_printf(out, "%s<%.*sResponse xmlns=\"%s\">", service->head, SLICE_FMT(operation),
               service->xmlns);
    put_element(&w, arena_printf(a, "%.*sResult", SLICE_FMT(operation)), result);
    buf_printf(out,
               "<ResponseMetadata><RequestId>%.*s</RequestId></ResponseMetadata></%.*sResponse>",
               SLICE_FMT(request_id), SLICE_FMT(operation));
}

void query_error(const struct query_service *service,
                 bool sender,
                 const char *code,
                 struct slice message,
                 struct slice request_id,
                 struct arena *a,
                 struct buf *out)
{
    const struct writer w = {.service = service, .a = a, .out = out};

    buf_printf(out, "%s<ErrorResponse xmlns=\"%s\"><Error><Type>%s</Type><Code>%s</Code><Message>",
               service->head, service->xmlns, sender ? "Sender" : "Receiver", code);
    put_text(&w, message);
    buf_printf(out, "</Message>%s</Error><RequestId>%.*s</RequestId></ErrorResponse>",
               service->detail, SLICE_FMT(request_id));
}
