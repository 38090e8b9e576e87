/* SPDX-License-Identifier: Apache-2.0 */
/* AddPermission and RemovePermission: statements of a queue's policy. The policy is kept and shown;
 * who may do what is said by access keys. Source: Amazon SQS API Reference; recorded answers. */
#include <string.h>

#include "coordinator/api/operation_queue.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

static enum err_code bad_label(const char *label, const char *why, struct err *err)
{
    return err_set(err, ERR_QUEUE_PARAMETER,
                   "Value %.200s for parameter Label is invalid. Reason: %s", label, why);
}

/* The statements there are; NULL: none. */
static const struct json_node *statements(struct api *api, const struct ledger_queue *q)
{
    const struct json_node *policy = NULL;

    if (q->row.attributes.policy.len == 0 ||
        json_parse(q->row.attributes.policy, ledger_turn_arena(api->ledger), &policy, NULL) != OK) {
        return NULL;
    }
    return json_member(policy, SLICE("Statement"));
}

static const struct json_node *labelled(const struct json_node *list, const char *label)
{
    for (const struct json_node *e = json_first(list); e != NULL; e = json_next(list, e)) {
        if (slice_eq_str(json_text(json_member(e, SLICE("Sid"))), label)) {
            return e;
        }
    }
    return NULL;
}

/* One text alone, several as an array. */
static const struct json_node *one_or_all(struct arena *a, const struct slice *items, size_t count)
{
    struct json_builder all = json_build_array(a);

    for (size_t i = 0; i < count; i++) {
        json_push(&all, json_string(a, items[i]));
    }
    return count == 1 ? json_string(a, items[0]) : json_built(&all);
}

static const struct json_node *
statement(struct arena *a, const struct ledger_queue *q, const Stepfleet__QueueAllowRequest *m)
{
    struct slice *who = ARENA_ARRAY(a, m->n_accounts + 1, struct slice);
    struct slice *what = ARENA_ARRAY(a, m->n_actions + 1, struct slice);
    struct json_builder principal = json_build_object(a);
    struct json_builder b = json_build_object(a);

    for (size_t i = 0; i < m->n_accounts; i++) {
        who[i] = arena_printf(a, "arn:aws:iam::%s:root", m->accounts[i]);
    }
    for (size_t i = 0; i < m->n_actions; i++) {
        what[i] = arena_printf(a, "SQS:%s", m->actions[i]);
    }
    json_put(&principal, SLICE("AWS"), one_or_all(a, who, m->n_accounts));
    json_put(&b, SLICE("Sid"), json_string(a, slice_str(m->label)));
    json_put(&b, SLICE("Effect"), json_string(a, SLICE("Allow")));
    json_put(&b, SLICE("Principal"), json_built(&principal));
    json_put(&b, SLICE("Action"), one_or_all(a, what, m->n_actions));
    json_put(&b, SLICE("Resource"), json_string(a, q->arn));
    return json_built(&b);
}

/* The policy of all statements but one, and one more; with none it is gone. */
static void set_statements(struct api *api,
                           struct ledger_queue *q,
                           const struct json_node *list,
                           const struct json_node *but,
                           const struct json_node *more)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    struct queue_attributes attributes = q->row.attributes;
    struct json_builder all = json_build_array(a);
    struct json_builder b = json_build_object(a);
    size_t count = 0;

    for (const struct json_node *e = json_first(list); e != NULL; e = json_next(list, e)) {
        if (e != but) {
            json_push(&all, e);
            count++;
        }
    }
    if (more != NULL) {
        json_push(&all, more);
        count++;
    }
    json_put(&b, SLICE("Version"), json_string(a, SLICE("2008-10-17")));
    json_put(&b, SLICE("Id"),
             json_string(a, arena_printf(a, "%.*s/SQSDefaultPolicy", SLICE_FMT(q->arn))));
    json_put(&b, SLICE("Statement"), json_built(&all));
    attributes.policy = count != 0 ? json_print(json_built(&b), a) : slice_make(NULL, 0);
    ledger_queue_set(api->ledger, q, &attributes);
}

static enum err_code allow(struct api *api, const Stepfleet__QueueAllowRequest *m, struct err *err)
{
    const struct json_node *list;
    struct ledger_queue *q;
    enum err_code rc = find_queue(api, m->queue, &q, err);

    if (rc != OK) {
        return rc;
    }
    list = statements(api, q);
    if (labelled(list, m->label) != NULL) {
        return bad_label(m->label, "Already exists.", err);
    }
    if (m->label[0] == '\0' || strlen(m->label) > LIMIT_NAME_CHARS) {
        return bad_label(m->label, "Must be 1 to 80 in length.", err);
    }
    if (m->n_accounts == 0 || m->n_actions == 0) {
        return err_set(err, ERR_QUEUE_MISSING, "The request must contain the parameter %s.",
                       m->n_actions == 0 ? "Actions" : "AWSAccountIds");
    }
    set_statements(api, q, list, NULL, statement(ledger_turn_arena(api->ledger), q, m));
    return OK;
}

void operation_QUEUE_ALLOW(struct call *c)
{
    struct err err;

    reply_empty(c, allow(c->api, (const void *)c->request, &err), &err);
}

void operation_QUEUE_DISALLOW(struct call *c)
{
    const Stepfleet__QueueDisallowRequest *m = (const void *)c->request;
    const struct json_node *list;
    const struct json_node *found;
    struct ledger_queue *q;
    struct err err;
    enum err_code rc = find_queue(c->api, m->queue, &q, &err);

    if (rc == OK) {
        list = statements(c->api, q);
        found = labelled(list, m->label);
        if (found != NULL) {
            set_statements(c->api, q, list, found, NULL);
        } else {
            rc = bad_label(m->label, "can't find label.", &err);
        }
    }
    reply_empty(c, rc, &err);
}
