/* SPDX-License-Identifier: Apache-2.0 */
/* The gate: what a request must show before the loop hears of it. It is looked at where it arrives,
 * by its head alone, and a refusal is formed there too: strangers cost the loop nothing. */
#ifndef STEPFLEET_ACCESS_GATE_H
#define STEPFLEET_ACCESS_GATE_H

#include "coordinator/access/access.h"
#include "proto/base/buf.h"

enum gate {
    GATE_PASS,
    GATE_REFUSE, /* its role does not reach: the connection stays */
    GATE_CLOSE,  /* no token, or none we know: the connection ends when that is said */
};

/**
 * @param frame        of the wire; its header and credentials suffice
 * @param[out] refusal a whole frame, where it is not GATE_PASS
 *
 * A frame that is none passes: it is answered like any other. Threads: the connection's.
 */
enum gate
gate_look(struct access *a, struct access_peer *peer, struct slice frame, struct buf *refusal);

#endif
