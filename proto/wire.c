/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire.h"

#include "proto/base/limits.h"

static const char wire_magic[4] = {'S', 'F', 'L', '1'};

enum err_code envelope_decode(struct slice frame, struct envelope *out, struct err *err)
{
    struct cursor c = cursor_make(frame);
    struct slice magic = cursor_take(&c, sizeof(wire_magic));
    uint32_t version_method = cursor_u32le(&c);
    uint32_t status_auth = cursor_u32le(&c);

    if (frame.len > LIMIT_FRAME_BYTES) {
        return err_set(err, ERR_TOO_LARGE, "message of %zu bytes; the limit is %d", frame.len,
                       LIMIT_FRAME_BYTES);
    }
    (void)cursor_u32le(&c);
    *out = (struct envelope){
        .version = (uint16_t)version_method,
        .method = (uint16_t)(version_method >> 16),
        .status = (uint16_t)status_auth,
        .request_id = cursor_u64le(&c),
    };
    out->auth = cursor_take(&c, status_auth >> 16);
    if (c.bad || memcmp(magic.ptr, wire_magic, sizeof(wire_magic)) != 0) {
        return err_set(err, ERR_MESSAGE, "not a Stepfleet message (%zu bytes)", frame.len);
    }
    if (out->auth.len > LIMIT_AUTH_BYTES) {
        return err_set(err, ERR_TOO_LARGE, "credentials of %zu bytes; the limit is %d",
                       out->auth.len, LIMIT_AUTH_BYTES);
    }
    out->body = slice_make(c.ptr, (size_t)(c.end - c.ptr));
    if (out->version < WIRE_VERSION_MIN || out->version > WIRE_VERSION_MAX) {
        return err_set(err, ERR_VERSION, "the message is of version %u; this side speaks %d to %d",
                       out->version, WIRE_VERSION_MIN, WIRE_VERSION_MAX);
    }
    return OK;
}

unsigned envelope_method(struct slice frame)
{
    struct cursor c = cursor_make(frame);

    (void)cursor_u32le(&c); /* magic */
    return cursor_u32le(&c) >> 16;
}

size_t envelope_auth_bytes(struct slice frame)
{
    struct cursor c = cursor_make(frame);

    (void)cursor_u64le(&c); /* magic, version, method */
    return cursor_u32le(&c) >> 16;
}

static void put_le(char *p, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        p[i] = (char)(v >> (8 * i));
    }
}

void envelope_encode(const struct envelope *e, char out[WIRE_HEADER_BYTES])
{
    memcpy(out, wire_magic, sizeof(wire_magic));
    put_le(out + 4, e->version, 2);
    put_le(out + 6, e->method, 2);
    put_le(out + 8, e->status, 2);
    put_le(out + 10, e->auth.len, 2);
    put_le(out + 12, 0, 4);
    put_le(out + 16, e->request_id, 8);
}

struct rpc_row {
    unsigned method;
    const char *name;
    const ProtobufCMessageDescriptor *request;
    const ProtobufCMessageDescriptor *reply;
};

static const struct rpc_row rpc_rows[] = {
#define RPC(method, number, request, reply, repeat)                                                \
    {number, #method, &stepfleet__##request##__descriptor, &stepfleet__##reply##__descriptor},
#include "proto/rpc.def"
#undef RPC
};

static const struct rpc_row *rpc_row(unsigned method)
{
    for (size_t i = 0; i < sizeof(rpc_rows) / sizeof(rpc_rows[0]); i++) {
        if (rpc_rows[i].method == method) {
            return &rpc_rows[i];
        }
    }
    return NULL;
}

const char *rpc_name(unsigned method)
{
    const struct rpc_row *row = rpc_row(method);

    return row != NULL ? row->name : NULL;
}

const ProtobufCMessageDescriptor *rpc_request(unsigned method)
{
    const struct rpc_row *row = rpc_row(method);

    return row != NULL ? row->request : NULL;
}

const ProtobufCMessageDescriptor *rpc_reply(unsigned method)
{
    const struct rpc_row *row = rpc_row(method);

    return row != NULL ? row->reply : NULL;
}

static void *message_alloc(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void message_free(void *arena, void *ptr)
{
    (void)arena;
    (void)ptr;
}

void *message_unpack(const ProtobufCMessageDescriptor *d,
                     struct slice body,
                     struct arena *a,
                     struct err *err)
{
    ProtobufCAllocator allocator = {message_alloc, message_free, a};
    void *m = protobuf_c_message_unpack(d, &allocator, body.len, (const uint8_t *)body.ptr);

    if (m == NULL) {
        (void)err_set(err, ERR_MESSAGE, "the body is not a %s", d->short_name);
    }
    return m;
}

char *message_string(struct arena *a, struct slice s)
{
    return arena_str(a, s);
}
