/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api/http/request.h"

#include <string.h>

#include "coordinator/api/http/query.h"
#include "proto/base/text.h"

struct service {
    const char *target; /* before the operation in X-Amz-Target */
    const char *signs;  /* its name in a signature's scope */
    const char *content_type;
};

static const struct service services[] = {
    [AWS_STATES] = {"AWSStepFunctions.", "states", "application/x-amz-json-1.0"},
    [AWS_GLUE] = {"AWSGlue.", "glue", "application/x-amz-json-1.1"},
    [AWS_SQS] = {"AmazonSQS.", "sqs", "application/x-amz-json-1.0"},
};

enum { SERVICES = sizeof(services) / sizeof(services[0]) };

/* ---- the operation ---- */

static enum err_code unknown(struct err *err, struct slice what)
{
    return err_set(err, ERR_UNKNOWN_METHOD, "There is no operation %.*s here",
                   SLICE_FMT(slice_head(what, 200)));
}

static enum err_code
find_operation(const struct http_request *r, const struct aws_row **out, struct err *err)
{
    struct slice target = http_header(r, "x-amz-target");

    if (!slice_eq_str(r->method, "POST") || target.ptr == NULL) {
        return unknown(err, target.ptr != NULL ? target : r->target);
    }
    for (unsigned i = 0; i < SERVICES; i++) {
        struct slice before = slice_str(services[i].target);
        const struct aws_row *op = slice_starts_with(target, before)
                                       ? aws_operation(slice_from(target, before.len))
                                       : NULL;

        if (op != NULL && op->service == i &&
            slice_eq_str(slice_from(target, before.len), op->name)) {
            *out = op;
            return OK;
        }
    }
    return unknown(err, target);
}

/* Of SQS alone: the others never spoke it. */
static enum err_code
find_action(const struct query_form *f, const struct aws_row **out, struct err *err)
{
    struct slice action = query_field(f, "Action");
    const struct aws_row *op = aws_operation(action);

    if (op == NULL || op->service != AWS_SQS || !slice_eq_str(action, op->name)) {
        return err_set(err, ERR_UNKNOWN_METHOD, "The action %.*s is not valid for this endpoint.",
                       SLICE_FMT(slice_head(action, 200)));
    }
    *out = op;
    return OK;
}

/* ---- who asks ---- */

static enum err_code denied(struct err *err, struct slice who, const struct aws_row *op)
{
    return err_set(err, ERR_DENIED, "User: %.*s is not authorized to perform: %s:%s",
                   SLICE_FMT(who), services[op->service].signs, op->name);
}

static enum err_code authorize(const struct http_request *r,
                               const struct aws_access *access,
                               const struct aws_row *op,
                               struct arena *a,
                               struct err *err)
{
    struct sigv4_claim claim;
    enum access_role role;
    struct sign_mac key;
    enum err_code rc;

    if (access->open) {
        /* A page of the web that a browser on this machine shows must not reach it. */
        return http_header(r, "origin").ptr == NULL ? OK : denied(err, SLICE("a web page"), op);
    }
    rc = sigv4_read(r, a, &claim, err);
    if (rc != OK) {
        return rc;
    }
    if (!access->find(access->arg, &claim, a, &key, &role)) {
        return err_set(err, ERR_KEY_UNKNOWN,
                       "The security token included in the request is invalid.");
    }
    rc = sigv4_check(r, &claim, &key, slice_str(services[op->service].signs), access->now_ms, a,
                     err);
    if (rc == OK && role < op->role) {
        rc = denied(err, slice_head(claim.access_key, 64), op);
    }
    return rc;
}

/* "arn:aws:states:REGION:ACCOUNT:KIND:..." */
static bool is_of_kind(struct slice arn, const char *kind)
{
    for (int i = 0; i < 5; i++) {
        arn = slice_from(arn, slice_find(arn, ':') + 1);
    }
    return slice_eq_str(slice_head(arn, slice_find(arn, ':')), kind);
}

/* Names alone do elsewhere. And AWS shows nothing of an Express execution; we do, elsewhere. */
static enum err_code check_arns(const ProtobufCMessage *m, struct err *err)
{
    static const char *const fields[] = {"machine", "execution", "activity", "alias",
                                         "version", "resource",  "map_run"};

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const ProtobufCFieldDescriptor *f =
            protobuf_c_message_descriptor_get_field_by_name(m->descriptor, fields[i]);
        const char *arn =
            f != NULL ? *(char *const *)(const void *)((const char *)m + f->offset) : "";

        if (arn[0] != '\0' && strncmp(arn, "arn:", 4) != 0) {
            return err_set(err, ERR_INVALID_ARN, "Invalid Arn: 'Invalid ARN prefix: %.300s'", arn);
        }
        if (strcmp(fields[i], "execution") == 0 && is_of_kind(slice_str(arn), "express")) {
            return err_set(err, ERR_INVALID_ARN,
                           "Invalid Arn: 'Resource type not valid in this context: express'");
        }
    }
    return OK;
}

/* Answers that hold URLs say the host that the client came to. */
static void
set_endpoint(const struct http_request *r, bool secure, ProtobufCMessage *m, struct arena *a)
{
    const ProtobufCFieldDescriptor *f =
        protobuf_c_message_descriptor_get_field_by_name(m->descriptor, "endpoint");
    struct slice host = http_header(r, "host");

    if (f != NULL) {
        *(char **)(void *)((char *)m + f->offset) =
            arena_str(a, arena_printf(a, "%s://%.*s", secure ? "https" : "http", SLICE_FMT(host)));
    }
}

/* ---- all of it ---- */

/* What is asked for, and how to read the rest of it: `form` or, without one, JSON. */
static enum err_code find_asked(const struct http_request *r,
                                struct arena *a,
                                struct query_form *form,
                                struct aws_asked *out,
                                struct err *err)
{
    enum err_code rc;

    out->query = query_is(r);
    if (!out->query) {
        return find_operation(r, &out->operation, err);
    }
    rc = query_parse(r->body, a, form, err);
    return rc == OK ? find_action(form, &out->operation, err) : rc;
}

static enum err_code read_body(const struct http_request *r,
                               const struct query_form *form,
                               struct arena *a,
                               const struct aws_asked *asked,
                               const struct json_node **out,
                               struct err *err)
{
    struct slice text = r->body.len != 0 ? r->body : SLICE("{}");

    if (asked->query) {
        *out = query_request(asked->operation, form, r->target, a);
    } else if (json_parse(text, a, out, err) != OK) {
        err_wrap(err, "the body is not JSON");
        return err->code = ERR_MESSAGE;
    }
    return OK;
}

enum err_code aws_understand(const struct http_request *r,
                             const struct aws_access *access,
                             struct arena *a,
                             struct aws_asked *out,
                             struct err *err)
{
    const struct json_node *body;
    struct query_form form;
    enum err_code rc;

    *out = (struct aws_asked){0};
    rc = find_asked(r, a, &form, out, err);
    if (rc == OK) {
        rc = authorize(r, access, out->operation, a, err);
    }
    if (rc == OK) {
        rc = read_body(r, &form, a, out, &body, err);
    }
    if (rc == OK) {
        rc = aws_request(out->operation, AWS_HTTP, body, a, &out->request, err);
    }
    if (rc == OK) {
        set_endpoint(r, access->secure, out->request, a);
        rc = check_arns(out->request, err);
    }
    if (rc == OK) {
        rc = page_read(access->page_key, out->operation->method, out->request, access->now_ms, a,
                       &out->page, err);
    }
    return rc;
}

/* ---- errors ---- */

const char *aws_error_name(enum err_code code)
{
    return code == ERR_INTERNAL || code == ERR_IO || code == ERR_CORRUPT || code == ERR_NO_SPACE
               ? "InternalFailure"
               : err_name(code);
}

unsigned aws_error_status(enum err_code code)
{
    switch ((int)code) {
    case ERR_INTERNAL:
    case ERR_IO:
    case ERR_CORRUPT:
    case ERR_NO_SPACE: return 500;
    case ERR_UNAVAILABLE: return 503;
    case ERR_SIGNATURE_MISSING:
    case ERR_SIGNATURE_INVALID:
    case ERR_KEY_UNKNOWN: return 403;
    case ERR_TOO_LARGE: return 413;
    case ERR_QUEUE_RESOURCE: return 404;
    case ERR_QUEUE_PURGING:
    case ERR_QUEUE_FULL: return 403;
    default: return 400;
    }
}

/* Of SQS; else the same name in both. */
static const char *query_code(enum err_code code)
{
    switch ((int)code) {
    case ERR_QUEUE_DOES_NOT_EXIST: return "AWS.SimpleQueueService.NonExistentQueue";
    case ERR_QUEUE_EXISTS: return "QueueAlreadyExists";
    case ERR_QUEUE_PURGING: return "AWS.SimpleQueueService.PurgeQueueInProgress";
    case ERR_NOT_IN_FLIGHT: return "AWS.SimpleQueueService.MessageNotInflight";
    case ERR_BATCH_EMPTY: return "AWS.SimpleQueueService.EmptyBatchRequest";
    case ERR_BATCH_ENTRIES: return "AWS.SimpleQueueService.TooManyEntriesInBatchRequest";
    case ERR_BATCH_IDS: return "AWS.SimpleQueueService.BatchEntryIdsNotDistinct";
    case ERR_BATCH_ID: return "AWS.SimpleQueueService.InvalidBatchEntryId";
    case ERR_BATCH_LONG: return "AWS.SimpleQueueService.BatchRequestTooLong";
    case ERR_QUEUE_OPERATION: return "AWS.SimpleQueueService.UnsupportedOperation";
    default: return aws_error_name(code);
    }
}

const char *aws_query_error(const struct aws_row *operation, enum err_code code)
{
    return operation != NULL && operation->service == AWS_SQS ? query_code(code) : NULL;
}

const char *aws_content_type(const struct aws_row *operation)
{
    return services[operation != NULL ? operation->service : AWS_STATES].content_type;
}
