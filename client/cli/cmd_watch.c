/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet watch: an execution live, one line a stage. On a terminal the lines are drawn again in
 * place; elsewhere each change is a line of its own. Only what is new is asked for: a long poll
 * says that something happened, and the history is read backwards to where it was read before. */
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client/cli/commands.h"
#include "client/cli/stages.h"
#include "proto/base/limits.h"
#include "proto/host/clock.h"

enum {
    WATCH_TTY_MS = 1000, /* elapsed times and bytes move on a terminal */
    WATCH_LINES_HIDDEN = 3,
};

struct watch {
    struct cli *cli;
    const char *arn;
    struct stages stages;
    struct slice *said; /* without a terminal: what each stage's line was */
    size_t said_count;
    size_t drawn;       /* on a terminal: lines to go up */
    struct arena lines; /* of one showing */
};

/* ---- Reading ---- */

/* The pages newer than what was seen, newest first; kept, since the stages point into them. */
static int read_new(struct watch *w, struct stepfleet_history_page ***pages, size_t *count)
{
    struct stepfleet_history_query q = {
        .execution = w->arn, .reverse = true, .without_data = true, .max_results = LIMIT_PAGE_MAX};
    uint64_t reached = UINT64_MAX;

    *count = 0;
    do {
        struct stepfleet_history_page *page;
        struct stepfleet_error error;
        const struct json_node *last;
        struct err err;
        int64_t id = 0;

        if (stepfleet_execution_history(w->cli->client, &q, &page, &error) != STEPFLEET_OK) {
            return cli_refused(&error);
        }
        cli_keep(w->cli, page);
        *pages = mem_realloc(*pages, (*count + 1) * sizeof(**pages));
        (*pages)[(*count)++] = page;
        if (page->count == 0 || json_parse(cli_slice(page->events[page->count - 1]), &w->cli->arena,
                                           &last, &err) != OK) {
            break;
        }
        (void)json_i64(json_member(last, SLICE("id")), &id);
        reached = (uint64_t)id;
        q.next_token = page->next_token;
    } while (reached > w->stages.seen + 1 && q.next_token[0] != '\0');
    return CLI_DONE;
}

static int apply_new(struct watch *w)
{
    struct stepfleet_history_page **pages = NULL;
    size_t count = 0;
    int rc = read_new(w, &pages, &count);

    for (size_t p = count; p > 0 && rc == CLI_DONE; p--) {
        for (size_t i = pages[p - 1]->count; i > 0; i--) {
            const struct json_node *event;
            struct err err;

            if (json_parse(cli_slice(pages[p - 1]->events[i - 1]), &w->cli->arena, &event, &err) ==
                OK) {
                stages_event(&w->stages, event);
            }
        }
    }
    mem_free(pages);
    return rc;
}

/* ---- Showing ---- */

static struct slice stage_worker(const struct stage *stage, struct arena *a)
{
    return stage->workers > 1 ? arena_printf(a, "%u workers", stage->workers) : stage->worker;
}

static struct slice stage_bytes(uint64_t bytes, struct arena *a)
{
    return bytes != 0 ? human_bytes(bytes, a) : SLICE("");
}

static void put_stage(struct table *t, const struct watch *w, const struct stage *stage)
{
    struct slice status = stage_status(&w->stages, stage, t->a);
    struct slice word = slice_head(status, slice_find(status, ','));
    int64_t now_ms = clock_wall_ms();

    table_text(t, stage->name);
    table_cell(t, status, human_status_style(word));
    table_text(t, stage->attempt != 0 ? arena_printf(t->a, "%u", stage->attempt) : SLICE(""));
    table_text(t, stage_bytes(stage->bytes_in, t->a));
    table_text(t, stage_bytes(stage->bytes_out, t->a));
    table_text(t, human_span(stage_elapsed_ms(stage, now_ms), t->a));
    table_text(t, stage_worker(stage, t->a));
    table_text(t, stage->failure);
}

/* As many of the last stages as the terminal has lines for. */
static size_t first_drawn(const struct watch *w)
{
    struct winsize size;
    size_t room = 0;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > WATCH_LINES_HIDDEN) {
        room = (size_t)size.ws_row - WATCH_LINES_HIDDEN;
    }
    return room != 0 && w->stages.count > room ? w->stages.count - room : 0;
}

static int draw(struct watch *w)
{
    size_t first = first_drawn(w);
    struct table t;

    arena_reset(&w->lines);
    if (w->drawn != 0) {
        buf_printf(&w->cli->out, "\033[%zuA\r\033[J", w->drawn);
    }
    table_init(&t, &w->lines, "STAGE|STATUS|>ATTEMPT|>IN|>OUT|>ELAPSED|WORKER|FAILURE");
    for (size_t i = first; i < w->stages.count; i++) {
        put_stage(&t, w, &w->stages.stages[i]);
    }
    cli_put_table(w->cli, &t);
    w->drawn = w->stages.count - first + 1;
    return cli_flush(w->cli);
}

static void line_add(struct buf *b, const char *name, struct slice text)
{
    if (text.len != 0) {
        buf_printf(b, "  %s%.*s", name, SLICE_FMT(text));
    }
}

/* One line where a stage is not what it was when it was last said. */
static void say_stage(struct watch *w, size_t i)
{
    const struct stage *stage = &w->stages.stages[i];
    struct arena *a = &w->lines;
    struct slice status = stage_status(&w->stages, stage, a);
    struct slice worker = stage_worker(stage, a);
    int64_t now_ms = clock_wall_ms();
    struct slice now = arena_printf(a, "%.*s %u %.*s %.*s", SLICE_FMT(status), stage->attempt,
                                    SLICE_FMT(worker), SLICE_FMT(stage->failure));
    struct buf line = {0};

    if (slice_eq(now, w->said[i])) {
        return;
    }
    w->said[i] = arena_copy(&w->cli->arena, now);
    buf_put_slice(&line, human_time(now_ms, now_ms, a));
    line_add(&line, "", stage->name);
    line_add(&line, "", status);
    line_add(&line, "attempt ",
             stage->attempt != 0 ? arena_printf(a, "%u", stage->attempt) : SLICE(""));
    line_add(&line, "in ", stage_bytes(stage->bytes_in, a));
    line_add(&line, "out ", stage_bytes(stage->bytes_out, a));
    line_add(&line, "", human_span(stage_elapsed_ms(stage, now_ms), a));
    line_add(&line, "", worker);
    line_add(&line, "", stage->failure);
    buf_put_slice(&w->cli->out, table_clean(buf_slice(&line), a));
    buf_put_str(&w->cli->out, "\n");
    buf_fini(&line);
}

static int say(struct watch *w)
{
    size_t count = w->stages.count;

    arena_reset(&w->lines);
    w->said = arena_grow(&w->cli->arena, w->said, w->said_count * sizeof(*w->said),
                         count * sizeof(*w->said));
    for (size_t i = w->said_count; i < count; i++) {
        w->said[i] = SLICE("");
    }
    w->said_count = count;
    for (size_t i = 0; i < count; i++) {
        say_stage(w, i);
    }
    return cli_flush(w->cli);
}

/* ---- The loop ---- */

/* Take in what is new, and show it. */
static int watch_show(struct watch *w, const struct stepfleet_execution *e)
{
    int rc = CLI_DONE;

    if (e->events > w->stages.seen) {
        rc = apply_new(w);
    }
    stages_frames(&w->stages, e->frames, e->frame_count);
    if (rc == CLI_DONE) {
        rc = w->cli->tty ? draw(w) : say(w);
    }
    return rc;
}

/* Wait for news. *open: it goes on. */
static int watch_once(struct watch *w, uint32_t wait_ms, bool *open)
{
    struct stepfleet_execution *e;
    struct stepfleet_error error;
    int rc;

    if (stepfleet_execution_wait(w->cli->client, w->arn, w->stages.seen, wait_ms, &e, &error) !=
        STEPFLEET_OK) {
        return cli_refused(&error);
    }
    rc = watch_show(w, e);
    *open = execution_is_open(e);
    if (rc == CLI_DONE && !*open) {
        cli_keep(w->cli, e);
        return execution_say_end(w->cli, e);
    }
    stepfleet_release(e);
    return rc;
}

static int watch_loop(struct watch *w)
{
    bool open = true;
    int rc = watch_once(w, 0, &open);

    while (rc == CLI_DONE && open) {
        rc = watch_once(w, w->cli->tty ? WATCH_TTY_MS : LIMIT_POLL_MS, &open);
    }
    arena_fini(&w->lines);
    return rc;
}

static int run_watch(struct cli *cli, int argc, char **argv)
{
    const char *given = NULL;
    const char *machine = NULL;
    struct watch w = {.cli = cli};
    const struct arg options[] = {{"--machine", 'm', ARG_TEXT, &machine, 0}};
    struct args a = {options, 1, &given, 1, 1, 0};
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) ||
        (rc = cli_execution(cli, given, machine, &w.arn)) != CLI_DONE) {
        return rc;
    }
    if (cli->json) {
        return execution_await(cli, w.arn);
    }
    stages_init(&w.stages, &cli->arena);
    return watch_loop(&w);
}

const struct command command_watch = {
    .name = "watch",
    .summary = "an execution live, one line a stage",
    .help = "Usage: stepfleet watch EXECUTION [--machine MACHINE]\n"
            "\n"
            "Follows an execution to its end: for each stage its status, attempt, bytes read\n"
            "and written, time, worker and last failure. On a terminal the lines change in\n"
            "place; elsewhere each change is a new line. At the end the output is printed, and\n"
            "the exit code is 1 where it did not succeed. With --json: the execution alone,\n"
            "when it has ended.\n"
            "\n"
            "EXECUTION is an ARN, MACHINE/NAME, or NAME with --machine.\n"
            "\n"
            "Example:\n"
            "  stepfleet watch pipeline/day-1\n",
    .run = run_watch,
};
