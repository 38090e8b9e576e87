/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that run by a schedule: plain structs to messages and back. */
#include "client/src/client.h"

enum stepfleet_code stepfleet_rule_put(struct stepfleet *c,
                                       const struct stepfleet_rule *rule,
                                       struct stepfleet_error *error)
{
    Stepfleet__RulePutRequest q = STEPFLEET__RULE_PUT_REQUEST__INIT;

    q.name = text_to(rule->name);
    q.expression = text_to(rule->expression);
    q.state = text_to(rule->state);
    q.description = text_to(rule->description);
    q.role_arn = text_to(rule->role_arn);
    return client_tell(c, RPC_RULE_PUT, &q.base, error);
}

enum stepfleet_code stepfleet_rule_describe(struct stepfleet *c,
                                            const char *name,
                                            struct stepfleet_rule **out,
                                            struct stepfleet_error *error)
{
    Stepfleet__RuleRequest q = STEPFLEET__RULE_REQUEST__INIT;
    const Stepfleet__Rule *m;
    enum stepfleet_code rc;
    void *reply;
    void *message;

    q.name = text_to(name);
    rc = client_fetch(c, RPC_RULE_DESCRIBE, &q.base, sizeof(**out), &reply, &message, error);
    if (rc == STEPFLEET_OK) {
        m = message;
        *out = reply;
        **out =
            (struct stepfleet_rule){m->name, m->expression, m->state, m->description, m->role_arn};
    }
    return rc;
}

static void targets_fill(struct stepfleet_rule_targets *out,
                         const Stepfleet__RuleTargetListReply *m)
{
    struct stepfleet_rule_target *each =
        ARENA_ARRAY(reply_arena(out), m->n_targets, struct stepfleet_rule_target);

    for (size_t i = 0; i < m->n_targets; i++) {
        const Stepfleet__RuleTarget *t = m->targets[i];

        each[i] = (struct stepfleet_rule_target){t->id, t->arn, t->role_arn, t->input};
    }
    *out = (struct stepfleet_rule_targets){each, m->n_targets};
}

enum stepfleet_code stepfleet_rule_targets(struct stepfleet *c,
                                           const char *rule,
                                           struct stepfleet_rule_targets **out,
                                           struct stepfleet_error *error)
{
    Stepfleet__RuleTargetListRequest q = STEPFLEET__RULE_TARGET_LIST_REQUEST__INIT;
    enum stepfleet_code rc;
    void *reply;
    void *message;

    q.rule = text_to(rule);
    rc = client_fetch(c, RPC_RULE_TARGETS_LIST, &q.base, sizeof(**out), &reply, &message, error);
    if (rc == STEPFLEET_OK) {
        *out = reply;
        targets_fill(*out, message);
    }
    return rc;
}

enum stepfleet_code stepfleet_rule_targets_put(struct stepfleet *c,
                                               const char *rule,
                                               const struct stepfleet_rule_target *targets,
                                               size_t count,
                                               struct stepfleet_error *error)
{
    Stepfleet__RuleTargetsRequest q = STEPFLEET__RULE_TARGETS_REQUEST__INIT;
    struct arena a = {0};
    enum stepfleet_code rc;

    q.rule = text_to(rule);
    q.targets = ARENA_ARRAY(&a, count, Stepfleet__RuleTarget *);
    for (q.n_targets = 0; q.n_targets < count; q.n_targets++) {
        Stepfleet__RuleTarget *t = arena_alloc(&a, sizeof(*t));

        stepfleet__rule_target__init(t);
        t->id = text_to(targets[q.n_targets].id);
        t->arn = text_to(targets[q.n_targets].arn);
        t->role_arn = text_to(targets[q.n_targets].role_arn);
        t->input = text_to(targets[q.n_targets].input);
        q.targets[q.n_targets] = t;
    }
    rc = client_tell(c, RPC_RULE_TARGETS_PUT, &q.base, error);
    arena_fini(&a);
    return rc;
}

enum stepfleet_code stepfleet_rule_targets_remove(struct stepfleet *c,
                                                  const char *rule,
                                                  const char *const *ids,
                                                  size_t count,
                                                  struct stepfleet_error *error)
{
    Stepfleet__RuleTargetsRemoveRequest q = STEPFLEET__RULE_TARGETS_REMOVE_REQUEST__INIT;
    struct arena a = {0};
    enum stepfleet_code rc;

    q.rule = text_to(rule);
    q.ids = ARENA_ARRAY(&a, count, char *);
    for (q.n_ids = 0; q.n_ids < count; q.n_ids++) {
        q.ids[q.n_ids] = text_to(ids[q.n_ids]);
    }
    rc = client_tell(c, RPC_RULE_TARGETS_REMOVE, &q.base, error);
    arena_fini(&a);
    return rc;
}
