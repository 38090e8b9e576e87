/* SPDX-License-Identifier: Apache-2.0 */
/* Map runs, which a Distributed Map would have: there is none. Source: AWS Step Functions API
 * Reference. */
#include "coordinator/api/api.h"

static void no_map_run(struct call *c)
{
    const Stepfleet__MapRunRequest *q = (const void *)c->request;

    if (slice_starts_with(slice_str(q->map_run), SLICE("arn:"))) {
        call_fail(c, ERR_NOT_FOUND, "Resource not found: '%.300s'", q->map_run);
    } else {
        call_fail(c, ERR_INVALID_ARN, "Invalid Arn: 'Invalid ARN prefix: %.300s'", q->map_run);
    }
}

void operation_MAP_RUN_DESCRIBE(struct call *c)
{
    no_map_run(c);
}

void operation_MAP_RUN_UPDATE(struct call *c)
{
    no_map_run(c);
}
