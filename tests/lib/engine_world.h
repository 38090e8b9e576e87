/* SPDX-License-Identifier: Apache-2.0 */
/* One execution under test: header, frames and documents carried from step to step as a ledger
 * would, texts taken out of frames in between, invariants checked after every step. */
#ifndef STEPFLEET_TESTS_LIB_ENGINE_WORLD_H
#define STEPFLEET_TESTS_LIB_ENGINE_WORLD_H

#include "coordinator/engine/engine.h"

struct world {
    struct arena a;
    struct err err;
    struct asl_machine *m;
    struct execution_header header;
    struct engine_rules rules; /* the header's; the strict mode, until a test changes it */
    struct frame frame;        /* the top level's: frame 0 */
    struct frame *frames;      /* all that are live, in order of their numbers */
    size_t frame_count;
    bool by_function; /* frames are found by a function, as a ledger does; else in a table */
    struct doc *docs;
    size_t doc_count;
    struct history_event *events; /* all so far */
    size_t event_count;
    int64_t now_ms;
    uint64_t tokens;
    struct step last; /* the step just taken */
};

void world_init(struct world *w, const char *definition);
void world_fini(struct world *w);

/* Take one step; on DONE and CONTINUE it is carried on. now_ms is the world's unless set; for
 * ENGINE_CONTINUE all frames that can go on are named. */
enum step_status world_step(struct world *w, struct engine_event ev);
/* The same without carrying on. */
enum step_status world_try(struct world *w, struct engine_event ev, struct step *out);

/* ENGINE_CONTINUE until nothing goes on by itself; the number of steps it took. */
unsigned world_run(struct world *w);
/* The first live frame in that status, in the state of that name (NULL: any); NULL: there is none.
 */
const struct frame *world_frame(struct world *w, enum frame_status status, const char *state);

enum step_status world_start(struct world *w, const char *input);
/* Grant under a fresh token. */
enum step_status world_grant(struct world *w);
/* world_init(), an execution of that definition with {}, and its first task granted. */
void world_init_granted(struct world *w, const char *definition);
/* The same for one frame; its end under its own token. */
enum step_status world_grant_frame(struct world *w, uint32_t frame);
enum step_status world_succeed_frame(struct world *w, uint32_t frame, const char *result);
enum step_status
world_fail_frame(struct world *w, uint32_t frame, const char *error, const char *cause);
/* The clock goes to the frame's due time, and its timer fires. */
enum step_status world_timer_frame(struct world *w, uint32_t frame);
enum step_status world_succeed(struct world *w, const char *result);
enum step_status world_fail(struct world *w, const char *error, const char *cause);
/* The clock goes to the frame's due time, and the timer fires. */
enum step_status world_timer(struct world *w);

struct slice world_doc(struct world *w, uint64_t ref);
/* Give the header and all frames the texts of the documents they refer to. */
void world_load(struct world *w);
/* The nth event recorded, from 1, as AWS shows it, without its timestamp. */
const char *world_event(struct world *w, size_t n);
/* Types of all events: "ExecutionStarted 0, PassStateEntered 0, PassStateExited 2", each with its
 * previousEventId. */
const char *world_history(struct world *w);
/* The command of that kind in the last step, or NULL. */
const struct command *world_command(const struct world *w, enum command_kind kind);
struct doc_source world_docs(struct world *w);

#endif
