/* SPDX-License-Identifier: Apache-2.0 */
/* A mocked result against what the integration's API answers, as TestState holds it: by the replies
 * in aws.def, of the services that are here, and by AWS Lambda's of an invocation. What other
 * services answer is not known, and anything passes. Pure.
 *
 * Source: AWS Step Functions API Reference, MockInput; recorded answers of TestState. */
#ifndef STEPFLEET_API_MOCK_SCHEMA_H
#define STEPFLEET_API_MOCK_SCHEMA_H

#include "coordinator/asl/machine.h"
#include "proto/base/json.h"

/**
 * Members that no API has are let be, as AWS does.
 *
 * @param whole  members that are always there must be (STRICT); else only those given count
 * (PRESENT)
 * @return OK; ERR_VALIDATION, in AWS's words
 */
enum err_code mock_schema_check(const struct asl_task *task,
                                const struct json_node *result,
                                bool whole,
                                struct arena *a,
                                struct err *err);

#endif
