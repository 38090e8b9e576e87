/* SPDX-License-Identifier: Apache-2.0 */
/* Pass: Result is a literal, never interpreted; Parameters a template.
 * Source: Amazon States Language, states. */
#include "coordinator/asl/parse.h"

/* Does a name in `v` end in ".$"? In a Result that does nothing. */
static bool has_dynamic_name(const struct json_node *v)
{
    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        if ((json_is(v, JSON_OBJECT) && slice_ends_with(json_key(v, e), SLICE(".$"))) ||
            has_dynamic_name(e)) {
            return true;
        }
    }
    return false;
}

void state_pass_parse(const struct parse_at *at, struct asl_state *st)
{
    st->result = json_member(at->doc, SLICE("Result"));
    if (has_dynamic_name(st->result)) {
        parse_warning(at, "Result", "PASS_RESULT_IS_STATIC",
                      "Attempt to use a path in the result of a pass state.");
    }
}
