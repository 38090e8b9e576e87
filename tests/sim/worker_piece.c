/* SPDX-License-Identifier: Apache-2.0 */
/* A piece of a job run in a worker, as worker/job does it on a store of a few bytes:
 *
 *   PLAN    the input looked at --> shards by chance --> plan put
 *   MAP     plan read --> upload begun --> shard worked on --> object written
 *   REDUCE  winners read --> upload begun --> partition worked on --> object written
 *   JOIN    winners read --> upload begun, told, recorded --> bytes put
 *   CLEAN   uploads aborted --> objects deleted
 *
 * It ends for a stop or a failure at any point, and what the store does for it then nobody hears
 * of: an upload may be left, and bytes may come late. Handlers fail by chance, some workers are
 * slow, and now and then a piece stands still for a while. */
#include "tests/sim/job.h"

#include <stdlib.h>

#include "proto/base/text.h"
#include "worker/handler/result.h"

enum {
    PIECE_OPEN_US = 20 * SIM_MS,
    PIECE_WORK_US = 1500 * SIM_MS,
    PIECE_STUCK_US = 40 * SIM_SECOND,
    PIECE_LASTS_US = 900 * SIM_SECOND,
    PIECE_SHARD_MOST = 4,                /* records */
    PIECE_RECORD_BYTES = 200 * 1000,     /* as the plan says */
    PIECE_SHARDS = MODEL_JOB_RECORDS + 2 /* some have none */
};

struct sim_piece {
    struct list link;      /* in sim_worker.pieces */
    struct sim_task *task; /* NULL: it did not wait for the store */
    unsigned busy;         /* answers of the store that are yet to come */
    enum job_phase phase;
    uint32_t number;
    uint32_t shards;
    uint32_t partitions;
    uint32_t slots;
    struct slice run;
    struct lease_token self;
    struct lease_token plan;
    struct token *named;         /* of the phase before: whose output counts; zero: any one's */
    struct lease_token *winners; /* whose is there, and counts */
    uint32_t winner_count;
    uint32_t winners_read;
    bool listed;
    const struct sim_run *seen;
    struct model_input input;
    struct slice prefix;
    struct buf gathered; /* of the winners */
    struct buf out;
    struct slice upload_id; /* ptr NULL: none is begun */
    struct handler_upload upload;
    bool recorded;
    struct lease_piece_result done;
    uint64_t bytes; /* it reads in all */
    int64_t work_from_us;
    int64_t work_us; /* 0: it has not begun */
    bool stuck;
};

static void piece_free(struct sim_piece *p)
{
    list_remove(&p->link);
    buf_fini(&p->gathered);
    buf_fini(&p->out);
    mem_free(p);
}

static void piece_end(struct sim_task *t)
{
    struct sim_piece *p = t->piece;

    p->task = NULL;
    t->piece = NULL;
    if (p->busy == 0) {
        piece_free(p);
    }
    sim_task_end(t);
}

static void aborted(struct sim *s, void *arg, enum err_code rc)
{
    (void)s;
    (void)arg;
    (void)rc; /* CLEAN's, then */
}

/* What was begun and nobody else knows of is aborted, now and then in vain. */
static void piece_finish(struct sim_task *t)
{
    const struct sim_piece *p = t->piece;
    struct sim_worker *k = t->worker;

    if (p->upload_id.ptr != NULL && !p->recorded && sim_below(k->sim, CHANCE_JOB, 4) != 0) {
        objects_abort(k->sim, k->node, arena_str(&t->memory, p->upload_id), aborted, NULL);
    }
    sim_task_fail(t, "Lambda.ServiceException", "%s was ended by its worker",
                  handler_function(t->lease)->command);
    piece_end(t);
}

static void piece_fails(struct sim_task *t, const char *error, const char *why)
{
    sim_task_fail(t, error, "%s", why);
    piece_finish(t);
}

/* Its input lets it fail here, whoever tries. */
static bool piece_is_hopeless(struct sim_task *t)
{
    const struct sim_piece *p = t->piece;

    if (p->input.error == NULL || p->input.fails != p->phase) {
        return false;
    }
    piece_fails(t, p->input.error, "as its input has it");
    return true;
}

/* The store has answered; NULL: nobody waits for it any more. */
static struct sim_task *piece_answered(void *arg)
{
    struct sim_piece *p = arg;
    struct sim_task *t = p->task;

    p->busy--;
    if (t == NULL && p->busy == 0) {
        piece_free(p);
    }
    return t != NULL && !t->stopping ? t : NULL;
}

static uint64_t below(const struct sim_task *t, uint64_t n)
{
    return sim_below(t->worker->sim, CHANCE_JOB, n);
}

static struct slice key_of(struct sim_task *t, char kind, uint32_t piece, struct lease_token token)
{
    struct token of = {token.epoch, token.counter};

    return arena_printf(&t->memory, "%.*s%.*s", SLICE_FMT(t->piece->prefix),
                        SLICE_FMT(job_temporary_name(kind, piece, of, &t->memory)));
}

/* ---- the end ---- */

static void piece_succeeds(struct sim_task *t)
{
    struct sim_piece *p = t->piece;
    struct lease_piece_result *done = ARENA_NEW(&t->memory, struct lease_piece_result);

    *done = p->done;
    p->upload_id = (struct slice){NULL, 0};
    t->result.result = SLICE("{}");
    t->result.piece = done;
    t->result.bytes_in = p->bytes;
    t->result.bytes_out = p->out.len;
    piece_end(t);
}

/* The store's answer: `step` follows, or the piece has failed. */
static void piece_goes_on(void *arg, enum err_code rc, task_step step)
{
    struct sim_task *t = piece_answered(arg);
    struct sim_worker *k = t != NULL ? t->worker : NULL;

    if (t == NULL) {
        return;
    }
    worker_enter(k);
    if (rc == OK) {
        step(t);
    } else {
        piece_fails(t, JOB_STORE_FAILED, err_sentence(rc));
    }
    worker_exit(k);
}

static void piece_written(struct sim *s, void *arg, enum err_code rc)
{
    (void)s;
    piece_goes_on(arg, rc, piece_succeeds);
}

/* ---- work ---- */

/* In so long its bytes are read and `step` follows. */
static void piece_works(struct sim_task *t, task_step step)
{
    struct sim_piece *p = t->piece;

    p->work_from_us = t->worker->sim->now_us;
    p->work_us = (int64_t)(PIECE_WORK_US / 8 + below(t, PIECE_WORK_US)) * t->worker->slowness;
    if (p->phase == JOB_MAP && p->seen->job->lasts) {
        p->work_us = (int64_t)PIECE_LASTS_US;
    }
    p->stuck = p->phase != JOB_JOIN && below(t, 40) == 0;
    sim_task_after(t, p->work_us + (p->stuck ? (int64_t)below(t, PIECE_STUCK_US) : 0), step);
}

static void piece_writes(struct sim_task *t)
{
    static const char *const passing[] = {"Runtime.ExitError", JOB_OUTPUT_INVALID,
                                          JOB_PIECE_INVALID};
    struct sim_piece *p = t->piece;

    if (below(t, 25) == 0) {
        piece_fails(t, passing[below(t, 3)], "by chance");
        return;
    }
    p->busy++;
    objects_write(t->worker->sim, t->worker->node, p->upload_id, buf_slice(&p->out), piece_written,
                  p);
}

/* ---- PLAN ---- */

struct plan {
    uint32_t firsts[PIECE_SHARDS + 1]; /* the record each shard begins with, and the last ends */
    uint32_t shards;
    uint32_t partitions;
};

static void plan_draw(struct sim_task *t, struct plan *plan)
{
    const struct sim_piece *p = t->piece;
    uint32_t at = 0;

    *plan = (struct plan){.partitions = 1 + (uint32_t)below(t, p->slots + 1)};
    while (at < p->input.count && plan->shards < PIECE_SHARDS - 1) {
        plan->firsts[plan->shards++] = at;
        at += below(t, 12) == 0 ? 0 : 1 + (uint32_t)below(t, PIECE_SHARD_MOST);
        at = at < p->input.count ? at : p->input.count;
    }
    if (at < p->input.count) {
        plan->firsts[plan->shards++] = at;
    }
    plan->firsts[plan->shards] = p->input.count;
}

static void plan_write(const struct plan *plan, struct sim_task *t)
{
    struct sim_piece *p = t->piece;
    struct buf sizes = {0};

    buf_put_varint(&p->out, plan->shards);
    for (uint32_t i = 0; i <= plan->shards; i++) {
        buf_put_varint(&p->out, plan->firsts[i]);
    }
    for (uint32_t i = 0; i < plan->shards; i++) {
        buf_put_varint(&sizes,
                       (uint64_t)(plan->firsts[i + 1] - plan->firsts[i]) * PIECE_RECORD_BYTES);
    }
    p->done.sizes = arena_copy(&t->memory, buf_slice(&sizes));
    p->done.partitions = plan->partitions;
    buf_fini(&sizes);
}

static bool plan_read(struct slice bytes, struct plan *out)
{
    struct cursor c = cursor_make(bytes);

    out->shards = (uint32_t)cursor_varint(&c);
    for (uint32_t i = 0; i <= out->shards && i <= PIECE_SHARDS; i++) {
        out->firsts[i] = (uint32_t)cursor_varint(&c);
    }
    return !c.bad && cursor_done(&c);
}

static void plan_worked(struct sim_task *t)
{
    struct sim_piece *p = t->piece;
    struct plan plan;

    if (piece_is_hopeless(t)) {
        return;
    }
    plan_draw(t, &plan);
    if (p->input.wild) {
        plan.partitions = LIMIT_JOB_PARTITIONS + 1;
    }
    plan_write(&plan, t);
    p->busy++;
    objects_put_whole(t->worker->sim, t->worker->node, SIM_JOB_BUCKET, key_of(t, 'p', 0, p->self),
                      buf_slice(&p->out), piece_written, p);
}

/* ---- MAP ---- */

static void piece_began(struct sim *s, void *arg, const char *upload_id)
{
    struct sim_task *t = piece_answered(arg);
    struct sim_worker *k = t != NULL ? t->worker : NULL;

    (void)s;
    if (t == NULL) {
        return;
    }
    worker_enter(k);
    if (upload_id == NULL) {
        piece_fails(t, JOB_STORE_FAILED, "no upload could be begun");
    } else {
        t->piece->upload_id = arena_copy(&t->memory, slice_str(upload_id));
        piece_works(t, piece_writes);
    }
    worker_exit(k);
}

static void piece_begins(struct sim_task *t, char kind)
{
    struct sim_piece *p = t->piece;

    p->busy++;
    objects_begin(t->worker->sim, t->worker->node, SIM_JOB_BUCKET,
                  arena_str(&t->memory, key_of(t, kind, p->number, p->self)), "", piece_began, p);
}

/* What the handler makes of the shard; false: it fails, or the records do. */
static bool map_handle(struct sim_task *t, uint32_t from, uint32_t to)
{
    struct sim_piece *p = t->piece;
    struct lease_counter *seen = ARENA_NEW(&t->memory, struct lease_counter);

    for (uint32_t k = from; k < to; k++) {
        struct model_record r = model_record(&p->input, k);

        if (r.bad && !p->seen->job->rejects) {
            return false;
        }
        p->done.records_in++;
        p->done.rejected += r.bad;
        p->done.records_out += r.kept;
        if (r.kept) {
            buf_printf(&p->out, "%u %u\n", r.value, k);
        }
    }
    *seen = (struct lease_counter){SLICE("seen"), to - from};
    p->done.counters = seen;
    p->done.counter_count = 1;
    p->bytes = (uint64_t)(to - from) * PIECE_RECORD_BYTES;
    return true;
}

static void map_has_plan(struct sim *s, void *arg, enum err_code rc, struct slice bytes)
{
    struct sim_task *t = piece_answered(arg);
    struct sim_piece *p = t != NULL ? t->piece : NULL;
    struct sim_worker *k = t != NULL ? t->worker : NULL;
    struct plan plan;

    if (t == NULL) {
        return;
    }
    worker_enter(k);
    if (rc == ERR_NOT_FOUND) {
        jobs_missing(k, p->self, key_of(t, 'p', 0, p->plan));
    }
    if (rc != OK) {
        piece_fails(t, JOB_STORE_FAILED, err_sentence(rc));
    } else if (!plan_read(bytes, &plan) || plan.shards != p->shards || p->number >= plan.shards) {
        sim_violation(s, "the plan of %.*s has %u shards, and its lease %u", SLICE_FMT(p->run),
                      plan.shards, p->shards);
    } else if (!map_handle(t, plan.firsts[p->number], plan.firsts[p->number + 1])) {
        piece_fails(t, JOB_BAD_RECORD, "a record is bad");
    } else {
        piece_begins(t, 'm');
    }
    worker_exit(k);
}

/* ---- REDUCE, JOIN ---- */

static void winners_next(struct sim_task *t);

static void winner_read(struct sim *s, void *arg, enum err_code rc, struct slice bytes)
{
    struct sim_task *t = piece_answered(arg);
    struct sim_worker *k = t != NULL ? t->worker : NULL;

    (void)s;
    if (t == NULL) {
        return;
    }
    worker_enter(k);
    if (rc == OK) {
        buf_put_slice(&t->piece->gathered, bytes);
        t->piece->winners_read++;
        winners_next(t);
    } else {
        if (rc == ERR_NOT_FOUND) {
            jobs_missing(k, t->piece->self, SLICE("a winner's object"));
        }
        piece_fails(t, JOB_STORE_FAILED, err_sentence(rc));
    }
    worker_exit(k);
}

struct line {
    unsigned value;
    unsigned k;
};

static int by_value(const void *x, const void *y)
{
    const struct line *a = x;
    const struct line *b = y;

    return a->value != b->value ? (a->value < b->value ? -1 : 1) : (a->k > b->k) - (a->k < b->k);
}

static uint64_t number_until(struct slice *rest, char end)
{
    size_t len = slice_find(*rest, end);
    uint64_t n = 0;

    for (size_t i = 0; i < len; i++) {
        n = n * 10 + (uint64_t)(rest->ptr[i] - '0');
    }
    *rest = slice_from(*rest, len + 1);
    return n;
}

/* The records of its partition, in order. */
static void reduce_handle(struct sim_task *t)
{
    struct sim_piece *p = t->piece;
    struct slice rest = buf_slice(&p->gathered);
    struct line *lines = ARENA_ARRAY(&t->memory, MODEL_JOB_RECORDS * 4, struct line);
    size_t count = 0;

    while (rest.len != 0 && count < (size_t)MODEL_JOB_RECORDS * 4) {
        struct line l = {.value = (unsigned)number_until(&rest, ' ')};

        l.k = (unsigned)number_until(&rest, '\n');
        if (l.value * p->partitions / MODEL_JOB_VALUES == p->number) {
            lines[count++] = l;
        }
    }
    qsort(lines, count, sizeof(lines[0]), by_value);
    for (size_t i = 0; i < count; i++) {
        buf_printf(&p->out, "%u %u\n", lines[i].value, lines[i].k);
    }
    p->done.records_in = p->done.records_out = count;
    p->bytes = count * PIECE_RECORD_BYTES;
}

static void join_begins(struct sim_task *t);

static bool is_reduced(const struct sim_piece *p)
{
    return p->phase == JOB_JOIN && p->seen->job->sorts && p->shards != 0;
}

/* "m7-3.14", below the prefix. Does it count, beside what was found before? As worker/job has it.
 */
static void winner_listed(struct sim_piece *p, struct slice name)
{
    size_t dash = slice_find(name, '-');
    struct lease_token token;
    struct lease_token *w;
    uint64_t piece;
    char *key;

    if (!text_parse_u64(slice_make(name.ptr + 1, dash - 1), &piece) || piece >= p->winner_count) {
        return;
    }
    key = mem_strdup(name);
    w = &p->winners[piece];
    if (jobs_name_token(key, &token) &&
        (p->named[piece].epoch != 0
             ? token.epoch == p->named[piece].epoch && token.counter == p->named[piece].counter
             : token.epoch > w->epoch || (token.epoch == w->epoch && token.counter > w->counter))) {
        *w = token;
    }
    mem_free(key);
}

/* False: not all are there. */
static bool winners_found(struct sim_task *t, struct slice keys)
{
    struct sim_piece *p = t->piece;
    struct sim *s = t->worker->sim;
    bool all = true;

    while (keys.len != 0) {
        size_t end = slice_find(keys, '\n');

        winner_listed(p, slice_from(slice_head(keys, end), p->prefix.len));
        keys = slice_from(keys, end + 1);
    }
    for (uint32_t i = 0; i < p->winner_count; i++) {
        if (p->winners[i].epoch == 0) {
            jobs_missing(t->worker, p->self, arena_printf(&t->memory, "the output of piece %u", i));
            all = false;
        } else if (jobs_holds(s, p->self)) {
            jobs_won(s, jobs_run(s, p->run), is_reduced(p) ? JOB_REDUCE : JOB_MAP, i,
                     p->winners[i]);
        }
    }
    return all;
}

static void winners_listed(struct sim *s, void *arg, enum err_code rc, struct slice keys)
{
    struct sim_task *t = piece_answered(arg);
    struct sim_worker *k = t != NULL ? t->worker : NULL;

    (void)s;
    if (t == NULL) {
        return;
    }
    worker_enter(k);
    t->piece->listed = true;
    if (rc == OK && winners_found(t, keys)) {
        winners_next(t);
    } else {
        piece_fails(t, JOB_STORE_FAILED, err_sentence(rc));
    }
    worker_exit(k);
}

/* What there is, and then one winner's object after the other. */
static void winners_next(struct sim_task *t)
{
    struct sim_piece *p = t->piece;
    char kind = is_reduced(p) ? 'r' : 'm';
    uint32_t i = p->winners_read;

    if (!p->listed) {
        p->busy++;
        objects_list(t->worker->sim, t->worker->node, SIM_JOB_BUCKET,
                     arena_printf(&t->memory, "%.*s%c", SLICE_FMT(p->prefix), kind), winners_listed,
                     p);
    } else if (i < p->winner_count) {
        p->busy++;
        objects_read(t->worker->sim, t->worker->node, SIM_JOB_BUCKET,
                     key_of(t, kind, i, p->winners[i]), winner_read, p);
    } else if (p->phase == JOB_REDUCE) {
        reduce_handle(t);
        piece_begins(t, 'r');
    } else {
        buf_put_slice(&p->out, buf_slice(&p->gathered));
        if (!piece_is_hopeless(t)) {
            join_begins(t);
        }
    }
}

static void join_put(struct sim *s, void *arg, enum err_code rc)
{
    struct sim_task *t = piece_answered(arg);
    struct sim_worker *k = t != NULL ? t->worker : NULL;
    struct s3_part *part;

    (void)s;
    if (t == NULL) {
        return;
    }
    worker_enter(k);
    if (rc == OK) {
        part = ARENA_NEW(&t->memory, struct s3_part);
        *part = (struct s3_part){.number = 1, .bytes = t->piece->out.len};
        objects_etag(buf_slice(&t->piece->out), part->etag);
        t->result = (struct lease_result){.has_output = true, .parts = part, .part_count = 1};
        piece_succeeds(t);
    } else {
        piece_fails(t, JOB_STORE_FAILED, err_sentence(rc));
    }
    worker_exit(k);
}

static void join_puts(struct sim_task *t)
{
    struct sim_piece *p = t->piece;

    grant_writes(t->worker, t->lease, buf_slice(&p->out));
    p->busy++;
    objects_put(t->worker->sim, t->worker->node, arena_str(&t->memory, p->upload_id),
                buf_slice(&p->out), join_put, p);
}

void piece_recorded(struct sim_task *t, enum err_code rc)
{
    if (t->stopping) {
        return;
    }
    if (rc == OK) {
        t->piece->recorded = true;
        piece_works(t, join_puts);
        return;
    }
    sim_task_fail(t, JOB_STORE_FAILED, "the coordinator refused the upload of the output: %s",
                  err_sentence(rc));
    sim_task_after(t, SIM_MS, piece_finish);
}

static void join_began(struct sim *s, void *arg, const char *upload_id)
{
    struct sim_task *t = piece_answered(arg);
    struct sim_worker *k = t != NULL ? t->worker : NULL;
    struct sim_piece *p;

    (void)s;
    if (t == NULL) {
        return;
    }
    p = t->piece;
    worker_enter(k);
    if (upload_id == NULL) {
        piece_fails(t, JOB_STORE_FAILED, "no upload could be begun");
    } else {
        p->upload_id = arena_copy(&t->memory, slice_str(upload_id));
        p->upload.upload_id = p->upload_id;
        k->real.host.uploading(&k->real.host, t->lease, &p->upload);
    }
    worker_exit(k);
}

static void join_begins(struct sim_task *t)
{
    struct sim_piece *p = t->piece;

    p->upload = (struct handler_upload){
        .bucket = SLICE(SIM_JOB_BUCKET),
        .key = p->seen->output,
        .mark =
            arena_printf(&t->memory, "%.*s/%llu.%llu", SLICE_FMT(p->run),
                         (unsigned long long)p->self.epoch, (unsigned long long)p->self.counter),
    };
    p->busy++;
    objects_begin(t->worker->sim, t->worker->node, SIM_JOB_BUCKET,
                  arena_str(&t->memory, p->upload.key), arena_str(&t->memory, p->upload.mark),
                  join_began, p);
}

/* ---- CLEAN ---- */

static void
clean(struct sim_task *t, bool uploads, void (*done)(struct sim *s, void *arg, enum err_code rc))
{
    t->piece->busy++;
    objects_clean(t->worker->sim, t->worker->node, SIM_JOB_BUCKET, t->piece->prefix, uploads, done,
                  t->piece);
}

static void clean_objects(struct sim_task *t)
{
    clean(t, false, piece_written);
}

static void clean_uploads_done(struct sim *s, void *arg, enum err_code rc)
{
    (void)s;
    piece_goes_on(arg, rc, clean_objects);
}

/* ---- the beginning ---- */

static void read_winners(struct sim_task *t, struct slice bytes)
{
    struct sim_piece *p = t->piece;
    bool later = p->phase == JOB_REDUCE || p->phase == JOB_JOIN;

    p->winner_count = !later ? 0 : is_reduced(p) ? p->partitions : p->shards;
    p->winners = ARENA_ARRAY(&t->memory, p->winner_count, struct lease_token);
    p->named = ARENA_ARRAY(&t->memory, p->winner_count, struct token);
    (void)job_winners_decode(bytes, p->named, p->winner_count); /* job.c has looked at it */
}

static void piece_reads(struct sim_task *t)
{
    struct sim *s = t->worker->sim;
    struct sim_piece *p = t->piece;
    const struct lease_grant *g = &t->lease->grant;
    struct err err;
    const Stepfleet__JobPiece *m =
        message_unpack(&stepfleet__job_piece__descriptor, g->piece, &t->memory, &err);

    if (m == NULL) {
        sim_violation(s, "a piece cannot be read: %s", err.msg);
    }
    p->phase = (enum job_phase)m->phase;
    p->number = m->piece;
    p->shards = m->shards;
    p->partitions = m->partitions;
    p->slots = m->slots;
    p->run = message_slice(m->run);
    p->self = g->token;
    p->plan = (struct lease_token){m->plan->epoch, m->plan->counter};
    p->seen = jobs_run(s, p->run);
    p->prefix = job_temporary_prefix(p->seen->output, p->run, &t->memory);
    if (!model_input_read(p->seen->input, &p->input)) {
        sim_violation(s, "%.*s reads what is no input", SLICE_FMT(p->run));
    }
    read_winners(t, message_slice(m->winners));
}

static void piece_opens(struct sim_task *t)
{
    struct sim_piece *p = t->piece;

    switch (p->phase) {
    case JOB_PLAN: piece_works(t, plan_worked); return;
    case JOB_MAP:
        if (piece_is_hopeless(t)) {
            return;
        }
        p->busy++;
        objects_read(t->worker->sim, t->worker->node, SIM_JOB_BUCKET, key_of(t, 'p', 0, p->plan),
                     map_has_plan, p);
        return;
    case JOB_REDUCE:
    case JOB_JOIN: winners_next(t); return;
    case JOB_CLEAN: clean(t, true, clean_uploads_done); return;
    case JOB_OVER: break;
    }
    sim_violation(t->worker->sim, "a piece of no phase: %u", p->phase);
}

void piece_start(struct sim_task *t)
{
    struct sim_piece *p = mem_zalloc(1, sizeof(*p));

    p->task = t;
    t->piece = p;
    t->deadline_us = INT64_MAX;
    list_push_back(&t->worker->pieces, &p->link);
    piece_reads(t);
    sim_trace(t->worker->sim, t->worker->node, "does piece %u of phase %u of %.*s", p->number,
              p->phase, SLICE_FMT(p->run));
    sim_task_after(t, (int64_t)below(t, PIECE_OPEN_US), piece_opens);
}

/* ---- while it runs ---- */

void piece_stop(struct sim_task *t, int64_t us)
{
    sim_task_after(t, us, piece_finish);
}

void piece_progress(const struct sim_task *t, struct handler_progress *out)
{
    const struct sim_piece *p = t->piece;
    int64_t worked_us = t->worker->sim->now_us - p->work_from_us;
    int64_t most_us = p->stuck ? p->work_us / 3 : p->work_us;

    if (p->work_us != 0) {
        worked_us = worked_us < most_us ? worked_us : most_us;
        out->bytes_in = p->bytes / 1000 * (uint64_t)(worked_us * 1000 / p->work_us);
    }
}

void pieces_free(struct sim_worker *k)
{
    while (!list_empty(&k->pieces)) {
        piece_free(container_of(k->pieces.next, struct sim_piece, link));
    }
}
