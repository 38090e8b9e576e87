/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/ledger/log_rule.h"

#include <string.h>

#include "proto/base/json.h"

enum { GROUP_BYTES_MAX = 200 }; /* AWS: 512; it names a file here */

static enum err_code
read_level(const struct json_node *v, enum log_rule_level *out, struct err *err)
{
    static const char *const names[] = {
        [LOG_RULE_OFF] = "OFF",
        [LOG_RULE_FATAL] = "FATAL",
        [LOG_RULE_ERROR] = "ERROR",
        [LOG_RULE_ALL] = "ALL",
    };
    const struct json_node *level = json_member(v, SLICE("level"));

    *out = LOG_RULE_OFF;
    if (level == NULL) {
        return OK;
    }
    for (int i = LOG_RULE_OFF; i <= LOG_RULE_ALL; i++) {
        if (json_is(level, JSON_STRING) && slice_eq_str(json_text(level), names[i])) {
            *out = (enum log_rule_level)i;
            return OK;
        }
    }
    return err_set(err, ERR_VALIDATION,
                   "1 validation error detected: Value '%.*s' at 'loggingConfiguration.level' "
                   "failed to satisfy constraint: Member must satisfy enum value set: [ALL, ERROR, "
                   "FATAL, OFF]",
                   SLICE_FMT(slice_head(json_text(level), 100)));
}

static bool is_group_name(struct slice s)
{
    bool good = s.len != 0 && s.len <= GROUP_BYTES_MAX;

    for (size_t i = 0; i < s.len && good; i++) {
        char c = s.ptr[i];

        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               memchr("._-/#", c, 5) != NULL;
    }
    return good;
}

/* "arn:PARTITION:logs:REGION:ACCOUNT:log-group:NAME:*"; empty where it is none. */
static struct slice group_of(struct slice arn)
{
    struct slice parts[7] = {{NULL, 0}};

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        size_t colon = slice_find(arn, ':');

        parts[i] = slice_head(arn, colon);
        arn = slice_from(arn, colon + 1);
    }
    return slice_eq_str(parts[0], "arn") && slice_eq_str(parts[2], "logs") &&
                   slice_eq_str(parts[5], "log-group")
               ? parts[6]
               : (struct slice){NULL, 0};
}

static enum err_code
read_group(const struct json_node *v, struct arena *a, struct slice *out, struct err *err)
{
    const struct json_node *destinations = json_member(v, SLICE("destinations"));
    const struct json_node *group;

    if (!json_is(destinations, JSON_ARRAY) || json_count(destinations) != 1) {
        return err_set(err, ERR_LOGGING,
                       "Invalid Logging Configuration: Must specify exactly one Log Destination.");
    }
    group = json_member(json_first(destinations), SLICE("cloudWatchLogsLogGroup"));
    *out = group_of(json_text(json_member(group, SLICE("logGroupArn"))));
    if (!is_group_name(*out)) {
        return err_set(err, ERR_LOGGING,
                       "Invalid Logging Configuration: Log Destination not found.");
    }
    *out = arena_copy(a, *out);
    return OK;
}

enum err_code
log_rule_read(struct slice configuration, struct arena *a, struct log_rule *out, struct err *err)
{
    struct log_rule rule = {.level = LOG_RULE_OFF};
    const struct json_node *v;
    enum err_code rc;

    *out = rule;
    if (configuration.len == 0) {
        return OK;
    }
    if (json_parse(configuration, a, &v, NULL) != OK || !json_is(v, JSON_OBJECT)) {
        return err_set(err, ERR_LOGGING, "Invalid Logging Configuration: it must be an object");
    }
    rc = read_level(v, &rule.level, err);
    if (rc == OK && rule.level != LOG_RULE_OFF) {
        rule.with_data = json_is(json_member(v, SLICE("includeExecutionData")), JSON_TRUE);
        rc = read_group(v, a, &rule.group, err);
    }
    if (rc == OK) {
        *out = rule;
    }
    return rc;
}

bool log_rule_wants(enum log_rule_level level, enum history_type type)
{
    static const char *const ends[] = {"Failed", "TimedOut", "Aborted"};
    struct slice name = slice_str(history_type_name(type));
    bool bad = false;

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        bad = bad || slice_ends_with(name, slice_str(ends[i]));
    }
    switch (level) {
    case LOG_RULE_OFF: return false;
    case LOG_RULE_FATAL: return bad && slice_starts_with(name, SLICE("Execution"));
    case LOG_RULE_ERROR: return bad || type == HISTORY_FAIL_STATE_ENTERED;
    case LOG_RULE_ALL: break;
    }
    return true;
}
