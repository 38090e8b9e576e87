/* SPDX-License-Identifier: Apache-2.0 */
/* WORKER_SIGN: presigned URLs for a worker that has none of the store's keys. All of what is asked
 * must be permitted to the attempt whose token it comes with, or nothing is signed. URLs are
 * secrets: no log has them. */
#include "coordinator/api/api.h"
#include "proto/base/limits.h"
#include "proto/host/log.h"

static bool
pairs_read(Stepfleet__StorePair *const *pairs, size_t count, struct sign_pair *out, size_t most)
{
    for (size_t i = 0; i < count && count <= most; i++) {
        out[i] = (struct sign_pair){message_slice(pairs[i]->name), message_slice(pairs[i]->value)};
    }
    return count <= most;
}

/* False: it has more to it than any request of ours. */
static bool request_read(const Stepfleet__StoreRequest *m, struct request *out)
{
    *out = (struct request){
        .method = m->method,
        .bucket = message_slice(m->bucket),
        .key = message_slice(m->key),
        .query_count = m->n_query,
        .header_count = m->n_headers,
        .payload_hash = message_slice(m->payload_hash),
    };
    return pairs_read(m->query, m->n_query, out->query, REQUEST_QUERY_MAX) &&
           pairs_read(m->headers, m->n_headers, out->headers, REQUEST_HEADERS_MAX);
}

static enum err_code
check(const struct permit *permit, const struct request *r, struct arena *a, struct err *err)
{
    struct permit_ask ask;
    enum err_code rc = permit_ask_read(r, a, &ask, err);

    if (rc == OK && !permit_allows(permit, &ask)) {
        rc =
            err_set(err, ERR_DENIED, "the attempt is not permitted %.20s s3://%.*s/%.*s", r->method,
                    SLICE_FMT(slice_head(ask.bucket, 100)), SLICE_FMT(slice_head(ask.key, 200)));
    }
    return rc;
}

static enum err_code
sign_all(struct call *c, const struct permit *permit, Stepfleet__SignReply *out, struct err *err)
{
    const Stepfleet__SignRequest *q = (const void *)c->request;
    struct arena *a = ledger_turn_arena(c->api->ledger);
    const struct api_hooks *hooks = &c->api->hooks;
    int64_t now_ms = ledger_now(c->api->ledger).wall_ms;

    out->urls = ARENA_ARRAY(a, q->n_requests, ProtobufCBinaryData);
    for (size_t i = 0; i < q->n_requests; i++) {
        struct request r;
        enum err_code rc = request_read(q->requests[i], &r)
                               ? check(permit, &r, a, err)
                               : err_set(err, ERR_DENIED, "it has too many parts");

        if (rc != OK) {
            return rc;
        }
        /* A signature's time has no milliseconds: a second more, and none is missing. */
        out->urls[out->n_urls++] =
            message_bytes(presign(hooks->presigner, &r, now_ms, hooks->presigned_s + 1, a));
    }
    out->valid_ms = hooks->presigned_s * 1000;
    return OK;
}

void operation_WORKER_SIGN(struct call *c)
{
    const Stepfleet__SignRequest *q = (const void *)c->request;
    Stepfleet__SignReply reply = STEPFLEET__SIGN_REPLY__INIT;
    struct token token = q->token != NULL ? (struct token){q->token->epoch, q->token->counter}
                                          : (struct token){0, 0};
    struct permit permit;
    struct err err;
    enum err_code rc;

    if (c->api->hooks.presigner == NULL) {
        call_fail(c, ERR_VALIDATION, "the coordinator has no keys of an object store's server");
        return;
    }
    if (q->n_requests == 0 || q->n_requests > LIMIT_SIGN) {
        call_fail(c, ERR_VALIDATION, "1 to %d requests are signed at once", LIMIT_SIGN);
        return;
    }
    rc = ledger_task_permit(c->api->ledger, q->instance, token, &permit, &err);
    rc = rc != OK ? rc : sign_all(c, &permit, &reply, &err);
    if (rc == OK) {
        c->reply(c, &reply.base);
        return;
    }
    if (rc == ERR_DENIED) {
        log_warn("nothing was signed: lease=%llu.%llu: %s", (unsigned long long)token.epoch,
                 (unsigned long long)token.counter, err.msg);
    }
    c->fail(c, rc, &err);
}
