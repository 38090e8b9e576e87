/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/webhook_sender.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/webhook_sign.h"
#include "proto/base/limits.h"

enum { IDLE_MS = 60000 }; /* put, close and sockets wake it */

struct webhook_sender {
    void (*done)(void *arg);
    void *arg;
    CURLM *multi;    /* the thread's; curl_multi_wakeup() alone is for all */
    struct list out; /* the thread's: sending.link */
    pthread_t thread;
    bool running; /* the thread is there */

    pthread_mutex_t lock;
    /* locked: */
    struct list asked; /* webhook_request.link */
    struct list answered;
    bool quit;
};

/* ---- one request ---- */

struct sending {
    struct webhook_request *request;
    CURL *easy;
    struct curl_slist *headers;
    struct arena arena;
    size_t why_len;
    size_t answer_bytes;
    struct list link;
};

/* A long answer is not waited for, nor are headers without end. */
static bool is_too_long(struct sending *s, size_t len)
{
    s->answer_bytes += len;
    return s->answer_bytes > LIMIT_WEBHOOK_ANSWER_BYTES;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    (void)bytes;
    return is_too_long(arg, size * count) ? 0 : size * count;
}

/* The beginning of an answer says why. */
static size_t on_answer(char *bytes, size_t size, size_t count, void *arg)
{
    struct sending *s = arg;
    size_t len = size * count;
    size_t room = sizeof(s->request->why) - 1 - s->why_len;
    size_t some = len < room ? len : room;

    memcpy(s->request->why + s->why_len, bytes, some);
    s->why_len += some;
    return is_too_long(s, len) ? 0 : len;
}

static void add_header(struct sending *s, const char *line)
{
    struct curl_slist *more = curl_slist_append(s->headers, line);

    if (more == NULL) {
        die_no_memory(strlen(line));
    }
    s->headers = more;
}

static void add_headers(struct sending *s)
{
    const struct webhook_request *r = s->request;
    struct arena *a = &s->arena;
    const char *signature = webhook_sign(r->secret, r->id, r->timestamp, r->body, a);

    add_header(s, "Content-Type: application/json; charset=utf-8");
    add_header(s, "Expect:");
    add_header(s, arena_str(a, arena_printf(a, "webhook-id: %s", r->id)));
    add_header(s, arena_str(a, arena_printf(a, "webhook-timestamp: %s", r->timestamp)));
    add_header(s, arena_str(a, arena_printf(a, "webhook-signature: %s", signature)));
    if (r->auth == WEBHOOK_API_KEY) {
        add_header(s,
                   arena_str(a, arena_printf(a, "%s: %.*s", r->auth_name, SLICE_FMT(r->secret))));
    }
}

static void set_up(struct sending *s)
{
    const struct webhook_request *r = s->request;
    CURL *easy = s->easy;

    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, s);
    (void)curl_easy_setopt(easy, CURLOPT_URL, r->url);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a name server is not waited for */
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)LIMIT_WEBHOOK_MS);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "Stepfleet");
    if (strncmp(r->url, "http://", 7) == 0) { /* to this machine: by no proxy */
        (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    }
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, s);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, s);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
    (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, r->body.ptr);
    (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method);
    if (strcmp(r->method, "HEAD") == 0) {
        (void)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    }
    if (r->auth == WEBHOOK_BASIC) {
        (void)curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        (void)curl_easy_setopt(easy, CURLOPT_USERNAME, r->auth_name);
        (void)curl_easy_setopt(easy, CURLOPT_PASSWORD, arena_str(&s->arena, r->secret));
    }
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, s->headers);
}

static void begin(struct webhook_sender *x, struct webhook_request *r)
{
    struct sending *s = mem_zalloc(1, sizeof(*s));

    s->request = r;
    s->easy = curl_easy_init();
    if (s->easy == NULL) {
        die_no_memory(sizeof(*s));
    }
    add_headers(s);
    set_up(s);
    if (curl_multi_add_handle(x->multi, s->easy) != CURLM_OK) {
        die_no_memory(sizeof(*s));
    }
    list_push_back(&x->out, &s->link);
}

static void sending_free(struct webhook_sender *x, struct sending *s)
{
    list_remove(&s->link);
    (void)curl_multi_remove_handle(x->multi, s->easy);
    curl_easy_cleanup(s->easy);
    curl_slist_free_all(s->headers);
    arena_fini(&s->arena);
    mem_free(s);
}

/* A status that has come counts, however the answer goes on: whoever sent it has had the request.
 */
static void end(struct sending *s, CURLcode rc)
{
    struct webhook_request *r = s->request;

    (void)curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &r->status);
    if (r->status < 200) { /* none, or "100 Continue" alone */
        r->status = 0;
        (void)snprintf(r->why, sizeof(r->why), "%s", curl_easy_strerror(rc));
    }
}

/* ---- the thread ---- */

static void begin_asked(struct webhook_sender *x)
{
    struct list asked;
    struct list *n;

    list_init(&asked);
    (void)pthread_mutex_lock(&x->lock);
    list_splice(&asked, &x->asked);
    (void)pthread_mutex_unlock(&x->lock);
    while ((n = list_pop_front(&asked)) != NULL) {
        begin(x, container_of(n, struct webhook_request, link));
    }
}

static void end_answered(struct webhook_sender *x)
{
    const CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(x->multi, &left)) != NULL) {
        struct webhook_request *r;
        struct sending *s;
        char *private;

        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &private);
        s = (void *)private;
        r = s->request;
        end(s, m->data.result);
        sending_free(x, s);
        (void)pthread_mutex_lock(&x->lock);
        list_push_back(&x->answered, &r->link);
        (void)pthread_mutex_unlock(&x->lock);
        x->done(x->arg);
    }
}

static bool goes_on(struct webhook_sender *x)
{
    bool quit;

    (void)pthread_mutex_lock(&x->lock);
    quit = x->quit;
    (void)pthread_mutex_unlock(&x->lock);
    return !quit;
}

static void *sender_thread(void *arg)
{
    struct webhook_sender *x = arg;
    int running;

    (void)pthread_setname_np(pthread_self(), "webhooks");
    while (goes_on(x)) {
        begin_asked(x);
        (void)curl_multi_perform(x->multi, &running);
        end_answered(x);
        (void)curl_multi_poll(x->multi, NULL, 0, IDLE_MS, NULL);
    }
    return NULL;
}

struct webhook_sender *webhook_sender_open(void (*done)(void *arg), void *arg)
{
    struct webhook_sender *x = mem_zalloc(1, sizeof(*x));

    x->done = done;
    x->arg = arg;
    (void)pthread_mutex_init(&x->lock, NULL);
    list_init(&x->asked);
    list_init(&x->answered);
    list_init(&x->out);
    x->multi = curl_multi_init();
    x->running = x->multi != NULL && pthread_create(&x->thread, NULL, sender_thread, x) == 0;
    if (!x->running) {
        webhook_sender_close(x);
        return NULL;
    }
    return x;
}

void webhook_sender_close(struct webhook_sender *x)
{
    if (x->running) {
        (void)pthread_mutex_lock(&x->lock);
        x->quit = true;
        (void)pthread_mutex_unlock(&x->lock);
        (void)curl_multi_wakeup(x->multi);
        (void)pthread_join(x->thread, NULL);
    }
    while (!list_empty(&x->out)) {
        sending_free(x, container_of(x->out.next, struct sending, link));
    }
    if (x->multi != NULL) {
        (void)curl_multi_cleanup(x->multi);
    }
    (void)pthread_mutex_destroy(&x->lock);
    mem_free(x);
}

void webhook_sender_put(struct webhook_sender *x, struct webhook_request *r)
{
    (void)pthread_mutex_lock(&x->lock);
    list_push_back(&x->asked, &r->link);
    (void)pthread_mutex_unlock(&x->lock);
    (void)curl_multi_wakeup(x->multi);
}

void webhook_sender_take(struct webhook_sender *x, struct list *out)
{
    (void)pthread_mutex_lock(&x->lock);
    list_splice(out, &x->answered);
    (void)pthread_mutex_unlock(&x->lock);
}
