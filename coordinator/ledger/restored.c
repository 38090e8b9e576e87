/* SPDX-License-Identifier: Apache-2.0 */
/* Leases of a database that was restored from a backup. Who held them has gone on since without
 * this database: the task is done, begun anew, or its worker gone, and nobody will say so. So each
 * lease of before counts for nothing, and its task is ready again: at every open until the last of
 * them was given back. */
#include "coordinator/ledger/internal.h"
#include "coordinator/store/keys.h"

/* META row "restored": when that was, and the last epoch of before. */
static enum err_code
row_read(struct ledger *l, int64_t *restored_ms, uint64_t *epoch, struct err *err)
{
    struct key key = key_meta("restored");
    struct buf b = {0};
    enum err_code rc = store_get(l->store, CF_META, key_slice(&key), &b, err);

    if (rc == OK) {
        struct cursor c = cursor_make(buf_slice(&b));

        *restored_ms = (int64_t)cursor_u64le(&c);
        *epoch = cursor_u64le(&c);
        if (c.bad) {
            rc = err_set(err, ERR_CORRUPT, "what the database was restored from cannot be read");
        }
    }
    buf_fini(&b);
    return rc == ERR_NOT_FOUND ? OK : rc;
}

enum err_code restored_note(struct ledger *l, uint64_t last_epoch, struct err *err)
{
    struct key key = key_meta("restored");
    struct buf b = {0};
    int64_t known_ms = 0;
    enum err_code rc = row_read(l, &known_ms, &l->void_epoch, err);

    if (rc != OK || l->config.restored_ms == 0 || known_ms == l->config.restored_ms) {
        return rc;
    }
    l->void_epoch = last_epoch;
    buf_put_u64le(&b, (uint64_t)l->config.restored_ms);
    buf_put_u64le(&b, last_epoch);
    store_put(l->filling, CF_META, key_slice(&key), buf_slice(&b));
    buf_fini(&b);
    return OK;
}

void restored_load(struct ledger *l)
{
    if (l->void_epoch != 0) {
        l->voided = fleet_leases_until(l->fleet, l->void_epoch, &l->voided_count);
    }
}

bool restored_return(struct ledger *l)
{
    while (l->voided_count != 0 && ledger_accepts(l)) {
        struct fleet_task *t = fleet_task_find(l->fleet, l->voided[--l->voided_count]);

        if (t != NULL) {
            (void)task_return(l, t);
        }
    }
    return l->voided_count == 0;
}
