/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that put events, asked for again until they are answered, and that redrive executions of
 * the Standard pipe, so that their status changes more often. */
#include <stdio.h>

#include "tests/sim/errand.h"
#include "tests/sim/trigger.h"

enum {
    POST_ONE_IN = 5, /* messages */
    POST_TIMEOUT_US = 5 * SIM_SECOND,
    REDRIVES_MOST = 2,
    REDRIVE_US = 10 * SIM_SECOND,
};

/* ---- events ---- */

static void posted(struct errand *x, enum err_code rc, const void *reply)
{
    const Stepfleet__EventsPutReply *r = reply;
    struct sim_post *p = x->about;

    if (rc != OK) {
        errand_refused(x);
    }
    if (r->failed != 0) {
        sim_violation(x->sim, "an event is refused: %s", r->entries[0]->message);
    }
    p->tries = x->tries;
    (void)snprintf(p->id, sizeof(p->id), "%s", r->entries[0]->event);
    x->sim->triggers->open--;
}

static Stepfleet__EventEntry *entry_of(struct sim *s, const struct sim_post *p)
{
    Stepfleet__EventEntry *e = client_keep(s, sizeof(*e));
    unsigned number = (unsigned)(p - s->triggers->posts);

    stepfleet__event_entry__init(e);
    e->source = client_text(s, SLICE("sim"));
    e->detail_type = client_text(s, SLICE("post"));
    e->detail = message_bytes(arena_printf(&s->clients->arena, "{\"kind\":\"%s\",\"n\":\"%u\"}",
                                           p->wanted ? "wanted" : "other", number));
    return e;
}

void client_post(struct sim *s)
{
    struct sim_triggers *t = s->triggers;
    Stepfleet__EventsPutRequest *m;
    struct sim_post *p;
    struct errand *x;

    if (t->posted == SIM_POSTS || !sim_one_in(s, CHANCE_EVENT, POST_ONE_IN)) {
        return;
    }
    p = &t->posts[t->posted++];
    p->wanted = !sim_one_in(s, CHANCE_EVENT, 4);
    m = client_keep(s, sizeof(*m));
    stepfleet__events_put_request__init(m);
    m->entries = client_keep(s, sizeof(*m->entries));
    m->entries[m->n_entries++] = entry_of(s, p);
    x = errand_new(s, client_any(s), RPC_EVENTS_PUT, &m->base, posted);
    x->about = p;
    x->timeout_us = POST_TIMEOUT_US;
    t->open++;
    errand_send(s, x);
}

/* ---- redrives ---- */

/* A crash may have undone the execution, or its end; and it is redriven but once for each end. */
static void redriven(struct errand *x, enum err_code rc, const void *reply)
{
    (void)reply;
    if (rc != OK && rc != ERR_NOT_REDRIVABLE && rc != ERR_EXECUTION_DOES_NOT_EXIST) {
        errand_refused(x);
    }
    x->sim->triggers->open--;
}

void client_redrive_later(struct sim *s, struct slice arn, unsigned redrives)
{
    Stepfleet__RedriveRequest *m;
    struct errand *x;

    if (s->triggers->over || redrives >= REDRIVES_MOST || !sim_one_in(s, CHANCE_EVENT, 2)) {
        return;
    }
    m = client_keep(s, sizeof(*m));
    stepfleet__redrive_request__init(m);
    m->execution = client_text(s, arn);
    m->client_token = client_text(s, arena_printf(&s->clients->arena, "again-%u-%llu", redrives,
                                                  (unsigned long long)hash_bytes(arn, 0)));
    x = errand_new(s, client_any(s), RPC_EXECUTION_REDRIVE, &m->base, redriven);
    s->triggers->open++;
    sim_after(s, NULL, (int64_t)sim_below(s, CHANCE_EVENT, REDRIVE_US), errand_send, x, NULL);
}
