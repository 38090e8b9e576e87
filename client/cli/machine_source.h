/* SPDX-License-Identifier: Apache-2.0 */
/* Where a definition comes from: a file of Amazon States Language, or the state machine inside a
 * CloudFormation template (template.h). */
#ifndef STEPFLEET_CLI_MACHINE_SOURCE_H
#define STEPFLEET_CLI_MACHINE_SOURCE_H

#include "client/cli/cli.h"
#include "client/cli/template.h"

struct machine_source {
    const char *file;     /* "-": standard input */
    const char *resource; /* --resource; NULL: not given */
    bool any_text; /* what is not JSON is taken as it is: the coordinator says what is wrong */
    struct template_machine machine; /* out */
};

/* CLI_DONE or an exit code. */
int machine_source_load(struct cli *cli, struct machine_source *source);
/* What the option says, else what the template says, else NULL. */
const char *machine_source_chosen(struct cli *cli, const char *option, struct slice in_template);

#endif
