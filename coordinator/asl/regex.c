/* SPDX-License-Identifier: Apache-2.0 */
/* See regex.h. The pattern becomes a tree, the tree a program for a machine whose threads move over
 * the text one code point at a time, each state in the set at most once. */
#include "coordinator/asl/regex.h"
#include "proto/base/limits.h"

enum node_kind {
    NODE_EMPTY,
    NODE_CHAR,
    NODE_ANY,
    NODE_CLASS,
    NODE_JOIN,
    NODE_EITHER,
    NODE_REPEAT,
    NODE_BEGIN,
    NODE_END
};

struct range {
    uint32_t low;
    uint32_t high;
};

struct class
{
    struct range *ranges;
    size_t count;
    size_t cap;
    bool negated;
};

struct node {
    enum node_kind is;
    uint32_t c;
    const struct class *set;
    const struct node *left;
    const struct node *right;
    int min;
    int max; /* -1: no end */
};

enum op { OP_CHAR, OP_ANY, OP_CLASS, OP_SPLIT, OP_JUMP, OP_BEGIN, OP_END, OP_MATCH };

struct state {
    enum op op;
    uint32_t c;
    const struct class *set;
    uint16_t x; /* SPLIT, JUMP */
    uint16_t y; /* SPLIT */
};

struct regex {
    const struct state *program;
    size_t count;
    bool ignore_case;
    bool dot_all;
};

enum { CODE_POINT_MAX = 0x10FFFF, GROUP_DEPTH_MAX = 64 };

struct compiler {
    struct slice text;
    size_t at;
    struct arena *a;
    const char *why;
    size_t depth;
    struct state *program;
    size_t count;
    size_t cap;
};

/* The next code point; bytes that are not UTF-8 stand for themselves. */
static uint32_t next_code_point(struct slice s, size_t *at)
{
    unsigned char c = (unsigned char)s.ptr[(*at)++];
    size_t more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : c >= 0xC0 ? 1 : 0;
    uint32_t cp = more == 0 ? c : c & (0x3Fu >> more);

    if (more > s.len - *at) {
        return c;
    }
    while (more-- > 0) {
        cp = cp << 6 | ((unsigned char)s.ptr[(*at)++] & 0x3Fu);
    }
    return cp;
}

static struct node *node_new(struct compiler *co, enum node_kind is)
{
    struct node *n = ARENA_NEW(co->a, struct node);

    n->is = is;
    return n;
}

static struct node *fail(struct compiler *co, const char *why)
{
    if (co->why == NULL) {
        co->why = why;
    }
    return NULL;
}

static bool more(const struct compiler *co)
{
    return co->at < co->text.len;
}

static char peek(const struct compiler *co)
{
    return more(co) ? co->text.ptr[co->at] : '\0';
}

static void class_add(struct compiler *co, struct class *set, uint32_t low, uint32_t high)
{
    if (set->count == set->cap) {
        size_t cap = set->cap * 2 + 4;

        set->ranges = arena_grow(co->a, set->ranges, set->cap * sizeof(*set->ranges),
                                 cap * sizeof(*set->ranges));
        set->cap = cap;
    }
    set->ranges[set->count++] = (struct range){low, high};
}

/* \d \w \s, and what they leave out for \D \W \S; false where `c` is none of them. The ranges are
 * in order, which is what makes the complement simple. */
static bool class_add_named(struct compiler *co, struct class *set, char c)
{
    static const struct range digit[] = {{'0', '9'}, {1, 0}};
    static const struct range word[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}, {1, 0}};
    static const struct range space[] = {{'\t', '\r'}, {' ', ' '}, {1, 0}};
    char lower = (char)(c | 0x20);
    const struct range *r = lower == 'd'   ? digit
                            : lower == 'w' ? word
                            : lower == 's' ? space
                                           : NULL;
    uint32_t from = 0;

    for (; r != NULL && r->low <= r->high; r++) {
        if (c == lower) {
            class_add(co, set, r->low, r->high);
        } else {
            class_add(co, set, from, r->low - 1);
        }
        from = r->high + 1;
    }
    if (r != NULL && c != lower) {
        class_add(co, set, from, CODE_POINT_MAX);
    }
    return r != NULL;
}

/* After the backslash: a code point that stands for itself or for a control. */
static bool escaped_char(struct compiler *co, uint32_t *cp)
{
    char c = peek(co);

    if (c == 't' || c == 'n' || c == 'r') {
        *cp = c == 't' ? '\t' : c == 'n' ? '\n' : '\r';
        co->at++;
        return true;
    }
    if (!more(co) || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')) {
        fail(co, "this escape is not supported in a regular expression");
        return false;
    }
    *cp = next_code_point(co->text, &co->at);
    return true;
}

static bool class_char(struct compiler *co, uint32_t *cp)
{
    if (peek(co) == '\\') {
        co->at++;
        return escaped_char(co, cp);
    }
    if (peek(co) == '[' ||
        (peek(co) == '&' && co->at + 1 < co->text.len && co->text.ptr[co->at + 1] == '&')) {
        fail(co, "a class in a class is not supported in a regular expression");
        return false;
    }
    *cp = next_code_point(co->text, &co->at);
    return true;
}

/* One member of a class: \d, a, a-z */
static bool class_member(struct compiler *co, struct class *set)
{
    uint32_t low;
    uint32_t high;

    if (peek(co) == '\\' && co->at + 1 < co->text.len &&
        class_add_named(co, set, co->text.ptr[co->at + 1])) {
        co->at += 2;
        return true;
    }
    if (!class_char(co, &low)) {
        return false;
    }
    high = low;
    if (peek(co) == '-' && co->at + 1 < co->text.len && co->text.ptr[co->at + 1] != ']') {
        co->at++;
        if (!class_char(co, &high)) {
            return false;
        }
    }
    class_add(co, set, low, high);
    return low <= high || fail(co, "a class's range is the wrong way round") != NULL;
}

/* The '[' is read. A ']' that stands first is a member. */
static struct node *parse_class(struct compiler *co)
{
    struct class *set = ARENA_NEW(co->a, struct class);
    struct node *n = node_new(co, NODE_CLASS);
    bool first = true;

    if (peek(co) == '^') {
        set->negated = true;
        co->at++;
    }
    for (; first || peek(co) != ']'; first = false) {
        if (!more(co)) {
            return fail(co, "a class is not closed by ']'");
        }
        if (!class_member(co, set)) {
            return NULL;
        }
    }
    co->at++;
    n->set = set;
    return n;
}

static struct node *parse_either(struct compiler *co);

/* The '(' is read. */
static struct node *parse_group(struct compiler *co)
{
    struct node *inner;

    if (peek(co) == '?') {
        if (co->at + 1 >= co->text.len || co->text.ptr[co->at + 1] != ':') {
            return fail(co, "no groups but ( ) and (?: ) are supported in a regular expression");
        }
        co->at += 2;
    }
    if (++co->depth > GROUP_DEPTH_MAX) {
        return fail(co, "groups are nested too deeply in a regular expression");
    }
    inner = parse_either(co);
    co->depth--;
    if (inner != NULL && peek(co) != ')') {
        return fail(co, "a group is not closed by ')'");
    }
    co->at++;
    return inner;
}

/* The backslash is read. */
static struct node *parse_escape(struct compiler *co)
{
    struct class *set = ARENA_NEW(co->a, struct class);
    struct node *n = node_new(co, NODE_CLASS);

    if (class_add_named(co, set, peek(co))) {
        co->at++;
        n->set = set;
        return n;
    }
    n->is = NODE_CHAR;
    return escaped_char(co, &n->c) ? n : NULL;
}

static struct node *parse_atom(struct compiler *co)
{
    struct node *n;

    switch (peek(co)) {
    case '(': co->at++; return parse_group(co);
    case '[': co->at++; return parse_class(co);
    case '\\': co->at++; return parse_escape(co);
    case '.': co->at++; return node_new(co, NODE_ANY);
    case '^': co->at++; return node_new(co, NODE_BEGIN);
    case '$': co->at++; return node_new(co, NODE_END);
    case '*':
    case '+':
    case '?':
    case '{': return fail(co, "a quantifier has nothing to repeat");
    }
    n = node_new(co, NODE_CHAR);
    n->c = next_code_point(co->text, &co->at);
    return n;
}

static bool parse_count(struct compiler *co, int *out)
{
    size_t from = co->at;

    for (*out = 0; peek(co) >= '0' && peek(co) <= '9' && *out <= LIMIT_REGEX_STATES; co->at++) {
        *out = *out * 10 + (peek(co) - '0');
    }
    return co->at > from && *out <= LIMIT_REGEX_STATES;
}

/* {n} {n,} {n,m}: the '{' is read. */
static bool parse_bounds(struct compiler *co, struct node *n)
{
    bool good = parse_count(co, &n->min);

    n->max = n->min;
    if (good && peek(co) == ',') {
        co->at++;
        n->max = -1;
        good = peek(co) == '}' || parse_count(co, &n->max);
    }
    good = good && peek(co) == '}' && (n->max < 0 || n->min <= n->max);
    co->at++;
    return good || fail(co, "a quantifier's bounds cannot be read") != NULL;
}

/* An atom with its quantifier. Lazy forms match the same texts. A second quantifier, which is also
 * how a possessive form begins, is refused by parse_atom: it finds nothing to repeat. */
static struct node *parse_repeat(struct compiler *co)
{
    struct node *atom = parse_atom(co);
    struct node *n;
    char c = peek(co);

    if (atom == NULL || (c != '*' && c != '+' && c != '?' && c != '{')) {
        return atom;
    }
    co->at++;
    n = node_new(co, NODE_REPEAT);
    n->left = atom;
    n->min = c == '+' ? 1 : 0;
    n->max = c == '?' ? 1 : -1;
    if (c == '{' && !parse_bounds(co, n)) {
        return NULL;
    }
    if (peek(co) == '?') {
        co->at++;
    }
    return n;
}

static struct node *
pair(struct compiler *co, enum node_kind is, const struct node *left, const struct node *right)
{
    struct node *n = node_new(co, is);

    n->left = left;
    n->right = right;
    return n;
}

static struct node *parse_join(struct compiler *co)
{
    struct node *all = node_new(co, NODE_EMPTY);

    while (all != NULL && more(co) && peek(co) != '|' && peek(co) != ')') {
        struct node *part = parse_repeat(co);

        all = part == NULL ? NULL : pair(co, NODE_JOIN, all, part);
    }
    return all;
}

static struct node *parse_either(struct compiler *co)
{
    struct node *all = parse_join(co);

    while (all != NULL && peek(co) == '|') {
        struct node *part;

        co->at++;
        part = parse_join(co);
        all = part == NULL ? NULL : pair(co, NODE_EITHER, all, part);
    }
    return all;
}

/* A new state's number; past the limit the last one is given again and `why` is set. */
static uint16_t emit(struct compiler *co, enum op op)
{
    if (co->count == co->cap) {
        size_t cap = co->cap * 2 + 8;

        co->program = arena_grow(co->a, co->program, co->cap * sizeof(*co->program),
                                 cap * sizeof(*co->program));
        co->cap = cap;
    }
    if (co->count == LIMIT_REGEX_STATES) {
        fail(co, "the regular expression is too large");
        co->count--;
    }
    co->program[co->count] = (struct state){.op = op};
    return (uint16_t)co->count++;
}

static uint16_t here(const struct compiler *co)
{
    return (uint16_t)co->count;
}

static void emit_node(struct compiler *co, const struct node *n);

/* SPLIT into the body and past it. */
static void emit_optional(struct compiler *co, const struct node *body)
{
    uint16_t split = emit(co, OP_SPLIT);

    co->program[split].x = here(co);
    emit_node(co, body);
    co->program[split].y = here(co);
}

static void emit_loop(struct compiler *co, const struct node *body)
{
    uint16_t split = emit(co, OP_SPLIT);
    uint16_t jump;

    co->program[split].x = here(co);
    emit_node(co, body);
    jump = emit(co, OP_JUMP);
    co->program[jump].x = split;
    co->program[split].y = here(co);
}

/* min copies, then max - min optional ones or a loop. A body without states is not repeated: that
 * would cost time and mean nothing. */
static void emit_repeat(struct compiler *co, const struct node *n)
{
    for (int i = 0; i < n->min && co->why == NULL; i++) {
        uint16_t before = here(co);

        emit_node(co, n->left);
        if (here(co) == before) {
            return;
        }
    }
    for (int i = n->min; i < n->max && co->why == NULL; i++) {
        emit_optional(co, n->left);
    }
    if (n->max < 0) {
        emit_loop(co, n->left);
    }
}

static void emit_either(struct compiler *co, const struct node *n)
{
    uint16_t split = emit(co, OP_SPLIT);
    uint16_t jump;

    co->program[split].x = here(co);
    emit_node(co, n->left);
    jump = emit(co, OP_JUMP);
    co->program[split].y = here(co);
    emit_node(co, n->right);
    co->program[jump].x = here(co);
}

static void emit_node(struct compiler *co, const struct node *n)
{
    uint16_t at;

    if (co->why != NULL) {
        return;
    }
    switch (n->is) {
    case NODE_EMPTY: break;
    case NODE_CHAR:
        at = emit(co, OP_CHAR);
        co->program[at].c = n->c;
        break;
    case NODE_ANY: emit(co, OP_ANY); break;
    case NODE_CLASS:
        at = emit(co, OP_CLASS);
        co->program[at].set = n->set;
        break;
    case NODE_BEGIN: emit(co, OP_BEGIN); break;
    case NODE_END: emit(co, OP_END); break;
    case NODE_JOIN:
        emit_node(co, n->left);
        emit_node(co, n->right);
        break;
    case NODE_EITHER: emit_either(co, n); break;
    case NODE_REPEAT: emit_repeat(co, n); break;
    }
}

const struct regex *regex_compile(struct slice pattern,
                                  bool ignore_case,
                                  bool dot_all,
                                  struct arena *a,
                                  const char **why)
{
    struct compiler co = {.text = pattern, .a = a};
    struct regex *re = ARENA_NEW(a, struct regex);
    struct node *tree;

    *why = NULL;
    if (pattern.len > LIMIT_REGEX_STATES) {
        *why = "the regular expression is too large";
        return NULL;
    }
    tree = parse_either(&co);
    if (tree != NULL && more(&co)) {
        fail(&co, "')' without '(' in a regular expression");
    }
    if (co.why == NULL) {
        emit_node(&co, tree);
        emit(&co, OP_MATCH);
    }
    *why = co.why;
    *re = (struct regex){co.program, co.count, ignore_case, dot_all};
    return co.why == NULL ? re : NULL;
}

/* The states reached, in no order that matters; `mark` holds the round that saw each last. */
struct threads {
    uint16_t *items;
    size_t count;
};

struct matching {
    const struct regex *re;
    struct regex_room *room;
    uint32_t *mark;
    uint16_t *stack;
    uint32_t round;
    size_t at;
    size_t len;
};

/* For each state a mark, two places on the stack (and one more) and one in either set. */
static size_t room_bytes(const struct regex *re)
{
    return re->count * (sizeof(uint32_t) + 4 * sizeof(uint16_t)) + sizeof(uint16_t);
}

static char *room_take(struct regex_room *room, size_t bytes, struct arena *a)
{
    if (room->bytes < bytes) {
        room->memory = arena_grow(a, room->memory, room->bytes, bytes);
        room->bytes = bytes;
    }
    return room->memory;
}

static void spend(struct regex_room *room, size_t steps)
{
    room->steps -= room->steps < steps ? room->steps : steps;
}

/* Add `pc` and all it reaches without reading a character. */
static void threads_add(struct matching *m, struct threads *t, uint16_t pc)
{
    size_t top = 0;

    m->stack[top++] = pc;
    while (top > 0) {
        const struct state *s;

        pc = m->stack[--top];
        spend(m->room, 1);
        if (m->mark[pc] == m->round) {
            continue;
        }
        m->mark[pc] = m->round;
        s = &m->re->program[pc];
        if (s->op == OP_JUMP || s->op == OP_SPLIT) {
            m->stack[top++] = s->x;
            if (s->op == OP_SPLIT) {
                m->stack[top++] = s->y;
            }
        } else if (s->op == OP_BEGIN ? m->at == 0 : s->op == OP_END && m->at == m->len) {
            m->stack[top++] = (uint16_t)(pc + 1);
        } else {
            t->items[t->count++] = pc;
        }
    }
}

static uint32_t other_case(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ? c ^ 0x20 : c;
}

static bool in_class(const struct class *set, uint32_t c)
{
    for (size_t i = 0; i < set->count; i++) {
        if (c >= set->ranges[i].low && c <= set->ranges[i].high) {
            return true;
        }
    }
    return false;
}

static bool state_takes(const struct regex *re, const struct state *s, uint32_t c)
{
    uint32_t other = re->ignore_case ? other_case(c) : c;

    switch (s->op) {
    case OP_CHAR: return s->c == c || s->c == other;
    case OP_ANY:
        return re->dot_all || (c != '\n' && c != '\r' && c != 0x85 && c != 0x2028 && c != 0x2029);
    case OP_CLASS: return (in_class(s->set, c) || in_class(s->set, other)) != s->set->negated;
    case OP_SPLIT:
    case OP_JUMP:
    case OP_BEGIN:
    case OP_END:
    case OP_MATCH: break;
    }
    return false;
}

static bool threads_done(const struct matching *m, const struct threads *t)
{
    for (size_t i = 0; i < t->count; i++) {
        if (m->re->program[t->items[i]].op == OP_MATCH) {
            return true;
        }
    }
    return false;
}

bool regex_matches(const struct regex *re,
                   struct slice text,
                   struct regex_room *room,
                   struct arena *a)
{
    uint32_t *mark = (uint32_t *)(void *)room_take(room, room_bytes(re), a);
    uint16_t *places = (uint16_t *)(void *)(mark + re->count);
    struct matching m = {.re = re,
                         .room = room,
                         .mark = mark,
                         .stack = places + 2 * re->count,
                         .round = 1,
                         .len = text.len};
    struct threads now = {places, 0};
    struct threads next = {places + re->count, 0};

    memset(mark, 0, re->count * sizeof(*mark));
    threads_add(&m, &now, 0);
    while (m.at < text.len && now.count > 0 && room->steps > 0) {
        uint32_t c = next_code_point(text, &m.at);
        struct threads swap = now;

        m.round++;
        next.count = 0;
        for (size_t i = 0; i < now.count; i++) {
            const struct state *s = &re->program[now.items[i]];

            spend(room, s->op == OP_CLASS ? s->set->count : 1);
            if (state_takes(re, s, c)) {
                threads_add(&m, &next, (uint16_t)(now.items[i] + 1));
            }
        }
        now = next;
        next = swap;
    }
    return room->steps > 0 && m.at == text.len && threads_done(&m, &now);
}
