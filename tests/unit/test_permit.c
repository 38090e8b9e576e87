/* SPDX-License-Identifier: Apache-2.0 */
/* What an attempt may ask of the store: each request as the S3 client sends it, written as
 * "METHOD bucket/key?name=value&name" and headers; and all that is like it, but is not it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "coordinator/permit/permit.h"
#include "proto/base/limits.h"

static const struct slice own_upload = SLICE_INIT("U1");

/* Values are taken as they stand: nothing is decoded. */
static void add_query(struct request *r, struct slice text)
{
    while (text.len != 0) {
        size_t end = slice_find(text, '&');
        struct slice pair = slice_head(text, end);
        size_t equals = slice_find(pair, '=');

        request_add_query(r, slice_head(pair, equals), slice_from(pair, equals + 1));
        text = slice_from(text, end + 1);
    }
}

static struct request request_of(const char *text, char method[8])
{
    struct slice s = slice_str(text);
    size_t space = slice_find(s, ' ');
    struct slice path = slice_from(s, space + 1);
    size_t query = slice_find(path, '?');
    size_t slash = slice_find(slice_head(path, query), '/');
    struct request r = {.method = method};

    memcpy(method, text, space);
    method[space] = '\0';
    r.bucket = slice_head(path, slash);
    r.key = slice_from(slice_head(path, query), slash + 1);
    add_query(&r, slice_from(path, query + 1));
    return r;
}

static bool allows_request(const struct permit *p, const struct request *r)
{
    struct arena a = {0};
    struct permit_ask ask;
    struct err err;
    bool yes = permit_ask_read(r, &a, &ask, &err) == OK && permit_allows(p, &ask);

    arena_fini(&a);
    return yes;
}

static bool allows(const struct permit *p, const char *text)
{
    char method[8];
    struct request r = request_of(text, method);

    return allows_request(p, &r);
}

static bool allows_copy(const struct permit *p, const char *text, const char *source)
{
    char method[8];
    struct request r = request_of(text, method);

    request_add_header(&r, SLICE("x-amz-copy-source"), slice_str(source));
    request_add_header(&r, SLICE("x-amz-copy-source-range"), SLICE("bytes=0-9"));
    return allows_request(p, &r);
}

static void
assert_each(const struct permit *p, const char *const *texts, size_t count, bool allowed)
{
    for (size_t i = 0; i < count; i++) {
        if (allows(p, texts[i]) != allowed) {
            fail_msg("%s: %s", texts[i], allowed ? "is refused" : "is allowed");
        }
    }
}

#define ALLOWED(p, texts) assert_each(p, texts, sizeof(texts) / sizeof(texts[0]), true)
#define REFUSED(p, texts) assert_each(p, texts, sizeof(texts) / sizeof(texts[0]), false)

/* ---- A stage ---- */

static struct permit stage_permit(struct slice upload_id)
{
    const struct stage_places places = {
        .bucket = SLICE("b"),
        .input_key = SLICE("executions/e/A/output.json"),
        .output_key = SLICE("executions/e/B/output.json"),
    };
    struct permit p;

    permit_of_stage(&places, upload_id, &p);
    return p;
}

static void test_permit__a_stage_has_its_input_and_its_upload(void **state)
{
    static const char *const before[] = {"GET b/executions/e/A/output.json",
                                         "HEAD b/executions/e/A/output.json",
                                         "POST b/executions/e/B/output.json?uploads="};
    static const char *const then[] = {
        "PUT b/executions/e/B/output.json?partNumber=1&uploadId=U1",
        "PUT b/executions/e/B/output.json?partNumber=10000&uploadId=U1",
        "DELETE b/executions/e/B/output.json?uploadId=U1"};
    struct permit p = stage_permit(SLICE(""));

    (void)state;
    ALLOWED(&p, before);
    REFUSED(&p, then);
    p = stage_permit(own_upload);
    ALLOWED(&p, before);
    ALLOWED(&p, then);
}

static void test_permit__a_stage_has_nothing_else(void **state)
{
    static const char *const others[] = {
        /* other places */
        "GET b/executions/f/A/output.json", "GET b/executions/e/B/output.json",
        "GET c/executions/e/A/output.json",
        "POST b/executions/e/A/output.json?uploads=", "POST c/executions/e/B/output.json?uploads=",
        "PUT b/executions/f/B/output.json?partNumber=1&uploadId=U1",
        /* another spelling of its own */
        "GET b/executions/e/x/../A/output.json", "GET b/executions/e/./A/output.json",
        "GET b/executions/e/A%2Foutput.json", "GET b/executions%2fe/A/output.json",
        "GET b//executions/e/A/output.json", "GET b/executions/e/A/output.json/",
        "GET b/executions/e/A/output.json\n", "GET b/", "GET b", "GET /executions/e/A/output.json",
        /* other uploads */
        "PUT b/executions/e/B/output.json?partNumber=1&uploadId=U2",
        "PUT b/executions/e/B/output.json?partNumber=1&uploadId=",
        "DELETE b/executions/e/B/output.json?uploadId=U2",
        /* no part */
        "PUT b/executions/e/B/output.json?partNumber=0&uploadId=U1",
        "PUT b/executions/e/B/output.json?partNumber=10001&uploadId=U1",
        "PUT b/executions/e/B/output.json?partNumber=1x&uploadId=U1",
        /* what the coordinator does itself, and what nobody does */
        "POST b/executions/e/B/output.json?uploadId=U1", "PUT b/executions/e/B/output.json",
        "DELETE b/executions/e/B/output.json", "DELETE b/executions/e/A/output.json",
        "GET b/executions/e/B/output.json?uploadId=U1&max-parts=1",
        "GET b?list-type=2&encoding-type=url", "GET b?uploads=", "PUT b", "DELETE b",
        /* more than there should be */
        "GET b/executions/e/A/output.json?versionId=1", "GET b/executions/e/A/output.json?acl",
        "GET b/executions/e/A/output.json?response-content-type=x",
        "POST b/executions/e/B/output.json?uploads=1",
        "POST b/executions/e/B/output.json?uploads=&uploads=",
        "PUT b/executions/e/B/output.json?partNumber=1&partNumber=1&uploadId=U1",
        "PUT b/executions/e/B/output.json?uploadId=U1",
        "PUT b/executions/e/B/output.json?partNumber=1&uploadId=U1&uploadId=U2",
        "get b/executions/e/A/output.json", "PATCH b/executions/e/A/output.json"};
    struct permit p = stage_permit(own_upload);

    (void)state;
    REFUSED(&p, others);
}

static void test_permit__headers_are_ours_and_stay_in_their_lines(void **state)
{
    struct permit p = stage_permit(own_upload);
    char method[8];
    struct request r = request_of("POST b/executions/e/B/output.json?uploads=", method);
    struct request bad;

    (void)state;
    request_add_header(&r, SLICE("x-amz-meta-stepfleet-mark"), SLICE("m"));
    assert_true(allows_request(&p, &r));
    bad = r;
    bad.headers[0].value = SLICE("m\nx-amz-acl:public-read");
    assert_false(allows_request(&p, &bad));
    bad = r;
    request_add_header(&bad, SLICE("x-amz-acl"), SLICE("public-read"));
    assert_false(allows_request(&p, &bad));
    bad = r;
    request_add_header(&bad, SLICE("x-amz-meta-stepfleet-mark"), SLICE("m"));
    assert_false(allows_request(&p, &bad));
    bad = r;
    bad.payload_hash = sign_empty_hash;
    assert_true(allows_request(&p, &bad));
    bad.payload_hash = SLICE("UNSIGNED-PAYLOAD");
    assert_false(allows_request(&p, &bad));
    bad.payload_hash = SLICE("\n3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_false(allows_request(&p, &bad));
}

static void test_permit__a_first_stage_reads_nothing(void **state)
{
    const struct stage_places places = {.bucket = SLICE("b"), .output_key = SLICE("o")};
    static const char *const reads[] = {"GET b/o", "GET b/", "HEAD b/x"};
    struct permit p;

    (void)state;
    permit_of_stage(&places, SLICE(""), &p);
    REFUSED(&p, reads);
}

/* ---- A piece of a job run ---- */

#define RUN "jr_1"
#define TMP "out/out/.stepfleet/" RUN "/"

static const struct job_places job_places = {
    .input_kind = JOB_INPUT_PREFIX,
    .input_bucket = SLICE_INIT("in"),
    .input = SLICE_INIT("data/"),
    .output_bucket = SLICE_INIT("out"),
    .output_key = SLICE_INIT("out/o"),
};

static struct permit piece_permit(enum job_phase phase, enum job_input_kind kind, struct arena *a)
{
    static const struct job_definition definition = {
        .layout = JOB_LAYOUT_PARTS, .bad_records = {.policy = JOB_BAD_RECORDS_REJECT}};
    struct job_places places = job_places;
    const struct permit_piece piece = {
        .phase = phase,
        .piece = 3,
        .token = {7, 9},
        .plan = {7, 1},
        .run = SLICE(RUN),
        .definition = &definition,
        .places = &places,
        .upload_id = own_upload,
    };
    struct permit p;

    places.input_kind = kind;
    permit_of_piece(&piece, a, &p);
    return p;
}

static void test_permit__plan(void **state)
{
    static const char *const yes[] = {"HEAD in/data/x", "GET in/data/sub/y",
                                      "GET in?list-type=2&encoding-type=url&prefix=data/",
                                      "PUT " TMP "plan-7.9"};
    static const char *const no[] = {"GET in/other",
                                     "GET in/data/../other",
                                     "GET out/data/x",
                                     "GET in?list-type=2&encoding-type=url",
                                     "GET in?list-type=2&encoding-type=url&prefix=dat",
                                     "GET in?list-type=1&encoding-type=url&prefix=data/",
                                     "GET in?uploads=&prefix=data/",
                                     "PUT in/data/x",
                                     "DELETE in/data/x",
                                     "PUT " TMP "plan-7.1",
                                     "PUT out/out/o",
                                     "POST out/out/o?uploads="};
    struct arena a = {0};
    struct permit p = piece_permit(JOB_PLAN, JOB_INPUT_PREFIX, &a);

    (void)state;
    ALLOWED(&p, yes);
    REFUSED(&p, no);
    arena_fini(&a);
}

static void test_permit__kinds_of_input(void **state)
{
    static const char *const one[] = {"GET in/data/"};
    static const char *const below[] = {"GET in/data/x"};
    static const char *const any[] = {"GET in/elsewhere/x"};
    static const char *const never[] = {"GET out/elsewhere/x", "GET in/../x", "PUT in/x"};
    struct arena a = {0};
    struct permit p = piece_permit(JOB_MAP, JOB_INPUT_KEY, &a);

    (void)state;
    ALLOWED(&p, one);
    REFUSED(&p, below);
    REFUSED(&p, any);
    p = piece_permit(JOB_MAP, JOB_INPUT_PREFIX, &a);
    ALLOWED(&p, below);
    REFUSED(&p, any);
    p = piece_permit(JOB_MAP, JOB_INPUT_MANIFEST, &a);
    ALLOWED(&p, any);
    REFUSED(&p, never);
    arena_fini(&a);
}

static void test_permit__map(void **state)
{
    static const char *const yes[] = {"GET in/data/x",
                                      "GET " TMP "plan-7.1",
                                      "PUT " TMP "m3-7.9",
                                      "POST " TMP "m3-7.9?uploads=",
                                      "PUT " TMP "m3-7.9?partNumber=1&uploadId=any",
                                      "POST " TMP "m3-7.9?uploadId=any",
                                      "GET " TMP "m3-7.9?uploadId=any&max-parts=1",
                                      "HEAD " TMP "m3-7.9",
                                      "DELETE " TMP "m3-7.9?uploadId=any",
                                      "PUT " TMP "rejected-m3-7.9"};
    static const char *const no[] = {"GET " TMP "plan-7.2",
                                     "GET " TMP "m2-7.8",
                                     "PUT " TMP "m2-7.9",
                                     "PUT " TMP "m3-7.8",
                                     "DELETE " TMP "m3-7.9",
                                     "PUT " TMP "plan-7.1",
                                     "GET in?list-type=2&encoding-type=url&prefix=data/",
                                     "POST out/out/o?uploads=",
                                     "GET out/out/.stepfleet/jr_2/plan-7.1"};
    struct arena a = {0};
    struct permit p = piece_permit(JOB_MAP, JOB_INPUT_PREFIX, &a);

    (void)state;
    ALLOWED(&p, yes);
    REFUSED(&p, no);
    arena_fini(&a);
}

static void test_permit__reduce_and_join(void **state)
{
    static const char *const both[] = {"GET " TMP "m1-7.3", "HEAD " TMP "r1-7.4",
                                       "GET out?list-type=2&encoding-type=url&prefix="
                                       "out/.stepfleet/" RUN "/m&continuation-token=t"};
    static const char *const reduces[] = {"PUT " TMP "r3-7.9",
                                          "POST " TMP "rejected-r3-7.9?uploads="};
    static const char *const joins[] = {
        "POST out/out/o?uploads=", "PUT out/out/o?partNumber=2&uploadId=U1",
        "DELETE out/out/o?uploadId=U1", "PUT out/out/o.parts/" RUN "/7.9/part-000001",
        "POST out/out/rejected.jsonl?uploads="};
    static const char *const neither[] = {"GET in/data/x",
                                          "DELETE " TMP "m1-7.3",
                                          "PUT out/out/o?partNumber=2&uploadId=U2",
                                          "POST out/out/o?uploadId=U1",
                                          "PUT out/out/o",
                                          "PUT out/out/o.parts/" RUN "/7.8/part-000001",
                                          "PUT out/out/o.parts/" RUN "/7.9/../7.8/part-000001",
                                          "GET out?list-type=2&encoding-type=url&prefix=out/"};
    struct arena a = {0};
    struct permit reduce = piece_permit(JOB_REDUCE, JOB_INPUT_PREFIX, &a);
    struct permit join = piece_permit(JOB_JOIN, JOB_INPUT_PREFIX, &a);

    (void)state;
    ALLOWED(&reduce, both);
    ALLOWED(&reduce, reduces);
    REFUSED(&reduce, joins);
    REFUSED(&reduce, neither);
    ALLOWED(&join, both);
    ALLOWED(&join, joins);
    REFUSED(&join, reduces);
    REFUSED(&join, neither);
    arena_fini(&a);
}

static void test_permit__copies_are_of_what_can_be_read(void **state)
{
    static const char part[] = "PUT out/out/o?partNumber=2&uploadId=U1";
    static const char *const bad[] = {"/out/other",
                                      "/in/" RUN "/m1-7.3",
                                      "/" TMP "../x",
                                      "/" TMP "m1%2F7.3",
                                      "/" TMP "m1?versionId=3",
                                      "/" TMP "m1+2",
                                      "/" TMP "m1%",
                                      TMP "m1-7.3",
                                      "/",
                                      "/out",
                                      "/out/"};
    struct arena a = {0};
    struct permit p = piece_permit(JOB_JOIN, JOB_INPUT_PREFIX, &a);

    (void)state;
    assert_true(allows_copy(&p, part, "/" TMP "m1-7.3"));
    assert_true(allows_copy(&p, part, "/" TMP "m1%20x"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(allows_copy(&p, part, bad[i]));
    }
    assert_false(allows_copy(&p, "PUT out/out/rejected.jsonl", "/" TMP "m1-7.3"));
    arena_fini(&a);
}

static void test_permit__clean(void **state)
{
    static const char *const yes[] = {
        "GET out?list-type=2&encoding-type=url&prefix=out/.stepfleet/" RUN "/",
        "GET out?uploads=&prefix=out/.stepfleet/" RUN "/&key-marker=k&upload-id-marker=u",
        "DELETE " TMP "m1-7.3",
        "DELETE " TMP "m1-7.3?uploadId=any",
        "GET out/out/o",
        "DELETE out/out/o.parts/" RUN "/7.3/part-000000",
        "HEAD out/out/rejected.jsonl",
        "GET out?uploads=&prefix=out/rejected.jsonl",
        "DELETE out/out/rejected.jsonl?uploadId=any"};
    static const char *const no[] = {"DELETE out/out/o",
                                     "DELETE out/out/o?uploadId=U1",
                                     "DELETE out/out/rejected.jsonl",
                                     "DELETE in/data/x",
                                     "DELETE out/out/.stepfleet/jr_2/m1-7.3",
                                     "PUT " TMP "m3-7.9",
                                     "GET out?uploads=",
                                     "GET out?uploads=&prefix=out/"};
    struct arena a = {0};
    struct permit p = piece_permit(JOB_CLEAN, JOB_INPUT_PREFIX, &a);
    struct permit over = piece_permit(JOB_OVER, JOB_INPUT_PREFIX, &a);

    (void)state;
    ALLOWED(&p, yes);
    REFUSED(&p, no);
    REFUSED(&over, yes);
    arena_fini(&a);
}

static void test_permit__keys_of_the_limit(void **state)
{
    char key[LIMIT_KEY_BYTES + 1];
    struct permit p = {.count = 0};
    struct request r = {.method = "GET", .bucket = SLICE("b")};

    (void)state;
    memset(key, 'k', sizeof(key));
    permit_add(
        &p, (struct permit_rule){.actions = 1 << PERMIT_READ, .bucket = SLICE("b"), .below = true});
    r.key = slice_make(key, LIMIT_KEY_BYTES);
    assert_true(allows_request(&p, &r));
    r.key = slice_make(key, LIMIT_KEY_BYTES + 1);
    assert_false(allows_request(&p, &r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_permit__a_stage_has_its_input_and_its_upload),
        cmocka_unit_test(test_permit__a_stage_has_nothing_else),
        cmocka_unit_test(test_permit__headers_are_ours_and_stay_in_their_lines),
        cmocka_unit_test(test_permit__a_first_stage_reads_nothing),
        cmocka_unit_test(test_permit__plan),
        cmocka_unit_test(test_permit__kinds_of_input),
        cmocka_unit_test(test_permit__map),
        cmocka_unit_test(test_permit__reduce_and_join),
        cmocka_unit_test(test_permit__copies_are_of_what_can_be_read),
        cmocka_unit_test(test_permit__clean),
        cmocka_unit_test(test_permit__keys_of_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
