/* SPDX-License-Identifier: Apache-2.0 */
/* Who may ask for what: one table for all faces, role.def. Pure. */
#ifndef STEPFLEET_ACCESS_ROLE_H
#define STEPFLEET_ACCESS_ROLE_H

#include <stdbool.h>

#include "coordinator/store/codec.h"
#include "proto/wire.h"

/* Asked of workers, and of nobody else. */
enum { ROLE_WORKER = 0 };

/* The role an operation asks for, at compile time: ROLE_OF_MACHINE_CREATE. */
enum role_of {
#define ROLE(method, role, grows) ROLE_OF_##method = ROLE_##role,
#include "coordinator/access/role.def"
#undef ROLE
};

/* Does it bring something new that stays? */
bool method_grows(unsigned method);
/* enum access_role or ROLE_WORKER; -1: no operation has that number. */
int role_of_method(unsigned method);
/* Does it change anything? What only looks, and the worker's, leaves no line in the audit log. */
static inline bool role_changes(int role)
{
    return role == ROLE_RUN || role == ROLE_ADMIN;
}

/* "read", "run", "admin". */
const char *role_name(enum access_role role);
bool role_parse(struct slice name, enum access_role *out);

#endif
