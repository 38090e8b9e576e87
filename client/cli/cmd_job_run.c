/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet job run, runs, status, watch and stop. */
#include <stdio.h>

#include "client/cli/commands.h"
#include "client/cli/job_run.h"
#include "client/cli/reply_json.h"
#include "proto/base/limits.h"
#include "proto/host/clock.h"

/* ---- run ---- */

/* "--KEY=VALUE" each, as one JSON object; CLI_DONE or an exit code. */
static int arguments_of(struct cli *cli, const struct arg_list *list, struct stepfleet_bytes *out)
{
    struct json_builder b = json_build_object(&cli->arena);
    struct err err;

    for (size_t i = 0; i < list->count; i++) {
        struct slice item = slice_str(list->items[i]);
        size_t equals = slice_find(item, '=');

        if (equals == item.len || !slice_starts_with(item, SLICE("--")) || equals == 2) {
            (void)err_set(&err, ERR_USAGE, "--arg takes --KEY=VALUE, not \"%.200s\"",
                          list->items[i]);
            return cli_usage(cli, &err);
        }
        json_put(&b, slice_head(item, equals),
                 json_string(&cli->arena, slice_from(item, equals + 1)));
    }
    *out = cli_bytes(json_print(json_built(&b), &cli->arena));
    return CLI_DONE;
}

static void put_started(struct cli *cli, const struct stepfleet_job_started *s)
{
    struct json_builder b = json_build_object(&cli->arena);

    if (!cli->json) {
        buf_printf(&cli->out, "%s\n", s->run);
        return;
    }
    reply_put_text(&b, "jobName", s->job);
    reply_put_text(&b, "jobRunId", s->run);
    reply_put_text(&b, "jobRunState", s->state);
    cli_put_json(cli, json_built(&b));
}

static int run_run(struct cli *cli, int argc, char **argv)
{
    struct stepfleet_job_start start = {0};
    struct arg_list arguments = {.count = 0};
    bool wait = false;
    const struct arg options[] = {
        {"--arg", 'a', ARG_LIST, &arguments, 0},
        {"--id", 0, ARG_TEXT, &start.run, 0},
        {"--workers", 0, ARG_NUMBER, &start.workers, INT32_MAX},
        {"--timeout", 0, ARG_NUMBER, &start.timeout_minutes, LIMIT_JOB_TIMEOUT_MINUTES},
        {"--wait", 0, ARG_FLAG, &wait, 0},
    };
    struct args a = {options, 5, &start.job, 1, 1, 0};
    struct stepfleet_job_started *s;
    struct stepfleet_error error;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) ||
        (rc = arguments_of(cli, &arguments, &start.arguments)) != CLI_DONE ||
        (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_job_run_start(cli->client, &start, &s, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, s);
    if (!wait) {
        put_started(cli, s);
        return CLI_DONE;
    }
    (void)fprintf(stderr, "%s\n", s->run);
    return job_run_await(cli, s->run);
}

const struct command command_job_run = {
    .name = "run",
    .summary = "start a run; --wait for its end",
    .help = "Usage: stepfleet job run NAME [--arg --KEY=VALUE ...] [--workers N]\n"
            "                         [--timeout MINUTES] [--id RUN] [--wait]\n"
            "\n"
            "Starts a run of a job and prints its id. Arguments go over the job's own:\n"
            "--input-bucket, one of --input-key, --input-prefix and --input-manifest,\n"
            "--output-key and, where it is another, --output-bucket; all others are the\n"
            "handler's.\n"
            "\n"
            "  -a, --arg --KEY=VALUE  one argument; as often as there are some\n"
            "  --workers N            attempts at once\n"
            "  --timeout MINUTES      then it ends as TIMEOUT\n"
            "  --id RUN               its id, jr_ and 64 hexadecimal digits: started again\n"
            "                         under it, the same run is answered\n"
            "  --wait                 wait for its end (the id on standard error); exit code 1\n"
            "                         where it did not succeed\n"
            "\n"
            "Example:\n"
            "  stepfleet job run filter --arg --input-bucket=work --arg --input-key=in.jsonl \\\n"
            "    --arg --output-key=out.jsonl --wait\n",
    .run = run_run,
};

/* ---- runs ---- */

static void put_run(struct table *t, const struct stepfleet_job_run *r)
{
    int64_t now_ms = clock_wall_ms();
    int64_t end_ms = r->ended_ms != 0 ? r->ended_ms : now_ms;

    table_str(t, r->run);
    table_cell(t, slice_str(r->state), human_status_style(slice_str(r->state)));
    table_str(t, r->phase);
    table_text(t, arena_printf(t->a, "%u", r->shards));
    table_text(t, human_time(r->created_ms, now_ms, t->a));
    table_text(t, human_span(end_ms - r->created_ms, t->a));
    table_str(t, r->error);
}

/* Pages until there are `limit`. */
static int list_runs(struct cli *cli,
                     const char *job,
                     uint32_t limit,
                     struct table *t,
                     struct json_builder *list)
{
    const char *token = "";
    struct stepfleet_error error;

    do {
        uint32_t most = limit < LIMIT_PAGE_MAX ? limit : LIMIT_PAGE_MAX;
        struct stepfleet_job_run_page *page;

        if (stepfleet_job_run_list(cli->client, job, most, token, &page, &error) != STEPFLEET_OK) {
            return cli_refused(&error);
        }
        for (size_t i = 0; i < page->count; i++) {
            json_push(list, reply_job_run(&page->runs[i], t->a));
            put_run(t, &page->runs[i]);
        }
        limit -= (uint32_t)page->count;
        token = page->next_token;
        cli_keep(cli, page);
    } while (token[0] != '\0' && limit > 0);
    return CLI_DONE;
}

static int run_runs(struct cli *cli, int argc, char **argv)
{
    const char *job = NULL;
    uint32_t limit = 20;
    const struct arg options[] = {{"--limit", 'n', ARG_NUMBER, &limit, INT32_MAX}};
    struct args a = {options, 1, &job, 1, 1, 0};
    struct json_builder list = json_build_array(&cli->arena);
    struct table t;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    table_init(&t, &cli->arena, "RUN|STATE|PHASE|>SHARDS|STARTED|>TIME|ERROR");
    rc = list_runs(cli, job, limit, &t, &list);
    if (rc != CLI_DONE) {
        return rc;
    }
    cli_put_list(cli, "jobRuns", &list, &t);
    return CLI_DONE;
}

const struct command command_job_runs = {
    .name = "runs",
    .summary = "runs of a job, newest first",
    .help = "Usage: stepfleet job runs NAME [--limit N]\n"
            "\n"
            "Lists the runs of a job, newest first.\n"
            "\n"
            "  -n, --limit N  so many (20)\n"
            "\n"
            "Example:\n"
            "  stepfleet job runs filter --json | jq '.jobRuns[0].jobRunState'\n",
    .run = run_runs,
};

/* ---- status ---- */

/* "MAP", "1" -> 1; false: it is none. */
static bool phase_number(const char *text, uint32_t *out)
{
    static const char *const names[] = {"PLAN", "MAP", "REDUCE", "JOIN", "CLEAN"};

    for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static void put_attempts(struct cli *cli, const struct stepfleet_job_run *r)
{
    struct table t;

    if (r->attempt_count == 0) {
        return;
    }
    table_init(&t, &cli->arena, ">PIECE|WORKER|>TIME|>IN|>OUT|NOTE");
    for (size_t i = 0; i < r->attempt_count; i++) {
        const struct stepfleet_job_attempt *at = &r->attempts[i];

        table_text(&t, arena_printf(t.a, "%u%s", at->piece, at->speculative ? "+" : ""));
        table_str(&t, at->worker);
        table_text(&t, human_span(clock_wall_ms() - at->started_ms, t.a));
        table_text(&t, human_bytes(at->bytes_in, t.a));
        table_text(&t, human_bytes(at->bytes_out, t.a));
        table_text(&t, cli_slice(at->note));
    }
    buf_put_str(&cli->out, "\n");
    cli_put_table(cli, &t);
}

static void put_piece(struct table *t, const struct stepfleet_job_piece *p)
{
    bool done = p->result.phase[0] != '\0';

    table_text(t, arena_printf(t->a, "%u", p->piece));
    table_cell(t, slice_str(p->status), human_status_style(slice_str(p->status)));
    table_text(t, arena_printf(t->a, "%u", p->failures));
    table_text(t, arena_printf(t->a, "%u", p->losses));
    table_text(t, p->took_ms != 0 ? human_span(p->took_ms, t->a) : SLICE(""));
    table_text(t, done ? human_bytes(p->result.bytes_in, t->a) : SLICE(""));
    table_text(t, done ? human_bytes(p->result.bytes_out, t->a) : SLICE(""));
    table_str(t, p->attempt_count != 0 ? p->attempts[0].worker : p->worker);
    table_str(t, p->attempt_count > 1 ? p->attempts[1].worker : "");
}

static void put_pieces(struct cli *cli, const struct stepfleet_job_run *r)
{
    struct table t;

    if (r->piece_count != 0) {
        table_init(&t, &cli->arena, ">PIECE|STATUS|>FAILED|>LOST|>TIME|>IN|>OUT|WORKER|AND");
        for (size_t i = 0; i < r->piece_count; i++) {
            put_piece(&t, &r->piece_states[i]);
        }
        buf_put_str(&cli->out, "\n");
        cli_put_table(cli, &t);
    }
    if (r->next_piece != 0) {
        buf_printf(&cli->out, "\nmore: --from %u\n", r->next_piece);
    }
}

/* What did not go as it should have, over all phases. */
static void put_troubles(struct cli *cli, const struct stepfleet_job_run *r)
{
    if (r->failures != 0 || r->losses != 0 || r->speculated != 0) {
        cli_put_field(cli, "attempts",
                      arena_printf(&cli->arena, "%u failed, %u lost, %u tried twice (%.*s)",
                                   r->failures, r->losses, r->speculated,
                                   SLICE_FMT(human_bytes(r->bytes_extra, &cli->arena))),
                      STYLE_PLAIN);
    }
}

static void put_phase(struct cli *cli, const struct stepfleet_job_phase *p)
{
    struct arena *a = &cli->arena;

    cli_put_field(cli, p->phase,
                  arena_printf(a, "%llu records in, %llu out, %llu rejected; %.*s in, %.*s out",
                               (unsigned long long)p->records_in,
                               (unsigned long long)p->records_out, (unsigned long long)p->rejected,
                               SLICE_FMT(human_bytes(p->bytes_in, a)),
                               SLICE_FMT(human_bytes(p->bytes_out, a))),
                  STYLE_PLAIN);
}

static void put_status(struct cli *cli, const struct stepfleet_job_run *r)
{
    struct arena *a = &cli->arena;
    int64_t now_ms = clock_wall_ms();
    int64_t end_ms = r->ended_ms != 0 ? r->ended_ms : now_ms;
    const struct job_pace unknown = {0};

    cli_put_field(cli, "run", slice_str(r->run), STYLE_TITLE);
    cli_put_field(cli, "job", slice_str(r->job), STYLE_PLAIN);
    cli_put_field(cli, "state", slice_str(r->state), human_status_style(slice_str(r->state)));
    cli_put_field(cli, "phase", slice_str(r->phase), STYLE_PLAIN);
    cli_put_field(cli, "error", slice_str(r->error), STYLE_BAD);
    cli_put_field(cli, "cause", cli_slice(r->cause), STYLE_PLAIN);
    cli_put_field(cli, "started", human_time(r->created_ms, now_ms, a), STYLE_PLAIN);
    cli_put_field(cli, "time", human_span(end_ms - r->created_ms, a), STYLE_PLAIN);
    if (r->pieces != 0) {
        cli_put_field(cli, "progress", job_run_line(&unknown, r, a), STYLE_PLAIN);
    }
    put_troubles(cli, r);
    for (size_t i = 0; i < r->phase_count; i++) {
        put_phase(cli, &r->phases[i]);
    }
    for (size_t i = 0; i < r->counter_count; i++) {
        cli_put_field(cli, r->counters[i].name,
                      arena_printf(a, "%llu", (unsigned long long)r->counters[i].value),
                      STYLE_PLAIN);
    }
    put_attempts(cli, r);
    put_pieces(cli, r);
}

static int run_status(struct cli *cli, int argc, char **argv)
{
    struct stepfleet_job_run_query query = {.max_pieces = 0};
    const char *phase = NULL;
    uint32_t from = 0;
    const struct arg options[] = {
        {"--pieces", 0, ARG_TEXT, &phase, 0},
        {"--from", 0, ARG_NUMBER, &from, LIMIT_JOB_PIECES},
    };
    struct args a = {options, 2, &query.run, 1, 1, 0};
    struct stepfleet_job_run *r;
    struct stepfleet_error error;
    struct err err;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc)) {
        return rc;
    }
    if (phase != NULL && !phase_number(phase, &query.phase)) {
        (void)err_set(&err, ERR_USAGE, "--pieces takes PLAN, MAP, REDUCE, JOIN or CLEAN");
        return cli_usage(cli, &err);
    }
    query.max_pieces = phase != NULL ? LIMIT_PAGE_DEFAULT : 0;
    query.from_piece = from;
    if ((rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_job_run_describe(cli->client, &query, &r, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, r);
    if (cli->json) {
        cli_put_json(cli, reply_job_run(r, &cli->arena));
    } else {
        put_status(cli, r);
    }
    return CLI_DONE;
}

const struct command command_job_status = {
    .name = "status",
    .summary = "one run: how far it is, who is at it",
    .help = "Usage: stepfleet job status RUN [--pieces PHASE [--from N]]\n"
            "\n"
            "Shows a run: its state and phase, what its phases did, and its live attempts (a\n"
            "piece with a + is tried a second time).\n"
            "\n"
            "  --pieces PHASE  a hundred pieces of PLAN, MAP, REDUCE, JOIN or CLEAN, too: who\n"
            "                  did or does each, how often it failed or was lost before, and\n"
            "                  what it read and wrote; up to an hour after the run's end\n"
            "  --from N        from that piece on\n"
            "\n"
            "Example:\n"
            "  stepfleet job status jr_... --json | jq .progress\n",
    .run = run_status,
};

/* ---- watch ---- */

enum { WATCH_MS = 1000 };

static int
watch_show(struct cli *cli, const struct job_pace *pace, const struct stepfleet_job_run *r)
{
    struct arena a = {0};
    struct slice line = job_run_line(pace, r, &a);

    if (cli->tty) {
        size_t most = cli->width > 1 ? cli->width - 1 : line.len;

        buf_printf(&cli->out, "\r\033[K%.*s", SLICE_FMT(slice_head(line, most)));
    } else {
        buf_printf(&cli->out, "%.*s\n", SLICE_FMT(line));
    }
    arena_fini(&a);
    return cli_flush(cli);
}

static int watch_end(struct cli *cli, struct stepfleet_job_run *r)
{
    if (cli->tty) {
        buf_put_str(&cli->out, "\r\033[K");
    }
    cli_keep(cli, r);
    return job_run_say_end(cli, r);
}

static int watch(struct cli *cli, const char *run)
{
    struct job_pace pace = {0};
    struct stepfleet_job_run *before = NULL; /* the pace points to its phase */
    int rc = CLI_DONE;

    while (rc == CLI_DONE) {
        struct stepfleet_job_run *r;
        struct stepfleet_error error;

        if (stepfleet_job_run_wait(cli->client, run, before != NULL ? WATCH_MS : 1, &r, &error) !=
            STEPFLEET_OK) {
            rc = cli_refused(&error);
            break;
        }
        job_pace_look(&pace, r, clock_mono_ms());
        stepfleet_release(before);
        before = r;
        if (!job_run_is_open(r)) {
            return watch_end(cli, r);
        }
        rc = watch_show(cli, &pace, r);
    }
    stepfleet_release(before);
    return rc;
}

static int run_watch(struct cli *cli, int argc, char **argv)
{
    const char *run = NULL;
    struct args a = {NULL, 0, &run, 1, 1, 0};
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    return cli->json ? job_run_await(cli, run) : watch(cli, run);
}

const struct command command_job_watch = {
    .name = "watch",
    .summary = "a run live, to its end",
    .help = "Usage: stepfleet job watch RUN\n"
            "\n"
            "Follows a run to its end, a line a second: its state and phase, how many pieces\n"
            "are done, run, have failed and are tried twice, how many bytes a second it reads,\n"
            "and what the phase still takes at that pace. On a terminal the line changes in\n"
            "place. With --json it is silent, and the run is one document at its end. Exit\n"
            "code 1 where it did not succeed.\n"
            "\n"
            "Example:\n"
            "  stepfleet job watch $(stepfleet job run filter)\n",
    .run = run_watch,
};

/* ---- stop ---- */

static int run_stop(struct cli *cli, int argc, char **argv)
{
    const char *run = NULL;
    struct args a = {NULL, 0, &run, 1, 1, 0};
    struct stepfleet_job_started *s;
    struct stepfleet_error error;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_job_run_stop(cli->client, run, &s, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, s);
    if (cli->json) {
        put_started(cli, s);
    } else {
        buf_printf(&cli->out, "%s\n", s->state);
    }
    return CLI_DONE;
}

const struct command command_job_stop = {
    .name = "stop",
    .summary = "end a run",
    .help = "Usage: stepfleet job stop RUN\n"
            "\n"
            "Ends a run as STOPPED and prints its state. Where its output is being committed\n"
            "at that moment it is STOPPING, and may yet succeed. One that has ended stays as it\n"
            "ended.\n"
            "\n"
            "Example:\n"
            "  stepfleet job stop jr_...\n",
    .run = run_stop,
};
