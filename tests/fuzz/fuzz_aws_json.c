/* SPDX-License-Identifier: Apache-2.0 */
/* Any JSON as the parameters of one of AWS's operations, as a task or an SDK gives them: refused in
 * words, or a request that can be packed, and unpacked to the same again. The first byte says who
 * speaks; then come the operation's name, a space and the parameters. */
#include <assert.h>
#include <string.h>

#include "coordinator/api/aws_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice pack(const ProtobufCMessage *m, struct arena *a)
{
    size_t bytes = protobuf_c_message_get_packed_size(m);
    uint8_t *packed = arena_alloc(a, bytes);

    assert(protobuf_c_message_pack(m, packed) == bytes);
    return slice_make(packed, bytes);
}

static void
request(const struct aws_row *op, enum aws_style style, const struct json_node *v, struct arena *a)
{
    struct err err = {0};
    ProtobufCMessage *m;
    struct slice packed;
    enum err_code rc = aws_request(op, style, v, a, &m, &err);

    if (rc != OK) {
        assert((rc == ERR_VALIDATION || rc == ERR_MESSAGE || rc == ERR_INVALID_NAME ||
                rc == ERR_QUEUE_MISSING || rc == ERR_TRACING || rc == ERR_ENCRYPTION) &&
               err.code == rc);
        assert(err.msg[0] != '\0');
        return;
    }
    assert(m->descriptor == rpc_request(op->method));
    packed = pack(m, a);
    m = message_unpack(m->descriptor, packed, a, &err);
    assert(m != NULL && slice_eq(pack(m, a), packed));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_from(slice_make(data, size), 1);
    size_t space = slice_find(text, ' ');
    const struct aws_row *op = aws_operation(slice_head(text, space));
    struct arena a = {0};
    const struct json_node *v;

    if (op != NULL && json_parse(slice_from(text, space + 1), &a, &v, NULL) == OK) {
        request(op, (enum aws_style)(data[0] % (AWS_OPTIMIZED + 1)), v, &a);
    }
    arena_fini(&a);
    return 0;
}
