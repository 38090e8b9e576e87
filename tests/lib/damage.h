/* SPDX-License-Identifier: Apache-2.0 */
/* Real databases to be damaged: one is made for a program, each test gets a copy of it. Files of a
 * closed database stand for those of a crashed process: all that is synced is there, and the log is
 * not emptied. For test_store_damage.c and test_store_refusal.c, which include it once each. */
#ifndef STEPFLEET_TESTS_LIB_DAMAGE_H
#define STEPFLEET_TESTS_LIB_DAMAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coordinator/store/store.h"

enum {
    OLD_BATCHES = 40, /* in tables */
    BATCHES = 100,    /* the rest in the log */
};

struct fixture {
    char dir[64];
    char before[96]; /* DIR/synced as it was before the last batch */
};

/* ---- Files ---- */

static inline void path_of(const struct fixture *f, const char *name, char path[512])
{
    (void)snprintf(path, 512, "%s/%s", f->dir, name);
}

/* The one file whose name has these ends; the last by name where there are several. */
static inline void
find(const struct fixture *f, const char *begins, const char *ends, char path[512])
{
    DIR *d = opendir(f->dir);
    struct dirent *e;
    char best[256] = "";

    assert_non_null(d);
    while ((e = readdir(d)) != NULL) {
        struct slice name = slice_str(e->d_name);

        if (slice_starts_with(name, slice_str(begins)) && slice_ends_with(name, slice_str(ends)) &&
            strcmp(e->d_name, best) > 0) {
            strcpy(best, e->d_name);
        }
    }
    (void)closedir(d);
    assert_true(best[0] != '\0');
    path_of(f, best, path);
}

static inline off_t size_of(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

static inline void cut(const char *path, off_t size)
{
    assert_int_equal(truncate(path, size), 0);
}

static inline void flip(const char *path, off_t at, unsigned char bits)
{
    int fd = open(path, O_RDWR);
    unsigned char byte;

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= bits;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static inline void append(const char *path, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    close(fd);
}

static inline void copy(const char *from, const char *to)
{
    char bytes[8192];
    int in = open(from, O_RDONLY);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t n;

    assert_true(in >= 0 && out >= 0);
    while ((n = read(in, bytes, sizeof(bytes))) > 0) {
        assert_int_equal(write(out, bytes, (size_t)n), n);
    }
    close(in);
    close(out);
}

static inline int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

/* ---- Databases ---- */

static inline enum err_code open_store(const struct fixture *f, struct store **s, struct err *err)
{
    struct store_config c = {.dir = f->dir, .verify = true};

    return store_open_rocks(&c, s, err);
}

static inline struct store *open_ok(const struct fixture *f)
{
    struct store *s = NULL;
    struct err err = {OK, ""};

    if (open_store(f, &s, &err) != OK) {
        fail_msg("%s", err.msg);
    }
    return s;
}

static inline void refuses(const struct fixture *f, enum err_code want, const char *words)
{
    struct store *s = NULL;
    struct err err = {OK, ""};
    enum err_code rc = open_store(f, &s, &err);

    if (rc == OK) {
        store_close(s);
        fail_msg("opened, though: %s", words);
    }
    if (rc != want || strstr(err.msg, words) == NULL) {
        fail_msg("want %d \"%s\", got %d: %s", want, words, rc, err.msg);
    }
}

/* Damaged it stays: trying again is no repair. */
static inline void stays_refused(const struct fixture *f, const char *words)
{
    refuses(f, ERR_CORRUPT, words);
    refuses(f, ERR_CORRUPT, words);
}

static inline enum err_code write_batch(struct store *s, unsigned n, size_t bytes, struct err *err)
{
    struct store_batch *b = store_batch_new(s);
    char key[16];
    char *value = malloc(bytes);
    enum err_code rc;

    for (size_t i = 0; i < bytes; i++) {
        value[i] = (char)(n + i * 31 + i * i % 251); /* that does not compress to nothing */
    }
    (void)snprintf(key, sizeof(key), "%06u", n);
    store_put(b, CF_EXECUTION, slice_str(key), slice_make(value, bytes));
    store_put(b, CF_NAME, slice_str(key), slice_str(key));
    rc = store_write(s, b, err);
    store_batch_free(b);
    free(value);
    return rc;
}

static inline void write_batches(struct store *s, unsigned from, unsigned to)
{
    struct err err = {OK, ""};

    for (unsigned n = from; n <= to; n++) {
        if (write_batch(s, n, 300, &err) != OK) {
            fail_msg("%s", err.msg);
        }
    }
}

static inline void has_batches(struct store *s, unsigned last)
{
    struct buf b = {0};
    char key[16];
    struct err err;

    assert_int_equal(store_batch_number(s), last);
    for (unsigned n = 1; n <= last; n++) {
        (void)snprintf(key, sizeof(key), "%06u", n);
        buf_reset(&b);
        assert_int_equal(store_get(s, CF_EXECUTION, slice_str(key), &b, &err), OK);
        assert_int_equal(store_get(s, CF_NAME, slice_str(key), &b, &err), OK);
    }
    (void)snprintf(key, sizeof(key), "%06u", last + 1);
    assert_int_equal(store_get(s, CF_NAME, slice_str(key), &b, &err), ERR_NOT_FOUND);
    buf_fini(&b);
}

/* Where a sync costs nothing, if there is such a place: the tests need files, not a disk. */
static inline bool make_dir(char dir[64])
{
    strcpy(dir, "/dev/shm/test_store_damage.XXXXXX");
    if (mkdtemp(dir) != NULL) {
        return true;
    }
    strcpy(dir, "/tmp/test_store_damage.XXXXXX");
    return mkdtemp(dir) != NULL;
}

static inline void remove_dir(const char *dir)
{
    (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void copy_dir(const char *from, const char *to)
{
    DIR *d = opendir(from);
    struct dirent *e;

    assert_non_null(d);
    while ((e = readdir(d)) != NULL) {
        char source[512];
        char target[512];

        (void)snprintf(source, sizeof(source), "%s/%s", from, e->d_name);
        (void)snprintf(target, sizeof(target), "%s/%s", to, e->d_name);
        if (e->d_name[0] != '.') {
            copy(source, target);
        }
    }
    (void)closedir(d);
}

/* What every test begins with: OLD_BATCHES in tables, the others in the log, closed. */
static struct fixture whole;

static inline int setup_whole(void **state)
{
    struct store *s;
    char path[512];

    (void)state;
    if (!make_dir(whole.dir)) {
        return -1;
    }
    (void)snprintf(whole.before, sizeof(whole.before), "%s.before", whole.dir);
    s = open_ok(&whole);
    write_batches(s, 1, OLD_BATCHES);
    store_close(s);
    s = open_ok(&whole);
    write_batches(s, OLD_BATCHES + 1, BATCHES - 1);
    path_of(&whole, "synced", path);
    copy(path, whole.before);
    write_batches(s, BATCHES, BATCHES);
    store_close(s);
    return 0;
}

static inline int teardown_whole(void **state)
{
    (void)state;
    remove_dir(whole.dir);
    (void)unlink(whole.before);
    return 0;
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    if (!make_dir(f->dir)) {
        return -1;
    }
    (void)snprintf(f->before, sizeof(f->before), "%s.before", f->dir);
    copy(whole.before, f->before);
    copy_dir(whole.dir, f->dir);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;

    remove_dir(f->dir);
    (void)unlink(f->before);
    free(f);
    return 0;
}

/* As a loss of power leaves it: what is known beside the log is one batch behind. */
static inline void forget_last(const struct fixture *f)
{
    char path[512];

    path_of(f, "synced", path);
    copy(f->before, path);
}

#endif
