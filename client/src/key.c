/* SPDX-License-Identifier: Apache-2.0 */
/* Access keys: who may ask over HTTP. */
#include "client/src/client.h"

static void key_fill(struct stepfleet_key *out, const Stepfleet__AccessKey *m)
{
    *out = (struct stepfleet_key){
        .id = m->id,
        .role = m->role,
        .note = m->note,
        .secret = m->secret,
        .created_ms = m->created_ms,
    };
}

enum stepfleet_code stepfleet_key_create(struct stepfleet *c,
                                         const char *role,
                                         const char *note,
                                         struct stepfleet_key **out,
                                         struct stepfleet_error *error)
{
    Stepfleet__KeyCreateRequest q = STEPFLEET__KEY_CREATE_REQUEST__INIT;
    struct stepfleet_key *reply = reply_new(sizeof(*reply));
    struct call call = {.method = RPC_KEY_CREATE, .request = &q.base, .repeat = REPEAT_NEVER};
    struct err err;
    enum err_code rc;
    void *m;

    q.role = text_to(role);
    q.note = text_to(note);
    rc = client_call(c, &call, reply_arena(reply), &m, &err);
    if (rc != OK) {
        stepfleet_release(reply);
        return error_give(error, rc, &err);
    }
    key_fill(reply, m);
    *out = reply;
    return STEPFLEET_OK;
}

enum stepfleet_code
stepfleet_key_list(struct stepfleet *c, struct stepfleet_keys **out, struct stepfleet_error *error)
{
    Stepfleet__Empty q = STEPFLEET__EMPTY__INIT;
    struct stepfleet_keys *reply = reply_new(sizeof(*reply));
    struct call call = {.method = RPC_KEY_LIST, .request = &q.base, .repeat = REPEAT_SAFE};
    const Stepfleet__KeyListReply *m;
    struct stepfleet_key *keys;
    struct err err;
    void *message;
    enum err_code rc = client_call(c, &call, reply_arena(reply), &message, &err);

    if (rc != OK) {
        stepfleet_release(reply);
        return error_give(error, rc, &err);
    }
    m = message;
    keys = ARENA_ARRAY(reply_arena(reply), m->n_keys, struct stepfleet_key);
    for (size_t i = 0; i < m->n_keys; i++) {
        key_fill(&keys[i], m->keys[i]);
    }
    reply->keys = keys;
    reply->count = m->n_keys;
    *out = reply;
    return STEPFLEET_OK;
}

enum stepfleet_code
stepfleet_key_delete(struct stepfleet *c, const char *id, struct stepfleet_error *error)
{
    Stepfleet__KeyRequest q = STEPFLEET__KEY_REQUEST__INIT;
    struct call call = {.method = RPC_KEY_DELETE, .request = &q.base, .repeat = REPEAT_SAFE};
    struct arena a = {0};
    struct err err;
    enum err_code rc;
    void *m;

    q.key = text_to(id);
    rc = client_call(c, &call, &a, &m, &err);
    arena_fini(&a);
    return error_give(error, rc, &err);
}
