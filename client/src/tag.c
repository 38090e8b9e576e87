/* SPDX-License-Identifier: Apache-2.0 */
/* Tags of machines and activities. */
#include "client/src/client.h"

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
    q.tags = ARENA_ARRAY(&a, count, Stepfleet__Tag *);
    for (q.n_tags = 0; q.n_tags < count; q.n_tags++) {
        Stepfleet__Tag *tag = arena_alloc(&a, sizeof(*tag));

        stepfleet__tag__init(tag);
        tag->key = text_to(tags[q.n_tags].key);
        tag->value = text_to(tags[q.n_tags].value);
        q.tags[q.n_tags] = tag;
    }
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
    struct stepfleet_tag *each;
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
    each = ARENA_ARRAY(reply_arena(tags), m->n_tags, struct stepfleet_tag);
    for (size_t i = 0; i < m->n_tags; i++) {
        each[i] = (struct stepfleet_tag){m->tags[i]->key, m->tags[i]->value};
    }
    *tags = (struct stepfleet_tags){each, m->n_tags};
    *out = tags;
    return STEPFLEET_OK;
}
