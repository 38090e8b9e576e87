/* SPDX-License-Identifier: Apache-2.0 */
/* From memory to disk: executions that only wait leave memory, with a row that says when something
 * of them is due; and those that are due soon come back by a window that moves over these rows. */
#include "coordinator/ledger/internal.h"
#include "coordinator/store/keys.h"
#include "proto/host/log.h"

enum {
    PARK_A_TURN = 256, /* bounded work: a turn must stay short */
    LOAD_A_TURN = 2048,
};

static const int64_t YEAR_MS = INT64_C(365) * 24 * 3600 * 1000;

/* Does it only wait, so that nothing of it need be in memory? Frames whose children run wait for
 * these. */
static bool frame_only_waits(const struct hot_frame *hf)
{
    switch (hf->f.status) {
    case FRAME_TIMER:
    case FRAME_TOKEN:
    case FRAME_CHILD: return hf->object == NULL && hf->f.output.bucket.ptr == NULL;
    case FRAME_JOIN:
    case FRAME_DONE: return true;
    case FRAME_FAILED: return hf->object == NULL && hf->f.output.bucket.ptr == NULL;
    case FRAME_RUN:
    case FRAME_READY:
    case FRAME_LEASED:
    case FRAME_COMMITTING:
    case FRAME_CALL: break;
    }
    return false;
}

/* Without a due time at all, whole years after the start: it is found by the timer window one day,
 * and parked again. */
static int64_t far_due(const struct ledger *l, const struct execution_header *h)
{
    return h->start_ms + YEAR_MS * (1 + (l->now.wall_ms - h->start_ms) / YEAR_MS);
}

/* When the first of what it waits for is due, where all it does is wait; else 0. */
static int64_t parkable_until(const struct ledger *l, const struct hot *h)
{
    int64_t due = h->h.deadline_ms;

    if (h->h.express || h->h.status != EXECUTION_RUNNING || !list_empty(&h->continuing)) {
        return 0;
    }
    LIST_EACH(n, &h->frames)
    {
        const struct hot_frame *hf = container_of(n, struct hot_frame, of_hot);

        if (!frame_only_waits(hf)) {
            return 0;
        }
        if (hf->f.due_ms != 0 && (due == 0 || hf->f.due_ms < due)) {
            due = hf->f.due_ms;
        }
    }
    return due != 0 ? due : far_due(l, &h->h);
}

static void park(struct ledger *l, struct hot *h, int64_t due)
{
    struct key timer = key_timer(h->h.account, due, h->h.id);
    struct key index = key_index(h->h.account, h->h.status, h->h.machine, h->h.start_ms, h->h.id);
    struct index_row row = {
        .name = hot_key(&h->h),
        .version = h->h.version,
        .alias = h->h.alias,
        .redrive_count = h->h.redrive_count,
        .redrive_ms = h->h.redrive_ms,
        .parked_ms = due,
    };

    if (h->parked_ms != 0 && h->parked_ms != due) {
        struct key old = key_timer(h->h.account, h->parked_ms, h->h.id);

        store_delete(l->filling, CF_TIMER, key_slice(&old));
    }
    if (h->parked_ms != due) {
        buf_reset(&l->scratch);
        index_row_encode(&row, &l->scratch);
        store_put(l->filling, CF_INDEX, key_slice(&index), buf_slice(&l->scratch));
        store_put(l->filling, CF_TIMER, key_slice(&timer), (struct slice){"", 0});
        h->parked_ms = due;
        h->batch = l->filling_number;
    }
    h->parking = true;
    list_remove(&h->lru);
    list_push_back(&l->closed, &h->lru);
}

void ledger_park_idle(struct ledger *l)
{
    for (unsigned n = 0; !list_empty(&l->lru); n++) {
        struct hot *h = container_of(l->lru.next, struct hot, lru);
        int64_t due;

        if (l->now.mono_ms - h->active_ms < LIMIT_PARK_AFTER_MS) {
            return;
        }
        if (n == PARK_A_TURN || !ledger_accepts(l)) {
            l->tick_ms = l->now.mono_ms; /* the rest in the next turn */
            return;
        }
        due = parkable_until(l, h);
        if (due >= l->window_end_ms && due - l->now.wall_ms >= LIMIT_PARK_IDLE_MS) {
            park(l, h, due); /* else the window would not bring it back in time */
        } else {
            h->active_ms = l->now.mono_ms; /* looked at again later */
            list_remove(&h->lru);
            list_push_back(&l->lru, &h->lru);
        }
    }
}

/* Is it the execution's own fault, and no other's? Then the others go on; it stays on disk as it
 * is. */
static bool is_its_own(enum err_code rc)
{
    return rc == ERR_CORRUPT || rc == ERR_VERSION || rc == ERR_NOT_FOUND ||
           rc == ERR_EXECUTION_DOES_NOT_EXIST || rc == ERR_MACHINE_DOES_NOT_EXIST ||
           rc == ERR_INVALID_DEFINITION;
}

static enum err_code load_one(struct ledger *l, uint64_t id, struct err *err)
{
    enum err_code rc = ledger_execution_load(l, id, err);

    if (rc != OK && is_its_own(rc)) {
        log_error("an execution that is due cannot be read and is let be: number=%llu: %s",
                  (unsigned long long)id, err->msg);
        return OK;
    }
    return rc;
}

/* Ids of the parked that are due before the window's end, from where the last call stopped; as many
 * as a turn can load. True: there may be more. */
static bool window_ids(struct ledger *l,
                       uint64_t ids[LOAD_A_TURN],
                       size_t *count,
                       enum err_code *rc,
                       struct err *err)
{
    struct key from = key_timer(l->config.account, l->window_due_ms, l->window_execution);
    struct key to = key_timer(l->config.account, l->window_end_ms, 0);
    struct store_iterator *i =
        store_iterate(l->store, CF_TIMER, key_slice(&from), key_slice(&to), false);
    struct slice key;
    struct slice value;
    bool more = false;

    *count = 0;
    while (!more && store_next(i, &key, &value)) {
        uint64_t account;

        if (!key_timer_parse(key, &account, &l->window_due_ms, &l->window_execution)) {
            continue;
        }
        more = *count == LOAD_A_TURN;
        if (!more && hot_find(l, l->window_execution) == NULL) {
            ids[(*count)++] = l->window_execution;
        }
    }
    *rc = store_iterator_end(i, err);
    return more;
}

/* Load the executions whose TIMER rows are due before the window's end; at the end, move the
 * window. */
enum err_code ledger_load_due(struct ledger *l, struct err *err)
{
    uint64_t ids[LOAD_A_TURN];
    enum err_code rc;
    size_t count;
    bool more;

    if (l->now.wall_ms < l->window_next_ms) {
        return OK;
    }
    if (l->window_due_ms == 0) {
        l->window_end_ms = l->now.wall_ms + LIMIT_TIMER_WINDOW_MS;
    }
    more = window_ids(l, ids, &count, &rc, err);
    for (size_t n = 0; n < count && rc == OK; n++) {
        rc = load_one(l, ids[n], err);
    }
    l->window_next_ms = l->now.wall_ms;
    if (!more) {
        l->window_due_ms = 0;
        l->window_execution = 0;
        l->window_next_ms += LIMIT_TIMER_WINDOW_MS / 2;
    }
    return rc;
}
