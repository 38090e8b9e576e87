/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/trigger/topic.h"

#include "proto/base/limits.h"
#include "proto/base/text.h"

static enum err_code refuse(struct err *err, const char *why)
{
    return err_set(err, ERR_TOPIC_PARAMETER, "Invalid parameter: %s", why);
}

/* ---- names ---- */

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool topic_is_name(struct slice name, bool *fifo)
{
    static const struct slice end = SLICE_INIT(".fifo");
    struct slice plain = name;

    *fifo = slice_ends_with(name, end);
    plain.len -= *fifo ? end.len : 0;
    for (size_t i = 0; i < plain.len; i++) {
        if (!is_letter_or_digit(plain.ptr[i]) && plain.ptr[i] != '-' && plain.ptr[i] != '_') {
            return false;
        }
    }
    return plain.len != 0 && name.len <= LIMIT_TOPIC_NAME_CHARS;
}

/* ---- attributes of messages ---- */

/* A character that a name may not have, as messages show it. */
static enum err_code bad_character(struct slice name, size_t at, struct err *err)
{
    return err_set(err, ERR_TOPIC_VALUE,
                   "Invalid non-alphanumeric character '#x%X' was found in the message attribute "
                   "name. Can only include alphanumeric characters, hyphens, underscores, or dots.",
                   (unsigned)(uint8_t)name.ptr[at]);
}

static enum err_code check_name(struct slice name, struct err *err)
{
    if (name.len == 0 || name.len > LIMIT_TOPIC_NAME_CHARS) {
        return err_set(err, ERR_TOPIC_VALUE,
                       "Length of message attribute name must be less than 256 bytes.");
    }
    if (name.ptr[0] == '.') {
        return err_set(err, ERR_TOPIC_VALUE,
                       "Invalid message attribute name starting with character '.' was found.");
    }
    if (name.ptr[name.len - 1] == '.') {
        return err_set(err, ERR_TOPIC_VALUE,
                       "Invalid message attribute name ending with character '.' was found.");
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (!is_letter_or_digit(c) && c != '-' && c != '_' && c != '.') {
            return bad_character(name, i, err);
        }
        if (c == '.' && name.ptr[i - 1] == '.') {
            return err_set(err, ERR_TOPIC_VALUE,
                           "Message attribute name can not have successive '.' character.");
        }
    }
    return OK;
}

/* "String", or "String." and more. */
static bool is_of_type(struct slice type, const char *name)
{
    struct slice base = slice_str(name);

    return slice_starts_with(type, base) && (type.len == base.len || type.ptr[base.len] == '.');
}

static enum err_code check_attribute(const struct topic_attribute *a, struct err *err)
{
    bool binary = is_of_type(a->type, "Binary");
    enum err_code rc = check_name(a->name, err);

    if (rc != OK) {
        return rc;
    }
    if (!binary && !is_of_type(a->type, "String") && !is_of_type(a->type, "Number")) {
        return err_set(err, ERR_TOPIC_VALUE,
                       "The message attribute '%.*s' has an invalid message attribute type, the "
                       "set of supported type prefixes is Binary, Number, and String.",
                       SLICE_FMT(a->name));
    }
    if (a->value.ptr != NULL && a->binary != binary) {
        return err_set(err, ERR_TOPIC_VALUE,
                       "The message attribute '%.*s' with type '%.*s' must use field '%s'.",
                       SLICE_FMT(a->name), SLICE_FMT(slice_head(a->type, 200)),
                       binary ? "Binary" : "String");
    }
    if (a->value.len == 0) {
        return err_set(err, ERR_TOPIC_VALUE,
                       "The message attribute '%.*s' must contain non-empty message attribute "
                       "value for message attribute type '%.*s'.",
                       SLICE_FMT(a->name), SLICE_FMT(slice_head(a->type, 200)));
    }
    if (is_of_type(a->type, "Number") && !text_is_number(a->value)) {
        return err_set(err, ERR_TOPIC_VALUE,
                       "Could not cast message attribute '%.*s' value to number.",
                       SLICE_FMT(a->name));
    }
    return OK;
}

/* ---- messages ---- */

/* 1..100 characters of ASCII without line breaks and controls, the first no space. */
static bool is_subject(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < ' ' || s.ptr[i] > '~') {
            return false;
        }
    }
    return s.len != 0 && s.len <= LIMIT_TOPIC_SUBJECT_CHARS && s.ptr[0] != ' ';
}

size_t topic_message_bytes(const struct topic_message *m)
{
    size_t bytes = m->body.len;

    for (size_t i = 0; i < m->attribute_count; i++) {
        const struct topic_attribute *a = &m->attributes[i];

        bytes += a->name.len + a->type.len + a->value.len;
    }
    return bytes;
}

enum err_code topic_message_check(const struct topic_message *m, struct err *err)
{
    if (m->subject.ptr != NULL && !is_subject(m->subject)) {
        return refuse(err, "Subject");
    }
    if (m->body.len == 0) {
        return refuse(err, "Empty message");
    }
    for (size_t i = 0; i < m->attribute_count; i++) {
        enum err_code rc = check_attribute(&m->attributes[i], err);

        if (rc != OK) {
            return rc;
        }
    }
    return topic_message_bytes(m) <= LIMIT_PAYLOAD_BYTES ? OK : refuse(err, "Message too long");
}

enum err_code
topic_body_of(struct slice structured, struct arena *a, struct slice *out, struct err *err)
{
    const struct json_node *v = NULL;
    const struct json_node *text;

    if (json_parse(structured, a, &v, NULL) != OK || !json_is(v, JSON_OBJECT)) {
        return refuse(err, "Message Structure - JSON message body failed to parse");
    }
    text = json_member(v, SLICE("default"));
    if (!json_is(text, JSON_STRING)) {
        return refuse(err, "Message Structure - No default entry in JSON message body");
    }
    v = json_member(v, SLICE("sqs"));
    *out = json_text(json_is(v, JSON_STRING) ? v : text);
    return OK;
}

/* ---- subscriptions ---- */

static enum err_code bad_value(struct err *err,
                               const char *before,
                               const char *name,
                               struct slice value,
                               const char *wanted)
{
    return err_set(err, ERR_TOPIC_PARAMETER, "%s%s: Invalid value [%.*s]. %s", before, name,
                   SLICE_FMT(slice_head(value, 200)), wanted);
}

/* Texts of an ARN, as far as anybody looks at them here. */
static bool is_queue_arn(struct slice s)
{
    size_t colons = 0;

    for (size_t i = 0; i < s.len; i++) {
        colons += s.ptr[i] == ':' ? 1 : 0;
    }
    return colons == 5 && slice_starts_with(s, SLICE("arn:")) && s.ptr[s.len - 1] != ':';
}

struct slice subscription_dead_letters(struct slice redrive, struct arena *a)
{
    const struct json_node *v = NULL;

    if (redrive.len == 0 || json_parse(redrive, a, &v, NULL) != OK) {
        return SLICE("");
    }
    return json_text(json_member(v, SLICE("deadLetterTargetArn")));
}

static enum err_code check_redrive(struct slice value, const char *before, struct err *err)
{
    const struct json_node *v = NULL;
    struct arena a = {0};
    enum err_code rc = OK;

    if (json_parse(value, &a, &v, NULL) != OK) {
        rc = err_set(err, ERR_TOPIC_PARAMETER, "%sRedrivePolicy: failed to parse JSON.", before);
    } else if (!is_queue_arn(json_text(json_member(v, SLICE("deadLetterTargetArn"))))) {
        rc = err_set(err, ERR_TOPIC_PARAMETER,
                     "%sRedrivePolicy: deadLetterTargetArn is an invalid arn", before);
    }
    arena_fini(&a);
    return rc;
}

static bool is_flag(struct slice value, const char *lower, const char *upper)
{
    return slice_eq_str(value, lower) || slice_eq_str(value, upper);
}

/* One attribute of those there are; the filter is looked at by subscription_set(). */
static enum err_code set_one(struct subscription_settings *s,
                             struct slice name,
                             struct slice value,
                             const char *before,
                             struct err *err)
{
    if (slice_eq_str(name, "RawMessageDelivery")) {
        s->raw = is_flag(value, "true", "True");
        return s->raw || is_flag(value, "false", "False")
                   ? OK
                   : bad_value(err, before, "RawMessageDelivery", value, "Must be true or false.");
    }
    if (slice_eq_str(name, "FilterPolicyScope")) {
        s->by_body = slice_eq_str(value, "MessageBody");
        return s->by_body || slice_eq_str(value, "MessageAttributes")
                   ? OK
                   : bad_value(err, before, "FilterPolicyScope", value,
                               "Please use either MessageBody or MessageAttributes");
    }
    if (slice_eq_str(name, "FilterPolicy")) {
        s->filter = slice_eq_str(value, "{}") ? SLICE("") : value;
        return OK;
    }
    if (slice_eq_str(name, "RedrivePolicy")) {
        s->redrive = value;
        return value.len == 0 ? OK : check_redrive(value, before, err);
    }
    return err_set(err, ERR_TOPIC_PARAMETER, "%sAttributeName", before);
}

enum err_code subscription_set(struct subscription_settings *s,
                               struct slice name,
                               struct slice value,
                               const char *before,
                               struct err *err)
{
    struct subscription_settings changed = *s;
    const struct pattern *filter;
    struct arena a = {0};
    struct err why;
    enum err_code rc = set_one(&changed, name, value, before, err);

    if (rc == OK && subscription_filter(&changed, &a, &filter, &why) != OK) {
        rc = err_set(err, ERR_TOPIC_PARAMETER, "%s%.900s", before, why.msg);
    }
    if (rc == OK) {
        *s = changed;
    }
    arena_fini(&a);
    return rc;
}

enum err_code subscription_filter(const struct subscription_settings *s,
                                  struct arena *a,
                                  const struct pattern **out,
                                  struct err *err)
{
    if (s->filter.len == 0) {
        *out = NULL;
        return OK;
    }
    return pattern_compile(s->filter, s->by_body ? PATTERN_SNS_BODY : PATTERN_SNS_ATTRIBUTES, a,
                           out, err);
}

/* ---- who gets it ---- */

/* A list that is none, and a number that JSON would not take, stay the text they are. */
static const struct json_node *attribute_value(const struct topic_attribute *t, struct arena *a)
{
    bool list = slice_eq_str(t->type, "String.Array");
    const struct json_node *v = NULL;

    if ((list || is_of_type(t->type, "Number")) && json_parse(t->value, a, &v, NULL) == OK &&
        (list || json_is(v, JSON_NUMBER))) {
        return v;
    }
    return json_string(a, t->value);
}

static const struct json_node *view_attributes(const struct topic_view *v)
{
    struct json_builder b = json_build_object(v->a);

    for (size_t i = 0; i < v->message->attribute_count; i++) {
        const struct topic_attribute *t = &v->message->attributes[i];

        if (!is_of_type(t->type, "Binary")) {
            json_put(&b, t->name, attribute_value(t, v->a));
        }
    }
    return json_built(&b);
}

static const struct json_node *view_body(const struct topic_view *v)
{
    const struct json_node *body = NULL;

    return json_parse(v->message->body, v->a, &body, NULL) == OK ? body : json_null();
}

bool topic_wanted(struct topic_view *v, const struct pattern *filter, bool by_body)
{
    if (filter == NULL) {
        return true;
    }
    if (by_body && v->body == NULL) {
        v->body = view_body(v);
    }
    if (!by_body && v->attributes == NULL) {
        v->attributes = view_attributes(v);
    }
    return pattern_matches(filter, by_body ? v->body : v->attributes);
}

/* ---- the envelope ---- */

static void put_member(struct buf *out, const char *name, struct slice value, const char *end)
{
    buf_printf(out, "  \"%s\" : ", name);
    json_write_string(value, out);
    buf_put_str(out, end);
}

static void put_attributes(const struct topic_message *m, struct arena *a, struct buf *out)
{
    buf_put_str(out, ",\n  \"MessageAttributes\" : {\n");
    for (size_t i = 0; i < m->attribute_count; i++) {
        const struct topic_attribute *t = &m->attributes[i];

        buf_put_str(out, "    ");
        json_write_string(t->name, out);
        buf_put_str(out, " : {\"Type\":");
        json_write_string(t->type, out);
        buf_put_str(out, ",\"Value\":");
        json_write_string(t->binary ? text_base64(t->value, a) : t->value, out);
        buf_put_str(out, i + 1 < m->attribute_count ? "},\n" : "}\n");
    }
    buf_put_str(out, "  }");
}

void topic_envelope(const struct topic_message *m,
                    struct slice subscription_arn,
                    struct slice endpoint,
                    struct arena *a,
                    struct buf *out)
{
    static const char next[] = ",\n";

    buf_put_str(out, "{\n");
    put_member(out, "Type", SLICE("Notification"), next);
    put_member(out, "MessageId", m->id, next);
    if (m->sequence.len != 0) {
        put_member(out, "SequenceNumber", m->sequence, next);
    }
    put_member(out, "TopicArn", m->topic_arn, next);
    if (m->subject.ptr != NULL) {
        put_member(out, "Subject", m->subject, next);
    }
    put_member(out, "Message", m->body, next);
    put_member(out, "Timestamp", text_time(m->time_ms, a), next);
    put_member(out, "SignatureVersion", SLICE("1"), next);
    put_member(out, "Signature", SLICE(""), next);
    put_member(out, "SigningCertURL", SLICE(""), next);
    put_member(out, "UnsubscribeURL",
               arena_printf(a, "%.*s/?Action=Unsubscribe&SubscriptionArn=%.*s", SLICE_FMT(endpoint),
                            SLICE_FMT(subscription_arn)),
               "");
    if (m->attribute_count != 0) {
        put_attributes(m, a, out);
    }
    buf_put_str(out, "\n}");
}
