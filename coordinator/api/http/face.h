/* SPDX-License-Identifier: Apache-2.0 */
/* The face of AWS's own clients: AWS JSON over HTTP, signed by Signature Version 4; and of
 * Prometheus, which reads /metrics (scrape.h says who may). Connections,
 * TLS, signatures and the reading of JSON are on a thread of its own; what it could make a request
 * message of is carried out on the loop's thread like any other call, and answered when that is
 * durable.
 *
 *   READ --understood--> ARRIVED --dispatched--> OPEN --replied--> ANSWERED --durable--> LEAVING
 *     '--refused: answered at once                '-- its client left: a parked one is forgotten
 *
 * Sources: Smithy, "AWS JSON 1.0 protocol"; AWS Step Functions API Reference; AWS common errors. */
#ifndef STEPFLEET_API_HTTP_FACE_H
#define STEPFLEET_API_HTTP_FACE_H

#include "coordinator/api/api.h"
#include "coordinator/api/http/scrape.h"
#include "coordinator/http/http.h"

struct http_face_config {
    struct http_config http; /* listen NULL: there is no such face */
    bool open;               /* whoever reaches it may do all, unsigned: loopback only */
    struct scrape_access metrics;
};

struct http_face;

/* Whether it may listen so, without doing so: beyond loopback with TLS and keys alone. ERR_CONFIG.
 */
enum err_code http_face_check(const struct http_face_config *config, struct err *err);

/**
 * Listen, on a thread of its own, as http_face_check() allows it.
 *
 * @param turn  called on the loop's thread when requests have arrived: begin a turn, call
 *              http_face_serve(), end the turn
 */
enum err_code http_face_open(uv_loop_t *loop,
                             struct api *api,
                             const struct http_face_config *config,
                             void (*turn)(void *arg),
                             void *arg,
                             struct http_face **out,
                             struct err *err);
/* The port it listens on. */
unsigned http_face_port(const struct http_face *f);
/* Dispatch what has arrived, as far as the ledger accepts. */
void http_face_serve(struct http_face *f);
/* No more requests are taken; those in hand are still answered. */
void http_face_stop(struct http_face *f);
/* Every answer has left. */
bool http_face_is_quiet(const struct http_face *f);
/* Ends all; then frees, calling `closed`. */
void http_face_close(struct http_face *f, void (*closed)(void *arg), void *arg);

#endif
