/* SPDX-License-Identifier: Apache-2.0 */
/* What is true: Conditions and the functions they are made of. */
#include "client/cli/template_value.h"

static enum err_code
evaluate(struct template_scope *s, const struct json_node *v, bool *out, struct err *err);

static enum err_code evaluate_below(struct template_scope *s,
                                    size_t index,
                                    const struct json_node *v,
                                    bool *out,
                                    struct err *err)
{
    struct template_at at = {s->at, {0}, index};
    enum err_code rc;

    s->at = &at;
    rc = evaluate(s, v, out, err);
    s->at = at.up;
    return rc;
}

static enum err_code
equals(struct template_scope *s, const struct json_node *pair, bool *out, struct err *err)
{
    struct slice one;
    struct slice other;
    enum err_code rc = template_text_at(s, pair, 0, &one, err);

    if (rc == OK) {
        rc = template_text_at(s, pair, 1, &other, err);
    }
    if (rc == OK) {
        *out = slice_eq(one, other);
    }
    return rc;
}

/* Do all hold (and), does any (or)? Each is looked at, so that mistakes are found. */
static enum err_code several(struct template_scope *s,
                             const struct json_node *list,
                             bool all,
                             bool *out,
                             struct err *err)
{
    bool result = all;
    size_t index = 0;

    for (const struct json_node *e = json_first(list); e != NULL; e = json_next(list, e)) {
        bool holds = false;
        enum err_code rc = evaluate_below(s, index++, e, &holds, err);

        if (rc != OK) {
            return rc;
        }
        result = all ? result && holds : result || holds;
    }
    *out = result;
    return OK;
}

static enum err_code function(struct template_scope *s,
                              struct slice name,
                              const struct json_node *argument,
                              bool *out,
                              struct err *err)
{
    size_t count = json_is(argument, JSON_ARRAY) ? json_count(argument) : 0;
    enum err_code rc;

    if (slice_eq_str(name, "Condition") && json_is(argument, JSON_STRING)) {
        return template_condition(s, json_text(argument), out, err);
    }
    if (slice_eq_str(name, "Fn::Equals") && count == 2) {
        return equals(s, argument, out, err);
    }
    if (slice_eq_str(name, "Fn::And") && count >= 2) {
        return several(s, argument, true, out, err);
    }
    if (slice_eq_str(name, "Fn::Or") && count >= 2) {
        return several(s, argument, false, out, err);
    }
    if (slice_eq_str(name, "Fn::Not") && count == 1) {
        rc = evaluate_below(s, 0, json_element(argument, 0), out, err);
        *out = !*out;
        return rc;
    }
    return template_unknown(s, "the condition", name, err);
}

static enum err_code
evaluate(struct template_scope *s, const struct json_node *v, bool *out, struct err *err)
{
    struct template_at at = {s->at, {0}, 0};
    enum err_code rc;

    if (!json_is(v, JSON_OBJECT) || json_count(v) != 1) {
        return template_refuse(s, err, "a condition is wanted here: a function that gives one");
    }
    if (s->depth == TEMPLATE_DEPTH) {
        return template_refuse(s, err, "conditions are made of one another more than %d deep",
                               TEMPLATE_DEPTH);
    }
    at.name = json_key(v, json_first(v));
    s->at = &at;
    s->depth++;
    rc = function(s, at.name, json_first(v), out, err);
    s->depth--;
    s->at = at.up;
    return rc;
}

enum err_code
template_condition(struct template_scope *s, struct slice name, bool *out, struct err *err)
{
    const struct json_node *condition = template_entry(s, "Conditions", name);
    struct template_at conditions = {NULL, SLICE("Conditions"), 0};
    struct template_at at = {&conditions, name, 0};
    const struct template_at *from = s->at;
    bool holds = false;
    enum err_code rc;

    if (condition == NULL) {
        return template_unknown(s, "the condition", name, err);
    }
    s->conditions++;
    if (s->conditions > TEMPLATE_CONDITIONS) {
        return template_refuse(s, err, "the template's conditions are more than is accepted");
    }
    s->at = &at;
    rc = evaluate(s, condition, &holds, err);
    s->at = from;
    if (rc == OK) {
        *out = holds;
    }
    return rc;
}

enum err_code template_is_made(struct template_scope *s,
                               const struct json_node *resource,
                               bool *out,
                               struct err *err)
{
    const struct json_node *condition = json_member(resource, SLICE("Condition"));

    if (condition == NULL) {
        *out = true;
        return OK;
    }
    return template_condition(s, json_text(condition), out, err);
}
