/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs and their runs as JSON: members named as AWS Glue names them, but with a small first letter
 * as all replies here. */
#include "client/cli/reply_json.h"

static void put_json(struct json_builder *b, const char *key, struct stepfleet_bytes text)
{
    const struct json_node *v;
    struct err err;

    if (text.len != 0 && json_parse(slice_make(text.ptr, text.len), b->a, &v, &err) == OK) {
        json_put(b, slice_str(key), v);
    }
}

const struct json_node *reply_job(const struct stepfleet_job *job, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    reply_put_text(&b, "name", job->name);
    put_json(&b, "definition", job->definition);
    reply_put_time(&b, "createdOn", job->created_ms);
    reply_put_time(&b, "lastModifiedOn", job->updated_ms);
    reply_put_number(&b, "openRuns", job->open_runs);
    return json_built(&b);
}

static const struct json_node *phase_json(const struct stepfleet_job_phase *p, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    reply_put_text(&b, "phase", p->phase);
    reply_put_number(&b, "bytesIn", p->bytes_in);
    reply_put_number(&b, "bytesOut", p->bytes_out);
    reply_put_number(&b, "recordsIn", p->records_in);
    reply_put_number(&b, "recordsOut", p->records_out);
    reply_put_number(&b, "rejected", p->rejected);
    return json_built(&b);
}

static const struct json_node *
attempts_json(const struct stepfleet_job_attempt *attempts, size_t count, struct arena *a)
{
    struct json_builder list = json_build_array(a);

    for (size_t i = 0; i < count; i++) {
        const struct stepfleet_job_attempt *at = &attempts[i];
        struct json_builder b = json_build_object(a);

        reply_put_number(&b, "piece", at->piece);
        reply_put_text(&b, "worker", at->worker);
        reply_put_time(&b, "startedOn", at->started_ms);
        json_put(&b, SLICE("speculative"), json_bool(at->speculative));
        json_put(&b, SLICE("committing"), json_bool(at->committing));
        reply_put_number(&b, "bytesIn", at->bytes_in);
        reply_put_number(&b, "bytesOut", at->bytes_out);
        reply_put_bytes(&b, "note", at->note);
        json_push(&list, json_built(&b));
    }
    return json_built(&list);
}

static const struct json_node *piece_json(const struct stepfleet_job_piece *p, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    reply_put_number(&b, "piece", p->piece);
    reply_put_text(&b, "status", p->status);
    reply_put_number(&b, "failures", p->failures);
    reply_put_number(&b, "losses", p->losses);
    reply_put_text(&b, "worker", p->worker);
    reply_put_number(&b, "tookMilliseconds", (uint64_t)(p->took_ms > 0 ? p->took_ms : 0));
    reply_put_number(&b, "bytesExtra", p->bytes_extra);
    reply_put_time(&b, "dueDate", p->due_ms);
    json_put(&b, SLICE("attempts"), attempts_json(p->attempts, p->attempt_count, a));
    if (p->result.phase[0] != '\0') {
        json_put(&b, SLICE("result"), phase_json(&p->result, a));
    }
    return json_built(&b);
}

/* What moves while the run is not over. */
static const struct json_node *progress_json(const struct stepfleet_job_run *r, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    reply_put_number(&b, "pieces", r->pieces);
    reply_put_number(&b, "waiting", r->waiting);
    reply_put_number(&b, "live", r->live);
    reply_put_number(&b, "done", r->done);
    reply_put_number(&b, "bytes", r->bytes_all);
    reply_put_number(&b, "bytesDone", r->bytes_done);
    reply_put_text(&b, "missingFunction", r->missing);
    json_put(&b, SLICE("attempts"), attempts_json(r->attempts, r->attempt_count, a));
    return json_built(&b);
}

static void put_sums(struct json_builder *b, const struct stepfleet_job_run *r)
{
    struct json_builder phases = json_build_array(b->a);
    struct json_builder counters = json_build_object(b->a);

    for (size_t i = 0; i < r->phase_count; i++) {
        json_push(&phases, phase_json(&r->phases[i], b->a));
    }
    for (size_t i = 0; i < r->counter_count; i++) {
        reply_put_number(&counters, r->counters[i].name, r->counters[i].value);
    }
    json_put(b, SLICE("phases"), json_built(&phases));
    json_put(b, SLICE("counters"), json_built(&counters));
}

static void put_pieces(struct json_builder *b, const struct stepfleet_job_run *r)
{
    struct json_builder list = json_build_array(b->a);

    for (size_t i = 0; i < r->piece_count; i++) {
        json_push(&list, piece_json(&r->piece_states[i], b->a));
    }
    json_put(b, SLICE("pieces"), json_built(&list));
    if (r->next_piece != 0) {
        reply_put_number(b, "nextPiece", r->next_piece);
    }
}

const struct json_node *reply_job_run(const struct stepfleet_job_run *r, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    reply_put_text(&b, "jobName", r->job);
    reply_put_text(&b, "jobRunId", r->run);
    reply_put_text(&b, "jobRunState", r->state);
    reply_put_text(&b, "phase", r->phase);
    reply_put_time(&b, "startedOn", r->began_ms);
    reply_put_time(&b, "completedOn", r->ended_ms);
    reply_put_text(&b, "error", r->error);
    reply_put_bytes(&b, "cause", r->cause);
    put_json(&b, "arguments", r->arguments);
    put_json(&b, "definition", r->definition);
    reply_put_number(&b, "timeout", r->timeout_minutes);
    if (r->workers != 0) {
        reply_put_number(&b, "numberOfWorkers", r->workers);
    }
    reply_put_text(&b, "workerType", r->worker_type);
    reply_put_number(&b, "shards", r->shards);
    if (r->partitions != 0) {
        reply_put_number(&b, "partitions", r->partitions);
    }
    reply_put_number(&b, "failures", r->failures);
    reply_put_number(&b, "losses", r->losses);
    reply_put_number(&b, "speculated", r->speculated);
    reply_put_number(&b, "bytesExtra", r->bytes_extra);
    if (r->pieces != 0) {
        json_put(&b, SLICE("progress"), progress_json(r, a));
    }
    put_sums(&b, r);
    if (r->piece_count != 0) {
        put_pieces(&b, r);
    }
    return json_built(&b);
}
