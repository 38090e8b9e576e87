/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/stage.h"

#include "proto/base/limits.h"
#include "proto/base/text.h"

static enum err_code
stage_field(const struct json_node *event, const char *name, struct slice *out, struct err *err)
{
    const struct json_node *v = json_member(event, slice_str(name));

    if (!json_is(v, JSON_STRING)) {
        return err_set(err, ERR_VALIDATION, "the stage's event has no string \"%s\"", name);
    }
    if (!text_is_key_part(json_text(v))) {
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
        if (!text_is_key(json_text(given))) {
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
