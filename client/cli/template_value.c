/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/template_value.h"

#include <stdarg.h>
#include <stdio.h>

#include "proto/base/text.h"

/* ---- Errors ---- */

enum { PLACE_BYTES = 400, WHAT_BYTES = 400 };

static void put_place(const struct template_at *at, struct buf *b)
{
    if (at == NULL) {
        return;
    }
    put_place(at->up, b);
    if (at->name.ptr != NULL) {
        buf_printf(b, "/%.*s", SLICE_FMT(at->name));
    } else {
        buf_printf(b, "/%zu", at->index);
    }
}

enum err_code template_refuse(const struct template_scope *s, struct err *err, const char *fmt, ...)
{
    char what[WHAT_BYTES];
    struct buf place = {0};
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    put_place(s->at, &place);
    (void)err_set(err, ERR_INVALID_DEFINITION, "%.*s%s%s",
                  SLICE_FMT(slice_head(buf_slice(&place), PLACE_BYTES)), place.len != 0 ? ": " : "",
                  what);
    buf_fini(&place);
    return ERR_INVALID_DEFINITION;
}

enum err_code template_unknown(const struct template_scope *s,
                               const char *what,
                               struct slice name,
                               struct err *err)
{
    return template_refuse(s, err, "%s \"%.*s\" of the template is not understood", what,
                           SLICE_FMT(slice_head(name, TEMPLATE_NAME_SHOWN)));
}

struct template_scope
template_open(const struct json_node *document, const struct name_place *place, struct arena *a)
{
    return (struct template_scope){
        .document = document,
        .place = place,
        .a = a,
        .held = arena_held_bytes(a),
    };
}

const struct json_node *
template_entry(const struct template_scope *s, const char *part, struct slice name)
{
    return json_member(json_member(s->document, slice_str(part)), name);
}

/* ---- Values ---- */

static enum err_code check_bounds(struct template_scope *s, struct err *err)
{
    if (arena_held_bytes(s->a) - s->held > TEMPLATE_BYTES) {
        return template_refuse(s, err, "the template's names stand for more than is accepted");
    }
    return OK;
}

enum err_code template_evaluate_at(struct template_scope *s,
                                   struct slice name,
                                   size_t index,
                                   const struct json_node *v,
                                   const struct json_node **out,
                                   struct err *err)
{
    struct template_at at = {s->at, name, index};
    enum err_code rc;

    s->at = &at;
    rc = template_evaluate(s, v, out, err);
    s->at = at.up;
    return rc;
}

static struct slice node_text(const struct json_node *v)
{
    if (json_is_bool(v)) {
        return json_is(v, JSON_TRUE) ? SLICE("true") : SLICE("false");
    }
    return json_text(v);
}

enum err_code template_text(struct template_scope *s,
                            const struct json_node *v,
                            struct slice *out,
                            struct err *err)
{
    const struct json_node *value = NULL;
    enum err_code rc = template_evaluate(s, v, &value, err);

    if (rc != OK) {
        return rc;
    }
    if (!json_is(value, JSON_STRING) && !json_is(value, JSON_NUMBER) && !json_is_bool(value)) {
        return template_refuse(s, err, "a string is wanted here, or a function that gives one");
    }
    *out = node_text(value);
    return OK;
}

enum err_code template_text_at(struct template_scope *s,
                               const struct json_node *array,
                               size_t index,
                               struct slice *out,
                               struct err *err)
{
    struct template_at at = {s->at, {0}, index};
    enum err_code rc;

    s->at = &at;
    rc = template_text(s, json_element(array, index), out, err);
    s->at = at.up;
    return rc;
}

/* ---- Functions ---- */

/* An array of texts, or a function that gives one. */
static enum err_code list_at(struct template_scope *s,
                             const struct json_node *argument,
                             size_t index,
                             const struct json_node **out,
                             struct err *err)
{
    const struct json_node *list = NULL;
    enum err_code rc = template_evaluate_at(s, (struct slice){0}, index,
                                            json_element(argument, index), &list, err);

    if (rc == OK && !json_is(list, JSON_ARRAY)) {
        return template_refuse(s, err, "a list is wanted here, or a function that gives one");
    }
    *out = list;
    return rc;
}

static bool is_pair(const struct json_node *argument)
{
    return json_is(argument, JSON_ARRAY) && json_count(argument) == 2;
}

static enum err_code value_ref(struct template_scope *s,
                               const struct json_node *argument,
                               const struct json_node **out,
                               struct err *err)
{
    return template_ref(s, json_text(argument), out, err);
}

/* ["Id", "Attribute"] or "Id.Attribute". */
static enum err_code value_attribute(struct template_scope *s,
                                     const struct json_node *argument,
                                     const struct json_node **out,
                                     struct err *err)
{
    struct slice id = json_text(argument);
    struct slice attribute;

    if (json_is(argument, JSON_ARRAY)) {
        id = json_text(json_element(argument, 0));
        attribute = json_text(json_element(argument, 1));
    } else {
        size_t dot = slice_find(id, '.');

        attribute = slice_from(id, dot + 1);
        id = slice_head(id, dot);
    }
    if (id.len == 0 || attribute.len == 0) {
        return template_unknown(s, "the argument of", SLICE("Fn::GetAtt"), err);
    }
    return template_attribute(s, id, attribute, out, err);
}

static enum err_code join(struct template_scope *s,
                          struct slice separator,
                          const struct json_node *parts,
                          struct buf *b,
                          struct err *err)
{
    for (const struct json_node *e = json_first(parts); e != NULL; e = json_next(parts, e)) {
        struct slice part;
        enum err_code rc = template_text(s, e, &part, err);

        if (rc != OK) {
            return rc;
        }
        if (e != json_first(parts)) {
            buf_put_slice(b, separator);
        }
        buf_put_slice(b, part);
    }
    return OK;
}

static enum err_code value_join(struct template_scope *s,
                                const struct json_node *argument,
                                const struct json_node **out,
                                struct err *err)
{
    const struct json_node *separator = json_element(argument, 0);
    const struct json_node *parts = NULL;
    struct buf b = {0};
    enum err_code rc;

    if (!is_pair(argument) || !json_is(separator, JSON_STRING)) {
        return template_unknown(s, "the argument of", SLICE("Fn::Join"), err);
    }
    rc = list_at(s, argument, 1, &parts, err);
    if (rc == OK) {
        rc = join(s, json_text(separator), parts, &b, err);
    }
    if (rc == OK) {
        *out = json_string(s->a, arena_copy(s->a, buf_slice(&b)));
    }
    buf_fini(&b);
    return rc;
}

/* "text" or ["text", {variables}]. */
static enum err_code value_sub(struct template_scope *s,
                               const struct json_node *argument,
                               const struct json_node **out,
                               struct err *err)
{
    const struct json_node *text =
        json_is(argument, JSON_ARRAY) ? json_element(argument, 0) : argument;
    const struct json_node *given =
        json_is(argument, JSON_ARRAY) ? json_element(argument, 1) : NULL;
    struct slice value;
    enum err_code rc;

    if (!json_is(text, JSON_STRING)) {
        return template_unknown(s, "the argument of", SLICE("Fn::Sub"), err);
    }
    rc = template_substitute(s, json_text(text), given, false, &value, err);
    if (rc == OK) {
        *out = json_string(s->a, value);
    }
    return rc;
}

static enum err_code value_select(struct template_scope *s,
                                  const struct json_node *argument,
                                  const struct json_node **out,
                                  struct err *err)
{
    const struct json_node *list = NULL;
    struct slice text;
    uint64_t index = 0;
    enum err_code rc;

    if (!is_pair(argument)) {
        return template_unknown(s, "the argument of", SLICE("Fn::Select"), err);
    }
    rc = template_text_at(s, argument, 0, &text, err);
    if (rc == OK) {
        rc = list_at(s, argument, 1, &list, err);
    }
    if (rc != OK) {
        return rc;
    }
    if (!text_parse_u64(text, &index) || index >= json_count(list)) {
        return template_refuse(s, err, "the list has %zu elements and none at \"%.*s\"",
                               json_count(list), SLICE_FMT(slice_head(text, TEMPLATE_NAME_SHOWN)));
    }
    *out = json_element(list, (size_t)index);
    return OK;
}

/* `text` cut at each `separator`, which is not empty. */
static const struct json_node *split(struct slice text, struct slice separator, struct arena *a)
{
    struct json_builder list = json_build_array(a);
    size_t from = 0;

    for (size_t at = 0; at + separator.len <= text.len;) {
        if (slice_starts_with(slice_from(text, at), separator)) {
            json_push(&list, json_string(a, slice_head(slice_from(text, from), at - from)));
            at += separator.len;
            from = at;
        } else {
            at++;
        }
    }
    json_push(&list, json_string(a, slice_from(text, from)));
    return json_built(&list);
}

static enum err_code value_split(struct template_scope *s,
                                 const struct json_node *argument,
                                 const struct json_node **out,
                                 struct err *err)
{
    struct slice separator = json_text(json_element(argument, 0));
    struct slice text;
    enum err_code rc;

    if (!is_pair(argument) || separator.len == 0) {
        return template_unknown(s, "the argument of", SLICE("Fn::Split"), err);
    }
    rc = template_text_at(s, argument, 1, &text, err);
    if (rc == OK) {
        *out = split(text, separator, s->a);
    }
    return rc;
}

static enum err_code value_find(struct template_scope *s,
                                const struct json_node *argument,
                                const struct json_node **out,
                                struct err *err)
{
    const struct json_node *found = json_member(s->document, SLICE("Mappings"));

    if (!json_is(argument, JSON_ARRAY) || json_count(argument) != 3) {
        return template_unknown(s, "the argument of", SLICE("Fn::FindInMap"), err);
    }
    for (size_t i = 0; i < 3; i++) {
        struct slice key;
        enum err_code rc = template_text_at(s, argument, i, &key, err);

        if (rc != OK) {
            return rc;
        }
        found = json_member(found, key);
        if (found == NULL) {
            return template_refuse(s, err, "Mappings has no \"%.*s\" there",
                                   SLICE_FMT(slice_head(key, TEMPLATE_NAME_SHOWN)));
        }
    }
    return template_evaluate(s, found, out, err);
}

static enum err_code value_base64(struct template_scope *s,
                                  const struct json_node *argument,
                                  const struct json_node **out,
                                  struct err *err)
{
    struct slice text;
    enum err_code rc = template_text(s, argument, &text, err);

    if (rc == OK) {
        *out = json_string(s->a, text_base64(text, s->a));
    }
    return rc;
}

/* ["Condition", then, else]. */
static enum err_code value_if(struct template_scope *s,
                              const struct json_node *argument,
                              const struct json_node **out,
                              struct err *err)
{
    bool holds = false;
    size_t taken;
    enum err_code rc;

    if (!json_is(argument, JSON_ARRAY) || json_count(argument) != 3) {
        return template_unknown(s, "the argument of", SLICE("Fn::If"), err);
    }
    rc = template_condition(s, json_text(json_element(argument, 0)), &holds, err);
    if (rc != OK) {
        return rc;
    }
    taken = holds ? 1 : 2;
    return template_evaluate_at(s, (struct slice){0}, taken, json_element(argument, taken), out,
                                err);
}

static const struct function {
    const char *name;
    enum err_code (*run)(struct template_scope *s,
                         const struct json_node *argument,
                         const struct json_node **out,
                         struct err *err);
} functions[] = {
    {"Ref", value_ref},
    {"Fn::GetAtt", value_attribute},
    {"Fn::Join", value_join},
    {"Fn::Sub", value_sub},
    {"Fn::Select", value_select},
    {"Fn::Split", value_split},
    {"Fn::FindInMap", value_find},
    {"Fn::Base64", value_base64},
    {"Fn::If", value_if},
};

/* The name of the function that an object is; empty: it is none. */
static struct slice function_name(const struct json_node *object)
{
    struct slice name =
        json_count(object) == 1 ? json_key(object, json_first(object)) : (struct slice){0};

    return slice_eq_str(name, "Ref") || slice_starts_with(name, SLICE("Fn::")) ? name
                                                                               : (struct slice){0};
}

static enum err_code call(struct template_scope *s,
                          struct slice name,
                          const struct json_node *argument,
                          const struct json_node **out,
                          struct err *err)
{
    struct template_at at = {s->at, name, 0};
    enum err_code rc = OK;
    size_t i = 0;

    while (i < sizeof(functions) / sizeof(functions[0]) && !slice_eq_str(name, functions[i].name)) {
        i++;
    }
    if (i == sizeof(functions) / sizeof(functions[0])) {
        return template_unknown(s, "the function", name, err);
    }
    if (s->depth == TEMPLATE_DEPTH) {
        return template_refuse(
            s, err, "the template's functions and names refer to one another more than %d deep",
            TEMPLATE_DEPTH);
    }
    s->at = &at;
    s->depth++;
    rc = functions[i].run(s, argument, out, err);
    s->depth--;
    s->at = at.up;
    return rc;
}

static enum err_code evaluate_array(struct template_scope *s,
                                    const struct json_node *v,
                                    const struct json_node **out,
                                    struct err *err)
{
    struct json_builder list = json_build_array(s->a);
    size_t index = 0;

    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e), index++) {
        const struct json_node *value = NULL;
        enum err_code rc = template_evaluate_at(s, (struct slice){0}, index, e, &value, err);

        if (rc != OK) {
            return rc;
        }
        if (value != NULL) {
            json_push(&list, value);
        }
    }
    *out = json_built(&list);
    return OK;
}

static enum err_code evaluate_object(struct template_scope *s,
                                     const struct json_node *v,
                                     const struct json_node **out,
                                     struct err *err)
{
    struct json_builder object = json_build_object(s->a);
    struct slice name = function_name(v);

    if (name.len != 0) {
        return call(s, name, json_first(v), out, err);
    }
    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        const struct json_node *value = NULL;
        enum err_code rc = template_evaluate_at(s, json_key(v, e), 0, e, &value, err);

        if (rc != OK) {
            return rc;
        }
        if (value != NULL) {
            json_put(&object, json_key(v, e), value);
        }
    }
    *out = json_built(&object);
    return OK;
}

enum err_code template_evaluate(struct template_scope *s,
                                const struct json_node *v,
                                const struct json_node **out,
                                struct err *err)
{
    enum err_code rc = check_bounds(s, err);

    if (rc != OK) {
        return rc;
    }
    if (json_is(v, JSON_OBJECT)) {
        return evaluate_object(s, v, out, err);
    }
    if (json_is(v, JSON_ARRAY)) {
        return evaluate_array(s, v, out, err);
    }
    *out = v;
    return OK;
}

enum err_code template_properties(struct template_scope *s,
                                  const struct json_node *object,
                                  const char *const *names,
                                  const struct json_node **out,
                                  struct err *err)
{
    struct json_builder b = json_build_object(s->a);

    for (; *names != NULL; names++) {
        struct slice name = slice_str(*names);
        const struct json_node *v = json_member(object, name);
        const struct json_node *value = NULL;
        enum err_code rc = v != NULL ? template_evaluate_at(s, name, 0, v, &value, err) : OK;

        if (rc != OK) {
            return rc;
        }
        if (value != NULL) {
            json_put(&b, name, value);
        }
    }
    *out = json_built(&b);
    return OK;
}
