/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 as a server, on one libuv loop: connections, TLS, limits and timeouts. A request is
 * given whole to one callback, and is answered by its handle, at once or later; what it means is
 * the callback's affair. One request of a connection is in hand at a time, those sent ahead wait.
 *
 * All calls and callbacks are on the loop's thread. Sources: RFC 9110, RFC 9112. */
#ifndef STEPFLEET_HTTP_HTTP_H
#define STEPFLEET_HTTP_HTTP_H

#include <uv.h>

#include "proto/base/err.h"
#include "proto/base/slice.h"

struct http_header {
    struct slice name; /* in lower case */
    struct slice value;
};

/* The server's, from the callback until http_answer(). */
struct http_request {
    struct slice method; /* "POST" */
    struct slice target; /* as sent: path and query, or a whole URL */
    const struct http_header *headers;
    size_t header_count;
    struct slice body; /* without transfer coding */
    void *user;        /* the callback's */
};

struct http_answer {
    unsigned status;
    const char *content_type; /* NULL: no body */
    struct slice headers;     /* further lines, each ended by CR LF; may be empty */
    struct slice body;
};

struct http_hooks {
    void *arg;
    void (*request)(void *arg, struct http_request *r);
    /* The client will send no more: it is gone, or has closed its half and waits for the answer.
     * The answer is owed all the same. At most once a request, never inside request(). */
    void (*left)(void *arg, struct http_request *r);
};

struct http_config {
    const char *listen;      /* http_listen_check() */
    const char *certificate; /* PEM files, read again when they change; both with https:// */
    const char *key;
    size_t connections; /* at once; 0: LIMIT_HTTP_CONNECTIONS */
};

struct http_server;

/* "http://127.0.0.1:8083", "https://[::1]:8083": ERR_CONFIG where it is none. `local`: nobody
 * beyond this machine reaches it. */
enum err_code http_listen_check(const char *url, bool *secure, bool *local, struct err *err);

/* Listens. On an error *out is to be closed all the same where it is not NULL. */
enum err_code http_server_open(uv_loop_t *loop,
                               const struct http_config *config,
                               const struct http_hooks *hooks,
                               struct http_server **out,
                               struct err *err);
/* The port it listens on. */
unsigned http_server_port(const struct http_server *s);
/* When its certificate is valid no more, in seconds since 1970; 0: it has none. */
int64_t http_server_expires_s(const struct http_server *s);
/* No more connections and requests; idle connections are closed, requests in hand still answered.
 */
void http_server_stop(struct http_server *s);
/* Every answer has left. */
bool http_server_is_quiet(const struct http_server *s);
/* Ends all; requests that were not answered are no more. Then frees, calling `closed`. */
void http_server_close(struct http_server *s, void (*closed)(void *arg), void *arg);

/* Where it comes from, "10.0.0.1:41234"; "" where the client is gone. Within request() alone. */
void http_peer(const struct http_request *r, char *out, size_t size);
/* The value of the first header of that name (lower case); ptr NULL: there is none. */
struct slice http_header(const struct http_request *r, const char *name);
/* Answer; the request is gone. What `answer` points to is copied. */
void http_answer(struct http_request *r, const struct http_answer *answer);

#endif
