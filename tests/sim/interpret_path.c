/* SPDX-License-Identifier: Apache-2.0 */
/* Paths, payload templates and the few intrinsic functions that are generated.
 * Source: Amazon States Language, paths, payload templates, intrinsic functions. */
#include "tests/sim/interpret.h"

#include <ctype.h>

#include "proto/base/text.h"

static const char unknown[] = "\x01unknown";
static const char unknown_written[] = "\\u0001unknown";

const struct json_node *model_unknown(struct arena *a)
{
    return json_string(a, slice_str(unknown));
}

static bool holds(struct slice text, struct slice part)
{
    return text.len >= part.len && memmem(text.ptr, text.len, part.ptr, part.len) != NULL;
}

bool model_is_unknown(struct slice text)
{
    return holds(text, slice_str(unknown)) || holds(text, slice_str(unknown_written));
}

/* ---- steps ---- */

/* The next step of a path, cut from its front: a name, or what is in brackets. */
struct step {
    struct slice name; /* ptr NULL: an index, or all */
    bool all;
    size_t index;
};

static struct step bracket(struct slice *path)
{
    size_t end = slice_find(*path, ']');
    struct slice inside = slice_from(slice_head(*path, end), 1);
    struct step s = {.name = {NULL, 0}};
    uint64_t index;

    *path = slice_from(*path, end + 1);
    if (slice_eq_str(inside, "*")) {
        s.all = true;
    } else if (inside.len > 2 && inside.ptr[0] == '\'') {
        s.name = slice_make(inside.ptr + 1, inside.len - 2);
    } else if (text_parse_u64(inside, &index)) {
        s.index = (size_t)index;
    } else {
        model_die("a path's brackets", inside);
    }
    return s;
}

static struct step next_step(struct slice *path)
{
    struct step s = {.name = {NULL, 0}};
    size_t len = 1;

    if (path->ptr[0] == '[') {
        return bracket(path);
    }
    while (len < path->len && (isalnum((unsigned char)path->ptr[len]) || path->ptr[len] == '_')) {
        len++;
    }
    if (path->ptr[0] != '.' || len == 1) {
        model_die("a path", *path);
    }
    s.name = slice_make(path->ptr + 1, len - 1);
    *path = slice_from(*path, len);
    return s;
}

static const struct json_node *walk(const struct json_node *v, struct slice path, struct arena *a);

/* Those of the elements in which the rest of the path finds something. */
static const struct json_node *
walk_all(const struct json_node *v, struct slice path, struct arena *a)
{
    struct json_builder b = json_build_array(a);

    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        const struct json_node *found = walk(e, path, a);

        if (found != NULL) {
            json_push(&b, found);
        }
    }
    return json_built(&b);
}

/* NULL: nothing is there. */
static const struct json_node *walk(const struct json_node *v, struct slice path, struct arena *a)
{
    bool several = slice_find(path, '*') < path.len; /* gives an array, whatever is there */

    while (path.len > 0 && v != NULL) {
        struct step s = next_step(&path);

        if (s.all) {
            return walk_all(v, path, a);
        }
        if (s.name.ptr != NULL) {
            v = json_member(v, s.name);
        } else {
            v = json_is(v, JSON_ARRAY) ? json_element(v, s.index) : NULL;
        }
    }
    return v == NULL && several ? walk_all(NULL, path, a) : v;
}

/* ---- roots ---- */

static const struct json_node *
object_of(struct arena *a, const char *key, const struct json_node *value)
{
    struct json_builder b = json_build_object(a);

    json_put(&b, slice_str(key), value);
    return json_built(&b);
}

static const struct json_node *map_item(const struct view *v)
{
    struct json_builder b = json_build_object(v->a);

    json_put(&b, SLICE("Index"), json_integer(v->a, v->scope->index));
    json_put(&b, SLICE("Value"), v->scope->item);
    return object_of(v->a, "Item", json_built(&b));
}

static const struct json_node *context(const struct view *v)
{
    const struct execution_run *x = v->scope->x;
    struct json_builder b = json_build_object(v->a);
    struct json_builder e = json_build_object(v->a);
    struct json_builder s = json_build_object(v->a);

    json_put(&e, SLICE("Input"), x->input);
    json_put(&e, SLICE("Name"), model_unknown(v->a));
    json_put(&e, SLICE("RedriveCount"), json_integer(v->a, x->redrives));
    json_put(&b, SLICE("Execution"), json_built(&e));
    json_put(&s, SLICE("Name"), json_string(v->a, v->state));
    json_put(&s, SLICE("RetryCount"), json_integer(v->a, v->tries));
    json_put(&b, SLICE("State"), json_built(&s));
    json_put(&b, SLICE("Task"), object_of(v->a, "Token", model_unknown(v->a)));
    if (v->scope->item != NULL) {
        json_put(&b, SLICE("Map"), map_item(v));
    }
    return json_built(&b);
}

static const struct json_node *variable(const struct view *v, struct slice name)
{
    for (const struct scope_run *s = v->scope; s != NULL; s = s->outer) {
        for (const struct set_variable *x = s->variables; x != NULL; x = x->older) {
            if (slice_eq(x->name, name)) {
                return x->value;
            }
        }
    }
    return NULL;
}

bool model_path(const struct view *v, struct slice path, const struct json_node **out)
{
    size_t name = 1;

    if (path.len == 0 || path.ptr[0] != '$') {
        model_die("a path", path);
    }
    if (slice_starts_with(path, SLICE("$$"))) {
        *out = walk(context(v), slice_from(path, 2), v->a);
    } else if (path.len == 1 || path.ptr[1] == '.' || path.ptr[1] == '[') {
        *out = walk(v->input, slice_from(path, 1), v->a);
    } else {
        while (name < path.len && path.ptr[name] != '.' && path.ptr[name] != '[') {
            name++;
        }
        *out = walk(variable(v, slice_make(path.ptr + 1, name - 1)), slice_from(path, name), v->a);
    }
    return *out != NULL;
}

/* ---- intrinsic functions ---- */

enum { ARGUMENTS = 8 };

struct call {
    const struct view *v;
    struct slice text; /* what is yet to be read */
    const struct json_node *arguments[ARGUMENTS];
    size_t count;
};

static void skip(struct call *c, char what)
{
    while (c->text.len > 0 && c->text.ptr[0] == ' ') {
        c->text = slice_from(c->text, 1);
    }
    if (what != ' ') {
        if (c->text.len == 0 || c->text.ptr[0] != what) {
            model_die("an intrinsic function", c->text);
        }
        c->text = slice_from(c->text, 1);
    }
}

/* 'text', its quotes and escapes gone. */
static const struct json_node *quoted(struct call *c)
{
    char *out = arena_alloc(c->v->a, c->text.len);
    size_t len = 0;

    skip(c, '\'');
    while (c->text.len > 0 && c->text.ptr[0] != '\'') {
        c->text = slice_from(c->text, c->text.ptr[0] == '\\');
        out[len++] = c->text.ptr[0];
        c->text = slice_from(c->text, 1);
    }
    skip(c, '\'');
    return json_string(c->v->a, slice_make(out, len));
}

static bool call_value(struct call *c, const struct json_node **out);

/* A number, a word or a path: up to what ends the argument. */
static bool plain(struct call *c, const struct json_node **out)
{
    size_t len = 0;
    struct slice text;

    while (len < c->text.len && c->text.ptr[len] != ',' && c->text.ptr[len] != ')') {
        len++;
    }
    text = slice_head(c->text, len);
    c->text = slice_from(c->text, len);
    if (text.len > 0 && text.ptr[0] == '$') {
        return model_path(c->v, text, out);
    }
    if (json_parse(text, c->v->a, out, NULL) != OK) {
        model_die("an argument", text);
    }
    return true;
}

static bool argument(struct call *c, const struct json_node **out)
{
    skip(c, ' ');
    if (c->text.len > 0 && c->text.ptr[0] == '\'') {
        *out = quoted(c);
        return true;
    }
    return slice_starts_with(c->text, SLICE("States.")) ? call_value(c, out) : plain(c, out);
}

static bool arguments(struct call *c)
{
    skip(c, '(');
    while (c->text.len > 0 && c->text.ptr[0] != ')') {
        if (c->count == ARGUMENTS) {
            model_die("too many arguments", c->text);
        }
        if (!argument(c, &c->arguments[c->count++])) {
            return false;
        }
        skip(c, ' ');
        if (c->text.len > 0 && c->text.ptr[0] == ',') {
            skip(c, ',');
        }
    }
    skip(c, ')');
    return true;
}

static const struct json_node *format(const struct call *c)
{
    struct slice pattern = json_text(c->arguments[0]);
    struct buf out = {0};
    size_t used = 1;
    struct slice text;

    for (size_t i = 0; i < pattern.len; i++) {
        const struct json_node *v = used < c->count ? c->arguments[used] : NULL;

        if (pattern.ptr[i] != '{') {
            buf_put(&out, &pattern.ptr[i], 1);
            continue;
        }
        if (v == NULL || json_is(v, JSON_OBJECT) || json_is(v, JSON_ARRAY)) {
            model_die("States.Format", pattern);
        }
        if (json_is(v, JSON_STRING)) {
            buf_put_slice(&out, json_text(v));
        } else {
            json_write(v, &out);
        }
        used++;
        i++; /* "}" */
    }
    text = arena_copy(c->v->a, buf_slice(&out));
    buf_fini(&out);
    return json_string(c->v->a, text);
}

static const struct json_node *math_add(const struct call *c)
{
    int64_t x;
    int64_t y;

    if (c->count != 2 || !json_i64(c->arguments[0], &x) || !json_i64(c->arguments[1], &y)) {
        model_die("States.MathAdd", c->text);
    }
    return json_integer(c->v->a, x + y);
}

static const struct json_node *array(const struct call *c)
{
    struct json_builder b = json_build_array(c->v->a);

    for (size_t i = 0; i < c->count; i++) {
        json_push(&b, c->arguments[i]);
    }
    return json_built(&b);
}

/* A call at the front of the text. */
static bool call_value(struct call *c, const struct json_node **out)
{
    size_t name = slice_find(c->text, '(');
    struct call inner = {.v = c->v, .text = slice_from(c->text, name)};
    struct slice function = slice_head(c->text, name);

    if (!arguments(&inner)) {
        return false;
    }
    c->text = inner.text;
    if (slice_eq_str(function, "States.Format")) {
        *out = format(&inner);
    } else if (slice_eq_str(function, "States.MathAdd")) {
        *out = math_add(&inner);
    } else if (slice_eq_str(function, "States.Array")) {
        *out = array(&inner);
    } else {
        model_die("an intrinsic function", function);
    }
    return true;
}

bool model_value(const struct view *v, struct slice text, const struct json_node **out)
{
    struct call c = {.v = v, .text = text};

    return slice_starts_with(text, SLICE("States.")) ? call_value(&c, out)
                                                     : model_path(v, text, out);
}

/* ---- templates ---- */

bool model_template(const struct view *v,
                    const struct json_node *template,
                    const struct json_node **out)
{
    bool object = json_is(template, JSON_OBJECT);
    struct json_builder b = object ? json_build_object(v->a) : json_build_array(v->a);

    if (!object && !json_is(template, JSON_ARRAY)) {
        *out = template;
        return true;
    }
    for (const struct json_node *e = json_first(template); e != NULL; e = json_next(template, e)) {
        struct slice key = object ? json_key(template, e) : (struct slice){NULL, 0};
        bool worked = slice_ends_with(key, SLICE(".$"));
        const struct json_node *value;

        if (!(worked ? model_value(v, json_text(e), &value) : model_template(v, e, &value))) {
            return false;
        }
        if (object) {
            json_put(&b, slice_head(key, key.len - (worked ? 2 : 0)), value);
        } else {
            json_push(&b, value);
        }
    }
    *out = json_built(&b);
    return true;
}

/* ---- ResultPath ---- */

static const struct json_node *put_at(const struct json_node *raw,
                                      struct slice path,
                                      const struct json_node *result,
                                      struct arena *a)
{
    struct json_builder b = json_build_object(a);
    struct step s;

    if (path.len == 0) {
        return result;
    }
    if (raw != NULL && !json_is(raw, JSON_OBJECT)) {
        model_die("a ResultPath into what is no object", path);
    }
    s = next_step(&path);
    for (const struct json_node *e = json_first(raw); e != NULL; e = json_next(raw, e)) {
        json_put(&b, json_key(raw, e), e);
    }
    json_put(&b, s.name, put_at(json_member(raw, s.name), path, result, a));
    return json_built(&b);
}

const struct json_node *model_put(const struct json_node *raw,
                                  struct slice path,
                                  const struct json_node *result,
                                  struct arena *a)
{
    return put_at(raw, slice_from(path, 1), result, a);
}
