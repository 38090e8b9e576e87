/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions of queues to topics. Source: Amazon SNS API Reference. */
#include <string.h>

#include "coordinator/api/operation_queue.h"
#include "coordinator/api/operation_topic.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

enum { SHOWN = 12 };

#define BEFORE_ATTRIBUTE "Invalid parameter: Attributes Reason: "

/* ---- subscribe ---- */

static enum err_code set_from(struct subscription_settings *s,
                              const Stepfleet__SubscribeRequest *q,
                              bool scope,
                              struct err *err)
{
    for (size_t i = 0; i < q->n_attributes; i++) {
        struct slice name = slice_str(q->attributes[i]->key);

        if (slice_eq_str(name, "FilterPolicyScope") == scope) {
            enum err_code rc = subscription_set(s, name, slice_str(q->attributes[i]->value),
                                                BEFORE_ATTRIBUTE, err);

            if (rc != OK) {
                return rc;
            }
        }
    }
    return OK;
}

/* Dead letters go to a queue of this coordinator's; it need not be there. */
static enum err_code check_dead_letters(struct api *a,
                                        const struct subscription_settings *s,
                                        const char *before,
                                        struct err *err)
{
    struct slice arn = subscription_dead_letters(s->redrive, ledger_turn_arena(a->ledger));

    return arn.len == 0 || queue_arn_name(a, arn).len != 0
               ? OK
               : err_set(err, ERR_TOPIC_PARAMETER,
                         "%sRedrivePolicy: deadLetterTargetArn is an invalid arn", before);
}

/* What the attributes say; the scope first, as it says what a filter may be. */
static enum err_code read_settings(struct api *a,
                                   const Stepfleet__SubscribeRequest *q,
                                   struct subscription_settings *s,
                                   struct err *err)
{
    enum err_code rc = set_from(s, q, true, err);

    if (rc == OK) {
        rc = set_from(s, q, false, err);
    }
    return rc == OK ? check_dead_letters(a, s, BEFORE_ATTRIBUTE, err) : rc;
}

static bool same_settings(const struct subscription_settings *x,
                          const struct subscription_settings *y)
{
    return x->raw == y->raw && x->by_body == y->by_body && slice_eq(x->filter, y->filter) &&
           slice_eq(x->redrive, y->redrive);
}

/* The queue to deliver to: of this coordinator, and a FIFO queue of FIFO topics alone. It need not
 * be there. */
static enum err_code find_endpoint(struct api *a,
                                   const struct ledger_topic *t,
                                   const Stepfleet__SubscribeRequest *q,
                                   struct slice *queue,
                                   struct err *err)
{
    if (strcmp(q->protocol, "sqs") != 0) {
        return err_set(
            err, ERR_TOPIC_PARAMETER,
            "Invalid parameter: Amazon SNS does not support this protocol string: %.200s",
            q->protocol);
    }
    *queue = queue_arn_name(a, slice_str(q->queue));
    if (queue->len == 0) {
        return err_set(err, ERR_TOPIC_PARAMETER, "Invalid parameter: SQS endpoint ARN");
    }
    if (!t->fifo && slice_ends_with(*queue, SLICE(".fifo"))) {
        return err_set(err, ERR_TOPIC_PARAMETER,
                       "Invalid parameter: Invalid parameter: Endpoint Reason: FIFO SQS Queues can "
                       "not be subscribed to standard SNS topics");
    }
    return OK;
}

static bool has_room(const struct ledger_topic *t, const struct subscription_settings *s)
{
    size_t filters = s->filter.len != 0;

    LIST_EACH(n, &t->subscriptions)
    {
        filters += container_of(n, struct ledger_subscription, link)->filter != NULL;
    }
    return s->filter.len == 0 || filters <= LIMIT_TOPIC_FILTERS;
}

static enum err_code no_room(struct err *err)
{
    return err_set(err, ERR_TOPIC_FILTERS, "Filter policy limit exceeded for this topic");
}

/* As AWS: an endpoint is subscribed once, and again only as it is. */
static enum err_code subscribe(struct api *api,
                               const Stepfleet__SubscribeRequest *q,
                               struct ledger_topic *t,
                               struct ledger_subscription **out,
                               struct err *err)
{
    struct subscription_settings s = {0};
    struct slice queue;
    enum err_code rc = find_endpoint(api, t, q, &queue, err);

    if (rc == OK) {
        rc = read_settings(api, q, &s, err);
    }
    if (rc != OK) {
        return rc;
    }
    *out = ledger_subscription_of(t, queue);
    if (*out != NULL) {
        return q->n_attributes == 0 || same_settings(&s, &(*out)->row.settings)
                   ? OK
                   : err_set(err, ERR_TOPIC_PARAMETER,
                             "Invalid parameter: Attributes Reason: Subscription already exists "
                             "with different attributes");
    }
    if (!has_room(t, &s)) {
        return no_room(err);
    }
    if (t->subscription_count >= LIMIT_TOPIC_SUBSCRIPTIONS ||
        ledger_subscription_count(api->ledger) >= LIMIT_SUBSCRIPTIONS) {
        return err_set(err, ERR_TOPIC_SUBSCRIPTIONS, "Subscription limit exceeded");
    }
    *out = ledger_subscribe(api->ledger, t, queue, &s);
    return OK;
}

static Stepfleet__Subscription *subscription_message(struct api *api,
                                                     const struct ledger_subscription *s)
{
    const struct ledger_config *config = ledger_configuration(api->ledger);
    struct arena *a = ledger_turn_arena(api->ledger);
    Stepfleet__Subscription *m = arena_alloc(a, sizeof(*m));
    unsigned long long account = config->account;

    stepfleet__subscription__init(m);
    m->arn = arena_str(a, s->arn);
    m->topic = arena_str(a, s->topic->arn);
    m->protocol = arena_str(a, SLICE("sqs"));
    m->queue = arena_str(a, arena_printf(a, "arn:aws:sqs:%s:%012llu:%.*s", config->region, account,
                                         SLICE_FMT(s->row.queue)));
    m->owner = arena_str(a, arena_printf(a, "%012llu", account));
    return m;
}

void operation_SUBSCRIBE(struct call *c)
{
    const Stepfleet__SubscribeRequest *q = (const void *)c->request;
    struct ledger_subscription *s;
    struct ledger_topic *t;
    struct err err;
    enum err_code rc = find_topic(c->api, "TopicArn", q->topic, &t, &err);

    if (rc == OK) {
        rc = subscribe(c->api, q, t, &s, &err);
    }
    if (rc == OK) {
        c->reply(c, &subscription_message(c->api, s)->base);
    } else {
        c->fail(c, rc, &err);
    }
}

/* ---- one of them ---- */

static struct ledger_subscription *by_arn(struct api *a, const char *arn)
{
    struct slice text = slice_str(arn);
    size_t colon = slice_rfind(text, ':');
    struct ledger_subscription *s =
        ledger_subscription_find(a->ledger, slice_from(text, colon + 1));

    return s != NULL && slice_eq(s->arn, text) ? s : NULL;
}

static enum err_code
find_subscription(struct api *a, const char *arn, struct ledger_subscription **out, struct err *err)
{
    enum err_code rc = check_arn("SubscriptionArn", slice_str(arn), err);

    if (rc != OK) {
        return rc;
    }
    *out = by_arn(a, arn);
    return *out != NULL ? OK : err_set(err, ERR_TOPIC_NOT_FOUND, "Subscription does not exist");
}

void operation_UNSUBSCRIBE(struct call *c)
{
    const Stepfleet__SubscriptionRequest *q = (const void *)c->request;
    struct slice arn = slice_str(q->subscription);
    struct ledger_subscription *s = by_arn(c->api, q->subscription);
    struct err err;
    enum err_code rc = check_arn("SubscriptionArn", arn, &err);

    if (rc == OK && arn_elements(arn) == TOPIC_ARN_PARTS) {
        rc = err_set(&err, ERR_TOPIC_PARAMETER, "Invalid parameter: SubscriptionId");
    }
    if (rc == OK && s != NULL) {
        ledger_unsubscribe(c->api->ledger, s);
    }
    reply_empty(c, rc, &err);
}

void operation_SUBSCRIPTION_ATTRIBUTES(struct call *c)
{
    const Stepfleet__SubscriptionRequest *q = (const void *)c->request;
    struct arena *a = ledger_turn_arena(c->api->ledger);
    Stepfleet__TopicAttributesReply r = STEPFLEET__TOPIC_ATTRIBUTES_REPLY__INIT;
    const struct subscription_settings *settings;
    const Stepfleet__Subscription *m;
    struct ledger_subscription *s;
    struct err err;
    enum err_code rc = find_subscription(c->api, q->subscription, &s, &err);

    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    settings = &s->row.settings;
    m = subscription_message(c->api, s);
    r.attributes = ARENA_ARRAY(a, SHOWN, Stepfleet__Tag *);
    topic_attribute_put(a, &r, "SubscriptionArn", s->arn);
    topic_attribute_put(a, &r, "TopicArn", s->topic->arn);
    topic_attribute_put(a, &r, "Protocol", slice_str(m->protocol));
    topic_attribute_put(a, &r, "Endpoint", slice_str(m->queue));
    topic_attribute_put(a, &r, "Owner", slice_str(m->owner));
    topic_attribute_put(a, &r, "ConfirmationWasAuthenticated", SLICE("true"));
    topic_attribute_put(a, &r, "PendingConfirmation", SLICE("false"));
    topic_attribute_put(a, &r, "SubscriptionPrincipal",
                        arena_printf(a, "arn:aws:iam::%s:root", m->owner));
    topic_attribute_put(a, &r, "RawMessageDelivery",
                        settings->raw ? SLICE("true") : SLICE("false"));
    if (settings->filter.len != 0) {
        topic_attribute_put(a, &r, "FilterPolicy", settings->filter);
        topic_attribute_put(a, &r, "FilterPolicyScope",
                            settings->by_body ? SLICE("MessageBody") : SLICE("MessageAttributes"));
    }
    if (settings->redrive.len != 0) {
        topic_attribute_put(a, &r, "RedrivePolicy", settings->redrive);
    }
    c->reply(c, &r.base);
}

void operation_SUBSCRIPTION_SET(struct call *c)
{
    const Stepfleet__SubscriptionSetRequest *q = (const void *)c->request;
    struct subscription_settings settings;
    struct ledger_subscription *s;
    struct err err;
    enum err_code rc = find_subscription(c->api, q->subscription, &s, &err);

    if (rc == OK) {
        settings = s->row.settings;
        rc = subscription_set(&settings, slice_str(q->name), slice_str(q->value),
                              "Invalid parameter: ", &err);
    }
    if (rc == OK) {
        rc = check_dead_letters(c->api, &settings, "Invalid parameter: ", &err);
    }
    if (rc == OK && s->filter == NULL && !has_room(s->topic, &settings)) {
        rc = no_room(&err);
    }
    if (rc == OK) {
        ledger_subscription_set(c->api->ledger, s, &settings);
    }
    reply_empty(c, rc, &err);
}

/* ---- lists ---- */

/* One more of a page; false: it is full. */
static bool list_put(struct api *api,
                     Stepfleet__SubscriptionListReply *r,
                     const struct ledger_subscription *s,
                     struct slice *last)
{
    struct arena *a = ledger_turn_arena(api->ledger);

    if (r->n_subscriptions == TOPIC_PAGE) {
        r->next_token = arena_str(a, *last); /* the list goes on after it */
        return false;
    }
    r->subscriptions[r->n_subscriptions++] = subscription_message(api, s);
    *last = s->id;
    return true;
}

void operation_SUBSCRIPTION_LIST(struct call *c)
{
    const Stepfleet__SubscriptionListRequest *q = (const void *)c->request;
    Stepfleet__SubscriptionListReply r = STEPFLEET__SUBSCRIPTION_LIST_REPLY__INIT;
    struct slice after = slice_str(q->next_token);
    struct ledger_subscription **all;
    struct ledger_topic *t = NULL;
    struct slice last = after;
    struct err err;
    size_t count;
    enum err_code rc =
        q->topic[0] != '\0' ? find_topic(c->api, "TopicArn", q->topic, &t, &err) : OK;

    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    all = ledger_subscriptions(c->api->ledger, &count);
    r.subscriptions =
        ARENA_ARRAY(ledger_turn_arena(c->api->ledger), TOPIC_PAGE, Stepfleet__Subscription *);
    for (size_t i = 0; i < count; i++) {
        if ((t == NULL || all[i]->topic == t) &&
            (after.len == 0 || slice_cmp(all[i]->id, after) > 0) &&
            !list_put(c->api, &r, all[i], &last)) {
            break;
        }
    }
    c->reply(c, &r.base);
}
