/* SPDX-License-Identifier: Apache-2.0 */
/* A run as a whole: how it is made, how it goes from phase to phase, and how it ends. The drawings
 * of both machines are in row.h. Whatever the end, it is recorded before anything is cleaned up. */
#include "coordinator/job/internal.h"
#include "coordinator/job/speculation.h"

#include <assert.h>

#include "proto/base/sm.h"

#define ENDS (SM(JOB_FAILED) | SM(JOB_TIMEOUT) | SM(JOB_ERROR))
static const struct sm_state run_states[] = {
    [JOB_WAITING] = {"WAITING", SM(JOB_STARTING) | SM(JOB_STOPPED)},
    [JOB_STARTING] = {"STARTING", SM(JOB_RUNNING) | SM(JOB_STOPPED) | ENDS},
    [JOB_RUNNING] = {"RUNNING", SM(JOB_STOPPING) | SM(JOB_STOPPED) | SM(JOB_SUCCEEDED) | ENDS},
    [JOB_STOPPING] = {"STOPPING", SM(JOB_STOPPED) | SM(JOB_SUCCEEDED)},
    [JOB_STOPPED] = {"STOPPED", 0},
    [JOB_SUCCEEDED] = {"SUCCEEDED", 0},
    [JOB_FAILED] = {"FAILED", 0},
    [JOB_TIMEOUT] = {"TIMEOUT", 0},
    [JOB_ERROR] = {"ERROR", 0},
};
#undef ENDS

static const struct sm_state run_phases[] = {
    [JOB_PLAN] = {"PLAN", SM(JOB_MAP) | SM(JOB_JOIN) | SM(JOB_CLEAN) | SM(JOB_OVER)},
    [JOB_MAP] = {"MAP", SM(JOB_REDUCE) | SM(JOB_JOIN) | SM(JOB_CLEAN)},
    [JOB_REDUCE] = {"REDUCE", SM(JOB_JOIN) | SM(JOB_CLEAN)},
    [JOB_JOIN] = {"JOIN", SM(JOB_CLEAN)},
    [JOB_CLEAN] = {"CLEAN", SM(JOB_OVER)},
    [JOB_OVER] = {"OVER", 0},
};

const char *job_state_name(enum job_state state)
{
    return run_states[state].name;
}

const char *job_phase_name(enum job_phase phase)
{
    return run_phases[phase].name;
}

/* ---- Life ---- */

struct job_run_settings job_run_settings_of(const struct job_definition *d,
                                            uint32_t timeout_minutes,
                                            uint32_t workers,
                                            int64_t clean_again_ms)
{
    return (struct job_run_settings){
        .workers = workers,
        .timeout_ms = (int64_t)timeout_minutes * 60000,
        .retry = d->retry,
        .bad_records = d->bad_records,
        .speculate = d->speculate,
        .shuffle = d->shuffle.kind != JOB_SHUFFLE_NONE,
        .partitions = d->shuffle.partitions,
        .clean_again_ms = clean_again_ms,
    };
}

struct job_run *job_run_new(const struct job_run_settings *settings, int64_t now_ms)
{
    struct job_run *r = mem_zalloc(1, sizeof(*r));

    r->settings = *settings;
    r->header =
        (struct job_run_header){.state = JOB_WAITING, .phase = JOB_PLAN, .created_ms = now_ms};
    arena_init(&r->texts);
    list_init(&r->live);
    list_init(&r->spare);
    list_init(&r->avoided);
    list_init(&r->refused);
    return r;
}

void job_run_free(struct job_run *r)
{
    struct list *node;

    if (r == NULL) {
        return;
    }
    list_splice(&r->spare, &r->live);
    while ((node = list_pop_front(&r->spare)) != NULL) {
        mem_free(container_of(node, struct job_attempt, link));
    }
    workers_fini(r);
    hash_fini(&r->tokens);
    heap_fini(&r->waiting);
    heap_fini(&r->suspects);
    arena_fini(&r->texts);
    mem_free(r->pieces);
    mem_free(r->cancels);
    mem_free(r->names_avoided);
    mem_free(r);
}

void run_outcome_begin(struct job_run *r, struct job_outcome *out)
{
    *out = (struct job_outcome){.stale = false};
    r->cancel_count = 0;
}

void run_outcome_end(const struct job_run *r, struct job_outcome *out)
{
    out->cancels = r->cancels;
    out->cancel_count = r->cancel_count;
}

void run_state_move(struct job_run *r, enum job_state state, struct job_outcome *out)
{
    r->header.state = (enum job_state)sm_move(run_states, r->header.state, state);
    out->header = true;
    out->ended = job_state_is_end(state);
}

/* ---- Sums ---- */

static struct job_counter *sum_counter(struct job_run *r, struct job_sum *sum, struct slice name)
{
    for (size_t i = 0; i < sum->result.counter_count; i++) {
        if (slice_eq(sum->counters[i].name, name)) {
            return &sum->counters[i];
        }
    }
    if (sum->result.counter_count == LIMIT_JOB_COUNTERS || name.len > LIMIT_JOB_COUNTER_BYTES) {
        return NULL;
    }
    sum->counters[sum->result.counter_count].name = arena_copy(&r->texts, name);
    return &sum->counters[sum->result.counter_count++];
}

void run_sum_add(struct job_run *r, struct job_sum *sum, const struct job_result *more)
{
    sum->result.bytes_in += more->bytes_in;
    sum->result.bytes_out += more->bytes_out;
    sum->result.records_in += more->records_in;
    sum->result.records_out += more->records_out;
    sum->result.rejected += more->rejected;
    for (size_t i = 0; i < more->counter_count; i++) {
        struct job_counter *c = sum_counter(r, sum, more->counters[i].name);

        if (c != NULL) {
            c->value += more->counters[i].value;
        }
    }
    sum->result.counters = sum->counters;
}

/* The phase's sums become what the header says of it. */
static void run_sum_settle(struct job_run *r)
{
    struct job_result *done = &r->header.done[r->header.phase];

    run_sum_add(r, &r->settled, &r->sum.result);
    *done = r->sum.result;
    done->counters = NULL;
    done->counter_count = 0;
    r->header.counters = r->settled.counters;
    r->header.counter_count = r->settled.result.counter_count;
    r->header.failures += r->failures;
    r->header.losses += r->losses;
    r->header.speculated += r->speculated;
    r->header.extra += r->extra;
    memset(&r->sum, 0, sizeof(r->sum));
}

struct slice run_rejects_too_many(struct job_run *r, bool end)
{
    const struct job_bad_record_settings *b = &r->settings.bad_records;
    bool map = r->header.phase == JOB_MAP;
    const struct job_result *before = &r->header.done[JOB_MAP]; /* nothing yet in MAP itself */
    uint64_t rejected = before->rejected + r->sum.result.rejected;
    uint64_t read = map ? r->sum.result.records_in : before->records_in;

    if (rejected == 0 || (!map && r->header.phase != JOB_REDUCE)) {
        return SLICE("");
    }
    if (b->policy != JOB_BAD_RECORDS_REJECT) {
        return arena_printf(&r->texts, "%llu bad records, and none may be rejected.",
                            (unsigned long long)rejected);
    }
    if (b->max_count != 0 && rejected > b->max_count) {
        return arena_printf(&r->texts, "%llu bad records, more than MaxCount (%llu).",
                            (unsigned long long)rejected, (unsigned long long)b->max_count);
    }
    if (end && b->max_percent > 0 && (double)rejected * 100.0 > b->max_percent * (double)read) {
        return arena_printf(&r->texts, "%llu bad records of %llu, more than MaxPercent.",
                            (unsigned long long)rejected, (unsigned long long)read);
    }
    return SLICE("");
}

/* ---- Phases ---- */

uint32_t run_phase_pieces(const struct job_run *r, enum job_phase phase)
{
    switch (phase) {
    case JOB_PLAN:
    case JOB_JOIN: return 1;
    case JOB_MAP: return r->header.shards;
    case JOB_REDUCE: return r->header.partitions;
    case JOB_CLEAN: return r->settings.clean_again_ms > 0 ? 2 : 1;
    case JOB_OVER: break;
    }
    return 0;
}

/* What a piece is taken to read. What the shards wrote is spread over the partitions. */
static uint64_t phase_piece_bytes(const struct job_run *r, const uint64_t *sizes, uint32_t i)
{
    switch (r->header.phase) {
    case JOB_MAP: return sizes[i];
    case JOB_REDUCE: return r->header.done[JOB_MAP].bytes_out / r->header.partitions;
    case JOB_PLAN:
    case JOB_JOIN:
    case JOB_CLEAN:
    case JOB_OVER: break;
    }
    return 0;
}

void run_phase_fill(struct job_run *r, const uint64_t *sizes)
{
    uint32_t count = run_phase_pieces(r, r->header.phase);

    assert(r->attempts == 0 && r->waiting.count == 0);
    mem_free(r->pieces);
    r->pieces = mem_zalloc(count != 0 ? count : 1, sizeof(struct job_piece));
    r->header.pieces = count;
    r->next_fresh = 0;
    r->fresh_end = count;
    r->done = r->live_pieces = 0;
    r->failures = r->losses = r->speculated = 0;
    r->bytes = r->work = r->largest = r->extra = r->reserved = 0;
    r->todo = r->median = r->speed = r->moved = 0;
    r->looked_ms = r->spare_until_ms = 0;
    workers_begin_phase(r);
    memset(&r->rates, 0, sizeof(r->rates));
    for (uint32_t i = 0; i < count; i++) {
        uint64_t bytes = phase_piece_bytes(r, sizes, i);

        r->pieces[i].bytes = bytes;
        r->bytes += bytes;
        r->work += piece_work(&r->pieces[i]);
        r->largest = bytes + JOB_PIECE_BASE > r->largest ? bytes + JOB_PIECE_BASE : r->largest;
        r->todo += speculation_weight(bytes);
    }
    if (r->header.phase == JOB_CLEAN && count == 2) {
        r->fresh_end = 1;
        piece_wait(r, 1, r->header.ended_ms + r->settings.clean_again_ms);
    }
}

/* No piece of the phase waits any more: it is over before all are done. */
static void phase_abandon(struct job_run *r)
{
    struct heap_node *n;

    attempt_cancel_all(r);
    while ((n = heap_min(&r->waiting)) != NULL) {
        heap_remove(&r->waiting, n);
    }
}

void run_phase_begin(struct job_run *r,
                     enum job_phase phase,
                     const uint64_t *sizes,
                     struct job_outcome *out)
{
    phase_abandon(r);
    run_sum_settle(r);
    r->header.phase = (enum job_phase)sm_move(run_phases, r->header.phase, phase);
    run_phase_fill(r, sizes);
    out->header = true;
    out->phase_began = phase != JOB_OVER;
}

void run_phase_over(struct job_run *r, int64_t now_ms, struct job_outcome *out)
{
    struct slice why = run_rejects_too_many(r, true);

    if (why.len != 0) {
        run_end(r, JOB_FAILED, slice_str(JOB_BAD_RECORD), why, now_ms, out);
        return;
    }
    switch (r->header.phase) {
    case JOB_MAP: run_phase_begin(r, r->settings.shuffle ? JOB_REDUCE : JOB_JOIN, NULL, out); break;
    case JOB_REDUCE: run_phase_begin(r, JOB_JOIN, NULL, out); break;
    case JOB_JOIN: run_end(r, JOB_SUCCEEDED, SLICE(""), SLICE(""), now_ms, out); break;
    case JOB_CLEAN: run_phase_begin(r, JOB_OVER, NULL, out); break;
    case JOB_PLAN: /* run_plan() */
    case JOB_OVER: assert(false); break;
    }
}

const char *run_plan_fault(const uint64_t *bytes, size_t shards, uint32_t partitions)
{
    uint64_t total = 0;

    if (shards > LIMIT_JOB_PIECES) {
        return "The plan has more shards than a run may have.";
    }
    if (partitions > LIMIT_JOB_PARTITIONS) {
        return "The plan has more partitions than a run may have.";
    }
    for (size_t i = 0; i < shards; i++) {
        if (__builtin_add_overflow(total, bytes[i], &total) || total > INT64_MAX) {
            return "The plan's sizes make no sense.";
        }
    }
    return NULL;
}

void run_plan(struct job_run *r,
              const uint64_t *bytes,
              size_t shards,
              uint32_t partitions,
              int64_t now_ms,
              struct job_outcome *out)
{
    uint32_t wanted = r->settings.partitions != 0 ? r->settings.partitions : partitions;
    const char *fault = run_plan_fault(bytes, shards, r->settings.shuffle ? wanted : 0);

    if (fault != NULL) {
        run_end(r, JOB_ERROR, slice_str(JOB_BAD_PLAN), slice_str(fault), now_ms, out);
        return;
    }
    r->header.shards = (uint32_t)shards;
    if (r->settings.shuffle) {
        r->header.partitions = wanted != 0 ? wanted : 1;
    }
    run_phase_begin(r, shards != 0 ? JOB_MAP : JOB_JOIN, bytes, out);
}

/* ---- Ends ---- */

/* May there be a temporary object? Who has had the plan to make may have written it, or will. */
static bool run_has_written(const struct job_run *r)
{
    return r->header.phase != JOB_PLAN ||
           (r->header.pieces != 0 && r->pieces[0].status != JOB_PIECE_FRESH);
}

void run_end(struct job_run *r,
             enum job_state state,
             struct slice error,
             struct slice cause,
             int64_t now_ms,
             struct job_outcome *out)
{
    bool wrote = run_has_written(r);

    run_state_move(r, state, out);
    r->header.ended_ms = now_ms;
    r->header.error = arena_copy(&r->texts, slice_head(error, LIMIT_ERROR_BYTES));
    r->header.cause = arena_copy(&r->texts, slice_head(cause, LIMIT_CAUSE_BYTES));
    run_phase_begin(r, wrote ? JOB_CLEAN : JOB_OVER, NULL, out);
}

void run_end_piece(struct job_run *r,
                   uint32_t piece,
                   struct slice error,
                   struct slice cause,
                   int64_t now_ms,
                   struct job_outcome *out)
{
    static const char *const names[JOB_PHASES] = {
        [JOB_PLAN] = "The plan",    [JOB_MAP] = "Shard", [JOB_REDUCE] = "Partition",
        [JOB_JOIN] = "The joining", [JOB_CLEAN] = "",    [JOB_OVER] = ""};
    enum job_phase phase = r->header.phase;
    struct slice where =
        phase == JOB_MAP || phase == JOB_REDUCE
            ? arena_printf(&r->texts, "%s %u of %u", names[phase], piece, r->header.pieces)
            : slice_str(names[phase]);
    struct slice text =
        arena_printf(&r->texts, "%.*s failed in attempt %u: %.*s", SLICE_FMT(where),
                     r->pieces[piece].failures, SLICE_FMT(slice_head(cause, LIMIT_CAUSE_BYTES)));

    run_end(r, JOB_FAILED, error, text, now_ms, out);
}

void job_run_begin(struct job_run *r, int64_t now_ms, struct job_outcome *out)
{
    run_outcome_begin(r, out);
    run_state_move(r, JOB_STARTING, out);
    r->header.began_ms = now_ms;
    run_phase_fill(r, NULL);
    out->phase_began = true;
}

void job_run_stop(struct job_run *r, int64_t now_ms, struct job_outcome *out)
{
    run_outcome_begin(r, out);
    if (job_state_is_end(r->header.state) || r->header.state == JOB_STOPPING) {
        return;
    }
    if (attempt_committing(r) != NULL) {
        run_state_move(r, JOB_STOPPING, out);
        return;
    }
    run_end(r, JOB_STOPPED, SLICE(""), SLICE(""), now_ms, out);
    run_outcome_end(r, out);
}

void job_run_timeout(struct job_run *r, int64_t now_ms, struct job_outcome *out)
{
    run_outcome_begin(r, out);
    if (job_state_is_end(r->header.state) || r->header.state == JOB_WAITING ||
        attempt_committing(r) != NULL) {
        return;
    }
    run_end(r, JOB_TIMEOUT, SLICE("States.Timeout"),
            arena_printf(&r->texts, "The run has not ended within %lld minutes.",
                         (long long)(r->settings.timeout_ms / 60000)),
            now_ms, out);
    run_outcome_end(r, out);
}

/* ---- Looking ---- */

const struct job_run_header *job_run_header(const struct job_run *r)
{
    return &r->header;
}

void job_run_piece(const struct job_run *r, uint32_t piece, struct job_piece_state *out)
{
    assert(piece < r->header.pieces);
    piece_row(r, piece, out);
}

struct job_run_counts job_run_counts(const struct job_run *r)
{
    return (struct job_run_counts){
        .fresh = r->fresh_end - r->next_fresh,
        .waiting = (uint32_t)r->waiting.count,
        .live = r->live_pieces,
        .done = r->done,
        .attempts = r->attempts,
        .failures = r->failures,
        .losses = r->losses,
        .speculated = r->speculated,
        .bytes = r->bytes,
        .extra = r->extra,
    };
}

struct job_result job_run_result(const struct job_run *r, enum job_phase phase)
{
    return phase == r->header.phase ? r->sum.result : r->header.done[phase];
}
