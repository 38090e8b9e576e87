/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/job/unpack.h"

#include <assert.h>
#include <zlib.h>
#include <zstd.h>

#include "proto/base/arena.h"

enum {
    GZIP_WINDOW = 15 + 16, /* the largest window, and gzip's own head */
    GZIP_STEP_BYTES = 1 << 30,
};

struct unpack {
    enum plan_packing packing;
    z_stream gzip;
    ZSTD_DStream *zstd;
    uint64_t taken; /* packed bytes */
    bool open;      /* amid a member or frame */
};

enum plan_packing unpack_detect(struct slice key, struct slice head)
{
    if (slice_starts_with(head, SLICE("\x1f\x8b"))) {
        return PLAN_GZIP;
    }
    if (slice_starts_with(head, SLICE("\x28\xb5\x2f\xfd"))) {
        return PLAN_ZSTD;
    }
    return slice_ends_with(key, SLICE(".gz"))    ? PLAN_GZIP
           : slice_ends_with(key, SLICE(".zst")) ? PLAN_ZSTD
                                                 : PLAN_PLAIN;
}

struct slice unpack_name(struct slice key)
{
    size_t cut = slice_ends_with(key, SLICE(".gz"))    ? 3
                 : slice_ends_with(key, SLICE(".zst")) ? 4
                                                       : 0;

    return slice_head(key, key.len - cut);
}

struct unpack *unpack_new(enum plan_packing packing)
{
    struct unpack *u = mem_zalloc(1, sizeof(*u));

    assert(packing != PLAN_PLAIN);
    u->packing = packing;
    if (packing == PLAN_ZSTD) {
        u->zstd = ZSTD_createDStream();
    }
    if (packing == PLAN_ZSTD ? u->zstd == NULL : inflateInit2(&u->gzip, GZIP_WINDOW) != Z_OK) {
        die_no_memory(sizeof(*u));
    }
    return u;
}

void unpack_free(struct unpack *u)
{
    if (u == NULL) {
        return;
    }
    if (u->packing == PLAN_ZSTD) {
        (void)ZSTD_freeDStream(u->zstd);
    } else {
        (void)inflateEnd(&u->gzip);
    }
    mem_free(u);
}

/* One step: a member's end is a step's end too. */
static enum err_code gzip_step(struct unpack *u, struct slice *in, struct err *err)
{
    const uInt given = in->len < GZIP_STEP_BYTES ? (uInt)in->len : GZIP_STEP_BYTES;
    const uInt room = u->gzip.avail_out;
    int rc;

    if (!u->open && given != 0) {
        (void)inflateReset(&u->gzip); /* another member */
    }
    u->gzip.next_in = (Bytef *)(uintptr_t)in->ptr;
    u->gzip.avail_in = given;
    rc = inflate(&u->gzip, Z_NO_FLUSH);
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) {
        return err_set(err, ERR_VALIDATION, "byte %llu: not gzip: %s", (unsigned long long)u->taken,
                       u->gzip.msg != NULL ? u->gzip.msg : "it makes no sense");
    }
    if (given != u->gzip.avail_in || room != u->gzip.avail_out) {
        u->open = rc != Z_STREAM_END;
    }
    u->taken += given - u->gzip.avail_in;
    *in = slice_from(*in, given - u->gzip.avail_in);
    return OK;
}

/* The first step without packed bytes too: the last one may have had no room for all it knew. */
static enum err_code gzip_some(struct unpack *u,
                               struct slice *in,
                               char *out,
                               size_t room,
                               size_t *filled,
                               struct err *err)
{
    enum err_code rc = OK;

    u->gzip.next_out = (Bytef *)out;
    u->gzip.avail_out = room < GZIP_STEP_BYTES ? (uInt)room : GZIP_STEP_BYTES;
    if (in->len != 0 || u->open) {
        do {
            rc = gzip_step(u, in, err);
        } while (rc == OK && in->len != 0 && u->gzip.avail_out != 0);
    }
    *filled = (size_t)((char *)u->gzip.next_out - out);
    return rc;
}

static enum err_code zstd_some(struct unpack *u,
                               struct slice *in,
                               char *out,
                               size_t room,
                               size_t *filled,
                               struct err *err)
{
    ZSTD_outBuffer to = {out, room, 0};
    ZSTD_inBuffer from = {in->ptr, in->len, 0};
    size_t hint = ZSTD_decompressStream(u->zstd, &to, &from);

    u->taken += from.pos;
    *in = slice_from(*in, from.pos);
    *filled = to.pos;
    if (ZSTD_isError(hint)) {
        return err_set(err, ERR_VALIDATION, "byte %llu: not zstd: %s", (unsigned long long)u->taken,
                       ZSTD_getErrorName(hint));
    }
    if (from.pos != 0 || to.pos != 0) {
        u->open = hint != 0;
    }
    return OK;
}

enum err_code unpack_some(struct unpack *u,
                          struct slice *in,
                          char *out,
                          size_t room,
                          size_t *filled,
                          struct err *err)
{
    return u->packing == PLAN_ZSTD ? zstd_some(u, in, out, room, filled, err)
                                   : gzip_some(u, in, out, room, filled, err);
}

enum err_code unpack_end(const struct unpack *u, struct err *err)
{
    return !u->open ? OK
                    : err_set(err, ERR_VALIDATION, "byte %llu: the packed bytes are cut off",
                              (unsigned long long)u->taken);
}
