/* SPDX-License-Identifier: Apache-2.0 */
/* Parallel: branches, each a scope. Source: Amazon States Language, states. */
#include "coordinator/asl/parse.h"

static void parse_branches(const struct parse_at *at, struct asl_state *st)
{
    struct asl_place place = asl_place_member(at->place, SLICE("Branches"));
    struct parse_at list = parse_inside(at, NULL, &place);
    struct parsed_scope inner = parse_scope_in(at, st);
    uint32_t *branches;
    size_t n = 0;

    if (!parse_array(at, "Branches", &list.doc)) {
        return;
    }
    if (json_count(list.doc) == 0) {
        parse_error(at, "Branches", "Value cannot be empty");
    }
    branches = ARENA_ARRAY(&at->p->m->arena, json_count(list.doc), uint32_t);
    for (const struct json_node *e = json_first(list.doc); e != NULL;
         e = json_next(list.doc, e), n++) {
        struct asl_place element;
        struct parse_at branch;

        if (parse_element(&list, n, e, &element, &branch)) {
            parse_fields(&branch, OWNER_BRANCH);
            branches[n] = parse_scope(&branch, &inner);
        }
    }
    st->parallel = (struct asl_parallel){branches, n};
}

void state_parallel_parse(const struct parse_at *at, struct asl_state *st)
{
    static const char *const required[] = {"Branches", NULL};

    parse_required(at, required);
    parse_branches(at, st);
    parse_retry(at, st);
    parse_catch(at, st);
}
