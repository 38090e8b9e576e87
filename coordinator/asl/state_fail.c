/* SPDX-License-Identifier: Apache-2.0 */
/* Fail: Error and Cause, or their Path twins, which also take those intrinsic functions that give a
 * string. Source: Amazon States Language, states. */
#include "coordinator/asl/intrinsic.h"
#include "coordinator/asl/parse.h"

static const char *const text_functions[] = {
    "Format", "JsonToString", "ArrayGetItem", "Base64Encode", "Base64Decode", "Hash", "UUID", NULL};

static bool gives_text(struct slice call)
{
    struct slice name = slice_from(slice_head(call, slice_find(call, '(')), sizeof("States.") - 1);

    for (const char *const *known = text_functions; *known != NULL; known++) {
        if (slice_eq_str(name, *known)) {
            return true;
        }
    }
    return false;
}

/* "States.Format(...)" */
static void parse_text_call(const struct parse_at *at, const char *field, struct asl_string *out)
{
    const char *why;

    if (gives_text(out->text)) {
        out->intrinsic = asl_intrinsic_parse(out->text, &at->p->m->arena, &why);
    }
    if (out->intrinsic == NULL) {
        parse_error(at, field,
                    "The value for the field '%s' must be a valid JSONPath or a valid intrinsic "
                    "function call",
                    field);
    }
}

/* "$.x" or "States.Format(...)" */
static void parse_text_path(const struct parse_at *at, const char *field, struct asl_string *out)
{
    if (!parse_string(at, field, &out->text)) {
        return;
    }
    if (slice_starts_with(out->text, SLICE("States."))) {
        out->is = ASL_STRING_INTRINSIC;
        parse_text_call(at, field, out);
    } else {
        out->is = ASL_STRING_PATH;
        parse_reference_path(at, field, &out->path);
    }
}

static void parse_text(const struct parse_at *at, const char *const *names, struct asl_string *out)
{
    switch (parse_one_of(at, names, true)) {
    case 0:
        if (parse_string(at, names[0], &out->literal)) {
            out->is = ASL_STRING_LITERAL;
            out->text = out->literal;
            parse_check_path(at, names[0], out->literal);
        }
        break;
    case 1:
        if (at->language == ASL_JSONPATH) {
            parse_text_path(at, names[1], out);
        }
        break;
    }
}

void state_fail_parse(const struct parse_at *at, struct asl_state *st)
{
    static const char *const error[] = {"Error", "ErrorPath", NULL};
    static const char *const cause[] = {"Cause", "CausePath", NULL};

    parse_text(at, error, &st->fail.error);
    parse_text(at, cause, &st->fail.cause);
}
