/* SPDX-License-Identifier: Apache-2.0 */
/* AWS's older protocol, "query": a form in, XML out. A form is made the JSON that newer clients
 * send and a reply's JSON is made XML, so that nothing behind it knows the difference; what is
 * flattened to which name is one table. Pure.
 *
 *   Action=SendMessage&MessageAttribute.1.Name=a&MessageAttribute.1.Value.DataType=String&...
 *   {"MessageAttributes": {"a": {"DataType": "String", ...}}}
 *
 * Source: Smithy, "AWS query protocol"; Amazon SQS API Reference, 2012-11-05. */
#ifndef STEPFLEET_API_HTTP_QUERY_H
#define STEPFLEET_API_HTTP_QUERY_H

#include "coordinator/api/aws_json.h"
#include "coordinator/http/http.h"

struct query_pair {
    struct slice name;
    struct slice value;
};

struct query_form {
    struct query_pair *pairs;
    size_t count;
};

/* Does the request speak it? */
bool query_is(const struct http_request *r);
/* Its form, decoded. ERR_MESSAGE: it is none, or has too many fields. */
enum err_code
query_parse(struct slice body, struct arena *a, struct query_form *out, struct err *err);
/* The value of a field; ptr NULL: there is none. */
struct slice query_field(const struct query_form *f, const char *name);
/* The request as JSON; `target` is the request's path, where older clients say the queue. */
const struct json_node *query_request(const struct aws_row *operation,
                                      const struct query_form *f,
                                      struct slice target,
                                      struct arena *a);
/* The whole reply. */
void query_reply(const struct aws_row *operation,
                 const struct json_node *reply,
                 struct slice request_id,
                 struct buf *out);
void query_fail(const char *code,
                bool sender,
                struct slice message,
                struct slice request_id,
                struct buf *out);

#endif
