/* SPDX-License-Identifier: Apache-2.0 */
/* A path on the first line, a document after it, which is the context object and variable "v" too:
 * the path is refused with a reason, or it finds a value, or it says what is missing. It finds the
 * same again, an indefinite one finds an array, and what a reference path puts it finds again. */
#include "coordinator/asl/jsonpath.h"
#include "tests/fuzz/fuzz.h"

static const struct json_node *get_variable(void *arg, struct slice name)
{
    return slice_eq_str(name, "v") ? arg : NULL;
}

static void check_value(struct slice text, const struct asl_scope_data *s)
{
    const char *why = NULL;
    const struct asl_path *p = asl_path_parse(text, PATH_ANY, s->a, &why);
    struct path_miss miss = {0};
    const struct json_node *v;

    must(p != NULL || why != NULL);
    if (p == NULL) {
        return;
    }
    v = asl_path_value(p, s, &miss);
    must(v != NULL ? p->definite || json_is(v, JSON_ARRAY)
                   : asl_path_miss_text(&miss, s->a).len > 0);
    must(v == NULL ? asl_path_value(p, s, &miss) == NULL
                   : json_equal(asl_path_value(p, s, &miss), v));
    must(asl_path_document(p, s) == s->input);
    must(asl_path_uses(p) != 0 && (asl_path_uses(p) & ASL_USES_CHANCE) == 0);
}

static void check_put(struct slice text, const struct asl_scope_data *s)
{
    const char *why = NULL;
    const struct asl_path *p = asl_path_parse(text, PATH_REFERENCE, s->a, &why);
    struct asl_scope_data after = *s;
    const struct json_node *mark = json_string(s->a, SLICE("mark"));
    struct path_miss miss;
    size_t step = 0;

    must(p != NULL || why != NULL);
    if (p != NULL && p->root == PATH_INPUT) {
        after.input = asl_path_put(p, s->input, mark, s->a, &step);
        must(after.input != NULL ? json_equal(asl_path_value(p, &after, &miss), mark)
                                 : step < p->step_count);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice all = slice_make(data, size);
    size_t line = slice_find(all, '\n');
    struct slice text = slice_head(all, line);
    struct arena a = {0};
    struct asl_variables variables = {get_variable, NULL};
    struct asl_scope_data s = {.variables = &variables, .a = &a};
    const struct json_node *doc = NULL;

    if (line < size && json_parse(slice_from(all, line + 1), &a, &doc, NULL) == OK) {
        s.input = doc;
        s.context = doc;
        variables.arg = (void *)(uintptr_t)doc;
        check_value(text, &s);
        check_put(text, &s);
    }
    arena_fini(&a);
    return 0;
}
