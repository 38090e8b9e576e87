/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api/reading.h"

#include "coordinator/store/keys.h"
#include "proto/base/limits.h"

/* Was the execution over for too long, and its rows went while it was read? Then there was none. */
static void note_gone(struct reading *r)
{
    struct slice record;
    struct err err;

    if (record_read(&r->source, 0, &r->arena, &record, &err) == ERR_NOT_FOUND) {
        r->rc = err_set(&r->err, ERR_EXECUTION_DOES_NOT_EXIST, "Execution Does Not Exist");
    }
}

static void reading_work(void *task)
{
    struct reading *r = task;

    r->work(r);
    if (r->rc != OK && r->source.store != NULL && r->source.execution != 0) {
        note_gone(r);
    }
}

void reading_free(struct reading *r)
{
    arena_fini(&r->arena);
    mem_free(r);
}

void reading_done(void *reading)
{
    struct reading *r = reading;

    r->api->reading--;
    if (r->rc == OK) {
        r->call->reply(r->call, r->reply);
    } else {
        r->call->fail(r->call, r->rc, &r->err);
    }
    reading_free(r);
}

static void reading_durable(struct ledger_wait *w)
{
    struct reading *r = container_of(w, struct reading, wait);

    r->api->hooks.background(r->api->hooks.arg, reading_work, r->done, r);
}

struct reading *reading_new(struct call *c, void (*work)(struct reading *r))
{
    struct reading *r = mem_zalloc(1, sizeof(*r));

    r->call = c;
    r->api = c->api;
    r->work = work;
    r->done = reading_done;
    r->wait.durable = reading_durable;
    r->source.store = ledger_store(c->api->ledger);
    r->source.rules = ledger_rules(c->api->ledger);
    r->source.account = ledger_configuration(c->api->ledger)->account;
    return r;
}

void reading_begin(struct reading *r)
{
    r->api->reading++;
    ledger_wait_durable(r->api->ledger, &r->wait);
}

bool page_size(struct call *c, uint32_t asked, uint32_t *max)
{
    *max = asked != 0 ? asked : LIMIT_PAGE_DEFAULT;
    if (*max > LIMIT_PAGE_MAX) {
        call_fail(c, ERR_VALIDATION,
                  "1 validation error detected: Value '%u' at 'maxResults' failed to satisfy "
                  "constraint: Member must have value less than or equal to 1000",
                  asked);
        return false;
    }
    return true;
}

enum err_code reading_machine(struct api *api,
                              const struct execution_header *h,
                              struct arena *a,
                              struct asl_machine **out,
                              struct err *err)
{
    struct key key = key_revision(h->account, h->machine, h->revision);
    struct asl_options options = definition_options(api, h->express);
    struct asl_diagnostics found = {0};
    struct revision_row row;
    struct buf b = {0};
    enum err_code rc = store_get(ledger_store(api->ledger), CF_MACHINE, key_slice(&key), &b, err);

    if (rc == ERR_NOT_FOUND) {
        rc = err_set(err, ERR_CORRUPT, "revision %u of the machine is missing", h->revision);
    }
    if (rc == OK) {
        rc = revision_row_decode(buf_slice(&b), &row, err);
    }
    if (rc == OK) {
        options.stored = true;
        rc = asl_machine_parse(row.definition, &options, a, &found, out, err);
    }
    buf_fini(&b);
    return rc;
}
