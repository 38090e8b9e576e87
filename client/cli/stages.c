/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/stages.h"

#include "client/cli/reply_json.h"

enum { STAGES_EVENTS_MOST = 1000000 }; /* forty times AWS's limit on an execution's history */

void stages_init(struct stages *s, struct arena *a)
{
    *s = (struct stages){.a = a, .status = SLICE("RUNNING")};
}

static struct stage *stage_find(struct stages *s, struct slice name)
{
    for (size_t i = 0; i < s->count; i++) {
        if (slice_eq(s->stages[i].name, name)) {
            return &s->stages[i];
        }
    }
    return NULL;
}

static struct stage *stage_get(struct stages *s, struct slice name)
{
    struct stage *found = stage_find(s, name);

    if (found != NULL) {
        return found;
    }
    if (s->count == s->cap) {
        size_t cap = s->cap != 0 ? s->cap * 2 : 16;

        s->stages =
            arena_grow(s->a, s->stages, s->cap * sizeof(*s->stages), cap * sizeof(*s->stages));
        s->cap = cap;
    }
    s->stages[s->count] = (struct stage){.name = arena_copy(s->a, name)};
    return &s->stages[s->count++];
}

/* Room to remember whose event `id` is. */
static void events_reserve(struct stages *s, uint64_t id)
{
    size_t cap = s->event_cap != 0 ? s->event_cap : 64;

    while (cap <= id) {
        cap *= 2;
    }
    if (cap > s->event_cap) {
        s->stage_of = arena_grow(s->a, s->stage_of, s->event_cap * sizeof(*s->stage_of),
                                 cap * sizeof(*s->stage_of));
        memset(s->stage_of + s->event_cap, 0, (cap - s->event_cap) * sizeof(*s->stage_of));
        s->event_cap = cap;
    }
}

/* The named member of whichever details the event has. */
static struct slice event_detail(const struct json_node *event, const char *name)
{
    for (const struct json_node *e = json_first(event); e != NULL; e = json_next(event, e)) {
        if (slice_ends_with(json_key(event, e), SLICE("EventDetails"))) {
            return json_text(json_member(e, slice_str(name)));
        }
    }
    return SLICE("");
}

static void stage_entered(struct stage *stage, int64_t ms)
{
    if (stage->entered == 0) {
        stage->entered_ms = ms;
    }
    stage->entered++;
    stage->left_ms = 0;
    stage->attempt = 0;
    stage->failure = SLICE("");
}

static void stage_left(struct stage *stage, int64_t ms)
{
    stage->left++;
    stage->left_ms = ms;
    stage->failure = SLICE("");
}

static void stage_attempt(struct stage *stage)
{
    stage->attempt++;
    stage->left_ms = 0;
    stage->failure = SLICE("");
}

static bool type_is(struct slice type, const char *end)
{
    return slice_ends_with(type, slice_str(end));
}

/* What an event says of its stage. */
static void stage_event(struct stage *stage, struct slice type, const struct json_node *event)
{
    int64_t ms = reply_event_ms(event);

    if (type_is(type, "StateEntered")) {
        stage_entered(stage, ms);
    } else if (type_is(type, "StateExited")) {
        stage_left(stage, ms);
    } else if (type_is(type, "Scheduled")) {
        stage_attempt(stage);
    } else if (type_is(type, "Failed") || type_is(type, "TimedOut") || type_is(type, "Aborted")) {
        struct slice error = event_detail(event, "error");

        stage->failure = error.len != 0 ? error : type;
        stage->left_ms = ms;
    }
}

/* The execution's own events: its status, by AWS's names. */
static void execution_event(struct stages *s, struct slice type)
{
    static const struct {
        const char *type;
        struct slice status;
    } ends[] = {
        {"ExecutionSucceeded", SLICE_INIT("SUCCEEDED")},
        {"ExecutionFailed", SLICE_INIT("FAILED")},
        {"ExecutionTimedOut", SLICE_INIT("TIMED_OUT")},
        {"ExecutionAborted", SLICE_INIT("ABORTED")},
        {"ExecutionRedriven", SLICE_INIT("RUNNING")},
    };

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (slice_eq_str(type, ends[i].type)) {
            s->status = ends[i].status;
        }
    }
}

void stages_event(struct stages *s, const struct json_node *event)
{
    struct slice type = json_text(json_member(event, SLICE("type")));
    int64_t id = 0;
    int64_t previous = 0;
    uint32_t owner = 0;

    if (!json_i64(json_member(event, SLICE("id")), &id) || id <= 0 || (uint64_t)id <= s->seen ||
        id > STAGES_EVENTS_MOST) {
        return;
    }
    s->seen = (uint64_t)id;
    events_reserve(s, s->seen);
    (void)json_i64(json_member(event, SLICE("previousEventId")), &previous);
    if (type_is(type, "StateEntered") || type_is(type, "StateExited")) {
        owner = (uint32_t)(stage_get(s, event_detail(event, "name")) - s->stages) + 1;
    } else if (previous > 0 && previous < id) {
        owner = s->stage_of[previous];
    }
    s->stage_of[id] = owner;
    if (slice_starts_with(type, SLICE("Execution"))) {
        execution_event(s, type);
    } else if (owner != 0) {
        stage_event(&s->stages[owner - 1], type, event);
    }
}

static struct slice frame_doing(const struct stepfleet_frame *f)
{
    if (strcmp(f->status, "LEASED") == 0) {
        return SLICE("running");
    }
    if (strcmp(f->status, "READY") == 0) {
        return SLICE("ready");
    }
    if (strcmp(f->status, "TIMER") == 0) {
        return f->retry_count != 0 ? SLICE("retrying") : SLICE("waiting");
    }
    return SLICE("running");
}

static void stage_frame(struct stages *s, struct stage *stage, const struct stepfleet_frame *f)
{
    if (stage->open == 0) {
        stage->bytes_in = 0;
        stage->bytes_out = 0;
        stage->workers = 0;
        stage->doing = frame_doing(f);
    }
    stage->open++;
    stage->bytes_in += f->bytes_in;
    stage->bytes_out += f->bytes_out;
    stage->attempt = f->attempt > stage->attempt ? f->attempt : stage->attempt;
    if (f->worker[0] != '\0') {
        stage->workers++;
        if (!slice_eq_str(stage->worker, f->worker)) {
            stage->worker = arena_copy(s->a, slice_str(f->worker));
        }
    }
}

void stages_frames(struct stages *s, const struct stepfleet_frame *frames, size_t count)
{
    for (size_t i = 0; i < s->count; i++) {
        s->stages[i].open = 0;
        s->stages[i].doing = SLICE("");
    }
    for (size_t i = 0; i < count; i++) {
        struct stage *stage = stage_find(s, slice_str(frames[i].state));

        if (stage != NULL) {
            stage_frame(s, stage, &frames[i]);
        }
    }
}

static struct slice end_word(const struct stages *s, const struct stage *stage)
{
    if (stage->failure.len != 0) {
        return SLICE("failed");
    }
    return slice_eq_str(s->status, "SUCCEEDED") ? SLICE("done") : SLICE("aborted");
}

struct slice stage_status(const struct stages *s, const struct stage *stage, struct arena *a)
{
    bool running = slice_eq_str(s->status, "RUNNING");
    struct slice word;

    if (stage->entered == stage->left) {
        return SLICE("done");
    }
    if (!running) {
        word = end_word(s, stage);
    } else if (stage->doing.len != 0) {
        word = stage->doing;
    } else {
        word = stage->failure.len != 0 ? SLICE("failed") : SLICE("running");
    }
    if (stage->entered <= 1) {
        return word;
    }
    return arena_printf(a, "%.*s, %u/%u done", SLICE_FMT(word), stage->left, stage->entered);
}

int64_t stage_elapsed_ms(const struct stage *stage, int64_t now_ms)
{
    int64_t end_ms = stage->left_ms != 0 ? stage->left_ms : now_ms;

    return end_ms > stage->entered_ms ? end_ms - stage->entered_ms : 0;
}
