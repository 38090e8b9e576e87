/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet token: create. The secret goes into a file of its own and is never printed, and never
 * an argument: neither a terminal nor a shell's history has it. What is printed is the line that a
 * coordinator is told, which has no more than its digest. Nothing is asked of a coordinator. */
#include <openssl/sha.h>

#include "client/cli/commands.h"
#include "client/cli/new_file.h"
#include "client/cli/reply_json.h"
#include "proto/base/limits.h"
#include "proto/base/text.h"
#include "proto/host/clock.h"

enum { SECRET_BYTES = 32, SECRET_MODE = 0600 };

struct token_order {
    const char *worker; /* one of these two is the name */
    const char *control;
    const char *functions;
    const char *role;
    const char *out;
    bool force;
};

static enum err_code order_check(const struct token_order *o, struct err *err)
{
    const char *name = o->worker != NULL ? o->worker : o->control;

    if ((o->worker != NULL) == (o->control != NULL)) {
        return err_set(err, ERR_USAGE, "whose is it: --worker NAME or --control NAME?");
    }
    if (!text_is_function_name(slice_str(name))) {
        return err_set(err, ERR_USAGE, "the name is 1 to %d printable characters without blanks",
                       LIMIT_NAME_CHARS);
    }
    if (o->functions != NULL && (o->worker == NULL || o->functions[0] == '\0' ||
                                 strpbrk(o->functions, " \t\r\n") != NULL)) {
        return err_set(err, ERR_USAGE,
                       "--functions is of workers: patterns, with commas and "
                       "without blanks between them");
    }
    if (o->role != NULL &&
        (o->control == NULL || (strcmp(o->role, "read") != 0 && strcmp(o->role, "run") != 0 &&
                                strcmp(o->role, "admin") != 0))) {
        return err_set(err, ERR_USAGE, "--role is of control tokens: read, run or admin");
    }
    return o->out != NULL ? OK : err_set(err, ERR_USAGE, "--out: into which file?");
}

/* "sft_" and 43 characters that nothing quotes; told apart from other secrets by sight. */
static struct slice fresh_secret(struct arena *a)
{
    uint8_t bytes[SECRET_BYTES];
    struct slice text;
    char *secret;

    clock_random(bytes, sizeof(bytes));
    text = text_base64(slice_make(bytes, sizeof(bytes)), a);
    secret = arena_str(a, arena_printf(a, "sft_%.*s", (int)slice_find(text, '='), text.ptr));
    for (char *c = secret; *c != '\0'; c++) {
        *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
    }
    return slice_str(secret);
}

/* As the coordinator's file has it. */
static struct slice token_line(const struct token_order *o, struct slice secret, struct arena *a)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    char hex[2 * SHA256_DIGEST_LENGTH];
    const char *option = o->functions != NULL ? " functions=" : o->role != NULL ? " role=" : "";
    const char *value = o->functions != NULL ? o->functions : o->role != NULL ? o->role : "";

    (void)SHA256((const unsigned char *)secret.ptr, secret.len, digest);
    text_format_hex(digest, sizeof(digest), hex);
    return arena_printf(a, "%s %s %.*s%s%s", o->worker != NULL ? "worker" : "control",
                        o->worker != NULL ? o->worker : o->control, (int)sizeof(hex), hex, option,
                        value);
}

static int create(struct cli *cli, const struct token_order *o)
{
    const struct new_file file = {o->out, SECRET_MODE, o->force};
    struct slice secret = fresh_secret(&cli->arena);
    struct slice line = token_line(o, secret, &cli->arena);
    struct json_builder b = json_build_object(&cli->arena);
    struct err err;

    if (new_file_write(&file, arena_printf(&cli->arena, "%.*s\n", SLICE_FMT(secret)), &err) != OK) {
        return cli_local(&err);
    }
    reply_put_text(&b, "file", o->out);
    json_put(&b, SLICE("line"), json_string(&cli->arena, line));
    if (cli->json) {
        cli_put_json(cli, json_built(&b));
    } else {
        buf_printf(&cli->out, "%.*s\n", SLICE_FMT(line));
    }
    return CLI_DONE;
}

static int run_create(struct cli *cli, int argc, char **argv)
{
    struct token_order o = {0};
    const struct arg options[] = {
        {"--worker", 0, ARG_TEXT, &o.worker, 0},       {"--control", 0, ARG_TEXT, &o.control, 0},
        {"--functions", 0, ARG_TEXT, &o.functions, 0}, {"--role", 0, ARG_TEXT, &o.role, 0},
        {"--out", 'o', ARG_TEXT, &o.out, 0},           {"--force", 0, ARG_FLAG, &o.force, 0},
    };
    struct args a = {.options = options, .option_count = 6};
    struct err err;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc)) {
        return rc;
    }
    return order_check(&o, &err) == OK ? create(cli, &o) : cli_usage(cli, &err);
}

static const struct command command_token_create = {
    .name = "create",
    .summary = "write a new one into a file and print the coordinator's line of it",
    .help = "Usage: stepfleet token create --worker NAME [--functions GLOB,GLOB] --out FILE\n"
            "                              [--force]\n"
            "       stepfleet token create --control NAME [--role ROLE] --out FILE [--force]\n"
            "\n"
            "Writes a new token into FILE, readable by this user alone, and prints the line that\n"
            "goes into the coordinator's file of tokens, which it reads again by itself.\n"
            "\n"
            "  --worker NAME     for workers: they lease tasks, and nothing else\n"
            "  --functions GLOB  the functions they may offer (default all); pieces of jobs are\n"
            "                    the function stepfleet:job\n"
            "  --control NAME    for clients: they never lease\n"
            "  --role ROLE       read: describe, list, history; run: and start, stop, redrive, do\n"
            "                    tasks (default); admin: and create, update, delete\n"
            "  -o, --out FILE    for token_file of a worker, or --token-file of a client\n"
            "  --force           over one that is there: whoever uses it takes it up by itself\n"
            "\n"
            "To exchange a token: create one of the same name, add its line, give its file to\n"
            "whoever uses it, remove the old line.\n"
            "\n"
            "Example:\n"
            "  stepfleet token create --worker hall-1 --functions 'Stage*' --out hall-1.token \\\n"
            "    >>/etc/stepfleet/tokens\n",
    .run = run_create,
};

static const struct command *const token_commands[] = {&command_token_create};

static int run_token(struct cli *cli, int argc, char **argv)
{
    return cli_group(cli, token_commands, 1, argc, argv, "token what? create");
}

const struct command command_token = {
    .name = "token",
    .summary = "tokens of workers and clients: create",
    .help = "Usage: stepfleet token COMMAND ...\n"
            "\n"
            "  create  write a new one into a file and print the coordinator's line of it\n"
            "\n"
            "A coordinator that is told a file of tokens serves nobody without one. Each command\n"
            "has its own --help.\n"
            "\n"
            "Example:\n"
            "  stepfleet token create --control ci --role run --out ci.token\n",
    .run = run_token,
};
