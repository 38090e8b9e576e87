/* SPDX-License-Identifier: Apache-2.0 */
/* Topics and subscriptions: coordinator/trigger/topic.h decides, their rows are written here, and a
 * message that is published lies in all its queues with the batch of that turn, or in none. All of
 * them are in memory, filters compiled. */
#ifndef STEPFLEET_LEDGER_TOPIC_H
#define STEPFLEET_LEDGER_TOPIC_H

#include "coordinator/ledger/ledger.h"
#include "coordinator/store/row_topic.h"

struct ledger_topic {
    struct slice name;
    struct slice arn;
    bool fifo;
    struct topic_row row;      /* texts are borrowed until its next change */
    struct list subscriptions; /* ledger_subscription.link, in the order they were made */
    size_t subscription_count;
    /* The ledger's: */
    struct arena texts;
    struct hash_node by_name;
    char text[];
};

struct ledger_subscription {
    struct slice id; /* a UUID's text */
    struct slice arn;
    struct ledger_topic *topic;
    struct subscription_row row; /* likewise */
    struct list link;
    /* The ledger's: */
    const struct pattern *filter; /* NULL: it wants everything */
    struct arena texts;
    struct hash_node by_id;
    char text[];
};

struct ledger_topic *ledger_topic_find(const struct ledger *l, struct slice name);
/* By their names: where the page begins of those that begin with `prefix`, behind `after` (empty:
 * the first ones). */
size_t ledger_topic_page(const struct ledger *l, struct slice prefix, struct slice after);
/* The one at that place of all, until one is made or deleted; NULL: there are no more. */
struct ledger_topic *ledger_topic_at(const struct ledger *l, size_t i);
size_t ledger_topic_count(const struct ledger *l);
/* A new one; there is none of that name. */
struct ledger_topic *
ledger_topic_put(struct ledger *l, struct slice name, const struct topic_row *row);
/* Other attributes. */
void ledger_topic_set(struct ledger *l, struct ledger_topic *t, const struct topic_row *row);
/* With its subscriptions and tags. */
void ledger_topic_delete(struct ledger *l, struct ledger_topic *t);

struct ledger_subscription *ledger_subscription_find(const struct ledger *l, struct slice id);
/* That of a queue to a topic; NULL: there is none. */
struct ledger_subscription *ledger_subscription_of(const struct ledger_topic *t,
                                                   struct slice queue);
size_t ledger_subscription_count(const struct ledger *l);
/* All of them, sorted by id, in the turn's arena. */
struct ledger_subscription **ledger_subscriptions(struct ledger *l, size_t *count);
/* Settings were accepted by subscription_set(). */
struct ledger_subscription *ledger_subscribe(struct ledger *l,
                                             struct ledger_topic *t,
                                             struct slice queue,
                                             const struct subscription_settings *s);
void ledger_subscription_set(struct ledger *l,
                             struct ledger_subscription *s,
                             const struct subscription_settings *settings);
void ledger_unsubscribe(struct ledger *l, struct ledger_subscription *s);

/* Can all FIFO queues it delivers to remember one message more? */
bool ledger_topic_accepts(const struct ledger *l, const struct ledger_topic *t);
/**
 * Publish a message that topic_message_check() accepts. Its topic_arn, id and time are made here,
 * and of a FIFO topic its sequence. A FIFO queue knows a repeat by its deduplication id; a standard
 * one, to which a FIFO topic may deliver, gets it again.
 *
 * What a queue cannot take (it is gone, it takes no such message) goes to the subscription's own
 * dead-letter queue, or nowhere, as with AWS.
 */
void ledger_topic_publish(struct ledger *l, struct ledger_topic *t, struct topic_message *m);

/* ---- Between the ledger's own files ---- */

enum err_code topics_load(struct ledger *l, struct err *err);
void topics_free(struct ledger *l);

#endif
