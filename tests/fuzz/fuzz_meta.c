/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the rows that a ledger reads when it opens: it refuses the store, and says so, or it
 * works: it takes a request, time goes on, and it opens again over what it wrote itself. The first
 * byte says which row of which family it is. */
#include <assert.h>

#include "coordinator/store/keys.h"
#include "proto/host/log.h"
#include "tests/lib/api_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No log: each row of a list that cannot be told is a line of it. */
void log_init(const char *program, enum log_level least)
{
    (void)program;
    (void)least;
}

void log_line(enum log_level level, const char *fmt, ...)
{
    (void)level;
    (void)fmt;
}

bool log_enabled(enum log_level level)
{
    (void)level;
    return false;
}

static const int64_t now_ms = 1700000000000;

static bool
none_bound(const void *arg, struct slice service, struct slice action, struct slice *handler)
{
    (void)arg;
    (void)service;
    (void)action;
    (void)handler;
    return false;
}

static enum store_cf row_key(uint8_t which, uint64_t account, struct key *key)
{
    static const char *const meta[] = {"epoch",   "buckets", "settled",
                                       "notices", "waiters", "token_key"};
    enum { METAS = sizeof(meta) / sizeof(meta[0]) };

    if (which < METAS) {
        *key = key_meta(meta[which]);
        return CF_META;
    }
    switch (which - METAS) {
    case 0: *key = key_machine(account, SLICE("m")); return CF_MACHINE;
    case 1: *key = key_machine_counter(account); return CF_MACHINE;
    case 2: *key = key_activity(account, SLICE("a")); return CF_MACHINE;
    case 3: *key = key_index(account, EXECUTION_RUNNING, 1, now_ms, 1); return CF_INDEX;
    case 4: *key = key_execution(account, 1, 0); return CF_EXECUTION;
    default: *key = key_timer(account, now_ms, 1); return CF_TIMER;
    }
}

static void put_row(struct api_world *w, uint8_t which, struct slice value)
{
    struct store_batch *b = store_batch_new(w->store);
    struct key key;
    enum store_cf cf = row_key(which, w->config.account, &key);
    struct err err;

    store_put(b, cf, key_slice(&key), value);
    assert(store_write(w->store, b, &err) == OK);
    store_batch_free(b);
}

static void work(struct api_world *w)
{
    Stepfleet__StartRequest q = STEPFLEET__START_REQUEST__INIT;
    struct api_ask ask;

    q.machine = (char *)(uintptr_t) "m";
    (void)api_world_call(w, &ask, RPC_EXECUTION_START, &q.base);
    api_ask_fini(&ask);
    api_world_advance(w, 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct api_world w;
    struct err err = {0};

    if (size == 0) {
        return 0;
    }
    api_world_open(&w, now_ms, none_bound, NULL);
    put_row(&w, data[0], slice_make(data + 1, size - 1));
    if (api_world_restart(&w, &err) == OK) {
        work(&w);
        assert(api_world_restart(&w, &err) == OK);
    } else {
        assert(err.msg[0] != '\0');
    }
    api_world_close(&w);
    return 0;
}
