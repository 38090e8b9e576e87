/* SPDX-License-Identifier: Apache-2.0 */
/* The row of a pipe: a version byte, then the members in a fixed order, as row_codec.c has it.
 * Decoded texts point into the bytes. */
#ifndef STEPFLEET_STORE_ROW_PIPE_H
#define STEPFLEET_STORE_ROW_PIPE_H

#include "coordinator/trigger/pipe.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"

struct pipe_row {
    enum pipe_state state;
    bool wanted; /* DesiredState: RUNNING */
    int64_t created_ms;
    int64_t updated_ms;
    struct slice source; /* ARN */
    struct slice target; /* likewise */
    struct slice role;
    struct slice description;
    struct slice source_parameters; /* JSON objects, or empty; as those below */
    struct slice target_parameters;
    struct slice logging;
    struct slice reason; /* why it is in that state */
};
void pipe_row_encode(const struct pipe_row *r, struct buf *out);
enum err_code pipe_row_decode(struct slice bytes, struct pipe_row *out, struct err *err);

#endif
