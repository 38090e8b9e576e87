/* SPDX-License-Identifier: Apache-2.0 */
/* The face's thread: it reads what clients ask for, hands it to the loop, and sends the answers. */
#include "coordinator/api/http/call.h"
#include "proto/base/hash.h"
#include "proto/host/clock.h"

static uint64_t next_chance(struct http_face *f)
{
    f->chance[0] += f->chance[1];
    return hash_u64(f->chance[0]);
}

/* ---- requests ---- */

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

/* Of a stranger: what he shows is no token. */
static void refuse_scraper(struct http_face *f, struct http_request *r, unsigned status)
{
    struct caller who = {.kind = CALLER_STRANGER};
    const struct audit_asked asked = {
        .who = &who,
        .operation = scrape_is_asked(&f->metrics, r) ? "GET /metrics" : "GET /scale",
    };

    if (status == 401 && access_audit(f->api->hooks.access) != NULL) {
        http_peer(r, who.address, sizeof(who.address));
        audit_failed(access_audit(f->api->hooks.access), &asked, ERR_TOKEN, err_name(ERR_TOKEN));
    }
    http_refuse_metrics(r, status);
}

static void ask_metrics(struct http_face *f, struct http_request *r)
{
    unsigned status = scrape_may(&f->metrics, r);
    struct http_call *h;

    if (status != 200) {
        refuse_scraper(f, r, status);
        return;
    }
    h = http_call_new(f);
    r->user = h;
    h->http = r;
    h->bytes = 0;
    h->metrics = true;
    hand_over(h);
}

/* Who asks from where; only where that is recorded. */
static void name_peer(struct http_face *f, struct http_call *h, enum err_code rc)
{
    const struct aws_row *operation = h->asked.operation;
    struct caller *who = &h->asked.who;

    if (access_audit(f->api->hooks.access) != NULL &&
        (audit_is_refusal(rc) || (operation != NULL && audit_is_control(operation->method)))) {
        http_peer(h->http, who->address, sizeof(who->address));
    }
}

static void record_refused(struct http_face *f, struct http_call *h, enum err_code rc)
{
    const struct audit_asked asked = http_call_asked(h);

    audit_failed(access_audit(f->api->hooks.access), &asked, rc, http_error_name(h, rc));
}

static void ask_operation(struct http_face *f, struct http_request *r, bool scale)
{
    struct http_call *h = http_call_new(f);
    uint64_t chance[2] = {next_chance(f), next_chance(f)};
    const struct aws_access access = {
        .open = f->access_open,
        .scale = scale,
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
    name_peer(f, h, rc);
    if (rc == OK) {
        hand_over(h);
    } else {
        record_refused(f, h, rc);
        http_form_error(h, rc, &err);
        http_call_answer(h);
    }
}

static void ask_scale(struct http_face *f, struct http_request *r)
{
    unsigned status = scrape_may(&f->metrics, r);

    if (status == 200) {
        ask_operation(f, r, true);
    } else {
        refuse_scraper(f, r, status);
    }
}

static void on_request(void *arg, struct http_request *r)
{
    struct http_face *f = arg;

    if (scrape_is_asked(&f->metrics, r)) {
        ask_metrics(f, r);
    } else if (scrape_is_scale(&f->metrics, r)) {
        ask_scale(f, r);
    } else {
        ask_operation(f, r, false);
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
            http_answer_metrics(h);
        } else {
            http_call_answer(h);
        }
    }
    if (quit) {
        leave(f);
    }
}

void *face_thread(void *arg)
{
    struct http_face *f = arg;

    (void)pthread_setname_np(pthread_self(), "http");
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    return NULL;
}

const struct http_hooks face_thread_hooks = {.request = on_request, .left = on_left};

void face_thread_init(struct http_face *f)
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
