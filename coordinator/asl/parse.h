/* SPDX-License-Identifier: Apache-2.0 */
/* A parse in progress, and how its parts read fields. One walk over the document, in the order of
 * the text: scopes and states are numbered as they come, and each transition is written down with
 * the place its target's number belongs to; when the walk is over and all names are known, check.c
 * fills them in. A reader that finds a field wrong reports it and leaves the default: parsing goes
 * on, so that all problems are told at once. A machine is handed out only where nothing was
 * reported.
 *
 * States of QueryLanguage JSONata are read for their shape alone: fields, transitions, scopes,
 * names of variables; what stands in "{% %}" is not looked at. */
#ifndef STEPFLEET_ASL_PARSE_H
#define STEPFLEET_ASL_PARSE_H

#include "coordinator/asl/diagnostics.h"
#include "proto/base/hash.h"

/* What has fields: a state of some kind (the numbers of enum asl_kind), and parts of a definition.
 */
enum parse_owner {
#define ASL_KIND(kind, name, word) OWNER_##kind = ASL_##kind,
#include "coordinator/asl/kind.def"
#undef ASL_KIND
    OWNER_MACHINE,
    OWNER_BRANCH,
    OWNER_PROCESSOR,
    OWNER_PROCESSOR_CONFIG,
    OWNER_RETRIER,
    OWNER_CATCHER,
    OWNER_READER,
    OWNER_READER_CONFIG,
    OWNER_BATCHER,
    OWNER_WRITER,
    OWNER_WRITER_CONFIG,
};

/* A state while it is read; all stand still until they are copied into the machine. */
struct parsed_state {
    struct hash_node by_name;  /* of the whole machine */
    struct hash_node by_scope; /* by name and scope */
    uint32_t number;
    const struct asl_place *place;
    struct asl_state state;
};

/* A scope while it is read. */
struct parsed_scope {
    struct asl_scope scope;
    uint32_t up; /* the scope whose variables it sees; ASL_NONE: no other's */
    uint32_t depth;
    bool express;  /* its states run in an Express execution */
    bool assigns;  /* some variable */
    bool readable; /* its States are an object */
};

/* A transition; those of a scope are its graph. */
struct edge {
    uint32_t scope;
    uint32_t from; /* ASL_NONE: the scope's StartAt */
    uint32_t to;   /* known when all states are: ASL_NONE: there is no such state */
    uint32_t *out; /* where `to` belongs; NULL: the scope's StartAt */
    struct slice target;
    const struct asl_place *place;
};

/* A variable that an Assign sets. */
struct variable {
    struct hash_node node; /* the first of this name in its scope: by name and scope */
    struct slice name;
    uint32_t scope;
    uint32_t state; /* the one state of the scope that sets it; ASL_NONE: there are more */
    const struct asl_place *place;
};

/* An array that grows by doubling. */
struct parse_room {
    size_t count;
    size_t cap;
};

struct asl_parse {
    struct asl_machine *m; /* its arena holds all that stays */
    struct arena *texts;   /* the caller's: diagnostics, and what only parsing needs */
    struct asl_diagnostics *found;
    struct asl_diagnostics unsupported; /* told where nothing else is wrong */
    size_t first;                       /* diagnostics that were there before */
    size_t errors;
    const struct asl_options *options;
    struct hash names;           /* of states */
    struct hash targets;         /* states, by name and scope */
    struct hash labels;          /* of distributed Maps */
    struct hash assigned;        /* variables, by name and scope */
    struct variable **variables; /* as they come */
    struct parse_room variable_room;
    struct parsed_state **states;
    struct parse_room state_room;
    struct parsed_scope *scopes; /* may move when one is added */
    struct parse_room scope_room;
    struct edge *edges;
    struct parse_room edge_room;
};

/* One document with its place: what every reader is given. */
struct parse_at {
    struct asl_parse *p;
    const struct json_node *doc;
    const struct asl_place *place;
    enum asl_query_language language;
};

/* The same parse, a document further in. */
static inline struct parse_at
parse_inside(const struct parse_at *at, const struct json_node *doc, const struct asl_place *place)
{
    return (struct parse_at){at->p, doc, place, at->language};
}

/* Reports: an error at the document itself (field NULL) or at a field of it: with the code
 * SCHEMA_VALIDATION_FAILED or another one; what AWS has and this not yet, told where the definition
 * has no other error. */
void parse_error(const struct parse_at *at, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void parse_error_code(const struct parse_at *at,
                      const char *field,
                      const char *code,
                      const char *fmt,
                      ...) __attribute__((format(printf, 4, 5)));
void parse_not_supported(const struct parse_at *at, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void parse_warning(const struct parse_at *at,
                   const char *field,
                   const char *code,
                   const char *fmt,
                   ...) __attribute__((format(printf, 4, 5)));

/* "$.a", "$$.a": no literal, as it seems. A warning where a field that has a "...Path" twin holds
 * one.
 */
bool parse_looks_like_path(struct slice text);
void parse_check_path(const struct parse_at *at, const char *field, struct slice text);

/* Make room for one more of `size` bytes; the array, which may have moved. */
void *parse_grow(struct asl_parse *p, void *items, struct parse_room *room, size_t size);

/* "These fields are required: [A, B]" for those of `names` (ending in NULL) that are missing. */
bool parse_required(const struct parse_at *at, const char *const *names);
/* Exactly one of `names` is there, or with `optional` none: its index, else -1. */
int parse_one_of(const struct parse_at *at, const char *const *names, bool optional);
/* Members that `owner` has not, or that the other query language has, are refused. */
void parse_fields(const struct parse_at *at, enum parse_owner owner);
/* What is said of a field that the other language has. */
void parse_wrong_language(const struct parse_at *at, struct slice name);
bool parse_has(const struct parse_at *at, const char *field);

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
/* One of `values` (ending in NULL): its index; -1 where it is not there or none of them. A form is
 * a word that decides which other fields there are; AWS says another sentence of it. */
int parse_word(const struct parse_at *at, const char *field, const char *const *values);
int parse_form(const struct parse_at *at, const char *field, const char *const *values);
/* A string "{% ... %}" in a JSONata state. */
bool parse_expression(const struct parse_at *at, const char *field);
/* The document of an object field, with its place: false where there is none. */
bool parse_part(const struct parse_at *at,
                const char *field,
                struct asl_place *place,
                struct parse_at *out);
/* Element `doc` of a list: false, and reported, where it is no object. */
bool parse_element(const struct parse_at *list,
                   size_t i,
                   const struct json_node *doc,
                   struct asl_place *place,
                   struct parse_at *out);
/* What a service is called with is in "Parameters"; in a JSONata state, in "Arguments". */
const char *parse_arguments_name(const struct parse_at *at);
/* The object `field`, if it is none given by an expression, has all members of `required`, with a
 * template's ".$" or without, and none but `allowed` (NULL: any); other names that end in ".$" are
 * refused when they are used. */
void parse_members(const struct parse_at *at,
                   const char *field,
                   const char *const *required,
                   const char *const *allowed);

bool parse_path(const struct parse_at *at, const char *field, const struct asl_path **out);
bool parse_reference_path(const struct parse_at *at,
                          const char *field,
                          const struct asl_path **out);
/* InputPath, OutputPath (any path), ResultPath (reference path into the input); null allowed. */
void parse_path_field(const struct parse_at *at, const char *field, struct asl_path_field *out);
void parse_result_path(const struct parse_at *at, struct asl_path_field *out);
void parse_template(const struct parse_at *at, const char *field, const struct asl_template **out);
/* A literal number, its "...Path" twin, or an expression. */
void parse_number(const struct parse_at *at,
                  const char *field,
                  int64_t min,
                  int64_t max,
                  struct asl_seconds *out);
/* A transition out of state `from` (ASL_NONE: `scope` starts at it). *out is set when all states
 * are known; NULL: the scope's StartAt is. */
void parse_target(const struct parse_at *at,
                  const char *field,
                  uint32_t scope,
                  uint32_t from,
                  uint32_t *out);

/* Of the parts. `at` is the state. */
void parse_state(const struct parse_at *at, struct asl_state *st);
void parse_retry(const struct parse_at *at, struct asl_state *st);
void parse_catch(const struct parse_at *at, struct asl_state *st);
/* Assign of the state, or of a catcher or choice rule of it. */
void parse_assign(const struct parse_at *at,
                  const struct asl_state *st,
                  const struct asl_template **out);
void parse_resource(const struct parse_at *at, const struct asl_state *st, struct asl_task *t);
/* What only distributed Maps have; `at` is the Map. */
void parse_distributed(const struct parse_at *at);
/* A number of a Map, from 0, or its twin `path`. */
void parse_count(const struct parse_at *at,
                 const char *field,
                 const char *path,
                 int64_t max,
                 struct asl_seconds *out);
/* How many iterations may fail: AWS takes it of inline Maps too, where it changes nothing. */
void parse_tolerated(const struct parse_at *at);
/* Those of its fields that an inline Map must not have. */
void parse_inline(const struct parse_at *at);

#define ASL_KIND(kind, name, word)                                                                 \
    void state_##word##_parse(const struct parse_at *at, struct asl_state *st);
#include "coordinator/asl/kind.def"
#undef ASL_KIND

/* A scope inside `st`, as an inline one is; the caller changes what is different. */
struct parsed_scope parse_scope_in(const struct parse_at *at, const struct asl_state *st);
/* StartAt and States of the document at `at`, and all below. The scope's number; ASL_NONE where it
 * stands too deep. */
uint32_t parse_scope(const struct parse_at *at, const struct parsed_scope *as);
/* A name's hash, within a scope or (ASL_NONE) the machine. Nobody can prepare names that collide:
 * it differs from parse to parse, and what comes out does not depend on it. */
static inline uint64_t parse_hash(const struct asl_parse *p, struct slice name, uint32_t scope)
{
    return hash_u64(hash_bytes(name, (uintptr_t)p->m) + scope);
}

/* Number of a state being read, in the machine. */
uint32_t parse_state_number(const struct asl_state *st);
enum asl_query_language parse_language(const struct parse_at *at, enum asl_query_language outer);

/* After the walk. The machine as a graph: targets that do not exist, no way to an end, states
 * nothing leads to. */
void check_graph(struct asl_parse *p);
/* Variables that an inner scope assigns and an outer one too. */
void check_variables(struct asl_parse *p);

#endif
