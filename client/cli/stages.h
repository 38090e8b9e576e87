/* SPDX-License-Identifier: Apache-2.0 */
/* An execution as a list of stages, one a state, in the order they were first entered: fed with its
 * history events, oldest first and each once, and with its open frames as often as they are looked
 * at. A state entered many times (Map, loops) is one stage with counts. Pure. */
#ifndef STEPFLEET_CLI_STAGES_H
#define STEPFLEET_CLI_STAGES_H

#include "client/include/stepfleet.h"
#include "proto/base/json.h"

struct stage {
    struct slice name;
    uint32_t entered;
    uint32_t left;
    uint32_t attempt;     /* of the last that was scheduled */
    int64_t entered_ms;   /* first */
    int64_t left_ms;      /* last; 0: open */
    struct slice failure; /* of the last attempt that failed; empty: none since */
    /* Of the open frames, as last seen: */
    uint32_t open;
    struct slice doing; /* "running", "ready", "retrying", "waiting" */
    struct slice worker;
    uint32_t workers;
    uint64_t bytes_in;
    uint64_t bytes_out;
};

struct stages {
    struct arena *a;
    struct stage *stages;
    size_t count;
    size_t cap;
    uint32_t *stage_of; /* by history event id: index + 1 of the stage it belongs to; 0: none */
    size_t event_cap;
    uint64_t seen;       /* id of the last event */
    struct slice status; /* "RUNNING" until it ends */
};

void stages_init(struct stages *s, struct arena *a);
/* An event that was seen before is stepped over. `event` lives as long as the stages. */
void stages_event(struct stages *s, const struct json_node *event);
/* What is open now; texts are copied. */
void stages_frames(struct stages *s, const struct stepfleet_frame *frames, size_t count);
/* "done", "running", "retrying", "failed", ... and "3/10 done" where it was entered many times. */
struct slice stage_status(const struct stages *s, const struct stage *stage, struct arena *a);
/* How long it took or takes. */
int64_t stage_elapsed_ms(const struct stage *stage, int64_t now_ms);

#endif
