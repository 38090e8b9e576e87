/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet history: an execution's history events, as AWS records them. */
#include "client/cli/commands.h"
#include "client/cli/reply_json.h"
#include "proto/base/limits.h"
#include "proto/host/clock.h"

struct history_sink {
    struct table table;
    struct json_builder list;
    uint32_t left;
};

/* The one member that carries the event's details, or NULL. */
static const struct json_node *event_details(const struct json_node *event)
{
    for (const struct json_node *e = json_first(event); e != NULL; e = json_next(event, e)) {
        if (slice_ends_with(json_key(event, e), SLICE("EventDetails"))) {
            return e;
        }
    }
    return NULL;
}

/* What a person looks for first: whose, what went wrong, then the data. */
static struct slice event_summary(const struct json_node *event, struct arena *a)
{
    static const char *const fields[] = {"name",       "resource", "error", "cause",
                                         "parameters", "input",    "output"};
    const struct json_node *details = event_details(event);
    struct buf b = {0};
    struct slice out;

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        struct slice text = json_text(json_member(details, slice_str(fields[i])));

        if (text.len != 0) {
            buf_put_str(&b, b.len != 0 ? "  " : "");
            buf_put_slice(&b, text);
        }
    }
    out = arena_copy(a, buf_slice(&b));
    buf_fini(&b);
    return out;
}

static enum style event_style(struct slice type)
{
    if (slice_ends_with(type, SLICE("Failed")) || slice_ends_with(type, SLICE("TimedOut")) ||
        slice_ends_with(type, SLICE("Aborted"))) {
        return STYLE_BAD;
    }
    return slice_ends_with(type, SLICE("Succeeded")) ? STYLE_GOOD : STYLE_PLAIN;
}

static int sink_event(struct cli *cli, struct history_sink *s, struct stepfleet_bytes text)
{
    struct arena *a = &cli->arena;
    const struct json_node *event;
    struct slice type;
    struct err err;

    if (json_parse(cli_slice(text), a, &event, &err) != OK) {
        err_wrap(&err, "a history event of the coordinator");
        return cli_local(&err);
    }
    if (cli->json) {
        json_push(&s->list, reply_history_event(event, a));
        return CLI_DONE;
    }
    type = json_text(json_member(event, SLICE("type")));
    table_text(&s->table, json_text(json_member(event, SLICE("id"))));
    table_text(&s->table, human_time(reply_event_ms(event), clock_wall_ms(), a));
    table_cell(&s->table, type, event_style(type));
    table_text(&s->table, event_summary(event, a));
    return CLI_DONE;
}

static int
history_pages(struct cli *cli, struct stepfleet_history_query *query, struct history_sink *sink)
{
    int rc = CLI_DONE;

    do {
        struct stepfleet_history_page *page;
        struct stepfleet_error error;

        query->max_results = sink->left < LIMIT_PAGE_MAX ? sink->left : LIMIT_PAGE_MAX;
        if (stepfleet_execution_history(cli->client, query, &page, &error) != STEPFLEET_OK) {
            return cli_refused(&error);
        }
        cli_keep(cli, page);
        for (size_t i = 0; i < page->count && sink->left > 0 && rc == CLI_DONE; i++) {
            rc = sink_event(cli, sink, page->events[i]);
            sink->left--;
        }
        query->next_token = page->next_token;
    } while (query->next_token[0] != '\0' && sink->left > 0 && rc == CLI_DONE);
    return rc;
}

static int run_history(struct cli *cli, int argc, char **argv)
{
    const char *given = NULL;
    const char *machine = NULL;
    struct stepfleet_history_query query = {0};
    struct history_sink sink = {.list = json_build_array(&cli->arena), .left = UINT32_MAX};
    const struct arg options[] = {
        {"--machine", 'm', ARG_TEXT, &machine, 0},
        {"--reverse", 'r', ARG_FLAG, &query.reverse, 0},
        {"--no-data", 0, ARG_FLAG, &query.without_data, 0},
        {"--limit", 'n', ARG_NUMBER, &sink.left, UINT32_MAX},
    };
    struct args a = {options, 4, &given, 1, 1, 0};
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) ||
        (rc = cli_execution(cli, given, machine, &query.execution)) != CLI_DONE) {
        return rc;
    }
    table_init(&sink.table, &cli->arena, ">ID|TIME|TYPE|DETAILS");
    rc = history_pages(cli, &query, &sink);
    if (rc == CLI_DONE) {
        cli_put_list(cli, "events", &sink.list, &sink.table);
    }
    return rc;
}

const struct command command_history = {
    .name = "history",
    .summary = "what happened in an execution, event by event",
    .help = "Usage: stepfleet history EXECUTION [--machine MACHINE] [--reverse] [--no-data]\n"
            "                         [--limit N]\n"
            "\n"
            "Prints an execution's history events, as AWS's GetExecutionHistory has them. On a\n"
            "terminal long details are cut; --json has all of them.\n"
            "\n"
            "  -r, --reverse  newest first\n"
            "  --no-data      without inputs and outputs\n"
            "  -n, --limit N  at most so many\n"
            "\n"
            "EXECUTION is an ARN, MACHINE/NAME, or NAME with --machine.\n"
            "\n"
            "Examples:\n"
            "  stepfleet history pipeline/day-1 --no-data\n"
            "  stepfleet history pipeline/day-1 -r -n 5\n"
            "  stepfleet history pipeline/day-1 --json | jq '.events[] | select(.type|test(\"Failed"
            "\"))'\n",
    .run = run_history,
};
