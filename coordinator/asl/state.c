/* SPDX-License-Identifier: Apache-2.0 */
/* What states of every kind have in common. The kinds' own fields are read in state_<word>.c, one
 * row of kind.def each. Source: Amazon States Language, definitions, fields and validation. */
#include "coordinator/asl/parse.h"

typedef void state_parser(const struct parse_at *at, struct asl_state *st);

static const struct {
    const char *name;
    state_parser *parse;
} kinds[] = {
#define ASL_KIND(kind, name, word) [ASL_##kind] = {name, state_##word##_parse},
#include "coordinator/asl/kind.def"
#undef ASL_KIND
};

const char *asl_kind_name(enum asl_kind kind)
{
    return kinds[kind].name;
}

/* Anything but "JSONPath" counts as JSONata, as with AWS, beside being told. */
enum asl_query_language parse_language(const struct parse_at *at, enum asl_query_language outer)
{
    static const char *const languages[] = {"JSONPath", "JSONata", NULL};

    if (!parse_has(at, "QueryLanguage")) {
        return outer;
    }
    switch (parse_word(at, "QueryLanguage", languages)) {
    case 0: return ASL_JSONPATH;
    case 1:
        parse_not_supported(at, "QueryLanguage", "QueryLanguage 'JSONata' is not supported yet");
        break;
    }
    return ASL_JSONATA;
}

/* False where there is none that can be read. */
static bool parse_kind(const struct parse_at *at, enum asl_kind *out)
{
    static const char *const names[] = {
#define ASL_KIND(kind, name, word) [ASL_##kind] = name,
#include "coordinator/asl/kind.def"
#undef ASL_KIND
        NULL,
    };
    int i = parse_form(at, "Type", names);

    if (!parse_has(at, "Type")) {
        parse_error(at, NULL, "The field 'Type' is required");
    }
    if (i >= 0) {
        *out = (enum asl_kind)i;
    }
    return i >= 0;
}

/* Next or End, for the kinds that go on to one state. */
static void parse_transition(const struct parse_at *at, struct asl_state *st)
{
    static const char *const names[] = {"Next", "End", NULL};

    switch (parse_one_of(at, names, false)) {
    case 0: parse_target(at, "Next", st->scope, parse_state_number(st), &st->next); break;
    case 1:
        if (parse_bool(at, "End", &st->end) && !st->end) {
            parse_error(at, "End", "The field 'End' should have one of these values: [true]");
        }
        break;
    }
}

/* How JSONPath states move data. */
static void parse_data_flow(const struct parse_at *at, struct asl_state *st)
{
    parse_path_field(at, "InputPath", &st->input_path);
    parse_path_field(at, "OutputPath", &st->output_path);
    parse_result_path(at, &st->result_path);
    parse_template(at, "Parameters", &st->parameters);
    parse_template(at, "ResultSelector", &st->result_selector);
}

/* The fields that kinds share; absent ones, and those a kind has not, keep their defaults. */
static void parse_common(const struct parse_at *at, struct asl_state *st)
{
    struct slice comment;

    parse_string(at, "Comment", &comment);
    if (st->query_language == ASL_JSONPATH) {
        parse_data_flow(at, st);
    }
    parse_assign(at, st, &st->assign);
    if (st->kind != ASL_CHOICE && st->kind != ASL_SUCCEED && st->kind != ASL_FAIL) {
        parse_transition(at, st);
    }
}

void parse_state(const struct parse_at *outer, struct asl_state *st)
{
    struct parse_at at = *outer;

    st->next = ASL_NONE;
    if (!json_is(at.doc, JSON_OBJECT)) {
        parse_error(&at, NULL, "Expected value of type [OBJECT]");
        return;
    }
    /* Whatever else is wrong with it, it ends its scope. */
    st->end = json_is(json_member(at.doc, SLICE("End")), JSON_TRUE);
    if (!parse_kind(&at, &st->kind)) {
        return;
    }
    st->end |= st->kind == ASL_SUCCEED || st->kind == ASL_FAIL;
    st->query_language = parse_language(&at, at.p->m->query_language);
    if (st->query_language == ASL_JSONPATH && at.p->m->query_language == ASL_JSONATA) {
        parse_error(
            &at, NULL,
            "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine");
        return;
    }
    at.language = st->query_language;
    parse_fields(&at, (enum parse_owner)st->kind);
    parse_common(&at, st);
    kinds[st->kind].parse(&at, st);
}
