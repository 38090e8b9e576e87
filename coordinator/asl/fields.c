/* SPDX-License-Identifier: Apache-2.0 */
/* Reading fields of a definition; see parse.h. The texts are AWS's. */
#include "coordinator/asl/jsonpath.h"
#include "coordinator/asl/parse.h"
#include "coordinator/asl/template.h"
#include "proto/base/limits.h"

#include <stdarg.h>
#include <stdio.h>

enum { MESSAGE_BYTES = 1024 };

static struct slice print_args(struct arena *a, const char *fmt, va_list args)
{
    char text[MESSAGE_BYTES + 1];
    int n = vsnprintf(text, sizeof(text), fmt, args);
    struct slice whole = slice_make(text, n < 0 ? 0 : (size_t)n);

    return arena_copy(a, asl_text_cut(whole, MESSAGE_BYTES - 1));
}

static void report(const struct parse_at *at,
                   struct asl_diagnostics *to,
                   const char *field,
                   enum asl_severity severity,
                   const char *code,
                   struct slice message)
{
    struct asl_place inner;
    const struct asl_place *place = at->place;

    if (asl_diagnostics_full(to)) {
        return;
    }
    if (field != NULL) {
        inner = asl_place_member(at->place, slice_str(field));
        place = &inner;
    }
    asl_diagnostics_add(to, at->p->texts, severity, code, message,
                        asl_place_print(place, at->p->texts));
}

void parse_error(const struct parse_at *at, const char *field, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    at->p->errors++;
    report(at, at->p->found, field, ASL_ERROR, "SCHEMA_VALIDATION_FAILED",
           print_args(at->p->texts, fmt, args));
    va_end(args);
}

void parse_error_code(const struct parse_at *at,
                      const char *field,
                      const char *code,
                      const char *fmt,
                      ...)
{
    va_list args;

    va_start(args, fmt);
    at->p->errors++;
    report(at, at->p->found, field, ASL_ERROR, code, print_args(at->p->texts, fmt, args));
    va_end(args);
}

void parse_not_supported(const struct parse_at *at, const char *field, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    report(at, &at->p->unsupported, field, ASL_ERROR, "NOT_SUPPORTED",
           print_args(at->p->texts, fmt, args));
    va_end(args);
}

void parse_warning(const struct parse_at *at,
                   const char *field,
                   const char *code,
                   const char *fmt,
                   ...)
{
    va_list args;

    va_start(args, fmt);
    report(at, at->p->found, field, ASL_WARNING, code, print_args(at->p->texts, fmt, args));
    va_end(args);
}

bool parse_looks_like_path(struct slice text)
{
    return slice_starts_with(text, SLICE("$.")) || slice_starts_with(text, SLICE("$$."));
}

void parse_check_path(const struct parse_at *at, const char *field, struct slice text)
{
    if (at->language == ASL_JSONPATH && parse_looks_like_path(text)) {
        parse_warning(at, field, "NO_PATH",
                      "The value of '%s' looks like a JSONPath. Instead of '%s', use '%sPath' to "
                      "evaluate it as a JSONPath at runtime.",
                      field, field, field);
    }
}

void *parse_grow(struct asl_parse *p, void *items, struct parse_room *room, size_t size)
{
    if (room->count == room->cap) {
        size_t cap = room->cap * 2 + 16;

        items = arena_grow(p->texts, items, room->cap * size, cap * size);
        room->cap = cap;
    }
    return items;
}

static const struct json_node *member(const struct parse_at *at, const char *field)
{
    return json_member(at->doc, slice_str(field));
}

bool parse_has(const struct parse_at *at, const char *field)
{
    return member(at, field) != NULL;
}

/* "A, B" with one more. */
static struct slice list_add(const struct parse_at *at, struct slice list, const char *name)
{
    return arena_printf(at->p->texts, "%.*s%s%s", SLICE_FMT(list), list.len == 0 ? "" : ", ", name);
}

static struct slice list_names(const struct parse_at *at, const char *const *names)
{
    struct slice list = SLICE("");

    for (; *names != NULL; names++) {
        list = list_add(at, list, *names);
    }
    return list;
}

bool parse_required(const struct parse_at *at, const char *const *names)
{
    struct slice missing = SLICE("");

    for (; *names != NULL; names++) {
        if (member(at, *names) == NULL) {
            missing = list_add(at, missing, *names);
        }
    }
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
        parse_error(at, NULL, "There should only be one of the following fields: [%.*s]",
                    SLICE_FMT(list_names(at, names)));
    } else if (count == 0 && !optional) {
        parse_error(at, NULL, "This object should have only one of the following fields: [%.*s]",
                    SLICE_FMT(list_names(at, names)));
    }
    return count == 1 ? found : -1;
}

static const struct field {
    struct slice name;
    uint32_t owners;
    uint32_t languages;
} fields[] = {
#define KIND(kind)                     (UINT32_C(1) << OWNER_##kind)
#define OWNER(owner)                   (UINT32_C(1) << OWNER_##owner)
#define LANGUAGE(language)             (UINT32_C(1) << ASL_##language)
#define FIELD(name, owners, languages) {SLICE_INIT(name), owners, languages},
#include "coordinator/asl/field.def"
#undef FIELD
#undef LANGUAGE
#undef OWNER
#undef KIND
};

static const struct field *find_field(struct slice name, enum parse_owner owner)
{
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if ((fields[i].owners & UINT32_C(1) << owner) != 0 && slice_eq(fields[i].name, name)) {
            return &fields[i];
        }
    }
    return NULL;
}

void parse_wrong_language(const struct parse_at *at, struct slice name)
{
    static const char *const languages[] = {[ASL_JSONPATH] = "JSONPath", [ASL_JSONATA] = "JSONata"};

    parse_error(at, NULL,
                "The QueryLanguage is set to '%s', but field '%.*s' is only supported for the '%s' "
                "QueryLanguage",
                languages[at->language], SLICE_FMT(name),
                languages[at->language == ASL_JSONPATH ? ASL_JSONATA : ASL_JSONPATH]);
}

void parse_fields(const struct parse_at *at, enum parse_owner owner)
{
    for (const struct json_node *e = json_first(at->doc); e != NULL; e = json_next(at->doc, e)) {
        struct slice name = json_key(at->doc, e);
        const struct field *known = find_field(name, owner);

        if (known == NULL) {
            parse_error(at, NULL, "Field '%.*s' is not supported", SLICE_FMT(name));
        } else if ((known->languages & UINT32_C(1) << at->language) == 0) {
            parse_wrong_language(at, name);
        }
    }
}

/* The field where it is there and of the type; another type is reported. */
static const struct json_node *
typed(const struct parse_at *at, const char *field, enum json_type type, const char *name)
{
    const struct json_node *v = member(at, field);

    if (v != NULL && json_type(v) != type) {
        parse_error(at, field, "Expected value of type [%s]", name);
        return NULL;
    }
    return v;
}

bool parse_string(const struct parse_at *at, const char *field, struct slice *out)
{
    const struct json_node *v = typed(at, field, JSON_STRING, "STRING");

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
        parse_error(at, field, "Expected value of type [BOOLEAN]");
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
    *out = typed(at, field, JSON_OBJECT, "OBJECT");
    return *out != NULL;
}

bool parse_array(const struct parse_at *at, const char *field, const struct json_node **out)
{
    *out = typed(at, field, JSON_ARRAY, "ARRAY");
    return *out != NULL;
}

static int find_word(const char *const *values, struct slice word)
{
    for (int i = 0; values[i] != NULL; i++) {
        if (slice_eq_str(word, values[i])) {
            return i;
        }
    }
    return -1;
}

int parse_word(const struct parse_at *at, const char *field, const char *const *values)
{
    struct slice word;
    int i;

    if (!parse_string(at, field, &word)) {
        return -1;
    }
    i = find_word(values, word);
    if (i < 0) {
        parse_error(at, field, "Value should be one of the following: [%.*s]",
                    SLICE_FMT(list_names(at, values)));
    }
    return i;
}

int parse_form(const struct parse_at *at, const char *field, const char *const *values)
{
    struct slice word;
    int i;

    if (!parse_string(at, field, &word)) {
        return -1;
    }
    i = find_word(values, word);
    if (i < 0) {
        parse_error(at, field, "The field '%s' should have one of these values: [%.*s]", field,
                    SLICE_FMT(list_names(at, values)));
    }
    return i;
}

bool parse_expression(const struct parse_at *at, const char *field)
{
    const struct json_node *v = member(at, field);

    return at->language == ASL_JSONATA && json_is(v, JSON_STRING) &&
           slice_starts_with(json_text(v), SLICE("{%")) &&
           slice_ends_with(json_text(v), SLICE("%}"));
}

bool parse_part(const struct parse_at *at,
                const char *field,
                struct asl_place *place,
                struct parse_at *out)
{
    *place = asl_place_member(at->place, slice_str(field));
    *out = parse_inside(at, NULL, place);
    return parse_object(at, field, &out->doc);
}

bool parse_element(const struct parse_at *list,
                   size_t i,
                   const struct json_node *doc,
                   struct asl_place *place,
                   struct parse_at *out)
{
    *place = asl_place_element(list->place, i);
    *out = parse_inside(list, doc, place);
    if (!json_is(doc, JSON_OBJECT)) {
        parse_error(out, NULL, "Expected value of type [OBJECT]");
    }
    return json_is(doc, JSON_OBJECT);
}

const char *parse_arguments_name(const struct parse_at *at)
{
    return at->language == ASL_JSONATA ? "Arguments" : "Parameters";
}

/* A template's name, which ends in ".$". */
static bool is_dynamic(const struct parse_at *at, struct slice name)
{
    return at->language == ASL_JSONPATH && slice_ends_with(name, SLICE(".$"));
}

void parse_members(const struct parse_at *at,
                   const char *field,
                   const char *const *required,
                   const char *const *allowed)
{
    struct asl_place place = asl_place_member(at->place, slice_str(field));
    struct parse_at inner = parse_inside(at, member(at, field), &place);
    unsigned found = 0;

    if (parse_expression(at, field)) {
        return;
    }
    for (const struct json_node *e = json_first(inner.doc); e != NULL;
         e = json_next(inner.doc, e)) {
        struct slice name = json_key(inner.doc, e);
        bool dynamic = is_dynamic(at, name);
        int which = find_word(required, dynamic ? slice_head(name, name.len - 2) : name);

        found |= which < 0 ? 0 : 1u << which;
        if (allowed != NULL && !dynamic && find_word(allowed, name) < 0) {
            parse_error(&inner, NULL, "The field \"%.*s\" is not supported by Step Functions",
                        SLICE_FMT(name));
        }
    }
    for (size_t i = 0; required[i] != NULL; i++) {
        if ((found & 1u << i) == 0) {
            parse_error(&inner, NULL, "The field '%s' is required but was missing", required[i]);
        }
    }
}

bool parse_path(const struct parse_at *at, const char *field, const struct asl_path **out)
{
    struct slice text;
    const char *why;

    if (!parse_string(at, field, &text)) {
        return false;
    }
    *out = asl_path_parse(text, PATH_ANY, &at->p->m->arena, &why);
    if (*out == NULL) {
        parse_error(at, field, "Value must be a valid JSONPath.");
    }
    return *out != NULL;
}

bool parse_reference_path(const struct parse_at *at, const char *field, const struct asl_path **out)
{
    const struct asl_path *any;
    const char *why;

    if (!parse_path(at, field, &any)) {
        return false;
    }
    *out = asl_path_parse(any->text, PATH_REFERENCE, &at->p->m->arena, &why);
    if (*out == NULL) {
        parse_error(at, field, "Value is not a Reference Path: %s", why);
    }
    return *out != NULL;
}

/* null, or nothing: false where there is something to compile. */
static bool
path_field_empty(const struct parse_at *at, const char *field, struct asl_path_field *out)
{
    const struct json_node *v = member(at, field);

    *out = (struct asl_path_field){.is = json_is(v, JSON_NULL) ? ASL_PATH_NULL : ASL_PATH_DEFAULT};
    return v == NULL || json_is(v, JSON_NULL);
}

/* "$" is the default: nothing to walk. */
static void path_field_set(struct asl_path_field *out, const struct asl_path *p)
{
    out->path = p;
    out->text = p->text;
    out->is = p->root == PATH_INPUT && p->step_count == 0 ? ASL_PATH_DEFAULT : ASL_PATH_SET;
}

void parse_path_field(const struct parse_at *at, const char *field, struct asl_path_field *out)
{
    const struct asl_path *p;

    if (!path_field_empty(at, field, out) && parse_path(at, field, &p)) {
        path_field_set(out, p);
    }
}

void parse_result_path(const struct parse_at *at, struct asl_path_field *out)
{
    const struct asl_path *p;

    if (path_field_empty(at, "ResultPath", out) || !parse_reference_path(at, "ResultPath", &p)) {
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
    if (at->language == ASL_JSONPATH && parse_object(at, field, &v)) {
        *out = asl_template_parse(&tp, v, &place);
        at->p->errors += tp.errors;
    }
}

void parse_number(const struct parse_at *at,
                  const char *field,
                  int64_t min,
                  int64_t max,
                  struct asl_seconds *out)
{
    const char *path_name = arena_str(at->p->texts, arena_printf(at->p->texts, "%sPath", field));
    const char *const names[] = {field, path_name, NULL};

    *out = (struct asl_seconds){.is = ASL_SECONDS_NONE};
    switch (parse_one_of(at, names, true)) {
    case 0:
        if (!parse_expression(at, field) && parse_integer(at, field, min, max, &out->seconds)) {
            out->is = ASL_SECONDS_LITERAL;
        }
        break;
    case 1:
        if (at->language == ASL_JSONPATH && parse_reference_path(at, path_name, &out->path)) {
            out->is = ASL_SECONDS_PATH;
            out->text = out->path->text;
        }
        break;
    }
}

void parse_target(const struct parse_at *at,
                  const char *field,
                  uint32_t scope,
                  uint32_t from,
                  uint32_t *out)
{
    struct asl_parse *p = at->p;
    struct asl_place place = asl_place_member(at->place, slice_str(field));
    struct slice name;

    if (out != NULL) {
        *out = ASL_NONE;
    }
    if (!parse_string(at, field, &name)) {
        return;
    }
    p->edges = parse_grow(p, p->edges, &p->edge_room, sizeof(*p->edges));
    p->edges[p->edge_room.count++] = (struct edge){
        .scope = scope,
        .from = from,
        .to = ASL_NONE,
        .out = out,
        .target = name,
        .place = asl_place_keep(&place, p->texts),
    };
}
