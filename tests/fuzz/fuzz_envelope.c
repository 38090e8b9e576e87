/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a frame from the network: refused with a message, or an envelope whose body is
 * unpacked as the request and as the reply of its method, and what unpacks is packed again. */
#include <assert.h>
#include <string.h>

#include "proto/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RESERVED_AT = 12, REQUEST_AT = 16 };

static void unpack(const ProtobufCMessageDescriptor *d, struct slice body)
{
    struct arena a = {0};
    struct err err = {0};
    const ProtobufCMessage *m = message_unpack(d, body, &a, &err);
    size_t bytes;
    uint8_t *packed;

    if (m == NULL) {
        assert(err.code == ERR_MESSAGE && err.msg[0] != '\0');
    } else {
        bytes = protobuf_c_message_get_packed_size(m);
        packed = arena_alloc(&a, bytes);
        assert(protobuf_c_message_pack(m, packed) == bytes);
    }
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice frame = slice_make(data, size);
    struct envelope e = {0};
    char header[WIRE_HEADER_BYTES];
    struct err err = {0};
    enum err_code rc = envelope_decode(frame, &e, &err);

    if (rc != OK) {
        assert(err.code == rc && err.msg[0] != '\0');
        return 0;
    }
    assert(e.auth.len + e.body.len + WIRE_HEADER_BYTES == size);
    if (e.auth.len == 0) {
        envelope_encode(&e, header);
        assert(memcmp(header, data, RESERVED_AT) == 0); /* what may come is ignored */
        assert(memcmp(header + REQUEST_AT, data + REQUEST_AT, sizeof(header) - REQUEST_AT) == 0);
    }
    if (rpc_request(e.method) != NULL) {
        assert(rpc_name(e.method) != NULL && rpc_reply(e.method) != NULL);
        unpack(rpc_request(e.method), e.body);
        unpack(rpc_reply(e.method), e.body);
    }
    return 0;
}
