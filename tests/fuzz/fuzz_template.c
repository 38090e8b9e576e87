/* SPDX-License-Identifier: Apache-2.0 */
/* A payload template on the first line, a document after it, which is the context object and every
 * variable too: the template is refused with diagnostics, or it gives a value, or it fails by name.
 * What it says it does not use may be anything: the value stays the same. */
#include "coordinator/asl/template.h"
#include "tests/fuzz/fuzz.h"

static const struct json_node *get_variable(void *arg, struct slice name)
{
    (void)name;
    return arg;
}

/* The value, or NULL where it fails. */
static const struct json_node *
apply(const struct asl_template *t, struct asl_scope_data s, uint64_t seed)
{
    const struct json_node *v = NULL;
    struct failure why = {0};

    s.seed = &seed;
    if (asl_apply_template(t, &s, &v, &why)) {
        must(v != NULL && json_print(v, s.a).len > 0);
        return v;
    }
    must(why.error.len > 0 && why.cause.len > 0);
    return NULL;
}

static void check_applied(const struct asl_template *t, const struct asl_scope_data *s)
{
    unsigned uses = asl_template_uses(t);
    const struct json_node *v = apply(t, *s, 1);
    struct asl_scope_data other = *s;
    const struct json_node *again;

    other.input = (uses & ASL_USES_INPUT) != 0 ? s->input : json_null();
    other.context = (uses & ASL_USES_CONTEXT) != 0 ? s->context : NULL;
    other.variables = (uses & ASL_USES_VARIABLES) != 0 ? s->variables : NULL;
    again = apply(t, other, (uses & ASL_USES_CHANCE) != 0 ? 1 : 2);
    must((v == NULL) == (again == NULL));
    must(v == NULL || json_equal(v, again));
}

static void check(const struct json_node *template, const struct json_node *doc, struct arena *a)
{
    static const struct asl_place root = {0};
    static const struct asl_place field = {.up = &root, .name = SLICE_INIT("Parameters")};
    struct asl_diagnostics found = {0};
    struct template_parser tp = {.a = a, .texts = a, .found = &found};
    const struct asl_template *t = asl_template_parse(&tp, template, &field);
    struct asl_variables variables = {get_variable, (void *)(uintptr_t)doc};
    struct asl_scope_data s = {.input = doc, .context = doc, .variables = &variables, .a = a};

    must(t != NULL && (tp.errors == 0 || found.count > 0));
    check_applied(t, &s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice all = slice_make(data, size);
    size_t line = slice_find(all, '\n');
    struct arena a = {0};
    const struct json_node *template = NULL;
    const struct json_node *doc = NULL;

    if (line < size && json_parse(slice_head(all, line), &a, &template, NULL) == OK &&
        json_parse(slice_from(all, line + 1), &a, &doc, NULL) == OK) {
        check(template, doc, &a);
    }
    arena_fini(&a);
    return 0;
}
