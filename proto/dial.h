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
/* A dialler of the socket, to be started; `ca` is of TLS alone. An error of nng's. */
int dial_create(nng_socket socket, const char *url, const char *ca, nng_dialer *out);
/* Dial once and wait for the end of that: one of nng's errors. Blocks until then, or until the
 * socket is closed; a dialler in the background says nothing. */
int dial_try(nng_socket socket, const char *url, const char *ca);
/* What nng's error means and what to do, for people. */
void dial_explain(const char *url, const char *ca, int rv, struct err *err);

#endif
