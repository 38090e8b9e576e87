/* SPDX-License-Identifier: Apache-2.0 */
/* Wait: for Seconds or until a Timestamp, either as a literal or read from the input.
 * Source: Amazon States Language, states. */
#include "coordinator/asl/jsonpath.h"
#include "coordinator/asl/parse.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

static void parse_seconds(const struct parse_at *at, struct asl_wait *w)
{
    if (!parse_expression(at, "Seconds")) {
        parse_integer(at, "Seconds", 0, LIMIT_TIMEOUT_SECONDS, &w->seconds);
    }
}

static void parse_timestamp(const struct parse_at *at, struct asl_wait *w)
{
    if (!parse_expression(at, "Timestamp") && parse_string(at, "Timestamp", &w->text) &&
        !text_parse_time(w->text, &w->timestamp_ms)) {
        parse_error(at, "Timestamp", "String does not match RFC3339 timestamp");
    }
}

static void parse_wait_path(const struct parse_at *at, const char *field, struct asl_wait *w)
{
    if (at->language == ASL_JSONPATH && parse_reference_path(at, field, &w->path)) {
        w->text = w->path->text;
    }
}

void state_wait_parse(const struct parse_at *at, struct asl_state *st)
{
    static const char *const names[] = {"SecondsPath", "Seconds", "TimestampPath", "Timestamp",
                                        NULL};
    struct asl_wait *w = &st->wait;

    switch (parse_one_of(at, names, false)) {
    case 0:
        w->is = ASL_WAIT_SECONDS_PATH;
        parse_wait_path(at, "SecondsPath", w);
        break;
    case 1:
        w->is = ASL_WAIT_SECONDS;
        parse_seconds(at, w);
        break;
    case 2:
        w->is = ASL_WAIT_TIMESTAMP_PATH;
        parse_wait_path(at, "TimestampPath", w);
        break;
    case 3:
        w->is = ASL_WAIT_TIMESTAMP;
        parse_timestamp(at, w);
        break;
    }
}
