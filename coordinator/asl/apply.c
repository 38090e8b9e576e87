/* SPDX-License-Identifier: Apache-2.0 */
/* Applying the fields that every state may have: InputPath, OutputPath, ResultPath, and the values
 * that may be read from the input: seconds, times, Fail's texts.
 * Source: Amazon States Language, input and output processing and states; recorded causes. */
#include "coordinator/asl/intrinsic.h"
#include "coordinator/asl/jsonpath.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

#define MS_PER_DAY INT64_C(86400000)

static bool fail_runtime(struct failure *why, struct slice cause)
{
    why->error = SLICE("States.Runtime");
    why->cause = cause;
    return false;
}

/* "Invalid path '$.x' : No results for path: $['x']" */
static bool fail_missing(const struct asl_path *p,
                         const struct path_miss *miss,
                         struct arena *a,
                         struct failure *why)
{
    return fail_runtime(why, arena_printf(a, "Invalid path '%.*s' : %.*s", SLICE_FMT(p->text),
                                          SLICE_FMT(asl_path_miss_text(miss, a))));
}

static bool read_path(const struct asl_path *p,
                      const struct asl_scope_data *s,
                      const struct json_node **out,
                      struct failure *why)
{
    struct path_miss miss;
    const struct json_node *v = asl_path_value(p, s, &miss);

    *out = v;
    return v != NULL || fail_missing(p, &miss, s->a, why);
}

static const struct json_node *empty_object(struct arena *a)
{
    struct json_builder b = json_build_object(a);

    return json_built(&b);
}

bool asl_apply_path(const struct asl_path_field *p,
                    const char *field,
                    const struct asl_scope_data *s,
                    const struct json_node **out,
                    struct failure *why)
{
    (void)field; /* AWS's text names the path alone */
    switch (p->is) {
    case ASL_PATH_DEFAULT: *out = s->input; return true;
    case ASL_PATH_NULL: *out = empty_object(s->a); return true;
    case ASL_PATH_SET: break;
    }
    if (asl_path_lacks_input(p->path, s)) {
        return fail_runtime(why, SLICE(PATH_NULL_INPUT));
    }
    return read_path(p->path, s, out, why);
}

/* How a reference path that does not apply fails with AWS, ResultPath and ItemsPath: the path is
 * shown where there is nothing to step into, else the step that ended. */
static bool fail_conflict(const struct asl_path *p,
                          size_t step,
                          const struct json_node *doc,
                          struct arena *a,
                          struct failure *why)
{
    why->error = SLICE("States.ReferencePathConflict");
    why->cause =
        json_is(doc, JSON_OBJECT) || json_is(doc, JSON_ARRAY)
            ? arena_printf(a, "Unable to apply step \"%.*s\" to input %.*s",
                           SLICE_FMT(asl_path_step_name(p, step, a)), SLICE_FMT(json_print(doc, a)))
            : arena_printf(a, "Unable to apply ReferencePath %.*s to input %.*s",
                           SLICE_FMT(p->text), SLICE_FMT(json_print(doc, a)));
    return false;
}

bool asl_apply_result_path(const struct asl_path_field *p,
                           const struct json_node *raw,
                           const struct json_node *result,
                           struct arena *a,
                           const struct json_node **out,
                           struct failure *why)
{
    const struct json_node *merged;
    size_t step;

    switch (p->is) {
    case ASL_PATH_DEFAULT: *out = result; return true;
    case ASL_PATH_NULL: *out = raw; return true;
    case ASL_PATH_SET: break;
    }
    merged = asl_path_put(p->path, raw, result, a, &step);
    if (merged == NULL) {
        return fail_conflict(p->path, step, raw, a, why);
    }
    *out = merged;
    return true;
}

/* A value as messages show it: strings without quotes. */
static struct slice shown(const struct json_node *v, struct arena *a)
{
    return json_is(v, JSON_STRING) ? json_text(v) : json_print(v, a);
}

/* A whole number; AWS reads one from a string too ("1", but not "1.0"). */
static bool read_whole(const struct json_node *v, int64_t *out)
{
    return json_is(v, JSON_STRING) ? text_parse_i64(json_text(v), out)
                                   : json_is_integer_text(v) && json_i64(v, out);
}

static bool wait_parameter(const struct asl_wait *w,
                           const struct asl_scope_data *s,
                           const struct json_node **out,
                           struct failure *why)
{
    struct path_miss miss;

    *out = asl_path_value(w->path, s, &miss);
    return *out != NULL ||
           fail_runtime(
               why, arena_printf(s->a, "The %s parameter does not reference an input value: %.*s",
                                 w->is == ASL_WAIT_SECONDS_PATH ? "SecondsPath" : "TimestampPath",
                                 SLICE_FMT(w->text)));
}

static bool wait_seconds(const struct asl_wait *w,
                         const struct asl_scope_data *s,
                         int64_t *seconds,
                         struct failure *why)
{
    const struct json_node *v;

    if (!wait_parameter(w, s, &v, why)) {
        return false;
    }
    if (!read_whole(v, seconds)) {
        return fail_runtime(
            why,
            arena_printf(s->a,
                         "The SecondsPath parameter cannot be parsed as a long value: %.*s == %.*s",
                         SLICE_FMT(w->text), SLICE_FMT(shown(v, s->a))));
    }
    return *seconds >= 0 ||
           fail_runtime(
               why, arena_printf(
                        s->a, "The SecondsPath parameter references a negative value: %.*s == %lld",
                        SLICE_FMT(w->text), (long long)*seconds));
}

static bool wait_timestamp(const struct asl_wait *w,
                           const struct asl_scope_data *s,
                           int64_t *ms,
                           struct failure *why)
{
    const struct json_node *v;

    if (!wait_parameter(w, s, &v, why)) {
        return false;
    }
    return (json_is(v, JSON_STRING) && text_parse_time(json_text(v), ms)) ||
           fail_runtime(why, arena_printf(s->a,
                                          "The TimestampPath parameter does not reference a valid "
                                          "ISO-8601 extended offset date-time format string: "
                                          "%.*s == %.*s",
                                          SLICE_FMT(w->text), SLICE_FMT(shown(v, s->a))));
}

bool asl_wait_until(const struct asl_wait *w,
                    const struct asl_scope_data *s,
                    int64_t now_ms,
                    int64_t *until_ms,
                    struct failure *why)
{
    const int64_t too_long_s = LIMIT_WAIT_DAYS * MS_PER_DAY / 1000;
    int64_t seconds = w->seconds;
    int64_t until = w->timestamp_ms;

    switch (w->is) {
    case ASL_WAIT_SECONDS: break;
    case ASL_WAIT_SECONDS_PATH:
        if (!wait_seconds(w, s, &seconds, why)) {
            return false;
        }
        break;
    case ASL_WAIT_TIMESTAMP: break;
    case ASL_WAIT_TIMESTAMP_PATH:
        if (!wait_timestamp(w, s, &until, why)) {
            return false;
        }
        break;
    }
    if (w->is == ASL_WAIT_SECONDS || w->is == ASL_WAIT_SECONDS_PATH) {
        /* Cut to what is too long already, so that the sum cannot overflow. */
        until = now_ms + 1000 * (seconds < too_long_s ? seconds : too_long_s);
    }
    if (until - now_ms >= LIMIT_WAIT_DAYS * MS_PER_DAY) {
        return fail_runtime(why, SLICE("Wait state delay is too long."));
    }
    *until_ms = until;
    return true;
}

/* What the path of a number field finds. `field` is its name without "Path". */
static bool path_number(const struct asl_seconds *f,
                        const char *field,
                        const struct asl_scope_data *s,
                        int64_t *out,
                        struct failure *why)
{
    const struct json_node *v;

    if (!read_path(f->path, s, &v, why)) {
        return false;
    }
    return read_whole(v, out) ||
           fail_runtime(why,
                        arena_printf(s->a,
                                     "The %sPath field refers to value \"%.*s\" which is not a "
                                     "valid integer: %.*s",
                                     field, SLICE_FMT(shown(v, s->a)), SLICE_FMT(f->text)));
}

bool asl_seconds_value(const struct asl_seconds *f,
                       const char *field,
                       const struct asl_scope_data *s,
                       int64_t *seconds,
                       struct failure *why)
{
    int64_t value;

    if (f->is != ASL_SECONDS_PATH) {
        *seconds = f->is == ASL_SECONDS_NONE ? 0 : f->seconds;
        return true;
    }
    if (!path_number(f, field, s, &value, why)) {
        return false;
    }
    if (value <= 0 || value > LIMIT_TIMEOUT_SECONDS) {
        return fail_runtime(
            why,
            arena_printf(
                s->a,
                "The %sPath field refers to value \"%lld\" which is not between 1 and %d: %.*s",
                field, (long long)value, LIMIT_TIMEOUT_SECONDS, SLICE_FMT(f->text)));
    }
    *seconds = value;
    return true;
}

bool asl_map_concurrency(const struct asl_map *m,
                         const struct asl_scope_data *s,
                         int64_t *out,
                         struct failure *why)
{
    int64_t value = m->max_concurrency.seconds;

    if (m->max_concurrency.is == ASL_SECONDS_PATH &&
        !path_number(&m->max_concurrency, "MaxConcurrency", s, &value, why)) {
        return false;
    }
    if (value < 0) {
        return fail_runtime(why, SLICE("MaxConcurrency cannot be negative."));
    }
    *out = m->max_concurrency.is == ASL_SECONDS_NONE ? 0 : value;
    return true;
}

/* Recorded: of a context path the text shows what is read from the context object, "$$" as "$". */
bool asl_map_items(const struct asl_map *m,
                   const struct asl_scope_data *s,
                   const struct json_node **out,
                   struct failure *why)
{
    const struct asl_path *p = m->items_path.path;
    struct slice text = m->items_path.is == ASL_PATH_SET ? p->text : SLICE("$");
    const struct json_node *items = s->input;
    struct path_miss miss;

    if (m->items_path.is == ASL_PATH_SET) {
        items = asl_path_value(p, s, &miss);
    }
    if (items == NULL && p->definite && miss.is != PATH_NO_ROOT) {
        return fail_conflict(p, miss.step, asl_path_document(p, s), s->a, why);
    }
    if (items == NULL) {
        return fail_missing(p, &miss, s->a, why);
    }
    if (!json_is(items, JSON_ARRAY)) {
        return fail_runtime(
            why, arena_printf(
                     s->a, "Reference path \"%.*s\" must point to array.",
                     SLICE_FMT(slice_from(text, slice_starts_with(text, SLICE("$$")) ? 1 : 0))));
    }
    *out = items;
    return true;
}

unsigned asl_string_uses(const struct asl_string *f)
{
    return asl_path_uses(f->path) | (f->intrinsic == NULL ? 0 : asl_intrinsic_uses(f->intrinsic));
}

bool asl_string_value(const struct asl_string *f,
                      const char *field,
                      const struct asl_scope_data *s,
                      struct slice *out,
                      struct failure *why)
{
    const struct json_node *v;
    struct path_miss miss;

    switch (f->is) {
    case ASL_STRING_NONE: *out = (struct slice){NULL, 0}; return true;
    case ASL_STRING_LITERAL: *out = f->literal; return true;
    case ASL_STRING_INTRINSIC:
        if (!asl_intrinsic_value(f->intrinsic, s, &v, why)) {
            return false;
        }
        break;
    case ASL_STRING_PATH:
        v = asl_path_value(f->path, s, &miss);
        if (v == NULL) {
            return fail_runtime(
                why,
                arena_printf(s->a,
                             "The JSONPath '%.*s' specified for the field '%s' could not be found "
                             "in the input '%.*s'",
                             SLICE_FMT(f->text), field,
                             SLICE_FMT(json_print(asl_path_document(f->path, s), s->a))));
        }
        break;
    }
    if (!json_is(v, JSON_STRING)) {
        return fail_runtime(why, arena_printf(s->a, "The %s field must refer to a string: %.*s",
                                              field, SLICE_FMT(f->text)));
    }
    *out = json_text(v);
    return true;
}
