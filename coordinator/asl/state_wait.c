/* SPDX-License-Identifier: Apache-2.0 */
/* Wait: for Seconds or until a Timestamp, either as a literal or read from the input.
 * Source: Amazon States Language, states. */
#include "coordinator/asl/jsonpath.h"
#include "coordinator/asl/parse.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

static void parse_timestamp(const struct parse_at *at, struct asl_wait *w)
{
    if (parse_string(at, "Timestamp", &w->text) && !text_parse_time(w->text, &w->timestamp_ms)) {
        parse_error(at, "Timestamp", "String does not match RFC3339 timestamp");
    }
}

void state_wait_parse(const struct parse_at *at, struct asl_state *st)
{
    static const char *const names[] = {"Seconds", "SecondsPath", "Timestamp", "TimestampPath",
                                        NULL};
    struct asl_wait *w = &st->wait;

    switch (parse_one_of(at, names, false)) {
    case 0:
        w->is = ASL_WAIT_SECONDS;
        parse_integer(at, "Seconds", 0, LIMIT_TIMEOUT_SECONDS, &w->seconds);
        break;
    case 1:
        w->is = ASL_WAIT_SECONDS_PATH;
        w->text = parse_reference_path(at, "SecondsPath", &w->path) ? w->path->text : w->text;
        break;
    case 2:
        w->is = ASL_WAIT_TIMESTAMP;
        parse_timestamp(at, w);
        break;
    case 3:
        w->is = ASL_WAIT_TIMESTAMP_PATH;
        w->text = parse_reference_path(at, "TimestampPath", &w->path) ? w->path->text : w->text;
        break;
    }
}
