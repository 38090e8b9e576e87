/* SPDX-License-Identifier: Apache-2.0 */
/* An intrinsic call on the first line, a document after it, which is the context object and every
 * variable too: the call is refused with a reason, or it gives a value that can be printed, or it
 * fails as AWS says. From the same seed it gives the same, without chance from any. */
#include "coordinator/asl/intrinsic.h"
#include "tests/fuzz/fuzz.h"

static const struct json_node *get_variable(void *arg, struct slice name)
{
    (void)name;
    return arg;
}

/* The value, or NULL where it fails. */
static const struct json_node *
value(const struct asl_intrinsic *f, struct asl_scope_data s, uint64_t seed)
{
    const struct json_node *v = NULL;
    struct failure why = {0};

    s.seed = &seed;
    if (asl_intrinsic_value(f, &s, &v, &why)) {
        must(v != NULL && json_print(v, s.a).len > 0);
        return v;
    }
    must(slice_eq_str(why.error, "States.Runtime") && why.cause.len > 0);
    return NULL;
}

static void check(struct slice text, const struct asl_scope_data *s)
{
    const char *why = NULL;
    const struct asl_intrinsic *f = asl_intrinsic_parse(text, s->a, &why);
    const struct json_node *v;
    const struct json_node *again;

    must(f != NULL || why != NULL);
    if (f != NULL) {
        v = value(f, *s, 1);
        again = value(f, *s, (asl_intrinsic_uses(f) & ASL_USES_CHANCE) != 0 ? 1 : 2);
        must((v == NULL) == (again == NULL));
        must(v == NULL || json_equal(v, again));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice all = slice_make(data, size);
    size_t line = slice_find(all, '\n');
    struct arena a = {0};
    const struct json_node *doc = NULL;

    if (line < size && json_parse(slice_from(all, line + 1), &a, &doc, NULL) == OK) {
        struct asl_variables variables = {get_variable, (void *)(uintptr_t)doc};
        struct asl_scope_data s = {.input = doc, .context = doc, .variables = &variables, .a = &a};

        check(slice_head(all, line), &s);
    }
    arena_fini(&a);
    return 0;
}
