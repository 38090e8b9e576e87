/* SPDX-License-Identifier: Apache-2.0 */
/* One try of a delivery: a message to a queue or a topic, or an execution; and where it goes when
 * none is to follow. Codes and attributes of dead letters are AWS's: EventBridge User Guide, "Using
 * dead-letter queues". */
#include "coordinator/ledger/delivery.h"
#include "coordinator/ledger/queue.h"
#include "coordinator/ledger/topic.h"
#include "proto/host/log.h"

enum delivery_end
delivery_refuse(struct delivery_fault *fault, const char *code, struct slice message)
{
    *fault = (struct delivery_fault){.code = code, .message = message};
    return DELIVERY_REFUSED;
}

enum delivery_end
delivery_fail(struct delivery_fault *fault, const char *code, struct slice message)
{
    *fault = (struct delivery_fault){.code = code, .message = message};
    return DELIVERY_FAILED;
}

struct slice delivery_input(const struct delivery_row *d)
{
    return d->input.len != 0 ? d->input : d->event;
}

static struct slice account_text(struct ledger *l)
{
    return arena_printf(&l->arena, "%012llu", (unsigned long long)l->config.account);
}

/* ---- queues ---- */

static enum delivery_end send_message(struct ledger *l,
                                      struct ledger_queue *q,
                                      const struct delivery_row *d,
                                      struct delivery_fault *fault)
{
    const struct queue_attributes *a = &q->row.attributes;
    struct message_row m = {
        .sender = account_text(l), .group = d->group, .body = delivery_input(d)};
    struct dedup_key dedup = {0};
    struct ledger_sent sent;

    if (m.body.len > a->message_bytes) {
        return delivery_refuse(
            fault, "INVALID_PARAMETER",
            arena_printf(&l->arena, "Message must be shorter than %u bytes.", a->message_bytes));
    }
    if (a->fifo && !a->content_dedup) {
        return delivery_refuse(
            fault, "INVALID_PARAMETER",
            SLICE("The queue should either have ContentBasedDeduplication enabled or "
                  "MessageDeduplicationId provided explicitly"));
    }
    if (a->fifo && !ledger_queue_remembers(q)) {
        return delivery_fail(fault, "THROTTLING", SLICE("The queue remembers no more messages."));
    }
    if (a->fifo) {
        m.dedup = dedup_content_id(m.body, &l->arena);
        dedup = ledger_dedup_key(q, m.group, m.dedup, &l->arena);
    }
    ledger_queue_send(l, q, &m, (int64_t)a->delay_s * 1000, a->fifo ? &dedup : NULL, &sent);
    return DELIVERY_DONE;
}

static enum delivery_end to_queue(struct ledger *l,
                                  struct slice name,
                                  const struct delivery_row *d,
                                  struct delivery_fault *fault)
{
    struct ledger_queue *q = ledger_queue_find(l, name);

    return q != NULL ? send_message(l, q, d, fault)
                     : delivery_refuse(fault, "NO_RESOURCE",
                                       SLICE("The specified queue does not exist."));
}

/* ---- topics ---- */

static enum delivery_end to_topic(struct ledger *l,
                                  struct slice name,
                                  const struct delivery_row *d,
                                  struct delivery_fault *fault)
{
    struct ledger_topic *t = ledger_topic_find(l, name);
    struct topic_message m = {.body = delivery_input(d)};
    struct err err;

    if (t == NULL) {
        return delivery_refuse(fault, "NO_RESOURCE", SLICE("Topic does not exist"));
    }
    if (topic_message_check(&m, &err) != OK) {
        return delivery_refuse(fault, "INVALID_PARAMETER",
                               arena_copy(&l->arena, slice_str(err.msg)));
    }
    ledger_topic_publish(l, t, &m);
    return DELIVERY_DONE;
}

/* ---- machines ---- */

static enum delivery_end start(struct ledger *l,
                               struct ledger_machine *m,
                               const struct delivery_row *d,
                               struct slice input,
                               struct delivery_fault *fault)
{
    struct ledger_start s = {.machine = m, .input = input};
    struct err err;
    uint64_t id;
    enum err_code rc;

    if (l->is_short) {
        return delivery_fail(fault, "THROTTLING", slice_str(err_sentence(ERR_DISK)));
    }
    s.name =
        arena_printf(&l->arena, "%.*s_%.*s", SLICE_FMT(d->event_id), SLICE_FMT(ledger_uuid(l)));
    s.arn = ledger_start_arn(l, &s);
    rc = ledger_start(l, &s, &id, &err);
    if (rc == OK) {
        return DELIVERY_DONE;
    }
    return delivery_fail(fault, rc == ERR_EXECUTION_LIMIT ? "THROTTLING" : "ERROR_FROM_TARGET",
                         arena_copy(&l->arena, slice_str(err.msg)));
}

static enum delivery_end to_machine(struct ledger *l,
                                    struct slice name,
                                    const struct delivery_row *d,
                                    struct delivery_fault *fault)
{
    struct ledger_machine *m = ledger_machine_find(l, name);
    const struct json_node *v;
    struct slice input;

    if (m == NULL || m->deleting) {
        return delivery_refuse(fault, "NO_RESOURCE",
                               arena_printf(&l->arena, "State Machine Does Not Exist: '%.*s'",
                                            SLICE_FMT(d->target_arn)));
    }
    if (json_parse(delivery_input(d), &l->arena, &v, NULL) != OK) {
        return delivery_refuse(fault, "INVALID_JSON", SLICE("The input is not JSON."));
    }
    input = json_print(v, &l->arena);
    if (input.len > l->rules.payload_bytes) {
        return delivery_refuse(fault, "INVALID_PARAMETER", SLICE("The input is too large."));
    }
    return start(l, m, d, input, fault);
}

enum delivery_end
delivery_send(struct ledger *l, const struct delivery_row *d, struct delivery_fault *fault)
{
    struct target_place place = ledger_target_place(l);
    enum target_kind kind;
    struct slice name;

    if (!target_of_arn(d->target_arn, &place, &kind, &name)) {
        return delivery_refuse(fault, "NO_RESOURCE", SLICE("There is no such target."));
    }
    switch (kind) {
    case TARGET_QUEUE: return to_queue(l, name, d, fault);
    case TARGET_TOPIC: return to_topic(l, name, d, fault);
    case TARGET_MACHINE: return to_machine(l, name, d, fault);
    case TARGET_HANDLER:
    case TARGET_WEBHOOK: break; /* delivery_is_flight() */
    }
    return delivery_refuse(fault, "INTERNAL_ERROR", SLICE("It takes its time."));
}

/* ---- dead letters ---- */

enum { LETTER_ATTRIBUTES = 6 };

static struct slice letter_attributes(struct ledger *l,
                                      const struct delivery_row *d,
                                      const struct delivery_fault *fault,
                                      const char *exhausted)
{
    uint32_t retries = d->tries != 0 && exhausted != NULL ? d->tries - 1 : d->tries;
    const struct {
        const char *name;
        struct slice value;
    } all[LETTER_ATTRIBUTES] = {
        {"ERROR_CODE", slice_str(fault->code)},
        {"ERROR_MESSAGE", fault->message},
        {"RETRY_ATTEMPTS", arena_printf(&l->arena, "%u", retries)},
        {"RULE_ARN", d->rule_arn},
        {"TARGET_ARN", d->target_arn},
        {"EXHAUSTED_RETRY_CONDITION", slice_str(exhausted != NULL ? exhausted : "")},
    };
    struct message_attribute items[LETTER_ATTRIBUTES];
    size_t count = exhausted != NULL ? LETTER_ATTRIBUTES : LETTER_ATTRIBUTES - 1;

    for (size_t i = 0; i < count; i++) {
        items[i] = (struct message_attribute){slice_str(all[i].name), SLICE("String"), false,
                                              all[i].value};
    }
    buf_reset(&l->scratch);
    message_attributes_encode(items, count, &l->scratch);
    return arena_copy(&l->arena, buf_slice(&l->scratch));
}

void delivery_bury(struct ledger *l,
                   const struct delivery_row *d,
                   const struct delivery_fault *fault,
                   const char *exhausted)
{
    struct ledger_queue *q =
        d->dead_letters.len != 0 ? ledger_queue_find(l, d->dead_letters) : NULL;
    struct message_row m = {.sender = account_text(l), .body = d->event};
    struct ledger_sent sent;

    l->figures.rule_deliveries[q != NULL ? DELIVERIES_BURIED : DELIVERIES_DROPPED]++;
    if (q == NULL) {
        log_warn("an event is lost: rule=%.*s target=%.*s event=%.*s: %s: %.*s",
                 SLICE_FMT(d->rule_arn), SLICE_FMT(d->target_arn), SLICE_FMT(d->event_id),
                 fault->code, SLICE_FMT(fault->message));
        return;
    }
    m.attributes = letter_attributes(l, d, fault, exhausted);
    ledger_queue_send(l, q, &m, (int64_t)q->row.attributes.delay_s * 1000, NULL, &sent);
}
