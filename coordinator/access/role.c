/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/access/role.h"

int role_of_method(unsigned method)
{
    switch (method) {
#define RPC(method, number, request, reply, repeat)                                                \
    case number:                                                                                   \
        return ROLE_OF_##method;
#include "proto/rpc.def"
#undef RPC
    default: return -1;
    }
}

/* By name, so that rows may be in any order. */
enum grows {
    KEEPS,
    GROWS,
#define ROLE(method, role, grows) GROWS_##method = grows,
#include "coordinator/access/role.def"
#undef ROLE
};

bool method_grows(unsigned method)
{
    switch (method) {
#define RPC(method, number, request, reply, repeat)                                                \
    case number:                                                                                   \
        return GROWS_##method == GROWS;
#include "proto/rpc.def"
#undef RPC
    default: return false;
    }
}

static const char *const names[] =
    {[ROLE_READ] = "read", [ROLE_RUN] = "run", [ROLE_ADMIN] = "admin"};

const char *role_name(enum access_role role)
{
    return names[role];
}

bool role_parse(struct slice name, enum access_role *out)
{
    for (int r = ROLE_READ; r <= ROLE_ADMIN; r++) {
        if (slice_eq_str(name, names[r])) {
            *out = (enum access_role)r;
            return true;
        }
    }
    return false;
}
