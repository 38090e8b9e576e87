/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP request to one of AWS's services, understood: which operation, whether its signer may do
 * it, and its request message. Pure but for OpenSSL's digests: time and keys are arguments. */
#ifndef STEPFLEET_API_HTTP_REQUEST_H
#define STEPFLEET_API_HTTP_REQUEST_H

#include "coordinator/access/caller.h"
#include "coordinator/api/aws_json.h"
#include "coordinator/api/http/page.h"
#include "coordinator/api/http/query.h"
#include "coordinator/http/http.h"
#include "coordinator/http/sigv4.h"
#include "coordinator/store/codec.h"

/* Who may do what. */
struct aws_access {
    bool open;             /* everyone everything */
    bool scale;            /* the request may read /scale, unsigned */
    bool secure;           /* it came over TLS */
    struct slice page_key; /* of the tokens of pages */
    int64_t now_ms;
    /* What an access key signs the claim's scope with, and its role; false: there is none. */
    bool (*find)(void *arg,
                 const struct sigv4_claim *claim,
                 struct arena *a,
                 struct sign_mac *key,
                 enum access_role *role);
    void *arg;
};

struct aws_asked {
    const struct aws_row *operation;
    const struct query_service *query; /* it is in the query protocol; NULL: in AWS JSON */
    const struct rest_route *rest;     /* it is in REST JSON; NULL: likewise */
    ProtobufCMessage *request;
    struct page_context page;
    struct caller who; /* but for its address */
};

/* `r` lives as long as *out. operation is NULL where it is not even known. */
enum err_code aws_understand(const struct http_request *r,
                             const struct aws_access *access,
                             struct arena *a,
                             struct aws_asked *out,
                             struct err *err);

/* What AWS calls an error, and its HTTP status. `operation` may be NULL. */
const char *aws_error_name(const struct aws_row *operation, enum err_code code);
unsigned aws_error_status(enum err_code code);
/* What the service's older protocol calls it, and clients of the newer one still go by:
 * "CODE;Sender"; NULL: the service has none. */
const char *aws_query_error(const struct aws_row *operation, enum err_code code);
/* The same in the query protocol, asked for in it. */
const char *aws_form_error(const struct aws_row *operation, enum err_code code);
unsigned aws_form_status(enum err_code code);
/* "application/x-amz-json-1.0", as the service speaks. */
const char *aws_content_type(const struct aws_row *operation);

#endif
