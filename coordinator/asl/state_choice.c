/* SPDX-License-Identifier: Apache-2.0 */
/* Choice: reading the rules. Next stands at the top of each rule only; And, Or and Not hold rules
 * without one.
 * Source: Amazon States Language, states. */
#include "coordinator/asl/choice.h"
#include "coordinator/asl/parse.h"

static struct asl_rule *parse_rule(const struct parse_at *at, bool top);

/* The elements of And and Or. */
static void parse_parts(const struct parse_at *at, const char *field, struct asl_rule *r)
{
    struct asl_place list = asl_place_member(at->place, slice_str(field));
    const struct json_node *parts;
    const struct asl_rule **kept;
    size_t n = 0;

    if (!parse_array(at, field, &parts)) {
        return;
    }
    if (json_count(parts) == 0) {
        parse_error(at, field, "Value cannot be empty");
    }
    kept = ARENA_ARRAY(&at->p->m->arena, json_count(parts), const struct asl_rule *);
    for (const struct json_node *e = json_first(parts); e != NULL; e = json_next(parts, e), n++) {
        struct asl_place place = asl_place_element(&list, n);
        struct parse_at part = {at->p, e, &place};

        kept[n] = parse_rule(&part, false);
    }
    r->parts = kept;
    r->part_count = n;
}

static void parse_not(const struct parse_at *at, struct asl_rule *r)
{
    struct asl_place place = asl_place_member(at->place, SLICE("Not"));
    struct parse_at part = {at->p, json_member(at->doc, SLICE("Not")), &place};
    const struct asl_rule **kept = ARENA_ARRAY(&at->p->m->arena, 1, const struct asl_rule *);

    kept[0] = parse_rule(&part, false);
    r->parts = kept;
    r->part_count = 1;
}

static void parse_operand(const struct parse_at *at,
                          struct slice name,
                          bool twin,
                          const struct json_node *v,
                          struct asl_rule *r)
{
    static const char *const types[] = {[CHOICE_STRING] = "String",
                                        [CHOICE_NUMERIC] = "Number",
                                        [CHOICE_TIMESTAMP] = "Timestamp",
                                        [CHOICE_BOOLEAN] = "Boolean"};
    const char *field = arena_str(at->p->texts, name);

    if (twin) {
        parse_reference_path(at, field, &r->value_path);
    } else if (choice_operand_fits(r->op, v)) {
        r->value = v;
    } else if (r->op->type == CHOICE_TIMESTAMP && json_is(v, JSON_STRING)) {
        parse_error(at, field, "String does not match RFC3339 timestamp");
    } else {
        parse_error(at, field, "Expected value of type %s", types[r->op->type]);
    }
}

/* Variable and one operator. */
static void parse_comparison(const struct parse_at *at, struct asl_rule *r)
{
    static const char *const required[] = {"Variable", NULL};
    size_t found = 0;

    parse_required(at, required);
    parse_reference_path(at, "Variable", &r->variable);
    for (const struct json_node *e = json_first(at->doc); e != NULL; e = json_next(at->doc, e)) {
        struct slice name = json_key(at->doc, e);
        bool twin;
        const struct choice_operator *op = choice_operator_find(name, &twin);

        if (op != NULL) {
            found++;
            r->op = op;
            parse_operand(at, name, twin, e, r);
        }
    }
    if (found != 1) {
        parse_error(at, NULL, "A choice rule must have exactly one comparison operator");
    }
}

/* Names that are no part of a rule. */
static void check_names(const struct parse_at *at, bool top, bool comparison)
{
    static const char *const always[] = {"And", "Or", "Not", "Comment", NULL};
    bool twin;

    for (const struct json_node *e = json_first(at->doc); e != NULL; e = json_next(at->doc, e)) {
        struct slice key = json_key(at->doc, e);
        bool known = (comparison && (slice_eq_str(key, "Variable") ||
                                     choice_operator_find(key, &twin) != NULL)) ||
                     (top && (slice_eq_str(key, "Next") || slice_eq_str(key, "Assign")));

        for (size_t i = 0; !known && always[i] != NULL; i++) {
            known = slice_eq_str(key, always[i]);
        }
        if (slice_eq_str(key, "Condition") || slice_eq_str(key, "Output")) {
            parse_error(
                at, NULL,
                "The QueryLanguage is set to 'JSONPath', but field '%.*s' is only supported "
                "for the 'JSONata' QueryLanguage",
                SLICE_FMT(key));
        } else if (!known) {
            parse_error(at, NULL, "Field '%.*s' is not supported", SLICE_FMT(key));
        }
    }
    if (top && json_member(at->doc, SLICE("Assign")) != NULL) {
        parse_not_supported(at, "Assign", "Field 'Assign' is not supported yet");
    }
}

static struct asl_rule *parse_rule(const struct parse_at *at, bool top)
{
    static const char *const joined[] = {"And", "Or", "Not", NULL};
    struct asl_rule *r = ARENA_NEW(&at->p->m->arena, struct asl_rule);
    int which;

    if (!json_is(at->doc, JSON_OBJECT)) {
        parse_error(at, NULL, "Expected value of type Object");
        return r;
    }
    which = parse_one_of(at, joined, true);
    check_names(at, top, which < 0);
    if (which < 0) {
        parse_comparison(at, r);
    } else if (which == 2) {
        r->is = RULE_NOT;
        parse_not(at, r);
    } else {
        r->is = which == 0 ? RULE_AND : RULE_OR;
        parse_parts(at, joined[which], r);
    }
    return r;
}

static void parse_choices(const struct parse_at *at, struct asl_state *st)
{
    static const char *const required[] = {"Next", NULL};
    struct asl_place list = asl_place_member(at->place, SLICE("Choices"));
    struct arena *a = &at->p->m->arena;
    const struct json_node *choices;
    const struct asl_rule **rules;
    uint32_t *nexts;
    size_t n = 0;

    if (!parse_array(at, "Choices", &choices)) {
        return;
    }
    if (json_count(choices) == 0) {
        parse_error(at, "Choices", "Value cannot be empty");
    }
    rules = ARENA_ARRAY(a, json_count(choices), const struct asl_rule *);
    nexts = ARENA_ARRAY(a, json_count(choices), uint32_t);
    for (const struct json_node *e = json_first(choices); e != NULL;
         e = json_next(choices, e), n++) {
        struct asl_place place = asl_place_element(&list, n);
        struct parse_at rule = {at->p, e, &place};

        rules[n] = parse_rule(&rule, true);
        nexts[n] = ASL_NONE;
        if (json_is(e, JSON_OBJECT) && parse_required(&rule, required)) {
            nexts[n] = parse_target(&rule, "Next", st->scope, parse_state_number(at->p, st));
        }
    }
    st->choice.rules = rules;
    st->choice.rule_next = nexts;
    st->choice.rule_count = n;
}

void state_choice_parse(const struct parse_at *at, struct asl_state *st)
{
    static const char *const required[] = {"Choices", NULL};

    parse_required(at, required);
    parse_choices(at, st);
    st->choice.default_next = parse_target(at, "Default", st->scope, parse_state_number(at->p, st));
}
