/* SPDX-License-Identifier: Apache-2.0 */
/* Phase by phase, as worker/job has them:
 *
 *   PLAN    reads the inputs and lists them, writes the plan
 *   MAP     reads the plan and the inputs, writes its piece's objects
 *   REDUCE  reads the run's temporary objects and lists them, writes its piece's
 *   JOIN    reads and lists likewise, writes the output, its parts and what was rejected
 *   CLEAN   lists and removes all that the run has left */
#include "coordinator/permit/permit.h"

enum {
    READ = 1 << PERMIT_READ,
    LIST = 1 << PERMIT_LIST,
    /* An object of one's own, at once or in parts, completed by the worker itself. */
    WRITE = 1 << PERMIT_READ | 1 << PERMIT_PUT | 1 << PERMIT_UPLOAD_BEGIN |
            1 << PERMIT_UPLOAD_PART | 1 << PERMIT_UPLOAD_LOOK | 1 << PERMIT_UPLOAD_COMPLETE |
            1 << PERMIT_UPLOAD_ABORT,
    REMOVE =
        1 << PERMIT_LIST | 1 << PERMIT_LIST_UPLOADS | 1 << PERMIT_DELETE | 1 << PERMIT_UPLOAD_ABORT,
};

struct piece {
    const struct permit_piece *of;
    struct arena *a;
    struct permit *out;
    struct slice temporary; /* prefix of the run's temporary objects */
};

static void allow(struct piece *p, unsigned actions, struct slice key, bool below)
{
    permit_add(p->out, (struct permit_rule){
                           .actions = actions,
                           .bucket = p->of->places->output_bucket,
                           .key = key,
                           .below = below,
                       });
}

static struct slice temporary_key(struct piece *p, char kind, uint32_t piece, struct token token)
{
    return arena_printf(p->a, "%.*s%.*s", SLICE_FMT(p->temporary),
                        SLICE_FMT(job_temporary_name(kind, piece, token, p->a)));
}

/* Its attempt's own object of a kind: no other attempt has that name. */
static void allow_own(struct piece *p, char kind)
{
    allow(p, WRITE, temporary_key(p, kind, p->of->piece, p->of->token), false);
}

static void allow_inputs(struct piece *p)
{
    const struct job_places *at = p->of->places;
    struct permit_rule rule = {.actions = READ, .bucket = at->input_bucket, .key = at->input};

    switch (at->input_kind) {
    case JOB_INPUT_KEY: break;
    case JOB_INPUT_PREFIX: rule.below = true; break;
    case JOB_INPUT_MANIFEST:
        rule.key = SLICE("");
        rule.below = true;
        break;
    }
    permit_add(p->out, rule);
}

static void plan(struct piece *p)
{
    const struct job_places *at = p->of->places;

    allow_inputs(p);
    if (at->input_kind == JOB_INPUT_PREFIX) {
        permit_add(p->out, (struct permit_rule){
                               .actions = LIST, .bucket = at->input_bucket, .key = at->input});
    }
    allow_own(p, 'p');
}

static void map(struct piece *p)
{
    allow_inputs(p);
    allow(p, READ, temporary_key(p, 'p', 0, p->of->plan), false);
    allow_own(p, 'm');
    allow_own(p, 'j');
}

static void reduce(struct piece *p)
{
    allow(p, READ | LIST, p->temporary, true);
    allow_own(p, 'r');
    allow_own(p, 'q');
}

static void join(struct piece *p)
{
    const struct job_places *at = p->of->places;

    allow(p, READ | LIST, p->temporary, true);
    permit_add_output(p->out, at->output_bucket, at->output_key, p->of->upload_id);
    if (p->of->definition->layout == JOB_LAYOUT_PARTS) {
        allow(p, WRITE, job_parts_attempt_prefix(at->output_key, p->of->run, p->of->token, p->a),
              true);
    }
    if (p->of->definition->bad_records.policy == JOB_BAD_RECORDS_REJECT) {
        allow(p, WRITE, job_rejected_key(at->output_key, p->a), false);
    }
}

static void clean(struct piece *p)
{
    const struct job_places *at = p->of->places;

    allow(p, REMOVE, p->temporary, true);
    if (p->of->definition->layout == JOB_LAYOUT_PARTS) {
        allow(p, READ, at->output_key, false); /* the manifest says whose parts count */
        allow(p, REMOVE, job_parts_prefix(at->output_key, p->of->run, p->a), true);
    }
    if (p->of->definition->bad_records.policy == JOB_BAD_RECORDS_REJECT) {
        allow(p, READ | 1U << PERMIT_LIST_UPLOADS | 1U << PERMIT_UPLOAD_ABORT,
              job_rejected_key(at->output_key, p->a), false);
    }
}

void permit_of_piece(const struct permit_piece *of, struct arena *a, struct permit *out)
{
    struct piece p = {
        .of = of,
        .a = a,
        .out = out,
        .temporary = job_temporary_prefix(of->places->output_key, of->run, a),
    };

    *out = (struct permit){.count = 0};
    switch (of->phase) {
    case JOB_PLAN: plan(&p); break;
    case JOB_MAP: map(&p); break;
    case JOB_REDUCE: reduce(&p); break;
    case JOB_JOIN: join(&p); break;
    case JOB_CLEAN: clean(&p); break;
    case JOB_OVER: break;
    }
}
