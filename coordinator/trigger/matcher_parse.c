/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of conditions. What is refused, and in which words, follows event-ruler, which reads
 * an expression from left to right: the first slip is told. */
#include "coordinator/trigger/matcher.h"

struct reader {
    const struct matcher_rules *rules;
    struct arena *a;
    struct err *err;
};

static enum err_code refuse(const struct reader *r, const char *why)
{
    return err_set(r->err, ERR_VALIDATION, "%s", why);
}

static enum err_code refuse_name(const struct reader *r, const char *why, struct slice name)
{
    return err_set(r->err, ERR_VALIDATION, "%s%.*s", why, SLICE_FMT(slice_head(name, 200)));
}

/* Exactly one member. */
static enum err_code only_one(const struct reader *r, const struct json_node *v, const char *why)
{
    return json_count(v) == 1 ? OK : refuse(r, why);
}

#define ONLY_ONE_KEY      "Only one key allowed in match expression"
#define TOO_MANY_ELEMENTS "Too many elements in numeric expression"

/* ---- numbers ---- */

static enum err_code take_number(const struct reader *r, const struct json_node *v, double *out)
{
    double value;

    if (!json_double(v, &value) || value < -MATCHER_NUMBER_MOST || value > MATCHER_NUMBER_MOST) {
        return refuse(r, "Value must be between -5.0E9 and 5.0E9, inclusive");
    }
    *out = value;
    return OK;
}

/* An element of a numeric expression as messages show it; the end is a bracket. */
static struct slice token_text(const struct json_node *v)
{
    if (v == NULL) {
        return SLICE("]");
    }
    switch (json_type(v)) {
    case JSON_NULL: return SLICE("null");
    case JSON_FALSE: return SLICE("false");
    case JSON_TRUE: return SLICE("true");
    case JSON_ARRAY: return SLICE("[");
    case JSON_OBJECT: return SLICE("{");
    case JSON_NUMBER:
    case JSON_STRING: break;
    }
    return json_text(v);
}

static enum err_code
take_bound(const struct reader *r, struct slice op, const struct json_node *v, double *out)
{
    if (!json_is(v, JSON_NUMBER)) {
        return err_set(r->err, ERR_VALIDATION, "Value of %.*s must be numeric",
                       SLICE_FMT(slice_eq_str(op, "=") ? SLICE("equals") : op));
    }
    return take_number(r, v, out);
}

/* The upper bound behind a lower one: `v` is its operator. */
static enum err_code take_upper(const struct reader *r,
                                const struct json_node *list,
                                const struct json_node *v,
                                struct matcher *m)
{
    struct slice op = token_text(v);
    const struct json_node *bound = json_next(list, v);
    enum err_code rc;

    if (!json_is(v, JSON_STRING)) {
        return refuse_name(r, "Bad value in numeric range: ", op);
    }
    if (!slice_eq_str(op, "<") && !slice_eq_str(op, "<=")) {
        return refuse_name(r, "Bad numeric range operator: ", op);
    }
    rc = take_bound(r, op, bound, &m->range.high);
    if (rc == OK && json_next(list, bound) != NULL) {
        rc = refuse(r, "Too many terms in numeric range expression");
    }
    if (rc == OK && m->range.low >= m->range.high) {
        rc = refuse(r, "Bottom must be less than top");
    }
    m->range.high_open = slice_eq_str(op, "<");
    return rc;
}

/* One bound; more than it follows only behind a lower one. */
static enum err_code take_comparison(const struct reader *r,
                                     const struct json_node *list,
                                     struct slice op,
                                     const struct json_node *v,
                                     struct matcher *m)
{
    bool lower = op.ptr[0] == '>';
    bool upper = op.ptr[0] == '<';
    const struct json_node *next;
    double bound;
    enum err_code rc = take_bound(r, op, v, &bound);

    if (rc != OK) {
        return rc;
    }
    next = json_next(list, v);
    m->range.low = upper ? -MATCHER_NUMBER_MOST : bound;
    m->range.high = lower ? MATCHER_NUMBER_MOST : bound;
    m->range.low_open = lower && op.len == 1;
    m->range.high_open = upper && op.len == 1;
    if (next == NULL) {
        return OK;
    }
    return lower ? take_upper(r, list, next, m) : refuse(r, TOO_MANY_ELEMENTS);
}

static enum err_code
parse_numeric(const struct reader *r, const struct json_node *list, struct matcher *m)
{
    static const char *const operators[] = {"=", "<", "<=", ">", ">="};
    const struct json_node *first = json_first(list);
    struct slice op = token_text(first);

    if (!json_is(list, JSON_ARRAY)) {
        return refuse(r, "Value of numeric must be an array.");
    }
    if (!json_is(first, JSON_STRING)) {
        return refuse_name(r, "Invalid member in numeric match: ", op);
    }
    m->is = MATCH_RANGE;
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        if (slice_eq_str(op, operators[i])) {
            return take_comparison(r, list, op, json_next(list, first), m);
        }
    }
    return refuse_name(r, "Unrecognized numeric range operator: ", op);
}

/* ---- texts ---- */

static enum err_code take_text(const struct reader *r,
                               const struct json_node *v,
                               enum matcher_kind is,
                               const char *why,
                               struct matcher *m)
{
    if (!json_is(v, JSON_STRING)) {
        return refuse(r, why);
    }
    m->is = is;
    m->text = json_text(v);
    return OK;
}

static enum err_code take_folded(const struct reader *r,
                                 const struct json_node *v,
                                 enum matcher_kind is,
                                 struct matcher *m)
{
    enum err_code rc = take_text(r, v, is, "equals-ignore-case match pattern must be a string", m);

    if (rc == OK) {
        m->text = matcher_fold(m->text, r->a);
    }
    return rc;
}

/* {"prefix": {"equals-ignore-case": "x"}}, and of a suffix. */
static enum err_code parse_nested_folded(const struct reader *r,
                                         const struct json_node *v,
                                         bool prefix,
                                         struct matcher *m)
{
    const struct json_node *inner = json_first(v);
    enum err_code rc;

    if (inner == NULL) {
        return refuse(r, prefix ? "Prefix expression name not found"
                                : "Suffix expression name not found");
    }
    if (!slice_eq_str(json_key(v, inner), "equals-ignore-case")) {
        return refuse_name(r,
                           prefix ? "Unsupported prefix pattern: " : "Unsupported suffix pattern: ",
                           json_key(v, inner));
    }
    rc = take_folded(r, inner, prefix ? MATCH_PREFIX_FOLDED : MATCH_SUFFIX_FOLDED, m);
    return rc == OK ? only_one(r, v, ONLY_ONE_KEY) : rc;
}

static enum err_code
parse_prefix(const struct reader *r, const struct json_node *v, struct matcher *m)
{
    if (json_is(v, JSON_OBJECT) && r->rules->nested_ignore_case) {
        return parse_nested_folded(r, v, true, m);
    }
    return take_text(r, v, MATCH_PREFIX, "prefix match pattern must be a string", m);
}

static enum err_code
parse_suffix(const struct reader *r, const struct json_node *v, struct matcher *m)
{
    if (json_is(v, JSON_OBJECT) && r->rules->nested_ignore_case) {
        return parse_nested_folded(r, v, false, m);
    }
    return take_text(r, v, MATCH_SUFFIX, "suffix match pattern must be a string", m);
}

static enum err_code
parse_equals_ignore_case(const struct reader *r, const struct json_node *v, struct matcher *m)
{
    return take_folded(r, v, MATCH_TEXT_FOLDED, m);
}

static enum err_code
parse_exactly(const struct reader *r, const struct json_node *v, struct matcher *m)
{
    return take_text(r, v, MATCH_TEXT, "exact match pattern must be a string", m);
}

static enum err_code
parse_wildcard(const struct reader *r, const struct json_node *v, struct matcher *m)
{
    if (!json_is(v, JSON_STRING)) {
        return refuse(r, "wildcard match pattern must be a string");
    }
    m->is = MATCH_WILDCARD;
    return wildcard_compile(json_text(v), r->a, &m->wildcard, r->err);
}

static enum err_code
parse_cidr(const struct reader *r, const struct json_node *v, struct matcher *m)
{
    if (!json_is(v, JSON_STRING)) {
        return refuse(r, "prefix match pattern must be a string"); /* AWS's words, here too */
    }
    m->is = MATCH_ADDRESS;
    return address_range_parse(json_text(v), &m->addresses, r->err);
}

static enum err_code
parse_exists(const struct reader *r, const struct json_node *v, struct matcher *m)
{
    if (!json_is_bool(v)) {
        return refuse(r, "exists match pattern must be either true or false.");
    }
    m->is = json_is(v, JSON_TRUE) ? MATCH_EXISTS : MATCH_ABSENT;
    return OK;
}

/* ---- anything-but ---- */

/* Of one kind of {"anything-but": {...}}: an element, and what is said where it is no text. */
struct but_kind {
    const char *name;
    enum matcher_kind is;
    const char *not_text;
};

static const struct but_kind but_kinds[] = {
    {"prefix", MATCH_PREFIX, "prefix/suffix match pattern must be a string"},
    {"suffix", MATCH_SUFFIX, "prefix/suffix match pattern must be a string"},
    {"equals-ignore-case", MATCH_TEXT_FOLDED,
     "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."},
    {"wildcard", MATCH_WILDCARD, "wildcard match pattern must be a string"},
};

static enum err_code
take_number_literal(const struct reader *r, const struct json_node *v, struct matcher *m)
{
    double value;

    m->is = MATCH_NUMBER;
    m->number = v;
    return take_number(r, v, &value);
}

/* A text or number that the value must not be. */
static enum err_code take_plain(const struct reader *r,
                                const struct but_kind *kind,
                                const struct json_node *v,
                                struct matcher *m)
{
    (void)kind;
    if (json_is(v, JSON_NUMBER)) {
        return take_number_literal(r, v, m);
    }
    return take_text(r, v, MATCH_TEXT,
                     "Inside anything but list, start|null|boolean is not supported.", m);
}

static enum err_code take_kind(const struct reader *r,
                               const struct but_kind *kind,
                               const struct json_node *v,
                               struct matcher *m)
{
    if (!json_is(v, JSON_STRING)) {
        return refuse(r, kind->not_text);
    }
    if (kind->is == MATCH_WILDCARD) {
        return parse_wildcard(r, v, m);
    }
    if (kind->is == MATCH_TEXT_FOLDED) {
        return take_folded(r, v, MATCH_TEXT_FOLDED, m);
    }
    if (json_text(v).len == 0) {
        return refuse(r, "Null prefix/suffix not allowed");
    }
    return take_text(r, v, kind->is, kind->not_text, m);
}

/* One value, or a list of them. */
static enum err_code take_each(const struct reader *r,
                               const struct but_kind *kind,
                               const struct json_node *v,
                               struct matcher *m)
{
    enum err_code (*take)(const struct reader *, const struct but_kind *, const struct json_node *,
                          struct matcher *) = kind != NULL ? take_kind : take_plain;
    bool list = json_is(v, JSON_ARRAY);
    struct matcher *items = ARENA_ARRAY(r->a, list ? json_count(v) : 1, struct matcher);
    enum err_code rc = OK;
    size_t n = 0;

    if (!list) {
        rc = take(r, kind, v, &items[n++]);
    }
    for (const struct json_node *e = list ? json_first(v) : NULL; e != NULL && rc == OK;
         e = json_next(v, e)) {
        rc = take(r, kind, e, &items[n++]);
    }
    m->is = MATCH_NONE_OF;
    m->none_of.items = items;
    m->none_of.count = n;
    return rc;
}

static enum err_code check_one_type(const struct reader *r, const struct matcher *m)
{
    bool same = m->none_of.count != 0;

    for (size_t i = 1; i < m->none_of.count; i++) {
        same = same && m->none_of.items[i].is == m->none_of.items[0].is;
    }
    return same ? OK
                : refuse(r, "Inside anything but list, either all values are number or string, "
                            "mixed type is not supported");
}

static enum err_code
find_kind(const struct reader *r, struct slice name, const struct but_kind **out)
{
    for (size_t i = 0; i < sizeof(but_kinds) / sizeof(but_kinds[0]); i++) {
        bool known = r->rules->anything_but_other ||
                     (r->rules->anything_but_prefix && but_kinds[i].is == MATCH_PREFIX);

        if (known && slice_eq_str(name, but_kinds[i].name)) {
            *out = &but_kinds[i];
            return OK;
        }
    }
    return refuse_name(r, "Unsupported anything-but pattern: ", name);
}

static enum err_code
parse_anything_but_nested(const struct reader *r, const struct json_node *v, struct matcher *m)
{
    const struct json_node *inner = json_first(v);
    const struct but_kind *kind = NULL;
    enum err_code rc;

    if (inner == NULL) {
        return refuse(r, "Anything-But expression name not found");
    }
    rc = find_kind(r, json_key(v, inner), &kind);
    if (rc != OK) {
        return rc;
    }
    if (!r->rules->anything_but_other && !json_is(inner, JSON_STRING)) {
        return refuse(r, "prefix match pattern must be a string");
    }
    if (!json_is(inner, JSON_STRING) && !json_is(inner, JSON_NUMBER) &&
        !json_is(inner, JSON_ARRAY)) {
        return refuse(r, "Value of anything-but must be an array or single string/number value.");
    }
    rc = take_each(r, kind, inner, m);
    return rc == OK ? only_one(r, v, TOO_MANY_ELEMENTS) : rc;
}

static enum err_code
parse_anything_but(const struct reader *r, const struct json_node *v, struct matcher *m)
{
    enum err_code rc;

    if (json_is(v, JSON_OBJECT)) {
        return parse_anything_but_nested(r, v, m);
    }
    if (!json_is(v, JSON_STRING) && !json_is(v, JSON_NUMBER) && !json_is(v, JSON_ARRAY)) {
        return refuse(r, "Value of anything-but must be an array or single string/number value.");
    }
    rc = take_each(r, NULL, v, m);
    return rc == OK ? check_one_type(r, m) : rc;
}

/* ---- all of them ---- */

struct operation {
    const char *name;
    enum err_code (*parse)(const struct reader *r, const struct json_node *v, struct matcher *m);
    const char *more; /* what is said where another member follows */
};

static const struct operation operations[] = {
    {"prefix", parse_prefix, ONLY_ONE_KEY},
    {"suffix", parse_suffix, ONLY_ONE_KEY},
    {"equals-ignore-case", parse_equals_ignore_case, ONLY_ONE_KEY},
    {"exactly", parse_exactly, ONLY_ONE_KEY},
    {"wildcard", parse_wildcard, ONLY_ONE_KEY},
    {"cidr", parse_cidr, ONLY_ONE_KEY},
    {"exists", parse_exists, ONLY_ONE_KEY},
    {"numeric", parse_numeric, TOO_MANY_ELEMENTS},
    {"anything-but", parse_anything_but, TOO_MANY_ELEMENTS},
};

static enum err_code
parse_expression(const struct reader *r, const struct json_node *v, struct matcher *m)
{
    const struct json_node *inner = json_first(v);
    struct slice name;

    if (inner == NULL) {
        return refuse(r, "Match expression name not found");
    }
    name = json_key(v, inner);
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        const struct operation *op = &operations[i];

        if (slice_eq_str(name, op->name) && (op->parse != parse_wildcard || r->rules->wildcard)) {
            enum err_code rc = op->parse(r, inner, m);

            return rc == OK ? only_one(r, v, op->more) : rc;
        }
    }
    return refuse_name(r, "Unrecognized match type ", name);
}

bool matcher_is_operation(struct slice name)
{
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (slice_eq_str(name, operations[i].name)) {
            return true;
        }
    }
    return false;
}

/* An address matches however it is written. */
static void literal_text(struct slice text, struct matcher *m)
{
    struct address address;

    m->is = MATCH_TEXT;
    m->text = text;
    if (address_parse(text, &address)) {
        m->is = MATCH_ADDRESS;
        m->addresses = (struct address_range){address, address};
    }
}

enum err_code matcher_parse(const struct json_node *v,
                            const struct matcher_rules *rules,
                            struct arena *a,
                            struct matcher *out,
                            struct err *err)
{
    const struct reader r = {rules, a, err};

    switch (json_type(v)) {
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
        out->is = MATCH_WORD;
        out->word = json_type(v);
        return OK;
    case JSON_NUMBER:
        out->is = MATCH_NUMBER;
        out->number = v;
        return OK;
    case JSON_STRING: literal_text(json_text(v), out); return OK;
    case JSON_OBJECT: return parse_expression(&r, v, out);
    case JSON_ARRAY: break;
    }
    return refuse(&r, "Match value must be String, number, true, false, or null");
}
