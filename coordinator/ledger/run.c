/* SPDX-License-Identifier: Apache-2.0 */
/* A job run from its start to its end. What the core answers to an event is put into the batch as
 * rows, one a piece and one for the run, and is acted on. */
#include "coordinator/ledger/run.h"

#include <assert.h>
#include <stdlib.h>

#include "coordinator/store/keys.h"
#include "proto/host/log.h"

enum {
    JOB_SIZES = 8192, /* shards of a row of sizes */
};

struct ledger_run *run_find(const struct ledger *l, uint64_t number)
{
    HASH_EACH_MATCH(n, &l->runs, hash_u64(number))
    {
        struct ledger_run *r = container_of(n, struct ledger_run, by_number);

        if (r->number == number) {
            return r;
        }
    }
    return NULL;
}

struct ledger_run *run_find_id(const struct ledger *l, struct slice id)
{
    HASH_EACH_MATCH(n, &l->runs_by_id, hash_bytes(id, 0))
    {
        struct ledger_run *r = container_of(n, struct ledger_run, by_id);

        if (slice_eq(r->row.id, id)) {
            return r;
        }
    }
    return NULL;
}

/* ---- rows ---- */

static void put_row(struct ledger *l, struct key key)
{
    store_put(l->filling, CF_JOB, key_slice(&key), buf_slice(&l->scratch));
}

void run_put(struct ledger *l, struct ledger_run *r)
{
    r->row.header = *job_run_header(r->core);
    r->batch = l->filling_number;
    buf_reset(&l->scratch);
    job_run_row_encode(&r->row, &l->scratch);
    put_row(l, key_job_run(l->config.account, r->number));
}

/* Which process has it, so that after a restart no other one of its name takes it for its own. */
static uint32_t holder_of(struct ledger *l, struct token token)
{
    const struct fleet_task *t = fleet_task_find(l->fleet, token);

    return t == NULL ? 0 : t->worker != NULL ? fleet_holder(t->worker->instance) : t->holder;
}

static void put_piece(struct ledger *l, struct ledger_run *r, const struct job_piece_state *state)
{
    struct job_piece_state row = *state;

    for (uint32_t i = 0; i < row.live_count; i++) {
        row.live[i].holder = holder_of(l, row.live[i].token);
    }
    r->batch = l->filling_number;
    buf_reset(&l->scratch);
    job_piece_row_encode(&row, &l->scratch);
    put_row(l, key_job_piece(l->config.account, r->number, row.phase, row.piece));
}

/* Found by its id, in its job's list, and at the next start while it is open. */
static void put_names(struct ledger *l, const struct ledger_run *r)
{
    buf_reset(&l->scratch);
    buf_put_u64be(&l->scratch, r->number);
    put_row(l, key_job_run_id(l->config.account, r->row.id));
    buf_reset(&l->scratch);
    put_row(l, key_job_line(l->config.account, r->row.job, r->number));
    put_row(l, key_job_open(l->config.account, r->number));
}

void run_put_sizes(struct ledger *l,
                   const struct ledger_run *r,
                   const uint64_t *bytes,
                   size_t count)
{
    for (size_t at = 0; at < count; at += JOB_SIZES) {
        buf_reset(&l->scratch);
        for (size_t i = at; i < count && i < at + JOB_SIZES; i++) {
            buf_put_varint(&l->scratch, bytes[i]);
        }
        put_row(l, key_job_sizes(l->config.account, r->number, (uint32_t)(at / JOB_SIZES)));
    }
}

void run_set_output(struct ledger_run *r, const struct task_output *o, struct token upload)
{
    char *at;

    buf_reset(&r->output);
    r->row.output = (struct task_output){.bucket = {NULL, 0}};
    r->row.upload = upload;
    if (o == NULL) {
        return;
    }
    at = buf_reserve(&r->output,
                     o->bucket.len + o->key.len + o->upload_id.len + o->mark.len + o->parts.len);
    r->row.output.bucket = block_put(&at, o->bucket);
    r->row.output.key = block_put(&at, o->key);
    r->row.output.upload_id = block_put(&at, o->upload_id);
    r->row.output.mark = block_put(&at, o->mark);
    if (o->parts.ptr != NULL) {
        r->row.output.parts = block_put(&at, o->parts);
    }
}

/* ---- making and freeing ---- */

struct ledger_run *run_new(struct ledger *l, uint64_t number)
{
    struct ledger_run *r = mem_zalloc(1, sizeof(*r));

    r->number = number;
    list_init(&r->live);
    list_init(&r->commits);
    list_init(&r->over);
    list_init(&r->moved);
    hash_insert(&l->runs, &r->by_number, hash_u64(number));
    return r;
}

static void run_free(struct ledger *l, struct ledger_run *r)
{
    hash_remove(&l->runs, &r->by_number);
    if (r->row.id.len != 0) {
        hash_remove(&l->runs_by_id, &r->by_id);
    }
    if (r->ticket != NULL) {
        run_piece_end(l, r->ticket);
    }
    while (!list_empty(&r->live)) {
        run_piece_end(l, container_of(r->live.next, struct run_piece, of_run));
    }
    heap_remove(&l->run_ticks, &r->tick);
    list_remove(&r->over);
    list_remove(&r->moved);
    if (r->core != NULL) {
        job_run_free(r->core);
    }
    buf_fini(&r->before);
    buf_fini(&r->output);
    mem_free(r->winners);
    arena_fini(&r->texts);
    mem_free(r);
}

void runs_free(struct ledger *l)
{
    struct hash_node *n;
    size_t bucket = 0;

    while ((n = hash_iterate(&l->runs, &bucket, NULL)) != NULL) {
        run_free(l, container_of(n, struct ledger_run, by_number));
        bucket = 0;
    }
    bucket = 0;
    while ((n = hash_iterate(&l->runs_parked, &bucket, NULL)) != NULL) {
        run_unpark(l, container_of(n, struct run_parked, by_number));
        bucket = 0;
    }
    hash_fini(&l->runs);
    hash_fini(&l->runs_by_id);
    hash_fini(&l->runs_parked);
    heap_fini(&l->run_ticks);
    heap_fini(&l->runs_due);
}

void runs_retire(struct ledger *l)
{
    while (!list_empty(&l->runs_over)) {
        struct ledger_run *r = container_of(l->runs_over.next, struct ledger_run, over);
        int64_t sleeps_ms = run_sleeps_ms(l, r);

        if (r->batch > l->durable_number) {
            return;
        }
        if (r->row.header.phase == JOB_OVER) {
            sweep_pieces(l, r->number);
        } else if (sleeps_ms > 0) {
            run_park(l, r, l->now.wall_ms + sleeps_ms);
        } else {
            list_remove(&r->over); /* it got something to do */
            continue;
        }
        run_free(l, r);
    }
}

enum err_code run_settle(struct ledger *l,
                         struct ledger_run *r,
                         const struct job_run_row *row,
                         struct job_run_settings *settings,
                         struct err *err)
{
    struct arena *a = &r->texts;
    struct job_arguments arguments;
    const struct json_node *object;
    enum err_code rc;

    r->row = *row;
    r->row.id = arena_copy(a, row->id);
    hash_insert(&l->runs_by_id, &r->by_id, hash_bytes(r->row.id, 0));
    r->row.job = arena_copy(a, row->job);
    r->row.definition = arena_copy(a, row->definition);
    r->row.arguments = arena_copy(a, row->arguments);
    r->row.worker_type = arena_copy(a, row->worker_type);
    run_set_output(r, row->output.bucket.ptr != NULL ? &row->output : NULL, row->upload);
    r->job = ledger_job_find(l, r->row.job);
    rc = job_definition_parse(r->row.definition, a, &r->definition, err);
    if (rc == OK) {
        rc = json_parse(r->row.arguments, a, &object, err);
    }
    if (rc == OK) {
        rc = job_arguments_read(object, a, &arguments, err);
    }
    if (rc == OK) {
        rc = job_places_find(&arguments, &r->places, err);
    }
    if (rc == OK) {
        *settings = job_run_settings_of(r->definition, row->timeout_minutes, row->workers,
                                        l->config.job_clean_ms);
    }
    return rc;
}

/* ---- outcomes ---- */

/* What was handed back unbegun has left nothing; any other attempt but the winner is counted. */
void run_note_winner(struct ledger_run *r, const struct job_piece_state *row)
{
    bool writes = row->phase == JOB_MAP || row->phase == JOB_REDUCE;
    bool rivals = row->failures != 0 || row->losses != 0 || row->extra != 0;

    if (!writes || row->status != JOB_PIECE_DONE || !rivals) {
        return;
    }
    if (r->winner_count == r->winner_cap) {
        r->winner_cap = r->winner_cap != 0 ? r->winner_cap * 2 : 16;
        r->winners = mem_realloc(r->winners, r->winner_cap * sizeof(*r->winners));
    }
    r->winners[r->winner_count++] = (struct job_winner){row->piece, row->winner};
}

static int by_piece(const void *a, const void *b)
{
    const struct job_winner *x = a;
    const struct job_winner *y = b;

    return (x->piece > y->piece) - (x->piece < y->piece);
}

static void forget_winners(struct ledger_run *r)
{
    mem_free(r->winners);
    r->winners = NULL;
    r->winner_count = r->winner_cap = 0;
}

void run_keep_winners(struct ledger_run *r)
{
    buf_reset(&r->before);
    if (r->winner_count != 0) {
        qsort(r->winners, r->winner_count, sizeof(*r->winners), by_piece);
    }
    job_winners_encode(r->winners, r->winner_count, &r->before);
    forget_winners(r);
}

static void begin_phase(struct ledger_run *r)
{
    if (job_run_header(r->core)->phase == JOB_CLEAN) {
        buf_fini(&r->before); /* the run may stay for an hour yet */
        forget_winners(r);
    } else {
        run_keep_winners(r);
    }
}

static void cancel_one(struct ledger *l, struct token token)
{
    struct fleet_task *t = fleet_task_find(l->fleet, token);

    if (t == NULL || !t->job) {
        return;
    }
    if (t->worker != NULL) {
        ledger_worker_drop(l, t->worker, token);
    }
    run_piece_end(l, run_piece_of(t));
    l->feed = true;
}

/* An upload that nobody completes any more. */
static void drop_output(struct ledger *l, struct ledger_run *r)
{
    if (r->row.output.bucket.ptr != NULL && r->object == NULL) {
        object_abort_for_run(l, r, &r->row.output);
        run_set_output(r, NULL, (struct token){0, 0});
    }
}

static void ended(struct ledger *l, struct ledger_run *r)
{
    log_info("job run ended: job=%.*s run=%.*s state=%s", SLICE_FMT(r->row.job),
             SLICE_FMT(r->row.id), job_state_name(job_run_header(r->core)->state));
    drop_output(l, r);
    if (r->job != NULL) {
        r->job->open_runs--;
    }
    if (list_empty(&r->moved)) {
        list_push_back(&l->runs_moved, &r->moved);
    }
    if (r->row.parent.execution != 0) {
        notice_run_ended(l, r->number, &r->row.parent);
    }
}

static void over(struct ledger *l, struct ledger_run *r)
{
    if (r->ticket != NULL) {
        run_piece_end(l, r->ticket);
    }
    heap_remove(&l->run_ticks, &r->tick);
    list_remove(&r->over);
    list_push_back(&l->runs_over, &r->over);
}

void run_take(struct ledger *l, struct ledger_run *r, const struct job_outcome *out)
{
    bool was_over = r->row.header.phase == JOB_OVER;

    if (out->has_row) {
        put_piece(l, r, &out->row);
        run_note_winner(r, &out->row);
    }
    for (size_t i = 0; i < out->cancel_count; i++) {
        cancel_one(l, out->cancels[i].token);
    }
    if (out->phase_began) {
        begin_phase(r);
    }
    if (out->ended) {
        ended(l, r);
    }
    if (out->header || out->phase_began || out->ended) {
        run_put(l, r);
    }
    if (!was_over && r->row.header.phase == JOB_OVER) {
        over(l, r);
    }
}

void run_next(struct ledger *l, struct ledger_run *r, struct fleet_worker *prefer)
{
    int64_t wait;

    if (r->row.header.phase == JOB_OVER) {
        return;
    }
    wait = run_ticket(l, r, prefer) ? job_run_wait_ms(r->core, l->now.wall_ms) : 1;
    if (wait >= 0) {
        heap_set(&l->run_ticks, &r->tick, l->now.mono_ms + wait);
    } else {
        heap_remove(&l->run_ticks, &r->tick);
    }
    if (run_sleeps_ms(l, r) >= LIMIT_PARK_IDLE_MS && list_empty(&r->over)) {
        list_push_back(&l->runs_over, &r->over);
    }
}

void run_outcome(struct ledger *l,
                 struct ledger_run *r,
                 const struct job_outcome *out,
                 struct fleet_worker *w)
{
    run_take(l, r, out);
    run_next(l, r, w);
}

void runs_due(struct ledger *l)
{
    struct heap_node *n;

    while (ledger_accepts(l) && (n = heap_min(&l->run_ticks)) != NULL && n->key <= l->now.mono_ms) {
        struct ledger_run *r = container_of(n, struct ledger_run, tick);
        struct job_outcome out;

        job_run_tick(r->core, l->now.wall_ms, &out);
        heap_set(&l->run_ticks, n, l->now.mono_ms + 1); /* not twice in a turn */
        run_outcome(l, r, &out, NULL);
    }
}

bool runs_upload(const struct ledger *l, struct slice upload_id)
{
    struct hash_node *n = NULL;
    size_t bucket = 0;

    while ((n = hash_iterate(&l->runs, &bucket, n)) != NULL) {
        const struct ledger_run *r = container_of(n, struct ledger_run, by_number);

        if (r->row.output.bucket.ptr != NULL && slice_eq(r->row.output.upload_id, upload_id)) {
            return true;
        }
    }
    return false;
}

/* ---- starting and stopping ---- */

static struct slice run_id(struct ledger *l)
{
    uint64_t chance[4] = {ledger_random(l), ledger_random(l), ledger_random(l), ledger_random(l)};
    char *text = arena_alloc(&l->arena, JOB_RUN_ID_BYTES);

    job_run_id_format((const uint8_t *)chance, text);
    return slice_make(text, JOB_RUN_ID_BYTES);
}

/* What the start asks for, of a job defined so. */
static enum err_code start_asks(struct ledger *l,
                                const struct ledger_run_start *s,
                                const struct job_definition *d,
                                struct job_run_row *row,
                                struct err *err)
{
    struct job_arguments own;
    struct job_arguments all;
    enum err_code rc = job_arguments_read(s->arguments, &l->arena, &own, err);

    if (rc == OK) {
        rc = job_arguments_merge(&d->default_arguments, &own, &l->arena, &all, err);
    }
    if (rc == OK) {
        rc = job_overrides_apply(d, &s->overrides, &row->timeout_minutes, &row->workers, err);
    }
    if (rc == OK) {
        row->arguments = json_print(job_arguments_json(&all, &l->arena), &l->arena);
        row->worker_type = s->overrides.worker_type;
    }
    return rc;
}

/* Asked of the definition it began with: the job's own may be another by now. */
enum err_code ledger_run_repeats(struct ledger *l,
                                 uint64_t number,
                                 struct slice job,
                                 const struct ledger_run_start *s,
                                 struct err *err)
{
    struct job_run_row asked = {.attempt = 0};
    const struct job_definition *d;
    struct ledger_run_view v;
    enum err_code rc = ledger_run_view(l, number, &v, err);

    if (rc == OK) {
        rc = job_definition_parse(v.row->definition, &l->arena, &d, err);
    }
    if (rc == OK) {
        rc = start_asks(l, s, d, &asked, err);
    }
    if (rc == OK &&
        (!slice_eq(job, v.row->job) || !slice_eq(asked.arguments, v.row->arguments) ||
         !slice_eq(asked.worker_type, v.row->worker_type) ||
         asked.timeout_minutes != v.row->timeout_minutes || asked.workers != v.row->workers)) {
        rc = err_set(err, ERR_CONFLICT, "The run %.*s was started otherwise", SLICE_FMT(v.row->id));
    }
    return rc;
}

enum err_code ledger_run_start(struct ledger *l,
                               const struct ledger_run_start *s,
                               uint64_t *number,
                               struct slice *id,
                               struct err *err)
{
    struct job_run_settings settings;
    struct job_run_row row;
    struct job_outcome out;
    struct ledger_run *r;
    enum err_code rc;

    row = (struct job_run_row){
        .id = s->id.len != 0 ? s->id : run_id(l),
        .job = s->job->name,
        .definition = s->job->definition,
        .parent = s->parent,
    };
    rc = start_asks(l, s, s->job->parsed, &row, err);
    if (rc != OK) {
        return rc;
    }
    if (s->job->open_runs >= s->job->parsed->max_concurrent_runs) {
        return err_set(err, ERR_JOB_RUNS, "Concurrent runs exceeded for %.*s",
                       SLICE_FMT(s->job->name));
    }
    r = run_new(l, l->next_run++);
    rc = run_settle(l, r, &row, &settings, err);
    if (rc != OK) {
        run_free(l, r);
        return rc;
    }
    s->job->open_runs++;
    r->core = job_run_new(&settings, l->now.wall_ms);
    put_names(l, r);
    job_run_begin(r->core, l->now.wall_ms, &out);
    out.header = true;
    run_outcome(l, r, &out, NULL);
    *number = r->number;
    *id = r->row.id;
    return OK;
}

void ledger_run_stop(struct ledger *l, uint64_t number)
{
    struct ledger_run *r = run_find(l, number);
    struct job_outcome out;

    if (r != NULL && r->core != NULL) {
        job_run_stop(r->core, l->now.wall_ms, &out);
        run_outcome(l, r, &out, NULL);
    }
}

/* ---- as AWS describes it ---- */

static void put_text(struct json_builder *b, const char *key, struct slice text)
{
    if (text.len != 0) {
        json_put(b, slice_str(key), json_string(b->a, text));
    }
}

static void put_ms(struct json_builder *b, const char *key, int64_t ms)
{
    if (ms != 0) {
        json_put(b, slice_str(key), json_integer(b->a, ms));
    }
}

struct ledger_run_told ledger_run_tell(const struct job_run_row *row, struct arena *a)
{
    const struct job_run_header *h = &row->header;
    bool ran = h->ended_ms != 0 && h->began_ms != 0;

    return (struct ledger_run_told){
        .started_ms = h->began_ms != 0 ? h->began_ms : h->created_ms,
        .modified_ms = h->ended_ms != 0 ? h->ended_ms : h->began_ms,
        .execution_s = ran ? (uint32_t)((h->ended_ms - h->began_ms) / 1000) : 0,
        .message = h->error.len != 0 && h->cause.len != 0
                       ? arena_printf(a, "%.*s: %.*s", SLICE_FMT(h->error), SLICE_FMT(h->cause))
                       : h->error,
    };
}

/* A JobRun, as the task that waited for it gets it: members in alphabetical order. */
static struct slice describe(const struct job_run_row *row, struct arena *a)
{
    const struct job_run_header *h = &row->header;
    struct ledger_run_told told = ledger_run_tell(row, a);
    struct json_builder b = json_build_object(a);
    struct json_builder predecessors = json_build_array(a);
    const struct json_node *arguments;
    struct err err;

    if (json_parse(row->arguments, a, &arguments, &err) == OK) {
        json_put(&b, SLICE("Arguments"), arguments);
    }
    json_put(&b, SLICE("Attempt"), json_integer(a, row->attempt));
    put_ms(&b, "CompletedOn", h->ended_ms);
    put_text(&b, "ErrorMessage", told.message);
    json_put(&b, SLICE("ExecutionTime"), json_integer(a, told.execution_s));
    put_text(&b, "Id", row->id);
    put_text(&b, "JobName", row->job);
    json_put(&b, SLICE("JobRunState"), json_string(a, slice_str(job_state_name(h->state))));
    put_ms(&b, "LastModifiedOn", told.modified_ms);
    if (row->workers != 0) {
        json_put(&b, SLICE("NumberOfWorkers"), json_integer(a, row->workers));
    }
    json_put(&b, SLICE("PredecessorRuns"), json_built(&predecessors)); /* a trigger's: none */
    put_ms(&b, "StartedOn", told.started_ms);
    json_put(&b, SLICE("Timeout"), json_integer(a, row->timeout_minutes));
    put_text(&b, "WorkerType", row->worker_type);
    return json_print(json_built(&b), a);
}

bool run_has_ended(struct ledger *l, uint64_t number)
{
    struct ledger_run_view v;
    struct err err;

    return ledger_run_view(l, number, &v, &err) != OK || job_state_is_end(v.row->header.state);
}

enum err_code
run_describe(struct ledger *l, uint64_t number, bool *failed, struct slice *out, struct err *err)
{
    struct ledger_run_view v;
    enum err_code rc = ledger_run_view(l, number, &v, err);

    if (rc == OK) {
        *failed = v.row->header.state != JOB_SUCCEEDED;
        *out = describe(v.row, &l->arena);
    }
    return rc;
}
