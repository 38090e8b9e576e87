/* SPDX-License-Identifier: Apache-2.0 */
/* What the operations of queues share. One idea a file:
 *
 *   operation_queue.c            queues: create, find, list, delete, purge, tags, attributes
 *   operation_queue_attribute.c  attributes as text, there and back, in AWS's words
 *   operation_queue_policy.c     permissions
 *   operation_message.c          send, delete, change visibility, each alone and in batches
 *   operation_message_attribute.c  attributes of messages, their digests
 *   operation_message_receive.c  receive, and the long poll
 *   operation_move.c             move tasks
 *
 * Source: Amazon SQS API Reference. */
#ifndef STEPFLEET_API_OPERATION_QUEUE_H
#define STEPFLEET_API_OPERATION_QUEUE_H

#include "coordinator/api/api.h"
#include "coordinator/ledger/queue.h"

/* The queue a URL, an ARN or a bare name means; ERR_QUEUE_DOES_NOT_EXIST. */
enum err_code
find_queue(struct api *a, const char *text, struct ledger_queue **out, struct err *err);
/* The name in an ARN of a queue of this coordinator's; empty: it is none. */
struct slice queue_arn_name(const struct api *a, struct slice arn);

/* Calls that wait for its messages fail: it is deleted. */
void message_polls_end(struct api *a, struct ledger_queue *q);

/* ---- attributes ---- */

void queue_attributes_default(struct queue_attributes *a, bool fifo);
/**
 * Put attributes into `a`, as CreateQueue and SetQueueAttributes have them. Texts lie in the turn's
 * arena or the request.
 *
 * @param name   of the queue
 * @return OK; ERR_QUEUE_ATTRIBUTE, ERR_QUEUE_VALUE, ERR_QUEUE_PARAMETER, in AWS's words
 */
enum err_code queue_attributes_read(struct api *api,
                                    struct slice name,
                                    Stepfleet__Tag *const *items,
                                    size_t count,
                                    struct queue_attributes *a,
                                    struct err *err);
/* The first of `items` that `a` has otherwise; NULL: none. */
const char *queue_attributes_differ(struct api *api,
                                    const struct queue_attributes *a,
                                    const struct queue_attributes *asked,
                                    Stepfleet__Tag *const *items,
                                    size_t count);
/* Those asked for by name. ERR_QUEUE_ATTRIBUTE. */
enum err_code queue_attributes_print(struct api *api,
                                     struct ledger_queue *q,
                                     char *const *names,
                                     size_t name_count,
                                     Stepfleet__QueueAttributesReply *out,
                                     struct err *err);
/* One list of tags in the making. */
void tag_push(struct arena *a,
              Stepfleet__Tag **items,
              size_t *n,
              const char *key,
              struct slice value);

/* ---- messages ---- */

enum { SEQUENCE_DIGITS = 20 };

/* MD5, for message_row.body_md5. */
struct slice message_digest(struct slice body, struct arena *a);
/* "5d41402abc4b2a76b9719d911017c592", NUL-terminated: of the body, as its row has it or, for
 * messages that no client sent, made here. */
char *message_body_md5(const struct message_row *m, struct arena *a);
/* ERR_QUEUE_PARAMETER: a queue of the other type has that parameter. */
enum err_code message_not_for_type(const char *value, const char *what, struct err *err);
/* Text that XML 1.0 can hold: of a body, or of an attribute. */
bool message_text_is_valid(struct slice s);
/* Attributes of a message, from JSON as SDKs send it, by name. ERR_QUEUE_PARAMETER.
 *
 * @param[out] bytes  what they count for the message's size */
enum err_code message_attributes_read(struct slice json,
                                      struct arena *a,
                                      struct message_attribute **items,
                                      size_t *n,
                                      size_t *bytes,
                                      struct err *err);
/* As SDKs compute it; "" where there are none. */
char *message_attributes_md5(const struct message_attribute *items, size_t n, struct arena *a);
struct slice
message_attributes_json(const struct message_attribute *items, size_t n, struct arena *a);
/* "10000000000000000042" and so on: 20 digits that grow. */
char *message_sequence(uint64_t number, struct arena *a);
char *message_uuid(const uint8_t id[16], struct arena *a);

#endif
