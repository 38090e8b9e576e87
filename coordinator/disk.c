/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/disk.h"

#include <sys/statvfs.h>

#include "proto/base/limits.h"
#include "proto/base/slice.h"
#include "proto/base/text.h"

bool disk_judge(struct disk *d,
                const struct disk_reserve *reserve,
                uint64_t free_bytes,
                uint64_t size_bytes)
{
    bool was_short = d->is_short;
    uint64_t part = size_bytes / 100 * reserve->percent;

    d->free_bytes = free_bytes;
    d->size_bytes = size_bytes;
    d->reserve_bytes = part < reserve->bytes ? part : reserve->bytes;
    if (d->is_short) {
        d->is_short = free_bytes < d->reserve_bytes + d->reserve_bytes / 8;
    } else {
        d->is_short = free_bytes < d->reserve_bytes;
    }
    return d->is_short != was_short;
}

bool disk_look(struct disk *d, const struct disk_reserve *reserve, const char *path)
{
    struct statvfs fs;

    return statvfs(path, &fs) == 0 && disk_judge(d, reserve, (uint64_t)fs.f_bavail * fs.f_frsize,
                                                 (uint64_t)fs.f_blocks * fs.f_frsize);
}

enum err_code disk_reserve_parse(const char *text, struct disk_reserve *out, struct err *err)
{
    struct slice s = text != NULL ? slice_str(text) : SLICE("");
    uint64_t n;

    *out = (struct disk_reserve){LIMIT_DISK_RESERVE_BYTES, LIMIT_DISK_PERCENT};
    if (text == NULL) {
        return OK;
    }
    if (text_parse_bytes(s, &n)) {
        *out = (struct disk_reserve){n, 100};
        return OK;
    }
    if (s.len > 1 && s.ptr[s.len - 1] == '%' && text_parse_u64(slice_head(s, s.len - 1), &n) &&
        n <= LIMIT_DISK_PERCENT_MAX) {
        *out = (struct disk_reserve){UINT64_MAX, (unsigned)n};
        return OK;
    }
    return err_set(err, ERR_CONFIG,
                   "disk_reserve = %s: expected a size such as 1GiB, or 0%% to %d%%", text,
                   LIMIT_DISK_PERCENT_MAX);
}
