/* SPDX-License-Identifier: Apache-2.0 */
/* Queues and their messages. */
#include <stdlib.h>
#include <string.h>

#include "client/src/client.h"

enum { MS_A_SECOND = 1000 };

/* ---- queues ---- */

enum stepfleet_code stepfleet_queue_create(struct stepfleet *c,
                                           const char *name,
                                           const struct stepfleet_tag *attributes,
                                           size_t count,
                                           struct stepfleet_queue **out,
                                           struct stepfleet_error *error)
{
    Stepfleet__QueueCreateRequest q = STEPFLEET__QUEUE_CREATE_REQUEST__INIT;
    const Stepfleet__QueueReply *m;
    struct arena a = {0};
    enum stepfleet_code rc;
    void *reply;
    void *message;

    q.name = text_to(name);
    q.attributes = tags_to(attributes, count, &a);
    q.n_attributes = count;
    rc = client_fetch(c, RPC_QUEUE_CREATE, &q.base, sizeof(**out), &reply, &message, error);
    arena_fini(&a);
    if (rc == STEPFLEET_OK) {
        m = message;
        *out = reply;
        **out = (struct stepfleet_queue){m->arn};
    }
    return rc;
}

/* The URL's last part. */
static const char *name_of(const char *url)
{
    const char *slash = strrchr(url, '/');

    return slash != NULL ? slash + 1 : url;
}

enum stepfleet_code stepfleet_queue_list(struct stepfleet *c,
                                         const char *prefix,
                                         uint32_t max_results,
                                         const char *next_token,
                                         struct stepfleet_queue_page **out,
                                         struct stepfleet_error *error)
{
    Stepfleet__QueueListRequest q = STEPFLEET__QUEUE_LIST_REQUEST__INIT;
    const Stepfleet__QueueListReply *m;
    const char **names;
    enum stepfleet_code rc;
    void *reply;
    void *message;

    q.prefix = text_to(prefix);
    q.max_results = max_results;
    q.next_token = text_to(next_token);
    rc = client_fetch(c, RPC_QUEUE_LIST, &q.base, sizeof(**out), &reply, &message, error);
    if (rc != STEPFLEET_OK) {
        return rc;
    }
    m = message;
    names = ARENA_ARRAY(reply_arena(reply), m->n_urls + 1, const char *);
    for (size_t i = 0; i < m->n_urls; i++) {
        names[i] = name_of(m->urls[i]);
    }
    *out = reply;
    **out = (struct stepfleet_queue_page){names, m->n_urls, m->next_token};
    return STEPFLEET_OK;
}

enum stepfleet_code stepfleet_queue_attributes(struct stepfleet *c,
                                               const char *queue,
                                               struct stepfleet_tags **out,
                                               struct stepfleet_error *error)
{
    Stepfleet__QueueAttributesRequest q = STEPFLEET__QUEUE_ATTRIBUTES_REQUEST__INIT;
    static char all[] = "All";
    static char *names[] = {all};
    const Stepfleet__QueueAttributesReply *m;
    enum stepfleet_code rc;
    void *reply;
    void *message;

    q.queue = text_to(queue);
    q.names = names;
    q.n_names = 1;
    rc = client_fetch(c, RPC_QUEUE_ATTRIBUTES, &q.base, sizeof(**out), &reply, &message, error);
    if (rc != STEPFLEET_OK) {
        return rc;
    }
    m = message;
    *out = reply;
    **out = tags_of(m->attributes, m->n_attributes, reply_arena(reply));
    return STEPFLEET_OK;
}

enum stepfleet_code stepfleet_queue_set(struct stepfleet *c,
                                        const char *queue,
                                        const struct stepfleet_tag *attributes,
                                        size_t count,
                                        struct stepfleet_error *error)
{
    Stepfleet__QueueSetRequest q = STEPFLEET__QUEUE_SET_REQUEST__INIT;
    struct arena a = {0};
    enum stepfleet_code rc;

    q.queue = text_to(queue);
    q.attributes = tags_to(attributes, count, &a);
    q.n_attributes = count;
    rc = client_tell(c, RPC_QUEUE_SET, &q.base, error);
    arena_fini(&a);
    return rc;
}

static enum stepfleet_code
tell(struct stepfleet *c, enum rpc method, const char *queue, struct stepfleet_error *error)
{
    Stepfleet__QueueRequest q = STEPFLEET__QUEUE_REQUEST__INIT;

    q.queue = text_to(queue);
    return client_tell(c, method, &q.base, error);
}

enum stepfleet_code
stepfleet_queue_purge(struct stepfleet *c, const char *queue, struct stepfleet_error *error)
{
    return tell(c, RPC_QUEUE_PURGE, queue, error);
}

enum stepfleet_code
stepfleet_queue_delete(struct stepfleet *c, const char *queue, struct stepfleet_error *error)
{
    return tell(c, RPC_QUEUE_DELETE, queue, error);
}

/* ---- messages ---- */

enum stepfleet_code stepfleet_message_send(struct stepfleet *c,
                                           const char *queue,
                                           const struct stepfleet_message_new *m,
                                           struct stepfleet_message_sent **out,
                                           struct stepfleet_error *error)
{
    Stepfleet__MessageSendRequest q = STEPFLEET__MESSAGE_SEND_REQUEST__INIT;
    const struct call call = {
        .method = RPC_MESSAGE_SEND,
        .request = &q.base,
        .repeat = m->dedup != NULL ? REPEAT_SAFE : REPEAT_NEVER,
    };
    const Stepfleet__MessageSendReply *r;
    enum stepfleet_code rc;
    void *reply;
    void *message;

    q.queue = text_to(queue);
    q.body = (ProtobufCBinaryData){m->body.len, (uint8_t *)(uintptr_t)m->body.ptr};
    q.has_delay_s = m->delay_s != NULL;
    q.delay_s = m->delay_s != NULL ? (int32_t)*m->delay_s : 0;
    q.group = text_to(m->group);
    q.dedup = text_to(m->dedup);
    rc = client_fetch_call(c, &call, sizeof(**out), &reply, &message, error);
    if (rc == STEPFLEET_OK) {
        r = message;
        *out = reply;
        **out = (struct stepfleet_message_sent){r->message, r->sequence};
    }
    return rc;
}

/* The value told under a name; "" where it is not. */
static const char *told(const Stepfleet__Message *m, const char *name)
{
    for (size_t i = 0; i < m->n_told; i++) {
        if (strcmp(m->told[i]->key, name) == 0) {
            return m->told[i]->value;
        }
    }
    return "";
}

static void message_fill(struct stepfleet_message *out, const Stepfleet__Message *m)
{
    *out = (struct stepfleet_message){
        .message_id = m->message,
        .receipt = m->receipt,
        .body = bytes_of(m->body),
        .group = told(m, "MessageGroupId"),
        .sent_ms = strtoll(told(m, "SentTimestamp"), NULL, 10),
        .receives = (uint32_t)strtoul(told(m, "ApproximateReceiveCount"), NULL, 10),
    };
}

enum stepfleet_code stepfleet_message_receive(struct stepfleet *c,
                                              const char *queue,
                                              const struct stepfleet_receive *how,
                                              struct stepfleet_messages **out,
                                              struct stepfleet_error *error)
{
    Stepfleet__MessageReceiveRequest q = STEPFLEET__MESSAGE_RECEIVE_REQUEST__INIT;
    const struct call call = {
        .method = RPC_MESSAGE_RECEIVE,
        .request = &q.base,
        .repeat = REPEAT_NEVER,
        .wait_ms = how->wait_s * MS_A_SECOND,
    };
    static char all[] = "All";
    static char *names[] = {all};
    const Stepfleet__MessageReceiveReply *r;
    struct stepfleet_message *each;
    enum stepfleet_code rc;
    void *reply;
    void *message;

    q.queue = text_to(queue);
    q.has_max = q.has_wait_s = 1;
    q.max = how->max != 0 ? (int32_t)how->max : 1;
    q.wait_s = (int32_t)how->wait_s;
    q.has_visibility_s = how->visibility_s != NULL;
    q.visibility_s = how->visibility_s != NULL ? (int32_t)*how->visibility_s : 0;
    q.names = names;
    q.n_names = 1;
    rc = client_fetch_call(c, &call, sizeof(**out), &reply, &message, error);
    if (rc != STEPFLEET_OK) {
        return rc;
    }
    r = message;
    each = ARENA_ARRAY(reply_arena(reply), r->n_messages + 1, struct stepfleet_message);
    for (size_t i = 0; i < r->n_messages; i++) {
        message_fill(&each[i], r->messages[i]);
    }
    *out = reply;
    **out = (struct stepfleet_messages){each, r->n_messages};
    return STEPFLEET_OK;
}

enum stepfleet_code stepfleet_message_delete(struct stepfleet *c,
                                             const char *queue,
                                             const char *receipt,
                                             struct stepfleet_error *error)
{
    Stepfleet__MessageRequest q = STEPFLEET__MESSAGE_REQUEST__INIT;

    q.queue = text_to(queue);
    q.receipt = text_to(receipt);
    return client_tell(c, RPC_MESSAGE_DELETE, &q.base, error);
}
