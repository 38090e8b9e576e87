/* SPDX-License-Identifier: Apache-2.0 */
/* Short names to ARNs. Pure. Source: the AWS API's ARN forms:
 *   arn:aws:states:REGION:ACCOUNT:stateMachine:NAME
 *   arn:aws:states:REGION:ACCOUNT:execution:MACHINE:NAME
 *   arn:aws:states:REGION:ACCOUNT:express:MACHINE:NAME:UUID */
#ifndef STEPFLEET_CLI_NAME_H
#define STEPFLEET_CLI_NAME_H

#include "proto/base/arena.h"
#include "proto/base/err.h"

/* Where names live. */
struct name_place {
    struct slice region;
    struct slice account;
};

static inline bool name_is_arn(struct slice s)
{
    return slice_starts_with(s, SLICE("arn:"));
}

/* "NAME" of ".../stateMachine:NAME", or the name itself. */
struct slice name_of_machine(struct slice machine);
/* "NAME:QUALIFIER" of the ARN of a version or an alias, or that itself. */
struct slice name_of_version(struct slice version);
/* The last part of an execution's ARN that is its name (without an Express one's UUID). */
struct slice name_of_execution(struct slice arn);

/* An ARN as it is; "MACHINE/NAME"; "NAME" where `machine` (name or ARN) is given; "NAME:UUID" for
 * an Express one. ERR_USAGE says what is missing. */
enum err_code name_execution_arn(struct slice given,
                                 struct slice machine,
                                 const struct name_place *place,
                                 struct arena *a,
                                 struct slice *out,
                                 struct err *err);

#endif
