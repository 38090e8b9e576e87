/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet list: executions, newest first. */
#include "client/cli/commands.h"
#include "client/cli/reply_json.h"
#include "proto/base/limits.h"
#include "proto/host/clock.h"

enum { LIST_LIMIT = 20, LIST_MOST = 1000000 };

struct list_sink {
    struct table table;
    struct json_builder list;
    uint32_t left;
};

static void
sink_execution(struct cli *cli, struct list_sink *s, const struct stepfleet_execution *e)
{
    int64_t now_ms = clock_wall_ms();
    int64_t end_ms = e->stop_ms != 0 ? e->stop_ms : now_ms;
    struct slice status = slice_str(e->status);

    if (cli->json) {
        json_push(&s->list, reply_execution(e, &cli->arena));
        return;
    }
    table_text(&s->table, human_time(e->start_ms, now_ms, &cli->arena));
    table_text(&s->table, human_span(end_ms - e->start_ms, &cli->arena));
    table_cell(&s->table, status, human_status_style(status));
    table_text(&s->table, name_of_machine(slice_str(e->machine_arn)));
    table_str(&s->table, e->name);
}

static int
list_pages(struct cli *cli, struct stepfleet_execution_query *query, struct list_sink *sink)
{
    do {
        struct stepfleet_execution_page *page;
        struct stepfleet_error error;

        query->max_results = sink->left < LIMIT_PAGE_MAX ? sink->left : LIMIT_PAGE_MAX;
        if (stepfleet_execution_list(cli->client, query, &page, &error) != STEPFLEET_OK) {
            return cli_refused(&error);
        }
        cli_keep(cli, page);
        for (size_t i = 0; i < page->count && sink->left > 0; i++, sink->left--) {
            sink_execution(cli, sink, &page->executions[i]);
        }
        query->next_token = page->next_token;
    } while (query->next_token[0] != '\0' && sink->left > 0);
    return CLI_DONE;
}

static int run_list(struct cli *cli, int argc, char **argv)
{
    struct stepfleet_execution_query query = {0};
    struct list_sink sink = {.list = json_build_array(&cli->arena), .left = LIST_LIMIT};
    const struct arg options[] = {
        {"--machine", 'm', ARG_TEXT, &query.machine, 0},
        {"--status", 's', ARG_TEXT, &query.status, 0},
        {"--prefix", 0, ARG_TEXT, &query.name_prefix, 0},
        {"--limit", 'n', ARG_NUMBER, &sink.left, LIST_MOST},
    };
    struct args a = {.options = options, .option_count = 4};
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    table_init(&sink.table, &cli->arena, "STARTED|>TOOK|STATUS|MACHINE|NAME");
    rc = list_pages(cli, &query, &sink);
    if (rc == CLI_DONE) {
        cli_put_list(cli, "executions", &sink.list, &sink.table);
    }
    return rc;
}

const struct command command_list = {
    .name = "list",
    .summary = "executions, newest first",
    .help = "Usage: stepfleet list [--machine MACHINE] [--status STATUS] [--prefix TEXT]\n"
            "                      [--limit N]\n"
            "\n"
            "Lists executions, newest first. Synchronous Express ones are not among them.\n"
            "\n"
            "  -m, --machine MACHINE  of this machine (name or ARN)\n"
            "  -s, --status STATUS    RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED\n"
            "  --prefix TEXT          whose names begin so\n"
            "  -n, --limit N          at most so many; 20 without it\n"
            "\n"
            "Examples:\n"
            "  stepfleet list --status FAILED\n"
            "  stepfleet list -m pipeline --prefix day- -n 1000 --json | jq -r "
            "'.executions[].name'\n",
    .run = run_list,
};
