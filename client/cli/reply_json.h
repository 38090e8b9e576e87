/* SPDX-License-Identifier: Apache-2.0 */
/* Replies as JSON: fields named as AWS's API where it has the name, times as ISO 8601 text in UTC,
 * and documents (input, output, definition) as AWS gives them: strings of JSON text. What is not
 * there is left out. Stable: fields are added, never changed. Everything lives in the arena or in
 * the reply. */
#ifndef STEPFLEET_CLI_REPLY_JSON_H
#define STEPFLEET_CLI_REPLY_JSON_H

#include "client/include/stepfleet.h"
#include "proto/base/json.h"

void reply_put_text(struct json_builder *b, const char *key, const char *text);
void reply_put_number(struct json_builder *b, const char *key, uint64_t number);
void reply_put_time(struct json_builder *b, const char *key, int64_t ms); /* left out where 0 */
void reply_put_bytes(struct json_builder *b, const char *key, struct stepfleet_bytes bytes);

const struct json_node *reply_machine(const struct stepfleet_machine *m, struct arena *a);
const struct json_node *reply_execution(const struct stepfleet_execution *e, struct arena *a);
const struct json_node *reply_worker(const struct stepfleet_worker *w, struct arena *a);
const struct json_node *reply_health(const struct stepfleet_health *h, struct arena *a);
const struct json_node *reply_job(const struct stepfleet_job *job, struct arena *a);
const struct json_node *reply_job_run(const struct stepfleet_job_run *r, struct arena *a);
/* A history event with its timestamp as text. */
const struct json_node *reply_history_event(const struct json_node *event, struct arena *a);
/* Its time in ms, whichever way it is written; 0: none. */
int64_t reply_event_ms(const struct json_node *event);

#endif
