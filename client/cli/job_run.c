/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/job_run.h"

#include <stdio.h>

#include "client/cli/reply_json.h"
#include "proto/base/limits.h"

/* ---- pace ---- */

/* The newest look counts half: what a fleet does in a second varies. */
static const double pace_newest = 0.5;

static double pace_mix(double before, double now)
{
    return before > 0 ? before * (1 - pace_newest) + now * pace_newest : now;
}

void job_pace_look(struct job_pace *p, const struct stepfleet_job_run *r, int64_t now_ms)
{
    bool same = p->phase != NULL && strcmp(p->phase, r->phase) == 0;
    double seconds = (double)(now_ms - p->at_ms) / 1000;

    if (!same) {
        *p = (struct job_pace){.phase = r->phase};
    } else if (seconds <= 0) {
        return;
    } else {
        uint64_t bytes = r->bytes_done > p->bytes ? r->bytes_done - p->bytes : 0;
        uint32_t done = r->done > p->done ? r->done - p->done : 0;

        p->bytes_a_second = pace_mix(p->bytes_a_second, (double)bytes / seconds);
        p->pieces_a_second = pace_mix(p->pieces_a_second, (double)done / seconds);
    }
    p->phase = r->phase;
    p->at_ms = now_ms;
    p->bytes = r->bytes_done;
    p->done = r->done;
}

int64_t job_pace_left_ms(const struct job_pace *p, const struct stepfleet_job_run *r)
{
    uint64_t bytes = r->bytes_all > r->bytes_done ? r->bytes_all - r->bytes_done : 0;
    double seconds;

    if (r->bytes_all != 0 && p->bytes_a_second > 0) {
        seconds = (double)bytes / p->bytes_a_second;
    } else if (r->pieces > r->done && p->pieces_a_second > 0) {
        seconds = (double)(r->pieces - r->done) / p->pieces_a_second;
    } else {
        return -1;
    }
    return seconds < 1e9 ? (int64_t)(seconds * 1000) : -1;
}

static void put_count(struct buf *b, uint32_t count, const char *what)
{
    if (count != 0) {
        buf_printf(b, ", %u %s", count, what);
    }
}

struct slice
job_run_line(const struct job_pace *p, const struct stepfleet_job_run *r, struct arena *a)
{
    int64_t left_ms = job_pace_left_ms(p, r);
    struct buf b = {0};
    struct slice line;

    buf_printf(&b, "%s %s  %u of %u done", r->state, r->phase, r->done, r->pieces);
    put_count(&b, r->live, "running");
    put_count(&b, r->failures, "failed");
    put_count(&b, r->losses, "lost");
    put_count(&b, r->speculated, "tried twice");
    if (p->bytes_a_second >= 1) {
        buf_printf(&b, "  %.*s/s", SLICE_FMT(human_bytes((uint64_t)p->bytes_a_second, a)));
    }
    if (left_ms >= 0) {
        buf_printf(&b, "  %.*s left", SLICE_FMT(human_span(left_ms, a)));
    }
    if (r->missing[0] != '\0') {
        buf_printf(&b, "  no worker offers %s", r->missing);
    }
    line = table_clean(arena_copy(a, buf_slice(&b)), a);
    buf_fini(&b);
    return line;
}

/* ---- ends ---- */

bool job_run_is_open(const struct stepfleet_job_run *r)
{
    return r->ended_ms == 0;
}

/* The first phase that read records and the last that wrote some. */
static void put_done(struct cli *cli, const struct stepfleet_job_run *r)
{
    const struct stepfleet_job_phase none = {0};
    const struct stepfleet_job_phase *map = &none;
    const struct stepfleet_job_phase *out = &none;

    for (size_t i = 0; i < r->phase_count; i++) {
        if (strcmp(r->phases[i].phase, "MAP") == 0) {
            map = &r->phases[i];
            out = &r->phases[i];
        } else if (strcmp(r->phases[i].phase, "REDUCE") == 0) {
            out = &r->phases[i];
        }
    }
    buf_printf(&cli->out,
               "%s  %u shards, %llu records (%.*s) in, %llu records (%.*s) out, %llu rejected\n",
               r->state, r->shards, (unsigned long long)map->records_in,
               SLICE_FMT(human_bytes(map->bytes_in, &cli->arena)),
               (unsigned long long)out->records_out,
               SLICE_FMT(human_bytes(out->bytes_out, &cli->arena)),
               (unsigned long long)(map->rejected + (out != map ? out->rejected : 0)));
}

int job_run_say_end(struct cli *cli, const struct stepfleet_job_run *r)
{
    bool succeeded = strcmp(r->state, "SUCCEEDED") == 0;

    if (cli->json) {
        cli_put_json(cli, reply_job_run(r, &cli->arena));
    } else if (succeeded) {
        put_done(cli, r);
    } else {
        struct slice error = table_clean(slice_str(r->error), &cli->arena);
        struct slice cause = table_clean(cli_slice(r->cause), &cli->arena);

        (void)fprintf(stderr, "stepfleet: %s%s%.*s%s%.*s\n", r->state, error.len != 0 ? ": " : "",
                      SLICE_FMT(error), cause.len != 0 ? ": " : "", SLICE_FMT(cause));
    }
    return succeeded ? CLI_DONE : CLI_FAILED;
}

int job_run_await(struct cli *cli, const char *run)
{
    for (;;) {
        struct stepfleet_job_run *r;
        struct stepfleet_error error;

        if (stepfleet_job_run_wait(cli->client, run, LIMIT_POLL_MS, &r, &error) != STEPFLEET_OK) {
            return cli_refused(&error);
        }
        if (!job_run_is_open(r)) {
            cli_keep(cli, r);
            return job_run_say_end(cli, r);
        }
        stepfleet_release(r);
    }
}
