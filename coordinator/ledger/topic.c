/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/ledger/topic.h"

#include <assert.h>
#include <stdlib.h>

#include "coordinator/ledger/internal.h"
#include "coordinator/ledger/queue.h"
#include "coordinator/store/keys.h"
#include "proto/base/text.h"

/* ---- what there is ---- */

struct ledger_topic *ledger_topic_find(const struct ledger *l, struct slice name)
{
    HASH_EACH_MATCH(n, &l->topics, hash_bytes(name, 0))
    {
        struct ledger_topic *t = container_of(n, struct ledger_topic, by_name);

        if (slice_eq(t->name, name)) {
            return t;
        }
    }
    return NULL;
}

size_t ledger_topic_count(const struct ledger *l)
{
    return l->topics.count;
}

size_t ledger_topic_page(const struct ledger *l, struct slice prefix, struct slice after)
{
    return names_page(&l->topic_names, prefix, after);
}

struct ledger_topic *ledger_topic_at(const struct ledger *l, size_t i)
{
    return i < l->topic_names.count
               ? container_of(l->topic_names.each[i], struct ledger_topic, name)
               : NULL;
}

struct ledger_subscription *ledger_subscription_find(const struct ledger *l, struct slice id)
{
    HASH_EACH_MATCH(n, &l->subscriptions, hash_bytes(id, 0))
    {
        struct ledger_subscription *s = container_of(n, struct ledger_subscription, by_id);

        if (slice_eq(s->id, id)) {
            return s;
        }
    }
    return NULL;
}

size_t ledger_subscription_count(const struct ledger *l)
{
    return l->subscriptions.count;
}

struct ledger_subscription *ledger_subscription_of(const struct ledger_topic *t, struct slice queue)
{
    LIST_EACH(n, &t->subscriptions)
    {
        struct ledger_subscription *s = container_of(n, struct ledger_subscription, link);

        if (slice_eq(s->row.queue, queue)) {
            return s;
        }
    }
    return NULL;
}

static int by_id(const void *a, const void *b)
{
    const struct ledger_subscription *const *x = a;
    const struct ledger_subscription *const *y = b;

    return slice_cmp((*x)->id, (*y)->id);
}

struct ledger_subscription **ledger_subscriptions(struct ledger *l, size_t *count)
{
    struct ledger_subscription **all =
        ARENA_ARRAY(&l->arena, l->subscriptions.count + 1, struct ledger_subscription *);
    struct hash_node *n = NULL;
    size_t bucket = 0;

    *count = 0;
    while ((n = hash_iterate(&l->subscriptions, &bucket, n)) != NULL) {
        all[(*count)++] = container_of(n, struct ledger_subscription, by_id);
    }
    qsort(all, *count, sizeof(struct ledger_subscription *), by_id);
    return all;
}

/* ---- topics ---- */

/* What was written is read again: texts in it may be the turn's. */
static void topic_take(struct ledger_topic *t, struct slice bytes)
{
    struct arena fresh = {0};
    enum err_code rc = topic_row_decode(arena_copy(&fresh, bytes), &fresh, &t->row, NULL);

    assert(rc == OK);
    (void)rc;
    arena_fini(&t->texts);
    t->texts = fresh;
}

static struct ledger_topic *topic_new(struct ledger *l, struct slice name)
{
    struct slice arn = arena_printf(&l->arena, "arn:aws:sns:%s:%012llu:%.*s", l->config.region,
                                    (unsigned long long)l->config.account, SLICE_FMT(name));
    struct ledger_topic *t = mem_zalloc(1, sizeof(*t) + name.len + arn.len);
    char *at = t->text;

    t->name = block_put(&at, name);
    t->arn = block_put(&at, arn);
    (void)topic_is_name(t->name, &t->fifo);
    list_init(&t->subscriptions);
    hash_insert(&l->topics, &t->by_name, hash_bytes(t->name, 0));
    names_insert(&l->topic_names, &t->name);
    return t;
}

static void topic_free(struct ledger *l, struct ledger_topic *t)
{
    assert(list_empty(&t->subscriptions));
    hash_remove(&l->topics, &t->by_name);
    names_remove(&l->topic_names, &t->name);
    arena_fini(&t->texts);
    mem_free(t);
}

void ledger_topic_set(struct ledger *l, struct ledger_topic *t, const struct topic_row *row)
{
    struct key key = key_topic(l->config.account, t->name);

    buf_reset(&l->scratch);
    topic_row_encode(row, &l->scratch);
    store_put(l->filling, CF_QUEUE, key_slice(&key), buf_slice(&l->scratch));
    topic_take(t, buf_slice(&l->scratch));
}

struct ledger_topic *
ledger_topic_put(struct ledger *l, struct slice name, const struct topic_row *row)
{
    struct topic_row made = *row;
    struct ledger_topic *t = topic_new(l, name);

    made.created_ms = l->now.wall_ms;
    ledger_topic_set(l, t, &made);
    return t;
}

void ledger_topic_delete(struct ledger *l, struct ledger_topic *t)
{
    struct key key = key_topic(l->config.account, t->name);

    while (!list_empty(&t->subscriptions)) {
        ledger_unsubscribe(l,
                           container_of(t->subscriptions.next, struct ledger_subscription, link));
    }
    store_delete(l->filling, CF_QUEUE, key_slice(&key));
    ledger_tags_set(l, TAGS_TOPIC, t->name, &(struct tags_row){0});
    topic_free(l, t);
}

/* ---- subscriptions ---- */

static enum err_code
subscription_take(struct ledger_subscription *s, struct slice bytes, struct err *err)
{
    struct arena fresh = {0};
    struct subscription_row row;
    const struct pattern *filter = NULL;
    enum err_code rc = subscription_row_decode(arena_copy(&fresh, bytes), &row, err);

    if (rc == OK && subscription_filter(&row.settings, &fresh, &filter, NULL) != OK) {
        rc = err_set(err, ERR_CORRUPT, "a subscription's filter is malformed");
    }
    if (rc != OK) {
        arena_fini(&fresh);
        return rc;
    }
    s->row = row;
    s->filter = filter;
    arena_fini(&s->texts);
    s->texts = fresh;
    return OK;
}

static struct ledger_subscription *
subscription_new(struct ledger *l, struct ledger_topic *t, struct slice id)
{
    struct ledger_subscription *s = mem_zalloc(1, sizeof(*s) + id.len + t->arn.len + 1 + id.len);
    char *at = s->text;

    s->id = block_put(&at, id);
    s->arn = block_put(&at, arena_printf(&l->arena, "%.*s:%.*s", SLICE_FMT(t->arn), SLICE_FMT(id)));
    s->topic = t;
    list_push_back(&t->subscriptions, &s->link);
    t->subscription_count++;
    hash_insert(&l->subscriptions, &s->by_id, hash_bytes(s->id, 0));
    return s;
}

static void subscription_free(struct ledger *l, struct ledger_subscription *s)
{
    s->topic->subscription_count--;
    list_remove(&s->link);
    hash_remove(&l->subscriptions, &s->by_id);
    arena_fini(&s->texts);
    mem_free(s);
}

static void subscription_put(struct ledger *l,
                             struct ledger_subscription *s,
                             const struct subscription_row *row)
{
    struct key key = key_subscription(l->config.account, s->id);
    enum err_code rc;

    buf_reset(&l->scratch);
    subscription_row_encode(row, &l->scratch);
    store_put(l->filling, CF_QUEUE, key_slice(&key), buf_slice(&l->scratch));
    rc = subscription_take(s, buf_slice(&l->scratch), NULL);
    assert(rc == OK);
    (void)rc;
}

static struct slice make_uuid(struct ledger *l)
{
    uint64_t bytes[2] = {ledger_random(l), ledger_random(l)};
    char *text = arena_alloc(&l->arena, TEXT_UUID_BYTES);

    text_format_uuid((const uint8_t *)bytes, text);
    return slice_make(text, TEXT_UUID_BYTES);
}

struct ledger_subscription *ledger_subscribe(struct ledger *l,
                                             struct ledger_topic *t,
                                             struct slice queue,
                                             const struct subscription_settings *s)
{
    const struct subscription_row row = {l->now.wall_ms, t->name, queue, *s};
    struct ledger_subscription *made = subscription_new(l, t, make_uuid(l));

    subscription_put(l, made, &row);
    return made;
}

void ledger_subscription_set(struct ledger *l,
                             struct ledger_subscription *s,
                             const struct subscription_settings *settings)
{
    struct subscription_row row = s->row;

    row.settings = *settings;
    subscription_put(l, s, &row);
}

void ledger_unsubscribe(struct ledger *l, struct ledger_subscription *s)
{
    struct key key = key_subscription(l->config.account, s->id);

    store_delete(l->filling, CF_QUEUE, key_slice(&key));
    subscription_free(l, s);
}

/* ---- publishing ---- */

enum { SEQUENCE_SHIFT = 20 }; /* messages of one batch that are counted, as bits */

/* Numbers grow, also over a restart, without a row of their own: they begin with the batch's. */
static struct slice next_sequence(struct ledger *l)
{
    uint64_t first = l->filling_number << SEQUENCE_SHIFT;

    l->published = l->published < first ? first : l->published + 1;
    return queue_sequence_text(l->published, &l->arena);
}

bool ledger_topic_accepts(const struct ledger *l, const struct ledger_topic *t)
{
    LIST_EACH(n, &t->subscriptions)
    {
        const struct ledger_subscription *s = container_of(n, struct ledger_subscription, link);
        const struct ledger_queue *q = t->fifo ? ledger_queue_find(l, s->row.queue) : NULL;

        if (q != NULL && !ledger_queue_remembers(q)) {
            return false;
        }
    }
    return true;
}

/* A message on its way to one queue. */
struct delivery {
    struct ledger *ledger;
    bool fifo; /* the topic */
    const struct topic_message *message;
    struct message_row row;
};

static struct slice encode_attributes(struct ledger *l, const struct topic_message *m)
{
    struct message_attribute *items =
        ARENA_ARRAY(&l->arena, m->attribute_count, struct message_attribute);

    for (size_t i = 0; i < m->attribute_count; i++) {
        const struct topic_attribute *a = &m->attributes[i];

        items[i] = (struct message_attribute){a->name, a->type, a->binary, a->value};
    }
    buf_reset(&l->scratch);
    if (m->attribute_count != 0) {
        message_attributes_encode(items, m->attribute_count, &l->scratch);
    }
    return arena_copy(&l->arena, buf_slice(&l->scratch));
}

static void make_raw(struct delivery *d)
{
    d->row.body = d->message->body;
    d->row.attributes = encode_attributes(d->ledger, d->message);
}

static void make_notification(struct delivery *d, const struct ledger_subscription *s)
{
    struct ledger *l = d->ledger;
    struct slice endpoint =
        arena_printf(&l->arena, "https://sns.%s.amazonaws.com", l->config.region);

    buf_reset(&l->scratch);
    topic_envelope(d->message, s->arn, endpoint, &l->arena, &l->scratch);
    d->row.body = arena_copy(&l->arena, buf_slice(&l->scratch));
    d->row.attributes = SLICE("");
}

/* False: it cannot take the message. */
static bool send_to(struct delivery *d, struct ledger_queue *q, size_t attributes)
{
    bool fifo = q != NULL && q->row.attributes.fifo;
    struct ledger_sent sent;
    struct dedup_key key;

    if (q == NULL || (fifo && !d->fifo) || attributes > LIMIT_QUEUE_ATTRIBUTES ||
        d->row.body.len + d->row.attributes.len > q->row.attributes.message_bytes) {
        return false;
    }
    d->row.dedup = fifo ? d->message->dedup : SLICE("");
    if (fifo) {
        key = ledger_dedup_key(q, d->row.group, d->row.dedup, &d->ledger->arena);
    }
    ledger_queue_send(d->ledger, q, &d->row, (int64_t)q->row.attributes.delay_s * 1000,
                      fifo ? &key : NULL, &sent);
    return true;
}

/* A dead letter has no bounds but the queue's own. */
static void deliver(struct delivery *d, const struct ledger_subscription *s)
{
    struct ledger *l = d->ledger;
    uint64_t *figures = l->figures.topic_deliveries;
    struct slice arn;

    if (s->row.settings.raw) {
        make_raw(d);
    } else {
        make_notification(d, s);
    }
    if (send_to(d, ledger_queue_find(l, s->row.queue),
                s->row.settings.raw ? d->message->attribute_count : 0)) {
        figures[DELIVERIES_DONE]++;
        return;
    }
    figures[DELIVERIES_FAILED]++;
    arn = subscription_dead_letters(s->row.settings.redrive, &l->arena);
    if (send_to(d, ledger_queue_find(l, slice_from(arn, slice_rfind(arn, ':') + 1)), 0)) {
        figures[DELIVERIES_BURIED]++;
    } else {
        figures[DELIVERIES_DROPPED]++;
    }
}

void ledger_topic_publish(struct ledger *l, struct ledger_topic *t, struct topic_message *m)
{
    struct delivery d = {.ledger = l, .fifo = t->fifo, .message = m};
    struct topic_view view = {.message = m, .a = &l->arena};

    m->topic_arn = t->arn;
    m->id = make_uuid(l);
    m->time_ms = l->now.wall_ms;
    m->sequence = t->fifo ? next_sequence(l) : SLICE("");
    d.row.group = m->group;
    d.row.sender = arena_printf(&l->arena, "%012llu", (unsigned long long)l->config.account);
    LIST_EACH(n, &t->subscriptions)
    {
        const struct ledger_subscription *s = container_of(n, struct ledger_subscription, link);

        if (topic_wanted(&view, s->filter, s->row.settings.by_body)) {
            deliver(&d, s);
        }
    }
}

/* ---- opening and closing ---- */

static enum err_code
load_topic(struct ledger *l, struct slice name, struct slice value, struct err *err)
{
    struct topic_row row;
    enum err_code rc = topic_row_decode(value, &l->arena, &row, err);

    if (rc == OK) {
        topic_take(topic_new(l, name), value);
    }
    return rc;
}

static enum err_code
load_subscription(struct ledger *l, struct slice id, struct slice value, struct err *err)
{
    struct subscription_row row;
    struct ledger_topic *t;
    enum err_code rc = subscription_row_decode(value, &row, err);

    if (rc != OK) {
        return rc;
    }
    t = ledger_topic_find(l, row.topic);
    if (t == NULL) {
        return err_set(err, ERR_CORRUPT, "subscription %.*s is to a topic that is not there",
                       SLICE_FMT(id));
    }
    return subscription_take(subscription_new(l, t, id), value, err);
}

static enum err_code load_all(
    struct ledger *l,
    struct key from,
    enum err_code (*load)(struct ledger *l, struct slice name, struct slice value, struct err *err),
    struct err *err)
{
    struct key to = key_after(&from);
    struct store_iterator *i =
        store_iterate(l->store, CF_QUEUE, key_slice(&from), key_slice(&to), false);
    struct slice key;
    struct slice value;
    enum err_code rc = OK;

    while (rc == OK && store_next(i, &key, &value)) {
        rc = load(l, slice_from(key, from.len), value, err);
    }
    if (rc != OK) {
        (void)store_iterator_end(i, NULL);
        return rc;
    }
    return store_iterator_end(i, err);
}

enum err_code topics_load(struct ledger *l, struct err *err)
{
    enum err_code rc = load_all(l, key_topics(l->config.account), load_topic, err);

    return rc == OK ? load_all(l, key_subscriptions(l->config.account), load_subscription, err)
                    : rc;
}

void topics_free(struct ledger *l)
{
    struct hash_node *n;
    size_t bucket = 0;

    while ((n = hash_iterate(&l->subscriptions, &bucket, NULL)) != NULL) {
        subscription_free(l, container_of(n, struct ledger_subscription, by_id));
        bucket = 0;
    }
    while (l->topic_names.count != 0) { /* from the end: no name moves */
        topic_free(l, ledger_topic_at(l, l->topic_names.count - 1));
    }
    hash_fini(&l->subscriptions);
    hash_fini(&l->topics);
    names_fini(&l->topic_names);
}
