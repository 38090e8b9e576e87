/* SPDX-License-Identifier: Apache-2.0 */
/* The object store: uploads and objects of all buckets, answering what client/s3 answers.
 *
 * A request is carried out a while after it was made, and answered a while after that. Whoever made
 * it may die in between: what was carried out stays.
 *
 *   COMPLETE  the object is there under this mark: OK, found    the upload is open: OK, now it is
 *             there                                             else ERR_NOT_FOUND
 *   ABORT     OK, whatever there was
 *
 * A completion whose answer is lost may leave its upload listed beside the object, whose bytes go
 * with the upload should anybody abort it (client/s3/s3.h says which store does that).
 *
 * Always: an upload is completed with the parts that were put, once, when its attempt's success has
 * been told; attempts of one state entry write in their order. */
#include <stdio.h>

#include "coordinator/ledger/ledger.h"
#include "proto/base/text.h"
#include "tests/sim/job.h"
#include "tests/sim/objects.h"

enum {
    STORE_LATENCY_US = 15 * SIM_MS, /* at most, each way */
    STORE_SLOW_US = 40 * SIM_SECOND,
    STORE_LOST_US = 20 * SIM_SECOND, /* until an answer counts as lost */
    STORE_PATIENCE_US = 3 * SIM_SECOND,
};

/* ---- what there is ---- */

static uint64_t place_hash(const char *bucket, const char *key)
{
    return hash_bytes(slice_str(key), hash_bytes(slice_str(bucket), 0));
}

/* An Express execution does, after a crash, which forgets what it had begun. */
static bool starts_over(const char *mark)
{
    return strstr(mark, ":express:") != NULL;
}

struct upload *upload_find(struct sim *s, struct slice id)
{
    HASH_EACH_MATCH(n, &s->objects->uploads_by_id, hash_bytes(id, 0))
    {
        struct upload *u = container_of(n, struct upload, by_id);

        if (slice_eq_str(id, u->id)) {
            return u;
        }
    }
    sim_violation(s, "the store never had an upload %.*s", SLICE_FMT(id));
}

struct object *object_find(struct sim *s, const char *bucket, const char *key)
{
    HASH_EACH_MATCH(n, &s->objects->objects, place_hash(bucket, key))
    {
        struct object *o = container_of(n, struct object, by_key);

        if (strcmp(o->upload->bucket, bucket) == 0 && strcmp(o->upload->key, key) == 0) {
            return o;
        }
    }
    return NULL;
}

static struct entry *entry_get(struct sim *s, struct slice name)
{
    uint64_t hash = hash_bytes(name, 0);
    struct entry *e;

    HASH_EACH_MATCH(n, &s->objects->entries, hash)
    {
        e = container_of(n, struct entry, by_name);
        if (slice_eq_str(name, e->name)) {
            return e;
        }
    }
    e = mem_zalloc(1, sizeof(*e));
    e->name = mem_strdup(name);
    hash_insert(&s->objects->entries, &e->by_name, hash);
    return e;
}

/* ---- requests under way ---- */

static void op_free(void *arg)
{
    struct store_op *op = arg;

    arena_fini(&op->arena);
    mem_free(op);
}

/* One request alone, or many for a while. */
static bool is_slow(struct sim *s)
{
    struct sim_objects *o = s->objects;

    if (sim_strikes(s, FAULT_SLOW, 300)) {
        o->slow_until_us = s->now_us + STORE_SLOW_US;
    }
    return sim_strikes(s, FAULT_SLOW, s->now_us < o->slow_until_us ? 3 : 50);
}

static int64_t latency_us(struct sim *s)
{
    int64_t us = 500 + (int64_t)sim_below(s, CHANCE_WORLD, STORE_LATENCY_US);

    return is_slow(s) ? us + (int64_t)sim_below(s, CHANCE_FAULTS + FAULT_SLOW, STORE_SLOW_US) : us;
}

static bool asker_is_there(const struct store_op *op)
{
    return op->from->up && op->from->life == op->life;
}

static void op_answers(struct sim *s, void *arg)
{
    struct store_op *op = arg;

    op->answer(s, op);
    op_free(op);
}

static void op_carried(struct sim *s, struct store_op *op, int64_t us)
{
    if (asker_is_there(op)) {
        sim_after(s, op->from, us, op_answers, op, op_free);
    } else {
        op_free(op);
    }
}

/* A completion that takes long: somebody may stop the execution meanwhile, and redrive it. */
static void tell_slow(struct sim *s, const struct store_op *op, int64_t us)
{
    size_t arn = slice_find(op->mark, '/');
    struct slice name = slice_head(op->mark, arn);

    if (op->request != NULL && op->request->kind == OBJECT_COMPLETE && us > STORE_PATIENCE_US &&
        s->faulty && sim_one_in(s, CHANCE_FAULTS + FAULT_SLOW, 2)) {
        clients_lose_patience(s, slice_from(name, slice_rfind(name, ':') + 1), SIM_SECOND);
    }
}

static void op_arrives(struct sim *s, void *arg)
{
    struct store_op *op = arg;
    int64_t us = latency_us(s);

    if (sim_strikes(s, FAULT_STORE, 20)) {
        op->rc = sim_one_in(s, CHANCE_FAULTS + FAULT_STORE, 2) ? ERR_BUSY : ERR_UNAVAILABLE;
    } else {
        op->lost = sim_strikes(s, FAULT_LOST, 20);
        op->carry(s, op);
    }
    if (op->lost) {
        us += (int64_t)sim_below(s, CHANCE_FAULTS + FAULT_LOST, STORE_LOST_US);
    }
    if (asker_is_there(op)) {
        tell_slow(s, op, us);
    }
    op_carried(s, op, us);
}

struct store_op *objects_op_new(struct sim_node *from, uint64_t life)
{
    struct store_op *op = mem_zalloc(1, sizeof(*op));

    op->from = from;
    op->life = life;
    return op;
}

void objects_op_begin(struct sim *s, struct store_op *op)
{
    int64_t us = latency_us(s) + op->late_us;

    tell_slow(s, op, us);
    sim_after(s, NULL, us, op_arrives, op, op_free);
}

/* ---- uploads, by workers ---- */

struct upload *upload_new(struct sim *s, const struct store_op *op)
{
    struct upload *u = mem_zalloc(1, sizeof(*u));

    (void)snprintf(u->id, sizeof(u->id), "up-%llu", (unsigned long long)++s->objects->last_upload);
    u->begun_us = s->now_us;
    u->bucket = mem_strdup(op->bucket);
    u->key = mem_strdup(op->key);
    u->mark = mem_strdup(op->mark);
    u->own = op->mark.len == 0;
    list_push_back(&s->objects->uploads, &u->link);
    hash_insert(&s->objects->uploads_by_id, &u->by_id, hash_bytes(slice_str(u->id), 0));
    s->objects->open++;
    sim_trace(s, op->from, "upload %s of %s for %s", u->id, u->key, u->mark);
    return u;
}

/* Where the answer is lost the client tries again: there is another upload, or none it knows of. */
static void carry_begin(struct sim *s, struct store_op *op)
{
    op->upload = upload_new(s, op);
    if (op->lost) {
        op->upload = sim_one_in(s, CHANCE_FAULTS + FAULT_LOST, 2) ? upload_new(s, op) : NULL;
        op->rc = op->upload != NULL ? OK : ERR_TIMED_OUT;
    }
}

static void answer_begin(struct sim *s, struct store_op *op)
{
    op->begun(s, op->arg, op->rc == OK ? op->upload->id : NULL);
}

void objects_begin(struct sim *s,
                   struct sim_node *node,
                   const char *bucket,
                   const char *key,
                   const char *mark,
                   void (*done)(struct sim *s, void *arg, const char *upload_id),
                   void *arg)
{
    struct store_op *op = objects_op_new(node, node->life);

    op->carry = carry_begin;
    op->answer = answer_begin;
    op->begun = done;
    op->arg = arg;
    op->bucket = arena_copy(&op->arena, slice_str(bucket));
    op->key = arena_copy(&op->arena, slice_str(key));
    op->mark = arena_copy(&op->arena, slice_str(mark));
    objects_op_begin(s, op);
}

void objects_answer_done(struct sim *s, struct store_op *op)
{
    op->done(s, op->arg, op->rc);
}

/* A part of an upload that was aborted meanwhile, because its lease is over, is refused. */
static void carry_put(struct sim *s, struct store_op *op)
{
    struct upload *u = upload_find(s, op->upload_id);

    if (u->state != UPLOAD_OPEN) {
        op->rc = ERR_NOT_FOUND;
        return;
    }
    mem_free(u->bytes);
    u->bytes = mem_strdup(op->bytes);
    u->len = op->bytes.len;
    u->put = true;
    op->rc = op->lost ? ERR_TIMED_OUT : OK;
}

void objects_put(struct sim *s,
                 struct sim_node *node,
                 const char *upload_id,
                 struct slice bytes,
                 void (*done)(struct sim *s, void *arg, enum err_code rc),
                 void *arg)
{
    struct store_op *op = objects_op_new(node, node->life);

    op->carry = carry_put;
    op->answer = objects_answer_done;
    op->done = done;
    op->arg = arg;
    op->upload_id = arena_copy(&op->arena, slice_str(upload_id));
    op->bytes = arena_copy(&op->arena, bytes);
    objects_op_begin(s, op);
}

void objects_etag(struct slice bytes, char etag[OBJECTS_ETAG_BYTES])
{
    (void)snprintf(etag, OBJECTS_ETAG_BYTES, "%016llx",
                   (unsigned long long)hash_bytes(bytes, bytes.len));
}

/* ---- aborts, of workers and of the ledger ---- */

static void object_lose_bytes(struct sim *s, struct upload *u)
{
    struct object *o = object_find(s, u->bucket, u->key);

    u->listed = false;
    if (o != NULL && o->upload == u) {
        sim_trace(s, NULL, "%s has lost its bytes with upload %s", u->key, u->id);
        o->damaged = true;
    }
}

static void carry_abort(struct sim *s, struct store_op *op)
{
    struct upload *u = upload_find(s, op->upload_id);

    if (u->state == UPLOAD_OPEN) {
        sim_trace(s, op->from, "aborts upload %s", u->id);
        u->state = UPLOAD_ABORTED;
        s->objects->open--;
    } else if (u->listed) {
        object_lose_bytes(s, u);
    }
    op->rc = op->lost ? ERR_TIMED_OUT : OK;
}

void objects_abort(struct sim *s,
                   struct sim_node *node,
                   const char *upload_id,
                   void (*done)(struct sim *s, void *arg, enum err_code rc),
                   void *arg)
{
    struct store_op *op = objects_op_new(node, node->life);

    op->carry = carry_abort;
    op->answer = objects_answer_done;
    op->done = done;
    op->arg = arg;
    op->upload_id = arena_copy(&op->arena, slice_str(upload_id));
    objects_op_begin(s, op);
}

/* ---- completions ---- */

/* "ARN/state entry/attempt/epoch.counter": one attempt of an entry writes, and a later one only
 * where the execution was stopped or failed meanwhile, and was redriven. An Express execution
 * starts over after a crash, and counts anew. */
static void check_order(struct sim *s, struct slice mark)
{
    size_t token = slice_rfind(mark, '/');
    size_t attempt = slice_rfind(slice_head(mark, token), '/');
    struct entry *e = entry_get(s, slice_head(mark, attempt));
    struct slice arn = slice_head(mark, slice_find(mark, '/'));
    struct slice execution = slice_from(arn, slice_rfind(arn, ':') + 1);
    const struct sim_grant *g = grant_of_mark(s, mark);
    bool again = clients_redrove(s, execution) || (g != NULL && g->hands_on);
    uint64_t number;

    if (starts_over(e->name)) {
        return;
    }
    if (!text_parse_u64(slice_make(mark.ptr + attempt + 1, token - attempt - 1), &number)) {
        sim_violation(s, "a mark names no attempt: %.*s", SLICE_FMT(mark));
    }
    if (number <= e->attempt || (e->attempt != 0 && !again)) {
        sim_violation(s, "%.*s is written after attempt %llu of the same", SLICE_FMT(mark),
                      (unsigned long long)e->attempt);
    }
    e->attempt = number;
}

static void check_told(struct sim *s, const struct upload *u)
{
    struct sim_grant *g = grant_of_mark(s, slice_str(u->mark));

    if (g == NULL || !g->told_output) {
        sim_violation(s, "%s becomes visible: %s", u->mark,
                      g == NULL ? "no such attempt was granted" : "its success nobody has told");
    }
    g->written = true;
}

static void check_request(struct sim *s, const struct store_op *op, const struct upload *u)
{
    if (!slice_eq_str(op->bucket, u->bucket) || !slice_eq_str(op->key, u->key) ||
        !slice_eq_str(op->mark, u->mark)) {
        sim_violation(s, "upload %s is of %s/%s for %s, and is completed as %.*s/%.*s for %.*s",
                      u->id, u->bucket, u->key, u->mark, SLICE_FMT(op->bucket), SLICE_FMT(op->key),
                      SLICE_FMT(op->mark));
    }
}

/* One part, as it was put. */
static void check_parts(struct sim *s, const struct store_op *op, const struct upload *u)
{
    struct cursor c = cursor_make(op->bytes);
    uint64_t number = cursor_varint(&c);
    uint64_t bytes = cursor_varint(&c);
    struct slice etag = cursor_bytes(&c);
    char put[OBJECTS_ETAG_BYTES];

    objects_etag(slice_make(u->bytes, u->len), put);
    if (c.bad || !cursor_done(&c) || !u->put || number != 1 || bytes != u->len ||
        !slice_eq_str(etag, put)) {
        sim_violation(s, "upload %s for %s is completed with parts that were never put", u->id,
                      u->mark);
    }
}

void object_show(struct sim *s, struct upload *u)
{
    struct object *o = object_find(s, u->bucket, u->key);

    if (o == NULL) {
        o = mem_zalloc(1, sizeof(*o));
        hash_insert(&s->objects->objects, &o->by_key, place_hash(u->bucket, u->key));
    }
    o->upload = u;
    o->damaged = false;
    u->state = UPLOAD_DONE;
    s->objects->open--;
    sim_trace(s, NULL, "%s is now of %s", u->key, u->mark);
}

/* Half the clients that lose the answer find out themselves. */
static void lose_completion(struct sim *s, struct store_op *op, struct upload *u)
{
    u->listed = sim_one_in(s, CHANCE_FAULTS + FAULT_LOST, 4);
    op->found = sim_one_in(s, CHANCE_FAULTS + FAULT_LOST, 2);
    op->rc = op->found ? OK : ERR_TIMED_OUT;
}

static void carry_complete(struct sim *s, struct store_op *op)
{
    struct upload *u = upload_find(s, op->upload_id);
    const struct object *o = object_find(s, u->bucket, u->key);

    check_request(s, op, u);
    op->found = o != NULL && strcmp(o->upload->mark, u->mark) == 0;
    if (op->found) {
        op->rc = op->lost ? ERR_TIMED_OUT : OK;
        return;
    }
    if (u->state == UPLOAD_OPEN && jobs_is_mark(op->mark) && sim_strikes(s, FAULT_STORE, 20)) {
        u->state = UPLOAD_ABORTED; /* by whom, nobody knows */
        s->objects->open--;
    }
    if (u->state != UPLOAD_OPEN) {
        op->rc = ERR_NOT_FOUND;
        return;
    }
    check_parts(s, op, u);
    check_told(s, u);
    if (jobs_is_mark(slice_str(u->mark))) {
        jobs_committed(s, u->key, u->mark, slice_make(u->bytes, u->len));
    } else {
        check_order(s, slice_str(u->mark));
    }
    object_show(s, u);
    if (op->lost) {
        lose_completion(s, op, u);
    }
}

static void answer_request(struct sim *s, struct store_op *op)
{
    struct object_request *r = op->request;

    r->rc = op->rc == OK ? OK
                         : err_set(&r->err, op->rc, "s3://%.*s/%.*s: %s", SLICE_FMT(r->bucket),
                                   SLICE_FMT(r->key), err_sentence(op->rc));
    r->found = op->rc == OK && op->found;
    coordinator_object_done(s, op->life, r);
}

/* The request is its ledger's, and goes with it: nothing of it is needed to carry it out. */
void objects_request(struct sim *s, uint64_t life, struct object_request *r)
{
    struct store_op *op = objects_op_new(&s->coordinator_node, life);

    if (r->kind == OBJECT_COMPLETE && jobs_is_mark(r->mark) &&
        client_jobs_lose_patience(s, r->mark) && s->rarity[FAULT_SLOW] != 0) {
        op->late_us = (int64_t)sim_below(s, CHANCE_JOB, STORE_SLOW_US);
    }
    op->carry = r->kind == OBJECT_COMPLETE ? carry_complete : carry_abort;
    op->answer = answer_request;
    op->request = r;
    op->bucket = arena_copy(&op->arena, r->bucket);
    op->key = arena_copy(&op->arena, r->key);
    op->mark = arena_copy(&op->arena, r->mark);
    op->upload_id = arena_copy(&op->arena, r->upload_id);
    op->bytes = arena_copy(&op->arena, r->parts);
    objects_op_begin(s, op);
}

/* ---- looks ---- */

struct slice objects_get(struct sim *s, const char *bucket, const char *key, const char **mark)
{
    const struct object *o = object_find(s, bucket, key);

    if (o == NULL) {
        return slice_make(NULL, 0);
    }
    if (mark != NULL) {
        *mark = o->upload->mark;
    }
    return slice_make(o->upload->bytes, o->damaged ? 0 : o->upload->len);
}

/* "ARN/state entry/attempt/token" */
bool objects_read_mark(const char *mark, struct slice *arn, uint64_t *entry, uint64_t *attempt)
{
    struct slice rest = slice_str(mark);
    struct slice *const parts[] = {arn, &(struct slice){0}, &(struct slice){0}};

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        size_t slash = slice_find(rest, '/');

        if (slash == rest.len) {
            return false;
        }
        *parts[i] = slice_head(rest, slash);
        rest = slice_from(rest, slash + 1);
    }
    return text_parse_u64(*parts[1], entry) && text_parse_u64(*parts[2], attempt);
}

/* Under way before the stage of that mark began, and of the same execution? One that had bytes was
 * known to the coordinator. What was overtaken may begin late: it is not held to what comes after.
 */
static bool is_before(const struct upload *u, const char *key, const char *mark, bool same_entry)
{
    uint64_t entry[2];
    uint64_t attempt[2];
    struct slice arn[2];

    return u->put && strcmp(u->key, key) == 0 &&
           objects_read_mark(u->mark, &arn[0], &entry[0], &attempt[0]) &&
           objects_read_mark(mark, &arn[1], &entry[1], &attempt[1]) && slice_eq(arn[0], arn[1]) &&
           (same_entry ? entry[0] == entry[1] && attempt[0] < attempt[1] : entry[0] < entry[1]);
}

void objects_check_settled(struct sim *s, const char *key, const char *key_before, const char *mark)
{
    const struct upload *before = NULL;

    LIST_EACH(n, &s->objects->uploads)
    {
        const struct upload *u = container_of(n, struct upload, link);

        if (is_before(u, key_before, mark, false)) {
            before = u; /* the last of them in the end */
        } else if (u->state == UPLOAD_OPEN && is_before(u, key, mark, true)) {
            before = u;
            break;
        }
    }
    if (before != NULL && before->state == UPLOAD_OPEN && !starts_over(mark)) {
        sim_violation(s, "%s begins, and upload %s for %s is open", mark, before->id, before->mark);
    }
}

size_t objects_open_uploads(struct sim *s)
{
    return s->objects->open;
}

void objects_each_open(
    struct sim *s,
    void (*each)(void *arg, const char *bucket, const char *key, const char *id, int64_t begun_us),
    void *arg)
{
    LIST_EACH(n, &s->objects->uploads)
    {
        const struct upload *u = container_of(n, struct upload, link);

        if (u->state == UPLOAD_OPEN || u->listed) {
            each(arg, u->bucket, u->key, u->id, u->begun_us);
        }
    }
}

bool objects_is_needed(struct sim *s, const char *upload_id)
{
    const struct upload *u = upload_find(s, slice_str(upload_id));
    const struct sim_grant *g = grant_of_mark(s, slice_str(u->mark));
    struct fleet *fleet = ledger_fleet(coordinator_ledger(s));
    struct lease_token own;

    if (u->own && jobs_key_token(u->key, &own)) {
        return fleet_task_find(fleet, (struct token){own.epoch, own.counter}) != NULL;
    }
    return u->put && g != NULL &&
           fleet_task_find(fleet, (struct token){g->token.epoch, g->token.counter}) != NULL;
}

/* ---- the end of the world ---- */

static void check_upload(struct sim *s, const struct upload *u)
{
    const struct object *o = object_find(s, u->bucket, u->key);
    const struct sim_grant *g = grant_of_mark(s, slice_str(u->mark));

    if (u->state == UPLOAD_OPEN &&
        ledger_upload_is_stray(coordinator_ledger(s), slice_str(u->key), slice_str(u->id))) {
        sim_violation(s, "upload %s of %s for %s is nobody's, and is left", u->id, u->key, u->mark);
    }
    if (u->state != UPLOAD_DONE || u->own) {
        return;
    }
    if (jobs_is_mark(slice_str(u->mark))) {
        jobs_check_output(s, u->key, u->mark, slice_make(u->bytes, u->len),
                          o != NULL && o->upload == u && o->damaged);
        return;
    }
    if (o == NULL || g == NULL || g->output != hash_bytes(slice_make(u->bytes, u->len), 0)) {
        sim_violation(s, "%s holds what the handler of %s did not write", u->key, u->mark);
    }
    if (o->upload == u && o->damaged && g->accepted) {
        sim_violation(s, "%s for %s was accepted, and its bytes are gone", u->key, u->mark);
    }
}

void objects_check(struct sim *s)
{
    LIST_EACH(n, &s->objects->uploads)
    {
        check_upload(s, container_of(n, struct upload, link));
    }
}

void objects_open(struct sim *s)
{
    s->objects = mem_zalloc(1, sizeof(*s->objects));
    list_init(&s->objects->uploads);
}
