/* SPDX-License-Identifier: Apache-2.0 */
/* Reading Retry and Catch: lists of what to do on which errors. States.ALL stands alone in its
 * list, and in the last entry. Source: Amazon States Language, error handling. */
#include "coordinator/asl/parse.h"
#include "proto/base/limits.h"

static const char *const retrier_fields[] = {
    "ErrorEquals",     "IntervalSeconds", "MaxAttempts", "BackoffRate",
    "MaxDelaySeconds", "JitterStrategy",  "Comment",     NULL};
static const char *const catcher_fields[] = {"ErrorEquals", "Next",    "ResultPath", "Assign",
                                             "Output",      "Comment", NULL};

/* ErrorEquals: names, at least one. */
static void
parse_errors(const struct parse_at *at, bool last, const struct slice **out, size_t *count)
{
    const struct json_node *list;
    struct slice *names;
    size_t n = 0;

    if (!parse_array(at, "ErrorEquals", &list)) {
        return;
    }
    if (json_count(list) == 0) {
        parse_error(at, "ErrorEquals", "Value cannot be empty");
    }
    names = ARENA_ARRAY(&at->p->m->arena, json_count(list), struct slice);
    for (const struct json_node *e = json_first(list); e != NULL; e = json_next(list, e), n++) {
        names[n] = json_text(e);
        if (!json_is(e, JSON_STRING)) {
            parse_error(at, "ErrorEquals", "Expected value of type String");
        } else if (slice_eq_str(names[n], "States.ALL") && (json_count(list) > 1 || !last)) {
            parse_error(
                at, "ErrorEquals",
                "'States.ALL' must be the only value in 'ErrorEquals' and must be in the last "
                "retrier or catcher");
        }
    }
    *out = names;
    *count = n;
}

static void parse_backoff(const struct parse_at *at, double *rate)
{
    const struct json_node *v = json_member(at->doc, SLICE("BackoffRate"));
    double value;

    if (v == NULL) {
        return;
    }
    if (!json_double(v, &value)) {
        parse_error(at, "BackoffRate", "Expected value of type Double");
    } else if (value < 1.0) {
        parse_error(at, "BackoffRate", "Minimum value is 1.0");
    } else {
        *rate = value;
    }
}

static void parse_retrier(const struct parse_at *at, bool last, struct asl_retrier *r)
{
    static const char *const required[] = {"ErrorEquals", NULL};
    struct slice jitter = SLICE("NONE");

    *r = (struct asl_retrier){.interval_s = 1, .max_attempts = 3, .backoff_rate = 2.0};
    parse_only(at, retrier_fields);
    parse_required(at, required);
    parse_errors(at, last, &r->errors, &r->error_count);
    parse_integer(at, "IntervalSeconds", 1, LIMIT_TIMEOUT_SECONDS, &r->interval_s);
    parse_integer(at, "MaxAttempts", 0, LIMIT_TIMEOUT_SECONDS, &r->max_attempts);
    parse_backoff(at, &r->backoff_rate);
    if (parse_integer(at, "MaxDelaySeconds", 1, LIMIT_MAX_DELAY_SECONDS - 1, &r->max_delay_s) &&
        r->max_delay_s <= r->interval_s) {
        parse_error(at, "MaxDelaySeconds",
                    "'MaxDelaySeconds' must be greater than 'IntervalSeconds'");
    }
    parse_string(at, "JitterStrategy", &jitter);
    r->jitter_full = slice_eq_str(jitter, "FULL");
    if (!r->jitter_full && !slice_eq_str(jitter, "NONE")) {
        parse_error(at, "JitterStrategy",
                    "The field 'JitterStrategy' should have one of these values: [FULL, NONE]");
    }
}

/* The place of element `i`, reported where it is no object. */
static bool element_at(const struct parse_at *list,
                       size_t i,
                       const struct json_node *doc,
                       struct asl_place *place,
                       struct parse_at *out)
{
    *place = asl_place_element(list->place, i);
    *out = (struct parse_at){list->p, doc, place};
    if (!json_is(doc, JSON_OBJECT)) {
        parse_error(out, NULL, "Expected value of type Object");
    }
    return json_is(doc, JSON_OBJECT);
}

void parse_retry(const struct parse_at *at, struct asl_state *st)
{
    struct asl_place place = asl_place_member(at->place, SLICE("Retry"));
    struct parse_at list = {at->p, NULL, &place};
    struct asl_retrier *retriers;
    size_t n = 0;

    if (!parse_array(at, "Retry", &list.doc)) {
        return;
    }
    if (json_count(list.doc) > LIMIT_RETRIERS) {
        parse_error(at, "Retry", "No more than %d retriers are allowed", LIMIT_RETRIERS);
        return;
    }
    retriers = ARENA_ARRAY(&at->p->m->arena, json_count(list.doc), struct asl_retrier);
    for (const struct json_node *e = json_first(list.doc); e != NULL;
         e = json_next(list.doc, e), n++) {
        struct asl_place inner;
        struct parse_at element;

        if (element_at(&list, n, e, &inner, &element)) {
            parse_retrier(&element, n + 1 == json_count(list.doc), &retriers[n]);
        }
    }
    st->retriers = retriers;
    st->retrier_count = n;
}

static void parse_catcher(const struct parse_at *at,
                          bool last,
                          const struct asl_state *st,
                          struct asl_catcher *c)
{
    static const char *const required[] = {"ErrorEquals", "Next", NULL};

    parse_only(at, catcher_fields);
    parse_required(at, required);
    parse_errors(at, last, &c->errors, &c->error_count);
    c->next = parse_target(at, "Next", st->scope, parse_state_number(at->p, st));
    parse_result_path(at, &c->result_path);
    if (json_member(at->doc, SLICE("Assign")) != NULL) {
        parse_not_supported(at, "Assign", "Field 'Assign' is not supported yet");
    }
    if (json_member(at->doc, SLICE("Output")) != NULL) {
        parse_error(
            at, NULL,
            "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for "
            "the 'JSONata' QueryLanguage");
    }
}

void parse_catch(const struct parse_at *at, struct asl_state *st)
{
    struct asl_place place = asl_place_member(at->place, SLICE("Catch"));
    struct parse_at list = {at->p, NULL, &place};
    struct asl_catcher *catchers;
    size_t n = 0;

    if (!parse_array(at, "Catch", &list.doc)) {
        return;
    }
    catchers = ARENA_ARRAY(&at->p->m->arena, json_count(list.doc), struct asl_catcher);
    for (const struct json_node *e = json_first(list.doc); e != NULL;
         e = json_next(list.doc, e), n++) {
        struct asl_place inner;
        struct parse_at element;

        catchers[n].next = ASL_NONE;
        if (element_at(&list, n, e, &inner, &element)) {
            parse_catcher(&element, n + 1 == json_count(list.doc), st, &catchers[n]);
        }
    }
    st->catchers = catchers;
    st->catcher_count = n;
}
