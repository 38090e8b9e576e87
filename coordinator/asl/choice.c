/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluating Choice rules; see choice.h. */
#include "coordinator/asl/choice.h"
#include "proto/base/text.h"

static const struct choice_operator operators[] = {
#define CHOICE_OPERATOR(name, type, relation, twin)                                                \
    {SLICE_INIT(name), CHOICE_##type, CHOICE_##relation, twin},
#include "coordinator/asl/choice.def"
#undef CHOICE_OPERATOR
};

const struct choice_operator *choice_operator_find(struct slice name, bool *twin)
{
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        const struct choice_operator *op = &operators[i];

        *twin = op->twin && slice_ends_with(name, SLICE("Path")) &&
                slice_eq(slice_head(name, name.len - 4), op->name);
        if (*twin || slice_eq(name, op->name)) {
            return op;
        }
    }
    return NULL;
}

bool choice_operand_fits(const struct choice_operator *op, const struct json_node *v)
{
    int64_t ms;

    switch (op->type) {
    case CHOICE_STRING: return json_is(v, JSON_STRING);
    case CHOICE_NUMERIC: return json_is(v, JSON_NUMBER);
    case CHOICE_TIMESTAMP: return json_is(v, JSON_STRING) && text_parse_time(json_text(v), &ms);
    case CHOICE_BOOLEAN: break;
    }
    return json_is_bool(v);
}

/* Java orders strings by UTF-16 code units: there the characters past U+FFFF (lead bytes F0..F4)
 * come before U+E000..U+FFFF (lead bytes EE, EF). All else is in byte order. */
static int compare_strings(struct slice x, struct slice y)
{
    size_t n = x.len < y.len ? x.len : y.len;

    for (size_t i = 0; i < n; i++) {
        int cx = (unsigned char)x.ptr[i];
        int cy = (unsigned char)y.ptr[i];

        if (cx != cy) {
            cx += cx == 0xEE || cx == 0xEF ? 0x10 : 0;
            cy += cy == 0xEE || cy == 0xEF ? 0x10 : 0;
            return cx - cy;
        }
    }
    return (x.len > y.len) - (x.len < y.len);
}

static int compare_doubles(double x, double y)
{
    return (x > y) - (x < y);
}

/* <0, 0, >0 of two values that fit the type. Integers of any size below 2^63 compare exactly. */
static int
compare_values(enum choice_type type, const struct json_node *x, const struct json_node *y)
{
    int64_t ix = 0;
    int64_t iy = 0;
    double dx = 0;
    double dy = 0;

    switch (type) {
    case CHOICE_STRING: return compare_strings(json_text(x), json_text(y));
    case CHOICE_NUMERIC:
        if (json_i64(x, &ix) && json_i64(y, &iy)) {
            break;
        }
        json_double(x, &dx);
        json_double(y, &dy);
        return compare_doubles(dx, dy);
    case CHOICE_TIMESTAMP:
        text_parse_time(json_text(x), &ix);
        text_parse_time(json_text(y), &iy);
        break;
    case CHOICE_BOOLEAN: return json_type(x) != json_type(y);
    }
    return (ix > iy) - (ix < iy);
}

/* '*' is any run of characters, "\*" a star, "\\" a backslash. Greedy with one point to return to:
 * the last star, so the cost is the product of both lengths at worst. */
static bool matches_wildcard(struct slice pattern, struct slice text)
{
    size_t p = 0;
    size_t t = 0;
    size_t star = SIZE_MAX;
    size_t star_text = 0;

    while (t < text.len || p < pattern.len) {
        bool escaped = p + 1 < pattern.len && pattern.ptr[p] == '\\' &&
                       (pattern.ptr[p + 1] == '*' || pattern.ptr[p + 1] == '\\');

        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = ++p;
            star_text = t;
        } else if (p < pattern.len && t < text.len &&
                   pattern.ptr[p + (escaped ? 1 : 0)] == text.ptr[t]) {
            p += escaped ? 2 : 1;
            t++;
        } else if (star != SIZE_MAX && star_text < text.len) {
            p = star;
            t = ++star_text;
        } else {
            return false;
        }
    }
    return true;
}

static bool is_type(enum choice_relation relation, const struct json_node *v)
{
    int64_t ms;

    switch (relation) {
    case CHOICE_IS_NULL: return json_is(v, JSON_NULL);
    case CHOICE_IS_PRESENT: return v != NULL;
    case CHOICE_IS_NUMERIC: return json_is(v, JSON_NUMBER);
    case CHOICE_IS_STRING: return json_is(v, JSON_STRING);
    case CHOICE_IS_BOOLEAN: return json_is_bool(v);
    case CHOICE_IS_TIMESTAMP: return json_is(v, JSON_STRING) && text_parse_time(json_text(v), &ms);
    case CHOICE_EQ:
    case CHOICE_LT:
    case CHOICE_GT:
    case CHOICE_LE:
    case CHOICE_GE:
    case CHOICE_MATCHES: break;
    }
    return false;
}

static bool
holds(const struct choice_operator *op, const struct json_node *x, const struct json_node *y)
{
    if (op->relation > CHOICE_MATCHES) {
        return is_type(op->relation, x) == (json_type(y) == JSON_TRUE);
    }
    if (!choice_operand_fits(op, x) || !choice_operand_fits(op, y)) {
        return false;
    }
    switch (op->relation) {
    case CHOICE_EQ: return compare_values(op->type, x, y) == 0;
    case CHOICE_LT: return compare_values(op->type, x, y) < 0;
    case CHOICE_GT: return compare_values(op->type, x, y) > 0;
    case CHOICE_LE: return compare_values(op->type, x, y) <= 0;
    case CHOICE_GE: return compare_values(op->type, x, y) >= 0;
    case CHOICE_MATCHES: return matches_wildcard(json_text(y), json_text(x));
    case CHOICE_IS_NULL:
    case CHOICE_IS_PRESENT:
    case CHOICE_IS_NUMERIC:
    case CHOICE_IS_STRING:
    case CHOICE_IS_BOOLEAN:
    case CHOICE_IS_TIMESTAMP: break;
    }
    return false;
}

/* AWS asks what it compares for a number, but takes what a path gives on the right as Java's
 * asDouble() does: a string by the number it spells, true as 1, all else as 0. */
static const struct json_node *as_number(const struct json_node *v, struct arena *a)
{
    double number = 0;

    if (json_is(v, JSON_NUMBER)) {
        return v;
    }
    if (json_is(v, JSON_STRING)) {
        (void)text_parse_double(json_text(v), &number);
    }
    return json_is(v, JSON_STRING) && number - number == 0
               ? json_real(a, number)
               : json_integer(a, json_is(v, JSON_TRUE) ? 1 : 0);
}

/* *out is NULL where the path finds nothing, which is a failure unless it `may_miss`. */
static bool read_operand(const struct asl_path *p,
                         bool may_miss,
                         const struct asl_scope_data *s,
                         const struct json_node **out,
                         struct failure *why)
{
    struct path_miss miss;

    *out = asl_path_value(p, s, &miss);
    if (*out == NULL && !may_miss) {
        why->error = SLICE("States.Runtime");
        why->cause =
            arena_printf(s->a,
                         "Invalid path '%.*s': The choice state's condition path references an "
                         "invalid value.",
                         SLICE_FMT(p->text));
    }
    return *out != NULL || may_miss;
}

static bool rule_holds(const struct asl_rule *r,
                       const struct asl_scope_data *s,
                       bool *yes,
                       struct failure *why);

/* And stops at the first that does not hold, Or at the first that does. */
static bool
parts_hold(const struct asl_rule *r, const struct asl_scope_data *s, bool *yes, struct failure *why)
{
    bool stop = r->is == RULE_OR;

    *yes = !stop;
    for (size_t i = 0; i < r->part_count && *yes != stop; i++) {
        if (!rule_holds(r->parts[i], s, yes, why)) {
            return false;
        }
    }
    return true;
}

static bool compare_holds(const struct asl_rule *r,
                          const struct asl_scope_data *s,
                          bool *yes,
                          struct failure *why)
{
    const struct json_node *x;
    const struct json_node *y = r->value;

    if (!read_operand(r->variable, r->op->relation == CHOICE_IS_PRESENT, s, &x, why) ||
        (r->value_path != NULL && !read_operand(r->value_path, false, s, &y, why))) {
        return false;
    }
    *yes = holds(r->op, x, r->op->type == CHOICE_NUMERIC ? as_number(y, s->a) : y);
    return true;
}

static bool
rule_holds(const struct asl_rule *r, const struct asl_scope_data *s, bool *yes, struct failure *why)
{
    if (r->is == RULE_COMPARE) {
        return compare_holds(r, s, yes, why);
    }
    if (!(r->is == RULE_NOT ? rule_holds(r->parts[0], s, yes, why) : parts_hold(r, s, yes, why))) {
        return false;
    }
    *yes = *yes != (r->is == RULE_NOT);
    return true;
}

bool asl_choose(const struct asl_choice *c,
                const struct asl_scope_data *s,
                uint32_t *next,
                size_t *rule,
                struct failure *why)
{
    for (size_t i = 0; i < c->rule_count; i++) {
        bool yes = false;

        if (!rule_holds(c->rules[i], s, &yes, why)) {
            return false;
        }
        if (yes) {
            *next = c->rule_next[i];
            *rule = i;
            return true;
        }
    }
    if (c->default_next == ASL_NONE) {
        why->error = SLICE("States.Runtime");
        why->cause = SLICE("Failed to transition out of the state. The state does not point to a "
                           "next state.");
        return false;
    }
    *next = c->default_next;
    *rule = c->rule_count;
    return true;
}
