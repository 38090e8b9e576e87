/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet health: how the coordinator is. */
#include "client/cli/commands.h"
#include "client/cli/reply_json.h"
#include "proto/base/text.h"

static void put_number(struct cli *cli, const char *name, uint64_t number)
{
    cli_put_field(cli, name, arena_printf(&cli->arena, "%llu", (unsigned long long)number),
                  STYLE_PLAIN);
}

/* What is only said where it is not as it should be. */
static void put_trouble(struct cli *cli, const char *name, uint64_t number)
{
    if (number != 0) {
        cli_put_field(cli, name, arena_printf(&cli->arena, "%llu", (unsigned long long)number),
                      STYLE_BAD);
    }
}

static void put_disk(struct cli *cli, const struct stepfleet_health *h)
{
    if (h->disk_size_bytes != 0) {
        cli_put_field(cli, "disk free",
                      arena_printf(&cli->arena, "%.*s of %.*s",
                                   SLICE_FMT(human_bytes(h->disk_free_bytes, &cli->arena)),
                                   SLICE_FMT(human_bytes(h->disk_size_bytes, &cli->arena))),
                      h->disk_free_bytes < h->disk_size_bytes / 10 ? STYLE_BAD : STYLE_PLAIN);
    }
    if (h->short_of_disk) {
        cli_put_field(cli, "nothing new",
                      arena_printf(&cli->arena,
                                   "is taken on: %.*s of the disk are kept for what runs; %llu "
                                   "requests were refused",
                                   SLICE_FMT(human_bytes(h->disk_reserve_bytes, &cli->arena)),
                                   (unsigned long long)h->refused_for_disk),
                      STYLE_BAD);
    }
}

/* What a restoring lost. */
static void put_origin(struct cli *cli, const struct stepfleet_health *h)
{
    struct arena *a = &cli->arena;

    if (h->restored_name[0] != '\0') {
        cli_put_field(cli, "restored",
                      arena_printf(a,
                                   "%.*s from the backup %s: what was acknowledged after %.*s is "
                                   "gone; %llu executions ran then",
                                   SLICE_FMT(text_time(h->restored_ms, a)), h->restored_name,
                                   SLICE_FMT(text_time(h->restored_made_ms, a)),
                                   (unsigned long long)h->restored_executions),
                      STYLE_PLAIN);
    }
}

static void put_health(struct cli *cli, const struct stepfleet_health *h)
{
    struct slice where =
        slice_str(h->objects_root[0] != '\0' ? h->objects_root : h->objects_endpoint);

    cli_put_field(cli, "at", slice_str(stepfleet_coordinator(cli->client)), STYLE_PLAIN);
    cli_put_field(cli, "software", slice_str(h->software), STYLE_PLAIN);
    cli_put_field(cli, "up", human_span(h->up_ms, &cli->arena), STYLE_PLAIN);
    cli_put_field(cli, "account", slice_str(h->account), STYLE_PLAIN);
    cli_put_field(cli, "region", slice_str(h->region), STYLE_PLAIN);
    cli_put_field(cli, "objects", where.len != 0 ? where : SLICE("nowhere"), STYLE_PLAIN);
    put_disk(cli, h);
    put_origin(cli, h);
    put_number(cli, "running", h->open_executions);
    put_number(cli, "workers", h->workers);
    put_number(cli, "slots", h->slots);
    put_number(cli, "ready", h->ready_tasks);
    put_trouble(cli, "unoffered", h->unoffered_tasks);
    put_number(cli, "leased", h->leased_tasks);
    put_trouble(cli, "in dead-letter queues", h->dead_letters);
    put_trouble(cli, "stalls", h->stalls);
    put_number(cli, "in memory", h->hot_executions);
    put_number(cli, "batches", h->batches);
    put_number(cli, "moves", h->transitions);
    put_number(cli, "expired", h->expired);
    if (h->archived != 0) {
        put_number(cli, "archived", h->archived);
    }
    put_number(cli, "events waiting", h->deliveries_waiting);
    if (h->events_buried != 0) {
        put_number(cli, "dead letters", h->events_buried);
    }
    put_trouble(cli, "events lost", h->events_lost);
    if (h->archive_problem[0] != '\0') {
        cli_put_field(cli, "archive", slice_str(h->archive_problem), STYLE_BAD);
    }
}

static int run_health(struct cli *cli, int argc, char **argv)
{
    struct args a = {0};
    struct stepfleet_health *h;
    struct stepfleet_error error;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_health(cli->client, &h, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, h);
    if (cli->json) {
        cli_put_json(cli, reply_health(h, &cli->arena));
    } else {
        put_health(cli, h);
    }
    return CLI_DONE;
}

const struct command command_health = {
    .name = "health",
    .summary = "how the coordinator is",
    .help =
        "Usage: stepfleet health\n"
        "\n"
        "Says where the coordinator is, how long it is up, how full its disk is, from which\n"
        "backup its database was restored (what was acknowledged after it is gone), how many\n"
        "executions run, workers and slots there are, how many tasks are ready (wait for a\n"
        "worker) and leased (are being done); where there are any, how many of the ready ones\n"
        "no worker offers the function of (unoffered), how many messages lie in dead-letter\n"
        "queues, how often its loop stood still (stalls); how many executions are in memory,\n"
        "how many batches it wrote and how many state transitions (moves) it made; how many\n"
        "executions went as they had been over for as long as they are kept (expired), and,\n"
        "where they are archived before, what is wrong with that; how many events wait for a\n"
        "target of a rule, became dead letters since the start, or were lost, as there was no\n"
        "dead-letter queue. --json has the database's figures too. Exit code 4 where it cannot\n"
        "be reached.\n"
        "\n"
        "Examples:\n"
        "  stepfleet health\n"
        "  stepfleet health --json | jq .readyTasks\n",
    .run = run_health,
};
