/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as text, what answers mean, and the XML reader on what is and is not XML. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "client/s3/answer.h"
#include "client/s3/request.h"
#include "client/s3/xml.h"

static void assert_slice(struct slice s, const char *expected)
{
    if (!slice_eq_str(s, expected)) {
        print_error("%.*s\n!= %s\n", SLICE_FMT(s), expected);
        fail();
    }
}

/* ---- Requests ---- */

static enum err_code parse_site(const char *endpoint, struct request_site *site)
{
    struct err err;

    *site = (struct request_site){.keys = {SLICE("AK"), SLICE("SK"), SLICE("us-east-1")}};
    return request_site_parse(slice_str(endpoint), site, &err);
}

static void test_request__endpoints(void **state)
{
    static const char *const bad[] = {"",           "127.0.0.1:1",   "ftp://h",
                                      "http://",    "http:///x",     "http://u:p@h",
                                      "http://h?q", "http://h/#f",   "http://h h",
                                      "http://:80", "https://h\r\n", "http://\xc3\xbc"};
    struct request_site site;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(parse_site(bad[i], &site), ERR_CONFIG);
    }
    assert_int_equal(parse_site("http://127.0.0.1:9701/", &site), OK);
    assert_slice(site.host, "127.0.0.1:9701");
    assert_slice(site.base, "");
    assert_int_equal(parse_site("https://s3.example:443/base/", &site), OK);
    assert_slice(site.origin, "https://s3.example:443");
    assert_slice(site.host, "s3.example");
    assert_slice(site.base, "/base");
    assert_int_equal(parse_site("http://h:443", &site), OK);
    assert_slice(site.host, "h:443");
}

static void test_request__knows_what_stays_on_this_machine(void **state)
{
    static const char *const local[] = {"http://127.0.0.1:9701", "http://127.1.2.3",
                                        "http://[::1]",          "http://[::1]:80/base",
                                        "http://localhost",      "http://localhost:1"};
    static const char *const far[] = {"http://127.evil.example", "http://127.0.0.1.evil.example:80",
                                      "http://localhost.evil",   "http://[::11]:1",
                                      "http://10.0.0.1",         "http://128.0.0.1"};
    struct request_site site;

    (void)state;
    for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
        assert_int_equal(parse_site(local[i], &site), OK);
        assert_true(site.loopback && !site.tls);
    }
    for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
        assert_int_equal(parse_site(far[i], &site), OK);
        assert_false(site.loopback);
    }
    assert_int_equal(parse_site("https://s3.example", &site), OK);
    assert_true(site.tls && !site.loopback);
}

static bool has_line(const struct request_wire *wire, const char *line)
{
    for (size_t i = 0; i < wire->line_count; i++) {
        if (strcmp(wire->lines[i], line) == 0) {
            return true;
        }
    }
    return false;
}

static void test_request__url_and_lines(void **state)
{
    struct request r = {
        .method = "PUT", .bucket = SLICE("b"), .key = SLICE("x/../\xc3\xbc+ .json")};
    struct request_site site;
    struct request_wire wire;
    struct arena a = {0};

    (void)state;
    assert_int_equal(parse_site("http://h:1/base", &site), OK);
    site.session_token = SLICE("TOKEN");
    request_add_query(&r, SLICE("uploadId"), SLICE("a&b"));
    request_add_query(&r, SLICE("partNumber"), SLICE("7"));
    request_add_header(&r, SLICE("if-match"), SLICE("\"e\""));
    assert_int_equal(request_build(&site, &r, INT64_C(1369353600000), &a, &wire, NULL), OK);
    assert_string_equal(wire.url,
                        "http://h:1/base/b/x/../%C3%BC%2B%20.json?partNumber=7&uploadId=a%26b");
    assert_int_equal(wire.line_count, 6);
    assert_true(has_line(&wire, "host: h:1"));
    assert_true(has_line(&wire, "x-amz-date: 20130524T000000Z"));
    assert_true(has_line(&wire, "x-amz-security-token: TOKEN"));
    assert_true(has_line(&wire, "if-match: \"e\""));
    assert_non_null(strstr(wire.lines[5],
                           "SignedHeaders=host;if-match;x-amz-content-sha256;x-amz-date;"
                           "x-amz-security-token,"));
    arena_fini(&a);
}

static void test_request__header_values(void **state)
{
    (void)state;
    assert_true(request_is_header_value(SLICE("")));
    assert_true(request_is_header_value(SLICE("a b~")));
    assert_false(request_is_header_value(SLICE("a\r\nb: c")));
    assert_false(request_is_header_value(SLICE("a\0b")));
    assert_false(request_is_header_value(SLICE(" a")));
    assert_false(request_is_header_value(SLICE("a ")));
    assert_false(request_is_header_value(SLICE("\x7f")));
    assert_false(request_is_header_value(SLICE("\xc3\xbc")));
}

/* ---- Answers ---- */

static void answer_of(struct answer *n, const char *const *lines)
{
    *n = (struct answer){0};
    for (; *lines != NULL; lines++) {
        answer_header(n, slice_str(*lines));
    }
}

static void test_answer__headers(void **state)
{
    static const char *const lines[] = {
        "HTTP/1.1 100 Continue\r\n",          "ETag: \"old\"\r\n",
        "HTTP/1.1 206 Partial Content\r\n",   "ETAG:   \"abc\"  \r\n",
        "x-amz-META-stepfleet-mark: m 1\r\n", "Content-Length: 10\r\n",
        "content-range: bytes 5-14/100\r\n",  NULL};
    struct answer n;

    (void)state;
    answer_of(&n, lines);
    assert_int_equal(n.status, 206);
    assert_string_equal(n.object.etag, "abc");
    assert_string_equal(n.object.mark, "m 1");
    assert_true(n.has_length && n.length == 10);
    assert_true(n.has_range && n.first == 5 && n.last == 14 && n.has_size && n.size == 100);
    assert_false(n.encrypted);
}

static void test_answer__ranges_that_are_none(void **state)
{
    static const char *const bad[] = {"Content-Range: bytes 5-4/100",
                                      "Content-Range: bytes 5-100/100",
                                      "Content-Range: bytes -5/10",
                                      "Content-Range: bytes 0-9/*",
                                      "Content-Range: items 0-9/10",
                                      "Content-Range: bytes 0-9",
                                      "Content-Range: bytes 0-18446744073709551616/10"};
    const char *twice[] = {"Content-Range: bytes 0-9/100", "Content-Range: bytes 0-9/5", NULL};
    const char *empty[] = {"HTTP/1.1 416 x", "Content-Range: bytes */0", NULL};
    struct answer n;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *lines[] = {bad[i], NULL};

        answer_of(&n, lines);
        assert_false(n.has_range);
    }
    answer_of(&n, twice);
    assert_false(n.has_range);
    answer_of(&n, empty);
    assert_true(!n.has_range && n.has_size && n.size == 0 && n.status == 416);
}

/* An ETag or a mark that does not fit is none, not a part of one. */
static void test_answer__long_values(void **state)
{
    char line[400] = "ETag: ";
    struct answer n = {0};

    (void)state;
    memset(line + 6, 'e', 127);
    answer_header(&n, slice_make(line, 6 + 127));
    assert_int_equal(strlen(n.object.etag), 127);
    n = (struct answer){0};
    memset(line + 6, 'e', 128);
    answer_header(&n, slice_make(line, 6 + 128));
    assert_string_equal(n.object.etag, "");
}

static void test_answer__encrypted(void **state)
{
    static const char *const kms[] = {"x-amz-server-side-encryption: aws:kms\r\n", NULL};
    static const char *const own[] = {"x-amz-server-side-encryption: AES256\r\n", NULL};
    struct answer n;

    (void)state;
    answer_of(&n, kms);
    assert_true(n.encrypted);
    answer_of(&n, own);
    assert_false(n.encrypted);
}

static void test_answer__verdicts(void **state)
{
    static const struct {
        unsigned status;
        const char *code;
        struct verdict v;
    } cases[] = {
        {200, "", {OK, false, false}},
        {204, "", {OK, false, false}},
        {200, "InternalError", {ERR_UNAVAILABLE, true, false}},
        {200, "SlowDown", {ERR_BUSY, true, true}},
        {200, "SomethingNew", {ERR_UNAVAILABLE, true, false}},
        {301, "PermanentRedirect", {ERR_CONFIG, false, false}},
        {400, "InvalidPart", {ERR_VALIDATION, false, false}},
        {400, "RequestTimeout", {ERR_TIMED_OUT, true, false}},
        {400, "XAmzContentSHA256Mismatch", {ERR_INTEGRITY, true, false}},
        {400, "BadDigest", {ERR_INTEGRITY, true, false}},
        {400, "ExpiredToken", {ERR_DENIED, false, false}},
        {403, "SignatureDoesNotMatch", {ERR_DENIED, false, false}},
        {404, "", {ERR_NOT_FOUND, false, false}},
        {404, "NoSuchUpload", {ERR_NOT_FOUND, false, false}},
        {409, "OperationAborted", {ERR_CONFLICT, true, false}},
        {409, "BucketAlreadyExists", {ERR_CONFLICT, false, false}},
        {412, "", {ERR_PRECONDITION, false, false}},
        {429, "", {ERR_BUSY, true, true}},
        {500, "", {ERR_UNAVAILABLE, true, false}},
        {501, "NotImplemented", {ERR_CONFIG, false, false}},
        {502, "", {ERR_UNAVAILABLE, true, true}},
        {503, "", {ERR_UNAVAILABLE, true, true}},
        {503, "SlowDown", {ERR_BUSY, true, true}},
        {507, "", {ERR_NO_SPACE, false, false}},
        {0, "", {ERR_UNAVAILABLE, true, false}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct verdict v = answer_verdict(cases[i].status, slice_str(cases[i].code));

        assert_int_equal(v.rc, cases[i].v.rc);
        assert_int_equal(v.retry, cases[i].v.retry);
        assert_int_equal(v.away, cases[i].v.away);
    }
}

static void test_answer__errors(void **state)
{
    struct answer_error e;
    struct arena a = {0};

    (void)state;
    assert_true(answer_error_read(SLICE("<?xml version=\"1.0\"?>\n<Error><Code>A&amp;B</Code>"
                                        "<Message>m</Message><X><Code>no</Code></X></Error>"),
                                  &a, &e));
    assert_slice(e.code, "A&B");
    assert_slice(e.message, "m");
    assert_false(answer_error_read(SLICE("<Result><Code>A</Code></Result>"), &a, &e));
    assert_false(answer_error_read(SLICE("<html>Bad gateway"), &a, &e));
    assert_false(answer_error_read(SLICE("<Error><Code>A</Code>"), &a, &e));
    assert_false(answer_error_read(SLICE(""), &a, &e));
    arena_fini(&a);
}

static void test_answer__list(void **state)
{
    struct slice body = SLICE(
        "<l:ListBucketResult xmlns:l=\"u\"><Contents><Key>a+b%2B%26</Key><Size>7</Size>"
        "<LastModified>1970-01-01T00:00:01.500Z</LastModified></Contents><Contents><Key>z</Key>"
        "<Owner><ID>Key</ID></Owner></Contents><EncodingType>url</EncodingType>"
        "<IsTruncated>true</IsTruncated><NextContinuationToken>t&lt;</NextContinuationToken>"
        "</l:ListBucketResult>");
    struct answer_page p;
    struct arena a = {0};

    (void)state;
    assert_true(answer_list_read(body, false, &a, &p));
    assert_int_equal(p.count, 2);
    assert_slice(p.entries[0].key, "a b+&");
    assert_int_equal(p.entries[0].size_bytes, 7);
    assert_int_equal(p.entries[0].time_ms, 1500);
    assert_slice(p.entries[1].key, "z");
    assert_true(p.truncated);
    assert_slice(p.next, "t<");
    assert_false(answer_list_read(body, true, &a, &p));
    arena_fini(&a);
}

static void test_answer__list_of_uploads(void **state)
{
    struct slice body = SLICE(
        "<ListMultipartUploadsResult><NextKeyMarker>k+1</NextKeyMarker><NextUploadIdMarker>u"
        "</NextUploadIdMarker><IsTruncated>true</IsTruncated><Upload><Key>k+1</Key><UploadId>u"
        "</UploadId><Initiated>1970-01-01T00:00:02Z</Initiated></Upload></"
        "ListMultipartUploadsResult>");
    struct answer_page p;
    struct arena a = {0};

    (void)state;
    assert_true(answer_list_read(body, true, &a, &p));
    assert_int_equal(p.count, 1);
    assert_slice(p.entries[0].key, "k+1");
    assert_slice(p.entries[0].upload_id, "u");
    assert_int_equal(p.entries[0].time_ms, 2000);
    assert_slice(p.next, "k+1");
    assert_slice(p.next_upload_id, "u");
    arena_fini(&a);
}

static void test_answer__lists_that_are_none(void **state)
{
    static const char *const bad[] = {
        "",
        "<ListBucketResult>",
        "<Other></Other>",
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>k</Key><Size>-1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>k</Key><LastModified>now</LastModified></Contents>"
        "</ListBucketResult>",
        "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%2</Key></Contents>"
        "</ListBucketResult>",
        "<ListBucketResult><Contents><Key>&bad;</Key></Contents></ListBucketResult>"};
    struct answer_page p;
    struct arena a = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(answer_list_read(slice_str(bad[i]), false, &a, &p));
    }
    assert_true(answer_list_read(SLICE("<ListBucketResult/>"), false, &a, &p));
    assert_int_equal(p.count, 0);
    arena_fini(&a);
}

/* ---- XML ---- */

/* The kind the document ends with; every step must be within it. */
static enum xml_kind xml_end_of(struct slice text)
{
    struct xml x;
    struct slice value;
    enum xml_kind kind;

    xml_init(&x, text);
    for (size_t steps = 0;; steps++) {
        kind = xml_next(&x, &value);
        if (kind == XML_END || kind == XML_BAD) {
            assert_int_equal(xml_next(&x, &value), kind);
            return kind;
        }
        assert_true(steps <= text.len * 2);
    }
}

static void test_xml__whole_documents(void **state)
{
    static const char *const good[] = {
        "<a/>", "\xef\xbb\xbf<?xml version='1.0'?> <!-- c --> <a>t</a> \n",
        "<a b='>' c=\"/>\">x<b/>y<!-- <c> --></a>", "<n:a xmlns:n='u'></n:a>", "<a ></a >"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(xml_end_of(slice_str(good[i])), XML_END);
    }
}

static void test_xml__broken_documents(void **state)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "x",
                                      "<",
                                      "<a",
                                      "<a>",
                                      "<a></b>",
                                      "</a>",
                                      "<a/><b/>",
                                      "<a/>x",
                                      "<>",
                                      "<a><",
                                      "<a b='>",
                                      "<!--",
                                      "<a><!--",
                                      "<?xml",
                                      "<!DOCTYPE a [<!ENTITY x 'y'>]><a/>",
                                      "<a<b>",
                                      "<a></>",
                                      "<:></:>",
                                      "<a><![CDATA[x]]></a>"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(xml_end_of(slice_str(bad[i])), XML_BAD);
    }
}

static struct slice nested(unsigned depth, char *out)
{
    size_t n = 0;

    for (unsigned i = 0; i < depth; i++) {
        n += (size_t)sprintf(out + n, "<a>");
    }
    for (unsigned i = 0; i < depth; i++) {
        n += (size_t)sprintf(out + n, "</a>");
    }
    return slice_make(out, n);
}

static void test_xml__depth(void **state)
{
    char text[256];

    (void)state;
    assert_int_equal(xml_end_of(nested(XML_DEPTH, text)), XML_END);
    assert_int_equal(xml_end_of(nested(XML_DEPTH + 1, text)), XML_BAD);
}

static void test_xml__references(void **state)
{
    static const char *const bad[] = {
        "&",     "&amp",  "&;",        "&#;",        "&#x;",     "&#0;",
        "&#xg;", "&#1a;", "&unknown;", "&#x110000;", "&#xd800;", "&#99999999999999999999;"};
    struct arena a = {0};
    struct slice out;

    (void)state;
    assert_true(
        xml_decode(SLICE("&lt;&gt;&amp;&quot;&apos;&#65;&#x42;&#xfc;&#x20ac;&#x1F600;"), &a, &out));
    assert_slice(out, "<>&\"'AB\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(xml_decode(slice_str(bad[i]), &a, &out));
    }
    assert_true(xml_decode(xml_encode(SLICE("<a>&\"'\r\n"), &a), &a, &out));
    assert_slice(out, "<a>&\"'\r\n");
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request__endpoints),
        cmocka_unit_test(test_request__knows_what_stays_on_this_machine),
        cmocka_unit_test(test_request__url_and_lines),
        cmocka_unit_test(test_request__header_values),
        cmocka_unit_test(test_answer__headers),
        cmocka_unit_test(test_answer__ranges_that_are_none),
        cmocka_unit_test(test_answer__long_values),
        cmocka_unit_test(test_answer__encrypted),
        cmocka_unit_test(test_answer__verdicts),
        cmocka_unit_test(test_answer__errors),
        cmocka_unit_test(test_answer__list),
        cmocka_unit_test(test_answer__list_of_uploads),
        cmocka_unit_test(test_answer__lists_that_are_none),
        cmocka_unit_test(test_xml__whole_documents),
        cmocka_unit_test(test_xml__broken_documents),
        cmocka_unit_test(test_xml__depth),
        cmocka_unit_test(test_xml__references),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
