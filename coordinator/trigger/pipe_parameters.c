/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/trigger/pipe_parameters.h"

#include "proto/base/limits.h"

/* ---- in AWS's words ---- */

static enum err_code unfit(const char *at, const char *constraint, struct err *err)
{
    return err_set(err, ERR_VALIDATION,
                   "1 validation error detected: Value at '%s' failed to satisfy constraint: "
                   "Member must %s",
                   at, constraint);
}

/* A JSON object of nothing but these members; NULL where the text is empty. */
static enum err_code read_object(struct slice text,
                                 const char *at,
                                 struct arena *a,
                                 const struct json_node **out,
                                 struct err *err)
{
    struct err why;

    *out = NULL;
    if (text.len == 0) {
        return OK;
    }
    if (json_parse(text, a, out, &why) != OK || !json_is(*out, JSON_OBJECT)) {
        return unfit(at, "be an object", err);
    }
    return OK;
}

static enum err_code check_object(const struct json_node *v, const char *at, struct err *err)
{
    bool fine = v == NULL || json_is(v, JSON_NULL) || json_is(v, JSON_OBJECT);

    return fine ? OK : unfit(at, "be an object", err);
}

static enum err_code check_members(const struct json_node *v,
                                   const char *const *known,
                                   size_t count,
                                   const char *at,
                                   struct err *err)
{
    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        bool found = false;

        for (size_t i = 0; i < count; i++) {
            found = found || slice_eq_str(json_key(v, e), known[i]);
        }
        if (!found && !json_is(e, JSON_NULL)) {
            return err_set(err, ERR_VALIDATION,
                           "1 validation error detected: Value at '%s' failed to satisfy "
                           "constraint: %.*s is not for a queue and a state machine",
                           at, SLICE_FMT(slice_head(json_key(v, e), 100)));
        }
    }
    return OK;
}

/* A whole number of a range; where it is not there, *out stays. */
static enum err_code read_number(const struct json_node *object,
                                 const char *name,
                                 const char *at,
                                 int64_t least,
                                 int64_t most,
                                 int64_t *out,
                                 struct err *err)
{
    const struct json_node *v = json_member(object, slice_str(name));
    int64_t n;

    if (v == NULL || json_is(v, JSON_NULL)) {
        return OK;
    }
    if (!json_i64(v, &n)) {
        return unfit(at, "be a number", err);
    }
    if (n < least || n > most) {
        return err_set(err, ERR_VALIDATION,
                       "1 validation error detected: Value '%lld' at '%s' failed to satisfy "
                       "constraint: Member must have value %s than or equal to %lld",
                       (long long)n, at, n < least ? "greater" : "less",
                       (long long)(n < least ? least : most));
    }
    *out = n;
    return OK;
}

/* ---- the source ---- */

/* A batch of more than ten has to be waited for; a FIFO queue gives no more, and nothing waits. */
static enum err_code
check_batching(int64_t batch_size, int64_t window_s, bool fifo, struct err *err)
{
    if (fifo && batch_size > LIMIT_PIPE_FIFO_BATCH) {
        return unfit("sourceParameters.sqsQueueParameters.batchSize",
                     "have value less than or equal to 10 for a FIFO queue", err);
    }
    if (fifo && window_s != 0) {
        return unfit("sourceParameters.sqsQueueParameters.maximumBatchingWindowInSeconds",
                     "not be given for a FIFO queue", err);
    }
    if (batch_size > LIMIT_PIPE_FIFO_BATCH && window_s == 0) {
        return unfit("sourceParameters.sqsQueueParameters.maximumBatchingWindowInSeconds",
                     "be greater than 0 where batchSize is greater than 10", err);
    }
    return OK;
}

static enum err_code
read_queue(const struct json_node *v, bool fifo, struct pipe_parameters *out, struct err *err)
{
    static const char *const known[] = {"BatchSize", "MaximumBatchingWindowInSeconds"};
    static const char at[] = "sourceParameters.sqsQueueParameters";
    int64_t batch_size = LIMIT_PIPE_FIFO_BATCH;
    int64_t window_s = 0;
    enum err_code rc = check_object(v, at, err);

    if (rc == OK) {
        rc = check_members(v, known, sizeof(known) / sizeof(known[0]), at, err);
    }
    if (rc == OK) {
        rc = read_number(v, known[0], "sourceParameters.sqsQueueParameters.batchSize", 1,
                         LIMIT_PIPE_BATCH, &batch_size, err);
    }
    if (rc == OK) {
        rc = read_number(v, known[1],
                         "sourceParameters.sqsQueueParameters.maximumBatchingWindowInSeconds", 0,
                         LIMIT_PIPE_WINDOW_S, &window_s, err);
    }
    if (rc == OK) {
        rc = check_batching(batch_size, window_s, fifo, err);
    }
    out->batch_size = (uint32_t)batch_size;
    out->window_ms = window_s * 1000;
    return rc;
}

static enum err_code
read_filter(const struct json_node *v, struct arena *a, const struct pattern **out, struct err *err)
{
    static const char at[] = "sourceParameters.filterCriteria.filters.pattern";
    const struct json_node *text = json_member(v, SLICE("Pattern"));
    struct err why;

    if (!json_is(text, JSON_STRING)) {
        return unfit(at, "be a string", err);
    }
    if (pattern_compile(json_text(text), PATTERN_PIPES, a, out, &why) != OK) {
        return err_set(err, ERR_VALIDATION,
                       "1 validation error detected: Value at '%s' failed to satisfy constraint: "
                       "%s",
                       at, why.msg);
    }
    return OK;
}

static enum err_code read_filters(const struct json_node *criteria,
                                  struct arena *a,
                                  struct pipe_parameters *out,
                                  struct err *err)
{
    static const char at[] = "sourceParameters.filterCriteria.filters";
    const struct json_node *list = json_member(criteria, SLICE("Filters"));
    enum err_code rc = check_object(criteria, "sourceParameters.filterCriteria", err);

    if (rc != OK || list == NULL || json_is(list, JSON_NULL)) {
        return rc;
    }
    if (!json_is(list, JSON_ARRAY)) {
        return unfit(at, "be a list", err);
    }
    if (json_count(list) > PIPE_FILTERS_MOST) {
        return unfit(at, "have length less than or equal to 5", err);
    }
    for (const struct json_node *e = json_first(list); e != NULL && rc == OK;
         e = json_next(list, e)) {
        rc = read_filter(e, a, &out->filters[out->filter_count++], err);
    }
    return rc;
}

static enum err_code read_source(struct slice text,
                                 bool fifo,
                                 struct arena *a,
                                 struct pipe_parameters *out,
                                 struct err *err)
{
    static const char *const known[] = {"SqsQueueParameters", "FilterCriteria"};
    const struct json_node *v;
    enum err_code rc = read_object(text, "sourceParameters", a, &v, err);

    if (rc == OK) {
        rc = check_members(v, known, sizeof(known) / sizeof(known[0]), "sourceParameters", err);
    }
    if (rc == OK) {
        rc = read_queue(json_member(v, slice_str(known[0])), fifo, out, err);
    }
    return rc == OK ? read_filters(json_member(v, slice_str(known[1])), a, out, err) : rc;
}

/* ---- the target ---- */

static enum err_code
read_invocation(const struct json_node *v, struct pipe_parameters *out, struct err *err)
{
    const struct json_node *type = json_member(v, SLICE("InvocationType"));
    enum err_code rc = check_object(v, "targetParameters.stepFunctionStateMachineParameters", err);

    out->waits = true;
    if (rc != OK || type == NULL || json_is(type, JSON_NULL)) {
        return rc;
    }
    if (slice_eq_str(json_text(type), "FIRE_AND_FORGET")) {
        out->waits = false;
    } else if (!slice_eq_str(json_text(type), "REQUEST_RESPONSE")) {
        return unfit("targetParameters.stepFunctionStateMachineParameters.invocationType",
                     "satisfy enum value set: [REQUEST_RESPONSE, FIRE_AND_FORGET]", err);
    }
    return OK;
}

static enum err_code read_template(const struct json_node *v,
                                   struct arena *a,
                                   struct pipe_parameters *out,
                                   struct err *err)
{
    static const char at[] = "targetParameters.inputTemplate";
    struct err why;

    if (v == NULL || json_is(v, JSON_NULL)) {
        return OK;
    }
    if (!json_is(v, JSON_STRING)) {
        return unfit(at, "be a string", err);
    }
    if (json_text(v).len > LIMIT_TEMPLATE_BYTES) {
        return unfit(at, "have length less than or equal to 8192", err);
    }
    if (json_text(v).len != 0 &&
        input_template_compile(json_text(v), NULL, INPUT_PIPES, a, &out->input, &why) != OK) {
        return unfit(at, "be a template", err);
    }
    return OK;
}

static enum err_code
read_target(struct slice text, struct arena *a, struct pipe_parameters *out, struct err *err)
{
    static const char *const known[] = {"StepFunctionStateMachineParameters", "InputTemplate"};
    const struct json_node *v;
    enum err_code rc = read_object(text, "targetParameters", a, &v, err);

    if (rc == OK) {
        rc = check_members(v, known, sizeof(known) / sizeof(known[0]), "targetParameters", err);
    }
    if (rc == OK) {
        rc = read_invocation(json_member(v, slice_str(known[0])), out, err);
    }
    return rc == OK ? read_template(json_member(v, slice_str(known[1])), a, out, err) : rc;
}

enum err_code pipe_parameters_read(struct slice source,
                                   struct slice target,
                                   bool fifo,
                                   struct arena *a,
                                   struct pipe_parameters *out,
                                   struct err *err)
{
    struct pipe_parameters p = {0};
    enum err_code rc = read_source(source, fifo, a, &p, err);

    if (rc == OK) {
        rc = read_target(target, a, &p, err);
    }
    if (rc == OK) {
        *out = p;
    }
    return rc;
}

/* ---- updates ---- */

struct slice pipe_parameters_merge(struct slice old, struct slice fresh, struct arena *a)
{
    const struct slice texts[] = {old, fresh};
    struct json_builder b = json_build_object(a);
    const struct json_node *v;

    for (size_t i = 0; i < 2; i++) {
        if (texts[i].len == 0) {
            continue;
        }
        if (json_parse(texts[i], a, &v, NULL) != OK || !json_is(v, JSON_OBJECT)) {
            return texts[i];
        }
        for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
            json_put(&b, json_key(v, e), e);
        }
    }
    return json_print(json_built(&b), a);
}
