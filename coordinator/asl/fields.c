/* SPDX-License-Identifier: Apache-2.0 */
/* Reading fields of a definition; see parse.h. The texts are AWS's. */
#include "coordinator/asl/jsonpath.h"
#include "coordinator/asl/parse.h"
#include "coordinator/asl/template.h"
#include "proto/base/limits.h"

#include <stdarg.h>
#include <stdio.h>

static struct slice print_args(struct arena *a, const char *fmt, va_list args)
{
    char text[1024];
    int n = vsnprintf(text, sizeof(text), fmt, args);

    return arena_copy(a, slice_make(text, n < 0                      ? 0
                                          : (size_t)n < sizeof(text) ? (size_t)n
                                                                     : sizeof(text) - 1));
}

static void report(const struct parse_at *at,
                   const char *field,
                   enum asl_severity severity,
                   const char *code,
                   struct slice message)
{
    struct asl_place inner;
    const struct asl_place *place = at->place;

    at->p->errors += severity == ASL_ERROR ? 1 : 0;
    if (asl_diagnostics_full(at->p->found)) {
        return;
    }
    if (field != NULL) {
        inner = asl_place_member(at->place, slice_str(field));
        place = &inner;
    }
    asl_diagnostics_add(at->p->found, at->p->texts, severity, code, message,
                        asl_place_print(place, at->p->texts));
}

void parse_error(const struct parse_at *at, const char *field, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    report(at, field, ASL_ERROR, "SCHEMA_VALIDATION_FAILED", print_args(at->p->texts, fmt, args));
    va_end(args);
}

void parse_not_supported(const struct parse_at *at, const char *field, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    report(at, field, ASL_ERROR, "NOT_SUPPORTED", print_args(at->p->texts, fmt, args));
    va_end(args);
}

void parse_warning(const struct parse_at *at, const char *field, const char *code, const char *text)
{
    report(at, field, ASL_WARNING, code, slice_str(text));
}

static const struct json_node *member(const struct parse_at *at, const char *field)
{
    return json_member(at->doc, slice_str(field));
}

/* "A, B" of those names for which a field is there or is not. */
static struct slice list_names(const struct parse_at *at, const char *const *names, bool there)
{
    struct slice list = SLICE("");

    for (; *names != NULL; names++) {
        if ((member(at, *names) != NULL) == there) {
            list = arena_printf(at->p->texts, "%.*s%s%s", SLICE_FMT(list),
                                list.len == 0 ? "" : ", ", *names);
        }
    }
    return list;
}

bool parse_required(const struct parse_at *at, const char *const *names)
{
    struct slice missing = list_names(at, names, false);

    if (missing.len > 0) {
        parse_error(at, NULL, "These fields are required: [%.*s]", SLICE_FMT(missing));
    }
    return missing.len == 0;
}

int parse_one_of(const struct parse_at *at, const char *const *names, bool optional)
{
    int found = -1;
    int count = 0;

    for (int i = 0; names[i] != NULL; i++) {
        if (member(at, names[i]) != NULL) {
            found = i;
            count++;
        }
    }
    if (count > 1) {
        parse_error(at, NULL, "Only one of these fields can be given: [%.*s]",
                    SLICE_FMT(list_names(at, names, true)));
    } else if (count == 0 && !optional) {
        parse_error(at, NULL, "One of these fields is required: [%.*s]",
                    SLICE_FMT(list_names(at, names, false)));
    }
    return count == 1 ? found : -1;
}

void parse_only(const struct parse_at *at, const char *const *names)
{
    for (const struct json_node *e = json_first(at->doc); e != NULL; e = json_next(at->doc, e)) {
        struct slice key = json_key(at->doc, e);
        const char *const *name = names;

        while (*name != NULL && !slice_eq_str(key, *name)) {
            name++;
        }
        if (*name == NULL) {
            parse_error(at, NULL, "Field '%.*s' is not supported", SLICE_FMT(key));
        }
    }
}

/* The field where it is there and of the type; another type is reported. */
static const struct json_node *
typed(const struct parse_at *at, const char *field, enum json_type type, const char *name)
{
    const struct json_node *v = member(at, field);

    if (v != NULL && json_type(v) != type) {
        parse_error(at, field, "Expected value of type %s", name);
        return NULL;
    }
    return v;
}

bool parse_string(const struct parse_at *at, const char *field, struct slice *out)
{
    const struct json_node *v = typed(at, field, JSON_STRING, "String");

    if (v != NULL) {
        *out = json_text(v);
    }
    return v != NULL;
}

bool parse_bool(const struct parse_at *at, const char *field, bool *out)
{
    const struct json_node *v = member(at, field);

    if (v == NULL) {
        return false;
    }
    if (!json_is_bool(v)) {
        parse_error(at, field, "Expected value of type Boolean");
        return false;
    }
    *out = json_type(v) == JSON_TRUE;
    return true;
}

bool parse_integer(const struct parse_at *at,
                   const char *field,
                   int64_t min,
                   int64_t max,
                   int64_t *out)
{
    const struct json_node *v = member(at, field);
    int64_t value;

    if (v == NULL) {
        return false;
    }
    if (!json_is(v, JSON_NUMBER) || !json_i64(v, &value)) {
        parse_error(at, field, "Expected value of type Integer");
        return false;
    }
    if (value < min) {
        parse_error(at, field, "Minimum value is %lld", (long long)min);
        return false;
    }
    if (value > max) {
        parse_error(at, field, "Maximum value is %lld", (long long)max);
        return false;
    }
    *out = value;
    return true;
}

bool parse_object(const struct parse_at *at, const char *field, const struct json_node **out)
{
    *out = typed(at, field, JSON_OBJECT, "Object");
    return *out != NULL;
}

bool parse_array(const struct parse_at *at, const char *field, const struct json_node **out)
{
    *out = typed(at, field, JSON_ARRAY, "Array");
    return *out != NULL;
}

bool parse_reference_path(const struct parse_at *at, const char *field, const struct asl_path **out)
{
    struct slice text;
    const char *why;

    if (!parse_string(at, field, &text)) {
        return false;
    }
    *out = asl_path_parse(text, PATH_REFERENCE, &at->p->m->arena, &why);
    if (*out == NULL) {
        parse_error(at, field, "Value is not a Reference Path: %s", why);
    }
    return *out != NULL;
}

/* null or a path: false where there is nothing to compile. */
static bool
path_field_text(const struct parse_at *at, const char *field, struct asl_path_field *out)
{
    const struct json_node *v = member(at, field);

    *out = (struct asl_path_field){.is = ASL_PATH_DEFAULT};
    if (json_is(v, JSON_NULL)) {
        out->is = ASL_PATH_NULL;
        return false;
    }
    return parse_string(at, field, &out->text);
}

/* "$" is the default: nothing to walk. */
static void path_field_set(struct asl_path_field *out, const struct asl_path *p)
{
    out->path = p;
    out->is = p->root == PATH_INPUT && p->step_count == 0 ? ASL_PATH_DEFAULT : ASL_PATH_SET;
}

void parse_path_field(const struct parse_at *at, const char *field, struct asl_path_field *out)
{
    const struct asl_path *p;
    const char *why;

    if (!path_field_text(at, field, out)) {
        return;
    }
    p = asl_path_parse(out->text, PATH_ANY, &at->p->m->arena, &why);
    if (p == NULL) {
        parse_error(at, field, "Value is not a valid JSONPath: %s", why);
        return;
    }
    path_field_set(out, p);
}

void parse_result_path(const struct parse_at *at, struct asl_path_field *out)
{
    const struct asl_path *p;

    if (!path_field_text(at, "ResultPath", out) || !parse_reference_path(at, "ResultPath", &p)) {
        return;
    }
    if (p->root != PATH_INPUT) {
        parse_error(at, "ResultPath",
                    "Value is not a Reference Path: it must begin with '$.' or '$['");
        return;
    }
    path_field_set(out, p);
}

void parse_template(const struct parse_at *at, const char *field, const struct asl_template **out)
{
    struct asl_place place = asl_place_member(at->place, slice_str(field));
    struct template_parser tp = {&at->p->m->arena, at->p->texts, at->p->found, 0};
    const struct json_node *v;

    *out = NULL;
    if (parse_object(at, field, &v)) {
        *out = asl_template_parse(&tp, v, &place);
        at->p->errors += tp.errors;
    }
}

void parse_seconds(const struct parse_at *at, const char *field, struct asl_seconds *out)
{
    const char *path_name = arena_str(at->p->texts, arena_printf(at->p->texts, "%sPath", field));
    const char *const names[] = {field, path_name, NULL};

    *out = (struct asl_seconds){.is = ASL_SECONDS_NONE};
    switch (parse_one_of(at, names, true)) {
    case 0:
        if (parse_integer(at, field, 1, LIMIT_TIMEOUT_SECONDS, &out->seconds)) {
            out->is = ASL_SECONDS_LITERAL;
        }
        break;
    case 1:
        if (parse_reference_path(at, path_name, &out->path)) {
            out->is = ASL_SECONDS_PATH;
            out->text = out->path->text;
        }
        break;
    }
}

static struct edge *edge_add(struct asl_parse *p)
{
    if (p->edge_count == p->edge_cap) {
        size_t cap = p->edge_cap * 2 + 16;

        p->edges = arena_grow(p->texts, p->edges, p->edge_cap * sizeof(*p->edges),
                              cap * sizeof(*p->edges));
        p->edge_cap = cap;
    }
    return &p->edges[p->edge_count++];
}

static uint32_t find_state(const struct asl_parse *p, struct slice name, uint32_t scope)
{
    HASH_EACH_MATCH(node, &p->names, hash_bytes(name, 0))
    {
        const struct named_state *st = container_of(node, struct named_state, node);

        if (st->scope == scope && slice_eq(st->name, name)) {
            return st->number;
        }
    }
    return ASL_NONE;
}

uint32_t parse_target(const struct parse_at *at, const char *field, uint32_t scope, uint32_t from)
{
    struct edge *e;
    struct slice name;

    if (!parse_string(at, field, &name)) {
        return ASL_NONE;
    }
    e = edge_add(at->p);
    *e = (struct edge){.from = from, .to = find_state(at->p, name, scope), .target = name};
    if (e->to == ASL_NONE) {
        struct asl_place place = asl_place_member(at->place, slice_str(field));

        e->location = asl_place_print(&place, at->p->texts);
    }
    return e->to;
}
