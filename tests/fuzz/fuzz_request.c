/* SPDX-License-Identifier: Apache-2.0 */
/* What a client or a worker may send, as whole frames one behind the other, each beginning with the
 * envelope's magic, to a coordinator that has work in hand: every frame is answered, and never with
 * an error of our own. Two methods that no protocol has let time go on (by the request id, in ms)
 * and the coordinator start again over what it wrote.
 *
 * What only the coordinator can give is put in: for a task token of less than two bytes that of the
 * activity's task which the world begins with, for worker 1 the one who last said hello. */
#include <assert.h>

#include "tests/lib/busy_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    FRAMES = 32, /* of one input */
    METHOD_TIME = 0xf0,
    METHOD_RESTART = 0xf1,
    TIME_MS_MAX = 1 << 26,
};

struct fuzz {
    struct busy_world busy;
    struct arena a;
    struct api_ask asks[FRAMES];
    size_t count;
};

static struct api_ask *ask(struct fuzz *f, enum rpc method, const ProtobufCMessage *m)
{
    struct api_ask *one = &f->asks[f->count++];

    api_world_ask(&f->busy.world, one, method, m);
    api_world_settle(&f->busy.world);
    if (method == RPC_WORKER_HELLO && one->done && one->rc == OK) {
        f->busy.worker = ((const Stepfleet__WorkerHelloReply *)one->reply)->worker;
    }
    return one;
}

static void check_answers(struct fuzz *f)
{
    while (f->count > 0) {
        struct api_ask *one = &f->asks[--f->count];
        assert(one->done);
        assert(one->rc == OK ? one->reply != NULL : one->err.msg[0] != '\0');
        assert(one->rc != ERR_INTERNAL && one->rc != ERR_CORRUPT);
        api_ask_fini(one);
    }
}

static void *field_of(ProtobufCMessage *m, const char *name, ProtobufCType type)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(m->descriptor, name);

    return field != NULL && field->type == type ? (char *)m + field->offset : NULL;
}

static void put_given(const struct fuzz *f, ProtobufCMessage *m)
{
    ProtobufCBinaryData *token = field_of(m, "token", PROTOBUF_C_TYPE_BYTES);
    uint64_t *worker = field_of(m, "worker", PROTOBUF_C_TYPE_UINT64);

    if (token != NULL && token->len < 2) {
        *token = message_bytes(f->busy.token);
    }
    if (worker != NULL && *worker == 1) {
        *worker = f->busy.worker;
    }
}

static void take_frame(struct fuzz *f, struct slice frame)
{
    struct envelope e;
    struct err err;
    ProtobufCMessage *m;

    if (envelope_decode(frame, &e, &err) != OK) {
        return;
    }
    if (e.method == METHOD_TIME) {
        api_world_advance(&f->busy.world, (int64_t)(e.request_id % TIME_MS_MAX));
    } else if (e.method == METHOD_RESTART) {
        assert(api_world_restart(&f->busy.world, &err) == OK);
    } else if (rpc_request(e.method) != NULL) {
        m = message_unpack(rpc_request(e.method), e.body, &f->a, &err);
        if (m != NULL) {
            put_given(f, m);
            (void)ask(f, (enum rpc)e.method, m);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct slice magic = SLICE_INIT("SFL1");
    struct slice text = slice_make(data, size);
    struct fuzz f = {0};

    busy_world_open(&f.busy);
    while (slice_starts_with(text, magic) && f.count < FRAMES) {
        size_t end = magic.len;

        while (end < text.len && !slice_starts_with(slice_from(text, end), magic)) {
            end++;
        }
        take_frame(&f, slice_head(text, end));
        text = slice_from(text, end);
    }
    busy_world_close(&f.busy);
    check_answers(&f);
    arena_fini(&f.a);
    return 0;
}
