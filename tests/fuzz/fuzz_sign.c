/* SPDX-License-Identifier: Apache-2.0 */
/* Any WORKER_SIGN of a worker that holds the lease of a first stage (lib/busy_world.h): its token
 * and instance are put in, all else is the input's. What is signed is an upload at the stage's own
 * output, and nothing else. */
#include <assert.h>

#include "client/s3/s3.h"
#include "tests/lib/busy_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
    struct busy_world busy;
    struct presigner presigner;
    struct arena a;
};

static void presigner_open(struct fuzz *f)
{
    const struct s3_config store = {
        .endpoint = "http://s:1", .region = "r", .access_key = "AK", .secret_key = "sesame"};
    struct err err;
    enum err_code rc = presigner_init(&f->presigner, &store, &err);

    assert(rc == OK);
    f->busy.world.api.hooks.presigner = &f->presigner;
    f->busy.world.api.hooks.presigned_s = 60;
}

/* The lease's, once the worker has it. */
static Stepfleet__Token lease_token(struct fuzz *f)
{
    Stepfleet__PollRequest q = STEPFLEET__POLL_REQUEST__INIT;
    Stepfleet__Token token = STEPFLEET__TOKEN__INIT;
    const Stepfleet__PollReply *r;
    struct api_ask ask;
    enum err_code rc;

    q.worker = f->busy.worker;
    rc = api_world_call(&f->busy.world, &ask, RPC_WORKER_POLL, &q.base);
    assert(rc == OK);
    r = ask.reply;
    assert(r->n_leases == 1);
    token.epoch = r->leases[0]->token->epoch;
    token.counter = r->leases[0]->token->counter;
    api_ask_fini(&ask);
    return token;
}

static void check(const struct api_ask *ask, size_t count)
{
    static const struct slice begin =
        SLICE_INIT("http://s:1/bucket/executions/f/F/output.json?X-Amz-Algorithm=");
    const Stepfleet__SignReply *r = ask->reply;

    assert(ask->done);
    if (ask->rc != OK) {
        assert(ask->rc == ERR_DENIED || ask->rc == ERR_VALIDATION);
        return;
    }
    assert(r->n_urls == count);
    for (size_t i = 0; i < count; i++) {
        assert(slice_starts_with(message_slice(r->urls[i]), begin));
        assert(slice_ends_with(slice_head(message_slice(r->urls[i]), r->urls[i].len - 64 - 17),
                               SLICE("&uploads=")));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz f = {0};
    Stepfleet__SignRequest *q;
    Stepfleet__Token token;
    struct api_ask ask;
    struct err err;

    q = message_unpack(rpc_request(RPC_WORKER_SIGN), slice_make(data, size), &f.a, &err);
    if (q != NULL) {
        busy_world_open(&f.busy);
        presigner_open(&f);
        token = lease_token(&f);
        q->token = &token;
        q->instance = 0;
        (void)api_world_call(&f.busy.world, &ask, RPC_WORKER_SIGN, &q->base);
        check(&ask, q->n_requests);
        api_ask_fini(&ask);
        busy_world_close(&f.busy);
        presigner_fini(&f.presigner);
    }
    arena_fini(&f.a);
    return 0;
}
