/* SPDX-License-Identifier: Apache-2.0 */
/* The loop's side of a task with a thread of its own: starts the thread, passes its words on, joins
 * it. */
#include "worker/handler/stream.h"

#include <assert.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "worker/handler/result.h"

enum { STREAM_STACK_BYTES = 1024 * 1024 /* a pipe's read buffer and curl */ };

static void stream_free(struct stream *s)
{
    (void)close(s->wake);
    (void)pthread_mutex_destroy(&s->lock);
    arena_fini(&s->memory);
    mem_free(s);
}

static void on_closed(uv_handle_t *h)
{
    struct stream *s = h->data;

    s->host->finished(s->host, s->lease, &s->result, &s->memory);
    stream_free(s);
}

static void on_mail(uv_async_t *mail)
{
    struct stream *s = mail->data;
    bool uploading;
    bool submitted;
    bool over;

    (void)pthread_mutex_lock(&s->lock);
    uploading = s->uploading && !s->over;
    submitted = s->submitted;
    over = s->over;
    (void)pthread_mutex_unlock(&s->lock);
    if (uploading && !s->told) {
        s->told = true;
        s->host->uploading(s->host, s->lease, &s->upload);
    }
    if (submitted && !s->told_submitted) {
        s->told_submitted = true;
        s->host->submitted(s->host, s->lease, s->submission);
    }
    if (over && !uv_is_closing((uv_handle_t *)mail)) {
        (void)uv_thread_join(&s->thread);
        uv_close((uv_handle_t *)mail, on_closed);
    }
}

static void stream_main(void *arg)
{
    struct stream *s = arg;

    stream_run(s);
    (void)pthread_mutex_lock(&s->lock);
    s->over = true;
    (void)pthread_mutex_unlock(&s->lock);
    (void)uv_async_send(&s->mail);
}

bool stream_start(struct handler_host *h,
                  struct lease *l,
                  void (*work)(struct stream *s),
                  struct lease_result *r,
                  struct arena *memory)
{
    const uv_thread_options_t options = {UV_THREAD_HAS_STACK_SIZE, STREAM_STACK_BYTES};
    struct stream *s = mem_zalloc(1, sizeof(*s));
    int rc;

    s->host = h;
    s->lease = l;
    s->work = work;
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->mail.data = s;
    (void)pthread_mutex_init(&s->lock, NULL);
    rc = s->wake < 0 ? UV_EMFILE : uv_async_init(h->loop, &s->mail, on_mail);
    if (rc != 0) {
        result_fail(r, memory, "Lambda.ServiceException", "no descriptor for a stream");
        stream_free(s);
        return false;
    }
    l->run = s;
    rc = uv_thread_create_ex(&s->thread, &options, stream_main, s);
    if (rc != 0) {
        result_fail(&s->result, &s->memory, "Lambda.ServiceException", "no thread for a stream: %s",
                    uv_strerror(rc));
        uv_close((uv_handle_t *)&s->mail, on_closed);
    }
    return true;
}

static void wake(struct stream *s)
{
    uint64_t one = 1;
    ssize_t n = write(s->wake, &one, sizeof(one));

    (void)n; /* full: it is awake */
}

void stream_stop(struct lease *l, bool at_once)
{
    struct stream *s = l->run;

    (void)pthread_mutex_lock(&s->lock);
    s->ask = at_once ? STREAM_KILL : s->ask == STREAM_GO_ON ? STREAM_STOP : s->ask;
    (void)pthread_mutex_unlock(&s->lock);
    wake(s);
}

void stream_upload_recorded(struct lease *l, enum err_code rc)
{
    struct stream *s = l->run;

    (void)pthread_mutex_lock(&s->lock);
    s->answered = true;
    s->answer = rc;
    (void)pthread_mutex_unlock(&s->lock);
    wake(s);
}

void stream_progress(const struct lease *l, struct handler_progress *out)
{
    struct stream *s = l->run;

    out->bytes_in = atomic_load(&s->bytes_in);
    out->bytes_out = atomic_load(&s->bytes_out);
    out->beats = atomic_load(&s->beats);
    (void)pthread_mutex_lock(&s->lock);
    memcpy(out->note, s->note, sizeof(out->note));
    (void)pthread_mutex_unlock(&s->lock);
}
