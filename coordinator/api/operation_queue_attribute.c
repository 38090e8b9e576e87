/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of queues, as texts of AWS's names. Source: Amazon SQS API Reference,
 * SetQueueAttributes; the wording of errors: recorded answers of AWS. */
#include <stdlib.h>
#include <string.h>

#include "coordinator/api/operation_queue.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

enum form { FORM_NUMBER, FORM_FLAG, FORM_CHOICE, FORM_TEXT };

struct attribute {
    const char *name;
    enum form form;
    bool fifo; /* of FIFO queues alone */
    size_t offset;
    uint32_t min;
    uint32_t max;
    const char *off; /* CHOICE: the texts of false and true */
    const char *on;
};

#define AT(member) offsetof(struct queue_attributes, member)

static const struct attribute table[] = {
    {"VisibilityTimeout", FORM_NUMBER, false, AT(visibility_s), 0, LIMIT_QUEUE_VISIBILITY_S, 0, 0},
    {"MessageRetentionPeriod", FORM_NUMBER, false, AT(retention_s), LIMIT_QUEUE_RETENTION_S_MIN,
     LIMIT_QUEUE_RETENTION_S_MAX, 0, 0},
    {"DelaySeconds", FORM_NUMBER, false, AT(delay_s), 0, LIMIT_QUEUE_DELAY_S, 0, 0},
    {"ReceiveMessageWaitTimeSeconds", FORM_NUMBER, false, AT(wait_s), 0, LIMIT_QUEUE_WAIT_S, 0, 0},
    {"MaximumMessageSize", FORM_NUMBER, false, AT(message_bytes), LIMIT_QUEUE_MESSAGE_BYTES_MIN,
     LIMIT_QUEUE_MESSAGE_BYTES, 0, 0},
    {"KmsDataKeyReusePeriodSeconds", FORM_NUMBER, false, AT(kms_reuse_s), 60, 86400, 0, 0},
    {"SqsManagedSseEnabled", FORM_FLAG, false, AT(sse), 0, 0, "false", "true"},
    {"ContentBasedDeduplication", FORM_FLAG, true, AT(content_dedup), 0, 0, "false", "true"},
    {"DeduplicationScope", FORM_CHOICE, true, AT(dedup_by_group), 0, 0, "queue", "messageGroup"},
    {"FifoThroughputLimit", FORM_CHOICE, true, AT(limit_by_group), 0, 0, "perQueue",
     "perMessageGroupId"},
    {"Policy", FORM_TEXT, false, AT(policy), 0, LIMIT_QUEUE_POLICY_BYTES, 0, 0},
    {"RedrivePolicy", FORM_TEXT, false, AT(redrive_policy), 0, LIMIT_QUEUE_POLICY_BYTES, 0, 0},
    {"RedriveAllowPolicy", FORM_TEXT, false, AT(redrive_allow), 0, LIMIT_QUEUE_POLICY_BYTES, 0, 0},
    {"KmsMasterKeyId", FORM_TEXT, false, AT(kms_key), 0, 2048, 0, 0},
};

enum { ATTRIBUTES = sizeof(table) / sizeof(table[0]), READ_ONLY_MAX = 8 };

/* Told, never set. */
static const char *const read_only[] = {
    "QueueArn",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
};

void queue_attributes_default(struct queue_attributes *a, bool fifo)
{
    *a = (struct queue_attributes){
        .fifo = fifo,
        .sse = true,
        .visibility_s = 30,
        .retention_s = 345600,
        .message_bytes = LIMIT_QUEUE_MESSAGE_BYTES,
    };
}

static const struct attribute *attribute_find(const char *name, bool fifo)
{
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        if (strcmp(table[i].name, name) == 0 && (fifo || !table[i].fifo)) {
            return &table[i];
        }
    }
    return NULL;
}

static void *place(struct queue_attributes *a, const struct attribute *t)
{
    return (char *)a + t->offset;
}

/* ---- reading ---- */

static enum err_code unknown(const char *name, struct err *err)
{
    return err_set(err, ERR_QUEUE_ATTRIBUTE, "Unknown Attribute %.200s.", name);
}

static enum err_code invalid(const char *name, struct err *err)
{
    return err_set(err, ERR_QUEUE_VALUE, "Invalid value for the parameter %s.", name);
}

static enum err_code
read_one(const struct attribute *t, const char *value, struct queue_attributes *a, struct err *err)
{
    struct slice text = slice_str(value);
    uint64_t n;

    switch (t->form) {
    case FORM_NUMBER:
        if (!text_parse_u64(text, &n) || n < t->min || n > t->max) {
            return invalid(t->name, err);
        }
        *(uint32_t *)place(a, t) = (uint32_t)n;
        return OK;
    case FORM_FLAG:
    case FORM_CHOICE:
        if (strcmp(value, t->on) != 0 && strcmp(value, t->off) != 0) {
            return invalid(t->name, err);
        }
        *(bool *)place(a, t) = strcmp(value, t->on) == 0;
        return OK;
    case FORM_TEXT:
        if (text.len > t->max) {
            return invalid(t->name, err);
        }
        *(struct slice *)place(a, t) = text;
        return OK;
    }
    return unknown(t->name, err);
}

/* ---- redrive policies ---- */

static enum err_code bad_redrive(const struct queue_attributes *a, struct err *err, const char *why)
{
    return err_set(err, ERR_QUEUE_PARAMETER,
                   "Value %.*s for parameter RedrivePolicy is invalid. Reason: %s",
                   SLICE_FMT(slice_head(a->redrive_policy, 500)), why);
}

/* A number, or a string of one. */
static bool read_count(const struct json_node *v, int64_t *out)
{
    return json_is(v, JSON_STRING) ? text_parse_i64(json_text(v), out) : json_i64(v, out);
}

/* May a queue send its dead letters there? */
static bool is_allowed(struct api *api, const struct ledger_queue *to, struct slice name)
{
    struct arena *arena = ledger_turn_arena(api->ledger);
    const struct json_node *v;
    struct slice kind;
    struct err err;

    if (to->row.attributes.redrive_allow.len == 0 ||
        json_parse(to->row.attributes.redrive_allow, arena, &v, &err) != OK) {
        return true;
    }
    kind = json_text(json_member(v, SLICE("redrivePermission")));
    if (slice_eq_str(kind, "byQueue")) {
        const struct json_node *list = json_member(v, SLICE("sourceQueueArns"));

        for (const struct json_node *e = json_first(list); e != NULL; e = json_next(list, e)) {
            if (slice_eq(queue_arn_name(api, json_text(e)), name)) {
                return true;
            }
        }
        return false;
    }
    return !slice_eq_str(kind, "denyAll");
}

static enum err_code
check_target(struct api *api, struct slice name, const struct queue_attributes *a, struct err *err)
{
    const struct ledger_queue *to = ledger_queue_find(api->ledger, a->dead_letters);

    if (to == NULL) {
        return bad_redrive(a, err, "Dead letter target does not exist.");
    }
    if (to->row.attributes.fifo != a->fifo) {
        return bad_redrive(a, err, "Dead-letter queue must be same type of queue as the source.");
    }
    if (slice_eq(to->name, name)) {
        return bad_redrive(a, err, "Dead letter target owned by itself.");
    }
    return is_allowed(api, to, name)
               ? OK
               : bad_redrive(a, err, "Dead letter target does not allow this source queue.");
}

static enum err_code
read_redrive(struct api *api, struct slice name, struct queue_attributes *a, struct err *err)
{
    struct arena *arena = ledger_turn_arena(api->ledger);
    const struct json_node *v = NULL;
    const struct json_node *count;
    int64_t most = 10;

    a->dead_letters = slice_make(NULL, 0);
    a->max_receives = 0;
    if (a->redrive_policy.len == 0) {
        return OK; /* it has none any more */
    }
    if (json_parse(a->redrive_policy, arena, &v, NULL) != OK || !json_is(v, JSON_OBJECT)) {
        return bad_redrive(a, err, "Redrive policy is not a valid JSON map.");
    }
    if (json_member(v, SLICE("deadLetterTargetArn")) == NULL) {
        return bad_redrive(
            a, err, "Redrive policy does not contain mandatory attribute: deadLetterTargetArn.");
    }
    a->dead_letters = queue_arn_name(api, json_text(json_member(v, SLICE("deadLetterTargetArn"))));
    if (a->dead_letters.len == 0) {
        return bad_redrive(a, err, "Invalid value for deadLetterTargetArn.");
    }
    count = json_member(v, SLICE("maxReceiveCount"));
    if (count != NULL && (!read_count(count, &most) || most < 1 || most > LIMIT_QUEUE_RECEIVES)) {
        return bad_redrive(a, err,
                           "Invalid value for maxReceiveCount, valid values are from 1 to 1000 "
                           "both inclusive.");
    }
    a->max_receives = (uint32_t)most;
    return check_target(api, name, a, err);
}

static enum err_code check_allow(struct api *api, const struct queue_attributes *a, struct err *err)
{
    const struct json_node *v = NULL;
    const struct json_node *arns;
    struct slice kind;
    bool by_queue;

    if (a->redrive_allow.len == 0) {
        return OK;
    }
    if (json_parse(a->redrive_allow, ledger_turn_arena(api->ledger), &v, NULL) != OK) {
        return invalid("RedriveAllowPolicy", err);
    }
    kind = json_text(json_member(v, SLICE("redrivePermission")));
    arns = json_member(v, SLICE("sourceQueueArns"));
    by_queue = slice_eq_str(kind, "byQueue");
    if ((!by_queue && !slice_eq_str(kind, "allowAll") && !slice_eq_str(kind, "denyAll")) ||
        by_queue != (arns != NULL) || json_count(arns) > 10) {
        return err_set(err, ERR_QUEUE_PARAMETER,
                       "Value %.*s for parameter RedriveAllowPolicy is invalid. Reason: Amazon SQS "
                       "can't create the redrive allow policy, as it's in an unsupported format.",
                       SLICE_FMT(slice_head(a->redrive_allow, 500)));
    }
    return OK;
}

/* ---- all of them ---- */

struct given {
    bool redrive;
    bool kms;
    bool sse;
};

static enum err_code
check_together(const struct queue_attributes *a, struct given *g, struct err *err)
{
    if (g->kms && g->sse && a->sse && a->kms_key.len != 0) {
        return err_set(err, ERR_QUEUE_ATTRIBUTE,
                       "You can use one type of server-side encryption (SSE) at one time. You can "
                       "either enable KMS SSE or SQS SSE.");
    }
    if (a->limit_by_group && !a->dedup_by_group) {
        return err_set(err, ERR_QUEUE_PARAMETER,
                       "The perMessageGroupId value is allowed only when the value for "
                       "DeduplicationScope is messageGroup.");
    }
    return OK;
}

static bool is_read_only(const char *name)
{
    for (size_t i = 0; i < sizeof(read_only) / sizeof(read_only[0]); i++) {
        if (strcmp(read_only[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static enum err_code
read_given(const Stepfleet__Tag *item, struct queue_attributes *a, struct given *g, struct err *err)
{
    const struct attribute *t = attribute_find(item->key, a->fifo);

    if (strcmp(item->key, "FifoQueue") == 0) {
        return strcmp(item->value, a->fifo ? "true" : "false") == 0
                   ? OK
                   : err_set(err, ERR_QUEUE_VALUE,
                             "Invalid value for the parameter FifoQueue. Reason: Modifying queue "
                             "type is not supported.");
    }
    if (t == NULL || is_read_only(item->key)) {
        return unknown(item->key, err);
    }
    g->redrive = g->redrive || strcmp(t->name, "RedrivePolicy") == 0;
    g->kms = g->kms || strcmp(t->name, "KmsMasterKeyId") == 0;
    g->sse = g->sse || strcmp(t->name, "SqsManagedSseEnabled") == 0;
    return read_one(t, item->value, a, err);
}

enum err_code queue_attributes_read(struct api *api,
                                    struct slice name,
                                    Stepfleet__Tag *const *items,
                                    size_t count,
                                    struct queue_attributes *a,
                                    struct err *err)
{
    struct given g = {0};
    enum err_code rc = OK;

    for (size_t i = 0; i < count && rc == OK; i++) {
        rc = read_given(items[i], a, &g, err);
    }
    if (rc == OK && g.kms && a->kms_key.len != 0 && !g.sse) {
        a->sse = false; /* one of them at a time: the one that was asked for */
    }
    if (rc == OK && g.sse && a->sse && !g.kms) {
        a->kms_key = slice_make(NULL, 0);
    }
    if (rc == OK) {
        rc = check_together(a, &g, err);
    }
    if (rc == OK && g.redrive) {
        rc = read_redrive(api, name, a, err);
    }
    return rc == OK ? check_allow(api, a, err) : rc;
}

/* ---- printing ---- */

/* False: it has none. */
static bool print_one(struct api *api,
                      const struct attribute *t,
                      const struct queue_attributes *a,
                      struct slice *out)
{
    const void *at = (const char *)a + t->offset;
    uint32_t n;

    switch (t->form) {
    case FORM_NUMBER:
        memcpy(&n, at, sizeof(n));
        *out = arena_printf(ledger_turn_arena(api->ledger), "%u", n);
        return n != 0 || t->min == 0;
    case FORM_FLAG:
    case FORM_CHOICE: *out = slice_str(*(const bool *)at ? t->on : t->off); return true;
    case FORM_TEXT: *out = *(const struct slice *)at; return out->len != 0;
    }
    return false;
}

const char *queue_attributes_differ(struct api *api,
                                    const struct queue_attributes *a,
                                    const struct queue_attributes *asked,
                                    Stepfleet__Tag *const *items,
                                    size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct attribute *t = attribute_find(items[i]->key, a->fifo);
        struct slice x = {NULL, 0};
        struct slice y = {NULL, 0};

        if (t != NULL) {
            (void)print_one(api, t, a, &x);
            (void)print_one(api, t, asked, &y);
            if (!slice_eq(x, y)) {
                return t->name;
            }
        }
    }
    return NULL;
}

static struct slice print_read_only(struct api *api, struct ledger_queue *q, const char *name)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    struct queue_counts counts;
    uint64_t n;

    if (strcmp(name, "QueueArn") == 0) {
        return q->arn;
    }
    ledger_queue_counts(api->ledger, q, &counts);
    if (strcmp(name, "ApproximateNumberOfMessages") == 0) {
        n = counts.visible;
    } else if (strcmp(name, "ApproximateNumberOfMessagesNotVisible") == 0) {
        n = counts.in_flight;
    } else if (strcmp(name, "ApproximateNumberOfMessagesDelayed") == 0) {
        n = counts.delayed;
    } else if (strcmp(name, "CreatedTimestamp") == 0) {
        n = (uint64_t)q->row.created_ms / 1000;
    } else {
        n = (uint64_t)q->row.updated_ms / 1000;
    }
    return arena_printf(a, "%llu", (unsigned long long)n);
}

void tag_push(struct arena *a,
              Stepfleet__Tag **items,
              size_t *n,
              const char *key,
              struct slice value)
{
    Stepfleet__Tag *t = arena_alloc(a, sizeof(*t));

    stepfleet__tag__init(t);
    t->key = arena_str(a, slice_str(key));
    t->value = arena_str(a, value);
    items[(*n)++] = t;
}

/* Is the attribute among those asked for? */
static bool is_asked(const char *name, char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0 || strcmp(names[i], "All") == 0) {
            return true;
        }
    }
    return false;
}

static enum err_code check_names(char *const *names, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], "All") != 0 && strcmp(names[i], "FifoQueue") != 0 &&
            !is_read_only(names[i]) && attribute_find(names[i], true) == NULL) {
            return unknown(names[i], err);
        }
    }
    return OK;
}

enum err_code queue_attributes_print(struct api *api,
                                     struct ledger_queue *q,
                                     char *const *names,
                                     size_t name_count,
                                     Stepfleet__QueueAttributesReply *out,
                                     struct err *err)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    struct slice value;
    enum err_code rc = check_names(names, name_count, err);

    if (rc != OK) {
        return rc;
    }
    out->attributes = ARENA_ARRAY(a, ATTRIBUTES + READ_ONLY_MAX, Stepfleet__Tag *);
    for (size_t i = 0; i < sizeof(read_only) / sizeof(read_only[0]); i++) {
        if (is_asked(read_only[i], names, name_count)) {
            tag_push(a, out->attributes, &out->n_attributes, read_only[i],
                     print_read_only(api, q, read_only[i]));
        }
    }
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        if ((q->row.attributes.fifo || !table[i].fifo) &&
            is_asked(table[i].name, names, name_count) &&
            print_one(api, &table[i], &q->row.attributes, &value)) {
            tag_push(a, out->attributes, &out->n_attributes, table[i].name, value);
        }
    }
    if (q->row.attributes.fifo && is_asked("FifoQueue", names, name_count)) {
        tag_push(a, out->attributes, &out->n_attributes, "FifoQueue", SLICE("true"));
    }
    return OK;
}
