/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/arena.h"
#include "proto/host/log.h"
#include "worker/handler/run.h"

enum {
    SCRATCH_PATH_BYTES = 4096,
    SCRATCH_RANDOM = 6, /* characters mkdtemp() chooses */
    SCRATCH_TRIES = 16, /* others that start look at ours in its first moment: once each */
};

static const char scratch_name[] = "stepfleet-worker-";
static const char scratch_lock[] = "lock";

static const char *scratch_parent(void)
{
    const char *tmp = getenv("TMPDIR");

    return tmp != NULL && tmp[0] == '/' ? tmp : "/tmp";
}

static bool scratch_join(char out[SCRATCH_PATH_BYTES], const char *directory, const char *name)
{
    int n = snprintf(out, SCRATCH_PATH_BYTES, "%s/%s", directory, name);

    return n > 0 && n < SCRATCH_PATH_BYTES;
}

/* Is the file that was opened still the one of that name? */
static bool scratch_is_at(int fd, const char *path)
{
    struct stat opened;
    struct stat named;

    return fstat(fd, &opened) == 0 && lstat(path, &named) == 0 && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}

/* ---- What others left ---- */

static bool scratch_is_name(const char *name)
{
    static const char random[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t fixed = sizeof(scratch_name) - 1;

    return strncmp(name, scratch_name, fixed) == 0 && strlen(name) == fixed + SCRATCH_RANDOM &&
           strspn(name + fixed, random) == SCRATCH_RANDOM;
}

/* The lock of a directory of ours, if nobody holds it; -1: let it be. */
static int scratch_take_lock(int directory)
{
    struct stat st;
    int lock = openat(directory, scratch_lock, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (lock < 0) {
        return -1;
    }
    if (fstat(lock, &st) != 0 || !S_ISREG(st.st_mode) || flock(lock, LOCK_EX | LOCK_NB) != 0) {
        (void)close(lock);
        return -1;
    }
    return lock;
}

/* The lock goes last: should we be killed here, the next one that starts goes on. */
static void scratch_remove(const char *path)
{
    char inner[SCRATCH_PATH_BYTES];
    const struct dirent *e;
    DIR *d = opendir(path);

    while (d != NULL && (e = readdir(d)) != NULL) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            strcmp(e->d_name, scratch_lock) != 0 && scratch_join(inner, path, e->d_name)) {
            run_remove_tree(inner);
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    if (scratch_join(inner, path, scratch_lock)) {
        (void)unlink(inner);
    }
    (void)rmdir(path);
}

static void scratch_remove_if_left(const char *parent, const char *name)
{
    char path[SCRATCH_PATH_BYTES];
    struct stat st;
    int directory;
    int lock = -1;

    if (!scratch_join(path, parent, name)) {
        return;
    }
    directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0) {
        return;
    }
    if (fstat(directory, &st) == 0 && st.st_uid == geteuid()) {
        lock = scratch_take_lock(directory);
    }
    if (lock >= 0 && scratch_is_at(directory, path)) {
        log_info("removes %s, which a worker that was killed left", path);
        scratch_remove(path);
    }
    if (lock >= 0) {
        (void)close(lock);
    }
    (void)close(directory);
}

static void scratch_remove_left(const char *parent)
{
    DIR *d = opendir(parent);
    const struct dirent *e;

    if (d == NULL) {
        return;
    }
    while ((e = readdir(d)) != NULL) {
        if (scratch_is_name(e->d_name)) {
            scratch_remove_if_left(parent, e->d_name);
        }
    }
    (void)closedir(d);
}

/* ---- Our own ---- */

/* Make the lock file and hold it; false: errno says why, ESTALE that another took it. */
static bool scratch_hold(struct scratch *s)
{
    char path[SCRATCH_PATH_BYTES];
    int error;

    if (!scratch_join(path, s->path, scratch_lock)) {
        errno = ENAMETOOLONG;
        return false;
    }
    s->lock = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (s->lock >= 0 && flock(s->lock, LOCK_EX) == 0 && scratch_is_at(s->lock, path)) {
        return true;
    }
    error = s->lock < 0 && errno != ENOENT ? errno : ESTALE;
    if (s->lock >= 0) {
        (void)close(s->lock);
    }
    s->lock = -1;
    errno = error;
    return false;
}

static bool scratch_make(struct scratch *s, const char *parent)
{
    char path[SCRATCH_PATH_BYTES];
    int error;

    for (int i = 0; i < SCRATCH_TRIES; i++) {
        if (!scratch_join(path, parent, "stepfleet-worker-XXXXXX")) {
            errno = ENAMETOOLONG;
            return false;
        }
        if (mkdtemp(path) == NULL) {
            return false;
        }
        s->path = mem_strdup(slice_str(path));
        if (scratch_hold(s)) {
            return true;
        }
        error = errno; /* rmdir() has its own: who took the lock has removed the directory, too */
        (void)rmdir(path);
        mem_free(s->path);
        s->path = NULL;
        if (error != ESTALE) {
            errno = error;
            return false;
        }
    }
    return false;
}

static enum err_code scratch_use(struct scratch *s, const char *configured, struct err *err)
{
    if ((mkdir(configured, 0700) != 0 && errno != EEXIST) || access(configured, W_OK | X_OK) != 0) {
        return err_set(err, ERR_IO, "work_dir %s: %s", configured, strerror(errno));
    }
    s->path = mem_strdup(slice_str(configured));
    return OK;
}

enum err_code scratch_open(struct scratch *s, const char *configured, struct err *err)
{
    const char *parent = scratch_parent();

    *s = (struct scratch){.lock = -1};
    if (configured != NULL) {
        return scratch_use(s, configured, err);
    }
    if (!scratch_make(s, parent)) {
        return err_set(err, ERR_IO, "no directory to work in below %s: %s", parent,
                       strerror(errno));
    }
    scratch_remove_left(parent); /* not our own: we hold its lock */
    return OK;
}

void scratch_close(struct scratch *s)
{
    if (s->lock >= 0) {
        scratch_remove(s->path);
        (void)close(s->lock);
    }
    mem_free(s->path);
    *s = (struct scratch){.lock = -1};
}
