/* SPDX-License-Identifier: Apache-2.0 */
/* What a run is to read: one object, all below a prefix, or those a manifest names. Below a prefix
 * empty objects are none (markers are often such), nor are a run's temporary ones; a manifest is
 * JSON: an array, or a line each, of keys or of objects with a member "key". All of it is looked at
 * now, so that sizes are known and what is changed later is noticed. */
#include "proto/base/json.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "worker/job/plan.h"

static struct plan_object *inputs_add(struct plan *p, struct slice key)
{
    if (p->object_count == p->object_cap) {
        p->object_cap = p->object_cap == 0 ? 16 : p->object_cap * 2;
        p->objects = mem_realloc(p->objects, p->object_cap * sizeof(p->objects[0]));
    }
    p->objects[p->object_count] = (struct plan_object){.key = arena_copy(&p->texts, key)};
    return &p->objects[p->object_count++];
}

/* ---- A prefix ---- */

static bool is_temporary(struct slice key)
{
    static const struct slice own = SLICE_INIT(".stepfleet/");

    for (;;) {
        size_t slash = slice_find(key, '/');

        if (slice_starts_with(key, own)) {
            return true;
        }
        if (slash == key.len) {
            return false;
        }
        key = slice_from(key, slash + 1);
    }
}

static bool inputs_take(void *arg, const struct s3_entry *e)
{
    struct plan *p = arg;

    if (e->size_bytes != 0 && !is_temporary(e->key)) {
        (void)inputs_add(p, e->key);
    }
    return p->object_count <= LIMIT_JOB_PIECES;
}

/* ---- A manifest ---- */

static enum err_code manifest_take(struct plan *p, const struct json_node *v, struct err *err)
{
    const struct json_node *key = json_is(v, JSON_OBJECT) ? json_member(v, SLICE("key")) : v;

    if (!json_is(key, JSON_STRING) || json_text(key).len == 0) {
        return err_set(err, ERR_VALIDATION, "entry %zu is neither a key nor has it one",
                       p->object_count);
    }
    if (p->object_count > LIMIT_JOB_PIECES) {
        return OK; /* said later, of all inputs */
    }
    (void)inputs_add(p, json_text(key));
    return OK;
}

static enum err_code
manifest_lines(struct plan *p, struct slice text, struct arena *a, struct err *err)
{
    struct slice rest = text;
    enum err_code rc = OK;

    while (rc == OK && rest.len != 0) {
        size_t at = (size_t)(rest.ptr - text.ptr);
        size_t end = slice_find(rest, '\n');
        struct slice line = slice_head(rest, end);
        const struct json_node *v;

        rest = slice_from(rest, end < rest.len ? end + 1 : end);
        if (line.len == 0 || slice_eq_str(line, "\r")) {
            continue;
        }
        rc = json_parse(line, a, &v, err);
        rc = rc != OK ? rc : manifest_take(p, v, err);
        if (rc != OK) {
            err_wrap(err, "the line at byte %zu", at);
        }
    }
    return rc;
}

static enum err_code
manifest_read(struct plan *p, struct slice text, struct arena *a, struct err *err)
{
    const struct json_node *list;
    enum err_code rc = OK;

    if (!slice_starts_with(text, SLICE("["))) {
        return manifest_lines(p, text, a, err);
    }
    rc = json_parse(text, a, &list, err);
    if (rc != OK) {
        return rc;
    }
    for (const struct json_node *e = json_first(list); rc == OK && e != NULL;
         e = json_next(list, e)) {
        rc = manifest_take(p, e, err);
    }
    return rc;
}

static enum err_code inputs_of_manifest(struct plan *p, struct err *err)
{
    const struct job_places *at = &p->task->places;
    struct arena a = {0};
    struct slice text;
    enum err_code rc = s3_get(p->task->s->client, at->input_bucket, at->input, PLAN_MANIFEST_BYTES,
                              &a, &text, err);

    rc = rc != OK ? rc : manifest_read(p, text, &a, err);
    arena_fini(&a);
    return rc;
}

/* ---- All of them ---- */

static enum err_code inputs_name(struct plan *p, struct err *err)
{
    const struct job_places *at = &p->task->places;

    switch (at->input_kind) {
    case JOB_INPUT_KEY: (void)inputs_add(p, at->input); return OK;
    case JOB_INPUT_PREFIX:
        return s3_list(p->task->s->client, at->input_bucket, at->input, inputs_take, p, err);
    case JOB_INPUT_MANIFEST: return inputs_of_manifest(p, err);
    }
    return OK;
}

static bool inputs_look(struct plan *p, struct plan_object *o)
{
    struct job_task *t = p->task;
    struct s3_object found;
    struct err err;

    if (s3_head(t->s->client, t->places.input_bucket, o->key, &found, &err) != OK) {
        task_fail_input(t, o->key, &err);
        return false;
    }
    o->size = found.size_bytes;
    o->etag = arena_copy(&p->texts, slice_str(found.etag));
    p->bytes += o->size;
    stream_hear(t->s);
    return !stream_given_up(t->s);
}

bool plan_find_inputs(struct plan *p)
{
    struct job_task *t = p->task;
    struct err err;
    enum err_code rc = inputs_name(p, &err);

    if (rc == OK && p->object_count > LIMIT_JOB_PIECES) {
        rc = err_set(&err, ERR_TOO_LARGE, "there are more than %d objects", LIMIT_JOB_PIECES);
    } else if (rc == OK && p->object_count == 0 && t->places.input_kind == JOB_INPUT_PREFIX) {
        rc = err_set(&err, ERR_NOT_FOUND, "no object's key begins so");
    }
    if (rc != OK) {
        task_fail_input(t, t->places.input, &err);
        return false;
    }
    for (size_t i = 0; i < p->object_count; i++) {
        if (!inputs_look(p, &p->objects[i])) {
            return false;
        }
    }
    return true;
}
