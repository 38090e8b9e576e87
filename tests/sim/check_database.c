/* SPDX-License-Identifier: Apache-2.0 */
/* The database of a world is whole at its end, whatever befell its disk's writer. */
#include "coordinator/check/check.h"
#include "coordinator/store/memory.h"
#include "tests/sim/sim.h"

static void fault_found(void *arg, const struct check_fault *f)
{
    struct buf key = {0};

    row_key_print(f->cf, f->key, &key);
    buf_put_u8(&key, '\0');
    sim_violation(arg, "the database is not whole: %s: %s; %s", key.ptr, f->what, f->follows);
}

void check_database(struct sim *s)
{
    const struct check_hooks hooks = {.fault = fault_found, .arg = s};
    struct check_report report;
    struct err err;

    store_memory_read_fault(coordinator_store(s), NULL, NULL);
    if (check_store(coordinator_store(s), &hooks, &report, &err) != OK) {
        sim_violation(s, "the database cannot be read: %s", err.msg);
    }
}
