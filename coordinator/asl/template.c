/* SPDX-License-Identifier: Apache-2.0 */
/* See template.h. */
#include "coordinator/asl/template.h"
#include "coordinator/asl/intrinsic.h"

enum template_kind {
    TEMPLATE_LITERAL,
    TEMPLATE_OBJECT,
    TEMPLATE_ARRAY,
    TEMPLATE_PATH,
    TEMPLATE_INTRINSIC,
};

struct asl_template {
    enum template_kind is;
    unsigned uses;
    struct slice field; /* PATH, INTRINSIC: "x.$" */
    union {
        const struct json_node *literal;
        const struct asl_path *path;
        const struct asl_intrinsic *intrinsic;
        struct {
            const struct slice *keys; /* OBJECT */
            const struct asl_template *const *items;
            size_t count;
        } parts;
    };
};

static struct asl_template *template_new(struct template_parser *tp, enum template_kind is)
{
    struct asl_template *t = ARENA_NEW(tp->a, struct asl_template);

    t->is = is;
    return t;
}

static struct asl_template *literal(struct template_parser *tp, const struct json_node *v)
{
    struct asl_template *t = template_new(tp, TEMPLATE_LITERAL);

    t->literal = v;
    return t;
}

static void report(struct template_parser *tp,
                   enum asl_severity severity,
                   const char *code,
                   struct slice message,
                   const struct asl_place *at)
{
    tp->errors += severity == ASL_ERROR ? 1 : 0;
    if (!asl_diagnostics_full(tp->found)) {
        asl_diagnostics_add(tp->found, tp->texts, severity, code, message,
                            asl_place_print(at, tp->texts));
    }
}

static bool is_dynamic(struct slice key)
{
    return slice_ends_with(key, SLICE(".$"));
}

/* The value of a member "x.$". */
static const struct asl_template *parse_dynamic(struct template_parser *tp,
                                                struct slice key,
                                                const struct json_node *v,
                                                const struct asl_place *object)
{
    struct slice text = json_text(v);
    struct asl_template *t = template_new(tp, TEMPLATE_PATH);
    const char *why;

    t->field = key;
    if (json_is(v, JSON_STRING) && text.len > 0 && text.ptr[0] == '$') {
        t->path = asl_path_parse(text, PATH_ANY, tp->a, &why);
    } else if (json_is(v, JSON_STRING)) {
        t->is = TEMPLATE_INTRINSIC;
        t->intrinsic = asl_intrinsic_parse(text, tp->a, &why);
    }
    if (t->is == TEMPLATE_PATH ? t->path != NULL : t->intrinsic != NULL) {
        t->uses =
            t->is == TEMPLATE_PATH ? asl_path_uses(t->path) : asl_intrinsic_uses(t->intrinsic);
        return t;
    }
    report(
        tp, ASL_ERROR, "SCHEMA_VALIDATION_FAILED",
        arena_printf(tp->texts,
                     "The value for the field '%.*s' must be a valid JSONPath or a valid intrinsic "
                     "function call",
                     SLICE_FMT(key)),
        object);
    return literal(tp, v);
}

/* "a" beside "a.$" would be one member twice: an object of the names has fewer than there are
 * names, and lacks the first that came again. */
static void check_twins(struct template_parser *tp,
                        const struct slice *keys,
                        size_t count,
                        const struct asl_place *at)
{
    struct json_builder b = json_build_object(tp->texts);
    const struct json_node *names;
    const struct json_node *e;
    size_t i = 0;

    for (size_t k = 0; k < count; k++) {
        json_put(&b, keys[k], json_null());
    }
    names = json_built(&b);
    if (json_count(names) == count) {
        return;
    }
    for (e = json_first(names); e != NULL && slice_eq(json_key(names, e), keys[i]); i++) {
        e = json_next(names, e);
    }
    report(tp, ASL_ERROR, "SCHEMA_VALIDATION_FAILED",
           arena_printf(tp->texts, "The fields '%.*s' and '%.*s.$' cannot both be given",
                        SLICE_FMT(keys[i]), SLICE_FMT(keys[i])),
           at);
}

/* A string that looks like a path under a name without ".$" is probably a slip. AWS tells it at the
 * object that has the name. */
static void
check_literal(struct template_parser *tp, const struct json_node *v, const struct asl_place *at)
{
    struct slice text = json_text(v);

    if (json_is(v, JSON_STRING) && !at->element &&
        (slice_starts_with(text, SLICE("$.")) || slice_starts_with(text, SLICE("$$.")) ||
         slice_starts_with(text, SLICE("States.")))) {
        report(tp, ASL_WARNING, "NO_DOLLAR",
               arena_printf(tp->texts,
                            "The value of '%.*s' looks like a JSONPath. Instead of '%.*s', use "
                            "'%.*s.$' to evaluate it as a JSONPath at runtime.",
                            SLICE_FMT(at->name), SLICE_FMT(at->name), SLICE_FMT(at->name)),
               at->up);
    }
}

static const struct asl_template *
parse_object(struct template_parser *tp, const struct json_node *doc, const struct asl_place *at)
{
    size_t count = json_count(doc);
    struct asl_template *t = template_new(tp, TEMPLATE_OBJECT);
    struct slice *keys = ARENA_ARRAY(tp->a, count, struct slice);
    const struct asl_template **items = ARENA_ARRAY(tp->a, count, const struct asl_template *);
    bool dynamic = false;
    size_t n = 0;

    for (const struct json_node *e = json_first(doc); e != NULL; e = json_next(doc, e), n++) {
        struct slice key = json_key(doc, e);

        if (is_dynamic(key)) {
            keys[n] = slice_head(key, key.len - 2);
            items[n] = parse_dynamic(tp, key, e, at);
            dynamic = true;
        } else {
            struct asl_place inner = asl_place_member(at, key);

            keys[n] = key;
            items[n] = asl_template_parse(tp, e, &inner);
            dynamic = dynamic || items[n]->is != TEMPLATE_LITERAL;
        }
        t->uses |= items[n]->uses;
    }
    if (dynamic) {
        check_twins(tp, keys, n, at);
    }
    t->parts.keys = keys;
    t->parts.items = items;
    t->parts.count = n;
    return dynamic ? t : literal(tp, doc);
}

static const struct asl_template *
parse_array(struct template_parser *tp, const struct json_node *doc, const struct asl_place *at)
{
    struct asl_template *t = template_new(tp, TEMPLATE_ARRAY);
    const struct asl_template **items =
        ARENA_ARRAY(tp->a, json_count(doc), const struct asl_template *);
    bool dynamic = false;
    size_t n = 0;

    for (const struct json_node *e = json_first(doc); e != NULL; e = json_next(doc, e), n++) {
        struct asl_place inner = asl_place_element(at, n);

        items[n] = asl_template_parse(tp, e, &inner);
        dynamic = dynamic || items[n]->is != TEMPLATE_LITERAL;
        t->uses |= items[n]->uses;
    }
    t->parts.items = items;
    t->parts.count = n;
    return dynamic ? t : literal(tp, doc);
}

const struct asl_template *asl_template_parse(struct template_parser *tp,
                                              const struct json_node *doc,
                                              const struct asl_place *at)
{
    if (json_is(doc, JSON_OBJECT)) {
        return parse_object(tp, doc, at);
    }
    if (json_is(doc, JSON_ARRAY)) {
        return parse_array(tp, doc, at);
    }
    check_literal(tp, doc, at);
    return literal(tp, doc);
}

unsigned asl_template_uses(const struct asl_template *t)
{
    return t == NULL ? 0 : t->uses;
}

static bool apply_path(const struct asl_template *t,
                       const struct asl_scope_data *s,
                       const struct json_node **out,
                       struct failure *why)
{
    struct path_miss miss;
    const struct json_node *v;

    if (asl_path_lacks_input(t->path, s)) {
        *why = (struct failure){SLICE("States.Runtime"), SLICE(PATH_NULL_INPUT)};
        return false;
    }
    v = asl_path_value(t->path, s, &miss);
    if (v == NULL && miss.is == PATH_NO_ELEMENT) {
        v = json_null(); /* AWS: past the end of an array is null here, and only here */
    }
    if (v == NULL && miss.is == PATH_TOO_MUCH) {
        *why = (struct failure){SLICE("States.Runtime"), asl_path_miss_text(&miss, s->a)};
        return false;
    }
    if (v == NULL) {
        why->error = SLICE("States.Runtime");
        why->cause = arena_printf(s->a,
                                  "The JSONPath '%.*s' specified for the field '%.*s' could not be "
                                  "found in the input '%.*s'",
                                  SLICE_FMT(t->path->text), SLICE_FMT(t->field),
                                  SLICE_FMT(json_print(asl_path_document(t->path, s), s->a)));
        return false;
    }
    *out = v;
    return true;
}

static bool apply(const struct asl_template *t,
                  const struct asl_scope_data *s,
                  size_t held_max,
                  const struct json_node **out,
                  struct failure *why);

static bool apply_parts(const struct asl_template *t,
                        const struct asl_scope_data *s,
                        size_t held_max,
                        const struct json_node **out,
                        struct failure *why)
{
    bool object = t->is == TEMPLATE_OBJECT;
    struct json_builder b = object ? json_build_object(s->a) : json_build_array(s->a);

    for (size_t i = 0; i < t->parts.count; i++) {
        const struct json_node *v;

        if (!apply(t->parts.items[i], s, held_max, &v, why)) {
            return false;
        }
        if (object) {
            json_put(&b, t->parts.keys[i], v);
        } else {
            json_push(&b, v);
        }
    }
    *out = json_built(&b);
    return true;
}

/* Functions make new text of the whole input each time and paths gather new arrays of it: thousands
 * of them must not fill memory. */
static bool has_room(const struct asl_template *t,
                     const struct asl_scope_data *s,
                     size_t held_max,
                     struct failure *why)
{
    if (arena_held_bytes(s->a) <= held_max) {
        return true;
    }
    why->error = SLICE("States.DataLimitExceeded");
    why->cause =
        arena_printf(s->a, "The field '%.*s' makes the payload too large", SLICE_FMT(t->field));
    return false;
}

static bool apply(const struct asl_template *t,
                  const struct asl_scope_data *s,
                  size_t held_max,
                  const struct json_node **out,
                  struct failure *why)
{
    switch (t->is) {
    case TEMPLATE_LITERAL: *out = t->literal; return true;
    case TEMPLATE_PATH: return has_room(t, s, held_max, why) && apply_path(t, s, out, why);
    case TEMPLATE_INTRINSIC:
        return has_room(t, s, held_max, why) && asl_intrinsic_value(t->intrinsic, s, out, why);
    case TEMPLATE_OBJECT:
    case TEMPLATE_ARRAY: break;
    }
    return apply_parts(t, s, held_max, out, why);
}

bool asl_apply_template(const struct asl_template *t,
                        const struct asl_scope_data *s,
                        const struct json_node **out,
                        struct failure *why)
{
    size_t visits = 0;
    struct asl_scope_data counted = *s;

    counted.visits = &visits;
    return apply(t, &counted, arena_held_bytes(s->a) + LIMIT_EXPRESSION_BYTES, out, why);
}
