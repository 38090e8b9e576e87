/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet scale: how many tasks of each function wait and run, and how many workers are wanted.
 */
#include "client/cli/commands.h"
#include "client/cli/labels.h"
#include "client/cli/reply_json.h"

static const struct json_node *scale_json(const struct stepfleet_scale *s, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    reply_put_text(&b, "function", s->function);
    json_put(&b, SLICE("labels"), labels_json(&s->labels, a));
    reply_put_number(&b, "ready", s->ready);
    reply_put_number(&b, "leased", s->leased);
    reply_put_number(&b, "workers", s->workers);
    reply_put_number(&b, "slots", s->slots);
    reply_put_number(&b, "wanted", s->wanted);
    json_put(&b, SLICE("oldestMs"), json_integer(a, s->oldest_ms));
    return json_built(&b);
}

static void
add_figures(struct json_builder *list, struct table *t, const struct stepfleet_scale_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        const struct stepfleet_scale *s = &page->functions[i];

        json_push(list, scale_json(s, t->a));
        table_str(t, s->function);
        table_text(t, labels_text(&s->labels, t->a));
        table_text(t, arena_printf(t->a, "%llu", (unsigned long long)s->ready));
        table_text(t, arena_printf(t->a, "%llu", (unsigned long long)s->leased));
        table_text(t, arena_printf(t->a, "%llu", (unsigned long long)s->slots));
        table_text(t, arena_printf(t->a, "%llu", (unsigned long long)s->workers));
        table_text(t, arena_printf(t->a, "%llu", (unsigned long long)s->wanted));
        table_text(t, s->ready != 0 ? human_span(s->oldest_ms, t->a) : SLICE(""));
    }
}

static int run_scale(struct cli *cli, int argc, char **argv)
{
    const char *function = NULL;
    struct args a = {NULL, 0, &function, 0, 1, 0};
    struct json_builder list = json_build_array(&cli->arena);
    struct stepfleet_scale_page *page;
    struct stepfleet_error error;
    const char *token = "";
    struct table t;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    table_init(&t, &cli->arena, "FUNCTION|LABELS|>READY|>LEASED|>SLOTS|>WORKERS|>WANTED|>WAITING");
    do {
        if (stepfleet_scale(cli->client, function, token, &page, &error) != STEPFLEET_OK) {
            return cli_refused(&error);
        }
        cli_keep(cli, page);
        add_figures(&list, &t, page);
        token = page->next_token;
    } while (token[0] != '\0');
    cli_put_list(cli, "functions", &list, &t);
    return CLI_DONE;
}

const struct command command_scale = {
    .name = "scale",
    .summary = "how many workers each function wants",
    .help = "Usage: stepfleet scale [FUNCTION]\n"
            "\n"
            "Shows, of every function that has tasks, workers or limits, how many tasks wait and\n"
            "run, what slots there are for them, and how many workers are wanted: for what runs,\n"
            "and for what waits as far as the function's limits let it begin, by the slots that a\n"
            "worker of it has on average. Workers that are cordoned or leave do not count.\n"
            "\n"
            "The same over HTTP, for autoscalers: GET /scale/FUNCTION and GET /scale.\n"
            "\n"
            "Examples:\n"
            "  stepfleet scale\n"
            "  stepfleet scale Resize --json | jq '.functions[0].wanted'\n",
    .run = run_scale,
};
