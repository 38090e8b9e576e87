/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api/http/request.h"

#include <string.h>

#include "coordinator/api/http/rest.h"
#include "proto/base/text.h"

struct service {
    const char *target; /* before the operation in X-Amz-Target; NULL: it speaks no AWS JSON */
    const char *signs;  /* its name in a signature's scope */
    const char *content_type;
    const char *version; /* of its query protocol; NULL: it has none here */
};

static const struct service services[] = {
    [AWS_STATES] = {"AWSStepFunctions.", "states", "application/x-amz-json-1.0", NULL},
    [AWS_GLUE] = {"AWSGlue.", "glue", "application/x-amz-json-1.1", NULL},
    [AWS_SQS] = {"AmazonSQS.", "sqs", "application/x-amz-json-1.0", "2012-11-05"},
    [AWS_SNS] = {NULL, "sns", "text/xml", "2010-03-31"},
    [AWS_PIPES] = {NULL, "pipes", "application/json", NULL},
    [AWS_EVENTBRIDGE] = {"AWSEvents.", "events", "application/x-amz-json-1.1", NULL},
    [AWS_STEPFLEET] = {NULL, "stepfleet", "application/json", NULL},
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
        const struct aws_row *op =
            before.len != 0 && slice_starts_with(target, before)
                ? aws_operation_of((enum aws_service)i, slice_from(target, before.len))
                : NULL;

        if (op != NULL) {
            *out = op;
            return OK;
        }
    }
    return unknown(err, target);
}

/* A form is a request in the query protocol. Only POST: a page of the web could make a browser GET
 * anything, and not be seen to. */
static bool is_form(const struct http_request *r)
{
    struct slice type = http_header(r, "content-type");

    return slice_eq_str(r->method, "POST") && http_header(r, "x-amz-target").ptr == NULL &&
           slice_starts_with(type, SLICE("application/x-www-form-urlencoded"));
}

/* SQS's older clients ask the queue itself: POST /ACCOUNT/NAME. */
static const struct json_node *
with_queue(const struct http_request *r, const struct json_node *body, struct arena *a)
{
    struct slice path = slice_head(r->target, slice_find(r->target, '?'));
    struct json_builder b;

    if (path.len <= 1 || json_member(body, SLICE("QueueUrl")) != NULL) {
        return body;
    }
    b = json_build_object(a);
    for (const struct json_node *e = json_first(body); e != NULL; e = json_next(body, e)) {
        json_put(&b, json_key(body, e), e);
    }
    json_put(&b, SLICE("QueueUrl"), json_string(a, path));
    return json_built(&b);
}

static enum err_code read_form(const struct http_request *r,
                               struct arena *a,
                               struct aws_asked *out,
                               const struct json_node **body,
                               struct err *err)
{
    struct slice action;
    enum err_code rc = query_request(r->body, a, &out->query, body, err);

    if (rc != OK) {
        return rc;
    }
    action = json_text(json_member(*body, SLICE("Action")));
    for (unsigned i = 0; i < SERVICES && out->operation == NULL; i++) {
        if (services[i].version != NULL && strcmp(services[i].version, out->query->version) == 0) {
            out->operation = aws_operation_of((enum aws_service)i, action);
        }
    }
    if (out->operation == NULL) {
        return unknown(err, action);
    }
    if (out->operation->service == AWS_SQS) {
        *body = with_queue(r, *body, a);
    }
    return OK;
}

static enum err_code read_json(const struct http_request *r,
                               const struct aws_asked *asked,
                               struct arena *a,
                               const struct json_node **body,
                               struct err *err)
{
    enum err_code rc = json_parse(r->body.len != 0 ? r->body : SLICE("{}"), a, body, err);

    if (rc != OK) {
        err_wrap(err, "the body is not JSON");
        rc = err->code = ERR_MESSAGE;
    }
    return rc == OK && asked->rest != NULL ? rest_request(r, asked->rest, a, body, err) : rc;
}

/* ---- who asks ---- */

static enum err_code denied(struct err *err, struct slice who, const struct aws_row *op)
{
    return err_set(err, ERR_DENIED, "User: %.*s is not authorized to perform: %s:%s",
                   SLICE_FMT(who), services[op->service].signs, op->name);
}

static void name_caller(struct caller *who, struct slice key)
{
    size_t len = key.len < sizeof(who->name) ? key.len : sizeof(who->name) - 1;

    memcpy(who->name, key.ptr, len);
    who->name[len] = '\0';
}

static enum err_code authorize(const struct http_request *r,
                               const struct aws_access *access,
                               const struct aws_row *op,
                               struct arena *a,
                               struct caller *who,
                               struct err *err)
{
    struct sigv4_claim claim;
    enum access_role role;
    struct sign_mac key;
    enum err_code rc;

    if (access->open || (access->scale && op->method == RPC_SCALE)) {
        /* A page of the web that a browser on this machine shows must not reach it. */
        return http_header(r, "origin").ptr == NULL ? OK : denied(err, SLICE("a web page"), op);
    }
    rc = sigv4_read(r, a, &claim, err);
    if (rc != OK) {
        return rc;
    }
    name_caller(who, claim.access_key);
    if (!access->find(access->arg, &claim, a, &key, &role)) {
        return err_set(err, ERR_KEY_UNKNOWN,
                       "The security token included in the request is invalid.");
    }
    rc = sigv4_check(r, &claim, &key, slice_str(services[op->service].signs), access->now_ms, a,
                     err);
    if (rc == OK) {
        who->kind = CALLER_KEY;
        who->role = role;
    }
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

/* An execution's trace header may be the request's own: AWS prefers that. */
static void set_trace(const struct http_request *r, ProtobufCMessage *m, struct arena *a)
{
    const ProtobufCFieldDescriptor *f =
        protobuf_c_message_descriptor_get_field_by_name(m->descriptor, "trace_header");
    struct slice trace = http_header(r, "x-amzn-trace-id");

    if (f != NULL && trace.len != 0) {
        *(char **)(void *)((char *)m + f->offset) = arena_str(a, trace);
    }
}

/* ---- all of it ---- */

enum err_code aws_understand(const struct http_request *r,
                             const struct aws_access *access,
                             struct arena *a,
                             struct aws_asked *out,
                             struct err *err)
{
    const struct json_node *body = NULL;
    enum err_code rc;

    *out = (struct aws_asked){.query = is_form(r) ? query_any() : NULL, .rest = rest_route(r, a)};
    out->who.kind = access->open ? CALLER_LOCAL : CALLER_STRANGER;
    if (out->rest != NULL) {
        out->operation = rest_operation(out->rest);
        rc = OK;
    } else {
        rc = out->query != NULL ? read_form(r, a, out, &body, err)
                                : find_operation(r, &out->operation, err);
    }
    if (rc == OK) {
        rc = authorize(r, access, out->operation, a, &out->who, err);
    }
    if (rc == OK && body == NULL) {
        rc = read_json(r, out, a, &body, err);
    }
    if (rc == OK) {
        rc = aws_request(out->operation, AWS_HTTP, body, a, &out->request, err);
    }
    if (rc == OK) {
        set_endpoint(r, access->secure, out->request, a);
        set_trace(r, out->request, a);
        rc = check_arns(out->request, err);
    }
    if (rc == OK) {
        rc = page_read(access->page_key, out->operation->method, out->request, access->now_ms, a,
                       &out->page, err);
    }
    return rc;
}

/* ---- errors ---- */

/* A page's token that is none: only Step Functions has a name for just that. */
static const char *token_error_name(enum aws_service service)
{
    switch (service) {
    case AWS_SQS: return err_name(ERR_QUEUE_PARAMETER);
    case AWS_SNS: return "InvalidParameter";
    case AWS_EVENTBRIDGE:
    case AWS_STEPFLEET:
    case AWS_PIPES: return err_name(ERR_VALIDATION);
    case AWS_GLUE: return glue_error_name(ERR_INVALID_TOKEN);
    case AWS_STATES: break;
    }
    return err_name(ERR_INVALID_TOKEN);
}

const char *aws_error_name(const struct aws_row *operation, enum err_code code)
{
    if (code == ERR_DISK) { /* SDKs ask again */
        return err_name(ERR_UNAVAILABLE);
    }
    if (operation != NULL && code == ERR_INVALID_TOKEN) {
        return token_error_name(operation->service);
    }
    if (operation != NULL && operation->service == AWS_GLUE) {
        return glue_error_name(code);
    }
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
    case ERR_DISK:
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
    case ERR_INVALID_TOKEN: return token_error_name(AWS_SQS);
    case ERR_QUEUE_OPERATION: return "AWS.SimpleQueueService.UnsupportedOperation";
    default: return aws_error_name(NULL, code);
    }
}

const char *aws_query_error(const struct aws_row *operation, enum err_code code)
{
    return operation != NULL && operation->service == AWS_SQS ? query_code(code) : NULL;
}

const char *aws_form_error(const struct aws_row *operation, enum err_code code)
{
    switch ((int)code) {
    case ERR_VALIDATION: return "ValidationError";
    case ERR_MESSAGE: return "MalformedQueryString";
    case ERR_UNKNOWN_METHOD: return "InvalidAction";
    case ERR_DENIED:
        return operation != NULL && operation->service == AWS_SQS ? "AccessDenied"
                                                                  : "AuthorizationError";
    case ERR_TAGS: return "TagLimitExceeded";
    case ERR_SIGNATURE_MISSING: return "MissingAuthenticationToken";
    case ERR_SIGNATURE_INCOMPLETE: return "IncompleteSignature";
    case ERR_SIGNATURE_INVALID: return "SignatureDoesNotMatch";
    case ERR_KEY_UNKNOWN: return "InvalidClientTokenId";
    default: break;
    }
    return operation != NULL && operation->service == AWS_SQS ? query_code(code)
                                                              : aws_error_name(operation, code);
}

unsigned aws_form_status(enum err_code code)
{
    switch ((int)code) {
    case ERR_DENIED: return 403;
    case ERR_NOT_FOUND:
    case ERR_TOPIC_NOT_FOUND: return 404;
    default: return aws_error_status(code);
    }
}

const char *aws_content_type(const struct aws_row *operation)
{
    return services[operation != NULL ? operation->service : AWS_STATES].content_type;
}
