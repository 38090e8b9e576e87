/* SPDX-License-Identifier: Apache-2.0 */
/* Queues, pipes and rules from the inside: their invariants after each turn, and that rows on disk
 * say what memory does. */
#include "coordinator/ledger/internal.h"
#include "coordinator/ledger/pipe.h"
#include "coordinator/ledger/queue.h"
#include "coordinator/store/keys.h"
#include "coordinator/trigger/internal.h"
#include "tests/sim/trigger.h"

/* ---- turns ---- */

enum { NARROW_DELIVERIES = 4 };

void triggers_turn_begin(struct sim *s)
{
    if (s->triggers != NULL && s->triggers->narrow) {
        coordinator_ledger(s)->deliveries_left =
            (unsigned)sim_below(s, CHANCE_EVENT, NARROW_DELIVERIES);
    }
}

/* Its times count from when it got its targets; a crash may have undone that. */
static void see_targets(const struct ledger *l, struct sim_rule *r)
{
    const struct ledger_rule *rule = ledger_rule_find(l, slice_str(r->name));
    bool armed = rule != NULL && rule->row.target_count != 0;

    if (armed && !r->armed) {
        r->base_ms = rule->row.seen_ms;
    }
    r->armed = armed;
}

/* What is due was carried out, or waits for room (the quota's, the disk's); and who has times to
 * come waits for the next. */
static void check_rules(struct sim *s, const struct ledger *l)
{
    const struct heap_node *due = heap_min(&l->rules_due);

    for (unsigned i = 0; s->triggers != NULL && i < SIM_RULES; i++) {
        see_targets(l, &s->triggers->rules[i]);
    }

    if (due != NULL && due->key <= ledger_now(l).wall_ms && !ledger_is_short(l)) {
        sim_violation(s, "a rule is due for %lld ms",
                      (long long)(ledger_now(l).wall_ms - due->key));
    }
    LIST_EACH(n, ledger_event_rules(l))
    {
        const struct ledger_rule *r = container_of(n, struct ledger_rule, link);

        if (r->row.enabled && r->row.expression.len != 0 && r->row.target_count != 0 &&
            !heap_has(&r->due)) {
            sim_violation(s, "rule %.*s will never be due", SLICE_FMT(r->name));
        }
    }
}

void triggers_check_turn(struct sim *s)
{
    const struct ledger *l = coordinator_ledger(s);
    struct hash_node *n = NULL;
    size_t bucket = 0;
    const char *wrong;

    while ((n = hash_iterate(&l->queues, &bucket, n)) != NULL) {
        const struct ledger_queue *q = container_of(n, struct ledger_queue, by_name);

        wrong = queue_check(q->core);
        if (wrong != NULL) {
            sim_violation(s, "queue %.*s: %s", SLICE_FMT(q->name), wrong);
        }
    }
    bucket = 0;
    while ((n = hash_iterate(&l->pipes, &bucket, n)) != NULL) {
        const struct ledger_pipe *p = container_of(n, struct ledger_pipe, by_name);

        wrong = pipe_check(p->core);
        if (wrong != NULL) {
            sim_violation(s, "pipe %.*s: %s", SLICE_FMT(p->name), wrong);
        }
    }
    check_rules(s, l);
}

uint64_t triggers_deliveries(struct sim *s)
{
    return coordinator_ledger(s)->delivery_count;
}

/* ---- rows ---- */

static struct store_iterator *rows_of(const struct ledger *l, struct key prefix)
{
    struct key to = key_after(&prefix);

    return store_iterate(l->store, CF_QUEUE, key_slice(&prefix), key_slice(&to), false);
}

static size_t count_rows(const struct ledger *l, struct key prefix)
{
    struct store_iterator *i = rows_of(l, prefix);
    struct slice key;
    struct slice value;
    size_t count = 0;

    while (store_next(i, &key, &value)) {
        count++;
    }
    (void)store_iterator_end(i, NULL);
    return count;
}

static const char *check_total(const struct ledger *l, const struct ledger_queue *q)
{
    struct key key = key_queue_counter(l->config.account, q->row.generation);
    struct queue_counter_row row;
    struct buf b = {0};
    struct err err;
    enum err_code rc = store_get(l->store, CF_QUEUE, key_slice(&key), &b, &err);

    if (rc == OK) {
        rc = queue_counter_decode(buf_slice(&b), &row, &err);
    }
    buf_fini(&b);
    if (rc != OK) {
        return "its counters cannot be read";
    }
    if (row.total != q->core->total || row.last_number != q->core->last_number) {
        return "its counters are not as they are on disk";
    }
    return count_rows(l, key_messages(l->config.account, q->row.generation)) == row.total
               ? NULL
               : "its rows are not as many as it counts";
}

/* Of what is on disk as received. */
static const char *check_state(const struct ledger_queue *q, struct slice key, struct slice value)
{
    const struct queue_message *m;
    struct queue_state s;
    struct err err;

    if (!key_place_parse(key, &s.place) || queue_state_decode(value, &s, &err) != OK) {
        return "a state cannot be read";
    }
    m = queue_find(q->core, s.place.number);
    if (m == NULL || m->count != s.count || !token_eq(m->receipt, s.receipt) ||
        m->first_ms != s.first_ms) {
        return "a message is not as it is on disk";
    }
    return m->status != QUEUE_FLIES || m->flight.key == s.visible_ms
               ? NULL
               : "a message is hidden for another time than on disk";
}

static const char *check_states(const struct ledger *l, const struct ledger_queue *q)
{
    struct store_iterator *i = rows_of(l, key_queue_states(l->config.account, q->row.generation));
    const char *wrong = NULL;
    struct slice key;
    struct slice value;
    size_t count = 0;

    while (store_next(i, &key, &value)) {
        const char *why = check_state(q, key, value);

        wrong = wrong != NULL ? wrong : why;
        count++;
    }
    (void)store_iterator_end(i, NULL);
    return wrong == NULL && count != q->core->by_number.count
               ? "states on disk are not as many as were received"
               : wrong;
}

/* What a rule's row says is what has been carried out. */
static void see_rule(struct sim *s, const struct ledger *l, struct sim_rule *r)
{
    const struct ledger_rule *rule = ledger_rule_find(l, slice_str(r->name));
    struct key key = key_rule(l->config.account, slice_str(r->name));
    struct arena a = {0};
    struct buf b = {0};
    struct rule_row row;
    struct err err;

    if (rule == NULL) {
        return;
    }
    if (store_get(l->store, CF_MACHINE, key_slice(&key), &b, &err) != OK ||
        rule_row_decode(buf_slice(&b), &a, &row, &err) != OK || row.seen_ms != rule->row.seen_ms) {
        sim_violation(s, "the row of rule %s is not as it is", r->name);
    }
    r->began_ms = row.began_ms;
    if ((r->seen_count == 0 || r->seen[r->seen_count - 1] != row.seen_ms) &&
        r->seen_count < SIM_RULE_SEEN) {
        r->seen[r->seen_count++] = row.seen_ms;
    }
    buf_fini(&b);
    arena_fini(&a);
}

void triggers_check_rows(struct sim *s)
{
    const struct ledger *l = coordinator_ledger(s);
    struct hash_node *n = NULL;
    size_t bucket = 0;

    if (s->triggers == NULL || l->flying != NULL || store_batch_count(l->filling) != 0) {
        return;
    }
    coordinator_reads_well(s, true);
    while ((n = hash_iterate(&l->queues, &bucket, n)) != NULL) {
        const struct ledger_queue *q = container_of(n, struct ledger_queue, by_name);
        const char *wrong = check_total(l, q);

        wrong = wrong != NULL ? wrong : check_states(l, q);
        if (wrong != NULL) {
            sim_violation(s, "queue %.*s: %s", SLICE_FMT(q->name), wrong);
        }
    }
    for (unsigned i = 0; i < SIM_RULES; i++) {
        see_rule(s, l, &s->triggers->rules[i]);
    }
    coordinator_reads_well(s, false);
}

/* ---- at the end ---- */

/* A prefix without the generation: of all there ever were. */
static struct key of_all(struct key k)
{
    k.len -= sizeof(uint64_t);
    return k;
}

const char *triggers_left(struct sim *s)
{
    const struct ledger *l = coordinator_ledger(s);
    uint64_t account = l->config.account;

    return count_rows(l, of_all(key_messages(account, 0))) != 0       ? "messages"
           : count_rows(l, of_all(key_queue_states(account, 0))) != 0 ? "states of messages"
           : count_rows(l, key_queue_sweeps(account)) != 0            ? "queues to be swept"
                                                                      : NULL;
}
