/* SPDX-License-Identifier: Apache-2.0 */
#include "client/s3/curl.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#include "proto/base/sm.h"

enum {
    CURL_RECEIVE_BYTES = 256 * 1024,
    CURL_SEND_BYTES = 256 * 1024,
    CURL_CONNECTIONS = 16, /* kept open */
    CURL_TIMER_MS = 1000,  /* stalls are looked for at least so often */
};

static const struct sm_state transfer_states[] = {
    [TRANSFER_IDLE] = {"idle", SM(TRANSFER_WAITING)},
    [TRANSFER_WAITING] = {"waiting", SM(TRANSFER_RUNNING) | SM(TRANSFER_IDLE)},
    [TRANSFER_RUNNING] = {"running", SM(TRANSFER_WAITING) | SM(TRANSFER_IDLE)},
};

static int64_t clock_ms(clockid_t id)
{
    struct timespec ts = {0};

    (void)clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t server_now_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

/* xorshift64*: jitter needs no more. */
uint64_t server_random(struct server *s)
{
    s->random ^= s->random >> 12;
    s->random ^= s->random << 25;
    s->random ^= s->random >> 27;
    return s->random * UINT64_C(2685821657736338717);
}

static void transfer_moved(struct transfer *t)
{
    t->moved_ms = t->server->watched_ms;
}

static void transfer_to(struct transfer *t, enum transfer_state state)
{
    t->state = sm_move(transfer_states, t->state, state);
    if (!list_empty(&t->node)) {
        list_remove(&t->node);
    }
}

void transfer_init(struct transfer *t, struct server *s, const struct transfer_ops *ops)
{
    *t = (struct transfer){.ops = ops, .server = s, .text_max = ANSWER_ERROR_BYTES_MAX};
    list_init(&t->node);
    arena_init(&t->arena);
}

void transfer_fini(struct transfer *t)
{
    transfer_cancel(t);
    curl_easy_cleanup(t->easy);
    arena_fini(&t->arena);
    buf_fini(&t->text);
}

static void transfer_wait_until(struct transfer *t, int64_t due_ms)
{
    transfer_to(t, TRANSFER_WAITING);
    t->due_ms = due_ms;
    list_push_back(&t->server->waiting, &t->node);
}

void transfer_begin(struct transfer *t)
{
    t->rc = OK;
    t->tries = (struct plan_tries){0};
    transfer_wait_until(t, 0);
}

void transfer_cancel(struct transfer *t)
{
    if (t->state == TRANSFER_RUNNING) {
        (void)curl_multi_remove_handle(t->server->multi, t->easy);
    }
    if (t->state != TRANSFER_IDLE) {
        transfer_to(t, TRANSFER_IDLE);
    }
}

static bool transfer_refuse(struct transfer *t, struct verdict v)
{
    t->refused = true;
    t->refusal = v;
    return false;
}

void transfer_resume(struct transfer *t)
{
    struct verdict v = {ERR_IO, true, false};

    if (t->state != TRANSFER_RUNNING || !t->paused) {
        return;
    }
    t->paused = false;
    transfer_moved(t);
    if (curl_easy_pause(t->easy, CURLPAUSE_CONT) != CURLE_OK && !t->refused) {
        (void)transfer_refuse(t, transfer_fail(t, v, "it cannot go on after a pause"));
    }
}

struct verdict transfer_fail(struct transfer *t, struct verdict v, const char *what)
{
    const struct request *r = &t->request;

    (void)err_set(&t->err, v.rc, "%s s3://%.*s%s%.*s: %s", r->method, SLICE_FMT(r->bucket),
                  r->key.len != 0 ? "/" : "", SLICE_FMT(r->key), what);
    return v;
}

/* ---- What curl calls ---- */

static size_t on_send(char *out, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    struct slice some = {"", 0};

    transfer_moved(t);
    if (t->sent < t->body_bytes && !t->ops->piece(t, t->sent, &some)) {
        (void)transfer_refuse(t, transfer_fail(t, (struct verdict){ERR_IO, false, false},
                                               "the bytes to send cannot be read"));
        return CURL_READFUNC_ABORT;
    }
    if (t->sent < t->body_bytes && some.len == 0) {
        t->paused = true;
        return CURL_READFUNC_PAUSE;
    }
    some = slice_head(some, size * count);
    memcpy(out, some.ptr, some.len);
    t->sent += some.len;
    t->server->base.stats.bytes_out += some.len;
    return some.len;
}

/* curl begins a request again by itself where a kept connection turns out to be closed. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
    struct transfer *t = arg;

    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > t->body_bytes) {
        return CURL_SEEKFUNC_FAIL;
    }
    t->sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static bool transfer_succeeds(const struct transfer *t)
{
    return t->answer.status >= 200 && t->answer.status < 300;
}

/* Into t->text; of an error the beginning is enough, of an answer all is needed. */
static bool transfer_gather(struct transfer *t, const char *bytes, size_t len)
{
    size_t room = t->text_max - (t->text.len < t->text_max ? t->text.len : t->text_max);
    struct verdict v = {ERR_TOO_LARGE, false, false};

    if (!transfer_succeeds(t)) {
        room = ANSWER_ERROR_BYTES_MAX - t->text.len;
        buf_put(&t->text, bytes, len < room ? len : room);
        return true;
    }
    if (len > room) {
        return transfer_refuse(t, transfer_fail(t, v, "the answer is larger than the limit"));
    }
    buf_put(&t->text, bytes, len);
    return true;
}

/* To the owner; what curl is to be told. */
static size_t transfer_give(struct transfer *t, const char *bytes, size_t len)
{
    struct verdict v = {ERR_INTEGRITY, true, false};

    switch (t->ops->take(t, bytes, len)) {
    case TAKE_ALL: t->tries.failed = 0; return len;
    case TAKE_LATER: t->paused = true; return CURL_WRITEFUNC_PAUSE;
    case TAKE_TOO_MUCH: break;
    }
    (void)transfer_refuse(t, transfer_fail(t, v, "more bytes came than were asked for"));
    return CURL_WRITEFUNC_ERROR;
}

static size_t on_receive(char *bytes, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    size_t len = size * count;
    size_t taken;

    transfer_moved(t);
    if (t->refused) { /* while it was resumed, of which curl takes no note */
        return CURL_WRITEFUNC_ERROR;
    }
    if (t->ops->take != NULL && transfer_succeeds(t)) {
        taken = transfer_give(t, bytes, len);
    } else {
        taken = transfer_gather(t, bytes, len) ? len : CURL_WRITEFUNC_ERROR;
    }
    t->server->base.stats.bytes_in += taken == len ? len : 0;
    return taken;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    size_t len = size * count;

    transfer_moved(t);
    if (len > 2) {
        answer_header(&t->answer, slice_make(bytes, len));
        return len;
    }
    if (transfer_succeeds(t) && t->ops->accept != NULL) {
        struct verdict v = t->ops->accept(t);

        if (v.rc != OK) {
            (void)transfer_refuse(t, v);
            return 0;
        }
    }
    return len;
}

/* ---- One try ---- */

static void transfer_set_body(struct transfer *t)
{
    const char *method = t->request.method;

    if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
    } else if (strcmp(method, "PUT") == 0 || strcmp(method, "POST") == 0) {
        curl_easy_setopt(t->easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(t->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)t->body_bytes);
        curl_easy_setopt(t->easy, CURLOPT_READFUNCTION, on_send);
        curl_easy_setopt(t->easy, CURLOPT_READDATA, t);
        curl_easy_setopt(t->easy, CURLOPT_SEEKFUNCTION, on_seek);
        curl_easy_setopt(t->easy, CURLOPT_SEEKDATA, t);
        if (t->body_bytes > CURL_SEND_BYTES) {
            curl_easy_setopt(t->easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)CURL_SEND_BYTES);
        }
        curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, method);
    } else {
        curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, method);
    }
}

/* The lines as curl's list, in the arena; "Name:" keeps curl from sending that header itself. */
static struct curl_slist *transfer_lines(struct transfer *t, const struct request_wire *wire)
{
    static char no_expect[] = "Expect:";
    static char no_type[] = "Content-Type:";
    struct curl_slist *nodes = ARENA_ARRAY(&t->arena, wire->line_count + 2, struct curl_slist);
    size_t n = 0;

    nodes[n++].data = no_expect;
    if (strncmp(t->request.method, "P", 1) == 0) {
        nodes[n].data = no_type;
        for (size_t i = 0; i < t->request.header_count; i++) {
            if (slice_eq(t->request.headers[i].name, SLICE("content-type"))) {
                nodes[n].data = NULL;
            }
        }
        n += nodes[n].data != NULL;
    }
    for (size_t i = 0; i < wire->line_count; i++) {
        nodes[n++].data = wire->lines[i];
    }
    for (size_t i = 0; i + 1 < n; i++) {
        nodes[i].next = &nodes[i + 1];
    }
    return nodes;
}

static void transfer_set_options(struct transfer *t, const struct request_wire *wire)
{
    CURL *e = t->easy;

    curl_easy_reset(e);
    curl_easy_setopt(e, CURLOPT_URL, wire->url);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, transfer_lines(t, wire));
    curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)t->server->stall_ms);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "stepfleet");
    if (t->server->site.loopback) { /* what does not leave the machine goes by no proxy */
        curl_easy_setopt(e, CURLOPT_PROXY, "");
    }
    if (t->server->ca != NULL) {
        curl_easy_setopt(e, CURLOPT_CAINFO, t->server->ca);
    }
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_receive);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    if (t->ops->take != NULL) {
        curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)CURL_RECEIVE_BYTES);
    }
    transfer_set_body(t);
}

/* ---- How a try ended ---- */

static struct verdict transfer_curl_verdict(struct transfer *t, CURLcode code)
{
    struct verdict v = {ERR_IO, true, true};

    switch ((int)code) {
    case CURLE_OUT_OF_MEMORY: die_no_memory(0);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM: v = (struct verdict){ERR_CONFIG, false, false}; break;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT: v.rc = ERR_UNAVAILABLE; break;
    case CURLE_OPERATION_TIMEDOUT: v.rc = ERR_TIMED_OUT; break;
    default: break;
    }
    return transfer_fail(t, v, curl_easy_strerror(code));
}

/* What is fit to be shown of what a server wrote. */
static struct slice transfer_printable(struct slice s, struct arena *a)
{
    struct slice cut = slice_head(s, 200);
    char *p = arena_str(a, cut);

    for (size_t i = 0; i < cut.len; i++) {
        if ((unsigned char)p[i] < ' ') {
            p[i] = ' ';
        }
    }
    return slice_make(p, cut.len);
}

static struct verdict transfer_status_verdict(struct transfer *t)
{
    struct answer_error e;
    struct verdict v;
    struct slice what;

    if (transfer_succeeds(t)) {
        return (struct verdict){OK, false, false};
    }
    (void)answer_error_read(buf_slice(&t->text), &t->arena, &e);
    v = answer_verdict(t->answer.status, e.code);
    what = arena_printf(&t->arena, "HTTP %u %.*s %.*s", t->answer.status,
                        SLICE_FMT(transfer_printable(e.code, &t->arena)),
                        SLICE_FMT(transfer_printable(e.message, &t->arena)));
    return transfer_fail(t, v, arena_str(&t->arena, what));
}

static struct verdict transfer_judge(struct transfer *t, CURLcode code)
{
    struct verdict v;

    if (t->refused) {
        return t->refusal;
    }
    if (code != CURLE_OK) {
        return transfer_curl_verdict(t, code);
    }
    v = transfer_status_verdict(t);
    return t->ops->judge != NULL ? t->ops->judge(t, v) : v;
}

static void transfer_ended(struct transfer *t, struct verdict v)
{
    struct server *s = t->server;
    int64_t wait_ms = -1;

    (void)curl_multi_remove_handle(s->multi, t->easy);
    if (v.rc != OK && v.retry) {
        wait_ms =
            plan_retry_ms(&t->tries, s->attempts_max, v.away, server_now_ms(), server_random(s));
    }
    if (wait_ms >= 0) {
        s->base.stats.retries++;
        transfer_wait_until(t, server_now_ms() + wait_ms);
        return;
    }
    transfer_to(t, TRANSFER_IDLE);
    t->rc = v.rc;
    s->progress = true;
    t->ops->done(t);
}

static void transfer_start(struct transfer *t)
{
    struct request_wire wire;
    struct err err;
    enum err_code rc;

    if (t->ops->prepare != NULL) {
        t->ops->prepare(t);
    }
    arena_reset(&t->arena);
    buf_reset(&t->text);
    t->answer = (struct answer){0};
    t->sent = 0;
    t->refused = false;
    t->paused = false;
    if (t->easy == NULL) {
        t->easy = curl_easy_init();
        if (t->easy == NULL) {
            die_no_memory(sizeof(*t));
        }
    }
    transfer_to(t, TRANSFER_RUNNING);
    list_push_back(&t->server->running, &t->node);
    rc = request_build(&t->server->site, &t->request, clock_ms(CLOCK_REALTIME), &t->arena, &wire,
                       &err);
    if (rc != OK) { /* whoever has the keys is away, or refuses */
        bool later = err_retryable(rc);

        transfer_ended(t, transfer_fail(t, (struct verdict){rc, later, later}, err.msg));
        return;
    }
    transfer_set_options(t, &wire);
    transfer_moved(t);
    t->server->base.stats.requests++;
    if (curl_multi_add_handle(t->server->multi, t->easy) != CURLM_OK) {
        die_no_memory(sizeof(*t));
    }
}

/* ---- All of them ---- */

static void transfers_start_due(struct server *s)
{
    int64_t now = server_now_ms();

    LIST_EACH_SAFE(node, after, &s->waiting)
    {
        struct transfer *t = container_of(node, struct transfer, node);

        if (t->due_ms <= now) {
            transfer_start(t);
        }
    }
}

static void transfers_break_stalled(struct server *s)
{
    LIST_EACH_SAFE(node, after, &s->running)
    {
        struct transfer *t = container_of(node, struct transfer, node);

        int64_t still_ms = s->watched_ms - t->moved_ms;

        if (!t->paused && still_ms > s->stall_ms) {
            struct verdict v = {ERR_TIMED_OUT, true, true};

            transfer_ended(t, transfer_fail(t, v, "nothing moved for too long"));
        } else if (t->paused && still_ms > TRANSFER_TIRED_MS && t->ops->tired != NULL) {
            t->ops->tired(t);
        }
    }
}

static void transfers_reap(struct server *s)
{
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(s->multi, &left)) != NULL) {
        char *owner = NULL;
        struct transfer *t;

        if (m->msg == CURLMSG_DONE) {
            CURLcode code = m->data.result;

            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &owner);
            t = (struct transfer *)(void *)owner;
            transfer_ended(t, transfer_judge(t, code));
        }
    }
}

/* Begun by what has just ended. */
static bool transfers_any_new(const struct server *s)
{
    LIST_EACH(node, &s->waiting)
    {
        if (container_of(node, struct transfer, node)->due_ms == 0) {
            return true;
        }
    }
    return false;
}

/* Begin what is due, move bytes, end what ended; until nothing new is due. */
static enum err_code transfers_run(struct server *s, struct err *err)
{
    int64_t now = server_now_ms();
    int running;

    s->watched_ms += now - s->seen_ms;
    s->seen_ms = now;
    do {
        CURLMcode code;

        transfers_start_due(s);
        code = curl_multi_perform(s->multi, &running);
        if (code != CURLM_OK) {
            return err_set(err, ERR_INTERNAL, "run transfers: %s", curl_multi_strerror(code));
        }
        transfers_reap(s);
    } while (transfers_any_new(s));
    transfers_break_stalled(s);
    return OK;
}

/* Until a transfer is due, at most CURL_TIMER_MS and at most what the caller allows (-1: no limit).
 */
static int transfers_timeout(const struct server *s, int64_t left_ms)
{
    int64_t now = server_now_ms();
    int64_t most = list_empty(&s->running) ? INT32_MAX : CURL_TIMER_MS;

    if (left_ms >= 0 && left_ms < most) {
        most = left_ms;
    }
    LIST_EACH(node, &s->waiting)
    {
        int64_t due = container_of(node, struct transfer, node)->due_ms - now;

        due = due > 0 ? due : 0;
        most = due < most ? due : most;
    }
    return (int)most;
}

static struct curl_waitfd *
transfers_fds(struct server *s, const struct pollfd *fds, size_t fd_count, unsigned *count)
{
    if (fd_count > s->fd_cap) {
        s->fds = mem_realloc(s->fds, fd_count * sizeof(s->fds[0]));
        s->fd_cap = fd_count;
    }
    *count = 0;
    for (size_t i = 0; i < fd_count; i++) {
        int events = ((fds[i].events & POLLIN) != 0 ? CURL_WAIT_POLLIN : 0) |
                     ((fds[i].events & POLLPRI) != 0 ? CURL_WAIT_POLLPRI : 0) |
                     ((fds[i].events & POLLOUT) != 0 ? CURL_WAIT_POLLOUT : 0);

        if (fds[i].fd >= 0) {
            s->fds[(*count)++] = (struct curl_waitfd){fds[i].fd, (short)events, 0};
        }
    }
    return s->fds;
}

/* curl tells neither of hang-ups nor of errors, so the caller's descriptors are asked again. */
static bool transfers_fds_ready(struct pollfd *fds, size_t fd_count)
{
    return fd_count > 0 && poll(fds, (nfds_t)fd_count, 0) > 0;
}

enum err_code transfers_wait(struct server *s,
                             struct pollfd *fds,
                             size_t fd_count,
                             int timeout_ms,
                             struct err *err)
{
    int64_t end_ms = server_now_ms() + timeout_ms;

    s->seen_ms = server_now_ms();
    for (;;) {
        enum err_code rc = transfers_run(s, err);
        bool ready = rc == OK && transfers_fds_ready(fds, fd_count);
        int64_t left_ms = timeout_ms < 0 ? -1 : end_ms - server_now_ms();
        unsigned count;
        CURLMcode code;

        if (rc != OK || ready || s->progress || (timeout_ms >= 0 && left_ms <= 0)) {
            s->progress = false;
            return rc;
        }
        (void)transfers_fds(s, fds, fd_count, &count);
        code = curl_multi_poll(s->multi, s->fds, count, transfers_timeout(s, left_ms), NULL);
        if (code != CURLM_OK) {
            return err_set(err, ERR_INTERNAL, "wait for transfers: %s", curl_multi_strerror(code));
        }
    }
}

enum err_code transfer_run(struct transfer *t, struct err *err)
{
    enum err_code rc = OK;

    transfer_begin(t);
    while (t->state != TRANSFER_IDLE && rc == OK) {
        rc = transfers_wait(t->server, NULL, 0, -1, err);
    }
    t->server->progress = true; /* whoever waits next must look first */
    if (rc != OK) {
        transfer_cancel(t);
        return rc;
    }
    if (t->rc != OK && err != NULL) {
        *err = t->err;
    }
    return t->rc;
}

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void curl_begin(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

enum err_code transfers_init(struct server *s, struct err *err)
{
    (void)pthread_once(&curl_once, curl_begin);
    list_init(&s->waiting);
    list_init(&s->running);
    if (getrandom(&s->random, sizeof(s->random), 0) != (ssize_t)sizeof(s->random)) {
        s->random = (uint64_t)server_now_ms();
    }
    s->random |= 1;
    s->multi = curl_multi_init();
    if (s->multi == NULL) {
        return err_set(err, ERR_NO_MEMORY, "libcurl cannot begin");
    }
    curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, (long)CURL_CONNECTIONS);
    return OK;
}

void transfers_fini(struct server *s)
{
    assert(list_empty(&s->waiting) && list_empty(&s->running));
    (void)curl_multi_cleanup(s->multi);
    mem_free(s->fds);
}
