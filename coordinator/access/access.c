/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/access/access.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/host/log.h"

struct access {
    const char *path; /* NULL: nothing is asked for */
    struct audit *audit;
    /* The renewing thread's: what the file was when it was read. */
    struct timespec modified;
    ino_t inode;

    atomic_uint_fast64_t version; /* from 1 on */
    pthread_mutex_t lock;
    /* locked: */
    struct arena arena;
    struct tokens tokens;
};

/* ---- the file ---- */

static enum err_code system_fail(const char *path, struct err *err)
{
    return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_CONFIG, "cannot read %s: %s", path,
                   strerror(errno));
}

static enum err_code read_whole(int fd, const char *path, struct buf *out, struct err *err)
{
    enum { STEP_BYTES = 64 * 1024 };

    for (;;) {
        ssize_t n = read(fd, buf_reserve(out, STEP_BYTES), STEP_BYTES);

        if (n == 0) {
            return OK;
        }
        if (n < 0 && errno != EINTR) {
            return system_fail(path, err);
        }
        out->len += n > 0 ? (size_t)n : 0;
        if (out->len > LIMIT_TOKENS_BYTES) {
            return err_set(err, ERR_CONFIG, "%s is larger than %d bytes", path, LIMIT_TOKENS_BYTES);
        }
    }
}

/* Whoever may change the file lets in whom he likes. */
static enum err_code check_owner(const struct stat *st, const char *path, struct err *err)
{
    if ((st->st_uid != 0 && st->st_uid != geteuid()) || (st->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return err_set(err, ERR_CONFIG,
                       "%s may be changed by others: it must be this user's or root's, and "
                       "writable by nobody else (chmod go-w)",
                       path);
    }
    return OK;
}

static enum err_code
read_tokens(const char *path, struct arena *a, struct tokens *out, struct stat *st, struct err *err)
{
    struct buf text = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum err_code rc;

    if (fd < 0) {
        return system_fail(path, err);
    }
    rc = fstat(fd, st) == 0 ? check_owner(st, path, err) : system_fail(path, err);
    if (rc == OK) {
        rc = read_whole(fd, path, &text, err);
    }
    if (rc == OK) {
        rc = tokens_parse(buf_slice(&text), a, out, err);
        if (rc != OK) {
            err_wrap(err, "%s", path);
        }
    }
    (void)close(fd);
    buf_fini(&text);
    return rc;
}

static void remember_file(struct access *a, const struct stat *st)
{
    a->modified = st->st_mtim;
    a->inode = st->st_ino;
}

static bool is_changed(const struct access *a, const struct stat *st)
{
    return st->st_ino != a->inode || st->st_mtim.tv_sec != a->modified.tv_sec ||
           st->st_mtim.tv_nsec != a->modified.tv_nsec;
}

/* ---- opening and renewing ---- */

enum err_code access_open(const char *path, struct access **out, struct err *err)
{
    struct access *a = mem_zalloc(1, sizeof(*a));
    struct stat st;
    enum err_code rc = OK;

    a->path = path;
    atomic_init(&a->version, 1);
    (void)pthread_mutex_init(&a->lock, NULL);
    if (path != NULL) {
        rc = read_tokens(path, &a->arena, &a->tokens, &st, err);
    }
    if (rc != OK) {
        access_close(a);
        return rc;
    }
    if (path != NULL) {
        remember_file(a, &st);
    }
    *out = a;
    return OK;
}

void access_close(struct access *a)
{
    if (a != NULL) {
        arena_fini(&a->arena);
        (void)pthread_mutex_destroy(&a->lock);
        mem_free(a);
    }
}

bool access_asks(const struct access *a)
{
    return a->path != NULL;
}

void access_record(struct access *a, struct audit *audit)
{
    a->audit = audit;
}

struct audit *access_audit(const struct access *a)
{
    return a != NULL ? a->audit : NULL;
}

static void put_in_force(struct access *a, struct arena *arena, const struct tokens *tokens)
{
    struct arena old;

    (void)pthread_mutex_lock(&a->lock);
    old = a->arena;
    a->arena = *arena;
    a->tokens = *tokens;
    (void)atomic_fetch_add(&a->version, 1);
    (void)pthread_mutex_unlock(&a->lock);
    arena_fini(&old);
}

bool access_renew(struct access *a, bool force)
{
    struct tokens tokens;
    struct arena arena = {0};
    struct stat st;
    struct err err;

    if (a->path == NULL || (!force && stat(a->path, &st) == 0 && !is_changed(a, &st))) {
        return false;
    }
    if (read_tokens(a->path, &arena, &tokens, &st, &err) != OK) {
        log_error("the tokens stay as they were: %s", err.msg);
        arena_fini(&arena);
        return false;
    }
    remember_file(a, &st);
    put_in_force(a, &arena, &tokens);
    log_info("tokens: file=%s count=%zu", a->path, tokens.count);
    return true;
}

/* ---- who is it? ---- */

static bool shows_the_same(const struct access_peer *p, struct slice secret)
{
    return p->bytes == secret.len && CRYPTO_memcmp(p->secret, secret.ptr, secret.len) == 0;
}

static void remember_peer(struct access_peer *p, const struct token_row *row, uint64_t version)
{
    p->version = version;
    p->who.kind = row->kind == TOKEN_WORKER ? CALLER_WORKER : CALLER_CONTROL;
    p->who.role = row->role;
    memcpy(p->who.name, row->name.ptr, row->name.len);
    p->who.name[row->name.len] = '\0';
    memcpy(p->who.digest, row->digest, sizeof(row->digest));
}

static bool find_peer(struct access *a, struct access_peer *p, const uint8_t *digest)
{
    const struct token_row *row;

    (void)pthread_mutex_lock(&a->lock);
    row = tokens_find(&a->tokens, digest);
    if (row != NULL) {
        remember_peer(p, row, atomic_load(&a->version));
    }
    (void)pthread_mutex_unlock(&a->lock);
    return row != NULL;
}

enum err_code
access_admit(struct access *a, struct access_peer *p, struct slice secret, struct err *err)
{
    uint8_t digest[TOKEN_DIGEST_BYTES];

    if (a->path == NULL) {
        return OK; /* zeroed, it is CALLER_LOCAL */
    }
    if (secret.len == 0) {
        return err_set(
            err, ERR_NO_TOKEN,
            "this coordinator asks for a token: name the file that has it (--token-file, "
            "token_file in the configuration, STEPFLEET_TOKEN_FILE)");
    }
    if (p->version == atomic_load(&a->version) && shows_the_same(p, secret)) {
        return OK;
    }
    if (secret.len <= sizeof(p->secret)) {
        (void)SHA256((const unsigned char *)secret.ptr, secret.len, digest);
        if (find_peer(a, p, digest)) {
            memcpy(p->secret, secret.ptr, secret.len);
            p->bytes = secret.len;
            return OK;
        }
    }
    return err_set(err, ERR_TOKEN,
                   "the token is none that this coordinator knows: it was never given, or is given "
                   "no more");
}

bool access_holds(struct access *a, const struct access_peer *p)
{
    bool found;

    if (a->path == NULL) {
        return true;
    }
    if (p->version == 0) {
        return false;
    }
    (void)pthread_mutex_lock(&a->lock);
    found = tokens_find(&a->tokens, p->who.digest) != NULL;
    (void)pthread_mutex_unlock(&a->lock);
    return found;
}

uint64_t access_version(struct access *a)
{
    return atomic_load(&a->version);
}

bool access_offers(struct access *a, const struct caller *who, struct slice function)
{
    const struct token_row *row;
    bool may;

    if (who->kind != CALLER_WORKER) {
        return who->kind == CALLER_LOCAL;
    }
    (void)pthread_mutex_lock(&a->lock);
    row = tokens_find(&a->tokens, who->digest);
    may = row != NULL && token_offers(row, function);
    (void)pthread_mutex_unlock(&a->lock);
    return may;
}

bool caller_may(const struct caller *who, unsigned method)
{
    int role = role_of_method(method);

    switch (who->kind) {
    case CALLER_LOCAL:
    case CALLER_TASK: return true;
    case CALLER_WORKER: return role <= ROLE_WORKER; /* one that is not there is answered so */
    case CALLER_KEY:
    case CALLER_CONTROL: return role < 0 || (role != ROLE_WORKER && role <= (int)who->role);
    case CALLER_STRANGER: break;
    }
    return false;
}
