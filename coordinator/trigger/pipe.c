/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/trigger/pipe.h"

#include "coordinator/trigger/pipe_internal.h"
#include "proto/base/limits.h"
#include "proto/base/sm.h"

enum { STOPS = SM(PIPE_STOPPING) | SM(PIPE_DELETING) };

static const struct sm_state states[PIPE_STATES] = {
    [PIPE_CREATING] = {"CREATING", SM(PIPE_RUNNING) | SM(PIPE_STOPPED) | SM(PIPE_CREATE_FAILED)},
    [PIPE_RUNNING] = {"RUNNING", STOPS | SM(PIPE_UPDATING)},
    [PIPE_UPDATING] = {"UPDATING", SM(PIPE_RUNNING) | SM(PIPE_STOPPING) | SM(PIPE_UPDATE_FAILED)},
    [PIPE_STARTING] = {"STARTING", STOPS | SM(PIPE_RUNNING) | SM(PIPE_START_FAILED)},
    [PIPE_STOPPING] = {"STOPPING", SM(PIPE_STOPPED) | SM(PIPE_DELETING)},
    [PIPE_STOPPED] = {"STOPPED", SM(PIPE_STARTING) | SM(PIPE_UPDATING) | SM(PIPE_DELETING)},
    [PIPE_DELETING] = {"DELETING", 0},
    [PIPE_CREATE_FAILED] = {"CREATE_FAILED", SM(PIPE_DELETING)},
    [PIPE_UPDATE_FAILED] = {"UPDATE_FAILED",
                            SM(PIPE_STARTING) | SM(PIPE_UPDATING) | SM(PIPE_DELETING)},
    [PIPE_START_FAILED] = {"START_FAILED",
                           SM(PIPE_STARTING) | SM(PIPE_UPDATING) | SM(PIPE_DELETING)},
};

const char *pipe_state_name(enum pipe_state s)
{
    return states[s].name;
}

/* ---- batches ---- */

/* One of a batch's items, while it is gathered: they move. */
struct gathered {
    struct hash_node by_number;
    size_t item;
};

static struct pipe_batch *batch_new(int64_t now_ms)
{
    struct pipe_batch *b = mem_zalloc(1, sizeof(*b));

    b->bytes = 1; /* of the brackets; each item has a comma's */
    b->since_ms = now_ms;
    list_init(&b->link);
    return b;
}

static void batch_free(struct pipe_batch *b)
{
    list_remove(&b->link);
    hash_fini(&b->by_number);
    arena_fini(&b->texts);
    mem_free(b->items);
    mem_free(b);
}

static void batch_add(struct pipe_batch *b, const struct pipe_item *item)
{
    struct gathered *g = ARENA_NEW(&b->texts, struct gathered);

    g->item = b->count;
    hash_insert(&b->by_number, &g->by_number, hash_u64(item->receipt.place.number));
    if (b->count == b->cap) {
        b->cap = b->cap != 0 ? b->cap * 2 : 8;
        b->items = mem_realloc(b->items, b->cap * sizeof(*b->items));
    }
    b->items[b->count] = *item;
    b->items[b->count].group = arena_copy(&b->texts, item->group);
    b->items[b->count].input = arena_copy(&b->texts, item->input);
    b->bytes += item->input.len + 1;
    b->count++;
}

void pipe_drop(struct pipe_batch *b, size_t item)
{
    assert(item < b->count);
    b->bytes -= b->items[item].input.len + 1;
    b->count--;
    memmove(&b->items[item], &b->items[item + 1], (b->count - item) * sizeof(*b->items));
}

struct slice pipe_batch_input(const struct pipe_batch *b, struct arena *a)
{
    char *text = arena_alloc(a, b->bytes + 1);
    char *at = text;

    *at++ = '[';
    for (size_t i = 0; i < b->count; i++) {
        if (i != 0) {
            *at++ = ',';
        }
        memcpy(at, b->items[i].input.ptr, b->items[i].input.len);
        at += b->items[i].input.len;
    }
    *at++ = ']';
    return slice_make(text, (size_t)(at - text));
}

/* ---- a pipe ---- */

struct pipe *pipe_new(const struct pipe_settings *s, enum pipe_state state, bool wanted)
{
    struct pipe *p = mem_zalloc(1, sizeof(*p));

    p->settings = *s;
    p->state = state;
    p->wanted = wanted;
    list_init(&p->due);
    list_init(&p->flight);
    return p;
}

static void drop_all(struct list *batches)
{
    struct list *n;

    while ((n = list_pop_front(batches)) != NULL) {
        batch_free(container_of(n, struct pipe_batch, link));
    }
}

/* What was gathered comes back by its visibility timeout. */
static void let_go(struct pipe *p)
{
    drop_all(&p->due);
    if (p->gathering != NULL) {
        batch_free(p->gathering);
        p->gathering = NULL;
    }
}

void pipe_free(struct pipe *p)
{
    if (p != NULL) {
        let_go(p);
        drop_all(&p->flight);
        hash_fini(&p->groups);
        mem_free(p);
    }
}

/* ---- states ---- */

enum pipe_state pipe_state(const struct pipe *p)
{
    return p->state;
}

bool pipe_is_wanted(const struct pipe *p)
{
    return p->wanted;
}

static void move(struct pipe *p, enum pipe_state to)
{
    p->state = (enum pipe_state)sm_move(states, p->state, to);
    if (to != PIPE_RUNNING && to != PIPE_UPDATING) {
        let_go(p);
    }
}

static bool may(const struct pipe *p, enum pipe_state to)
{
    return (states[p->state].next & SM(to)) != 0;
}

bool pipe_start(struct pipe *p)
{
    if (!may(p, PIPE_STARTING)) {
        return false;
    }
    move(p, PIPE_STARTING);
    p->wanted = true;
    return true;
}

bool pipe_stop(struct pipe *p)
{
    if (p->state != PIPE_RUNNING && p->state != PIPE_STARTING) {
        return false;
    }
    move(p, PIPE_STOPPING);
    p->wanted = false;
    return true;
}

bool pipe_update(struct pipe *p, bool wanted)
{
    if (!may(p, PIPE_UPDATING)) {
        return false;
    }
    move(p, PIPE_UPDATING);
    p->wanted = wanted;
    return true;
}

bool pipe_delete(struct pipe *p)
{
    if (!may(p, PIPE_DELETING)) {
        return false;
    }
    move(p, PIPE_DELETING);
    return true;
}

/* Where a state that passes leads to; the state itself: it stays. */
static enum pipe_state next_state(const struct pipe *p, bool problem)
{
    bool idle = p->in_flight == 0;

    switch (p->state) {
    case PIPE_CREATING:
        return problem ? PIPE_CREATE_FAILED : p->wanted ? PIPE_RUNNING : PIPE_STOPPED;
    case PIPE_UPDATING:
        return problem ? PIPE_UPDATE_FAILED : p->wanted ? PIPE_RUNNING : PIPE_STOPPING;
    case PIPE_STARTING: return problem ? PIPE_START_FAILED : PIPE_RUNNING;
    case PIPE_RUNNING: return problem ? PIPE_STOPPING : PIPE_RUNNING;
    case PIPE_STOPPING: return idle ? PIPE_STOPPED : PIPE_STOPPING;
    case PIPE_STOPPED:
    case PIPE_DELETING:
    case PIPE_CREATE_FAILED:
    case PIPE_UPDATE_FAILED:
    case PIPE_START_FAILED:
    case PIPE_STATES: break;
    }
    return p->state;
}

bool pipe_settle(struct pipe *p, bool problem)
{
    enum pipe_state to = next_state(p, problem);

    if (to == p->state) {
        return false;
    }
    move(p, to);
    return true;
}

bool pipe_is_over(const struct pipe *p)
{
    return p->state == PIPE_DELETING && p->in_flight == 0;
}

/* ---- gathering ---- */

/* A batch that is due is started before more is received. */
size_t pipe_wants(const struct pipe *p)
{
    size_t has = p->gathering != NULL ? p->gathering->count : 0;

    if (p->state != PIPE_RUNNING || !list_empty(&p->due) || p->in_flight >= LIMIT_PIPE_BATCHES) {
        return 0;
    }
    return p->settings.batch_size > has ? p->settings.batch_size - has : 0;
}

/* Received again meanwhile: its last receipt is the one that holds. */
static bool gathered_again(struct pipe_batch *b, const struct pipe_item *item)
{
    HASH_EACH_MATCH(n, &b->by_number, hash_u64(item->receipt.place.number))
    {
        struct pipe_item *old = &b->items[container_of(n, struct gathered, by_number)->item];

        if (old->receipt.place.number == item->receipt.place.number &&
            old->receipt.queue == item->receipt.queue) {
            old->receipt = item->receipt;
            return true;
        }
    }
    return false;
}

static void close_batch(struct pipe *p)
{
    hash_fini(&p->gathering->by_number);
    list_push_back(&p->due, &p->gathering->link);
    p->gathering = NULL;
}

void pipe_set(struct pipe *p, const struct pipe_settings *s)
{
    if (p->gathering != NULL) {
        close_batch(p); /* it may be full already */
    }
    p->settings = *s;
}

const struct pipe_settings *pipe_settings(const struct pipe *p)
{
    return &p->settings;
}

bool pipe_gather(struct pipe *p, int64_t now_ms, const struct pipe_item *item)
{
    size_t most = p->settings.input_bytes;

    if (item->input.len + 2 > most) {
        return false;
    }
    if (p->gathering != NULL && gathered_again(p->gathering, item)) {
        return true;
    }
    if (p->gathering != NULL && p->gathering->bytes + item->input.len + 1 > most) {
        close_batch(p);
    }
    if (p->gathering == NULL) {
        p->gathering = batch_new(now_ms);
    }
    batch_add(p->gathering, item);
    if (p->gathering->count >= p->settings.batch_size) {
        close_batch(p);
    }
    return true;
}

/* ---- started, in flight, over ---- */

bool batch_shares_group(const struct pipe_batch *a, const struct pipe_batch *b)
{
    for (size_t i = 0; i < a->count; i++) {
        for (size_t k = 0; k < b->count; k++) {
            if (slice_eq(a->items[i].group, b->items[k].group)) {
                return true;
            }
        }
    }
    return false;
}

/* Is there a batch before it, due or in flight, with messages of a group of its own? */
static bool is_behind(const struct pipe *p, const struct pipe_batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        struct slice group = b->items[i].group;

        HASH_EACH_MATCH(n, &p->groups, hash_bytes(group, 0))
        {
            if (slice_eq(container_of(n, struct pipe_item, by_group)->group, group)) {
                return true;
            }
        }
    }
    LIST_EACH(n, &p->due)
    {
        const struct pipe_batch *other = container_of(n, struct pipe_batch, link);

        if (other == b) {
            break;
        }
        if (batch_shares_group(b, other)) {
            return true;
        }
    }
    return false;
}

static struct pipe_batch *first_due(const struct pipe *p)
{
    if (p->in_flight >= LIMIT_PIPE_BATCHES) {
        return NULL;
    }
    LIST_EACH(n, &p->due)
    {
        struct pipe_batch *b = container_of(n, struct pipe_batch, link);

        if (!p->settings.ordered || !is_behind(p, b)) {
            return b;
        }
    }
    return NULL;
}

int64_t pipe_due_ms(const struct pipe *p)
{
    return p->gathering != NULL ? p->gathering->since_ms + p->settings.window_ms : INT64_MAX;
}

bool pipe_is_due(const struct pipe *p, int64_t now_ms)
{
    return first_due(p) != NULL || (pipe_due_ms(p) <= now_ms && list_empty(&p->due));
}

struct pipe_batch *pipe_next(struct pipe *p, int64_t now_ms)
{
    struct pipe_batch *b;

    if (pipe_due_ms(p) <= now_ms) {
        close_batch(p);
    }
    b = first_due(p);
    if (b != NULL) {
        list_remove(&b->link);
    }
    return b;
}

void pipe_put_back(struct pipe *p, struct pipe_batch *b)
{
    list_push_front(&p->due, &b->link);
}

/* What its run has been given needs no keeping. */
static void forget_inputs(struct pipe_batch *b)
{
    struct arena old = b->texts;

    b->texts = (struct arena){0};
    b->bytes = 1;
    for (size_t i = 0; i < b->count; i++) {
        b->items[i].group = arena_copy(&b->texts, b->items[i].group);
        b->items[i].input = slice_make(NULL, 0);
        b->bytes++;
    }
    arena_fini(&old);
}

void pipe_fly(struct pipe *p, struct pipe_batch *b, uint64_t run)
{
    assert(list_empty(&b->link) && b->count != 0 && run != 0);
    b->run = run;
    forget_inputs(b);
    list_push_back(&p->flight, &b->link);
    p->in_flight++;
    for (size_t i = 0; p->settings.ordered && i < b->count; i++) {
        hash_insert(&p->groups, &b->items[i].by_group, hash_bytes(b->items[i].group, 0));
    }
}

void pipe_end(struct pipe *p, struct pipe_batch *b)
{
    for (size_t i = 0; b->run != 0 && p->settings.ordered && i < b->count; i++) {
        hash_remove(&p->groups, &b->items[i].by_group);
    }
    p->in_flight -= b->run != 0;
    batch_free(b);
}

size_t pipe_in_flight(const struct pipe *p)
{
    return p->in_flight;
}

struct pipe_batch *pipe_flying(const struct pipe *p)
{
    return list_empty(&p->flight) ? NULL : container_of(p->flight.next, struct pipe_batch, link);
}
