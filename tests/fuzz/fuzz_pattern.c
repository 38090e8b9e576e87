/* SPDX-License-Identifier: Apache-2.0 */
/* A pattern on the first line, an event after it; the pattern is read in each dialect: refused in
 * words, or it answers, and the same again. What SNS takes for message bodies EventBridge takes,
 * and both answer alike; what is flat is taken as attributes. */
#include "coordinator/trigger/pattern.h"
#include "tests/fuzz/fuzz.h"

static const struct pattern *compile(struct slice text, enum pattern_dialect d, struct arena *a)
{
    const struct pattern *p = NULL;
    struct err err = {0};
    enum err_code rc = pattern_compile(text, d, a, &p, &err);

    must(rc == OK || (rc == ERR_VALIDATION && err.code == rc && err.msg[0] != '\0'));
    must((rc == OK) == (p != NULL));
    return p;
}

static void check(struct slice text, const struct json_node *event, struct arena *a)
{
    const struct pattern *all = compile(text, PATTERN_EVENTS, a);
    const struct pattern *others[] = {
        compile(text, PATTERN_PIPES, a),
        compile(text, PATTERN_SNS_BODY, a),
        compile(text, PATTERN_SNS_ATTRIBUTES, a),
    };

    must(others[2] == NULL || others[1] != NULL);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (others[i] != NULL && all != NULL) {
            must(pattern_matches(all, event) == pattern_matches(others[i], event));
        }
    }
    must(others[0] == NULL || all != NULL);
    must(all == NULL || pattern_matches(all, event) == pattern_matches(all, event));
    must(all == NULL || !pattern_matches(all, json_null()));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make(data, size);
    size_t line = slice_find(text, '\n');
    const struct json_node *event = NULL;
    struct arena a = {0};

    if (json_parse(slice_from(text, line + 1), &a, &event, NULL) == OK) {
        check(slice_head(text, line), event, &a);
    }
    arena_fini(&a);
    return 0;
}
