/* SPDX-License-Identifier: Apache-2.0 */
/* Messages as a pipe hands them on. Members stand in the order AWS writes them in. */
#include "coordinator/asl/digest.h"
#include "coordinator/trigger/pipe_parameters.h"
#include "proto/base/text.h"

static void put_text(struct json_builder *b, const char *key, struct slice text)
{
    json_put(b, slice_str(key), json_string(b->a, text));
}

static void put_given(struct json_builder *b, const char *key, struct slice text)
{
    if (text.len != 0) {
        put_text(b, key, text);
    }
}

static void put_number(struct json_builder *b, const char *key, int64_t n)
{
    put_text(b, key, arena_printf(b->a, "%lld", (long long)n));
}

/* What the queue says of it: all of it text. */
static const struct json_node *attributes_of(const struct pipe_message *m, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    put_number(&b, "ApproximateReceiveCount", m->receive_count);
    put_given(&b, "AWSTraceHeader", m->trace);
    put_number(&b, "SentTimestamp", m->sent_ms);
    put_given(&b, "SequenceNumber", m->sequence);
    put_given(&b, "MessageGroupId", m->group);
    put_text(&b, "SenderId", m->sender);
    put_given(&b, "MessageDeduplicationId", m->dedup);
    put_number(&b, "ApproximateFirstReceiveTimestamp", m->first_ms);
    put_given(&b, "DeadLetterQueueSourceArn", m->dead_letter);
    return json_built(&b);
}

static const struct json_node *attribute_of(const struct pipe_attribute *at, struct arena *a)
{
    struct json_builder none = json_build_array(a);
    const struct json_node *empty = json_built(&none);
    struct json_builder b = json_build_object(a);

    if (at->binary) {
        put_text(&b, "binaryValue", text_base64(at->value, a));
    } else {
        put_text(&b, "stringValue", at->value);
    }
    json_put(&b, SLICE("stringListValues"), empty);
    json_put(&b, SLICE("binaryListValues"), empty);
    put_text(&b, "dataType", at->type);
    return json_built(&b);
}

static const struct json_node *message_attributes_of(const struct pipe_message *m, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    for (size_t i = 0; i < m->attribute_count; i++) {
        json_put(&b, m->attributes[i].name, attribute_of(&m->attributes[i], a));
    }
    return json_built(&b);
}

static struct slice md5_of(struct slice text, struct arena *a)
{
    uint8_t digest[DIGEST_BYTES_MAX];
    size_t len = digest_compute(SLICE("MD5"), text, digest);
    char *out = arena_alloc(a, 2 * len);

    text_format_hex(digest, len, out);
    return slice_make(out, 2 * len);
}

const struct json_node *pipe_record(const struct pipe_message *m, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    put_text(&b, "messageId", m->id);
    put_text(&b, "receiptHandle", m->handle);
    put_text(&b, "body", m->body);
    json_put(&b, SLICE("attributes"), attributes_of(m, a));
    json_put(&b, SLICE("messageAttributes"), message_attributes_of(m, a));
    put_text(&b, "md5OfBody", md5_of(m->body, a));
    put_text(&b, "eventSource", SLICE("aws:sqs"));
    put_text(&b, "eventSourceARN", m->queue_arn);
    put_text(&b, "awsRegion", m->region);
    return json_built(&b);
}

bool pipe_is_wanted_record(const struct pipe_parameters *p,
                           const struct json_node *record,
                           struct arena *a)
{
    const struct json_node *parsed = NULL;

    for (size_t i = 0; i < p->filter_count; i++) {
        bool looks_into = pattern_looks_into(p->filters[i], SLICE("body"));

        if (looks_into && parsed == NULL) {
            parsed = input_parse_body(record, a);
        }
        if (pattern_matches(p->filters[i], looks_into ? parsed : record)) {
            return true;
        }
    }
    return p->filter_count == 0;
}

/* What a template made: JSON as it is, any other text as a string. */
static struct slice as_json(struct slice text, struct arena *a)
{
    const struct json_node *v;
    struct err err;

    if (json_parse(text, a, &v, &err) != OK) {
        v = json_string(a, text);
    }
    return json_print(v, a);
}

struct slice pipe_input(const struct pipe_parameters *p,
                        const struct pipe_names *names,
                        int64_t now_ms,
                        const struct json_node *record,
                        struct arena *a)
{
    struct buf made = {0};
    struct slice out;

    if (p->input == NULL) {
        return json_print(record, a);
    }
    input_template_apply(p->input,
                         &(struct input_values){
                             .event = record,
                             .parsed = input_parse_body(record, a),
                             .arn = names->arn,
                             .name = names->name,
                             .source_arn = names->source_arn,
                             .target_arn = names->target_arn,
                             .ingestion_ms = now_ms,
                         },
                         a, &made);
    out = as_json(arena_copy(a, buf_slice(&made)), a);
    buf_fini(&made);
    return out;
}
