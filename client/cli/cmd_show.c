/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet show: one execution, and what each of its open frames waits for and why. */
#include "client/cli/commands.h"
#include "client/cli/frames.h"
#include "client/cli/reply_json.h"
#include "proto/host/clock.h"

enum { FRAME_LINES = 20 };

static struct slice frame_why(const struct stepfleet_frame *f, struct arena *a)
{
    struct slice why = slice_str(f->waits_for);

    if (why.len == 0 && f->function[0] != '\0' && f->workers_offering == 0) {
        why = arena_printf(a, "no worker offers %s", f->function);
    }
    if (f->note[0] != '\0') {
        why = arena_printf(a, "%.*s%s%s", SLICE_FMT(why), why.len != 0 ? "; " : "", f->note);
    }
    return why;
}

/* "  [3] Stage1": below the state it belongs to, with its branch or iteration. */
static struct slice frame_name(const struct frame_line *line, struct arena *a)
{
    const struct stepfleet_frame *f = line->frame;

    return f->parent == 0
               ? slice_str(f->state)
               : arena_printf(a, "%*s[%u] %s", (int)line->depth * 2, "", f->index, f->state);
}

static void put_frame(struct table *t, const struct frame_line *line, int64_t now_ms)
{
    const struct stepfleet_frame *f = line->frame;
    struct arena *a = t->a;
    bool stuck = f->function[0] != '\0' && f->workers_offering == 0 && f->worker[0] == '\0';

    table_text(t, frame_name(line, a));
    table_cell(t, slice_str(f->status), stuck ? STYLE_BAD : STYLE_BUSY);
    table_text(t, human_span(now_ms - f->entered_ms, a));
    table_text(t, f->attempt != 0 ? arena_printf(a, "%u", f->attempt) : SLICE(""));
    table_str(t, f->worker);
    table_text(t, f->bytes_in != 0 ? human_bytes(f->bytes_in, a) : SLICE(""));
    table_text(t, f->bytes_out != 0 ? human_bytes(f->bytes_out, a) : SLICE(""));
    table_text(t, frame_why(f, a));
}

static void put_frames(struct cli *cli, const struct stepfleet_execution *e)
{
    struct frame_line lines[FRAME_LINES];
    int64_t now_ms = clock_wall_ms();
    size_t shown;
    struct table t;

    if (e->frame_count == 0) {
        return;
    }
    shown = frames_tree(e->frames, e->frame_count, FRAME_LINES, &cli->arena, lines);
    table_init(&t, &cli->arena, "STATE|STATUS|>FOR|>ATTEMPT|WORKER|>IN|>OUT|WAITS FOR");
    for (size_t i = 0; i < shown; i++) {
        put_frame(&t, &lines[i], now_ms);
    }
    buf_put_str(&cli->out, "\n");
    cli_put_table(cli, &t);
    if (e->frames_in_all > shown) {
        buf_printf(&cli->out, "... %llu more\n", (unsigned long long)(e->frames_in_all - shown));
    }
}

static void put_redrive(struct cli *cli, const struct stepfleet_execution *e)
{
    struct arena *a = &cli->arena;
    struct slice s = slice_str(e->redrive_status);

    if (e->redrive_count != 0) {
        s = arena_printf(a, "%.*s, redriven %u times, last %.*s", SLICE_FMT(s), e->redrive_count,
                         SLICE_FMT(human_time(e->redrive_ms, clock_wall_ms(), a)));
    }
    if (e->redrive_reason[0] != '\0') {
        s = arena_printf(a, "%.*s (%s)", SLICE_FMT(s), e->redrive_reason);
    }
    cli_put_field(cli, "redrive", s, STYLE_PLAIN);
}

static void put_execution(struct cli *cli, const struct stepfleet_execution *e)
{
    struct arena *a = &cli->arena;
    int64_t now_ms = clock_wall_ms();
    int64_t end_ms = e->stop_ms != 0 ? e->stop_ms : now_ms;
    struct slice status = slice_str(e->status);

    cli_put_field(cli, "execution", slice_str(e->execution_arn), STYLE_PLAIN);
    cli_put_field(cli, "status", status, human_status_style(status));
    cli_put_field(cli, "started", human_time(e->start_ms, now_ms, a), STYLE_PLAIN);
    cli_put_field(cli, "stopped", human_time(e->stop_ms, now_ms, a), STYLE_PLAIN);
    cli_put_field(cli, "took", human_span(end_ms - e->start_ms, a), STYLE_PLAIN);
    cli_put_field(cli, "events", arena_printf(a, "%llu", (unsigned long long)e->events),
                  STYLE_PLAIN);
    cli_put_field(cli, "input", cli_slice(e->input), STYLE_PLAIN);
    cli_put_field(cli, "output", cli_slice(e->output), STYLE_PLAIN);
    cli_put_field(cli, "error", slice_str(e->error), STYLE_BAD);
    cli_put_field(cli, "cause", cli_slice(e->cause), STYLE_PLAIN);
    put_redrive(cli, e);
    put_frames(cli, e);
}

static int run_show(struct cli *cli, int argc, char **argv)
{
    const char *given = NULL;
    const char *machine = NULL;
    const char *arn;
    const struct arg options[] = {{"--machine", 'm', ARG_TEXT, &machine, 0}};
    struct args a = {options, 1, &given, 1, 1, 0};
    struct stepfleet_execution *e;
    struct stepfleet_error error;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) ||
        (rc = cli_execution(cli, given, machine, &arn)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_execution_describe(cli->client, arn, &e, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, e);
    if (cli->json) {
        cli_put_json(cli, reply_execution(e, &cli->arena));
    } else {
        put_execution(cli, e);
    }
    return CLI_DONE;
}

const struct command command_show = {
    .name = "show",
    .summary = "one execution, and what it waits for and why",
    .help = "Usage: stepfleet show EXECUTION [--machine MACHINE]\n"
            "\n"
            "Shows an execution: status, input, output or error, and for each open state what\n"
            "it does or waits for (a free worker, a worker that offers the function at all, a\n"
            "retry's delay, ...), which attempt it is, on which worker, and how far it is.\n"
            "Branches and iterations stand below their state, with their number; of many,\n"
            "the first 20 lines.\n"
            "\n"
            "EXECUTION is an ARN, MACHINE/NAME, or NAME with --machine.\n"
            "\n"
            "Examples:\n"
            "  stepfleet show pipeline/day-1\n"
            "  stepfleet show pipeline/day-1 --json | jq '.frames[].waitsFor'\n",
    .run = run_show,
};
