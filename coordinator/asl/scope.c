/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes: a machine, the branches of a Parallel, the processor of a Map. Each is a StartAt and a
 * set of States, whose names are unique in the whole machine. Recursion goes as deep as scopes
 * stand in scopes, LIMIT_DEFINITION_DEPTH at most.
 * Source: Amazon States Language, definitions. */
#include "coordinator/asl/parse.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

uint32_t parse_state_number(const struct asl_state *st)
{
    return container_of(st, const struct parsed_state, state)->number;
}

struct parsed_scope parse_scope_in(const struct parse_at *at, const struct asl_state *st)
{
    const struct parsed_scope *around = &at->p->scopes[st->scope];

    return (struct parsed_scope){
        .scope = {.owner = parse_state_number(st)},
        .up = st->scope,
        .depth = around->depth + 1,
        .express = around->express,
    };
}

static void check_name(const struct parse_at *at, struct slice name)
{
    if (name.len == 0) {
        parse_error_code(at, NULL, "INVALID_STATE_NAME",
                         "Invalid State name: State name cannot be empty");
    } else if (text_code_points(name) > LIMIT_NAME_CHARS) {
        parse_error_code(at, NULL, "INVALID_STATE_NAME",
                         "Invalid State name: State '%.*s' exceeds the %d-character limit allowed "
                         "by the service",
                         SLICE_FMT(name), LIMIT_NAME_CHARS);
    }
    HASH_EACH_MATCH(node, &at->p->names, parse_hash(at->p, name, ASL_NONE))
    {
        if (slice_eq(container_of(node, struct parsed_state, by_name)->state.name, name)) {
            parse_error_code(at, NULL, "DUPLICATE_STATE_NAME", "Duplicate State name: %.*s",
                             SLICE_FMT(name));
            return;
        }
    }
}

/* One state, and what is in it. */
static void add_state(const struct parse_at *at, struct slice name, uint32_t scope)
{
    struct asl_parse *p = at->p;
    struct parsed_state *parsed = ARENA_NEW(p->texts, struct parsed_state);

    check_name(at, name);
    parsed->number = (uint32_t)p->state_room.count;
    parsed->place = at->place;
    parsed->state.name = name;
    parsed->state.scope = scope;
    hash_insert(&p->names, &parsed->by_name, parse_hash(p, name, ASL_NONE));
    hash_insert(&p->targets, &parsed->by_scope, parse_hash(p, name, scope));
    p->states = parse_grow(p, p->states, &p->state_room, sizeof(*p->states));
    p->states[p->state_room.count++] = parsed;
    parse_state(at, &parsed->state);
}

static uint32_t add_scope(const struct parse_at *at, const struct parsed_scope *as)
{
    struct asl_parse *p = at->p;
    uint32_t number = (uint32_t)p->scope_room.count;

    p->scopes = parse_grow(p, p->scopes, &p->scope_room, sizeof(*p->scopes));
    p->scopes[p->scope_room.count++] = *as;
    p->scopes[number].scope.start_at = ASL_NONE;
    return number;
}

static void parse_states(const struct parse_at *at, uint32_t scope)
{
    struct asl_place place = asl_place_member(at->place, SLICE("States"));
    const struct asl_place *kept = asl_place_keep(&place, at->p->texts);
    const struct json_node *states;

    if (!parse_object(at, "States", &states)) {
        return;
    }
    at->p->scopes[scope].readable = true;
    if (json_count(states) == 0) {
        parse_error(at, "States", "Value cannot be empty");
    }
    for (const struct json_node *e = json_first(states); e != NULL; e = json_next(states, e)) {
        struct asl_place inner = asl_place_member(kept, json_key(states, e));
        struct parse_at state = parse_inside(at, e, asl_place_keep(&inner, at->p->texts));

        add_state(&state, json_key(states, e), scope);
    }
}

uint32_t parse_scope(const struct parse_at *at, const struct parsed_scope *as)
{
    static const char *const required[] = {"States", "StartAt", NULL};
    struct slice comment;
    uint32_t number;

    if (as->depth > LIMIT_DEFINITION_DEPTH) {
        parse_error_code(at, NULL, "TOO_DEEPLY_NESTED",
                         "States cannot be nested more than %d levels deep",
                         LIMIT_DEFINITION_DEPTH);
        return ASL_NONE;
    }
    number = add_scope(at, as);
    parse_required(at, required);
    parse_string(at, "Comment", &comment);
    if (json_is(json_member(at->doc, SLICE("States")), JSON_OBJECT)) {
        parse_target(at, "StartAt", number, ASL_NONE, NULL);
    }
    parse_states(at, number);
    return number;
}
