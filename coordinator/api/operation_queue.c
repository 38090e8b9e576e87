/* SPDX-License-Identifier: Apache-2.0 */
/* Queues themselves. Source: Amazon SQS API Reference. */
#include "coordinator/api/operation_queue.h"

#include <string.h>

#include "proto/base/limits.h"
#include "proto/base/text.h"

#define NAME_RULE                                                                                  \
    "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
#define FIFO_RULE                                                                                  \
    "The name of a FIFO queue can only include alphanumeric characters, hyphens, or "              \
    "underscores, must end with .fifo suffix and be 1 to 80 in length."

enum { ARN_PARTS = 6 };

/* ---- names ---- */

static bool is_queue_name(struct slice name)
{
    struct slice stem =
        slice_ends_with(name, SLICE(".fifo")) ? slice_head(name, name.len - 5) : name;

    if (stem.len == 0 || name.len > LIMIT_NAME_CHARS) {
        return false;
    }
    for (size_t i = 0; i < stem.len; i++) {
        char c = stem.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_')) {
            return false;
        }
    }
    return true;
}

static bool is_own_account(const struct api *a, struct slice text)
{
    uint64_t account;

    return text_parse_u64(text, &account) && account == ledger_configuration(a->ledger)->account;
}

struct slice queue_arn_name(const struct api *a, struct slice arn)
{
    const struct ledger_config *config = ledger_configuration(a->ledger);
    struct slice parts[ARN_PARTS];

    for (size_t i = 0; i < ARN_PARTS; i++) {
        size_t end = i + 1 < ARN_PARTS ? slice_find(arn, ':') : arn.len;

        parts[i] = slice_head(arn, end);
        arn = slice_from(arn, end + 1);
    }
    if (!slice_eq_str(parts[0], "arn") || !slice_eq_str(parts[2], "sqs") ||
        !slice_eq_str(parts[3], config->region) || !is_own_account(a, parts[4])) {
        return slice_make(NULL, 0);
    }
    return parts[5];
}

/* The last part of ".../ACCOUNT/NAME"; empty where that is another account's. */
static struct slice url_name(const struct api *a, struct slice url)
{
    size_t slash = slice_rfind(url, '/');
    struct slice before = slice_head(url, slash);
    size_t account = slice_rfind(before, '/');
    struct slice owner = account < before.len ? slice_from(before, account + 1) : before;

    return is_own_account(a, owner) ? slice_from(url, slash + 1) : slice_make(NULL, 0);
}

enum err_code
find_queue(struct api *a, const char *text, struct ledger_queue **out, struct err *err)
{
    struct slice name = slice_str(text);

    if (slice_starts_with(name, SLICE("arn:"))) {
        name = queue_arn_name(a, name);
    } else if (slice_find(name, '/') != name.len) {
        name = url_name(a, name);
    }
    *out = name.len != 0 ? ledger_queue_find(a->ledger, name) : NULL;
    return *out != NULL
               ? OK
               : err_set(err, ERR_QUEUE_DOES_NOT_EXIST, "The specified queue does not exist.");
}

static char *queue_url(struct api *a, const char *endpoint, struct slice name)
{
    struct arena *arena = ledger_turn_arena(a->ledger);

    return arena_str(arena,
                     arena_printf(arena, "%s/%012llu/%.*s", endpoint,
                                  (unsigned long long)ledger_configuration(a->ledger)->account,
                                  SLICE_FMT(name)));
}

static void reply_queue(struct call *c, const struct ledger_queue *q, const char *endpoint)
{
    Stepfleet__QueueReply r = STEPFLEET__QUEUE_REPLY__INIT;

    r.url = queue_url(c->api, endpoint, q->name);
    r.arn = arena_str(ledger_turn_arena(c->api->ledger), q->arn);
    c->reply(c, &r.base);
}

/* ---- create ---- */

/* "FifoQueue" among the attributes; a name that ends in .fifo needs it, others must not have it. */
static enum err_code check_name(const Stepfleet__QueueCreateRequest *q, bool *fifo, struct err *err)
{
    struct slice name = slice_str(q->name);
    const char *value = NULL;

    for (size_t i = 0; i < q->n_attributes; i++) {
        value = strcmp(q->attributes[i]->key, "FifoQueue") == 0 ? q->attributes[i]->value : value;
    }
    *fifo = value != NULL && strcmp(value, "true") == 0;
    if (value != NULL && !*fifo) {
        return strcmp(value, "false") == 0
                   ? err_set(err, ERR_QUEUE_ATTRIBUTE, "Unknown Attribute FifoQueue.")
                   : err_set(err, ERR_QUEUE_VALUE, "Invalid value for the parameter FifoQueue.");
    }
    if (*fifo && (!is_queue_name(name) || !slice_ends_with(name, SLICE(".fifo")))) {
        return err_set(err, ERR_QUEUE_PARAMETER, FIFO_RULE);
    }
    if (!is_queue_name(name) || (!*fifo && slice_ends_with(name, SLICE(".fifo")))) {
        return err_set(err, ERR_QUEUE_PARAMETER, NAME_RULE);
    }
    return OK;
}

static enum err_code create(struct call *c,
                            const Stepfleet__QueueCreateRequest *q,
                            struct ledger_queue **out,
                            struct err *err)
{
    struct ledger *l = c->api->ledger;
    struct slice name = slice_str(q->name);
    struct ledger_queue *old = ledger_queue_find(l, name);
    struct queue_attributes a;
    const char *other;
    bool fifo;
    enum err_code rc = check_name(q, &fifo, err);

    if (rc != OK) {
        return rc;
    }
    queue_attributes_default(&a, fifo);
    rc = queue_attributes_read(c->api, name, q->attributes, q->n_attributes, &a, err);
    if (rc != OK) {
        return rc;
    }
    *out = old;
    if (old != NULL) {
        other = queue_attributes_differ(c->api, &old->row.attributes, &a, q->attributes,
                                        q->n_attributes);
        return other == NULL
                   ? OK
                   : err_set(err, ERR_QUEUE_EXISTS,
                             "A queue already exists with the same name and a different value for "
                             "attribute %s",
                             other);
    }
    if (ledger_queue_count(l) >= LIMIT_QUEUES) {
        return err_set(err, ERR_BUSY, "there are %d queues, the most there may be", LIMIT_QUEUES);
    }
    if (q->n_tags != 0) {
        rc = tags_put(c->api, TAGS_QUEUE, name, q->tags, q->n_tags, err);
    }
    if (rc == OK) {
        *out = ledger_queue_put(l, name, &a);
    }
    return rc;
}

void operation_QUEUE_CREATE(struct call *c)
{
    const Stepfleet__QueueCreateRequest *q = (const void *)c->request;
    struct ledger_queue *queue;
    struct err err;
    enum err_code rc = create(c, q, &queue, &err);

    if (rc == OK) {
        reply_queue(c, queue, q->endpoint);
    } else {
        c->fail(c, rc, &err);
    }
}

/* ---- find, list ---- */

void operation_QUEUE_FIND(struct call *c)
{
    const Stepfleet__QueueFindRequest *q = (const void *)c->request;
    struct ledger_queue *queue = ledger_queue_find(c->api->ledger, slice_str(q->name));

    if (queue == NULL ||
        (q->account[0] != '\0' && !is_own_account(c->api, slice_str(q->account)))) {
        call_fail(c, ERR_QUEUE_DOES_NOT_EXIST, "The specified queue does not exist.");
    } else {
        reply_queue(c, queue, q->endpoint);
    }
}

/* Behind `token`: one page of those whose name begins with `prefix`, and whose dead letters are in
 * `dead`, if it is not NULL. */
static void reply_list(struct call *c,
                       const char *endpoint,
                       const char *token,
                       uint32_t asked,
                       struct slice prefix,
                       const struct ledger_queue *dead)
{
    Stepfleet__QueueListReply r = STEPFLEET__QUEUE_LIST_REPLY__INIT;
    struct ledger *l = c->api->ledger;
    uint32_t max = asked != 0 ? asked : LIMIT_PAGE_MAX;
    const struct ledger_queue *q;
    struct slice last = {NULL, 0};

    if (asked > LIMIT_PAGE_MAX) {
        call_fail(
            c, ERR_QUEUE_PARAMETER,
            "Value for parameter MaxResults is invalid. Reason: MaxResults must be an integer "
            "between 1 and 1000.");
        return;
    }
    r.urls = ARENA_ARRAY(ledger_turn_arena(l), max, char *);
    for (size_t i = ledger_queue_page(l, prefix, slice_str(token));
         (q = ledger_queue_at(l, i)) != NULL && slice_starts_with(q->name, prefix); i++) {
        if (dead != NULL && !slice_eq(q->row.attributes.dead_letters, dead->name)) {
            continue;
        }
        if (r.n_urls == max) { /* AWS gives no token to who did not ask for pages */
            r.next_token = asked != 0 ? arena_str(ledger_turn_arena(l), last) : r.next_token;
            break;
        }
        r.urls[r.n_urls++] = queue_url(c->api, endpoint, q->name);
        last = q->name;
    }
    c->reply(c, &r.base);
}

void operation_QUEUE_LIST(struct call *c)
{
    const Stepfleet__QueueListRequest *q = (const void *)c->request;

    reply_list(c, q->endpoint, q->next_token, q->max_results, slice_str(q->prefix), NULL);
}

void operation_QUEUE_SOURCES(struct call *c)
{
    const Stepfleet__QueueSourcesRequest *q = (const void *)c->request;
    struct ledger_queue *queue;
    struct err err;
    enum err_code rc = find_queue(c->api, q->queue, &queue, &err);

    if (rc == OK) {
        reply_list(c, q->endpoint, q->next_token, q->max_results, SLICE(""), queue);
    } else {
        c->fail(c, rc, &err);
    }
}

/* ---- attributes ---- */

void operation_QUEUE_ATTRIBUTES(struct call *c)
{
    const Stepfleet__QueueAttributesRequest *q = (const void *)c->request;
    Stepfleet__QueueAttributesReply r = STEPFLEET__QUEUE_ATTRIBUTES_REPLY__INIT;
    struct ledger_queue *queue;
    struct err err;
    enum err_code rc = find_queue(c->api, q->queue, &queue, &err);

    if (rc == OK) {
        rc = queue_attributes_print(c->api, queue, q->names, q->n_names, &r, &err);
    }
    if (rc == OK) {
        c->reply(c, &r.base);
    } else {
        c->fail(c, rc, &err);
    }
}

void operation_QUEUE_SET(struct call *c)
{
    const Stepfleet__QueueSetRequest *q = (const void *)c->request;
    struct queue_attributes a;
    struct ledger_queue *queue;
    struct err err;
    enum err_code rc = find_queue(c->api, q->queue, &queue, &err);

    if (rc == OK) {
        a = queue->row.attributes;
        rc = queue_attributes_read(c->api, queue->name, q->attributes, q->n_attributes, &a, &err);
    }
    if (rc == OK) {
        ledger_queue_set(c->api->ledger, queue, &a);
    }
    reply_empty(c, rc, &err);
}

/* ---- purge, delete ---- */

void operation_QUEUE_PURGE(struct call *c)
{
    const Stepfleet__QueueRequest *q = (const void *)c->request;
    struct ledger *l = c->api->ledger;
    struct ledger_queue *queue;
    struct err err;
    enum err_code rc = find_queue(c->api, q->queue, &queue, &err);

    if (rc == OK && queue->row.purged_ms != 0 &&
        ledger_now(l).wall_ms - queue->row.purged_ms < LIMIT_QUEUE_PURGE_MS) {
        rc = err_set(&err, ERR_QUEUE_PURGING,
                     "Only one PurgeQueue operation on %.*s is allowed every 60 seconds.",
                     SLICE_FMT(queue->name));
    }
    if (rc == OK) {
        ledger_queue_purge(l, queue);
    }
    reply_empty(c, rc, &err);
}

void operation_QUEUE_DELETE(struct call *c)
{
    const Stepfleet__QueueRequest *q = (const void *)c->request;
    struct ledger_queue *queue;
    struct err err;
    enum err_code rc = find_queue(c->api, q->queue, &queue, &err);

    if (rc == OK) {
        message_polls_end(c->api, queue);
        ledger_queue_delete(c->api->ledger, queue);
    }
    reply_empty(c, rc, &err);
}

/* ---- tags ---- */

void operation_QUEUE_TAG(struct call *c)
{
    const Stepfleet__QueueTagRequest *q = (const void *)c->request;
    struct ledger_queue *queue;
    struct err err;
    enum err_code rc = find_queue(c->api, q->queue, &queue, &err);

    if (rc == OK) {
        rc = tags_put(c->api, TAGS_QUEUE, queue->name, q->tags, q->n_tags, &err);
    }
    reply_empty(c, rc, &err);
}

void operation_QUEUE_UNTAG(struct call *c)
{
    const Stepfleet__QueueUntagRequest *q = (const void *)c->request;
    struct ledger_queue *queue;
    struct err err;
    enum err_code rc = find_queue(c->api, q->queue, &queue, &err);

    if (rc == OK) {
        tags_remove(c->api, TAGS_QUEUE, queue->name, q->keys, q->n_keys);
    }
    reply_empty(c, rc, &err);
}

void operation_QUEUE_TAGS(struct call *c)
{
    const Stepfleet__QueueRequest *q = (const void *)c->request;
    Stepfleet__TagListReply r = STEPFLEET__TAG_LIST_REPLY__INIT;
    struct ledger_queue *queue;
    struct err err;
    enum err_code rc = find_queue(c->api, q->queue, &queue, &err);

    if (rc == OK) {
        tags_print(c->api, TAGS_QUEUE, queue->name, &r);
        c->reply(c, &r.base);
    } else {
        c->fail(c, rc, &err);
    }
}
