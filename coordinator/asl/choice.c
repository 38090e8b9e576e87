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

/* Of the fraction, of which text_parse_time keeps three digits. */
static int64_t nanoseconds(struct slice time)
{
    size_t point = slice_find(time, '.');
    int64_t ns = 0;
    int64_t unit = 100000000;

    for (size_t i = point + 1; i < time.len && time.ptr[i] >= '0' && time.ptr[i] <= '9'; i++) {
        ns += unit * (time.ptr[i] - '0');
        unit /= 10;
    }
    return ns;
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
        if (ix == iy) { /* to the millisecond */
            ix = nanoseconds(json_text(x));
            iy = nanoseconds(json_text(y));
        }
        break;
    case CHOICE_BOOLEAN: return json_type(x) != json_type(y);
    }
    return (ix > iy) - (ix < iy);
}

static bool is_escape(struct slice pattern, size_t i)
{
    return pattern.ptr[i] == '\\' && i + 1 < pattern.len &&
           (pattern.ptr[i + 1] == '*' || pattern.ptr[i + 1] == '\\');
}

/* The pattern up to its next star, which is taken too (*star). "\*" is a star that stands for
 * itself, "\\" a backslash. */
static struct slice take_part(struct slice *pattern, bool *star, struct arena *a)
{
    struct slice given = *pattern;
    size_t end = 0;
    char *part;
    size_t len = 0;

    while (end < given.len && given.ptr[end] != '*') {
        end += is_escape(given, end) ? 2 : 1;
    }
    part = arena_alloc(a, end);
    for (size_t i = 0; i < end; i++) {
        i += is_escape(given, i) ? 1 : 0;
        part[len++] = given.ptr[i];
    }
    *star = end < given.len;
    *pattern = slice_from(given, end + 1);
    return slice_make(part, len);
}

/* How far `part` has come when the character `c` follows its first `have` ones. */
static uint32_t part_advance(struct slice part, const uint32_t *border, uint32_t have, char c)
{
    while (have > 0 && part.ptr[have] != c) {
        have = border[have - 1];
    }
    return have + (part.ptr[have] == c ? 1 : 0);
}

/* Move past the first place of `part`; false where there is none. Knuth, Morris and Pratt's way, so
 * that the time is the sum of both lengths: the engine has one writer. border[i]: of how many
 * characters up to `i` the part's beginning is made, not counting the whole. */
static bool skip_past(struct slice *text, struct slice part, struct arena *a)
{
    uint32_t *border = ARENA_ARRAY(a, part.len, uint32_t);
    uint32_t have = 0;

    for (size_t i = 1; i < part.len; i++) {
        border[i] = part_advance(part, border, border[i - 1], part.ptr[i]);
    }
    for (size_t i = 0; i < text->len && have < part.len; i++) {
        have = part_advance(part, border, have, text->ptr[i]);
        if (have == part.len) {
            *text = slice_from(*text, i + 1);
        }
    }
    return have == part.len;
}

/* '*' is any run of characters. What stands before the first star begins the text, what stands
 * after the last one ends it, all else is taken where it first comes. */
static bool matches_wildcard(struct slice pattern, struct slice text, struct arena *a)
{
    bool star;
    struct slice part = take_part(&pattern, &star, a);

    if (!star || !slice_starts_with(text, part)) {
        return slice_eq(text, part);
    }
    text = slice_from(text, part.len);
    for (part = take_part(&pattern, &star, a); star; part = take_part(&pattern, &star, a)) {
        if (!skip_past(&text, part, a)) {
            return false;
        }
    }
    return slice_ends_with(text, part);
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

static bool holds(const struct choice_operator *op,
                  const struct json_node *x,
                  const struct json_node *y,
                  struct arena *a)
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
    case CHOICE_MATCHES: return matches_wildcard(json_text(y), json_text(x), a);
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

/* *out is NULL where the path finds nothing, which is a failure unless it `may_miss`. A path that
 * was given up may have found something. */
static bool read_operand(const struct asl_path *p,
                         bool may_miss,
                         const struct asl_scope_data *s,
                         const struct json_node **out,
                         struct failure *why)
{
    struct path_miss miss;

    *out = asl_path_value(p, s, &miss);
    if (*out != NULL || (may_miss && miss.is != PATH_TOO_MUCH)) {
        return true;
    }
    why->error = SLICE("States.Runtime");
    if (miss.is == PATH_TOO_MUCH) {
        why->cause = asl_path_miss_text(&miss, s->a);
    } else {
        why->cause =
            arena_printf(s->a,
                         "Invalid path '%.*s': The choice state's condition path references an "
                         "invalid value.",
                         SLICE_FMT(p->text));
    }
    return false;
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
    *s->visits += (json_text(x).len + json_text(y).len) / PATH_BYTES_A_VISIT;
    *yes = holds(r->op, x, r->op->type == CHOICE_NUMERIC ? as_number(y, s->a) : y, s->a);
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
    size_t visits = 0;
    struct asl_scope_data counted = *s;

    counted.visits = &visits;
    for (size_t i = 0; i < c->rule_count; i++) {
        bool yes = false;

        if (!rule_holds(c->rules[i], &counted, &yes, why)) {
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
