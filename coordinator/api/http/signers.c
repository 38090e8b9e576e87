/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api/http/signers.h"

#include "proto/base/hash.h"

void signers_init(struct signers *s, uint64_t seed)
{
    s->seen = UINT64_MAX;
    s->seed = seed;
    (void)pthread_mutex_init(&s->lock, NULL);
}

void signers_fini(struct signers *s)
{
    arena_fini(&s->arena);
    (void)pthread_mutex_destroy(&s->lock);
}

void signers_renew(struct signers *s, const struct ledger *l)
{
    uint64_t version = ledger_keys_version(l);

    if (version == s->seen) {
        return;
    }
    s->seen = version;
    (void)pthread_mutex_lock(&s->lock);
    arena_reset(&s->arena);
    s->all = ARENA_ARRAY(&s->arena, ledger_key_count(l) + 1, struct signer);
    s->count = 0;
    LIST_EACH(n, ledger_keys(l))
    {
        const struct ledger_key *k = container_of(n, struct ledger_key, link);

        s->all[s->count++] = (struct signer){
            .id = arena_copy(&s->arena, k->id),
            .secret = arena_copy(&s->arena, k->secret),
            .role = k->role,
        };
    }
    (void)pthread_mutex_unlock(&s->lock);
}

/* False: there is none of that id. */
static bool find_signer(struct signers *s, struct slice id, struct arena *a, struct signer *out)
{
    bool found = false;

    (void)pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->count && !found; i++) {
        found = slice_eq(s->all[i].id, id);
        if (found) {
            *out = (struct signer){id, arena_copy(a, s->all[i].secret), s->all[i].role};
        }
    }
    (void)pthread_mutex_unlock(&s->lock);
    return found;
}

bool signers_find(void *arg,
                  const struct sigv4_claim *claim,
                  struct arena *a,
                  struct sign_mac *key,
                  enum access_role *role)
{
    struct signers *s = arg;
    const struct sign_scope scope = sigv4_scope(claim);
    struct slice what = arena_printf(a, "%.*s/%.*s", SLICE_FMT(claim->access_key),
                                     SLICE_FMT(sign_scope_text(&scope, a)));
    struct signing_key *made = &s->made[hash_bytes(what, s->seed) % SIGNERS_MADE];
    struct signer signer;

    if (!find_signer(s, claim->access_key, a, &signer)) {
        return false;
    }
    *role = signer.role;
    if (slice_eq(slice_make(made->what, made->len), what)) {
        *key = made->key;
        return true;
    }
    *key = sign_key(signer.secret, &scope, a);
    if (what.len <= sizeof(made->what)) {
        *made = (struct signing_key){.len = what.len, .key = *key};
        memcpy(made->what, what.ptr, what.len);
    }
    return true;
}
