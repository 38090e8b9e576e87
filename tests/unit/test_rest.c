/* SPDX-License-Identifier: Apache-2.0 */
/* AWS's REST JSON: which request is which operation, what its path and query say, and errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/api/http/rest.h"

static struct http_request request(const char *method, const char *target)
{
    return (struct http_request){.method = slice_str(method), .target = slice_str(target)};
}

/* The operation's name, and the members it has then; NULL: there is none. */
static void assert_asks(const char *method,
                        const char *target,
                        const char *body,
                        const char *operation,
                        const char *members)
{
    struct http_request r = request(method, target);
    struct arena a = {0};
    const struct rest_route *route = rest_route(&r, &a);
    const struct json_node *v;
    struct err err;

    if (operation == NULL) {
        assert_null(route);
        arena_fini(&a);
        return;
    }
    assert_non_null(route);
    assert_string_equal(rest_operation(route)->name, operation);
    assert_int_equal(rest_operation(route)->service,
                     slice_starts_with(slice_str(target), SLICE("/scale")) ? AWS_STEPFLEET
                                                                           : AWS_PIPES);
    assert_int_equal(json_parse(slice_str(body), &a, &v, &err), OK);
    assert_int_equal(rest_request(&r, route, &a, &v, &err), OK);
    assert_string_equal(arena_str(&a, json_print(v, &a)), members);
    arena_fini(&a);
}

static void test_rest__finds_operations_by_method_and_path(void **state)
{
    (void)state;
    assert_asks("GET", "/v1/pipes", "{}", "ListPipes", "{}");
    assert_asks("POST", "/v1/pipes/p", "{\"Source\":\"s\"}", "CreatePipe",
                "{\"Source\":\"s\",\"Name\":\"p\"}");
    assert_asks("PUT", "/v1/pipes/p", "{}", "UpdatePipe", "{\"Name\":\"p\"}");
    assert_asks("DELETE", "/v1/pipes/p", "{}", "DeletePipe", "{\"Name\":\"p\"}");
    assert_asks("GET", "/v1/pipes/a%2Db", "{}", "DescribePipe", "{\"Name\":\"a-b\"}");
    assert_asks("POST", "/v1/pipes/p/start", "{}", "StartPipe", "{\"Name\":\"p\"}");
    assert_asks("POST", "/v1/pipes/p/stop", "{}", "StopPipe", "{\"Name\":\"p\"}");
    assert_asks("GET", "/tags/arn%3Aaws%3Apipes%3Ar%3A1%3Apipe%2Fp", "{}", "ListTagsForResource",
                "{\"resourceArn\":\"arn:aws:pipes:r:1:pipe/p\"}");
    assert_asks("GET", "/scale", "{}", "DescribeScale", "{}");
    assert_asks("GET", "/scale/a%20b?NextToken=t", "{}", "DescribeScale",
                "{\"NextToken\":\"t\",\"Function\":\"a b\"}");
    assert_asks("POST", "/scale", "{}", NULL, NULL);
    assert_asks("POST", "/", "{}", NULL, NULL);
    assert_asks("POST", "/v1/pipes", "{}", NULL, NULL);
    assert_asks("GET", "/v1/pipes/", "{}", NULL, NULL);
    assert_asks("GET", "/v1/pipes/p/start", "{}", NULL, NULL);
    assert_asks("POST", "/v1/pipes/p/go", "{}", NULL, NULL);
    assert_asks("POST", "/v1/pipes/p/start/now", "{}", NULL, NULL);
    assert_asks("GET", "/v1/pipes/%zz", "{}", NULL, NULL);
    assert_asks("GET", "/v1/pipes/%ff", "{}", NULL, NULL);
    assert_asks("get", "/v1/pipes", "{}", NULL, NULL);
}

static void test_rest__reads_the_query(void **state)
{
    (void)state;
    assert_asks("GET", "/v1/pipes?Limit=7&NamePrefix=a%20b&Other=1&", "{}", "ListPipes",
                "{\"NamePrefix\":\"a b\",\"Limit\":7}");
    assert_asks("GET", "/v1/pipes?Limit=many", "{}", "ListPipes", "{\"Limit\":\"many\"}");
    assert_asks("DELETE", "/tags/x?tagKeys=a&tagKeys=b%26c", "{}", "UntagResource",
                "{\"tagKeys\":[\"a\",\"b&c\"],\"resourceArn\":\"x\"}");
    /* The path has the last word. */
    assert_asks("GET", "/v1/pipes/p?Name=q", "{\"Name\":\"r\"}", "DescribePipe",
                "{\"Name\":\"p\"}");
}

static void test_rest__refuses_what_it_cannot_read(void **state)
{
    struct http_request r = request("GET", "/v1/pipes?NamePrefix=%zz");
    struct arena a = {0};
    struct json_builder list = json_build_array(&a);
    const struct json_node *v = json_built(&list);
    struct err err;

    (void)state;
    assert_int_equal(rest_request(&r, rest_route(&r, &a), &a, &v, &err), ERR_MESSAGE);
    assert_int_equal(json_parse(SLICE("{}"), &a, &v, &err), OK);
    assert_int_equal(rest_request(&r, rest_route(&r, &a), &a, &v, &err), ERR_MESSAGE);
    arena_fini(&a);
}

static void test_rest__words_errors(void **state)
{
    struct buf b = {0};
    struct err err;

    (void)state;
    assert_string_equal(rest_error_name(ERR_PIPE_NOT_FOUND), "NotFoundException");
    assert_int_equal(rest_error_status(ERR_PIPE_NOT_FOUND), 404);
    assert_int_equal(rest_error_status(ERR_CONFLICT), 409);
    assert_string_equal(rest_error_name(ERR_IO), "InternalException");
    assert_int_equal(rest_error_status(ERR_IO), 500);
    assert_string_equal(rest_error_name(ERR_INVALID_TOKEN), "ValidationException");
    (void)err_set(&err, ERR_VALIDATION, "Value '' at 'name' failed");
    rest_error(ERR_VALIDATION, &err, &b);
    assert_true(slice_eq_str(buf_slice(&b),
                             "{\"fieldList\":[{\"name\":\"name\",\"message\":\"Value '' at 'name' "
                             "failed\"}],\"message\":\"Value '' at 'name' failed\"}"));
    buf_reset(&b);
    (void)err_set(&err, ERR_CONFLICT, "Pipe p already exists.");
    rest_error(ERR_CONFLICT, &err, &b);
    assert_true(slice_eq_str(buf_slice(&b), "{\"message\":\"Pipe p already exists.\"}"));
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rest__finds_operations_by_method_and_path),
        cmocka_unit_test(test_rest__reads_the_query),
        cmocka_unit_test(test_rest__refuses_what_it_cannot_read),
        cmocka_unit_test(test_rest__words_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
