/* SPDX-License-Identifier: Apache-2.0 */
/* From the text of a definition to a machine: the document, its walk, the checks of the whole, and
 * what was read put together. Source: Amazon States Language, definitions and validation. */
#include "coordinator/asl/parse.h"
#include "coordinator/asl/source.h"
#include "proto/base/limits.h"

/* The fields of the whole, and the top level. */
static void parse_machine(const struct parse_at *at)
{
    static const char *const versions[] = {"1.0", NULL};
    struct asl_machine *m = at->p->m;
    struct parsed_scope top = {
        .scope = {.owner = ASL_NONE},
        .up = ASL_NONE,
        .depth = 1,
        .express = at->p->options->express,
    };

    parse_fields(at, OWNER_MACHINE);
    parse_word(at, "Version", versions);
    parse_integer(at, "TimeoutSeconds", 0, LIMIT_TIMEOUT_SECONDS, &m->timeout_seconds);
    m->query_language = parse_language(at, ASL_JSONPATH);
    parse_scope(at, &top);
    check_graph(at->p);
    check_variables(at->p);
}

/* What was read becomes the machine's, in the order of its numbers. */
static void build(struct asl_parse *p)
{
    struct asl_state *states = ARENA_ARRAY(&p->m->arena, p->state_room.count, struct asl_state);
    struct asl_scope *scopes = ARENA_ARRAY(&p->m->arena, p->scope_room.count, struct asl_scope);

    for (size_t i = 0; i < p->state_room.count; i++) {
        states[i] = p->states[i]->state;
    }
    for (size_t i = 0; i < p->scope_room.count; i++) {
        scopes[i] = p->scopes[i].scope;
    }
    p->m->states = states;
    p->m->state_count = (uint32_t)p->state_room.count;
    p->m->scopes = scopes;
    p->m->scope_count = (uint32_t)p->scope_room.count;
}

static void add_error(struct asl_parse *p, const struct source_fault *fault)
{
    asl_diagnostics_add(p->found, p->texts, ASL_ERROR, fault->code, fault->message,
                        fault->location);
    p->errors++;
}

static void parse_text(struct asl_parse *p, struct slice text)
{
    struct asl_place place = {.kept = true};
    struct parse_at at = {p, NULL, &place, ASL_JSONPATH};
    struct source_fault fault;

    p->m->definition = arena_copy(&p->m->arena, text);
    if (!source_parse(p->m->definition, p->options->stored, &p->m->arena, p->texts, &at.doc,
                      &fault)) {
        add_error(p, &fault);
    } else if (!json_is(at.doc, JSON_OBJECT)) {
        parse_error(&at, NULL, "Expected value of type [OBJECT]");
    } else {
        parse_machine(&at);
    }
}

/* What AWS would take, and this does not, is an error of its own where there is no other. */
static void tell_unsupported(struct asl_parse *p)
{
    if (p->errors > 0 || p->options->lint) {
        return;
    }
    for (size_t i = 0; i < p->unsupported.count; i++) {
        const struct asl_diagnostic *d = &p->unsupported.items[i];

        asl_diagnostics_add(p->found, p->texts, d->severity, d->code, d->message, d->location);
    }
    p->errors = p->unsupported.count;
}

static void parse_fini(struct asl_parse *p)
{
    hash_fini(&p->names);
    hash_fini(&p->targets);
    hash_fini(&p->labels);
    hash_fini(&p->assigned);
}

enum err_code asl_machine_parse(struct slice text,
                                const struct asl_options *options,
                                struct arena *a,
                                struct asl_diagnostics *found,
                                struct asl_machine **out,
                                struct err *err)
{
    static const struct asl_options standard = {0};
    struct asl_parse p = {.texts = a,
                          .found = found,
                          .first = found->count,
                          .options = options != NULL ? options : &standard};
    enum err_code rc;

    if (text.len > LIMIT_DEFINITION_BYTES) {
        return err_set(err, ERR_TOO_LARGE, "the definition has %zu bytes; the limit is %d",
                       text.len, LIMIT_DEFINITION_BYTES);
    }
    p.m = mem_zalloc(1, sizeof(*p.m));
    arena_init(&p.m->arena);
    parse_text(&p, text);
    tell_unsupported(&p);
    rc = asl_diagnostics_report(found, p.first, a, err);
    if (rc == OK && p.errors > 0) {
        rc = err_set(err, ERR_INVALID_DEFINITION, "Invalid State Machine Definition: %zu errors",
                     p.errors);
    }
    parse_fini(&p);
    if (rc != OK) {
        asl_machine_free(p.m);
        return rc;
    }
    build(&p);
    *out = p.m;
    return OK;
}

void asl_machine_free(struct asl_machine *m)
{
    if (m != NULL) {
        arena_fini(&m->arena);
        mem_free(m);
    }
}
