/* SPDX-License-Identifier: Apache-2.0 */
/* Choice: reading the rules. Next and Assign stand at the top of each rule only; And, Or and Not
 * hold rules without them. A JSONata rule is a Condition.
 * Source: Amazon States Language, states. */
#include "coordinator/asl/choice.h"
#include "coordinator/asl/eval.h"
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
        struct parse_at part = parse_inside(at, e, &place);

        kept[n] = parse_rule(&part, false);
    }
    r->parts = kept;
    r->part_count = n;
}

static void parse_not(const struct parse_at *at, struct asl_rule *r)
{
    struct asl_place place = asl_place_member(at->place, SLICE("Not"));
    struct parse_at part = parse_inside(at, json_member(at->doc, SLICE("Not")), &place);
    const struct asl_rule **kept = ARENA_ARRAY(&at->p->m->arena, 1, const struct asl_rule *);

    kept[0] = parse_rule(&part, false);
    r->parts = kept;
    r->part_count = 1;
}

/* A path of a rule. What begins with "$" and is no path AWS calls no Reference Path either. */
static void parse_rule_path(const struct parse_at *at,
                            const char *field,
                            enum path_use use,
                            const struct asl_path **out)
{
    struct slice text;
    const char *why;

    if (!parse_string(at, field, &text)) {
        return;
    }
    *out = asl_path_parse(text, use, &at->p->m->arena, &why);
    if (*out == NULL) {
        parse_error(at, field, "Value is not a Reference Path: %s",
                    slice_starts_with(text, SLICE("$")) ? why
                                                        : "Reference path didn't start with '$'");
    }
}

/* The right side of the operator `field`. */
static void parse_operand(const struct parse_at *at, const char *field, struct asl_rule *r)
{
    static const char *const types[] = {[CHOICE_STRING] = "STRING",
                                        [CHOICE_NUMERIC] = "NUMBER",
                                        [CHOICE_TIMESTAMP] = "STRING",
                                        [CHOICE_BOOLEAN] = "BOOLEAN"};
    const struct json_node *v = json_member(at->doc, slice_str(field));
    bool twin;

    r->op = choice_operator_find(slice_str(field), &twin);
    if (twin) {
        parse_rule_path(at, field, PATH_REFERENCE, &r->value_path);
    } else if (choice_operand_fits(r->op, v)) {
        r->value = v;
        if (r->op->twin) {
            parse_check_path(at, field, json_text(v));
        }
    } else if (r->op->type == CHOICE_TIMESTAMP && json_is(v, JSON_STRING)) {
        parse_error(at, field, "String does not match RFC3339 timestamp");
    } else {
        parse_error(at, field, "Expected value of type [%s]", types[r->op->type]);
    }
}

/* The operators of choice.def and their twins, in the order in which AWS names them. */
static const char *const operators[] = {
    "StringEquals",
    "IsBoolean",
    "StringLessThan",
    "IsNumeric",
    "BooleanEquals",
    "StringLessThanEqualsPath",
    "NumericLessThan",
    "NumericGreaterThan",
    "NumericLessThanPath",
    "StringMatches",
    "TimestampLessThanEqualsPath",
    "NumericEquals",
    "TimestampGreaterThan",
    "StringGreaterThanEqualsPath",
    "TimestampGreaterThanEqualsPath",
    "TimestampLessThanEquals",
    "NumericLessThanEqualsPath",
    "TimestampEquals",
    "BooleanEqualsPath",
    "IsTimestamp",
    "StringLessThanEquals",
    "NumericLessThanEquals",
    "StringLessThanPath",
    "TimestampGreaterThanPath",
    "StringGreaterThan",
    "StringGreaterThanPath",
    "IsString",
    "StringEqualsPath",
    "TimestampEqualsPath",
    "TimestampLessThan",
    "StringGreaterThanEquals",
    "NumericGreaterThanPath",
    "NumericGreaterThanEquals",
    "NumericEqualsPath",
    "TimestampLessThanPath",
    "IsNull",
    "IsPresent",
    "TimestampGreaterThanEquals",
    "NumericGreaterThanEqualsPath",
    NULL,
};

/* Variable and one operator. */
static void parse_comparison(const struct parse_at *at, struct asl_rule *r)
{
    int which = parse_one_of(at, operators, false);

    parse_rule_path(at, "Variable", PATH_ANY, &r->variable);
    if (which >= 0) {
        parse_operand(at, operators[which], r);
    }
}

/* What a rule is, by the one of these fields that it has. */
enum rule_form { FORM_AND, FORM_OR, FORM_NOT, FORM_VARIABLE, FORM_CONDITION, FORM_NONE };

static enum rule_form rule_form(const struct parse_at *at)
{
    static const char *const names[] = {"And", "Or", "Not", "Variable", "Condition"};
    enum rule_form form = FORM_NONE;
    size_t count = 0;

    for (enum rule_form i = FORM_AND; i < FORM_NONE; i++) {
        if (parse_has(at, names[i])) {
            form = i;
            count++;
        }
    }
    if (count == 1) {
        return form;
    }
    parse_error(at, NULL,
                "The object must have only one of the following fields, "
                "[And, Or, Not, Variable, Condition]");
    return FORM_NONE;
}

/* Which query languages know a member of a rule of that form; 0: it is none. */
static unsigned member_languages(enum rule_form form, struct slice name, bool top)
{
    static const char *const path[] = {"And", "Or", "Not", "Variable", NULL};
    bool twin;

    for (size_t i = 0; path[i] != NULL; i++) {
        if (slice_eq_str(name, path[i])) {
            return 1u << ASL_JSONPATH;
        }
    }
    if (choice_operator_find(name, &twin) != NULL) {
        return form == FORM_VARIABLE ? 1u << ASL_JSONPATH : 0;
    }
    if (slice_eq_str(name, "Condition") || slice_eq_str(name, "Output")) {
        return 1u << ASL_JSONATA;
    }
    return slice_eq_str(name, "Comment") ||
                   (top && (slice_eq_str(name, "Next") || slice_eq_str(name, "Assign")))
               ? 1u << ASL_JSONPATH | 1u << ASL_JSONATA
               : 0;
}

/* Members that a rule of that form has not, or that the other query language has. */
static void check_members(const struct parse_at *at, enum rule_form form, bool top)
{
    for (const struct json_node *e = json_first(at->doc); e != NULL; e = json_next(at->doc, e)) {
        struct slice name = json_key(at->doc, e);
        unsigned languages = member_languages(form, name, top);

        if (languages == 0) {
            parse_error(at, NULL, "Field '%.*s' is not supported", SLICE_FMT(name));
        } else if ((languages & 1u << at->language) == 0) {
            parse_wrong_language(at, name);
        }
    }
}

/* What it says in the language that has it; of the other one everything was refused already. */
static void parse_form_of_rule(const struct parse_at *at, enum rule_form form, struct asl_rule *r)
{
    bool value;

    if ((form == FORM_CONDITION) != (at->language == ASL_JSONATA)) {
        return;
    }
    switch (form) {
    case FORM_AND:
        r->is = RULE_AND;
        parse_parts(at, "And", r);
        break;
    case FORM_OR:
        r->is = RULE_OR;
        parse_parts(at, "Or", r);
        break;
    case FORM_NOT:
        r->is = RULE_NOT;
        parse_not(at, r);
        break;
    case FORM_VARIABLE: parse_comparison(at, r); break;
    case FORM_CONDITION:
        if (!parse_expression(at, "Condition")) {
            parse_bool(at, "Condition", &value);
        }
        break;
    case FORM_NONE: break;
    }
}

static struct asl_rule *parse_rule(const struct parse_at *at, bool top)
{
    struct asl_rule *r = ARENA_NEW(&at->p->m->arena, struct asl_rule);
    enum rule_form form;

    if (!json_is(at->doc, JSON_OBJECT)) {
        parse_error(at, NULL, "Expected value of type [OBJECT]");
        return r;
    }
    form = rule_form(at);
    if (form != FORM_NONE) {
        check_members(at, form, top);
        parse_form_of_rule(at, form, r);
    }
    return r;
}

/* A rule of a Choice: what it asks, where it leads, what it assigns. */
static void parse_top_rule(const struct parse_at *at,
                           const struct asl_state *st,
                           const struct asl_rule **rule,
                           uint32_t *next,
                           const struct asl_template **assign)
{
    static const char *const required[] = {"Next", NULL};

    *rule = parse_rule(at, true);
    if (parse_required(at, required)) {
        parse_target(at, "Next", st->scope, parse_state_number(st), next);
    }
    parse_assign(at, st, assign);
}

/* What the paths of all of them look at. */
static unsigned rules_use(const struct asl_rule *const *rules, size_t count)
{
    unsigned uses = 0;

    for (size_t i = 0; i < count; i++) {
        const struct asl_rule *r = rules[i];

        if (r != NULL) {
            uses |= asl_path_uses(r->variable) | asl_path_uses(r->value_path) |
                    rules_use(r->parts, r->part_count);
        }
    }
    return uses;
}

static void parse_choices(const struct parse_at *at, struct asl_state *st)
{
    struct asl_place place = asl_place_member(at->place, SLICE("Choices"));
    struct parse_at list = parse_inside(at, NULL, &place);
    struct arena *a = &at->p->m->arena;
    const struct asl_rule **rules;
    const struct asl_template **assigns;
    uint32_t *nexts;
    size_t n = 0;

    if (!parse_array(at, "Choices", &list.doc)) {
        return;
    }
    if (json_count(list.doc) == 0) {
        parse_error(at, "Choices", "Value cannot be empty");
    }
    rules = ARENA_ARRAY(a, json_count(list.doc), const struct asl_rule *);
    assigns = ARENA_ARRAY(a, json_count(list.doc), const struct asl_template *);
    nexts = ARENA_ARRAY(a, json_count(list.doc), uint32_t);
    for (const struct json_node *e = json_first(list.doc); e != NULL;
         e = json_next(list.doc, e), n++) {
        struct asl_place element;
        struct parse_at rule;

        nexts[n] = ASL_NONE;
        if (parse_element(&list, n, e, &element, &rule)) {
            parse_top_rule(&rule, st, &rules[n], &nexts[n], &assigns[n]);
        }
    }
    st->choice = (struct asl_choice){.rules = rules,
                                     .rule_next = nexts,
                                     .rule_assign = assigns,
                                     .rule_count = n,
                                     .uses = rules_use(rules, n)};
}

void state_choice_parse(const struct parse_at *at, struct asl_state *st)
{
    static const char *const required[] = {"Choices", NULL};

    parse_required(at, required);
    parse_choices(at, st);
    parse_target(at, "Default", st->scope, parse_state_number(st), &st->choice.default_next);
}
