/* SPDX-License-Identifier: Apache-2.0 */
/* When faults have stopped: the queues are emptied, and each message that was sent must be found,
 * once, where it may be; the executions of pipes and rules are those there are to be. */
#include <stdio.h>
#include <stdlib.h>

#include "coordinator/ledger/ledger.h"
#include "proto/base/limits.h"
#include "tests/sim/client.h"
#include "tests/sim/trigger.h"

enum {
    DRAIN_US_MAX = 6 * 3600, /* seconds: a clock that was put back goes on at half its pace */
    DRAIN_HIDE_S = 3600,
    LATE_US = 60 * SIM_SECOND, /* a repeat of a request may be so late */
};

/* ---- the end of what goes on by itself ---- */

static void end_rule(struct sim *s, const struct sim_rule *r, struct arena *a)
{
    Stepfleet__RuleTargetsRemoveRequest t = STEPFLEET__RULE_TARGETS_REMOVE_REQUEST__INIT;
    Stepfleet__RuleRequest q = STEPFLEET__RULE_REQUEST__INIT;

    t.rule = q.name = message_string(a, slice_str(r->name));
    t.ids = ARENA_ARRAY(a, r->targets, char *);
    for (unsigned i = 0; i < r->targets; i++) {
        t.ids[t.n_ids++] = message_string(a, arena_printf(a, "t%u", i));
    }
    (void)check_ask(s, RPC_RULE_TARGETS_REMOVE, &t.base, a);
    (void)check_ask(s, RPC_RULE_DELETE, &q.base, a);
}

/* True: it runs; where it does not it is told to. */
static bool pipe_runs(struct sim *s, const char *name, struct arena *a)
{
    Stepfleet__PipeRequest q = STEPFLEET__PIPE_REQUEST__INIT;
    const Stepfleet__PipeDetail *d;

    q.name = message_string(a, slice_str(name));
    d = check_ask(s, RPC_PIPE_DESCRIBE, &q.base, a);
    if (strcmp(d->current_state, "STOPPED") == 0) {
        (void)check_ask(s, RPC_PIPE_START, &q.base, a);
    } else if (strcmp(d->current_state, "RUNNING") != 0 &&
               strcmp(d->current_state, "STOPPING") != 0 &&
               strcmp(d->current_state, "STARTING") != 0) {
        sim_violation(s, "pipe %s is %s: %s", name, d->current_state, d->state_reason);
    }
    return strcmp(d->current_state, "RUNNING") == 0;
}

/* ---- emptying ---- */

static void delete_drained(struct sim *s, struct sim_letter *m, struct arena *a)
{
    Stepfleet__MessageRequest q = STEPFLEET__MESSAGE_REQUEST__INIT;

    q.queue = message_string(a, slice_str(m->where->name));
    q.receipt = message_string(a, slice_str(m->receipt));
    m->drained = m->delete_asked = true;
    (void)check_ask(s, RPC_MESSAGE_DELETE, &q.base, a);
    m->deleted_us = s->now_us;
    m->deleted_count = m->count;
}

/* What of it can be received now. */
static void drain(struct sim *s, struct sim_queue *q, struct arena *a)
{
    Stepfleet__MessageReceiveRequest m = STEPFLEET__MESSAGE_RECEIVE_REQUEST__INIT;
    char *all[] = {message_string(a, SLICE("All"))};
    const Stepfleet__MessageReceiveReply *got;

    m.queue = message_string(a, slice_str(q->name));
    m.has_max = m.has_visibility_s = true;
    m.max = 10;
    m.visibility_s = DRAIN_HIDE_S;
    m.n_names = 1;
    m.names = all;
    do {
        struct sim_receive r = triggers_ask(s, q, DRAIN_HIDE_S * 1000);
        struct sim_letter *letters[10];

        got = check_ask(s, RPC_MESSAGE_RECEIVE, &m.base, a);
        for (size_t i = 0; i < got->n_messages; i++) {
            letters[i] = triggers_received(s, &r, got->messages[i]);
        }
        triggers_check_groups(s, &r, letters, got->n_messages);
        for (size_t i = 0; i < got->n_messages; i++) {
            delete_drained(s, letters[i], a);
        }
    } while (got->n_messages != 0);
}

static uint64_t messages_in(struct sim *s, const struct sim_queue *q, struct arena *a)
{
    Stepfleet__QueueAttributesRequest m = STEPFLEET__QUEUE_ATTRIBUTES_REQUEST__INIT;
    char *all[] = {message_string(a, SLICE("All"))};
    const Stepfleet__QueueAttributesReply *r;
    uint64_t count = 0;

    m.queue = message_string(a, slice_str(q->name));
    m.n_names = 1;
    m.names = all;
    r = check_ask(s, RPC_QUEUE_ATTRIBUTES, &m.base, a);
    for (size_t i = 0; i < r->n_attributes; i++) {
        uint64_t n = 0;

        if (strncmp(r->attributes[i]->key, "ApproximateNumberOfMessages", 27) == 0) {
            (void)text_parse_u64(slice_str(r->attributes[i]->value), &n);
            count += n;
        }
    }
    return count;
}

/* How many messages and deliveries are left. */
static uint64_t empty_some(struct sim *s, struct arena *a)
{
    bool run = pipe_runs(s, "to-ps", a);
    uint64_t left = 0;

    run = pipe_runs(s, "to-px", a) && run;
    for (unsigned i = SIM_QUEUES; i > 0; i--) { /* dead letters last */
        struct sim_queue *q = &s->triggers->queues[i - 1];

        if (!q->piped) {
            drain(s, q, a);
        }
        left += messages_in(s, q, a);
    }
    return left + !run + triggers_deliveries(s);
}

void triggers_end(struct sim *s)
{
    int64_t end_us = s->now_us + (int64_t)DRAIN_US_MAX * SIM_SECOND;
    struct arena a = {0};
    uint64_t left;

    if (s->triggers == NULL) {
        return;
    }
    s->triggers->over = true;
    for (unsigned i = 0; i < SIM_RULES; i++) {
        end_rule(s, &s->triggers->rules[i], &a);
    }
    while ((left = empty_some(s, &a)) != 0) {
        if (s->now_us > end_us) {
            sim_violation(s, "%llu messages or deliveries are left of queues that are emptied",
                          (unsigned long long)left);
        }
        check_pass(s, SIM_SECOND);
        arena_reset(&a);
    }
    arena_fini(&a);
}

/* ---- executions of a machine ---- */

void triggers_each_execution(struct sim *s, const char *machine, execution_see *see, void *arg)
{
    Stepfleet__ListRequest q = STEPFLEET__LIST_REQUEST__INIT;
    const Stepfleet__ListReply *r;
    struct arena a = {0};

    q.machine = message_string(&a, slice_str(machine));
    do {
        r = check_ask(s, RPC_EXECUTION_LIST, &q.base, &a);
        for (size_t i = 0; i < r->n_executions; i++) {
            Stepfleet__ExecutionRequest e = STEPFLEET__EXECUTION_REQUEST__INIT;
            const Stepfleet__ExecutionDetail *d;
            const struct json_node *input;
            struct err err;

            e.execution = r->executions[i]->execution_arn;
            d = check_ask(s, RPC_EXECUTION_DESCRIBE, &e.base, &a);
            if (json_parse(message_slice(d->input), &a, &input, &err) != OK) {
                sim_violation(s, "the input of %s is no JSON", d->execution_arn);
            }
            see(s, arg, d, input);
        }
        q.next_token = r->next_token;
    } while (q.next_token[0] != '\0');
    arena_fini(&a);
}

/* ---- the Standard pipe ---- */

static void see_started(struct sim *s,
                        void *arg,
                        const Stepfleet__ExecutionDetail *d,
                        const struct json_node *input)
{
    struct sim_triggers *t = s->triggers;
    struct slice first = json_text(json_member(json_first(input), SLICE("id")));
    struct slice arn = slice_str(d->execution_arn);

    (void)arg;
    if (t->named && !slice_eq(slice_from(arn, slice_rfind(arn, ':') + 1), first)) {
        sim_violation(s, "%s is started for message %.*s", d->execution_arn, SLICE_FMT(first));
    }
    for (const struct json_node *e = json_first(input); e != NULL; e = json_next(input, e)) {
        struct arena a = {0};
        struct sim_letter *m =
            triggers_letter(s, json_text(json_member(e, SLICE("id"))), json_print(e, &a),
                            &t->queues[QUEUE_OF_STANDARD], true);

        if (m->starts++ != 0 || m->where != NULL) {
            sim_violation(s, "message %s has started %s, and %s", m->id, d->execution_arn,
                          m->where != NULL ? "is a dead letter" : "another execution before");
        }
        m->start_ms = d->start_ms;
        t->piped++;
        arena_fini(&a);
    }
}

/* ---- each message ---- */

static bool may_be_purged(const struct sim *s, const struct sim_letter *m)
{
    const struct sim_queue *q = m->origin;

    return q->purge_us != 0 &&
           s->triggers->parcels[m->parcel].asked_us < q->purged_us + (int64_t)LATE_US;
}

static bool is_found(const struct sim *s, const struct sim_letter *m)
{
    return m->drained || m->delete_asked || m->starts != 0 || m->succeeded || may_be_purged(s, m) ||
           m->origin->retention_s != 0;
}

/* A move task gives what it moves another id: as many as are missing have come by one. */
static bool may_be_moved(const struct sim *s, const struct sim_letter *m)
{
    size_t missing = 0;
    size_t others = 0;

    if (m->origin->dead == NULL || !m->origin->dead->move_asked) {
        return false;
    }
    LIST_EACH(n, &s->triggers->order)
    {
        const struct sim_letter *o = container_of(n, struct sim_letter, link);

        if (o->parcel == m->parcel && o->origin == m->origin) {
            missing += !is_found(s, o);
            others += !o->told;
        }
    }
    return missing <= others;
}

static void check_letter(struct sim *s, const struct sim_letter *m)
{
    if (!is_found(s, m) && !may_be_moved(s, m)) {
        sim_violation(s, "message %s, {\"m\":\"%u\"} of %s, %s, is lost; it was received %u times",
                      m->id, m->parcel, m->origin->name, m->told ? "acknowledged" : "seen",
                      m->received);
    }
}

static void check_published(struct sim *s, unsigned parcel, const struct sim_queue *q)
{
    const struct sim_parcel *p = &s->triggers->parcels[parcel];
    bool excused =
        q->retention_s != 0 || (q->purge_us != 0 && p->asked_us < q->purged_us + (int64_t)LATE_US);
    size_t count = 0;

    LIST_EACH(n, &s->triggers->order)
    {
        const struct sim_letter *m = container_of(n, struct sim_letter, link);

        count += m->parcel == parcel && m->origin == q;
    }
    if (count == 0 && !excused) {
        sim_violation(s, "%u was published, and never came to %s", parcel, q->name);
    }
}

/* Of one group: received and started in the order they were sent in. Or of one parcel: a repeat is
 * none within five minutes. */
static void check_pair(struct sim *s, const struct sim_letter *x, const struct sim_letter *y)
{
    const struct sim_triggers *t = s->triggers;
    bool before = strcmp(x->sequence, y->sequence) < 0;
    int64_t apart_ms = x->sent_ms - y->sent_ms;

    if (t->parcels[x->parcel].group == t->parcels[y->parcel].group && x->sequence[0] != '\0' &&
        y->sequence[0] != '\0' && before &&
        ((x->first_ms > y->first_ms && y->first_ms != 0) ||
         (x->start_ms > y->start_ms && y->start_ms != 0))) {
        sim_violation(s, "%s of %s was sent before %s, and came after it", x->id, x->origin->name,
                      y->id);
    }
    if (x->parcel == y->parcel && (x->origin->dead == NULL || !x->origin->dead->move_asked) &&
        x->sent_ms != 0 && y->sent_ms != 0 && llabs(apart_ms) < LIMIT_QUEUE_DEDUP_MS) {
        sim_violation(s, "%s and %s of %s are one message, sent twice within %lld ms", x->id, y->id,
                      x->origin->name, llabs(apart_ms));
    }
}

static void check_letters(struct sim *s)
{
    LIST_EACH(n, &s->triggers->order)
    {
        const struct sim_letter *m = container_of(n, struct sim_letter, link);

        check_letter(s, m);
        LIST_EACH(k, &s->triggers->order)
        {
            const struct sim_letter *o = container_of(k, struct sim_letter, link);

            if (o != m && m->origin->fifo && m->origin == o->origin) {
                check_pair(s, m, o);
            }
        }
    }
    for (unsigned i = 0; i < s->triggers->sent; i++) {
        if (s->triggers->parcels[i].queue != NULL) {
            continue;
        }
        for (unsigned q = 0; q < SIM_QUEUES; q++) {
            if (s->triggers->queues[q].subscribed) {
                check_published(s, i, &s->triggers->queues[q]);
            }
        }
    }
}

/* ---- rules ---- */

/* A time that a rule ran at, with what it started. */
struct tick {
    char id[TEXT_UUID_BYTES + 1];
    const struct sim_rule *rule;
    int64_t due_ms;   /* whole seconds */
    int64_t start_ms; /* the first */
    unsigned started;
};

struct ticks {
    struct tick *all;
    size_t count;
    size_t cap;
};

static const struct sim_rule *rule_of(struct sim *s, const struct json_node *event)
{
    struct slice arn = json_text(json_first(json_member(event, SLICE("resources"))));
    struct slice name = slice_from(arn, slice_rfind(arn, '/') + 1);

    for (unsigned i = 0; i < SIM_RULES; i++) {
        if (slice_eq_str(name, s->triggers->rules[i].name)) {
            return &s->triggers->rules[i];
        }
    }
    sim_violation(s, "an execution is started by rule %.*s", SLICE_FMT(arn));
}

static void see_tick(struct sim *s,
                     void *arg,
                     const Stepfleet__ExecutionDetail *d,
                     const struct json_node *event)
{
    struct slice id = json_text(json_member(event, SLICE("id")));
    struct ticks *t = arg;
    size_t i = 0;

    s->triggers->ticks++;
    while (i < t->count && !slice_eq_str(id, t->all[i].id)) {
        i++;
    }
    if (i == t->cap) {
        t->cap = t->cap != 0 ? 2 * t->cap : 16;
        t->all = mem_realloc(t->all, t->cap * sizeof(*t->all));
    }
    if (i == t->count) {
        t->all[t->count++] = (struct tick){.rule = rule_of(s, event), .start_ms = d->start_ms};
        (void)snprintf(t->all[i].id, sizeof(t->all[i].id), "%.*s", SLICE_FMT(id));
        (void)text_parse_time(json_text(json_member(event, SLICE("time"))), &t->all[i].due_ms);
    }
    t->all[i].started++;
    if (t->all[i].start_ms > d->start_ms) {
        t->all[i].start_ms = d->start_ms;
    }
    if (t->all[i].start_ms != d->start_ms && !s->triggers->crowded) {
        sim_violation(s, "the targets of one time of %s are started at different times",
                      t->all[i].rule->name);
    }
}

static int by_due(const void *a, const void *b)
{
    int64_t x = ((const struct tick *)a)->due_ms;
    int64_t y = ((const struct tick *)b)->due_ms;

    return x < y ? -1 : x > y;
}

static bool was_seen(const struct ticks *t, const struct sim_rule *r, int64_t seen_ms)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->all[i].rule == r && t->all[i].start_ms == seen_ms) {
            return true;
        }
    }
    return false;
}

/* Some time that was due then was seen, and none twice. */
static void check_came(struct sim *s,
                       const struct sim_rule *r,
                       const struct ticks *t,
                       int64_t after_ms,
                       int64_t seen_ms)
{
    const struct tick *last = NULL;
    bool came = false;

    for (size_t i = 0; i < t->count; i++) {
        const struct tick *k = &t->all[i];

        if (k->rule == r && k->due_ms > after_ms - 1000 && k->due_ms <= seen_ms) {
            if (last != NULL && last->due_ms == k->due_ms) {
                sim_violation(s, "%s has run twice for %lld", r->name, (long long)k->due_ms);
            }
            last = k;
            came = true;
        }
    }
    if (!came) {
        sim_violation(s, "%s has seen %lld, and started nothing", r->name, (long long)seen_ms);
    }
}

/* It ran whenever its row says so, once for what came since the row said something else; and each
 * time has started all it was to start, not before. */
static void check_crowded_rule(struct sim *s, const struct sim_rule *r, const struct ticks *t)
{
    int64_t seen_ms = r->base_ms;

    for (size_t i = 0; i < t->count && r->seen_count != 0; i++) {
        const struct tick *k = &t->all[i];

        if (k->rule == r && (k->started != r->targets || k->start_ms < k->due_ms)) {
            sim_violation(s, "%s has started %u of %u executions at %lld for %lld", r->name,
                          k->started, r->targets, (long long)k->start_ms, (long long)k->due_ms);
        }
    }
    for (unsigned i = 0; i < r->seen_count; i++) {
        if (r->seen[i] > seen_ms) {
            check_came(s, r, t, seen_ms, r->seen[i]);
            seen_ms = r->seen[i];
        }
    }
}

/* Each time it ran, it was for the last that had come since; and it ran whenever its row says so.
 */
static void check_rule(struct sim *s, const struct sim_rule *r, const struct ticks *t)
{
    int64_t seen_ms = r->base_ms;
    struct schedule schedule;
    struct err err;

    (void)schedule_compile(slice_str(r->expression), &schedule, &err);
    for (size_t i = 0; i < t->count && r->seen_count != 0; i++) {
        const struct tick *k = &t->all[i];
        int64_t due_ms = 0;

        if (k->rule != r) {
            continue;
        }
        if (!schedule_due(&schedule, r->began_ms, seen_ms, k->start_ms, &due_ms) ||
            due_ms / 1000 != k->due_ms / 1000 || k->started != r->targets) {
            sim_violation(s, "%s has started %u of %u executions at %lld for %lld, not %lld",
                          r->name, k->started, r->targets, (long long)k->start_ms,
                          (long long)k->due_ms, (long long)due_ms);
        }
        seen_ms = k->start_ms;
    }
    for (unsigned i = 0; i < r->seen_count; i++) {
        if (r->seen[i] > r->base_ms && !was_seen(t, r, r->seen[i])) {
            sim_violation(s, "%s has seen %lld, and started nothing", r->name,
                          (long long)r->seen[i]);
        }
    }
}

static void check_rules(struct sim *s)
{
    struct ticks t = {0};

    triggers_each_execution(s, "tick", see_tick, &t);
    qsort(t.all, t.count, sizeof(*t.all), by_due);
    for (unsigned i = 0; i < SIM_RULES; i++) {
        (s->triggers->crowded ? check_crowded_rule : check_rule)(s, &s->triggers->rules[i], &t);
    }
    mem_free(t.all);
}

void triggers_check_world(struct sim *s)
{
    const char *left;

    if (s->triggers == NULL) {
        return;
    }
    triggers_each_execution(s, "ps", see_started, NULL);
    check_letters(s);
    check_rules(s);
    events_check_world(s);
    left = triggers_left(s);
    if (left != NULL) {
        sim_violation(s, "all queues are empty, and there are %s", left);
    }
}
