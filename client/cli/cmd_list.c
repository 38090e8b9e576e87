/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet list: executions, newest first. */
#include "client/cli/commands.h"
#include "client/cli/reply_json.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
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

/* "2026-11-23T08:00:00Z", "2026-11-23" (its midnight in UTC), or so long ago: "90m". */
static int read_time(struct cli *cli, const char *given, int64_t *ms)
{
    struct slice text = slice_str(given != NULL ? given : "");
    int64_t ago_ms;
    struct err err;

    if (given == NULL || text_parse_time(text, ms) ||
        text_parse_time(arena_printf(&cli->arena, "%sT00:00:00Z", given), ms)) {
        return CLI_DONE;
    }
    if (text_parse_duration_ms(text, &ago_ms)) {
        *ms = clock_wall_ms() - ago_ms;
        return CLI_DONE;
    }
    (void)err_set(&err, ERR_USAGE,
                  "\"%s\" is no time: expected one like 2026-11-23T08:00:00Z, a day like "
                  "2026-11-23, or how long ago (90m)",
                  given);
    return cli_usage(cli, &err);
}

static int run_list(struct cli *cli, int argc, char **argv)
{
    struct stepfleet_execution_query query = {0};
    struct list_sink sink = {.list = json_build_array(&cli->arena), .left = LIST_LIMIT};
    const char *since = NULL;
    const char *until = NULL;
    const struct arg options[] = {
        {"--machine", 'm', ARG_TEXT, &query.machine, 0},
        {"--status", 's', ARG_TEXT, &query.status, 0},
        {"--prefix", 0, ARG_TEXT, &query.name_prefix, 0},
        {"--since", 0, ARG_TEXT, &since, 0},
        {"--until", 0, ARG_TEXT, &until, 0},
        {"--limit", 'n', ARG_NUMBER, &sink.left, LIST_MOST},
    };
    struct args a = {.options = options, .option_count = 6};
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) ||
        (rc = read_time(cli, since, &query.since_ms)) != CLI_DONE ||
        (rc = read_time(cli, until, &query.until_ms)) != CLI_DONE ||
        (rc = cli_connect(cli)) != CLI_DONE) {
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
            "                      [--since TIME] [--until TIME] [--limit N]\n"
            "\n"
            "Lists executions, newest first. Synchronous Express ones are not among them.\n"
            "\n"
            "  -m, --machine MACHINE  of this machine (name or ARN), or of its version or alias:\n"
            "                         pipeline:2, pipeline:live\n"
            "  -s, --status STATUS    RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED\n"
            "  --prefix TEXT          whose names begin so\n"
            "  --since TIME           started then or later: 2026-11-23T08:00:00Z, a day in UTC\n"
            "                         (2026-11-23), or how long ago (90m, 2h, 7d)\n"
            "  --until TIME           started before then\n"
            "  -n, --limit N          at most so many; 20 without it\n"
            "\n"
            "Examples:\n"
            "  stepfleet list --status FAILED --since 1d\n"
            "  stepfleet list -m pipeline --prefix day- -n 1000 --json | jq -r "
            "'.executions[].name'\n",
    .run = run_list,
};
