/* SPDX-License-Identifier: Apache-2.0 */
/* Any form as a request of the query protocol: what it becomes is JSON, every operation's request
 * is refused in words or can be packed; and any JSON as a reply is XML whose elements all end. */
#include <assert.h>
#include <string.h>

#include "coordinator/api/http/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct aws_row *operation_of(const struct query_form *f)
{
    const struct aws_row *op = aws_operation(query_field(f, "Action"));

    return op != NULL && op->service == AWS_SQS ? op : aws_operation(SLICE("SendMessageBatch"));
}

/* As many begin as end, and nothing is left of the text's own brackets. */
static void check_xml(struct slice xml)
{
    size_t begins = 0;
    size_t ends = 0;

    for (size_t i = 0; i + 1 < xml.len; i++) {
        if (xml.ptr[i] == '<' && xml.ptr[i + 1] == '/') {
            ends++;
        } else if (xml.ptr[i] == '<' && xml.ptr[i + 1] != '?') {
            begins++;
        }
    }
    assert(begins == ends);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct buf xml = {0};
    struct query_form form;
    const struct aws_row *op;
    const struct json_node *v;
    ProtobufCMessage *m;
    struct err err;

    if (query_parse(slice_make(data, size), &a, &form, &err) == OK) {
        op = operation_of(&form);
        v = query_request(op, &form, query_field(&form, "target"), &a);
        if (aws_request(op, AWS_HTTP, v, &a, &m, &err) == OK) {
            (void)protobuf_c_message_get_packed_size(m);
        }
        query_reply(op, v, SLICE("id"), &xml);
        check_xml(buf_slice(&xml));
    }
    buf_fini(&xml);
    arena_fini(&a);
    return 0;
}
