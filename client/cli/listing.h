/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that list all there is of something, page by page: {"member": [...]} for programs, a
 * table for people. */
#ifndef STEPFLEET_CLI_LISTING_H
#define STEPFLEET_CLI_LISTING_H

#include "client/cli/cli.h"

/* What is listed so far. */
struct listing {
    const char *of;    /* the command's argument; "" where none was given */
    const char *token; /* of the page to come */
    struct json_builder list;
    struct table table;
};

struct listing_kind {
    const char *member;
    const char *columns; /* as table_init takes them */
    size_t least, most;  /* arguments: 0 or 1 */
    /* Appends a page and says which comes next ("": none), or an exit code. What it was given by
     * the library lives on (cli_keep). */
    int (*page)(struct cli *cli, struct listing *l);
};

/* A command's `run`. */
int listing_run(struct cli *cli, int argc, char **argv, const struct listing_kind *kind);

#endif
