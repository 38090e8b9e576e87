/* SPDX-License-Identifier: Apache-2.0 */
/* CLEAN: all temporary objects of the run go, all uploads of such that were begun, and what
 * attempts of JOIN left that came to nothing: parts, and an upload of what was rejected. Keys are
 * gathered by a bounded number and deleted before the list is asked for again, so that a list is
 * never changed while it is read. Uploads at the output's own key are the coordinator's affair. */
#include "worker/job/parts.h"
#include "worker/job/phases.h"

enum { CLEAN_AT_ONCE = 1000 };

/* What is to go. */
struct clean_place {
    struct slice prefix;
    struct slice keep; /* a longer prefix, of what stays; empty: nothing does */
    bool exact;        /* the one key alone */
    bool uploads;      /* else objects */
};

struct clean {
    const struct clean_place *place;
    struct arena texts;
    struct s3_entry entries[CLEAN_AT_ONCE];
    size_t count;
};

static bool clean_gather(void *arg, const struct s3_entry *e)
{
    struct clean *c = arg;
    const struct clean_place *p = c->place;

    if ((p->keep.len != 0 && slice_starts_with(e->key, p->keep)) ||
        (p->exact && !slice_eq(e->key, p->prefix))) {
        return true;
    }
    c->entries[c->count++] = (struct s3_entry){
        .key = arena_copy(&c->texts, e->key),
        .upload_id = arena_copy(&c->texts, e->upload_id),
    };
    return c->count < CLEAN_AT_ONCE;
}

static enum err_code clean_gathered(struct job_task *t, const struct clean *c, struct err *err)
{
    struct slice bucket = t->places.output_bucket;
    enum err_code rc = OK;

    for (size_t i = 0; i < c->count && rc == OK; i++) {
        const struct s3_entry *e = &c->entries[i];

        rc = c->place->uploads ? s3_abort(t->s->client, bucket, e->key, e->upload_id, err)
                               : s3_delete(t->s->client, bucket, e->key, err);
        stream_hear(t->s);
        if (rc == OK && stream_given_up(t->s)) {
            rc = err_set(err, ERR_CANCELLED, "the piece is to be ended");
        }
    }
    return rc;
}

static enum err_code
clean_place(struct job_task *t, const struct clean_place *place, struct err *err)
{
    struct slice bucket = t->places.output_bucket;
    struct clean *c = mem_zalloc(1, sizeof(*c));
    enum err_code rc;

    c->place = place;
    do {
        arena_reset(&c->texts);
        c->count = 0;
        rc = place->uploads
                 ? s3_list_uploads(t->s->client, bucket, place->prefix, clean_gather, c, err)
                 : s3_list(t->s->client, bucket, place->prefix, clean_gather, c, err);
        rc = rc != OK ? rc : clean_gathered(t, c, err);
    } while (rc == OK && c->count == CLEAN_AT_ONCE);
    arena_fini(&c->texts);
    mem_free(c);
    return rc == ERR_NOT_FOUND ? OK : rc; /* no bucket: nothing to be cleaned */
}

/* All below the prefix but what begins with `keep`. Uploads first: one that is completed meanwhile
 * is an object then. */
static enum err_code
clean_below(struct job_task *t, struct slice prefix, struct slice keep, struct err *err)
{
    struct clean_place place = {.prefix = prefix, .keep = keep, .uploads = true};
    enum err_code rc = clean_place(t, &place, err);

    place.uploads = false;
    return rc != OK ? rc : clean_place(t, &place, err);
}

/* Parts of an attempt whose manifest was not committed are nobody's. */
static enum err_code clean_parts(struct job_task *t, struct err *err)
{
    struct slice kept;
    enum err_code rc = parts_committed(t, &kept, err);

    return rc != OK ? rc : clean_below(t, parts_prefix(t), kept, err);
}

/* Where an attempt of this run completed it, an upload that is listed still may share its bytes
 * (s3.h): let it be. */
static enum err_code clean_rejected(struct job_task *t, struct err *err)
{
    const struct clean_place place = {
        .prefix = task_rejected_key(t), .exact = true, .uploads = true};
    struct s3_object found = {.mark = ""};
    enum err_code rc = s3_head(t->s->client, t->places.output_bucket, place.prefix, &found, err);

    if (rc == ERR_NOT_FOUND || (rc == OK && !slice_starts_with(slice_str(found.mark), t->run))) {
        rc = clean_place(t, &place, err);
    }
    return rc;
}

void job_clean(struct job_task *t)
{
    const struct job_definition *d = t->definition;
    struct err err;
    enum err_code rc = clean_below(t, t->prefix, SLICE(""), &err);

    if (rc == OK && d->layout == JOB_LAYOUT_PARTS) {
        rc = clean_parts(t, &err);
    }
    if (rc == OK && d->bad_records.policy == JOB_BAD_RECORDS_REJECT) {
        rc = clean_rejected(t, &err);
    }
    if (rc != OK) {
        task_fail_store(t, "clean up", t->prefix, &err);
        return;
    }
    task_succeed(t);
}
