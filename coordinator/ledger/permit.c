/* SPDX-License-Identifier: Apache-2.0 */
/* What an attempt may ask of the object store (coordinator/permit), from what the ledger has of its
 * lease. */
#include "coordinator/ledger/run.h"

static void piece_permit(struct ledger *l, const struct run_piece *p, struct permit *out)
{
    const struct ledger_run *r = p->run;
    const struct permit_piece piece = {
        .phase = p->phase,
        .piece = p->piece,
        .token = p->task.token,
        .plan = r->row.plan,
        .run = r->row.id,
        .definition = r->definition,
        .places = &r->places,
        .upload_id = token_eq(r->row.upload, p->task.token) ? r->row.output.upload_id : SLICE(""),
    };

    permit_of_piece(&piece, &l->arena, out);
}

static enum err_code
stage_permit(struct ledger *l, struct hot_frame *hf, struct permit *out, struct err *err)
{
    struct stage_places places;
    enum err_code rc = task_places(l, hf, &places, err);

    if (rc == ERR_VALIDATION || rc == ERR_JSON) {
        return err_set(err, ERR_DENIED, "the task is no stage that streams");
    }
    if (rc == OK) {
        permit_of_stage(&places, hf->f.output.upload_id, out);
    }
    return rc;
}

enum err_code ledger_task_permit(struct ledger *l,
                                 uint64_t instance,
                                 struct token token,
                                 struct permit *out,
                                 struct err *err)
{
    struct fleet_task *task = fleet_task_find(l->fleet, token);

    if (task != NULL && task->worker == NULL && task->absent != NULL) {
        return err_set(err, ERR_UNAVAILABLE, "the worker is yet to say hello again");
    }
    if (task == NULL || task->worker == NULL || task->worker->instance != instance) {
        return err_set(err, ERR_LEASE_LOST, "the lease is no longer held");
    }
    fleet_worker_seen(l->fleet, task->worker, l->now);
    if (task->job) {
        piece_permit(l, run_piece_of(task), out);
        return OK;
    }
    return stage_permit(l, container_of(task, struct hot_frame, task), out, err);
}
