/* SPDX-License-Identifier: Apache-2.0 */
/* The words of definitions, in the order of their enums, each list ended by NULL. */
#ifndef STEPFLEET_JOB_NAMES_H
#define STEPFLEET_JOB_NAMES_H

extern const char *const job_format_names[];
extern const char *const job_layout_names[];
extern const char *const job_bad_records_names[];
extern const char *const job_shuffle_names[]; /* from JOB_SHUFFLE_GROUP on */
extern const char *const job_key_type_names[];

#endif
