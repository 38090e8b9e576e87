/* SPDX-License-Identifier: Apache-2.0 */
/* What a case says each task does: its functions by behaviour, what was observed of a service, the
 * mocked responses, the responders to task tokens. Nothing here knows of a coordinator: a task goes
 * in, the deeds of whoever plays it come out, in the order of time. */
#ifndef STEPFLEET_TESTS_CONFORMANCE_SCRIPT_H
#define STEPFLEET_TESTS_CONFORMANCE_SCRIPT_H

#include "proto/base/json.h"

enum deed_kind {
    DEED_SUBMITTED, /* a .sync job has begun; text is the service's answer */
    DEED_RESULT,    /* text: the result */
    DEED_FAILURE,   /* error, cause */
    DEED_HEARTBEAT, /* by the task's token */
    DEED_TOKEN_SUCCESS,
    DEED_TOKEN_FAILURE,
    DEED_STOP, /* of the execution: error, cause */
    DEED_REDRIVE,
};

struct deed {
    enum deed_kind kind;
    int64_t after_ms; /* the deed before it, or the task's start */
    struct slice text;
    struct slice error; /* ptr NULL: none */
    struct slice cause;
};

/* A task as its worker has it. */
struct script_task {
    struct slice state;
    struct slice function; /* or the bound handler's name */
    struct slice payload;
    bool submits;
};

struct script {
    const struct json_node *c; /* the case */
    struct arena *a;
    struct script_state *states; /* how often each was played */
};

void script_init(struct script *s, const struct json_node *c, struct arena *a);
/* Why the case cannot be played here; NULL: it can. */
const char *script_refusal(const struct json_node *c);

/* Is the integration carried out by a handler? `handler` is "SERVICE.ACTION", in the
 * arena; a colon in it is a dot too. */
bool script_binds(const struct script *s,
                  struct slice service,
                  struct slice action,
                  struct slice *handler);
/* Every integration the case's definitions name that a handler carries out, each once. */
struct script_binding {
    struct slice integration; /* "SERVICE:ACTION" */
    struct slice handler;
};
struct script_binding *script_bindings(const struct script *s, size_t *count);
/* Can a worker be found that offers the function for this state? */
bool script_offers(const struct script *s, struct slice state, struct slice function);
/* The deeds of a task's next attempt. */
struct deed *script_play(struct script *s, const struct script_task *t, size_t *count);
/* The deeds of the worker of an activity for one task; NULL: nobody asks for its tasks. */
struct deed *
script_activity(struct script *s, const struct json_node *task, struct slice input, size_t *count);
/* What is done to the execution itself. */
struct deed *script_operations(struct script *s, size_t *count);
/* The task token somewhere in a task's input; empty: none. */
struct slice script_token(struct slice payload, struct arena *a);
/* {"char", "count"}: that character, so often. */
struct slice script_repeated(const struct json_node *spec, struct arena *a);
/* The definition of a state, by name, in whatever scope; NULL: none. */
const struct json_node *script_state(const struct json_node *definition, struct slice name);

#endif
