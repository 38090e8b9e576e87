/* SPDX-License-Identifier: Apache-2.0 */
/* JSONPath as AWS runs it: Jayway's dialect, compiled once, evaluated without blow-up.
 *
 * A definite path (names and single indices) is a walk to one node and costs no memory. Any other
 * path gathers an array, which is empty where nothing matches. Evaluation counts the nodes it looks
 * at and gives up past LIMIT_PATH_VISITS, so that no path is slower than its document is large
 * times a constant. Roots: "$" the input, "$$" the context object, "$name" a variable, "@" within a
 * filter. Source: Amazon States Language, input and output processing; Jayway json-path for the
 * texts of what is missing. */
#ifndef STEPFLEET_ASL_JSONPATH_H
#define STEPFLEET_ASL_JSONPATH_H

#include "coordinator/asl/eval.h"
#include "coordinator/asl/regex.h"
#include "proto/base/limits.h"

struct path_filter; /* filter.h */

enum {
    /* Text that is compared in the time that a node is visited: it counts, too. */
    PATH_BYTES_A_VISIT = 16,
};

enum path_root { PATH_INPUT, PATH_CONTEXT, PATH_VARIABLE, PATH_CURRENT };

enum path_step_kind {
    PATH_NAME,     /* .a ['a'] */
    PATH_INDEX,    /* [0] [-1] */
    PATH_NAMES,    /* ['a','b']: one object of those members; AWS lets nothing follow */
    PATH_LENGTH,   /* .length() */
    PATH_NOTHING,  /* .sum() and the like: AWS takes them and finds nothing */
    PATH_INDICES,  /* [0,2] */
    PATH_SLICE,    /* [1:3] [-2:] [:5] */
    PATH_WILDCARD, /* .* [*] */
    PATH_DESCEND,  /* .. : the next step, at every depth */
    PATH_FILTER,   /* [?(@.a > 1)] */
};

struct path_step {
    enum path_step_kind kind;
    union {
        struct slice name;
        int64_t index;
        struct {
            const struct slice *items;
            size_t count;
        } names;
        struct {
            const int64_t *items;
            size_t count;
        } indices;
        struct {
            int64_t from; /* negative: from the end */
            int64_t to;
            bool has_from;
            bool has_to;
        } slice;
        const struct path_filter *filter;
    };
};

struct asl_path {
    struct slice text; /* as written */
    enum path_root root;
    struct slice variable; /* PATH_VARIABLE: its name */
    const struct path_step *steps;
    size_t step_count;
    bool definite;
};

/* A reference path names one node: no wildcards, unions, slices, filters, "..", functions. */
enum path_use { PATH_ANY, PATH_REFERENCE };

/* Could this be the name of a variable? */
bool asl_is_identifier(struct slice name); /* variables.c */

/* Compile; NULL with *why (a sentence without its full stop) where it is not a path. The text must
 * live as long as the path. */
const struct asl_path *
asl_path_parse(struct slice text, enum path_use use, struct arena *a, const char **why);

/* Why there is no value, for the message. */
enum path_missing {
    PATH_NO_RESULT,   /* the last step found nothing */
    PATH_NO_PROPERTY, /* an inner step found nothing */
    PATH_NO_ELEMENT,  /* the last step is past the array's end */
    PATH_NOT_OBJECT,
    PATH_NOT_ARRAY,
    PATH_NOT_LAST, /* ['a','b'] with more steps after it */
    PATH_NO_ROOT,  /* no context object, no such variable */
    PATH_TOO_MUCH, /* LIMIT_PATH_VISITS */
};

struct path_miss {
    enum path_missing is;
    const struct asl_path *path;   /* the one that found nothing: it may stand in a filter */
    size_t step;                   /* where it ended */
    const struct json_node *found; /* what stood there instead */
};

/* The value, or NULL with *miss. */
const struct json_node *
asl_path_value(const struct asl_path *p, const struct asl_scope_data *s, struct path_miss *miss);
/* "No results for path: $['x']" */
struct slice asl_path_miss_text(const struct path_miss *miss, struct arena *a);
/* InputPath, OutputPath and templates put no path to a null input with AWS, not even "$": the cause
 * then is PATH_NULL_INPUT. */
#define PATH_NULL_INPUT "Unable to apply Path transformation to null or empty input."
bool asl_path_lacks_input(const struct asl_path *p, const struct asl_scope_data *s);
/* What messages say it was not found in: the context object, the variable, else the input. */
const struct json_node *asl_path_document(const struct asl_path *p, const struct asl_scope_data *s);

/* `doc` with `value` put at the reference path: members that are missing are made, elements must
 * exist. NULL with the *step where it does not apply. Untouched parts are shared. */
const struct json_node *asl_path_put(const struct asl_path *p,
                                     const struct json_node *doc,
                                     const struct json_node *value,
                                     struct arena *a,
                                     size_t *step);
/* A name or index step, for messages: "a", "[0]". */
struct slice asl_path_step_name(const struct asl_path *p, size_t step, struct arena *a);

/* For filter.c: evaluation in progress, whose visits nested paths share. */
struct path_run {
    const struct json_node *root; /* "$" within a filter */
    struct arena *a;
    size_t visits;
    size_t depth;
    struct regex_room room; /* of the filters' regular expressions */
    bool ended;             /* no more is to be gathered, because of */
    struct path_miss why;
};
const struct json_node *path_run_from(struct path_run *r,
                                      const struct asl_path *p,
                                      const struct json_node *from,
                                      struct path_miss *miss);

/* For filter.c: parsing in progress. */
struct path_parser {
    struct slice text;
    size_t at;
    struct arena *a;
    const char *why; /* set once, by the first that fails */
    size_t depth;    /* filters in filters, parentheses */
};
/* A path from the root character on, as far as it goes. */
struct asl_path *path_parser_path(struct path_parser *ps, enum path_use use);
char path_parser_peek(const struct path_parser *ps);
void path_parser_space(struct path_parser *ps);
/* Skip white space, then `c` if it is next. */
bool path_parser_take(struct path_parser *ps, char c);
/* 'text' or "text". In a name only its own quote can be escaped and any other backslash is part of
 * the name (recorded with AWS); elsewhere a backslash makes what follows stand for itself. */
bool path_parser_quoted(struct path_parser *ps, bool name, struct slice *out);
bool path_parser_fail(struct path_parser *ps, const char *why); /* always false */

#endif
