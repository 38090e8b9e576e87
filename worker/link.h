/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the coordinator: nng REQ contexts bridged to the libuv loop.
 *
 * Each kind of request has a call of its own, so that nothing waits behind a parked poll: a call is
 * one context, one request in flight. A call ends exactly once in its `done`, on the loop's thread,
 * never inside link_send(): with the reply, with the coordinator's error, or with ERR_UNAVAILABLE
 * or ERR_TIMED_OUT. nng finds the coordinator again by itself and sends nothing twice; repeating is
 * the caller's matter.
 *
 * nng's threads only put ended calls into a list and wake the loop. Any thread may ask and wait
 * (link_ask), while the link is open. Source: PROTOCOL.md. */
#ifndef STEPFLEET_WORKER_LINK_H
#define STEPFLEET_WORKER_LINK_H

#include <nng/nng.h>
#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "proto/base/list.h"
#include "proto/dial.h"
#include "proto/host/secret.h"
#include "proto/wire.h"

struct link_call;

/* `message` is the unpacked reply where rc is OK (gone when it returns), else NULL with *err
 * filled. */
typedef void (*link_done)(struct link_call *c,
                          enum err_code rc,
                          const void *message,
                          const struct err *err);

struct link {
    uv_async_t wake;
    nng_socket socket;
    struct dial dial;
    atomic_uint_least64_t next_request;
    const struct link_settings *settings;
    struct secret_file token; /* locked: shown with each request */
    uv_work_t probe;          /* a dial whose end is heard of */
    nng_socket probe_socket;  /* while probing */
    bool probing;
    int probe_rv;       /* its end: an error of nng's */
    struct arena arena; /* of the reply being handled */
    pthread_mutex_t lock;
    struct list ended; /* locked: link_call.ended */
};

struct link_call {
    struct link *link;
    link_done done;
    void *user;
    bool busy;
    uint16_t method;
    uint64_t request;
    nng_ctx ctx;
    /* nng's while busy, until it is in link.ended: */
    nng_aio *aio;
    bool sent;
    int error;
    nng_msg *reply;
    struct list ended;
};

struct link_settings {
    const char *url;
    const char *ca;         /* the authority's file; of tls+tcp:// */
    const char *token_file; /* NULL: none is shown; it is read again when it changes */
};

/* Begins to dial; a coordinator that is not there is no error. ERR_CONFIG: a bad address, or token.
 * What the settings point to is borrowed until link_close(). */
enum err_code
link_open(struct link *l, uv_loop_t *loop, const struct link_settings *settings, struct err *err);
/* Calls first. The memory is the caller's again when the loop has run the close. */
void link_close(struct link *l);

enum err_code
link_call_open(struct link *l, struct link_call *c, link_done done, void *user, struct err *err);
/* Ends what is in flight without its `done`. */
void link_call_close(struct link_call *c);

/* The call must not be busy; `m` is packed before it returns. */
void link_send(struct link_call *c, enum rpc method, const ProtobufCMessage *m, int timeout_ms);

/**
 * Ask and wait, on a context of its own; for threads beside the loop's. Errors as of a call, and
 * those of the coordinator.
 *
 * @param[out] reply  in `a`, where OK
 */
enum err_code link_ask(struct link *l,
                       enum rpc method,
                       const ProtobufCMessage *m,
                       int timeout_ms,
                       struct arena *a,
                       const void **reply,
                       struct err *err);

/* In the clear to this machine, to others over TLS. ERR_CONFIG: what is wrong with the address. */
enum err_code link_check(const struct link_settings *settings, struct err *err);

#endif
