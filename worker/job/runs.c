/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/job/runs.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/arena.h"

enum { RUNS_WRITE_BYTES = 1024 * 1024 };

/* ---- Files ---- */

enum err_code runs_file(const char *directory, int *fd, struct err *err)
{
    struct arena a = {0};
    char *path = arena_str(&a, arena_printf(&a, "%s/runs-XXXXXX", directory));
    enum err_code rc = OK;

    *fd = mkostemp(path, O_CLOEXEC);
    if (*fd < 0) {
        rc = err_set(err, ERR_IO, "no file for sorted records, %s: %s", path, strerror(errno));
    } else {
        (void)unlink(path);
    }
    arena_fini(&a);
    return rc;
}

enum err_code runs_append(int fd, struct slice bytes, struct err *err)
{
    while (bytes.len != 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);

        if (n < 0 && errno != EINTR) {
            return err_set(err, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO,
                           "writing sorted records: %s", strerror(errno));
        }
        bytes = slice_from(bytes, n > 0 ? (size_t)n : 0);
    }
    return OK;
}

/* ---- One merge ---- */

void run_merge_open(struct run_merge *m,
                    const struct run_piece *pieces,
                    size_t count,
                    run_bring *bring,
                    void *arg)
{
    assert(count <= RUNS_WAYS);
    *m = (struct run_merge){.count = count, .bring = bring, .arg = arg};
    m->readers = mem_zalloc(count + 1, sizeof(m->readers[0]));
    m->pieces = mem_zalloc(count + 1, sizeof(m->pieces[0]));
    m->read = mem_zalloc(count + 1, sizeof(m->read[0]));
    m->bytes = bring == NULL ? mem_alloc((count + 1) * RUNS_READ_BYTES) : NULL;
    for (size_t i = 0; i < count; i++) {
        m->pieces[i] = pieces[i];
        items_run_reader_init(&m->readers[i], &pieces[i].part);
    }
    items_merge_init(&m->merge, m->readers, count);
}

void run_merge_close(struct run_merge *m)
{
    if (m->readers == NULL) {
        return;
    }
    items_merge_fini(&m->merge);
    for (size_t i = 0; i < m->count; i++) {
        items_run_reader_fini(&m->readers[i]);
    }
    mem_free(m->readers);
    mem_free(m->pieces);
    mem_free(m->read);
    mem_free(m->bytes);
}

/* The next bytes of a piece in a file. */
static enum err_code merge_read(struct run_merge *m, size_t i, struct slice *out, struct err *err)
{
    const struct run_piece *p = &m->pieces[i];
    char *bytes = m->bytes + i * RUNS_READ_BYTES;
    uint64_t left = p->part.bytes - m->read[i];
    size_t want = left < RUNS_READ_BYTES ? (size_t)left : RUNS_READ_BYTES;
    ssize_t n;

    do {
        n = pread(p->fd, bytes, want, (off_t)(p->at + m->read[i]));
    } while (n < 0 && errno == EINTR);
    if (n <= 0) {
        return err_set(err, ERR_IO, "reading sorted records: %s",
                       n < 0 ? strerror(errno) : "the file ends");
    }
    *out = slice_make(bytes, (size_t)n);
    return OK;
}

static enum err_code merge_feed(struct run_merge *m, size_t i, struct err *err)
{
    struct slice some;
    enum err_code rc =
        m->bring != NULL ? m->bring(m->arg, i, &some, err) : merge_read(m, i, &some, err);

    if (rc == OK) {
        m->read[i] += some.len;
        items_run_feed(&m->readers[i], some);
    }
    return rc;
}

enum err_code
run_merge_next(struct run_merge *m, struct items_entry *out, bool *end, struct err *err)
{
    *end = m->count == 0;
    while (!*end) {
        size_t input = 0;
        enum err_code rc = OK;

        switch (items_merge_next(&m->merge, out, &input, err)) {
        case ITEMS_RECORD: *end = false; return OK;
        case ITEMS_END: *end = true; return OK;
        case ITEMS_MORE: rc = merge_feed(m, input, err); break;
        case ITEMS_BAD:
        case ITEMS_FAILED: return err->code;
        }
        if (rc != OK) {
            return rc;
        }
    }
    return OK;
}

/* ---- Rounds ---- */

/* Some runs become one, behind what `to` has already. */
static enum err_code merge_into(const struct run_piece *pieces,
                                size_t count,
                                int to,
                                uint64_t *at,
                                struct run_piece *made,
                                struct err *err)
{
    struct items_run_writer w;
    struct items_entry e;
    struct run_merge m;
    struct buf out = {0};
    bool end = false;
    enum err_code rc = OK;

    run_merge_open(&m, pieces, count, NULL, NULL);
    items_run_writer_init(&w, &out, 1);
    while (rc == OK && !end) {
        rc = run_merge_next(&m, &e, &end, err);
        if (rc == OK && !end) {
            items_run_put(&w, 0, &e);
        } else if (rc == OK) {
            items_run_finish(&w);
        }
        if (rc == OK && (end || out.len >= RUNS_WRITE_BYTES)) {
            rc = runs_append(to, buf_slice(&out), err);
            buf_reset(&out);
        }
    }
    *made = (struct run_piece){.fd = to, .at = *at, .part = w.parts[0]};
    *at += w.offset;
    items_run_writer_fini(&w);
    run_merge_close(&m);
    buf_fini(&out);
    return rc;
}

/* One round: every RUNS_WAYS of them become one, in a new file. */
static enum err_code
runs_round(const char *directory, struct run_piece *pieces, size_t *count, int *fd, struct err *err)
{
    size_t made = 0;
    uint64_t at = 0;
    enum err_code rc = runs_file(directory, fd, err);

    for (size_t i = 0; rc == OK && i < *count; i += RUNS_WAYS) {
        size_t n = *count - i < RUNS_WAYS ? *count - i : RUNS_WAYS;
        struct run_piece one = {.fd = -1};

        rc = merge_into(pieces + i, n, *fd, &at, &one, err);
        pieces[made++] = one;
    }
    if (rc == OK) {
        *count = made;
    }
    return rc;
}

enum err_code runs_reduce(const char *directory,
                          struct run_piece *pieces,
                          size_t *count,
                          int *fd,
                          struct err *err)
{
    enum err_code rc = OK;
    int before = -1;

    *fd = -1;
    while (rc == OK && *count > RUNS_WAYS) {
        before = *fd;
        rc = runs_round(directory, pieces, count, fd, err);
        if (before >= 0) {
            (void)close(before);
        }
    }
    if (rc != OK && *fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
    return rc;
}
