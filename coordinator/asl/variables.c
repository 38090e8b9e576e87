/* SPDX-License-Identifier: Apache-2.0 */
/* Assign: the names of variables, and who may set which. A scope sees the variables of those around
 * it, up to a distributed Map, whose children see none; what one of those assigns anywhere, an
 * inner one can neither set nor have a variable of its own of that name. What the Parallel or Map
 * around it assigns does not count: that happens when the inner scope is gone, and AWS takes it.
 * Source: Amazon States Language, variables. */
#include "coordinator/asl/jsonpath.h"
#include "coordinator/asl/parse.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

/* What past ASCII is no letter, digit or mark: blanks, punctuation, symbols, private use. */
static const struct {
    uint32_t first;
    uint32_t last;
} no_identifier[] = {
    {0x0080, 0x00A9},   {0x00AB, 0x00B4},   {0x00B6, 0x00B6},    {0x00B8, 0x00B9}, {0x00BB, 0x00BF},
    {0x00D7, 0x00D7},   {0x00F7, 0x00F7},   {0x02C2, 0x02C5},    {0x02D2, 0x02DF}, {0x037E, 0x037E},
    {0x1680, 0x1680},   {0x2000, 0x203E},   {0x2041, 0x2053},    {0x2055, 0x2070}, {0x207A, 0x207E},
    {0x208A, 0x208E},   {0x20A0, 0x20CF},   {0x2190, 0x2BFF},    {0x2E00, 0x2E7F}, {0x2FF0, 0x3004},
    {0x3008, 0x3020},   {0x3030, 0x3030},   {0xD800, 0xF8FF},    {0xFE10, 0xFE1F}, {0xFE30, 0xFE32},
    {0xFE50, 0xFE6F},   {0xFEFF, 0xFEFF},   {0xFF00, 0xFF0F},    {0xFF1A, 0xFF20}, {0xFFE0, 0xFFFF},
    {0x1F000, 0x1FAFF}, {0xE0000, 0xE00FF}, {0xE01F0, 0x10FFFF},
};

static bool is_letter(uint32_t c)
{
    if (c < 0x80) {
        return c == '_' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    }
    for (size_t i = 0; i < sizeof(no_identifier) / sizeof(no_identifier[0]); i++) {
        if (c >= no_identifier[i].first && c <= no_identifier[i].last) {
            return false;
        }
    }
    return true;
}

/* The code point at `i` of UTF-8 text, and where the next one begins. */
static uint32_t next_code_point(struct slice s, size_t *i)
{
    unsigned char lead = (unsigned char)s.ptr[(*i)++];
    uint32_t c = lead < 0x80   ? lead
                 : lead < 0xE0 ? lead & 0x1Fu
                 : lead < 0xF0 ? lead & 0xFu
                               : lead & 7u;

    while (*i < s.len && ((unsigned char)s.ptr[*i] & 0xC0) == 0x80) {
        c = c << 6 | ((unsigned char)s.ptr[(*i)++] & 0x3Fu);
    }
    return c;
}

bool asl_is_identifier(struct slice name)
{
    for (size_t i = 0; i < name.len;) {
        bool first = i == 0;
        uint32_t c = next_code_point(name, &i);

        if (!is_letter(c) && (first || c < '0' || c > '9')) {
            return false;
        }
    }
    return name.len > 0;
}

static bool check_variable(const struct parse_at *at, struct slice name)
{
    if (slice_eq_str(name, "states")) {
        parse_error_code(at, "Assign", "RESERVED_VARIABLE_NAME",
                         "Cannot assign to reserved variable '$states'.");
    } else if (!asl_is_identifier(name)) {
        parse_error_code(
            at, "Assign", "INVALID_VARIABLE_NAME",
            "Invalid variable name '%.*s': the variable name contains invalid characters.",
            SLICE_FMT(name));
    } else if (text_code_points(name) > LIMIT_NAME_CHARS) {
        parse_error(at, "Assign", "The variable name '%.*s' is longer than %d characters",
                    SLICE_FMT(name), LIMIT_NAME_CHARS);
    } else {
        return true;
    }
    return false;
}

static struct variable *find_variable(const struct asl_parse *p, struct slice name, uint32_t scope)
{
    HASH_EACH_MATCH(node, &p->assigned, parse_hash(p, name, scope))
    {
        struct variable *v = container_of(node, struct variable, node);

        if (v->scope == scope && slice_eq(v->name, name)) {
            return v;
        }
    }
    return NULL;
}

static void add_variable(const struct parse_at *at, struct slice name, const struct asl_state *st)
{
    struct asl_parse *p = at->p;
    struct asl_place place = asl_place_member(at->place, SLICE("Assign"));
    struct variable *known = find_variable(p, name, st->scope);
    struct variable *v = ARENA_NEW(p->texts, struct variable);

    v->name = name;
    v->scope = st->scope;
    v->state = parse_state_number(st);
    v->place = asl_place_keep(&place, p->texts);
    p->variables = parse_grow(p, p->variables, &p->variable_room, sizeof(*p->variables));
    p->variables[p->variable_room.count++] = v;
    p->scopes[v->scope].assigns = true;
    if (known == NULL) {
        hash_insert(&p->assigned, &v->node, parse_hash(p, name, st->scope));
    } else if (known->state != v->state) {
        known->state = ASL_NONE;
    }
}

void parse_assign(const struct parse_at *at,
                  const struct asl_state *st,
                  const struct asl_template **out)
{
    const struct json_node *names;

    if (!parse_object(at, "Assign", &names)) {
        return;
    }
    for (const struct json_node *e = json_first(names); e != NULL; e = json_next(names, e)) {
        struct slice name = json_key(names, e);

        if (at->language == ASL_JSONPATH && slice_ends_with(name, SLICE(".$"))) {
            name = slice_head(name, name.len - 2);
        }
        if (check_variable(at, name)) {
            add_variable(at, name, st);
        }
    }
    parse_template(at, "Assign", out);
}

/* Does a scope around that of `v` assign it too? */
static bool is_outer(const struct asl_parse *p, const struct variable *v)
{
    for (uint32_t inner = v->scope; p->scopes[inner].up != ASL_NONE; inner = p->scopes[inner].up) {
        uint32_t up = p->scopes[inner].up;
        const struct variable *outer = p->scopes[up].assigns ? find_variable(p, v->name, up) : NULL;

        if (outer != NULL && outer->state != p->scopes[inner].scope.owner) {
            return true;
        }
    }
    return false;
}

void check_variables(struct asl_parse *p)
{
    for (size_t i = 0; i < p->variable_room.count; i++) {
        struct parse_at at = {p, NULL, p->variables[i]->place, ASL_JSONPATH};

        if (is_outer(p, p->variables[i])) {
            parse_error(&at, NULL,
                        "The variable '%.*s' is assigned in an outer scope and cannot be assigned "
                        "in an inner one",
                        SLICE_FMT(p->variables[i]->name));
        }
    }
}
