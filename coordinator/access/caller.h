/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks for an operation: kept with each connection and with each call. */
#ifndef STEPFLEET_ACCESS_CALLER_H
#define STEPFLEET_ACCESS_CALLER_H

#include "coordinator/access/tokens.h"
#include "proto/base/limits.h"

enum caller_kind {
    CALLER_LOCAL,    /* of this machine, where no tokens are asked for: may do all */
    CALLER_TASK,     /* a task of a state machine */
    CALLER_KEY,      /* an access key, over HTTP */
    CALLER_CONTROL,  /* a control token */
    CALLER_WORKER,   /* a worker token */
    CALLER_STRANGER, /* has shown nothing good; its name is what it says itself */
};

enum { CALLER_ADDRESS_BYTES = 64 }; /* "[IPv6]:PORT" */

struct caller {
    enum caller_kind kind;
    enum access_role role;              /* of keys and control tokens */
    char name[LIMIT_NAME_CHARS + 1];    /* of the token, the key's id; "" for others */
    char address[CALLER_ADDRESS_BYTES]; /* "" where there is none */
    uint8_t digest[TOKEN_DIGEST_BYTES]; /* of the token */
};

/* May it ask for this operation? */
bool caller_may(const struct caller *who, unsigned method);

#endif
