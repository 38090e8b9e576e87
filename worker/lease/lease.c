/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/lease/lease.h"

#include <assert.h>

#include "proto/base/sm.h"

/* Where a lease is forgotten it moves nowhere: that needs no edge. */
static const struct sm_state lease_states[] = {
    [LEASE_WAITING] = {"waiting", SM(LEASE_RUNNING) | SM(LEASE_RETURNED)},
    [LEASE_RUNNING] = {"running", SM(LEASE_FINISHED) | SM(LEASE_DROPPED)},
    [LEASE_FINISHED] = {"finished", SM(LEASE_SENT)},
    [LEASE_SENT] = {"sent", SM(LEASE_FINISHED)},
    [LEASE_RETURNED] = {"returned", 0},
    [LEASE_DROPPED] = {"dropped", 0},
};

static uint64_t token_hash(struct lease_token t)
{
    return hash_u64(t.counter ^ hash_u64(t.epoch));
}

static bool token_eq(struct lease_token a, struct lease_token b)
{
    return a.epoch == b.epoch && a.counter == b.counter;
}

static void lease_move(struct lease *l, enum lease_state to, struct list *where)
{
    l->state = (enum lease_state)sm_move(lease_states, l->state, to);
    list_remove(&l->link);
    list_push_back(where, &l->link);
}

void lease_table_init(struct lease_table *t, uint32_t slots)
{
    *t = (struct lease_table){.slots = slots};
    list_init(&t->running);
    list_init(&t->finished);
    list_init(&t->sent);
    list_init(&t->returned);
    list_init(&t->dropped);
    list_init(&t->pool);
    t->seen = mem_zalloc(LEASE_SEEN, sizeof(*t->seen));
}

static void lease_free(struct lease *l)
{
    lease_forget_submission(l);
    arena_fini(&l->memory);
    mem_free(l);
}

void lease_table_fini(struct lease_table *t)
{
    size_t bucket = 0;
    struct lease *l = lease_each(t, &bucket, NULL);

    assert(list_empty(&t->dropped));
    while (l != NULL) {
        struct lease *after = lease_each(t, &bucket, l);

        lease_free(l);
        l = after;
    }
    for (struct list *n = list_pop_front(&t->pool); n != NULL; n = list_pop_front(&t->pool)) {
        lease_free(container_of(n, struct lease, link));
    }
    hash_fini(&t->functions);
    hash_fini(&t->held);
    hash_fini(&t->seen_by_token);
    mem_free(t->seen);
    *t = (struct lease_table){0};
}

static struct lease_function *function_find(const struct lease_table *t, struct slice name)
{
    HASH_EACH_MATCH(n, &t->functions, hash_bytes(name, 0))
    {
        struct lease_function *f = container_of(n, struct lease_function, by_name);

        if (slice_eq(f->name, name)) {
            return f;
        }
    }
    return NULL;
}

bool lease_table_offer(struct lease_table *t, struct lease_function *f)
{
    if (function_find(t, f->name) != NULL) {
        return false;
    }
    f->running = 0;
    list_init(&f->waiting);
    hash_insert(&t->functions, &f->by_name, hash_bytes(f->name, 0));
    return true;
}

struct lease *lease_find(const struct lease_table *t, struct lease_token token)
{
    HASH_EACH_MATCH(n, &t->held, token_hash(token))
    {
        struct lease *l = container_of(n, struct lease, by_token);

        if (token_eq(l->grant.token, token)) {
            return l;
        }
    }
    return NULL;
}

/* ---- Tokens that ended here. ---- */

static bool seen_has(const struct lease_table *t, struct lease_token token)
{
    HASH_EACH_MATCH(n, &t->seen_by_token, token_hash(token))
    {
        if (token_eq(container_of(n, struct lease_seen, node)->token, token)) {
            return true;
        }
    }
    return false;
}

static void seen_add(struct lease_table *t, struct lease_token token)
{
    struct lease_seen *s = &t->seen[t->seen_count % LEASE_SEEN];

    if (t->seen_count >= LEASE_SEEN) {
        hash_remove(&t->seen_by_token, &s->node);
    }
    t->seen_count++;
    s->token = token;
    hash_insert(&t->seen_by_token, &s->node, token_hash(token));
}

/* ---- Storage. ---- */

static struct slice keep(char **at, struct slice s)
{
    struct slice kept = slice_make(*at, s.len);

    if (s.len != 0) {
        memcpy(*at, s.ptr, s.len);
        *at += s.len;
    }
    return kept;
}

static struct lease *lease_new(struct lease_table *t, const struct lease_grant *g)
{
    size_t need = g->function.len + g->qualifier.len + g->credentials.len + g->payload.len +
                  g->trace.len + g->execution_arn.len + g->execution_name.len + g->state.len +
                  g->piece.len;
    struct lease *l;
    size_t room;
    char *at;

    if (need <= LEASE_ROOM && t->pooled > 0) {
        t->pooled--;
        l = container_of(list_pop_front(&t->pool), struct lease, link);
        room = l->room;
    } else {
        room = need <= LEASE_ROOM ? LEASE_ROOM : need;
        l = mem_alloc(sizeof(*l) + room);
    }
    *l = (struct lease){.grant = *g, .room = room};
    list_init(&l->link);
    at = (char *)(l + 1);
    l->grant.function = keep(&at, g->function);
    l->grant.qualifier = keep(&at, g->qualifier);
    l->grant.credentials = keep(&at, g->credentials);
    l->grant.payload = keep(&at, g->payload);
    l->grant.trace = keep(&at, g->trace);
    l->grant.execution_arn = keep(&at, g->execution_arn);
    l->grant.execution_name = keep(&at, g->execution_name);
    l->grant.state = keep(&at, g->state);
    l->grant.piece = keep(&at, g->piece);
    return l;
}

static void lease_release(struct lease_table *t, struct lease *l)
{
    list_remove(&l->link);
    if (l->room == LEASE_ROOM && t->pooled < LEASE_POOL) {
        arena_fini(&l->memory);
        lease_forget_submission(l);
        list_push_front(&t->pool, &l->link); /* the one last used is in the cache */
        t->pooled++;
    } else {
        lease_free(l);
    }
}

static void lease_end(struct lease_table *t, struct lease *l)
{
    hash_remove(&t->held, &l->by_token);
    seen_add(t, l->grant.token);
    lease_release(t, l);
}

static void slot_free(struct lease_table *t, struct lease *l)
{
    assert(t->busy > 0 && l->function->running > 0);
    t->busy--;
    l->function->running--;
}

/* ---- What happens to a lease. ---- */

enum lease_granted
lease_grant(struct lease_table *t, const struct lease_grant *g, struct lease **out)
{
    struct lease *l;

    *out = NULL;
    if (lease_find(t, g->token) != NULL || seen_has(t, g->token)) {
        return LEASE_REPEAT;
    }
    l = lease_new(t, g);
    l->state = LEASE_WAITING;
    l->function = function_find(t, g->function);
    hash_insert(&t->held, &l->by_token, token_hash(g->token));
    t->waiting++;
    *out = l;
    if (l->function == NULL) {
        return LEASE_NOT_OFFERED;
    }
    list_push_back(&l->function->waiting, &l->link);
    return LEASE_NEW;
}

struct lease *lease_begin(struct lease_table *t, struct lease_function *f)
{
    struct lease *l;

    if (list_empty(&f->waiting) || f->running >= f->slots || t->busy >= t->slots) {
        return NULL;
    }
    l = container_of(f->waiting.next, struct lease, link);
    lease_move(l, LEASE_RUNNING, &t->running);
    t->waiting--;
    t->busy++;
    f->running++;
    return l;
}

void lease_submit(struct lease *l, struct slice text)
{
    assert(l->state == LEASE_RUNNING && !lease_has_submission(l));
    l->submission = slice_make(mem_strdup(text), text.len);
}

bool lease_has_submission(const struct lease *l)
{
    return l->submission.ptr != NULL;
}

void lease_forget_submission(struct lease *l)
{
    mem_free((void *)(uintptr_t)l->submission.ptr);
    l->submission = slice_make(NULL, 0);
}

bool lease_finish(struct lease_table *t,
                  struct lease *l,
                  const struct lease_result *r,
                  struct arena *memory)
{
    slot_free(t, l);
    l->run = NULL;
    arena_fini(&l->memory);
    l->memory = *memory;
    *memory = (struct arena){0};
    if (l->state == LEASE_DROPPED) {
        lease_release(t, l);
        return false;
    }
    l->result = *r;
    lease_move(l, LEASE_FINISHED, &t->finished);
    return true;
}

struct lease *lease_take(struct lease_table *t)
{
    struct lease *l;

    if (list_empty(&t->finished)) {
        return NULL;
    }
    l = container_of(t->finished.next, struct lease, link);
    lease_move(l, LEASE_SENT, &t->sent);
    return l;
}

void lease_put_back(struct lease_table *t, struct lease *l)
{
    lease_move(l, LEASE_FINISHED, &t->finished);
    list_remove(&l->link);
    list_push_front(&t->finished, &l->link);
}

void lease_forget(struct lease_table *t, struct lease *l)
{
    assert(l->state == LEASE_SENT || l->state == LEASE_RETURNED);
    lease_end(t, l);
}

bool lease_drop(struct lease_table *t, struct lease *l)
{
    switch (l->state) {
    case LEASE_WAITING:
        t->waiting--;
        lease_end(t, l);
        return false;
    case LEASE_RUNNING:
        hash_remove(&t->held, &l->by_token);
        seen_add(t, l->grant.token);
        lease_move(l, LEASE_DROPPED, &t->dropped);
        return true;
    case LEASE_FINISHED:
    case LEASE_RETURNED: lease_end(t, l); return false;
    case LEASE_SENT:
    case LEASE_DROPPED: return false;
    }
    return false;
}

void lease_return(struct lease_table *t, struct lease *l)
{
    lease_move(l, LEASE_RETURNED, &t->returned);
    t->waiting--;
}

struct lease *lease_each(const struct lease_table *t, size_t *bucket, struct lease *l)
{
    struct hash_node *n = hash_iterate(&t->held, bucket, l != NULL ? &l->by_token : NULL);

    return n != NULL ? container_of(n, struct lease, by_token) : NULL;
}

bool lease_table_idle(const struct lease_table *t)
{
    return t->held.count == 0 && t->busy == 0;
}
