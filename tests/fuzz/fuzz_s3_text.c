/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of the object store beside what a server answers: an endpoint, a percent-encoded name, the
 * record of an upload in a directory store. The first byte says which. */
#include <assert.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client/s3/file.h"
#include "client/s3/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_endpoint(struct slice text)
{
    struct request_site site = {0};
    struct err err = {0};
    enum err_code rc = request_site_parse(text, &site, &err);

    if (rc != OK) {
        assert(rc == ERR_CONFIG && err.code == rc && err.msg[0] != '\0');
        return;
    }
    assert(site.host.len > 0 && slice_find(site.host, '@') == site.host.len);
    assert(slice_starts_with(slice_from(site.origin, slice_find(site.origin, '/') + 2), site.host));
    assert(site.origin.len + site.base.len <= text.len);
}

static void fuzz_encoding(struct slice text, struct arena *a)
{
    struct slice out;

    assert(sign_decode(sign_encode(text, false, a), a, &out) && slice_eq(out, text));
    if (sign_decode(text, a, &out)) {
        assert(out.len <= text.len);
    }
}

static size_t lines(struct slice text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++) {
        n += text.ptr[i] == '\n';
    }
    return n;
}

static void fuzz_record(struct slice text, struct arena *a)
{
    int fd = memfd_create("record", MFD_CLOEXEC);
    struct file_record r = {0};
    struct err err = {0};
    char path[64];
    enum err_code rc;

    assert(fd >= 0 && write(fd, text.ptr, text.len) == (ssize_t)text.len);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    rc = file_record_read(path, a, &r, &err);
    assert(rc == OK || (rc == ERR_NOT_FOUND && err.code == rc && err.msg[0] != '\0'));
    if (rc == OK) {
        assert(r.bucket.len + r.key.len + r.mark.len < text.len);
        assert(lines(text) >= 4); /* whole ones */
    }
    (void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};

    if (size > 0) {
        struct slice text = slice_make(data + 1, size - 1);

        switch (data[0] % 3) {
        case 0: fuzz_endpoint(text); break;
        case 1: fuzz_encoding(text, &a); break;
        default: fuzz_record(text, &a); break;
        }
    }
    arena_fini(&a);
    return 0;
}
