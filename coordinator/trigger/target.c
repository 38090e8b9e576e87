/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/trigger/target.h"

#include "proto/base/limits.h"
#include "proto/base/text.h"

enum { ARN_PARTS = 6, RETRY_FIRST_MS = 1000 };

/* ---- ARNs ---- */

/* "arn:aws:SERVICE:REGION:ACCOUNT:REST"; false: of another place, or none. */
static bool
split(struct slice arn, const struct target_place *place, struct slice *service, struct slice *rest)
{
    struct slice parts[ARN_PARTS];
    uint64_t account;

    for (size_t i = 0; i < ARN_PARTS; i++) {
        size_t end = i + 1 < ARN_PARTS ? slice_find(arn, ':') : arn.len;

        parts[i] = slice_head(arn, end);
        arn = slice_from(arn, end + 1);
    }
    *service = parts[2];
    *rest = parts[5];
    return slice_eq_str(parts[0], "arn") && slice_eq(parts[3], place->region) &&
           text_parse_u64(parts[4], &account) && account == place->account;
}

/* One name and nothing behind it. */
static bool is_plain(struct slice name)
{
    return name.len != 0 && slice_find(name, ':') == name.len;
}

bool target_of_arn(struct slice arn,
                   const struct target_place *place,
                   enum target_kind *kind,
                   struct slice *name)
{
    static const struct {
        struct slice service;
        struct slice before; /* the name */
        enum target_kind kind;
    } known[] = {
        {SLICE_INIT("sqs"), SLICE_INIT(""), TARGET_QUEUE},
        {SLICE_INIT("sns"), SLICE_INIT(""), TARGET_TOPIC},
        {SLICE_INIT("states"), SLICE_INIT("stateMachine:"), TARGET_MACHINE},
        {SLICE_INIT("lambda"), SLICE_INIT("function:"), TARGET_HANDLER},
        {SLICE_INIT("events"), SLICE_INIT("api-destination/"), TARGET_WEBHOOK},
    };
    struct slice service;
    struct slice rest;

    if (!split(arn, place, &service, &rest)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (slice_eq(service, known[i].service) && slice_starts_with(rest, known[i].before)) {
            *kind = known[i].kind;
            *name = slice_from(rest, known[i].before.len);
            return is_plain(*name);
        }
    }
    return false;
}

/* ---- settings ---- */

struct compiler {
    const struct target_texts *texts;
    struct slice id;
    const struct target_place *place;
    struct arena *a;
    struct err *err;
};

static enum err_code read_object(const struct compiler *c,
                                 struct slice text,
                                 const char *name,
                                 const struct json_node **out)
{
    *out = NULL;
    if (text.len == 0 || (json_parse(text, c->a, out, NULL) == OK && json_is(*out, JSON_OBJECT))) {
        return OK;
    }
    return err_set(c->err, ERR_VALIDATION, "Parameter %s is not valid. Reason: it is no object.",
                   name);
}

static enum err_code read_arn(const struct compiler *c, struct target *t)
{
    struct slice arn = c->texts->arn;

    if (!target_of_arn(arn, c->place, &t->kind, &t->name)) {
        return err_set(
            c->err, ERR_VALIDATION,
            "Parameter %.*s is not valid. Reason: Provided Arn is not in correct "
            "format: a target here is a queue, a topic, a state machine or a function of "
            "this region and account.",
            SLICE_FMT(slice_head(arn, 200)));
    }
    if (t->kind == TARGET_TOPIC && slice_ends_with(t->name, SLICE(".fifo"))) {
        return err_set(c->err, ERR_VALIDATION,
                       "Parameter %.*s is not valid. Reason: FIFO topics are not supported.",
                       SLICE_FMT(slice_head(arn, 200)));
    }
    return OK;
}

static enum err_code read_template(const struct compiler *c, struct target *t)
{
    const struct json_node *transformer;
    const struct json_node *template;
    enum err_code rc = read_object(c, c->texts->transformer, "InputTransformer", &transformer);

    if (rc != OK || transformer == NULL) {
        return rc;
    }
    template = json_member(transformer, SLICE("InputTemplate"));
    if (!json_is(template, JSON_STRING) || json_text(template).len == 0) {
        return err_set(c->err, ERR_VALIDATION,
                       "1 validation error detected: Value null at "
                       "'targets.1.member.inputTransformer.inputTemplate' failed to satisfy "
                       "constraint: Member must not be null");
    }
    rc = input_template_compile(json_text(template),
                                json_member(transformer, SLICE("InputPathsMap")), INPUT_RULES, c->a,
                                &t->template, c->err);
    if (rc != OK) {
        err_wrap(c->err, "Invalid InputTransformer for target %.*s", SLICE_FMT(c->id));
    }
    return rc;
}

/* A path is a template of its value alone. */
static enum err_code read_path(const struct compiler *c, struct target *t)
{
    struct json_builder paths = json_build_object(c->a);

    if (c->texts->input_path.len == 0) {
        return OK;
    }
    json_put(&paths, SLICE("value"), json_string(c->a, c->texts->input_path));
    if (c->texts->input_path.len > LIMIT_RULE_PATH_BYTES ||
        input_template_compile(SLICE("<value>"), json_built(&paths), INPUT_RULES, c->a,
                               &t->template, NULL) != OK) {
        return err_set(c->err, ERR_VALIDATION, "Invalid InputPath for target %.*s.",
                       SLICE_FMT(c->id));
    }
    return OK;
}

static enum err_code read_input(const struct compiler *c, struct target *t)
{
    const struct target_texts *x = c->texts;
    const struct json_node *ignored;
    enum err_code rc;

    if ((x->input.len != 0) + (x->input_path.len != 0) + (x->transformer.len != 0) > 1) {
        return err_set(c->err, ERR_VALIDATION,
                       "Only one of Input, InputPath, or InputTransformer must be provided for "
                       "target %.*s.",
                       SLICE_FMT(c->id));
    }
    if (x->input.len != 0 && json_parse(x->input, c->a, &ignored, NULL) != OK) {
        return err_set(c->err, ERR_VALIDATION,
                       "Parameter Input is not valid. Reason: Input is not JSON.");
    }
    t->input = x->input;
    rc = read_template(c, t);
    return rc == OK ? read_path(c, t) : rc;
}

static enum err_code read_group(const struct compiler *c, struct target *t)
{
    bool fifo = t->kind == TARGET_QUEUE && slice_ends_with(t->name, SLICE(".fifo"));
    const struct json_node *v;
    enum err_code rc = read_object(c, c->texts->queue, "SqsParameters", &v);

    if (rc != OK) {
        return rc;
    }
    t->group = json_text(json_member(v, SLICE("MessageGroupId")));
    if (fifo && t->group.len == 0) {
        return err_set(c->err, ERR_VALIDATION,
                       "Parameter(s) SqsParameters must be specified for target: %.*s.",
                       SLICE_FMT(c->id));
    }
    if (v != NULL && (t->kind != TARGET_QUEUE || t->group.len > LIMIT_RULE_GROUP_BYTES)) {
        return err_set(c->err, ERR_VALIDATION,
                       "Parameter SqsParameters is not valid. Reason: a MessageGroupId of at most "
                       "%d characters, of queues alone.",
                       LIMIT_RULE_GROUP_BYTES);
    }
    return OK;
}

static enum err_code read_dead_letters(const struct compiler *c, struct target *t)
{
    const struct json_node *v;
    enum target_kind kind;
    struct slice arn;
    enum err_code rc = read_object(c, c->texts->dead_letters, "DeadLetterConfig", &v);

    arn = json_text(json_member(v, SLICE("Arn")));
    if (rc != OK || arn.len == 0) {
        return rc;
    }
    if (!target_of_arn(arn, c->place, &kind, &t->dead_letters) || kind != TARGET_QUEUE ||
        slice_ends_with(arn, SLICE(".fifo"))) {
        return err_set(c->err, ERR_VALIDATION,
                       "Parameter DeadLetterConfig is not valid. Reason: a dead-letter queue is a "
                       "standard queue of this region and account.");
    }
    return OK;
}

static enum err_code read_bounded(const struct compiler *c,
                                  const struct json_node *policy,
                                  const char *name,
                                  int64_t least,
                                  int64_t most,
                                  int64_t *out)
{
    const struct json_node *v = json_member(policy, slice_str(name));

    if (v == NULL || json_is(v, JSON_NULL)) {
        return OK;
    }
    if (json_i64(v, out) && *out >= least && *out <= most) {
        return OK;
    }
    return err_set(c->err, ERR_VALIDATION,
                   "1 validation error detected: Value at 'targets.1.member.retryPolicy.%s' failed "
                   "to satisfy constraint: Member must have value between %lld and %lld",
                   name, (long long)least, (long long)most);
}

static enum err_code read_retries(const struct compiler *c, struct target *t)
{
    int64_t most = LIMIT_DELIVERY_RETRIES;
    int64_t age_s = LIMIT_DELIVERY_AGE_S;
    const struct json_node *v;
    enum err_code rc = read_object(c, c->texts->retry, "RetryPolicy", &v);

    if (rc == OK) {
        rc = read_bounded(c, v, "MaximumRetryAttempts", 0, LIMIT_DELIVERY_RETRIES, &most);
    }
    if (rc == OK) {
        rc = read_bounded(c, v, "MaximumEventAgeInSeconds", LIMIT_DELIVERY_AGE_S_MIN,
                          LIMIT_DELIVERY_AGE_S, &age_s);
    }
    t->retries = (struct target_retries){(uint32_t)most, age_s * 1000};
    return rc;
}

enum err_code target_compile(const struct target_texts *texts,
                             struct slice id,
                             const struct target_place *place,
                             struct arena *a,
                             struct target *out,
                             struct err *err)
{
    const struct compiler c = {texts, id, place, a, err};
    struct target t = {0};
    enum err_code rc = read_arn(&c, &t);

    if (rc == OK) {
        rc = read_input(&c, &t);
    }
    if (rc == OK) {
        rc = read_group(&c, &t);
    }
    if (rc == OK) {
        rc = read_dead_letters(&c, &t);
    }
    if (rc == OK) {
        rc = read_retries(&c, &t);
    }
    if (rc == OK) {
        *out = t;
    }
    return rc;
}

/* ---- deliveries ---- */

struct slice target_input(const struct target *t, const struct input_values *v, struct arena *a)
{
    struct buf b = {0};
    struct slice made = t->input;

    if (t->template != NULL) {
        input_template_apply(t->template, v, a, &b);
        made = arena_copy(a, buf_slice(&b));
        buf_fini(&b);
    }
    return made;
}

const char *target_retry(const struct target_retries *r,
                         uint32_t tries,
                         int64_t created_ms,
                         int64_t now_ms,
                         uint64_t chance,
                         int64_t *due_ms)
{
    int64_t wait_ms = LIMIT_DELIVERY_WAIT_MS;

    if (tries > r->most) {
        return "MaximumRetryAttempts";
    }
    if (tries < 10 && (int64_t)RETRY_FIRST_MS << (tries - 1) < wait_ms) {
        wait_ms = (int64_t)RETRY_FIRST_MS << (tries - 1);
    }
    wait_ms -= (int64_t)(chance % (uint64_t)(wait_ms / 2 + 1));
    if (now_ms + wait_ms - created_ms > r->age_ms) {
        return "MaximumEventAgeInSeconds";
    }
    *due_ms = now_ms + wait_ms;
    return NULL;
}
