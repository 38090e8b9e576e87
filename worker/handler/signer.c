/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/handler/signer.h"

#include "client/s3/request.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "proto/host/clock.h"

/* One request to the coordinator being put together. */
struct asking {
    Stepfleet__StoreRequest *requests[SIGNER_PARTS];
    size_t count;
};

/* ---- Requests as messages ---- */

static Stepfleet__StorePair **
pairs_message(const struct sign_pair *pairs, size_t count, struct arena *a)
{
    Stepfleet__StorePair **out = ARENA_ARRAY(a, count, Stepfleet__StorePair *);

    for (size_t i = 0; i < count; i++) {
        out[i] = ARENA_NEW(a, Stepfleet__StorePair);
        stepfleet__store_pair__init(out[i]);
        out[i]->name = message_bytes(pairs[i].name);
        out[i]->value = message_bytes(pairs[i].value);
    }
    return out;
}

static Stepfleet__StoreRequest *request_message(const struct request *r, struct arena *a)
{
    Stepfleet__StoreRequest *m = ARENA_NEW(a, Stepfleet__StoreRequest);

    stepfleet__store_request__init(m);
    m->method = arena_str(a, slice_str(r->method));
    m->bucket = message_bytes(r->bucket);
    m->key = message_bytes(r->key);
    m->query = pairs_message(r->query, r->query_count, a);
    m->n_query = r->query_count;
    m->headers = pairs_message(r->headers, r->header_count, a);
    m->n_headers = r->header_count;
    m->payload_hash = message_bytes(r->payload_hash);
    return m;
}

/* What a request is known by. */
static struct slice request_text(const Stepfleet__StoreRequest *m, struct arena *a)
{
    size_t bytes = protobuf_c_message_get_packed_size(&m->base);
    char *text = arena_alloc(a, bytes);

    (void)protobuf_c_message_pack(&m->base, (uint8_t *)text);
    return slice_make(text, bytes);
}

/* ---- Ahead ---- */

/* The value of a part's number in the query; NULL: it is no part, or one whose bytes are covered.
 */
static struct sign_pair *part_number(struct request *r)
{
    for (size_t i = 0; i < r->query_count; i++) {
        if (slice_eq(r->query[i].name, SLICE("partNumber"))) {
            return r->header_count == 0 && r->payload_hash.len == 0 ? &r->query[i] : NULL;
        }
    }
    return NULL;
}

/* The request itself, and of parts those that follow it. */
static void ask_for(const struct request *r, struct arena *a, struct asking *out)
{
    struct request next = *r;
    struct sign_pair *number = part_number(&next);
    uint64_t first = 0;
    uint64_t last;

    out->requests[0] = request_message(r, a);
    out->count = 1;
    if (number == NULL || !text_parse_u64(number->value, &first)) {
        return;
    }
    last = first + (first < SIGNER_PARTS ? first : SIGNER_PARTS) - 1;
    last = last < LIMIT_PARTS ? last : LIMIT_PARTS;
    for (uint64_t n = first + 1; n <= last; n++) {
        number->value = arena_printf(a, "%llu", (unsigned long long)n);
        out->requests[out->count++] = request_message(&next, a);
    }
}

/* ---- What is kept ---- */

static const struct signed_url *signer_find(const struct signer *s, struct slice request)
{
    int64_t now_ms = clock_mono_ms();

    for (size_t i = s->count; i > 0; i--) {
        const struct signed_url *u = &s->urls[i - 1];

        if (slice_eq(u->request, request)) {
            return now_ms < u->until_ms ? u : NULL;
        }
    }
    return NULL;
}

static void signer_keep(struct signer *s, struct slice request, struct slice url, int64_t until_ms)
{
    if (s->count == SIGNER_URLS) {
        arena_reset(&s->texts);
        s->count = 0;
    }
    s->urls[s->count++] = (struct signed_url){
        .request = arena_copy(&s->texts, request),
        .url = arena_copy(&s->texts, url),
        .until_ms = until_ms,
    };
}

static enum err_code signer_ask(struct signer *s,
                                const struct request *r,
                                struct arena *a,
                                struct slice *url,
                                struct err *err)
{
    Stepfleet__SignRequest q = STEPFLEET__SIGN_REQUEST__INIT;
    Stepfleet__Token token = STEPFLEET__TOKEN__INIT;
    const Stepfleet__SignReply *reply;
    struct asking asking;
    int64_t asked_ms = clock_mono_ms();
    int64_t until_ms;
    enum err_code rc;

    ask_for(r, a, &asking);
    token.epoch = s->token.epoch;
    token.counter = s->token.counter;
    q.token = &token;
    q.requests = asking.requests;
    q.n_requests = asking.count;
    rc = s->host->sign(s->host, &q, a, &reply, err);
    if (rc == OK && reply->n_urls != asking.count) {
        rc = err_set(err, ERR_MESSAGE, "not as many URLs came as were asked for");
    }
    if (rc != OK) {
        return rc;
    }
    *url = message_slice(reply->urls[0]);
    until_ms = asked_ms + (int64_t)(reply->valid_ms - reply->valid_ms / 4);
    for (size_t i = 0; i < asking.count; i++) {
        signer_keep(s, request_text(asking.requests[i], a), message_slice(reply->urls[i]),
                    until_ms);
    }
    return OK;
}

static enum err_code signer_sign(struct s3_signer *base,
                                 const struct request *r,
                                 struct arena *a,
                                 struct slice *url,
                                 struct err *err)
{
    struct signer *s = container_of(base, struct signer, base);
    const struct signed_url *kept = signer_find(s, request_text(request_message(r, a), a));

    if (kept == NULL) {
        return signer_ask(s, r, a, url, err);
    }
    *url = arena_copy(a, kept->url);
    return OK;
}

void signer_init(struct signer *s, struct handler_host *host, struct lease_token token)
{
    *s = (struct signer){.base = {signer_sign}, .host = host, .token = token};
}

void signer_fini(struct signer *s)
{
    arena_fini(&s->texts);
}
