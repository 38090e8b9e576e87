/* SPDX-License-Identifier: Apache-2.0 */
/* Tags of whatever can have them. */
#include "client/cli/deploy.h"

enum err_code deploy_tags_want(struct template_scope *s,
                               const struct json_node *properties,
                               const struct json_node **out,
                               struct err *err)
{
    const struct json_node *tags = json_member(properties, SLICE("Tags"));
    struct json_builder b = json_build_object(s->a);

    if (tags == NULL) {
        *out = NULL;
        return OK;
    }
    if (!json_is(tags, JSON_ARRAY)) {
        return template_refuse(s, err, "Tags is a list of {\"Key\", \"Value\"}");
    }
    for (const struct json_node *e = json_first(tags); e != NULL; e = json_next(tags, e)) {
        const struct json_node *key = json_member(e, SLICE("Key"));
        const struct json_node *value = json_member(e, SLICE("Value"));

        if (!json_is(key, JSON_STRING) || !json_is(value, JSON_STRING)) {
            return template_refuse(s, err, "Tags is a list of {\"Key\", \"Value\"}");
        }
        json_put(&b, json_text(key), value);
    }
    *out = json_built(&b);
    return OK;
}

int deploy_tags_read(struct cli *cli, const char *arn, const struct json_node **out)
{
    struct json_builder b = json_build_object(&cli->arena);
    struct stepfleet_tags *tags;
    struct stepfleet_error error;

    if (stepfleet_tag_list(cli->client, arn, &tags, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, tags);
    for (size_t i = 0; i < tags->count; i++) {
        json_put(&b, slice_str(tags->tags[i].key),
                 json_string(&cli->arena, slice_str(tags->tags[i].value)));
    }
    *out = json_built(&b);
    return CLI_DONE;
}

static int
untag(struct cli *cli, const char *arn, const struct json_node *have, const struct json_node *tags)
{
    const char **keys = ARENA_ARRAY(&cli->arena, json_count(have) + 1, const char *);
    struct stepfleet_error error;
    size_t count = 0;

    for (const struct json_node *e = json_first(have); e != NULL; e = json_next(have, e)) {
        if (json_member(tags, json_key(have, e)) == NULL) {
            keys[count++] = arena_str(&cli->arena, json_key(have, e));
        }
    }
    if (count != 0 && stepfleet_tag_remove(cli->client, arn, keys, count, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    return CLI_DONE;
}

struct stepfleet_tags deploy_tags_wanted(struct cli *cli, const struct deploy_item *item)
{
    const struct json_node *want = json_member(item->want, SLICE("tags"));
    struct stepfleet_tag *tags =
        ARENA_ARRAY(&cli->arena, json_count(want) + 1, struct stepfleet_tag);
    size_t count = 0;

    for (const struct json_node *e = json_first(want); e != NULL; e = json_next(want, e)) {
        tags[count++] = (struct stepfleet_tag){arena_str(&cli->arena, json_key(want, e)),
                                               arena_str(&cli->arena, json_text(e))};
    }
    return (struct stepfleet_tags){tags, count};
}

int deploy_tags_apply(struct cli *cli, const char *arn, const struct deploy_item *item)
{
    const struct json_node *have = json_member(item->have, SLICE("tags"));
    const struct json_node *want = json_member(item->want, SLICE("tags"));
    struct stepfleet_tags tags = deploy_tags_wanted(cli, item);
    struct stepfleet_error error;
    int rc;

    if (want == NULL || (have != NULL && json_equal(have, want))) {
        return CLI_DONE;
    }
    rc = untag(cli, arn, have, want);
    if (rc != CLI_DONE) {
        return rc;
    }
    if (tags.count != 0 &&
        stepfleet_tag_put(cli->client, arn, tags.tags, tags.count, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    return CLI_DONE;
}
