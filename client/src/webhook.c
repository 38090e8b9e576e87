/* SPDX-License-Identifier: Apache-2.0 */
/* Connections and API destinations of webhooks: plain structs to messages and back. */
#include "client/src/client.h"

static void connection_fill(struct stepfleet_webhook_connection *out,
                            const Stepfleet__Connection *m)
{
    struct stepfleet_bytes parameters = bytes_of(m->parameters);

    *out = (struct stepfleet_webhook_connection){
        .name = m->name,
        .arn = m->arn,
        .type = m->type,
        .parameters = arena_str(reply_arena(out), slice_make(parameters.ptr, parameters.len)),
        .description = m->description,
    };
}

enum stepfleet_code stepfleet_webhook_connection_describe(struct stepfleet *c,
                                                          const char *name,
                                                          struct stepfleet_webhook_connection **out,
                                                          struct stepfleet_error *error)
{
    Stepfleet__WebhookRequest q = STEPFLEET__WEBHOOK_REQUEST__INIT;
    enum stepfleet_code rc;
    void *reply;
    void *message;

    q.name = text_to(name);
    rc = client_fetch(c, RPC_CONNECTION_DESCRIBE, &q.base, sizeof(**out), &reply, &message, error);
    if (rc == STEPFLEET_OK) {
        *out = reply;
        connection_fill(*out, message);
    }
    return rc;
}

static enum stepfleet_code put_connection(struct stepfleet *c,
                                          enum rpc method,
                                          const struct stepfleet_webhook_connection *connection,
                                          struct stepfleet_error *error)
{
    Stepfleet__ConnectionPutRequest q = STEPFLEET__CONNECTION_PUT_REQUEST__INIT;
    struct slice parameters =
        slice_str(connection->parameters != NULL ? connection->parameters : "");

    q.name = text_to(connection->name);
    q.type = text_to(connection->type);
    q.parameters = message_bytes(parameters);
    q.description = text_to(connection->description);
    q.has_description = connection->description != NULL;
    return client_tell(c, method, &q.base, error);
}

enum stepfleet_code
stepfleet_webhook_connection_create(struct stepfleet *c,
                                    const struct stepfleet_webhook_connection *connection,
                                    struct stepfleet_error *error)
{
    return put_connection(c, RPC_CONNECTION_CREATE, connection, error);
}

enum stepfleet_code
stepfleet_webhook_connection_update(struct stepfleet *c,
                                    const struct stepfleet_webhook_connection *connection,
                                    struct stepfleet_error *error)
{
    return put_connection(c, RPC_CONNECTION_UPDATE, connection, error);
}

static struct stepfleet_webhook_destination destination_of(const Stepfleet__Destination *m)
{
    return (struct stepfleet_webhook_destination){
        .name = m->name,
        .arn = m->arn,
        .connection = m->connection,
        .url = m->url,
        .method = m->method,
        .rate = m->rate,
        .description = m->description,
    };
}

enum stepfleet_code
stepfleet_webhook_destination_describe(struct stepfleet *c,
                                       const char *name,
                                       struct stepfleet_webhook_destination **out,
                                       struct stepfleet_error *error)
{
    Stepfleet__WebhookRequest q = STEPFLEET__WEBHOOK_REQUEST__INIT;
    enum stepfleet_code rc;
    void *reply;
    void *message;

    q.name = text_to(name);
    rc = client_fetch(c, RPC_DESTINATION_DESCRIBE, &q.base, sizeof(**out), &reply, &message, error);
    if (rc == STEPFLEET_OK) {
        *out = reply;
        **out = destination_of(message);
    }
    return rc;
}

static enum stepfleet_code put_destination(struct stepfleet *c,
                                           enum rpc method,
                                           const struct stepfleet_webhook_destination *destination,
                                           struct stepfleet_error *error)
{
    Stepfleet__DestinationPutRequest q = STEPFLEET__DESTINATION_PUT_REQUEST__INIT;

    q.name = text_to(destination->name);
    q.connection = text_to(destination->connection);
    q.url = text_to(destination->url);
    q.method = text_to(destination->method);
    q.rate = destination->rate;
    q.description = text_to(destination->description);
    q.has_description = destination->description != NULL;
    return client_tell(c, method, &q.base, error);
}

enum stepfleet_code
stepfleet_webhook_destination_create(struct stepfleet *c,
                                     const struct stepfleet_webhook_destination *destination,
                                     struct stepfleet_error *error)
{
    return put_destination(c, RPC_DESTINATION_CREATE, destination, error);
}

enum stepfleet_code
stepfleet_webhook_destination_update(struct stepfleet *c,
                                     const struct stepfleet_webhook_destination *destination,
                                     struct stepfleet_error *error)
{
    return put_destination(c, RPC_DESTINATION_UPDATE, destination, error);
}
