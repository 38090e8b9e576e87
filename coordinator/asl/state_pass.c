/* SPDX-License-Identifier: Apache-2.0 */
/* Pass: Result is a literal, never interpreted; Parameters a template.
 * Source: Amazon States Language, states. */
#include "coordinator/asl/parse.h"

/* Does `v` look as if it were to be evaluated: a name that ends in ".$", a path? In a Result that
 * does nothing. *name becomes that of the first such member, where there is one. */
static bool looks_dynamic(const struct json_node *v, struct slice *name)
{
    struct slice outer = *name;

    if (json_is(v, JSON_STRING)) {
        return parse_looks_like_path(json_text(v));
    }
    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        *name = json_is(v, JSON_OBJECT) ? json_key(v, e) : outer;
        if ((json_is(v, JSON_OBJECT) && slice_ends_with(*name, SLICE(".$"))) ||
            looks_dynamic(e, name)) {
            return true;
        }
    }
    return false;
}

void state_pass_parse(const struct parse_at *at, struct asl_state *st)
{
    struct slice name = SLICE("Result");

    st->result = json_member(at->doc, SLICE("Result"));
    if (looks_dynamic(st->result, &name)) {
        parse_warning(
            at, "Result", "PASS_RESULT_IS_STATIC",
            "The value of '%.*s' will not evaluate as a JSONPath or Intrinsic Function at "
            "runtime. Instead of 'Result', use 'Parameters' to evaluate it as a JSONPath "
            "or Intrinsic Function at runtime.",
            SLICE_FMT(name));
    }
}
