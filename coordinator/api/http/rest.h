/* SPDX-License-Identifier: Apache-2.0 */
/* AWS's REST JSON: method and path say which operation it is, some of its members stand in the path
 * and behind the '?', and the rest in the body. All of them together are made the JSON that the
 * same operation would have in AWS JSON, so that the lines of aws.def serve it, too.
 *
 *   PUT /v1/pipes/p {"RoleArn": "..."}      {"RoleArn": "...", "Name": "p"}
 *
 * Errors are named in a header. Pure. Source: Smithy, "AWS restJson1 protocol". */
#ifndef STEPFLEET_API_HTTP_REST_H
#define STEPFLEET_API_HTTP_REST_H

#include "coordinator/api/aws_json.h"
#include "coordinator/http/http.h"

struct rest_route;

/* Which one it takes; NULL: it is no such request. */
const struct rest_route *rest_route(const struct http_request *r, struct arena *a);
const struct aws_row *rest_operation(const struct rest_route *route);

/**
 * Put what path and query say among the members of the body.
 *
 * @param body  in: the body's JSON, out: with them
 * @return OK; ERR_MESSAGE: the body is no object, or the target cannot be read
 */
enum err_code rest_request(const struct http_request *r,
                           const struct rest_route *route,
                           struct arena *a,
                           const struct json_node **body,
                           struct err *err);

/* What such a service calls an error, its HTTP status, and its body. */
const char *rest_error_name(enum err_code code);
unsigned rest_error_status(enum err_code code);
void rest_error(enum err_code code, const struct err *err, struct buf *out);

#endif
