/* SPDX-License-Identifier: Apache-2.0 */
/* The envelope around every message on an nng req/rep socket, and protobuf in an arena.
 *
 *   offset  bytes
 *        0  4      "SFL1"
 *        4  2      version spoken, little-endian like all numbers here
 *        6  2      method: enum rpc; a reply repeats it
 *        8  2      status: 0 in requests and successful replies, else an err number
 *       10  2      length of the credentials
 *       12  4      zero, for what may come
 *       16  8      request id: chosen by the sender, repeated in the reply
 *       24  ..     credentials (a token, or nothing), then the protobuf body to the end
 *
 * Pure but for protobuf-c's allocations, which come from the arena given. Source: PROTOCOL.md. */
#ifndef STEPFLEET_WIRE_H
#define STEPFLEET_WIRE_H

#include <protobuf-c/protobuf-c.h>

#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/stepfleet.pb-c.h"

enum rpc {
#define RPC(method, number, request, reply, repeat) RPC_##method = number,
#include "proto/rpc.def"
#undef RPC
};

enum { WIRE_VERSION_MIN = 1, WIRE_VERSION_MAX = 1, WIRE_HEADER_BYTES = 24 };

struct envelope {
    uint16_t version;
    uint16_t method; /* enum rpc, or a number this side does not know */
    uint16_t status;
    uint64_t request_id;
    struct slice auth; /* borrowed from the frame */
    struct slice body; /* borrowed from the frame */
};

/* ERR_MESSAGE: short, wrong magic, lengths that do not fit; ERR_TOO_LARGE; ERR_VERSION: a version
 * this side does not speak (the envelope is filled all the same, so that it can be answered). */
enum err_code envelope_decode(struct slice frame, struct envelope *out, struct err *err);
/* The method a frame seems to be for, before it is decoded; 0: too short to say. */
unsigned envelope_method(struct slice frame);
/* Bytes of credentials that follow a header, before it is decoded; 0: too short to say. */
size_t envelope_auth_bytes(struct slice frame);
/* Bytes before the body: write them, then pack the body behind. */
void envelope_encode(const struct envelope *e, char out[WIRE_HEADER_BYTES]);

/* Name of a method, or NULL where it is none of ours. */
const char *rpc_name(unsigned method);
/* Descriptor of a method's request or reply, NULL where it is none of ours. */
const ProtobufCMessageDescriptor *rpc_request(unsigned method);
const ProtobufCMessageDescriptor *rpc_reply(unsigned method);

/* Unpack into the arena (never to be freed one by one); NULL with ERR_MESSAGE in *err. */
void *message_unpack(const ProtobufCMessageDescriptor *d,
                     struct slice body,
                     struct arena *a,
                     struct err *err);

/* protobuf bytes <-> slices. */
static inline ProtobufCBinaryData message_bytes(struct slice s)
{
    return (ProtobufCBinaryData){s.len, (uint8_t *)(uintptr_t)s.ptr};
}
static inline struct slice message_slice(ProtobufCBinaryData d)
{
    return slice_make(d.data, d.len);
}
/* A NUL-terminated copy in the arena, for string fields. */
char *message_string(struct arena *a, struct slice s);

#endif
