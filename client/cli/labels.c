/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/labels.h"

#include "client/cli/reply_json.h"

struct slice labels_text(const struct stepfleet_tags *labels, struct arena *a)
{
    struct slice out = SLICE("");

    for (size_t i = 0; i < labels->count; i++) {
        out = arena_printf(a, "%.*s%s%s=%s", SLICE_FMT(out), i != 0 ? "," : "", labels->tags[i].key,
                           labels->tags[i].value);
    }
    return out;
}

const struct json_node *labels_json(const struct stepfleet_tags *labels, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    for (size_t i = 0; i < labels->count; i++) {
        reply_put_text(&b, labels->tags[i].key, labels->tags[i].value);
    }
    return json_built(&b);
}
