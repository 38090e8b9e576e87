/* SPDX-License-Identifier: Apache-2.0 */
/* The outputs of stages, as the command line reads them: where the store is, which object a stage
 * wrote, and the object streamed to a file descriptor in constant memory. */
#ifndef STEPFLEET_CLI_STORE_H
#define STEPFLEET_CLI_STORE_H

#include "client/cli/cli.h"

struct store_place {
    struct slice bucket;
    struct slice key;
};

/* Where the stage of that name keeps its output, from the first event in the execution's history by
 * which it was scheduled. CLI_DONE or an exit code. */
int store_find_place(struct cli *cli, const char *arn, const char *stage, struct store_place *out);
struct s3_client;
/* To the store that the coordinator names, with the environment's credentials; s3_client_free().
 * CLI_DONE or an exit code. */
int store_client(struct cli *cli, struct s3_client **out);
/* Says it. @return the exit code */
int store_error(const struct err *err);
/* The object to `fd`; the store is the coordinator's, the credentials the environment's. */
int store_stream(struct cli *cli, const struct store_place *place, int fd);

#endif
