/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet function: what is asked of functions, set, list, show, reset: labels of the workers
 * that get their tasks, how many at once, how many a second, which go first. */
#include "client/cli/commands.h"
#include "client/cli/labels.h"
#include "client/cli/reply_json.h"
#include "proto/base/limits.h"

enum { RATE_DIGITS = 3 }; /* behind the point of a rate */

/* ---- Values ---- */

static int refuse(struct cli *cli, const char *option, const char *given, const char *expected)
{
    struct err err;

    (void)err_set(&err, ERR_USAGE, "%s %s: expected %s", option, given, expected);
    return cli_usage(cli, &err);
}

/* Decimal digits; false: others, none, or above `most`. */
static bool read_digits(struct slice s, uint64_t most, uint64_t *out)
{
    uint64_t n = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9' || (n = n * 10 + (uint64_t)(s.ptr[i] - '0')) > most) {
            return false;
        }
    }
    *out = n;
    return s.len != 0;
}

/* "10/s", "0.5/s" in thousandths; "none": 0. */
static bool read_rate(const char *given, uint32_t *out)
{
    struct slice s = slice_str(given);
    size_t point;
    uint64_t whole;
    uint64_t part = 0;

    if (slice_eq_str(s, "none")) {
        *out = 0;
        return true;
    }
    if (s.len < 3 || !slice_eq_str(slice_from(s, s.len - 2), "/s")) {
        return false;
    }
    s = slice_head(s, s.len - 2);
    point = slice_find(s, '.');
    if (!read_digits(slice_head(s, point), LIMIT_RATE_MILLI / 1000, &whole)) {
        return false;
    }
    if (point < s.len) {
        struct slice digits = slice_from(s, point + 1);

        if (digits.len > RATE_DIGITS || !read_digits(digits, 999, &part)) {
            return false;
        }
        for (size_t i = digits.len; i < RATE_DIGITS; i++) {
            part *= 10;
        }
    }
    *out = (uint32_t)(whole * 1000 + part);
    return *out != 0 && *out <= LIMIT_RATE_MILLI;
}

static bool read_concurrency(const char *given, uint32_t *out)
{
    uint64_t n = 0;
    bool none = slice_eq_str(slice_str(given), "none");

    if (!none && (!read_digits(slice_str(given), UINT32_MAX, &n) || n == 0)) {
        return false;
    }
    *out = (uint32_t)n;
    return true;
}

static bool read_priority(const char *given, int32_t *out)
{
    struct slice s = slice_str(given);
    bool below = slice_starts_with(s, SLICE("-"));
    uint64_t n;

    if (!read_digits(below ? slice_from(s, 1) : s, LIMIT_PRIORITY, &n)) {
        return false;
    }
    *out = below ? -(int32_t)n : (int32_t)n;
    return true;
}

/* "KEY=VALUE,..."; "none": no label. */
static bool read_labels(struct cli *cli, const char *given, struct stepfleet_tags *out)
{
    struct stepfleet_tag *labels =
        ARENA_ARRAY(&cli->arena, LIMIT_TERM_LABELS, struct stepfleet_tag);
    struct slice rest = slice_str(given);
    size_t count = 0;

    if (slice_eq_str(rest, "none")) {
        *out = (struct stepfleet_tags){0};
        return true;
    }
    do {
        struct slice one = slice_head(rest, slice_find(rest, ','));
        size_t equals = slice_find(one, '=');

        if (equals == 0 || equals + 1 >= one.len || count == LIMIT_TERM_LABELS) {
            return false;
        }
        labels[count++] = (struct stepfleet_tag){
            arena_str(&cli->arena, slice_head(one, equals)),
            arena_str(&cli->arena, slice_from(one, equals + 1)),
        };
        rest = slice_from(rest, one.len);
        rest = rest.len != 0 ? slice_from(rest, 1) : slice_make(NULL, 0);
    } while (rest.ptr != NULL);
    *out = (struct stepfleet_tags){labels, count};
    return true;
}

/* ---- Shown ---- */

static struct slice number_text(uint32_t n, struct arena *a)
{
    return n != 0 ? arena_printf(a, "%u", n) : SLICE("");
}

static struct slice rate_text(uint32_t milli, struct arena *a)
{
    if (milli == 0) {
        return SLICE("");
    }
    return milli % 1000 != 0 ? arena_printf(a, "%u.%03u/s", milli / 1000, milli % 1000)
                             : arena_printf(a, "%u/s", milli / 1000);
}

static const struct json_node *function_json(const struct stepfleet_function *f, struct arena *a)
{
    struct json_builder b = json_build_object(a);

    reply_put_text(&b, "name", f->name);
    json_put(&b, SLICE("labels"), labels_json(&f->labels, a));
    if (f->concurrency != 0) {
        reply_put_number(&b, "concurrency", f->concurrency);
    }
    if (f->rate_milli != 0) {
        json_put(&b, SLICE("ratePerSecond"), json_real(a, f->rate_milli / 1000.0));
    }
    json_put(&b, SLICE("priority"), json_integer(a, f->priority));
    return json_built(&b);
}

static void put_function(struct cli *cli, const struct stepfleet_function *f)
{
    struct arena *a = &cli->arena;

    if (cli->json) {
        cli_put_json(cli, function_json(f, a));
        return;
    }
    cli_put_field(cli, "name", slice_str(f->name), STYLE_PLAIN);
    cli_put_field(cli, "labels", labels_text(&f->labels, a), STYLE_PLAIN);
    cli_put_field(cli, "at once", number_text(f->concurrency, a), STYLE_PLAIN);
    cli_put_field(cli, "rate", rate_text(f->rate_milli, a), STYLE_PLAIN);
    cli_put_field(cli, "priority", arena_printf(a, "%d", f->priority), STYLE_PLAIN);
}

/* ---- set ---- */

/* As they were given. */
struct given {
    const char *name;
    const char *labels;
    const char *concurrency;
    const char *rate;
    const char *priority;
};

/* What they mean. */
struct terms {
    struct stepfleet_tags labels;
    uint32_t concurrency;
    uint32_t rate;
    int32_t priority;
};

static int read_terms(struct cli *cli,
                      const struct given *g,
                      struct terms *t,
                      struct stepfleet_function_change *change)
{
    if (g->labels != NULL && !read_labels(cli, g->labels, &t->labels)) {
        return refuse(cli, "--labels", g->labels, "KEY=VALUE,... (16 at most), or none");
    }
    if (g->concurrency != NULL && !read_concurrency(g->concurrency, &t->concurrency)) {
        return refuse(cli, "--concurrency", g->concurrency, "a number from 1 on, or none");
    }
    if (g->rate != NULL && !read_rate(g->rate, &t->rate)) {
        return refuse(cli, "--rate", g->rate, "N/s, with at most three decimals, or none");
    }
    if (g->priority != NULL && !read_priority(g->priority, &t->priority)) {
        return refuse(cli, "--priority", g->priority, "a number of at most a million, or below 0");
    }
    *change = (struct stepfleet_function_change){
        .labels = g->labels != NULL ? &t->labels : NULL,
        .concurrency = g->concurrency != NULL ? &t->concurrency : NULL,
        .rate_milli = g->rate != NULL ? &t->rate : NULL,
        .priority = g->priority != NULL ? &t->priority : NULL,
    };
    return CLI_DONE;
}

static int run_set(struct cli *cli, int argc, char **argv)
{
    struct given g = {0};
    const struct arg options[] = {
        {"--labels", 0, ARG_TEXT, &g.labels, 0},
        {"--concurrency", 0, ARG_TEXT, &g.concurrency, 0},
        {"--rate", 0, ARG_TEXT, &g.rate, 0},
        {"--priority", 0, ARG_TEXT, &g.priority, 0},
    };
    struct args a = {options, 4, &g.name, 1, 1, 0};
    struct stepfleet_function_change change;
    struct stepfleet_function *f;
    struct stepfleet_error error;
    struct terms terms;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) ||
        (rc = read_terms(cli, &g, &terms, &change)) != CLI_DONE ||
        (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_function_set(cli->client, g.name, &change, &f, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, f);
    put_function(cli, f);
    return CLI_DONE;
}

static const struct command command_function_set = {
    .name = "set",
    .summary = "say where its tasks go, how many at once, how many a second, how soon",
    .help =
        "Usage: stepfleet function set NAME [--labels KEY=VALUE,...] [--concurrency N]\n"
        "                              [--rate N/s] [--priority N]\n"
        "\n"
        "Asks something of a function, as an ARN or a worker's configuration names it. What is\n"
        "not given stays as it was; `none` takes it back. What runs already goes on.\n"
        "\n"
        "  --labels KEY=VALUE,...  its tasks go only to workers that carry all of these labels;\n"
        "                          where none does that is as if no worker offered it\n"
        "  --concurrency N         at most so many of its tasks at one time, on all workers\n"
        "  --rate N/s              at most so many begin each second (0.5/s: one in two);\n"
        "                          a second's worth may be saved up\n"
        "  --priority N            0 unless said; where a worker has room for tasks of several\n"
        "                          functions, those of the highest go first, always\n"
        "\n"
        "Examples:\n"
        "  stepfleet function set Resize --labels gpu=a100,zone=b --concurrency 16\n"
        "  stepfleet function set CallPartner --rate 5/s\n"
        "  stepfleet function set CallPartner --rate none\n",
    .run = run_set,
};

/* ---- list ---- */

static void add_functions(struct json_builder *list,
                          struct table *t,
                          const struct stepfleet_function_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        const struct stepfleet_function *f = &page->functions[i];

        json_push(list, function_json(f, t->a));
        table_str(t, f->name);
        table_text(t, labels_text(&f->labels, t->a));
        table_text(t, number_text(f->concurrency, t->a));
        table_text(t, rate_text(f->rate_milli, t->a));
        table_text(t, arena_printf(t->a, "%d", f->priority));
    }
}

static int run_list(struct cli *cli, int argc, char **argv)
{
    struct args a = {0};
    struct json_builder list = json_build_array(&cli->arena);
    struct stepfleet_function_page *page;
    struct stepfleet_error error;
    const char *token = "";
    struct table t;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    table_init(&t, &cli->arena, "FUNCTION|LABELS|>AT ONCE|>RATE|>PRIORITY");
    do {
        if (stepfleet_function_list(cli->client, token, &page, &error) != STEPFLEET_OK) {
            return cli_refused(&error);
        }
        cli_keep(cli, page);
        add_functions(&list, &t, page);
        token = page->next_token;
    } while (token[0] != '\0');
    cli_put_list(cli, "functions", &list, &t);
    return CLI_DONE;
}

static const struct command command_function_list = {
    .name = "list",
    .summary = "those that something is asked of",
    .help =
        "Usage: stepfleet function list\n"
        "\n"
        "Lists the functions that something is asked of. How many of their tasks wait and run:\n"
        "`stepfleet scale`.\n"
        "\n"
        "Example:\n"
        "  stepfleet function list --json | jq '.functions[].name'\n",
    .run = run_list,
};

/* ---- show, reset ---- */

static int run_show(struct cli *cli, int argc, char **argv)
{
    const char *name = NULL;
    struct args a = {NULL, 0, &name, 1, 1, 0};
    struct stepfleet_function *f;
    struct stepfleet_error error;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    if (stepfleet_function_describe(cli->client, name, &f, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    cli_keep(cli, f);
    put_function(cli, f);
    return CLI_DONE;
}

static const struct command command_function_show = {
    .name = "show",
    .summary = "what is asked of one",
    .help = "Usage: stepfleet function show NAME\n"
            "\n"
            "Shows what is asked of a function.\n"
            "\n"
            "Example:\n"
            "  stepfleet function show Resize\n",
    .run = run_show,
};

static int run_reset(struct cli *cli, int argc, char **argv)
{
    return cli_by_name(cli, argc, argv, stepfleet_function_reset);
}

static const struct command command_function_reset = {
    .name = "reset",
    .summary = "ask nothing of it any more",
    .help = "Usage: stepfleet function reset NAME\n"
            "\n"
            "Takes back all that was asked of a function. One that nothing is asked of is fine.\n"
            "\n"
            "Example:\n"
            "  stepfleet function reset Resize\n",
    .run = run_reset,
};

/* ---- The group ---- */

static const struct command *const function_commands[] = {
    &command_function_set,
    &command_function_list,
    &command_function_show,
    &command_function_reset,
};

static int run_function(struct cli *cli, int argc, char **argv)
{
    enum { COUNT = sizeof(function_commands) / sizeof(function_commands[0]) };

    return cli_group(cli, function_commands, COUNT, argc, argv,
                     "function what? set, list, show or reset");
}

const struct command command_function = {
    .name = "function",
    .summary = "where tasks go, how many, how soon: set, list, show, reset",
    .help = "Usage: stepfleet function COMMAND ...\n"
            "\n"
            "  set NAME    say where its tasks go, how many at once, how many a second, how soon\n"
            "  list        those that something is asked of\n"
            "  show NAME   what is asked of one\n"
            "  reset NAME  ask nothing of it any more\n"
            "\n"
            "Each command has its own --help.\n"
            "\n"
            "Example:\n"
            "  stepfleet function set Resize --labels gpu=a100 --concurrency 16\n",
    .run = run_function,
};
