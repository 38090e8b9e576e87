/* SPDX-License-Identifier: Apache-2.0 */
/* AWS's JSON and our messages, each from the other, by the table aws.def and the messages' own
 * descriptors: no code an operation. Absent is absent on both sides: an optional member that is not
 * given leaves the field (and its has_ companion) alone, and a field that says nothing gives no
 * member unless the table wants it always. Pure.
 *
 * Source: AWS Step Functions API Reference; recorded results of service integrations. */
#ifndef STEPFLEET_API_AWS_JSON_H
#define STEPFLEET_API_AWS_JSON_H

#include "coordinator/store/codec.h"
#include "proto/base/json.h"
#include "proto/wire.h"

/* Who speaks: decides how members are called and times are written. */
enum aws_style {
    AWS_HTTP,      /* executionArn; 1763884800.123 seconds */
    AWS_SDK,       /* ExecutionArn; "2026-11-23T08:00:00.123Z"; aws-sdk integrations */
    AWS_OPTIMIZED, /* ExecutionArn; 1763884800123 ms; optimized integrations */
};

enum aws_form {
    AWS_TEXT,     /* a string */
    AWS_DOCUMENT, /* a string of JSON text */
    AWS_OBJECT,   /* any value; JSON text in the message */
    AWS_NUMBER,
    AWS_INTEGER, /* of requests: one that may be negative, to be refused in the service's words */
    AWS_FLAG,
    AWS_NOT_FLAG, /* the message has its opposite */
    AWS_TIME,     /* ms since 1970 in the message; of requests: seconds, over HTTP */
    AWS_LIST,     /* repeated messages */
    AWS_WHOLE,    /* of replies: an object of the whole message, by the lines behind */
    AWS_TEXTS,    /* repeated strings */
    AWS_MAP,      /* repeated tags: an object of strings */
    AWS_EVENTS,   /* history events, each JSON text in the message */
    AWS_INCLUDED, /* {"included": true} beside a document; false where without_data says so */
    AWS_BILLED,   /* what the time from start_ms to the field would cost */
    AWS_NO_LIST,  /* an empty list, of what there is none */
    AWS_ENABLED,  /* {"enabled": true}; a flag in the message */
    AWS_OWN_KEY,  /* {"type": "AWS_OWNED_KEY"} alone: nothing is encrypted by a key of the caller's,
                     and who asks for it is refused */
};

/* Whose operation it is. */
enum aws_service {
    AWS_STATES,
    AWS_GLUE,
    AWS_SQS,
    AWS_SNS,
    AWS_PIPES,
    AWS_EVENTBRIDGE,
    AWS_STEPFLEET, /* ours, beside AWS's */
};

enum aws_row_kind { AWS_ROW_OPERATION, AWS_ROW_IN, AWS_ROW_OUT, AWS_ROW_ITEM };

/* A line of aws.def. An operation's members are the lines behind it. */
struct aws_row {
    enum aws_row_kind kind;
    const char *name; /* AWS's, "executionArn"; of an operation "StartExecution" */
    const char *field;
    enum aws_form form;
    bool must; /* in: required; out: there even where it is empty */
    /* Of an operation: */
    unsigned method; /* enum rpc */
    enum aws_service service;
    enum access_role role; /* what it asks of an access key */
};

/* The whole table; *count rows. */
const struct aws_row *aws_rows(size_t *count);
/* "StartExecution" or "startExecution" of Step Functions or Glue, whose operations tasks ask for;
 * NULL: there is none here. */
const struct aws_row *aws_operation(struct slice name);
/* "Publish" of that service; NULL: likewise. */
const struct aws_row *aws_operation_of(enum aws_service service, struct slice name);
/* The first member of a request, then those behind it; NULL: there is none. */
const struct aws_row *aws_member_next(const struct aws_row *r);
/* AWS's name of a member as that style writes it. */
struct slice aws_name(enum aws_style style, const char *name, struct arena *a);

/**
 * The request message of an operation. An integration may give an object where AWS wants a string:
 * its text is taken.
 *
 * @param v  lives as long as *out
 * @return OK; ERR_VALIDATION: a value or, over HTTP, none at all where there must be one
 *         (ERR_QUEUE_MISSING where the service is SQS);
 *         ERR_MESSAGE: a member is of the wrong type or, of an integration, missing;
 *         ERR_INVALID_NAME: a null character in a name;
 *         ERR_TRACING: an ENABLED that does not say which; ERR_ENCRYPTION. In AWS's words
 */
enum err_code aws_request(const struct aws_row *operation,
                          enum aws_style style,
                          const struct json_node *v,
                          struct arena *a,
                          ProtobufCMessage **out,
                          struct err *err);
/* The reply message `m` of an operation as AWS writes it; points into `m`. */
const struct json_node *aws_reply(const struct aws_row *operation,
                                  enum aws_style style,
                                  const ProtobufCMessage *m,
                                  struct arena *a);

/* What AWS Glue calls an error: it has fewer names than we have. */
const char *glue_error_name(enum err_code code);

#endif
