/* SPDX-License-Identifier: Apache-2.0 */
/* Things that are a list of attributes, each a text by its name: queues, topics, subscriptions. A
 * template has numbers, true and false, and objects where the API has texts; compared are texts,
 * and objects as such, so that one written in another way is the same. */
#include "client/cli/deploy.h"

static const struct json_node *comparable(const struct json_node *v, struct arena *a)
{
    if (json_is_bool(v)) {
        return json_string(a, json_is(v, JSON_TRUE) ? SLICE("true") : SLICE("false"));
    }
    return json_is(v, JSON_NUMBER) ? json_string(a, json_text(v)) : v;
}

void deploy_attributes_want(const struct json_node *properties,
                            const char *const *names,
                            struct arena *a,
                            struct json_builder *out)
{
    for (; *names != NULL; names++) {
        const struct json_node *v = json_member(properties, slice_str(*names));

        if (v != NULL) {
            json_put(out, slice_str(*names), comparable(v, a));
        }
    }
}

const struct json_node *
deploy_without_false(const struct json_node *wanted, struct slice name, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    for (const struct json_node *e = json_first(wanted); e != NULL; e = json_next(wanted, e)) {
        struct slice key = json_key(wanted, e);

        if (!slice_eq(key, name) || !slice_eq_str(json_text(e), "false")) {
            json_put(&b, key, e);
        }
    }
    return json_built(&b);
}

void deploy_attributes_have(const struct stepfleet_tags *attributes,
                            struct arena *a,
                            struct json_builder *out)
{
    for (size_t i = 0; i < attributes->count; i++) {
        struct slice text = slice_str(attributes->tags[i].value);
        const struct json_node *v = NULL;

        if (json_parse(text, a, &v, NULL) != OK || !json_is(v, JSON_OBJECT)) {
            v = json_string(a, text);
        }
        json_put(out, slice_str(attributes->tags[i].key), v);
    }
}

struct stepfleet_tags
deploy_attributes_changed(struct cli *cli, const struct deploy_item *item, const char *const *names)
{
    struct arena *a = &cli->arena;
    struct stepfleet_tag *out = ARENA_ARRAY(a, json_count(item->want) + 1, struct stepfleet_tag);
    size_t count = 0;

    for (; *names != NULL; names++) {
        const struct json_node *want = json_member(item->want, slice_str(*names));
        const struct json_node *have = json_member(item->have, slice_str(*names));

        if (want == NULL || (have != NULL && json_equal(have, want))) {
            continue;
        }
        out[count++] = (struct stepfleet_tag){
            *names,
            arena_str(a, json_is(want, JSON_STRING) ? json_text(want) : json_print(want, a))};
    }
    return (struct stepfleet_tags){out, count};
}
