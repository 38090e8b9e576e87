/* SPDX-License-Identifier: Apache-2.0 */
/* A state machine out of a CloudFormation template, as the AWS CDK writes them
 * (cdk.out/X.template.json): the definition's text with every pseudo-parameter, reference and
 * attribute put in. What a template makes only in the cloud gets the name it would have here: a
 * resource without a name of its own is called by its logical id. Pure.
 *
 * Understood: strings, Fn::Join, Ref (pseudo-parameters, parameters with a Default, resources),
 * Fn::GetAtt, Fn::Sub; Definition (an object) and DefinitionSubstitutions. Anything else is an
 * error that names it. Source: CloudFormation, AWS::StepFunctions::StateMachine and the intrinsic
 * functions' reference. */
#ifndef STEPFLEET_CLI_TEMPLATE_H
#define STEPFLEET_CLI_TEMPLATE_H

#include "client/cli/name.h"
#include "proto/base/json.h"

struct template_machine {
    struct slice resource;   /* logical id */
    struct slice definition; /* Amazon States Language */
    struct slice type;       /* "STANDARD", "EXPRESS"; empty: not said */
    struct slice role_arn;   /* empty: not said */
};

/* An object with Resources and no States. */
bool template_is(const struct json_node *document);

/* `resource`: logical id; empty where there is one machine only. ERR_USAGE: none, or several (the
 * message lists them); ERR_INVALID_DEFINITION: something that is not understood, and where. */
enum err_code template_resolve(const struct json_node *document,
                               struct slice resource,
                               const struct name_place *place,
                               struct arena *a,
                               struct template_machine *out,
                               struct err *err);

#endif
