/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that may be repeated, and what a function of the library makes of their answers. By
 * themselves, so that a test can put its own client_call() in the place of call.c's. */
#include "client/src/client.h"

enum stepfleet_code client_fetch_call(struct stepfleet *c,
                                      const struct call *call,
                                      size_t bytes,
                                      void **reply,
                                      void **message,
                                      struct stepfleet_error *error)
{
    struct err err;
    enum err_code rc;

    *reply = reply_new(bytes);
    rc = client_call(c, call, reply_arena(*reply), message, &err);
    if (rc != OK) {
        stepfleet_release(*reply);
        *reply = NULL;
    }
    return error_give(error, rc, &err);
}

enum stepfleet_code client_fetch(struct stepfleet *c,
                                 enum rpc method,
                                 const ProtobufCMessage *request,
                                 size_t bytes,
                                 void **reply,
                                 void **message,
                                 struct stepfleet_error *error)
{
    struct call call = {.method = method, .request = request, .repeat = REPEAT_SAFE};

    return client_fetch_call(c, &call, bytes, reply, message, error);
}

enum stepfleet_code client_tell(struct stepfleet *c,
                                enum rpc method,
                                const ProtobufCMessage *request,
                                struct stepfleet_error *error)
{
    struct call call = {.method = method, .request = request, .repeat = REPEAT_SAFE};
    struct arena a = {0};
    struct err err;
    void *m;
    enum err_code rc = client_call(c, &call, &a, &m, &err);

    arena_fini(&a);
    return error_give(error, rc, &err);
}
