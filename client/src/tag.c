/* SPDX-License-Identifier: Apache-2.0 */
/* Tags of machines and activities. */
#include "client/src/client.h"

Stepfleet__Tag **tags_to(const struct stepfleet_tag *tags, size_t count, struct arena *a)
{
    Stepfleet__Tag **out = ARENA_ARRAY(a, count, Stepfleet__Tag *);

    for (size_t i = 0; i < count; i++) {
        out[i] = arena_alloc(a, sizeof(**out));
        stepfleet__tag__init(out[i]);
        out[i]->key = text_to(tags[i].key);
        out[i]->value = text_to(tags[i].value);
    }
    return out;
}

struct stepfleet_tags tags_of(Stepfleet__Tag *const *tags, size_t count, struct arena *a)
{
    struct stepfleet_tag *out = ARENA_ARRAY(a, count, struct stepfleet_tag);

    for (size_t i = 0; i < count; i++) {
        out[i] = (struct stepfleet_tag){tags[i]->key, tags[i]->value};
    }
    return (struct stepfleet_tags){out, count};
}

enum stepfleet_code stepfleet_tag_put(struct stepfleet *c,
                                      const char *resource,
                                      const struct stepfleet_tag *tags,
                                      size_t count,
                                      struct stepfleet_error *error)
{
    Stepfleet__TagRequest q = STEPFLEET__TAG_REQUEST__INIT;
    struct arena a = {0};
    enum stepfleet_code rc;

    q.resource = text_to(resource);
    q.tags = tags_to(tags, count, &a);
    q.n_tags = count;
    rc = client_tell(c, RPC_TAG, &q.base, error);
    arena_fini(&a);
    return rc;
}

enum stepfleet_code stepfleet_tag_remove(struct stepfleet *c,
                                         const char *resource,
                                         const char *const *keys,
                                         size_t count,
                                         struct stepfleet_error *error)
{
    Stepfleet__UntagRequest q = STEPFLEET__UNTAG_REQUEST__INIT;
    struct arena a = {0};
    enum stepfleet_code rc;

    q.resource = text_to(resource);
    q.keys = ARENA_ARRAY(&a, count, char *);
    for (q.n_keys = 0; q.n_keys < count; q.n_keys++) {
        q.keys[q.n_keys] = text_to(keys[q.n_keys]);
    }
    rc = client_tell(c, RPC_UNTAG, &q.base, error);
    arena_fini(&a);
    return rc;
}

enum stepfleet_code stepfleet_tag_list(struct stepfleet *c,
                                       const char *resource,
                                       struct stepfleet_tags **out,
                                       struct stepfleet_error *error)
{
    Stepfleet__TagListRequest q = STEPFLEET__TAG_LIST_REQUEST__INIT;
    const Stepfleet__TagListReply *m;
    struct stepfleet_tags *tags;
    enum stepfleet_code rc;
    void *reply;
    void *message;

    q.resource = text_to(resource);
    rc = client_fetch(c, RPC_TAG_LIST, &q.base, sizeof(*tags), &reply, &message, error);
    if (rc != STEPFLEET_OK) {
        return rc;
    }
    m = message;
    tags = reply;
    *tags = tags_of(m->tags, m->n_tags, reply_arena(tags));
    *out = tags;
    return STEPFLEET_OK;
}
