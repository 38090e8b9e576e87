/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/ledger/pipe.h"

#include <stdlib.h>

#include "coordinator/ledger/internal.h"
#include "coordinator/ledger/queue.h"
#include "coordinator/store/keys.h"

/* ---- what there is ---- */

struct ledger_pipe *ledger_pipe_find(const struct ledger *l, struct slice name)
{
    HASH_EACH_MATCH(n, &l->pipes, hash_bytes(name, 0))
    {
        struct ledger_pipe *p = container_of(n, struct ledger_pipe, by_name);

        if (slice_eq(p->name, name)) {
            return p;
        }
    }
    return NULL;
}

size_t ledger_pipe_count(const struct ledger *l)
{
    return l->pipes.count;
}

static int by_name(const void *a, const void *b)
{
    const struct ledger_pipe *const *x = a;
    const struct ledger_pipe *const *y = b;

    return slice_cmp((*x)->name, (*y)->name);
}

struct ledger_pipe **ledger_pipes(struct ledger *l, size_t *count)
{
    struct ledger_pipe **all = ARENA_ARRAY(&l->arena, l->pipes.count + 1, struct ledger_pipe *);
    struct hash_node *n = NULL;
    size_t bucket = 0;

    *count = 0;
    while ((n = hash_iterate(&l->pipes, &bucket, n)) != NULL) {
        all[(*count)++] = container_of(n, struct ledger_pipe, by_name);
    }
    qsort(all, *count, sizeof(struct ledger_pipe *), by_name);
    return all;
}

/* ---- in memory ---- */

static struct ledger_pipe *pipe_make(struct ledger *l, struct slice name)
{
    struct slice arn =
        arena_printf(&l->arena, "arn:aws:pipes:%s:%012llu:pipe/%.*s", l->config.region,
                     (unsigned long long)l->config.account, SLICE_FMT(name));
    struct ledger_pipe *p = mem_zalloc(1, sizeof(*p) + name.len + arn.len);
    char *at = p->text;

    p->name = block_put(&at, name);
    p->arn = block_put(&at, arn);
    list_init(&p->ready);
    list_init(&p->of_queue);
    hash_insert(&l->pipes, &p->by_name, hash_bytes(p->name, 0));
    return p;
}

static void pipe_drop_all(struct ledger *l, struct ledger_pipe *p)
{
    hash_remove(&l->pipes, &p->by_name);
    heap_remove(&l->pipes_due, &p->due);
    list_remove(&p->ready);
    list_remove(&p->of_queue);
    if (p->core != NULL) {
        pipe_flights_free(l, p);
    }
    pipe_free(p->core);
    arena_fini(&p->texts);
    mem_free(p);
}

void pipes_free(struct ledger *l)
{
    struct hash_node *n;
    size_t bucket = 0;

    while ((n = hash_iterate(&l->pipes, &bucket, NULL)) != NULL) {
        pipe_drop_all(l, container_of(n, struct ledger_pipe, by_name));
        bucket = 0;
    }
    hash_fini(&l->pipes);
    hash_fini(&l->pipe_flights);
    heap_fini(&l->pipes_due);
}

/* What follows the nth colon. */
static struct slice arn_from(struct slice arn, unsigned colons)
{
    for (unsigned i = 0; i < colons; i++) {
        size_t colon = slice_find(arn, ':');

        arn = slice_from(arn, colon < arn.len ? colon + 1 : arn.len);
    }
    return arn;
}

/* Texts of its own, read. */
struct pipe_texts {
    struct arena arena;
    struct pipe_row row;
    struct pipe_parameters parameters;
};

static enum err_code texts_read(const struct pipe_row *row, struct pipe_texts *out, struct err *err)
{
    struct pipe_texts t = {.row = *row};
    struct slice *const texts[] = {
        &t.row.source,
        &t.row.target,
        &t.row.role,
        &t.row.description,
        &t.row.logging,
        &t.row.source_parameters,
        &t.row.target_parameters,
        &t.row.reason,
    };
    enum err_code rc;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        *texts[i] = arena_copy(&t.arena, *texts[i]);
    }
    rc = pipe_parameters_read(t.row.source_parameters, t.row.target_parameters,
                              slice_ends_with(t.row.source, SLICE(".fifo")), &t.arena,
                              &t.parameters, err);
    if (rc == OK) {
        *out = t;
    } else {
        arena_fini(&t.arena);
    }
    return rc;
}

static void pipe_take(struct ledger_pipe *p, const struct pipe_texts *t)
{
    struct slice target = arn_from(t->row.target, 6); /* arn:aws:states:R:A:stateMachine:NAME */
    size_t colon = slice_find(target, ':');

    arena_fini(&p->texts);
    p->texts = t->arena;
    p->row = t->row;
    p->parameters = t->parameters;
    p->queue = arn_from(t->row.source, 5); /* arn:aws:sqs:R:A:NAME */
    p->machine = slice_head(target, colon);
    p->qualifier = slice_from(target, colon < target.len ? colon + 1 : target.len);
}

static bool is_named(struct ledger *l, const struct ledger_pipe *p)
{
    const struct tags_row *tags = ledger_tags(l, TAGS_PIPE, p->name);

    for (size_t i = 0; i < tags->count; i++) {
        if (slice_eq_str(tags->items[i].key, PIPE_NAME_TAG_KEY) &&
            slice_eq_str(tags->items[i].value, PIPE_NAME_TAG_VALUE)) {
            return true;
        }
    }
    return false;
}

struct pipe_settings pipe_settings_of(struct ledger *l, const struct ledger_pipe *p)
{
    return (struct pipe_settings){
        .batch_size = p->parameters.batch_size,
        .window_ms = p->parameters.window_ms,
        .waits = p->parameters.waits,
        .named = is_named(l, p),
        .ordered = slice_ends_with(p->queue, SLICE(".fifo")),
        .input_bytes = l->rules.payload_bytes,
    };
}

/* ---- rows ---- */

void pipe_keep(struct ledger *l, struct ledger_pipe *p, struct slice reason)
{
    struct key key = key_pipe(l->config.account, p->name);

    p->row.state = pipe_state(p->core);
    p->row.wanted = pipe_is_wanted(p->core);
    if (!slice_eq(p->row.reason, reason)) {
        p->row.reason = arena_copy(&p->texts, reason);
    }
    buf_reset(&l->scratch);
    pipe_row_encode(&p->row, &l->scratch);
    store_put(l->filling, CF_MACHINE, key_slice(&key), buf_slice(&l->scratch));
}

void pipe_forget(struct ledger *l, struct ledger_pipe *p)
{
    struct key key = key_pipe(l->config.account, p->name);

    store_delete(l->filling, CF_MACHINE, key_slice(&key));
    ledger_tags_set(l, TAGS_PIPE, p->name, &(struct tags_row){0});
    pipe_drop_all(l, p);
}

/* ---- made, changed, started, stopped, deleted ---- */

void pipe_wake(struct ledger *l, struct ledger_pipe *p)
{
    if (list_empty(&p->ready)) {
        list_push_back(&l->pipes_ready, &p->ready);
    }
}

static void pipe_open(struct ledger *l, struct ledger_pipe *p)
{
    struct pipe_settings s = pipe_settings_of(l, p);

    p->core = pipe_new(&s, p->row.state, p->row.wanted);
    pipe_wake(l, p);
}

enum err_code ledger_pipe_put(struct ledger *l,
                              struct slice name,
                              const struct pipe_row *row,
                              struct ledger_pipe **out,
                              struct err *err)
{
    struct ledger_pipe *p;
    struct pipe_texts texts;
    enum err_code rc = texts_read(row, &texts, err);

    if (rc != OK) {
        return rc;
    }
    p = pipe_make(l, name);
    pipe_take(p, &texts);
    p->row.state = PIPE_CREATING;
    p->row.created_ms = p->row.updated_ms = l->now.wall_ms;
    pipe_open(l, p);
    pipe_keep(l, p, SLICE(""));
    *out = p;
    return OK;
}

enum err_code ledger_pipe_change(struct ledger *l,
                                 struct ledger_pipe *p,
                                 const struct pipe_row *row,
                                 struct err *err)
{
    struct pipe_row fresh = *row;
    struct pipe_settings s;
    struct pipe_texts texts;
    enum err_code rc;

    fresh.source = p->row.source;
    fresh.created_ms = p->row.created_ms;
    fresh.updated_ms = l->now.wall_ms;
    rc = texts_read(&fresh, &texts, err);
    if (rc != OK) {
        return rc;
    }
    if (!pipe_update(p->core, row->wanted)) {
        arena_fini(&texts.arena);
        return err_set(err, ERR_CONFLICT, "Pipe %.*s is in state %s.", SLICE_FMT(p->name),
                       pipe_state_name(pipe_state(p->core)));
    }
    pipe_take(p, &texts);
    s = pipe_settings_of(l, p);
    pipe_set(p->core, &s);
    pipe_keep(l, p, SLICE(""));
    pipe_wake(l, p);
    return OK;
}

static bool moved(struct ledger *l, struct ledger_pipe *p, bool moves)
{
    if (moves) {
        p->row.updated_ms = l->now.wall_ms;
        pipe_keep(l, p, SLICE(""));
        pipe_wake(l, p);
    }
    return moves;
}

bool ledger_pipe_start(struct ledger *l, struct ledger_pipe *p)
{
    return moved(l, p, pipe_start(p->core));
}

bool ledger_pipe_stop(struct ledger *l, struct ledger_pipe *p)
{
    return moved(l, p, pipe_stop(p->core));
}

bool ledger_pipe_delete(struct ledger *l, struct ledger_pipe *p)
{
    return moved(l, p, pipe_delete(p->core));
}

/* ---- its queue ---- */

bool pipes_want(const struct ledger_queue *q)
{
    LIST_EACH(n, &q->pipes)
    {
        if (pipe_wants(container_of(n, struct ledger_pipe, of_queue)->core) != 0) {
            return true;
        }
    }
    return false;
}

void pipes_wake(struct ledger *l, struct ledger_queue *q)
{
    LIST_EACH(n, &q->pipes)
    {
        struct ledger_pipe *p = container_of(n, struct ledger_pipe, of_queue);

        if (pipe_wants(p->core) != 0) {
            pipe_wake(l, p);
        }
    }
}

void pipes_leave(struct ledger *l, struct ledger_queue *q)
{
    struct list *n;

    while ((n = list_pop_front(&q->pipes)) != NULL) {
        pipe_wake(l, container_of(n, struct ledger_pipe, of_queue));
    }
}

/* ---- opening ---- */

static enum err_code
load_one(struct ledger *l, struct slice name, struct slice bytes, struct err *err)
{
    struct pipe_row row;
    struct pipe_texts texts;
    enum err_code rc = pipe_row_decode(bytes, &row, err);

    if (rc == OK) {
        rc = texts_read(&row, &texts, err);
    }
    if (rc == OK) {
        struct ledger_pipe *p = pipe_make(l, name);

        pipe_take(p, &texts);
        pipe_open(l, p);
    }
    return rc;
}

enum err_code pipes_load(struct ledger *l, struct err *err)
{
    struct key from = key_pipes(l->config.account);

    return rows_load(l, CF_MACHINE, &from, load_one, err);
}
