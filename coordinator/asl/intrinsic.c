/* SPDX-License-Identifier: Apache-2.0 */
/* Compiling and carrying out intrinsic calls; the functions themselves are in intrinsic_*.c. */
#include "coordinator/asl/intrinsic.h"
#include "proto/base/limits.h"

enum argument_kind { ARGUMENT_VALUE, ARGUMENT_PATH, ARGUMENT_CALL };

struct argument {
    enum argument_kind is;
    const struct json_node *value;
    const struct asl_path *path;
    const struct asl_intrinsic *call;
};

struct row {
    struct slice name;
    size_t fewest;
    size_t most;
    bool chance;
    intrinsic_function *function;
};

struct asl_intrinsic {
    const struct row *row;
    struct slice text;
    const struct argument *arguments;
    size_t count;
    unsigned uses;
};

static const struct row rows[] = {
#define INTRINSIC(name, fewest, most, chance, function)                                            \
    {SLICE_INIT(name), fewest, most, chance, function},
#include "coordinator/asl/intrinsic.def"
#undef INTRINSIC
};

struct parser {
    struct slice text;
    size_t at;
    size_t depth;
    struct arena *a;
    const char *why;
};

static bool fail(struct parser *ps, const char *why)
{
    if (ps->why == NULL) {
        ps->why = why;
    }
    return false;
}

static char peek(const struct parser *ps)
{
    return ps->at < ps->text.len ? ps->text.ptr[ps->at] : '\0';
}

static void skip_space(struct parser *ps)
{
    while (peek(ps) == ' ' || peek(ps) == '\t' || peek(ps) == '\n' || peek(ps) == '\r') {
        ps->at++;
    }
}

static bool take(struct parser *ps, char c)
{
    skip_space(ps);
    if (peek(ps) != c || ps->at >= ps->text.len) {
        return false;
    }
    ps->at++;
    return true;
}

/* 'text' with \' \{ \} \\ and nothing else escaped. `keep` leaves the escapes in: the template of
 * States.Format must tell "{}" from "\{\}". */
static bool parse_string(struct parser *ps, bool keep, const struct json_node **out)
{
    size_t from = ++ps->at;
    char *copy;
    size_t len = 0;

    while (ps->at < ps->text.len && peek(ps) != '\'') {
        if (peek(ps) == '\\') {
            ps->at++;
            if (strchr("'{}\\", peek(ps)) == NULL || peek(ps) == '\0') {
                return fail(ps, "an escape that is none of \\' \\{ \\} \\\\");
            }
        }
        ps->at++;
    }
    if (ps->at >= ps->text.len) {
        return fail(ps, "a string is not closed");
    }
    copy = arena_alloc(ps->a, ps->at - from);
    for (size_t i = from; i < ps->at; i++) {
        if (ps->text.ptr[i] == '\\') {
            if (keep) {
                copy[len++] = '\\';
            }
            i++;
        }
        copy[len++] = ps->text.ptr[i];
    }
    ps->at++;
    *out = json_string(ps->a, slice_make(copy, len));
    return true;
}

/* Where the path that begins here ends: at a ',' or ')' outside brackets and quotes. */
static size_t path_end(const struct parser *ps)
{
    size_t depth = 0;
    char quote = '\0';
    size_t i = ps->at;

    for (; i < ps->text.len; i++) {
        char c = ps->text.ptr[i];

        if (quote != '\0') {
            i += c == '\\' ? 1 : 0;
            quote = c == quote ? '\0' : quote;
        } else if (depth > 0 && (c == '\'' || c == '"')) {
            quote = c;
        } else if (c == '[' || c == '(') {
            depth++;
        } else if (depth == 0 && (c == ',' || c == ')')) {
            break;
        } else if (c == ']' || c == ')') {
            depth -= depth > 0 ? 1 : 0;
        }
    }
    return i < ps->text.len ? i : ps->text.len;
}

static bool parse_path(struct parser *ps, const struct asl_path **out)
{
    size_t end = path_end(ps);
    size_t len = end - ps->at;
    const char *why;

    while (len > 0 && ps->text.ptr[ps->at + len - 1] == ' ') {
        len--;
    }
    *out = asl_path_parse(slice_make(ps->text.ptr + ps->at, len), PATH_ANY, ps->a, &why);
    ps->at = end;
    return *out != NULL || fail(ps, why);
}

/* A number, true, false or null. */
static bool parse_scalar(struct parser *ps, const struct json_node **out)
{
    size_t from = ps->at;
    struct slice text;

    while (ps->at < ps->text.len && strchr(",) \t\r\n", peek(ps)) == NULL) {
        ps->at++;
    }
    text = slice_make(ps->text.ptr + from, ps->at - from);
    if (text.len == 0 || json_parse(text, ps->a, out, NULL) != OK) {
        return fail(ps, "an argument is expected");
    }
    switch (json_type(*out)) {
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
    case JSON_NUMBER: return true;
    case JSON_STRING:
    case JSON_ARRAY:
    case JSON_OBJECT: break;
    }
    return fail(ps, "strings are quoted with '");
}

static const struct asl_intrinsic *parse_call(struct parser *ps);

static bool parse_argument(struct parser *ps, bool template, struct argument *out)
{
    skip_space(ps);
    *out = (struct argument){.is = ARGUMENT_VALUE};
    if (peek(ps) == '\'') {
        return parse_string(ps, template, &out->value);
    }
    if (peek(ps) == '$') {
        out->is = ARGUMENT_PATH;
        return parse_path(ps, &out->path);
    }
    if (slice_starts_with(slice_from(ps->text, ps->at), SLICE("States."))) {
        out->is = ARGUMENT_CALL;
        out->call = parse_call(ps);
        return out->call != NULL;
    }
    return parse_scalar(ps, &out->value);
}

static const struct row *find_row(struct slice name)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (slice_eq(rows[i].name, name)) {
            return &rows[i];
        }
    }
    return NULL;
}

/* The '(' is read; so is the ')' afterwards. */
static bool parse_arguments(struct parser *ps, struct asl_intrinsic *f)
{
    struct argument list[INTRINSIC_ARGUMENTS_MAX];
    struct argument *kept;

    if (!take(ps, ')')) {
        do {
            if (f->count == INTRINSIC_ARGUMENTS_MAX) {
                return fail(ps, "too many arguments");
            }
            if (!parse_argument(ps, f->row->function == intrinsic_format && f->count == 0,
                                &list[f->count])) {
                return false;
            }
            f->count++;
        } while (take(ps, ','));
        if (!take(ps, ')')) {
            return fail(ps, "',' or ')' is expected");
        }
    }
    kept = ARENA_ARRAY(ps->a, f->count, struct argument);
    if (f->count > 0) {
        memcpy(kept, list, f->count * sizeof(list[0]));
    }
    f->arguments = kept;
    return true;
}

/* A seeded MathRandom gives the same again. A path that finds nothing is told with the input,
 * whatever its root. */
static unsigned call_uses(const struct asl_intrinsic *f)
{
    bool seeded = f->row->function == intrinsic_math_random && f->count == 3;
    unsigned uses = f->row->chance && !seeded ? ASL_USES_CHANCE : 0;

    for (size_t i = 0; i < f->count; i++) {
        const struct argument *arg = &f->arguments[i];

        uses |= arg->is == ARGUMENT_CALL   ? arg->call->uses
                : arg->is == ARGUMENT_PATH ? asl_path_uses(arg->path) | ASL_USES_INPUT
                                           : 0;
    }
    return uses;
}

static const struct asl_intrinsic *parse_call(struct parser *ps)
{
    struct asl_intrinsic *f = ARENA_NEW(ps->a, struct asl_intrinsic);
    size_t from = ps->at;

    while (peek(ps) != '(' && ps->at < ps->text.len) {
        ps->at++;
    }
    f->row = find_row(slice_make(ps->text.ptr + from, ps->at - from));
    if (f->row == NULL || !take(ps, '(')) {
        fail(ps, "there is no such function");
        return NULL;
    }
    if (++ps->depth > LIMIT_INTRINSIC_DEPTH) {
        fail(ps, "calls are nested too deeply");
        return NULL;
    }
    if (!parse_arguments(ps, f)) {
        return NULL;
    }
    ps->depth--;
    f->text = slice_make(ps->text.ptr + from, ps->at - from);
    f->uses = call_uses(f);
    return f;
}

const struct asl_intrinsic *
asl_intrinsic_parse(struct slice text, struct arena *a, const char **why)
{
    struct parser ps = {.text = text, .a = a};
    const struct asl_intrinsic *f;

    skip_space(&ps);
    f = parse_call(&ps);
    skip_space(&ps);
    if (f != NULL && ps.at != text.len) {
        fail(&ps, "unexpected text after the call");
        f = NULL;
    }
    *why = ps.why;
    return f;
}

unsigned asl_intrinsic_uses(const struct asl_intrinsic *f)
{
    return f->uses;
}

/* Of a context path AWS names what is read from the context object ("$$" as "$"), and the input all
 * the same. Where the path cannot be put to the document at all, Jayway's own text shows. */
static struct slice
miss_text(const struct asl_path *p, const struct path_miss *miss, const struct asl_scope_data *s)
{
    if (miss->is == PATH_NOT_ARRAY || miss->is == PATH_NOT_LAST || miss->is == PATH_TOO_MUCH) {
        return asl_path_miss_text(miss, s->a);
    }
    return arena_printf(
        s->a, "The JsonPath argument for the field '%.*s' could not be found in the input '%.*s'",
        SLICE_FMT(slice_from(p->text, p->root == PATH_CONTEXT ? 1 : 0)),
        SLICE_FMT(json_print(s->input, s->a)));
}

/* An expression being evaluated. `whole` is the outermost call's text: failures name that. */
struct evaluation {
    struct slice whole;
    const struct asl_scope_data *s;
    size_t held_max;
    struct failure *why;
};

static bool fail_runtime(const struct evaluation *e, struct slice cause)
{
    *e->why = (struct failure){SLICE("States.Runtime"), cause};
    return false;
}

static bool
fail_path(const struct evaluation *e, const struct asl_path *p, const struct path_miss *miss)
{
    return fail_runtime(e,
                        arena_printf(e->s->a, "The function '%.*s' had the following error: %.*s",
                                     SLICE_FMT(e->whole), SLICE_FMT(miss_text(p, miss, e->s))));
}

static bool fail_call(const struct evaluation *e, const struct row *row, struct slice refusal)
{
    struct arena *a = e->s->a;

    if (refusal.len == 0) {
        refusal = arena_printf(a, "Invalid arguments in %.*s", SLICE_FMT(row->name));
    }
    return fail_runtime(
        e, arena_printf(a, "There was an error while evaluating the intrinsic function: %.*s. %.*s",
                        SLICE_FMT(e->whole), SLICE_FMT(refusal)));
}

/* Calls in calls double what they are given, or repeat it a hundred times each. */
static bool has_room(const struct evaluation *e)
{
    if (arena_held_bytes(e->s->a) <= e->held_max) {
        return true;
    }
    e->why->error = SLICE("States.DataLimitExceeded");
    e->why->cause = arena_printf(e->s->a, "The function '%.*s' makes the payload too large",
                                 SLICE_FMT(e->whole));
    return false;
}

static bool
call_value(const struct asl_intrinsic *f, const struct evaluation *e, const struct json_node **out);

static bool
argument_value(const struct argument *arg, const struct evaluation *e, const struct json_node **out)
{
    struct path_miss miss;

    switch (arg->is) {
    case ARGUMENT_VALUE: *out = arg->value; return true;
    case ARGUMENT_CALL: return call_value(arg->call, e, out);
    case ARGUMENT_PATH: break;
    }
    *out = asl_path_value(arg->path, e->s, &miss);
    return *out != NULL || fail_path(e, arg->path, &miss);
}

static bool
call_value(const struct asl_intrinsic *f, const struct evaluation *e, const struct json_node **out)
{
    struct slice refusal = {NULL, 0};
    struct intrinsic_call c = {
        .count = f->count, .seed = e->s->seed, .refusal = &refusal, .a = e->s->a};

    for (size_t i = 0; i < f->count; i++) {
        if (!argument_value(&f->arguments[i], e, &c.arguments[i])) {
            return false;
        }
    }
    if (!has_room(e)) {
        return false;
    }
    if (f->count >= f->row->fewest && f->count <= f->row->most && f->row->function(&c, out)) {
        return true;
    }
    return fail_call(e, f->row, refusal);
}

bool asl_intrinsic_value(const struct asl_intrinsic *f,
                         const struct asl_scope_data *s,
                         const struct json_node **out,
                         struct failure *why)
{
    struct evaluation e = {f->text, s, arena_held_bytes(s->a) + LIMIT_EXPRESSION_BYTES, why};

    return call_value(f, &e, out);
}

/* splitmix64: one addition and a mix, so that a seed kept in the execution replays. */
uint64_t intrinsic_chance(uint64_t *seed)
{
    uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
