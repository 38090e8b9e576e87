/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/handler/invocation.h"

#include <unistd.h>

#include "proto/base/json.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "proto/host/clock.h"

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

/* When the task is ended, since 1970; 0: never. */
static int64_t deadline_ms(const struct lease *l)
{
    int64_t own = handler_function(l)->limits.timeout_ms;
    int64_t lease = (int64_t)l->grant.timeout_ms;
    int64_t least = own > 0 && (lease <= 0 || own < lease) ? own : lease;

    return least > 0 ? clock_wall_ms() + least : 0;
}

struct slice invocation_begin(const struct lease *l, const char *directory, struct arena *a)
{
    const struct lease_grant *g = &l->grant;
    struct json_builder b = json_build_object(a);
    const struct {
        struct slice name;
        struct slice text;
    } texts[] = {
        {SLICE("function"), slice_str(handler_function(l)->name)},
        {SLICE("version"), invocation_version(g)},
        {SLICE("requestId"), invocation_request_id(g, a)},
        {SLICE("execution"), g->execution_arn},
        {SLICE("state"), g->state},
        {SLICE("directory"), slice_str(directory)},
        {SLICE("credentials"), g->credentials},
        {SLICE("trace"), g->trace},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].text.len != 0) {
            json_put(&b, texts[i].name, json_string(a, texts[i].text));
        }
    }
    json_put(&b, SLICE("attempt"), json_integer(a, g->attempt));
    json_put(&b, SLICE("deadlineMs"), json_integer(a, deadline_ms(l)));
    json_put(&b, SLICE("submits"), json_bool(g->submits));
    return json_print(json_built(&b), a);
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
