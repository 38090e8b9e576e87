/* SPDX-License-Identifier: Apache-2.0 */
/* Executions as the operations see them: started, found, looked at, told. */
#include <stdlib.h>

#include "coordinator/ledger/internal.h"
#include "coordinator/ledger/retention.h"
#include "coordinator/store/keys.h"
#include "proto/base/text.h"

void ledger_start_route(struct ledger *l,
                        const struct version *version,
                        const struct alias *alias,
                        struct ledger_start *s)
{
    if (alias != NULL) {
        bool first = ledger_random(l) % 100 < alias->routes[0].weight;
        size_t route = alias->route_count == 1 || first ? 0 : 1;

        version = ledger_version_find(s->machine, alias->routes[route].version);
        s->alias = alias->name;
    }
    if (version != NULL) {
        s->version = version->number;
        s->revision = version->revision;
    }
}

static struct execution_header
start_header(struct ledger *l, const struct ledger_start *s, uint64_t id, uint32_t revision)
{
    return (struct execution_header){
        .rules = &l->rules,
        .account = l->config.account,
        .id = id,
        .machine = s->machine->number,
        .revision = revision,
        .version = s->version,
        .alias = s->alias,
        .trace = s->trace,
        .express = s->machine->express,
        .synchronous = s->synchronous,
        .name = s->name,
        .arn = s->arn,
        .machine_arn = s->machine->arn,
        .machine_name = s->machine->name,
        .role_arn = s->machine->role_arn,
        .seed = ledger_random(l),
        .status = EXECUTION_RUNNING,
        .start_ms = l->now.wall_ms,
        .parent = s->parent,
        .next_event = 1,
        .input = {.text = s->input},
    };
}

struct slice ledger_start_arn(struct ledger *l, const struct ledger_start *s)
{
    if (s->machine->express) {
        return arena_printf(&l->arena, "arn:aws:states:%s:%012llu:express:%.*s:%.*s:%.*s",
                            l->config.region, (unsigned long long)l->config.account,
                            SLICE_FMT(s->machine->name), SLICE_FMT(s->name),
                            SLICE_FMT(ledger_uuid(l)));
    }
    return arena_printf(&l->arena, "arn:aws:states:%s:%012llu:execution:%.*s:%.*s",
                        l->config.region, (unsigned long long)l->config.account,
                        SLICE_FMT(s->machine->name), SLICE_FMT(s->name));
}

/* For one more that is open. */
static enum err_code check_room(const struct ledger *l, struct err *err)
{
    if (l->open_count < l->config.open_most) {
        return OK;
    }
    return err_set(err, ERR_EXECUTION_LIMIT, "%zu executions are open", l->open_count);
}

enum err_code
ledger_start(struct ledger *l, const struct ledger_start *s, uint64_t *id, struct err *err)
{
    struct engine_event ev = {.kind = ENGINE_START};
    struct machine_revision *revision;
    struct hot *h;
    enum step_status status;
    enum err_code rc;
    uint32_t number;

    rc = check_room(l, err);
    if (rc != OK) {
        return rc;
    }
    number = s->revision != 0 ? s->revision : s->machine->revision;
    rc = machine_revision_get(l, s->machine, number, &revision, err);
    if (rc != OK) {
        return rc;
    }
    h = hot_new(l, s->restart_of != 0 ? s->restart_of : l->next_execution++);
    h->machine = s->machine;
    h->revision = revision;
    h->recorded = !s->synchronous;
    h->h = start_header(l, s, h->h.id, number);
    h->machine->open_executions++;
    l->open_count++;
    list_push_back(&l->lru, &h->lru);
    *id = h->h.id;
    status = ledger_step(l, h, &ev, NULL, err);
    if (status != STEP_DONE && status != STEP_CONTINUE) {
        h->machine->open_executions--;
        l->open_count--;
        hot_free(l, h);
        return err->code;
    }
    return OK;
}

enum err_code ledger_start_unlisted(struct ledger *l,
                                    struct slice machine,
                                    struct asl_machine *parsed,
                                    struct slice input,
                                    uint64_t *id,
                                    struct err *err)
{
    struct ledger_start s = {.name = ledger_uuid(l), .input = input, .synchronous = true};
    enum err_code rc = check_room(l, err);

    if (rc != OK) {
        asl_machine_free(parsed);
        return rc;
    }
    s.machine = machine_unlisted(l, machine, parsed);
    s.machine->passing = true; /* the run's from now on */
    s.arn = ledger_start_arn(l, &s);
    return ledger_start(l, &s, id, err);
}

enum err_code ledger_execution_find(struct ledger *l,
                                    const struct ledger_machine *m,
                                    struct slice name,
                                    uint64_t *id,
                                    struct err *err)
{
    struct hot *h = hot_find_name(l, m->number, name);
    struct key key = key_name(l->config.account, m->number, name);
    struct name_row row;
    struct buf b = {0};
    enum err_code rc;

    if (h != NULL) {
        *id = h->h.id;
        return OK;
    }
    rc = store_get(l->store, CF_NAME, key_slice(&key), &b, err);
    if (rc == OK) {
        rc = name_row_decode(buf_slice(&b), &row, err);
    }
    if (rc == OK && retention_is_gone(l, row.execution)) {
        rc = ERR_NOT_FOUND;
    }
    if (rc == OK) {
        *id = row.execution;
    }
    buf_fini(&b);
    return rc;
}

const struct execution_header *ledger_execution_header(struct ledger *l, uint64_t id)
{
    const struct hot *h = hot_find(l, id);

    return h != NULL ? &h->h : NULL;
}

static int by_frame(const void *a, const void *b)
{
    const struct ledger_frame *x = a;
    const struct ledger_frame *y = b;

    return (x->frame->id > y->frame->id) - (x->frame->id < y->frame->id);
}

bool ledger_execution_view(struct ledger *l, uint64_t id, struct ledger_view *out)
{
    struct hot *h = hot_find(l, id);
    struct ledger_frame *frames;
    size_t count = 0;

    if (h == NULL) {
        return false;
    }
    frames = ARENA_ARRAY(&l->arena, h->frame_count, struct ledger_frame);
    LIST_EACH(n, &h->frames)
    {
        const struct hot_frame *hf = container_of(n, struct hot_frame, of_hot);

        frames[count++] = (struct ledger_frame){
            .frame = &hf->f,
            .bytes_in = hf->bytes_in,
            .bytes_out = hf->bytes_out,
            .note = slice_make(hf->note, hf->note_len),
            .held = hf->held,
        };
    }
    qsort(frames, count, sizeof(*frames), by_frame);
    *out = (struct ledger_view){
        .header = &h->h,
        .machine = h->revision->parsed,
        .frames = frames,
        .frame_count = count,
        .failed_as = h->failed_as,
    };
    return true;
}

enum err_code
ledger_execution_event(struct ledger *l, uint64_t id, struct engine_event *ev, struct err *err)
{
    struct hot *h = hot_find(l, id);

    if (h == NULL) {
        return err_set(err, ERR_INTERNAL, "execution %llu is not loaded", (unsigned long long)id);
    }
    if (ev->kind == ENGINE_REDRIVE && check_room(l, err) != OK) {
        return err->code;
    }
    switch (ledger_step(l, h, ev, NULL, err)) {
    case STEP_DONE:
    case STEP_CONTINUE: return OK;
    case STEP_STALE: return err_set(err, ERR_LEASE_LOST, "the execution has moved on");
    case STEP_NEED_FRAME:
    case STEP_FAILED: break;
    }
    return err->code;
}

static uint64_t history_events(const struct execution_header *h)
{
    return h->rules != NULL ? h->rules->history_events : LIMIT_HISTORY_EVENTS;
}

const char *ledger_redrive_refusal(const struct execution_header *h, int64_t now_ms)
{
    int64_t period_ms = (int64_t)LIMIT_REDRIVE_DAYS * 24 * 3600 * 1000;

    if (h->express) {
        return "Execution is EXPRESS and cannot be redriven";
    }
    if (h->status == EXECUTION_RUNNING) {
        return "Execution is RUNNING and cannot be redriven";
    }
    if (h->status == EXECUTION_SUCCEEDED) {
        return "Execution is SUCCEEDED and cannot be redriven";
    }
    if (h->next_event - 1 >= history_events(h) - 1) {
        return "Execution history event limit exceeded";
    }
    if (now_ms - h->stop_ms > period_ms) {
        return "Execution redrivable period exceeded";
    }
    return NULL;
}

bool ledger_express_records(struct ledger *l,
                            uint64_t id,
                            struct arena *a,
                            struct slice **records,
                            size_t *count)
{
    const struct hot *h = hot_find(l, id);

    if (h == NULL || !h->h.express) {
        return false;
    }
    *records = ARENA_ARRAY(a, h->record_count, struct slice);
    for (size_t i = 0; i < h->record_count; i++) {
        (*records)[i] = arena_copy(a, h->records[i]);
    }
    *count = h->record_count;
    return true;
}
