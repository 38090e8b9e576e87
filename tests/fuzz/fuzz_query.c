/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a form of the query protocol: refused in words, or JSON that can be printed and read
 * again; and as a reply it is XML whose every tag is closed and whose texts are UTF-8. */
#include "client/s3/xml.h"
#include "coordinator/api/http/query.h"
#include "proto/base/text.h"
#include "tests/fuzz/fuzz.h"

/* Are all names, which stand in tags as they are, ones that XML takes? */
static bool has_plain_names(const struct json_node *v)
{
    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        struct slice key = json_is(v, JSON_OBJECT) ? json_key(v, e) : SLICE("x");

        for (size_t i = 0; i < key.len; i++) {
            if ((key.ptr[i] | 0x20) < 'a' || (key.ptr[i] | 0x20) > 'z') {
                return false;
            }
        }
        if (!has_plain_names(e)) {
            return false;
        }
    }
    return true;
}

static void
check_reply(const struct query_service *service, const struct json_node *v, struct arena *a)
{
    struct buf out = {0};
    enum xml_kind kind;
    struct xml x;
    struct slice value;

    query_reply(service, SLICE("Op"), v, SLICE("id"), a, &out);
    must(text_is_utf8(buf_slice(&out)));
    xml_init(&x, buf_slice(&out));
    do {
        kind = xml_next(&x, &value);
    } while (kind != XML_END && kind != XML_BAD);
    must(kind == XML_END || x.depth == XML_DEPTH);
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct query_service *service = NULL;
    const struct json_node *v = NULL;
    const struct json_node *again = NULL;
    struct arena a = {0};
    struct err err = {0};
    enum err_code rc = query_request(slice_make(data, size), &a, &service, &v, &err);

    if (rc == OK) {
        must(json_is(v, JSON_OBJECT) && service != NULL);
        must(json_parse(json_print(v, &a), &a, &again, NULL) == OK && json_equal(v, again));
        if (has_plain_names(v)) {
            check_reply(service, v, &a);
        }
    } else {
        must((rc == ERR_MESSAGE || rc == ERR_TOO_LARGE) && err.msg[0] != '\0');
    }
    arena_fini(&a);
    return 0;
}
