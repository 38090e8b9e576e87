/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/api/http/call.h"
#include "coordinator/api/http/exposition.h"
#include "coordinator/api/http/metrics.h"

struct slice http_call_id(const struct http_call *h)
{
    return slice_make(h->id, sizeof(h->id));
}

const char *http_error_name(const struct http_call *h, enum err_code code)
{
    if (h->asked.rest != NULL) {
        return rest_error_name(code);
    }
    return h->asked.query != NULL ? aws_form_error(h->asked.operation, code)
                                  : aws_error_name(h->asked.operation, code);
}

static void form_query_error(struct http_call *h, enum err_code code, const struct err *err)
{
    h->status = aws_form_status(code);
    buf_reset(&h->body);
    query_error(h->asked.query, h->status < 500, aws_form_error(h->asked.operation, code),
                slice_str(err->msg), http_call_id(h), &h->arena, &h->body);
}

static void form_rest_error(struct http_call *h, enum err_code code, const struct err *err)
{
    h->status = rest_error_status(code);
    h->error_type = rest_error_name(code);
    buf_reset(&h->body);
    rest_error(code, err, &h->body);
}

void http_form_error(struct http_call *h, enum err_code code, const struct err *err)
{
    struct buf *b = &h->body;

    if (h->asked.rest != NULL) {
        form_rest_error(h, code, err);
        return;
    }
    if (h->asked.query != NULL) {
        form_query_error(h, code, err);
        return;
    }
    h->status = aws_error_status(code);
    h->query_error = aws_query_error(h->asked.operation, code);
    buf_reset(b);
    buf_printf(
        b, "{\"__type\":\"%s%s\",\"message\":", h->query_error != NULL ? "com.amazonaws.sqs#" : "",
        aws_error_name(h->asked.operation, code));
    json_write_string(slice_str(err->msg), b);
    buf_put_str(b, "}");
}

void http_call_answer(struct http_call *h)
{
    struct buf *lines = &h->face->lines;
    struct http_answer a = {
        .status = h->status,
        .content_type = h->asked.query != NULL ? "text/xml" : aws_content_type(h->asked.operation),
        .body = buf_slice(&h->body),
    };

    buf_reset(lines);
    buf_put_str(lines, "x-amzn-RequestId: ");
    buf_put(lines, h->id, TEXT_UUID_BYTES);
    buf_put_str(lines, "\r\n");
    if (h->query_error != NULL) {
        buf_printf(lines, "x-amzn-query-error: %s;%s\r\n", h->query_error,
                   h->status < 500 ? "Sender" : "Receiver");
    }
    if (h->error_type != NULL) {
        buf_printf(lines, "x-amzn-ErrorType: %s\r\n", h->error_type);
    }
    a.headers = buf_slice(lines);
    http_answer(h->http, &a);
    http_call_back(h->face, h);
}

/* The writer's part is in the body already. */
void http_answer_metrics(struct http_call *h)
{
    struct http_face *f = h->face;
    const struct metrics_host host = {
        .store = ledger_store(f->api->ledger),
        .audit = access_audit(f->api->hooks.access),
        .started_s = f->started_s,
        .expires_s = http_server_expires_s(f->server),
    };
    struct http_answer a = {.status = 200, .content_type = EXPOSITION_TYPE};

    metrics_put_host(&host, &h->body);
    a.body = buf_slice(&h->body);
    http_answer(h->http, &a);
    http_call_back(f, h);
}

void http_refuse_metrics(struct http_request *r, unsigned status)
{
    const struct http_answer a = {
        .status = status,
        .content_type = "text/plain",
        .headers = status == 401 ? SLICE("WWW-Authenticate: Bearer\r\n") : SLICE(""),
        .body =
            status == 401 ? SLICE("A token is wanted.\n") : SLICE("The tokens cannot be read.\n"),
    };

    http_answer(r, &a);
}
