/* SPDX-License-Identifier: Apache-2.0 */
/* See filter.h. */
#include "coordinator/asl/filter.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

enum filter_kind { FILTER_OR, FILTER_AND, FILTER_NOT, FILTER_EXISTS, FILTER_COMPARE };

enum filter_op {
    FILTER_EQ,
    FILTER_NE,
    FILTER_LT,
    FILTER_LE,
    FILTER_GT,
    FILTER_GE,
    FILTER_MATCH,
    FILTER_IN,
    FILTER_NIN,
    FILTER_CONTAINS,
    FILTER_SIZE,
    FILTER_EMPTY,
    FILTER_SUBSETOF,
    FILTER_ANYOF,
    FILTER_NONEOF,
};

/* One of the three is set. */
struct filter_operand {
    const struct asl_path *path;
    const struct json_node *value;
    const struct regex *regex;
};

struct path_filter {
    enum filter_kind is;
    const struct path_filter *left; /* OR, AND, NOT */
    const struct path_filter *right;
    enum filter_op op; /* COMPARE; EXISTS uses lhs alone */
    struct filter_operand lhs;
    struct filter_operand rhs;
};

/* Longer spellings before their prefixes. */
static const struct {
    struct slice text;
    enum filter_op op;
} operators[] = {
    {SLICE_INIT("=="), FILTER_EQ},
    {SLICE_INIT("=~"), FILTER_MATCH},
    {SLICE_INIT("!="), FILTER_NE},
    {SLICE_INIT("<="), FILTER_LE},
    {SLICE_INIT("<"), FILTER_LT},
    {SLICE_INIT(">="), FILTER_GE},
    {SLICE_INIT(">"), FILTER_GT},
    {SLICE_INIT("in "), FILTER_IN},
    {SLICE_INIT("nin "), FILTER_NIN},
    {SLICE_INIT("contains "), FILTER_CONTAINS},
    {SLICE_INIT("size "), FILTER_SIZE},
    {SLICE_INIT("empty "), FILTER_EMPTY},
    {SLICE_INIT("subsetof "), FILTER_SUBSETOF},
    {SLICE_INIT("anyof "), FILTER_ANYOF},
    {SLICE_INIT("noneof "), FILTER_NONEOF},
};

static const struct path_filter *parse_or(struct path_parser *ps);

static struct path_filter *filter_pair(struct path_parser *ps,
                                       enum filter_kind is,
                                       const struct path_filter *left,
                                       const struct path_filter *right)
{
    struct path_filter *f = ARENA_NEW(ps->a, struct path_filter);

    f->is = is;
    f->left = left;
    f->right = right;
    return f;
}

static const struct json_node *parse_value(struct path_parser *ps);

static const struct json_node *parse_list(struct path_parser *ps)
{
    struct json_builder b = json_build_array(ps->a);

    ps->at++;
    if (path_parser_take(ps, ']')) {
        return json_built(&b);
    }
    do {
        const struct json_node *v;

        path_parser_space(ps);
        if (path_parser_peek(ps) == '[') {
            path_parser_fail(ps, "a list in a list is not supported in a filter");
            return NULL;
        }
        v = parse_value(ps);
        if (v == NULL) {
            return NULL;
        }
        json_push(&b, v);
    } while (path_parser_take(ps, ','));
    if (!path_parser_take(ps, ']')) {
        path_parser_fail(ps, "a list in a filter must end with ']'");
        return NULL;
    }
    return json_built(&b);
}

/* A number, true, false or null: JSON's own scalars, up to what cannot belong to one. */
static const struct json_node *parse_scalar(struct path_parser *ps)
{
    size_t from = ps->at;
    const struct json_node *v;
    struct slice text;

    while (ps->at < ps->text.len && strchr(" \t)],=<>!&|", ps->text.ptr[ps->at]) == NULL) {
        ps->at++;
    }
    text = slice_make(ps->text.ptr + from, ps->at - from);
    if (text.len == 0 || text.ptr[0] == '{' || json_parse(text, ps->a, &v, NULL) != OK) {
        path_parser_fail(ps, "a path, a string, a number, true, false, null, a list or a regular "
                             "expression is expected in a filter");
        return NULL;
    }
    return v;
}

static const struct json_node *parse_value(struct path_parser *ps)
{
    char c = path_parser_peek(ps);
    struct slice text;

    if (c == '\'' || c == '"') {
        return path_parser_quoted(ps, false, &text) ? json_string(ps->a, text) : NULL;
    }
    return c == '[' ? parse_list(ps) : parse_scalar(ps);
}

/* /pattern/flags */
static const struct regex *parse_regex(struct path_parser *ps)
{
    size_t from = ++ps->at;
    bool ignore_case = false;
    bool dot_all = false;
    const struct regex *re;
    const char *why;
    struct slice pattern;

    while (ps->at < ps->text.len && ps->text.ptr[ps->at] != '/') {
        ps->at += ps->text.ptr[ps->at] == '\\' ? 2 : 1;
    }
    if (ps->at >= ps->text.len) {
        path_parser_fail(ps, "a regular expression must end with '/'");
        return NULL;
    }
    pattern = slice_make(ps->text.ptr + from, ps->at - from);
    for (ps->at++; path_parser_peek(ps) >= 'a' && path_parser_peek(ps) <= 'z'; ps->at++) {
        ignore_case = ignore_case || path_parser_peek(ps) == 'i';
        dot_all = dot_all || path_parser_peek(ps) == 's';
        if (path_parser_peek(ps) != 'i' && path_parser_peek(ps) != 's') {
            path_parser_fail(ps, "no regular expression flags but i and s are supported");
            return NULL;
        }
    }
    re = regex_compile(pattern, ignore_case, dot_all, ps->a, &why);
    if (re == NULL) {
        path_parser_fail(ps, why);
    }
    return re;
}

static bool parse_operand(struct path_parser *ps, struct filter_operand *out)
{
    path_parser_space(ps);
    if (path_parser_peek(ps) == '@' || path_parser_peek(ps) == '$') {
        out->path = path_parser_path(ps, PATH_ANY);
        return out->path != NULL;
    }
    if (path_parser_peek(ps) == '/') {
        out->regex = parse_regex(ps);
        return out->regex != NULL;
    }
    out->value = parse_value(ps);
    return out->value != NULL;
}

static bool parse_operator(struct path_parser *ps, enum filter_op *op)
{
    struct slice rest;

    path_parser_space(ps);
    rest = slice_from(ps->text, ps->at);
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        if (slice_starts_with(rest, operators[i].text)) {
            ps->at += operators[i].text.len;
            *op = operators[i].op;
            return true;
        }
    }
    return false;
}

/* "@.a", "@.a == 1" */
static const struct path_filter *parse_comparison(struct path_parser *ps)
{
    struct path_filter *f = ARENA_NEW(ps->a, struct path_filter);

    if (!parse_operand(ps, &f->lhs)) {
        return NULL;
    }
    if (!parse_operator(ps, &f->op)) {
        f->is = FILTER_EXISTS;
        return f->lhs.path != NULL || path_parser_fail(ps, "an operator is expected in a filter")
                   ? f
                   : NULL;
    }
    f->is = FILTER_COMPARE;
    if (!parse_operand(ps, &f->rhs)) {
        return NULL;
    }
    if (f->op == FILTER_MATCH && f->lhs.regex == NULL && f->rhs.regex == NULL) {
        path_parser_fail(ps, "=~ needs a regular expression: /text.*/");
        return NULL;
    }
    return f;
}

static const struct path_filter *parse_not(struct path_parser *ps)
{
    const struct path_filter *inner;

    if (++ps->depth > LIMIT_FILTER_DEPTH) {
        path_parser_fail(ps, "filters are nested too deeply");
        return NULL;
    }
    if (path_parser_take(ps, '!')) {
        inner = parse_not(ps);
        inner = inner == NULL ? NULL : filter_pair(ps, FILTER_NOT, inner, NULL);
    } else if (path_parser_take(ps, '(')) {
        inner = parse_or(ps);
        if (inner != NULL && !path_parser_take(ps, ')')) {
            path_parser_fail(ps, "')' is missing in a filter");
            inner = NULL;
        }
    } else {
        inner = parse_comparison(ps);
    }
    ps->depth--;
    return inner;
}

/* Operands joined by `sign` written twice: a pair of the first and of all others, so that a chain
 * is walked and not descended into. */
static const struct path_filter *
parse_joined(struct path_parser *ps,
             char sign,
             enum filter_kind is,
             const struct path_filter *(*part)(struct path_parser *))
{
    const struct path_filter *all = part(ps);
    const struct path_filter **last = &all;

    while (*last != NULL && path_parser_take(ps, sign)) {
        struct path_filter *pair;

        if (path_parser_peek(ps) != sign) {
            path_parser_fail(ps, "a filter joins with && and ||");
            return NULL;
        }
        ps->at++;
        pair = filter_pair(ps, is, *last, part(ps));
        *last = pair;
        last = &pair->right;
    }
    return *last == NULL ? NULL : all;
}

static const struct path_filter *parse_and(struct path_parser *ps)
{
    return parse_joined(ps, '&', FILTER_AND, parse_not);
}

static const struct path_filter *parse_or(struct path_parser *ps)
{
    return parse_joined(ps, '|', FILTER_OR, parse_and);
}

const struct path_filter *path_filter_parse(struct path_parser *ps)
{
    return parse_or(ps);
}

/* The operand's value; NULL where its path finds nothing. */
static const struct json_node *
operand_value(const struct filter_operand *o, struct path_run *run, const struct json_node *current)
{
    struct path_miss miss;

    if (o->path == NULL) {
        return o->value;
    }
    return path_run_from(run, o->path, o->path->root == PATH_CURRENT ? current : run->root, &miss);
}

/* What it costs to compare all of it. */
static size_t weight_of(const struct json_node *v)
{
    size_t weight = 1 + json_text(v).len / PATH_BYTES_A_VISIT;

    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        weight += weight_of(e);
    }
    return weight;
}

/* Deep equality, which counts like the nodes a path visits. */
static bool fully_equal(struct path_run *run, const struct json_node *x, const struct json_node *y)
{
    if (json_type(x) != json_type(y) || json_count(x) != json_count(y)) {
        return false;
    }
    run->visits += weight_of(x);
    return run->visits <= LIMIT_PATH_VISITS && json_equal(x, y);
}

/* Jayway compares a number and a string by what stands on the left: as numbers or as texts. */
static bool
loosely_equal(struct path_run *run, const struct json_node *x, const struct json_node *y)
{
    double dx;
    double dy;

    if (json_type(x) == JSON_NUMBER && json_type(y) == JSON_STRING) {
        run->visits += json_text(y).len / PATH_BYTES_A_VISIT;
        return text_parse_double(json_text(y), &dy) && json_double(x, &dx) && dx >= dy && dx <= dy;
    }
    if (json_type(x) == JSON_STRING && json_type(y) == JSON_NUMBER) {
        return slice_eq(json_text(x), json_text(y));
    }
    return fully_equal(run, x, y);
}

/* Order is defined between two numbers and between two strings; false for anything else. */
static bool in_order(struct path_run *run,
                     const struct json_node *x,
                     const struct json_node *y,
                     enum filter_op op)
{
    double dx = 0;
    double dy = 0;

    run->visits += (json_text(x).len + json_text(y).len) / PATH_BYTES_A_VISIT;
    if (json_type(x) == JSON_STRING && json_type(y) == JSON_STRING) {
        dx = slice_cmp(json_text(x), json_text(y));
    } else if (!json_double(x, &dx) || !json_double(y, &dy)) {
        return false;
    }
    switch (op) {
    case FILTER_LT: return dx < dy;
    case FILTER_LE: return dx <= dy;
    case FILTER_GT: return dx > dy;
    case FILTER_GE: return dx >= dy;
    case FILTER_EQ:
    case FILTER_NE:
    case FILTER_MATCH:
    case FILTER_IN:
    case FILTER_NIN:
    case FILTER_CONTAINS:
    case FILTER_SIZE:
    case FILTER_EMPTY:
    case FILTER_SUBSETOF:
    case FILTER_ANYOF:
    case FILTER_NONEOF: break;
    }
    return false;
}

/* What a comparison looks at counts like the nodes a path visits. */
static bool is_in(struct path_run *run, const struct json_node *x, const struct json_node *list)
{
    run->visits += json_count(list);
    for (const struct json_node *e = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
         e != NULL && run->visits <= LIMIT_PATH_VISITS; e = json_next(list, e)) {
        if (loosely_equal(run, x, e)) {
            return true;
        }
    }
    return false;
}

/* What a regular expression is put to: a string, the text of a number or boolean; with Jayway all
 * else, what is not there too, is the empty text. */
static struct slice subject_text(const struct json_node *v)
{
    return json_is_bool(v) ? json_is(v, JSON_TRUE) ? SLICE("true") : SLICE("false") : json_text(v);
}

static bool matches(const struct path_filter *f,
                    struct path_run *run,
                    const struct json_node *x,
                    const struct json_node *y)
{
    enum { STEPS_A_VISIT = 16 }; /* so that the longest match takes some hundredths of a second */
    const struct regex *re = f->rhs.regex != NULL ? f->rhs.regex : f->lhs.regex;
    struct slice text = subject_text(f->rhs.regex != NULL ? x : y);
    size_t left = run->visits < LIMIT_PATH_VISITS ? LIMIT_PATH_VISITS - run->visits : 0;
    bool good;

    run->room.steps = left * STEPS_A_VISIT;
    good = regex_matches(re, text, &run->room, run->a);
    run->visits += run->room.steps == 0 ? left + 1 : left - run->room.steps / STEPS_A_VISIT;
    return good;
}

/* Each place tried counts as long as the part, so that this ends early where it goes on for long.
 */
static bool has_part(struct path_run *run, struct slice text, struct slice part)
{
    for (; text.len >= part.len && run->visits <= LIMIT_PATH_VISITS; text = slice_from(text, 1)) {
        text = part.len == 0 ? text : slice_from(text, slice_find(text, part.ptr[0]));
        run->visits += part.len;
        if (slice_starts_with(text, part)) {
            return true;
        }
    }
    return false;
}

/* An array an element, a string a part. */
static bool contains(struct path_run *run, const struct json_node *x, const struct json_node *y)
{
    if (json_is(x, JSON_STRING) && json_is(y, JSON_STRING)) {
        return has_part(run, json_text(x), json_text(y));
    }
    return is_in(run, y, x);
}

static size_t length_of(const struct json_node *v)
{
    return json_is(v, JSON_STRING) ? text_code_points(json_text(v)) : json_count(v);
}

static bool has_size(const struct json_node *x, const struct json_node *y)
{
    int64_t size;

    return (json_is(x, JSON_STRING) || json_is(x, JSON_ARRAY)) && json_i64(y, &size) &&
           size == (int64_t)length_of(x);
}

static bool is_empty(const struct json_node *x, const struct json_node *y)
{
    return (json_is(x, JSON_STRING) || json_is(x, JSON_ARRAY)) && json_is_bool(y) &&
           (length_of(x) == 0) == json_is(y, JSON_TRUE);
}

/* How many elements of x are in the list y. */
static size_t members_in(struct path_run *run, const struct json_node *x, const struct json_node *y)
{
    size_t count = 0;

    for (const struct json_node *e = json_first(x); e != NULL && run->visits <= LIMIT_PATH_VISITS;
         e = json_next(x, e)) {
        count += is_in(run, e, y) ? 1 : 0;
    }
    return count;
}

static bool
compare(const struct path_filter *f, struct path_run *run, const struct json_node *current)
{
    const struct json_node *x = operand_value(&f->lhs, run, current);
    const struct json_node *y = operand_value(&f->rhs, run, current);
    bool both = x != NULL && y != NULL;
    bool lists = json_is(x, JSON_ARRAY) && json_is(y, JSON_ARRAY);

    switch (f->op) {
    case FILTER_EQ: return both && loosely_equal(run, x, y);
    case FILTER_NE: return !(both && loosely_equal(run, x, y));
    case FILTER_IN: return both && is_in(run, x, y);
    case FILTER_NIN: return !(both && is_in(run, x, y));
    case FILTER_MATCH: return matches(f, run, x, y);
    case FILTER_CONTAINS: return both && contains(run, x, y);
    case FILTER_SIZE: return both && has_size(x, y);
    case FILTER_EMPTY: return both && is_empty(x, y);
    case FILTER_SUBSETOF: return lists && members_in(run, x, y) == json_count(x);
    case FILTER_ANYOF: return lists && members_in(run, x, y) > 0;
    case FILTER_NONEOF: return lists && members_in(run, x, y) == 0;
    case FILTER_LT:
    case FILTER_LE:
    case FILTER_GT:
    case FILTER_GE: break;
    }
    return both && in_order(run, x, y, f->op);
}

/* null is not there, as with the Jayway that AWS has; an indefinite path is where it gathers
 * something. */
static bool
exists(const struct path_filter *f, struct path_run *run, const struct json_node *current)
{
    const struct json_node *v = operand_value(&f->lhs, run, current);

    return v != NULL && !json_is(v, JSON_NULL) && (f->lhs.path->definite || json_count(v) > 0);
}

bool path_filter_accepts(const struct path_filter *f,
                         struct path_run *run,
                         const struct json_node *current)
{
    while (f->is == FILTER_OR || f->is == FILTER_AND) {
        if (path_filter_accepts(f->left, run, current) == (f->is == FILTER_OR)) {
            return f->is == FILTER_OR;
        }
        f = f->right;
    }
    run->visits++;
    if (f->is == FILTER_NOT) {
        return !path_filter_accepts(f->left, run, current);
    }
    return f->is == FILTER_EXISTS ? exists(f, run, current) : compare(f, run, current);
}
