/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/handler/submission.h"

#include "proto/base/json.h"
#include "proto/base/limits.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void in_string(struct submission *s, char c)
{
    if (s->escaped) {
        s->escaped = false;
    } else if (c == '\\') {
        s->escaped = true;
    } else if (c == '"') {
        s->in_string = false;
    }
}

/* Does the document end with this character? Whether it is a document is looked at afterwards. */
static bool ends_with(struct submission *s, char c)
{
    if (c == '\n') {
        s->in_string = false; /* no string has one */
        s->escaped = false;
        return s->depth == 0;
    }
    if (s->in_string) {
        in_string(s, c);
        return false;
    }
    switch (c) {
    case '"': s->in_string = true; return false;
    case '{':
    case '[': s->depth++; return false;
    case '}':
    case ']': return s->depth == 0 || --s->depth == 0;
    default: return false;
    }
}

void submission_put(struct submission *s, struct slice bytes)
{
    size_t n = 0;

    while (s->text.len == 0 && bytes.len > 0 && is_blank(bytes.ptr[0])) {
        bytes = slice_from(bytes, 1);
    }
    while (!s->complete && n < bytes.len) {
        s->complete = ends_with(s, bytes.ptr[n++]) || s->text.len + n > LIMIT_PAYLOAD_BYTES + 1;
    }
    buf_put(&s->text, bytes.ptr, n);
}

void submission_end(struct submission *s)
{
    s->complete = s->complete || s->text.len != 0;
}

bool submission_ready(const struct submission *s)
{
    return s->complete && !s->taken;
}

enum err_code
submission_take(struct submission *s, struct arena *a, struct slice *out, struct err *err)
{
    struct slice text = buf_slice(&s->text);
    const struct json_node *v;
    enum err_code rc;

    s->taken = true;
    if (slice_ends_with(text, SLICE("\n"))) {
        text.len--;
    }
    if (text.len > LIMIT_PAYLOAD_BYTES) {
        return err_set(err, ERR_TOO_LARGE, "it is longer than %d bytes", LIMIT_PAYLOAD_BYTES);
    }
    rc = json_parse(text, a, &v, err);
    if (rc == OK) {
        *out = json_print(v, a);
    }
    return rc;
}

void submission_fini(struct submission *s)
{
    buf_fini(&s->text);
}
