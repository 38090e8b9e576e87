/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a definition: each object is read member by member by what it may have; what is wrong is
 * noted with its place and reading goes on, so that one answer names all of it. Settings that
 * contradict each other are looked for where both are in their range. See definition.h. */
#include "proto/job/definition.h"

#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "proto/job/arguments.h"
#include "proto/job/names.h"

/* All readers have one of these: where they are, and what was found so far. */
struct reader {
    struct arena *a;
    struct buf *faults; /* "CODE: message at /place, ..." */
    const struct json_node *object;
    struct slice place; /* "" for the document, "/Retry" */
};

static const int64_t bytes_max = INT64_C(5) << 40; /* S3: of an object */

/* ---- What is wrong, and where ---- */

static void fault(const struct reader *at, const char *field, const char *text)
{
    bool whole = field == NULL && at->place.len == 0;

    if (at->faults->len < ERR_MSG_BYTES) {
        buf_printf(at->faults, "%sSCHEMA_VALIDATION_FAILED: %s at %.*s%s%s",
                   at->faults->len != 0 ? ", " : "", text, SLICE_FMT(at->place),
                   field != NULL || whole ? "/" : "", field != NULL ? field : "");
    }
}

static struct slice shown(struct slice name)
{
    return slice_head(name, 100);
}

/* Members that nobody knows. `known` ends with NULL. */
static void read_known(const struct reader *at, const char *const *known)
{
    for (const struct json_node *e = json_first(at->object); e != NULL;
         e = json_next(at->object, e)) {
        struct slice name = json_key(at->object, e);
        size_t i = 0;

        while (known[i] != NULL && !slice_eq_str(name, known[i])) {
            i++;
        }
        if (known[i] == NULL) {
            fault(at, NULL,
                  arena_str(at->a, arena_printf(at->a, "Field '%.*s' is not supported",
                                                SLICE_FMT(shown(name)))));
        }
    }
}

/* ---- Members of a type ---- */

static const struct json_node *member(const struct reader *at, const char *field)
{
    return json_member(at->object, slice_str(field));
}

static bool has(const struct reader *at, const char *field)
{
    return member(at, field) != NULL;
}

static void
read_integer(const struct reader *at, const char *field, int64_t min, int64_t max, int64_t *out)
{
    const struct json_node *v = member(at, field);
    int64_t value;

    if (v == NULL) {
        return;
    }
    if (!json_is(v, JSON_NUMBER) || !json_i64(v, &value)) {
        fault(at, field, "Expected value of type Integer");
    } else if (value < min || value > max) {
        fault(at, field,
              arena_str(at->a,
                        arena_printf(at->a, "%s value is %lld", value < min ? "Minimum" : "Maximum",
                                     (long long)(value < min ? min : max))));
    } else {
        *out = value;
    }
}

static void
read_u32(const struct reader *at, const char *field, uint32_t min, uint32_t max, uint32_t *out)
{
    int64_t value = *out;

    read_integer(at, field, min, max, &value);
    *out = (uint32_t)value;
}

static void
read_real(const struct reader *at, const char *field, double min, double max, double *out)
{
    const struct json_node *v = member(at, field);
    double value;

    if (v == NULL) {
        return;
    }
    if (!json_double(v, &value)) {
        fault(at, field, "Expected value of type [NUMBER]");
    } else if (!(value >= min && value <= max)) {
        fault(at, field,
              arena_str(at->a,
                        arena_printf(at->a, "%s value is %lld", value < min ? "Minimum" : "Maximum",
                                     (long long)(value < min ? min : max))));
    } else {
        *out = value;
    }
}

static void read_bool(const struct reader *at, const char *field, bool *out)
{
    const struct json_node *v = member(at, field);

    if (v != NULL && !json_is_bool(v)) {
        fault(at, field, "Expected value of type [BOOLEAN]");
    } else if (v != NULL) {
        *out = json_is(v, JSON_TRUE);
    }
}

static bool read_string(const struct reader *at, const char *field, struct slice *out)
{
    const struct json_node *v = member(at, field);

    if (v != NULL && !json_is(v, JSON_STRING)) {
        fault(at, field, "Expected value of type [STRING]");
        return false;
    }
    if (v != NULL) {
        *out = arena_copy(at->a, json_text(v));
    }
    return v != NULL;
}

/* One of the words; `*out` keeps its default where it is none. */
static void
read_word(const struct reader *at, const char *field, const char *const *words, unsigned *out)
{
    struct slice list = SLICE("");
    struct slice word;

    if (!read_string(at, field, &word)) {
        return;
    }
    for (unsigned i = 0; words[i] != NULL; i++) {
        if (slice_eq_str(word, words[i])) {
            *out = i;
            return;
        }
        list = arena_printf(at->a, "%.*s%s%s", SLICE_FMT(list), i == 0 ? "" : ", ", words[i]);
    }
    fault(at, field,
          arena_str(at->a, arena_printf(at->a, "Value should be one of the following: [%.*s]",
                                        SLICE_FMT(list))));
}

/* The object in a member; false: there is none to be read. */
static bool read_object(const struct reader *at, const char *field, struct reader *inner)
{
    const struct json_node *v = member(at, field);

    if (v != NULL && !json_is(v, JSON_OBJECT)) {
        fault(at, field, "Expected value of type [OBJECT]");
        return false;
    }
    *inner = *at;
    inner->object = v;
    inner->place = arena_printf(at->a, "%.*s/%s", SLICE_FMT(at->place), field);
    return v != NULL;
}

static bool read_handler(const struct reader *at, struct slice *out)
{
    bool given = read_string(at, "Handler", out);

    if (given && !text_is_function_name(*out)) {
        fault(at, "Handler",
              "Value is not a handler's name: 1 to 80 printable characters without spaces");
    }
    return given;
}

/* ---- The parts ---- */

static void read_delimiter(const struct reader *at, struct job_definition *d)
{
    struct slice text;

    if (!read_string(at, "Delimiter", &text)) {
        return;
    }
    if (text.len != 1 || text.ptr[0] == '"' || text.ptr[0] == '\n' || text.ptr[0] == '\r' ||
        text.ptr[0] == '\0' || (unsigned char)text.ptr[0] >= 0x80) {
        fault(at, "Delimiter",
              "Value must be one ASCII character, and neither a quote nor a line break");
        return;
    }
    d->input.delimiter = text.ptr[0];
}

static void read_input(const struct reader *up, struct job_definition *d)
{
    static const char *const known[] = {"Format", "Delimiter", "Header", "QuotedLineBreaks", NULL};
    unsigned format = d->input.format;
    struct reader at;

    if (!read_object(up, "Input", &at)) {
        return;
    }
    read_known(&at, known);
    read_word(&at, "Format", job_format_names, &format);
    d->input.format = (enum job_format)format;
    read_delimiter(&at, d);
    read_bool(&at, "Header", &d->input.header);
    read_bool(&at, "QuotedLineBreaks", &d->input.quoted_line_breaks);
    for (size_t i = 1; format != JOB_FORMAT_AUTO && format != JOB_FORMAT_CSV && known[i] != NULL;
         i++) {
        if (has(&at, known[i])) {
            fault(&at, known[i], "Only a Format of csv or auto has it");
        }
    }
}

static void read_output(const struct reader *up, struct job_definition *d)
{
    static const char *const known[] = {"Format", "Layout", NULL};
    unsigned format = d->output_format;
    unsigned layout = d->layout;
    struct reader at;

    if (!read_object(up, "Output", &at)) {
        return;
    }
    read_known(&at, known);
    read_word(&at, "Format", job_format_names, &format);
    read_word(&at, "Layout", job_layout_names, &layout);
    d->output_format = (enum job_format)format;
    d->layout = (enum job_layout)layout;
}

static void read_shards(const struct reader *up, struct job_definition *d)
{
    static const char *const known[] = {"Bytes", "Count", NULL};
    int64_t bytes = 0;
    struct reader at;

    if (!read_object(up, "Shards", &at)) {
        return;
    }
    read_known(&at, known);
    read_integer(&at, "Bytes", 0, bytes_max, &bytes);
    read_u32(&at, "Count", 0, LIMIT_JOB_PIECES, &d->shard_count);
    d->shard_bytes = (uint64_t)bytes;
    if (bytes != 0 && bytes < LIMIT_JOB_SHARD_BYTES) {
        fault(&at, "Bytes",
              arena_str(at.a,
                        arena_printf(at.a, "Minimum value is %d, or 0", LIMIT_JOB_SHARD_BYTES)));
    }
    if (bytes != 0 && d->shard_count != 0) {
        fault(&at, NULL, "There should only be one of the following fields: [Bytes, Count]");
    }
    if ((bytes != 0 || d->shard_count != 0) && d->input.format == JOB_FORMAT_WHOLE) {
        fault(&at, NULL, "An Input of Format whole is never split");
    }
}

static void read_retry(const struct reader *up, struct job_definition *d)
{
    static const char *const known[] = {"MaxAttempts", "IntervalSeconds", "BackoffRate",
                                        "MaxDelaySeconds", NULL};
    int64_t interval_s = d->retry.interval_ms / 1000;
    int64_t delay_s = d->retry.max_delay_ms / 1000;
    struct reader at;

    if (!read_object(up, "Retry", &at)) {
        return;
    }
    read_known(&at, known);
    read_u32(&at, "MaxAttempts", 0, LIMIT_JOB_RETRIES, &d->retry.max_attempts);
    read_integer(&at, "IntervalSeconds", 1, LIMIT_JOB_DELAY_SECONDS, &interval_s);
    read_real(&at, "BackoffRate", 1, 100, &d->retry.backoff_rate);
    if (!has(&at, "MaxDelaySeconds") && delay_s < interval_s) {
        delay_s = interval_s;
    }
    read_integer(&at, "MaxDelaySeconds", 1, LIMIT_JOB_DELAY_SECONDS, &delay_s);
    if (delay_s < interval_s) {
        fault(&at, "MaxDelaySeconds", "Value is less than IntervalSeconds");
    }
    d->retry.interval_ms = interval_s * 1000;
    d->retry.max_delay_ms = delay_s * 1000;
}

static void read_bad_records(const struct reader *up, struct job_definition *d)
{
    static const char *const known[] = {"Policy", "MaxCount", "MaxPercent", NULL};
    unsigned policy = d->bad_records.policy;
    int64_t count = 0;
    struct reader at;

    if (!read_object(up, "BadRecords", &at)) {
        return;
    }
    read_known(&at, known);
    read_word(&at, "Policy", job_bad_records_names, &policy);
    read_integer(&at, "MaxCount", 0, INT64_MAX, &count);
    read_real(&at, "MaxPercent", 0, 100, &d->bad_records.max_percent);
    d->bad_records.policy = (enum job_bad_records)policy;
    d->bad_records.max_count = (uint64_t)count;
    if (policy != JOB_BAD_RECORDS_REJECT && (count != 0 || d->bad_records.max_percent > 0)) {
        fault(&at, NULL, "Only the Policy reject has MaxCount and MaxPercent");
    }
}

/* ---- Shuffle ---- */

/* One step of a path, ".name", "['name']" or "[7]": its length; 0: it is none. */
static size_t path_step(struct slice path)
{
    static const char not_in_names[] = ".[]*'\"@$(),?";
    size_t end = slice_find(path, ']');
    uint64_t index;

    if (path.ptr[0] == '.') {
        for (end = 1; end < path.len && path.ptr[end] != '.' && path.ptr[end] != '['; end++) {
            if (path.ptr[end] <= ' ' && path.ptr[end] >= '\0') {
                return 0;
            }
            if (memchr(not_in_names, path.ptr[end], sizeof(not_in_names)) != NULL) {
                return 0;
            }
        }
        return end > 1 ? end : 0;
    }
    if (slice_starts_with(path, SLICE("['"))) {
        end = 2 + slice_find(slice_from(path, 2), '\'');
        return end > 2 && slice_starts_with(slice_from(path, end), SLICE("']")) ? end + 2 : 0;
    }
    return path.ptr[0] == '[' && end < path.len &&
                   text_parse_u64(slice_make(path.ptr + 1, end - 1), &index)
               ? end + 1
               : 0;
}

/* "$" and steps: one place in a record. */
static bool path_is_plain(struct slice path)
{
    if (path.len == 0 || path.len > LIMIT_JOB_PATH_BYTES || path.ptr[0] != '$') {
        return false;
    }
    for (path = slice_from(path, 1); path.len != 0;) {
        size_t len = path_step(path);

        if (len == 0) {
            return false;
        }
        path = slice_from(path, len);
    }
    return true;
}

static void read_key(const struct reader *at, enum job_shuffle kind, struct job_key *key)
{
    static const char *const known[] = {"Path", "Column", "Type", "Descending", NULL};
    unsigned type = 0;

    read_known(at, known);
    if (read_string(at, "Path", &key->path) && !path_is_plain(key->path)) {
        fault(at, "Path", "Value is not a Reference Path such as $.customer.id");
    }
    if (read_string(at, "Column", &key->column) &&
        (key->column.len == 0 || key->column.len > LIMIT_JOB_PATH_BYTES)) {
        fault(at, "Column", "Value is not the name of a column");
    }
    if (has(at, "Path") && has(at, "Column")) {
        fault(at, NULL, "There should only be one of the following fields: [Path, Column]");
    }
    read_word(at, "Type", job_key_type_names, &type);
    key->number = type == 1;
    read_bool(at, "Descending", &key->descending);
    if (key->descending && kind != JOB_SHUFFLE_SORT) {
        fault(at, "Descending", "Only the Kind sort has an order");
    }
}

static void read_keys(const struct reader *at, struct job_shuffle_settings *s)
{
    const struct json_node *list = member(at, "Keys");
    struct job_key *keys;
    size_t i = 0;

    if (list != NULL && !json_is(list, JSON_ARRAY)) {
        fault(at, "Keys", "Expected value of type [ARRAY]");
        return;
    }
    if (json_count(list) == 0 && s->kind != JOB_SHUFFLE_DISTINCT) {
        fault(at, "Keys", "There should be at least one key");
    }
    if (json_count(list) > LIMIT_JOB_KEYS) {
        fault(at, "Keys",
              arena_str(at->a, arena_printf(at->a, "There are more than %d keys", LIMIT_JOB_KEYS)));
        return;
    }
    keys = ARENA_ARRAY(at->a, json_count(list), struct job_key);
    for (const struct json_node *e = json_first(list); e != NULL; e = json_next(list, e), i++) {
        struct reader in = *at;

        in.object = e;
        in.place = arena_printf(at->a, "%.*s/Keys[%zu]", SLICE_FMT(at->place), i);
        if (json_is(e, JSON_OBJECT)) {
            read_key(&in, s->kind, &keys[i]);
        } else {
            fault(&in, NULL, "Expected value of type [OBJECT]");
        }
    }
    s->keys = keys;
    s->key_count = json_count(list);
}

static void read_shuffle(const struct reader *up, struct job_definition *d)
{
    static const char *const known[] = {"Kind", "Keys", "Partitions", "Handler", NULL};
    struct job_shuffle_settings *s = &d->shuffle;
    unsigned kind = 0;
    struct reader at;

    if (!read_object(up, "Shuffle", &at)) {
        return;
    }
    read_known(&at, known);
    read_word(&at, "Kind", job_shuffle_names, &kind);
    if (!has(&at, "Kind")) {
        fault(&at, NULL, "These fields are required: [Kind]");
    }
    s->kind = (enum job_shuffle)(kind + JOB_SHUFFLE_GROUP);
    read_keys(&at, s);
    read_u32(&at, "Partitions", 0, LIMIT_JOB_PARTITIONS, &s->partitions);
    if (!read_handler(&at, &s->handler) &&
        (s->kind == JOB_SHUFFLE_GROUP || s->kind == JOB_SHUFFLE_JOIN)) {
        fault(&at, NULL, "These fields are required: [Handler]");
    }
    if (!has(up, "Handler") && d->output_format != JOB_FORMAT_AUTO &&
        d->output_format != d->input.format) {
        fault(up, NULL, "Without a Handler the Output's Format is the Input's");
    }
    if (d->input.format == JOB_FORMAT_WHOLE || d->output_format == JOB_FORMAT_WHOLE) {
        fault(&at, NULL, "What has the Format whole has no records to shuffle");
    }
}

static void read_arguments(const struct reader *at, struct job_definition *d)
{
    struct err err;

    if (job_arguments_read(member(at, "DefaultArguments"), at->a, &d->default_arguments, &err) !=
        OK) {
        fault(at, "DefaultArguments", err.msg);
    }
}

/* ---- The whole ---- */

static void read_definition(const struct reader *at, struct job_definition *d)
{
    static const char *const known[] = {
        "Handler", "Input", "Output",     "Shards",  "NumberOfWorkers", "MaxConcurrentRuns",
        "Timeout", "Retry", "BadRecords", "Shuffle", "Speculate",       "DefaultArguments",
        NULL};

    read_known(at, known);
    if (!read_handler(at, &d->handler) && !has(at, "Handler") && !has(at, "Shuffle")) {
        fault(at, NULL, "These fields are required: [Handler]");
    }
    read_input(at, d);
    read_output(at, d);
    read_shards(at, d);
    read_u32(at, "NumberOfWorkers", 0, LIMIT_JOB_LIVE, &d->workers);
    read_u32(at, "MaxConcurrentRuns", 1, LIMIT_JOB_RUNS, &d->max_concurrent_runs);
    read_u32(at, "Timeout", 1, LIMIT_JOB_TIMEOUT_MINUTES, &d->timeout_minutes);
    read_retry(at, d);
    read_bad_records(at, d);
    read_shuffle(at, d);
    read_bool(at, "Speculate", &d->speculate);
    read_arguments(at, d);
}

static struct job_definition *definition_default(struct arena *a)
{
    struct job_definition *d = ARENA_NEW(a, struct job_definition);

    *d = (struct job_definition){
        .input = {.delimiter = ',', .header = true, .quoted_line_breaks = true},
        .max_concurrent_runs = 1,
        .timeout_minutes = 2880,
        .retry = {.max_attempts = 4,
                  .interval_ms = 1000,
                  .backoff_rate = 2.0,
                  .max_delay_ms = 60000},
        .speculate = true,
    };
    return d;
}

enum err_code job_definition_parse(struct slice text,
                                   struct arena *a,
                                   const struct job_definition **out,
                                   struct err *err)
{
    struct job_definition *d = definition_default(a);
    struct buf faults = {0};
    struct reader at = {.a = a, .faults = &faults, .place = SLICE("")};
    struct err why;
    enum err_code rc = OK;

    if (text.len > LIMIT_DEFINITION_BYTES) {
        return err_set(err, ERR_INVALID_DEFINITION,
                       "Invalid Job Definition: 'MAX_SIZE_EXCEEDED: it is longer than %d bytes'",
                       LIMIT_DEFINITION_BYTES);
    }
    if (json_parse(text, a, &at.object, &why) != OK) {
        return err_set(err, ERR_INVALID_DEFINITION,
                       "Invalid Job Definition: 'INVALID_JSON_DESCRIPTION: %s'", why.msg);
    }
    if (json_is(at.object, JSON_OBJECT)) {
        read_definition(&at, d);
    } else {
        fault(&at, NULL, "Expected value of type [OBJECT]");
    }
    if (faults.len != 0) {
        rc = err_set(err, ERR_INVALID_DEFINITION, "Invalid Job Definition: '%.*s'",
                     SLICE_FMT(buf_slice(&faults)));
    } else {
        *out = d;
    }
    buf_fini(&faults);
    return rc;
}
