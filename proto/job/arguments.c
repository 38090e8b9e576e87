/* SPDX-License-Identifier: Apache-2.0 */
/* See arguments.h. Arguments are kept in order of their keys, so that two lists are merged in one
 * walk; there are few, and they are put in order by insertion. */
#include "proto/job/arguments.h"

#include "proto/base/limits.h"
#include "proto/base/text.h"

/* ---- Reading and merging ---- */

static bool key_is_valid(struct slice key)
{
    if (key.len <= 2 || !slice_starts_with(key, SLICE("--")) || key.len > LIMIT_JOB_PATH_BYTES) {
        return false;
    }
    for (size_t i = 0; i < key.len; i++) {
        unsigned char c = (unsigned char)key.ptr[i];

        if (c <= ' ' || c == 0x7f || c == '=') {
            return false;
        }
    }
    return true;
}

static enum err_code arguments_check(const struct job_arguments *in, struct err *err)
{
    size_t bytes = 0;

    for (size_t i = 0; i < in->count; i++) {
        bytes += in->items[i].key.len + in->items[i].value.len;
    }
    if (in->count > LIMIT_JOB_ARGUMENTS) {
        return err_set(err, ERR_VALIDATION, "there are more than %d arguments",
                       LIMIT_JOB_ARGUMENTS);
    }
    if (bytes > LIMIT_JOB_ARGUMENT_BYTES) {
        return err_set(err, ERR_VALIDATION, "the arguments are longer than %d bytes",
                       LIMIT_JOB_ARGUMENT_BYTES);
    }
    return OK;
}

static enum err_code argument_check(struct slice key, const struct json_node *v, struct err *err)
{
    struct slice shown = slice_head(key, 100);

    if (!key_is_valid(key)) {
        return err_set(err, ERR_VALIDATION,
                       "'%.*s' is not an argument's key: \"--\" and a name without spaces or '='",
                       SLICE_FMT(shown));
    }
    if (!json_is(v, JSON_STRING)) {
        return err_set(err, ERR_VALIDATION, "the value of '%.*s' is not a string",
                       SLICE_FMT(shown));
    }
    if (slice_find(json_text(v), '\0') != json_text(v).len) {
        return err_set(err, ERR_VALIDATION, "the value of '%.*s' has a NUL character",
                       SLICE_FMT(shown));
    }
    return OK;
}

static void insert(struct job_argument *items, size_t count, struct job_argument one)
{
    while (count > 0 && slice_cmp(items[count - 1].key, one.key) > 0) {
        items[count] = items[count - 1];
        count--;
    }
    items[count] = one;
}

enum err_code job_arguments_read(const struct json_node *object,
                                 struct arena *a,
                                 struct job_arguments *out,
                                 struct err *err)
{
    struct job_arguments list = {.count = 0};
    struct job_argument *items;
    enum err_code rc;

    if (object != NULL && !json_is(object, JSON_OBJECT)) {
        return err_set(err, ERR_VALIDATION, "the arguments are not a JSON object");
    }
    if (json_count(object) > LIMIT_JOB_ARGUMENTS) {
        return err_set(err, ERR_VALIDATION, "there are more than %d arguments",
                       LIMIT_JOB_ARGUMENTS);
    }
    items = ARENA_ARRAY(a, json_count(object), struct job_argument);
    for (const struct json_node *e = json_first(object); e != NULL; e = json_next(object, e)) {
        struct slice key = json_key(object, e);

        rc = argument_check(key, e, err);
        if (rc != OK) {
            return rc;
        }
        insert(items, list.count++,
               (struct job_argument){arena_copy(a, key), arena_copy(a, json_text(e))});
    }
    list.items = items;
    rc = arguments_check(&list, err);
    if (rc == OK) {
        *out = list;
    }
    return rc;
}

enum err_code job_arguments_merge(const struct job_arguments *defaults,
                                  const struct job_arguments *own,
                                  struct arena *a,
                                  struct job_arguments *out,
                                  struct err *err)
{
    struct job_argument *items = ARENA_ARRAY(a, defaults->count + own->count, struct job_argument);
    struct job_arguments list = {.items = items};
    enum err_code rc;
    size_t d = 0;
    size_t o = 0;

    while (d < defaults->count || o < own->count) {
        int c = d == defaults->count ? 1
                : o == own->count    ? -1
                                     : slice_cmp(defaults->items[d].key, own->items[o].key);

        items[list.count++] = c < 0 ? defaults->items[d] : own->items[o];
        d += c <= 0 ? 1 : 0;
        o += c >= 0 ? 1 : 0;
    }
    rc = arguments_check(&list, err);
    if (rc == OK) {
        *out = list;
    }
    return rc;
}

const struct job_argument *job_arguments_find(const struct job_arguments *in, struct slice key)
{
    for (size_t i = 0; i < in->count; i++) {
        if (slice_eq(in->items[i].key, key)) {
            return &in->items[i];
        }
    }
    return NULL;
}

const struct json_node *job_arguments_json(const struct job_arguments *in, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    for (size_t i = 0; i < in->count; i++) {
        json_put(&b, in->items[i].key, json_string(a, in->items[i].value));
    }
    return json_built(&b);
}

/* ---- Where the data is ---- */

static enum err_code not_safe(const char *key, struct slice value, struct err *err)
{
    return err_set(err, ERR_VALIDATION, "%s is not a safe name: \"%.*s\"", key,
                   SLICE_FMT(slice_head(value, 100)));
}

static enum err_code
bucket_find(const struct job_arguments *in, const char *key, struct slice *out, struct err *err)
{
    const struct job_argument *v = job_arguments_find(in, slice_str(key));

    if (v == NULL) {
        return out->len != 0 ? OK : err_set(err, ERR_VALIDATION, "the argument %s is missing", key);
    }
    if (!text_is_key_part(v->value)) {
        return not_safe(key, v->value, err);
    }
    *out = v->value;
    return OK;
}

/* A prefix is a key, but that it may end in '/'. */
static bool input_is_safe(enum job_input_kind kind, struct slice text)
{
    if (kind == JOB_INPUT_PREFIX && slice_ends_with(text, SLICE("/"))) {
        text = slice_head(text, text.len - 1);
    }
    return text_is_key(text);
}

static enum err_code
input_find(const struct job_arguments *in, struct job_places *p, struct err *err)
{
    static const char *const keys[] = {[JOB_INPUT_KEY] = "--input-key",
                                       [JOB_INPUT_PREFIX] = "--input-prefix",
                                       [JOB_INPUT_MANIFEST] = "--input-manifest"};
    const struct job_argument *found = NULL;

    for (unsigned kind = JOB_INPUT_KEY; kind <= JOB_INPUT_MANIFEST; kind++) {
        const struct job_argument *v = job_arguments_find(in, slice_str(keys[kind]));

        if (v == NULL) {
            continue;
        }
        if (found != NULL) {
            return err_set(err, ERR_VALIDATION, "%.*s and %s are both given", SLICE_FMT(found->key),
                           keys[kind]);
        }
        if (!input_is_safe((enum job_input_kind)kind, v->value)) {
            return not_safe(keys[kind], v->value, err);
        }
        found = v;
        p->input_kind = (enum job_input_kind)kind;
        p->input = v->value;
    }
    return found != NULL ? OK
                         : err_set(err, ERR_VALIDATION,
                                   "one of the arguments --input-key, --input-prefix and "
                                   "--input-manifest is missing");
}

static enum err_code
output_find(const struct job_arguments *in, struct job_places *p, struct err *err)
{
    const struct job_argument *v = job_arguments_find(in, SLICE("--output-key"));

    if (v == NULL) {
        return err_set(err, ERR_VALIDATION, "the argument --output-key is missing");
    }
    if (!text_is_key(v->value)) {
        return not_safe("--output-key", v->value, err);
    }
    if (slice_eq(p->input_bucket, p->output_bucket) &&
        (p->input_kind == JOB_INPUT_PREFIX ? slice_starts_with(v->value, p->input)
                                           : slice_eq(v->value, p->input))) {
        return err_set(err, ERR_VALIDATION,
                       "--output-key lies where the run reads: its own output would be its input");
    }
    p->output_key = v->value;
    return OK;
}

enum err_code
job_places_find(const struct job_arguments *in, struct job_places *out, struct err *err)
{
    struct job_places p = {.input_bucket = SLICE("")};
    enum err_code rc = bucket_find(in, "--input-bucket", &p.input_bucket, err);

    if (rc == OK) {
        rc = input_find(in, &p, err);
    }
    p.output_bucket = p.input_bucket;
    if (rc == OK) {
        rc = bucket_find(in, "--output-bucket", &p.output_bucket, err);
    }
    if (rc == OK) {
        rc = output_find(in, &p, err);
    }
    if (rc == OK) {
        *out = p;
    }
    return rc;
}

/* ---- What a run overrides ---- */

static bool worker_type_is_known(struct slice type)
{
    static const char *const types[] = {"Standard", "G.025X", "G.1X", "G.2X",
                                        "G.4X",     "G.8X",   "Z.2X"};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (slice_eq_str(type, types[i])) {
            return true;
        }
    }
    return false;
}

enum err_code job_overrides_apply(const struct job_definition *d,
                                  const struct job_overrides *o,
                                  uint32_t *timeout_minutes,
                                  uint32_t *workers,
                                  struct err *err)
{
    if (o->timeout_minutes == 0 || o->timeout_minutes > LIMIT_JOB_TIMEOUT_MINUTES) {
        return err_set(err, ERR_VALIDATION, "Timeout is not between 1 and %d minutes",
                       LIMIT_JOB_TIMEOUT_MINUTES);
    }
    if (o->workers == 0 || o->workers > LIMIT_JOB_LIVE) {
        return err_set(err, ERR_VALIDATION, "NumberOfWorkers is not between 1 and %d",
                       LIMIT_JOB_LIVE);
    }
    if (o->worker_type.len != 0 && !worker_type_is_known(o->worker_type)) {
        return err_set(err, ERR_VALIDATION,
                       "WorkerType '%.*s' is none of Standard, G.025X, G.1X, G.2X, G.4X, G.8X, "
                       "Z.2X",
                       SLICE_FMT(slice_head(o->worker_type, 100)));
    }
    *timeout_minutes = o->timeout_minutes > 0 ? (uint32_t)o->timeout_minutes : d->timeout_minutes;
    *workers = o->workers > 0 ? (uint32_t)o->workers : d->workers;
    return OK;
}

/* ---- Ids ---- */

void job_run_id_format(const uint8_t chance[32], char out[JOB_RUN_ID_BYTES])
{
    memcpy(out, "jr_", 3);
    text_format_hex(chance, 32, out + 3);
}

bool job_run_id_is(struct slice s)
{
    uint8_t bytes[32];

    if (s.len != JOB_RUN_ID_BYTES || !slice_starts_with(s, SLICE("jr_"))) {
        return false;
    }
    for (size_t i = 3; i < s.len; i++) {
        if (s.ptr[i] >= 'A' && s.ptr[i] <= 'F') {
            return false; /* one run, one name */
        }
    }
    return text_parse_hex(slice_from(s, 3), bytes);
}
