/* SPDX-License-Identifier: Apache-2.0 */
/* Rules, their targets, events: plain structs to messages and back. */
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
    q.pattern = text_to(rule->pattern);
    return client_tell(c, RPC_RULE_PUT, &q.base, error);
}

static struct stepfleet_rule rule_of(const Stepfleet__Rule *m)
{
    return (struct stepfleet_rule){m->name,        m->expression, m->state,
                                   m->description, m->role_arn,   m->pattern};
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
        **out = rule_of(m);
    }
    return rc;
}

static const char *text_in(ProtobufCBinaryData d, struct arena *a)
{
    struct stepfleet_bytes b = bytes_of(d);

    return arena_str(a, slice_make(b.ptr, b.len));
}

static struct stepfleet_rule_target target_of(const Stepfleet__RuleTarget *t, struct arena *a)
{
    return (struct stepfleet_rule_target){
        .id = t->id,
        .arn = t->arn,
        .role_arn = t->role_arn,
        .input = t->input,
        .input_path = t->input_path,
        .transformer = text_in(t->input_transformer, a),
        .queue = text_in(t->queue, a),
        .dead_letters = text_in(t->dead_letter, a),
        .retry = text_in(t->retry_policy, a),
    };
}

static void targets_fill(struct stepfleet_rule_targets *out,
                         const Stepfleet__RuleTargetListReply *m)
{
    struct stepfleet_rule_target *each =
        ARENA_ARRAY(reply_arena(out), m->n_targets, struct stepfleet_rule_target);

    for (size_t i = 0; i < m->n_targets; i++) {
        each[i] = target_of(m->targets[i], reply_arena(out));
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

static ProtobufCBinaryData text_bytes(const char *text)
{
    struct slice s = slice_str(text != NULL ? text : "");

    return bytes_to((struct stepfleet_bytes){s.ptr, s.len});
}

static void target_fill(Stepfleet__RuleTarget *m, const struct stepfleet_rule_target *t)
{
    stepfleet__rule_target__init(m);
    m->id = text_to(t->id);
    m->arn = text_to(t->arn);
    m->role_arn = text_to(t->role_arn);
    m->input = text_to(t->input);
    m->input_path = text_to(t->input_path);
    m->input_transformer = text_bytes(t->transformer);
    m->queue = text_bytes(t->queue);
    m->dead_letter = text_bytes(t->dead_letters);
    m->retry_policy = text_bytes(t->retry);
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

        target_fill(t, &targets[q.n_targets]);
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

enum stepfleet_code stepfleet_rule_list(struct stepfleet *c,
                                        const char *prefix,
                                        uint32_t max_results,
                                        const char *next_token,
                                        struct stepfleet_rule_page **out,
                                        struct stepfleet_error *error)
{
    Stepfleet__RuleListRequest q = STEPFLEET__RULE_LIST_REQUEST__INIT;
    const Stepfleet__RuleListReply *m;
    struct stepfleet_rule *rules;
    enum stepfleet_code rc;
    void *reply;
    void *message;

    q.prefix = text_to(prefix);
    q.max_results = max_results;
    q.next_token = text_to(next_token);
    rc = client_fetch(c, RPC_RULE_LIST, &q.base, sizeof(**out), &reply, &message, error);
    if (rc != STEPFLEET_OK) {
        return rc;
    }
    m = message;
    rules = ARENA_ARRAY(reply_arena(reply), m->n_rules + 1, struct stepfleet_rule);
    for (size_t i = 0; i < m->n_rules; i++) {
        rules[i] = rule_of(m->rules[i]);
    }
    *out = reply;
    **out = (struct stepfleet_rule_page){rules, m->n_rules, m->next_token};
    return STEPFLEET_OK;
}

static enum stepfleet_code
tell(struct stepfleet *c, enum rpc method, const char *name, struct stepfleet_error *error)
{
    Stepfleet__RuleRequest q = STEPFLEET__RULE_REQUEST__INIT;

    q.name = text_to(name);
    return client_tell(c, method, &q.base, error);
}

enum stepfleet_code
stepfleet_rule_enable(struct stepfleet *c, const char *name, struct stepfleet_error *error)
{
    return tell(c, RPC_RULE_ENABLE, name, error);
}

enum stepfleet_code
stepfleet_rule_disable(struct stepfleet *c, const char *name, struct stepfleet_error *error)
{
    return tell(c, RPC_RULE_DISABLE, name, error);
}

enum stepfleet_code
stepfleet_rule_delete(struct stepfleet *c, const char *name, struct stepfleet_error *error)
{
    return tell(c, RPC_RULE_DELETE, name, error);
}

enum stepfleet_code stepfleet_event_put(struct stepfleet *c,
                                        const char *source,
                                        const char *detail_type,
                                        struct stepfleet_bytes detail,
                                        struct stepfleet_event_put **out,
                                        struct stepfleet_error *error)
{
    Stepfleet__EventsPutRequest q = STEPFLEET__EVENTS_PUT_REQUEST__INIT;
    Stepfleet__EventEntry entry = STEPFLEET__EVENT_ENTRY__INIT;
    Stepfleet__EventEntry *entries[] = {&entry};
    const Stepfleet__EventsPutReply *m;
    enum stepfleet_code rc;
    void *reply;
    void *message;

    entry.source = text_to(source);
    entry.detail_type = text_to(detail_type);
    entry.detail = bytes_to(detail);
    q.entries = entries;
    q.n_entries = 1;
    rc = client_fetch(c, RPC_EVENTS_PUT, &q.base, sizeof(**out), &reply, &message, error);
    if (rc == STEPFLEET_OK) {
        m = message;
        *out = reply;
        **out = (struct stepfleet_event_put){"", "", ""};
        if (m->n_entries == 1) {
            **out = (struct stepfleet_event_put){m->entries[0]->event, m->entries[0]->code,
                                                 m->entries[0]->message};
        }
    }
    return rc;
}
