/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/handler/invocation.h"

#include <unistd.h>

#include "proto/base/buf.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"

_Static_assert((int)PROCESS_TAIL_BYTES >= (int)LIMIT_LOG_TAIL_BYTES, "what is kept of stderr");

struct slice invocation_request_id(const struct lease_grant *g, struct arena *a)
{
    char *text = arena_alloc(a, TEXT_UUID_BYTES);
    uint8_t bytes[16] = {0};

    /* Bytes 6 and 8 are the UUID's own. An epoch is a wall clock's seconds, far below 48 bits. */
    for (unsigned i = 0; i < 6; i++) {
        bytes[i] = (uint8_t)(g->token.epoch >> (40 - 8 * i));
    }
    for (unsigned i = 9; i < 16; i++) {
        bytes[i] = (uint8_t)(g->token.counter >> (8 * (15 - i)));
    }
    text_format_uuid(bytes, text);
    return slice_make(text, TEXT_UUID_BYTES);
}

struct slice invocation_version(const struct lease_grant *g)
{
    return g->qualifier.len != 0 ? g->qualifier : SLICE("$LATEST");
}

static unsigned long long megabytes(uint64_t bytes)
{
    return (unsigned long long)((bytes + (1 << 20) - 1) >> 20);
}

/* What the function may have: its limit, or the whole machine. */
static uint64_t memory_size(const struct handler_function *f)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    long bytes = sysconf(_SC_PAGESIZE);

    if (f->limits.memory_bytes != 0) {
        return f->limits.memory_bytes;
    }
    return pages > 0 && bytes > 0 ? (uint64_t)pages * (uint64_t)bytes : 0;
}

static void
put_report(struct buf *b, const struct lease *l, const struct process_exit *exit, struct slice id)
{
    unsigned long long us = (unsigned long long)exit->ran_us;
    unsigned long long billed = us > 1000 ? (us + 999) / 1000 : 1;

    buf_printf(b,
               "REPORT RequestId: %.*s\tDuration: %llu.%02llu ms\tBilled Duration: %llu ms\t"
               "Memory Size: %llu MB\tMax Memory Used: %llu MB\t\n",
               SLICE_FMT(id), us / 1000, us % 1000 / 10, billed,
               megabytes(memory_size(handler_function(l))), megabytes(exit->memory_bytes));
}

struct slice invocation_log(const struct lease *l,
                            const struct process_exit *exit,
                            const struct tail *tail,
                            struct arena *a)
{
    struct slice id = invocation_request_id(&l->grant, a);
    struct slice version = invocation_version(&l->grant);
    struct buf log = {0};
    struct slice kept;

    buf_printf(&log, "START RequestId: %.*s Version: %.*s\n", SLICE_FMT(id), SLICE_FMT(version));
    if (tail != NULL && tail->len != 0) {
        buf_put(&log, tail->bytes, tail->len);
        if (tail->bytes[tail->len - 1] != '\n') {
            buf_put_str(&log, "\n");
        }
    }
    buf_printf(&log, "END RequestId: %.*s\n", SLICE_FMT(id));
    put_report(&log, l, exit, id);
    kept = buf_slice(&log);
    if (kept.len > LIMIT_LOG_TAIL_BYTES) {
        kept = slice_from(kept, kept.len - LIMIT_LOG_TAIL_BYTES);
    }
    kept = arena_copy(a, kept);
    buf_fini(&log);
    return kept;
}
