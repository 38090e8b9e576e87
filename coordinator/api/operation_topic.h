/* SPDX-License-Identifier: Apache-2.0 */
/* What the operations of topics share. One idea a file:
 *
 *   operation_topic.c         topics: create, delete, list, attributes
 *   operation_subscription.c  subscriptions
 *   operation_publish.c       publish, alone and in batches
 *
 * Source: Amazon SNS API Reference. */
#ifndef STEPFLEET_API_OPERATION_TOPIC_H
#define STEPFLEET_API_OPERATION_TOPIC_H

#include "coordinator/api/api.h"
#include "coordinator/ledger/topic.h"

enum { TOPIC_PAGE = 100, TOPIC_ARN_PARTS = 6 };

/* The topic of an ARN. ERR_TOPIC_PARAMETER: it is none of this coordinator's; ERR_TOPIC_NOT_FOUND.
 *
 * @param name  of the parameter, for messages */
enum err_code find_topic(struct api *a,
                         const char *name,
                         const char *arn,
                         struct ledger_topic **out,
                         struct err *err);
/* How many parts an ARN has, between its colons. */
size_t arn_elements(struct slice arn);
/* "Invalid parameter: NAME Reason: ..." where it is empty or has too few parts; else OK. */
enum err_code check_arn(const char *name, struct slice arn, struct err *err);

/* Of a FIFO topic: a message without an id of its own is known again by its body. */
bool topic_dedups_by_content(const struct ledger_topic *t);

/* One more attribute of a reply that has room for it; the value is copied. */
void topic_attribute_put(struct arena *a,
                         Stepfleet__TopicAttributesReply *r,
                         const char *name,
                         struct slice value);

#endif
