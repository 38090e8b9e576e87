/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the column family QUEUE: queues, their messages, what is known of those that were
 * received, counters, deduplication, move tasks. As in codec.h: a version byte, then the members;
 * decoded slices borrow from the bytes, arrays are in `a`. A later version is ERR_VERSION, what
 * cannot be is ERR_CORRUPT. */
#ifndef STEPFLEET_STORE_ROW_QUEUE_H
#define STEPFLEET_STORE_ROW_QUEUE_H

#include "coordinator/trigger/dedup.h"
#include "coordinator/trigger/queue.h"
#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"

/* What CreateQueue and SetQueueAttributes can say. */
struct queue_attributes {
    bool fifo;
    bool content_dedup;  /* ContentBasedDeduplication */
    bool dedup_by_group; /* DeduplicationScope: messageGroup */
    bool limit_by_group; /* FifoThroughputLimit: perMessageGroupId */
    bool sse;            /* SqsManagedSseEnabled */
    uint32_t visibility_s;
    uint32_t retention_s;
    uint32_t delay_s;
    uint32_t wait_s;
    uint32_t message_bytes;
    uint32_t kms_reuse_s; /* 0: not given, as with those below */
    struct slice policy;  /* JSON texts, as they were given */
    struct slice redrive_policy;
    struct slice redrive_allow;
    struct slice kms_key;
    /* Read from redrive_policy: */
    struct slice dead_letters; /* name of the queue */
    uint32_t max_receives;
};

struct queue_row {
    uint64_t number;     /* of the queue: never given again */
    uint64_t generation; /* its messages are under: a purge gives it another */
    int64_t created_ms;
    int64_t updated_ms;
    int64_t purged_ms;
    struct queue_attributes attributes;
};
void queue_row_encode(const struct queue_row *r, struct buf *out);
enum err_code queue_row_decode(struct slice bytes, struct queue_row *out, struct err *err);

enum { MESSAGE_MD5_BYTES = 16 };

/* A message as it was sent: written once. */
struct message_row {
    uint8_t id[16]; /* a UUID's bytes */
    int64_t sent_ms;
    struct slice sender;
    struct slice group; /* empty: none, as with those below */
    struct slice dedup;
    struct slice trace;      /* AWSTraceHeader */
    struct slice source;     /* name of the queue whose dead letter it is */
    struct slice attributes; /* message_attributes_encode() */
    struct slice body_md5;   /* 16 bytes: who receives it is told, as often as that happens */
    struct slice body;
};
void message_row_encode(const struct message_row *r, struct buf *out);
enum err_code message_row_decode(struct slice bytes, struct message_row *out, struct err *err);

struct message_attribute {
    struct slice name;
    struct slice type;
    bool binary;
    struct slice value;
};
void message_attributes_encode(const struct message_attribute *items, size_t n, struct buf *out);
enum err_code message_attributes_decode(struct slice bytes,
                                        struct arena *a,
                                        struct message_attribute **items,
                                        size_t *n,
                                        struct err *err);

/* Of a message that was received; its place is in the key. */
void queue_state_encode(const struct queue_state *s, struct buf *out);
enum err_code queue_state_decode(struct slice bytes, struct queue_state *out, struct err *err);

struct queue_counter_row {
    uint64_t total;
    uint64_t last_number;
    int64_t time_ms;         /* when it was written */
    struct queue_place head; /* no message has rows before it */
};
void queue_counter_encode(const struct queue_counter_row *r, struct buf *out);
enum err_code
queue_counter_decode(struct slice bytes, struct queue_counter_row *out, struct err *err);

/* All that one batch added: numbers from the key's on. */
struct dedup_entry {
    struct dedup_key key;
    uint64_t number;
};
struct dedup_row {
    int64_t until_ms; /* of the last of them */
    const struct dedup_entry *items;
    size_t count;
};
void dedup_row_encode(const struct dedup_row *r, struct buf *out);
enum err_code
dedup_row_decode(struct slice bytes, struct arena *a, struct dedup_row *out, struct err *err);

enum move_status { MOVE_RUNNING = 1, MOVE_COMPLETED, MOVE_CANCELLED, MOVE_FAILED };
struct move_task {
    uint64_t id; /* among those of the queue */
    enum move_status status;
    int64_t started_ms;
    uint32_t per_second; /* 0: none was asked for */
    uint64_t moved;
    uint64_t to_move;
    struct slice destination; /* name; empty: where each message came from */
    struct slice reason;      /* why it failed */
};
struct move_row {
    const struct move_task *items; /* the newest first */
    size_t count;
};
void move_row_encode(const struct move_row *r, struct buf *out);
enum err_code
move_row_decode(struct slice bytes, struct arena *a, struct move_row *out, struct err *err);

#endif
