/* SPDX-License-Identifier: Apache-2.0 */
/* The tokens in force, and what each connection has shown of them.
 *
 * A token goes with every request: a REQ socket connects again by itself, and nobody there knows
 * which request is a connection's first. It is looked up once a connection: after that the bytes
 * are compared with those that were good, in constant time, and no digest is computed, until the
 * tokens change. A connection whose token is no more is found by access_holds().
 *
 * Threads: any; access_renew() one alone. */
#ifndef STEPFLEET_ACCESS_ACCESS_H
#define STEPFLEET_ACCESS_ACCESS_H

#include "coordinator/access/audit.h"

struct access;

/* What one connection has shown. Zeroed, but for who.address, when it begins; its thread's. */
struct access_peer {
    uint64_t version; /* of the tokens when it was looked up; 0: nothing good was shown */
    size_t bytes;
    char secret[LIMIT_TOKEN_BYTES];
    struct caller who;
};

/* `path` NULL: no token is asked for, whoever comes is local. The path is borrowed for as long as
 * it lives. ERR_CONFIG, ERR_NOT_FOUND: the file is not one of tokens, or others may change it. */
enum err_code access_open(const char *path, struct access **out, struct err *err);
void access_close(struct access *a);
/* Where refusals, and what changes something, are recorded from now on; before anyone can ask. */
void access_record(struct access *a, struct audit *audit);
/* NULL: nowhere. `a` may be NULL. */
struct audit *access_audit(const struct access *a);
/* Are tokens asked for? */
bool access_asks(const struct access *a);

/* Read the file again where it has changed (`force`: in any case). One that cannot be read leaves
 * the tokens as they were, and is logged. @return whether they are others now */
bool access_renew(struct access *a, bool force);

/* Is this what the peer may show? ERR_NO_TOKEN, ERR_TOKEN. `secret` is the request's credentials.
 */
enum err_code
access_admit(struct access *a, struct access_peer *p, struct slice secret, struct err *err);
/* Is what it showed still good? One that has shown nothing holds nothing. */
bool access_holds(struct access *a, const struct access_peer *p);
/* Another number where the tokens are others. */
uint64_t access_version(struct access *a);
/* May a worker that came so offer the function? */
bool access_offers(struct access *a, const struct caller *who, struct slice function);

#endif
