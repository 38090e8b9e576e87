/* SPDX-License-Identifier: Apache-2.0 */
/* Backups of the coordinator's database. */
#include "client/src/client.h"

static void backup_fill(struct stepfleet_backup *out, const Stepfleet__BackupView *m)
{
    *out = (struct stepfleet_backup){
        .name = m->name,
        .state = m->state,
        .problem = m->problem,
        .made_ms = m->made_ms,
        .bytes = m->bytes,
        .of_bytes = m->of_bytes,
        .files = m->files,
        .batch = m->batch,
        .executions = m->executions,
    };
}

enum stepfleet_code
stepfleet_backup_start(struct stepfleet *c, const char *name, struct stepfleet_error *error)
{
    Stepfleet__BackupStartRequest q = STEPFLEET__BACKUP_START_REQUEST__INIT;

    q.name = text_to(name);
    return client_tell(c, RPC_BACKUP_START, &q.base, error);
}

enum stepfleet_code stepfleet_backup_list(struct stepfleet *c,
                                          struct stepfleet_backups **out,
                                          struct stepfleet_error *error)
{
    Stepfleet__Empty q = STEPFLEET__EMPTY__INIT;
    const Stepfleet__BackupListReply *m;
    struct stepfleet_backup *each;
    void *reply;
    void *message;
    enum stepfleet_code rc =
        client_fetch(c, RPC_BACKUP_LIST, &q.base, sizeof(**out), &reply, &message, error);

    if (rc != STEPFLEET_OK) {
        return rc;
    }
    m = message;
    each = ARENA_ARRAY(reply_arena(reply), m->n_backups, struct stepfleet_backup);
    for (size_t i = 0; i < m->n_backups; i++) {
        backup_fill(&each[i], m->backups[i]);
    }
    *out = reply;
    **out = (struct stepfleet_backups){each, m->n_backups};
    return STEPFLEET_OK;
}
