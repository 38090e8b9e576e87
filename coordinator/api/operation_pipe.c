/* SPDX-License-Identifier: Apache-2.0 */
/* Pipes from a queue to a state machine: create, update, delete, describe, list, start, stop, tags.
 * Source: Amazon EventBridge Pipes API Reference. */
#include <string.h>

#include "coordinator/api/api.h"
#include "coordinator/api/operation_queue.h"
#include "coordinator/ledger/pipe.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

enum { NAME_CHARS = 64, DESCRIPTION_CHARS = 512, REASON_CHARS = 300 };

/* What AWS fills in. */
#define SOURCE_DEFAULT "{\"SqsQueueParameters\":{\"BatchSize\":10}}"
#define TARGET_DEFAULT                                                                             \
    "{\"StepFunctionStateMachineParameters\":{\"InvocationType\":\"REQUEST_RESPONSE\"}}"

/* ---- refusals, in AWS's words ---- */

static enum err_code
unfit(const char *at, struct slice value, const char *constraint, struct err *err)
{
    return err_set(err, ERR_VALIDATION,
                   "1 validation error detected: Value '%.*s' at '%s' failed to satisfy "
                   "constraint: Member must %s",
                   SLICE_FMT(slice_head(value, REASON_CHARS)), at, constraint);
}

static enum err_code check_name(struct slice name, struct err *err)
{
    bool fine = name.len != 0;

    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        fine = fine && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.');
    }
    if (name.len > NAME_CHARS) {
        return unfit("name", name, "have length less than or equal to 64", err);
    }
    return fine ? OK
                : unfit("name", name, "satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+",
                        err);
}

static enum err_code
find_pipe(struct api *a, const char *name, struct ledger_pipe **out, struct err *err)
{
    *out = ledger_pipe_find(a->ledger, slice_str(name));
    return *out != NULL ? OK
                        : err_set(err, ERR_PIPE_NOT_FOUND, "Pipe %.300s does not exist.", name);
}

static enum err_code in_state(const struct ledger_pipe *p, struct err *err)
{
    return err_set(err, ERR_CONFLICT, "Pipe %.*s is in state %s.", SLICE_FMT(p->name),
                   pipe_state_name(p->row.state));
}

/* RUNNING or STOPPED; empty: *wanted stays. */
static enum err_code check_desired(const char *state, bool *wanted, struct err *err)
{
    if (strcmp(state, "RUNNING") == 0 || strcmp(state, "STOPPED") == 0) {
        *wanted = state[0] == 'R';
    } else if (state[0] != '\0') {
        return unfit("desiredState", slice_str(state), "satisfy enum value set: [RUNNING, STOPPED]",
                     err);
    }
    return OK;
}

static enum err_code check_target(const struct api *a, struct slice target, struct err *err)
{
    struct arn arn;
    struct err why;

    return arn_parse(ledger_configuration(a->ledger), target, &arn, &why) == OK &&
                   arn.kind == ARN_MACHINE
               ? OK
               : unfit("target", target, "be the ARN of a state machine here", err);
}

/* What create and update have in common. */
static enum err_code
check_row(const struct api *a, const struct pipe_row *row, const char *enrichment, struct err *err)
{
    if (enrichment[0] != '\0') {
        return unfit("enrichment", slice_str(enrichment),
                     "not be given: pipes here have no enrichment", err);
    }
    if (text_code_points(row->description) > DESCRIPTION_CHARS) {
        return unfit("description", row->description, "have length less than or equal to 512", err);
    }
    if (row->role.len > LIMIT_ROLE_BYTES) {
        return unfit("roleArn", row->role, "have length less than or equal to 256", err);
    }
    if (row->logging.len > LIMIT_LOGGING_BYTES) {
        return unfit("logConfiguration", row->logging, "be shorter", err);
    }
    return check_target(a, row->target, err);
}

/* ---- replies ---- */

static char *desired_state(const struct ledger_pipe *p)
{
    const char *state = p->row.wanted ? "RUNNING" : "STOPPED";

    return (char *)(uintptr_t)(p->row.state == PIPE_DELETING ? "DELETED" : state);
}

static char *current_state(const struct ledger_pipe *p)
{
    return (char *)(uintptr_t)pipe_state_name(p->row.state);
}

static void reply_pipe(struct call *c, const struct ledger_pipe *p)
{
    struct arena *a = ledger_turn_arena(c->api->ledger);
    Stepfleet__PipeReply r = STEPFLEET__PIPE_REPLY__INIT;

    r.arn = arena_str(a, p->arn);
    r.name = arena_str(a, p->name);
    r.desired_state = desired_state(p);
    r.current_state = current_state(p);
    r.created_ms = p->row.created_ms;
    r.updated_ms = p->row.updated_ms;
    c->reply(c, &r.base);
}

static void
reply_or_fail(struct call *c, const struct ledger_pipe *p, enum err_code rc, const struct err *err)
{
    if (rc == OK) {
        reply_pipe(c, p);
    } else {
        c->fail(c, rc, err);
    }
}

/* ---- create, update ---- */

static enum err_code create(struct call *c,
                            const Stepfleet__PipeCreateRequest *q,
                            struct ledger_pipe **out,
                            struct err *err)
{
    struct ledger *l = c->api->ledger;
    struct arena *a = ledger_turn_arena(l);
    struct slice name = slice_str(q->name);
    struct pipe_row row = {
        .wanted = true,
        .source = slice_str(q->source),
        .target = slice_str(q->target),
        .role = slice_str(q->role_arn),
        .description = slice_str(q->description),
        .source_parameters =
            pipe_parameters_merge(SLICE(SOURCE_DEFAULT), message_slice(q->source_parameters), a),
        .target_parameters =
            pipe_parameters_merge(SLICE(TARGET_DEFAULT), message_slice(q->target_parameters), a),
        .logging = message_slice(q->logging),
    };
    enum err_code rc = check_name(name, err);

    if (rc == OK) {
        rc = check_desired(q->desired_state, &row.wanted, err);
    }
    if (rc == OK && queue_arn_name(c->api, row.source).len == 0) {
        rc = unfit("source", row.source, "be the ARN of a queue here", err);
    }
    if (rc == OK) {
        rc = check_row(c->api, &row, q->enrichment, err);
    }
    if (rc == OK && ledger_pipe_find(l, name) != NULL) {
        rc = err_set(err, ERR_CONFLICT, "Pipe %.*s already exists.", SLICE_FMT(name));
    }
    if (rc == OK && ledger_pipe_count(l) >= LIMIT_PIPES) {
        rc = err_set(err, ERR_QUOTA, "there are %d pipes, the most there may be", LIMIT_PIPES);
    }
    if (rc == OK) {
        rc = ledger_pipe_put(l, name, &row, out, err);
    }
    return rc;
}

void operation_PIPE_CREATE(struct call *c)
{
    const Stepfleet__PipeCreateRequest *q = (const void *)c->request;
    struct ledger_pipe *p = NULL;
    struct err err;
    enum err_code rc = create(c, q, &p, &err);

    if (rc == OK && q->n_tags != 0) {
        rc = tags_put(c->api, TAGS_PIPE, p->name, q->tags, q->n_tags, &err);
        if (rc != OK) {
            pipe_forget(c->api->ledger, p);
        }
    }
    reply_or_fail(c, p, rc, &err);
}

static enum err_code update(struct call *c,
                            const Stepfleet__PipeUpdateRequest *q,
                            struct ledger_pipe *p,
                            struct err *err)
{
    struct arena *a = ledger_turn_arena(c->api->ledger);
    struct pipe_row row = p->row;
    enum err_code rc = check_desired(q->desired_state, &row.wanted, err);

    row.target = q->target[0] != '\0' ? slice_str(q->target) : row.target;
    row.role = q->role_arn[0] != '\0' ? slice_str(q->role_arn) : row.role;
    row.description = q->has_description ? slice_str(q->description) : row.description;
    row.logging = q->logging.len != 0 ? message_slice(q->logging) : row.logging;
    row.source_parameters =
        pipe_parameters_merge(row.source_parameters, message_slice(q->source_parameters), a);
    row.target_parameters =
        pipe_parameters_merge(row.target_parameters, message_slice(q->target_parameters), a);
    if (rc == OK) {
        rc = check_row(c->api, &row, q->enrichment, err);
    }
    return rc == OK ? ledger_pipe_change(c->api->ledger, p, &row, err) : rc;
}

void operation_PIPE_UPDATE(struct call *c)
{
    const Stepfleet__PipeUpdateRequest *q = (const void *)c->request;
    struct ledger_pipe *p;
    struct err err;
    enum err_code rc = find_pipe(c->api, q->name, &p, &err);

    if (rc == OK) {
        rc = update(c, q, p, &err);
    }
    reply_or_fail(c, p, rc, &err);
}

/* ---- start, stop, delete ---- */

static void move(struct call *c, bool (*to)(struct ledger *l, struct ledger_pipe *p))
{
    const Stepfleet__PipeRequest *q = (const void *)c->request;
    struct ledger_pipe *p;
    struct err err;
    enum err_code rc = find_pipe(c->api, q->name, &p, &err);

    if (rc == OK && !to(c->api->ledger, p)) {
        rc = in_state(p, &err);
    }
    reply_or_fail(c, p, rc, &err);
}

void operation_PIPE_START(struct call *c)
{
    move(c, ledger_pipe_start);
}

void operation_PIPE_STOP(struct call *c)
{
    move(c, ledger_pipe_stop);
}

void operation_PIPE_DELETE(struct call *c)
{
    move(c, ledger_pipe_delete);
}

/* ---- describe, list ---- */

static Stepfleet__PipeDetail *summary_of(struct api *api, const struct ledger_pipe *p)
{
    struct arena *a = ledger_turn_arena(api->ledger);
    Stepfleet__PipeDetail *d = arena_alloc(a, sizeof(*d));

    stepfleet__pipe_detail__init(d);
    d->arn = arena_str(a, p->arn);
    d->name = arena_str(a, p->name);
    d->desired_state = desired_state(p);
    d->current_state = current_state(p);
    d->state_reason = arena_str(a, p->row.reason);
    d->created_ms = p->row.created_ms;
    d->updated_ms = p->row.updated_ms;
    d->source = arena_str(a, p->row.source);
    d->target = arena_str(a, p->row.target);
    return d;
}

void operation_PIPE_DESCRIBE(struct call *c)
{
    const Stepfleet__PipeRequest *q = (const void *)c->request;
    struct arena *a = ledger_turn_arena(c->api->ledger);
    Stepfleet__TagListReply tags = STEPFLEET__TAG_LIST_REPLY__INIT;
    Stepfleet__PipeDetail *d;
    struct ledger_pipe *p;
    struct err err;
    enum err_code rc = find_pipe(c->api, q->name, &p, &err);

    if (rc != OK) {
        c->fail(c, rc, &err);
        return;
    }
    d = summary_of(c->api, p);
    d->role_arn = arena_str(a, p->row.role);
    d->description = arena_str(a, p->row.description);
    d->source_parameters = message_bytes(p->row.source_parameters);
    d->target_parameters = message_bytes(p->row.target_parameters);
    d->logging = message_bytes(p->row.logging);
    tags_print(c->api, TAGS_PIPE, p->name, &tags);
    d->tags = tags.tags;
    d->n_tags = tags.n_tags;
    c->reply(c, &d->base);
}

static bool fits(const struct ledger_pipe *p, const Stepfleet__PipeListRequest *q)
{
    return slice_starts_with(p->name, slice_str(q->name_prefix)) &&
           slice_starts_with(p->row.source, slice_str(q->source_prefix)) &&
           slice_starts_with(p->row.target, slice_str(q->target_prefix)) &&
           (q->desired_state[0] == '\0' || strcmp(q->desired_state, desired_state(p)) == 0) &&
           (q->current_state[0] == '\0' || strcmp(q->current_state, current_state(p)) == 0);
}

void operation_PIPE_LIST(struct call *c)
{
    const Stepfleet__PipeListRequest *q = (const void *)c->request;
    Stepfleet__PipeListReply r = STEPFLEET__PIPE_LIST_REPLY__INIT;
    struct slice after = slice_str(q->next_token);
    uint32_t max = q->max_results != 0 ? q->max_results : LIMIT_PIPE_PAGE;
    struct ledger_pipe **all;
    bool wanted;
    struct err err;
    size_t count;

    if (check_desired(q->desired_state, &wanted, &err) != OK) {
        c->fail(c, err.code, &err);
        return;
    }
    if (max > LIMIT_PIPE_PAGE) {
        call_fail(c, ERR_VALIDATION,
                  "1 validation error detected: Value '%u' at 'limit' failed to satisfy "
                  "constraint: Member must have value less than or equal to %d",
                  max, LIMIT_PIPE_PAGE);
        return;
    }
    all = ledger_pipes(c->api->ledger, &count);
    r.pipes = ARENA_ARRAY(ledger_turn_arena(c->api->ledger), max, Stepfleet__PipeDetail *);
    for (size_t i = 0; i < count; i++) {
        if (!fits(all[i], q) || (after.len != 0 && slice_cmp(all[i]->name, after) <= 0)) {
            continue;
        }
        if (r.n_pipes == max) {
            r.next_token = r.pipes[max - 1]->name; /* the list goes on after it */
            break;
        }
        r.pipes[r.n_pipes++] = summary_of(c->api, all[i]);
    }
    c->reply(c, &r.base);
}

/* ---- tags ---- */

static enum err_code
find_by_arn(struct api *a, const char *arn, struct ledger_pipe **out, struct err *err)
{
    size_t slash = slice_find(slice_str(arn), '/');
    struct slice name = slice_from(slice_str(arn), slash + 1);

    *out = arn[0] != '\0' && name.len != 0 ? ledger_pipe_find(a->ledger, name) : NULL;
    return *out != NULL && slice_eq_str((*out)->arn, arn)
               ? OK
               : err_set(err, ERR_PIPE_NOT_FOUND, "Resource %.300s does not exist.", arn);
}

void operation_PIPE_TAG(struct call *c)
{
    const Stepfleet__PipeTagRequest *q = (const void *)c->request;
    struct ledger_pipe *p;
    struct err err;
    enum err_code rc = find_by_arn(c->api, q->pipe, &p, &err);

    if (rc == OK) {
        rc = tags_put(c->api, TAGS_PIPE, p->name, q->tags, q->n_tags, &err);
    }
    reply_empty(c, rc, &err);
}

void operation_PIPE_UNTAG(struct call *c)
{
    const Stepfleet__PipeUntagRequest *q = (const void *)c->request;
    struct ledger_pipe *p;
    struct err err;
    enum err_code rc = find_by_arn(c->api, q->pipe, &p, &err);

    if (rc == OK) {
        tags_remove(c->api, TAGS_PIPE, p->name, q->keys, q->n_keys);
    }
    reply_empty(c, rc, &err);
}

void operation_PIPE_TAGS(struct call *c)
{
    const Stepfleet__PipeTagsRequest *q = (const void *)c->request;
    Stepfleet__TagListReply r = STEPFLEET__TAG_LIST_REPLY__INIT;
    struct ledger_pipe *p;
    struct err err;
    enum err_code rc = find_by_arn(c->api, q->pipe, &p, &err);

    if (rc == OK) {
        tags_print(c->api, TAGS_PIPE, p->name, &r);
        c->reply(c, &r.base);
    } else {
        c->fail(c, rc, &err);
    }
}
