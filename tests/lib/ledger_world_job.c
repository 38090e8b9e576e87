/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs in the world: what workers say of the pieces of runs, and what there is of them on disk. */
#include <stdio.h>

#include "coordinator/ledger/run.h"
#include "tests/lib/ledger_world.h"

const char *const world_job_functions[] = {"h", "reduce", "stepfleet:job", NULL};

void world_job(struct ledger_world *w, const char *name, const char *definition)
{
    struct ledger_job *job;
    struct err err;

    world_begin(w);
    if (ledger_job_put(w->l, slice_str(name), slice_str(definition), &job, &err) != OK) {
        fail_msg("%s", err.msg);
    }
    world_end(w);
}

uint64_t world_run(struct ledger_world *w, const char *job)
{
    struct ledger_run_start s = {
        .job = ledger_job_find(w->l, slice_str(job)),
        .overrides = {.timeout_minutes = -1, .workers = -1},
    };
    struct slice text;
    uint64_t number = 0;
    struct slice id;
    struct err err;

    world_begin(w);
    text = arena_printf(ledger_turn_arena(w->l),
                        "{\"--input-bucket\":\"work\",\"--input-key\":\"in.jsonl\","
                        "\"--output-key\":\"out/%s\"}",
                        job);
    assert_int_equal(json_parse(text, ledger_turn_arena(w->l), &s.arguments, &err), OK);
    if (ledger_run_start(w->l, &s, &number, &id, &err) != OK) {
        fail_msg("%s", err.msg);
    }
    world_end(w);
    return number;
}

enum err_code
world_piece(struct ledger_world *w, unsigned worker, size_t n, size_t shards, uint32_t partitions)
{
    struct world_worker *k = &w->workers[worker];
    struct ledger_piece_done done = {
        .result = {.bytes_in = 100, .bytes_out = 10, .records_in = 5, .records_out = 4},
        .partitions = partitions,
    };
    struct buf sizes = {0};
    struct err err;
    enum err_code rc;

    for (size_t i = 0; i < shards; i++) {
        buf_put_varint(&sizes, 1024 * 1024);
    }
    done.sizes = buf_slice(&sizes);
    world_report_begin(k);
    rc = ledger_piece_succeed(w->l, k->w, k->leases[n].token, &done, &err);
    buf_fini(&sizes);
    return world_report_end(k, n, true, rc);
}

/* ---- JOIN ---- */

static struct world_upload *upload_new(struct ledger_world *w, const struct world_lease *l)
{
    struct world_upload *u;

    w->uploads = mem_realloc(w->uploads, (w->upload_count + 1) * sizeof(*u));
    u = &w->uploads[w->upload_count++];
    *u = (struct world_upload){0};
    (void)snprintf(u->id, sizeof(u->id), "up-%zu", w->upload_count);
    (void)snprintf(u->mark, sizeof(u->mark), "%.80s/%llu.%llu", l->execution,
                   (unsigned long long)l->token.epoch, (unsigned long long)l->token.counter);
    return u;
}

enum err_code world_join_upload(struct ledger_world *w, unsigned worker, size_t n)
{
    struct world_worker *k = &w->workers[worker];
    struct fleet_task *t = fleet_task_find(w->l->fleet, k->leases[n].token);
    struct world_upload *u = k->leases[n].upload != 0 ? &w->uploads[k->leases[n].upload - 1]
                                                      : upload_new(w, &k->leases[n]);
    struct task_output o = {
        .bucket = SLICE("work"),
        .upload_id = slice_str(u->id),
        .mark = slice_str(u->mark),
    };
    struct err err;

    k->leases[n].upload = (unsigned)(u - w->uploads) + 1;
    if (t != NULL) {
        (void)snprintf(u->key, sizeof(u->key), "%.*s",
                       SLICE_FMT(run_piece_of(t)->run->places.output_key));
    }
    o.key = slice_str(u->key);
    world_report_begin(k);
    return world_report_end(k, n, false,
                            ledger_task_upload(w->l, k->w, k->leases[n].token, &o, &err));
}

enum err_code world_join(struct ledger_world *w, unsigned worker, size_t n, struct world_report *r)
{
    struct world_worker *k = &w->workers[worker];
    struct job_result result = {.bytes_out = 77, .records_out = 7};
    struct buf parts = {0};
    struct err err;
    enum err_code rc;

    *r = (struct world_report){.commit.done = world_commit_answered, .worker = k};
    list_init(&r->commit.link);
    parts_encode(&parts, 1, 5, SLICE("etag"));
    world_report_begin(k);
    rc = ledger_task_commit(w->l, k->w, k->leases[n].token, SLICE("{}"), &result, buf_slice(&parts),
                            &r->commit, &err);
    buf_fini(&parts);
    return world_report_end(k, n, rc != OK, rc);
}

/* ---- a worker that does all it is given ---- */

bool world_job_work(struct ledger_world *w, unsigned worker, struct world_report *report)
{
    struct world_worker *k = &w->workers[worker];

    if (k->w == NULL) {
        world_hello(w, worker, world_job_functions);
        return true;
    }
    if (!k->parked) {
        world_poll(w, worker);
        return true;
    }
    if (k->lease_count == 0 || (report->worker == k && !report->answered)) {
        return false;
    }
    if (k->leases[0].phase != JOB_JOIN) {
        (void)world_piece(w, worker, 0, k->leases[0].phase == JOB_PLAN ? 3 : 0, 2);
    } else if (k->leases[0].upload == 0) {
        (void)world_join_upload(w, worker, 0);
    } else if (world_join_upload(w, worker, 0) == OK) { /* said again: the first may be lost */
        (void)world_join(w, worker, 0, report);
    } else {
        (void)world_fail(w, worker, 0, "Lost");
    }
    return true;
}

/* ---- what there is ---- */

size_t world_lease_of(const struct world_worker *k, enum job_phase phase)
{
    size_t i = 0;

    while (i < k->lease_count && (!k->leases[i].job || k->leases[i].phase != phase)) {
        i++;
    }
    return i;
}

struct job_run_header world_run_header(struct ledger_world *w, uint64_t number)
{
    struct ledger_run_view v;
    struct job_run_header h;
    struct err err;

    world_begin(w);
    if (ledger_run_view(w->l, number, &v, &err) != OK) {
        fail_msg("%s", err.msg);
    }
    if (v.core != NULL && job_run_check(v.core) != NULL) {
        fail_msg("%s", job_run_check(v.core));
    }
    h = v.row->header;
    h.counters = NULL;
    h.error = h.cause = SLICE("");
    world_end(w);
    return h;
}

size_t world_job_rows(struct ledger_world *w, char kind)
{
    struct store_iterator *i = store_iterate(w->store, CF_JOB, SLICE(""), SLICE(""), false);
    struct slice key;
    struct slice value;
    size_t count = 0;

    while (store_next(i, &key, &value)) {
        count += key.len > 8 && key.ptr[8] == kind;
    }
    assert_int_equal(store_iterator_end(i, NULL), OK);
    return count;
}
