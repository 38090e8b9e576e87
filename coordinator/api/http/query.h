/* SPDX-License-Identifier: Apache-2.0 */
/* AWS's query protocol: a request is a form, a reply is XML, and both are made of, or into, the
 * JSON that the same operation has in AWS JSON, so that whatever serves one serves the other. What
 * the form cannot say of itself (which names are lists, maps, numbers) is in a table of the
 * service, query_sns.def and query_sqs.def.
 *
 *   Action=Publish&MessageAttributes.entry.1.Name=a&MessageAttributes.entry.1.Value.DataType=String
 *   {"Action":"Publish","MessageAttributes":{"a":{"DataType":"String"}}}
 *
 * Pure. Source: Smithy, "AWS query protocol"; WHATWG URL, "application/x-www-form-urlencoded". */
#ifndef STEPFLEET_API_HTTP_QUERY_H
#define STEPFLEET_API_HTTP_QUERY_H

#include "proto/base/json.h"

enum query_form { QUERY_LIST, QUERY_MAP, QUERY_NUMBER, QUERY_FLAG };

/* A line of such a table. Names that have none are texts, or structures of named members. */
struct query_row {
    enum query_form form;
    const char *operation; /* in this one alone; NULL: in all */
    const char *member;    /* its name in AWS JSON */
    const char *element;   /* and in forms and XML */
    const char *wrapper;   /* around a list's or map's elements; NULL: they stand side by side */
    const char *key;       /* of a map's elements */
    const char *value;
};

struct query_service {
    const char *version; /* a request says it */
    const char *xmlns;
    const char *head;   /* of all replies */
    const char *detail; /* in each error */
    const struct query_row *rows;
    size_t row_count;
};

/* The service whose requests say that version; NULL: there is none here. */
const struct query_service *query_service(struct slice version);
/* Any: for errors of requests that say none. */
const struct query_service *query_any(void);

/**
 * A form as the request's JSON, Action and Version among its members. Texts stay strings; a number
 * or flag that does not read as one does, too.
 *
 * @param text      a request's body
 * @param[out] out  in `a`, with nothing of `text`; an object
 * @return OK; ERR_MESSAGE: it cannot be read; ERR_TOO_LARGE: too many parameters, or too deep
 */
enum err_code query_request(struct slice text,
                            struct arena *a,
                            const struct query_service **service,
                            const struct json_node **out,
                            struct err *err);

/* Append the reply of an operation. `result` is an object, perhaps an empty one. */
void query_reply(const struct query_service *service,
                 struct slice operation,
                 const struct json_node *result,
                 struct slice request_id,
                 struct arena *a,
                 struct buf *out);

/* Append an error's reply. `sender`: it is the caller's, not ours. */
void query_error(const struct query_service *service,
                 bool sender,
                 const char *code,
                 struct slice message,
                 struct slice request_id,
                 struct arena *a,
                 struct buf *out);

#endif
