/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { GLOBAL_OPTIONS = 5, READ_BYTES = 64 * 1024, FIELD_WIDTH = 10 };

/* ---- Arguments and commands ---- */

bool cli_args(struct cli *cli, struct args *a, int argc, char **argv, int *exit_code)
{
    const struct arg globals[GLOBAL_OPTIONS] = {
        {"--coordinator", 0, ARG_TEXT, &cli->coordinator, 0},
        {"--ca", 0, ARG_TEXT, &cli->ca, 0},
        {"--token-file", 0, ARG_TEXT, &cli->token_file, 0},
        {"--json", 0, ARG_FLAG, &cli->json, 0},
        {"--help", 'h', ARG_FLAG, &cli->help, 0},
    };
    struct arg *all = ARENA_ARRAY(&cli->arena, a->option_count + GLOBAL_OPTIONS, struct arg);
    struct err err;
    enum err_code rc;

    /* The command's own go first: activities' tasks have a --token-file of another kind. */
    if (a->option_count != 0) {
        memcpy(all, a->options, a->option_count * sizeof(*all));
    }
    memcpy(all + a->option_count, globals, sizeof(globals));
    a->options = all;
    a->option_count += GLOBAL_OPTIONS;
    rc = args_parse(a, argc, argv, &err);
    if (cli->help) {
        buf_put_str(&cli->out, cli->command->help);
        *exit_code = CLI_DONE;
        return false;
    }
    if (rc != OK) {
        *exit_code = cli_usage(cli, &err);
        return false;
    }
    return true;
}

static int unknown_command(struct cli *cli,
                           const struct command *const *commands,
                           size_t count,
                           const char *given)
{
    const char **names = ARENA_ARRAY(&cli->arena, count, const char *);
    struct err err;
    size_t near;

    for (size_t i = 0; i < count; i++) {
        names[i] = commands[i]->name;
    }
    near = args_nearest(slice_str(given), names, count);
    if (near < count) {
        (void)err_set(&err, ERR_USAGE, "there is no command \"%s\"; did you mean \"%s\"?", given,
                      names[near]);
    } else {
        (void)err_set(&err, ERR_USAGE, "there is no command \"%s\"", given);
    }
    return cli_usage(cli, &err);
}

int cli_dispatch(struct cli *cli,
                 const struct command *const *commands,
                 size_t count,
                 int argc,
                 char **argv)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(argv[0], commands[i]->name) == 0) {
            cli->command = commands[i];
            return commands[i]->run(cli, argc - 1, argv + 1);
        }
    }
    return unknown_command(cli, commands, count, argv[0]);
}

int cli_group(struct cli *cli,
              const struct command *const *commands,
              size_t count,
              int argc,
              char **argv,
              const char *what)
{
    struct args a = {0};
    struct err err;
    int rc;

    if (argc > 0 && argv[0][0] != '-') {
        return cli_dispatch(cli, commands, count, argc, argv);
    }
    if (!cli_args(cli, &a, argc, argv, &rc)) {
        return rc;
    }
    (void)err_set(&err, ERR_USAGE, "%s", what);
    return cli_usage(cli, &err);
}

/* The command's name as it is typed: the second word of its usage line on. */
static struct slice typed_name(const struct command *c)
{
    struct slice usage = slice_from(slice_str(c->help), strlen("Usage: "));
    size_t end = 0;

    while (end < usage.len && (usage.ptr[end] == ' ' || usage.ptr[end] == '-' ||
                               (usage.ptr[end] >= 'a' && usage.ptr[end] <= 'z'))) {
        end++;
    }
    while (end > 0 && (usage.ptr[end - 1] == ' ' || usage.ptr[end - 1] == '-')) {
        end--;
    }
    return slice_head(usage, end);
}

/* ---- Errors ---- */

int cli_usage(const struct cli *cli, const struct err *err)
{
    struct slice name = typed_name(cli->command);

    (void)fprintf(stderr, "stepfleet: %s\nTry: %.*s --help\n", err->msg, SLICE_FMT(name));
    return CLI_USAGE;
}

int cli_local(const struct err *err)
{
    (void)fprintf(stderr, "stepfleet: %s\n", err->msg);
    return CLI_LOCAL;
}

int cli_refused(const struct stepfleet_error *error)
{
    if (error->code == STEPFLEET_CONFIG) {
        (void)fprintf(stderr, "stepfleet: %s\n", error->message);
        return CLI_USAGE;
    }
    if (error->code == STEPFLEET_UNAVAILABLE || error->code == STEPFLEET_TIMED_OUT) {
        (void)fprintf(stderr,
                      "stepfleet: %s\nIs it running? `stepfleet dev` starts one; --coordinator or "
                      "STEPFLEET_COORDINATOR say where it is.\n",
                      error->message);
        return CLI_UNREACHABLE;
    }
    (void)fprintf(stderr, "stepfleet: %s: %s\n", error->name, error->message);
    return CLI_REFUSED;
}

/* ---- The coordinator ---- */

void cli_keep(struct cli *cli, void *reply)
{
    cli->kept = mem_realloc(cli->kept, (cli->kept_count + 1) * sizeof(*cli->kept));
    cli->kept[cli->kept_count++] = reply;
}

void cli_fini(struct cli *cli)
{
    for (size_t i = 0; i < cli->kept_count; i++) {
        stepfleet_release(cli->kept[i]);
    }
    mem_free(cli->kept);
    stepfleet_close(cli->client);
    buf_fini(&cli->out);
    arena_fini(&cli->arena);
}

int cli_connect(struct cli *cli)
{
    struct stepfleet_options options = {
        .coordinator = cli->coordinator,
        .ca = cli->ca,
        .token_file = cli->token_file,
    };
    struct stepfleet_error error;

    if (cli->client != NULL) {
        return CLI_DONE;
    }
    if (stepfleet_open(&options, &cli->client, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    return CLI_DONE;
}

int cli_place(struct cli *cli, struct name_place *out)
{
    struct stepfleet_health *health;
    struct stepfleet_error error;
    int rc = cli_connect(cli);

    if (rc != CLI_DONE) {
        return rc;
    }
    if (stepfleet_health(cli->client, &health, &error) != STEPFLEET_OK) {
        return cli_refused(&error);
    }
    out->region = arena_copy(&cli->arena, slice_str(health->region));
    out->account = arena_copy(&cli->arena, slice_str(health->account));
    stepfleet_release(health);
    return CLI_DONE;
}

int cli_execution(struct cli *cli, const char *given, const char *machine, const char **arn)
{
    struct name_place place = {0};
    struct slice out;
    struct err err;
    int rc = cli_connect(cli);

    if (rc == CLI_DONE && !name_is_arn(slice_str(given))) {
        rc = cli_place(cli, &place);
    }
    if (rc != CLI_DONE) {
        return rc;
    }
    if (name_execution_arn(slice_str(given), slice_str(machine), &place, &cli->arena, &out, &err) !=
        OK) {
        return cli_usage(cli, &err);
    }
    *arn = arena_str(&cli->arena, out);
    return CLI_DONE;
}

int cli_finish(struct cli *cli, enum stepfleet_code code, const struct stepfleet_error *error)
{
    if (code != STEPFLEET_OK) {
        return cli_refused(error);
    }
    if (cli->json) {
        buf_put_str(&cli->out, "{}\n");
    }
    return CLI_DONE;
}

int cli_by_name(struct cli *cli, int argc, char **argv, cli_named_call *call)
{
    const char *name = NULL;
    struct args a = {NULL, 0, &name, 1, 1, 0};
    struct stepfleet_error error;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) || (rc = cli_connect(cli)) != CLI_DONE) {
        return rc;
    }
    return cli_finish(cli, call(cli->client, name, &error), &error);
}

/* ---- Output ---- */

/* As `head` and its like expect of whoever writes to them: the signal is ignored for the sake of
 * sockets, but nothing is said about a pipe that was closed on purpose. */
static void end_by_closed_pipe(void)
{
    (void)signal(SIGPIPE, SIG_DFL);
    (void)raise(SIGPIPE);
}

enum err_code cli_write(int fd, struct slice s, struct err *err)
{
    while (s.len != 0) {
        ssize_t n = write(fd, s.ptr, s.len);

        if (n < 0 && errno == EPIPE) {
            end_by_closed_pipe();
        }
        if (n < 0 && errno != EINTR) {
            return err_set(err, ERR_IO, "cannot write the output: %s", strerror(errno));
        }
        s = slice_from(s, n > 0 ? (size_t)n : 0);
    }
    return OK;
}

int cli_flush(struct cli *cli)
{
    struct err err;
    enum err_code rc = cli_write(STDOUT_FILENO, buf_slice(&cli->out), &err);

    buf_reset(&cli->out);
    return rc == OK ? CLI_DONE : cli_local(&err);
}

void cli_put_json(struct cli *cli, const struct json_node *v)
{
    json_write(v, &cli->out);
    buf_put_str(&cli->out, "\n");
}

void cli_put_table(struct cli *cli, const struct table *t)
{
    table_write(t, cli->colour, cli->width, &cli->out);
}

void cli_put_list(struct cli *cli,
                  const char *member,
                  struct json_builder *list,
                  const struct table *t)
{
    struct json_builder document = json_build_object(&cli->arena);

    if (!cli->json) {
        cli_put_table(cli, t);
        return;
    }
    json_put(&document, slice_str(member), json_built(list));
    cli_put_json(cli, json_built(&document));
}

void cli_put_field(struct cli *cli, const char *name, struct slice text, enum style style)
{
    bool styled = cli->colour && style != STYLE_PLAIN;

    if (text.len != 0) {
        text = table_clean(text, &cli->arena);
        buf_printf(&cli->out, "%-*s %s%.*s%s\n", FIELD_WIDTH, name,
                   styled ? human_style(style) : "", SLICE_FMT(text),
                   styled ? HUMAN_STYLE_END : "");
    }
}

/* ---- Input ---- */

/* Read to the end; false with errno, or with errno EFBIG past `most`. */
static bool read_all(int fd, size_t most, struct buf *b)
{
    for (;;) {
        ssize_t n = read(fd, buf_reserve(b, READ_BYTES), READ_BYTES);

        if (n == 0) {
            return true;
        }
        if (n < 0 && errno != EINTR) {
            return false;
        }
        b->len += n > 0 ? (size_t)n : 0;
        if (b->len > most) {
            errno = EFBIG;
            return false;
        }
    }
}

int cli_read_file(struct cli *cli, const char *path, size_t most, struct slice *out)
{
    bool in = strcmp(path, "-") == 0;
    int fd = in ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    struct buf b = {0};
    bool ok = fd >= 0 && read_all(fd, most, &b);
    struct err err;

    if (!ok) {
        (void)err_set(&err, ERR_USAGE, "cannot read %s: %s", in ? "standard input" : path,
                      errno == EFBIG ? "it is larger than any that is accepted" : strerror(errno));
    } else {
        *out = slice_make(arena_str(&cli->arena, buf_slice(&b)), b.len);
    }
    if (fd >= 0 && !in) {
        (void)close(fd);
    }
    buf_fini(&b);
    return ok ? CLI_DONE : cli_usage(cli, &err);
}

int cli_check_json(struct cli *cli,
                   const char *what,
                   struct slice text,
                   const struct json_node **out)
{
    struct err err;

    if (json_parse(text, &cli->arena, out, &err) != OK) {
        err_wrap(&err, "%s is not JSON", what);
        return cli_usage(cli, &err);
    }
    return CLI_DONE;
}
