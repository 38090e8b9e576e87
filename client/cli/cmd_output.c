/* SPDX-License-Identifier: Apache-2.0 */
/* stepfleet output: what a stage wrote, straight from the object store. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/cli/commands.h"
#include "client/cli/store.h"

/* Close, give it the rights any new file has, put it in its place. */
static bool file_finish(int fd, const char *part, const char *path)
{
    mode_t mask = umask(0);
    bool ok;

    (void)umask(mask);
    ok = fchmod(fd, 0666 & ~mask) == 0;
    ok = close(fd) == 0 && ok;
    return ok && rename(part, path) == 0;
}

/* Into a file of that name, which appears only when it is whole. */
static int output_to_file(struct cli *cli, const struct store_place *place, const char *path)
{
    char *part = arena_str(&cli->arena, arena_printf(&cli->arena, "%s.part-XXXXXX", path));
    int fd = mkstemp(part);
    struct err err;
    int rc;

    if (fd < 0) {
        (void)err_set(&err, ERR_IO, "cannot write beside %s: %s", path, strerror(errno));
        return cli_local(&err);
    }
    rc = store_stream(cli, place, fd);
    if (rc != CLI_DONE) {
        (void)close(fd);
    } else if (!file_finish(fd, part, path)) {
        (void)err_set(&err, ERR_IO, "cannot write %s: %s", path, strerror(errno));
        rc = cli_local(&err);
    }
    if (rc != CLI_DONE) {
        (void)unlink(part);
    }
    return rc;
}

static int run_output(struct cli *cli, int argc, char **argv)
{
    const char *operands[2] = {NULL, NULL};
    const char *machine = NULL;
    const char *bucket = NULL;
    const char *file = NULL;
    const char *arn;
    const struct arg options[] = {
        {"--machine", 'm', ARG_TEXT, &machine, 0},
        {"--bucket", 0, ARG_TEXT, &bucket, 0},
        {"--output", 'o', ARG_TEXT, &file, 0},
    };
    struct args a = {options, 3, operands, 2, 2, 0};
    struct store_place place;
    int rc;

    if (!cli_args(cli, &a, argc, argv, &rc) ||
        (rc = cli_execution(cli, operands[0], machine, &arn)) != CLI_DONE) {
        return rc;
    }
    if (bucket != NULL) {
        place.bucket = slice_str(bucket);
        place.key = arena_printf(&cli->arena, "executions/%.*s/%s/output.json",
                                 SLICE_FMT(name_of_execution(slice_str(arn))), operands[1]);
    } else {
        rc = store_find_place(cli, arn, operands[1], &place);
    }
    if (rc != CLI_DONE) {
        return rc;
    }
    return file != NULL && strcmp(file, "-") != 0 ? output_to_file(cli, &place, file)
                                                  : store_stream(cli, &place, STDOUT_FILENO);
}

const struct command command_output = {
    .name = "output",
    .summary = "what a stage wrote, from the object store",
    .help = "Usage: stepfleet output EXECUTION STAGE [--machine MACHINE] [-o FILE]\n"
            "                        [--bucket BUCKET]\n"
            "\n"
            "Streams the object a stage wrote, executions/NAME/STAGE/output.json, from the\n"
            "object store to standard output, whatever its size. Where the store is, the\n"
            "coordinator says; credentials are AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and\n"
            "AWS_SESSION_TOKEN. The bucket is the workflowBucket of the stage's event.\n"
            "\n"
            "  -o, --output FILE  into a file, which appears only when it is whole\n"
            "  --bucket BUCKET    look there, without asking the history\n"
            "\n"
            "EXECUTION is an ARN, MACHINE/NAME, or NAME with --machine.\n"
            "\n"
            "Examples:\n"
            "  stepfleet output pipeline/day-1 Stage3 | jq length\n"
            "  stepfleet output pipeline/day-1 Stage10 -o result.json\n",
    .run = run_output,
};
