/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/conformance/tell.h"

#include "tests/conformance/script.h"

static const char *kind_name(enum deed_kind kind)
{
    switch (kind) {
    case DEED_SUBMITTED: return "submitted";
    case DEED_RESULT: return "result";
    case DEED_FAILURE: return "failure";
    case DEED_HEARTBEAT: return "heartbeat";
    case DEED_TOKEN_SUCCESS: return "token_success";
    case DEED_TOKEN_FAILURE: return "token_failure";
    case DEED_STOP: return "stop";
    case DEED_REDRIVE: return "redrive";
    }
    return "";
}

static void put_text(struct json_builder *b, const char *key, struct slice text, struct arena *a)
{
    if (text.ptr != NULL) {
        json_put(b, slice_str(key), json_string(a, text));
    }
}

static const struct json_node *deed_document(const struct deed *d, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    put_text(&b, "kind", slice_str(kind_name(d->kind)), a);
    json_put(&b, SLICE("after_ms"), json_integer(a, d->after_ms));
    put_text(&b, "text", d->text, a);
    put_text(&b, "error", d->error, a);
    put_text(&b, "cause", d->cause, a);
    return json_built(&b);
}

static struct deed *task_deeds(struct script *s, const struct json_node *q, size_t *count)
{
    struct script_task t = {
        .state = json_text(json_member(q, SLICE("state"))),
        .function = json_text(json_member(q, SLICE("function"))),
        .payload = json_text(json_member(q, SLICE("payload"))),
        .submits = json_is(json_member(q, SLICE("submits")), JSON_TRUE),
    };
    struct deed *deeds;
    int64_t nth = 0;

    (void)json_i64(json_member(q, SLICE("nth")), &nth);
    do {
        deeds = script_play(s, &t, count);
    } while (nth-- > 0);
    return deeds;
}

static const struct json_node *bindings_document(const struct script *s, struct arena *a)
{
    struct json_builder b = json_build_object(a);
    size_t count;
    struct script_binding *bindings = script_bindings(s, &count);

    for (size_t i = 0; i < count; i++) {
        json_put(&b, bindings[i].integration, json_string(a, bindings[i].handler));
    }
    return json_built(&b);
}

static struct deed *deeds_of(struct script *s, const struct json_node *q, size_t *count)
{
    const struct json_node *activity = json_member(q, SLICE("activity"));

    if (activity != NULL) {
        return script_activity(s, activity, json_text(json_member(q, SLICE("input"))), count);
    }
    if (json_member(q, SLICE("state")) != NULL) {
        return task_deeds(s, q, count);
    }
    return script_operations(s, count);
}

const struct json_node *tell(const struct json_node *q, struct arena *a)
{
    const struct json_node *c = json_member(q, SLICE("case"));
    struct slice payload = json_text(json_member(q, SLICE("payload")));
    const char *refusal = script_refusal(c);
    struct json_builder b = json_build_object(a);
    struct json_builder list = json_build_array(a);
    struct script s;
    struct deed *deeds;
    size_t count;

    script_init(&s, c, a);
    deeds = deeds_of(&s, q, &count);
    for (size_t i = 0; i < count; i++) {
        json_push(&list, deed_document(&deeds[i], a));
    }
    if (refusal != NULL) {
        put_text(&b, "refusal", slice_str(refusal), a);
    }
    put_text(&b, "token", script_token(payload, a), a);
    json_put(&b, SLICE("bindings"), bindings_document(&s, a));
    json_put(&b, SLICE("deeds"), json_built(&list));
    return json_built(&b);
}
