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

/* Without that member where it is "false": what the API does not say of things that are not so. */
static const struct json_node *
without_false(const struct json_node *wanted, struct slice name, struct arena *a)
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

enum err_code deploy_attributed_want(struct template_scope *s,
                                     const struct json_node *properties,
                                     const char *const *names,
                                     struct slice fifo,
                                     const struct json_node **out,
                                     struct err *err)
{
    struct json_builder b = json_build_object(s->a);
    const struct json_node *tags = NULL;
    enum err_code rc = deploy_tags_want(s, properties, &tags, err);

    if (rc != OK) {
        return rc;
    }
    deploy_attributes_want(properties, names, s->a, &b);
    if (tags != NULL) {
        json_put(&b, SLICE("tags"), tags);
    }
    *out = without_false(json_built(&b), fifo, s->a);
    return OK;
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

int deploy_attributed_read(struct cli *cli,
                           const char *arn,
                           const struct stepfleet_tags *attributes,
                           const struct json_node **out)
{
    struct json_builder b = json_build_object(&cli->arena);
    const struct json_node *tags = NULL;
    int rc = deploy_tags_read(cli, arn, &tags);

    if (rc == CLI_DONE) {
        deploy_attributes_have(attributes, &cli->arena, &b);
        json_put(&b, SLICE("tags"), tags);
        *out = json_built(&b);
    }
    return rc;
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
