/* SPDX-License-Identifier: Apache-2.0 */
/* What a target gets instead of an event: the InputTemplate of a pipe, or a rule's
 * InputTransformer.
 *
 *   {"id": <$.body.id>, "said": "by <$.attributes.SenderId>", "all": <aws.pipes.event.json>}
 *
 * A placeholder outside of strings becomes the value as JSON. In a string it becomes text: that of
 * a string, and an object's or array's JSON without its quotes, as with AWS; what a string needs
 * escaped is (AWS leaves that out, and fails). Where there is no value it becomes an empty string.
 * A rule's placeholders are the names of its InputPathsMap; a pipe's are paths.
 *
 * Compiled once, applied to each record. Pure; paths are those of the language (asl). Sources:
 * Amazon EventBridge, input transformation of pipes and of rules; recorded answers. */
#ifndef STEPFLEET_TRIGGER_INPUT_TEMPLATE_H
#define STEPFLEET_TRIGGER_INPUT_TEMPLATE_H

#include "proto/base/json.h"

enum input_dialect { INPUT_PIPES, INPUT_RULES };

struct input_template;

/**
 * @param paths     the InputPathsMap of a rule: names to paths; NULL: none
 * @param[out] out  in `a`, with nothing of `text` and `paths`
 * @return OK; ERR_VALIDATION: too long; of a rule a placeholder or path that is none
 */
enum err_code input_template_compile(struct slice text,
                                     const struct json_node *paths,
                                     enum input_dialect dialect,
                                     struct arena *a,
                                     const struct input_template **out,
                                     struct err *err);

/* What placeholders can see. Texts may be empty. */
struct input_values {
    const struct json_node *event;  /* as it came in */
    const struct json_node *parsed; /* "$": of a pipe input_parse_body() of it, else the event */
    struct slice arn;               /* of the pipe or rule */
    struct slice name;
    struct slice source_arn;
    struct slice target_arn;
    struct slice enrichment_arn;
    int64_t ingestion_ms;
};

/* Append what it makes of an event; what is longer than any input may be is left off behind the
 * value that made it so. */
void input_template_apply(const struct input_template *t,
                          const struct input_values *v,
                          struct arena *a,
                          struct buf *out);

/* A record with its member `body` parsed where that is a text of JSON; else the record itself. */
const struct json_node *input_parse_body(const struct json_node *record, struct arena *a);

#endif
