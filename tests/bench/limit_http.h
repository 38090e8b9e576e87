/* SPDX-License-Identifier: Apache-2.0 */
/* What durable requests over HTTP could cost at least: our HTTP server with nothing behind it, and
 * the disk alone. */
#ifndef STEPFLEET_BENCH_LIMIT_HTTP_H
#define STEPFLEET_BENCH_LIMIT_HTTP_H

#include <stdint.h>

/* Answer every request on that port with the same 100 bytes, until it is killed. */
int limit_http_server(uint16_t port);
/* Append `rows` rows of `bytes` to a file in `dir` and sync it, over and over for `ms`. @return
 * syncs a second */
double limit_sync(const char *dir, unsigned rows, unsigned bytes, int64_t ms);

#endif
