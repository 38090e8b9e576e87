/* SPDX-License-Identifier: Apache-2.0 */
/* A template on the first line, a rule's InputPathsMap on the second, an event after them. A pipe
 * takes any template that is short enough. Where a template is JSON with an empty string for each
 * placeholder, what it makes of an event is JSON, too. */
#include "coordinator/trigger/input_template.h"
#include "proto/base/limits.h"
#include "tests/fuzz/fuzz.h"

static const struct input_template *
compile(struct slice text, const struct json_node *paths, enum input_dialect d, struct arena *a)
{
    const struct input_template *t = NULL;
    struct err err = {0};
    enum err_code rc = input_template_compile(text, paths, d, a, &t, &err);

    must((rc == OK) == (t != NULL) && (rc == OK || (rc == ERR_VALIDATION && err.msg[0] != '\0')));
    return t;
}

static bool is_json(const struct input_template *t, const struct input_values *v, struct arena *a)
{
    const struct json_node *made;
    struct buf out = {0};
    bool yes;

    input_template_apply(t, v, a, &out);
    yes = json_parse(arena_copy(a, buf_slice(&out)), a, &made, NULL) == OK;
    buf_fini(&out);
    return yes;
}

/* Can placeholders only be values and in strings, not names ("<a>:") and parts of escapes? Then
 * what they are does not matter. */
static bool is_sane(struct slice text)
{
    for (size_t i = 0; i + 1 < text.len; i++) {
        size_t next = i + 1;

        while (next + 1 < text.len && (text.ptr[next] == ' ' || text.ptr[next] == '\t')) {
            next++;
        }
        if ((text.ptr[i] == '>' && (text.ptr[next] == ':' || text.ptr[next] == '\r')) ||
            (text.ptr[i] == '\\' && (text.ptr[i + 1] == '<' || text.ptr[i + 1] == 'u'))) {
            return false;
        }
    }
    return text.len < 400; /* so deep at most */
}

static void check(const struct input_template *t, const struct json_node *event, struct arena *a)
{
    struct json_builder b = json_build_object(a);
    const struct json_node *nothing = json_built(&b);
    const struct input_values empty = {.event = nothing, .parsed = nothing};
    const struct input_values v = {
        .event = event,
        .parsed = input_parse_body(event, a),
        .arn = SLICE("a\"b\\"),
        .name = SLICE("\n"),
    };

    if (json_depth(v.parsed) < 100 && is_json(t, &empty, a)) {
        must(is_json(t, &v, a));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice all = slice_make(data, size);
    size_t line = slice_find(all, '\n');
    struct slice rest = slice_from(all, line + 1);
    size_t second = slice_find(rest, '\n');
    const struct json_node *paths = NULL;
    const struct json_node *event = NULL;
    struct arena a = {0};

    if (json_parse(slice_head(rest, second), &a, &paths, NULL) == OK &&
        json_parse(slice_from(rest, second + 1), &a, &event, NULL) == OK) {
        struct slice text = slice_head(all, line);
        const struct input_template *pipe = compile(text, NULL, INPUT_PIPES, &a);
        const struct input_template *rule = compile(text, paths, INPUT_RULES, &a);

        must(pipe != NULL || text.len > LIMIT_TEMPLATE_BYTES);
        if (pipe != NULL && is_sane(text)) {
            check(pipe, event, &a);
        }
        if (rule != NULL && is_sane(text)) {
            check(rule, event, &a);
        }
    }
    arena_fini(&a);
    return 0;
}
