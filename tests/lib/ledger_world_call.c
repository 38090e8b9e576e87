/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks that no worker does: calls of the coordinator's own operations, played as the operations'
 * layer does them; activities and task tokens. */
#include <stdio.h>

#include "tests/lib/ledger_world.h"

/* ---- calls ---- */

void world_hook_call(void *arg, struct ledger_call *c)
{
    struct ledger_world *w = arg;

    assert_true(w->call_count < sizeof(w->calls) / sizeof(w->calls[0]));
    w->calls[w->call_count++] = c;
    w->calls_made++;
}

void world_hook_call_gone(void *arg, struct ledger_call *c)
{
    struct ledger_world *w = arg;

    assert_null(c->asks);
    w->calls_gone++;
}

static bool is_parent(const struct parent_task *a, const struct parent_task *b)
{
    return a->execution == b->execution && a->frame == b->frame && a->attempt == b->attempt &&
           a->entered_event == b->entered_event;
}

/* The execution that has the name already, where it is the one the call asks for; else 0. */
static uint64_t child_again(struct ledger_world *w,
                            const struct ledger_call *c,
                            const struct ledger_start *s,
                            uint64_t id)
{
    const struct execution_header *h;
    struct err err;

    assert_int_equal(ledger_execution_load(w->l, id, &err), OK);
    h = ledger_execution_header(w->l, id);
    if (is_parent(&h->parent, &c->task)) {
        return id;
    }
    return h->status == EXECUTION_RUNNING && slice_eq(h->input.text, s->input) ? id : 0;
}

/* The execution the call asks for, which may run already. */
static uint64_t start_child(struct ledger_world *w, const struct ledger_call *c)
{
    struct arena *a = ledger_turn_arena(w->l);
    const struct json_node *parameters;
    const struct json_node *name;
    struct ledger_start s = {.input = SLICE("{}")};
    struct slice arn;
    struct err err;
    uint64_t id = 0;

    assert_int_equal(json_parse(c->parameters, a, &parameters, &err), OK);
    arn = json_text(json_member(parameters, SLICE("StateMachineArn")));
    s.machine = ledger_machine_find(w->l, slice_from(arn, slice_rfind(arn, ':') + 1));
    assert_non_null(s.machine);
    name = json_member(parameters, SLICE("Name"));
    s.name = name != NULL ? json_text(name) : c->default_name;
    if (json_member(parameters, SLICE("Input")) != NULL) {
        s.input = json_print(json_member(parameters, SLICE("Input")), a);
    }
    s.arn = arena_printf(a, "arn:aws:states:eu-x-1:000000000042:execution:%.*s:%.*s",
                         SLICE_FMT(s.machine->name), SLICE_FMT(s.name));
    s.parent = c->waits ? c->task : (struct parent_task){0};
    if (ledger_execution_find(w->l, s.machine, s.name, &id, &err) == OK) {
        return child_again(w, c, &s, id);
    }
    assert_int_equal(ledger_start(w->l, &s, &id, &err), OK);
    return id;
}

/* Started, and answered when it is asked again. */
static bool is_begun(struct ledger_world *w, const struct ledger_call *c)
{
    uint64_t before = w->l->next_execution;

    (void)start_child(w, c);
    return w->l->next_execution != before;
}

static void call_do(struct ledger_world *w, struct ledger_call *c)
{
    const struct failure unknown = {SLICE("Test.Unknown"), SLICE("no such operation")};
    uint64_t child;

    if (w->slow_calls && is_begun(w, c)) {
        w->calls[w->call_count++] = c;
        return;
    }
    if (!slice_starts_with(c->action, SLICE("startExecution"))) {
        ledger_call_done(w->l, c, (struct slice){NULL, 0}, &unknown, 0);
        return;
    }
    child = start_child(w, c);
    if (child == 0) {
        ledger_call_done(w->l, c, (struct slice){NULL, 0},
                         &(struct failure){SLICE("Test.Exists"), SLICE("it exists")}, 0);
    } else {
        ledger_call_done(w->l, c, SLICE("{\"ExecutionArn\":\"arn\",\"StartDate\":1}"), NULL,
                         c->waits ? child : 0);
    }
}

bool world_calls(struct ledger_world *w)
{
    size_t count = w->call_count;

    if (count == 0) {
        return false;
    }
    world_begin(w);
    for (size_t i = 0; i < count; i++) {
        call_do(w, w->calls[i]);
    }
    w->call_count -= count;
    memmove(w->calls, w->calls + count, w->call_count * sizeof(w->calls[0]));
    world_end(w);
    return true;
}

/* ---- activities and tokens ---- */

void world_hook_activity(void *arg, struct ledger_activity *a)
{
    struct ledger_world *w = arg;

    assert_true(a->waiting > 0);
    assert_ptr_equal(ledger_activity_find(w->l, a->name), a);
    w->tasks_waited++;
}

/* Tests of queues look for themselves. */
void world_hook_queue(void *arg, struct ledger_queue *q)
{
    struct ledger_world *w = arg;

    assert_ptr_not_equal(q, NULL);
    w->queues_ready++;
}

void world_activity(struct ledger_world *w, const char *name)
{
    world_begin(w);
    (void)ledger_activity_put(w->l, slice_str(name));
    world_end(w);
}

bool world_take(struct ledger_world *w, const char *activity, struct world_token *out)
{
    struct slice token;
    struct slice input;
    bool taken;

    world_begin(w);
    taken = ledger_activity_take(w->l, ledger_activity_find(w->l, slice_str(activity)),
                                 SLICE("someone"), &token, &input);
    if (taken) {
        assert_true(token.len < WORLD_TEXT && input.len < WORLD_TEXT);
        (void)snprintf(out->text, WORLD_TEXT, "%.*s", SLICE_FMT(token));
        (void)snprintf(out->input, WORLD_TEXT, "%.*s", SLICE_FMT(input));
    }
    world_end(w);
    return taken;
}

enum err_code world_send(struct ledger_world *w, const char *token, const char *result)
{
    const struct failure failure = {SLICE("Boom"), SLICE("because")};
    struct task_token t;
    struct err err;
    enum err_code rc;

    assert_true(engine_task_token_parse(slice_str(token), &t));
    world_begin(w);
    rc = result != NULL ? ledger_token_succeed(w->l, &t, slice_str(result), &err)
                        : ledger_token_fail(w->l, &t, &failure, &err);
    world_end(w);
    return rc;
}

enum err_code world_beat(struct ledger_world *w, const char *token)
{
    struct task_token t;
    struct err err;
    enum err_code rc;

    assert_true(engine_task_token_parse(slice_str(token), &t));
    world_begin(w);
    rc = ledger_token_heartbeat(w->l, &t, &err);
    world_end(w);
    return rc;
}

struct slice world_result(struct ledger_world *w, uint64_t id, struct arena *a)
{
    struct record_source source = {.store = w->store, .account = WORLD_ACCOUNT, .execution = id};
    struct image im;
    struct err err;

    assert_int_equal(image_read(&source, a, &im, &err), OK);
    return im.header.output.text;
}
