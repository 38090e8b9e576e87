/* SPDX-License-Identifier: Apache-2.0 */
/* Connections and API destinations, all of them in memory; and the requests that are made of them,
 * carried out by the shell. */
#ifndef STEPFLEET_LEDGER_WEBHOOK_H
#define STEPFLEET_LEDGER_WEBHOOK_H

#include "coordinator/ledger/ledger.h"
#include "coordinator/store/row_webhook.h"

struct ledger_webhook {
    struct webhook_row row; /* borrowed until its next change */
    struct slice arn;       /* likewise */
    /* The ledger's: */
    int64_t next_us; /* when the next request may be made that has no time yet: wall */
    struct arena texts;
    struct hash_node by_name;
};

struct ledger_webhook *
ledger_webhook_find(const struct ledger *l, enum webhook_kind kind, struct slice name);
/* All of that kind, sorted by name, in the turn's arena. */
struct ledger_webhook **ledger_webhooks(struct ledger *l, enum webhook_kind kind, size_t *count);
/* Does the ARN name it? One without the id at its end is of whichever has the name: a template says
 * it before there is an id. */
bool ledger_webhook_is(const struct ledger_webhook *w, struct slice arn);
/* New, or instead of what it was; a new one's id is made here. `row` may be of itself. */
struct ledger_webhook *ledger_webhook_put(struct ledger *l, const struct webhook_row *row);
void ledger_webhook_delete(struct ledger *l, struct ledger_webhook *w);

/* A POST, or whatever its destination asks for. The ledger's; given back with
 * ledger_webhook_done(). All texts are the request's own, and end in a null byte. */
struct webhook_request {
    const char *url;
    const char *method;
    const char *id;        /* webhook-id: the same for all tries of a delivery */
    const char *timestamp; /* webhook-timestamp */
    struct slice body;
    struct slice secret; /* what it is signed with */
    enum webhook_auth_kind auth;
    const char *auth_name;
    /* Set by the shell: */
    long status;      /* of the answer; 0: there was none, */
    char why[256];    /* because of that; else how its body begins. May be empty */
    struct list link; /* the shell's, while it has it */
    /* The ledger's: */
    struct delivery *delivery;
    struct list out;
    char text[];
};

/* ---- Between the ledger's own files ---- */

enum err_code webhooks_load(struct ledger *l, struct err *err);
void webhooks_free(struct ledger *l);

#endif
