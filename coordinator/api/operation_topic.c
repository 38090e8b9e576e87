/* SPDX-License-Identifier: Apache-2.0 */
/* Topics themselves. Source: Amazon SNS API Reference. */
#include "coordinator/api/operation_topic.h"

#include <string.h>

#include "proto/base/limits.h"
#include "proto/base/text.h"

/* Those that can be set; most say how AWS delivers to what there is not here, and are kept. */
static const char *const settable[] = {
    "DisplayName",
    "Policy",
    "DeliveryPolicy",
    "KmsMasterKeyId",
    "SignatureVersion",
    "TracingConfig",
    "SQSSuccessFeedbackRoleArn",
    "SQSFailureFeedbackRoleArn",
    "SQSSuccessFeedbackSampleRate",
};

/* And of FIFO topics alone; the values of each. */
static const struct {
    const char *name;
    const char *values[2]; /* the first is the default */
} fifo_settable[] = {
    {"ContentBasedDeduplication", {"false", "true"}},
    {"FifoThroughputScope", {"Topic", "MessageGroup"}},
};

enum {
    FIFO_SETTABLE = sizeof(fifo_settable) / sizeof(fifo_settable[0]),
    SETTABLE = sizeof(settable) / sizeof(settable[0]) + FIFO_SETTABLE,
    SHOWN = SETTABLE + 9,
};

/* ---- names ---- */

size_t arn_elements(struct slice arn)
{
    size_t n = 1;

    for (size_t i = 0; i < arn.len; i++) {
        n += arn.ptr[i] == ':' ? 1 : 0;
    }
    return n;
}

enum err_code check_arn(const char *name, struct slice arn, struct err *err)
{
    if (arn.len == 0) {
        return err_set(err, ERR_TOPIC_PARAMETER,
                       "Invalid parameter: %s Reason: no value for required parameter", name);
    }
    if (arn_elements(arn) < TOPIC_ARN_PARTS) {
        return err_set(err, ERR_TOPIC_PARAMETER,
                       "Invalid parameter: %s Reason: An ARN must have at least 6 elements, not "
                       "%zu",
                       name, arn_elements(arn));
    }
    return OK;
}

/* "arn:aws:sns:REGION:ACCOUNT:" of this coordinator. */
static struct slice arn_before(struct api *a)
{
    const struct ledger_config *config = ledger_configuration(a->ledger);

    return arena_printf(ledger_turn_arena(a->ledger), "arn:aws:sns:%s:%012llu:", config->region,
                        (unsigned long long)config->account);
}

enum err_code find_topic(struct api *a,
                         const char *name,
                         const char *arn,
                         struct ledger_topic **out,
                         struct err *err)
{
    struct slice text = slice_str(arn);
    struct slice before = arn_before(a);
    enum err_code rc = check_arn(name, text, err);

    if (rc != OK) {
        return rc;
    }
    if (!slice_starts_with(text, before)) {
        return err_set(err, ERR_TOPIC_PARAMETER, "Invalid parameter: %s", name);
    }
    *out = ledger_topic_find(a->ledger, slice_from(text, before.len));
    return *out != NULL ? OK : err_set(err, ERR_TOPIC_NOT_FOUND, "Topic does not exist");
}

static void reply_topic(struct call *c, const struct ledger_topic *t)
{
    Stepfleet__Topic r = STEPFLEET__TOPIC__INIT;

    r.arn = arena_str(ledger_turn_arena(c->api->ledger), t->arn);
    c->reply(c, &r.base);
}

/* ---- attributes ---- */

static enum err_code check_fifo_value(size_t at, const char *value, bool fifo, struct err *err)
{
    const char *name = fifo_settable[at].name;

    if (!fifo) {
        return err_set(err, ERR_TOPIC_PARAMETER,
                       "Invalid parameter: %s can only be set for FIFO topics", name);
    }
    return strcmp(value, fifo_settable[at].values[0]) == 0 ||
                   strcmp(value, fifo_settable[at].values[1]) == 0
               ? OK
               : err_set(err, ERR_TOPIC_PARAMETER,
                         "Invalid parameter: Attributes Reason: %s: Invalid value [%.200s]", name,
                         value);
}

/* May a topic have that attribute? `unknown` is what is said of a name that is none. */
static enum err_code check_attribute(const char *name,
                                     const char *value,
                                     bool fifo,
                                     const char *unknown,
                                     struct err *err)
{
    for (size_t i = 0; i < sizeof(settable) / sizeof(settable[0]); i++) {
        if (strcmp(name, settable[i]) == 0) {
            return OK;
        }
    }
    for (size_t i = 0; i < FIFO_SETTABLE; i++) {
        if (strcmp(name, fifo_settable[i].name) == 0) {
            return check_fifo_value(i, value, fifo, err);
        }
    }
    return err_set(err, ERR_TOPIC_PARAMETER, "Invalid parameter: %s", unknown);
}

static const struct tag *find_attribute(const struct topic_row *row, const char *name)
{
    for (size_t i = 0; i < row->attribute_count; i++) {
        if (slice_eq_str(row->attributes[i].key, name)) {
            return &row->attributes[i];
        }
    }
    return NULL;
}

/* `row` with one attribute more, or another value of it; there is room for all. */
static void
put_attribute(struct topic_row *row, struct tag *items, const char *name, const char *value)
{
    const struct tag *there = find_attribute(row, name);
    size_t at = there != NULL ? (size_t)(there - row->attributes) : row->attribute_count++;

    items[at] = (struct tag){slice_str(name), slice_str(value)};
}

static enum err_code read_attributes(const Stepfleet__TopicCreateRequest *q,
                                     bool fifo,
                                     struct arena *a,
                                     struct topic_row *row,
                                     struct err *err)
{
    struct tag *items = ARENA_ARRAY(a, SETTABLE, struct tag);
    enum err_code rc = OK;

    *row = (struct topic_row){.attributes = items};
    for (size_t i = 0; i < FIFO_SETTABLE && fifo; i++) {
        put_attribute(row, items, fifo_settable[i].name, fifo_settable[i].values[0]);
    }
    for (size_t i = 0; i < q->n_attributes && rc == OK; i++) {
        const char *name = q->attributes[i]->key;
        const char *value = q->attributes[i]->value;

        if (strcmp(name, "FifoTopic") == 0) {
            continue; /* wants_fifo() */
        }
        rc = check_attribute(
            name, value, fifo,
            arena_str(a, arena_printf(a, "Attributes Reason: Unknown attribute %.200s", name)),
            err);
        if (rc == OK) {
            put_attribute(row, items, name, value);
        }
    }
    return rc;
}

/* FifoTopic is said, and the name must agree. */
static bool wants_fifo(const Stepfleet__TopicCreateRequest *q)
{
    bool fifo = false;

    for (size_t i = 0; i < q->n_attributes; i++) {
        if (strcmp(q->attributes[i]->key, "FifoTopic") == 0) {
            fifo = strcmp(q->attributes[i]->value, "true") == 0;
        }
    }
    return fifo;
}

bool topic_dedups_by_content(const struct ledger_topic *t)
{
    const struct tag *by_content = find_attribute(&t->row, "ContentBasedDeduplication");

    return by_content != NULL && slice_eq_str(by_content->value, "true");
}

/* ---- create and delete ---- */

static bool is_among(const struct tag *items, size_t count, struct slice key, struct slice value)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_eq(items[i].key, key) && slice_eq(items[i].value, value)) {
            return true;
        }
    }
    return false;
}

static enum err_code differs(const char *what, const char *lower, struct err *err)
{
    return err_set(err, ERR_TOPIC_PARAMETER,
                   "Invalid parameter: %s Reason: Topic already exists with different %s", what,
                   lower);
}

/* As AWS: what is asked for again must be as it is. */
static enum err_code check_same(struct api *api,
                                const struct ledger_topic *t,
                                const struct topic_row *row,
                                const Stepfleet__TopicCreateRequest *q,
                                struct err *err)
{
    const struct tags_row *tags = ledger_tags(api->ledger, TAGS_TOPIC, t->name);

    for (size_t i = 0; i < row->attribute_count; i++) {
        if (!is_among(t->row.attributes, t->row.attribute_count, row->attributes[i].key,
                      row->attributes[i].value)) {
            return differs("Attributes", "attributes", err);
        }
    }
    for (size_t i = 0; i < q->n_tags; i++) {
        if (!is_among(tags->items, tags->count, slice_str(q->tags[i]->key),
                      slice_str(q->tags[i]->value))) {
            return differs("Tags", "tags", err);
        }
    }
    return OK;
}

static enum err_code make_topic(struct api *api,
                                const Stepfleet__TopicCreateRequest *q,
                                struct ledger_topic **out,
                                struct err *err)
{
    struct ledger *l = api->ledger;
    struct slice name = slice_str(q->name);
    struct topic_row row;
    enum err_code rc = read_attributes(q, wants_fifo(q), ledger_turn_arena(l), &row, err);

    *out = ledger_topic_find(l, name);
    if (rc != OK) {
        return rc;
    }
    if (*out != NULL) {
        return check_same(api, *out, &row, q, err);
    }
    if (ledger_topic_count(l) >= LIMIT_TOPICS) {
        return err_set(err, ERR_TOPIC_LIMIT, "Topic limit exceeded");
    }
    rc = tags_put(api, TAGS_TOPIC, name, q->tags, q->n_tags, err);
    if (rc == OK) {
        *out = ledger_topic_put(l, name, &row);
    }
    return rc;
}

void operation_TOPIC_CREATE(struct call *c)
{
    const Stepfleet__TopicCreateRequest *q = (const void *)c->request;
    struct ledger_topic *t;
    struct err err;
    enum err_code rc;
    bool fifo;

    if (!topic_is_name(slice_str(q->name), &fifo) || fifo != wants_fifo(q)) {
        call_fail(c, ERR_TOPIC_PARAMETER, "Invalid parameter: Topic Name");
        return;
    }
    rc = make_topic(c->api, q, &t, &err);
    if (rc == OK) {
        reply_topic(c, t);
    } else {
        c->fail(c, rc, &err);
    }
}

void operation_TOPIC_DELETE(struct call *c)
{
    const Stepfleet__TopicRequest *q = (const void *)c->request;
    struct ledger_topic *t;
    struct err err;
    enum err_code rc = find_topic(c->api, "TopicArn", q->topic, &t, &err);

    if (rc == OK) {
        ledger_topic_delete(c->api->ledger, t);
    }
    reply_empty(c, rc == ERR_TOPIC_NOT_FOUND ? OK : rc, &err);
}

/* ---- list ---- */

void operation_TOPIC_LIST(struct call *c)
{
    const Stepfleet__PageRequest *q = (const void *)c->request;
    struct arena *a = ledger_turn_arena(c->api->ledger);
    Stepfleet__TopicListReply r = STEPFLEET__TOPIC_LIST_REPLY__INIT;
    const struct ledger_topic *t;
    struct slice last = {NULL, 0};

    r.topics = ARENA_ARRAY(a, TOPIC_PAGE, Stepfleet__Topic *);
    for (size_t i = ledger_topic_page(c->api->ledger, SLICE(""), slice_str(q->next_token));
         (t = ledger_topic_at(c->api->ledger, i)) != NULL; i++) {
        if (r.n_topics == TOPIC_PAGE) {
            r.next_token = arena_str(a, last); /* the list goes on after it */
            break;
        }
        last = t->name;
        r.topics[r.n_topics] = arena_alloc(a, sizeof(Stepfleet__Topic));
        stepfleet__topic__init(r.topics[r.n_topics]);
        r.topics[r.n_topics++]->arn = arena_str(a, t->arn);
    }
    c->reply(c, &r.base);
}

/* ---- attributes of one ---- */

void topic_attribute_put(struct arena *a,
                         Stepfleet__TopicAttributesReply *r,
                         const char *name,
                         struct slice value)
{
    Stepfleet__Tag *tag = arena_alloc(a, sizeof(*tag));

    stepfleet__tag__init(tag);
    tag->key = arena_str(a, slice_str(name));
    tag->value = arena_str(a, value);
    r->attributes[r->n_attributes++] = tag;
}

/* AWS's for a topic that was given none: its owner may do everything. */
static struct slice
default_policy(const struct ledger_config *config, struct slice arn, struct arena *a)
{
    return arena_printf(
        a,
        "{\"Version\":\"2008-10-17\",\"Id\":\"__default_policy_ID\",\"Statement\":[{\"Sid\":"
        "\"__default_statement_ID\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"*\"},\"Action\":["
        "\"SNS:GetTopicAttributes\",\"SNS:SetTopicAttributes\",\"SNS:AddPermission\","
        "\"SNS:RemovePermission\",\"SNS:DeleteTopic\",\"SNS:Subscribe\","
        "\"SNS:ListSubscriptionsByTopic\",\"SNS:Publish\"],\"Resource\":\"%.*s\",\"Condition\":{"
        "\"StringEquals\":{\"AWS:SourceOwner\":\"%012llu\"}}}]}",
        SLICE_FMT(arn), (unsigned long long)config->account);
}

void operation_TOPIC_ATTRIBUTES(struct call *c)
{
    const Stepfleet__TopicRequest *q = (const void *)c->request;
    const struct ledger_config *config = ledger_configuration(c->api->ledger);
    struct arena *a = ledger_turn_arena(c->api->ledger);
    Stepfleet__TopicAttributesReply r = STEPFLEET__TOPIC_ATTRIBUTES_REPLY__INIT;
    struct ledger_topic *t;
    struct err err;
    enum err_code rc = find_topic(c->api, "TopicArn", q->topic, &t, &err);

    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    r.attributes = ARENA_ARRAY(a, SHOWN, Stepfleet__Tag *);
    topic_attribute_put(a, &r, "TopicArn", t->arn);
    topic_attribute_put(a, &r, "Owner",
                        arena_printf(a, "%012llu", (unsigned long long)config->account));
    topic_attribute_put(a, &r, "SubscriptionsConfirmed",
                        arena_printf(a, "%zu", t->subscription_count));
    topic_attribute_put(a, &r, "SubscriptionsPending", SLICE("0"));
    topic_attribute_put(a, &r, "SubscriptionsDeleted", SLICE("0"));
    if (t->fifo) {
        topic_attribute_put(a, &r, "FifoTopic", SLICE("true"));
    }
    if (find_attribute(&t->row, "DisplayName") == NULL) {
        topic_attribute_put(a, &r, "DisplayName", SLICE(""));
    }
    if (find_attribute(&t->row, "Policy") == NULL) {
        topic_attribute_put(a, &r, "Policy", default_policy(config, t->arn, a));
    }
    for (size_t i = 0; i < t->row.attribute_count; i++) {
        topic_attribute_put(a, &r, arena_str(a, t->row.attributes[i].key),
                            t->row.attributes[i].value);
    }
    c->reply(c, &r.base);
}

void operation_TOPIC_SET(struct call *c)
{
    const Stepfleet__TopicSetRequest *q = (const void *)c->request;
    struct ledger_topic *t;
    struct topic_row row;
    struct tag *items;
    struct err err;
    enum err_code rc = find_topic(c->api, "TopicArn", q->topic, &t, &err);

    if (rc == OK) {
        rc = check_attribute(q->name, q->value, t->fifo, "AttributeName", &err);
    }
    if (rc == OK) {
        row = t->row;
        items = ARENA_ARRAY(ledger_turn_arena(c->api->ledger), SETTABLE, struct tag);
        if (row.attribute_count != 0) {
            memcpy(items, row.attributes, row.attribute_count * sizeof(*items));
        }
        row.attributes = items;
        put_attribute(&row, items, q->name, q->value);
        ledger_topic_set(c->api->ledger, t, &row);
    }
    reply_empty(c, rc, &err);
}
