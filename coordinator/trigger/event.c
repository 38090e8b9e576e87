/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/trigger/event.h"

#include "proto/base/text.h"

enum { TIME_BYTES = 14, SECONDS_BYTES = 19 /* "2026-11-23T05:14:00" */ };

static struct slice seconds_text(int64_t ms, struct arena *a)
{
    return arena_printf(a, "%.*sZ", SECONDS_BYTES, text_time(ms, a).ptr);
}

const struct json_node *
event_make(const struct event_head *head, const struct json_node *detail, struct arena *a)
{
    struct json_builder b = json_build_object(a);
    struct slice account = arena_printf(a, "%012llu", (unsigned long long)head->account);

    json_put(&b, SLICE("version"), json_string(a, SLICE("0")));
    json_put(&b, SLICE("id"), json_string(a, head->id));
    json_put(&b, SLICE("detail-type"), json_string(a, head->detail_type));
    json_put(&b, SLICE("source"), json_string(a, head->source));
    json_put(&b, SLICE("account"), json_string(a, account));
    json_put(&b, SLICE("time"), json_string(a, seconds_text(head->time_ms, a)));
    json_put(&b, SLICE("region"), json_string(a, head->region));
    json_put(&b, SLICE("resources"), head->resources);
    json_put(&b, SLICE("detail"), detail);
    return json_built(&b);
}

size_t event_entry_bytes(const struct event_entry *e)
{
    size_t bytes = e->source.len + e->detail_type.len + e->detail.len;

    for (size_t i = 0; i < e->resource_count; i++) {
        bytes += slice_str(e->resources[i]).len;
    }
    return bytes + (e->has_time ? TIME_BYTES : 0);
}

static struct event_fault missing(const char *name, struct arena *a)
{
    return (struct event_fault){
        "InvalidArgument",
        arena_printf(a, "Parameter %s is not valid. Reason: %s is a required argument.", name,
                     name)};
}

struct event_fault
event_entry_check(const struct event_entry *e, struct arena *a, const struct json_node **detail)
{
    if (e->source.len == 0) {
        return missing("Source", a);
    }
    if (e->detail_type.len == 0) {
        return missing("DetailType", a);
    }
    if (e->detail.len == 0) {
        return missing("Detail", a);
    }
    if (slice_starts_with(e->source, SLICE("aws."))) {
        return (struct event_fault){"NotAuthorizedForSourceException",
                                    SLICE("Not authorized for the source.")};
    }
    if (json_parse(e->detail, a, detail, NULL) != OK || !json_is(*detail, JSON_OBJECT)) {
        return (struct event_fault){"MalformedDetail", SLICE("Detail is malformed.")};
    }
    return (struct event_fault){NULL, SLICE("")};
}
