/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in, one whole request out: llhttp in its strict mode, the limits of limits.h, and what must
 * not pass where another server may have read the same bytes otherwise: two lengths, a length
 * beside a transfer coding, a coding that is not "chunked", a request without one host, a line
 * that ends with less than CR LF or goes on in the next. No I/O, no clock.
 *
 *   HEAD --last header--> BODY --last byte--> WHOLE --http_reader_next()--> HEAD
 *     '------------------------> BAD: an answer, then the end; nothing that follows is read
 *
 * Sources: RFC 9112; limits.h. */
#ifndef STEPFLEET_HTTP_READER_H
#define STEPFLEET_HTTP_READER_H

#include <llhttp.h>

#include "coordinator/http/http.h"
#include "proto/base/buf.h"
#include "proto/base/limits.h"
#include "proto/base/list.h"

enum http_phase {
    HTTP_PHASE_IDLE,  /* no byte of a request has come */
    HTTP_PHASE_HEAD,  /* some have */
    HTTP_PHASE_BODY,  /* the head is whole */
    HTTP_PHASE_WHOLE, /* http_exchange.request is filled */
    HTTP_PHASE_BAD,   /* refused with http_exchange.status */
};

struct http_span {
    size_t from; /* in `text` */
    size_t len;
};

/* A request while it is read and until it is answered. Kept in a pool: its buffers serve the next
 * one. */
struct http_exchange {
    struct http_request request; /* first: its handle gets back to us */
    struct buf text;             /* target, names and values */
    struct buf body;
    struct http_span target;
    struct http_span names[LIMIT_HTTP_HEADERS];
    struct http_span values[LIMIT_HTTP_HEADERS];
    struct http_header headers[LIMIT_HTTP_HEADERS];
    size_t header_count;
    bool in_value;
    bool keep_alive; /* the client may send another one */
    bool expects;    /* it waits for 100 Continue before its body */
    unsigned status; /* BAD: what is answered */
    const char *why;
    struct list link; /* the pool's */
    void *connection; /* the server's */
};

struct http_reader {
    llhttp_t parser;
    struct http_exchange *x; /* being filled; the caller gives one before the first byte of each */
    enum http_phase phase;
    size_t body_raw;     /* bytes since the head, framing included */
    bool head_over;      /* its empty line was seen */
    bool head_begun;     /* a line that is not empty was */
    char before;         /* the last byte of the head or the framing so far; 0: none */
    bool line_begun;     /* the line under way has a byte other than CR */
    const char *framing; /* in feed(): the first byte behind the head that was not looked at */
};

void http_reader_init(struct http_reader *r);
/* Read on until the request is whole or refused. @return how many bytes were taken. */
size_t http_reader_feed(struct http_reader *r, struct slice bytes);
/* Ready for the next request, into `x`. */
void http_reader_next(struct http_reader *r, struct http_exchange *x);

void http_exchange_reset(struct http_exchange *x);
void http_exchange_fini(struct http_exchange *x);

#endif
