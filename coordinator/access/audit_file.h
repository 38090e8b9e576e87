/* SPDX-License-Identifier: Apache-2.0 */
/* The file of the audit log: whole lines, appended by a thread of its own, so that no caller waits
 * for a disk. What comes while too much waits, and what cannot be written, is lost; that is
 * counted, said in the log once, and said in the file itself as soon as it takes lines again. */
#ifndef STEPFLEET_ACCESS_AUDIT_FILE_H
#define STEPFLEET_ACCESS_AUDIT_FILE_H

#include "proto/base/err.h"
#include "proto/base/slice.h"

struct audit_file;

struct audit_figures {
    uint64_t written; /* lines */
    uint64_t lost;
};

/* "-" is standard error. The path is borrowed for as long as it lives. ERR_CONFIG: it cannot be
 * written; ERR_NO_MEMORY: no thread can be started. */
enum err_code audit_file_open(const char *path, struct audit_file **out, struct err *err);
/* Writes what it has, and ends. NULL is fine. */
void audit_file_close(struct audit_file *f);

/* Threads of these: any. `line` ends with its line feed. */
void audit_file_put(struct audit_file *f, struct slice line);
/* A line was not even made. */
void audit_file_lose(struct audit_file *f);
/* The file was moved away: what follows goes to a new one. */
void audit_file_reopen(struct audit_file *f);
void audit_file_figures(const struct audit_file *f, struct audit_figures *out);

#endif
