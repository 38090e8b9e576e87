/* SPDX-License-Identifier: Apache-2.0 */
/* The connection: which URLs are accepted, opening, dialling, closing; and what replies live in.
 *
 * What is not encrypted stays on this machine: loopback TCP or a Unix socket. "localhost" is
 * dialled as 127.0.0.1, whatever the resolver would say. */
#include <arpa/inet.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/util/platform.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/src/client.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "proto/dial.h"
#include "proto/host/clock.h"

static const char client_default_url[] = "tcp://127.0.0.1:7233";

/* "127.0.0.1:7233", "[::1]:7233", "localhost:7233". */
static bool address_is_loopback(struct slice host)
{
    char text[INET_ADDRSTRLEN];
    struct in_addr v4;

    if (slice_eq_str(host, "localhost") || slice_eq_str(host, "[::1]")) {
        return true;
    }
    if (host.len >= sizeof(text)) {
        return false;
    }
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    return inet_pton(AF_INET, text, &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
}

static enum err_code check_tcp(struct slice address, char out[CLIENT_URL_BYTES], struct err *err)
{
    size_t colon = slice_rfind(address, ':');
    struct slice host = slice_head(address, colon);
    struct slice port = slice_from(address, colon + 1);
    uint64_t number;

    if (colon == address.len || !text_parse_u64(port, &number) || number < 1 || number > 65535) {
        return err_set(err, ERR_CONFIG, "tcp://%.*s has no port from 1 to 65535",
                       SLICE_FMT(address));
    }
    if (!address_is_loopback(host)) {
        return err_set(err, ERR_CONFIG,
                       "tcp://%.*s is not this machine's loopback: what goes to another machine is "
                       "encrypted, tls+tcp://HOST:PORT",
                       SLICE_FMT(address));
    }
    if (slice_eq_str(host, "localhost")) {
        host = SLICE("127.0.0.1");
    }
    (void)snprintf(out, CLIENT_URL_BYTES, "tcp://%.*s:%.*s", SLICE_FMT(host), SLICE_FMT(port));
    return OK;
}

enum err_code
connection_check_url(const char *url, const char *ca, char out[CLIENT_URL_BYTES], struct err *err)
{
    struct slice u = slice_str(url);

    if (u.len >= CLIENT_URL_BYTES) {
        return err_set(err, ERR_CONFIG, "the coordinator's URL is longer than %d bytes",
                       CLIENT_URL_BYTES - 1);
    }
    if (slice_starts_with(u, SLICE("tcp://"))) {
        return check_tcp(slice_from(u, strlen("tcp://")), out, err);
    }
    if (dial_is_tls(url)) {
        (void)snprintf(out, CLIENT_URL_BYTES, "%s", url);
        return dial_check_tls(url, ca, err);
    }
    if (slice_starts_with(u, SLICE("ipc:///")) && u.len > strlen("ipc:///")) {
        (void)snprintf(out, CLIENT_URL_BYTES, "%s", url);
        return OK;
    }
    return err_set(err, ERR_CONFIG,
                   "\"%s\" is not a coordinator's URL: tcp://127.0.0.1:7233, ipc:///PATH and "
                   "tls+tcp://HOST:PORT are",
                   url);
}

/* All options at once; the first that nng refuses is the answer. */
static int socket_configure(nng_socket s)
{
    int rv = nng_socket_set_ms(s, NNG_OPT_REQ_RESENDTIME, -1);

    if (rv == 0) {
        rv = nng_socket_set_size(s, NNG_OPT_RECVMAXSZ, LIMIT_FRAME_BYTES);
    }
    if (rv == 0) {
        rv = nng_socket_set_ms(s, NNG_OPT_RECONNMINT, CLIENT_BACKOFF_MS);
    }
    if (rv == 0) {
        rv = nng_socket_set_ms(s, NNG_OPT_RECONNMAXT, CLIENT_BACKOFF_MAX_MS);
    }
    return rv;
}

/* What is said, else what the environment says, else the default, which may be NULL. */
static const char *choose(const char *given, const char *variable, const char *otherwise)
{
    const char *set = given != NULL && given[0] != '\0' ? given : getenv(variable);

    return set != NULL && set[0] != '\0' ? set : otherwise;
}

static enum err_code open_token(struct stepfleet *c, const char *path, struct err *err)
{
    c->token_path = path != NULL ? mem_strdup(slice_str(path)) : NULL;
    return secret_file_open(&c->token, c->token_path, err);
}

static enum err_code
connection_open(struct stepfleet *c, const struct stepfleet_options *options, struct err *err)
{
    const char *ca = choose(options->ca, "STEPFLEET_CA", NULL);
    enum err_code rc = connection_check_url(
        choose(options->coordinator, "STEPFLEET_COORDINATOR", client_default_url), ca, c->url, err);
    int rv;

    c->ca = ca != NULL ? mem_strdup(slice_str(ca)) : NULL;

    if (rc == OK) {
        rc = open_token(c, choose(options->token_file, "STEPFLEET_TOKEN_FILE", NULL), err);
    }
    if (rc != OK) {
        return rc;
    }
    rv = nng_req0_open(&c->socket);
    if (rv != 0) {
        return err_set(err, ERR_INTERNAL, "open a socket: %s", nng_strerror(rv));
    }
    rv = socket_configure(c->socket);
    if (rv != 0) {
        (void)nng_close(c->socket);
        return err_set(err, ERR_INTERNAL, "set a socket's options: %s", nng_strerror(rv));
    }
    return OK;
}

static void connection_free(struct stepfleet *c)
{
    explicit_bzero(&c->token, sizeof(c->token));
    mem_free(c->token_path);
    mem_free(c->ca);
    mem_free(c);
}

enum stepfleet_code stepfleet_open(const struct stepfleet_options *options,
                                   struct stepfleet **out,
                                   struct stepfleet_error *error)
{
    static const struct stepfleet_options defaults;
    const struct stepfleet_options *o = options != NULL ? options : &defaults;
    struct stepfleet *c = mem_zalloc(1, sizeof(*c));
    struct err err;
    enum err_code rc = connection_open(c, o, &err);

    if (rc != OK) {
        connection_free(c);
        return error_give(error, rc, &err);
    }
    c->connect_ms = o->connect_ms != 0 ? o->connect_ms : CLIENT_CONNECT_MS;
    c->timeout_ms = o->timeout_ms != 0 ? o->timeout_ms : CLIENT_TIMEOUT_MS;
    atomic_init(&c->next_request, clock_random_u64());
    (void)pthread_mutex_init(&c->dial_lock, NULL);
    (void)pthread_mutex_init(&c->token_lock, NULL);
    *out = c;
    return STEPFLEET_OK;
}

void stepfleet_close(struct stepfleet *c)
{
    if (c != NULL) {
        (void)nng_close(c->socket);
        (void)pthread_mutex_destroy(&c->dial_lock);
        (void)pthread_mutex_destroy(&c->token_lock);
        connection_free(c);
    }
}

const char *stepfleet_coordinator(const struct stepfleet *c)
{
    return c->url;
}

const char *stepfleet_version(void)
{
    return STEPFLEET_VERSION;
}

/* One dialler a socket, also where two tries follow one another. A certificate gets no better by
 * being looked at again. */
static int dial_until(struct stepfleet *c, int64_t deadline_ms)
{
    for (;;) {
        int rv = dial_begin(&c->dial, c->socket, c->url, c->ca, 0);

        if (rv == 0 || rv == NNG_EPEERAUTH || rv == NNG_ECRYPTO ||
            clock_mono_ms() + CLIENT_BACKOFF_MS >= deadline_ms) {
            return rv;
        }
        nng_msleep(CLIENT_BACKOFF_MS);
    }
}

enum err_code connection_dial(struct stepfleet *c, int64_t deadline_ms, struct err *err)
{
    int64_t first_ms = clock_mono_ms() + c->connect_ms;
    int rv = 0;

    (void)pthread_mutex_lock(&c->dial_lock);
    if (!c->dialled) {
        rv = dial_until(c, first_ms < deadline_ms ? first_ms : deadline_ms);
        c->dialled = rv == 0;
    }
    (void)pthread_mutex_unlock(&c->dial_lock);
    if (rv != 0) {
        dial_explain(c->url, c->ca, rv, err);
        return ERR_UNAVAILABLE;
    }
    return OK;
}

void connection_overdue(struct stepfleet *c)
{
    (void)pthread_mutex_lock(&c->dial_lock);
    dial_renew(&c->dial);
    (void)pthread_mutex_unlock(&c->dial_lock);
}

/* ---- Replies ---- */

struct reply_head {
    _Alignas(max_align_t) struct arena arena;
    _Alignas(max_align_t) char body[];
};

void *reply_new(size_t bytes)
{
    struct reply_head *head = mem_zalloc(1, sizeof(*head) + bytes);

    arena_init(&head->arena);
    return head->body;
}

static struct reply_head *reply_head(void *reply)
{
    return (struct reply_head *)(void *)((char *)reply - offsetof(struct reply_head, body));
}

struct arena *reply_arena(void *reply)
{
    return &reply_head(reply)->arena;
}

void stepfleet_release(void *reply)
{
    if (reply != NULL) {
        struct reply_head *head = reply_head(reply);

        arena_fini(&head->arena);
        mem_free(head);
    }
}
