/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet workers: who is there, and what each offers. */
#include "client/cli/commands.h"
#include "client/cli/reply_json.h"
#include "proto/host/clock.h"

static struct slice offers_text(const struct stepfleet_worker *w, struct arena *a)
{
    struct buf b = {0};
    struct slice out;

    for (size_t i = 0; i < w->offer_count; i++) {
        buf_printf(&b, "%s%s", i != 0 ? ", " : "", w->offers[i].function);
        if (w->offers[i].slots != w->slots) {
            buf_printf(&b, " (%u)", w->offers[i].slots);
        }
    }
    out = arena_copy(a, buf_slice(&b));
    buf_fini(&b);
    return out;
}

static const char *status_text(const struct stepfleet_worker *w)
{
    if (w->draining) {
        return "draining"; /* it says so itself: it is about to leave */
    }
    switch (w->cordon) {
    case STEPFLEET_OPEN: break;
    case STEPFLEET_CORDONED: return w->absent ? "cordoned, absent" : "cordoned";
    case STEPFLEET_DRAINED:
        return w->absent ? "drained, absent" : w->leased != 0 ? "being drained" : "drained";
    }
    return "ready";
}

static void put_worker(struct table *t, const struct stepfleet_worker *w)
{
    table_str(t, w->name);
    table_cell(t, slice_str(status_text(w)),
               w->draining || w->cordon != STEPFLEET_OPEN ? STYLE_BUSY : STYLE_GOOD);
    if (w->absent) {
        for (int i = 0; i < 4; i++) {
            table_str(t, "");
        }
        return;
    }
    table_text(t, arena_printf(t->a, "%u/%u", w->leased, w->slots));
    table_text(t, human_span(w->seen_ago_ms, t->a));
    table_text(t, human_time(w->hello_ms, clock_wall_ms(), t->a));
    table_text(t, offers_text(w, t->a));
}

static void put_workers(struct cli *cli, const struct stepfleet_workers *reply)
{
    struct json_builder list = json_build_array(&cli->arena);
    struct table t;

    table_init(&t, &cli->arena, "NAME|STATUS|>BUSY|>HEARD AGO|SINCE|FUNCTIONS");
    for (size_t i = 0; i < reply->count; i++) {
        put_worker(&t, &reply->workers[i]);
        json_push(&list, reply_worker(&reply->workers[i], &cli->arena));
    }
    cli_put_list(cli, "workers", &list, &t);
}

static int run_workers(struct cli *cli, int argc, char **argv)
{
    struct args a = {0};
    struct stepfleet_workers *reply;
    struct stepfleet_error error;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_workers(cli->client, &reply, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, reply);
    put_workers(cli, reply);
    return CLI_DONE;
}

const struct command command_workers = {
    .name = "workers",
    .summary = "who is there, and what each offers",
    .help = "Usage: stepfleet workers\n"
            "\n"
            "Lists the registered workers: how many of its slots each uses, when it was last\n"
            "heard, and which functions it offers (with their slots where it has fewer for one);\n"
            "and those that are cordoned (stepfleet worker cordon), here or not.\n"
            "\n"
            "Examples:\n"
            "  stepfleet workers\n"
            "  stepfleet workers --json | jq '[.workers[].slots] | add'\n",
    .run = run_workers,
};
