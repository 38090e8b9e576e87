/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/busy_world.h"

#include <assert.h>

static const char definition[] =
    "{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Parallel\",\"Next\":\"S\",\"Branches\":["
    "{\"StartAt\":\"F\",\"States\":{\"F\":{\"Type\":\"Task\",\"Resource\":"
    "\"arn:aws:lambda:us-east-1:111111111111:function:f\",\"HeartbeatSeconds\":60,\"Retry\":[{"
    "\"ErrorEquals\":[\"States.ALL\"],\"MaxAttempts\":2}],\"End\":true}}},"
    "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\",\"Resource\":"
    "\"arn:aws:states:us-east-1:111111111111:activity:a\",\"TimeoutSeconds\":600,\"Catch\":[{"
    "\"ErrorEquals\":[\"States.ALL\"],\"Next\":\"B\"}],\"End\":true},\"B\":{\"Type\":\"Pass\","
    "\"End\":true}}}]},\"S\":{\"Type\":\"Task\",\"Resource\":\"arn:aws:states:::batch:submitJob."
    "sync\",\"Parameters\":{},\"ResultPath\":\"$[0]\",\"End\":true}}}";

/* For function f: stage "F". */
static const char event[] = "{\"executionId\":\"f\",\"currentStage\":\"F\",\"previousStage\":null,"
                            "\"workflowBucket\":\"bucket\",\"initialData\":{\"a\":1}}";

static bool bound(const void *arg, struct slice service, struct slice action, struct slice *handler)
{
    (void)arg;
    (void)service;
    *handler = SLICE("f");
    return slice_eq_str(action, "submitJob");
}

static const void *
call(struct busy_world *b, struct api_ask *ask, enum rpc method, const ProtobufCMessage *m)
{
    enum err_code rc = api_world_call(&b->world, ask, method, m);

    assert(rc == OK);
    return ask->reply;
}

static void make(struct busy_world *b)
{
    Stepfleet__ActivityCreateRequest activity = STEPFLEET__ACTIVITY_CREATE_REQUEST__INIT;
    Stepfleet__MachineCreateRequest machine = STEPFLEET__MACHINE_CREATE_REQUEST__INIT;
    struct api_ask ask;

    activity.name = (char *)(uintptr_t) "a";
    machine.name = (char *)(uintptr_t) "m";
    machine.definition = message_bytes(slice_str(definition));
    (void)call(b, &ask, RPC_ACTIVITY_CREATE, &activity.base);
    api_ask_fini(&ask);
    (void)call(b, &ask, RPC_MACHINE_CREATE, &machine.base);
    api_ask_fini(&ask);
}

static void hello(struct busy_world *b)
{
    Stepfleet__WorkerHelloRequest q = STEPFLEET__WORKER_HELLO_REQUEST__INIT;
    Stepfleet__Offer offer = STEPFLEET__OFFER__INIT;
    Stepfleet__Offer *offers[] = {&offer};
    const Stepfleet__WorkerHelloReply *r;
    struct api_ask ask;

    q.name = (char *)(uintptr_t) "w";
    q.version_min = q.version_max = WIRE_VERSION_MAX;
    q.slots = offer.slots = 4;
    offer.function = (char *)(uintptr_t) "f";
    q.offers = offers;
    q.n_offers = 1;
    r = call(b, &ask, RPC_WORKER_HELLO, &q.base);
    b->worker = r->worker;
    api_ask_fini(&ask);
}

static void start(struct busy_world *b)
{
    Stepfleet__StartRequest q = STEPFLEET__START_REQUEST__INIT;
    Stepfleet__ActivityTaskRequest task = STEPFLEET__ACTIVITY_TASK_REQUEST__INIT;
    const Stepfleet__ActivityTaskReply *r;
    struct api_ask ask;

    q.machine = (char *)(uintptr_t) "m";
    q.name = (char *)(uintptr_t) "f";
    q.input = message_bytes(slice_str(event));
    q.has_input = true;
    (void)call(b, &ask, RPC_EXECUTION_START, &q.base);
    api_ask_fini(&ask);
    task.activity = (char *)(uintptr_t) "a";
    r = call(b, &ask, RPC_ACTIVITY_TASK, &task.base);
    b->token = arena_copy(&b->a, message_slice(r->token));
    assert(b->token.len > 0);
    api_ask_fini(&ask);
}

void busy_world_open(struct busy_world *b)
{
    struct err err;
    enum err_code rc;

    *b = (struct busy_world){0};
    api_world_open(&b->world, 1700000000000, bound, NULL);
    b->world.config.objects = true;
    rc = api_world_restart(&b->world, &err);
    assert(rc == OK);
    make(b);
    hello(b);
    start(b);
}

void busy_world_close(struct busy_world *b)
{
    api_world_close(&b->world);
    arena_fini(&b->a);
}
