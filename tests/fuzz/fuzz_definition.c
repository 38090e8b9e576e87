/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a definition: refused with diagnostics, or a machine whose every part can be
 * evaluated over an input, ending in a value or a failure that is set. */
#include <stdlib.h>

#include "coordinator/asl/eval.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

/* A value that is there, or a failure with a name. */
static void settled(bool ok, const struct json_node *v, struct failure *why)
{
    must(ok ? v != NULL : why->error.len > 0);
    *why = (struct failure){0};
}

static void
evaluate(const struct asl_machine *m, const struct asl_state *st, const struct asl_scope_data *s)
{
    struct failure why = {0};
    const struct json_node *v = NULL;
    uint32_t next = ASL_NONE;
    struct slice text;
    int64_t n;
    bool ok;

    ok = asl_apply_path(&st->input_path, "InputPath", s, &v, &why);
    settled(ok, v, &why);
    ok = asl_apply_result_path(&st->result_path, s->input, s->context, s->a, &v, &why);
    settled(ok, v, &why);
    if (st->parameters != NULL) {
        ok = asl_apply_template(st->parameters, s, &v, &why);
        settled(ok, v, &why);
    }
    if (st->kind == ASL_CHOICE) {
        ok = asl_choose(&st->choice, s, &next, &why);
        must(!ok || next < m->state_count);
        settled(ok, s->input, &why);
    } else if (st->kind == ASL_WAIT) {
        ok = asl_wait_until(&st->wait, s, 0, &n, &why);
        settled(ok, s->input, &why);
    } else if (st->kind == ASL_FAIL) {
        ok = asl_string_value(&st->fail.cause, "CausePath", s, &text, &why);
        settled(ok, s->input, &why);
    } else if (st->kind == ASL_TASK) {
        ok = asl_seconds_value(&st->task.timeout, "TimeoutSeconds", s, &n, &why);
        settled(ok, s->input, &why);
    }
    must(st->next == ASL_NONE || st->next < m->state_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct slice input =
        SLICE_INIT("[{\"body\":\"{\\\"a\\\":[1,2.5,null]}\"},{\"x\":true}]");
    struct arena a = {0};
    struct asl_diagnostics found = {0};
    struct asl_machine *m = NULL;
    uint64_t seed = 1;
    struct asl_scope_data s = {.seed = &seed, .a = &a};
    struct err err = {0};
    enum err_code rc =
        asl_machine_parse(slice_make(data, size), size % 2 == 1, &a, &found, &m, &err);

    must(json_parse(input, &a, &s.input, NULL) == OK);
    s.context = s.input;
    must(rc == OK ? m != NULL : m == NULL && (rc == ERR_TOO_LARGE || found.count > 0));
    for (uint32_t i = 0; rc == OK && i < m->state_count; i++) {
        evaluate(m, &m->states[i], &s);
    }
    asl_machine_free(m);
    arena_fini(&a);
    return 0;
}
