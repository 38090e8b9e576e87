/* SPDX-License-Identifier: Apache-2.0 */
/* What a coordinator, or whoever stands there, may answer: the first byte says what was asked, the
 * rest is the frame that comes back, read by the library and shown by the command line. An answer
 * is taken or refused with a name and a message; what is shown is JSON and within its bounds.
 * client_call() is ours: it does all but the sending. */
#include <assert.h>
#include <string.h>

#include "client/cli/frames.h"
#include "client/cli/reply_json.h"
#include "client/cli/stages.h"
#include "client/src/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES = 20, REQUEST = 7 };

static struct slice frame; /* the answer to everything */

enum err_code client_call(struct stepfleet *c,
                          const struct call *call,
                          struct arena *a,
                          void **out,
                          struct err *err)
{
    (void)c;
    return reply_read(frame, call->method, REQUEST, a, out, err);
}

/* Takes an answer or none. */
static bool taken(enum stepfleet_code rc, const struct stepfleet_error *e)
{
    assert(rc == STEPFLEET_OK || (e->code == rc && e->name[0] != '\0'));
    return rc == STEPFLEET_OK;
}

static void show(const struct json_node *v, struct arena *a)
{
    assert(json_parse(json_print(v, a), a, &v, NULL) == OK);
}

static void show_execution(const struct stepfleet_execution *e, struct arena *a)
{
    struct frame_line lines[LINES];
    struct stages s;

    show(reply_execution(e, a), a);
    assert(frames_tree(e->frames, e->frame_count, LINES, a, lines) <= LINES);
    stages_init(&s, a);
    stages_frames(&s, e->frames, e->frame_count);
}

static void show_history(const struct stepfleet_history_page *p, struct arena *a)
{
    const struct json_node *v;
    struct stages s;

    stages_init(&s, a);
    for (size_t i = 0; i < p->count; i++) {
        if (json_parse(slice_make(p->events[i].ptr, p->events[i].len), a, &v, NULL) == OK) {
            show(reply_history_event(v, a), a);
            (void)reply_event_ms(v);
            stages_event(&s, v);
        }
    }
    for (size_t i = 0; i < s.count; i++) {
        assert(stage_status(&s, &s.stages[i], a).len > 0);
        (void)stage_elapsed_ms(&s.stages[i], 0);
    }
}

/* One of each kind of answer; `reply` is to be released. */
static void *ask(uint8_t what, struct arena *a, struct stepfleet_error *e)
{
    static const struct stepfleet_execution_query all = {0};
    static const struct stepfleet_history_query history = {.execution = "e"};
    static const struct stepfleet_validation_query definition = {0};
    struct stepfleet_machine_page *machines = NULL;
    struct stepfleet_execution *execution = NULL;
    struct stepfleet_execution_page *executions = NULL;
    struct stepfleet_history_page *events = NULL;
    struct stepfleet_workers *workers = NULL;
    struct stepfleet_health *health = NULL;
    struct stepfleet_validation *validation = NULL;
    struct stepfleet_activity_page *activities = NULL;

    switch (what % 8) {
    case 0:
        if (taken(stepfleet_machine_list(NULL, 0, NULL, &machines, e), e)) {
            for (size_t i = 0; i < machines->count; i++) {
                show(reply_machine(&machines->machines[i], a), a);
            }
        }
        return machines;
    case 1:
        if (taken(stepfleet_execution_describe(NULL, "e", &execution, e), e)) {
            show_execution(execution, a);
        }
        return execution;
    case 2:
        if (taken(stepfleet_execution_list(NULL, &all, &executions, e), e)) {
            for (size_t i = 0; i < executions->count; i++) {
                show_execution(&executions->executions[i], a);
            }
        }
        return executions;
    case 3:
        if (taken(stepfleet_execution_history(NULL, &history, &events, e), e)) {
            show_history(events, a);
        }
        return events;
    case 4:
        if (taken(stepfleet_workers(NULL, &workers, e), e)) {
            for (size_t i = 0; i < workers->count; i++) {
                show(reply_worker(&workers->workers[i], a), a);
            }
        }
        return workers;
    case 5:
        if (taken(stepfleet_health(NULL, &health, e), e)) {
            show(reply_health(health, a), a);
        }
        return health;
    case 6:
        (void)taken(stepfleet_machine_validate(NULL, &definition, &validation, e), e);
        return validation;
    default:
        (void)taken(stepfleet_activity_list(NULL, 0, NULL, &activities, e), e);
        return activities;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct stepfleet_error e = {0};

    if (size > 0) {
        frame = slice_make(data + 1, size - 1);
        stepfleet_release(ask(data[0], &a, &e));
    }
    arena_fini(&a);
    return 0;
}
