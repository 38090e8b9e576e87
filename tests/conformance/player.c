/* SPDX-License-Identifier: Apache-2.0 */
/* The least shell an engine can have. See player.h. */
#include "tests/conformance/player.h"
#include "proto/base/text.h"

#include <assert.h>
#include <stdio.h>

enum { FRAMES_MAX = 64, STEPS_MAX = 100000 };

static const int64_t player_start_ms = 1795410840123; /* 2026-11-23T05:14:00.123Z */

struct player {
    const struct json_node *c; /* the case */
    struct asl_machine *m;
    struct arena *a;
    struct err *err;
    struct execution_header header;
    struct frame frames[FRAMES_MAX];
    size_t frame_count;
    struct doc *docs; /* all kept, by order of ref */
    size_t doc_count;
    size_t doc_cap;
    struct history_event *events;
    size_t event_count;
    size_t event_cap;
    int64_t now_ms;
    uint64_t tokens;
    unsigned played; /* tasks finished so far */
};

static enum err_code
get_doc(void *arg, uint64_t ref, struct arena *a, struct slice *out, struct err *err)
{
    const struct player *p = arg;

    (void)a;
    for (size_t i = 0; i < p->doc_count; i++) {
        if (p->docs[i].ref == ref) {
            *out = p->docs[i].text;
            return OK;
        }
    }
    return err_set(err, ERR_NOT_FOUND, "no document %llu", (unsigned long long)ref);
}

static void *more(struct arena *a, void *items, size_t count, size_t *cap, size_t size)
{
    size_t want = *cap == 0 ? 16 : *cap * 2;

    if (count < *cap) {
        return items;
    }
    items = arena_grow(a, items, *cap * size, want * size);
    *cap = want;
    return items;
}

static void keep_frame(struct player *p, const struct frame *f)
{
    for (size_t i = 0; i < p->frame_count; i++) {
        if (p->frames[i].id == f->id) {
            p->frames[i] = *f;
            return;
        }
    }
    assert(p->frame_count < FRAMES_MAX);
    p->frames[p->frame_count++] = *f;
}

/* What a ledger does with a step, its texts forgotten but for the documents. */
static void take(struct player *p, const struct step *s)
{
    struct frame_set set;

    for (size_t i = 0; i < s->doc_count; i++) {
        p->docs = more(p->a, p->docs, p->doc_count, &p->doc_cap, sizeof(*p->docs));
        p->docs[p->doc_count++] = s->docs[i];
    }
    for (size_t i = 0; i < s->event_count; i++) {
        p->events = more(p->a, p->events, p->event_count, &p->event_cap, sizeof(*p->events));
        p->events[p->event_count] = s->events[i];
        p->events[p->event_count++].doc.text = (struct slice){0};
    }
    p->header = s->header;
    for (size_t i = 0; i < s->frame_count; i++) {
        keep_frame(p, &s->frames[i]);
    }
    set = (struct frame_set){p->frames, p->frame_count};
    execution_check(&p->header, &set);
    for (size_t i = 0; i < p->frame_count; i++) {
        p->frames[i].input.text = (struct slice){0};
    }
}

static void load(struct player *p)
{
    if (p->header.input.ref != 0) {
        (void)get_doc(p, p->header.input.ref, p->a, &p->header.input.text, NULL);
    }
    for (size_t i = 0; i < p->frame_count; i++) {
        (void)get_doc(p, p->frames[i].input.ref, p->a, &p->frames[i].input.text, NULL);
    }
}

/* One engine event, and what CONTINUE asks for. A trial step must not change anything. */
static enum step_status play(struct player *p, struct engine_event ev)
{
    enum step_status status;

    do {
        struct frame_set set = {p->frames, p->frame_count};
        struct step trial = {0};
        struct step s = {0};

        ev.now_ms = p->now_ms;
        load(p);
        p->header.sequence++;
        p->header.record_docs = 0;
        (void)engine_step(p->m, &p->header, &set, &ev, p->a, &trial, p->err);
        status = engine_step(p->m, &p->header, &set, &ev, p->a, &s, p->err);
        assert(trial.event_count == s.event_count && trial.doc_count == s.doc_count);
        if (status == STEP_DONE || status == STEP_CONTINUE) {
            take(p, &s);
        }
        ev = (struct engine_event){.kind = ENGINE_CONTINUE};
    } while (status == STEP_CONTINUE);
    return status;
}

/* ---- Tasks ---- */

static const struct json_node *behaviour_of(const struct player *p, struct slice function)
{
    const struct json_node *tasks = json_member(p->c, SLICE("tasks"));

    for (const struct json_node *t = json_first(tasks); t != NULL; t = json_next(tasks, t)) {
        if (slice_eq(json_text(json_member(t, SLICE("function"))), function)) {
            return t;
        }
    }
    return NULL;
}

static struct slice not_found(struct player *p, struct slice function)
{
    return arena_printf(p->a,
                        "Function not found: arn:aws:lambda:us-east-1:111111111111:function:%.*s:"
                        "$LATEST (Service: AWSLambda; Status Code: 404; Error Code: "
                        "ResourceNotFoundException; Request ID: "
                        "00000000-0000-4000-8000-000000000000; Proxy: null)",
                        SLICE_FMT(function));
}

static struct slice repeated(struct player *p, const struct json_node *spec)
{
    int64_t count = 0;
    char *text;

    (void)json_i64(json_member(spec, SLICE("count")), &count);
    text = arena_alloc(p->a, (size_t)count + 2);
    memset(text, json_text(json_member(spec, SLICE("char"))).ptr[0], (size_t)count + 2);
    text[0] = text[count + 1] = '"';
    return slice_make(text, (size_t)count + 2);
}

static void raised(struct player *p, const struct json_node *t, struct engine_event *ev)
{
    const struct json_node *text = json_member(t, SLICE("payload_text"));
    const struct json_node *payload = json_member(t, SLICE("payload"));

    ev->kind = ENGINE_TASK_FAILED;
    ev->failure.error = json_text(json_member(t, SLICE("errorType")));
    if (text != NULL) {
        ev->failure.cause = json_text(text);
    } else if (payload != NULL) {
        ev->failure.cause = json_print(payload, p->a);
    }
}

/* True where it would outlive its timeout or heartbeat: the clock moves there. */
static bool
times_out(struct player *p, const struct json_node *t, const struct frame *f, bool *beat)
{
    int64_t seconds = 0;
    int64_t limit = f->timeout_ms;

    *beat = f->heartbeat_ms > 0 && (limit == 0 || f->heartbeat_ms < limit);
    if (*beat) {
        limit = f->heartbeat_ms;
    }
    (void)json_i64(json_member(t, SLICE("seconds")), &seconds);
    if (limit == 0 || seconds * 1000 <= limit) {
        p->now_ms += seconds * 1000;
        return false;
    }
    p->now_ms += limit;
    return true;
}

/* What the function answers to its payload, as an engine event. */
static void answer(struct player *p,
                   const struct json_node *t,
                   const struct frame *f,
                   const struct command *task,
                   struct engine_event *ev)
{
    struct slice how = json_text(json_member(t, SLICE("behaviour")));
    int64_t times = 0;

    ev->kind = ENGINE_TASK_SUCCEEDED;
    ev->result = task->payload;
    if (slice_eq_str(how, "constant")) {
        ev->result = json_print(json_member(t, SLICE("value")), p->a);
    } else if (slice_eq_str(how, "large_output")) {
        ev->result = repeated(p, json_member(t, SLICE("value_repeat")));
    } else if (slice_eq_str(how, "raise")) {
        /* "times": so often, then it echoes. */
        if (!json_i64(json_member(t, SLICE("times")), &times) || p->played < times) {
            raised(p, t, ev);
        }
    } else if (slice_eq_str(how, "sleep") && times_out(p, t, f, &ev->heartbeat)) {
        ev->kind = ENGINE_TASK_TIMED_OUT;
    }
    p->played++;
}

static void run_task(struct player *p, const struct frame *f)
{
    struct engine_event ev = {.frame = f->id, .worker = SLICE("player")};
    struct command task = {0};
    const struct json_node *t;

    load(p);
    if (engine_task(p->m, &p->header, f, p->a, &task, p->err) != OK) {
        assert(false);
    }
    t = behaviour_of(p, task.function);
    if (t == NULL) {
        ev.kind = ENGINE_TASK_FAILED;
        ev.failure = (struct failure){SLICE("Lambda.ResourceNotFoundException"),
                                      not_found(p, task.function)};
        (void)play(p, ev);
        return;
    }
    ev.kind = ENGINE_TASK_GRANTED;
    ev.token = (struct token){1, ++p->tokens};
    (void)play(p, ev);
    answer(p, t, f, &task, &ev);
    (void)play(p, ev);
}

/* ---- The whole ---- */

static bool run_timer(struct player *p, const struct frame *f)
{
    struct engine_event ev = {.kind = ENGINE_TIMER, .frame = f->id};
    struct slice want = json_text(json_member(json_member(p->c, SLICE("expect")), SLICE("status")));

    if (slice_eq_str(want, "RUNNING")) {
        return false;
    }
    p->now_ms = f->due_ms > p->now_ms ? f->due_ms : p->now_ms;
    if (p->header.deadline_ms != 0 && p->header.deadline_ms <= p->now_ms) {
        p->now_ms = p->header.deadline_ms;
        ev.kind = ENGINE_DEADLINE;
    }
    return play(p, ev) == STEP_DONE;
}

/* Let the first frame that waits have what it waits for. False: nothing to do. */
static bool go_on(struct player *p)
{
    for (size_t i = 0; i < p->frame_count; i++) {
        const struct frame *f = &p->frames[i];

        if (f->status == FRAME_READY) {
            run_task(p, f);
            return true;
        }
        if (f->status == FRAME_TIMER) {
            return run_timer(p, f);
        }
    }
    return false;
}

/* The case's input; with "input_time" the member of that name is moved to so many days from now. */
static struct slice input_of(struct player *p)
{
    const struct json_node *text = json_member(p->c, SLICE("input_text"));
    const struct json_node *input = json_member(p->c, SLICE("input"));
    const struct json_node *at = json_member(p->c, SLICE("input_time"));
    int64_t days;

    if (json_is(text, JSON_STRING)) {
        return json_text(text);
    }
    if (at != NULL && json_i64(json_member(at, SLICE("days_from_now")), &days)) {
        struct json_builder b = json_build_object(p->a);

        json_put(&b, slice_from(json_text(json_member(at, SLICE("path"))), 2),
                 json_string(p->a, text_time(p->now_ms + days * 86400000, p->a)));
        input = json_built(&b);
    }
    return input == NULL ? SLICE("{}") : json_print(input, p->a);
}

static struct execution_header header_of(struct player *p)
{
    bool express = slice_eq_str(json_text(json_member(p->c, SLICE("type"))), "EXPRESS");

    return (struct execution_header){
        .account = 111111111111,
        .express = express,
        .name = SLICE("run"),
        .arn = express ? SLICE("arn:aws:states:us-east-1:111111111111:express:machine:run:one")
                       : SLICE("arn:aws:states:us-east-1:111111111111:execution:machine:run"),
        .machine_arn = SLICE("arn:aws:states:us-east-1:111111111111:stateMachine:machine"),
        .machine_name = SLICE("machine"),
        .role_arn = SLICE("arn:aws:iam::111111111111:role/role"),
        .seed = 42,
        .input.text = input_of(p),
    };
}

static const struct json_node *result_of(struct player *p)
{
    struct json_builder b = json_build_object(p->a);
    struct json_builder h = json_build_array(p->a);
    struct doc_source docs = {get_doc, p};
    const struct json_node *node = NULL;
    struct slice text;

    load(p);
    json_put(&b, SLICE("id"), json_member(p->c, SLICE("id")));
    json_put(&b, SLICE("status"),
             json_string(p->a, slice_str(execution_status_name(p->header.status))));
    if (p->header.output.ref != 0 && get_doc(p, p->header.output.ref, p->a, &text, NULL) == OK &&
        json_parse(text, p->a, &node, NULL) == OK) {
        json_put(&b, SLICE("output"), node);
    }
    if (p->header.error.ptr != NULL) {
        json_put(&b, SLICE("error"), json_string(p->a, p->header.error));
    }
    if (p->header.cause.ptr != NULL) {
        json_put(&b, SLICE("cause"), json_string(p->a, p->header.cause));
    }
    for (size_t i = 0; i < p->event_count; i++) {
        if (history_render(p->m, &p->header, &p->events[i], true, &docs, p->a, &node, p->err) !=
            OK) {
            assert(false);
        }
        json_push(&h, node);
    }
    json_put(&b, SLICE("history"), json_built(&h));
    return json_built(&b);
}

const struct json_node *player_run(const struct json_node *c, struct arena *a, struct err *err)
{
    struct player *p = ARENA_NEW(a, struct player);
    struct asl_diagnostics found = {0};
    const struct json_node *result;
    struct slice printed;
    const struct json_node *text = json_member(c, SLICE("definition_text"));
    struct slice definition = json_is(text, JSON_STRING)
                                  ? json_text(text)
                                  : json_print(json_member(c, SLICE("definition")), a);

    *p = (struct player){.c = c, .a = a, .err = err, .now_ms = player_start_ms};
    p->header = header_of(p);
    if (asl_machine_parse(definition, p->header.express, a, &found, &p->m, err) != OK) {
        return NULL;
    }
    if (play(p, (struct engine_event){.kind = ENGINE_START, .seed = 7}) == STEP_DONE) {
        for (int i = 0; i < STEPS_MAX && go_on(p); i++) {
        }
    }
    /* Names in it belong to the machine: print before that goes. */
    printed = json_print(result_of(p), a);
    asl_machine_free(p->m);
    return json_parse(printed, a, &result, err) == OK ? result : NULL;
}
