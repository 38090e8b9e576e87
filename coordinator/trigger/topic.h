/* SPDX-License-Identifier: Apache-2.0 */
/* Topics, as Amazon SNS has them: which messages may be published, which subscription wants one,
 * and what it then gets: the message itself (raw), or a Notification around it. Pure: ids and times
 * are the message's. What there is of topics and subscriptions is the ledger's.
 *
 * Errors are AWS's: ERR_TOPIC_PARAMETER, or ERR_TOPIC_VALUE of an attribute. Sources: Amazon SNS
 * API Reference and Developer Guide; recorded answers. */
#ifndef STEPFLEET_TRIGGER_TOPIC_H
#define STEPFLEET_TRIGGER_TOPIC_H

#include "coordinator/trigger/pattern.h"

/* 1..256 letters, digits, '-' and '_'; a FIFO topic's ends in ".fifo" besides. */
bool topic_is_name(struct slice name, bool *fifo);

/* ---- messages ---- */

struct topic_attribute {
    struct slice name;
    struct slice type; /* "String", "String.Array", "Number", "Binary", and what is below them */
    bool binary;       /* the value was given as bytes */
    struct slice value;
};

struct topic_message {
    struct slice topic_arn;
    struct slice id;       /* a UUID's text */
    struct slice sequence; /* of a FIFO topic: 20 digits; else empty */
    struct slice group;    /* MessageGroupId; empty: none. A FIFO topic's has one, and */
    struct slice dedup;    /* MessageDeduplicationId */
    struct slice subject;  /* ptr NULL: there is none */
    struct slice body;
    int64_t time_ms;
    const struct topic_attribute *attributes;
    size_t attribute_count;
};

/* May it be published? */
enum err_code topic_message_check(const struct topic_message *m, struct err *err);
/* Bytes of body and attributes, as AWS counts them. */
size_t topic_message_bytes(const struct topic_message *m);
/* Of a body with MessageStructure "json" what a queue gets: its member "sqs", else "default". */
enum err_code
topic_body_of(struct slice structured, struct arena *a, struct slice *out, struct err *err);

/* ---- subscriptions ---- */

struct subscription_settings {
    bool raw;             /* RawMessageDelivery */
    bool by_body;         /* FilterPolicyScope: MessageBody */
    struct slice filter;  /* FilterPolicy; empty: there is none */
    struct slice redrive; /* RedrivePolicy; empty: there is none */
};

/**
 * Set an attribute by name; `value` is borrowed for as long as *s lives.
 *
 * @param before  what messages begin with: "Invalid parameter: ", and at Subscribe more
 */
enum err_code subscription_set(struct subscription_settings *s,
                               struct slice name,
                               struct slice value,
                               const char *before,
                               struct err *err);
/* Its filter; *out NULL: it wants everything. */
enum err_code subscription_filter(const struct subscription_settings *s,
                                  struct arena *a,
                                  const struct pattern **out,
                                  struct err *err);
/* The queue a RedrivePolicy names; empty: none. */
struct slice subscription_dead_letters(struct slice redrive, struct arena *a);

/* ---- who gets it ---- */

/* A message as filters see it; read once for all of them. */
struct topic_view {
    const struct topic_message *message;
    struct arena *a;
    const struct json_node *attributes; /* NULL: not read yet, as below */
    const struct json_node *body;
};

/* `filter` NULL: yes. */
bool topic_wanted(struct topic_view *v, const struct pattern *filter, bool by_body);

/**
 * Append the Notification, as JSON. It is not signed: Signature and SigningCertURL are empty.
 *
 * @param endpoint  where one unsubscribes, "http://127.0.0.1:8083"
 */
void topic_envelope(const struct topic_message *m,
                    struct slice subscription_arn,
                    struct slice endpoint,
                    struct arena *a,
                    struct buf *out);

#endif
