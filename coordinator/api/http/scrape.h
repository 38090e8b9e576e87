/* SPDX-License-Identifier: Apache-2.0 */
/* Who may read /metrics, and /scale without a signature. Prometheus cannot sign as AWS's clients
 * do: it sends a token (RFC 6750), which is one of the lines of a file; the file is read at each
 * scrape, so that tokens change without a restart. */
#ifndef STEPFLEET_API_HTTP_SCRAPE_H
#define STEPFLEET_API_HTTP_SCRAPE_H

#include "coordinator/http/http.h"

enum scrape_mode {
    SCRAPE_OFF,   /* there is no /metrics */
    SCRAPE_OPEN,  /* whoever reaches it: loopback alone */
    SCRAPE_TOKEN, /* who has a token of the file */
};

struct scrape_access {
    enum scrape_mode mode;
    const char *tokens; /* TOKEN: the file */
};

/* Can it be so, and the file be read? ERR_CONFIG. `local`: nobody beyond this machine reaches it.
 */
enum err_code scrape_check(const struct scrape_access *access, bool local, struct err *err);
/* Is it a request for metrics, where there are any? */
bool scrape_is_asked(const struct scrape_access *access, const struct http_request *r);
/* Is it one for /scale by the same token, or where whoever reaches it may? Autoscalers cannot sign,
 * either. Others of /scale are signed, as any operation. */
bool scrape_is_scale(const struct scrape_access *access, const struct http_request *r);
/* 200: it may; else the status of the refusal. */
unsigned scrape_may(const struct scrape_access *access, const struct http_request *r);

#endif
