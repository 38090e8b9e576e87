/* SPDX-License-Identifier: Apache-2.0 */
/* PLAN: the inputs cut into shards, by arithmetic where lines end records, by a scan of the whole
 * object where they need not; whole where it is packed or is one record. In constant memory but for
 * the shards themselves. The format is that of the first object that has bytes; whether another one
 * is packed its name says. */
#include "worker/job/plan.h"

#include "proto/base/limits.h"
#include "worker/job/phases.h"
#include "worker/job/shuffle.h"
#include "worker/job/unpack.h"

/* Of a shuffle, what fits into the memory it is sorted in, keys and all, where records are not
 * short. */
enum { PLAN_SORTED_BYTES = SHUFFLE_SORT_BYTES / 2 };

static bool plan_fail(struct plan *p, const struct plan_object *o, const struct err *err)
{
    task_fail_input(p->task, o->key, err);
    return false;
}

/* ---- Shards ---- */

static bool plan_add_shard(struct plan *p, size_t object, const struct items_shard *at)
{
    struct err err;

    if (p->shard_count == LIMIT_JOB_PIECES) {
        (void)err_set(&err, ERR_TOO_LARGE,
                      "the input has more than %d shards: larger ones are needed",
                      LIMIT_JOB_PIECES);
        return plan_fail(p, &p->objects[object], &err);
    }
    if (p->shard_count == p->shard_cap) {
        p->shard_cap = p->shard_cap == 0 ? 64 : p->shard_cap * 2;
        p->shards = mem_realloc(p->shards, p->shard_cap * sizeof(p->shards[0]));
    }
    p->shards[p->shard_count++] = (struct plan_shard){.at = *at, .object = (uint32_t)object};
    return true;
}

static bool plan_whole(struct plan *p, size_t object)
{
    const struct items_shard all = {.from = 0, .to = p->objects[object].size};

    return all.to == 0 || plan_add_shard(p, object, &all);
}

/* ---- Looks at the front ---- */

/* Some of what a packed front unpacks to; nothing where it cannot be told. */
static size_t
plan_unpack_front(enum plan_packing packing, struct slice front, char *out, size_t room)
{
    struct unpack *u = unpack_new(packing);
    size_t filled = 0;
    struct err err;

    if (unpack_some(u, &front, out, room, &filled, &err) != OK) {
        filled = 0;
    }
    unpack_free(u);
    return filled;
}

static void plan_settle(struct plan *p, const struct plan_object *o, struct slice front)
{
    struct items_options asked = task_input_options(p->task);
    char *some = NULL;

    if (o->packing != PLAN_PLAIN) {
        some = mem_alloc(PLAN_LOOK_BYTES);
        front = slice_make(some, plan_unpack_front(o->packing, front, some, PLAN_LOOK_BYTES));
    }
    p->options = items_options_settle(&asked, unpack_name(o->key), front);
    p->settled = true;
    mem_free(some);
}

/* A shard of CSV needs its header; a format that is not known, its object's first bytes. */
static bool plan_look(struct plan *p, struct plan_object *o, struct buf *front)
{
    const struct s3_range range = {.from = 0, .to = PLAN_LOOK_BYTES, .etag = o->etag};
    struct err err;

    buf_reset(front);
    o->packing = unpack_detect(o->key, SLICE(""));
    if (o->size == 0 || (p->settled && p->options.format != ITEMS_CSV)) {
        return true;
    }
    if (task_read_range(p->task, p->task->places.input_bucket, o->key, &range, front, &err) != OK) {
        return plan_fail(p, o, &err);
    }
    o->packing = unpack_detect(o->key, buf_slice(front));
    if (!p->settled) {
        plan_settle(p, o, buf_slice(front));
    }
    return true;
}

static bool
plan_take_header(struct plan *p, struct plan_object *o, struct slice front, uint64_t bytes)
{
    struct err err;

    if (bytes > LIMIT_HEADER_BYTES || bytes > front.len) {
        (void)err_set(&err, ERR_TOO_LARGE, "byte 0: the header has more than %d bytes",
                      LIMIT_HEADER_BYTES);
        return plan_fail(p, o, &err);
    }
    o->header = arena_copy(&p->texts, slice_head(front, (size_t)bytes));
    if (bytes != 0 && !slice_ends_with(o->header, SLICE("\n"))) {
        o->header = arena_printf(&p->texts, "%.*s\n", SLICE_FMT(o->header));
    }
    return true;
}

/* ---- One object ---- */

static bool plan_split(struct plan *p, size_t object, struct slice front)
{
    struct plan_object *o = &p->objects[object];
    const struct items_wish wish = {.bytes = p->shard_bytes};
    struct items_split split;
    size_t header = 0;

    if (!items_header_bytes(&p->options, front, front.len == o->size, &header)) {
        header = PLAN_LOOK_BYTES;
    }
    if (!plan_take_header(p, o, front, header)) {
        return false;
    }
    split = items_split(&p->options, header, o->size, &wish);
    for (uint64_t i = 0; i < split.count; i++) {
        struct items_shard at = items_split_shard(&split, i);

        if (!plan_add_shard(p, object, &at)) {
            return false;
        }
    }
    return true;
}

static enum err_code plan_scan_bytes(struct plan *p,
                                     const struct plan_object *o,
                                     struct items_scan *scan,
                                     struct err *err)
{
    const struct s3_range range = {.from = 0, .to = UINT64_MAX, .etag = o->etag};
    struct job_task *t = p->task;
    struct s3_reader *r = NULL;
    struct slice some;
    enum err_code rc = OK;

    if (o->size != 0) {
        rc = s3_reader_open_range(t->s->client, t->places.input_bucket, o->key, &range, &r, err);
    }
    while (rc == OK && r != NULL) {
        rc = task_peek(t, r, &some, err);
        if (rc != OK || some.len == 0) {
            break;
        }
        rc = items_scan_feed(scan, some, err);
        s3_reader_consume(r, some.len);
        (void)atomic_fetch_add(&t->s->bytes_in, some.len);
        stream_hear(t->s);
        if (rc == OK && stream_given_up(t->s)) {
            rc = err_set(err, ERR_CANCELLED, "the piece is to be ended");
        }
    }
    s3_reader_close(r);
    return rc != OK ? rc : items_scan_finish(scan, err);
}

static bool plan_scan(struct plan *p, size_t object, struct slice front)
{
    struct plan_object *o = &p->objects[object];
    struct items_scan scan;
    struct err err;
    bool well;

    items_scan_init(&scan, &p->options, p->shard_bytes);
    well = plan_scan_bytes(p, o, &scan, &err) == OK || plan_fail(p, o, &err);
    well = well && plan_take_header(p, o, front, scan.header_bytes);
    for (size_t i = 0; well && i < scan.count; i++) {
        well = plan_add_shard(p, object, &scan.shards[i]);
    }
    if (well) {
        p->task->done.records_in += scan.records;
    }
    items_scan_fini(&scan);
    return well;
}

static bool plan_cut(struct plan *p, size_t object, struct slice front)
{
    struct plan_object *o = &p->objects[object];

    if (o->packing != PLAN_PLAIN || p->options.format == ITEMS_WHOLE) {
        return plan_whole(p, object);
    }
    return items_needs_scan(&p->options) ? plan_scan(p, object, front)
                                         : plan_split(p, object, front);
}

/* ---- All of it ---- */

/* A format for inputs that have no bytes at all, of which later ones may yet be something. */
static void plan_settle_empty(struct plan *p)
{
    struct items_options asked = task_input_options(p->task);

    if (!p->settled) {
        struct slice key = p->object_count != 0 ? p->objects[0].key : p->task->places.input;

        p->options = items_options_settle(&asked, unpack_name(key), SLICE(""));
    }
}

/* A shuffle's shards are sorted without the disk where that makes no more runs than are merged at
 * once. */
static uint64_t plan_shard_bytes(const struct plan *p)
{
    const struct job_definition *d = p->task->definition;
    const struct items_wish wish = {
        .bytes = d->shard_bytes, .count = d->shard_count, .workers = p->task->slots};
    bool chosen = d->shard_bytes != 0 || d->shard_count != 0;
    uint64_t bytes = items_shard_bytes(p->bytes, &wish);

    if (!chosen && d->shuffle.kind != JOB_SHUFFLE_NONE && bytes > PLAN_SORTED_BYTES &&
        p->bytes / PLAN_SORTED_BYTES < RUNS_WAYS) {
        bytes = PLAN_SORTED_BYTES;
    }
    return bytes;
}

static bool plan_find_shards(struct plan *p)
{
    struct buf front = {0};
    bool well = true;

    p->shard_bytes = plan_shard_bytes(p);
    plan_settle_empty(p);
    for (size_t i = 0; well && i < p->object_count; i++) {
        well = plan_look(p, &p->objects[i], &front);
        well = well && plan_cut(p, i, buf_slice(&front));
    }
    buf_fini(&front);
    return well;
}

/* As many as there are shards or slots, whichever is less. */
static uint32_t plan_partitions(const struct plan *p)
{
    const struct job_definition *d = p->task->definition;
    uint64_t n = p->task->slots != 0 ? p->task->slots : 1;

    if (d->shuffle.kind == JOB_SHUFFLE_NONE) {
        return 0;
    }
    if (d->shuffle.partitions != 0) {
        return d->shuffle.partitions;
    }
    n = n < p->shard_count ? n : p->shard_count;
    n = n < LIMIT_JOB_PARTITIONS ? n : LIMIT_JOB_PARTITIONS;
    return n != 0 ? (uint32_t)n : 1;
}

static bool plan_write(struct plan *p)
{
    struct job_task *t = p->task;
    struct plan_head head = {.options = p->options,
                             .shards = (uint32_t)p->shard_count,
                             .partitions = plan_partitions(p),
                             .objects = (uint32_t)p->object_count};
    struct slice key = task_own_key(t, 'p');
    struct slice *splitters = NULL;
    size_t splitter_count = 0;
    struct buf out = {0};
    struct err err;
    enum err_code rc;

    t->done.partitions = head.partitions;
    if (!plan_sample(p, head.partitions, &splitters, &splitter_count)) {
        return false;
    }
    plan_encode(&head, p->objects, p->shards, splitters, splitter_count, &out);
    rc = s3_put(t->s->client, t->places.output_bucket, key, SLICE(""), buf_slice(&out), &err);
    buf_fini(&out);
    if (rc == ERR_NOT_FOUND) { /* of what is written only the bucket can be missing */
        err.code = ERR_DENIED;
    }
    if (rc != OK) {
        task_fail_store(t, "plan", key, &err);
    }
    return rc == OK;
}

static void plan_say_sizes(struct plan *p)
{
    struct buf sizes = {0};

    for (size_t i = 0; i < p->shard_count; i++) {
        buf_put_varint(&sizes, p->shards[i].at.to - p->shards[i].at.from);
    }
    p->task->done.sizes = arena_copy(&p->task->s->memory, buf_slice(&sizes));
    buf_fini(&sizes);
}

void job_plan(struct job_task *t)
{
    struct plan p = {.task = t};

    if (plan_find_inputs(&p) && plan_find_shards(&p) && plan_write(&p)) {
        plan_say_sizes(&p);
        task_succeed(t);
    }
    arena_fini(&p.texts);
    mem_free(p.objects);
    mem_free(p.shards);
}
