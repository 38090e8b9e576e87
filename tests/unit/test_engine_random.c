/* SPDX-License-Identifier: Apache-2.0 */
/* Random machines under random engine events, legal and illegal, with redrives. After every step:
 * the invariants hold (engine_world), the record comes back as it was and the execution goes on
 * from what was read, every task that is out can be made again, variables are counted, no upload is
 * left open. At the end all of history can be rendered.
 *
 * STEPFLEET_RANDOM="FROM COUNT" runs other seeds, and more of them. */
#include "tests/lib/engine_world.h"
#include "tests/lib/machine_case.h"
#include "tests/lib/record_same.h"
#include "tests/lib/seeds.h"

#include "proto/base/limits.h"

#include <signal.h>
#include <stdlib.h>

enum { SEEDS = 300, STEPS_MAX = 120, REDRIVES_MAX = 4 };

struct run {
    struct world w;
    uint64_t chance;
    struct execution_header first; /* of record 0 */
    uint64_t aborting[64];         /* bits of frames whose upload is to be aborted, by number */
    unsigned steps;
};

static unsigned long long seed_now;
static const char *definition_now;

static void say_seed(void)
{
    (void)fprintf(stderr, "seed %llu: %s\n", seed_now, definition_now);
}

static void say_seed_of_abort(int number)
{
    (void)number;
    say_seed();
}

static int say_seed_of_failure(void **state)
{
    (void)state;
    if (definition_now != NULL) {
        say_seed();
    }
    return 0;
}

static unsigned below(struct run *r, size_t n)
{
    return case_below(&r->chance, n);
}

static bool now_and_then(struct run *r, unsigned n)
{
    return below(r, n) == 0;
}

/* ---- after every step ---- */

/* The execution goes on from what its record gives back. */
static void check_record(struct run *r)
{
    struct world *w = &r->w;
    struct buf b = {0};
    struct record back;

    record_encode(&w->last, 0, &b);
    assert_int_equal(record_decode(arena_copy(&w->a, buf_slice(&b)), &w->a, &back, &w->err), OK);
    buf_fini(&b);
    if (back.whole_header) {
        r->first = back.header;
    } else {
        record_join(&r->first, &back.header);
    }
    same_record(&w->last, 0, &back);
    w->header = back.header;
    w->header.rules = &w->rules;
    for (size_t i = 0; i < back.frame_count; i++) {
        for (size_t k = 0; k < w->frame_count; k++) {
            if (w->frames[k].id == back.frames[i].id) {
                w->frames[k] = back.frames[i];
            }
        }
    }
}

static bool is_task_command(const struct command *c)
{
    return c->kind == COMMAND_SCHEDULE_TASK || c->kind == COMMAND_CALL;
}

/* A task that is out can be made again, and is what the command said it is. */
static void check_task(struct run *r, const struct frame_set *frames, const struct frame *f)
{
    struct world *w = &r->w;
    struct command again;

    assert_true(engine_waits_for(w->m, f, &w->a).len > 0);
    if (f->status != FRAME_READY && f->status != FRAME_CALL && f->status != FRAME_LEASED) {
        return;
    }
    assert_int_equal(engine_task(w->m, &w->header, frames, f, &w->a, &again, &w->err), OK);
    for (size_t i = 0; i < w->last.command_count; i++) {
        const struct command *c = &w->last.commands[i];

        if (c->frame == f->id && is_task_command(c)) {
            assert_int_equal(c->kind, again.kind);
            assert_true(slice_eq(c->payload, again.payload));
            assert_true(slice_eq(c->function, again.function));
            assert_true(slice_eq(c->qualifier, again.qualifier));
            assert_true(slice_eq(c->activity, again.activity));
            assert_true(c->submits == again.submits && c->log_tail == again.log_tail);
        }
    }
}

static uint64_t bytes_of(struct run *r, const struct frame *f)
{
    const struct json_node *set;
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < f->variable_count; i++) {
        assert_int_equal(json_parse(f->variables[i].value.text, &r->w.a, &set, &r->w.err), OK);
        assert_non_null(json_member(set, f->variables[i].name));
        bytes += json_written_bytes(json_member(set, f->variables[i].name));
    }
    return bytes;
}

static bool is_aborting(const struct run *r, uint32_t frame)
{
    return (r->aborting[frame / 64 % 64] >> frame % 64 & 1) != 0;
}

static void note_uploads(struct run *r, const struct engine_event *ev)
{
    if (ev->kind == ENGINE_UPLOAD_GONE) {
        r->aborting[ev->frame / 64 % 64] &= ~(UINT64_C(1) << ev->frame % 64);
    }
    for (size_t i = 0; i < r->w.last.command_count; i++) {
        const struct command *c = &r->w.last.commands[i];

        if (c->kind == COMMAND_ABORT_UPLOAD) {
            r->aborting[c->frame / 64 % 64] |= UINT64_C(1) << c->frame % 64;
        }
    }
}

static void check_frames(struct run *r)
{
    struct world *w = &r->w;
    struct frame_set frames = {.items = w->frames, .count = w->frame_count};
    uint64_t bytes = 0;

    world_load(w);
    for (size_t i = 0; i < w->frame_count; i++) {
        const struct frame *f = &w->frames[i];
        bool held = f->status == FRAME_LEASED || f->status == FRAME_COMMITTING;

        assert_true(f->output.bucket.ptr == NULL || held || is_aborting(r, f->id));
        if (frame_is_open(f)) {
            check_task(r, &frames, f);
            bytes += bytes_of(r, f);
        }
    }
    if (w->header.status != EXECUTION_SUCCEEDED) {
        assert_true(bytes == w->header.variable_bytes);
    }
}

static bool step(struct run *r, struct engine_event ev)
{
    enum step_status status = world_step(&r->w, ev);

    r->steps++;
    assert_int_not_equal(status, STEP_FAILED);
    if (status != STEP_DONE && status != STEP_CONTINUE) {
        r->w.header.sequence--;
        return false;
    }
    note_uploads(r, &ev);
    check_record(r);
    check_frames(r);
    return true;
}

static void check_history(struct run *r)
{
    struct world *w = &r->w;

    for (size_t i = 0; i < w->event_count; i++) {
        assert_true(w->events[i].id == i + 1 && w->events[i].previous <= i);
        assert_null(strstr(world_event(w, i + 1), "cannot be rendered"));
        world_load(w);
    }
}

/* ---- events ---- */

static const char *any_result(struct run *r)
{
    static const char *const results[] = {
        "{\"x\":1}", "{\"items\":[1,2,3],\"x\":2}", "[1,2]", "\"text\"", "null", "{ \"x\": [1] }",
        "not JSON"};

    return results[below(r, now_and_then(r, 6) ? sizeof(results) / sizeof(results[0]) : 2)];
}

static struct failure any_failure(struct run *r)
{
    static const char *const errors[] = {"E1", "E2", "Boom", "States.Timeout", "States.Runtime"};
    struct failure why = {.error = slice_str(errors[below(r, now_and_then(r, 4) ? 5 : 2)])};

    if (now_and_then(r, 2)) {
        why.cause = SLICE("why");
    }
    return why;
}

static struct task_output any_output(void)
{
    return (struct task_output){.bucket = SLICE("bucket"),
                                .key = SLICE("key"),
                                .upload_id = SLICE("upload"),
                                .mark = SLICE("mark"),
                                .parts = SLICE("parts"),
                                .result = SLICE("{}")};
}

static enum engine_event_kind any_of_leased(struct run *r)
{
    static const enum engine_event_kind kinds[] = {
        ENGINE_TASK_RETURNED,  ENGINE_TASK_UPLOAD,    ENGINE_TASK_INTENT,  ENGINE_TASK_SUBMITTED,
        ENGINE_TASK_FAILED,    ENGINE_TASK_TIMED_OUT, ENGINE_TOKEN_FAILED, ENGINE_TOKEN_SUCCEEDED,
        ENGINE_TASK_SUCCEEDED, ENGINE_TASK_SUCCEEDED};

    return kinds[below(r, sizeof(kinds) / sizeof(kinds[0]))];
}

static enum engine_event_kind any_of_ready(struct run *r, const struct frame *f)
{
    bool activity = r->w.m->states[f->state].task.carrier == ASL_BY_ACTIVITY;

    if (f->output.bucket.ptr != NULL) {
        return ENGINE_UPLOAD_GONE;
    }
    if (now_and_then(r, 10)) {
        return ENGINE_TASK_FAILED;
    }
    return activity ? ENGINE_ACTIVITY_TAKEN : ENGINE_TASK_GRANTED;
}

static enum engine_event_kind any_end_of_token(struct run *r)
{
    return now_and_then(r, 3) ? ENGINE_TOKEN_FAILED : ENGINE_TOKEN_SUCCEEDED;
}

/* What may well happen to a frame in its status. */
static enum engine_event_kind any_kind(struct run *r, const struct frame *f)
{
    switch (f->status) {
    case FRAME_READY: return any_of_ready(r, f);
    case FRAME_LEASED: return any_of_leased(r);
    case FRAME_COMMITTING:
        return now_and_then(r, 4)
                   ? any_end_of_token(r)
                   : (now_and_then(r, 4) ? ENGINE_TASK_FAILED : ENGINE_TASK_SUCCEEDED);
    case FRAME_CALL: return now_and_then(r, 6) ? any_end_of_token(r) : ENGINE_CALL_DONE;
    case FRAME_TOKEN:
        if (now_and_then(r, 5)) {
            return f->due_ms != 0 ? ENGINE_TIMER : ENGINE_TOKEN_HEARTBEAT;
        }
        return any_end_of_token(r);
    case FRAME_CHILD:
        return now_and_then(r, 6) && f->due_ms != 0 ? ENGINE_TIMER : ENGINE_CHILD_ENDED;
    case FRAME_FAILED: return ENGINE_UPLOAD_GONE;
    case FRAME_RUN:
    case FRAME_JOIN:
    case FRAME_DONE:
    case FRAME_TIMER: break;
    }
    return ENGINE_TIMER;
}

static struct engine_event
event_of(struct run *r, const struct frame *f, enum engine_event_kind kind)
{
    struct engine_event ev = {.kind = kind,
                              .frame = f->id,
                              .token = f->token,
                              .entered_event = f->entered_event,
                              .attempt = f->attempt,
                              .worker = SLICE("worker"),
                              .output = any_output(),
                              .result = slice_str(any_result(r)),
                              .failure = any_failure(r),
                              .heartbeat = now_and_then(r, 2),
                              .failed = now_and_then(r, 3),
                              .child = 77};

    if (kind == ENGINE_TASK_GRANTED) {
        ev.token = (struct token){1, ++r->w.tokens};
    }
    if (kind == ENGINE_CALL_DONE && !now_and_then(r, 5)) {
        ev.failure = (struct failure){0};
    }
    if (kind == ENGINE_CHILD_ENDED) { /* the coordinator's own description of it */
        ev.result = SLICE("{\"Name\":\"n\",\"Input\":\"{}\",\"Output\":\"{\\\"x\\\":1}\"}");
    }
    if (kind == ENGINE_TIMER && f->due_ms > r->w.now_ms) {
        r->w.now_ms = f->due_ms;
    }
    if (kind == ENGINE_TASK_TIMED_OUT) {
        r->w.now_ms += 5000;
    }
    return ev;
}

/* Any event at any frame: most of them come too late, too early or to the wrong place. */
static void disturb(struct run *r)
{
    const struct frame *f = &r->w.frames[below(r, r->w.frame_count)];
    struct engine_event ev =
        event_of(r, f, (enum engine_event_kind)(1 + below(r, ENGINE_TIMER - 1)));

    ev.token.counter += now_and_then(r, 4);
    ev.attempt += now_and_then(r, 4);
    if (now_and_then(r, 4)) {
        ev.frame = below(r, r->w.header.next_frame + 2);
    }
    step(r, ev);
}

static void end_early(struct run *r)
{
    if (r->w.header.deadline_ms != 0 && now_and_then(r, 2)) {
        r->w.now_ms = r->w.header.deadline_ms > r->w.now_ms ? r->w.header.deadline_ms : r->w.now_ms;
        step(r, (struct engine_event){.kind = ENGINE_DEADLINE});
    } else {
        step(r, (struct engine_event){.kind = ENGINE_STOP, .failure = any_failure(r)});
    }
}

/* One thing that is due happens. There always is one. */
static void go_on(struct run *r)
{
    size_t from = below(r, r->w.frame_count);

    if (step(r, (struct engine_event){.kind = ENGINE_CONTINUE})) {
        return;
    }
    for (size_t i = 0; i < r->w.frame_count; i++) {
        const struct frame *f = &r->w.frames[(from + i) % r->w.frame_count];

        if (frame_is_open(f) && f->status != FRAME_JOIN) {
            step(r, event_of(r, f, any_kind(r, f)));
            return;
        }
    }
    fail_msg("a running execution waits for nothing");
}

/* False: it cannot be. */
static bool redrive(struct run *r)
{
    const struct execution_header *h = &r->w.header;

    if (h->status == EXECUTION_SUCCEEDED || h->express || h->redrive_count == REDRIVES_MAX ||
        h->next_event >= r->w.rules.history_events) {
        return false;
    }
    assert_true(step(r, (struct engine_event){.kind = ENGINE_REDRIVE}));
    return true;
}

/* ---- one seed ---- */

static void start(struct run *r, uint64_t seed, const char *definition)
{
    static const char *const inputs[] = {
        "{\"items\":[1,2,3],\"x\":1}",
        "{ \"items\": [ {\"x\":1}, [], \"a,]\\\"b\" ], \"x\": 3 }",
        "{\"items\":[[1,2],[3],[4],[5],[6],[7],[8]],\"x\":0}",
        "{\"items\":[]}",
        "[1,2]",
    };

    *r = (struct run){.chance = ~seed};
    world_init(&r->w, definition);
    r->w.by_function = true;
    r->w.header.sequence = UINT64_MAX; /* the first record's is 0 */
    r->w.header.express = now_and_then(r, 8);
    if (now_and_then(r, 3)) {
        r->w.rules.payload_bytes = 200 + below(r, 3000);
    }
    if (now_and_then(r, 3)) {
        r->w.rules.history_events = 10 + below(r, 100);
    }
    r->w.header.input.text = slice_str(inputs[below(r, now_and_then(r, 3) ? 5 : 3)]);
    step(r, (struct engine_event){.kind = ENGINE_START, .seed = seed});
}

static void run_seed(uint64_t seed)
{
    struct buf definition = {0};
    struct run r;

    machine_case(seed, &definition);
    seed_now = seed;
    definition_now = definition.ptr;
    start(&r, seed, definition.ptr);
    while (r.steps < STEPS_MAX) {
        r.w.now_ms += below(&r, 1000);
        if (now_and_then(&r, 6)) {
            disturb(&r);
        } else if (r.w.header.status != EXECUTION_RUNNING) {
            if (!redrive(&r)) {
                break;
            }
        } else if (now_and_then(&r, 40)) {
            end_early(&r);
        } else {
            go_on(&r);
        }
    }
    check_history(&r);
    world_fini(&r.w);
    definition_now = NULL;
    buf_fini(&definition);
}

static void test_random__whatever_happens_is_legal(void **state)
{
    (void)state;
    each_seed(SEEDS, run_seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_random__whatever_happens_is_legal, say_seed_of_failure),
    };

    (void)signal(SIGABRT, say_seed_of_abort); /* of an assert in the engine */
    return cmocka_run_group_tests_name("engine_random", tests, NULL, NULL);
}
