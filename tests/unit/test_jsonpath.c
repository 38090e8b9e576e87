/* SPDX-License-Identifier: Apache-2.0 */
/* jsonpath.c, jsonpath_parse.c, filter.c: what paths find, what they refuse, what they cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "coordinator/asl/jsonpath.h"
#include "proto/base/limits.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct json_node *json(struct arena *a, const char *text)
{
    const struct json_node *v = NULL;

    assert_int_equal(json_parse(slice_str(text), a, &v, NULL), OK);
    return v;
}

/* The value as text, "!why" where the path is refused, "?why" where it finds nothing. */
static const char *run(struct arena *a, const char *path, const char *doc)
{
    struct asl_scope_data s = {.input = json(a, doc), .a = a};
    const char *why = NULL;
    const struct asl_path *p = asl_path_parse(slice_str(path), PATH_ANY, a, &why);
    const struct json_node *v;
    struct path_miss miss;

    if (p == NULL) {
        assert_non_null(why);
        return arena_str(a, arena_printf(a, "!%s", why));
    }
    v = asl_path_value(p, &s, &miss);
    return v != NULL
               ? arena_str(a, json_print(v, a))
               : arena_str(a, arena_printf(a, "?%.*s", SLICE_FMT(asl_path_miss_text(&miss, a))));
}

struct example {
    const char *path;
    const char *doc;
    const char *expected;
};

static void check(const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct arena a = {0};

        assert_string_equal(run(&a, examples[i].path, examples[i].doc), examples[i].expected);
        arena_fini(&a);
    }
}

static void test_jsonpath__definite(void **state)
{
    static const struct example examples[] = {
        {"$", "{\"a\":1}", "{\"a\":1}"},
        {"$.a", "{\"a\":null}", "null"},
        {"$.a.b", "{\"a\":{\"b\":[1]}}", "[1]"},
        {"$['a b']", "{\"a b\":2}", "2"},
        {"$[\"a\"]", "{\"a\":2}", "2"},
        {"$[ 'a' ]", "{\"a\":2}", "2"},
        {"$['it\\'s']", "{\"it's\":3}", "3"},
        {"$['a\\b']", "{\"a\\\\b\":3}", "3"},
        {"$[0]", "[7,8]", "7"},
        {"$.[0].a", "[{\"a\":1}]", "1"},
        {"$[-1]", "[7,8]", "8"},
        {"$[-2]", "[7,8]", "7"},
        {"$.a-b", "{\"a-b\":1}", "1"},
        {"$.a.length()", "{\"a\":[1,2,3]}", "3"},
        {"$.length()", "\"abc\"", "null"},
        {"$['a','c']", "{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":1,\"c\":3}"},
        {"$['a','x']", "{\"a\":1}", "{\"a\":1}"},
        {"$.a.length()", "{\"a\":{\"x\":1}}", "1"},
    };

    (void)state;
    check(examples, COUNT(examples));
}

/* The texts of Jayway, as AWS hands them on. */
static void test_jsonpath__missing(void **state)
{
    static const struct example examples[] = {
        {"$.x", "{}", "?No results for path: $['x']"},
        {"$.a.x", "{\"a\":{}}", "?No results for path: $['a']['x']"},
        {"$.no.such.path", "{}", "?Missing property in path $['no']"},
        {"$.a.no.path", "{\"a\":{}}", "?Missing property in path $['a']['no']"},
        {"$[2]", "[1,2]", "?No results for path: $[2]"},
        {"$[-3]", "[1,2]", "?No results for path: $[-3]"},
        {"$.a[0]", "{\"a\":{}}",
         "?Filter: [0] can only be applied to arrays. Current context is: {}"},
        {"$.a.b", "{\"a\":\"s\"}",
         "?Expected to find an object with property ['b'] in path $['a'] but found 'string'."},
        {"$$.x", "{}", "?No results for path: $['x']"},
        {"$var", "{}", "?No results for path: $['var']"},
        {"$var.a[0]", "{}", "?No results for path: $['var']['a'][0]"},
        {"$['a','b'].c", "{\"a\":{\"c\":1}}",
         "?Multi properties can only be used as path leafs: $['a', 'b']"},
        {"$['a', 'b']", "5",
         "?Expected to find an object with property ['a', 'b'] in path $ but found 'number'."},
        {"$.s[*]['a','b'].c", "{\"s\":[{}]}",
         "?Multi properties can only be used as path leafs: $['s'][*]['a', 'b']"},
        {"$[?(@.x[*]['a','b'].c)]", "[{\"x\":[{}]}]",
         "?Multi properties can only be used as path leafs: $['x'][*]['a', 'b']"},
        {"$.a.sum()", "{\"a\":[1]}", "?No results for path: $['a'].function()"},
        {"$[5].x", "[1]", "?No results for path: $[5]['x']"},
    };

    (void)state;
    check(examples, COUNT(examples));
}

static void test_jsonpath__indefinite(void **state)
{
    static const char books[] = "{\"s\":[{\"p\":1,\"t\":\"x\"},{\"p\":2},{\"t\":\"y\"}]}";
    static const struct example examples[] = {
        {"$.s[*].p", books, "[1,2]"},
        {"$.s.*.p", books, "[1,2]"},
        {"$[*]", "{}", "[]"},
        {"$[*]", "{\"a\":1,\"b\":2}", "[1,2]"},
        {"$[*]", "3", "[]"},
        {"$.item.items[*].v", "{}", "[]"},
        {"$.items[:1]", "{}", "[]"},
        {"$[1:3]", "[0,1,2,3]", "[1,2]"},
        {"$[1:]", "[0,1,2,3]", "[1,2,3]"},
        {"$[:2]", "[0,1,2,3]", "[0,1]"},
        {"$[-2:]", "[0,1,2,3]", "[2,3]"},
        {"$[:-1]", "[0,1,2,3]", "[0,1,2]"},
        {"$[2:1]", "[0,1,2,3]", "[]"},
        {"$[-9:]", "[0,1]", "[0,1]"},
        {"$[:-9]", "[0,1]", "[]"},
        {"$[-3:-1]", "[0,1,2,3]", "[1,2]"},
        {"$[-9:-1]", "[0,1]", "[0]"},
        {"$[-1:-9]", "[0,1]", "[]"},
        {"$[1:-1]", "[0,1,2,3]", "[]"},
        {"$[0:-1]", "[0,1,2,3]", "[]"},
        {"$[-1:1]", "[0,1,2,3]", "[3,0]"},
        {"$[-1:0]", "[0,1,2,3]", "[3]"},
        {"$[0,-1,9]", "[0,1,2]", "[0,2,null]"},
        {"$[*][1]", "[[1,2],[3],{}]", "[2,null]"},
        {"$[*][1].x", "[[1,{\"x\":2}],[3]]", "[2]"},
        {"$[*]['a','b']", "[{\"a\":1},{\"b\":2},3]", "[{\"a\":1},{\"b\":2}]"},
        {"$[*].sum()", "[[1]]", "[]"},
        {"$['a','b']['c']", "{\"a\":{\"c\":1},\"b\":{\"c\":2},\"d\":{\"c\":3}}",
         "?Multi properties can only be used as path leafs: $['a', 'b']"},
        {"$..p", books, "[1,2]"},
        {"$..t", books, "[\"x\",\"y\"]"},
        {"$..[0]", "[[1,[2]],[3]]", "[[1,[2]],1,2,3]"},
        {"$..*", "{\"a\":[1,{\"b\":2}]}", "[[1,{\"b\":2}],1,{\"b\":2},2]"},
        {"$..['p']", books, "[1,2]"},
        {"$.s[*].length()", books, "[2,1,1]"},
    };

    (void)state;
    check(examples, COUNT(examples));
}

static void test_jsonpath__filters(void **state)
{
    static const char list[] = "[{\"n\":1,\"s\":\"ab\"},{\"n\":2.5,\"s\":\"Ab\"},{\"n\":\"2.5\"},{"
                               "\"n\":null},{\"s\":\"b\"}]";
    static const struct example examples[] = {
        {"$[?(@.n == 1)].n", list, "[1]"},
        {"$[?(@.n==2.5)].n", list, "[2.5,\"2.5\"]"},
        {"$[?(@.n != 1)].n", list, "[2.5,\"2.5\",null]"},
        {"$[?(@.n > 1)].n", list, "[2.5]"},
        {"$[?(@.n >= 1)].n", list, "[1,2.5]"},
        {"$[?(1 < @.n)].n", list, "[2.5]"},
        {"$[?(@.n <= 1)].n", list, "[1]"},
        {"$[?(@.s < 'b')].s", list, "[\"ab\",\"Ab\"]"},
        {"$[?(@.n)].n", list, "[1,2.5,\"2.5\"]"},
        {"$[?(!@.n)].n", list, "[null]"},
        {"$[?(!@.n.m)].n", list, "[1,2.5,\"2.5\",null]"},
        {"$[?(!@.n)].s", list, "[\"b\"]"},
        {"$[?(@.n == null)].n", list, "[null]"},
        {"$[?(@.n && @.s)].n", list, "[1,2.5]"},
        {"$[?(@.n == 1 || @.s == 'b')].s", list, "[\"ab\",\"b\"]"},
        {"$[?(@.s=='ab'||@.s=='b'&&@.n==1)].s", list, "[\"ab\"]"},
        {"$[?((@.s=='ab'||@.s=='b')&&@.n==1)].s", list, "[\"ab\"]"},
        {"$[?(!(@.n == 1))].s", list, "[\"Ab\",\"b\"]"},
        {"$[?(@.s in ['ab', 'x'])].n", list, "[1]"},
        {"$[?(@.n in [1, null])].n", list, "[1,null]"},
        {"$[?(@.s nin ['ab'])].s", list, "[\"Ab\",\"b\"]"},
        {"$[?(@.s =~ /a./)].s", list, "[\"ab\"]"},
        {"$[?(@.s =~ /a./i)].s", list, "[\"ab\",\"Ab\"]"},
        {"$[?(@.s =~ /a/)].s", list, "[]"},
        {"$[?(@.n =~ /(1|2.5)?/)].n", list, "[1,2.5,\"2.5\",null]"},
        {"$[?(@ =~ /true|/)]", "[true,false,null,\"x\",[1]]", "[true,null,[1]]"},
        {"$[?(@ == 1)]", "[1,1.0,\"1\",\"1.0\"]", "[1,1.0,\"1\"]"},
        {"$[?(@ == '1.0')]", "[1,1.0,\"1\",\"1.0\"]", "[1,1.0,\"1.0\"]"},
        {"$[?(@ > 1)]", "[1,2,3]", "[2,3]"},
        {"$[?(@.length() > 1)]", "[[1],[1,2]]", "[[1,2]]"},
        {"$.a[?(@ == $.b)]", "{\"a\":[1,2],\"b\":2}", "[2]"},
        {"$.a[?(@.v)]", "{\"a\":{\"v\":1}}", "[{\"v\":1}]"},
        {"$[?(@.a[?(@.b)])]", "[{\"a\":[{\"b\":1}]},{\"a\":[]}]", "[{\"a\":[{\"b\":1}]}]"},
        {"$..[?(@.b)].b", "{\"a\":[{\"b\":1}],\"c\":{\"b\":2}}", "[1,2]"},
        {"$[?(@['a b'] == \"x\")]", "[{\"a b\":\"x\"}]", "[{\"a b\":\"x\"}]"},
    };

    (void)state;
    check(examples, COUNT(examples));
}

static void test_jsonpath__filter_lists(void **state)
{
    static const char doc[] = "[{\"t\":[\"a\",1]},{\"t\":\"bab\"},{\"t\":[]},{\"t\":\"\"},{}]";
    static const struct example examples[] = {
        {"$[?(@.t contains 'a')].t", doc, "[[\"a\",1],\"bab\"]"},
        {"$[?(@ contains 'aab')]", "[\"aaab\",\"aaa\",\"\",\"ab\",\"xaab\"]",
         "[\"aaab\",\"xaab\"]"},
        {"$[?(@.t contains '')].t", doc, "[\"bab\",\"\"]"},
        {"$[?(@.t size 2)].t", doc, "[[\"a\",1]]"},
        {"$[?(@.t size 3)].t", doc, "[\"bab\"]"},
        {"$[?(@.t empty true)].t", doc, "[[],\"\"]"},
        {"$[?(@.t empty false)].t", doc, "[[\"a\",1],\"bab\"]"},
        {"$[?(@.t subsetof ['a', 1, 2])].t", doc, "[[\"a\",1],[]]"},
        {"$[?(@.t anyof ['x', 1])].t", doc, "[[\"a\",1]]"},
        {"$[?(@.t noneof [2])].t", doc, "[[\"a\",1],[]]"},
        {"$[?(@.t == 'bab' && @.t size 3 || @.t empty true && !(@.t == ''))].t", doc,
         "[\"bab\",[]]"},
    };

    (void)state;
    check(examples, COUNT(examples));
}

static void test_jsonpath__refused(void **state)
{
    static const char *const bad[] = {
        "",
        "a",
        "$.",
        "$..",
        "$a.",
        "$ .a",
        "$1",
        "$a-b",
        "$.a.",
        "$[",
        "$[]",
        "$['a",
        "$['a'",
        "$[a]",
        "$[1",
        "$[1,]",
        "$['a',]",
        "$['a',1]",
        "$[:]",
        "$[--1]",
        "$[99999999999999999999]",
        "$.a b",
        "$.a.first()",
        "$.length(1)",
        "$.a[?]",
        "$[?()]",
        "$[?(@.a]",
        "$[?(@.a ==)]",
        "$[?(1)]",
        "$[?(@.a = 1)]",
        "$[?(@.a & @.b)]",
        "$[?(@.a =~ 'x')]",
        "$[?(@.a =~ /x)]",
        "$[?(@.a =~ /x/q)]",
        "$[?(@.a in ['x')]",
        "$.length().a",
        "$[?(@.a == {})]",
        "$[?($v == 1)]",
        "@.a",
        "$[?(@.a in [[1]])]",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct arena a = {0};

        assert_int_equal(run(&a, bad[i], "{}")[0], '!');
        arena_fini(&a);
    }
}

static void test_jsonpath__reference_paths(void **state)
{
    static const char *const good[] = {"$",         "$.a",  "$.a[0]",           "$['a']['b c']",
                                       "$.a[-1].b", "$v.a", "$$.Execution.Name"};
    static const char *const bad[] = {"$.*",          "$[*]",       "$..a",    "$.a[0,1]",
                                      "$.a[1:]",      "$.a,b",      "$.a@b",   "$.a?",
                                      "$.a.length()", "$['a','b']", "$[?(@)]", "$.a:b"};
    struct arena a = {0};
    const char *why;

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_non_null(asl_path_parse(slice_str(good[i]), PATH_REFERENCE, &a, &why));
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_null(asl_path_parse(slice_str(bad[i]), PATH_REFERENCE, &a, &why));
        assert_non_null(why);
    }
    arena_fini(&a);
}

static const struct json_node *get_variable(void *arg, struct slice name)
{
    return slice_eq_str(name, "v") ? json(arg, "{\"x\":3}") : NULL;
}

static void test_jsonpath__roots(void **state)
{
    struct arena a = {0};
    struct asl_variables variables = {get_variable, &a};
    struct asl_scope_data s = {.input = json(&a, "{\"x\":1}"),
                               .context = json(&a, "{\"x\":2}"),
                               .variables = &variables,
                               .a = &a};
    const char *const paths[] = {"$.x", "$$.x", "$v.x"};
    const unsigned uses[] = {ASL_USES_INPUT, ASL_USES_CONTEXT, ASL_USES_VARIABLES | ASL_USES_INPUT};
    struct path_miss miss;
    const char *why;

    (void)state;
    for (int64_t i = 0; i < 3; i++) {
        const struct asl_path *p = asl_path_parse(slice_str(paths[i]), PATH_ANY, &a, &why);
        int64_t found = 0;

        assert_true(json_i64(asl_path_value(p, &s, &miss), &found));
        assert_int_equal(found, i + 1);
        assert_int_equal(asl_path_uses(p), uses[i]);
    }
    assert_null(asl_path_value(asl_path_parse(SLICE("$w.x"), PATH_ANY, &a, &why), &s, &miss));
    assert_int_equal(miss.is, PATH_NO_ROOT);
    assert_int_equal(asl_path_uses(NULL), 0);
    arena_fini(&a);
}

/* A definite path hands out the node itself and takes no memory. */
static void test_jsonpath__definite_costs_nothing(void **state)
{
    struct arena a = {0};
    struct arena none = {0};
    struct asl_scope_data s = {.input = json(&a, "{\"a\":[{\"b\":{}}]}"), .a = &none};
    const char *why;
    const struct asl_path *p = asl_path_parse(SLICE("$.a[0].b"), PATH_ANY, &a, &why);
    struct path_miss miss;

    (void)state;
    assert_non_null(asl_path_value(p, &s, &miss));
    assert_int_equal(arena_held_bytes(&none), 0);
    arena_fini(&a);
}

static void put(const char *path, const char *doc, const char *value, const char *expected)
{
    struct arena a = {0};
    const char *why;
    const struct asl_path *p = asl_path_parse(slice_str(path), PATH_REFERENCE, &a, &why);
    size_t step = 0;
    const struct json_node *v = asl_path_put(p, json(&a, doc), json(&a, value), &a, &step);

    if (expected[0] == '?') {
        assert_null(v);
        assert_string_equal(arena_str(&a, asl_path_step_name(p, step, &a)), expected + 1);
    } else {
        assert_string_equal(arena_str(&a, json_print(v, &a)), expected);
    }
    arena_fini(&a);
}

static void test_jsonpath__put(void **state)
{
    (void)state;
    put("$", "{\"a\":1}", "2", "2");
    put("$.a", "{}", "2", "{\"a\":2}");
    put("$.a", "{\"a\":1,\"b\":3}", "2", "{\"a\":2,\"b\":3}");
    put("$.a.b.c", "{\"x\":0}", "[]", "{\"x\":0,\"a\":{\"b\":{\"c\":[]}}}");
    put("$.a[1]", "{\"a\":[1,2,3]}", "9", "{\"a\":[1,9,3]}");
    put("$.a[-1].b", "{\"a\":[1,{}]}", "9", "{\"a\":[1,{\"b\":9}]}");
    put("$.a[3]", "{\"a\":[1,2,3]}", "9", "?[3]");
    put("$.a[0]", "{}", "9", "?[0]");
    put("$.a.b", "{\"a\":5}", "9", "?b");
    put("$.a", "[]", "9", "?a");
    put("$.a", "\"text\"", "9", "?a");
}

static const char *repeat(struct arena *a, const char *head, const char *part, size_t n)
{
    struct buf b = {0};
    const char *text;

    (void)buf_reserve(&b, strlen(head) + 1);
    buf_put_str(&b, head);
    for (size_t i = 0; i < n; i++) {
        buf_put_str(&b, part);
    }
    text = arena_str(a, buf_slice(&b));
    buf_fini(&b);
    return text;
}

/* A chain is walked: it takes no stack, and its comparisons count. */
static void test_jsonpath__long_filters(void **state)
{
    struct arena a = {0};
    const char *chain = repeat(&a, "$[?(@.b", "||@.a", 200000);
    const char *text = arena_str(&a, arena_printf(&a, "%s)]", chain));

    (void)state;
    assert_string_equal(run(&a, text, "[{\"a\":1},{\"b\":1},{}]"), "[{\"a\":1},{\"b\":1}]");
    assert_string_equal(run(&a, text, "[{},{},{},{},{},{}]"), "?The path visits too many nodes");
    arena_fini(&a);
}

/* Half a million places where a thousand bytes nearly match. */
static void test_jsonpath__slow_parts_end(void **state)
{
    struct arena a = {0};
    const char *part = repeat(&a, "", "a", 1000);
    const char *text = repeat(&a, "", "a", 500000);

    (void)state;
    assert_string_equal(run(&a, arena_str(&a, arena_printf(&a, "$[?(@ contains '%sb')]", part)),
                            arena_str(&a, arena_printf(&a, "[\"%s\"]", text))),
                        "?The path visits too many nodes");
    arena_fini(&a);
}

/* A long list or text put to each of many elements. */
static void test_jsonpath__long_comparisons_end(void **state)
{
    static const char *const paths[] = {"$.e[?($.x == $.y)]", "$.e[?($.s < $.t)]",
                                        "$.e[?(@ == $.n)]", "$.e[?($.x in $.z)]"};
    struct arena a = {0};
    const char *ones = repeat(&a, "[1", ",1", 40000);
    const char *text = repeat(&a, "", "1", 80000);
    const char *doc = arena_str(
        &a, arena_printf(&a,
                         "{\"e\":%s],\"x\":%s],\"y\":%s],\"z\":[%s,2],%s]],\"s\":\"%s\",\"t\":\"%s"
                         "2\",\"n\":\"%s\"}",
                         ones, ones, ones, ones, ones, text, text, text));

    (void)state;
    for (size_t i = 0; i < COUNT(paths); i++) {
        assert_string_equal(run(&a, paths[i], doc), "?The path visits too many nodes");
    }
    arena_fini(&a);
}

/* 80,000 matches of a thousand states each. Their room is used again, and what they try counts. */
static void test_jsonpath__many_matches_end(void **state)
{
    struct arena a = {0};
    const char *list = repeat(&a, "[\"\"", ",\"\"", 80000);
    const char *doc = arena_str(&a, arena_printf(&a, "%s]", list));
    const char *why;
    const struct asl_path *quick = asl_path_parse(SLICE("$[?(@ =~ /x{998}/)]"), PATH_ANY, &a, &why);
    struct arena w = {0};
    struct asl_scope_data s = {.input = json(&a, doc), .a = &w};
    struct path_miss miss;

    (void)state;
    assert_string_equal(run(&a, "$[?(@ =~ /(a?){499}b/)]", doc), "?The path visits too many nodes");
    assert_int_equal(json_count(asl_path_value(quick, &s, &miss)), 0);
    assert_true(arena_held_bytes(&w) < 1024 * 1024);
    arena_fini(&w);
    arena_fini(&a);
}

static void test_jsonpath__limits(void **state)
{
    struct arena a = {0};
    const char *why;

    (void)state;
    assert_non_null(
        asl_path_parse(slice_str(repeat(&a, "$", ".a", LIMIT_PATH_STEPS)), PATH_ANY, &a, &why));
    assert_null(
        asl_path_parse(slice_str(repeat(&a, "$", ".a", LIMIT_PATH_STEPS + 1)), PATH_ANY, &a, &why));
    assert_string_equal(why, "the path has too many steps");
    assert_int_equal(run(&a, repeat(&a, "$[?", "(", 1000), "{}")[0], '!');
    assert_int_equal(run(&a, repeat(&a, "$", "[?(@.a", 1000), "{}")[0], '!');
    arena_fini(&a);
}

/* "$[*]" looks at the array and at each element. */
static void test_jsonpath__visits_limit(void **state)
{
    (void)state;
    for (size_t count = LIMIT_PATH_VISITS - 1; count <= LIMIT_PATH_VISITS; count++) {
        struct arena a = {0};
        const char *list = repeat(&a, "[0", ",0", count - 1);

        assert_int_equal(run(&a, "$[*]", arena_str(&a, arena_printf(&a, "%s]", list)))[0],
                         count < LIMIT_PATH_VISITS ? '[' : '?');
        arena_fini(&a);
    }
}

/* Without the bound this would visit some 10^30 nodes. */
static void test_jsonpath__many_descents_end(void **state)
{
    struct arena a = {0};
    const char *doc = repeat(&a, "", "{\"a\":", 100);
    const char *closed = repeat(&a, arena_str(&a, arena_printf(&a, "%s1", doc)), "}", 100);

    (void)state;
    assert_string_equal(run(&a, repeat(&a, "$", "..*", 40), closed),
                        "?The path visits too many nodes");
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jsonpath__definite),
        cmocka_unit_test(test_jsonpath__missing),
        cmocka_unit_test(test_jsonpath__indefinite),
        cmocka_unit_test(test_jsonpath__filters),
        cmocka_unit_test(test_jsonpath__filter_lists),
        cmocka_unit_test(test_jsonpath__refused),
        cmocka_unit_test(test_jsonpath__reference_paths),
        cmocka_unit_test(test_jsonpath__roots),
        cmocka_unit_test(test_jsonpath__definite_costs_nothing),
        cmocka_unit_test(test_jsonpath__put),
        cmocka_unit_test(test_jsonpath__long_filters),
        cmocka_unit_test(test_jsonpath__slow_parts_end),
        cmocka_unit_test(test_jsonpath__long_comparisons_end),
        cmocka_unit_test(test_jsonpath__many_matches_end),
        cmocka_unit_test(test_jsonpath__limits),
        cmocka_unit_test(test_jsonpath__visits_limit),
        cmocka_unit_test(test_jsonpath__many_descents_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
