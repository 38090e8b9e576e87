/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/permit/permit.h"

#include <assert.h>

void permit_add(struct permit *p, struct permit_rule rule)
{
    assert(p->count < PERMIT_RULES);
    p->rules[p->count++] = rule;
}

void permit_add_output(struct permit *p,
                       struct slice bucket,
                       struct slice key,
                       struct slice upload_id)
{
    struct permit_rule rule = {.actions = 1U << PERMIT_UPLOAD_BEGIN, .bucket = bucket, .key = key};

    permit_add(p, rule);
    if (upload_id.len != 0) {
        rule.actions = 1U << PERMIT_UPLOAD_PART | 1U << PERMIT_UPLOAD_ABORT;
        rule.upload_id = upload_id;
        permit_add(p, rule);
    }
}

static bool rule_allows(const struct permit_rule *rule, const struct permit_ask *ask)
{
    bool there =
        rule->below ? slice_starts_with(ask->key, rule->key) : slice_eq(ask->key, rule->key);

    return ((rule->actions >> ask->action) & 1) != 0 && there &&
           slice_eq(ask->bucket, rule->bucket) &&
           (rule->upload_id.len == 0 || slice_eq(ask->upload_id, rule->upload_id));
}

static bool any_allows(const struct permit *p, const struct permit_ask *ask)
{
    for (size_t i = 0; i < p->count; i++) {
        if (rule_allows(&p->rules[i], ask)) {
            return true;
        }
    }
    return false;
}

bool permit_allows(const struct permit *p, const struct permit_ask *ask)
{
    const struct permit_ask from = {
        .action = PERMIT_READ,
        .bucket = ask->from_bucket,
        .key = ask->from_key,
    };

    return any_allows(p, ask) && (!ask->copies || any_allows(p, &from));
}
