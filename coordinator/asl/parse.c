/* SPDX-License-Identifier: Apache-2.0 */
/* The walk over a definition: the document, its scopes, and what states of every kind have in
 * common. The kinds themselves are in state_<kind>.c, one row of `parsers` each. Source:
 * Amazon States Language, definitions and fields and validation. */
#include "coordinator/asl/parse.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

typedef void state_parser(const struct parse_at *at, struct asl_state *st);

static const char *const kind_names[] = {
#define ASL_KIND(kind, name) [ASL_##kind] = name,
#include "coordinator/asl/kind.def"
#undef ASL_KIND
};

enum { KIND_COUNT = sizeof(kind_names) / sizeof(kind_names[0]) };

/* How a kind's own fields are read; a kind without a reader is not there yet. */
static state_parser *const parsers[KIND_COUNT] = {
    [ASL_TASK] = state_task_parse,       [ASL_PASS] = state_pass_parse,
    [ASL_CHOICE] = state_choice_parse,   [ASL_WAIT] = state_wait_parse,
    [ASL_SUCCEED] = state_succeed_parse, [ASL_FAIL] = state_fail_parse,
};

static const struct {
    struct slice name;
    uint32_t kinds;
    uint32_t languages;
} fields[] = {
#define KIND(kind)                    (UINT32_C(1) << ASL_##kind)
#define LANGUAGE(language)            (UINT32_C(1) << ASL_##language)
#define FIELD(name, kinds, languages) {SLICE_INIT(name), kinds, languages},
#include "coordinator/asl/field.def"
#undef FIELD
#undef LANGUAGE
#undef KIND
};

const char *asl_kind_name(enum asl_kind kind)
{
    return kind_names[kind];
}

/* Every field of the state is one its kind and language have. */
static void check_fields(const struct parse_at *at, const struct asl_state *st)
{
    for (const struct json_node *e = json_first(at->doc); e != NULL; e = json_next(at->doc, e)) {
        struct slice key = json_key(at->doc, e);
        size_t i = 0;

        while (i < sizeof(fields) / sizeof(fields[0]) && !slice_eq(fields[i].name, key)) {
            i++;
        }
        if (i == sizeof(fields) / sizeof(fields[0]) ||
            (fields[i].kinds & UINT32_C(1) << st->kind) == 0) {
            parse_error(at, NULL, "Field '%.*s' is not supported", SLICE_FMT(key));
        } else if ((fields[i].languages & UINT32_C(1) << st->query_language) == 0) {
            parse_error(
                at, NULL,
                "The QueryLanguage is set to '%s', but field '%.*s' is only supported for the "
                "'%s' QueryLanguage",
                st->query_language == ASL_JSONPATH ? "JSONPath" : "JSONata", SLICE_FMT(key),
                st->query_language == ASL_JSONPATH ? "JSONata" : "JSONPath");
        }
    }
    if (json_member(at->doc, SLICE("Assign")) != NULL) {
        parse_not_supported(at, "Assign", "Field 'Assign' is not supported yet");
    }
}

/* Anything but "JSONPath" counts as JSONata, as with AWS, beside being told. */
static enum asl_query_language parse_language(const struct parse_at *at,
                                              enum asl_query_language outer)
{
    struct slice text = SLICE("JSONPath");

    if (json_member(at->doc, SLICE("QueryLanguage")) == NULL) {
        return outer;
    }
    if (!parse_string(at, "QueryLanguage", &text)) {
        return ASL_JSONATA;
    }
    if (slice_eq_str(text, "JSONPath")) {
        return ASL_JSONPATH;
    }
    if (slice_eq_str(text, "JSONata")) {
        parse_not_supported(at, "QueryLanguage", "QueryLanguage 'JSONata' is not supported yet");
    } else {
        parse_error(
            at, "QueryLanguage",
            "The field 'QueryLanguage' should have one of these values: [JSONPath, JSONata]");
    }
    return ASL_JSONATA;
}

/* False where there is none that can be read. */
static bool parse_kind(const struct parse_at *at, enum asl_kind *out)
{
    static const char *const required[] = {"Type", NULL};
    struct slice type;

    if (!parse_required(at, required) || !parse_string(at, "Type", &type)) {
        return false;
    }
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        if (slice_eq_str(type, kind_names[i])) {
            *out = (enum asl_kind)i;
            return true;
        }
    }
    parse_error(
        at, "Type",
        "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, "
        "Choice, Parallel, Map]");
    return false;
}

/* Next or End, for the kinds that go on to one state. */
static void parse_transition(const struct parse_at *at, struct asl_state *st)
{
    static const char *const names[] = {"Next", "End", NULL};

    switch (parse_one_of(at, names, false)) {
    case 0: st->next = parse_target(at, "Next", st->scope, parse_state_number(at->p, st)); break;
    case 1:
        if (parse_bool(at, "End", &st->end) && !st->end) {
            parse_error(at, "End", "The field 'End' should have one of these values: [true]");
        }
        break;
    }
}

/* The fields that the kinds share; absent ones, and those a kind has not, keep their defaults. */
static void parse_common(const struct parse_at *at, struct asl_state *st)
{
    struct slice comment;

    parse_string(at, "Comment", &comment);
    parse_path_field(at, "InputPath", &st->input_path);
    parse_path_field(at, "OutputPath", &st->output_path);
    parse_result_path(at, &st->result_path);
    parse_template(at, "Parameters", &st->parameters);
    parse_template(at, "ResultSelector", &st->result_selector);
    if (st->kind != ASL_CHOICE && st->kind != ASL_SUCCEED && st->kind != ASL_FAIL) {
        parse_transition(at, st);
    }
}

static void parse_state(const struct parse_at *at, struct asl_state *st)
{
    st->next = ASL_NONE;
    st->pointer = arena_copy(&at->p->m->arena, asl_place_print(at->place, at->p->texts));
    if (text_code_points(st->name) > LIMIT_NAME_CHARS) {
        parse_error(at, NULL, "State name is longer than %d characters", LIMIT_NAME_CHARS);
    }
    if (!json_is(at->doc, JSON_OBJECT)) {
        parse_error(at, NULL, "Expected value of type Object");
        return;
    }
    if (!parse_kind(at, &st->kind)) {
        return;
    }
    st->query_language = parse_language(at, at->p->m->query_language);
    if (st->query_language == ASL_JSONPATH && at->p->m->query_language == ASL_JSONATA) {
        parse_error(
            at, NULL,
            "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine");
        return;
    }
    check_fields(at, st);
    if (st->query_language == ASL_JSONATA) {
        return;
    }
    parse_common(at, st);
    if (parsers[st->kind] == NULL) {
        parse_not_supported(at, "Type", "State type '%s' is not supported yet",
                            kind_names[st->kind]);
        return;
    }
    parsers[st->kind](at, st);
}

static struct named_state *named_add(struct asl_parse *p)
{
    if (p->m->state_count == p->named_cap) {
        uint32_t cap = p->named_cap * 2 + 16;

        p->named = arena_grow(p->texts, p->named, p->named_cap * sizeof(*p->named),
                              cap * sizeof(*p->named));
        p->named_cap = cap;
    }
    return &p->named[p->m->state_count];
}

/* First pass: number the states of one scope. */
static void number_states(struct asl_parse *p, const struct json_node *states, uint32_t scope)
{
    for (const struct json_node *e = json_first(states); e != NULL; e = json_next(states, e)) {
        struct named_state *st = named_add(p);

        *st = (struct named_state){
            .name = json_key(states, e), .doc = e, .number = p->m->state_count, .scope = scope};
        p->m->state_count++;
    }
}

/* The table is filled once the array stands still. A name is unique in the whole machine. */
static void index_states(struct asl_parse *p, const struct asl_place *states)
{
    for (uint32_t i = 0; i < p->m->state_count; i++) {
        struct named_state *st = &p->named[i];

        HASH_EACH_MATCH(node, &p->names, hash_bytes(st->name, 0))
        {
            const struct named_state *other = container_of(node, struct named_state, node);

            if (slice_eq(other->name, st->name)) {
                struct asl_place place = asl_place_member(states, st->name);

                asl_diagnostics_add(
                    p->found, p->texts, ASL_ERROR, "DUPLICATE_STATE_NAME",
                    arena_printf(p->texts, "Duplicate State name: %.*s", SLICE_FMT(st->name)),
                    asl_place_print(&place, p->texts));
                p->errors++;
                break;
            }
        }
        hash_insert(&p->names, &st->node, hash_bytes(st->name, 0));
    }
}

/* Second pass. */
static void fill_states(struct asl_parse *p, const struct asl_place *states)
{
    p->states = ARENA_ARRAY(&p->m->arena, p->m->state_count, struct asl_state);
    p->m->states = p->states;
    for (uint32_t i = 0; i < p->m->state_count; i++) {
        struct asl_place place = asl_place_member(states, p->named[i].name);
        struct parse_at at = {p, p->named[i].doc, &place};

        p->states[i].name = p->named[i].name;
        p->states[i].scope = p->named[i].scope;
        parse_state(&at, &p->states[i]);
    }
}

static void parse_machine(const struct parse_at *at)
{
    static const char *const required[] = {"States", "StartAt", NULL};
    static const char *const known[] = {"Comment",       "StartAt",        "States", "Version",
                                        "QueryLanguage", "TimeoutSeconds", NULL};
    struct asl_place place = asl_place_member(at->place, SLICE("States"));
    struct asl_scope *top = ARENA_NEW(&at->p->m->arena, struct asl_scope);
    struct slice version = SLICE("1.0");
    struct slice comment;
    const struct json_node *states;

    at->p->m->scopes = top;
    at->p->m->scope_count = 1;
    *top = (struct asl_scope){.start_at = ASL_NONE, .owner = ASL_NONE};
    parse_required(at, required);
    parse_only(at, known);
    parse_string(at, "Comment", &comment);
    if (parse_string(at, "Version", &version) && !slice_eq_str(version, "1.0")) {
        parse_error(at, "Version", "The field 'Version' should have one of these values: [1.0]");
    }
    parse_integer(at, "TimeoutSeconds", 1, LIMIT_TIMEOUT_SECONDS, &at->p->m->timeout_seconds);
    at->p->m->query_language = parse_language(at, ASL_JSONPATH);
    if (!parse_object(at, "States", &states)) {
        return;
    }
    if (json_count(states) == 0) {
        parse_error(at, "States", "Value cannot be empty");
        return;
    }
    number_states(at->p, states, 0);
    index_states(at->p, &place);
    top->start_at = parse_target(at, "StartAt", 0, ASL_NONE);
    fill_states(at->p, &place);
    check_graph(at->p);
}

/* The word that begins the text, where it is none of JSON's: AWS's parser names it. */
static struct slice first_word(struct slice text)
{
    size_t from = 0;
    size_t to;

    while (from < text.len && strchr(" \t\r\n", text.ptr[from]) != NULL && text.ptr[from] != '\0') {
        from++;
    }
    for (to = from;
         to < text.len && (((text.ptr[to] | 0x20) >= 'a' && (text.ptr[to] | 0x20) <= 'z') ||
                           text.ptr[to] == '_' || text.ptr[to] == '$');
         to++) {
    }
    return slice_make(text.ptr + from, to - from);
}

static void report_json(struct asl_parse *p, struct slice text, const struct err *err)
{
    struct slice word = first_word(text);
    struct slice shown = slice_head(text, 500);
    struct slice where;
    struct slice message = arena_copy(p->texts, slice_str(err->msg));

    if (word.len == 0) {
        where = arena_printf(p->texts, "[Source: (String)\"%.*s\"]", SLICE_FMT(shown));
    } else {
        where = arena_printf(p->texts, "[Source: (String)\"%.*s\"; line: 1, column: %zu]",
                             SLICE_FMT(shown), (size_t)(word.ptr - text.ptr) + word.len + 1);
        message =
            arena_printf(p->texts,
                         "Unrecognized token '%.*s': was expecting (JSON String, Number, Array, "
                         "Object or token 'null', 'true' or 'false')\n at %.*s",
                         SLICE_FMT(word), SLICE_FMT(where));
    }
    asl_diagnostics_add(p->found, p->texts, ASL_ERROR, "INVALID_JSON_DESCRIPTION", message, where);
    p->errors++;
}

static void parse_text(struct asl_parse *p, struct slice text)
{
    struct asl_place place = {0};
    struct parse_at at = {p, NULL, &place};
    struct err err;

    if (text.len == 0) {
        asl_diagnostics_add(p->found, p->texts, ASL_ERROR, "MISSING_DESCRIPTION",
                            SLICE("The definition is empty"), (struct slice){NULL, 0});
        p->errors++;
        return;
    }
    p->m->definition = arena_copy(&p->m->arena, text);
    if (json_parse(p->m->definition, &p->m->arena, &at.doc, &err) != OK) {
        report_json(p, text, &err);
    } else if (!json_is(at.doc, JSON_OBJECT)) {
        parse_error(&at, NULL, "Expected value of type Object");
    } else {
        parse_machine(&at);
    }
}

enum err_code asl_machine_parse(struct slice text,
                                bool express,
                                struct arena *a,
                                struct asl_diagnostics *found,
                                struct asl_machine **out,
                                struct err *err)
{
    struct asl_parse p = {.texts = a, .found = found, .first = found->count, .express = express};
    enum err_code rc;

    if (text.len > LIMIT_DEFINITION_BYTES) {
        return err_set(err, ERR_TOO_LARGE, "the definition has %zu bytes; the limit is %d",
                       text.len, LIMIT_DEFINITION_BYTES);
    }
    p.m = mem_zalloc(1, sizeof(*p.m));
    arena_init(&p.m->arena);
    parse_text(&p, text);
    rc = asl_diagnostics_report(found, p.first, a, err);
    if (rc == OK && p.errors > 0) {
        rc = err_set(err, ERR_INVALID_DEFINITION, "Invalid State Machine Definition: %zu errors",
                     p.errors);
    }
    hash_fini(&p.names);
    if (rc != OK) {
        asl_machine_free(p.m);
        return rc;
    }
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
