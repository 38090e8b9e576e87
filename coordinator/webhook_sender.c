/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/webhook_sender.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/webhook_sign.h"
#include "proto/base/limits.h"

enum { SENDER_THREADS = 4 };

struct webhook_sender {
    void (*done)(void *arg);
    void *arg;
    pthread_t threads[SENDER_THREADS];
    unsigned thread_count;

    pthread_mutex_t lock;
    pthread_cond_t work;
    /* locked: */
    struct list asked; /* webhook_request.link */
    struct list answered;
    bool quit;
};

/* ---- one request ---- */

struct sending {
    struct webhook_request *request;
    size_t why_len;
    size_t answer_bytes;
};

/* The beginning of an answer says why; a long one is not waited for. */
static size_t on_answer(char *bytes, size_t size, size_t count, void *arg)
{
    struct sending *s = arg;
    size_t len = size * count;
    size_t room = sizeof(s->request->why) - 1 - s->why_len;
    size_t some = len < room ? len : room;

    memcpy(s->request->why + s->why_len, bytes, some);
    s->why_len += some;
    s->answer_bytes += len;
    return s->answer_bytes <= LIMIT_WEBHOOK_ANSWER_BYTES ? len : 0;
}

static struct curl_slist *add_header(struct curl_slist *all, const char *line)
{
    struct curl_slist *more = curl_slist_append(all, line);

    if (more == NULL) {
        die_no_memory(strlen(line));
    }
    return more;
}

static struct curl_slist *headers_of(const struct webhook_request *r, struct arena *a)
{
    const char *signature = webhook_sign(r->secret, r->id, r->timestamp, r->body, a);
    struct curl_slist *all = add_header(NULL, "Content-Type: application/json; charset=utf-8");

    all = add_header(all, "Expect:");
    all = add_header(all, arena_str(a, arena_printf(a, "webhook-id: %s", r->id)));
    all = add_header(all, arena_str(a, arena_printf(a, "webhook-timestamp: %s", r->timestamp)));
    all = add_header(all, arena_str(a, arena_printf(a, "webhook-signature: %s", signature)));
    if (r->auth == WEBHOOK_API_KEY) {
        all = add_header(
            all, arena_str(a, arena_printf(a, "%s: %.*s", r->auth_name, SLICE_FMT(r->secret))));
    }
    return all;
}

static void set_up(CURL *easy, const struct webhook_request *r, struct sending *s, struct arena *a)
{
    curl_easy_reset(easy);
    (void)curl_easy_setopt(easy, CURLOPT_URL, r->url);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)LIMIT_WEBHOOK_MS);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "Stepfleet");
    if (strncmp(r->url, "http://", 7) == 0) { /* to this machine: by no proxy */
        (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    }
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
        (void)curl_easy_setopt(easy, CURLOPT_PASSWORD, arena_str(a, r->secret));
    }
}

/* A request with a body whose answer begins is answered, however it goes on. */
static void send_one(CURL *easy, struct webhook_request *r)
{
    struct sending s = {.request = r};
    struct arena a = {0};
    struct curl_slist *headers = headers_of(r, &a);
    CURLcode rc;

    set_up(easy, r, &s, &a);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    rc = curl_easy_perform(easy);
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &r->status);
    if (rc != CURLE_OK && rc != CURLE_WRITE_ERROR) {
        r->status = 0;
        (void)snprintf(r->why, sizeof(r->why), "%s", curl_easy_strerror(rc));
    }
    curl_slist_free_all(headers);
    arena_fini(&a);
}

/* ---- threads ---- */

static void *sender_thread(void *arg)
{
    struct webhook_sender *s = arg;
    CURL *easy = curl_easy_init();

    if (easy == NULL) {
        die_no_memory(sizeof(easy));
    }
    (void)pthread_mutex_lock(&s->lock);
    while (!s->quit) {
        struct list *n = list_pop_front(&s->asked);

        if (n == NULL) {
            (void)pthread_cond_wait(&s->work, &s->lock);
            continue;
        }
        (void)pthread_mutex_unlock(&s->lock);
        send_one(easy, container_of(n, struct webhook_request, link));
        (void)pthread_mutex_lock(&s->lock);
        list_push_back(&s->answered, n);
        s->done(s->arg);
    }
    (void)pthread_mutex_unlock(&s->lock);
    curl_easy_cleanup(easy);
    return NULL;
}

struct webhook_sender *webhook_sender_open(void (*done)(void *arg), void *arg)
{
    struct webhook_sender *s = mem_zalloc(1, sizeof(*s));

    s->done = done;
    s->arg = arg;
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->work, NULL);
    list_init(&s->asked);
    list_init(&s->answered);
    for (unsigned i = 0; i < SENDER_THREADS; i++) {
        if (pthread_create(&s->threads[i], NULL, sender_thread, s) != 0) {
            webhook_sender_close(s);
            return NULL;
        }
        s->thread_count++;
    }
    return s;
}

void webhook_sender_close(struct webhook_sender *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->quit = true;
    (void)pthread_cond_broadcast(&s->work);
    (void)pthread_mutex_unlock(&s->lock);
    for (unsigned i = 0; i < s->thread_count; i++) {
        (void)pthread_join(s->threads[i], NULL);
    }
    (void)pthread_cond_destroy(&s->work);
    (void)pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

void webhook_sender_put(struct webhook_sender *s, struct webhook_request *r)
{
    (void)pthread_mutex_lock(&s->lock);
    list_push_back(&s->asked, &r->link);
    (void)pthread_cond_signal(&s->work);
    (void)pthread_mutex_unlock(&s->lock);
}

void webhook_sender_take(struct webhook_sender *s, struct list *out)
{
    (void)pthread_mutex_lock(&s->lock);
    list_splice(out, &s->answered);
    (void)pthread_mutex_unlock(&s->lock);
}
