/* SPDX-License-Identifier: Apache-2.0 */
/* Events: made of what happens to Standard executions, or put by a client; each to the targets of
 * the rules whose pattern it meets, as the rules are at that moment. Nothing is made where no rule
 * listens.
 *
 * Source: Step Functions Developer Guide, "Execution Status Change"; recorded events. */
#include "coordinator/ledger/internal.h"
#include "coordinator/store/row_delivery.h"

/* ---- to rules ---- */

struct target_place ledger_target_place(const struct ledger *l)
{
    return (struct target_place){slice_str(l->config.region), l->config.account};
}

/* An event on its way. */
struct event {
    struct slice id;
    const struct json_node *node;
    struct slice text;
};

static void give(struct ledger *l, const struct ledger_rule *r, const struct event *e)
{
    struct slice arn = ledger_rule_arn(l, r->name);
    const struct input_values v = {
        .event = e->node,
        .parsed = e->node,
        .arn = arn,
        .name = r->name,
        .ingestion_ms = l->now.wall_ms,
    };

    for (size_t i = 0; i < r->row.target_count; i++) {
        const struct target *t = &r->targets[i];

        delivery_add(l, &(struct delivery_row){
                            .created_ms = l->now.wall_ms,
                            .due_ms = l->now.wall_ms,
                            .retries = t->retries,
                            .rule_arn = arn,
                            .target_arn = r->row.targets[i].texts.arn,
                            .group = t->group,
                            .dead_letters = t->dead_letters,
                            .event_id = e->id,
                            .event = e->text,
                            .input = target_input(t, &v, &l->arena),
                        });
    }
}

void rule_give(struct ledger *l,
               const struct ledger_rule *r,
               struct slice id,
               const struct json_node *event)
{
    give(l, r, &(struct event){.id = id, .node = event, .text = json_print(event, &l->arena)});
}

/* The rules that it meets. @param[out] targets  that they have in all */
static const struct ledger_rule **
met_by(struct ledger *l, const struct json_node *event, size_t *count, size_t *targets)
{
    const struct ledger_rule **met =
        ARENA_ARRAY(&l->arena, l->rule_count + 1, const struct ledger_rule *);

    *count = *targets = 0;
    LIST_EACH(n, &l->event_rules)
    {
        const struct ledger_rule *r = container_of(n, struct ledger_rule, link);

        if (r->listens && pattern_matches(r->pattern, event)) {
            met[(*count)++] = r;
            *targets += r->row.target_count;
        }
    }
    return met;
}

size_t ledger_event_put(struct ledger *l, struct event_head *head, const struct json_node *detail)
{
    const struct ledger_rule **met;
    struct event e;
    size_t targets;
    size_t count;

    head->id = ledger_uuid(l);
    head->region = slice_str(l->config.region);
    head->account = l->config.account;
    e = (struct event){.id = head->id, .node = event_make(head, detail, &l->arena)};
    met = met_by(l, e.node, &count, &targets);
    if (targets == 0) {
        return 0;
    }
    e.text = json_print(e.node, &l->arena);
    /* A row holds it, and what the target gets of it. */
    if (l->deliveries_new_bytes + 2 * targets * e.text.len > LIMIT_EVENT_COPIES_BYTES) {
        return targets;
    }
    for (size_t i = 0; i < count; i++) {
        give(l, met[i], &e);
    }
    return 0;
}

/* ---- of executions ---- */

static const struct json_node *text_or_null(struct slice text, struct arena *a)
{
    return text.ptr != NULL ? json_string(a, text) : json_null();
}

static const struct json_node *ms_or_null(int64_t ms, struct arena *a)
{
    return ms != 0 ? json_integer(a, ms) : json_null();
}

/* A document's text, as long as it is in a string of JSON; NULL: there is none. */
static const struct json_node *document(const struct doc *d, struct arena *a, size_t *bytes)
{
    const struct json_node *v = d->text.ptr != NULL ? json_string(a, d->text) : NULL;

    *bytes = v != NULL ? json_written_bytes(v) - 2 : 0;
    return v;
}

static void
put_document(struct json_builder *b, const char *name, const struct json_node *v, bool fits)
{
    json_put(b, slice_str(name), v != NULL && fits ? v : json_null());
}

static void
put_details(struct json_builder *b, const char *name, const struct json_node *v, bool fits)
{
    struct json_builder details = json_build_object(b->a);

    json_put(&details, SLICE("included"), json_bool(fits));
    json_put(b, slice_str(name), v != NULL ? json_built(&details) : json_null());
}

/* Where both are too long for an event the input is left out; where the output alone is, it too. */
static void put_documents(struct json_builder *b, const struct execution_header *h)
{
    size_t input_bytes;
    size_t output_bytes;
    const struct json_node *input = document(&h->input, b->a, &input_bytes);
    const struct json_node *output = document(&h->output, b->a, &output_bytes);
    bool input_fits = input_bytes + output_bytes <= LIMIT_EVENT_DOCUMENT_BYTES;
    bool output_fits = output_bytes <= LIMIT_EVENT_DOCUMENT_BYTES;

    put_document(b, "input", input, input_fits);
    put_document(b, "output", output, output_fits);
    put_details(b, "inputDetails", input, input_fits);
    put_details(b, "outputDetails", output, output_fits);
}

static void put_qualified(struct json_builder *b, const struct execution_header *h)
{
    const struct json_node *version = json_null();
    const struct json_node *alias = json_null();

    if (h->version != 0) {
        version =
            json_string(b->a, arena_printf(b->a, "%.*s:%u", SLICE_FMT(h->machine_arn), h->version));
    }
    if (h->alias.len != 0) {
        alias = json_string(
            b->a, arena_printf(b->a, "%.*s:%.*s", SLICE_FMT(h->machine_arn), SLICE_FMT(h->alias)));
    }
    json_put(b, SLICE("stateMachineVersionArn"), version);
    json_put(b, SLICE("stateMachineAliasArn"), alias);
}

static void put_redrive(struct json_builder *b, const struct execution_header *h)
{
    const char *refusal = ledger_redrive_refusal(h, h->stop_ms);

    json_put(b, SLICE("redriveCount"), json_integer(b->a, h->redrive_count));
    json_put(b, SLICE("redriveDate"), ms_or_null(h->redrive_ms, b->a));
    json_put(b, SLICE("redriveStatus"),
             json_string(b->a, refusal == NULL ? SLICE("REDRIVABLE") : SLICE("NOT_REDRIVABLE")));
    json_put(b, SLICE("redriveStatusReason"),
             refusal == NULL ? json_null() : json_string(b->a, slice_str(refusal)));
}

static const struct json_node *detail_of(const struct execution_header *h, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    json_put(&b, SLICE("executionArn"), json_string(a, h->arn));
    json_put(&b, SLICE("stateMachineArn"), json_string(a, h->machine_arn));
    json_put(&b, SLICE("name"), json_string(a, h->name));
    json_put(&b, SLICE("status"), json_string(a, slice_str(execution_status_name(h->status))));
    json_put(&b, SLICE("startDate"), json_integer(a, h->start_ms));
    json_put(&b, SLICE("stopDate"), ms_or_null(h->stop_ms, a));
    put_documents(&b, h);
    json_put(&b, SLICE("error"), text_or_null(h->error, a));
    json_put(&b, SLICE("cause"), text_or_null(h->cause, a));
    put_qualified(&b, h);
    put_redrive(&b, h);
    return json_built(&b);
}

static void put_status(struct ledger *l, const struct execution_header *h)
{
    struct json_builder resources = json_build_array(&l->arena);
    struct event_head head = {
        .source = SLICE("aws.states"),
        .detail_type = SLICE("Step Functions Execution Status Change"),
        .time_ms = l->now.wall_ms,
    };

    json_push(&resources, json_string(&l->arena, h->arn));
    head.resources = json_built(&resources);
    l->figures.rule_deliveries[DELIVERIES_DROPPED] +=
        ledger_event_put(l, &head, detail_of(h, &l->arena));
}

/* It may have begun and ended in one step. */
static void put_running(struct ledger *l, const struct execution_header *h)
{
    struct execution_header running = *h;

    running.status = EXECUTION_RUNNING;
    running.stop_ms = 0;
    running.output = (struct doc){0};
    running.error = running.cause = (struct slice){NULL, 0};
    put_status(l, &running);
}

void event_step(struct ledger *l,
                const struct execution_header *h,
                bool began,
                enum execution_status was)
{
    if (l->listeners == 0 || h->express) {
        return;
    }
    if (began) {
        put_running(l, h);
    }
    if (h->status != EXECUTION_RUNNING && (began || was == EXECUTION_RUNNING)) {
        put_status(l, h);
    }
}
