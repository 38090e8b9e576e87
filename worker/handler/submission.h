/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler says when the job it began for a .sync integration is under way: the first JSON
 * document on a descriptor of its own. An object or array ends with its last bracket, so it may
 * have many lines; anything else ends with its line. What comes after it is ignored. Pure. */
#ifndef STEPFLEET_WORKER_SUBMISSION_H
#define STEPFLEET_WORKER_SUBMISSION_H

#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"

/* A zeroed one is empty. */
struct submission {
    struct buf text;
    uint32_t depth; /* brackets open */
    bool in_string;
    bool escaped;  /* in a string: the next character stands for itself */
    bool complete; /* or longer than LIMIT_PAYLOAD_BYTES */
    bool taken;
};

void submission_put(struct submission *s, struct slice bytes);
/* Its stream has ended: what is there is all there is. */
void submission_end(struct submission *s);
/* Is there one to be taken? */
bool submission_ready(const struct submission *s);
/* The document as compact JSON; an error where it is none. Once. */
enum err_code
submission_take(struct submission *s, struct arena *a, struct slice *out, struct err *err);
void submission_fini(struct submission *s);

#endif
