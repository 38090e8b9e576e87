/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet alias: names for versions of machines: create, update, show, list, delete. */
#include "client/cli/commands.h"
#include "client/cli/human.h"
#include "client/cli/listing.h"
#include "client/cli/reply_json.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "proto/host/clock.h"

enum { ROUTES_MOST = 2, WHOLE = 100 };

static const struct json_node *alias_json(const struct stepfleet_alias *v, struct arena *a)
{
    struct json_builder b = json_build_object(a);
    struct json_builder routes = json_build_array(a);

    for (size_t i = 0; i < v->route_count; i++) {
        struct json_builder route = json_build_object(a);

        reply_put_text(&route, "stateMachineVersionArn", v->routes[i].version);
        reply_put_number(&route, "weight", v->routes[i].weight);
        json_push(&routes, json_built(&route));
    }
    reply_put_text(&b, "stateMachineAliasArn", v->arn);
    reply_put_text(&b, "name", v->name);
    reply_put_text(&b, "description", v->description);
    json_put(&b, SLICE("routingConfiguration"), json_built(&routes));
    reply_put_time(&b, "creationDate", v->created_ms);
    reply_put_time(&b, "updateDate", v->updated_ms);
    return json_built(&b);
}

/* "pipeline:3 90 %, pipeline:4 10 %" */
static struct slice routes_text(const struct stepfleet_alias *v, struct arena *a)
{
    struct slice out = {NULL, 0};

    for (size_t i = 0; i < v->route_count; i++) {
        out = arena_printf(a, "%.*s%s%.*s %u %%", SLICE_FMT(out), i != 0 ? ", " : "",
                           SLICE_FMT(name_of_version(slice_str(v->routes[i].version))),
                           v->routes[i].weight);
    }
    return out;
}

/* ---- create, update ---- */

struct routes {
    struct stepfleet_route items[ROUTES_MOST];
    size_t count;
};

/* "MACHINE:NUMBER=WEIGHT"; a weight that is not given is what the other leaves. */
static int read_routes(struct cli *cli, const char *const *given, size_t count, struct routes *out)
{
    uint64_t weights[ROUTES_MOST] = {WHOLE, WHOLE};
    bool has[ROUTES_MOST] = {false, false};
    struct err err;

    for (size_t i = 0; i < count; i++) {
        struct slice text = slice_str(given[i]);
        size_t equals = slice_find(text, '=');

        has[i] = equals != text.len;
        out->items[i].version = arena_str(&cli->arena, slice_head(text, equals));
        if (has[i] &&
            (!text_parse_u64(slice_from(text, equals + 1), &weights[i]) || weights[i] > WHOLE)) {
            (void)err_set(&err, ERR_USAGE, "\"%s\": a weight is a number from 0 to %d", given[i],
                          WHOLE);
            return cli_usage(cli, &err);
        }
    }
    for (size_t i = 0; i < count; i++) {
        out->items[i].weight =
            (uint32_t)(has[i] || count == 1 ? weights[i] : WHOLE - weights[1 - i]);
    }
    out->count = count;
    return CLI_DONE;
}

/* Both take a name, then versions. */
static int run_change(struct cli *cli, int argc, char **argv, bool create)
{
    const char *operands[1 + ROUTES_MOST] = {NULL};
    const char *description = NULL;
    const struct arg options[] = {{"--description", 0, ARG_TEXT, &description, 0}};
    struct args a = {options, 1, operands, create ? 2 : 1, 1 + ROUTES_MOST, 0};
    struct stepfleet_alias *alias;
    struct stepfleet_error error;
    enum stepfleet_code code;
    struct routes routes;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) ||
        (rc = read_routes(cli, operands + 1, a.operand_count - 1, &routes)) != CLI_DONE ||
        (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    code = create ? stepfleet_alias_create(cli->client, operands[0], description, routes.items,
                                           routes.count, &alias, &error)
                  : stepfleet_alias_update(cli->client, operands[0], description, routes.items,
                                           routes.count, &alias, &error);
    if (code != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, alias);
    if (cli->json) {
        cli_put_json(cli, alias_json(alias, &cli->arena));
    } else {
        buf_printf(&cli->out, "%s\n", alias->arn);
    }
    return CLI_DONE;
}

static int run_create(struct cli *cli, int argc, char **argv)
{
    return run_change(cli, argc, argv, true);
}

static const struct command command_alias_create = {
    .name = "create",
    .summary = "a name for one or two versions of a machine",
    .help = "Usage: stepfleet alias create NAME MACHINE:NUMBER[=WEIGHT] [MACHINE:NUMBER[=WEIGHT]]\n"
            "                              [--description TEXT]\n"
            "\n"
            "Makes an alias and prints its ARN; MACHINE:NAME starts what it leads to. Of two\n"
            "versions chance takes one at each start, by their weights, which add up to 100. The\n"
            "very same alias again is fine.\n"
            "\n"
            "Examples:\n"
            "  stepfleet alias create live pipeline:1\n"
            "  stepfleet alias create canary pipeline:1=90 pipeline:2=10\n"
            "  stepfleet start pipeline:live\n",
    .run = run_create,
};

static int run_update(struct cli *cli, int argc, char **argv)
{
    return run_change(cli, argc, argv, false);
}

static const struct command command_alias_update = {
    .name = "update",
    .summary = "send it elsewhere, or describe it otherwise",
    .help = "Usage: stepfleet alias update MACHINE:NAME [MACHINE:NUMBER[=WEIGHT]]...\n"
            "                              [--description TEXT]\n"
            "\n"
            "Gives an alias other versions, as `alias create` takes them, another description,\n"
            "or both. Executions that run are left alone.\n"
            "\n"
            "Example:\n"
            "  stepfleet alias update pipeline:live pipeline:1=50 pipeline:2=50\n",
    .run = run_update,
};

/* ---- show ---- */

static int run_show(struct cli *cli, int argc, char **argv)
{
    const char *given = NULL;
    struct args a = {NULL, 0, &given, 1, 1, 0};
    int64_t now_ms = clock_wall_ms();
    struct stepfleet_alias *alias;
    struct stepfleet_error error;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_alias_describe(cli->client, given, &alias, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, alias);
    if (cli->json) {
        cli_put_json(cli, alias_json(alias, &cli->arena));
        return CLI_DONE;
    }
    cli_put_field(cli, "name", slice_str(alias->name), STYLE_TITLE);
    cli_put_field(cli, "arn", slice_str(alias->arn), STYLE_PLAIN);
    cli_put_field(cli, "leads to", routes_text(alias, &cli->arena), STYLE_PLAIN);
    cli_put_field(cli, "described", slice_str(alias->description), STYLE_PLAIN);
    cli_put_field(cli, "created", human_time(alias->created_ms, now_ms, &cli->arena), STYLE_PLAIN);
    cli_put_field(cli, "updated", human_time(alias->updated_ms, now_ms, &cli->arena), STYLE_PLAIN);
    return CLI_DONE;
}

static const struct command command_alias_show = {
    .name = "show",
    .summary = "one of them",
    .help = "Usage: stepfleet alias show MACHINE:NAME\n"
            "\n"
            "Shows an alias (given so, or by its ARN) and where it leads.\n"
            "\n"
            "Example:\n"
            "  stepfleet alias show pipeline:live\n",
    .run = run_show,
};

/* ---- list ---- */

static int list_aliases(struct cli *cli, struct listing *l)
{
    struct stepfleet_alias_page *page;
    struct stepfleet_error error;

    if (stepfleet_alias_list(cli->client, l->of, LIMIT_PAGE_MAX, l->token, &page, &error) !=
        STEPFLEET_OK) {
        return cli_refused(&error);
    }
    for (size_t i = 0; i < page->count; i++) {
        const struct stepfleet_alias *v = &page->aliases[i];

        json_push(&l->list, alias_json(v, &cli->arena));
        table_str(&l->table, v->name);
        table_text(&l->table, routes_text(v, &cli->arena));
        table_text(&l->table, human_time(v->updated_ms, clock_wall_ms(), &cli->arena));
        table_str(&l->table, v->description);
    }
    l->token = page->next_token;
    cli_keep(cli, page);
    return CLI_DONE;
}

static int run_list(struct cli *cli, int argc, char **argv)
{
    static const struct listing_kind aliases = {
        "stateMachineAliases", "NAME|LEADS TO|UPDATED|DESCRIPTION", 1, 1, list_aliases};

    return listing_run(cli, argc, argv, &aliases);
}

static const struct command command_alias_list = {
    .name = "list",
    .summary = "those of a machine, or of one of its versions",
    .help = "Usage: stepfleet alias list MACHINE[:NUMBER]\n"
            "\n"
            "Lists the aliases of a machine, or those that lead to one of its versions.\n"
            "\n"
            "Example:\n"
            "  stepfleet alias list pipeline\n",
    .run = run_list,
};

/* ---- delete ---- */

static int run_delete(struct cli *cli, int argc, char **argv)
{
    return cli_by_name(cli, argc, argv, stepfleet_alias_delete);
}

static const struct command command_alias_delete = {
    .name = "delete",
    .summary = "remove it; what it started goes on",
    .help = "Usage: stepfleet alias delete MACHINE:NAME\n"
            "\n"
            "Deletes an alias; executions it started go on. One that is gone already is fine.\n"
            "\n"
            "Example:\n"
            "  stepfleet alias delete pipeline:canary\n",
    .run = run_delete,
};

/* ---- The group ---- */

static const struct command *const alias_commands[] = {
    &command_alias_create, &command_alias_update, &command_alias_show,
    &command_alias_list,   &command_alias_delete,
};

static int run_alias(struct cli *cli, int argc, char **argv)
{
    enum { COUNT = sizeof(alias_commands) / sizeof(alias_commands[0]) };

    return cli_group(cli, alias_commands, COUNT, argc, argv,
                     "alias what? create, update, show, list or delete");
}

const struct command command_alias = {
    .name = "alias",
    .summary = "names for versions of machines: create, update, show, list, delete",
    .help = "Usage: stepfleet alias COMMAND ...\n"
            "\n"
            "  create NAME VERSION...        a name for one or two versions of a machine\n"
            "  update MACHINE:NAME VERSION...  send it elsewhere, or describe it otherwise\n"
            "  show MACHINE:NAME             one of them\n"
            "  list MACHINE                  those of a machine, or of one of its versions\n"
            "  delete MACHINE:NAME           remove it; what it started goes on\n"
            "\n"
            "A version is MACHINE:NUMBER, made by `machine publish`. Each has its own --help.\n"
            "\n"
            "Example:\n"
            "  stepfleet alias create live pipeline:1\n",
    .run = run_alias,
};
