/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the check: the walk, what it knows, and how a fault is told. */
#ifndef STEPFLEET_CHECK_INTERNAL_H
#define STEPFLEET_CHECK_INTERNAL_H

#include "coordinator/check/check.h"
#include "coordinator/store/codec.h"
#include "coordinator/store/keys.h"
#include "proto/base/arena.h"

/* Numbers that rows refer to without a key that could be asked for: sorted before the walk. */
struct numbers {
    struct number {
        uint64_t account;
        uint64_t number;
    } * items;
    size_t count;
    size_t cap;
};

/* The execution whose records go by. */
struct passing {
    bool any;
    bool broken; /* told already: what follows from it is not told, too */
    uint64_t account;
    uint64_t id;
    uint64_t sequence;   /* next */
    uint64_t next_event; /* id of the next history event */
    struct execution_header first;
    struct execution_header last;
    struct arena arena; /* record 0 */
    struct key key;     /* of the last record */
};

/* The messages of one generation. */
struct counting {
    bool any;
    uint64_t account;
    uint64_t generation;
    uint64_t count;
    uint64_t highest;
    struct queue_place first;
    struct key key; /* of the last message */
};

struct check {
    struct store *store;
    const struct check_hooks *hooks;
    struct check_report *report;
    struct numbers machines;
    struct numbers queues;      /* numbers of queues, and of those that are being swept */
    struct numbers generations; /* likewise */
    struct passing passing;
    struct counting counting;
    struct arena arena; /* of one row */
    struct buf value;   /* of another row, for who looks at one */
    enum store_cf cf;   /* of the row being looked at */
    struct slice key;
    uint64_t rows;
    enum err_code rc; /* not OK: the walk ends */
    struct err err;
};

void numbers_add(struct numbers *n, uint64_t account, uint64_t number);
void numbers_sort(struct numbers *n);
bool numbers_has(const struct numbers *n, uint64_t account, uint64_t number);

/* The row being looked at is wrong. */
void check_fault(struct check *c, const char *follows, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Another one is. */
void check_fault_at(struct check *c,
                    enum store_cf cf,
                    struct slice key,
                    const char *follows,
                    const char *fmt,
                    ...) __attribute__((format(printf, 5, 6)));
/* True where the decoder took it; else that is told. */
bool check_decoded(struct check *c, enum err_code rc, const struct err *err);
/* Is there a row of that key? Its value is in c->value. */
bool check_has(struct check *c, enum store_cf cf, struct key key);

/* Of each kind, one row. */
typedef void check_row(struct check *c, const struct row_key *k, struct slice value);
extern check_row check_name, check_index, check_record, check_timer;
extern check_row check_queue, check_queue_last, check_message, check_message_state,
    check_queue_counter;
extern check_row check_dedup, check_moves, check_topic, check_subscription, check_delivery;
extern check_row check_empty; /* rows whose key says it all */
extern check_row check_job, check_job_run, check_job_run_id, check_job_line, check_job_open;
extern check_row check_job_sizes, check_job_piece;

/* Behind the last record, and the last message. */
void check_record_end(struct check *c);
void check_message_end(struct check *c);

#endif
