/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/host/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/host/clock.h"

enum { LOOK_MS = 1000 };

static enum err_code system_fail(const char *path, struct err *err)
{
    return err_set(err, ERR_CONFIG, "cannot read %s: %s", path, strerror(errno));
}

/* One line of printable characters; what follows it is nothing but its end. */
static enum err_code
take_line(struct secret_file *s, const char *text, size_t bytes, struct err *err)
{
    size_t n = 0;

    while (n < bytes && text[n] > ' ' && text[n] <= '~') {
        n++;
    }
    for (size_t i = n; i < bytes; i++) {
        if (text[i] != '\n' && text[i] != '\r') {
            n = 0;
        }
    }
    if (n == 0 || n > sizeof(s->text)) {
        return err_set(err, ERR_CONFIG, "%s holds no token: one line of at most %zu characters",
                       s->path, sizeof(s->text));
    }
    memcpy(s->text, text, n);
    s->bytes = n;
    return OK;
}

static enum err_code read_open(struct secret_file *s, int fd, struct err *err)
{
    char text[LIMIT_TOKEN_BYTES + 3]; /* its end, and one more: it is too long */
    struct stat st;
    enum err_code rc;
    ssize_t n;

    if (fstat(fd, &st) != 0) {
        return system_fail(s->path, err);
    }
    if (!S_ISREG(st.st_mode) || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return err_set(err, ERR_CONFIG, "others may read %s, or it is no file: chmod 600 it",
                       s->path);
    }
    n = read(fd, text, sizeof(text));
    if (n < 0) {
        return system_fail(s->path, err);
    }
    rc = take_line(s, text, (size_t)n, err);
    if (rc == OK) {
        s->modified = st.st_mtim;
        s->inode = st.st_ino;
    }
    explicit_bzero(text, sizeof(text));
    return rc;
}

static enum err_code read_again(struct secret_file *s, struct err *err)
{
    int fd = open(s->path, O_RDONLY | O_CLOEXEC);
    enum err_code rc;

    if (fd < 0) {
        return system_fail(s->path, err);
    }
    rc = read_open(s, fd, err);
    (void)close(fd);
    return rc;
}

enum err_code secret_file_open(struct secret_file *s, const char *path, struct err *err)
{
    *s = (struct secret_file){.path = path, .looked_ms = clock_mono_ms()};
    return path != NULL ? read_again(s, err) : OK;
}

struct slice secret_file_get(struct secret_file *s)
{
    struct stat st;

    if (s->path != NULL && clock_mono_ms() - s->looked_ms >= LOOK_MS) {
        s->looked_ms = clock_mono_ms();
        if (stat(s->path, &st) == 0 &&
            (st.st_ino != s->inode || st.st_mtim.tv_sec != s->modified.tv_sec ||
             st.st_mtim.tv_nsec != s->modified.tv_nsec)) {
            (void)read_again(s, NULL);
        }
    }
    return slice_make(s->text, s->bytes);
}
