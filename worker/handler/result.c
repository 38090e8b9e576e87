/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/handler/result.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "proto/base/json.h"
#include "proto/base/limits.h"

enum { MESSAGE_BYTES = 8192 };

/* At most `len` bytes, whole characters. */
static struct slice cut(struct slice s, size_t len)
{
    size_t n = s.len <= len ? s.len : len;

    while (n > 0 && n < s.len && ((unsigned char)s.ptr[n] & 0xc0) == 0x80) {
        n--;
    }
    return slice_head(s, n);
}

/* JSON's own; strchr would take a NUL for one. */
static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct slice trim(struct slice s)
{
    while (s.len > 0 && is_space(s.ptr[0])) {
        s = slice_from(s, 1);
    }
    while (s.len > 0 && is_space(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

void result_vfail(struct lease_result *r,
                  struct arena *a,
                  const char *error,
                  const char *fmt,
                  va_list ap)
{
    char message[MESSAGE_BYTES];
    struct buf cause = {0};

    (void)vsnprintf(message, sizeof(message), fmt, ap);
    buf_put_str(&cause, "{\"errorType\":");
    json_write_string(slice_str(error), &cause);
    buf_put_str(&cause, ",\"errorMessage\":");
    json_write_string(slice_str(message), &cause);
    buf_put_str(&cause, "}");
    *r = (struct lease_result){
        .failed = true,
        .error = arena_copy(a, slice_str(error)),
        .cause = arena_copy(a, cut(buf_slice(&cause), LIMIT_CAUSE_BYTES)),
    };
    buf_fini(&cause);
}

void result_fail(struct lease_result *r, struct arena *a, const char *error, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    result_vfail(r, a, error, fmt, ap);
    va_end(ap);
}

/* The object a handler describes its error with, or NULL. */
static const struct json_node *error_object(struct slice text, struct arena *a)
{
    const struct json_node *v;

    if (json_parse(text, a, &v, NULL) != OK || !json_is(v, JSON_OBJECT)) {
        return NULL;
    }
    return json_is(json_member(v, SLICE("errorType")), JSON_STRING) ||
                   json_is(json_member(v, SLICE("errorMessage")), JSON_STRING)
               ? v
               : NULL;
}

/* The whole text, or its last line, where that is an error object: as it was written. */
static bool own_error(struct slice text, struct arena *a, struct lease_result *r)
{
    struct slice own = trim(text);
    size_t newline = slice_rfind(own, '\n');
    const struct json_node *v = error_object(own, a);
    struct slice type;

    if (v == NULL && newline != own.len) {
        own = slice_from(own, newline + 1);
        v = error_object(own, a);
    }
    if (v == NULL) {
        return false;
    }
    /* The text is the handler's output, which goes before the result does. */
    type = arena_copy(a, json_text(json_member(v, SLICE("errorType"))));
    *r = (struct lease_result){
        .failed = true,
        .error = type.len != 0 ? cut(type, LIMIT_ERROR_BYTES) : SLICE("Lambda.Unknown"),
        .cause = cut(arena_copy(a, own), LIMIT_CAUSE_BYTES),
    };
    return true;
}

static void died(const struct handler_end *e, struct arena *a, struct lease_result *r)
{
    int status = e->exit.status;
    const char *colon = e->tail.len != 0 ? ": " : "";
    const char *name = WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : NULL;

    if (WIFSIGNALED(status)) {
        result_fail(r, a, "Runtime.ExitError", "%s was killed by signal %d (SIG%s)%s%.*s",
                    e->command, WTERMSIG(status), name != NULL ? name : "?", colon,
                    SLICE_FMT(e->tail));
    } else {
        result_fail(r, a, "Runtime.ExitError", "%s exited with status %d%s%.*s", e->command,
                    WEXITSTATUS(status), colon, SLICE_FMT(e->tail));
    }
}

static void timed_out(const struct handler_end *e, struct arena *a, struct lease_result *r)
{
    bool own = e->timeout_ms > 0 && (e->deadline_ms <= 0 || e->timeout_ms <= e->deadline_ms);
    int64_t ms = own ? e->timeout_ms : e->deadline_ms;

    result_fail(r, a, own ? "Sandbox.Timedout" : "States.Timeout",
                "%s: Task timed out after %lld.%02lld seconds", e->command, (long long)(ms / 1000),
                (long long)(ms % 1000 / 10));
    r->timed_out = !own;
}

/* FAILURE, with what should be an error object. */
static void said_failed(const struct handler_end *e, struct arena *a, struct lease_result *r)
{
    if (!own_error(e->text, a, r)) {
        result_fail(r, a, "Lambda.Unknown", "%s failed, and what it says of it is no error: %.*s",
                    e->command, SLICE_FMT(cut(e->text, 200)));
    }
}

/* By the exit of its process. */
static bool exit_failure(const struct handler_end *e, struct arena *a, struct lease_result *r)
{
    switch (e->exit.cause) {
    case PROCESS_ENDED:
        if (e->word == HANDLER_EXIT && WIFEXITED(e->exit.status) &&
            WEXITSTATUS(e->exit.status) == 0) {
            return false;
        }
        if (!own_error(e->text, a, r)) {
            died(e, a, r);
        }
        return true;
    case PROCESS_NOT_RUN:
        result_fail(r, a, "Runtime.InvalidEntrypoint", "%s cannot be run: %s", e->command,
                    strerror(e->exit.error));
        return true;
    case PROCESS_TIMED_OUT: timed_out(e, a, r); return true;
    case PROCESS_TOO_MANY:
        result_fail(r, a, "Runtime.ExitError", "%s was ended: it had more processes than its limit",
                    e->command);
        return true;
    case PROCESS_STOPPED:
        result_fail(r, a, "Lambda.ServiceException", "%s was ended by its worker", e->command);
        return true;
    case PROCESS_LOST:
        result_fail(r, a, "Lambda.ServiceException", "the supervisor of %s was killed", e->command);
        return true;
    }
    return true;
}

bool result_failure(const struct handler_end *e, struct arena *a, struct lease_result *r)
{
    if (e->broken != NULL) {
        result_fail(r, a, "Runtime.MarshalError", "%s broke the framing of its answer: %s%s%.*s",
                    e->command, e->broken, e->tail.len != 0 ? "; stderr: " : "",
                    SLICE_FMT(e->tail));
        return true;
    }
    if (e->text_cut) { /* it was ended for that */
        result_fail(r, a, "Function.ResponseSizeTooLarge",
                    "Response payload size exceeded maximum allowed payload size (%zu bytes).",
                    e->text_max);
        return true;
    }
    switch (e->word) {
    case HANDLER_EXIT:
    case HANDLER_NO_WORD: return exit_failure(e, a, r);
    case HANDLER_RESULT: return false;
    case HANDLER_FAILURE: said_failed(e, a, r); return true;
    }
    return true;
}

void result_judge(const struct handler_end *e, struct arena *a, struct lease_result *r)
{
    struct slice text = trim(e->text);
    const struct json_node *v;
    struct err err;

    if (result_failure(e, a, r)) {
        return;
    }
    if (text.len == 0) {
        *r = (struct lease_result){.result = SLICE("null")};
        return;
    }
    if (json_parse(text, a, &v, &err) != OK) {
        struct slice head = cut(text, 200);

        result_fail(r, a, "Runtime.MarshalError", "%s answered what is not JSON (%s): %.*s",
                    e->command, err.msg, SLICE_FMT(head));
        return;
    }
    *r = (struct lease_result){.result = json_print(v, a)};
}

struct slice result_mark(const struct lease_grant *g, struct arena *a)
{
    struct slice who = g->execution_arn;
    struct slice rest =
        arena_printf(a, "/%llu/%u/%llu.%llu", (unsigned long long)g->state_entry, g->attempt,
                     (unsigned long long)g->token.epoch, (unsigned long long)g->token.counter);

    if (who.len + rest.len > LIMIT_MARK_BYTES) {
        who = g->execution_name;
    }
    return arena_printf(a, "%.*s%.*s", SLICE_FMT(who), SLICE_FMT(rest));
}
