/* SPDX-License-Identifier: Apache-2.0 */
/* The values inside a template: JSON in which objects of one member may be intrinsic functions. A
 * value is evaluated to plain JSON, or refused with its place,
 * /Resources/M/Properties/X/Fn::Join/1.
 *
 * Understood: Ref (parameters, pseudo-parameters, resources), Fn::GetAtt, Fn::Join, Fn::Sub,
 * Fn::Select, Fn::Split, Fn::FindInMap, Fn::Base64, Fn::If with Conditions (Fn::Equals, Fn::And,
 * Fn::Or, Fn::Not, Condition), AWS::NoValue. What a template makes only in the cloud gets the name
 * it would have here: a resource without a name of its own is called STACK-LOGICALID, as
 * CloudFormation does but for the chance at the end, or by its logical id alone where there is no
 * stack. Pure.
 *
 * Three files: this one's evaluates, template_reference.c says what names stand for, and
 * template_condition.c what is true. Source: CloudFormation User Guide, intrinsic functions and
 * pseudo-parameters. */
#ifndef STEPFLEET_CLI_TEMPLATE_VALUE_H
#define STEPFLEET_CLI_TEMPLATE_VALUE_H

#include "client/cli/name.h"
#include "proto/base/json.h"

enum {
    TEMPLATE_DEPTH = 16,          /* functions in functions, names in names: bounds the recursion */
    TEMPLATE_CONDITIONS = 100000, /* looked at: conditions in conditions multiply */
    TEMPLATE_BYTES = 64 * 1024 * 1024, /* made of it: names in names multiply */
    TEMPLATE_NAME_SHOWN = 200,         /* bytes of a name in a message */
};

/* Where in the template a value is: a member's name, or an element's index where `name.ptr` is
 * NULL. */
struct template_at {
    const struct template_at *up;
    struct slice name;
    size_t index;
};

struct template_scope {
    const struct json_node *document;
    const struct json_node *given; /* parameters: an object of strings; may be NULL */
    const struct name_place *place;
    struct slice stack; /* AWS::StackName; empty: there is none */
    struct arena *a;
    bool *referred; /* set for each resource that was named, by its place; NULL: nobody asks */
    const struct template_at *at;
    size_t held; /* bytes of the arena before the first value was made */
    unsigned depth;
    unsigned conditions;
};

/* Say what is wrong with the value at s->at. Returns ERR_INVALID_DEFINITION. */
enum err_code template_refuse(const struct template_scope *s, struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* "WHAT "NAME" of the template is not understood". */
enum err_code template_unknown(const struct template_scope *s,
                               const char *what,
                               struct slice name,
                               struct err *err);
/* A scope to begin with. */
struct template_scope
template_open(const struct json_node *document, const struct name_place *place, struct arena *a);
/* The member of a part of the template ("Resources", "Parameters", ...); NULL: none. */
const struct json_node *
template_entry(const struct template_scope *s, const char *part, struct slice name);

/* What a value stands for; NULL: nothing (AWS::NoValue), and whatever has it is to be without it.
 */
enum err_code template_evaluate(struct template_scope *s,
                                const struct json_node *v,
                                const struct json_node **out,
                                struct err *err);
/* The same at a place below: a member's name, or with an empty one an element's index. */
enum err_code template_evaluate_at(struct template_scope *s,
                                   struct slice name,
                                   size_t index,
                                   const struct json_node *v,
                                   const struct json_node **out,
                                   struct err *err);
/* Of an object those members, at their places below s->at; `names` ends with NULL. */
enum err_code template_properties(struct template_scope *s,
                                  const struct json_node *object,
                                  const char *const *names,
                                  const struct json_node **out,
                                  struct err *err);
/* The text a value stands for: a string, a number, true or false. */
enum err_code template_text(struct template_scope *s,
                            const struct json_node *v,
                            struct slice *out,
                            struct err *err);
/* Of an argument's element. */
enum err_code template_text_at(struct template_scope *s,
                               const struct json_node *array,
                               size_t index,
                               struct slice *out,
                               struct err *err);
/* `text` with each ${NAME} replaced: from `given` (an object of values, may be NULL), else as Ref
 * or, with a dot, Fn::GetAtt. ${!NAME} stays as ${NAME}. With `only_given`, names that are not
 * there stay. */
enum err_code template_substitute(struct template_scope *s,
                                  struct slice text,
                                  const struct json_node *given,
                                  bool only_given,
                                  struct slice *out,
                                  struct err *err);

/* template_reference.c: Ref and Fn::GetAtt. */
enum err_code template_ref(struct template_scope *s,
                           struct slice name,
                           const struct json_node **out,
                           struct err *err);
enum err_code template_attribute(struct template_scope *s,
                                 struct slice id,
                                 struct slice attribute,
                                 const struct json_node **out,
                                 struct err *err);
/* What a resource is called here. */
enum err_code template_name(struct template_scope *s,
                            struct slice id,
                            const struct json_node *resource,
                            struct slice *out,
                            struct err *err);
/* Its ARN; empty: such a thing has none. */
struct slice
template_arn(struct template_scope *s, const struct json_node *resource, struct slice name);

/* template_condition.c: the value of one of Conditions, or of a function that gives one. */
enum err_code
template_condition(struct template_scope *s, struct slice name, bool *out, struct err *err);
/* Is a resource made at all? One without a Condition is. */
enum err_code template_is_made(struct template_scope *s,
                               const struct json_node *resource,
                               bool *out,
                               struct err *err);

#endif
