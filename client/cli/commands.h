/* SPDX-License-Identifier: Apache-2.0 */
/* The commands, each in its cmd_<name>.c. */
#ifndef STEPFLEET_CLI_COMMANDS_H
#define STEPFLEET_CLI_COMMANDS_H

#include "client/cli/cli.h"

extern const struct command command_dev;
extern const struct command command_machine;
extern const struct command command_deploy;
extern const struct command command_activity;
extern const struct command command_task;
extern const struct command command_start;
extern const struct command command_show;
extern const struct command command_list;
extern const struct command command_watch;
extern const struct command command_history;
extern const struct command command_output;
extern const struct command command_stop;
extern const struct command command_redrive;
extern const struct command command_workers;
extern const struct command command_worker;
extern const struct command command_function;
extern const struct command command_scale;
extern const struct command command_health;
extern const struct command command_job;
extern const struct command command_key;
extern const struct command command_alias;
extern const struct command command_tag;
extern const struct command command_queue;
extern const struct command command_rule;
extern const struct command command_event;
extern const struct command command_bucket;
extern const struct command command_backup;
extern const struct command command_cert;
extern const struct command command_token;

/* Of `machine`. */
extern const struct command command_machine_publish;
extern const struct command command_machine_versions;
extern const struct command command_machine_unpublish;
extern const struct command command_machine_create;
extern const struct command command_machine_update;
extern const struct command command_machine_lint;

/* Of `job`. */
extern const struct command command_job_run;
extern const struct command command_job_runs;
extern const struct command command_job_status;
extern const struct command command_job_watch;
extern const struct command command_job_stop;

/* Wait for an execution's end and say it: its output on stdout, or error and cause on stderr; with
 * --json all of it. @return CLI_DONE, CLI_FAILED, or what went wrong */
int execution_await(struct cli *cli, const char *arn);
bool execution_is_open(const struct stepfleet_execution *e);
/* The same for one whose end is known. */
int execution_say_end(struct cli *cli, const struct stepfleet_execution *e);

#endif
