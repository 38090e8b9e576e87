/* SPDX-License-Identifier: Apache-2.0 */
/* CLEAN: all temporary objects of the run go, and all uploads of such that were begun. Keys are
 * gathered by a bounded number and deleted before the list is asked for again, so that a list is
 * never changed while it is read. */
#include "worker/job/parts.h"
#include "worker/job/phases.h"

enum { CLEAN_AT_ONCE = 1000 };

struct clean {
    struct arena texts;
    struct s3_entry entries[CLEAN_AT_ONCE];
    size_t count;
};

static bool clean_gather(void *arg, const struct s3_entry *e)
{
    struct clean *c = arg;

    c->entries[c->count++] = (struct s3_entry){
        .key = arena_copy(&c->texts, e->key),
        .upload_id = arena_copy(&c->texts, e->upload_id),
    };
    return c->count < CLEAN_AT_ONCE;
}

static enum err_code
clean_gathered(struct job_task *t, struct clean *c, bool uploads, struct err *err)
{
    struct slice bucket = t->places.output_bucket;
    enum err_code rc = OK;

    for (size_t i = 0; i < c->count && rc == OK; i++) {
        const struct s3_entry *e = &c->entries[i];

        rc = uploads ? s3_abort(t->s->client, bucket, e->key, e->upload_id, err)
                     : s3_delete(t->s->client, bucket, e->key, err);
        stream_hear(t->s);
        if (rc == OK && stream_given_up(t->s)) {
            rc = err_set(err, ERR_CANCELLED, "the piece is to be ended");
        }
    }
    return rc;
}

/* All objects, or all uploads, below a prefix. */
static enum err_code
clean_below(struct job_task *t, struct slice prefix, bool uploads, struct err *err)
{
    struct slice bucket = t->places.output_bucket;
    struct clean *c = mem_zalloc(1, sizeof(*c));
    enum err_code rc;

    do {
        arena_reset(&c->texts);
        c->count = 0;
        rc = uploads ? s3_list_uploads(t->s->client, bucket, prefix, clean_gather, c, err)
                     : s3_list(t->s->client, bucket, prefix, clean_gather, c, err);
        rc = rc != OK ? rc : clean_gathered(t, c, uploads, err);
    } while (rc == OK && c->count == CLEAN_AT_ONCE);
    arena_fini(&c->texts);
    mem_free(c);
    return rc == ERR_NOT_FOUND ? OK : rc; /* no bucket: nothing to be cleaned */
}

/* Parts of a manifest that was never committed are nobody's. */
static enum err_code clean_parts(struct job_task *t, struct err *err)
{
    bool committed = false;
    enum err_code rc = parts_committed(t, &committed, err);

    if (rc == OK && !committed) {
        rc = clean_below(t, parts_prefix(t), false, err);
        rc = rc != OK ? rc : clean_below(t, parts_prefix(t), true, err);
    }
    return rc;
}

void job_clean(struct job_task *t)
{
    struct err err;
    enum err_code rc = clean_below(t, t->prefix, true, &err);

    rc = rc != OK ? rc : clean_below(t, t->prefix, false, &err);
    if (rc == OK && t->definition->layout == JOB_LAYOUT_PARTS) {
        rc = clean_parts(t, &err);
    }
    if (rc != OK) {
        task_fail_store(t, "clean up", t->prefix, &err);
        return;
    }
    task_succeed(t);
}
