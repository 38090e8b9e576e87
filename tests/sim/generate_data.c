/* SPDX-License-Identifier: Apache-2.0 */
/* Documents, templates and rules of generated machines. Nothing here reads a clock, chance, or a
 * name that differs from run to run. */
#include "tests/sim/generate.h"

#include "proto/base/hash.h"

unsigned gen_below(struct generator *g, unsigned n)
{
    g->chance = hash_u64(g->chance + 0x9e3779b97f4a7c15u);
    return (unsigned)(g->chance % n);
}

bool gen_one_in(struct generator *g, unsigned n)
{
    return gen_below(g, n) == 0;
}

void gen_put(struct generator *g, const char *text)
{
    buf_put_str(&g->text, text);
}

/* ---- documents ---- */

static void put_item(struct generator *g)
{
    static const char *const items[] = {
        "\"x\"", "\"a,]\\\"b\"", "{\"n\":5,\"s\":\"in\"}", "[1,[2]]",
        "true",  "\"\"",         "\"\\u00e9\\n\"",         "{}",
        "-3.25", "1E+2",
    };

    if (gen_one_in(g, 2)) {
        gen_putf(g, "%u", gen_below(g, 60));
    } else {
        gen_put(g, GEN_ANY(g, items));
    }
}

static void put_items(struct generator *g, unsigned most)
{
    unsigned count = gen_below(g, most + 1);

    gen_put(g, "[");
    for (unsigned i = 0; i < count; i++) {
        gen_put(g, i == 0 ? "" : ",");
        put_item(g);
    }
    gen_put(g, "]");
}

void gen_base_document(struct generator *g)
{
    static const char *const texts[] = {"alpha", "beta", "a*c", "", "\\\"quoted\\\""};
    static const char *const times[] = {"2025-12-31T23:59:59Z", "2026-03-01T00:00:00Z",
                                        "2026-06-15T12:30:00Z"};

    gen_putf(
        g, "{\"n\":%u,\"s\":\"%s\",\"b\":%s,\"w\":%u,\"t\":\"%s\",\"items\":", gen_below(g, 50),
        GEN_ANY(g, texts), gen_one_in(g, 2) ? "true" : "false", gen_below(g, 3), GEN_ANY(g, times));
    put_items(g, 4);
    gen_putf(g, ",\"o\":{\"k\":\"%s\",\"z\":null,\"list\":", GEN_ANY(g, texts));
    put_items(g, 3);
    gen_put(g, "}}");
}

struct slice model_input(uint64_t chance, struct arena *a)
{
    struct generator g = {.chance = chance};
    struct slice text;

    if (gen_one_in(&g, 40)) {
        gen_put(&g, gen_one_in(&g, 2)
                        ? "{\"items\":[],\"o\":{\"list\":[3]}}"
                        : "{\"n\":4,\"s\":\"some\",\"items\":[7],\"o\":{\"list\":[]}}");
    } else {
        gen_base_document(&g);
    }
    text = arena_copy(a, buf_slice(&g.text));
    buf_fini(&g.text);
    return text;
}

/* ---- templates ---- */

void gen_base_template(struct generator *g)
{
    gen_put(g,
            "\"n.$\":\"$.n\",\"s.$\":\"$.s\",\"b.$\":\"$.b\",\"w.$\":\"$.w\",\"t.$\":\"$.t\","
            "\"items.$\":\"$.items\",\"o\":{\"k.$\":\"$.o.k\",\"z\":null,\"list.$\":\"$.o.list\"}");
}

/* The number of a scope around that has variables, or LABEL_NONE. */
static unsigned any_variable(struct generator *g, const struct scope *s)
{
    unsigned found = LABEL_NONE;

    for (; s != NULL; s = s->outer) {
        if (s->variables && s->at > 0 && (found == LABEL_NONE || gen_one_in(g, 2))) {
            found = s->id;
        }
    }
    return found;
}

/* A member whose value is worked out. */
static void put_worked(struct generator *g, const struct scope *s, unsigned number)
{
    static const char *const values[] = {
        "$.n",
        "$.s",
        "$.b",
        "$.o.k",
        "$.o.z",
        "$.o.list",
        "$['o']['k']",
        "$.items",
        "$.items[*]",
        "$$.State.Name",
        "States.Format('{} of {}', $.s, $.n)",
        "States.Array($.n, 'it\\\\'s', $.o.k, 2, null)",
        "States.MathAdd($.n, 3)",
        "States.Array(States.MathAdd($.n, -1), States.Format('<{}>', $.o.k))",
    };
    unsigned scope = any_variable(g, s);

    if (scope != LABEL_NONE && gen_one_in(g, 3)) {
        gen_putf(g, "\"v%u.$\":\"$v%u\"", number, scope);
    } else if (gen_one_in(g, 150)) {
        gen_putf(g, "\"p%u.$\":\"$.o.missing\"", number);
    } else {
        gen_putf(g, "\"p%u.$\":\"%s\"", number, GEN_ANY(g, values));
    }
}

void gen_template(struct generator *g, const struct scope *s)
{
    static const char *const literals[] = {"\"text\"", "[1,{\"two\":2}]", "null", "3",
                                           "{\"$\":\"$.n\"}"};
    unsigned count = 1 + gen_below(g, 3);

    gen_put(g, "{\"n.$\":\"$.n\"");
    for (unsigned i = 0; i < count; i++) {
        gen_put(g, ",");
        if (gen_one_in(g, 4)) {
            gen_putf(g, "\"l%u\":%s", i, GEN_ANY(g, literals));
        } else if (gen_one_in(g, 5)) {
            gen_putf(g, "\"d%u\":[{", i);
            put_worked(g, s, i);
            gen_put(g, "}]");
        } else {
            put_worked(g, s, i);
        }
    }
    gen_put(g, "}");
}

void gen_assign(struct generator *g, const struct scope *s, const char *source)
{
    if (!s->variables || s->at == 0 || !gen_one_in(g, 2)) {
        return;
    }
    gen_put(g, ",\"Assign\":{");
    if (gen_one_in(g, 2)) {
        gen_putf(g, "\"v%u.$\":\"States.MathAdd($v%u, %u)\"", s->id, s->id, gen_below(g, 4));
    } else {
        gen_putf(g, "\"v%u\":%u", s->id, gen_below(g, 9));
    }
    if (source != NULL && gen_one_in(g, 2)) {
        gen_putf(g, ",\"u%u.$\":\"%s\"", s->id, source);
    }
    gen_put(g, "}");
}

/* ---- rules ---- */

static void put_comparison(struct generator *g, const struct scope *s)
{
    static const char *const order[] = {"Equals", "LessThan", "GreaterThan", "LessThanEquals",
                                        "GreaterThanEquals"};
    static const char *const types[] = {"IsNull", "IsString", "IsNumeric", "IsBoolean",
                                        "IsTimestamp"};
    static const char *const members[] = {"n", "s", "b", "t", "items", "o", "o.z"};
    static const char *const patterns[] = {"*", "a*", "*a", "al*ha", "a\\\\*c"};
    unsigned scope = any_variable(g, s);

    switch (gen_below(g, 9)) {
    case 0:
        gen_putf(g, "\"Variable\":\"$.n\",\"Numeric%s\":%u", GEN_ANY(g, order), gen_below(g, 50));
        break;
    case 1: gen_putf(g, "\"Variable\":\"$.s\",\"String%s\":\"b\"", GEN_ANY(g, order)); break;
    case 2:
        gen_putf(g, "\"Variable\":\"$.t\",\"Timestamp%s\":\"2026-03-01T00:00:00Z\"",
                 GEN_ANY(g, order));
        break;
    case 3:
        gen_putf(g, "\"Variable\":\"$.b\",\"BooleanEquals\":%s",
                 gen_one_in(g, 2) ? "true" : "false");
        break;
    case 4:
        gen_putf(g, "\"Variable\":\"$.%s\",\"IsPresent\":%s",
                 gen_one_in(g, 2) ? "missing" : GEN_ANY(g, members),
                 gen_one_in(g, 2) ? "true" : "false");
        break;
    case 5:
        gen_putf(g, "\"Variable\":\"$.%s\",\"%s\":%s", GEN_ANY(g, members), GEN_ANY(g, types),
                 gen_one_in(g, 3) ? "false" : "true");
        break;
    case 6:
        gen_putf(g, "\"Variable\":\"$.%s\",\"StringMatches\":\"%s\"", gen_one_in(g, 8) ? "n" : "s",
                 GEN_ANY(g, patterns));
        break;
    case 7: gen_putf(g, "\"Variable\":\"$.n\",\"Numeric%sPath\":\"$.w\"", GEN_ANY(g, order)); break;
    default:
        if (scope != LABEL_NONE) {
            gen_putf(g, "\"Variable\":\"$v%u\",\"NumericLessThan\":%u", scope, gen_below(g, 9));
        } else {
            gen_put(g, "\"Variable\":\"$.s\",\"StringEqualsPath\":\"$.o.k\"");
        }
    }
}

void gen_rule(struct generator *g, const struct scope *s, unsigned depth)
{
    unsigned parts = 1 + gen_below(g, 3);

    if (depth >= 2 || gen_one_in(g, 2)) {
        put_comparison(g, s);
        return;
    }
    if (gen_one_in(g, 3)) {
        gen_put(g, "\"Not\":{");
        gen_rule(g, s, depth + 1);
        gen_put(g, "}");
        return;
    }
    gen_put(g, gen_one_in(g, 2) ? "\"And\":[" : "\"Or\":[");
    for (unsigned i = 0; i < parts; i++) {
        gen_put(g, i == 0 ? "{" : ",{");
        gen_rule(g, s, depth + 1);
        gen_put(g, "}");
    }
    gen_put(g, "]");
}
