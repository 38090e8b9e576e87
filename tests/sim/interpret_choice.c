/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of Choice states. Source: Amazon States Language, choice rules. */
#include "tests/sim/interpret.h"

#include "proto/base/text.h"

/* What an operator's name says: "Numeric" "LessThanEquals" "Path". */
struct comparison {
    struct slice operator;
    bool by_path;
    enum { OF_STRINGS, OF_NUMBERS, OF_BOOLEANS, OF_TIMES } of;
    bool less, same, more; /* it holds for those */
};

static bool cut_front(struct slice *s, const char *front)
{
    bool has = slice_starts_with(*s, slice_str(front));

    *s = has ? slice_from(*s, strlen(front)) : *s;
    return has;
}

static bool cut_back(struct slice *s, const char *back)
{
    bool has = slice_ends_with(*s, slice_str(back));

    s->len -= has ? strlen(back) : 0;
    return has;
}

static struct comparison read_operator(struct slice name)
{
    struct comparison c = {.operator= name };
    struct slice rest = name;

    c.by_path = cut_back(&rest, "Path");
    if (cut_front(&rest, "String")) {
        c.of = OF_STRINGS;
    } else if (cut_front(&rest, "Numeric")) {
        c.of = OF_NUMBERS;
    } else if (cut_front(&rest, "Boolean")) {
        c.of = OF_BOOLEANS;
    } else if (cut_front(&rest, "Timestamp")) {
        c.of = OF_TIMES;
    } else {
        model_die("an operator", name);
    }
    c.less = cut_front(&rest, "LessThan");
    c.more = cut_front(&rest, "GreaterThan");
    c.same = cut_back(&rest, "Equals");
    if (rest.len != 0) {
        model_die("an operator", name);
    }
    return c;
}

/* Both must be of the operator's type; then less, equal or greater. False: one is not. */
static bool compare(const struct comparison *c,
                    const struct json_node *x,
                    const struct json_node *y,
                    int *order)
{
    double nx;
    double ny;
    int64_t tx;
    int64_t ty;

    switch (c->of) {
    case OF_STRINGS:
        *order = slice_cmp(json_text(x), json_text(y)); /* ASCII */
        return json_is(x, JSON_STRING) && json_is(y, JSON_STRING);
    case OF_NUMBERS:
        if (!json_double(x, &nx) || !json_double(y, &ny)) {
            return false;
        }
        *order = (nx > ny) - (nx < ny);
        return true;
    case OF_BOOLEANS:
        *order = json_type(x) != json_type(y);
        return json_is_bool(x) && json_is_bool(y);
    case OF_TIMES:
        if (!text_parse_time(json_text(x), &tx) || !text_parse_time(json_text(y), &ty)) {
            return false;
        }
        *order = (tx > ty) - (tx < ty);
        return true;
    }
    return false;
}

static bool matches(struct slice pattern, struct slice text)
{
    bool escaped = pattern.len > 1 && pattern.ptr[0] == '\\';

    if (pattern.len == 0) {
        return text.len == 0;
    }
    if (pattern.ptr[0] == '*') {
        return matches(slice_from(pattern, 1), text) ||
               (text.len > 0 && matches(pattern, slice_from(text, 1)));
    }
    return text.len > 0 && text.ptr[0] == pattern.ptr[escaped] &&
           matches(slice_from(pattern, escaped ? 2 : 1), slice_from(text, 1));
}

/* Is the value, which may be absent, what "IsString" and the like ask for? False: no such test. */
static bool test_type(struct slice name, const struct json_node *x, bool *is)
{
    int64_t ms;

    if (slice_eq_str(name, "IsPresent")) {
        *is = x != NULL;
    } else if (slice_eq_str(name, "IsNull")) {
        *is = json_is(x, JSON_NULL);
    } else if (slice_eq_str(name, "IsString")) {
        *is = json_is(x, JSON_STRING);
    } else if (slice_eq_str(name, "IsNumeric")) {
        *is = json_is(x, JSON_NUMBER);
    } else if (slice_eq_str(name, "IsBoolean")) {
        *is = json_is_bool(x);
    } else if (slice_eq_str(name, "IsTimestamp")) {
        *is = json_is(x, JSON_STRING) && text_parse_time(json_text(x), &ms);
    } else {
        return false;
    }
    return true;
}

/* The member of a rule that is its operator. */
static const struct json_node *operator_of(const struct json_node *rule, struct slice *name)
{
    for (const struct json_node *e = json_first(rule); e != NULL; e = json_next(rule, e)) {
        *name = json_key(rule, e);
        if (!slice_eq_str(*name, "Variable") && !slice_eq_str(*name, "Next") &&
            !slice_eq_str(*name, "Assign")) {
            return e;
        }
    }
    model_die("a rule without an operator", json_text(model_member(rule, "Next")));
}

static bool compare_rule(const struct view *v, const struct json_node *rule, bool *yes)
{
    const struct json_node *x;
    struct slice name;
    const struct json_node *y = operator_of(rule, &name);
    bool found = model_path(v, json_text(model_member(rule, "Variable")), &x);
    struct comparison c;
    int order = 0;

    if (!found && !slice_eq_str(name, "IsPresent")) {
        return false;
    }
    if (model_is_unknown(json_text(x))) {
        model_die("a rule over the unknown", name);
    }
    if (test_type(name, x, yes)) {
        *yes = *yes == json_is(y, JSON_TRUE);
        return true;
    }
    if (slice_eq_str(name, "StringMatches")) {
        *yes = json_is(x, JSON_STRING) && matches(json_text(y), json_text(x));
        return true;
    }
    c = read_operator(name);
    if (c.by_path && !model_path(v, json_text(y), &y)) {
        return false;
    }
    *yes = compare(&c, x, y, &order) && (order < 0 ? c.less : order > 0 ? c.more : c.same);
    return true;
}

/* And up to the first that does not hold, Or up to the first that does. */
static bool all_or_any(const struct view *v, const struct json_node *parts, bool any, bool *yes)
{
    *yes = !any;
    for (const struct json_node *e = json_first(parts); e != NULL && *yes != any;
         e = json_next(parts, e)) {
        if (!model_rule(v, e, yes)) {
            return false;
        }
    }
    return true;
}

bool model_rule(const struct view *v, const struct json_node *rule, bool *yes)
{
    const struct json_node *parts;

    if ((parts = model_member(rule, "And")) != NULL) {
        return all_or_any(v, parts, false, yes);
    }
    if ((parts = model_member(rule, "Or")) != NULL) {
        return all_or_any(v, parts, true, yes);
    }
    if ((parts = model_member(rule, "Not")) != NULL) {
        if (!model_rule(v, parts, yes)) {
            return false;
        }
        *yes = !*yes;
        return true;
    }
    return compare_rule(v, rule, yes);
}
