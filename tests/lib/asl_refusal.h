/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of definitions and what is said of them, for the tests of the parser. */
#ifndef STEPFLEET_TESTS_ASL_REFUSAL_H
#define STEPFLEET_TESTS_ASL_REFUSAL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/asl/machine.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LAMBDA       "\"Resource\":\"arn:aws:lambda:us-east-1:123456789012:function:f\""
#define SCHEMA       "SCHEMA_VALIDATION_FAILED: "

/* A text without any double quote is written with single ones in their place. */
struct example {
    const char *text;
    const char *expected;
};

static inline const char *quoted(struct arena *a, const char *text)
{
    char *copy = arena_str(a, slice_str(text));

    if (strchr(text, '"') != NULL) {
        return copy;
    }
    for (char *c = copy; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    return copy;
}

/* The refusal without AWS's frame, one problem a part; "" where the definition is good. */
static inline const char *
refusal(struct arena *a, const char *text, const struct asl_options *options)
{
    static const char head[] = "Invalid State Machine Definition: '";
    struct asl_diagnostics found = {0};
    struct asl_machine *m = NULL;
    struct err err = {0};
    struct slice msg;

    if (asl_machine_parse(slice_str(text), options, a, &found, &m, &err) == OK) {
        asl_machine_free(m);
        return "";
    }
    assert_int_equal(err.code, ERR_INVALID_DEFINITION);
    assert_null(m);
    msg = slice_str(err.msg);
    assert_true(slice_starts_with(msg, slice_str(head)) && slice_ends_with(msg, SLICE("'")));
    return arena_str(a, slice_head(slice_from(msg, sizeof(head) - 1), msg.len - sizeof(head)));
}

/* Each text between `before` and `after`. */
static inline void check_in(const char *before,
                            const struct example *examples,
                            size_t count,
                            const char *after,
                            const struct asl_options *options)
{
    for (size_t i = 0; i < count; i++) {
        struct arena a = {0};
        const char *text =
            arena_str(&a, arena_printf(&a, "%s%s%s", quoted(&a, before),
                                       quoted(&a, examples[i].text), quoted(&a, after)));

        assert_string_equal(refusal(&a, text, options), examples[i].expected);
        arena_fini(&a);
    }
}

/* Each text as it stands. */
static inline void check(const struct example *examples, size_t count)
{
    check_in("", examples, count, "", NULL);
}

/* Each text as the fields of the one state "S". */
static inline void
check_state(const struct example *examples, size_t count, const struct asl_options *options)
{
    check_in("{\"StartAt\":\"S\",\"States\":{\"S\":{", examples, count, "}}}", options);
}

/* The machine of a good definition. */
static inline struct asl_machine *
good(struct arena *a, const char *text, const struct asl_options *options)
{
    struct asl_diagnostics found = {0};
    struct asl_machine *m = NULL;
    struct err err = {0};

    if (asl_machine_parse(slice_str(quoted(a, text)), options, a, &found, &m, &err) != OK) {
        fail_msg("%s", err.msg);
    }
    return m;
}

#endif
