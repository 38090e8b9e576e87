/* SPDX-License-Identifier: Apache-2.0 */
/* Load from one thread: connections with one request each in flight, over and over. What is asked
 * and how an answer looks is the tongue's affair: AWS's JSON over HTTP (talk_aws.c), beanstalkd's
 * and Redis's protocols (talk_queue.c). A *round* is what counts: one start, or messages sent,
 * received and deleted. */
#ifndef STEPFLEET_BENCH_TALK_H
#define STEPFLEET_BENCH_TALK_H

#include "proto/base/buf.h"
#include "tests/bench/load.h"

enum { TALK_BATCH_MOST = 10, TALK_BODY_BYTES = 1024, TALK_HANDLE_BYTES = 512 };

struct talk {
    int fd; /* -1: to be opened before the next request */
    unsigned number;
    unsigned step;  /* the tongue's; 0: a round begins */
    uint64_t round; /* how many it has begun */
    int64_t begun_ns;
    struct buf in;
    struct buf out;
    bool ended; /* the other side closed it */
    /* What the tongue keeps for a round's last request: */
    unsigned handles;
    char handle[TALK_BATCH_MOST][TALK_HANDLE_BYTES];
};

struct talk_plan;

struct talk_tongue {
    /* Append the next request, as t->step says. */
    void (*ask)(const struct talk_plan *p, struct talk *t);
    /* Is the answer in t->in whole? bench_die() where it is a refusal. */
    bool (*is_whole)(const struct talk *t);
    /* It is: t->step moves on. @return how many things a round's end has brought about */
    unsigned (*heard)(const struct talk_plan *p, struct talk *t);
};

struct talk_plan {
    const struct talk_tongue *tongue;
    uint16_t port;
    unsigned connections;
    int64_t warm_ms;
    int64_t run_ms;
    struct slice start; /* of starts: the whole request */
    const char *queue;  /* of SQS: the first one's URL; the others' have 1, 2 ... behind it */
    unsigned queues;    /* connections take them in turn */
    unsigned batch;     /* messages a request */
    bool fifo;
    void (*window)(void); /* told when counting begins */
};

extern const struct talk_tongue talk_starts;
extern const struct talk_tongue talk_sqs;
extern const struct talk_tongue talk_beanstalk;
extern const struct talk_tongue talk_redis;

/* executions of *out are things; its times are those of rounds. */
void talk_run(const struct talk_plan *p, struct load_result *out);
/* ---- AWS's JSON over HTTP ---- */

/* A StartExecution; signed where key and secret are given: a signature is good for five minutes and
 * every repeat. In `a`. */
struct slice talk_aws_start(uint16_t port,
                            const char *machine,
                            const char *key,
                            const char *secret,
                            struct arena *a);

#endif
