/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be told of executions. As log records: of a Standard execution each record as it is
 * made, of an Express one all of them at its end. As a trace: each execution at its end. Handed to
 * the shell when durable, so that nothing is logged that did not happen; what is handed over is
 * lost with the program. */
#include "coordinator/engine/trace.h"
#include "coordinator/ledger/internal.h"

/* Space for it, and for `bytes` more. */
static struct ledger_logged *logged_new(const struct hot *h, size_t count, size_t bytes)
{
    const struct log_rule *rule = &h->machine->log;
    size_t all =
        sizeof(struct ledger_logged) + count * sizeof(struct slice) + rule->group.len + bytes;
    struct ledger_logged *x = mem_zalloc(1, all);
    char *at = (char *)(x->records + count);

    x->bytes = all;
    x->execution = h->h.id;
    x->rule = *rule;
    x->rule.group = slice_make(at, rule->group.len);
    memcpy(at, rule->group.ptr, rule->group.len);
    return x;
}

static void logged_durable(struct ledger_wait *w)
{
    struct ledger_logged *x = container_of(w, struct ledger_logged, wait);

    list_remove(&x->link);
    x->give(x->ledger->hooks.arg, x);
}

static void logged_give(struct ledger *l,
                        struct ledger_logged *x,
                        void (*give)(void *arg, struct ledger_logged *x))
{
    x->ledger = l;
    x->give = give;
    x->wait.durable = logged_durable;
    list_push_back(&l->logged, &x->link);
    ledger_wait_durable(l, &x->wait);
}

/* All records of an Express execution, with their own texts. */
static struct ledger_logged *logged_express(const struct hot *h)
{
    struct ledger_logged *x = logged_new(h, h->record_count, h->record_bytes);
    char *at = (char *)(uintptr_t)slice_end(x->rule.group);

    for (size_t i = 0; i < h->record_count; i++) {
        memcpy(at, h->records[i].ptr, h->records[i].len);
        x->records[i] = slice_make(at, h->records[i].len);
        at += h->records[i].len;
    }
    x->record_count = h->record_count;
    return x;
}

/* Its end; what a Standard one has recorded is read by whoever takes it. */
static struct ledger_logged *logged_end(const struct hot *h, bool express)
{
    return express ? logged_express(h) : logged_new(h, 0, 0);
}

bool logged_is_traced(const struct ledger *l, const struct hot *h)
{
    bool listed = h->machine->number != 0; /* else its definition is nowhere to be read */

    return l->hooks.traced != NULL && listed && (l->config.tracing.all || h->machine->traced) &&
           execution_is_sampled(&h->h, l->config.tracing.sample);
}

void logged_step(struct ledger *l, const struct hot *h, const struct step *s, uint64_t sequence)
{
    bool ends = s->header.status != EXECUTION_RUNNING && h->h.status == EXECUTION_RUNNING;
    struct ledger_logged *x;

    if (ends && logged_is_traced(l, h)) {
        logged_give(l, logged_end(h, s->header.express), l->hooks.traced);
    }
    if (l->hooks.logged == NULL || h->machine->log.level == LOG_RULE_OFF || s->event_count == 0) {
        return;
    }
    if (!s->header.express) {
        x = logged_new(h, 0, 0);
        x->sequence = sequence;
        logged_give(l, x, l->hooks.logged);
    } else if (ends) {
        logged_give(l, logged_express(h), l->hooks.logged);
    }
}

void logged_free(struct ledger *l)
{
    struct list *n;

    while ((n = list_pop_front(&l->logged)) != NULL) {
        mem_free(container_of(n, struct ledger_logged, link));
    }
}
