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
    void *reply;
    struct call call = {.method = RPC_KEY_CREATE, .request = &q.base, .repeat = REPEAT_NEVER};
    enum stepfleet_code rc;
    void *m;

    q.role = text_to(role);
    q.note = text_to(note);
    rc = client_fetch_call(c, &call, sizeof(**out), &reply, &m, error);
    if (rc != STEPFLEET_OK) {
        return rc;
    }
    key_fill(reply, m);
    *out = reply;
    return STEPFLEET_OK;
}

enum stepfleet_code
stepfleet_key_list(struct stepfleet *c, struct stepfleet_keys **out, struct stepfleet_error *error)
{
    Stepfleet__Empty q = STEPFLEET__EMPTY__INIT;
    const Stepfleet__KeyListReply *m;
    struct stepfleet_keys *keys;
    struct stepfleet_key *each;
    void *reply;
    void *message;
    enum stepfleet_code rc =
        client_fetch(c, RPC_KEY_LIST, &q.base, sizeof(*keys), &reply, &message, error);

    if (rc != STEPFLEET_OK) {
        return rc;
    }
    m = message;
    keys = reply;
    each = ARENA_ARRAY(reply_arena(keys), m->n_keys, struct stepfleet_key);
    for (size_t i = 0; i < m->n_keys; i++) {
        key_fill(&each[i], m->keys[i]);
    }
    keys->keys = each;
    keys->count = m->n_keys;
    *out = keys;
    return STEPFLEET_OK;
}

enum stepfleet_code
stepfleet_key_delete(struct stepfleet *c, const char *id, struct stepfleet_error *error)
{
    Stepfleet__KeyRequest q = STEPFLEET__KEY_REQUEST__INIT;

    q.key = text_to(id);
    return client_tell(c, RPC_KEY_DELETE, &q.base, error);
}
