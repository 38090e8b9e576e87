/* SPDX-License-Identifier: Apache-2.0 */
/* How workers and clients reach a coordinator on another machine: over TLS, its certificate held
 * against one authority and the name in the URL, always. mbedTLS inside nng does it. */
#ifndef STEPFLEET_DIAL_H
#define STEPFLEET_DIAL_H

#include <nng/nng.h>

#include "proto/base/err.h"
#include "proto/base/slice.h"

/* Is it "tls+tcp://..."? */
bool dial_is_tls(const char *url);
/* A host, a port, and an authority's file that can be read. ERR_CONFIG. */
enum err_code dial_check_tls(const char *url, const char *ca, struct err *err);

/* The dialler of a socket. nng 1.5 dials again by itself, but does not notice the end of a TLS
 * connection that comes while it hands over what came before: its requests are never answered. So
 * where an answer is overdue the connection is given up, with dial_renew(). */
struct dial {
    nng_socket socket;
    nng_dialer dialer;
    const char *url;
    const char *ca;   /* of TLS alone */
    int64_t begun_ms; /* mono */
};
/* Texts are borrowed. `flags`: NNG_FLAG_NONBLOCK, or 0 for a dialler that has connected when it
 * returns 0. An error of nng's. */
int dial_begin(struct dial *d, nng_socket socket, const char *url, const char *ca, int flags);
/* Its connections are closed, and it dials anew; requests under way go out again. Not from two
 * threads at once, and no sooner than DIAL_RENEW_MS after the last. */
void dial_renew(struct dial *d);
/* Dial once and wait for the end of that: one of nng's errors. Blocks until then, or until the
 * socket is closed; a dialler in the background says nothing. */
int dial_try(nng_socket socket, const char *url, const char *ca);
/* What nng's error means and what to do, for people. */
void dial_explain(const char *url, const char *ca, int rv, struct err *err);

#endif
