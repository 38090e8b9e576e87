/* SPDX-License-Identifier: Apache-2.0 */
/* State machines: all rows in memory, definitions parsed when they are needed and kept while they
 * are used. A revision never changes; executions go on under the one they started with. */
#include <assert.h>
#include <stdlib.h>

#include "coordinator/ledger/internal.h"
#include "coordinator/store/keys.h"
#include "proto/host/log.h"

enum {
    REVISIONS_KEPT = 4,  /* parsed and unused, of one machine */
    DELETES_A_TURN = 64, /* executions of deleted machines stopped in one turn */
};

static struct slice copy(struct slice s)
{
    return slice_make(mem_strdup(s), s.len);
}

static void drop(struct slice *s)
{
    mem_free((void *)(uintptr_t)s->ptr);
    *s = (struct slice){NULL, 0};
}

static struct ledger_machine *machine_make(const struct ledger *l, const struct machine_row *row)
{
    struct ledger_machine *m = mem_zalloc(1, sizeof(*m));
    struct buf arn = {0};

    buf_printf(&arn, "arn:aws:states:%s:%012llu:stateMachine:%.*s", l->config.region,
               (unsigned long long)l->config.account, SLICE_FMT(row->name));
    m->number = row->machine;
    m->express = row->express;
    m->created_ms = row->created_ms;
    m->name = copy(row->name);
    m->arn = copy(buf_slice(&arn));
    buf_fini(&arn);
    list_init(&m->revisions);
    list_init(&m->dying);
    return m;
}

static struct ledger_machine *machine_new(struct ledger *l, const struct machine_row *row)
{
    struct ledger_machine *m = machine_make(l, row);

    m->figures = figures_machine(&l->figures, m);
    hash_insert(&l->machines_by_name, &m->by_name, hash_bytes(m->name, 0));
    hash_insert(&l->machines_by_number, &m->by_number, hash_u64(m->number));
    return m;
}

/* A configuration that older programs kept unread asks for nothing. */
static void machine_set_log(struct ledger_machine *m)
{
    struct arena a = {0};
    struct log_rule rule;
    struct err err;

    (void)log_rule_read(m->logging, &a, &rule, &err);
    drop(&m->log.group);
    m->log = rule;
    m->log.group = copy(rule.group);
    arena_fini(&a);
}

/* What a new revision may change. */
static void machine_set(struct ledger *l, struct ledger_machine *m, const struct machine_row *row)
{
    struct slice role = copy(row->role_arn);
    struct slice logging = copy(row->logging);

    drop(&m->role_arn);
    drop(&m->logging);
    m->role_arn = role;
    m->logging = logging;
    m->traced = row->traced;
    machine_set_log(m);
    m->revision = row->revision;
    m->updated_ms = row->updated_ms;
    m->deleting = row->deleting;
    if (m->deleting && list_empty(&m->dying)) {
        list_push_back(&l->deleting, &m->dying);
    }
}

static void revision_free(struct machine_revision *r)
{
    list_remove(&r->link);
    asl_machine_free(r->parsed);
    mem_free(r);
}

void machine_own_free(struct ledger_machine *m)
{
    while (!list_empty(&m->revisions)) {
        revision_free(container_of(m->revisions.next, struct machine_revision, link));
    }
    list_remove(&m->dying);
    drop(&m->name);
    drop(&m->arn);
    drop(&m->role_arn);
    drop(&m->logging);
    drop(&m->log.group);
    versions_free(m);
    mem_free(m);
}

static void machine_free(struct ledger *l, struct ledger_machine *m)
{
    hash_remove(&l->machines_by_name, &m->by_name);
    hash_remove(&l->machines_by_number, &m->by_number);
    figures_machine_end(&l->figures, m->figures);
    machine_own_free(m);
}

void machines_free(struct ledger *l)
{
    struct hash_node *n;
    size_t bucket = 0;

    while ((n = hash_iterate(&l->machines_by_number, &bucket, NULL)) != NULL) {
        machine_free(l, container_of(n, struct ledger_machine, by_number));
        bucket = 0;
    }
    hash_fini(&l->machines_by_name);
    hash_fini(&l->machines_by_number);
}

static enum err_code counter_load(struct ledger *l, struct err *err)
{
    struct key key = key_machine_counter(l->config.account);
    struct buf b = {0};
    enum err_code rc = store_get(l->store, CF_MACHINE, key_slice(&key), &b, err);

    if (rc == OK) {
        struct cursor c = cursor_make(buf_slice(&b));

        l->machine_counter = cursor_u64le(&c);
        rc = c.bad ? err_set(err, ERR_CORRUPT, "the counter of machines cannot be read") : OK;
    } else if (rc == ERR_NOT_FOUND) {
        rc = OK; /* there never was a machine */
    }
    buf_fini(&b);
    return rc;
}

enum err_code machines_load(struct ledger *l, struct err *err)
{
    struct key from = key_machines(l->config.account);
    struct key to = key_after(&from);
    struct store_iterator *i;
    struct slice key;
    struct slice value;
    enum err_code rc = OK;

    i = store_iterate(l->store, CF_MACHINE, key_slice(&from), key_slice(&to), false);
    while (rc == OK && store_next(i, &key, &value)) {
        struct machine_row row;

        rc = machine_row_decode(value, &row, err);
        if (rc == OK) {
            machine_set(l, machine_new(l, &row), &row);
        }
    }
    if (rc != OK) {
        (void)store_iterator_end(i, NULL);
        return rc;
    }
    rc = store_iterator_end(i, err);
    return rc == OK ? counter_load(l, err) : rc;
}

struct ledger_machine *ledger_machine_find(struct ledger *l, struct slice name)
{
    HASH_EACH_MATCH(n, &l->machines_by_name, hash_bytes(name, 0))
    {
        struct ledger_machine *m = container_of(n, struct ledger_machine, by_name);

        if (slice_eq(m->name, name)) {
            return m;
        }
    }
    return NULL;
}

struct ledger_machine *ledger_machine_number(struct ledger *l, uint64_t number)
{
    HASH_EACH_MATCH(n, &l->machines_by_number, hash_u64(number))
    {
        struct ledger_machine *m = container_of(n, struct ledger_machine, by_number);

        if (m->number == number) {
            return m;
        }
    }
    return NULL;
}

size_t ledger_machine_count(const struct ledger *l)
{
    return l->machines_by_number.count;
}

static int by_name(const void *a, const void *b)
{
    const struct ledger_machine *const *x = a;
    const struct ledger_machine *const *y = b;

    return slice_cmp((*x)->name, (*y)->name);
}

struct ledger_machine **ledger_machines(struct ledger *l, size_t *count)
{
    size_t n = l->machines_by_number.count;
    struct ledger_machine **all = ARENA_ARRAY(&l->arena, n + 1, struct ledger_machine *);
    struct hash_node *node = NULL;
    size_t bucket = 0;

    *count = 0;
    while ((node = hash_iterate(&l->machines_by_number, &bucket, node)) != NULL) {
        all[(*count)++] = container_of(node, struct ledger_machine, by_number);
    }
    qsort(all, *count, sizeof(struct ledger_machine *), by_name);
    return all;
}

/* ---- rows ---- */

static void put_machine(struct ledger *l, const struct ledger_machine *m)
{
    struct machine_row row = {
        .machine = m->number,
        .revision = m->revision,
        .express = m->express,
        .deleting = m->deleting,
        .created_ms = m->created_ms,
        .updated_ms = m->updated_ms,
        .name = m->name,
        .role_arn = m->role_arn,
        .logging = m->logging,
        .traced = m->traced,
    };
    struct key key = key_machine(l->config.account, m->name);

    buf_reset(&l->scratch);
    machine_row_encode(&row, &l->scratch);
    store_put(l->filling, CF_MACHINE, key_slice(&key), buf_slice(&l->scratch));
}

static void put_revision(struct ledger *l, const struct ledger_machine *m, struct slice definition)
{
    struct revision_row row = {
        .created_ms = m->updated_ms,
        .definition = definition,
        .role_arn = m->role_arn,
    };
    struct key key = key_revision(l->config.account, m->number, m->revision);

    buf_reset(&l->scratch);
    revision_row_encode(&row, &l->scratch);
    store_put(l->filling, CF_MACHINE, key_slice(&key), buf_slice(&l->scratch));
}

static void put_counter(struct ledger *l)
{
    struct key key = key_machine_counter(l->config.account);

    buf_reset(&l->scratch);
    buf_put_u64le(&l->scratch, l->machine_counter);
    store_put(l->filling, CF_MACHINE, key_slice(&key), buf_slice(&l->scratch));
}

static struct machine_revision *
revision_add(struct ledger_machine *m, uint32_t number, struct asl_machine *parsed)
{
    struct machine_revision *r = mem_zalloc(1, sizeof(*r));
    size_t unused = 0;

    r->revision = number;
    r->parsed = parsed;
    list_push_front(&m->revisions, &r->link);
    LIST_EACH_SAFE(n, after, &m->revisions)
    {
        struct machine_revision *old = container_of(n, struct machine_revision, link);

        if (old != r && old->refs == 0 && ++unused > REVISIONS_KEPT) {
            revision_free(old);
        }
    }
    return r;
}

struct ledger_machine *ledger_machine_put(struct ledger *l,
                                          struct ledger_machine *m,
                                          struct slice name,
                                          bool express,
                                          const struct machine_settings *settings,
                                          struct asl_machine *parsed)
{
    struct machine_row row = {
        .machine = m != NULL ? m->number : l->machine_counter + 1,
        .revision = m != NULL ? m->revision + 1 : 1,
        .express = express,
        .created_ms = m != NULL ? m->created_ms : l->now.wall_ms,
        .updated_ms = l->now.wall_ms,
        .name = name,
        .role_arn = settings->role_arn,
        .logging = settings->logging,
        .traced = settings->traced,
    };

    if (m == NULL) {
        l->machine_counter++;
        put_counter(l);
        m = machine_new(l, &row);
    }
    machine_set(l, m, &row);
    put_revision(l, m, parsed->definition);
    put_machine(l, m);
    (void)revision_add(m, m->revision, parsed);
    return m;
}

struct ledger_machine *
machine_unlisted(struct ledger *l, struct slice name, struct asl_machine *parsed)
{
    const struct machine_row row = {.express = true, .name = name};
    struct ledger_machine *m = machine_make(l, &row);

    m->revision = 1;
    m->figures = &l->figures.own;
    (void)revision_add(m, m->revision, parsed);
    return m;
}

struct ledger_machine *machine_own(struct ledger *l, struct slice name, struct slice definition)
{
    const struct asl_options options = {.express = true, .stored = true};
    struct asl_diagnostics found = {0};
    struct asl_machine *parsed = NULL;
    enum err_code rc = asl_machine_parse(definition, &options, &l->arena, &found, &parsed, NULL);

    assert(rc == OK);
    (void)rc;
    return machine_unlisted(l, name, parsed);
}

/* ---- parsed revisions ---- */

static enum err_code revision_load(struct ledger *l,
                                   struct ledger_machine *m,
                                   uint32_t revision,
                                   struct machine_revision **out,
                                   struct err *err)
{
    struct key key = key_revision(l->config.account, m->number, revision);
    const struct asl_options options = {
        .express = m->express,
        .stored = true,
        .bound = l->config.bound,
        .arg = l->config.bound_arg,
    };
    struct asl_diagnostics found = {0};
    struct asl_machine *parsed;
    struct revision_row row;
    struct buf b = {0};
    enum err_code rc = store_get(l->store, CF_MACHINE, key_slice(&key), &b, err);

    if (rc == OK) {
        rc = revision_row_decode(buf_slice(&b), &row, err);
    } else if (rc == ERR_NOT_FOUND) {
        (void)err_set(err, rc, "the machine has no revision %u", revision);
    }
    if (rc == OK) {
        rc = asl_machine_parse(row.definition, &options, &l->arena, &found, &parsed, err);
    }
    if (rc == OK) {
        *out = revision_add(m, revision, parsed);
    } else {
        err_wrap(err, "load revision %u of %.*s", revision, SLICE_FMT(m->name));
    }
    buf_fini(&b);
    return rc;
}

enum err_code machine_revision_get(struct ledger *l,
                                   struct ledger_machine *m,
                                   uint32_t revision,
                                   struct machine_revision **out,
                                   struct err *err)
{
    enum err_code rc = OK;

    LIST_EACH(n, &m->revisions)
    {
        struct machine_revision *r = container_of(n, struct machine_revision, link);

        if (r->revision == revision) {
            r->refs++;
            *out = r;
            return OK;
        }
    }
    rc = revision_load(l, m, revision, out, err);
    if (rc == OK) {
        (*out)->refs++;
    }
    return rc;
}

void machine_revision_unref(struct machine_revision *r)
{
    r->refs--; /* freed when the machine has newer ones, or goes */
}

enum err_code ledger_machine_parsed(struct ledger *l,
                                    struct ledger_machine *m,
                                    uint32_t revision,
                                    const struct asl_machine **out,
                                    struct err *err)
{
    struct machine_revision *r;
    enum err_code rc = machine_revision_get(l, m, revision != 0 ? revision : m->revision, &r, err);

    if (rc == OK) {
        *out = r->parsed;
        machine_revision_unref(r);
    }
    return rc;
}

/* ---- deletion ---- */

void ledger_machine_delete(struct ledger *l, struct ledger_machine *m)
{
    if (!m->deleting) {
        m->deleting = true;
        list_push_back(&l->deleting, &m->dying);
        m->updated_ms = l->now.wall_ms;
        put_machine(l, m);
    }
}

/* Stop some of its executions. @return how many still run, as far as was looked. */
static size_t stop_some(struct ledger *l, struct ledger_machine *m)
{
    struct key from = key_index_machine(l->config.account, EXECUTION_RUNNING, m->number);
    struct key to = key_after(&from);
    struct store_iterator *i =
        store_iterate(l->store, CF_INDEX, key_slice(&from), key_slice(&to), false);
    uint64_t ids[DELETES_A_TURN];
    size_t count = 0;
    struct slice key;
    struct slice value;
    struct err err;

    while (count < DELETES_A_TURN && store_next(i, &key, &value)) {
        uint64_t account;
        uint64_t machine;
        enum execution_status status;
        int64_t start_ms;

        if (key_index_parse(key, &account, &status, &machine, &start_ms, &ids[count])) {
            count++;
        }
    }
    (void)store_iterator_end(i, NULL);
    for (size_t n = 0; n < count; n++) {
        struct engine_event ev = {
            .kind = ENGINE_STOP,
            .failure = {{NULL, 0}, SLICE("The state machine was deleted.")},
        };

        if (ledger_execution_load(l, ids[n], &err) == OK) {
            (void)ledger_execution_event(l, ids[n], &ev, &err);
        }
    }
    return count + m->open_executions;
}

/* Do executions in memory, ended ones, refer to it? Synchronous ones that are only kept to be shown
 * go now. */
static bool is_in_memory(struct ledger *l, struct ledger_machine *m)
{
    LIST_EACH_SAFE(n, after, &l->kept)
    {
        struct hot *h = container_of(n, struct hot, lru);

        if (h->machine == m && !h->moved) {
            hot_free(l, h);
        }
    }
    LIST_EACH(n, &m->revisions)
    {
        if (container_of(n, struct machine_revision, link)->refs != 0) {
            return true;
        }
    }
    return false;
}

void machines_delete_some(struct ledger *l)
{
    if (l->flying != NULL) {
        return; /* what was stopped must be on disk before it is looked for again */
    }
    LIST_EACH_SAFE(n, after, &l->deleting)
    {
        struct ledger_machine *m = container_of(n, struct ledger_machine, dying);
        struct key key = key_machine(l->config.account, m->name);

        if (stop_some(l, m) != 0 || is_in_memory(l, m)) {
            continue;
        }
        store_delete(l->filling, CF_MACHINE, key_slice(&key));
        versions_delete(l, m);
        ledger_tags_set(l, TAGS_MACHINE, m->name, &(struct tags_row){0});
        log_info("state machine deleted: machine=%.*s", SLICE_FMT(m->name));
        machine_free(l, m);
    }
}
