/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet machine lint: what is wrong with a definition, each thing on a line of its own. */
#include "client/cli/commands.h"
#include "client/cli/machine_source.h"
#include "client/cli/reply_json.h"

static const struct json_node *diagnostic_json(const struct stepfleet_diagnostic *d,
                                               struct arena *a)
{
    struct json_builder b = json_build_object(a);

    reply_put_text(&b, "severity", d->severity);
    reply_put_text(&b, "code", d->code);
    reply_put_bytes(&b, "message", d->message);
    reply_put_bytes(&b, "location", d->location);
    return json_built(&b);
}

static void put_json(struct cli *cli, const struct stepfleet_validation *v)
{
    struct json_builder b = json_build_object(&cli->arena);
    struct json_builder list = json_build_array(&cli->arena);

    for (size_t i = 0; i < v->count; i++) {
        json_push(&list, diagnostic_json(&v->diagnostics[i], &cli->arena));
    }
    reply_put_text(&b, "result", v->ok ? "OK" : "FAIL");
    json_put(&b, SLICE("diagnostics"), json_built(&list));
    json_put(&b, SLICE("truncated"), json_bool(v->truncated));
    cli_put_json(cli, json_built(&b));
}

/* FILE:/States/A/Next: error MISSING_TRANSITION_TARGET: ..., as compilers say it. A place that is
 * no JSON pointer is in the text already. */
static void put_line(struct cli *cli, const char *file, const struct stepfleet_diagnostic *d)
{
    struct slice place = table_clean(cli_slice(d->location), &cli->arena);
    bool pointer = slice_starts_with(place, SLICE("/"));
    bool warning = strcmp(d->severity, "WARNING") == 0;

    buf_printf(&cli->out, "%s:", file);
    if (pointer) {
        buf_printf(&cli->out, "%.*s:", SLICE_FMT(place));
    }
    buf_printf(&cli->out, " %s%s%s %s: %.*s\n",
               cli->colour ? human_style(warning ? STYLE_BUSY : STYLE_BAD) : "",
               warning ? "warning" : "error", cli->colour ? HUMAN_STYLE_END : "", d->code,
               SLICE_FMT(table_clean(cli_slice(d->message), &cli->arena)));
}

static void put_lines(struct cli *cli, const char *file, const struct stepfleet_validation *v)
{
    for (size_t i = 0; i < v->count; i++) {
        put_line(cli, file, &v->diagnostics[i]);
    }
    if (v->truncated) {
        buf_printf(&cli->out, "%s: there is more: mend these first\n", file);
    }
}

static int run_lint(struct cli *cli, int argc, char **argv)
{
    struct machine_source source = {.any_text = true};
    struct stepfleet_validation_query query = {0};
    const char *type = NULL;
    const struct arg options[] = {
        {"--type", 0, ARG_TEXT, &type, 0},
        {"--severity", 0, ARG_TEXT, &query.severity, 0},
        {"--resource", 0, ARG_TEXT, &source.resource, 0},
    };
    struct args a = {options, 3, &source.file, 1, 1, 0};
    struct stepfleet_validation *v;
    struct stepfleet_error error;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) ||
        (rc = machine_source_load(cli, &source)) != CLI_DONE ||
        (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    query.definition = cli_bytes(source.machine.definition);
    query.type = machine_source_chosen(cli, type, source.machine.type);
    if (stepfleet_machine_validate(cli->client, &query, &v, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, v);
    if (cli->json) {
        put_json(cli, v);
    } else {
        put_lines(cli, source.file, v);
    }
    return v->ok ? CLI_DONE : CLI_FAILED;
}

const struct command command_machine_lint = {
    .name = "lint",
    .summary = "what is wrong with a definition, without making a machine",
    .help = "Usage: stepfleet machine lint FILE [--type STANDARD|EXPRESS]\n"
            "                              [--severity ERROR|WARNING] [--resource LOGICAL_ID]\n"
            "\n"
            "Checks a definition (as `machine create` takes it, templates included) as AWS's\n"
            "ValidateStateMachineDefinition does, and prints everything that is wrong with it:\n"
            "FILE:/PLACE: error CODE: TEXT. Exit code 1 where there is an error, 0 where there\n"
            "is none; warnings are legal but surely not meant. What is legal with AWS may still\n"
            "be refused by `machine create`: JSONata and distributed Maps do not run here yet.\n"
            "\n"
            "  --type       STANDARD (default) or EXPRESS\n"
            "  --severity   WARNING (default): everything; ERROR: no warnings\n"
            "  --resource   which machine of a template that has several\n"
            "\n"
            "Examples:\n"
            "  stepfleet machine lint pipeline.asl.json\n"
            "  stepfleet machine lint cdk.out/Stack.template.json --json | jq '.diagnostics[]'\n",
    .run = run_lint,
};
