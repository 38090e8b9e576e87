/* SPDX-License-Identifier: Apache-2.0 */
/* A definition as text again: every member, defaults too, but those that only some formats and
 * policies have. Parsed, it gives an equal definition. See definition.h. */
#include "proto/base/json.h"
#include "proto/job/arguments.h"
#include "proto/job/definition.h"
#include "proto/job/names.h"

const char *const job_format_names[] = {"auto", "lines", "jsonl", "csv", "json", "whole", NULL};
const char *const job_layout_names[] = {"object", "parts", NULL};
const char *const job_bad_records_names[] = {"handler", "fail", "reject", NULL};
const char *const job_shuffle_names[] = {"group", "sort", "distinct", "join", NULL};
const char *const job_key_type_names[] = {"text", "number", NULL};

const char *job_format_name(enum job_format format)
{
    return job_format_names[format];
}

static void put_text(struct json_builder *b, const char *name, struct slice text)
{
    json_put(b, slice_str(name), json_string(b->a, text));
}

static void put_integer(struct json_builder *b, const char *name, uint64_t value)
{
    json_put(b, slice_str(name), json_integer(b->a, (int64_t)value));
}

static const struct json_node *print_input(const struct job_definition *d, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    put_text(&b, "Format", slice_str(job_format_name(d->input.format)));
    if (d->input.format == JOB_FORMAT_AUTO || d->input.format == JOB_FORMAT_CSV) {
        put_text(&b, "Delimiter", slice_make(&d->input.delimiter, 1));
        json_put(&b, SLICE("Header"), json_bool(d->input.header));
        json_put(&b, SLICE("QuotedLineBreaks"), json_bool(d->input.quoted_line_breaks));
    }
    return json_built(&b);
}

static const struct json_node *print_output(const struct job_definition *d, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    put_text(&b, "Format", slice_str(job_format_name(d->output_format)));
    put_text(&b, "Layout", slice_str(job_layout_names[d->layout]));
    return json_built(&b);
}

static const struct json_node *print_shards(const struct job_definition *d, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    put_integer(&b, "Bytes", d->shard_bytes);
    put_integer(&b, "Count", d->shard_count);
    return json_built(&b);
}

static const struct json_node *print_retry(const struct job_retry *r, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    put_integer(&b, "MaxAttempts", r->max_attempts);
    put_integer(&b, "IntervalSeconds", (uint64_t)(r->interval_ms / 1000));
    json_put(&b, SLICE("BackoffRate"), json_real(a, r->backoff_rate));
    put_integer(&b, "MaxDelaySeconds", (uint64_t)(r->max_delay_ms / 1000));
    return json_built(&b);
}

static const struct json_node *print_bad_records(const struct job_bad_record_settings *s,
                                                 struct arena *a)
{
    struct json_builder b = json_build_object(a);

    put_text(&b, "Policy", slice_str(job_bad_records_names[s->policy]));
    put_integer(&b, "MaxCount", s->max_count);
    json_put(&b, SLICE("MaxPercent"), json_real(a, s->max_percent));
    return json_built(&b);
}

static const struct json_node *print_key(const struct job_key *key, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    if (key->path.len != 0) {
        put_text(&b, "Path", key->path);
    }
    if (key->column.len != 0) {
        put_text(&b, "Column", key->column);
    }
    put_text(&b, "Type", slice_str(job_key_type_names[key->number ? 1 : 0]));
    json_put(&b, SLICE("Descending"), json_bool(key->descending));
    return json_built(&b);
}

static const struct json_node *print_shuffle(const struct job_shuffle_settings *s, struct arena *a)
{
    struct json_builder b = json_build_object(a);
    struct json_builder keys = json_build_array(a);

    for (size_t i = 0; i < s->key_count; i++) {
        json_push(&keys, print_key(&s->keys[i], a));
    }
    put_text(&b, "Kind", slice_str(job_shuffle_names[s->kind - JOB_SHUFFLE_GROUP]));
    json_put(&b, SLICE("Keys"), json_built(&keys));
    put_integer(&b, "Partitions", s->partitions);
    if (s->handler.len != 0) {
        put_text(&b, "Handler", s->handler);
    }
    return json_built(&b);
}

struct slice job_definition_print(const struct job_definition *d, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    if (d->handler.len != 0) {
        put_text(&b, "Handler", d->handler);
    }
    json_put(&b, SLICE("Input"), print_input(d, a));
    json_put(&b, SLICE("Output"), print_output(d, a));
    json_put(&b, SLICE("Shards"), print_shards(d, a));
    put_integer(&b, "NumberOfWorkers", d->workers);
    put_integer(&b, "MaxConcurrentRuns", d->max_concurrent_runs);
    put_integer(&b, "Timeout", d->timeout_minutes);
    json_put(&b, SLICE("Retry"), print_retry(&d->retry, a));
    json_put(&b, SLICE("BadRecords"), print_bad_records(&d->bad_records, a));
    if (d->shuffle.kind != JOB_SHUFFLE_NONE) {
        json_put(&b, SLICE("Shuffle"), print_shuffle(&d->shuffle, a));
    }
    json_put(&b, SLICE("Speculate"), json_bool(d->speculate));
    json_put(&b, SLICE("DefaultArguments"), job_arguments_json(&d->default_arguments, a));
    return json_print(json_built(&b), a);
}
