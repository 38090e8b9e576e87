/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling a path. The grammar is Jayway's: after the root, ".name", ".*", "..", "[...]" and a
 * closing function. A name after a dot runs to the next '.', '[' or, in a filter or an argument
 * list, to what ends the operand; everything else goes into brackets and quotes.
 * Source: Amazon States Language, input and output processing. */
#include "coordinator/asl/filter.h"
#include "coordinator/asl/jsonpath.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

/* A growing list in the arena. */
struct steps {
    struct path_step *items;
    size_t count;
    size_t cap;
};

static struct path_step *steps_add(struct steps *l, struct arena *a, enum path_step_kind kind)
{
    if (l->count == l->cap) {
        size_t cap = l->cap == 0 ? 8 : l->cap * 2;

        l->items = arena_grow(a, l->items, l->cap * sizeof(*l->items), cap * sizeof(*l->items));
        l->cap = cap;
    }
    l->items[l->count] = (struct path_step){.kind = kind};
    return &l->items[l->count++];
}

bool path_parser_fail(struct path_parser *ps, const char *why)
{
    if (ps->why == NULL) {
        ps->why = why;
    }
    return false;
}

char path_parser_peek(const struct path_parser *ps)
{
    return ps->at < ps->text.len ? ps->text.ptr[ps->at] : '\0';
}

void path_parser_space(struct path_parser *ps)
{
    while (path_parser_peek(ps) == ' ' || path_parser_peek(ps) == '\t') {
        ps->at++;
    }
}

bool path_parser_take(struct path_parser *ps, char c)
{
    path_parser_space(ps);
    if (ps->at >= ps->text.len || ps->text.ptr[ps->at] != c) {
        return false;
    }
    ps->at++;
    return true;
}

/* The length of quoted text up to its closing quote, escapes included; false where it has none. */
static bool quoted_length(const struct path_parser *ps, char quote, size_t *len)
{
    size_t at = ps->at;

    while (at < ps->text.len && ps->text.ptr[at] != quote) {
        at += ps->text.ptr[at] == '\\' ? 2 : 1;
    }
    *len = at - ps->at;
    return at < ps->text.len;
}

bool path_parser_quoted(struct path_parser *ps, bool name, struct slice *out)
{
    char quote = ps->text.ptr[ps->at++];
    size_t raw;
    char *copy;
    size_t len = 0;

    if (!quoted_length(ps, quote, &raw)) {
        return path_parser_fail(ps, "a quote is not closed");
    }
    copy = arena_alloc(ps->a, raw);
    for (size_t end = ps->at + raw; ps->at < end; ps->at++) {
        if (ps->text.ptr[ps->at] == '\\' && (!name || ps->text.ptr[ps->at + 1] == quote)) {
            ps->at++;
        }
        copy[len++] = ps->text.ptr[ps->at];
    }
    ps->at++;
    *out = slice_make(copy, len);
    return true;
}

/* What ends a name that stands without quotes. Within a filter an operand also ends at blanks,
 * operators and brackets. */
static bool name_ends(const struct path_parser *ps, char c)
{
    if (c == '.' || c == '[' || c == '(') {
        return true;
    }
    return ps->depth > 0 && strchr(" \t)]=<>!&|~,", c) != NULL;
}

static struct slice bare_name(struct path_parser *ps)
{
    size_t from = ps->at;

    while (ps->at < ps->text.len && !name_ends(ps, ps->text.ptr[ps->at])) {
        ps->at++;
    }
    return slice_make(ps->text.ptr + from, ps->at - from);
}

static bool check_bare_name(struct path_parser *ps, struct slice name, enum path_use use)
{
    static const char illegal[] = "@,:?*()";

    if (name.len == 0) {
        return path_parser_fail(ps, "a name is expected after '.'");
    }
    for (size_t i = 0; i < name.len; i++) {
        if ((unsigned char)name.ptr[i] <= ' ') {
            return path_parser_fail(ps, "a name with blanks must be quoted: ['a b']");
        }
        if (use == PATH_REFERENCE && strchr(illegal, name.ptr[i]) != NULL) {
            return path_parser_fail(ps, "'@', ',', ':', '?' and '*' are not allowed");
        }
    }
    return true;
}

/* ".length()": the name is read, the parenthesis is next. The functions over numbers never saw one
 * with AWS: "$.jobs.sum()" is accepted and finds nothing. */
static bool
parse_function(struct path_parser *ps, struct slice name, enum path_use use, struct steps *l)
{
    static const char *const functions[] = {"length", "min", "max", "avg", "stddev", "sum"};
    size_t i = 0;

    if (use == PATH_REFERENCE) {
        return path_parser_fail(ps, "functions are not allowed");
    }
    while (i < sizeof(functions) / sizeof(functions[0]) && !slice_eq_str(name, functions[i])) {
        i++;
    }
    if (i == sizeof(functions) / sizeof(functions[0])) {
        return path_parser_fail(ps, "there is no such function");
    }
    ps->at++;
    if (!path_parser_take(ps, ')')) {
        return path_parser_fail(ps, "functions take no argument");
    }
    steps_add(l, ps->a, i == 0 ? PATH_LENGTH : PATH_NOTHING);
    return true;
}

/* What follows a dot: a name, '*', a function. */
static bool parse_dotted(struct path_parser *ps, enum path_use use, struct steps *l)
{
    struct slice name;

    if (path_parser_peek(ps) == '*') {
        ps->at++;
        steps_add(l, ps->a, PATH_WILDCARD);
        return use == PATH_ANY || path_parser_fail(ps, "'*' is not allowed");
    }
    name = bare_name(ps);
    if (path_parser_peek(ps) == '(') {
        return parse_function(ps, name, use, l);
    }
    if (!check_bare_name(ps, name, use)) {
        return false;
    }
    steps_add(l, ps->a, PATH_NAME)->name = name;
    return true;
}

/* ['a'] or ['a','b'] */
static bool parse_names(struct path_parser *ps, struct steps *l)
{
    struct slice *names = NULL;
    size_t count = 0;
    size_t cap = 0;
    struct path_step *step;

    do {
        path_parser_space(ps);
        if (path_parser_peek(ps) != '\'' && path_parser_peek(ps) != '"') {
            return path_parser_fail(ps, "a quoted name is expected after ','");
        }
        if (count == cap) {
            names = arena_grow(ps->a, names, cap * sizeof(*names), (2 * cap + 1) * sizeof(*names));
            cap = 2 * cap + 1;
        }
        if (!path_parser_quoted(ps, true, &names[count++])) {
            return false;
        }
    } while (path_parser_take(ps, ','));
    step = steps_add(l, ps->a, count == 1 ? PATH_NAME : PATH_NAMES);
    if (count == 1) {
        step->name = names[0];
    } else {
        step->names.items = names;
        step->names.count = count;
    }
    return true;
}

/* An optional integer; *present false where there is none. */
static bool parse_integer(struct path_parser *ps, int64_t *out, bool *present)
{
    size_t from;

    path_parser_space(ps);
    from = ps->at;
    while (path_parser_peek(ps) == '-' ||
           (path_parser_peek(ps) >= '0' && path_parser_peek(ps) <= '9')) {
        ps->at++;
    }
    *present = ps->at > from;
    *out = 0;
    return !*present || text_parse_i64(slice_make(ps->text.ptr + from, ps->at - from), out) ||
           path_parser_fail(ps, "not an array index");
}

/* [1], [1,2], [1:2], [:2], [-2:] */
static bool parse_numbers(struct path_parser *ps, struct steps *l)
{
    int64_t *items = NULL;
    size_t count = 0;
    size_t cap = 0;
    int64_t first;
    bool present;
    struct path_step *step;

    if (!parse_integer(ps, &first, &present)) {
        return false;
    }
    if (path_parser_take(ps, ':')) {
        step = steps_add(l, ps->a, PATH_SLICE);
        step->slice.from = first;
        step->slice.has_from = present;
        if (!parse_integer(ps, &step->slice.to, &step->slice.has_to)) {
            return false;
        }
        return present || step->slice.has_to || path_parser_fail(ps, "a slice needs a bound");
    }
    if (!present) {
        return path_parser_fail(ps, "'[' must be followed by a quote, a number, '*' or '?('");
    }
    do {
        if (count == cap) {
            cap = cap != 0 ? cap * 2 : 4;
            items = arena_grow(ps->a, items, count * sizeof(*items), cap * sizeof(*items));
        }
        items[count++] = first;
    } while (path_parser_take(ps, ',') && parse_integer(ps, &first, &present) &&
             (present || path_parser_fail(ps, "a number is expected after ','")));
    step = steps_add(l, ps->a, count == 1 ? PATH_INDEX : PATH_INDICES);
    if (count == 1) {
        step->index = items[0];
    } else {
        step->indices.items = items;
        step->indices.count = count;
    }
    return ps->why == NULL;
}

static bool parse_filter(struct path_parser *ps, struct steps *l)
{
    const struct path_filter *filter;

    ps->at++;
    if (!path_parser_take(ps, '(')) {
        return path_parser_fail(ps, "'?' must be followed by '('");
    }
    ps->depth++;
    filter = path_filter_parse(ps);
    ps->depth--;
    if (filter == NULL || !path_parser_take(ps, ')')) {
        return path_parser_fail(ps, "a filter must end with ')'");
    }
    steps_add(l, ps->a, PATH_FILTER)->filter = filter;
    return true;
}

/* The '[' is read. */
static bool parse_bracket(struct path_parser *ps, enum path_use use, struct steps *l)
{
    bool good;
    char c;

    path_parser_space(ps);
    c = path_parser_peek(ps);
    if (c == '\'' || c == '"') {
        good = parse_names(ps, l);
    } else if (c == '*') {
        ps->at++;
        steps_add(l, ps->a, PATH_WILDCARD);
        good = true;
    } else if (c == '?') {
        good = parse_filter(ps, l);
    } else {
        good = parse_numbers(ps, l);
    }
    if (!good) {
        return false;
    }
    if (!path_parser_take(ps, ']')) {
        return path_parser_fail(ps, "'[' is not closed by ']'");
    }
    if (use == PATH_REFERENCE && l->items[l->count - 1].kind != PATH_NAME &&
        l->items[l->count - 1].kind != PATH_INDEX) {
        return path_parser_fail(ps, "'@', ',', ':', '?' and '*' are not allowed");
    }
    return true;
}

/* One step; *more false where the path ends here. */
static bool parse_step(struct path_parser *ps, enum path_use use, struct steps *l, bool *more)
{
    char c = path_parser_peek(ps);

    *more = c == '.' || c == '[';
    if (!*more) {
        return true;
    }
    if (l->count >= LIMIT_PATH_STEPS) {
        return path_parser_fail(ps, "the path has too many steps");
    }
    ps->at++;
    if (c == '[') {
        return parse_bracket(ps, use, l);
    }
    if (path_parser_peek(ps) == '.') {
        ps->at++;
        if (use == PATH_REFERENCE) {
            return path_parser_fail(ps, "'..' is not allowed");
        }
        steps_add(l, ps->a, PATH_DESCEND);
    }
    if (path_parser_peek(ps) == '[') { /* "$.[0]" and "$..[0]" */
        ps->at++;
        return parse_bracket(ps, use, l);
    }
    return parse_dotted(ps, use, l);
}

static bool parse_root(struct path_parser *ps, struct asl_path *p)
{
    char c = path_parser_peek(ps);

    if (c == '@' && ps->depth > 0) {
        p->root = PATH_CURRENT;
        ps->at++;
        return true;
    }
    if (c != '$') {
        return path_parser_fail(ps, "a path must begin with '$'");
    }
    ps->at++;
    if (path_parser_peek(ps) == '$' && ps->depth == 0) {
        ps->at++;
        p->root = PATH_CONTEXT;
        return true;
    }
    p->variable = bare_name(ps);
    if (p->variable.len == 0) {
        p->root = PATH_INPUT;
        return true;
    }
    p->root = PATH_VARIABLE;
    if (ps->depth > 0) {
        return path_parser_fail(ps, "a filter cannot read variables");
    }
    return asl_is_identifier(p->variable) || path_parser_fail(ps, "'$' must be followed by '.', "
                                                                  "'[', '$' or a variable's name");
}

/* What each step yields decides whether the whole is one node. */
static void finish_steps(struct asl_path *p, struct steps *l)
{
    static const struct path_step none = {0}; /* so that there is an address, even without steps */

    p->definite = true;
    for (size_t i = 0; i < l->count; i++) {
        p->definite = p->definite && l->items[i].kind <= PATH_NOTHING;
    }
    p->steps = l->count == 0 ? &none : l->items;
    p->step_count = l->count;
}

static bool is_function(const struct path_step *step)
{
    return step->kind == PATH_LENGTH || step->kind == PATH_NOTHING;
}

struct asl_path *path_parser_path(struct path_parser *ps, enum path_use use)
{
    struct asl_path *p = ARENA_NEW(ps->a, struct asl_path);
    struct steps l = {0};
    size_t from = ps->at;
    bool more = true;

    if (!parse_root(ps, p)) {
        return NULL;
    }
    while (more) {
        if (l.count > 0 && is_function(&l.items[l.count - 1]) &&
            (path_parser_peek(ps) == '.' || path_parser_peek(ps) == '[')) {
            path_parser_fail(ps, "nothing may follow a function");
            return NULL;
        }
        if (!parse_step(ps, use, &l, &more)) {
            return NULL;
        }
    }
    finish_steps(p, &l);
    p->text = slice_make(ps->text.ptr + from, ps->at - from);
    return p;
}

const struct asl_path *
asl_path_parse(struct slice text, enum path_use use, struct arena *a, const char **why)
{
    struct path_parser ps = {.text = text, .a = a};
    struct asl_path *p = path_parser_path(&ps, use);

    if (p != NULL && ps.at != text.len) {
        path_parser_fail(&ps, "unexpected text after the path");
        p = NULL;
    }
    *why = ps.why;
    return p;
}
