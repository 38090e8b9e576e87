/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/access/gate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *asked_role(unsigned method)
{
    int role = role_of_method(method);

    return role == ROLE_WORKER ? "a worker's token" : role_name((enum access_role)role);
}

static void say_may_not(const struct caller *who, unsigned method, struct err *err)
{
    if (who->kind == CALLER_WORKER) {
        (void)err_set(err, ERR_DENIED,
                      "%s is a worker's token: it is good for workers alone, not for %s", who->name,
                      rpc_name(method));
    } else {
        (void)err_set(err, ERR_DENIED, "%s may not ask for %s: its role is %s, and that takes %s",
                      who->name, rpc_name(method), role_name(who->role), asked_role(method));
    }
}

/* A reply that refuses, as a whole frame. */
static void put_refusal(const struct envelope *asked,
                        enum err_code code,
                        const struct err *err,
                        struct buf *out)
{
    const struct envelope e = {
        .version = WIRE_VERSION_MAX,
        .method = asked->method,
        .status = (uint16_t)code,
        .request_id = asked->request_id,
    };
    Stepfleet__ErrorBody body = STEPFLEET__ERROR_BODY__INIT;
    char head[WIRE_HEADER_BYTES];

    body.code = (char *)(uintptr_t)err_name(code);
    body.message = (char *)(uintptr_t)err->msg;
    envelope_encode(&e, head);
    buf_put(out, head, sizeof(head));
    out->len += protobuf_c_message_pack(
        &body.base,
        (uint8_t *)(void *)buf_reserve(out, protobuf_c_message_get_packed_size(&body.base)));
}

static void record_refusal(struct access *a,
                           const struct access_peer *peer,
                           const struct envelope *e,
                           enum err_code code)
{
    struct caller who = peer->who;
    char number[24];
    int len = snprintf(number, sizeof(number), "%" PRIu64, e->request_id);
    const struct audit_asked asked = {
        .who = &who,
        .method = e->method,
        .request_id = slice_make(number, (size_t)len),
    };

    if (code != ERR_DENIED) {
        who = (struct caller){.kind = CALLER_STRANGER};
        memcpy(who.address, peer->who.address, sizeof(who.address));
    }
    audit_failed(access_audit(a), &asked, code, err_name(code));
}

enum gate
gate_look(struct access *a, struct access_peer *peer, struct slice frame, struct buf *refusal)
{
    struct envelope e = {0};
    struct err err;
    enum err_code rc;

    if (!access_asks(a)) {
        return GATE_PASS;
    }
    rc = envelope_decode(frame, &e, &err);
    if (rc == OK || rc == ERR_VERSION) { /* one of a later version shows its token all the same */
        rc = access_admit(a, peer, e.auth, &err);
    }
    if (rc != OK) {
        put_refusal(&e, rc, &err, refusal);
        record_refusal(a, peer, &e, rc);
        return GATE_CLOSE;
    }
    if (!caller_may(&peer->who, e.method)) {
        say_may_not(&peer->who, e.method, &err);
        put_refusal(&e, ERR_DENIED, &err, refusal);
        record_refusal(a, peer, &e, ERR_DENIED);
        return GATE_REFUSE;
    }
    return GATE_PASS;
}
