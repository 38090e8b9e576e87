/* SPDX-License-Identifier: Apache-2.0 */
/* Events as EventBridge has them: their envelope, and what of PutEvents is one. Pure.
 *
 *   {"version":"0","id":..,"detail-type":..,"source":..,"account":..,"time":"2026-11-23T05:14:00Z",
 *    "region":..,"resources":[..],"detail":{..}}
 *
 * Sources: Amazon EventBridge, "Events" and PutEvents; recorded answers. */
#ifndef STEPFLEET_TRIGGER_EVENT_H
#define STEPFLEET_TRIGGER_EVENT_H

#include "proto/base/json.h"

struct event_head {
    struct slice id; /* a UUID's text */
    struct slice source;
    struct slice detail_type;
    struct slice region;
    uint64_t account;
    int64_t time_ms;
    const struct json_node *resources; /* an array of strings */
};

/* In `a`; texts of `head` and `detail` live as long. */
const struct json_node *
event_make(const struct event_head *head, const struct json_node *detail, struct arena *a);

/* An entry of PutEvents; what is empty was not given. */
struct event_entry {
    struct slice source;
    struct slice detail_type;
    struct slice detail; /* JSON text */
    const char *const *resources;
    size_t resource_count;
    bool has_time;
};

/* As AWS counts them. */
size_t event_entry_bytes(const struct event_entry *e);

/* Why an entry is no event, in AWS's words. */
struct event_fault {
    const char *code; /* NULL: it is one */
    struct slice message;
};
/* @param[out] detail  parsed, in `a`; it points into the entry's text */
struct event_fault
event_entry_check(const struct event_entry *e, struct arena *a, const struct json_node **detail);

#endif
