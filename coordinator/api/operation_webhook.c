/* SPDX-License-Identifier: Apache-2.0 */
/* Connections and API destinations of webhooks. Idempotent by name. A secret is taken and never
 * said. Source: Amazon EventBridge API Reference. */
#include "coordinator/api/operation_rule.h"
#include "coordinator/ledger/webhook.h"
#include "proto/base/limits.h"

enum { DESCRIPTION_CHARS = 512 };

/* ---- what both have ---- */

static const char *word_of(enum webhook_kind kind)
{
    return kind == WEBHOOK_CONNECTION ? "Connection" : "Api-destination";
}

/* NULL: there is none, and that was said. */
static struct ledger_webhook *find(struct call *c, enum webhook_kind kind, const char *name)
{
    struct ledger_webhook *w = ledger_webhook_find(c->api->ledger, kind, slice_str(name));

    if (w == NULL) {
        call_fail(c, ERR_RULE_DOES_NOT_EXIST,
                  "Failed to describe the %s(s). %s '%.100s' does not "
                  "exist.",
                  kind == WEBHOOK_CONNECTION ? "connection" : "api-destination", word_of(kind),
                  name);
    }
    return w;
}

/* May one of that name be made? */
static bool is_new(struct call *c, enum webhook_kind kind, const char *name)
{
    size_t count;

    if (!rule_is_word(slice_str(name), LIMIT_RULE_NAME_CHARS)) {
        call_fail(c, ERR_VALIDATION,
                  "1 validation error detected: Value '%.100s' at 'name' failed to satisfy "
                  "constraint: Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+ "
                  "and have length less than or equal to %d",
                  name, LIMIT_RULE_NAME_CHARS);
        return false;
    }
    if (ledger_webhook_find(c->api->ledger, kind, slice_str(name)) != NULL) {
        call_fail(c, ERR_WEBHOOK_EXISTS, "%s %.100s already exists.", word_of(kind), name);
        return false;
    }
    (void)ledger_webhooks(c->api->ledger, kind, &count);
    if (count >= LIMIT_WEBHOOKS) {
        call_fail(c, ERR_RULE_LIMIT, "The requested resource exceeds the maximum number allowed.");
        return false;
    }
    return true;
}

/* Those of a page; *more is the token of the next one, or "". */
static struct ledger_webhook **
page_of(struct call *c, enum webhook_kind kind, size_t *count, char **more)
{
    const Stepfleet__WebhookListRequest *q = (const void *)c->request;
    struct slice after = slice_str(q->next_token);
    struct ledger_webhook **page;
    struct ledger_webhook **all;
    size_t n;
    uint32_t max;

    *count = 0;
    if (!page_size(c, q->max_results, &max)) {
        return NULL;
    }
    all = ledger_webhooks(c->api->ledger, kind, &n);
    page = ARENA_ARRAY(ledger_turn_arena(c->api->ledger), max, struct ledger_webhook *);
    for (size_t i = 0; i < n; i++) {
        if (!slice_starts_with(all[i]->row.name, slice_str(q->prefix)) ||
            (after.len != 0 && slice_cmp(all[i]->row.name, after) <= 0)) {
            continue;
        }
        if (*count == max) {
            *more = arena_str(ledger_turn_arena(c->api->ledger), page[max - 1]->row.name);
            break;
        }
        page[(*count)++] = all[i];
    }
    return page;
}

/* ---- connections ---- */

static Stepfleet__Connection *connection_message(struct api *api, const struct ledger_webhook *w)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    Stepfleet__Connection *m = arena_alloc(a, sizeof(*m));

    stepfleet__connection__init(m);
    m->name = arena_str(a, w->row.name);
    m->arn = arena_str(a, w->arn);
    m->description = arena_str(a, w->row.description);
    m->state = "AUTHORIZED";
    m->type = arena_str(a, slice_str(webhook_auth_type(&w->row.auth)));
    m->parameters = message_bytes(json_print(webhook_auth_json(&w->row.auth, a), a));
    m->created_ms = w->row.created_ms;
    m->updated_ms = w->row.updated_ms;
    return m;
}

static void put_connection(struct call *c, struct webhook_row *row)
{
    const Stepfleet__ConnectionPutRequest *q = (const void *)c->request;
    struct slice text = message_slice(q->parameters);
    const struct json_node *parameters = NULL;
    struct err err;

    if (!rule_is_short(c, "description", q->description, DESCRIPTION_CHARS)) {
        return;
    }
    if (text.len != 0 &&
        json_parse(text, ledger_turn_arena(c->api->ledger), &parameters, NULL) != OK) {
        call_fail(c, ERR_VALIDATION, "Parameter AuthParameters is not valid.");
        return;
    }
    if (webhook_auth_read(slice_str(q->type), parameters, &row->auth, &err) != OK) {
        c->fail(c, err.code, &err);
        return;
    }
    if (q->has_description) {
        row->description = slice_str(q->description);
    }
    c->reply(c, &connection_message(c->api, ledger_webhook_put(c->api->ledger, row))->base);
}

void operation_CONNECTION_CREATE(struct call *c)
{
    const Stepfleet__ConnectionPutRequest *q = (const void *)c->request;
    struct webhook_row row = {.kind = WEBHOOK_CONNECTION, .name = slice_str(q->name)};

    if (is_new(c, WEBHOOK_CONNECTION, q->name)) {
        put_connection(c, &row);
    }
}

void operation_CONNECTION_UPDATE(struct call *c)
{
    const Stepfleet__ConnectionPutRequest *q = (const void *)c->request;
    const struct ledger_webhook *w = find(c, WEBHOOK_CONNECTION, q->name);
    struct webhook_row row;

    if (w != NULL) {
        row = w->row;
        put_connection(c, &row);
    }
}

void operation_CONNECTION_DESCRIBE(struct call *c)
{
    const Stepfleet__WebhookRequest *q = (const void *)c->request;
    const struct ledger_webhook *w = find(c, WEBHOOK_CONNECTION, q->name);

    if (w != NULL) {
        c->reply(c, &connection_message(c->api, w)->base);
    }
}

/* Destinations that name it go on, and what they get is refused, until there is one again. */
void operation_CONNECTION_DELETE(struct call *c)
{
    const Stepfleet__WebhookRequest *q = (const void *)c->request;
    struct ledger_webhook *w = find(c, WEBHOOK_CONNECTION, q->name);
    Stepfleet__Connection *m;

    if (w != NULL) {
        m = connection_message(c->api, w);
        m->state = "DELETING";
        ledger_webhook_delete(c->api->ledger, w);
        c->reply(c, &m->base);
    }
}

void operation_CONNECTION_LIST(struct call *c)
{
    Stepfleet__ConnectionListReply r = STEPFLEET__CONNECTION_LIST_REPLY__INIT;
    size_t count;
    struct ledger_webhook **page = page_of(c, WEBHOOK_CONNECTION, &count, &r.next_token);

    if (page == NULL) {
        return;
    }
    r.connections = ARENA_ARRAY(ledger_turn_arena(c->api->ledger), count, Stepfleet__Connection *);
    for (r.n_connections = 0; r.n_connections < count; r.n_connections++) {
        r.connections[r.n_connections] = connection_message(c->api, page[r.n_connections]);
    }
    c->reply(c, &r.base);
}

/* ---- API destinations ---- */

static Stepfleet__Destination *destination_message(struct api *api, const struct ledger_webhook *w)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    Stepfleet__Destination *m = arena_alloc(a, sizeof(*m));
    const struct ledger_webhook *connection =
        ledger_webhook_find(api->ledger, WEBHOOK_CONNECTION, w->row.connection);

    stepfleet__destination__init(m);
    m->name = arena_str(a, w->row.name);
    m->arn = arena_str(a, w->arn);
    m->description = arena_str(a, w->row.description);
    m->state = connection != NULL ? "ACTIVE" : "INACTIVE";
    m->connection = connection != NULL ? arena_str(a, connection->arn) : "";
    m->url = arena_str(a, w->row.endpoint);
    m->method = arena_str(a, w->row.method);
    m->rate = w->row.rate;
    m->created_ms = w->row.created_ms;
    m->updated_ms = w->row.updated_ms;
    return m;
}

/* By its ARN; false: there is none, and that was said. */
static bool take_connection(struct call *c, const char *arn, struct webhook_row *row)
{
    struct slice text = slice_str(arn);
    struct slice rest = slice_from(text, slice_find(text, '/') + 1);
    const struct ledger_webhook *w = ledger_webhook_find(c->api->ledger, WEBHOOK_CONNECTION,
                                                         slice_head(rest, slice_find(rest, '/')));

    if (w == NULL || !ledger_webhook_is(w, text)) {
        call_fail(c, ERR_RULE_DOES_NOT_EXIST, "Connection '%.200s' does not exist.", arn);
        return false;
    }
    row->connection = w->row.name;
    return true;
}

static bool is_place(struct call *c, const struct webhook_row *row)
{
    if (!webhook_is_endpoint(row->endpoint)) {
        call_fail(c, ERR_VALIDATION,
                  "Parameter InvocationEndpoint is not valid. Reason: it is an https URL, or an "
                  "http one of this machine's loopback.");
        return false;
    }
    if (!webhook_is_method(row->method)) {
        call_fail(c, ERR_VALIDATION,
                  "1 validation error detected: Value at 'httpMethod' failed to satisfy "
                  "constraint: Member must satisfy enum value set: [POST, GET, HEAD, OPTIONS, PUT, "
                  "PATCH, DELETE]");
        return false;
    }
    if (row->rate > LIMIT_WEBHOOK_RATE) {
        call_fail(c, ERR_VALIDATION,
                  "Parameter InvocationRateLimitPerSecond is not valid. Reason: at most %d.",
                  LIMIT_WEBHOOK_RATE);
        return false;
    }
    return true;
}

static void put_destination(struct call *c, struct webhook_row *row)
{
    const Stepfleet__DestinationPutRequest *q = (const void *)c->request;

    if (!rule_is_short(c, "description", q->description, DESCRIPTION_CHARS) ||
        (q->connection[0] != '\0' && !take_connection(c, q->connection, row))) {
        return;
    }
    row->endpoint = q->url[0] != '\0' ? slice_str(q->url) : row->endpoint;
    row->method = q->method[0] != '\0' ? slice_str(q->method) : row->method;
    row->rate = q->rate != 0 ? q->rate : row->rate;
    if (q->has_description) {
        row->description = slice_str(q->description);
    }
    if (is_place(c, row)) {
        c->reply(c, &destination_message(c->api, ledger_webhook_put(c->api->ledger, row))->base);
    }
}

void operation_DESTINATION_CREATE(struct call *c)
{
    const Stepfleet__DestinationPutRequest *q = (const void *)c->request;
    struct webhook_row row = {
        .kind = WEBHOOK_DESTINATION, .name = slice_str(q->name), .rate = LIMIT_WEBHOOK_RATE};

    if (is_new(c, WEBHOOK_DESTINATION, q->name)) {
        put_destination(c, &row);
    }
}

void operation_DESTINATION_UPDATE(struct call *c)
{
    const Stepfleet__DestinationPutRequest *q = (const void *)c->request;
    const struct ledger_webhook *w = find(c, WEBHOOK_DESTINATION, q->name);
    struct webhook_row row;

    if (w != NULL) {
        row = w->row;
        put_destination(c, &row);
    }
}

void operation_DESTINATION_DESCRIBE(struct call *c)
{
    const Stepfleet__WebhookRequest *q = (const void *)c->request;
    const struct ledger_webhook *w = find(c, WEBHOOK_DESTINATION, q->name);

    if (w != NULL) {
        c->reply(c, &destination_message(c->api, w)->base);
    }
}

void operation_DESTINATION_DELETE(struct call *c)
{
    const Stepfleet__WebhookRequest *q = (const void *)c->request;
    struct ledger_webhook *w = find(c, WEBHOOK_DESTINATION, q->name);

    if (w != NULL) {
        ledger_webhook_delete(c->api->ledger, w);
        reply_empty(c, OK, NULL);
    }
}

void operation_DESTINATION_LIST(struct call *c)
{
    Stepfleet__DestinationListReply r = STEPFLEET__DESTINATION_LIST_REPLY__INIT;
    size_t count;
    struct ledger_webhook **page = page_of(c, WEBHOOK_DESTINATION, &count, &r.next_token);

    if (page == NULL) {
        return;
    }
    r.destinations =
        ARENA_ARRAY(ledger_turn_arena(c->api->ledger), count, Stepfleet__Destination *);
    for (r.n_destinations = 0; r.n_destinations < count; r.n_destinations++) {
        r.destinations[r.n_destinations] = destination_message(c->api, page[r.n_destinations]);
    }
    c->reply(c, &r.base);
}
