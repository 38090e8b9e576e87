/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api/http/face.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "coordinator/api/http/exposition.h"
#include "coordinator/api/http/metrics.h"
#include "coordinator/api/http/request.h"
#include "coordinator/api/http/rest.h"
#include "coordinator/api/http/signers.h"
#include "proto/base/limits.h"
#include "proto/base/sm.h"
#include "proto/base/text.h"
#include "proto/host/clock.h"
#include "proto/host/log.h"

enum http_call_state {
    HTTP_CALL_READ,     /* the face's thread reads it */
    HTTP_CALL_ARRIVED,  /* read; soon in the locked list, then in that */
    HTTP_CALL_OPEN,     /* an operation has it */
    HTTP_CALL_ANSWERED, /* the reply waits to be durable */
    HTTP_CALL_LEAVING,  /* in the locked list, back to the face's thread */
};

static const struct sm_state http_call_states[] = {
    [HTTP_CALL_READ] = {"read", SM(HTTP_CALL_ARRIVED)},
    [HTTP_CALL_ARRIVED] = {"arrived", SM(HTTP_CALL_OPEN)},
    [HTTP_CALL_OPEN] = {"open", SM(HTTP_CALL_ANSWERED)},
    [HTTP_CALL_ANSWERED] = {"answered", SM(HTTP_CALL_LEAVING)},
    [HTTP_CALL_LEAVING] = {"leaving", SM(HTTP_CALL_READ)},
};

enum {
    TURN_BYTES_MAX = 64 * 1024 * 1024, /* of requests: a turn stays short */
    CALLS_KEPT = 1024,                 /* with their memory, for the next requests */
    BODY_KEPT_BYTES = 64 * 1024,
    FILES_KEPT = 2048, /* of the process's, for all but connections */
};

struct http_call {
    struct call call; /* first: its calls get back to us */
    struct http_face *face;
    struct http_request *http; /* the face's thread alone; but its body may be read */
    enum http_call_state state;
    bool open;             /* loop only: state is OPEN */
    bool left;             /* loop only: its client is gone */
    struct list link;      /* read, arrived, backlog, leaving, spare */
    struct list all_link;  /* face.all */
    struct list turn_link; /* loop only: face.dispatched, while OPEN */
    struct list left_link; /* locked: face.left */
    struct arena arena;    /* the request's */
    struct aws_asked asked;
    char id[TEXT_UUID_BYTES]; /* x-amzn-RequestId */
    size_t bytes;
    struct buf body; /* the answer's */
    unsigned status;
    bool metrics;            /* it asks for them, not for an operation */
    const char *query_error; /* aws_query_error(); NULL: it is none */
    const char *error_type;  /* rest_error_name(); NULL: likewise */
};

struct http_face {
    struct api *api;
    void (*turn)(void *arg);
    void *arg;
    bool access_open;
    bool secure;
    struct scrape_access metrics;
    int64_t started_s; /* since 1970 */

    /* The loop's: */
    uv_async_t wake;
    struct list backlog;    /* arrived, not yet dispatched */
    struct list dispatched; /* in the last turn, and open yet */
    size_t busy;            /* OPEN, ANSWERED */
    bool stopping;
    void (*on_closed)(void *arg);
    void *closed_arg;

    /* The face's thread: */
    pthread_t thread;
    bool running; /* there is one */
    uv_loop_t loop;
    uv_async_t asked;  /* something of the locked lists is for it */
    uv_check_t look;   /* while stopping: is it quiet? */
    uv_prepare_t rest; /* nothing more can be read now */
    struct http_server *server;
    struct list read;  /* calls that are not handed over yet */
    struct list all;   /* calls there are */
    struct list spare; /* calls, with their memory */
    size_t spare_count;
    uint64_t chance[2]; /* request ids */
    struct buf lines;   /* an answer's further headers */
    bool look_on;

    struct signers signers; /* has a lock of its own */
    atomic_bool quiet;      /* set by the face's thread while it is being stopped */

    pthread_mutex_t lock;
    /* locked: */
    struct list arrived;
    struct list left;
    struct list leaving;
    bool stop;
    bool quit;
};

static struct http_call *http_call_of(struct call *c)
{
    return container_of(c, struct http_call, call);
}

static void http_call_move(struct http_call *h, enum http_call_state to)
{
    h->state = (enum http_call_state)sm_move(http_call_states, h->state, to);
}

/* ---- the face's thread: calls ---- */

static struct http_call *http_call_new(struct http_face *f)
{
    struct list *n = list_pop_front(&f->spare);
    struct http_call *h;

    if (n != NULL) {
        f->spare_count--;
        return container_of(n, struct http_call, link);
    }
    h = mem_zalloc(1, sizeof(*h));
    h->face = f;
    h->state = HTTP_CALL_READ;
    list_init(&h->link);
    list_init(&h->left_link);
    list_init(&h->turn_link);
    list_push_back(&f->all, &h->all_link);
    return h;
}

static void http_call_free(struct http_call *h)
{
    list_remove(&h->all_link);
    arena_fini(&h->arena);
    buf_fini(&h->body);
    mem_free(h);
}

static void http_call_back(struct http_face *f, struct http_call *h)
{
    if (f->spare_count == CALLS_KEPT) {
        http_call_free(h);
        return;
    }
    arena_reset(&h->arena);
    if (h->body.cap > BODY_KEPT_BYTES) {
        buf_fini(&h->body);
    }
    buf_reset(&h->body);
    h->left = false;
    h->metrics = false;
    h->query_error = NULL;
    h->error_type = NULL;
    list_push_front(&f->spare, &h->link);
    f->spare_count++;
}

static uint64_t next_chance(struct http_face *f)
{
    f->chance[0] += f->chance[1];
    return hash_u64(f->chance[0]);
}

static void answer(struct http_call *h)
{
    struct buf *lines = &h->face->lines;
    struct http_answer a = {
        .status = h->status,
        .content_type = h->asked.query != NULL ? "text/xml" : aws_content_type(h->asked.operation),
        .body = buf_slice(&h->body),
    };

    buf_reset(lines);
    buf_put_str(lines, "x-amzn-RequestId: ");
    buf_put(lines, h->id, TEXT_UUID_BYTES);
    buf_put_str(lines, "\r\n");
    if (h->query_error != NULL) {
        buf_printf(lines, "x-amzn-query-error: %s;%s\r\n", h->query_error,
                   h->status < 500 ? "Sender" : "Receiver");
    }
    if (h->error_type != NULL) {
        buf_printf(lines, "x-amzn-ErrorType: %s\r\n", h->error_type);
    }
    a.headers = buf_slice(lines);
    http_answer(h->http, &a);
    http_call_back(h->face, h);
}

/* The writer's part is in the body already. */
static void answer_metrics(struct http_call *h)
{
    struct http_face *f = h->face;
    const struct metrics_host host = {
        .store = ledger_store(f->api->ledger),
        .data = f->api->hooks.data,
        .started_s = f->started_s,
        .expires_s = http_server_expires_s(f->server),
    };
    struct http_answer a = {.status = 200, .content_type = EXPOSITION_TYPE};

    metrics_put_host(&host, &h->body);
    a.body = buf_slice(&h->body);
    http_answer(h->http, &a);
    http_call_back(f, h);
}

static void refuse_metrics(struct http_request *r, unsigned status)
{
    const struct http_answer a = {
        .status = status,
        .content_type = "text/plain",
        .headers = status == 401 ? SLICE("WWW-Authenticate: Bearer\r\n") : SLICE(""),
        .body =
            status == 401 ? SLICE("A token is wanted.\n") : SLICE("The tokens cannot be read.\n"),
    };

    http_answer(r, &a);
}

static struct slice request_id(const struct http_call *h)
{
    return slice_make(h->id, sizeof(h->id));
}

static void form_query_error(struct http_call *h, enum err_code code, const struct err *err)
{
    h->status = aws_form_status(code);
    buf_reset(&h->body);
    query_error(h->asked.query, h->status < 500, aws_form_error(h->asked.operation, code),
                slice_str(err->msg), request_id(h), &h->arena, &h->body);
}

static void form_rest_error(struct http_call *h, enum err_code code, const struct err *err)
{
    h->status = rest_error_status(code);
    h->error_type = rest_error_name(code);
    buf_reset(&h->body);
    rest_error(code, err, &h->body);
}

static void form_error(struct http_call *h, enum err_code code, const struct err *err)
{
    struct buf *b = &h->body;

    if (h->asked.rest != NULL) {
        form_rest_error(h, code, err);
        return;
    }
    if (h->asked.query != NULL) {
        form_query_error(h, code, err);
        return;
    }
    h->status = aws_error_status(code);
    h->query_error = aws_query_error(h->asked.operation, code);
    buf_reset(b);
    buf_printf(
        b, "{\"__type\":\"%s%s\",\"message\":", h->query_error != NULL ? "com.amazonaws.sqs#" : "",
        aws_error_name(h->asked.operation, code));
    json_write_string(slice_str(err->msg), b);
    buf_put_str(b, "}");
}

/* ---- the face's thread: requests ---- */

/* All that one look at the sockets has brought, at once: a lock, and mostly a wake, for many. */
static void on_rest(uv_prepare_t *rest)
{
    struct http_face *f = rest->data;
    bool wake;

    if (list_empty(&f->read)) {
        return;
    }
    (void)pthread_mutex_lock(&f->lock);
    wake = list_empty(&f->arrived) && !f->quit;
    list_splice(&f->arrived, &f->read);
    (void)pthread_mutex_unlock(&f->lock);
    if (wake) {
        (void)uv_async_send(&f->wake);
    }
}

static void hand_over(struct http_call *h)
{
    http_call_move(h, HTTP_CALL_ARRIVED);
    list_push_back(&h->face->read, &h->link);
}

static void ask_metrics(struct http_face *f, struct http_request *r)
{
    unsigned status = scrape_may(&f->metrics, r);
    struct http_call *h;

    if (status != 200) {
        refuse_metrics(r, status);
        return;
    }
    h = http_call_new(f);
    r->user = h;
    h->http = r;
    h->bytes = 0;
    h->metrics = true;
    hand_over(h);
}

static void ask_operation(struct http_face *f, struct http_request *r)
{
    struct http_call *h = http_call_new(f);
    uint64_t chance[2] = {next_chance(f), next_chance(f)};
    const struct aws_access access = {
        .open = f->access_open,
        .secure = f->secure,
        .page_key = ledger_rules(f->api->ledger)->token_key,
        .now_ms = clock_wall_ms(),
        .find = signers_find,
        .arg = &f->signers,
    };
    struct err err;
    enum err_code rc;

    text_format_uuid((const uint8_t *)chance, h->id);
    r->user = h;
    h->http = r;
    h->bytes = r->body.len;
    rc = aws_understand(r, &access, &h->arena, &h->asked, &err);
    if (rc == OK) {
        hand_over(h);
    } else {
        form_error(h, rc, &err);
        answer(h);
    }
}

static void on_request(void *arg, struct http_request *r)
{
    struct http_face *f = arg;

    if (scrape_is_asked(&f->metrics, r)) {
        ask_metrics(f, r);
    } else {
        ask_operation(f, r);
    }
}

static void on_left(void *arg, struct http_request *r)
{
    struct http_face *f = arg;
    struct http_call *h = r->user;

    (void)pthread_mutex_lock(&f->lock);
    list_push_back(&f->left, &h->left_link);
    if (!f->quit) {
        (void)uv_async_send(&f->wake);
    }
    (void)pthread_mutex_unlock(&f->lock);
}

static void on_look(uv_check_t *look)
{
    struct http_face *f = look->data;
    bool quiet = http_server_is_quiet(f->server);

    if (atomic_exchange(&f->quiet, quiet) != quiet && quiet) {
        (void)uv_async_send(&f->wake);
    }
}

static void server_closed(void *arg)
{
    (void)arg;
}

static void leave(struct http_face *f)
{
    uv_close((uv_handle_t *)&f->asked, NULL);
    uv_close((uv_handle_t *)&f->look, NULL);
    uv_close((uv_handle_t *)&f->rest, NULL);
    if (f->server != NULL) {
        http_server_close(f->server, server_closed, f);
    }
}

static void on_asked(uv_async_t *asked)
{
    struct http_face *f = asked->data;
    struct list leaving;
    struct list *n;
    bool stop;
    bool quit;

    list_init(&leaving);
    (void)pthread_mutex_lock(&f->lock);
    list_splice(&leaving, &f->leaving);
    LIST_EACH(at, &leaving)
    {
        list_remove(&container_of(at, struct http_call, link)->left_link);
    }
    stop = f->stop;
    quit = f->quit;
    (void)pthread_mutex_unlock(&f->lock);
    if (stop && !f->look_on && !quit) {
        f->look_on = true;
        http_server_stop(f->server); /* first: what follows are the connections' last answers */
        (void)uv_check_start(&f->look, on_look);
    }
    while ((n = list_pop_front(&leaving)) != NULL) {
        struct http_call *h = container_of(n, struct http_call, link);

        http_call_move(h, HTTP_CALL_READ);
        if (h->metrics) {
            answer_metrics(h);
        } else {
            answer(h);
        }
    }
    if (quit) {
        leave(f);
    }
}

static void *face_thread(void *arg)
{
    struct http_face *f = arg;

    (void)pthread_setname_np(pthread_self(), "http");
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    return NULL;
}

/* ---- the loop's thread: answers ---- */

static void http_leave(struct http_call *h)
{
    struct http_face *f = h->face;
    bool wake;

    f->busy--;
    http_call_move(h, HTTP_CALL_LEAVING);
    (void)pthread_mutex_lock(&f->lock);
    wake = list_empty(&f->leaving);
    list_push_back(&f->leaving, &h->link);
    if (wake) {
        (void)uv_async_send(&f->asked);
    }
    (void)pthread_mutex_unlock(&f->lock);
}

static void http_durable(struct ledger_wait *w)
{
    http_leave(container_of(w, struct http_call, call.wait));
}

static void answered(struct http_call *h)
{
    http_call_move(h, HTTP_CALL_ANSWERED);
    h->open = false;
    list_remove(&h->turn_link);
    ledger_wait_durable(h->face->api->ledger, &h->call.wait);
}

/* The message is the operation's, and gone at the end of its turn. */
static void wrap_token(struct http_call *h, const ProtobufCMessage *message, struct arena *a)
{
    struct ledger *l = h->face->api->ledger;
    char **token = h->asked.page.pages ? page_token_of(message) : NULL;

    if (token != NULL) {
        *token = arena_str(a, page_token(ledger_rules(l)->token_key, &h->asked.page,
                                         slice_str(*token), clock_wall_ms(), a));
    }
}

static void http_reply(struct call *c, const ProtobufCMessage *message)
{
    struct http_call *h = http_call_of(c);
    struct arena *a = ledger_turn_arena(c->api->ledger);
    const struct json_node *v;

    wrap_token(h, message, a);
    v = aws_reply(h->asked.operation, AWS_HTTP, message, a);
    if (h->asked.query != NULL) {
        query_reply(h->asked.query, slice_str(h->asked.operation->name), v, request_id(h), a,
                    &h->body);
    } else {
        json_write(v, &h->body);
    }
    h->status = 200;
    answered(h);
}

static void http_fail(struct call *c, enum err_code code, const struct err *err)
{
    struct http_call *h = http_call_of(c);

    form_error(h, code, err);
    answered(h);
}

/* ---- the loop's thread: requests ---- */

/* They promise nothing, and are wanted most when no batch becomes durable: they wait for none. */
static void serve_metrics(struct http_face *f, struct http_call *h)
{
    http_call_move(h, HTTP_CALL_OPEN);
    f->busy++;
    metrics_put_ledger(f->api, &h->body);
    http_call_move(h, HTTP_CALL_ANSWERED);
    http_leave(h);
}

static void http_serve_one(struct http_face *f, struct http_call *h)
{
    if (h->metrics) {
        serve_metrics(f, h);
        return;
    }
    http_call_move(h, HTTP_CALL_OPEN);
    h->open = true;
    list_push_back(&f->dispatched, &h->turn_link);
    f->busy++;
    h->call = (struct call){
        .api = f->api,
        .method = h->asked.operation->method,
        .request = h->asked.request,
        .reply = http_reply,
        .fail = http_fail,
        .aws = true,
    };
    h->call.wait.durable = http_durable;
    if (f->stopping) {
        call_fail(&h->call, ERR_UNAVAILABLE, "the coordinator is stopping");
        return;
    }
    api_dispatch(f->api, &h->call);
    if (h->left && h->open && h->call.gone != NULL) {
        h->call.gone(&h->call);
    }
}

/* What the other thread has for this one. Of those whose clients left, the open ones cannot go
 * before they are answered here. */
static void take_arrived(struct http_face *f, struct list *parked)
{
    struct list *n;

    (void)pthread_mutex_lock(&f->lock);
    list_splice(&f->backlog, &f->arrived);
    while ((n = list_pop_front(&f->left)) != NULL) {
        struct http_call *h = container_of(n, struct http_call, left_link);

        h->left = true;
        if (h->open) {
            list_push_back(parked, &h->link);
        }
    }
    (void)pthread_mutex_unlock(&f->lock);
}

/* A request lives for the turn it came in: one that is parked needs its memory no more. */
static void forget_requests(struct http_face *f)
{
    struct list *n;

    while ((n = list_pop_front(&f->dispatched)) != NULL) {
        arena_fini(&container_of(n, struct http_call, turn_link)->arena);
    }
}

void http_face_serve(struct http_face *f)
{
    struct list parked;
    struct list *n;
    size_t bytes = 0;

    list_init(&parked);
    forget_requests(f);
    take_arrived(f, &parked);
    while (bytes < TURN_BYTES_MAX && ledger_accepts(f->api->ledger) &&
           (n = list_pop_front(&f->backlog)) != NULL) {
        struct http_call *h = container_of(n, struct http_call, link);

        bytes += h->bytes;
        http_serve_one(f, h);
    }
    if (bytes >= TURN_BYTES_MAX && !list_empty(&f->backlog)) {
        (void)uv_async_send(&f->wake); /* the rest in the next turn */
    }
    while ((n = list_pop_front(&parked)) != NULL) {
        struct http_call *h = container_of(n, struct http_call, link);

        if (h->open && h->call.gone != NULL) {
            h->call.gone(&h->call);
        }
    }
    signers_renew(&f->signers, f->api->ledger);
}

static void http_wake(uv_async_t *wake)
{
    struct http_face *f = wake->data;

    f->turn(f->arg);
}

/* ---- opening and closing ---- */

enum err_code http_face_check(const struct http_face_config *config, struct err *err)
{
    bool secure;
    bool local;
    enum err_code rc = http_listen_check(config->http.listen, &secure, &local, err);

    if (rc != OK) {
        return rc;
    }
    if (!local && config->open) {
        return err_set(err, ERR_CONFIG,
                       "cannot listen on %s: without access keys only loopback is allowed",
                       config->http.listen);
    }
    if (!local && !secure) {
        return err_set(err, ERR_CONFIG,
                       "cannot listen on %s: without TLS only loopback is allowed (https://, with "
                       "certificate and key)",
                       config->http.listen);
    }
    if (secure != (config->http.certificate != NULL) || secure != (config->http.key != NULL)) {
        return err_set(err, ERR_CONFIG, "certificate and key belong to https://, both of them");
    }
    return scrape_check(&config->metrics, local, err);
}

/* As many connections as the process may have files for. */
static size_t connections_most(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0) {
        return LIMIT_HTTP_CONNECTIONS;
    }
    if (files.rlim_cur < files.rlim_max) {
        struct rlimit more = {files.rlim_max, files.rlim_max};

        files.rlim_cur = setrlimit(RLIMIT_NOFILE, &more) == 0 ? more.rlim_cur : files.rlim_cur;
    }
    if (files.rlim_cur >= LIMIT_HTTP_CONNECTIONS + FILES_KEPT) {
        return LIMIT_HTTP_CONNECTIONS;
    }
    return files.rlim_cur > 2 * (rlim_t)FILES_KEPT ? (size_t)files.rlim_cur - FILES_KEPT
                                                   : (size_t)files.rlim_cur / 2;
}

static void init_thread_side(struct http_face *f)
{
    uint64_t seed;

    (void)uv_loop_init(&f->loop);
    (void)uv_async_init(&f->loop, &f->asked, on_asked);
    (void)uv_check_init(&f->loop, &f->look);
    (void)uv_prepare_init(&f->loop, &f->rest);
    f->asked.data = f->look.data = f->rest.data = f;
    (void)uv_prepare_start(&f->rest, on_rest);
    list_init(&f->read);
    list_init(&f->all);
    list_init(&f->spare);
    clock_random(f->chance, sizeof(f->chance));
    f->chance[1] |= 1;
    clock_random(&seed, sizeof(seed));
    signers_init(&f->signers, seed);
}

enum err_code http_face_open(uv_loop_t *loop,
                             struct api *api,
                             const struct http_face_config *config,
                             void (*turn)(void *arg),
                             void *arg,
                             struct http_face **out,
                             struct err *err)
{
    struct http_config http = config->http;
    struct http_face *f;
    struct http_hooks hooks = {.request = on_request, .left = on_left};
    enum err_code rc = http_face_check(config, err);

    if (rc != OK) {
        return rc;
    }
    f = mem_zalloc(1, sizeof(*f));
    f->api = api;
    f->turn = turn;
    f->arg = arg;
    f->access_open = config->open;
    f->secure = config->http.certificate != NULL;
    f->metrics = config->metrics;
    f->started_s = clock_wall_ms() / 1000;
    list_init(&f->backlog);
    list_init(&f->dispatched);
    list_init(&f->arrived);
    list_init(&f->left);
    list_init(&f->leaving);
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)uv_async_init(loop, &f->wake, http_wake);
    f->wake.data = f;
    init_thread_side(f);
    (void)signal(SIGPIPE, SIG_IGN); /* a client that is gone is an error of its write */
    signers_renew(&f->signers, api->ledger);
    *out = f;
    hooks.arg = f;
    http.connections = connections_most();
    rc = http_server_open(&f->loop, &http, &hooks, &f->server, err);
    if (rc == OK && pthread_create(&f->thread, NULL, face_thread, f) != 0) {
        rc = err_set(err, ERR_NO_MEMORY, "no memory for a thread, or there are too many");
    }
    f->running = rc == OK;
    return rc;
}

unsigned http_face_port(const struct http_face *f)
{
    return http_server_port(f->server);
}

static void tell_thread(struct http_face *f, bool quit)
{
    (void)pthread_mutex_lock(&f->lock);
    f->stop = true;
    f->quit = quit;
    (void)uv_async_send(&f->asked);
    (void)pthread_mutex_unlock(&f->lock);
}

void http_face_stop(struct http_face *f)
{
    f->stopping = true;
    tell_thread(f, false);
}

bool http_face_is_quiet(const struct http_face *f)
{
    return atomic_load(&f->quiet) && f->busy == 0 && list_empty(&f->backlog);
}

static void face_free(uv_handle_t *handle)
{
    struct http_face *f = handle->data;

    while (!list_empty(&f->all)) {
        http_call_free(container_of(f->all.next, struct http_call, all_link));
    }
    signers_fini(&f->signers);
    buf_fini(&f->lines);
    (void)pthread_mutex_destroy(&f->lock);
    f->on_closed(f->closed_arg);
    mem_free(f);
}

void http_face_close(struct http_face *f, void (*closed)(void *arg), void *arg)
{
    int rv;

    f->on_closed = closed;
    f->closed_arg = arg;
    tell_thread(f, true);
    if (f->running) {
        (void)pthread_join(f->thread, NULL);
    } else {
        (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    }
    rv = uv_loop_close(&f->loop);
    assert(rv == 0);
    (void)rv;
    uv_close((uv_handle_t *)&f->wake, face_free);
}
