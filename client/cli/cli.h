/* SPDX-License-Identifier: Apache-2.0 */
/* What every command of `stepfleet` shares: the global options, the connection, its output and its
 * exit code. A command is a struct command in a cmd_<name>.c and a row in main.c's table; it parses
 * its own arguments with cli_args(), speaks through cli->client, and writes to cli->out, which
 * main.c flushes. Results go to stdout, everything else to stderr. */
#ifndef STEPFLEET_CLI_CLI_H
#define STEPFLEET_CLI_CLI_H

#include "client/cli/args.h"
#include "client/cli/name.h"
#include "client/cli/table.h"
#include "client/include/stepfleet.h"
#include "proto/base/buf.h"
#include "proto/base/json.h"

enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1,      /* the execution failed, timed out or was aborted */
    CLI_USAGE = 2,       /* the command line, or a file it names, is wrong */
    CLI_REFUSED = 3,     /* the coordinator, or the object store, said no */
    CLI_UNREACHABLE = 4, /* it cannot be reached */
    CLI_LOCAL = 5,       /* something here could not be written or run */
};

struct cli;

struct command {
    const char *name;
    const char *summary;
    const char *help; /* usage, what it does, options, examples */
    int (*run)(struct cli *cli, int argc, char **argv);
};

struct cli {
    const char *coordinator; /* NULL: the library's default */
    const char *ca;          /* likewise, as is */
    const char *token_file;
    bool json;
    bool help;
    bool tty; /* stdout is a terminal */
    bool colour;
    size_t width; /* of the terminal; 0: it is none */
    const struct command *command;
    struct stepfleet *client; /* NULL before cli_connect() */
    void **kept; /* replies to be released at the end: what is shown points into them */
    size_t kept_count;
    struct arena arena; /* to the end of the program */
    struct buf out;
};

/* Parse a command's arguments beside the global options. False: the command is over (help was
 * shown, or an error was said), and *exit_code is its code. */
bool cli_args(struct cli *cli, struct args *a, int argc, char **argv, int *exit_code);
/* Run one of a table's commands by argv[0]; says what there is where it is none. */
int cli_dispatch(struct cli *cli,
                 const struct command *const *commands,
                 size_t count,
                 int argc,
                 char **argv);
/* The same for a command that is nothing but a table of others; `what` asks which. */
int cli_group(struct cli *cli,
              const struct command *const *commands,
              size_t count,
              int argc,
              char **argv,
              const char *what);

/* The end of a command that answers nothing: an error is said, or {} with --json. */
int cli_finish(struct cli *cli, enum stepfleet_code code, const struct stepfleet_error *error);
/* A whole command: a call, that answers nothing, of what its one argument names. */
typedef enum stepfleet_code
cli_named_call(struct stepfleet *client, const char *name, struct stepfleet_error *error);
int cli_by_name(struct cli *cli, int argc, char **argv, cli_named_call *call);

/* Each says the error on stderr and returns the exit code. */
int cli_usage(const struct cli *cli, const struct err *err);
int cli_refused(const struct stepfleet_error *error);
int cli_local(const struct err *err);

/* Release a reply when the program ends. */
void cli_keep(struct cli *cli, void *reply);
void cli_fini(struct cli *cli);

/* Connect once; CLI_DONE or an exit code. */
int cli_connect(struct cli *cli);
/* Where names live, asked of the coordinator. */
int cli_place(struct cli *cli, struct name_place *out);
/* The ARN of an execution as users name it (name.h). */
int cli_execution(struct cli *cli, const char *given, const char *machine, const char **arn);

/* Write all of it; ERR_IO. Where the reader of a pipe has gone, the program ends by SIGPIPE. */
enum err_code cli_write(int fd, struct slice s, struct err *err);
/* Write what is in cli->out to stdout; CLI_LOCAL where that fails. */
int cli_flush(struct cli *cli);
/* Put one JSON document and a newline into cli->out. */
void cli_put_json(struct cli *cli, const struct json_node *v);
void cli_put_table(struct cli *cli, const struct table *t);
/* The same list twice: as --json has it, {"member": [...]}, and for people. */
void cli_put_list(struct cli *cli,
                  const char *member,
                  struct json_builder *list,
                  const struct table *t);
/* "name       text"; nothing where the text is empty. */
void cli_put_field(struct cli *cli, const char *name, struct slice text, enum style style);

/* The whole of a file, "-" for stdin, NUL-terminated; `most` bytes. CLI_DONE or an exit code. */
int cli_read_file(struct cli *cli, const char *path, size_t most, struct slice *out);
/* Check that text is JSON before it is sent; `what` names it in the message. */
int cli_check_json(struct cli *cli,
                   const char *what,
                   struct slice text,
                   const struct json_node **out);

static inline struct stepfleet_bytes cli_bytes(struct slice s)
{
    return (struct stepfleet_bytes){s.ptr, s.len};
}
static inline struct slice cli_slice(struct stepfleet_bytes b)
{
    return slice_make(b.ptr, b.len);
}

#endif
