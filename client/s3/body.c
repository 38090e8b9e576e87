/* SPDX-License-Identifier: Apache-2.0 */
#include "client/s3/body.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/arena.h"

enum { BODY_PATH_BYTES = 4096 };

/* ---- The pool ---- */

static void pool_grow(struct body_pool *p, uint64_t bytes)
{
    size_t total = (size_t)((bytes + BODY_PIECE_BYTES - 1) / BODY_PIECE_BYTES);

    if (total > p->total) {
        p->idle = mem_realloc(p->idle, total * sizeof(p->idle[0]));
        p->total = total;
    }
}

void body_pool_init(struct body_pool *p, uint64_t bytes, const char *spill)
{
    p->spill = spill;
    pool_grow(p, bytes);
}

void body_pool_fini(struct body_pool *p)
{
    assert(p->idle_count == p->made);
    for (size_t i = 0; i < p->idle_count; i++) {
        mem_free(p->idle[i]);
    }
    mem_free(p->idle);
    *p = (struct body_pool){0};
}

/* NULL: all are in use. */
static char *pool_take(struct body_pool *p)
{
    if (p->idle_count > 0) {
        return p->idle[--p->idle_count];
    }
    if (p->made == p->total) {
        return NULL;
    }
    p->made++;
    return mem_alloc(BODY_PIECE_BYTES);
}

/* ---- The file ---- */

static enum err_code file_failure(struct err *err)
{
    int error = errno;

    return err_set(err, error == ENOSPC || error == EDQUOT ? ERR_NO_SPACE : ERR_IO,
                   "keep a part in a file: %s", strerrordesc_np(error));
}

static enum err_code file_open(struct body *b, const char *directory, struct err *err)
{
    char path[BODY_PATH_BYTES];
    int n = snprintf(path, sizeof(path), "%s/part-XXXXXX", directory);

    if (n < 0 || (size_t)n >= sizeof(path)) {
        return err_set(err, ERR_CONFIG, "the directory for parts has too long a name");
    }
    b->file = mkostemp(path, O_CLOEXEC);
    if (b->file < 0) {
        return file_failure(err);
    }
    (void)unlink(path);
    return OK;
}

/* The window into the file. */
static enum err_code file_write(struct body *b, struct err *err)
{
    for (size_t done = 0; done < b->window_len;) {
        ssize_t n = pwrite(b->file, b->pieces[0] + done, b->window_len - done,
                           (off_t)(b->window_at + done));

        if (n < 0 && errno != EINTR) {
            return file_failure(err);
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return OK;
}

/* The file into the window, from `at` on. */
static void file_read(struct body *b, uint64_t at)
{
    ssize_t n;

    do {
        n = pread(b->file, b->pieces[0], BODY_PIECE_BYTES, (off_t)at);
    } while (n < 0 && errno == EINTR);
    b->window_at = at;
    b->window_len = n > 0 ? (size_t)n : 0;
}

/* ---- The body ---- */

void body_init(struct body *b)
{
    *b = (struct body){.file = -1};
}

enum err_code body_begin(struct body *b, struct body_pool *p, uint64_t most, struct err *err)
{
    assert(b->piece_count == 0 && b->file < 0);
    if (most <= (uint64_t)p->total * BODY_PIECE_BYTES) {
        return OK;
    }
    if (p->spill != NULL) {
        return file_open(b, p->spill, err);
    }
    pool_grow(p, most);
    return OK;
}

/* One more piece at the end; false: there is none. */
static bool body_extend(struct body *b, struct body_pool *p)
{
    char *piece = pool_take(p);

    if (piece == NULL) {
        return false;
    }
    if (b->piece_count == b->piece_cap) {
        b->piece_cap = b->piece_cap == 0 ? 32 : b->piece_cap * 2;
        b->pieces = mem_realloc(b->pieces, b->piece_cap * sizeof(b->pieces[0]));
    }
    b->pieces[b->piece_count++] = piece;
    return true;
}

enum err_code
body_room(struct body *b, struct body_pool *p, char **where, size_t *room, struct err *err)
{
    uint64_t used = b->file < 0 ? b->bytes : b->window_len;

    if (b->file >= 0 && b->window_len == BODY_PIECE_BYTES) {
        enum err_code rc = file_write(b, err);

        if (rc != OK) {
            return rc;
        }
        b->window_at += b->window_len;
        used = b->window_len = 0;
    }
    if (used == (uint64_t)b->piece_count * BODY_PIECE_BYTES && !body_extend(b, p)) {
        *where = NULL;
        *room = 0;
        return OK;
    }
    used -= (uint64_t)(b->piece_count - 1) * BODY_PIECE_BYTES;
    *where = b->pieces[b->piece_count - 1] + used;
    *room = BODY_PIECE_BYTES - (size_t)used;
    return OK;
}

void body_add(struct body *b, size_t bytes)
{
    b->bytes += bytes;
    if (b->file >= 0) {
        b->window_len += bytes;
    }
}

enum err_code body_seal(struct body *b, struct err *err)
{
    return b->file >= 0 ? file_write(b, err) : OK;
}

bool body_at(struct body *b, uint64_t at, struct slice *out)
{
    size_t into = (size_t)(at % BODY_PIECE_BYTES);
    uint64_t left = b->bytes - at;

    assert(at <= b->bytes);
    *out = (struct slice){"", 0};
    if (left == 0) {
        return true;
    }
    if (b->file < 0) {
        *out = slice_make(b->pieces[at / BODY_PIECE_BYTES] + into, BODY_PIECE_BYTES - into);
        *out = slice_head(*out, left < out->len ? (size_t)left : out->len);
        return true;
    }
    if (at < b->window_at || at >= b->window_at + b->window_len) {
        file_read(b, at);
    }
    *out =
        slice_make(b->pieces[0] + (at - b->window_at), b->window_len - (size_t)(at - b->window_at));
    return out->len > 0;
}

void body_end(struct body *b, struct body_pool *p)
{
    while (b->piece_count > 0) {
        p->idle[p->idle_count++] = b->pieces[--b->piece_count];
    }
    if (b->file >= 0) {
        (void)close(b->file);
    }
    b->file = -1;
    b->bytes = b->window_at = 0;
    b->window_len = 0;
}

void body_fini(struct body *b, struct body_pool *p)
{
    body_end(b, p);
    mem_free(b->pieces);
    b->pieces = NULL;
    b->piece_cap = 0;
}
