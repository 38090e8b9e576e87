/* SPDX-License-Identifier: Apache-2.0 */
/* What the world's workers say: hello, polls, reports. What they are told is in ledger_world.c. */
#include <stdio.h>

#include "tests/lib/ledger_world.h"

void world_hello(struct ledger_world *w, unsigned worker, const char *const *functions)
{
    struct world_worker *k = &w->workers[worker];
    struct fleet_offer offers[8];
    struct fleet_hello h = {
        .name = slice_str(k->name),
        .instance = k->instance,
        .slots = WORLD_SLOTS,
        .offers = offers,
    };
    struct err err;

    for (; functions[h.offer_count] != NULL; h.offer_count++) {
        offers[h.offer_count] =
            (struct fleet_offer){slice_str(functions[h.offer_count]), WORLD_SLOTS};
    }
    world_begin(w);
    assert_int_equal(ledger_worker_hello(w->l, &h, &k->w, &err), OK);
    world_end(w);
}

static void say_holds(struct world_worker *k)
{
    struct token tokens[WORLD_LEASES];

    for (size_t i = 0; i < k->lease_count; i++) {
        tokens[i] = k->leases[i].token;
    }
    ledger_worker_holds(k->world->l, k->w, tokens, k->lease_count);
}

void world_poll(struct ledger_world *w, unsigned worker)
{
    struct world_worker *k = &w->workers[worker];

    if (k->parked) {
        return;
    }
    world_begin(w);
    fleet_worker_seen(w->l->fleet, k->w, w->now);
    say_holds(k);
    k->parked = true;
    k->parked_ms = w->now.mono_ms;
    fleet_worker_carries(w->l->fleet, k->w, 1);
    ledger_worker_feed(w->l, k->w);
    if (ledger_has_mail(k->w)) {
        world_answer_poll(k);
    }
    world_end(w);
}

struct world_worker *world_ready(struct ledger_world *w, const char *const *functions)
{
    world_hello(w, 0, functions);
    world_poll(w, 0);
    world_settle(w);
    return &w->workers[0];
}

/* A report comes in; what follows is said in its reply. */
void world_report_begin(struct world_worker *k)
{
    world_begin(k->world);
    fleet_worker_seen(k->world->l->fleet, k->w, k->world->now);
    fleet_worker_carries(k->world->l->fleet, k->w, 1);
}

enum err_code world_report_end(struct world_worker *k, size_t n, bool over, enum err_code rc)
{
    if (over) {
        world_forget(k, n);
    }
    ledger_worker_feed(k->world->l, k->w);
    fleet_worker_carries(k->world->l->fleet, k->w, -1);
    world_send_mail(k);
    world_end(k->world);
    return rc;
}

enum err_code world_succeed(struct ledger_world *w, unsigned worker, size_t n, const char *result)
{
    struct world_worker *k = &w->workers[worker];
    struct err err;

    world_report_begin(k);
    return world_report_end(k, n, true,
                            ledger_task_succeed(w->l, k->w, k->leases[n].token, slice_str(result),
                                                (struct slice){NULL, 0}, &err));
}

enum err_code world_fail(struct ledger_world *w, unsigned worker, size_t n, const char *error)
{
    struct world_worker *k = &w->workers[worker];
    struct failure f = {slice_str(error), SLICE("because")};
    struct err err;

    world_report_begin(k);
    return world_report_end(k, n, true, ledger_task_fail(w->l, k->w, k->leases[n].token, &f, &err));
}

enum err_code world_return(struct ledger_world *w, unsigned worker, size_t n)
{
    struct world_worker *k = &w->workers[worker];

    world_report_begin(k);
    return world_report_end(k, n, true, ledger_task_return(w->l, k->w, k->leases[n].token));
}

static struct world_upload *upload_new(struct ledger_world *w, const struct world_lease *l)
{
    struct world_upload *u;

    w->uploads = mem_realloc(w->uploads, (w->upload_count + 1) * sizeof(*u));
    u = &w->uploads[w->upload_count++];
    *u = (struct world_upload){0};
    (void)snprintf(u->id, sizeof(u->id), "up-%zu", w->upload_count);
    (void)snprintf(u->key, sizeof(u->key), "executions/%.60s/%.60s/output.json", l->execution,
                   l->state);
    (void)snprintf(u->mark, sizeof(u->mark), "%.60s/%.60s/%llu.%llu", l->execution, l->state,
                   (unsigned long long)l->token.epoch, (unsigned long long)l->token.counter);
    return u;
}

enum err_code world_upload(struct ledger_world *w, unsigned worker, size_t n)
{
    struct world_worker *k = &w->workers[worker];
    const struct world_upload *u = k->leases[n].upload != 0 ? &w->uploads[k->leases[n].upload - 1]
                                                            : upload_new(w, &k->leases[n]);
    struct task_output o = {
        .bucket = SLICE("work"),
        .key = slice_str(u->key),
        .upload_id = slice_str(u->id),
        .mark = slice_str(u->mark),
    };
    struct err err;

    k->leases[n].upload = (unsigned)(u - w->uploads) + 1;
    world_report_begin(k);
    return world_report_end(k, n, false,
                            ledger_task_upload(w->l, k->w, k->leases[n].token, &o, &err));
}

void world_commit_answered(struct ledger_commit *c, enum err_code rc)
{
    struct world_report *r = container_of(c, struct world_report, commit);

    struct world_lease *l;

    if (r->worker->world->closing) {
        return; /* nobody hears it */
    }
    assert_false(r->answered);
    r->answered = true;
    r->rc = rc;
    l = world_lease_find(r->worker, r->commit.token);
    if (l != NULL) {
        world_forget(r->worker, (size_t)(l - r->worker->leases));
    }
}

enum err_code world_output(struct ledger_world *w,
                           unsigned worker,
                           size_t n,
                           const char *result,
                           struct world_report *report)
{
    struct world_worker *k = &w->workers[worker];
    struct buf parts = {0};
    struct err err;
    enum err_code rc;

    *report = (struct world_report){.commit.done = world_commit_answered, .worker = k};
    list_init(&report->commit.link);
    parts_encode(&parts, 1, 5, SLICE("etag"));
    world_report_begin(k);
    rc = ledger_task_commit(w->l, k->w, k->leases[n].token, slice_str(result), NULL,
                            buf_slice(&parts), &report->commit, &err);
    buf_fini(&parts);
    return world_report_end(k, n, rc != OK, rc);
}
