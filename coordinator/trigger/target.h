/* SPDX-License-Identifier: Apache-2.0 */
/* Targets of rules: what PutTargets may say of one, what it then gets of an event, and how often
 * and for how long a delivery that failed is tried again. Pure.
 *
 * Sources: Amazon EventBridge, PutTargets, "Event retry policy and dead-letter queues". */
#ifndef STEPFLEET_TRIGGER_TARGET_H
#define STEPFLEET_TRIGGER_TARGET_H

#include "coordinator/trigger/input_template.h"

/* As it was asked for; what is empty was not given. */
struct target_texts {
    struct slice arn;
    struct slice input; /* JSON: the input, whatever the event */
    struct slice input_path;
    struct slice transformer;  /* JSON texts: InputTransformer, */
    struct slice queue;        /* SqsParameters, */
    struct slice dead_letters; /* DeadLetterConfig, */
    struct slice retry;        /* RetryPolicy */
};

/* Where this coordinator's own things are. */
struct target_place {
    struct slice region;
    uint64_t account;
};

enum target_kind {
    TARGET_QUEUE,
    TARGET_TOPIC,
    TARGET_MACHINE,
    TARGET_HANDLER, /* a function that workers offer */
    TARGET_WEBHOOK, /* an API destination: "NAME/ID", or "NAME" */
};

struct target_retries {
    uint32_t most; /* after the first try */
    int64_t age_ms;
};

struct target {
    enum target_kind kind;
    struct slice name;                     /* of the queue, topic, machine or function */
    struct slice input;                    /* empty: as the template has it */
    const struct input_template *template; /* NULL: the event itself */
    struct slice group;                    /* of a FIFO queue's messages; empty: none */
    struct slice dead_letters;             /* name of the queue; empty: there is none */
    struct target_retries retries;
};

/* What the ARN names; false: nothing that can be a target here. */
bool target_of_arn(struct slice arn,
                   const struct target_place *place,
                   enum target_kind *kind,
                   struct slice *name);
/**
 * @param id         of the target, for messages
 * @param[out] out   in `a`; its texts are those of `t`
 * @return OK; ERR_VALIDATION in AWS's words
 */
enum err_code target_compile(const struct target_texts *t,
                             struct slice id,
                             const struct target_place *place,
                             struct arena *a,
                             struct target *out,
                             struct err *err);

/* The input it gets of an event; in `a`. Empty: the event's own text. */
struct slice target_input(const struct target *t, const struct input_values *v, struct arena *a);

/**
 * When is a delivery tried again that has failed so often (1: once)?
 *
 * @param chance       any number
 * @param[out] due_ms  waits double from a second to eight minutes, less up to half by chance: 185
 *                     of them are a day
 * @return NULL; or which of both is exhausted, as a dead letter says it
 */
const char *target_retry(const struct target_retries *r,
                         uint32_t tries,
                         int64_t created_ms,
                         int64_t now_ms,
                         uint64_t chance,
                         int64_t *due_ms);

#endif
