/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as what names a thing: an ARN, a task token, a short name on the command line. What is
 * taken lies within the text and says what it says. And any bytes as the numbers of a token: what
 * the coordinator makes of them it knows again, and nothing that differs from it. */
#include <assert.h>
#include <string.h>

#include "client/cli/name.h"
#include "coordinator/api/api.h"
#include "proto/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_within(struct slice part, struct slice text)
{
    return part.len == 0 || (part.ptr >= text.ptr && part.ptr + part.len <= text.ptr + text.len);
}

static void fuzz_arn(struct slice text)
{
    static const struct ledger_config config = {.account = 111111111111, .region = "us-east-1"};
    struct arn arn = {0};
    struct err err = {0};
    enum err_code rc = arn_parse(&config, text, &arn, &err);

    if (rc != OK) {
        assert(rc == ERR_INVALID_ARN || rc == ERR_NOT_FOUND);
        assert(err.code == rc && err.msg[0] != '\0');
        return;
    }
    assert(arn.machine.len > 0 && slice_find(arn.machine, ':') == arn.machine.len);
    assert(is_within(arn.machine, text) && is_within(arn.name, text));
    assert(arn.kind != ARN_ACTIVITY || arn.name.ptr == NULL);
    assert(arn.kind != ARN_MACHINE || arn.name.ptr == NULL ||
           (arn.name.len > 0 && slice_find(arn.name, ':') == arn.name.len));
    assert(arn.kind != ARN_EXPRESS || slice_find(arn.name, ':') < arn.name.len);
}

static void fuzz_short_name(struct slice text, struct arena *a)
{
    static const struct name_place place = {SLICE_INIT("us-east-1"), SLICE_INIT("111111111111")};
    struct slice arn = {0};
    struct err err = {0};

    assert(is_within(name_of_machine(text), text) && is_within(name_of_execution(text), text));
    if (name_execution_arn(text, SLICE("m"), &place, a, &arn, &err) != OK) {
        assert(err.code == ERR_USAGE && err.msg[0] != '\0');
        return;
    }
    assert(name_is_arn(arn));
    if (!name_is_arn(text)) {
        size_t slash = slice_find(text, '/');
        struct slice name = slash < text.len ? slice_from(text, slash + 1) : text;

        assert(slice_eq(name_of_execution(arn), slice_head(name, slice_find(name, ':'))));
    }
}

static const struct engine_rules rules = {.token_key =
                                              SLICE_INIT("a key of thirty-two bytes, known")};

static void fuzz_token(struct slice text, struct arena *a)
{
    struct task_token t;
    struct execution_header h = {.rules = &rules};

    if (engine_task_token_parse(text, &t)) {
        const struct frame f = {.id = t.frame,
                                .attempt = t.attempt,
                                .entered_event = t.entered_event,
                                .entered_ms = t.entered_ms};

        h.id = t.execution;
        assert(!engine_task_token_is(&h, &t) || t.version == 1 ||
               slice_eq(text, engine_task_token(&h, &f, a)));
    }
}

/* Numbers for a token, and a byte of it that is to differ. */
struct made {
    uint64_t execution;
    uint64_t entered_event;
    int64_t entered_ms;
    uint32_t frame;
    uint32_t attempt;
    uint8_t at;
    uint8_t change;
};

static void fuzz_made_token(struct slice bytes, struct arena *a)
{
    struct made m = {0};
    struct execution_header h = {.rules = &rules};
    struct task_token t;
    struct frame f;
    struct slice text;
    char *other;

    memcpy(&m, bytes.ptr, bytes.len < sizeof(m) ? bytes.len : sizeof(m));
    h.id = m.execution;
    f = (struct frame){.id = m.frame,
                       .attempt = m.attempt,
                       .entered_event = m.entered_event,
                       .entered_ms = m.entered_ms};
    text = engine_task_token(&h, &f, a);
    assert(engine_task_token_parse(text, &t) && engine_task_token_is(&h, &t));
    assert(t.execution == m.execution && t.frame == m.frame && t.attempt == m.attempt &&
           t.entered_event == m.entered_event && t.entered_ms == m.entered_ms);
    other = arena_str(a, text);
    other[m.at % text.len] ^= (char)m.change;
    if (m.change != 0 && engine_task_token_parse(slice_make(other, text.len), &t)) {
        h.id = t.execution;
        assert(!engine_task_token_is(&h, &t));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make(data, size);
    struct arena a = {0};

    if (size > 0) {
        fuzz_arn(text);
        fuzz_short_name(text, &a);
        fuzz_token(text, &a);
        fuzz_made_token(text, &a);
    }
    arena_fini(&a);
    return 0;
}
