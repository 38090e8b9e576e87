/* SPDX-License-Identifier: Apache-2.0 */
/* Executions in a list, newest first, of one machine or of all: index rows lie by status and
 * machine, so each status of each machine is a lane in that order already, and a page is their
 * merge. */
#include <inttypes.h>
#include <string.h>

#include "coordinator/api/reading.h"
#include "coordinator/store/keys.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

struct list_asked {
    const uint64_t *machines; /* numbers */
    size_t machine_count;
    enum execution_status status;
    bool any_status;
    struct slice prefix; /* of the name */
    int64_t since_ms;    /* started then or later */
    int64_t until_ms;    /* started before; 0: whenever */
    uint32_t version;    /* started by it; 0: by any or none */
    struct slice alias;  /* likewise */
};

/* What only the writer can finish: whose each line is, and by what it was started. */
struct list_line {
    uint64_t machine;
    uint32_t version;
    struct slice alias;
};

/* Where a page goes on: after the line looked at last, as "l1.START.EXECUTION". */
struct list_place {
    int64_t start_ms;
    uint64_t execution;
    bool set;
};

static bool place_parse(struct slice token, struct list_place *out)
{
    uint64_t start;
    size_t dot;

    if (!slice_starts_with(token, SLICE("l1."))) {
        return false;
    }
    token = slice_from(token, 3);
    dot = slice_find(token, '.');
    if (!text_parse_u64(slice_head(token, dot), &start) || start > INT64_MAX ||
        !text_parse_u64(slice_from(token, dot + 1), &out->execution)) {
        return false;
    }
    out->start_ms = (int64_t)start;
    out->set = true;
    return true;
}

/* One status of one machine: its next line. Lines are in the order of their starts, newest first.
 */
struct list_lane {
    struct store_iterator *rows;
    uint64_t machine;
    bool has;
    enum execution_status status;
    int64_t start_ms;
    uint64_t execution;
    struct slice row; /* borrowed from the iterator until it moves */
};

struct list_page {
    struct reading *r;
    const struct list_asked *asked;
    Stepfleet__ListReply *reply;
    struct list_line *lines;
    struct list_place place;
    struct list_lane *lanes;
    size_t lane_count;
};

static bool is_newer(const struct list_lane *a, int64_t start_ms, uint64_t execution)
{
    return a->start_ms != start_ms ? a->start_ms > start_ms : a->execution > execution;
}

static void lane_next(struct list_page *p, struct list_lane *lane)
{
    struct slice key;
    uint64_t account;
    uint64_t machine;

    do {
        lane->has = store_next(lane->rows, &key, &lane->row);
        if (lane->has && !key_index_parse(key, &account, &lane->status, &machine, &lane->start_ms,
                                          &lane->execution)) {
            p->r->rc = err_set(&p->r->err, ERR_CORRUPT, "a key of the index cannot be read");
            lane->has = false;
        }
    } while (lane->has && p->place.set &&
             !is_newer(&(struct list_lane){.start_ms = p->place.start_ms,
                                           .execution = p->place.execution},
                       lane->start_ms, lane->execution));
    lane->has = lane->has && lane->start_ms >= p->asked->since_ms;
}

static void lane_open(struct list_page *p, uint64_t machine, enum execution_status status)
{
    struct list_lane *lane = &p->lanes[p->lane_count++];
    uint64_t account = p->r->source.account;
    struct key from = key_index_machine(account, status, machine);
    struct key to = key_after(&from);

    if (p->place.set) {
        from = key_index(account, status, machine, p->place.start_ms, p->place.execution);
    } else if (p->asked->until_ms != 0) {
        from = key_index(account, status, machine, p->asked->until_ms - 1, UINT64_MAX);
    }
    lane->machine = machine;
    lane->rows =
        store_iterate(p->r->source.store, CF_INDEX, key_slice(&from), key_slice(&to), false);
    lane_next(p, lane);
}

static struct list_lane *newest(struct list_page *p)
{
    struct list_lane *found = NULL;

    for (size_t i = 0; i < p->lane_count; i++) {
        struct list_lane *lane = &p->lanes[i];

        if (lane->has && (found == NULL || is_newer(lane, found->start_ms, found->execution))) {
            found = lane;
        }
    }
    return found;
}

static bool is_asked_for(const struct list_asked *q, const struct index_row *row)
{
    return slice_starts_with(row->name, q->prefix) &&
           (q->version == 0 || q->version == row->version) &&
           (q->alias.len == 0 || slice_eq(q->alias, row->alias));
}

/* The lane's line onto the page, where its name is asked for. */
static void page_line(struct list_page *p, const struct list_lane *lane)
{
    struct arena *a = &p->r->arena;
    Stepfleet__ExecutionDetail *d;
    struct index_row row;

    p->place = (struct list_place){lane->start_ms, lane->execution, true};
    p->r->rc = index_row_decode(lane->row, &row, &p->r->err);
    if (p->r->rc != OK || !is_asked_for(p->asked, &row)) {
        return;
    }
    d = arena_alloc(a, sizeof(*d));
    stepfleet__execution_detail__init(d);
    d->name = arena_str(a, row.name);
    d->status = (char *)(uintptr_t)execution_status_name(lane->status);
    d->start_ms = lane->start_ms;
    d->stop_ms = row.stop_ms;
    d->redrive_count = row.redrive_count;
    d->redrive_ms = row.redrive_ms;
    p->lines[p->reply->n_executions] =
        (struct list_line){lane->machine, row.version, arena_copy(a, row.alias)};
    p->reply->executions[p->reply->n_executions++] = d;
}

/* True where there is more than the page holds, or than one page may look at. */
static bool page_fill(struct list_page *p)
{
    for (size_t looked = 0; p->r->rc == OK; looked++) {
        struct list_lane *lane = newest(p);

        if (lane == NULL) {
            return false;
        }
        if (p->reply->n_executions == p->r->max || looked == LIMIT_LIST_ROWS) {
            return true;
        }
        page_line(p, lane);
        lane_next(p, lane);
    }
    return false;
}

static void lanes_open(struct list_page *p)
{
    enum { STATUSES = EXECUTION_PENDING_REDRIVE + 1 };
    const struct list_asked *q = p->asked;

    p->lanes = ARENA_ARRAY(&p->r->arena, q->machine_count * STATUSES, struct list_lane);
    for (size_t i = 0; i < q->machine_count; i++) {
        for (unsigned s = 0; s < STATUSES; s++) {
            if (q->any_status || q->status == (enum execution_status)s) {
                lane_open(p, q->machines[i], (enum execution_status)s);
            }
        }
    }
}

static void lanes_close(struct list_page *p)
{
    struct reading *r = p->r;

    for (size_t i = 0; i < p->lane_count; i++) {
        enum err_code rc = store_iterator_end(p->lanes[i].rows, r->rc == OK ? &r->err : NULL);

        r->rc = r->rc == OK ? rc : r->rc;
    }
}

static void work_list(struct reading *r)
{
    Stepfleet__ListReply *reply = arena_alloc(&r->arena, sizeof(*reply));
    struct list_page p = {.r = r, .asked = r->asked, .reply = reply};

    stepfleet__list_reply__init(reply);
    reply->executions = ARENA_ARRAY(&r->arena, r->max, Stepfleet__ExecutionDetail *);
    p.lines = ARENA_ARRAY(&r->arena, r->max, struct list_line);
    if (r->token.len != 0 && !place_parse(r->token, &p.place)) {
        r->rc = err_set(&r->err, ERR_INVALID_TOKEN, "Invalid Token: 'Invalid token'");
        return;
    }
    lanes_open(&p);
    if (page_fill(&p)) {
        reply->next_token = arena_str(&r->arena, arena_printf(&r->arena, "l1.%" PRId64 ".%" PRIu64,
                                                              p.place.start_ms, p.place.execution));
    }
    lanes_close(&p);
    r->asked = p.lines;
    r->reply = &reply->base;
}

/* Names and ARNs of the machines are the writer's: put in on its thread. */
static void list_done(void *task)
{
    struct reading *r = task;
    const struct list_line *lines = r->asked;
    Stepfleet__ListReply *reply = (void *)(uintptr_t)r->reply;
    const struct ledger_config *config = ledger_configuration(r->api->ledger);

    for (size_t i = 0; r->rc == OK && i < reply->n_executions; i++) {
        const struct ledger_machine *m = ledger_machine_number(r->api->ledger, lines[i].machine);
        Stepfleet__ExecutionDetail *d = reply->executions[i];

        if (m == NULL) {
            continue; /* deleted meanwhile */
        }
        d->machine_arn = arena_str(&r->arena, m->arn);
        describe_version_arns(m->arn, lines[i].version, lines[i].alias, &r->arena, d);
        d->type = m->express ? "EXPRESS" : "STANDARD";
        d->execution_arn = arena_str(
            &r->arena,
            arena_printf(&r->arena, "arn:aws:states:%s:%012" PRIu64 ":%s:%.*s:%s", config->region,
                         config->account, m->express ? "express" : "execution", SLICE_FMT(m->name),
                         d->name));
        if (m->express) {
            d->name[slice_find(slice_str(d->name), ':')] = '\0';
        }
    }
    reading_done(task);
}

/* ---- the operation ---- */

static bool parse_status(const char *text, enum execution_status *out)
{
    for (unsigned s = 0; s <= EXECUTION_PENDING_REDRIVE; s++) {
        if (strcmp(text, execution_status_name((enum execution_status)s)) == 0) {
            *out = (enum execution_status)s;
            return true;
        }
    }
    return false;
}

static enum err_code
list_machines(struct reading *r, const char *machine, struct list_asked *asked, struct err *err)
{
    struct ledger_machine **all;
    struct ledger_machine *one = NULL;
    struct qualified at;
    uint64_t *numbers;
    size_t count = 1;
    enum err_code rc = OK;

    if (machine[0] != '\0') {
        rc = find_qualified(r->api, machine, &at, err);
        one = rc == OK ? at.machine : NULL;
        all = &one;
        if (rc == OK) {
            asked->version = at.version != NULL ? at.version->number : 0;
            asked->alias =
                at.alias != NULL ? arena_copy(&r->arena, at.alias->name) : (struct slice){NULL, 0};
        }
    } else {
        all = ledger_machines(r->api->ledger, &count);
    }
    if (rc == OK && count > LIMIT_LIST_MACHINES) {
        rc = err_set(err, ERR_VALIDATION,
                     "there are %zu state machines, and a list is merged over at most %d: name one",
                     count, LIMIT_LIST_MACHINES);
    }
    if (rc != OK) {
        return rc;
    }
    if (r->call->aws && one->express) {
        return err_set(err, ERR_MACHINE_TYPE,
                       "This operation is not supported by this type of state machine");
    }
    numbers = ARENA_ARRAY(&r->arena, count, uint64_t);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = all[i]->number;
    }
    asked->machines = numbers;
    asked->machine_count = count;
    return OK;
}

/* AWS lists the executions of one machine, or those of a map run, of which there are none; and some
 * filters are for map runs alone. */
static enum err_code check_aws_list(const Stepfleet__ListRequest *q, struct err *err)
{
    const char *redriven = q->redrive_filter;

    if (redriven[0] != '\0' && strcmp(redriven, "REDRIVEN") != 0 &&
        strcmp(redriven, "NOT_REDRIVEN") != 0) {
        return err_set(err, ERR_VALIDATION,
                       "1 validation error detected: Value '%.100s' at 'redriveFilter' failed to "
                       "satisfy constraint: Member must satisfy enum value set: [REDRIVEN, "
                       "NOT_REDRIVEN]",
                       redriven);
    }
    if ((q->machine[0] == '\0') == (q->map_run[0] == '\0')) {
        return err_set(err, ERR_VALIDATION,
                       "Exactly one of stateMachineArn and mapRunArn must be specified");
    }
    if (q->map_run[0] != '\0') {
        return err_set(err, ERR_NOT_FOUND, "Resource not found: '%.300s'", q->map_run);
    }
    if (redriven[0] != '\0' || strcmp(q->status, "PENDING_REDRIVE") == 0) {
        return err_set(err, ERR_VALIDATION,
                       "redriveFilter and the status PENDING_REDRIVE are for a mapRunArn alone");
    }
    return OK;
}

static enum err_code list_asked(struct reading *r,
                                const Stepfleet__ListRequest *q,
                                struct list_asked *asked,
                                struct err *err)
{
    enum err_code rc;

    asked->any_status = q->status[0] == '\0';
    asked->prefix = arena_copy(&r->arena, slice_str(q->name_prefix));
    if (!asked->any_status && !parse_status(q->status, &asked->status)) {
        return err_set(err, ERR_VALIDATION,
                       "1 validation error detected: Value '%.100s' at 'statusFilter' failed to "
                       "satisfy constraint: Member must satisfy enum value set: [SUCCEEDED, "
                       "TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]",
                       q->status);
    }
    if (q->since_ms < 0 || q->until_ms < 0) {
        return err_set(err, ERR_VALIDATION, "times are milliseconds since 1970");
    }
    asked->since_ms = q->since_ms;
    asked->until_ms = q->until_ms;
    rc = r->call->aws ? check_aws_list(q, err) : OK;
    return rc == OK ? list_machines(r, q->machine, asked, err) : rc;
}

void operation_EXECUTION_LIST(struct call *c)
{
    const Stepfleet__ListRequest *q = (const void *)c->request;
    struct list_asked *asked;
    struct reading *r;
    struct err err;
    uint32_t max;
    enum err_code rc;

    if (!page_size(c, q->max_results, &max)) {
        return;
    }
    r = reading_new(c, work_list);
    asked = ARENA_NEW(&r->arena, struct list_asked);
    rc = list_asked(r, q, asked, &err);
    if (rc != OK) {
        c->fail(c, rc, &err);
        reading_free(r);
        return;
    }
    r->asked = asked;
    r->max = max;
    r->token = arena_copy(&r->arena, slice_str(q->next_token));
    r->done = list_done;
    reading_begin(r);
}
