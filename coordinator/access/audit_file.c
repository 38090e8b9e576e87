/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/access/audit_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/buf.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "proto/host/clock.h"
#include "proto/host/log.h"

struct audit_file {
    const char *path;
    pthread_t thread;
    atomic_uint_fast64_t written;
    atomic_uint_fast64_t lost;

    /* The thread's: */
    int fd;
    bool failing; /* that was said */

    pthread_mutex_t lock;
    pthread_cond_t more;
    /* locked: */
    struct buf waiting;
    uint64_t unsaid; /* lost, and the file does not say so yet */
    bool reopen;
    bool quit;
};

/* ---- the file: the thread, and whoever opens ---- */

static bool is_regular(int fd, struct stat *st)
{
    return fstat(fd, st) == 0 && S_ISREG(st->st_mode);
}

/* A line that a crash cut off stays by itself. */
static void end_line(int fd)
{
    struct stat st;
    char last;

    if (is_regular(fd, &st) && st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) == 1 &&
        last != '\n') {
        (void)!write(fd, "\n", 1);
    }
}

/* A new one is its group's to read, whatever the service's umask. */
static int open_new(const char *path, int flags)
{
    int fd = open(path, flags | O_CREAT | O_EXCL, 0640);

    if (fd >= 0) {
        (void)fchmod(fd, 0640);
    }
    return fd;
}

/* -1: errno says why. Not blocking: a pipe that nobody reads holds up no stop. */
static int open_path(const char *path)
{
    const int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    int fd;

    if (strcmp(path, "-") == 0) {
        return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    }
    fd = open_new(path, flags);
    if (fd < 0 && errno == EEXIST) {
        fd = open(path, flags);
    }
    if (fd >= 0) {
        end_line(fd);
    }
    return fd;
}

static void reopen(struct audit_file *f)
{
    int fd = open_path(f->path);

    if (fd < 0) {
        log_error("audit log: cannot open %s again: %s; it goes on in the file it has", f->path,
                  strerror(errno));
        return;
    }
    (void)close(f->fd);
    f->fd = fd;
    log_info("audit log: file=%s", f->path);
}

static uint64_t count_lines(struct slice text)
{
    uint64_t n = 0;

    for (size_t i = 0; i < text.len; i++) {
        n += text.ptr[i] == '\n';
    }
    return n;
}

/* @return how many of the bytes are in the file: all of them, or whole lines and errno. Of a line
 * that a full disk cut off nothing stays. */
static size_t append(int fd, struct slice text)
{
    struct stat st;
    bool regular = is_regular(fd, &st);
    size_t done = 0;
    size_t whole;
    int why;

    while (done < text.len) {
        ssize_t n = write(fd, text.ptr + done, text.len - done);

        if (n < 0 && errno != EINTR) {
            break;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    if (done == text.len) {
        return done;
    }
    why = errno;
    whole = done;
    while (whole != 0 && text.ptr[whole - 1] != '\n') {
        whole--;
    }
    if (regular && whole != done) {
        (void)!ftruncate(fd, st.st_size + (off_t)whole);
    }
    errno = why;
    return whole;
}

static void write_lines(struct audit_file *f, struct slice text)
{
    size_t done = append(f->fd, text);
    uint64_t lost;

    (void)atomic_fetch_add(&f->written, count_lines(slice_make(text.ptr, done)));
    if (done == text.len) {
        if (f->failing) {
            log_info("audit log: %s is written again", f->path);
        }
        f->failing = false;
        return;
    }
    if (!f->failing) {
        log_error("audit log: cannot write %s: %s; what is asked meanwhile is not recorded",
                  f->path, strerror(errno));
    }
    f->failing = true;
    lost = count_lines(slice_from(text, done));
    (void)atomic_fetch_add(&f->lost, lost);
    (void)pthread_mutex_lock(&f->lock);
    f->unsaid += lost;
    (void)pthread_mutex_unlock(&f->lock);
}

/* It is a line itself: where that cannot be written either, no line of the caller's is lost by
 * it. */
static bool say_lost(struct audit_file *f, uint64_t lost)
{
    struct buf line = {0};
    char time[TEXT_TIME_BYTES];
    size_t len = text_format_time(clock_wall_ms(), time);
    bool said;

    buf_printf(&line, "{\"time\":\"%.*s\",\"lost\":%" PRIu64 "}\n", (int)len, time, lost);
    said = append(f->fd, buf_slice(&line)) == line.len;
    buf_fini(&line);
    return said;
}

static void *file_thread(void *arg)
{
    struct audit_file *f = arg;
    struct buf taken = {0};
    bool quit = false;

    (void)pthread_setname_np(pthread_self(), "audit");
    while (!quit) {
        struct buf swap;
        uint64_t lost;
        bool again;

        buf_reset(&taken);
        (void)pthread_mutex_lock(&f->lock);
        while (f->waiting.len == 0 && !f->reopen && !f->quit) {
            (void)pthread_cond_wait(&f->more, &f->lock);
        }
        swap = f->waiting;
        f->waiting = taken;
        taken = swap;
        lost = f->unsaid;
        f->unsaid = 0;
        again = f->reopen;
        f->reopen = false;
        quit = f->quit;
        (void)pthread_mutex_unlock(&f->lock);
        if (again) {
            reopen(f);
        }
        if (lost != 0 && !say_lost(f, lost)) {
            (void)pthread_mutex_lock(&f->lock);
            f->unsaid += lost;
            (void)pthread_mutex_unlock(&f->lock);
        }
        write_lines(f, buf_slice(&taken));
    }
    buf_fini(&taken);
    return NULL;
}

/* ---- any thread ---- */

static void lose_locked(struct audit_file *f)
{
    uint64_t lost = atomic_fetch_add(&f->lost, 1) + 1;

    f->unsaid++;
    if ((lost & (lost - 1)) == 0) {
        log_warn("audit log: more is asked than it takes: %" PRIu64 " lines lost so far", lost);
    }
}

void audit_file_put(struct audit_file *f, struct slice line)
{
    (void)pthread_mutex_lock(&f->lock);
    if (f->waiting.len + line.len <= LIMIT_AUDIT_QUEUE_BYTES) {
        buf_put_slice(&f->waiting, line);
        (void)pthread_cond_signal(&f->more);
    } else {
        lose_locked(f);
    }
    (void)pthread_mutex_unlock(&f->lock);
}

void audit_file_lose(struct audit_file *f)
{
    (void)pthread_mutex_lock(&f->lock);
    lose_locked(f);
    (void)pthread_mutex_unlock(&f->lock);
}

void audit_file_reopen(struct audit_file *f)
{
    (void)pthread_mutex_lock(&f->lock);
    f->reopen = true;
    (void)pthread_cond_signal(&f->more);
    (void)pthread_mutex_unlock(&f->lock);
}

void audit_file_figures(const struct audit_file *f, struct audit_figures *out)
{
    out->written = atomic_load(&f->written);
    out->lost = atomic_load(&f->lost);
}

/* ---- opening and closing ---- */

static void audit_file_free(struct audit_file *f)
{
    if (f->fd >= 0) {
        (void)close(f->fd);
    }
    buf_fini(&f->waiting);
    (void)pthread_mutex_destroy(&f->lock);
    (void)pthread_cond_destroy(&f->more);
    mem_free(f);
}

enum err_code audit_file_open(const char *path, struct audit_file **out, struct err *err)
{
    struct audit_file *f = mem_zalloc(1, sizeof(*f));
    enum err_code rc = OK;

    f->path = path;
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_cond_init(&f->more, NULL);
    f->fd = open_path(path);
    if (f->fd < 0) {
        rc = err_set(err, ERR_CONFIG, "audit_log = %s: it cannot be written: %s", path,
                     strerror(errno));
    } else if (pthread_create(&f->thread, NULL, file_thread, f) != 0) {
        rc = err_set(err, ERR_NO_MEMORY, "no memory for a thread, or there are too many");
    }
    if (rc != OK) {
        audit_file_free(f);
        return rc;
    }
    *out = f;
    return OK;
}

void audit_file_close(struct audit_file *f)
{
    if (f == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&f->lock);
    f->quit = true;
    (void)pthread_cond_signal(&f->more);
    (void)pthread_mutex_unlock(&f->lock);
    (void)pthread_join(f->thread, NULL);
    audit_file_free(f);
}
