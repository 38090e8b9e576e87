/* SPDX-License-Identifier: Apache-2.0 */
/* Access keys: create, list, delete. The secret is said once, to whom asked for the key; it is in
 * no log and in no other answer. */
#include <string.h>

#include "coordinator/api/api.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "proto/host/clock.h"

enum {
    ID_RANDOM = 16,     /* characters behind "AKIA", five bits each */
    SECRET_RANDOM = 30, /* bytes: 40 characters of Base64 */
    NOTE_BYTES = 256,
};

/* Not from the ledger's chance, which is a sequence that can be computed. */
static struct slice fresh_id(struct arena *a)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint8_t bytes[ID_RANDOM];
    char id[4 + ID_RANDOM] = "AKIA";

    clock_random(bytes, sizeof(bytes));
    for (size_t i = 0; i < ID_RANDOM; i++) {
        id[4 + i] = letters[bytes[i] & 31];
    }
    return arena_copy(a, slice_make(id, sizeof(id)));
}

static struct slice fresh_secret(struct arena *a)
{
    uint8_t bytes[SECRET_RANDOM];

    clock_random(bytes, sizeof(bytes));
    return text_base64(slice_make(bytes, sizeof(bytes)), a);
}

static Stepfleet__AccessKey *key_message(struct api *api, const struct ledger_key *k)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    Stepfleet__AccessKey *m = arena_alloc(a, sizeof(*m));

    stepfleet__access_key__init(m);
    m->id = arena_str(a, k->id);
    m->role = (char *)(uintptr_t)role_name(k->role);
    m->created_ms = k->created_ms;
    m->note = arena_str(a, k->note);
    return m;
}

void operation_KEY_CREATE(struct call *c)
{
    const Stepfleet__KeyCreateRequest *q = (const void *)c->request;
    struct ledger *l = c->api->ledger;
    struct arena *a = ledger_turn_arena(l);
    Stepfleet__AccessKey *reply;
    enum access_role role;
    struct slice secret;

    if (!role_parse(slice_str(q->role), &role)) {
        call_fail(c, ERR_VALIDATION, "role \"%.100s\": expected read, run or admin", q->role);
    } else if (strlen(q->note) > NOTE_BYTES || !text_is_utf8(slice_str(q->note))) {
        call_fail(c, ERR_VALIDATION, "the note must be UTF-8 of at most %d bytes", NOTE_BYTES);
    } else if (ledger_key_count(l) >= LIMIT_KEYS) {
        call_fail(c, ERR_VALIDATION, "there are %d access keys already", LIMIT_KEYS);
    } else {
        secret = fresh_secret(a);
        reply =
            key_message(c->api, ledger_key_put(l, fresh_id(a), secret, role, slice_str(q->note)));
        reply->secret = arena_str(a, secret);
        c->reply(c, &reply->base);
    }
}

void operation_KEY_LIST(struct call *c)
{
    struct ledger *l = c->api->ledger;
    Stepfleet__KeyListReply r = STEPFLEET__KEY_LIST_REPLY__INIT;

    r.keys = ARENA_ARRAY(ledger_turn_arena(l), ledger_key_count(l) + 1, Stepfleet__AccessKey *);
    LIST_EACH(n, ledger_keys(l))
    {
        r.keys[r.n_keys++] = key_message(c->api, container_of(n, struct ledger_key, link));
    }
    c->reply(c, &r.base);
}

void operation_KEY_DELETE(struct call *c)
{
    const Stepfleet__KeyRequest *q = (const void *)c->request;
    Stepfleet__Empty r = STEPFLEET__EMPTY__INIT;
    struct ledger_key *k = ledger_key_find(c->api->ledger, slice_str(q->key));

    if (k != NULL) {
        ledger_key_delete(c->api->ledger, k);
    }
    c->reply(c, &r.base);
}
