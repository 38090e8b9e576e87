/* SPDX-License-Identifier: Apache-2.0 */
/* The frames of an execution as a tree of bounded size: branches and iterations below the state
 * they belong to. Pure. */
#ifndef STEPFLEET_CLI_FRAMES_H
#define STEPFLEET_CLI_FRAMES_H

#include "client/include/stepfleet.h"
#include "proto/base/arena.h"

struct frame_line {
    const struct stepfleet_frame *frame;
    unsigned depth; /* 0: the top */
};

/* At most `most` lines into `out`, each frame behind the one it belongs to. Where not all fit,
 * upper levels go before lower ones, so that no branch hides the others. @return how many */
size_t frames_tree(const struct stepfleet_frame *frames,
                   size_t count,
                   size_t most,
                   struct arena *a,
                   struct frame_line *out);

#endif
