/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/model_job.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/base/hash.h"
#include "proto/base/text.h"

enum { BAD_EVERY = 4, LEFT_OUT_EVERY = 5 };

/* Of 100 retries none runs out while a world has faults: those runs fail by their input alone. */
const struct model_job model_jobs[MODEL_JOBS] = {
    {.name = "copy", .concurrent = 2, .retries = 100, .timeout_minutes = 2880},
    {.name = "narrow", .concurrent = 1, .workers = 2, .retries = 100, .timeout_minutes = 2880},
    {.name = "sorted", .concurrent = 2, .retries = 100, .timeout_minutes = 2880, .sorts = true},
    {.name = "reduced",
     .concurrent = 3,
     .workers = 5,
     .retries = 100,
     .timeout_minutes = 2880,
     .sorts = true,
     .reduces = true},
    {.name = "strict", .concurrent = 3, .retries = 1, .timeout_minutes = 2880},
    {.name = "hasty", .concurrent = 2, .retries = 100, .timeout_minutes = 1, .sorts = true},
    {.name = "picky",
     .concurrent = 2,
     .retries = 100,
     .timeout_minutes = 2880,
     .rejects = true,
     .bad_most = 2},
    {.name = "long", .concurrent = 4, .retries = 100, .timeout_minutes = 2880, .lasts = true},
};

const struct model_job *model_job_find(struct slice name)
{
    for (unsigned i = 0; i < MODEL_JOBS; i++) {
        if (slice_eq_str(name, model_jobs[i].name)) {
            return &model_jobs[i];
        }
    }
    return NULL;
}

struct slice model_job_definition(const struct model_job *j, struct arena *a)
{
    struct buf b = {0};
    struct slice text;

    buf_printf(&b,
               "{\"Handler\":\"" MODEL_JOB_MAP "\",\"Input\":{\"Format\":\"jsonl\"},"
               "\"NumberOfWorkers\":%u,\"MaxConcurrentRuns\":%u,\"Timeout\":%u,\"Retry\":{"
               "\"MaxAttempts\":%u,\"IntervalSeconds\":1,\"BackoffRate\":2,\"MaxDelaySeconds\":4}",
               j->workers, j->concurrent, j->timeout_minutes, j->retries);
    if (j->rejects) {
        buf_printf(&b, ",\"BadRecords\":{\"Policy\":\"reject\",\"MaxCount\":%u}", j->bad_most);
    }
    if (j->sorts) {
        buf_printf(&b, ",\"Shuffle\":{\"Kind\":\"sort\",\"Keys\":[{\"Path\":\"$.v\"}]%s}",
                   j->reduces ? ",\"Handler\":\"" MODEL_JOB_REDUCE "\"" : ",\"Partitions\":3");
    }
    buf_put_str(&b, "}");
    text = arena_copy(a, buf_slice(&b));
    buf_fini(&b);
    return text;
}

/* ---- inputs ---- */

enum { KINDS = 7 };

static const struct kind {
    const char *name;
    struct model_input is;
} kinds[KINDS] = {
    {"good", {.error = NULL}},
    {"bad", {.bad = true}},
    {"wild", {.wild = true}},
    {"gone", {.fails = JOB_PLAN, .error = JOB_INPUT_MISSING}},
    {"torn", {.fails = JOB_PLAN, .error = JOB_INPUT_INVALID}},
    {"moved", {.fails = JOB_MAP, .error = JOB_INPUT_CHANGED}},
    {"shut", {.fails = JOB_JOIN, .error = JOB_OUTPUT_REFUSED}},
};

struct slice model_input_name(uint64_t chance, struct arena *a)
{
    uint64_t more = hash_u64(chance);
    unsigned count = more % 8 == 0 ? 0 : 1 + (unsigned)(more / 8 % MODEL_JOB_RECORDS);
    unsigned kind = chance % 3 == 0 ? (unsigned)(chance / 3 % KINDS) : 0;

    return arena_printf(a, "in/%s-%u-%u", kinds[kind].name, count, (unsigned)(more >> 40));
}

bool model_input_read(struct slice name, struct model_input *out)
{
    char text[48];
    char kind[8];
    unsigned count;
    unsigned salt;

    (void)snprintf(text, sizeof(text), "%.*s", SLICE_FMT(slice_head(name, sizeof(text) - 1)));
    if (sscanf(text, "in/%7[a-z]-%u-%u", kind, &count, &salt) != 3 || count > MODEL_JOB_RECORDS) {
        return false;
    }
    for (unsigned i = 0; i < KINDS; i++) {
        if (strcmp(kind, kinds[i].name) == 0) {
            *out = kinds[i].is;
            out->count = count;
            out->salt = salt;
            return true;
        }
    }
    return false;
}

struct model_record model_record(const struct model_input *in, unsigned k)
{
    struct model_record r = {
        .value = (unsigned)(hash_u64(hash_u64(in->salt) + k) % MODEL_JOB_VALUES),
        .bad = in->bad && k % BAD_EVERY == 1,
    };

    r.kept = !r.bad && r.value % LEFT_OUT_EVERY != 0;
    return r;
}

/* ---- runs ---- */

struct line {
    unsigned value;
    unsigned k;
};

static int by_value(const void *x, const void *y)
{
    const struct line *a = x;
    const struct line *b = y;

    if (a->value != b->value) {
        return a->value < b->value ? -1 : 1;
    }
    return a->k < b->k ? -1 : a->k > b->k;
}

void model_job_run(const struct model_job *j, struct slice input, struct model_job_end *out)
{
    struct line lines[MODEL_JOB_RECORDS];
    struct model_input in = {.count = 0};

    *out = (struct model_job_end){.error = NULL};
    if (!model_input_read(input, &in)) {
        return;
    }
    if (in.wild && j->reduces) { /* those alone ask the plan for its number of partitions */
        out->error = "Job.BadPlan";
        return;
    }
    if (in.error != NULL && (in.fails != JOB_MAP || in.count != 0)) {
        out->error = in.error;
        return;
    }
    for (unsigned k = 0; k < in.count; k++) {
        struct model_record r = model_record(&in, k);

        out->read++;
        out->rejected += r.bad;
        if (r.kept) {
            lines[out->kept++] = (struct line){r.value, k};
        }
    }
    if (out->rejected > (j->rejects ? j->bad_most : 0)) {
        out->error = JOB_BAD_RECORD;
        return;
    }
    if (j->sorts) {
        qsort(lines, out->kept, sizeof(lines[0]), by_value);
    }
    for (unsigned i = 0; i < out->kept; i++) {
        buf_printf(&out->output, "%u %u\n", lines[i].value, lines[i].k);
    }
}

/* ---- machines ---- */

#define TROUBLES                                                                                   \
    "\"Lambda.ServiceException\",\"Glue.ConcurrentRunsExceededException\","                        \
    "\"Glue.ServiceUnavailableException\",\"Glue.ThrottlingException\","                           \
    "\"Glue.InputOutputErrorException\",\"Glue.TimedOutException\",\"Glue."                        \
    "IntegrityErrorException\""

/* A task that runs a job. `forever`: whatever becomes of it, until it succeeds. */
static void put_run(struct buf *b,
                    const char *state,
                    const char *pattern,
                    const char *job,
                    struct slice input,
                    bool forever)
{
    buf_printf(b,
               "\"%s\":{\"Type\":\"Task\",\"Resource\":\"arn:aws:states:::glue:startJobRun%s\","
               "\"Parameters\":{\"JobName\":\"%s\",\"Arguments\":{\"--input-bucket\":\"work\","
               "\"--input-key\":\"%.*s\",\"--output-key.$\":\"States.Format('executions/{}/%s/"
               "output.json', $$.Execution.Name)\"%s}},%s,\"Retry\":[{\"ErrorEquals\":[" TROUBLES
               "%s],\"IntervalSeconds\":2,\"MaxAttempts\":99999999,\"MaxDelaySeconds\":10}]",
               state, pattern, job, SLICE_FMT(input), state,
               pattern[0] == '\0' ? ",\"" MODEL_JOB_ALONE "\":\"yes\"" : "",
               pattern[0] == '\0'
                   ? "\"ResultPath\":null"
                   : "\"ResultSelector\":{\"state.$\":\"$.JobRunState\",\"job.$\":\"$.JobName\"},"
                     "\"ResultPath\":\"$.r\"",
               forever ? ",\"States.TaskFailed\"" : "");
}

static void
put_branch(struct buf *b, const char *state, const char *job, struct slice input, bool good)
{
    buf_printf(b, "{\"StartAt\":\"%s\",\"States\":{", state);
    put_run(b, state, ".sync", job, input, good);
    buf_put_str(b, ",\"End\":true}}}");
}

/* One run; two beside each other, of which one may fail and so stop the other, which would go on
 * for long; one nobody waits for. */
void model_job_machine(uint64_t chance, unsigned n, struct arena *a, struct model_machine *out)
{
    static const char *const jobs[] = {"copy", "narrow", "sorted", "reduced"};
    struct slice inputs[4];
    struct buf b = {0};
    bool fails = chance % 3 == 0;

    for (unsigned i = 0; i < 4; i++) {
        inputs[i] = arena_printf(a, "in/%s-%u-%u", i == 2 && fails ? "bad" : "good",
                                 2 + (unsigned)(hash_u64(chance + i) % 16), i);
    }
    buf_put_str(&b, "{\"StartAt\":\"a\",\"States\":{");
    put_run(&b, "a", ".sync", jobs[chance / 3 % 4], inputs[0], true);
    buf_put_str(&b, ",\"Next\":\"p\"},\"p\":{\"Type\":\"Parallel\",\"ResultPath\":\"$.p\","
                    "\"Catch\":[{\"ErrorEquals\":[\"States.TaskFailed\"],\"ResultPath\":null,"
                    "\"Next\":\"c\"}],\"Next\":\"c\",\"Branches\":[");
    put_branch(&b, "x", fails ? "long" : jobs[chance / 12 % 4], inputs[1], true);
    buf_put_str(&b, ",");
    put_branch(&b, "y", jobs[chance / 48 % 4], inputs[2], !fails);
    buf_put_str(&b, "]},");
    put_run(&b, "c", "", jobs[chance / 192 % 4], inputs[3], false);
    buf_put_str(&b, ",\"End\":true}}}");
    *out = (struct model_machine){
        .tokens = true, .children = true, .definition = arena_copy(a, buf_slice(&b))};
    (void)snprintf(out->name, sizeof(out->name), "m%u", n);
    buf_fini(&b);
}
