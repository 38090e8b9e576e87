/* SPDX-License-Identifier: Apache-2.0 */
/* What workers do with the store by themselves in job runs: temporary objects, as uploads without a
 * mark that their worker completes, and the cleaning up of all of them. What was asked for is
 * carried out whether or not who asked is still there. */
#include "tests/sim/objects.h"

#include "proto/base/buf.h"

static struct store_op *
op_of(struct sim_node *node, const char *bucket, struct slice key, void *arg)
{
    struct store_op *op = objects_op_new(node, node->life);

    op->arg = arg;
    op->answer = objects_answer_done;
    op->bucket = arena_copy(&op->arena, slice_str(bucket));
    op->key = arena_copy(&op->arena, key);
    return op;
}

static bool is_below(const struct upload *u, struct slice bucket, struct slice prefix)
{
    return slice_eq_str(bucket, u->bucket) && slice_starts_with(slice_str(u->key), prefix);
}

/* ---- writing ---- */

static void upload_fill(struct upload *u, struct slice bytes)
{
    mem_free(u->bytes);
    u->bytes = mem_strdup(bytes);
    u->len = bytes.len;
    u->put = true;
}

static void carry_write(struct sim *s, struct store_op *op)
{
    struct upload *u = upload_find(s, op->upload_id);

    if (u->state == UPLOAD_OPEN) {
        upload_fill(u, op->bytes);
        object_show(s, u);
    } else if (u->state == UPLOAD_ABORTED) {
        op->rc = ERR_NOT_FOUND;
    }
    op->rc = op->rc == OK && op->lost ? ERR_TIMED_OUT : op->rc;
}

/* Now and then long enough for its run to end meanwhile. */
static int64_t late_us(struct sim *s)
{
    enum { LATE_ONE_IN = 8, LATE_US = 30 * SIM_SECOND };

    return s->rarity[FAULT_SLOW] != 0 && s->faulty && sim_one_in(s, CHANCE_JOB, LATE_ONE_IN)
               ? (int64_t)sim_below(s, CHANCE_JOB, LATE_US)
               : 0;
}

void objects_write(struct sim *s,
                   struct sim_node *node,
                   struct slice upload_id,
                   struct slice bytes,
                   void (*done)(struct sim *s, void *arg, enum err_code rc),
                   void *arg)
{
    struct store_op *op = op_of(node, "work", SLICE(""), arg);

    op->carry = carry_write;
    op->done = done;
    op->late_us = late_us(s);
    op->upload_id = arena_copy(&op->arena, upload_id);
    op->bytes = arena_copy(&op->arena, bytes);
    objects_op_begin(s, op);
}

static void carry_put_whole(struct sim *s, struct store_op *op)
{
    struct upload *u = upload_new(s, op);

    upload_fill(u, op->bytes);
    object_show(s, u);
    op->rc = op->lost ? ERR_TIMED_OUT : OK;
}

void objects_put_whole(struct sim *s,
                       struct sim_node *node,
                       const char *bucket,
                       struct slice key,
                       struct slice bytes,
                       void (*done)(struct sim *s, void *arg, enum err_code rc),
                       void *arg)
{
    struct store_op *op = op_of(node, bucket, key, arg);

    op->carry = carry_put_whole;
    op->done = done;
    op->bytes = arena_copy(&op->arena, bytes);
    objects_op_begin(s, op);
}

/* ---- reading ---- */

static void carry_read(struct sim *s, struct store_op *op)
{
    const struct object *o =
        object_find(s, arena_str(&op->arena, op->bucket), arena_str(&op->arena, op->key));

    op->rc = o == NULL ? ERR_NOT_FOUND : op->lost ? ERR_TIMED_OUT : OK;
    if (o != NULL) {
        op->bytes = arena_copy(&op->arena, slice_make(o->upload->bytes, o->upload->len));
    }
}

static void answer_read(struct sim *s, struct store_op *op)
{
    op->read(s, op->arg, op->rc, op->bytes);
}

void objects_read(struct sim *s,
                  struct sim_node *node,
                  const char *bucket,
                  struct slice key,
                  void (*read)(struct sim *s, void *arg, enum err_code rc, struct slice bytes),
                  void *arg)
{
    struct store_op *op = op_of(node, bucket, key, arg);

    op->carry = carry_read;
    op->answer = answer_read;
    op->read = read;
    objects_op_begin(s, op);
}

/* Keys, each with a line break. */
static void carry_list(struct sim *s, struct store_op *op)
{
    struct hash_node *n = NULL;
    struct buf keys = {0};
    size_t bucket = 0;

    while ((n = hash_iterate(&s->objects->objects, &bucket, n)) != NULL) {
        const struct upload *u = container_of(n, struct object, by_key)->upload;

        if (is_below(u, op->bucket, op->key)) {
            buf_printf(&keys, "%s\n", u->key);
        }
    }
    op->bytes = arena_copy(&op->arena, buf_slice(&keys));
    op->rc = op->lost ? ERR_TIMED_OUT : OK;
    buf_fini(&keys);
}

void objects_list(struct sim *s,
                  struct sim_node *node,
                  const char *bucket,
                  struct slice prefix,
                  void (*read)(struct sim *s, void *arg, enum err_code rc, struct slice bytes),
                  void *arg)
{
    struct store_op *op = op_of(node, bucket, prefix, arg);

    op->carry = carry_list;
    op->answer = answer_read;
    op->read = read;
    objects_op_begin(s, op);
}

/* ---- cleaning up ---- */

static struct object *any_below(struct sim *s, struct slice bucket, struct slice prefix)
{
    struct hash_node *n = NULL;
    size_t bucket_number = 0;

    while ((n = hash_iterate(&s->objects->objects, &bucket_number, n)) != NULL) {
        struct object *o = container_of(n, struct object, by_key);

        if (is_below(o->upload, bucket, prefix)) {
            return o;
        }
    }
    return NULL;
}

static void clean_uploads(struct sim *s, const struct store_op *op)
{
    LIST_EACH(n, &s->objects->uploads)
    {
        struct upload *u = container_of(n, struct upload, link);

        if (u->state == UPLOAD_OPEN && is_below(u, op->bucket, op->key)) {
            sim_trace(s, op->from, "cleans upload %s of %s", u->id, u->key);
            u->state = UPLOAD_ABORTED;
            s->objects->open--;
        }
    }
}

static void clean_objects(struct sim *s, const struct store_op *op)
{
    struct object *o;

    while ((o = any_below(s, op->bucket, op->key)) != NULL) {
        sim_trace(s, op->from, "deletes %s", o->upload->key);
        hash_remove(&s->objects->objects, &o->by_key);
        mem_free(o);
    }
}

static void carry_clean(struct sim *s, struct store_op *op)
{
    if (op->uploads) {
        clean_uploads(s, op);
    } else {
        clean_objects(s, op);
    }
    op->rc = op->lost ? ERR_TIMED_OUT : OK;
}

void objects_clean(struct sim *s,
                   struct sim_node *node,
                   const char *bucket,
                   struct slice prefix,
                   bool uploads,
                   void (*done)(struct sim *s, void *arg, enum err_code rc),
                   void *arg)
{
    struct store_op *op = op_of(node, bucket, prefix, arg);

    op->carry = carry_clean;
    op->uploads = uploads;
    op->done = done;
    objects_op_begin(s, op);
}

const char *objects_any_below(struct sim *s, const char *bucket, struct slice prefix)
{
    const struct object *o = any_below(s, slice_str(bucket), prefix);

    if (o != NULL) {
        return o->upload->key;
    }
    LIST_EACH(n, &s->objects->uploads)
    {
        const struct upload *u = container_of(n, struct upload, link);

        if (u->state == UPLOAD_OPEN && is_below(u, slice_str(bucket), prefix)) {
            return u->key;
        }
    }
    return NULL;
}
