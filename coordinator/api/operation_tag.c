/* SPDX-License-Identifier: Apache-2.0 */
/* Tags of state machines, activities, queues, pipes and topics. Source: AWS Step Functions API
 * Reference.
 */
#include <string.h>

#include "coordinator/api/operation_queue.h"
#include "coordinator/api/operation_topic.h"
#include "coordinator/ledger/pipe.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

enum { KEY_CHARS = 128, VALUE_CHARS = 256 };

/* What carries the tags. */
struct place {
    enum tag_kind kind;
    struct slice name;
};

static enum err_code
topic_find(struct api *api, const char *arn, struct place *out, struct err *err)
{
    struct ledger_topic *t;

    if (find_topic(api, "ResourceArn", arn, &t, err) != OK) {
        return err_set(err, ERR_NOT_FOUND, "Resource does not exist");
    }
    *out = (struct place){TAGS_TOPIC, t->name};
    return OK;
}

static enum err_code
queue_place(struct api *api, const char *arn, struct place *out, struct err *err)
{
    struct ledger_queue *q;
    enum err_code rc = find_queue(api, arn, &q, err);

    if (rc == OK) {
        *out = (struct place){TAGS_QUEUE, q->name};
    }
    return rc;
}

static enum err_code
pipe_place(struct api *api, const char *arn, struct place *out, struct err *err)
{
    struct slice text = slice_str(arn);
    struct ledger_pipe *p =
        ledger_pipe_find(api->ledger, slice_from(text, slice_rfind(text, '/') + 1));

    if (p == NULL || !slice_eq(p->arn, text)) {
        return err_set(err, ERR_NOT_FOUND, "Resource not found: '%.300s'", arn);
    }
    *out = (struct place){TAGS_PIPE, p->name};
    return OK;
}

static enum err_code
place_find(struct api *api, const char *text, struct place *out, struct err *err)
{
    struct arn arn;
    enum err_code rc = arn_parse(ledger_configuration(api->ledger), slice_str(text), &arn, err);
    bool found = false;

    if (slice_starts_with(slice_str(text), SLICE("arn:aws:sns:"))) {
        return topic_find(api, text, out, err);
    }
    if (slice_starts_with(slice_str(text), SLICE("arn:aws:sqs:"))) {
        return queue_place(api, text, out, err);
    }
    if (slice_starts_with(slice_str(text), SLICE("arn:aws:pipes:"))) {
        return pipe_place(api, text, out, err);
    }
    if (rc == ERR_INVALID_ARN) {
        return rc;
    }
    if (rc == OK && arn.kind == ARN_MACHINE && arn.name.len == 0) {
        *out = (struct place){TAGS_MACHINE, arn.machine};
        found = ledger_machine_find(api->ledger, arn.machine) != NULL;
    } else if (rc == OK && arn.kind == ARN_ACTIVITY) {
        *out = (struct place){TAGS_ACTIVITY, arn.machine};
        found = ledger_activity_find(api->ledger, arn.machine) != NULL;
    }
    return found ? OK : err_set(err, ERR_NOT_FOUND, "Resource not found: '%.300s'", text);
}

enum err_code tags_put(struct api *api,
                       enum tag_kind kind,
                       struct slice name,
                       Stepfleet__Tag *const *tags,
                       size_t count,
                       struct err *err)
{
    const struct tags_row *old = ledger_tags(api->ledger, kind, name);
    struct tag *items =
        ARENA_ARRAY(ledger_turn_arena(api->ledger), old->count + count + 1, struct tag);
    struct tags_row row = {items, old->count};

    if (old->count != 0) {
        memcpy(items, old->items, old->count * sizeof(*items));
    }
    for (size_t i = 0; i < count; i++) {
        struct tag tag = {slice_str(tags[i]->key), slice_str(tags[i]->value)};
        size_t at = 0;

        if (!text_is_utf8(tag.key) || !text_is_utf8(tag.value) || tag.key.len == 0 ||
            text_code_points(tag.key) > KEY_CHARS || text_code_points(tag.value) > VALUE_CHARS) {
            return err_set(err, ERR_VALIDATION,
                           "a tag's key has 1 to %d characters of UTF-8, its value at most %d",
                           KEY_CHARS, VALUE_CHARS);
        }
        while (at < row.count && !slice_eq(items[at].key, tag.key)) {
            at++;
        }
        items[at] = tag;
        row.count += at == row.count;
    }
    if (row.count > LIMIT_TAGS) {
        return err_set(err, ERR_TAGS, "a resource has at most %d tags", LIMIT_TAGS);
    }
    ledger_tags_set(api->ledger, kind, name, &row);
    return OK;
}

void operation_TAG(struct call *c)
{
    const Stepfleet__TagRequest *q = (const void *)c->request;
    struct place place;
    struct err err;
    enum err_code rc = place_find(c->api, q->resource, &place, &err);

    if (rc == OK) {
        rc = tags_put(c->api, place.kind, place.name, q->tags, q->n_tags, &err);
    }
    reply_empty(c, rc, &err);
}

void tags_remove(struct api *api,
                 enum tag_kind kind,
                 struct slice name,
                 char *const *keys,
                 size_t count)
{
    const struct tags_row *old = ledger_tags(api->ledger, kind, name);
    struct tag *items = ARENA_ARRAY(ledger_turn_arena(api->ledger), old->count + 1, struct tag);
    struct tags_row row = {items, 0};

    for (size_t i = 0; i < old->count; i++) {
        bool goes = false;

        for (size_t n = 0; n < count; n++) {
            goes = goes || slice_eq_str(old->items[i].key, keys[n]);
        }
        if (!goes) {
            items[row.count++] = old->items[i];
        }
    }
    ledger_tags_set(api->ledger, kind, name, &row);
}

void operation_UNTAG(struct call *c)
{
    const Stepfleet__UntagRequest *q = (const void *)c->request;
    struct place place;
    struct err err;
    enum err_code rc = place_find(c->api, q->resource, &place, &err);

    if (rc == OK) {
        tags_remove(c->api, place.kind, place.name, q->keys, q->n_keys);
    }
    reply_empty(c, rc, &err);
}

void tags_print(struct api *api,
                enum tag_kind kind,
                struct slice name,
                Stepfleet__TagListReply *out)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    const struct tags_row *tags = ledger_tags(api->ledger, kind, name);

    out->tags = ARENA_ARRAY(a, tags->count + 1, Stepfleet__Tag *);
    for (size_t i = 0; i < tags->count; i++) {
        Stepfleet__Tag *tag = arena_alloc(a, sizeof(*tag));

        stepfleet__tag__init(tag);
        tag->key = arena_str(a, tags->items[i].key);
        tag->value = arena_str(a, tags->items[i].value);
        out->tags[out->n_tags++] = tag;
    }
}

void operation_TAG_LIST(struct call *c)
{
    const Stepfleet__TagListRequest *q = (const void *)c->request;
    Stepfleet__TagListReply r = STEPFLEET__TAG_LIST_REPLY__INIT;
    struct place place;
    struct err err;
    enum err_code rc = place_find(c->api, q->resource, &place, &err);

    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    tags_print(c->api, place.kind, place.name, &r);
    c->reply(c, &r.base);
}
