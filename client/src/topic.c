/* SPDX-License-Identifier: Apache-2.0 */
/* Topics and subscriptions: plain structs to messages and back. */
#include "client/src/client.h"

/* ---- topics ---- */

enum stepfleet_code stepfleet_topic_create(struct stepfleet *c,
                                           const char *name,
                                           const struct stepfleet_tag *attributes,
                                           size_t count,
                                           struct stepfleet_error *error)
{
    Stepfleet__TopicCreateRequest q = STEPFLEET__TOPIC_CREATE_REQUEST__INIT;
    struct arena a = {0};
    enum stepfleet_code rc;

    q.name = text_to(name);
    q.attributes = tags_to(attributes, count, &a);
    q.n_attributes = count;
    rc = client_tell(c, RPC_TOPIC_CREATE, &q.base, error);
    arena_fini(&a);
    return rc;
}

/* Of a topic or a subscription. */
static enum stepfleet_code attributes(struct stepfleet *c,
                                      enum rpc method,
                                      const ProtobufCMessage *request,
                                      struct stepfleet_tags **out,
                                      struct stepfleet_error *error)
{
    const Stepfleet__TopicAttributesReply *m;
    void *reply;
    void *message;
    enum stepfleet_code rc =
        client_fetch(c, method, request, sizeof(**out), &reply, &message, error);

    if (rc == STEPFLEET_OK) {
        m = message;
        *out = reply;
        **out = tags_of(m->attributes, m->n_attributes, reply_arena(reply));
    }
    return rc;
}

enum stepfleet_code stepfleet_topic_attributes(struct stepfleet *c,
                                               const char *topic,
                                               struct stepfleet_tags **out,
                                               struct stepfleet_error *error)
{
    Stepfleet__TopicRequest q = STEPFLEET__TOPIC_REQUEST__INIT;

    q.topic = text_to(topic);
    return attributes(c, RPC_TOPIC_ATTRIBUTES, &q.base, out, error);
}

enum stepfleet_code stepfleet_topic_set(struct stepfleet *c,
                                        const char *topic,
                                        const struct stepfleet_tag *attribute,
                                        struct stepfleet_error *error)
{
    Stepfleet__TopicSetRequest q = STEPFLEET__TOPIC_SET_REQUEST__INIT;

    q.topic = text_to(topic);
    q.name = text_to(attribute->key);
    q.value = text_to(attribute->value);
    return client_tell(c, RPC_TOPIC_SET, &q.base, error);
}

/* ---- subscriptions ---- */

enum stepfleet_code stepfleet_subscribe(struct stepfleet *c,
                                        const char *topic,
                                        const char *protocol,
                                        const char *endpoint,
                                        const struct stepfleet_tag *given,
                                        size_t count,
                                        struct stepfleet_error *error)
{
    Stepfleet__SubscribeRequest q = STEPFLEET__SUBSCRIBE_REQUEST__INIT;
    struct arena a = {0};
    enum stepfleet_code rc;

    q.topic = text_to(topic);
    q.protocol = text_to(protocol);
    q.queue = text_to(endpoint);
    q.attributes = tags_to(given, count, &a);
    q.n_attributes = count;
    rc = client_tell(c, RPC_SUBSCRIBE, &q.base, error);
    arena_fini(&a);
    return rc;
}

static void page_fill(struct stepfleet_subscription_page *out,
                      const Stepfleet__SubscriptionListReply *m)
{
    struct stepfleet_subscription *each =
        ARENA_ARRAY(reply_arena(out), m->n_subscriptions, struct stepfleet_subscription);

    for (size_t i = 0; i < m->n_subscriptions; i++) {
        const Stepfleet__Subscription *s = m->subscriptions[i];

        each[i] = (struct stepfleet_subscription){s->arn, s->topic, s->protocol, s->queue};
    }
    *out = (struct stepfleet_subscription_page){each, m->n_subscriptions, m->next_token};
}

enum stepfleet_code stepfleet_subscription_list(struct stepfleet *c,
                                                const char *topic,
                                                const char *next_token,
                                                struct stepfleet_subscription_page **out,
                                                struct stepfleet_error *error)
{
    Stepfleet__SubscriptionListRequest q = STEPFLEET__SUBSCRIPTION_LIST_REQUEST__INIT;
    enum stepfleet_code rc;
    void *reply;
    void *message;

    q.topic = text_to(topic);
    q.next_token = text_to(next_token);
    rc = client_fetch(c, RPC_SUBSCRIPTION_LIST, &q.base, sizeof(**out), &reply, &message, error);
    if (rc == STEPFLEET_OK) {
        *out = reply;
        page_fill(*out, message);
    }
    return rc;
}

enum stepfleet_code stepfleet_subscription_attributes(struct stepfleet *c,
                                                      const char *subscription,
                                                      struct stepfleet_tags **out,
                                                      struct stepfleet_error *error)
{
    Stepfleet__SubscriptionRequest q = STEPFLEET__SUBSCRIPTION_REQUEST__INIT;

    q.subscription = text_to(subscription);
    return attributes(c, RPC_SUBSCRIPTION_ATTRIBUTES, &q.base, out, error);
}

enum stepfleet_code stepfleet_subscription_set(struct stepfleet *c,
                                               const char *subscription,
                                               const struct stepfleet_tag *attribute,
                                               struct stepfleet_error *error)
{
    Stepfleet__SubscriptionSetRequest q = STEPFLEET__SUBSCRIPTION_SET_REQUEST__INIT;

    q.subscription = text_to(subscription);
    q.name = text_to(attribute->key);
    q.value = text_to(attribute->value);
    return client_tell(c, RPC_SUBSCRIPTION_SET, &q.base, error);
}
