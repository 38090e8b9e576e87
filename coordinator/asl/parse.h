/* SPDX-License-Identifier: Apache-2.0 */
/* A parse in progress, and how its parts read fields. Two passes: the first numbers the states of
 * all scopes in the order of the text, the second fills them in, so that a Next is resolved where
 * it stands. A reader that finds a field wrong reports it and leaves the default: parsing goes on,
 * so that all problems are told at once. A machine is handed out only where nothing was reported.
 */
#ifndef STEPFLEET_ASL_PARSE_H
#define STEPFLEET_ASL_PARSE_H

#include "coordinator/asl/diagnostics.h"
#include "proto/base/hash.h"

/* A state as the first pass finds it. */
struct named_state {
    struct hash_node node; /* by name and scope */
    struct slice name;
    const struct json_node *doc;
    uint32_t number;
    uint32_t scope;
};

/* A transition; those of a scope are its graph. */
struct edge {
    uint32_t from; /* ASL_NONE: the scope's StartAt */
    uint32_t to;   /* ASL_NONE: there is no such state */
    struct slice target;
    struct slice location; /* printed only where `to` is ASL_NONE */
};

struct asl_parse {
    struct asl_machine *m; /* its arena holds all that stays */
    struct arena *texts;   /* the caller's: diagnostics, and what only parsing needs */
    struct asl_diagnostics *found;
    size_t first; /* diagnostics that were there before */
    size_t errors;
    bool express;
    struct hash names;
    struct named_state *named;
    uint32_t named_cap;
    struct asl_state *states; /* m->states, to be written */
    struct edge *edges;
    size_t edge_count;
    size_t edge_cap;
};

/* One document with its place: what every reader is given. */
struct parse_at {
    struct asl_parse *p;
    const struct json_node *doc;
    const struct asl_place *place;
};

/* Reports: SCHEMA_VALIDATION_FAILED and NOT_SUPPORTED at the document itself or at a field of it.
 */
void parse_error(const struct parse_at *at, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void parse_not_supported(const struct parse_at *at, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void parse_warning(const struct parse_at *at,
                   const char *field,
                   const char *code,
                   const char *text);

/* "These fields are required: [A, B]" for those of `names` (ending in NULL) that are missing. */
bool parse_required(const struct parse_at *at, const char *const *names);
/* Exactly one of `names` is there, or with `optional` none: its index, else -1. */
int parse_one_of(const struct parse_at *at, const char *const *names, bool optional);
/* Members whose names are not among `names` are refused. */
void parse_only(const struct parse_at *at, const char *const *names);

/* Each: true where the field is there and good. */
bool parse_string(const struct parse_at *at, const char *field, struct slice *out);
bool parse_bool(const struct parse_at *at, const char *field, bool *out);
bool parse_integer(const struct parse_at *at,
                   const char *field,
                   int64_t min,
                   int64_t max,
                   int64_t *out);
bool parse_object(const struct parse_at *at, const char *field, const struct json_node **out);
bool parse_array(const struct parse_at *at, const char *field, const struct json_node **out);
bool parse_reference_path(const struct parse_at *at,
                          const char *field,
                          const struct asl_path **out);
/* InputPath, OutputPath (any path), ResultPath (reference path into the input); null allowed. */
void parse_path_field(const struct parse_at *at, const char *field, struct asl_path_field *out);
void parse_result_path(const struct parse_at *at, struct asl_path_field *out);
void parse_template(const struct parse_at *at, const char *field, const struct asl_template **out);
/* A literal or its "...Path" twin. */
void parse_seconds(const struct parse_at *at, const char *field, struct asl_seconds *out);
/* A transition out of state `from`; ASL_NONE where there is none or no such state. */
uint32_t parse_target(const struct parse_at *at, const char *field, uint32_t scope, uint32_t from);

/* Of the parts. `at` is the state. */
void parse_retry(const struct parse_at *at, struct asl_state *st);
void parse_catch(const struct parse_at *at, struct asl_state *st);
void state_task_parse(const struct parse_at *at, struct asl_state *st);
void state_pass_parse(const struct parse_at *at, struct asl_state *st);
void state_choice_parse(const struct parse_at *at, struct asl_state *st);
void state_wait_parse(const struct parse_at *at, struct asl_state *st);
void state_succeed_parse(const struct parse_at *at, struct asl_state *st);
void state_fail_parse(const struct parse_at *at, struct asl_state *st);

/* Number of a state in the machine. */
static inline uint32_t parse_state_number(const struct asl_parse *p, const struct asl_state *st)
{
    return (uint32_t)(st - p->states);
}

/* The whole machine: targets that do not exist, no way to an end, states nothing leads to. */
void check_graph(struct asl_parse *p);

#endif
