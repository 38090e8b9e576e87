/* SPDX-License-Identifier: Apache-2.0 */
#include "client/otlp/otlp.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proto/base/json.h"
#include "proto/base/limits.h"
#include "proto/host/clock.h"
#include "proto/host/log.h"

enum {
    GATHER_MS = 1000,
    SEND_BYTES = 1024 * 1024, /* that much is sent at once */
    REQUEST_MS = 5000,
    CLOSE_MS = 1000,
    ATTEMPTS = 4,
    BACKOFF_MS = 250, /* doubled each time */
    WARN_MS = 60000,
    HEADER_BYTES = 8192, /* of a line */
};

struct otlp {
    char *url;
    struct curl_slist *headers;
    struct buf begin; /* of a request's body: what sends it */
    CURL *easy;
    pthread_t thread;
    int64_t said_ms;

    pthread_mutex_t lock;
    pthread_cond_t work;
    /* locked: */
    struct buf spans; /* JSON, with commas between */
    size_t count;
    uint64_t left_out; /* since it was said */
    bool quit;
};

/* ---- what is sent ---- */

static size_t ignore(char *bytes, size_t size, size_t count, void *arg)
{
    (void)bytes;
    (void)arg;
    return size * count;
}

/* @return it is done with: sent, or of no use to send again */
static bool post(struct otlp *o, struct slice body, long most_ms, char why[CURL_ERROR_SIZE])
{
    long status = 0;
    CURLcode rc;

    curl_easy_reset(o->easy);
    (void)curl_easy_setopt(o->easy, CURLOPT_URL, o->url);
    (void)curl_easy_setopt(o->easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(o->easy, CURLOPT_TIMEOUT_MS, most_ms);
    (void)curl_easy_setopt(o->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(o->easy, CURLOPT_USERAGENT, "Stepfleet");
    (void)curl_easy_setopt(o->easy, CURLOPT_HTTPHEADER, o->headers);
    (void)curl_easy_setopt(o->easy, CURLOPT_WRITEFUNCTION, ignore);
    (void)curl_easy_setopt(o->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    (void)curl_easy_setopt(o->easy, CURLOPT_POSTFIELDS, body.ptr);
    rc = curl_easy_perform(o->easy);
    if (rc != CURLE_OK) {
        (void)snprintf(why, CURL_ERROR_SIZE, "%s", curl_easy_strerror(rc));
        return false;
    }
    (void)curl_easy_getinfo(o->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)snprintf(why, CURL_ERROR_SIZE, "it answers with status %ld", status);
    return status / 100 == 2;
}

static bool is_quitting(struct otlp *o)
{
    bool quit;

    (void)pthread_mutex_lock(&o->lock);
    quit = o->quit;
    (void)pthread_mutex_unlock(&o->lock);
    return quit;
}

/* Sleeps for so long, or until it is to end. */
static void rest(struct otlp *o, int64_t ms)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_mutex_lock(&o->lock);
    if (!o->quit) {
        (void)pthread_cond_timedwait(&o->work, &o->lock, &until);
    }
    (void)pthread_mutex_unlock(&o->lock);
}

static void say_left_out(struct otlp *o, const char *why)
{
    int64_t now_ms = clock_mono_ms();
    uint64_t left_out = 0;

    if (now_ms - o->said_ms >= WARN_MS) {
        (void)pthread_mutex_lock(&o->lock);
        left_out = o->left_out;
        o->left_out = 0;
        (void)pthread_mutex_unlock(&o->lock);
    }
    if (left_out != 0) {
        log_warn("traces: %" PRIu64 " spans were left out: %s: %s", left_out, o->url, why);
        o->said_ms = now_ms;
    }
}

static void send_spans(struct otlp *o, struct buf *spans, size_t count)
{
    char why[CURL_ERROR_SIZE] = "too many at once";
    struct buf body = {0};
    bool sent = false;

    buf_put_slice(&body, buf_slice(&o->begin));
    buf_put_slice(&body, buf_slice(spans));
    buf_put_str(&body, "]}]}]}");
    for (unsigned i = 0; i < ATTEMPTS && !sent; i++) {
        bool quit = is_quitting(o);

        if (i != 0 && quit) {
            break;
        }
        if (i != 0) {
            rest(o, (int64_t)BACKOFF_MS << (i - 1));
        }
        sent = post(o, buf_slice(&body), quit ? CLOSE_MS : REQUEST_MS, why);
    }
    buf_fini(&body);
    if (!sent) {
        (void)pthread_mutex_lock(&o->lock);
        o->left_out += count;
        (void)pthread_mutex_unlock(&o->lock);
    }
    say_left_out(o, why);
}

static void *send_thread(void *arg)
{
    struct otlp *o = arg;
    bool quit = false;

    (void)pthread_setname_np(pthread_self(), "traces");
    while (!quit) {
        struct buf spans;
        size_t count;

        rest(o, GATHER_MS);
        (void)pthread_mutex_lock(&o->lock);
        spans = o->spans;
        count = o->count;
        quit = o->quit;
        o->spans = (struct buf){0};
        o->count = 0;
        (void)pthread_mutex_unlock(&o->lock);
        if (count != 0) {
            send_spans(o, &spans, count);
        }
        buf_fini(&spans);
    }
    return NULL;
}

void otlp_put(struct otlp *o, const struct otlp_span *s)
{
    (void)pthread_mutex_lock(&o->lock);
    if (o->spans.len < LIMIT_TRACE_QUEUE_BYTES) {
        buf_put_str(&o->spans, o->count != 0 ? "," : "");
        otlp_span_write(s, &o->spans);
        o->count++;
    } else {
        o->left_out++;
    }
    if (o->spans.len >= SEND_BYTES) {
        (void)pthread_cond_signal(&o->work);
    }
    (void)pthread_mutex_unlock(&o->lock);
}

/* ---- opening and closing ---- */

static const char *load_text(struct config *file, const char *key, struct arena *a)
{
    const char *text = config_get(file, "trace", key, NULL);

    return text != NULL ? arena_str(a, slice_str(text)) : NULL;
}

enum err_code
otlp_settings_load(struct config *file, struct arena *a, struct otlp_config *out, struct err *err)
{
    out->endpoint = load_text(file, "endpoint", a);
    out->headers = load_text(file, "headers", a);
    if (out->endpoint != NULL && strncmp(out->endpoint, "http://", 7) != 0 &&
        strncmp(out->endpoint, "https://", 8) != 0) {
        return err_set(err, ERR_CONFIG,
                       "[trace] endpoint = %s: expected that of an OTLP collector, such as "
                       "http://127.0.0.1:4318",
                       out->endpoint);
    }
    return OK;
}

static enum err_code add_header(struct otlp *o, const char *line, struct err *err)
{
    struct curl_slist *more = curl_slist_append(o->headers, line);

    if (more == NULL) {
        return err_set(err, ERR_NO_MEMORY, "no memory for a header");
    }
    o->headers = more;
    return OK;
}

static enum err_code read_headers(struct otlp *o, const char *path, struct err *err)
{
    FILE *f = fopen(path, "re");
    char line[HEADER_BYTES];
    enum err_code rc = OK;

    if (f == NULL) {
        return err_set(err, ERR_CONFIG, "[trace] headers: cannot read %s: %s", path,
                       strerror(errno));
    }
    while (rc == OK && fgets(line, sizeof(line), f) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] == '\0') {
            continue;
        }
        rc = strchr(line, ':') != NULL
                 ? add_header(o, line, err)
                 : err_set(err, ERR_CONFIG, "[trace] headers: a line of %s is no \"Name: value\"",
                           path);
    }
    (void)fclose(f);
    return rc;
}

/* The signal's path belongs to what an endpoint is given as. */
static void set_url(struct otlp *o, const char *endpoint)
{
    size_t len = strlen(endpoint);
    struct buf url = {0};

    while (len > 0 && endpoint[len - 1] == '/') {
        len--;
    }
    buf_put(&url, endpoint, len);
    buf_put_str(&url, "/v1/traces");
    buf_put_u8(&url, '\0');
    o->url = url.ptr;
}

static void put_text_attribute(struct buf *b, const char *name, const char *text)
{
    buf_printf(b, "{\"key\":\"%s\",\"value\":{\"stringValue\":", name);
    json_write_string(slice_str(text), b);
    buf_put_str(b, "}}");
}

static void set_begin(struct otlp *o, const char *service, const char *instance)
{
    struct buf *b = &o->begin;

    buf_put_str(b, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[");
    put_text_attribute(b, "service.name", service);
    buf_put_u8(b, ',');
    put_text_attribute(b, "service.instance.id", instance);
    buf_put_u8(b, ',');
    put_text_attribute(b, "service.version", STEPFLEET_VERSION);
    buf_put_str(b, "]},\"scopeSpans\":[{\"scope\":{\"name\":\"stepfleet\"},\"spans\":[");
}

static void otlp_free(struct otlp *o)
{
    curl_slist_free_all(o->headers);
    curl_easy_cleanup(o->easy);
    buf_fini(&o->begin);
    buf_fini(&o->spans);
    mem_free(o->url);
    (void)pthread_cond_destroy(&o->work);
    (void)pthread_mutex_destroy(&o->lock);
    mem_free(o);
}

enum err_code otlp_open(const struct otlp_config *config,
                        const char *service,
                        const char *instance,
                        struct otlp **out,
                        struct err *err)
{
    struct otlp *o = mem_zalloc(1, sizeof(*o));
    enum err_code rc;

    (void)pthread_mutex_init(&o->lock, NULL);
    (void)pthread_cond_init(&o->work, NULL);
    o->said_ms = clock_mono_ms() - WARN_MS;
    o->easy = curl_easy_init();
    set_url(o, config->endpoint);
    set_begin(o, service, instance);
    rc = o->easy != NULL ? add_header(o, "Content-Type: application/json", err)
                         : err_set(err, ERR_NO_MEMORY, "no memory for libcurl");
    if (rc == OK && config->headers != NULL) {
        rc = read_headers(o, config->headers, err);
    }
    if (rc == OK && pthread_create(&o->thread, NULL, send_thread, o) != 0) {
        rc = err_set(err, ERR_NO_MEMORY, "no memory for a thread, or there are too many");
    }
    if (rc != OK) {
        otlp_free(o);
        return rc;
    }
    *out = o;
    return OK;
}

void otlp_close(struct otlp *o)
{
    (void)pthread_mutex_lock(&o->lock);
    o->quit = true;
    (void)pthread_cond_broadcast(&o->work);
    (void)pthread_mutex_unlock(&o->lock);
    (void)pthread_join(o->thread, NULL);
    otlp_free(o);
}
