/* SPDX-License-Identifier: Apache-2.0 */
/* What a server may answer, as headers and as documents: nothing may be read past its end, and what
 * is accepted must hold together. */
#include <assert.h>

#include "client/s3/answer.h"
#include "client/s3/xml.h"

static void fuzz_headers(struct slice text)
{
    struct answer n = {0};

    while (text.len > 0) {
        size_t end = slice_find(text, '\n');

        answer_header(&n, slice_head(text, end));
        text = slice_from(text, end + 1);
    }
    assert(!n.has_range || (n.first <= n.last && n.last < n.size));
    assert(memchr(n.object.etag, '\0', sizeof(n.object.etag)) != NULL);
    assert(memchr(n.object.mark, '\0', sizeof(n.object.mark)) != NULL);
}

static void fuzz_xml(struct slice text)
{
    struct xml x;
    struct slice value;
    enum xml_kind kind;

    xml_init(&x, text);
    do {
        kind = xml_next(&x, &value);
        assert(x.depth <= XML_DEPTH);
    } while (kind != XML_END && kind != XML_BAD);
}

static void fuzz_lists(struct slice text, struct arena *a)
{
    for (int uploads = 0; uploads < 2; uploads++) {
        struct answer_page p = {0};

        if (answer_list_read(text, uploads != 0, a, &p)) {
            assert(!p.truncated || p.next.len > 0);
            for (size_t i = 0; i < p.count; i++) {
                assert(p.entries[i].key.len > 0);
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make(data, size);
    struct answer_error e;
    struct arena a = {0};
    struct slice out;

    fuzz_headers(text);
    fuzz_xml(text);
    fuzz_lists(text, &a);
    if (answer_error_read(text, &a, &e)) {
        (void)answer_verdict(200, e.code);
    }
    (void)answer_child(text, SLICE("InitiateMultipartUploadResult"), SLICE("UploadId"), &a, &out);
    arena_fini(&a);
    return 0;
}
