/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.2 and later over OpenSSL's memory BIOs: bytes of the wire in, plain bytes out, and the
 * reverse. No sockets in here. */
#ifndef STEPFLEET_HTTP_TLS_H
#define STEPFLEET_HTTP_TLS_H

#include <sys/types.h>
#include <time.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"

struct tls_context; /* certificate and key, for all connections */
struct tls;         /* one connection */

/* ERR_CONFIG: a file cannot be read, or they do not belong together. */
enum err_code tls_context_new(const char *certificate,
                              const char *key,
                              struct tls_context **out,
                              struct err *err);
void tls_context_free(struct tls_context *c);
/* When the certificate is valid no more: seconds since 1970; 0: that cannot be told. */
int64_t tls_context_expires_s(const struct tls_context *c);

/* A context whose files are looked at again: connections that have an older one keep it. */
struct tls_file {
    ino_t inode; /* 0: it is not there */
    struct timespec modified;
};

struct tls_renewed {
    const char *certificate; /* PEM files, borrowed */
    const char *key;
    struct tls_context *context;
    struct tls_file seen[2]; /* the files as they were when they were read */
};

/* As tls_context_new(). */
enum err_code
tls_renewed_open(struct tls_renewed *r, const char *certificate, const char *key, struct err *err);
void tls_renewed_close(struct tls_renewed *r);
/* Read them again where they have changed. Files that are no good leave the context as it was; that
 * is logged, once a change. */
void tls_renew(struct tls_renewed *r);

struct tls *tls_new(struct tls_context *c);
void tls_free(struct tls *t);
/* Bytes that came. */
void tls_feed(struct tls *t, struct slice wire);
/* Plain bytes of them; 0: no more now; -1: the other side ended it, or broke the protocol. What is
 * to be sent (handshake, alert) is in tls_wire(). */
int tls_read(struct tls *t, char *out, int size);
/* Plain bytes to be sent; false: it is broken. */
bool tls_write(struct tls *t, struct slice plain);
/* Say that no more will be sent. */
void tls_end(struct tls *t);
/* What is to go out, appended to `out`. */
void tls_wire(struct tls *t, struct buf *out);

#endif
