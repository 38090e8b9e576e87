/* SPDX-License-Identifier: Apache-2.0 */
/* Reading Retry and Catch: lists of what to do on which errors. States.ALL stands alone in its
 * list, and in the last entry. Source: Amazon States Language, error handling. */
#include "coordinator/asl/parse.h"
#include "proto/base/limits.h"

/* ErrorEquals: names, at least one. */
static void
parse_errors(const struct parse_at *at, bool last, const struct slice **out, size_t *count)
{
    struct asl_place place = asl_place_member(at->place, SLICE("ErrorEquals"));
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
        struct asl_place element = asl_place_element(&place, n);
        struct parse_at name = parse_inside(at, e, &element);

        names[n] = json_text(e);
        if (!json_is(e, JSON_STRING)) {
            parse_error(&name, NULL, "Expected value of type [STRING]");
        } else if (slice_eq_str(names[n], "States.ALL") && (json_count(list) > 1 || !last)) {
            parse_error(&name, NULL, "States.ALL must appear alone and at end of list");
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
    static const char *const strategies[] = {"NONE", "FULL", NULL};

    *r = (struct asl_retrier){.interval_s = 1, .max_attempts = 3, .backoff_rate = 2.0};
    parse_fields(at, OWNER_RETRIER);
    parse_required(at, required);
    parse_errors(at, last, &r->errors, &r->error_count);
    parse_integer(at, "IntervalSeconds", 0, LIMIT_TIMEOUT_SECONDS, &r->interval_s);
    parse_integer(at, "MaxAttempts", 0, LIMIT_TIMEOUT_SECONDS, &r->max_attempts);
    parse_backoff(at, &r->backoff_rate);
    parse_integer(at, "MaxDelaySeconds", 1, LIMIT_MAX_DELAY_SECONDS, &r->max_delay_s);
    r->jitter_full = parse_word(at, "JitterStrategy", strategies) == 1;
}

void parse_retry(const struct parse_at *at, struct asl_state *st)
{
    struct asl_place place = asl_place_member(at->place, SLICE("Retry"));
    struct parse_at list = parse_inside(at, NULL, &place);
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

        if (parse_element(&list, n, e, &inner, &element)) {
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

    parse_fields(at, OWNER_CATCHER);
    parse_required(at, required);
    parse_errors(at, last, &c->errors, &c->error_count);
    parse_target(at, "Next", st->scope, parse_state_number(st), &c->next);
    if (at->language == ASL_JSONPATH) {
        parse_result_path(at, &c->result_path);
    }
    parse_assign(at, st, &c->assign);
}

void parse_catch(const struct parse_at *at, struct asl_state *st)
{
    struct asl_place place = asl_place_member(at->place, SLICE("Catch"));
    struct parse_at list = parse_inside(at, NULL, &place);
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
        if (parse_element(&list, n, e, &inner, &element)) {
            parse_catcher(&element, n + 1 == json_count(list.doc), st, &catchers[n]);
        }
    }
    st->catchers = catchers;
    st->catcher_count = n;
}
