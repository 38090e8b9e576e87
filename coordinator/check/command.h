/* SPDX-License-Identifier: Apache-2.0 */
/* `stepfleet-coordinator --check DIR`: what was found, to stdout. */
#ifndef STEPFLEET_CHECK_COMMAND_H
#define STEPFLEET_CHECK_COMMAND_H

#include <stdbool.h>

enum check_exit { CHECK_WHOLE = 0, CHECK_FAULTS = 1, CHECK_NOT_LOOKED = 2 };

/* @param dir  a data directory, or a backup; nothing in it is changed */
enum check_exit check_command(const char *dir, bool json);

#endif
