/* SPDX-License-Identifier: Apache-2.0 */
/* The library's inside: one connection, one call, one reply.
 *
 * A connection is an nng REQ socket; each call opens its own context on it, so that calls of many
 * threads do not meet. nng never resends by itself (RESENDTIME -1): what may be repeated, and when,
 * is decided in call.c alone, which reads the fifth column of rpc.def as a rule. Source:
 * PROTOCOL.md, Transport and Repeats. */
#ifndef STEPFLEET_CLIENT_CLIENT_H
#define STEPFLEET_CLIENT_CLIENT_H

#include <nng/nng.h>
#include <pthread.h>
#include <stdatomic.h>

#include "client/include/stepfleet.h"
#include "proto/dial.h"
#include "proto/host/secret.h"
#include "proto/wire.h"

enum {
    CLIENT_CONNECT_MS = 2000,
    CLIENT_TIMEOUT_MS = 30000,
    CLIENT_ATTEMPT_MS = 10000, /* then a repeatable call is sent again: its reply may be lost */
    CLIENT_BACKOFF_MS = 50,    /* the first pause; each next is up to twice the one before */
    CLIENT_BACKOFF_MAX_MS = 2000,
    CLIENT_URL_BYTES = 256,
    CLIENT_NNG_BYTES = 4, /* nng's own request id: NNG_OPT_RECVMAXSZ counts it */
};

struct stepfleet {
    nng_socket socket;
    char url[CLIENT_URL_BYTES];
    uint32_t connect_ms;
    uint32_t timeout_ms;
    atomic_uint_fast64_t next_request;
    pthread_mutex_t dial_lock; /* one thread dials, the others wait for it */
    struct dial dial;          /* under dial_lock */
    bool dialled;              /* under dial_lock: from then on nng reconnects by itself */
    pthread_mutex_t token_lock;
    struct secret_file token; /* under token_lock */
    char *token_path;         /* what it points to */
    char *ca;                 /* of tls+tcp:// */
};

/* ERR_CONFIG where the URL is neither TLS nor one that may be spoken to in the clear. */
enum err_code
connection_check_url(const char *url, const char *ca, char out[CLIENT_URL_BYTES], struct err *err);
/* Connect where it never was. ERR_UNAVAILABLE at deadline_ms of the monotonic clock. */
enum err_code connection_dial(struct stepfleet *c, int64_t deadline_ms, struct err *err);
/* No answer came in its time. */
void connection_overdue(struct stepfleet *c);

/* The message of an answer, unpacked into `a`; else what the coordinator refused the request with,
 * or ERR_MESSAGE. */
enum err_code reply_read(struct slice frame,
                         enum rpc method,
                         uint64_t request_id,
                         struct arena *a,
                         void **out,
                         struct err *err);

/* Zeroed space for a reply of `bytes`, which owns its arena. */
void *reply_new(size_t bytes);
struct arena *reply_arena(void *reply);

/* How a repeat of the call is harmless, or that it is not. */
enum repeat { REPEAT_SAFE, REPEAT_NEVER };

struct call {
    enum rpc method;
    const ProtobufCMessage *request;
    enum repeat repeat;
    uint32_t wait_ms; /* what the coordinator may take before it answers, beside the timeout */
};

/* Send, wait, repeat where it may; the reply's message is unpacked into `a`. */
enum err_code client_call(struct stepfleet *c,
                          const struct call *call,
                          struct arena *a,
                          void **out,
                          struct err *err);

/* client_call into a new reply of `bytes`, which is the caller's where it is OK. */
enum stepfleet_code client_fetch_call(struct stepfleet *c,
                                      const struct call *call,
                                      size_t bytes,
                                      void **reply,
                                      void **message,
                                      struct stepfleet_error *error);
/* The same for a call that may be repeated, and takes no time. */
enum stepfleet_code client_fetch(struct stepfleet *c,
                                 enum rpc method,
                                 const ProtobufCMessage *request,
                                 size_t bytes,
                                 void **reply,
                                 void **message,
                                 struct stepfleet_error *error);
/* The same where the answer says nothing but that it was done. */
enum stepfleet_code client_tell(struct stepfleet *c,
                                enum rpc method,
                                const ProtobufCMessage *request,
                                struct stepfleet_error *error);

/* The code of an internal error with `error` filled; STEPFLEET_OK leaves it alone. */
enum stepfleet_code
error_give(struct stepfleet_error *error, enum err_code rc, const struct err *err);

static inline struct stepfleet_bytes bytes_of(ProtobufCBinaryData d)
{
    return (struct stepfleet_bytes){(const char *)d.data, d.len};
}

/* Absent is NULL, empty is not. */
static inline struct stepfleet_bytes optional_bytes(bool has, ProtobufCBinaryData d)
{
    struct stepfleet_bytes b = bytes_of(d);

    if (!has) {
        return (struct stepfleet_bytes){0};
    }
    return b.ptr != NULL ? b : (struct stepfleet_bytes){"", 0};
}

static inline ProtobufCBinaryData bytes_to(struct stepfleet_bytes b)
{
    return message_bytes(slice_make(b.ptr, b.len));
}

/* protobuf-c wants its strings mutable and never NULL. */
static inline char *text_to(const char *s)
{
    return (char *)(uintptr_t)(s != NULL ? s : "");
}

/* Tags as messages, which point to them; and back. */
Stepfleet__Tag **tags_to(const struct stepfleet_tag *tags, size_t count, struct arena *a);
struct stepfleet_tags tags_of(Stepfleet__Tag *const *tags, size_t count, struct arena *a);

#endif
