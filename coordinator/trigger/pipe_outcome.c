/* SPDX-License-Identifier: Apache-2.0 */
/* What the output of a run says of its batch. A run that succeeded may name messages that it could
 * not deal with; nothing in it, or nothing like that, means that it has dealt with all of them.
 * Source: Amazon EventBridge User Guide, Pipes: partial batch failure. */
#include "coordinator/trigger/pipe_internal.h"
#include "proto/base/json.h"
#include "proto/base/text.h"

struct named_item {
    struct hash_node by_id;
    char id[TEXT_UUID_BYTES];
    size_t item;
};

static void index_items(const struct pipe_batch *b, struct arena *a, struct hash *out)
{
    struct named_item *named = ARENA_ARRAY(a, b->count, struct named_item);

    for (size_t i = 0; i < b->count; i++) {
        named[i].item = i;
        text_format_uuid(b->items[i].id, named[i].id);
        hash_insert(out, &named[i].by_id, hash_bytes(slice_make(named[i].id, TEXT_UUID_BYTES), 0));
    }
}

static bool mark(const struct hash *items, struct slice id, bool *stays)
{
    HASH_EACH_MATCH(n, items, hash_bytes(id, 0))
    {
        const struct named_item *named = container_of(n, struct named_item, by_id);

        if (slice_eq(slice_make(named->id, TEXT_UUID_BYTES), id)) {
            stays[named->item] = true;
            return true;
        }
    }
    return false;
}

/* False: one of them is no message of the batch. */
static bool
mark_all(const struct pipe_batch *b, const struct json_node *failures, struct arena *a, bool *stays)
{
    struct hash items = {0};
    bool fine = json_is(failures, JSON_ARRAY);

    index_items(b, a, &items);
    for (const struct json_node *e = json_first(failures); e != NULL && fine;
         e = json_next(failures, e)) {
        const struct json_node *id = json_member(e, SLICE("itemIdentifier"));

        fine = json_is(id, JSON_STRING) && mark(&items, json_text(id), stays);
    }
    hash_fini(&items);
    return fine;
}

void pipe_outcome(const struct pipe_batch *b, struct slice output, struct arena *a, bool *stays)
{
    const struct json_node *v;
    const struct json_node *failures;
    struct err err;

    memset(stays, 0, b->count * sizeof(*stays));
    if (json_parse(output, a, &v, &err) != OK || !json_is(v, JSON_OBJECT)) {
        return;
    }
    failures = json_member(v, SLICE("batchItemFailures"));
    if (failures == NULL || json_is(failures, JSON_NULL)) {
        return;
    }
    if (!mark_all(b, failures, a, stays)) {
        for (size_t i = 0; i < b->count; i++) {
            stays[i] = true;
        }
    }
}
