/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler writes: as its result, its error, the end of its stderr, its heartbeats and the
 * job it has begun. The first three bytes say how it ended, whether too much was said, and in what
 * pieces its bytes come, which must not matter. */
#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/json.h"
#include "proto/base/limits.h"
#include "worker/handler/invocation.h"
#include "worker/handler/result.h"
#include "worker/handler/run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_json(struct slice text, struct arena *a)
{
    const struct json_node *v;

    assert(json_parse(text, a, &v, NULL) == OK);
}

static void fuzz_result(uint8_t how, bool cut, struct slice text, struct arena *a)
{
    struct tail tail = {0};
    struct handler_end e = {
        .exit = {.cause = (enum process_cause)(how % (PROCESS_LOST + 1))},
        .command = "handler",
        .text = text,
        .text_cut = cut,
        .text_max = text.len,
        .deadline_ms = 1000,
    };
    struct lease_result r = {0};

    /* as of wait(2): 0, status 1 or SIGKILL */
    e.exit.status = how < 128 ? 0 : (how & 0x40) != 0 ? 9 : 1 << 8;
    tail_put(&tail, text);
    e.tail = tail_text(&tail);
    result_judge(&e, a, &r);
    if (r.failed) {
        assert(r.error.len > 0 && r.error.len <= LIMIT_ERROR_BYTES);
        assert(r.cause.len > 0 && r.cause.len <= LIMIT_CAUSE_BYTES);
    } else {
        assert(e.exit.cause == PROCESS_ENDED && e.exit.status == 0 && !cut);
        must_be_json(r.result, a);
    }
}

static void fuzz_log(struct slice text, struct arena *a)
{
    struct handler_function f = {.name = "f"};
    struct lease l = {.function = &f.lease};
    struct process_exit exit = {0};
    struct tail tail = {0};

    tail_put(&tail, text);
    assert(invocation_log(&l, &exit, &tail, a).len <= LIMIT_LOG_TAIL_BYTES);
}

/* In pieces of so many bytes; false: there is none. */
static bool submit(struct slice text, size_t piece, struct arena *a, struct slice *out)
{
    struct submission s = {0};
    struct err err;
    bool taken;

    while (text.len > 0) {
        size_t n = piece < text.len ? piece : text.len;

        submission_put(&s, slice_head(text, n));
        text = slice_from(text, n);
    }
    submission_end(&s);
    taken = submission_ready(&s) && submission_take(&s, a, out, &err) == OK;
    assert(!submission_ready(&s));
    submission_fini(&s);
    return taken;
}

static void fuzz_submission(struct slice text, size_t piece, struct arena *a)
{
    struct slice once = {0};
    struct slice again = {0};
    bool taken = submit(text, text.len, a, &once);

    assert(submit(text, piece, a, &again) == taken && slice_eq(once, again));
    if (taken) {
        must_be_json(once, a);
    }
}

static void fuzz_heartbeat(struct slice text)
{
    struct run run = {0};
    struct err err;
    int ends[2];

    assert(process_pipe(0, ends, &err) == OK);
    assert(write(ends[1], text.ptr, text.len) == (ssize_t)text.len);
    process_close(&ends[1]);
    run.near[PROCESS_HEARTBEAT] = ends[0];
    while (run_read_heartbeat(&run) > 0) {
    }
    assert(run.beats == text.len && strlen(run.note) < sizeof(run.note));
    process_close(&ends[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct slice text;

    if (size > 3) {
        text = slice_from(slice_make(data, size), 3);
        fuzz_result(data[0], data[1] > 250, text, &a);
        fuzz_log(text, &a);
        fuzz_submission(text, (size_t)data[2] + 1, &a);
        fuzz_heartbeat(text);
    }
    arena_fini(&a);
    return 0;
}
