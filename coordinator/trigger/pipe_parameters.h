/* SPDX-License-Identifier: Apache-2.0 */
/* A pipe's SourceParameters and TargetParameters: read, checked as AWS checks them, and applied to
 * messages: a record of each, exactly as AWS gives it, that filters want or not, and that a
 * template may make the target's input of. Pure.
 *
 * Sources: Amazon EventBridge Pipes API Reference; User Guide: SQS as a source, filtering, input
 * transformation. */
#ifndef STEPFLEET_TRIGGER_PIPE_PARAMETERS_H
#define STEPFLEET_TRIGGER_PIPE_PARAMETERS_H

#include "coordinator/trigger/input_template.h"
#include "coordinator/trigger/pattern.h"
#include "coordinator/trigger/pipe.h"

enum { PIPE_FILTERS_MOST = 5 };

struct pipe_parameters {
    uint32_t batch_size;
    int64_t window_ms;
    bool waits;
    const struct pattern *filters[PIPE_FILTERS_MOST];
    size_t filter_count;                /* 0: all messages are wanted */
    const struct input_template *input; /* NULL: the record itself */
};

/**
 * Read both, JSON objects or empty texts.
 *
 * @param fifo      the source is a FIFO queue
 * @param[out] out  in `a`, with nothing of the texts
 * @return OK; ERR_VALIDATION, in AWS's words
 */
enum err_code pipe_parameters_read(struct slice source,
                                   struct slice target,
                                   bool fifo,
                                   struct arena *a,
                                   struct pipe_parameters *out,
                                   struct err *err);
/* Parameters as an update leaves them: each member of `fresh` is taken whole, the others stay; a
 * JSON object, in `a`. A text that is none and not empty is given back as it is, to be refused. */
struct slice pipe_parameters_merge(struct slice old, struct slice fresh, struct arena *a);

/* A message attribute. */
struct pipe_attribute {
    struct slice name;
    struct slice type;
    bool binary;
    struct slice value;
};

/* A message as it was received; texts are empty where there are none. */
struct pipe_message {
    struct slice id;
    struct slice handle;
    struct slice body;
    struct slice sender;
    struct slice queue_arn;
    struct slice region;
    struct slice trace;       /* AWSTraceHeader */
    struct slice dead_letter; /* ARN of the queue whose dead letter it is */
    struct slice group;
    struct slice dedup;
    struct slice sequence; /* FIFO: 20 digits */
    uint32_t receive_count;
    int64_t sent_ms;
    int64_t first_ms; /* received first */
    const struct pipe_attribute *attributes;
    size_t attribute_count;
};

const struct json_node *pipe_record(const struct pipe_message *m, struct arena *a);
bool pipe_is_wanted_record(const struct pipe_parameters *p,
                           const struct json_node *record,
                           struct arena *a);

/* What templates see beside the record. */
struct pipe_names {
    struct slice arn;
    struct slice name;
    struct slice source_arn;
    struct slice target_arn;
};
/* What the target gets of a record: JSON. */
struct slice pipe_input(const struct pipe_parameters *p,
                        const struct pipe_names *names,
                        int64_t now_ms,
                        const struct json_node *record,
                        struct arena *a);

#endif
