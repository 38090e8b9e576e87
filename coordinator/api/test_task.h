/* SPDX-License-Identifier: Apache-2.0 */
/* A Task that TestState carries out: which may be, the machine that does it, and what it came to.
 * The machine has that Task alone, with its arguments as its input, so that the run's output is the
 * bare result: what the state makes of it is engine_inspect()'s. Pure.
 *
 * Source: AWS Step Functions API Reference, TestState. */
#ifndef STEPFLEET_API_TEST_TASK_H
#define STEPFLEET_API_TEST_TASK_H

#include "coordinator/engine/inspect.h"
#include "coordinator/ledger/ledger.h"

/* ERR_INVALID_DEFINITION: not without a mock. */
enum err_code
test_task_check(const struct asl_task *task, const struct asl_options *options, struct err *err);

/**
 * @param options  how definitions are read; of an Express machine
 * @param a        scratch
 * @param[out] out to be freed with asl_machine_free
 * @return OK; ERR_INVALID_DEFINITION
 */
enum err_code test_task_machine(const struct asl_state *state,
                                const struct inspect_order *order,
                                const struct asl_options *options,
                                struct arena *a,
                                struct asl_machine **out,
                                struct err *err);

/* Of a run that has ended. Texts live as long as the view, or `a`. */
void test_task_work(const struct ledger_view *run, struct arena *a, struct inspect_work *out);

#endif
