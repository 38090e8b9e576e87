/* SPDX-License-Identifier: Apache-2.0 */
/* A path on the first line, a document after it: the path is refused with a reason, or it finds a
 * value, or it says what is missing. An indefinite path gives an array; what a reference path puts
 * it finds again. */
#include <stdlib.h>

#include "coordinator/asl/jsonpath.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void check_put(struct slice text, const struct asl_scope_data *s)
{
    const char *why = NULL;
    const struct asl_path *p = asl_path_parse(text, PATH_REFERENCE, s->a, &why);
    struct asl_scope_data after = *s;
    const struct json_node *mark = json_string(s->a, SLICE("mark"));
    struct path_miss miss;

    must(p != NULL || why != NULL);
    if (p != NULL && p->root == PATH_INPUT) {
        after.input = asl_path_put(p, s->input, mark, s->a);
        must(after.input == NULL || json_equal(asl_path_value(p, &after, &miss), mark));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice all = slice_make(data, size);
    size_t line = slice_find(all, '\n');
    struct slice text = slice_head(all, line);
    struct arena a = {0};
    struct asl_scope_data s = {.a = &a};
    struct path_miss miss;
    const char *why = NULL;

    if (line < size && json_parse(slice_from(all, line + 1), &a, &s.input, NULL) == OK) {
        const struct asl_path *p = asl_path_parse(text, PATH_ANY, &a, &why);
        const struct json_node *v = p == NULL ? NULL : asl_path_value(p, &s, &miss);

        must(p != NULL || why != NULL);
        must(v == NULL || p->definite || json_is(v, JSON_ARRAY));
        must(p == NULL || v != NULL || asl_path_miss_text(p, &miss, &a).len > 0);
        check_put(text, &s);
    }
    arena_fini(&a);
    return 0;
}
