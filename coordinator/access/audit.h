/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: who asked for what change, from where, and what came of it, a JSON line each.
 *
 * Recorded is each operation that changes something (control), with its outcome, once that is
 * durable; and whatever is refused for who asks it, reads too. Not recorded is what goes through
 * what was set up: messages, events, tasks' ends (data), and what tasks ask for, which their
 * executions' histories have. A line has names alone: no input, no definition, no secret.
 *
 *   begun (the operation is dispatched) --answer formed--> ended --durable--> put
 *      '------------------------- never durable: dropped ------'
 *
 * Threads: any, an entry one at a time. */
#ifndef STEPFLEET_ACCESS_AUDIT_H
#define STEPFLEET_ACCESS_AUDIT_H

#include "coordinator/access/audit_file.h"
#include "coordinator/access/caller.h"
#include "proto/wire.h"

struct audit;
struct audit_entry;

struct audit_asked {
    const struct caller *who;
    unsigned method;                 /* enum rpc; 0: none of them */
    const char *operation;           /* AWS's name; NULL: the method's */
    struct slice request_id;         /* as its client knows it */
    const ProtobufCMessage *request; /* NULL: it was not understood */
};

/* As audit_file_open(). */
enum err_code audit_open(const char *path, struct audit **out, struct err *err);
void audit_close(struct audit *a); /* NULL is fine */
void audit_reopen(struct audit *a);
void audit_figures(const struct audit *a, struct audit_figures *out);

/* Does the method change something, so that it is recorded? */
bool audit_is_control(unsigned method);
/* Is it refused for who asks? */
bool audit_is_refusal(enum err_code code);

/* NULL: nobody records it (`a` may be NULL). What `asked` points to is copied. */
struct audit_entry *audit_begin(struct audit *a, const struct audit_asked *asked);
/* What came of it: an error's name and NULL, or NULL and the reply, whose ARN or id is the
 * resource. The entry may be NULL. */
void audit_end(struct audit_entry *e, const char *error, const ProtobufCMessage *reply);
/* Into the file, and free it; NULL is fine. */
void audit_put(struct audit_entry *e);
/* Never to be put. NULL is fine. */
void audit_drop(struct audit_entry *e);

/* All at once, where an error is formed: recorded where it is a refusal or of control. */
void audit_failed(struct audit *a,
                  const struct audit_asked *asked,
                  enum err_code code,
                  const char *error);

#endif
