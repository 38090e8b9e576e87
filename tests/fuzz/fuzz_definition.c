/* SPDX-License-Identifier: Apache-2.0 */
/* A definition: refused with diagnostics, or a machine whose parts can be evaluated over data they
 * were not made for. */
#include "coordinator/asl/eval.h"
#include "tests/fuzz/fuzz.h"

/* A failure with a name where it failed. */
static void settled(bool ok, struct failure *why)
{
    must(ok || why->error.len > 0);
    *why = (struct failure){0};
}

static void apply(const struct asl_template *t, const struct asl_scope_data *s)
{
    struct failure why = {0};
    const struct json_node *v = NULL;

    if (t != NULL) {
        settled(asl_apply_template(t, s, &v, &why), &why);
    }
}

static void evaluate_fields(const struct asl_state *st, const struct asl_scope_data *s)
{
    const struct asl_path_field *result = &st->result_path;
    struct failure why = {0};
    const struct json_node *v = NULL;

    settled(asl_apply_path(&st->input_path, "InputPath", s, &v, &why), &why);
    settled(asl_apply_path(&st->output_path, "OutputPath", s, &v, &why), &why);
    settled(asl_apply_result_path(result, s->input, s->context, s->a, &v, &why), &why);
    apply(st->parameters, s);
    apply(st->result_selector, s);
    apply(st->assign, s);
    for (size_t i = 0; i < st->catcher_count; i++) {
        result = &st->catchers[i].result_path;
        settled(asl_apply_result_path(result, s->input, s->context, s->a, &v, &why), &why);
        apply(st->catchers[i].assign, s);
    }
}

static void
choose(const struct asl_machine *m, const struct asl_choice *c, const struct asl_scope_data *s)
{
    struct failure why = {0};
    uint32_t next = ASL_NONE;
    size_t rule = SIZE_MAX;
    bool ok = asl_choose(c, s, &next, &rule, &why);

    must(!ok || (next < m->state_count && rule <= c->rule_count));
    settled(ok, &why);
    for (size_t i = 0; i < c->rule_count; i++) {
        apply(c->rule_assign[i], s);
    }
}

static void
evaluate_map(const struct asl_machine *m, const struct asl_map *map, const struct asl_scope_data *s)
{
    struct failure why = {0};
    const struct json_node *v = NULL;
    int64_t n = -1;
    bool ok;

    must(map->processor < m->scope_count);
    ok = asl_map_items(map, s, &v, &why);
    must(!ok || json_is(v, JSON_ARRAY));
    settled(ok, &why);
    ok = asl_map_concurrency(map, s, &n, &why);
    must(!ok || n >= 0);
    settled(ok, &why);
    apply(map->item_selector, s);
}

static void evaluate_kind(const struct asl_machine *m,
                          const struct asl_state *st,
                          const struct asl_scope_data *s)
{
    struct failure why = {0};
    struct slice text;
    int64_t n;

    switch (st->kind) {
    case ASL_TASK:
        settled(asl_seconds_value(&st->task.timeout, "TimeoutSeconds", s, &n, &why), &why);
        settled(asl_seconds_value(&st->task.heartbeat, "HeartbeatSeconds", s, &n, &why), &why);
        apply(st->task.credentials, s);
        break;
    case ASL_CHOICE: choose(m, &st->choice, s); break;
    case ASL_WAIT: settled(asl_wait_until(&st->wait, s, 0, &n, &why), &why); break;
    case ASL_FAIL:
        settled(asl_string_value(&st->fail.error, "ErrorPath", s, &text, &why), &why);
        settled(asl_string_value(&st->fail.cause, "CausePath", s, &text, &why), &why);
        break;
    case ASL_PARALLEL:
        for (size_t i = 0; i < st->parallel.branch_count; i++) {
            must(st->parallel.branches[i] < m->scope_count);
        }
        break;
    case ASL_MAP: evaluate_map(m, &st->map, s); break;
    case ASL_PASS:
    case ASL_SUCCEED: break;
    }
}

static const struct json_node *get_variable(void *arg, struct slice name)
{
    return name.len % 2 == 1 ? arg : NULL;
}

static void evaluate(const struct asl_machine *m, struct arena *a)
{
    static const struct slice input =
        SLICE_INIT("[{\"body\":\"{\\\"a\\\":[1,2.5,null]}\"},{\"x\":true,\"n\":3}]");
    const struct json_node *doc = NULL;
    struct asl_variables variables = {get_variable, NULL};
    uint64_t seed = 1;
    struct asl_scope_data s = {.variables = &variables, .seed = &seed, .a = a};

    must(json_parse(input, a, &doc, NULL) == OK);
    variables.arg = (void *)(uintptr_t)doc;
    s.input = doc;
    s.context = doc;
    for (uint32_t i = 0; i < m->state_count; i++) {
        const struct asl_state *st = &m->states[i];

        must(st->scope < m->scope_count);
        must(st->next == ASL_NONE || st->next < m->state_count);
        evaluate_fields(st, &s);
        evaluate_kind(m, st, &s);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct asl_diagnostics found = {0};
    struct asl_options options = {.express = size % 2 == 1, .stored = size % 4 > 1};
    struct asl_machine *m = NULL;
    struct err err = {0};
    enum err_code rc = asl_machine_parse(slice_make(data, size), &options, &a, &found, &m, &err);

    must(rc == OK ? m != NULL : m == NULL && (rc == ERR_TOO_LARGE || found.count > 0));
    if (m != NULL) {
        evaluate(m, &a);
    }
    asl_machine_free(m);
    arena_fini(&a);
    return 0;
}
