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
/* The object to `fd`; the store is the coordinator's, the credentials the environment's. */
int store_stream(struct cli *cli, const struct store_place *place, int fd);

#endif
