/* SPDX-License-Identifier: Apache-2.0 */
/* What the language costs, one thread, no disk: paths, templates and intrinsic functions over a
 * document of 10 KB, and JSON in and out beside the libraries that are there, over the same texts
 * in the same run. Ours keeps numbers as they are written and converts them where they are used;
 * the others do so when they parse. Time is the process's own, so that other programs disturb
 * little.
 *
 * usage: bench_language [milliseconds a figure, 500] */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "coordinator/asl/intrinsic.h"
#include "coordinator/asl/template.h"
#include "tests/bench/json_peers.h"

enum { TEXT_BYTES = 1024 * 1024, ORDER_ITEMS = 100 };

static int64_t figure_ns = 500 * 1000000;

static int64_t now_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void must(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "bench_language: %s\n", what);
        exit(EXIT_FAILURE);
    }
}

/* Nanoseconds a call. Called in growing batches, until they take as long as a figure may. */
static double measure(void (*call)(void *arg), void *arg)
{
    int64_t took = 0;
    long batch;

    for (batch = 1; took < figure_ns; batch *= 2) {
        int64_t began = now_ns();

        for (long i = 0; i < batch; i++) {
            call(arg);
        }
        took = now_ns() - began;
    }
    return (double)took / (double)(batch / 2);
}

/* ---- Expressions ---- */

struct expression {
    struct arena keep;
    struct arena work;
    uint64_t seed;
    struct asl_scope_data s;
    const struct asl_path *path;
    const struct asl_intrinsic *intrinsic;
    const struct asl_template *template;
};

static void order_text(struct buf *b)
{
    buf_put_str(b, "{\"order\":{\"customer\":{\"address\":{\"city\":\"Bonn\"}}},\"items\":[");
    for (int i = 0; i < ORDER_ITEMS; i++) {
        buf_printf(b,
                   "%s{\"name\":\"article number %d\",\"price\":%d.5,\"count\":%d,\"tags\":[\"a\","
                   "\"b\"],\"note\":\"leave it at the door\"}",
                   i == 0 ? "" : ",", i, i % 20, i);
    }
    buf_put_str(b, "]}");
}

static void call_path(void *arg)
{
    struct expression *x = arg;
    struct path_miss miss;

    must(asl_path_value(x->path, &x->s, &miss) != NULL, "a path found nothing");
    arena_reset(&x->work);
}

static void call_intrinsic(void *arg)
{
    struct expression *x = arg;
    const struct json_node *v;
    struct failure why;

    must(asl_intrinsic_value(x->intrinsic, &x->s, &v, &why), "a call failed");
    arena_reset(&x->work);
}

static void call_template(void *arg)
{
    struct expression *x = arg;
    const struct json_node *v;
    struct failure why;

    must(asl_apply_template(x->template, &x->s, &v, &why), "a template failed");
    arena_reset(&x->work);
}

static const struct asl_template *compile_template(struct slice text, struct arena *a)
{
    static const struct asl_place root = {0};
    struct asl_diagnostics found = {0};
    struct template_parser tp = {.a = a, .texts = a, .found = &found};
    const struct json_node *doc = NULL;
    const struct asl_template *t;

    must(json_parse(text, a, &doc, NULL) == OK, "a template is no JSON");
    t = asl_template_parse(&tp, doc, &root);
    must(tp.errors == 0, "a template is refused");
    return t;
}

static void tell(const char *name, void (*call)(void *arg), struct expression *x)
{
    double ns = measure(call, x);

    (void)printf("%-58s %12.0f %10.0f\n", name, 1e9 / ns, ns);
}

static void measure_expressions(void)
{
    static const char *const paths[] = {"$.order.customer.address.city", "$.items[99].tags[1]",
                                        "$.items[*].price", "$.items[?(@.price > 10)].name",
                                        "$..name"};
    static const char *const calls[] = {
        "States.Format('{} lives in {}', $.items[0].name, $.order.customer.address.city)",
        "States.ArrayLength($.items)", "States.MathAdd($.items[5].count, 1)",
        "States.Hash($.items[0].note, 'SHA-256')", "States.JsonToString($.items[0])"};
    static const char template[] =
        "{\"city.$\":\"$.order.customer.address.city\",\"kind\":\"order\",\"first\":{\"name.$\":"
        "\"$.items[0].name\",\"price.$\":\"$.items[0].price\"},\"list\":[1,2,3],\"text.$\":"
        "\"States.Format('{} x {}', $.items[0].count, $.items[0].name)\"}";
    struct expression x = {.seed = 1};
    struct buf text = {0};
    const char *why;

    order_text(&text);
    must(json_parse(buf_slice(&text), &x.keep, &x.s.input, NULL) == OK, "the document is no JSON");
    x.s.a = &x.work;
    x.s.seed = &x.seed;
    (void)printf("%-58s %12s %10s\n", "expression, over a document of 10 KB", "a second", "ns");
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        x.path = asl_path_parse(slice_str(paths[i]), PATH_ANY, &x.keep, &why);
        tell(paths[i], call_path, &x);
    }
    x.template = compile_template(slice_str(template), &x.keep);
    tell("a payload template: four paths, one States.Format", call_template, &x);
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        x.intrinsic = asl_intrinsic_parse(slice_str(calls[i]), &x.keep, &why);
        tell(i == 0 ? "States.Format of two paths" : calls[i], call_intrinsic, &x);
    }
    arena_fini(&x.work);
    arena_fini(&x.keep);
    buf_fini(&text);
}

/* ---- JSON ---- */

static void objects_text(struct buf *b)
{
    for (int i = 0; b->len < TEXT_BYTES; i++) {
        buf_printf(b, "%s{\"id\":%d,\"name\":\"n%d\",\"on\":true,\"at\":null}", i == 0 ? "[" : ",",
                   i, i * 7);
    }
    buf_put_str(b, "]");
}

static void numbers_text(struct buf *b)
{
    for (int i = 0; b->len < TEXT_BYTES; i++) {
        buf_printf(b, "%s%d.%d,%d,-%de-%d", i == 0 ? "[" : ",", i * 31, i % 1000, i * 977, i,
                   i % 30);
    }
    buf_put_str(b, "]");
}

/* Forty levels, each a run of text with escapes now and then. */
static void strings_text(struct buf *b)
{
    int depth = 40;

    for (int i = 0; i < depth; i++) {
        buf_printf(b, "{\"level %d\":[", i);
        while (b->len < (size_t)(i + 1) * TEXT_BYTES / (size_t)depth) {
            buf_put_str(b, "\"The quick brown fox jumps over the lazy dog, \\\"again\\\" and "
                           "again, in Z\xc3\xbcrich and elsewhere.\\n\",");
        }
    }
    buf_put_str(b, "0");
    for (int i = 0; i < depth; i++) {
        buf_put_str(b, "]}");
    }
}

struct own {
    struct slice text;
    struct arena a;
    const struct json_node *value;
    struct buf out;
};

static void own_parse(void *arg)
{
    struct own *o = arg;

    arena_reset(&o->a);
    must(json_parse(o->text, &o->a, &o->value, NULL) == OK, "a text is no JSON");
}

static void own_write(void *arg)
{
    struct own *o = arg;

    buf_reset(&o->out);
    json_write(o->value, &o->out);
}

struct peer_call {
    const struct json_peer *peer;
    void *text;
};

static void peer_parse(void *arg)
{
    struct peer_call *c = arg;

    must(c->peer->parse(c->text), "another library refuses a text");
}

static void peer_write(void *arg)
{
    struct peer_call *c = arg;

    must(c->peer->write(c->text) > 0, "another library writes nothing");
}

/* Megabytes of text a second, both ways. */
struct speed {
    double parse;
    double write;
};

static struct speed own_speed(struct slice text)
{
    struct own o = {.text = text};
    struct speed s;

    s.parse = (double)text.len * 1e3 / measure(own_parse, &o);
    s.write = (double)text.len * 1e3 / measure(own_write, &o);
    arena_fini(&o.a);
    buf_fini(&o.out);
    return s;
}

static struct speed peer_speed(const struct json_peer *peer, struct slice text)
{
    struct peer_call c = {peer, peer->open(text.ptr, text.len)};
    struct speed s;

    s.parse = (double)text.len * 1e3 / measure(peer_parse, &c);
    s.write = (double)text.len * 1e3 / measure(peer_write, &c);
    peer->close(c.text);
    return s;
}

static void measure_json(void)
{
    static const struct {
        const char *name;
        void (*make)(struct buf *b);
    } texts[] = {{"small objects", objects_text},
                 {"numbers", numbers_text},
                 {"strings, deep", strings_text}};
    const struct json_peer *peers[] = {json_peer_jansson(),
#ifdef STEPFLEET_HAVE_SIMDJSON
                                       json_peer_simdjson(),
#endif
                                       NULL};

    (void)printf("\n%-15s %-10s %12s %8s %12s %8s\n", "JSON, 1 MB", "", "parse MB/s", "ours x",
                 "write MB/s", "ours x");
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct buf text = {0};
        struct speed ours;

        texts[i].make(&text);
        ours = own_speed(buf_slice(&text));
        (void)printf("%-15s %-10s %12.0f %8s %12.0f\n", texts[i].name, "stepfleet", ours.parse, "",
                     ours.write);
        for (size_t k = 0; k < sizeof(peers) / sizeof(peers[0]); k++) {
            struct speed s = {0, 0};

            if (peers[k] != NULL) {
                s = peer_speed(peers[k], buf_slice(&text));
                (void)printf("%-15s %-10s %12.0f %8.2f %12.0f %8.2f\n", "", peers[k]->name, s.parse,
                             ours.parse / s.parse, s.write, ours.write / s.write);
            }
        }
        buf_fini(&text);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        figure_ns = strtol(argv[1], NULL, 10) * 1000000;
    }
    must(figure_ns > 0, "a figure needs a millisecond at least");
    measure_expressions();
    measure_json();
    return EXIT_SUCCESS;
}
