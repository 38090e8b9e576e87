/* SPDX-License-Identifier: Apache-2.0 */
/* A CloudFormation template, as the AWS CDK writes them (cdk.out/X.template.json): its state
 * machine (template_resolve) or all of its resources, in the order in which they can be made
 * (template_stack_read). Values are evaluated as template_value.h says. Pure. Source:
 * CloudFormation User Guide, template anatomy; AWS::StepFunctions::StateMachine. */
#ifndef STEPFLEET_CLI_TEMPLATE_H
#define STEPFLEET_CLI_TEMPLATE_H

#include "client/cli/template_value.h"

struct template_machine {
    struct slice resource;   /* logical id */
    struct slice definition; /* Amazon States Language */
    struct slice type;       /* "STANDARD", "EXPRESS"; empty: not said */
    struct slice role_arn;   /* empty: not said */
};

/* An object with Resources and no States. */
bool template_is(const struct json_node *document);

/* One state machine. `resource`: logical id; empty where there is one machine only. ERR_USAGE:
 * none, or several (the message lists them); ERR_INVALID_DEFINITION: something that is not
 * understood, and where. */
enum err_code template_resolve(const struct json_node *document,
                               struct slice resource,
                               const struct name_place *place,
                               struct arena *a,
                               struct template_machine *out,
                               struct err *err);
/* Of the properties TEMPLATE_MACHINE_PROPERTIES, evaluated; `resource` is left alone. */
enum err_code template_machine_read(struct template_scope *s,
                                    const struct json_node *properties,
                                    struct template_machine *out,
                                    struct err *err);
#define TEMPLATE_MACHINE_PROPERTIES                                                                \
    "DefinitionString", "Definition", "DefinitionSubstitutions", "StateMachineType", "RoleArn"

/* ---- All resources ---- */

struct template_resource {
    struct slice id;                    /* logical */
    struct slice type;                  /* "AWS::SQS::Queue" */
    struct slice name;                  /* what it is called here */
    struct slice arn;                   /* empty: it has none */
    const struct json_node *source;     /* as the template has it */
    const struct json_node *properties; /* those that were asked for, evaluated */
};

struct template_stack {
    struct template_resource *resources; /* each after those it depends on */
    size_t count;
};

/* The names of the properties of a type that are wanted, ended by NULL; NULL: none are read. */
typedef const char *const *(*template_wanted)(struct slice type);

/**
 * Read all resources, but for those whose Condition does not hold. One depends on what its
 * DependsOn and the wanted properties name.
 *
 * @param s  template_open(), with `given` and `stack` as wanted
 * @return OK; ERR_INVALID_DEFINITION, with the place of what is wrong; ERR_USAGE: a parameter that
 *         the template does not have, one without a value, a value it does not allow
 */
enum err_code template_stack_read(struct template_scope *s,
                                  template_wanted wanted,
                                  struct template_stack *out,
                                  struct err *err);

#endif
