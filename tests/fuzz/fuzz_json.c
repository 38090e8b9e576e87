/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: refused with a place, or a value whose text, compact and pretty, reads back equal. */
#include "proto/base/json.h"
#include "proto/base/text.h"
#include "tests/fuzz/fuzz.h"
#include <assert.h>

/* Walk all there is, through every reader. */
static void check_value(const struct json_node *v)
{
    size_t n = 0;
    int64_t i;
    double d;

    for (const struct json_node *e = json_first(v); e != NULL; e = json_next(v, e)) {
        must(json_type(v) == JSON_ARRAY ? json_element(v, n) == e
                                        : json_member(v, json_key(v, e)) == e);
        check_value(e);
        n++;
    }
    must(n == json_count(v));
    if (json_is(v, JSON_NUMBER)) {
        char text[TEXT_DOUBLE_BYTES];
        double back;

        must(json_double(v, &d));
        must(
            d - d != 0 ||
            (text_parse_double(slice_make(text, text_format_double(d, text)), &back) && back == d));
        must(!json_i64(v, &i) || (double)i == d);
    }
}

static void check_reads_back(const struct json_node *v, struct slice text, struct arena *a)
{
    const struct json_node *back;

    must(json_parse(text, a, &back, NULL) == OK);
    must(json_equal(v, back) && json_equal(back, v));
}

static void check_written(const struct json_node *v, struct slice text, struct arena *a)
{
    struct buf out = {0};
    struct slice again;

    json_write(v, &out);
    must(out.len == json_written_bytes(v));
    check_reads_back(v, buf_slice(&out), a);
    must(!json_is_compact(text) || slice_eq(text, buf_slice(&out)));
    must(slice_eq(json_print(v, a), buf_slice(&out)));
    again = arena_copy(a, buf_slice(&out));
    buf_reset(&out);
    json_write_pretty(v, &out);
    check_reads_back(v, buf_slice(&out), a);
    buf_reset(&out);
    /* What was written once is written the same again. */
    must(json_parse(again, a, &v, NULL) == OK);
    json_write(v, &out);
    must(slice_eq(again, buf_slice(&out)));
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make(data, size);
    struct arena a = {0};
    struct err err = {0};
    const struct json_node *v = NULL;

    (void)json_is_compact(text);
    if (json_parse(text, &a, &v, &err) == OK) {
        check_value(v);
        check_written(v, text, &a);
    } else {
        must(v == NULL && slice_starts_with(slice_str(err.msg), SLICE("line ")));
    }
    arena_fini(&a);
    return 0;
}
