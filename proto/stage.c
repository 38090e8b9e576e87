/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/stage.h"

#include "proto/base/limits.h"
#include "proto/base/text.h"

/* One component of a key: nothing that a directory or a store could read as more than a name. */
static bool component_is_safe(struct slice s)
{
    if (s.len == 0 || slice_eq_str(s, ".") || slice_eq_str(s, "..")) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if (c < 0x20 || c == 0x7f || c == '/' || c == '\\') {
            return false;
        }
    }
    return text_is_utf8(s);
}

static bool key_is_safe(struct slice key)
{
    if (key.len == 0 || key.len > LIMIT_KEY_BYTES) {
        return false;
    }
    for (;;) {
        size_t slash = slice_find(key, '/');

        if (!component_is_safe(slice_head(key, slash))) {
            return false;
        }
        if (slash == key.len) {
            return true;
        }
        key = slice_from(key, slash + 1);
    }
}

static enum err_code
stage_field(const struct json_node *event, const char *name, struct slice *out, struct err *err)
{
    const struct json_node *v = json_member(event, slice_str(name));

    if (!json_is(v, JSON_STRING)) {
        return err_set(err, ERR_VALIDATION, "the stage's event has no string \"%s\"", name);
    }
    if (!component_is_safe(json_text(v))) {
        return err_set(err, ERR_VALIDATION,
                       "\"%s\" of the stage's event is not a plain name: \"%.*s\"", name,
                       SLICE_FMT(slice_head(json_text(v), 100)));
    }
    *out = json_text(v);
    return OK;
}

/* A key the event gives itself, or the conventional one of `stage`. */
static enum err_code stage_key(const struct json_node *event,
                               const char *key_name,
                               const char *stage_name,
                               struct arena *a,
                               struct slice *out,
                               struct err *err)
{
    const struct json_node *given = json_member(event, slice_str(key_name));
    struct slice execution;
    struct slice stage;
    enum err_code rc;

    if (json_is(given, JSON_STRING)) {
        if (!key_is_safe(json_text(given))) {
            return err_set(err, ERR_VALIDATION, "\"%s\" of the stage's event is not a safe key",
                           key_name);
        }
        *out = json_text(given);
        return OK;
    }
    rc = stage_field(event, "executionId", &execution, err);
    if (rc == OK) {
        rc = stage_field(event, stage_name, &stage, err);
    }
    if (rc != OK) {
        return rc;
    }
    *out =
        arena_printf(a, "executions/%.*s/%.*s/output.json", SLICE_FMT(execution), SLICE_FMT(stage));
    if (out->len > LIMIT_KEY_BYTES) {
        return err_set(err, ERR_VALIDATION, "the stage's key is longer than %d bytes",
                       LIMIT_KEY_BYTES);
    }
    return OK;
}

enum err_code stage_find_places(const struct json_node *event,
                                struct arena *a,
                                struct stage_places *out,
                                struct err *err)
{
    struct stage_places p = {.initial = json_member(event, SLICE("initialData"))};
    const struct json_node *previous = json_member(event, SLICE("previousStage"));
    bool has_input = json_is(previous, JSON_STRING) ||
                     json_is(json_member(event, SLICE("inputKey")), JSON_STRING);
    enum err_code rc;

    if (!json_is(event, JSON_OBJECT)) {
        return err_set(err, ERR_VALIDATION, "the stage's event is not a JSON object");
    }
    rc = stage_field(event, "workflowBucket", &p.bucket, err);
    if (rc == OK) {
        rc = stage_key(event, "outputKey", "currentStage", a, &p.output_key, err);
    }
    if (rc == OK && has_input) {
        rc = stage_key(event, "inputKey", "previousStage", a, &p.input_key, err);
    }
    if (rc == OK) {
        *out = p;
    }
    return rc;
}
