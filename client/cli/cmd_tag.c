/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet tag: keys and values on a machine or an activity. */
#include "client/cli/commands.h"
#include "client/cli/reply_json.h"

struct changes {
    struct stepfleet_tag put[ARG_LIST_MOST];
    size_t count;
};

/* "KEY=VALUE"; the value may hold '=', too. */
static int read_tags(struct cli *cli, const char *const *given, size_t count, struct changes *out)
{
    struct err err;

    for (out->count = 0; out->count < count; out->count++) {
        struct slice text = slice_str(given[out->count]);
        size_t equals = slice_find(text, '=');

        if (equals == 0 || equals == text.len) {
            (void)err_set(&err, ERR_USAGE, "\"%s\" is no tag: expected KEY=VALUE",
                          given[out->count]);
            return cli_usage(cli, &err);
        }
        out->put[out->count] = (struct stepfleet_tag){
            arena_str(&cli->arena, slice_head(text, equals)), given[out->count] + equals + 1};
    }
    return CLI_DONE;
}

/* The ARN of what is named: a machine where it is none. */
static int resource_arn(struct cli *cli, const char *given, const char **arn)
{
    struct name_place place;
    int rc = CLI_DONE;

    *arn = given;
    if (!name_is_arn(slice_str(given)) && (rc = cli_place(cli, &place)) == CLI_DONE) {
        *arn = arena_str(&cli->arena,
                         arena_printf(&cli->arena, "arn:aws:states:%.*s:%.*s:stateMachine:%s",
                                      SLICE_FMT(place.region), SLICE_FMT(place.account), given));
    }
    return rc;
}

static void put_tags(struct cli *cli, const struct stepfleet_tags *tags)
{
    struct json_builder list = json_build_array(&cli->arena);
    struct table t;

    table_init(&t, &cli->arena, "KEY|VALUE");
    for (size_t i = 0; i < tags->count; i++) {
        struct json_builder tag = json_build_object(&cli->arena);

        json_put(&tag, SLICE("key"), json_string(tag.a, slice_str(tags->tags[i].key)));
        json_put(&tag, SLICE("value"), json_string(tag.a, slice_str(tags->tags[i].value)));
        json_push(&list, json_built(&tag));
        table_str(&t, tags->tags[i].key);
        table_str(&t, tags->tags[i].value);
    }
    cli_put_list(cli, "tags", &list, &t);
}

static int change(struct cli *cli,
                  const char *arn,
                  const struct changes *changes,
                  const struct arg_list *remove)
{
    struct stepfleet_error error;

    if (remove->count != 0 && stepfleet_tag_remove(cli->client, arn, remove->items, remove->count,
                                                   &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    if (changes->count != 0 &&
        stepfleet_tag_put(cli->client, arn, changes->put, changes->count, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    return CLI_DONE;
}

static int run_tag(struct cli *cli, int argc, char **argv)
{
    const char *operands[1 + ARG_LIST_MOST] = {NULL};
    struct arg_list remove = {.count = 0};
    const struct arg options[] = {{"--remove", 0, ARG_LIST, &remove, 0}};
    struct args a = {options, 1, operands, 1, 1 + ARG_LIST_MOST, 0};
    struct changes changes;
    struct stepfleet_tags *tags;
    struct stepfleet_error error;
    const char *arn;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) ||
        (rc = read_tags(cli, operands + 1, a.operand_count - 1, &changes)) != CLI_DONE ||
        (rc = cli_connect(cli)) != CLI_DONE ||
        (rc = resource_arn(cli, operands[0], &arn)) != CLI_DONE ||
        (rc = change(cli, arn, &changes, &remove)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_tag_list(cli->client, arn, &tags, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, tags);
    put_tags(cli, tags);
    return CLI_DONE;
}

const struct command command_tag = {
    .name = "tag",
    .summary = "keys and values on a machine or an activity",
    .help = "Usage: stepfleet tag MACHINE|ARN [KEY=VALUE]... [--remove KEY]...\n"
            "\n"
            "Takes tags off a machine (by name or ARN) or an activity (by ARN), sets others,\n"
            "and shows what it has then: at most 50.\n"
            "\n"
            "  --remove KEY  take this one off; may be given again\n"
            "\n"
            "Examples:\n"
            "  stepfleet tag pipeline team=data stage=prod\n"
            "  stepfleet tag pipeline --remove stage\n",
    .run = run_tag,
};
